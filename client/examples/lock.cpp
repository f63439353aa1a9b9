// Holds a lock for a moment: lock HOST:PORT PATH
#include "client/lock.h"

#include <fmt/format.h>

#include "client/zookeeper.h"
#include "runtime/main_loop.h"

using namespace holdfast;
using namespace holdfast::client;

namespace {

Task<int> hold(Shard& shard, ZooKeeperOptions options, std::string path) {
  const auto random = system_random();
  ZooKeeper zk(shard, system_network(), *random, options);
  int status = 1;
  {
    Lock lock(zk, path, "the example");
    const Duration at_most = std::chrono::seconds(10);
    auto held = co_await lock.acquire(at_most);
    if (held) {
      fmt::print("{} is ours, by {}\n", path, lock.node());
      status = 0;
    } else {
      fmt::print(stderr, "{}\n", to_string(held.error()));
    }
    co_await lock.stop();
  }
  co_await zk.close();
  co_return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: {} HOST:PORT PATH\n", argv[0]);
    return 2;
  }
  ZooKeeperOptions options;
  auto servers = parse_connect_string(argv[1]);
  if (!servers) {
    fmt::print(stderr, "{}\n", servers.error().message);
    return 2;
  }
  options.servers = *servers;
  MainLoop loop;
  return loop.run(hold(loop.shard(), options, argv[2])).value();
}
