// What a broker answers to Produce, Fetch, ListOffsets and OffsetForLeaderEpoch where it does not simply serve them:
// other leader epochs, offsets outside the log, partitions that are elsewhere or whose log directory has failed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/lone_broker.h"

namespace holdfast::test {
namespace {

using wire::ErrorCode;

class Answers : public testing::Test {
 protected:
  ErrorCode produce(const Uuid& topic, std::int16_t acks = 1, std::optional<std::int32_t> sequence = std::nullopt) {
    wire::ProduceRequest request;
    request.acks = acks;
    request.timeout_ms = 1000;
    auto& of_topic = request.topic_data.emplace_back();
    of_topic.topic_id = topic;
    wire::BatchBuilder::Options options;
    if (sequence) {
      options.producer_id = 7;
      options.producer_epoch = 0;
      options.base_sequence = *sequence;
    }
    wire::BatchBuilder builder(options);
    builder.append(1000, std::nullopt, as_bytes("value"));
    const auto records = builder.finish();
    of_topic.partition_data.push_back({0, wire::Records(ByteView(records))});
    const auto response = world_.ask<wire::ProduceResponse>(request, 13);
    return static_cast<ErrorCode>(response.responses.at(0).partition_responses.at(0).error_code);
  }
  ErrorCode fetch(const Uuid& topic, std::int64_t offset, std::int32_t epoch = -1, std::int32_t replica = -1) {
    last_ = world_.fetch(topic, {.current_leader_epoch = epoch, .fetch_offset = offset}, replica);
    return static_cast<ErrorCode>(last_.error_code);
  }
  ErrorCode list_offsets(const std::string& topic, std::int32_t epoch = -1, std::int64_t timestamp = -1,
                         std::int16_t version = 7) {
    wire::ListOffsetsRequest request;
    request.replica_id = -1;  // a consumer
    auto& of_topic = request.topics.emplace_back();
    of_topic.name = topic;
    of_topic.partitions.push_back({.partition_index = 0, .current_leader_epoch = epoch, .timestamp = timestamp});
    const auto response = world_.ask<wire::ListOffsetsResponse>(request, version);
    return static_cast<ErrorCode>(response.topics.at(0).partitions.at(0).error_code);
  }
  ErrorCode epoch_end(const std::string& topic, std::int32_t epoch = -1) {
    wire::OffsetForLeaderEpochRequest request;
    auto& of_topic = request.topics.emplace_back();
    of_topic.topic = topic;
    of_topic.partitions.push_back({.partition = 0, .current_leader_epoch = epoch, .leader_epoch = 0});
    const auto response = world_.ask<wire::OffsetForLeaderEpochResponse>(request, 4);
    return static_cast<ErrorCode>(response.topics.at(0).partitions.at(0).error_code);
  }
  ErrorCode delete_before(const std::string& topic, std::int64_t offset) {
    wire::DeleteRecordsRequest request;
    request.timeout_ms = 500;
    auto& of_topic = request.topics.emplace_back();
    of_topic.name = topic;
    of_topic.partitions.push_back({.partition_index = 0, .offset = offset});
    const auto response = world_.ask<wire::DeleteRecordsResponse>(request, 2);
    return static_cast<ErrorCode>(response.topics.at(0).partitions.at(0).error_code);
  }

