// Semaphore: at most so many leases at a time, given in the order in which they were asked for. Everybody must use the
// same number. Compatible with Curator's InterProcessSemaphoreV2. One acquires at a time, behind a lock, so that one
// lease that ends wakes one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/lock.h"

namespace holdfast::client {

class Semaphore {
 public:
  Semaphore(ZooKeeper& zk, std::string path, std::size_t leases_max);
  ~Semaphore();  // stop() must have returned

  // One lease for this object. BADARGUMENTS: it has one; OPERATIONTIMEOUT.
  Task<ZkOutcome<>> acquire(std::optional<Duration> at_most = {});
  Task<void> release();
  Task<void> stop();

  bool held() const { return held_; }
  const std::string& node() const { return place_.node(); }
  void on_lost(std::function<void()> told) { lost_ = std::move(told); }  // as a lock's

 private:
  Task<ZkOutcome<>> take_lease(std::optional<SteadyTime> deadline);
  Task<ZkOutcome<bool>> look(std::optional<SteadyTime> deadline);
  void on_session(const WatchEvent& event);
  void on_own_node(const WatchEvent& event);
  Task<void> look_at_own_node(std::string node);
  void lose();

  ZooKeeper& zk_;
  const std::string leases_;
  const std::size_t leases_max_;
  Lock lock_;
  Gate gate_;
  Signal changed_;
  bool acquiring_ = false, held_ = false, stopping_ = false;
  bool own_changed_ = false;  // while it was looked whether there is a lease for it
  Place place_;
  std::function<void()> lost_;
  const WatcherRef session_watcher_, own_watcher_, leases_watcher_;
};

}  // namespace holdfast::client
