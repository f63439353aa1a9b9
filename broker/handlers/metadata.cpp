// Metadata (3), DescribeCluster (60), DescribeTopicPartitions (75): answered from the shard's own image. A topic that
// does not exist is created in the background when both client and broker allow it, and reported unknown until then.
#include "wire/kafka/metadata.h"

#include <algorithm>
#include <set>

#include "broker/handlers/handlers.h"
#include "broker/handlers/support.h"
#include "broker/topic_admin.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

std::optional<std::string> rack_of(const BrokerImage& broker) {
  if (broker.registration.rack.empty()) return std::nullopt;
  return broker.registration.rack;
}

template <class Out>
void fill_partition(Out& to, const PartitionImage& image, std::size_t index, const BrokerShard& broker) {
  to.partition_index = static_cast<std::int32_t>(index);
  const bool led = broker.is_served_by(image.leader, image);
  to.leader_id = led ? image.leader : -1;
  to.error_code = led ? 0 : code(ErrorCode::leader_not_available);
  to.leader_epoch = image.leader_epoch.value;
  to.replica_nodes = image.replicas;
  to.isr_nodes = image.isr;
  for (const std::int32_t id : image.replicas)
    if (!broker.is_served_by(id, image)) to.offline_replicas.push_back(id);
}

void fill_topic(wire::MetadataResponse::Topic& to, const TopicImage& image, const BrokerShard& broker) {
  to.name = image.name;
  to.topic_id = image.id;
  to.is_internal = image.internal;
  to.partitions.reserve(image.partitions.size());
  for (std::size_t i = 0; i < image.partitions.size(); ++i)
    fill_partition(to.partitions.emplace_back(), image.partitions[i], i, broker);
}

// Every broker takes what only a controller may elsewhere. So where there is none, or none that can be named, clients
// are sent to any, as by KRaft's brokers: some wait for long once they have heard of none.
std::int32_t named_controller(const RequestContext& request) {
  BrokerShard& broker = request.broker();
  const auto& brokers = broker.metadata().brokers();
  const auto is_named = [&](std::int32_t id) {
    const auto it = brokers.find(id);
    return it != brokers.end() && it->second.listener(request.listener()) && broker.is_to_be_named(id);
  };
  for (const std::int32_t id : {broker.metadata().controller(), broker.services().node_id})
    if (is_named(id)) return id;
  const auto any = std::ranges::find_if(brokers, [&](const auto& entry) { return is_named(entry.first); });
  return any == brokers.end() ? -1 : any->first;
}

// Topic ids are asked by since version 12 only, though 10 and 11 have the field.
void refuse_all(RequestContext& request, const std::vector<wire::MetadataRequest::Topic>& topics) {
  wire::MetadataResponse response;
  response.cluster_id.reset();
  response.controller_id = -1;
  for (const auto& topic : topics) {
    auto& to = response.topics.emplace_back();
    to.name = topic.name.value_or("");
    to.topic_id = topic.topic_id;
    to.error_code = code(ErrorCode::invalid_request);
  }
  request.respond(response);
}

}  // namespace

void metadata(RequestContext request) {
  wire::MetadataRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  const Metadata& metadata = broker.metadata();
  const std::int16_t version = request.version();
  wire::MetadataResponse response;
  for (const auto& [id, image] : metadata.brokers())
    if (const auto* l = image.listener(request.listener()); l && broker.is_to_be_named(id))
      response.brokers.push_back({.node_id = id, .host = l->host, .port = l->port, .rack = rack_of(image)});
  response.cluster_id = metadata.cluster_id();
  response.controller_id = named_controller(request);
  if (message.include_cluster_authorized_operations) response.cluster_authorized_operations = cluster_operations;

  const auto add = [&](const TopicImage& image) {
    auto& to = response.topics.emplace_back();
    fill_topic(to, image, broker);
    if (message.include_topic_authorized_operations) to.topic_authorized_operations = topic_operations;
  };
  if (!message.topics || (version == 0 && message.topics->empty())) {
    response.topics.reserve(metadata.topics().size());
    for (const auto& [_, image] : metadata.topics()) add(*image);
    return request.respond(response);
  }
  if (version >= 10) {
    for (const auto& topic : *message.topics) {
      const bool has_id = topic.topic_id != zero_uuid;
      if (version < 12 && (has_id || !topic.name)) return refuse_all(request, *message.topics);
    }
  }
  std::set<std::string> asked;
  const bool may_create = message.allow_auto_topic_creation && broker.config().boolean("auto.create.topics.enable");
  for (const auto& topic : *message.topics) {
    if (topic.topic_id != zero_uuid) {
      if (const TopicPtr image = metadata.topic(topic.topic_id)) {
        add(*image);
      } else {
        auto& to = response.topics.emplace_back();
        to.error_code = code(ErrorCode::unknown_topic_id);
        to.topic_id = topic.topic_id;
        to.name.reset();
      }
      continue;
    }
    const std::string name = topic.name.value_or("");
    if (!asked.insert(name).second) continue;
    if (const TopicPtr image = metadata.topic(name)) {
      add(*image);
      continue;
    }
    auto& to = response.topics.emplace_back();
    to.name = name;
    to.is_internal = is_internal_topic(name);
    if (message.include_topic_authorized_operations) to.topic_authorized_operations = topic_operations;
    to.error_code =
        code(topic_name_fault(name) ? ErrorCode::invalid_topic_exception : ErrorCode::unknown_topic_or_partition);
    if (may_create && !topic_name_fault(name))
      broker.first().shard().post([admin = broker.services().admin, name] { admin->auto_create(name); });
  }
  request.respond(response);
}

