// Election: one leader among those who take part, the next one when it goes. Takes part until it is stopped: who loses
// the leadership stands again, behind the others. Compatible with Curator's LeaderLatch.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/contender.h"

namespace holdfast::client {

class Election {
 public:
  struct Callbacks {
    std::function<void()> elected;  // leads from now on
    std::function<void()> deposed;  // leads no more, and nobody else does yet
  };
  // `who` is what the others see of it.
  Election(ZooKeeper& zk, std::string path, std::string who, Callbacks callbacks = {});

  void start();
  Task<void> stop();  // gives up the leadership
  // Lets somebody else lead, and stands again.
  Task<void> resign();

  bool leading() const { return contender_.has_turn(); }
  std::int64_t token() const { return contender_.token(); }  // of this leadership: grows from leader to leader
  Task<bool> until_leading(std::optional<Duration> at_most = {});
  // Why it could not even take part, if it gave up: no permission, for example.
  const std::optional<ZkFailure>& failure() const { return failure_; }

  struct Participant {
    std::string who;
    bool leads = false;
  };
  Task<ZkOutcome<std::vector<Participant>>> participants();  // the leader first, then in order

 private:
  Task<void> run();
  void depose();

  Contender contender_;
  const Callbacks callbacks_;
  Gate gate_;
  WaitList changed_;
  bool started_ = false, stopping_ = false, told_ = false;
  std::optional<ZkFailure> failure_;
};

}  // namespace holdfast::client
