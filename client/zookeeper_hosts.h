// ZooKeeperHosts: the servers of a connect string, in which order to try them. They are shuffled once, so that many
// clients spread over the servers; a client goes round the list from there on.
#pragma once

#include <vector>

#include "runtime/network.h"
#include "runtime/random.h"

namespace holdfast::client {

class ZooKeeperHosts {
 public:
  ZooKeeperHosts(std::vector<Endpoint> servers, Random& random);

  const Endpoint& next();
  void prefer(const Endpoint& server);  // it is next
  // All were tried since the last success: time to wait before going round again.
  bool went_round() const { return tried_ > 0 && tried_ % servers_.size() == 0; }
  void succeeded() { tried_ = 0; }
  std::size_t size() const { return servers_.size(); }

 private:
  std::vector<Endpoint> servers_;
  std::size_t next_ = 0, tried_ = 0;
};

}  // namespace holdfast::client
