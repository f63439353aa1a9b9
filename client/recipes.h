// What the recipes have in common: waiting, paths, and changes that are carried out once although replies are lost.
//
// A recipe lives on its client's shard. It may be destroyed when its stop() has returned, and before its client's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/wait_list.h"
#include "client/zookeeper.h"

namespace holdfast::client {

// Something may have happened: whoever waits looks. A notice that comes before the wait is not lost.
class Signal {
 public:
  explicit Signal(Shard& shard) : shard_(shard), waiting_(shard) {}
  void notify() {
    set_ = true;
    waiting_.wake_all();
  }
  void reset() { set_ = false; }
  bool is_set() const { return set_; }
  // False: the deadline has passed.
  Task<bool> wait(std::optional<SteadyTime> deadline = {}) {
    while (!set_) {
      if (!deadline) {
        co_await waiting_.wait();
        continue;
      }
      const SteadyTime now = shard_.clock().now();
      if (now >= *deadline) co_return false;
      co_await waiting_.wait_for(*deadline - now);
    }
    co_return true;
  }

 private:
  Shard& shard_;
  WaitList waiting_;
  bool set_ = false;
};

std::optional<SteadyTime> deadline_in(const ZooKeeper& zk, std::optional<Duration> at_most);

// Whoever holds something by an ephemeral node gives it up in this state: the servers may have ended the session, or
// may end it unheard. One without a quorum (read_only) answers, but keeps no session alive.
bool session_is_in_danger(SessionState state);

// The same may succeed soon: as ZkFailure::retriable(), or where a server with a quorum is found.
bool passes(const ZkFailure& failure);

// After this failure the recipe may go on: with the same session, or with the next one.
bool recipe_goes_on(const ZooKeeper& zk, const ZkFailure& failure);

// The znode and those above it, as containers: they go when their last child has gone. (As persistent znodes where the
// server has no containers.)
Task<ZkOutcome<>> make_path(ZooKeeper& zk, std::string path);

// Creates parent/_c_<guid>-<name>, and the path to it. Whether a create whose reply was lost was carried out is seen by
// the guid, so that there is one znode, or none. While nobody can be asked it goes on until the deadline, or until the
// gate is closed; then an ephemeral one that may be left is removed in the background.
Task<ZkOutcome<Created>> create_protected(ZooKeeper& zk, Gate& gate, std::string parent, std::string name,
                                          std::string data, CreateMode mode, std::optional<SteadyTime> deadline = {});

// Removes an ephemeral znode of that session, however long no server can be reached.
Task<void> remove_surely(ZooKeeper& zk, std::string path, std::int64_t session);

struct SequentialChild {
  std::string name;
  std::int64_t number = 0;
};
// Those of the names that hold `mark` and end with a sequence number, by number.
std::vector<SequentialChild> in_order(const std::vector<std::string>& names, std::string_view mark);

}  // namespace holdfast::client
