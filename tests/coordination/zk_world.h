// ZkWorld: an Ensemble as a node runs it, on a shard with its own thread, a log in a directory of its own and a port
// that the system chose. It can be stopped and started again on the same files.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "coordination/ensemble.h"
#include "log/log_manager.h"

namespace holdfast::zk {

class ZkWorld : public ::testing::Test {
 public:
  ZkWorld();
  ~ZkWorld() override;

  EnsembleOptions options;  // change them before start()
  std::shared_ptr<Disk> disk{&system_disk(), [](Disk*) {}};

  void start();
  Result<void> try_start();  // for what must not start
  void stop();
  void restart() {
    stop();
    start();
  }
  std::uint16_t port() const { return ensemble_->local().port; }
  Ensemble& ensemble() { return *ensemble_; }
  const std::string& directory() const { return directory_; }
  // Runs `work` on the shard and returns what it returns.
  template <class F>
  auto on_shard(F work) {
    std::promise<decltype(work())> done;
    shards_->at(0).post([&] { done.set_value(work()); });
    return done.get_future().get();
  }
  template <class T>
  T wait_for(Function<Task<T>()> make) {
    std::promise<T> done;
    shards_->at(0).post([&] { shards_->at(0).spawn(gate_, finish(std::move(make), done)); });
    return done.get_future().get();
  }

 private:
  template <class T>
  static Task<void> finish(Function<Task<T>()> make, std::promise<T>& done) {
    auto task = make();
    auto value = co_await std::move(task);
    done.set_value(std::move(value));
  }

  std::string directory_;
  Metrics metrics_;
  std::unique_ptr<Random> random_ = system_random();
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<LogManager> logs_;
  std::unique_ptr<Ensemble> ensemble_;
  Gate gate_;
};

}  // namespace holdfast::zk
