#include <algorithm>

#include "client/admin_call.h"
#include "wire/kafka/topics.h"

namespace holdfast::client {
namespace {

using admin::all_failed;
using admin::keys_of;
using admin::outcome_of;
using admin::to_ms;
using wire::ErrorCode;

using NewTopics = std::map<std::string, NewTopic>;

wire::CreateTopicsRequest::Topic to_wire_topic(const NewTopic& topic) {
  wire::CreateTopicsRequest::Topic out;
  out.name = topic.name;
  out.num_partitions = topic.partitions;
  out.replication_factor = topic.replication_factor;
  for (const auto& [partition, brokers] : topic.assignment)
    out.assignments.push_back({.partition_index = partition, .broker_ids = brokers});
  for (const auto& [name, value] : topic.configs) out.configs.push_back({.name = name, .value = value});
  return out;
}

CreatedTopic from_wire(const wire::CreateTopicsResponse::Topic& topic) {
  CreatedTopic created{.id = topic.topic_id,
                       .partitions = topic.num_partitions,
                       .replication_factor = topic.replication_factor,
                       .configs = {}};
  if (!topic.configs) return created;
  for (const auto& config : *topic.configs) {
    ConfigEntry& entry = created.configs.emplace_back();
    entry.name = config.name;
    entry.value = config.value;
    entry.source = static_cast<ConfigSource>(config.config_source);
    entry.read_only = config.read_only;
    entry.sensitive = config.is_sensitive;
  }
  return created;
}

Task<Each<std::string, CreatedTopic>> ask_create(Cluster& cluster, std::int32_t broker, std::vector<std::string> names,
                                                 const NewTopics& topics, bool validate_only, Duration time) {
  wire::CreateTopicsRequest request;
  request.timeout_ms = to_ms(time);
  request.validate_only = validate_only;
  for (const std::string& name : names) request.topics.push_back(to_wire_topic(topics.at(name)));
  auto answer = co_await cluster.ask<wire::CreateTopicsResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<CreatedTopic>(names, answer.error());
  Each<std::string, CreatedTopic> each;
  for (const auto& topic : answer->message.topics) {
    auto outcome = outcome_of(topic.error_code, topic.error_message);
    each.emplace(topic.name, outcome ? Outcome<CreatedTopic>(from_wire(topic)) : failed(outcome));
  }
  co_return each;
}

Task<Each<std::string>> ask_delete(Cluster& cluster, std::int32_t broker, std::vector<std::string> names,
                                   Duration time) {
  wire::DeleteTopicsRequest request;
  request.timeout_ms = to_ms(time);
  // Up to version 5 plain names, from 6 names or ids: the version that goes out takes its own.
  request.topic_names = names;
  for (const std::string& name : names) request.topics.push_back({.name = name});
  auto answer = co_await cluster.ask<wire::DeleteTopicsResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<void>(names, answer.error());
  Each<std::string> each;
  for (const auto& topic : answer->message.responses)
    if (topic.name) each.emplace(*topic.name, outcome_of(topic.error_code, topic.error_message));
  co_return each;
}

Task<Each<Uuid>> ask_delete_ids(Cluster& cluster, std::int32_t broker, std::vector<Uuid> ids, Duration time) {
  constexpr std::int16_t first_with_ids = 6;
  auto version = co_await cluster.version_of(broker, wire::DeleteTopicsRequest::api);
  if (!version) co_return all_failed<void>(ids, version.error());
  if (*version < first_with_ids)
    co_return all_failed<void>(ids, Failure{ErrorCode::unsupported_version, "the broker deletes topics by name only"});
  wire::DeleteTopicsRequest request;
  request.timeout_ms = to_ms(time);
  for (const Uuid& id : ids) request.topics.push_back({.name = std::nullopt, .topic_id = id});
  auto answer = co_await cluster.ask<wire::DeleteTopicsResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<void>(ids, answer.error());
  Each<Uuid> each;
  for (const auto& topic : answer->message.responses)
    each.emplace(topic.topic_id, outcome_of(topic.error_code, topic.error_message));
  co_return each;
}

using Growth = std::map<std::string, MorePartitions>;

Task<Each<std::string>> ask_grow(Cluster& cluster, std::int32_t broker, std::vector<std::string> names,
                                 const Growth& topics, bool validate_only, Duration time) {
  wire::CreatePartitionsRequest request;
  request.timeout_ms = to_ms(time);
  request.validate_only = validate_only;
  for (const std::string& name : names) {
    const MorePartitions& more = topics.at(name);
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.count = more.total;
    topic.assignments.reset();
    if (more.assignment.empty()) continue;
    topic.assignments.emplace();
    for (const auto& brokers : more.assignment) topic.assignments->push_back({.broker_ids = brokers});
  }
  auto answer = co_await cluster.ask<wire::CreatePartitionsResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<void>(names, answer.error());
  Each<std::string> each;
  for (const auto& topic : answer->message.results)
    each.emplace(topic.name, outcome_of(topic.error_code, topic.error_message));
  co_return each;
}

// --- Descriptions

// Both answers name these alike.
template <class Partition>
PartitionDescription describe(const Partition& partition) {
  return {.partition = partition.partition_index,
          .leader = {.node = partition.leader_id, .epoch = partition.leader_epoch},
          .replicas = partition.replica_nodes,
          .isr = partition.isr_nodes,
          .offline = partition.offline_replicas,
          .eligible = {},
          .last_known_eligible = {},
          .error = static_cast<ErrorCode>(partition.error_code)};
}

void sort_partitions(TopicDescription& topic) {
  std::sort(topic.partitions.begin(), topic.partitions.end(),
            [](const auto& a, const auto& b) { return a.partition < b.partition; });
}

template <class Topic>
TopicDescription describe_topic(const Topic& topic) {
  TopicDescription out{.name = topic.name.value_or(""),
                       .id = topic.topic_id,
                       .is_internal = topic.is_internal,
                       .partitions = {},
                       .authorized_operations = topic.topic_authorized_operations};
  for (const auto& partition : topic.partitions) out.partitions.push_back(describe(partition));
  return out;
}

// A topic that spans pages comes in pieces.
void add_page(const wire::DescribeTopicPartitionsResponse& page, Each<std::string, TopicDescription>& each) {
  for (const auto& topic : page.topics) {
    if (!topic.name) continue;
    auto fine = outcome_of(topic.error_code);
    if (!fine) {
      each.insert_or_assign(*topic.name, failed(fine));
      continue;
    }
    TopicDescription piece = describe_topic(topic);
    for (std::size_t i = 0; i < piece.partitions.size(); ++i) {
      piece.partitions[i].eligible = topic.partitions[i].eligible_leader_replicas;
      piece.partitions[i].last_known_eligible = topic.partitions[i].last_known_elr;
    }
    const auto [at, fresh] = each.try_emplace(*topic.name, std::move(piece));
    if (fresh || !at->second) continue;
    auto& partitions = at->second->partitions;
    partitions.insert(partitions.end(), std::make_move_iterator(piece.partitions.begin()),
                      std::make_move_iterator(piece.partitions.end()));
  }
}

bool moves_on(const std::optional<wire::TopicPartitionsCursor>& from, const wire::TopicPartitionsCursor& to) {
  return !from || to.topic_name > from->topic_name ||
         (to.topic_name == from->topic_name && to.partition_index > from->partition_index);
}

Task<Each<std::string, TopicDescription>> ask_pages(Cluster& cluster, std::int32_t broker,
                                                    std::vector<std::string> names, Duration time) {
  Each<std::string, TopicDescription> each;
  std::optional<wire::TopicPartitionsCursor> cursor;
  for (;;) {
    wire::DescribeTopicPartitionsRequest request;
    for (const std::string& name : names)
      if (!cursor || name >= cursor->topic_name) request.topics.push_back({.name = name});
    request.cursor = cursor;
    auto answer = co_await cluster.ask<wire::DescribeTopicPartitionsResponse>(broker, std::move(request), time);
    if (!answer) co_return all_failed<TopicDescription>(names, answer.error());
    add_page(answer->message, each);
    const auto& next = answer->message.next_cursor;
    if (!next) break;
    if (!moves_on(cursor, *next))
      co_return all_failed<TopicDescription>(
          names, Failure{ErrorCode::unknown_server_error, "the broker's pages of topics do not move on"});
    cursor = next;
  }
  for (auto& [name, topic] : each)
    if (topic) sort_partitions(*topic);
  co_return each;
}

Task<Outcome<std::vector<TopicDescription>>> ask_metadata(Cluster& cluster, std::int32_t broker,
                                                          std::optional<std::vector<std::string>> names,
                                                          Each<std::string, TopicDescription>* each, Duration time) {
  wire::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  request.topics.reset();
  if (names) request.topics.emplace();
  for (std::size_t i = 0; names && i < names->size(); ++i) request.topics->push_back({.name = (*names)[i]});
  auto answer = co_await cluster.ask<wire::MetadataResponse>(broker, std::move(request), time);
  if (!answer) co_return failed(answer);
  std::vector<TopicDescription> all;
  for (const auto& topic : answer->message.topics) {
    auto fine = outcome_of(topic.error_code);
    if (fine) sort_partitions(all.emplace_back(describe_topic(topic)));
    if (!each || !topic.name) continue;
    each->insert_or_assign(*topic.name, fine ? Outcome<TopicDescription>(all.back()) : failed(fine));
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  co_return all;
}

Task<Each<std::string, TopicDescription>> ask_topics(Cluster& cluster, std::int32_t broker,
                                                     std::vector<std::string> names, Duration time) {
  auto paged = co_await cluster.version_of(broker, wire::DescribeTopicPartitionsRequest::api);
  if (!paged && paged.error().code != ErrorCode::unsupported_version)
    co_return all_failed<TopicDescription>(names, paged.error());
  if (paged) {
    auto each = co_await ask_pages(cluster, broker, std::move(names), time);
    co_return each;
  }
  Each<std::string, TopicDescription> each;
  auto all = co_await ask_metadata(cluster, broker, names, &each, time);
  if (!all) co_return all_failed<TopicDescription>(names, all.error());
  co_return each;
}

Task<Each<std::int32_t, std::vector<TopicDescription>>> ask_all_topics(Cluster& cluster, std::int32_t broker,
                                                                       Duration time) {
  Each<std::int32_t, std::vector<TopicDescription>> each;
  auto all = co_await ask_metadata(cluster, broker, std::nullopt, nullptr, time);
  each.emplace(0, std::move(all));
  co_return each;
}

}  // namespace

Task<Each<std::string, CreatedTopic>> Admin::create_topics(std::vector<NewTopic> topics, bool validate_only) {
  NewTopics wanted;
  for (NewTopic& topic : topics) {
    const std::string name = topic.name;
    wanted.emplace(name, std::move(topic));
  }
  auto ask = [&](std::int32_t broker, std::vector<std::string> names, Duration time) {
    return ask_create(cluster_, broker, std::move(names), wanted, validate_only, time);
  };
  admin::AtController<std::string> controller(cluster_);
  auto each = co_await admin::rounds<CreatedTopic>(cluster_, options_, keys_of(wanted), controller, ask);
  co_return each;
}

Task<Each<std::string>> Admin::delete_topics(std::vector<std::string> topics) {
  auto ask = [&](std::int32_t broker, std::vector<std::string> names, Duration time) {
    return ask_delete(cluster_, broker, std::move(names), time);
  };
  admin::AtController<std::string> controller(cluster_);
  auto each = co_await admin::rounds<void>(cluster_, options_, std::move(topics), controller, ask);
  co_return each;
}

Task<Each<Uuid>> Admin::delete_topics_by_id(std::vector<Uuid> topics) {
  auto ask = [&](std::int32_t broker, std::vector<Uuid> ids, Duration time) {
    return ask_delete_ids(cluster_, broker, std::move(ids), time);
  };
  admin::AtController<Uuid> controller(cluster_);
  auto each = co_await admin::rounds<void>(cluster_, options_, std::move(topics), controller, ask);
  co_return each;
}

Task<Each<std::string>> Admin::create_partitions(std::map<std::string, MorePartitions> topics, bool validate_only) {
  auto ask = [&](std::int32_t broker, std::vector<std::string> names, Duration time) {
    return ask_grow(cluster_, broker, std::move(names), topics, validate_only, time);
  };
  admin::AtController<std::string> controller(cluster_);
  auto each = co_await admin::rounds<void>(cluster_, options_, keys_of(topics), controller, ask);
  co_return each;
}

Task<Each<std::string, TopicDescription>> Admin::describe_topics(std::vector<std::string> topics) {
  auto ask = [&](std::int32_t broker, std::vector<std::string> names, Duration time) {
    return ask_topics(cluster_, broker, std::move(names), time);
  };
  admin::AtAnyBroker<std::string> anywhere(cluster_);
  auto each = co_await admin::rounds<TopicDescription>(cluster_, options_, std::move(topics), anywhere, ask);
  co_return each;
}

Task<Outcome<std::vector<TopicDescription>>> Admin::describe_all_topics() {
  auto ask = [&](std::int32_t broker, std::vector<std::int32_t>, Duration time) {
    return ask_all_topics(cluster_, broker, time);
  };
  admin::AtAnyBroker<std::int32_t> anywhere(cluster_);
  std::vector<std::int32_t> one(1, 0);
  auto each = co_await admin::rounds<std::vector<TopicDescription>>(cluster_, options_, std::move(one), anywhere, ask);
  co_return admin::only(std::move(each));
}

Task<Outcome<std::vector<TopicListing>>> Admin::list_topics() {
  auto all = co_await describe_all_topics();
  if (!all) co_return failed(all);
  std::vector<TopicListing> listings;
  for (TopicDescription& topic : *all) {
    std::size_t replicas = 0;
    for (const auto& partition : topic.partitions) replicas = std::max(replicas, partition.replicas.size());
    listings.push_back({.name = std::move(topic.name),
                        .id = topic.id,
                        .is_internal = topic.is_internal,
                        .partitions = static_cast<std::int32_t>(topic.partitions.size()),
                        .replication_factor = static_cast<std::int32_t>(replicas)});
  }
  co_return listings;
}

}  // namespace holdfast::client