void describe_cluster(RequestContext request) {
  wire::DescribeClusterRequest message;
  if (!request.read(message)) return;
  const BrokerShard& broker = request.broker();
  const Metadata& metadata = broker.metadata();
  wire::DescribeClusterResponse response;
  response.endpoint_type = message.endpoint_type;
  response.cluster_id = metadata.cluster_id();
  if (message.endpoint_type != 1) {
    // The quorum speaks ZooKeeper's protocol, so there are no controller endpoints to name (KIP-919).
    response.cluster_id.clear();
    response.endpoint_type = 1;
    response.error_code =
        code(message.endpoint_type == 2 ? ErrorCode::mismatched_endpoint_type : ErrorCode::unsupported_endpoint_type);
    response.error_message =
        "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
    return request.respond(response);
  }
  response.controller_id = named_controller(request);
  for (const auto& [id, image] : metadata.brokers())
    if (const auto* l = image.listener(request.listener()); l && broker.is_to_be_named(id))
      response.brokers.push_back({.broker_id = id, .host = l->host, .port = l->port, .rack = rack_of(image)});
  if (message.include_cluster_authorized_operations) response.cluster_authorized_operations = cluster_operations;
  request.respond(response);
}

void describe_topic_partitions(RequestContext request) {
  wire::DescribeTopicPartitionsRequest message;
  if (!request.read(message)) return;
  const BrokerShard& broker = request.broker();
  const Metadata& metadata = broker.metadata();
  wire::DescribeTopicPartitionsResponse response;
  // Topics in the order of their names, from the cursor on; no topics named: all of them.
  std::set<std::string> names;
  for (const auto& topic : message.topics) names.insert(topic.name);
  const bool all = names.empty();
  if (all)
    for (const auto& [name, _] : metadata.topics()) names.insert(name);
  std::int32_t start = 0;
  if (message.cursor) {
    if (message.cursor->partition_index < 0 || (!all && !names.contains(message.cursor->topic_name))) {
      for (const std::string& name : names) {
        auto& to = response.topics.emplace_back();
        to.name = name;
        to.error_code = code(ErrorCode::invalid_request);
      }
      return request.respond(response);
    }
    names.erase(names.begin(), names.lower_bound(message.cursor->topic_name));
    start = message.cursor->partition_index;
  }
  const auto limit = std::clamp<std::int64_t>(message.response_partition_limit, 1,
                                              request.broker().config().integer("max.request.partition.size.limit"));
  std::int64_t left = limit;
  for (const std::string& name : names) {
    const TopicPtr image = metadata.topic(name);
    auto from = static_cast<std::size_t>(message.cursor && name == message.cursor->topic_name ? start : 0);
    if (left == 0) {
      response.next_cursor = {.topic_name = name, .partition_index = static_cast<std::int32_t>(from)};
      break;
    }
    auto& to = response.topics.emplace_back();
    to.name = name;
    to.topic_authorized_operations = topic_operations;
    if (!image) {
      to.error_code =
          code(topic_name_fault(name) ? ErrorCode::invalid_topic_exception : ErrorCode::unknown_topic_or_partition);
      continue;
    }
    to.topic_id = image->id;
    to.is_internal = image->internal;
    for (; from < image->partitions.size() && left > 0; ++from, --left) {
      auto& partition = to.partitions.emplace_back();
      fill_partition(partition, image->partitions[from], from, broker);
      partition.eligible_leader_replicas = image->partitions[from].elr;
      partition.last_known_elr = image->partitions[from].last_known_elr;
    }
    if (from < image->partitions.size()) {
      response.next_cursor = {.topic_name = name, .partition_index = static_cast<std::int32_t>(from)};
      break;
    }
  }
  request.respond(response);
}

}  // namespace holdfast::handlers
