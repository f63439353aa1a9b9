// SimulatedClient: a ZooKeeper client as a coroutine, over the simulated network: it connects to one server after the
// other, keeps its session over reconnects (password, last zxid, setWatches), follows its script, and writes down
// everything it asks and hears.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/script.h"

namespace holdfast::sim {

struct ClientOptions {
  int index = 0;
  std::string address;
  std::vector<std::string> servers;
  std::int32_t timeout_ms = 4000;
};

class SimulatedClient {
 public:
  SimulatedClient(World& world, Shard& shard, ClientOptions options, const ScriptOptions& script, History& history);

  void start(Gate& gate);
  // It closes its session when it next can, and ends.
  void finish() { finishing_ = true; }
  void abandon() { done_ = true; }  // it ends where it stands
  bool is_done() const { return done_; }
  const std::string& address() const { return options_.address; }

 private:
  struct Pending {
    std::int32_t xid;
    std::optional<std::size_t> operation;  // none: a ping
    SteadyTime sent;
  };

  Task<void> run();
  Task<bool> connect();
  Task<void> talk();
  // Sends the batch and waits for its answers. False: the connection is over.
  Task<bool> exchange(std::vector<Request> batch);
  Task<std::optional<std::vector<std::uint8_t>>> read_frame();
  bool hear(ByteView frame);
  bool complain(std::string what);
  void send(Request request);
  void send_ping();
  void send_frame(wire::Writer& body);
  void fired(const WatchEvent& event);
  void arm(const Operation& operation);
  SetWatches armed() const;
  void forget_session();
  Duration patience() const { return std::chrono::milliseconds(timeout_ms_) * 2 / 3; }
  void answered(SteadyTime sent) { record().answered.push_back({sent, world_.now()}); }
  SessionRecord& record() { return history_.sessions[session_]; }

  World& world_;
  Shard& shard_;
  const ClientOptions options_;
  Script script_;
  History& history_;

  std::unique_ptr<Stream> stream_;
  std::vector<std::uint8_t> input_;
  std::vector<Pending> pending_;
  std::size_t connection_ = 0;

  std::int64_t session_ = 0;
  std::vector<std::uint8_t> password_;
  std::int32_t timeout_ms_ = 0;
  std::int32_t xid_ = 0;
  std::int64_t last_zxid_ = 0;
  std::set<std::string> data_watches_, exist_watches_, child_watches_;
  bool laid_groundwork_ = false, finishing_ = false, done_ = false;
};

}  // namespace holdfast::sim
