// ZooKeeperWorld: coordination servers, one alone or an ensemble of three, and clients of the library, all in one
// simulated loop with a simulated network between them: sessions expire in no time, and every run is the same.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/zookeeper.h"
#include "coordination/ensemble.h"
#include "log/log_manager.h"
#include "runtime/simulated_disk.h"
#include "runtime/simulated_network.h"

namespace holdfast::test {

using client::ZkError;
using client::ZkOutcome;
using client::ZooKeeper;

// "ok", or the name of the error: what failed tests show.
template <class T>
std::string code_of(const ZkOutcome<T>& outcome) {
  return outcome ? "ok" : std::string(wire::zk::error_name(outcome.error().code));
}

class ZooKeeperWorld : public testing::Test {
 protected:
  static constexpr Duration session_timeout = std::chrono::seconds(6);

  ZooKeeperWorld() : ZooKeeperWorld(1) {}
  explicit ZooKeeperWorld(int servers);
  ~ZooKeeperWorld() override;

  EnsembleOptions server_options;  // change them before start()
  void start();                    // all servers, until they serve
  void start_server(int index);
  void kill_server(int index);  // its process: connections to it are reset
  static std::string server_address(int index) { return "10.0.0." + std::to_string(1 + index); }
  Ensemble& server(int index = 0) { return *servers_[static_cast<std::size_t>(index)]->ensemble; }
  int leader() const;  // -1: none

  client::ZooKeeperOptions options(const std::string& chroot = "") const;
  // Clients are 10.0.1.1, 10.0.1.2... in the order in which they are made.
  ZooKeeper& make_client(client::ZooKeeperOptions with);
  ZooKeeper& make_client() { return make_client(options()); }
  static std::string client_address(int number) { return "10.0.1." + std::to_string(number); }
  void destroy_client(ZooKeeper& zk);  // as if its process ended: the session stays
  // Its session is ended by a connection of somebody else who has its password.
  void expire(ZooKeeper& zk);
  // Both directions, between a client and all servers.
  void cut(int number);
  void heal(int number);
  void reset(int number);  // its connections
  // Replies are lost, and requests are not.
  void cut_replies(int number);
  void cut_requests(int number);

  template <class T>
  T run(Task<T> task) {
    return loop_.run(std::move(task));
  }
  // In the background; what it says stands in the result when it has ended.
  template <class T>
  std::shared_ptr<std::optional<T>> begin(Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    Shard::Scope scope(loop_.shard());
    loop_.shard().spawn(gate_, keep(std::move(task), result));
    return result;
  }
  std::shared_ptr<std::optional<bool>> begin(Task<void> task) { return begin(ended(std::move(task))); }
  bool run_until(Function<bool()> done, Duration limit = std::chrono::minutes(1)) {
    return loop_.run_until(std::move(done), limit);
  }
  void run_for(Duration how_long) { loop_.run_for(how_long); }
  SteadyTime now() const { return clock_.now(); }

  // What the servers have, whatever clients think.
  bool exists(const std::string& path, int index = 0);
  std::vector<std::string> children(const std::string& path, int index = 0);

  SimulatedClock clock_;
  std::unique_ptr<Random> random_ = seeded_random(7);
  Shards shards_{1, clock_};
  SimulatedLoop loop_{clock_, shards_};
  SimulatedNetwork network_{clock_, *random_};
  Gate gate_;

 private:
  template <class T>
  static Task<void> keep(Task<T> task, std::shared_ptr<std::optional<T>> result) {
    *result = co_await std::move(task);
  }
  static Task<bool> ended(Task<void> task) {
    co_await std::move(task);
    co_return true;
  }
  struct Server {
    SimulatedDisk disk;
    Metrics metrics;
    std::unique_ptr<LogManager> logs;
    std::unique_ptr<Ensemble> ensemble;
    bool up = false;
  };
  void open(int index);
  Task<void> bring_up(Server& server);

  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::unique_ptr<ZooKeeper>> clients_;
  int clients_made_ = 0;
};

}  // namespace holdfast::test
