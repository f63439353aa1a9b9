// Where to go instead (KIP-951): who leads a partition now and where it listens, so that a client that came to the
// wrong broker need not ask for metadata first.
#pragma once

#include <algorithm>
#include <string_view>

#include "broker/metadata.h"
#include "log/log.h"
#include "wire/kafka/errors.h"

namespace holdfast::handlers {

struct Refusal {
  wire::ErrorCode error;
  std::int32_t by;     // this broker
  bool leads = false;  // it does lead: it refuses a replica that it does not know
};
inline bool is_led_elsewhere(wire::ErrorCode error) {
  return error == wire::ErrorCode::not_leader_or_follower || error == wire::ErrorCode::fenced_leader_epoch;
}

// Into the answer for one partition, and the leader's address once into the response: that of the listener by which
// the client came. A broker that does not lead (any more, or for want of a lease) and has heard of nobody who does
// sends nobody to itself.
template <class Partition, class Response>
void add_leader_hint(const Metadata& metadata, std::string_view listener, const LogId& log, Refusal refusal,
                     Partition& to, Response& response) {
  const TopicPtr topic = metadata.topic(log.topic_id);
  if (!topic || log.partition < 0 || static_cast<std::size_t>(log.partition) >= topic->partitions.size()) return;
  const PartitionImage& image = topic->partitions[static_cast<std::size_t>(log.partition)];
  const bool led_elsewhere = refusal.error == wire::ErrorCode::not_leader_or_follower && !refusal.leads;
  if (led_elsewhere && image.leader == refusal.by) return;
  to.current_leader.leader_id = image.leader;
  to.current_leader.leader_epoch = image.leader_epoch.value;
  const auto broker = metadata.brokers().find(image.leader);
  if (broker == metadata.brokers().end()) return;
  const auto* address = broker->second.listener(listener);
  auto& endpoints = response.node_endpoints;
  if (!address || std::ranges::any_of(endpoints, [&](const auto& e) { return e.node_id == image.leader; })) return;
  auto& endpoint = endpoints.emplace_back();
  endpoint.node_id = image.leader;
  endpoint.host = address->host;
  endpoint.port = address->port;
  if (!broker->second.registration.rack.empty()) endpoint.rack = broker->second.registration.rack;
}

}  // namespace holdfast::handlers
