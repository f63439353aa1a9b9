#include "client/metadata_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace holdfast::client {

using wire::ErrorCode;

namespace {

bool is_older(PartitionLeader a, PartitionLeader than) {
  return a.epoch >= 0 && than.epoch >= 0 && a.epoch < than.epoch;
}

std::vector<KnownPartition> partitions_of(wire::MetadataResponse::Topic& topic) {
  std::vector<KnownPartition> out(topic.partitions.size());
  for (KnownPartition& p : out) p.error = ErrorCode::leader_not_available;
  for (auto& told : topic.partitions) {
    // Partitions count from 0 without gaps; an index beyond is no reason to reserve memory up to it.
    if (told.partition_index < 0 || std::cmp_greater_equal(told.partition_index, out.size())) continue;
    KnownPartition& p = out[static_cast<std::size_t>(told.partition_index)];
    p.leader = {told.leader_id, told.leader_epoch};
    p.replicas = std::move(told.replica_nodes);
    p.isr = std::move(told.isr_nodes);
    p.offline = std::move(told.offline_replicas);
    p.error = static_cast<ErrorCode>(told.error_code);
  }
  return out;
}

auto* find_partition(auto& topics, const TopicPartition& p) {
  const auto topic = topics.find(p.topic);
  const bool is_there =
      topic != topics.end() && p.partition >= 0 && std::cmp_less(p.partition, topic->second.partitions.size());
  return is_there ? &topic->second.partitions[static_cast<std::size_t>(p.partition)] : nullptr;
}

}  // namespace

std::string to_string(const TopicPartition& p) { return fmt::format("{}-{}", p.topic, p.partition); }

const KnownTopic* MetadataCache::topic(const std::string& name) const {
  const auto it = topics_.find(name);
  return it == topics_.end() ? nullptr : &it->second;
}

const KnownTopic* MetadataCache::topic(const Uuid& id) const {
  const auto it = std::ranges::find_if(topics_, [&](const auto& t) { return t.second.id == id; });
  return it == topics_.end() || id == Uuid{} ? nullptr : &it->second;
}

const KnownPartition* MetadataCache::partition(const TopicPartition& p) const { return find_partition(topics_, p); }

void MetadataCache::update(const wire::MetadataResponse& answer, bool complete) {
  ++generation_;
  if (answer.cluster_id) cluster_id_ = *answer.cluster_id;
  controller_ = answer.controller_id;
  // A broker that has just started may know of none yet, not even of itself.
  if (!answer.brokers.empty()) brokers_.clear();
  for (const auto& b : answer.brokers) {
    if (b.node_id < 0 || b.port <= 0 || b.port > std::numeric_limits<std::uint16_t>::max()) continue;
    brokers_[b.node_id] = {b.node_id, {b.host, static_cast<std::uint16_t>(b.port)}, b.rack};
  }
  std::set<std::string> told;
  for (wire::MetadataResponse::Topic topic : answer.topics) {
    if (!topic.name) continue;
    KnownTopic fresh{*topic.name, topic.topic_id, topic.is_internal, static_cast<ErrorCode>(topic.error_code), {}};
    fresh.partitions = partitions_of(topic);
    KnownTopic& known = topics_[fresh.name];
    if (known.id == fresh.id) {
      for (std::size_t i = 0; i < std::min(known.partitions.size(), fresh.partitions.size()); ++i) {
        if (is_older(fresh.partitions[i].leader, known.partitions[i].leader))
          fresh.partitions[i] = std::move(known.partitions[i]);
      }
    }
    if (complete) told.insert(fresh.name);
    known = std::move(fresh);
  }
  if (complete) std::erase_if(topics_, [&](const auto& t) { return !told.contains(t.first); });
}

void MetadataCache::update_leader(const TopicPartition& p, PartitionLeader leader) {
  KnownPartition* known = find_partition(topics_, p);
  if (!known || leader.node < 0 || is_older(leader, known->leader)) return;
  known->leader = leader;
  known->error = ErrorCode::none;
}

void MetadataCache::forget_leader(const TopicPartition& p) {
  if (KnownPartition* known = find_partition(topics_, p)) known->leader.node = -1;
}

void MetadataCache::learn(const KnownBroker& broker) {
  if (broker.id < 0) return;
  KnownBroker& known = brokers_[broker.id];
  // Not every answer that names a broker tells its rack.
  auto rack = broker.rack ? broker.rack : std::move(known.rack);
  known = broker;
  known.rack = std::move(rack);
}

void MetadataCache::forget_brokers() {
  brokers_.clear();
  controller_ = -1;
}

}  // namespace holdfast::client
