#include "client/zookeeper_hosts.h"

#include <algorithm>
#include <utility>

#include "runtime/result.h"

namespace holdfast::client {

ZooKeeperHosts::ZooKeeperHosts(std::vector<Endpoint> servers, Random& random) : servers_(std::move(servers)) {
  HOLDFAST_CHECK(!servers_.empty());
  for (std::size_t i = servers_.size(); i > 1; --i) std::swap(servers_[i - 1], servers_[random.below(i)]);
}

const Endpoint& ZooKeeperHosts::next() {
  const Endpoint& out = servers_[next_];
  next_ = (next_ + 1) % servers_.size();
  ++tried_;
  return out;
}

void ZooKeeperHosts::prefer(const Endpoint& server) {
  const auto found =
      std::ranges::find_if(servers_, [&](const Endpoint& e) { return e.host == server.host && e.port == server.port; });
  if (found != servers_.end()) next_ = static_cast<std::size_t>(found - servers_.begin());
}

}  // namespace holdfast::client
