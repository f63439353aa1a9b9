// Sends records and prints where they went: produce HOST:PORT TOPIC VALUE...
#include <fmt/format.h>

#include "client/producer.h"
#include "runtime/main_loop.h"

using namespace holdfast;
using namespace holdfast::client;

namespace {

Task<int> produce(Shard& shard, ClusterOptions options, std::string topic, std::vector<std::string> values) {
  Cluster cluster(shard, system_network(), options);
  Producer producer(cluster, ProducerOptions());
  int failures = 0;
  for (const std::string& value : values) {
    const ProducerRecord record(topic, value);
    auto sent = co_await producer.send(record);
    if (sent) {
      fmt::print("{}-{} @{}\n", sent->topic, sent->partition, sent->offset);
    } else {
      fmt::print(stderr, "{}\n", to_string(sent.error()));
      ++failures;
    }
  }
  co_await producer.stop();
  co_await cluster.stop();
  co_return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr, "usage: {} HOST:PORT TOPIC VALUE...\n", argv[0]);
    return 2;
  }
  ClusterOptions options;
  auto servers = parse_bootstrap_servers(argv[1]);
  if (!servers) {
    fmt::print(stderr, "{}\n", servers.error().message);
    return 2;
  }
  options.bootstrap_servers = *servers;
  MainLoop loop;
  return loop.run(produce(loop.shard(), options, argv[2], {argv + 3, argv + argc})).value();
}
