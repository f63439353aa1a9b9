// MetadataWatcher: turns committed transactions into changes of the image, and sends each to every shard, in the order
// of zxids. It reads the tree of its own node's replica; nothing is polled. Lives on shard 0.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "broker/broker_shard.h"
#include "coordination/ensemble.h"

namespace holdfast {

class MetadataWatcher {
 public:
  MetadataWatcher(Ensemble& ensemble, BrokerServices& services) : ensemble_(ensemble), services_(services) {}

  // The whole image, then every change of it. On shard 0; the others get it by post().
  void start();

 private:
  struct Touched {
    std::set<std::string, std::less<>> topics;
    bool brokers = false, broker_configs = false, controller = false;
  };

  void on_applied(const zk::Txn& txn);
  static void touch(std::string_view path, Touched& touched);
  MetadataDelta delta_of(const Touched& touched);
  TopicPtr read_topic(std::string_view name);
  void publish(MetadataDelta delta);

  Ensemble& ensemble_;
  BrokerServices& services_;
};

}  // namespace holdfast
