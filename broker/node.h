// Node: a whole Holdfast node: it builds every room in order, and stops them in reverse. One object per process today;
// nothing in it is global.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "runtime/network.h"
#include "runtime/result.h"
#include "runtime/world.h"

namespace holdfast {

class Node {
 public:
  Node(Config config, World world);
  ~Node();

  // Recovers, registers, listens. Blocks until the node serves, or says why it cannot.
  Result<void> start();
  // Blocks; everything is in its segments, and the clean-shutdown markers are written, when it returns.
  void stop();
  // It asked to be stopped (request_stop()), for it cannot go on; the log says why.
  bool has_failed() const;

  // Of a node that has started. Kafka's are in the order of the listeners.
  std::vector<Endpoint> kafka_endpoints() const;
  Endpoint zookeeper_endpoint() const;
  // Blocks until this broker serves and sees so many brokers and a controller. For servers of an ensemble, which join
  // each other when start() has long returned.
  Result<void> wait_for_cluster(std::size_t brokers, Duration at_most);

  // What a person at a terminal wants to know: where it listens, and what to try.
  std::string greeting() const;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace holdfast
