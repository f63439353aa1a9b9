#include <algorithm>

#include "client/group_member.h"
#include "wire/kafka/consumer_protocol.h"
#include "wire/message.h"

namespace holdfast::client {
namespace {

template <class M>
std::vector<std::uint8_t> encode_versioned(const M& message) {
  wire::Writer out;
  out.i16(M::api.versions.last);
  wire::encode(message, M::api.versions.last, out);
  return out.take().flatten();
}

// A version above ours begins like ours.
template <class M>
std::optional<M> decode_versioned(ByteView bytes) {
  wire::Reader in(bytes);
  const std::int16_t version = in.i16();
  M message;
  if (!in.ok() || version < 0) return {};
  if (!wire::decode(message, std::min(version, M::api.versions.last), in)) return {};
  return message;
}

template <class Topic, class Partitions>
std::vector<Topic> grouped(const Partitions& partitions) {
  std::map<std::string, std::vector<std::int32_t>> by_topic;
  for (const TopicPartition& p : partitions) by_topic[p.topic].push_back(p.partition);
  std::vector<Topic> topics;
  for (auto& [name, indexes] : by_topic) topics.push_back({.topic = name, .partitions = std::move(indexes)});
  return topics;
}

template <class Topics>
std::vector<TopicPartition> flat(const Topics& topics) {
  std::vector<TopicPartition> partitions;
  for (const auto& topic : topics)
    for (const std::int32_t p : topic.partitions) partitions.push_back({topic.topic, p});
  return partitions;
}

}  // namespace

std::vector<std::uint8_t> encode_subscription(const std::vector<std::string>& topics,
                                              const std::set<TopicPartition>& owned, std::int32_t generation,
                                              const std::optional<std::string>& rack, const Assignor& assignor) {
  wire::ConsumerProtocolSubscription subscription;
  subscription.topics = topics;
  std::sort(subscription.topics.begin(), subscription.topics.end());
  subscription.user_data = assignor.user_data();
  subscription.owned_partitions = grouped<wire::ConsumerProtocolSubscription::TopicPartition>(owned);
  subscription.generation_id = generation;
  subscription.rack_id = rack;
  return encode_versioned(subscription);
}

std::optional<GroupMemberInfo> decode_subscription(ByteView bytes) {
  auto subscription = decode_versioned<wire::ConsumerProtocolSubscription>(bytes);
  if (!subscription) return {};
  GroupMemberInfo member;
  member.owned = flat(subscription->owned_partitions);
  member.topics = std::move(subscription->topics);
  member.generation = subscription->generation_id;
  member.rack = std::move(subscription->rack_id);
  member.user_data = std::move(subscription->user_data);
  return member;
}

std::vector<std::uint8_t> encode_assignment(const std::vector<TopicPartition>& partitions) {
  wire::ConsumerProtocolAssignment assignment;
  assignment.assigned_partitions = grouped<wire::ConsumerProtocolAssignment::TopicPartition>(partitions);
  return encode_versioned(assignment);
}

std::optional<std::vector<TopicPartition>> decode_assignment(ByteView bytes) {
  if (bytes.empty()) return std::vector<TopicPartition>();
  const auto assignment = decode_versioned<wire::ConsumerProtocolAssignment>(bytes);
  if (!assignment) return {};
  return flat(assignment->assigned_partitions);
}

}  // namespace holdfast::client
