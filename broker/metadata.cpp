#include "broker/metadata.h"

#include <algorithm>

namespace holdfast {

const znodes::Broker::Listener* BrokerImage::listener(std::string_view name) const {
  for (const auto& l : registration.listeners)
    if (l.name == name) return &l;
  return nullptr;
}

namespace {
bool has(const znodes::Broker::Partitions& partitions, const LogId& id) {
  const auto topic = partitions.find(id.topic_id);
  return topic != partitions.end() && std::ranges::binary_search(topic->second, id.partition);
}
}  // namespace

bool BrokerImage::is_offline(const LogId& partition) const { return has(registration.offline, partition); }
bool BrokerImage::is_full(const LogId& partition) const { return has(registration.full, partition); }

bool is_internal_topic(std::string_view name) { return name == offsets_topic || name == transactions_topic; }

znodes::Topic topic_znode(const TopicImage& topic) {
  znodes::Topic out;
  out.id = topic.id;
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    const PartitionImage& partition = topic.partitions[i];
    const auto index = static_cast<std::int32_t>(i);
    out.replicas[index] = partition.replicas;
    if (!partition.adding.empty()) out.adding[index] = partition.adding;
    if (!partition.removing.empty()) out.removing[index] = partition.removing;
  }
  return out;
}

void Metadata::apply(const MetadataDelta& delta) {
  const auto drop = [this](std::string_view name) {
    const auto it = by_name_.find(name);
    if (it == by_name_.end()) return;
    const TopicPtr old = it->second;
    partitions_ -= static_cast<std::int32_t>(old->partitions.size());
    by_name_.erase(it);
    by_id_.erase(old->id);
    topics_.erase(old->name);
  };
  for (const std::string& name : delta.removed_topics) drop(name);
  for (const TopicPtr& topic : delta.changed_topics) {
    drop(topic->name);
    partitions_ += static_cast<std::int32_t>(topic->partitions.size());
    topics_.emplace(topic->name, topic);
    by_name_.emplace(topic->name, topic);
    by_id_.emplace(topic->id, topic);
  }
  if (delta.brokers) brokers_ = delta.brokers;
  if (delta.broker_configs) broker_configs_ = delta.broker_configs;
  if (delta.controller != -2) controller_ = delta.controller;
  if (delta.controller_epoch != -1) controller_epoch_ = delta.controller_epoch;
}

TopicPtr Metadata::topic(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

TopicPtr Metadata::topic(const Uuid& id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

const PartitionImage* Metadata::partition(std::string_view name, std::int32_t index) const {
  const auto it = by_name_.find(name);
  if (it == by_name_.end() || index < 0) return nullptr;
  const auto& partitions = it->second->partitions;
  return static_cast<std::size_t>(index) < partitions.size() ? &partitions[static_cast<std::size_t>(index)] : nullptr;
}

bool Metadata::serves(std::int32_t broker, const PartitionImage& partition) const {
  const auto it = brokers_->find(broker);
  return it != brokers_->end() && !it->second.is_offline(partition.id);
}

bool Metadata::can_append(std::int32_t broker, const PartitionImage& partition) const {
  return serves(broker, partition) && !brokers_->at(broker).is_full(partition.id);
}

bool Metadata::still_serves(std::int32_t broker, const PartitionImage& partition) const {
  const auto it = brokers_->find(broker);
  return it != brokers_->end() && it->second.epoch <= partition.state_zxid && !it->second.is_offline(partition.id);
}

const znodes::Configs& Metadata::broker_config(std::string_view id) const {
  static const znodes::Configs none;
  const auto it = broker_configs_->find(std::string(id));
  return it == broker_configs_->end() ? none : it->second;
}

}  // namespace holdfast