  LoneBroker world_;
  wire::FetchResponse::Partition last_;
};

TEST_F(Answers, OtherLeaderEpochsAreOldOrUnknown) {
  const Uuid topic = world_.create_topic("t", {1, 2});
  world_.change_state("t", [](znodes::PartitionState& state) { state.leader_epoch = 5; });
  EXPECT_EQ(fetch(topic, 0, 4), ErrorCode::fenced_leader_epoch);
  EXPECT_EQ(last_.current_leader.leader_epoch, 5) << "who leads now comes with it (KIP-951)";
  EXPECT_EQ(fetch(topic, 0, 6), ErrorCode::unknown_leader_epoch);
  EXPECT_EQ(fetch(topic, 0, 5), ErrorCode::none);
  EXPECT_EQ(fetch(topic, 0), ErrorCode::none);
  EXPECT_EQ(list_offsets("t", 4), ErrorCode::fenced_leader_epoch);
  EXPECT_EQ(list_offsets("t", 6), ErrorCode::unknown_leader_epoch);
  EXPECT_EQ(epoch_end("t", 4), ErrorCode::fenced_leader_epoch);
  EXPECT_EQ(epoch_end("t", 6), ErrorCode::unknown_leader_epoch);
  EXPECT_EQ(epoch_end("t", 5), ErrorCode::none);
}

TEST_F(Answers, OffsetsOutsideTheLog) {
  const Uuid topic = world_.create_topic("t", {1, 2});
  for (int i = 0; i < 4; ++i) ASSERT_EQ(produce(topic), ErrorCode::none);
  ASSERT_TRUE(world_.loop().run(world_.partition(topic)->log().advance_start(Offset(2))));
  EXPECT_EQ(fetch(topic, 1), ErrorCode::offset_out_of_range);
  EXPECT_EQ(last_.log_start_offset, -1);
  EXPECT_EQ(fetch(topic, 5), ErrorCode::offset_out_of_range);
  EXPECT_EQ(fetch(topic, 4), ErrorCode::none);
  EXPECT_EQ(fetch(topic, 1, 0, 2), ErrorCode::offset_out_of_range);
  EXPECT_EQ(last_.log_start_offset, 2) << "a follower may begin anew there";
}

// KIP-207: its predecessor may have shown more than it can, until its followers have told how far they are.
TEST_F(Answers, ANewLeaderDoesNotKnowTheEndYet) {
  const Uuid topic = world_.create_topic("t", {1, 2});
  world_.change_state("t", [](znodes::PartitionState& state) { state.isr = {1, 2}; });
  ASSERT_EQ(produce(topic), ErrorCode::none);
  world_.change_state("t", [](znodes::PartitionState& state) { state.leader_epoch = 5; });
  const Partition& led = *world_.partition(topic);
  ASSERT_EQ(led.log().end_offset(), Offset(1));
  ASSERT_EQ(led.high_watermark(), Offset(0));
  constexpr std::int64_t latest = -1, earliest = -2, some_time = 1;
  EXPECT_EQ(list_offsets("t", 5, latest), ErrorCode::offset_not_available);
  EXPECT_EQ(list_offsets("t", -1, latest, 4), ErrorCode::leader_not_available) << "what older clients understand";
  EXPECT_EQ(list_offsets("t", 5, some_time), ErrorCode::offset_not_available);
  EXPECT_EQ(list_offsets("t", 5, earliest), ErrorCode::none);
  EXPECT_EQ(fetch(topic, 1, 5), ErrorCode::none) << "nothing to read yet, and nothing wrong";
  last_ = world_.fetch(topic, {.current_leader_epoch = 5, .fetch_offset = 1, .last_fetched_epoch = 0}, 2);
  wire::ReplicaReport report;
  report.replica_id = 2;
  report.replica_epoch = world_.epoch_of(2);
  report.topics.push_back({topic, {{.partition = 0, .leader_epoch = 5, .durable_offset = 1}}});
  world_.tell(report);
  EXPECT_EQ(list_offsets("t", 5, latest), ErrorCode::none);
}

// Whoever is in sync may lead next, and must not have the records again.
TEST_F(Answers, WhatIsDeletedIsGoneEverywhereBeforeItIsAnswered) {
  const Uuid topic = world_.create_topic("t", {1, 2});
  for (int i = 0; i < 3; ++i) ASSERT_EQ(produce(topic), ErrorCode::none);
  const auto follow = [&](std::int64_t begins_at) {
    last_ = world_.fetch(
        topic, {.current_leader_epoch = 0, .fetch_offset = 3, .last_fetched_epoch = 0, .log_start_offset = begins_at},
        2);
  };
  follow(0);
  wire::ReplicaReport report;
  report.replica_id = 2;
  report.replica_epoch = world_.epoch_of(2);
  report.topics.push_back({topic, {{.partition = 0, .leader_epoch = 0, .durable_offset = 3}}});
  world_.tell(report);
  ASSERT_EQ(world_.partition(topic)->high_watermark(), Offset(3));
  EXPECT_EQ(delete_before("t", 2), ErrorCode::request_timed_out);
  follow(2);
  EXPECT_EQ(last_.log_start_offset, 2);
  EXPECT_EQ(delete_before("t", 2), ErrorCode::none);
}

TEST_F(Answers, AFollowerIsShownWhereItParted) {
  const Uuid topic = world_.create_topic("t", {1, 2});
  ASSERT_EQ(produce(topic), ErrorCode::none);
  world_.change_state("t", [](znodes::PartitionState& state) { state.leader_epoch = 5; });
  ASSERT_EQ(produce(topic), ErrorCode::none);
  // It has a second record of epoch 0, of which the leader has one.
  last_ = world_.fetch(topic, {.current_leader_epoch = 5, .fetch_offset = 2, .last_fetched_epoch = 0}, 2);
  EXPECT_EQ(last_.error_code, 0);
  EXPECT_EQ(last_.diverging_epoch.epoch, 0);
  EXPECT_EQ(last_.diverging_epoch.end_offset, 1);
  last_ = world_.fetch(topic, {.current_leader_epoch = 5, .fetch_offset = 1, .last_fetched_epoch = 0}, 2);
  EXPECT_EQ(last_.diverging_epoch.epoch, -1);
  // It has as many, but of a leader whose records are nowhere else (KIP-279).
  last_ = world_.fetch(topic, {.current_leader_epoch = 5, .fetch_offset = 1, .last_fetched_epoch = 3}, 2);
  EXPECT_EQ(last_.diverging_epoch.epoch, 0);
  EXPECT_EQ(last_.diverging_epoch.end_offset, 1);
}

// What a producer sends behind a batch that was refused comes too early: the producer sends all of it again.
TEST_F(Answers, WhatFollowsARefusedBatchIsRefused) {
  const Uuid topic = world_.create_topic("t", {1});
  world_.broker().set_fenced(true);
  EXPECT_EQ(produce(topic, 1, 0), ErrorCode::not_leader_or_follower);
  world_.broker().set_fenced(false);
  EXPECT_EQ(produce(topic, 1, 1), ErrorCode::out_of_order_sequence_number);
  EXPECT_EQ(produce(topic, 1, 0), ErrorCode::none);
  EXPECT_EQ(produce(topic, 1, 1), ErrorCode::none);
}

TEST_F(Answers, AReplicaThatIsNoneIsToldWhoLeads) {
  const Uuid topic = world_.create_topic("t", {1});
  EXPECT_EQ(fetch(topic, 0, -1, 2), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(last_.current_leader.leader_id, 1);
  EXPECT_EQ(last_.current_leader.leader_epoch, 0);
}

TEST_F(Answers, APartitionThatIsLedElsewhere) {
  const Uuid topic = world_.create_topic("t", {2, 1});
  EXPECT_EQ(produce(topic), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(list_offsets("t"), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(epoch_end("t"), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(fetch(topic, 0), ErrorCode::none) << "a follower answers consumers (KIP-392)";
  EXPECT_EQ(fetch(topic, 0, -1, 2), ErrorCode::not_leader_or_follower);
  const Uuid not_here = world_.create_topic("u", {2});
  EXPECT_EQ(produce(not_here), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(fetch(not_here, 0), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(list_offsets("u"), ErrorCode::not_leader_or_follower);
}

// Its directory could not be read at the start: there is no log to ask.
TEST_F(Answers, APartitionThatIsOfflineWithoutAnOpenLog) {
  const Uuid topic = world_.create_topic("t", {2});
  world_.register_offline(topic);
  EXPECT_EQ(produce(topic), ErrorCode::kafka_storage_error);
  EXPECT_EQ(produce(topic, -1), ErrorCode::kafka_storage_error);
  EXPECT_EQ(fetch(topic, 0), ErrorCode::kafka_storage_error);
  EXPECT_EQ(list_offsets("t"), ErrorCode::kafka_storage_error);
  EXPECT_EQ(epoch_end("t"), ErrorCode::kafka_storage_error);
}

}  // namespace
}  // namespace holdfast::test
