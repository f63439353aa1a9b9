#include <algorithm>

#include "client/admin_call.h"
#include "wire/kafka/api.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/log_dirs.h"
#include "wire/kafka/metadata.h"
#include "wire/kafka/topics.h"

namespace holdfast::client {
namespace {

using admin::all_failed;
using admin::by_topic;
using admin::keys_of;
using admin::outcome_of;
using admin::to_ms;
using wire::ErrorCode;

// The one item of a call about the cluster as a whole.
using TheCluster = std::int32_t;
std::vector<TheCluster> the_cluster() { return std::vector<TheCluster>(1, 0); }

template <class T>
Each<TheCluster, T> about_it(Outcome<T> outcome) {
  Each<TheCluster, T> each;
  each.emplace(0, std::move(outcome));
  return each;
}

template <class Topic>
void add_partition(Topic& topic, const TopicPartition& p) {
  topic.partitions.push_back(p.partition);
}

// --- Brokers

ClusterDescription from_wire(const wire::DescribeClusterResponse& answer) {
  ClusterDescription cluster{.cluster_id = answer.cluster_id,
                             .controller = answer.controller_id,
                             .brokers = {},
                             .authorized_operations = answer.cluster_authorized_operations};
  for (const auto& broker : answer.brokers)
    cluster.brokers.push_back({.id = broker.broker_id,
                               .endpoint = {.host = broker.host, .port = static_cast<std::uint16_t>(broker.port)},
                               .rack = broker.rack,
                               .fenced = broker.is_fenced});
  return cluster;
}

ClusterDescription from_wire(const wire::MetadataResponse& answer) {
  ClusterDescription cluster{.cluster_id = answer.cluster_id.value_or(""),
                             .controller = answer.controller_id,
                             .brokers = {},
                             .authorized_operations = answer.cluster_authorized_operations};
  for (const auto& broker : answer.brokers)
    cluster.brokers.push_back({.id = broker.node_id,
                               .endpoint = {.host = broker.host, .port = static_cast<std::uint16_t>(broker.port)},
                               .rack = broker.rack});
  return cluster;
}

Task<Each<TheCluster, ClusterDescription>> ask_cluster(Cluster& cluster, std::int32_t broker, bool include_fenced,
                                                       bool include_operations, Duration time) {
  wire::DescribeClusterRequest request;
  request.include_cluster_authorized_operations = include_operations;
  request.include_fenced_brokers = include_fenced;
  auto answer = co_await cluster.ask<wire::DescribeClusterResponse>(broker, std::move(request), time);
  Outcome<ClusterDescription> outcome;
  if (answer) {
    auto fine = outcome_of(answer->message.error_code, answer->message.error_message);
    outcome = fine ? Outcome<ClusterDescription>(from_wire(answer->message)) : failed(fine);
  } else if (answer.error().code == ErrorCode::unsupported_version) {
    // Before KIP-700 Metadata told it.
    wire::MetadataRequest old;
    old.topics.emplace();
    old.allow_auto_topic_creation = false;
    old.include_cluster_authorized_operations = include_operations;
    auto metadata = co_await cluster.ask<wire::MetadataResponse>(broker, std::move(old), time);
    outcome = metadata ? Outcome<ClusterDescription>(from_wire(metadata->message)) : failed(metadata);
  } else {
    outcome = failed(answer);
  }
  if (outcome)
    std::sort(outcome->brokers.begin(), outcome->brokers.end(),
              [](const auto& a, const auto& b) { return a.id < b.id; });
  co_return about_it(std::move(outcome));
}

Task<Each<TheCluster, std::vector<ApiSupport>>> ask_apis(Cluster& cluster, std::int32_t broker, Duration time) {
  wire::ApiVersionsRequest request;
  request.client_software_name = "holdfast";
  request.client_software_version = HOLDFAST_VERSION;
  auto answer = co_await cluster.ask<wire::ApiVersionsResponse>(broker, std::move(request), time);
  if (!answer) co_return about_it<std::vector<ApiSupport>>(failed(answer));
  auto fine = outcome_of(answer->message.error_code);
  if (!fine) co_return about_it<std::vector<ApiSupport>>(failed(fine));
  std::vector<ApiSupport> apis;
  for (const auto& api : answer->message.api_keys) {
    const wire::ApiDeclaration* known = wire::api_declaration(api.api_key);
    apis.push_back({.key = api.api_key,
                    .first = api.min_version,
                    .last = api.max_version,
                    .name = std::string(known ? known->name : std::string_view())});
  }
  std::sort(apis.begin(), apis.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  co_return about_it<std::vector<ApiSupport>>(std::move(apis));
}

// --- Log directories

LogDirectory from_wire(const wire::DescribeLogDirsResponse::Dir& dir) {
  LogDirectory directory{.path = dir.log_dir,
                         .error = static_cast<ErrorCode>(dir.error_code),
                         .replicas = {},
                         .total_bytes = dir.total_bytes,
                         .usable_bytes = dir.usable_bytes,
                         .cordoned = dir.is_cordoned};
  for (const auto& topic : dir.topics)
    for (const auto& partition : topic.partitions)
      directory.replicas.insert_or_assign({topic.name, partition.partition_index},
                                          ReplicaInfo{.size_bytes = partition.partition_size,
                                                      .offset_lag = partition.offset_lag,
                                                      .is_future = partition.is_future_key});
  return directory;
}

Task<Each<std::int32_t, std::vector<LogDirectory>>> ask_log_dirs(Cluster& cluster, std::int32_t broker,
                                                                 const std::vector<TopicPartition>& partitions,
                                                                 Duration time) {
  using Topic = wire::DescribeLogDirsRequest::Topic;
  wire::DescribeLogDirsRequest request;
  request.topics.reset();
  if (!partitions.empty()) request.topics = by_topic<Topic>(partitions, &Topic::topic, add_partition<Topic>);
  auto answer = co_await cluster.ask<wire::DescribeLogDirsResponse>(broker, std::move(request), time);
  Each<std::int32_t, std::vector<LogDirectory>> each;
  if (!answer) {
    each.emplace(broker, failed(answer));
    co_return each;
  }
  auto fine = outcome_of(answer->message.error_code);
  std::vector<LogDirectory> directories;
  for (const auto& dir : answer->message.results) directories.push_back(from_wire(dir));
  each.emplace(broker, fine ? Outcome<std::vector<LogDirectory>>(std::move(directories)) : failed(fine));
  co_return each;
}

using Directories = std::map<ReplicaOf, std::string>;

Task<Each<ReplicaOf>> ask_move_dirs(Cluster& cluster, std::int32_t broker, std::vector<ReplicaOf> replicas,
                                    const Directories& directories, Duration time) {
  using Topic = wire::AlterReplicaLogDirsRequest::Topic;
  std::map<std::string, std::vector<TopicPartition>> by_path;
  for (const ReplicaOf& replica : replicas) by_path[directories.at(replica)].push_back(replica.partition);
  wire::AlterReplicaLogDirsRequest request;
  for (const auto& [path, partitions] : by_path)
    request.dirs.push_back({.path = path, .topics = by_topic<Topic>(partitions, &Topic::name, add_partition<Topic>)});
  auto answer = co_await cluster.ask<wire::AlterReplicaLogDirsResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<void>(replicas, answer.error());
  Each<ReplicaOf> each;
  for (const auto& topic : answer->message.results)
    for (const auto& partition : topic.partitions) {
      ReplicaOf replica{.partition = {topic.topic_name, partition.partition_index}, .broker = broker};
      each.emplace(std::move(replica), outcome_of(partition.error_code));
    }
  co_return each;
}

// --- Elections and reassignments

using Elected = Each<TopicPartition>;

Task<Outcome<Elected>> ask_elect(Cluster& cluster, std::int32_t broker, ElectionType type,
                                 std::optional<std::vector<TopicPartition>> partitions, Duration time) {
  using Topic = wire::ElectLeadersRequest::Topic;
  wire::ElectLeadersRequest request;
  request.election_type = static_cast<std::int8_t>(type);
  request.timeout_ms = to_ms(time);
  request.topic_partitions.reset();
  if (partitions) request.topic_partitions = by_topic<Topic>(*partitions, &Topic::topic, add_partition<Topic>);
  auto version = co_await cluster.version_of(broker, wire::ElectLeadersRequest::api);
  if (!version) co_return failed(version);
  if (*version == 0 && type != ElectionType::preferred)
    co_return failed(ErrorCode::unsupported_version, "the broker elects preferred leaders only");
  auto answer = co_await cluster.ask<wire::ElectLeadersResponse>(broker, std::move(request), time);
  if (!answer) co_return failed(answer);
  auto fine = outcome_of(answer->message.error_code);
  if (!fine) co_return failed(fine);
  Elected each;
  for (const auto& topic : answer->message.replica_election_results)
    for (const auto& partition : topic.partition_result)
      each.insert_or_assign({topic.topic, partition.partition_id},
                            outcome_of(partition.error_code, partition.error_message));
  co_return each;
}

Task<Elected> ask_elect_these(Cluster& cluster, std::int32_t broker, ElectionType type,
                              std::vector<TopicPartition> partitions, Duration time) {
  auto elected = co_await ask_elect(cluster, broker, type, partitions, time);
  if (!elected) co_return all_failed<void>(partitions, elected.error());
  co_return std::move(*elected);
}

Task<Each<TheCluster, Elected>> ask_elect_all(Cluster& cluster, std::int32_t broker, ElectionType type, Duration time) {
  auto elected = co_await ask_elect(cluster, broker, type, std::nullopt, time);
  co_return about_it(std::move(elected));
}

using Targets = std::map<TopicPartition, std::optional<std::vector<std::int32_t>>>;

Task<Each<TopicPartition>> ask_reassign(Cluster& cluster, std::int32_t broker, std::vector<TopicPartition> partitions,
                                        const Targets& targets, bool allow_change, Duration time) {
  using Topic = wire::AlterPartitionReassignmentsRequest::Topic;
  wire::AlterPartitionReassignmentsRequest request;
  request.timeout_ms = to_ms(time);
  request.allow_replication_factor_change = allow_change;
  request.topics = by_topic<Topic>(partitions, &Topic::name, [&](Topic& topic, const TopicPartition& p) {
    topic.partitions.push_back({.partition_index = p.partition, .replicas = targets.at(p)});
  });
  if (!allow_change) {
    auto version = co_await cluster.version_of(broker, wire::AlterPartitionReassignmentsRequest::api);
    if (!version) co_return all_failed<void>(partitions, version.error());
    const Failure cannot{ErrorCode::unsupported_version, "the broker cannot refuse another replication factor"};
    if (*version == 0) co_return all_failed<void>(partitions, cannot);
  }
  auto answer = co_await cluster.ask<wire::AlterPartitionReassignmentsResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<void>(partitions, answer.error());
  auto fine = outcome_of(answer->message.error_code, answer->message.error_message);
  if (!fine) co_return all_failed<void>(partitions, fine.error());
  Each<TopicPartition> each;
  for (const auto& topic : answer->message.responses)
    for (const auto& partition : topic.partitions)
      each.emplace(TopicPartition{topic.name, partition.partition_index},
                   outcome_of(partition.error_code, partition.error_message));
  co_return each;
}

using Reassignments = std::map<TopicPartition, Reassignment>;

Task<Each<TheCluster, Reassignments>> ask_reassignments(Cluster& cluster, std::int32_t broker,
                                                        const std::optional<std::vector<TopicPartition>>& partitions,
                                                        Duration time) {
  using Topic = wire::ListPartitionReassignmentsRequest::Topic;
  wire::ListPartitionReassignmentsRequest request;
  request.timeout_ms = to_ms(time);
  if (partitions)
    request.topics = by_topic<Topic>(*partitions, &Topic::name, [](Topic& topic, const TopicPartition& p) {
      topic.partition_indexes.push_back(p.partition);
    });
  auto answer = co_await cluster.ask<wire::ListPartitionReassignmentsResponse>(broker, std::move(request), time);
  if (!answer) co_return about_it<Reassignments>(failed(answer));
  auto fine = outcome_of(answer->message.error_code, answer->message.error_message);
  if (!fine) co_return about_it<Reassignments>(failed(fine));
  Reassignments all;
  for (const auto& topic : answer->message.topics)
    for (const auto& partition : topic.partitions)
      all.insert_or_assign({topic.name, partition.partition_index},
                           Reassignment{.replicas = partition.replicas,
                                        .adding = partition.adding_replicas,
                                        .removing = partition.removing_replicas});
  co_return about_it<Reassignments>(std::move(all));
}

std::int32_t broker_of(const ReplicaOf& replica) { return replica.broker; }

}  // namespace

Task<Outcome<ClusterDescription>> Admin::describe_cluster(bool include_fenced, bool include_operations) {
  auto ask = [&](std::int32_t broker, std::vector<TheCluster>, Duration time) {
    return ask_cluster(cluster_, broker, include_fenced, include_operations, time);
  };
  admin::AtAnyBroker<TheCluster> anywhere(cluster_);
  auto each = co_await admin::rounds<ClusterDescription>(cluster_, options_, the_cluster(), anywhere, ask);
  co_return admin::only(std::move(each));
}

Task<Outcome<std::vector<ApiSupport>>> Admin::describe_apis(std::int32_t broker) {
  auto ask = [&](std::int32_t at, std::vector<TheCluster>, Duration time) { return ask_apis(cluster_, at, time); };
  auto of = [broker](const TheCluster&) { return broker; };
  admin::At<TheCluster, decltype(of)> there(of);
  auto each = co_await admin::rounds<std::vector<ApiSupport>>(cluster_, options_, the_cluster(), there, ask);
  co_return admin::only(std::move(each));
}

Task<Each<std::int32_t, std::vector<LogDirectory>>> Admin::describe_log_dirs(std::vector<std::int32_t> brokers,
                                                                             std::vector<TopicPartition> partitions) {
  auto ask = [&](std::int32_t broker, std::vector<std::int32_t>, Duration time) {
    return ask_log_dirs(cluster_, broker, partitions, time);
  };
  admin::At<std::int32_t, decltype(&admin::itself)> there(&admin::itself);
  auto each = co_await admin::rounds<std::vector<LogDirectory>>(cluster_, options_, std::move(brokers), there, ask);
  co_return each;
}

Task<Each<ReplicaOf>> Admin::alter_replica_log_dirs(std::map<ReplicaOf, std::string> directories) {
  auto ask = [&](std::int32_t broker, std::vector<ReplicaOf> replicas, Duration time) {
    return ask_move_dirs(cluster_, broker, std::move(replicas), directories, time);
  };
  admin::At<ReplicaOf, decltype(&broker_of)> there(&broker_of);
  auto each = co_await admin::rounds<void>(cluster_, options_, keys_of(directories), there, ask);
  co_return each;
}

Task<Outcome<Each<TopicPartition>>> Admin::elect_leaders(ElectionType type,
                                                         std::optional<std::vector<TopicPartition>> partitions) {
  if (partitions) {
    auto ask = [&](std::int32_t broker, std::vector<TopicPartition> these, Duration time) {
      return ask_elect_these(cluster_, broker, type, std::move(these), time);
    };
    admin::AtController<TopicPartition> controller(cluster_);
    auto each = co_await admin::rounds<void>(cluster_, options_, std::move(*partitions), controller, ask);
    co_return each;
  }
  auto ask = [&](std::int32_t broker, std::vector<TheCluster>, Duration time) {
    return ask_elect_all(cluster_, broker, type, time);
  };
  admin::AtController<TheCluster> controller(cluster_);
  auto each = co_await admin::rounds<Elected>(cluster_, options_, the_cluster(), controller, ask);
  co_return admin::only(std::move(each));
}

Task<Each<TopicPartition>> Admin::alter_partition_reassignments(Targets targets, bool allow_replication_factor_change) {
  auto ask = [&](std::int32_t broker, std::vector<TopicPartition> partitions, Duration time) {
    return ask_reassign(cluster_, broker, std::move(partitions), targets, allow_replication_factor_change, time);
  };
  admin::AtController<TopicPartition> controller(cluster_);
  auto each = co_await admin::rounds<void>(cluster_, options_, keys_of(targets), controller, ask);
  co_return each;
}

Task<Outcome<Reassignments>> Admin::list_partition_reassignments(
    std::optional<std::vector<TopicPartition>> partitions) {
  auto ask = [&](std::int32_t broker, std::vector<TheCluster>, Duration time) {
    return ask_reassignments(cluster_, broker, partitions, time);
  };
  admin::AtController<TheCluster> controller(cluster_);
  auto each = co_await admin::rounds<Reassignments>(cluster_, options_, the_cluster(), controller, ask);
  co_return admin::only(std::move(each));
}

}  // namespace holdfast::client
