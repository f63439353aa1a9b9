// QuorumWorld: the servers of an ensemble, each with its own disk and address, on one simulated loop and network. Time
// passes only when a test waits for something.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordination/ensemble.h"
#include "log/log_manager.h"
#include "runtime/simulated_disk.h"
#include "runtime/simulated_loop.h"
#include "runtime/simulated_network.h"

namespace holdfast::test {

class QuorumWorld : public testing::Test {
 protected:
  using Ops = std::vector<Ensemble::Op>;

  QuorumWorld();
  ~QuorumWorld() override;

  // The lines of servers.N of every server that is started from now on.
  void configure(std::vector<int> voters, std::vector<int> observers = {});
  void start(int id);  // on the disk it had, or a new one
  void start_all();    // of the configuration, and waits until they all serve
  // What comes of a start that is refused.
  std::string refusal(int id);
  void stop(int id);
  void kill(int id, bool power = false);  // power: and what is not synced is lost
  void empty_disk(int id);
  void damage_log(int id, std::string_view where);  // one bit of this text, where its log holds it
  bool is_up(int id) const { return servers_.contains(id); }

  Ensemble& at(int id) { return *servers_.at(id)->ensemble; }
  SimulatedDisk& disk(int id);
  QuorumDriver& driver(int id) { return at(id).driver(); }
  // The one that judges; 0: nobody does.
  int leader() const;
  int wait_for_leader();
  int other_than(std::set<int> ids) const;  // one that is up
  bool until(Function<bool()> done, Duration limit = std::chrono::seconds(60)) {
    return loop_.run_until(std::move(done), limit);
  }
  void cut(int a, int b);
  void cut_one_way(int from, int to) { network_.cut(address(from), address(to)); }
  void isolate(int id);
  void heal() { network_.heal_all(); }

  // Through a server, and what came of it; nothing while it is under way.
  struct Outcome {
    std::optional<zk::ZkError> error;
    std::string path;
    Zxid zxid;
  };
  std::shared_ptr<Outcome> propose(int id, const zk::WriteRequest& request, SessionId session = SessionId(0));
  std::shared_ptr<Outcome> create(int id, const std::string& path, std::int32_t flags = 0,
                                  SessionId session = SessionId(0));
  zk::ZkError wait(const std::shared_ptr<Outcome>& outcome);
  zk::ZkError make(int id, const std::string& path) { return wait(create(id, path)); }
  SessionId open_session(int id, std::int32_t timeout_ms);
  bool has(int id, const std::string& path) { return at(id).tree().find(path) != nullptr; }
  // All that are up have applied the same, and hold the same.
  bool agree();

  EnsembleOptions options;  // of servers that are started from now on
  SimulatedClock clock_;
  Shards shards_{1, clock_};
  SimulatedLoop loop_{clock_, shards_};
  std::unique_ptr<Random> random_ = seeded_random(11);
  SimulatedNetwork network_{clock_, *random_};

 private:
  struct Server {
    Metrics metrics;
    std::unique_ptr<LogManager> logs;
    std::unique_ptr<Ensemble> ensemble;
  };
  static std::string address(int id) { return "10.0.0." + std::to_string(id); }
  Result<void> try_start(int id);
  void take_down(int id);

  std::string config_;
  std::map<int, std::unique_ptr<SimulatedDisk>> disks_;
  std::map<int, std::unique_ptr<Server>> servers_;
};

}  // namespace holdfast::test
