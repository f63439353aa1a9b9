// Lock: mutual exclusion between sessions, fair and without a herd. Compatible with Curator's InterProcessMutex
// (without its re-entrance): they may contend for one path.
//
//   Lock lock(zk, "/locks/reports");
//   lock.on_lost([&] { reports.abort(); });
//   auto held = co_await lock.acquire(std::chrono::seconds(10));
//
// Who holds a lock may lose it: its session may expire. on_lost() tells, before anybody else can hold it; what is under
// way elsewhere by then is told apart by token(), which grows from holder to holder (a fencing token), or is written in
// a multi with ZkOp::check(lock.node(), -1) in it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/contender.h"

namespace holdfast::client {

class Lock {
 public:
  // `who`: for people that look at the znode.
  Lock(ZooKeeper& zk, std::string path, std::string who = {});

  // OPERATIONTIMEOUT: somebody else held it all the time.
  Task<ZkOutcome<>> acquire(std::optional<Duration> at_most = {}) { return contender_.wait_turn(at_most); }
  Task<void> release() { return contender_.leave(); }
  Task<void> stop() { return contender_.stop(); }  // releases it

  bool held() const { return contender_.has_turn(); }
  const std::string& node() const { return contender_.node(); }
  std::int64_t token() const { return contender_.token(); }
  void on_lost(std::function<void()> told) { contender_.on_lost(std::move(told)); }
  Task<void> until_lost() { return contender_.until_lost(); }  // or released
  // Somebody would like to have it: see request_revocation().
  void on_revoke(std::function<void()> told) { contender_.on_revoke(std::move(told)); }

  // Who holds it and who waits, in their order: paths of znodes.
  Task<ZkOutcome<std::vector<std::string>>> participants();
  // Asks whoever has that znode to release the lock; it may not.
  static Task<ZkOutcome<>> request_revocation(ZooKeeper& zk, std::string node);

 private:
  friend class ReadWriteLock;
  Lock(ZooKeeper& zk, Contender::Options options) : contender_(zk, std::move(options)) {}

  Contender contender_;
};

}  // namespace holdfast::client
