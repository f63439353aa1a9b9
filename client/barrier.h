// Barrier: a znode that holds up whoever waits for it to go. Compatible with Curator's DistributedBarrier.
#pragma once

#include <optional>
#include <string>

#include "client/recipes.h"

namespace holdfast::client {

class Barrier {
 public:
  Barrier(ZooKeeper& zk, std::string path);

  Task<ZkOutcome<>> raise();  // no error where it stands already
  Task<ZkOutcome<>> lift();   // nor where it does not
  // OPERATIONTIMEOUT: it stood all the time. It is waited for through expired sessions and lost connections.
  Task<ZkOutcome<>> wait(std::optional<Duration> at_most = {});

 private:
  ZooKeeper& zk_;
  const std::string path_;
};

}  // namespace holdfast::client
