// MetadataWatcher: turns committed transactions into changes of the image, and sends each to every shard, in the order
// of zxids. It reads the tree of its own node's replica; nothing is polled. Lives on shard 0.
#pragma once

#include <map>
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
  // The whole image again: after a snapshot of the quorum has replaced the tree, which no transaction tells.
  void refresh();
  // Told of each change, the whole image first, after shard 0 has applied it. Set before start().
  void on_change(Function<void(const MetadataDelta&)> listener) { listener_ = std::move(listener); }

 private:
  struct Touched {
    // With the partitions whose state alone is touched; none: the whole topic.
    std::map<std::string, std::set<std::int32_t>, std::less<>> topics;
    bool brokers = false, broker_configs = false, controller = false;
  };

  void on_applied(const zk::Txn& txn);
  static void touch(std::string_view path, Touched& touched);
  MetadataDelta delta_of(const Touched& touched);
  static void touch_topic(std::string_view name, std::optional<std::int32_t> partition, Touched& touched);
  TopicPtr read_topic(std::string_view name);
  TopicPtr read_states(const TopicImage& before, const std::set<std::int32_t>& partitions);
  void read_state(std::string_view topic, std::int32_t index, PartitionImage& partition);
  void publish(MetadataDelta delta);

  Ensemble& ensemble_;
  BrokerServices& services_;
  Function<void(const MetadataDelta&)> listener_;
};

}  // namespace holdfast
