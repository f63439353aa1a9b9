// Prints a topic's records as a member of a group, from where the group has come to: consume HOST:PORT TOPIC GROUP
// COUNT
#include <fmt/format.h>

#include <cstdlib>

#include "client/consumer.h"
#include "runtime/main_loop.h"

using namespace holdfast;
using namespace holdfast::client;

namespace {

Task<int> consume(Shard& shard, ClusterOptions options, std::string topic, std::string group, int count) {
  Cluster cluster(shard, system_network(), options);
  ConsumerOptions consumer_options;
  consumer_options.group_id = group;
  consumer_options.reset = OffsetReset::earliest;
  Consumer consumer(cluster, consumer_options);
  int status = consumer.subscribe({topic}) ? 0 : 1;
  while (count > 0 && status == 0) {
    auto records = co_await consumer.poll(std::chrono::seconds(10));
    if (!records) fmt::print(stderr, "{}\n", to_string(records.error()));
    if (!records || records->empty()) {
      status = 1;
      continue;
    }
    for (const RecordView& record : *records) {
      fmt::print("{} @{} {}\n", to_string(*records->partition), record.offset,
                 as_text(record.value.value_or(ByteView())));
      --count;
    }
  }
  co_await consumer.stop();  // commits, and leaves the group
  co_await cluster.stop();
  co_return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: {} HOST:PORT TOPIC GROUP COUNT\n", argv[0]);
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
  return loop.run(consume(loop.shard(), options, argv[2], argv[3], std::atoi(argv[4]))).value();
}
