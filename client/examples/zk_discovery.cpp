// Offers an instance of a service, and finds it: zk_discovery HOST:PORT BASE SERVICE ADDRESS
#include <fmt/format.h>

#include "client/service_discovery.h"
#include "client/zookeeper.h"
#include "runtime/main_loop.h"

using namespace holdfast;
using namespace holdfast::client;

namespace {

Task<int> offer_and_find(Shard& shard, ZooKeeperOptions options, std::string base, ServiceInstance instance) {
  const auto random = system_random();
  ZooKeeper zk(shard, system_network(), *random, options);
  int status = 1;
  {
    ServiceDiscovery discovery(zk, base);
    const Duration at_most = std::chrono::seconds(10);
    auto offered = co_await discovery.offer(instance, at_most);
    auto known = co_await discovery.start(at_most);
    const auto found = discovery.pick(instance.service);
    if (offered && known && found) {
      fmt::print("{} is at {}\n", found->service, found->address);
      status = 0;
    } else {
      const ZkFailure& failure = !offered ? offered.error() : known ? ZkFailure{} : known.error();
      fmt::print(stderr, "{}\n", to_string(failure));
    }
    co_await discovery.stop();
  }
  co_await zk.close();
  co_return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: {} HOST:PORT BASE SERVICE ADDRESS\n", argv[0]);
    return 2;
  }
  ZooKeeperOptions options;
  auto servers = parse_connect_string(argv[1]);
  if (!servers) {
    fmt::print(stderr, "{}\n", servers.error().message);
    return 2;
  }
  options.servers = *servers;
  ServiceInstance instance;
  instance.service = argv[3];
  instance.address = argv[4];
  MainLoop loop;
  return loop.run(offer_and_find(loop.shard(), options, argv[2], instance)).value();
}
