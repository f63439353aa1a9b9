#include "client/admin_call.h"
#include "wire/kafka/offsets.h"
#include "wire/kafka/transaction_admin.h"

namespace holdfast::client {
namespace {

using admin::all_failed;
using admin::by_topic;
using admin::keys_of;
using admin::outcome_of;
using admin::to_ms;
using wire::ErrorCode;

// The version in which a broker first understands what a timestamp below zero means.
std::int16_t version_needed(OffsetSpec spec) {
  if (spec.timestamp == OffsetSpec::max_timestamp().timestamp) return 7;
  if (spec.timestamp == OffsetSpec::earliest_local().timestamp) return 8;
  if (spec.timestamp == OffsetSpec::latest_tiered().timestamp) return 9;
  return 1;
}

using Specs = std::map<TopicPartition, OffsetSpec>;

Task<Each<TopicPartition, ListedOffset>> ask_list(Cluster& cluster, std::int32_t broker,
                                                  std::vector<TopicPartition> partitions, const Specs& specs,
                                                  IsolationLevel isolation, Duration time) {
  using Topic = wire::ListOffsetsRequest::Topic;
  auto version = co_await cluster.version_of(broker, wire::ListOffsetsRequest::api);
  if (!version) co_return all_failed<ListedOffset>(partitions, version.error());
  Each<TopicPartition, ListedOffset> each;
  for (const TopicPartition& p : partitions)
    if (version_needed(specs.at(p)) > *version)
      each.emplace(p, failed(ErrorCode::unsupported_version, "the broker does not know offsets of this kind"));
  std::erase_if(partitions, [&](const TopicPartition& p) { return each.contains(p); });
  if (partitions.empty()) co_return each;

  wire::ListOffsetsRequest request;
  request.replica_id = admin::consumer_replica_id;
  request.isolation_level = static_cast<std::int8_t>(isolation);
  request.timeout_ms = to_ms(time);
  request.topics = by_topic<Topic>(partitions, &Topic::name, [&](Topic& topic, const TopicPartition& p) {
    topic.partitions.push_back({.partition_index = p.partition, .timestamp = specs.at(p).timestamp});
  });
  auto answer = co_await cluster.ask<wire::ListOffsetsResponse>(broker, std::move(request), time);
  if (!answer) {
    each.merge(all_failed<ListedOffset>(partitions, answer.error()));
    co_return each;
  }
  for (const auto& topic : answer->message.topics)
    for (const auto& partition : topic.partitions) {
      auto fine = outcome_of(partition.error_code);
      const ListedOffset listed{
          .offset = partition.offset, .timestamp = partition.timestamp, .leader_epoch = partition.leader_epoch};
      each.emplace(TopicPartition{topic.name, partition.partition_index},
                   fine ? Outcome<ListedOffset>(listed) : failed(fine));
    }
  co_return each;
}

using Starts = std::map<TopicPartition, std::int64_t>;

Task<Each<TopicPartition, std::int64_t>> ask_trim(Cluster& cluster, std::int32_t broker,
                                                  std::vector<TopicPartition> partitions, const Starts& before,
                                                  Duration time) {
  using Topic = wire::DeleteRecordsRequest::Topic;
  wire::DeleteRecordsRequest request;
  request.timeout_ms = to_ms(time);
  request.topics = by_topic<Topic>(partitions, &Topic::name, [&](Topic& topic, const TopicPartition& p) {
    topic.partitions.push_back({.partition_index = p.partition, .offset = before.at(p)});
  });
  auto answer = co_await cluster.ask<wire::DeleteRecordsResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<std::int64_t>(partitions, answer.error());
  Each<TopicPartition, std::int64_t> each;
  for (const auto& topic : answer->message.topics)
    for (const auto& partition : topic.partitions) {
      auto fine = outcome_of(partition.error_code);
      each.emplace(TopicPartition{topic.name, partition.partition_index},
                   fine ? Outcome<std::int64_t>(partition.low_watermark) : failed(fine));
    }
  co_return each;
}

using Epochs = std::map<TopicPartition, std::int32_t>;

Task<Each<TopicPartition, EpochEnd>> ask_epochs(Cluster& cluster, std::int32_t broker,
                                                std::vector<TopicPartition> partitions, const Epochs& epochs,
                                                Duration time) {
  using Topic = wire::OffsetForLeaderEpochRequest::Topic;
  wire::OffsetForLeaderEpochRequest request;
  request.replica_id = admin::consumer_replica_id;
  request.topics = by_topic<Topic>(partitions, &Topic::topic, [&](Topic& topic, const TopicPartition& p) {
    topic.partitions.push_back({.partition = p.partition, .leader_epoch = epochs.at(p)});
  });
  auto answer = co_await cluster.ask<wire::OffsetForLeaderEpochResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<EpochEnd>(partitions, answer.error());
  Each<TopicPartition, EpochEnd> each;
  for (const auto& topic : answer->message.topics)
    for (const auto& partition : topic.partitions) {
      auto fine = outcome_of(partition.error_code);
      const EpochEnd end{.leader_epoch = partition.leader_epoch, .end_offset = partition.end_offset};
      each.emplace(TopicPartition{topic.topic, partition.partition}, fine ? Outcome<EpochEnd>(end) : failed(fine));
    }
  co_return each;
}

std::vector<ProducerState> from_wire(const std::vector<wire::DescribeProducersResponse::Producer>& producers) {
  std::vector<ProducerState> states;
  for (const auto& producer : producers)
    states.push_back({.producer_id = producer.producer_id,
                      .epoch = producer.producer_epoch,
                      .last_sequence = producer.last_sequence,
                      .last_timestamp = producer.last_timestamp,
                      .coordinator_epoch = producer.coordinator_epoch,
                      .transaction_start_offset = producer.current_txn_start_offset});
  return states;
}

Task<Each<TopicPartition, std::vector<ProducerState>>> ask_producers(Cluster& cluster, std::int32_t broker,
                                                                     std::vector<TopicPartition> partitions,
                                                                     Duration time) {
  using Topic = wire::DescribeProducersRequest::Topic;
  wire::DescribeProducersRequest request;
  request.topics = by_topic<Topic>(partitions, &Topic::name, [](Topic& topic, const TopicPartition& p) {
    topic.partition_indexes.push_back(p.partition);
  });
  auto answer = co_await cluster.ask<wire::DescribeProducersResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<std::vector<ProducerState>>(partitions, answer.error());
  Each<TopicPartition, std::vector<ProducerState>> each;
  for (const auto& topic : answer->message.topics)
    for (const auto& partition : topic.partitions) {
      auto fine = outcome_of(partition.error_code, partition.error_message);
      each.emplace(TopicPartition{topic.name, partition.partition_index},
                   fine ? Outcome<std::vector<ProducerState>>(from_wire(partition.active_producers)) : failed(fine));
    }
  co_return each;
}

}  // namespace

Task<Each<TopicPartition, ListedOffset>> Admin::list_offsets(Specs specs, IsolationLevel isolation) {
  auto ask = [&](std::int32_t broker, std::vector<TopicPartition> partitions, Duration time) {
    return ask_list(cluster_, broker, std::move(partitions), specs, isolation, time);
  };
  admin::AtLeader leader(cluster_);
  auto each = co_await admin::rounds<ListedOffset>(cluster_, options_, keys_of(specs), leader, ask);
  co_return each;
}

Task<Each<TopicPartition, std::int64_t>> Admin::delete_records(Starts before) {
  auto ask = [&](std::int32_t broker, std::vector<TopicPartition> partitions, Duration time) {
    return ask_trim(cluster_, broker, std::move(partitions), before, time);
  };
  admin::AtLeader leader(cluster_);
  auto each = co_await admin::rounds<std::int64_t>(cluster_, options_, keys_of(before), leader, ask);
  co_return each;
}

Task<Each<TopicPartition, EpochEnd>> Admin::offsets_for_leader_epochs(Epochs epochs) {
  auto ask = [&](std::int32_t broker, std::vector<TopicPartition> partitions, Duration time) {
    return ask_epochs(cluster_, broker, std::move(partitions), epochs, time);
  };
  admin::AtLeader leader(cluster_);
  auto each = co_await admin::rounds<EpochEnd>(cluster_, options_, keys_of(epochs), leader, ask);
  co_return each;
}

Task<Each<TopicPartition, std::vector<ProducerState>>> Admin::describe_producers(
    std::vector<TopicPartition> partitions) {
  auto ask = [&](std::int32_t broker, std::vector<TopicPartition> theirs, Duration time) {
    return ask_producers(cluster_, broker, std::move(theirs), time);
  };
  admin::AtLeader leader(cluster_);
  auto each =
      co_await admin::rounds<std::vector<ProducerState>>(cluster_, options_, std::move(partitions), leader, ask);
  co_return each;
}

Task<Each<TopicPartition, std::vector<ProducerState>>> Admin::describe_producers_at(
    std::int32_t broker, std::vector<TopicPartition> partitions) {
  auto ask = [&](std::int32_t at, std::vector<TopicPartition> theirs, Duration time) {
    return ask_producers(cluster_, at, std::move(theirs), time);
  };
  auto of = [broker](const TopicPartition&) { return broker; };
  admin::At<TopicPartition, decltype(of)> there(of);
  auto each = co_await admin::rounds<std::vector<ProducerState>>(cluster_, options_, std::move(partitions), there, ask);
  co_return each;
}

}  // namespace holdfast::client
