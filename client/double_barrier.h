// DoubleBarrier: so many begin together and end together. The documented ZooKeeper recipe: who enters leaves an
// ephemeral znode; the last one makes `ready`; who leaves waits for the lowest znode to go, and the lowest for the
// highest, so that nobody watches the whole crowd.
#pragma once

#include <optional>
#include <string>

#include "client/place.h"

namespace holdfast::client {

class DoubleBarrier {
 public:
  DoubleBarrier(ZooKeeper& zk, std::string path, std::size_t members);
  ~DoubleBarrier();  // stop() must have returned

  // Returns when `members` are in. OPERATIONTIMEOUT: not in that time, and it is not among them any more. A session
  // that expires while it waits does no harm: it enters again.
  Task<ZkOutcome<>> enter(std::optional<Duration> at_most = {});
  // Returns when all have left, or lost their sessions.
  Task<ZkOutcome<>> leave(std::optional<Duration> at_most = {});
  Task<void> stop();

 private:
  Task<ZkOutcome<bool>> look_in(std::optional<SteadyTime> deadline);
  Task<ZkOutcome<bool>> look_out();
  template <class Look>
  Task<ZkOutcome<>> repeat(Look look, std::optional<SteadyTime> deadline);

  ZooKeeper& zk_;
  const std::string path_, ready_;
  const std::size_t members_;
  Gate gate_;
  Signal changed_;
  bool stopping_ = false;
  Place place_;
  const WatcherRef watcher_;
};

}  // namespace holdfast::client
