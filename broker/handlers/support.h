// What several handlers need.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/broker_shard.h"
#include "wire/kafka/errors.h"

namespace holdfast::handlers {

constexpr std::int16_t code(wire::ErrorCode error) { return static_cast<std::int16_t>(error); }

// What everybody may do while there is no authorizer, as bits of Kafka's AclOperation (KIP-430).
constexpr std::int32_t operations(std::initializer_list<int> codes) {
  std::int32_t bits = 0;
  for (const int c : codes) bits |= 1 << c;
  return bits;
}
inline constexpr std::int32_t topic_operations = operations({3, 4, 5, 6, 7, 8, 10, 11});
inline constexpr std::int32_t cluster_operations = operations({5, 7, 8, 9, 10, 11, 12});
inline constexpr std::int32_t group_operations = operations({3, 6, 8, 10, 11});

// Of a partition that has no open log on this broker: its log directory has failed, or it is elsewhere.
inline wire::ErrorCode not_open_here(BrokerShard& broker, const LogId& partition) {
  const auto& brokers = broker.metadata().brokers();
  const auto self = brokers.find(broker.services().node_id);
  const bool offline = self != brokers.end() && self->second.is_offline(partition);
  return offline ? wire::ErrorCode::kafka_storage_error : wire::ErrorCode::not_leader_or_follower;
}

// One entry for each topic, as Kafka answers, however often a request names it; none for a topic without partitions.
template <class Topic>
void one_entry_each(std::vector<Topic>& topics) {
  std::vector<Topic> out;
  std::unordered_map<std::string, std::size_t> seen;
  for (Topic& topic : topics) {
    if (topic.partitions.empty()) continue;
    const auto [at, added] = seen.try_emplace(topic.name, out.size());
    if (added) {
      out.push_back(std::move(topic));
    } else {
      auto& into = out[at->second].partitions;
      into.insert(into.end(), std::make_move_iterator(topic.partitions.begin()),
                  std::make_move_iterator(topic.partitions.end()));
    }
  }
  topics = std::move(out);
}

}  // namespace holdfast::handlers
