// EmbeddedNode, EmbeddedCluster: whole nodes inside of a test or a program, ready in milliseconds. They listen on
// 127.0.0.1, on ports that the system chose, and leave nothing behind: their files are in memory, unless a directory is
// asked for.
//
//   auto node = holdfast::EmbeddedNode::start();
//   if (!node) throw std::runtime_error(node.error().message);
//   KafkaProducer producer((*node)->bootstrap_servers());
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/network.h"
#include "runtime/result.h"

namespace holdfast {

struct EmbeddedOptions {
  enum class Storage : std::uint8_t {
    memory,     // what is written takes memory; gone at the end, kept over restart()
    temporary,  // a directory in /tmp, removed at the end
    directory,  // `path`, which stays
  };
  Storage storage = Storage::memory;
  std::string path;
  std::map<std::string, std::string> settings;  // over the defaults, as in server.properties
};

class EmbeddedNode {
 public:
  // Blocks until it serves, or says why it cannot.
  static Result<std::unique_ptr<EmbeddedNode>> start(EmbeddedOptions options = {});
  ~EmbeddedNode();  // stops it

  std::string bootstrap_servers() const;  // host:port, for Kafka's clients
  std::string zookeeper() const;          // host:port, for ZooKeeper's
  Endpoint kafka_endpoint() const;
  Endpoint zookeeper_endpoint() const;
  const std::string& directory() const;  // of its files, on the disk or in memory

  // A clean stop and a new start on the same ports and data, as at an upgrade.
  Result<void> restart();

 private:
  struct Inner;
  explicit EmbeddedNode(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// Servers 1 to n, one ensemble and one broker cluster.
class EmbeddedCluster {
 public:
  // Blocks until all are brokers of one cluster. `options.path` holds a directory of each, named by its id.
  static Result<std::unique_ptr<EmbeddedCluster>> start(int nodes = 3, EmbeddedOptions options = {});
  ~EmbeddedCluster();

  std::string bootstrap_servers() const;  // all of them
  std::string zookeeper() const;
  int size() const;
  // By id, from 1. Clean; the others take over what it led. It keeps its ports and data.
  Result<void> stop_node(int id);
  Result<void> start_node(int id);

 private:
  struct Inner;
  explicit EmbeddedCluster(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

}  // namespace holdfast
