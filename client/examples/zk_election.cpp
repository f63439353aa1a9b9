// Takes part in an election, leads for a moment and hands over: zk_election HOST:PORT PATH NAME
#include <fmt/format.h>

#include "client/election.h"
#include "client/zookeeper.h"
#include "runtime/main_loop.h"

using namespace holdfast;
using namespace holdfast::client;

namespace {

Task<int> stand(Shard& shard, ZooKeeperOptions options, std::string path, std::string name) {
  const auto random = system_random();
  ZooKeeper zk(shard, system_network(), *random, options);
  int status = 1;
  {
    Election::Callbacks callbacks;
    callbacks.elected = [&name] { fmt::print("{} leads\n", name); };
    callbacks.deposed = [&name] { fmt::print("{} leads no more\n", name); };
    Election election(zk, path, name, callbacks);
    election.start();
    const Duration at_most = std::chrono::seconds(10);
    const bool leads = co_await election.until_leading(at_most);
    if (leads) status = 0;
    co_await election.stop();
  }
  co_await zk.close();
  co_return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: {} HOST:PORT PATH NAME\n", argv[0]);
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
  return loop.run(stand(loop.shard(), options, argv[2], argv[3])).value();
}
