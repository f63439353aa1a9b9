// What members of a classic consumer group say to each other inside JoinGroup and SyncGroup. Both stand behind an i16
// of their version, and a reader takes a higher version than it knows as its own highest.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct ConsumerProtocolSubscription {
  // 1: owned partitions (KIP-429). 2: the generation they were owned in (KIP-792). 3: rack (KIP-881).
  static constexpr Api api{.versions = {0, 3}};
  struct TopicPartition {
    std::string topic;
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic);
      v("partitions", m.partitions);
    }
  };
  std::vector<std::string> topics;
  std::optional<std::vector<std::uint8_t>> user_data;
  std::vector<TopicPartition> owned_partitions;
  std::int32_t generation_id = -1;
  std::optional<std::string> rack_id;
  static void fields(auto& m, auto& v) {
    v("topics", m.topics);
    v("userData", m.user_data);
    v("ownedPartitions", m.owned_partitions, since(1));
    v("generationId", m.generation_id, since(2));
    v("rackId", m.rack_id, since(3));
  }
};

struct ConsumerProtocolAssignment {
  static constexpr Api api{.versions = {0, 3}};
  struct TopicPartition {
    std::string topic;
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic);
      v("partitions", m.partitions);
    }
  };
  std::vector<TopicPartition> assigned_partitions;
  std::optional<std::vector<std::uint8_t>> user_data;
  static void fields(auto& m, auto& v) {
    v("assignedPartitions", m.assigned_partitions);
    v("userData", m.user_data);
  }
};

}  // namespace holdfast::wire
