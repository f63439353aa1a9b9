// The clients without coroutines: makes a topic, fills it and reads it back: blocking HOST:PORT TOPIC COUNT
#include "client/blocking.h"

#include <fmt/format.h>

#include <cstdlib>

using namespace holdfast;
using namespace holdfast::client;

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: {} HOST:PORT TOPIC COUNT\n", argv[0]);
    return 2;
  }
  ClusterOptions options;
  auto servers = parse_bootstrap_servers(argv[1]);
  if (!servers) {
    fmt::print(stderr, "{}\n", servers.error().message);
    return 2;
  }
  options.bootstrap_servers = *servers;
  const std::string topic = argv[2];
  const int count = std::atoi(argv[3]);

  blocking::Kafka kafka(options);
  blocking::Admin admin(kafka);
  auto created = admin([&](Admin& a) {
    NewTopic wanted;
    wanted.name = topic;
    wanted.partitions = 1;
    return a.create_topics({wanted});
  });
  for (const auto& [name, outcome] : created) {
    if (!outcome) fmt::print(stderr, "{}: {}\n", name, to_string(outcome.error()));
  }
  {
    blocking::Producer producer(kafka);
    for (int i = 0; i < count; ++i) producer.enqueue(ProducerRecord(topic, fmt::format("record {}", i)));
    producer.flush();
  }
  ConsumerOptions from_the_start;
  from_the_start.reset = OffsetReset::earliest;
  blocking::Consumer consumer(kafka, from_the_start);
  if (auto assigned = consumer.assign({{topic, 0}}); !assigned) return 1;
  for (int left = count; left > 0;) {
    auto records = consumer.poll(std::chrono::seconds(10));
    if (!records || records->empty()) return 1;
    for (const RecordView& record : *records) fmt::print("{}\n", as_text(*record.value));
    left -= static_cast<int>(records->size());
  }
  return 0;
}
