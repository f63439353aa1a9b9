// MetadataCache: brokers, topics and leaders as the last answers told them. Plain data; Cluster keeps it fresh.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/network.h"
#include "wire/kafka/errors.h"
#include "wire/kafka/metadata.h"

namespace holdfast::client {

struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;
  auto operator<=>(const TopicPartition&) const = default;
};
std::string to_string(const TopicPartition& p);  // "topic-3"

struct KnownBroker {
  std::int32_t id = -1;
  Endpoint endpoint;
  std::optional<std::string> rack;
};

struct PartitionLeader {
  std::int32_t node = -1;   // -1: none
  std::int32_t epoch = -1;  // -1: the broker's version does not tell
};

struct KnownPartition {
  PartitionLeader leader;
  std::vector<std::int32_t> replicas, isr, offline;
  wire::ErrorCode error = wire::ErrorCode::none;
};

struct KnownTopic {
  std::string name;
  Uuid id{};  // zero: the broker's version does not tell
  bool is_internal = false;
  wire::ErrorCode error = wire::ErrorCode::none;
  std::vector<KnownPartition> partitions;  // by index
};

class MetadataCache {
 public:
  const std::string& cluster_id() const { return cluster_id_; }
  std::int32_t controller() const { return controller_; }  // -1: unknown
  const std::map<std::int32_t, KnownBroker>& brokers() const { return brokers_; }
  const std::map<std::string, KnownTopic>& topics() const { return topics_; }
  const KnownTopic* topic(const std::string& name) const;
  const KnownTopic* topic(const Uuid& id) const;
  const KnownPartition* partition(const TopicPartition& p) const;

  // Takes over an answer. `complete`: it was about every topic, so one that it does not name is gone. A partition's
  // leader of an older epoch than the known one is not taken over, unless the topic's id has changed (KIP-320).
  void update(const wire::MetadataResponse& answer, bool complete);
  void update_leader(const TopicPartition& p, PartitionLeader leader);  // a hint; same rule
  void forget_leader(const TopicPartition& p);                          // its epoch is still the one to beat
  void learn(const KnownBroker& broker);
  void forget_topic(const std::string& name) { topics_.erase(name); }
  void forget_brokers();
  // Another one after each update(): what was derived from topics and partitions may have to be derived anew.
  std::uint64_t generation() const { return generation_; }

 private:
  std::string cluster_id_;
  std::int32_t controller_ = -1;
  std::uint64_t generation_ = 1;
  std::map<std::int32_t, KnownBroker> brokers_;
  std::map<std::string, KnownTopic> topics_;
};

}  // namespace holdfast::client
