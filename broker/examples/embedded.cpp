// A node inside of the program, as tests of other programs want it: one record and one znode through it.
#include "broker/embedded_node.h"

#include <fmt/format.h>

#include "client/blocking.h"

using namespace holdfast;
using namespace holdfast::client;

int main() {
  auto node = EmbeddedNode::start();
  if (!node) {
    fmt::print(stderr, "{}\n", node.error().message);
    return 1;
  }
  ClusterOptions options;
  options.bootstrap_servers = {(*node)->kafka_endpoint()};
  blocking::Kafka kafka(options);
  blocking::Producer producer(kafka);
  auto sent = producer.send(ProducerRecord("greetings", "hello"));
  if (!sent) {
    fmt::print(stderr, "{}\n", to_string(sent.error()));
    return 1;
  }
  fmt::print("{}-{} @{}\n", sent->topic, sent->partition, sent->offset);

  ZooKeeperOptions zk_options;
  zk_options.servers.servers = {(*node)->zookeeper_endpoint()};
  blocking::ZooKeeper zk(zk_options);
  auto brokers = zk([](ZooKeeper& z) { return z.children("/brokers/ids"); });
  if (!brokers) {
    fmt::print(stderr, "{}\n", to_string(brokers.error()));
    return 1;
  }
  for (const std::string& id : brokers->names) fmt::print("broker {}\n", id);
  return 0;
}
