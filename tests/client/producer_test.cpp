// The producer against scripted brokers, over the simulated network. (Deliveries that take too long:
// producer_expiry_test.)
#include "tests/client/producer_world.h"

namespace holdfast::test {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using wire::ErrorCode;
using Fault = FakeLogs::Fault;

TEST_F(ProducerTest, ARecordArrivesAsItWasGiven) {
  const std::vector<wire::RecordHeader> headers{{"h", std::vector<std::uint8_t>{1, 2}}, {"n", std::nullopt}};
  ProducerRecord record("t", "key", "value");
  record.headers = headers;
  record.timestamp = 1'234'567;
  record.tag = 9;
  auto sent = send(record);
  ASSERT_TRUE(sent) << to_string(sent.error());
  EXPECT_EQ(sent->topic, "t");
  EXPECT_EQ(sent->partition, 0);
  EXPECT_EQ(sent->offset, 0);
  EXPECT_EQ(sent->timestamp, 1'234'567);
  EXPECT_EQ(sent->tag, 9u);
  const auto& got = logs_.log("t").records.at(0);
  EXPECT_EQ(got.key, "key");
  EXPECT_EQ(got.value, "value");
  EXPECT_EQ(got.timestamp, 1'234'567);
  ASSERT_EQ(got.headers.size(), 2u);
  EXPECT_EQ(got.headers[0].key, "h");
  EXPECT_EQ(got.headers[0].value, headers[0].value);
  EXPECT_FALSE(got.headers[1].value);

  ProducerRecord nothing;
  nothing.topic = "t";
  sent = send(nothing);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->offset, 1);
  EXPECT_EQ(sent->timestamp, logs_.log("t").records.at(1).timestamp);
  EXPECT_FALSE(logs_.log("t").records.at(1).key);
  EXPECT_FALSE(logs_.log("t").records.at(1).value);
}

TEST_F(ProducerTest, RecordsGoTogetherAndAreReportedInOrder) {
  enqueue(0, 1000);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 1000));
  EXPECT_LE(logs_.requests, 3);
  ASSERT_EQ(order_.size(), 1000u);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(order_[i], i);
    EXPECT_EQ(told_.at(i).offset, static_cast<std::int64_t>(i));
    EXPECT_EQ(told_.at(i).timestamp, logs_.log("t").records[i].timestamp);
  }
  EXPECT_EQ(producer().buffered_bytes(), 0u);
}

TEST_F(ProducerTest, ABatchLeavesWhenItHasLingered) {
  options_.linger = milliseconds(300);
  enqueue(0, 1);
  const SteadyTime before = clock_.now();
  loop_.run_until([&] { return told_.size() == 1; }, seconds(5));
  EXPECT_NEAR(elapsed(before), 0.3, 0.02);
}

TEST_F(ProducerTest, AFullBatchDoesNotLinger) {
  options_.linger = seconds(60);
  options_.batch_bytes = 1000;
  enqueue(0, 100);
  loop_.run_for(seconds(1));
  EXPECT_GE(told_.size(), 80u);
  EXPECT_LT(told_.size(), 100u);
  flush();
  EXPECT_EQ(told_.size(), 100u);
  for (const auto& batch : logs_.log("t").batches) EXPECT_LE(batch.size(), 1000u);
}

TEST_F(ProducerTest, WithoutLingerABurstIsStillABatch) {
  options_.linger = Duration::zero();
  enqueue(0, 1);  // who the leader is, is known from here on
  flush();
  {
    Shard::Scope scope(loop_.shard());
    for (int i = 1; i < 100; ++i) ASSERT_TRUE(*producer().try_send({"t", std::to_string(i)}));
  }
  loop_.run_for(seconds(1));
  EXPECT_EQ(logs_.log("t").records.size(), 100u);
  EXPECT_EQ(logs_.log("t").batches.size(), 2u);
}

TEST_F(ProducerTest, EveryCodecArrives) {
  for (const auto codec :
       {wire::Codec::none, wire::Codec::gzip, wire::Codec::snappy, wire::Codec::lz4, wire::Codec::zstd}) {
    options_ = {};
    options_.codec = codec;
    told_.clear();
    logs_.logs.clear();
    enqueue(0, 500);
    flush();
    EXPECT_EQ(logs_.values("t"), numbers(0, 500));
    EXPECT_EQ(logs_.log("t").batches.at(0).codec(), codec);
    end();
  }
}

TEST_F(ProducerTest, KeysChooseThePartitionAsJavaDoes) {
  fake_.add_topic("k", {{1, 1}, {2, 1}, {3, 1}});
  for (int i = 0; i < 30; ++i) {
    const std::string key = "key-" + std::to_string(i);
    auto sent = send({"k", key, "v"});
    ASSERT_TRUE(sent) << to_string(sent.error());
    EXPECT_EQ(sent->partition, partition_of_key(as_bytes(key), 3));
  }
}

TEST_F(ProducerTest, WithoutAKeyRecordsStickToAPartitionForABatch) {
  fake_.add_topic("k", {{1, 1}, {2, 1}, {3, 1}});
  options_.batch_bytes = 1000;
  enqueue(0, 300, "k", std::nullopt);
  flush();
  std::map<std::int32_t, int> counts;
  int changes = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    ++counts[told_.at(i).partition];
    if (i > 0 && told_.at(i).partition != told_.at(i - 1).partition) ++changes;
  }
  EXPECT_EQ(counts.size(), 3u);
  EXPECT_GE(changes, 2);
  EXPECT_LE(changes, 10);
}

TEST_F(ProducerTest, PartitionsWithoutALeaderGetNothingByThemselves) {
  fake_.add_topic("k", {{-1, 1}, {2, 1}});
  options_.batch_bytes = 200;
  enqueue(0, 50, "k", std::nullopt);
  flush();
  EXPECT_EQ(logs_.values("k", 1), numbers(0, 50));
}

TEST_F(ProducerTest, APartitionThatIsNotThere) {
  ASSERT_TRUE(send({"t", "v"}));
  ProducerRecord record("t", "v");
  record.partition = 1;
  auto sent = send(record);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::unknown_topic_or_partition);
}

TEST_F(ProducerTest, AMissingTopicIsAskedForWithItsCreation) {
  options_.max_block = seconds(5);
  auto sent = send({"new", "v"});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::request_timed_out);
  EXPECT_THAT(sent.error().message, HasSubstr("new"));
  ASSERT_FALSE(fake_.asked.empty());
  EXPECT_TRUE(fake_.asked[0].allow_auto_topic_creation);
  fake_.add_topic("new", {{2, 1}});
  sent = send({"new", "v"});
  ASSERT_TRUE(sent) << to_string(sent.error());
}

TEST_F(ProducerTest, ATopicThatMayNotBeWrittenFailsAtOnce) {
  fake_.topics["t"].error = ErrorCode::topic_authorization_failed;
  fake_.topics["t"].leaders.clear();
  const SteadyTime before = clock_.now();
  auto sent = send({"t", "v"});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::topic_authorization_failed);
  EXPECT_LT(elapsed(before), 1);
}

TEST_F(ProducerTest, ALeaderThatMovedIsFollowedByItsHint) {
  ASSERT_TRUE(send({"t", "0"}));
  const std::size_t asked = fake_.asked.size();
  fake_.topics["t"].leaders = {{2, 2}};
  const SteadyTime before = clock_.now();
  ASSERT_TRUE(send({"t", "1"}));
  EXPECT_LT(elapsed(before), 0.05) << "a new leader needs no backoff";
  EXPECT_EQ(fake_.asked.size(), asked);
  EXPECT_EQ(fake_.at(2).heard(wire::ProduceRequest::api.key), 1);
  EXPECT_THAT(logs_.values("t"), ElementsAre("0", "1"));
}

TEST_F(ProducerTest, ALeaderThatMovedIsFoundByMetadata) {
  logs_.tells_leaders = false;
  ASSERT_TRUE(send({"t", "0"}));
  fake_.topics["t"].leaders = {{3, 2}};
  ASSERT_TRUE(send({"t", "1"}));
  EXPECT_THAT(logs_.values("t"), ElementsAre("0", "1"));
}

TEST_F(ProducerTest, ARefusedBatchIsSentAgainAndTheOrderKept) {
  options_.batch_bytes = 300;
  options_.linger = Duration::zero();
  enqueue(0, 1);
  flush();
  fail_request(logs_.requests + 1, Fault::refuse);
  enqueue(1, 300);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 300));
  EXPECT_TRUE(std::ranges::is_sorted(order_));
  EXPECT_EQ(logs_.log("t").producers.size(), 1u);
  EXPECT_EQ(logs_.log("t").producers.begin()->second.epoch, 0) << "nothing was lost: no new epoch";
}

// As by a broker that has not heard of a new partition yet; what is behind it comes when it has.
TEST_F(ProducerTest, NothingOvertakesTheFirstBatchOfASequence) {
  options_.batch_bytes = 300;
  logs_.takes_any_first = true;
  fail_request(1, Fault::refuse);
  enqueue(0, 200);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 200));
}

TEST_F(ProducerTest, WhatWasAppendedThoughTheReplySaysNoIsThereOnce) {
  options_.batch_bytes = 300;
  enqueue(0, 1);
  flush();
  logs_.refusal = ErrorCode::not_enough_replicas_after_append;
  fail_request(logs_.requests + 2, Fault::append_refuse);
  enqueue(1, 200);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 200));
}

TEST_F(ProducerTest, AConnectionThatEndsBeforeTheReplyDuplicatesNothing) {
  options_.batch_bytes = 300;
  fail_request(3, Fault::append_hang_up);
  enqueue(0, 200);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 200));
  for (std::uint64_t i = 0; i < 200; ++i) EXPECT_EQ(told_.at(i).offset, static_cast<std::int64_t>(i));
}

TEST_F(ProducerTest, WithoutIdempotenceTheOrderIsKeptToo) {
  options_.idempotent = false;
  options_.acks = 1;
  options_.batch_bytes = 300;
  fail_request(2, Fault::refuse);
  enqueue(0, 200);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 200));
  EXPECT_TRUE(logs_.log("t").producers.empty());
}

TEST_F(ProducerTest, WithoutAcknowledgementOffsetsAreUnknown) {
  options_.acks = 0;
  auto sent = send({"t", "v"});
  ASSERT_TRUE(sent) << to_string(sent.error());
  EXPECT_EQ(sent->offset, -1);
  loop_.run_for(seconds(1));
  EXPECT_EQ(logs_.log("t").records.size(), 1u);
  enqueue(1, 500);
  flush();
  loop_.run_for(seconds(1));
  EXPECT_EQ(logs_.log("t").records.size(), 500u);
}

// Nobody would ever answer: what is sent has to be taken, or it is not sent.
TEST_F(ProducerTest, ABrokerThatReadsNoMoreHoldsNobodyUpForEver) {
  options_.acks = 0;
  options_.delivery_timeout = seconds(40);
  ASSERT_TRUE(send({"t", "v"}));
  network_.cut("10.0.1.1", fake_.at(1).endpoint().host);
  const std::string value(100'000, 'x');
  for (std::uint64_t i = 0; i < 200; ++i) {
    client::ProducerRecord record("t", value);
    record.tag = 1 + i;
    ASSERT_TRUE(loop_.run(producer().enqueue(record)));
  }
  const SteadyTime asked = clock_.now();
  flush();
  EXPECT_LT(elapsed(asked), 60);
  EXPECT_EQ(told_.size(), 200u);
  EXPECT_NE(told_.at(199).error, ErrorCode::none);
}

TEST_F(ProducerTest, TheBrokersTimeIsReported) {
  logs_.append_time = 42'000;
  auto sent = send({"t", "v"});
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->timestamp, 42'000);
}

TEST_F(ProducerTest, NoBrokerIsThere) {
  options_.max_block = seconds(3);
  for (const std::int32_t id : {1, 2, 3}) fake_.at(id).stop_listening();
  auto sent = send({"t", "v"});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::request_timed_out);
  EXPECT_THAT(sent.error().message, HasSubstr("10.0.0.1"));
}

TEST_F(ProducerTest, AnErrorThatNoRetryMendsFailsTheBatchOnly) {
  options_.batch_bytes = 300;
  options_.linger = Duration::zero();
  enqueue(0, 1);
  flush();
  logs_.refusal = ErrorCode::invalid_record;
  fail_request(logs_.requests + 1, Fault::refuse);
  enqueue(1, 200);
  flush();
  std::vector<std::string> expected;
  int failures = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    if (told_.at(i).error == ErrorCode::none) {
      expected.push_back(std::to_string(i));
    } else {
      EXPECT_EQ(told_.at(i).error, ErrorCode::invalid_record);
      ++failures;
    }
  }
  EXPECT_GT(failures, 0);
  EXPECT_LT(failures, 50);
  EXPECT_EQ(logs_.values("t"), expected);
  EXPECT_TRUE(std::ranges::is_sorted(order_));
}

TEST_F(ProducerTest, ALogThatForgotTheProducerIsBegunAnew) {
  options_.batch_bytes = 300;
  enqueue(0, 100);
  flush();
  logs_.log("t").producers.clear();
  enqueue(100, 200);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 200));
  ASSERT_EQ(logs_.log("t").producers.size(), 1u);
  EXPECT_EQ(logs_.log("t").producers.begin()->second.epoch, 1);
}

TEST_F(ProducerTest, AfterTheLastEpochComesAnotherProducerId) {
  logs_.first_epoch = INT16_MAX;
  enqueue(0, 10);
  flush();
  logs_.log("t").producers.clear();
  logs_.first_epoch = 0;
  enqueue(10, 20);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 20));
  EXPECT_TRUE(logs_.log("t").producers.contains(1001));
}

TEST_F(ProducerTest, ABatchThatIsTooLargeIsSplit) {
  options_.batch_bytes = 8000;
  logs_.batch_bytes_max = 500;
  enqueue(0, 1000);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 1000));
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_EQ(told_.at(i).offset, static_cast<std::int64_t>(i));
  EXPECT_EQ(producer().buffered_bytes(), 0u);
  // A single record cannot be.
  const std::string large(600, 'x');
  auto sent = send({"t", large});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::message_too_large);
}

TEST_F(ProducerTest, ACompressedBatchIsSplitToo) {
  options_.codec = wire::Codec::lz4;
  options_.batch_bytes = 30'000;
  logs_.batch_bytes_max = 2'000;
  enqueue(0, 2000);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 2000));
}

TEST_F(ProducerTest, ARecordLargerThanARequestIsRefusedAtOnce) {
  options_.request_bytes_max = 10'000;
  const std::string large(10'000, 'x');
  auto sent = send({"t", large});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::message_too_large);
  EXPECT_EQ(logs_.requests, 0);
}

TEST_F(ProducerTest, MemoryIsBoundedAndWaitedFor) {
  options_.buffer_bytes = 10'000;
  options_.batch_bytes = 2'000;
  options_.linger = seconds(100);
  options_.max_block = seconds(5);
  ASSERT_TRUE(loop_.run(producer().enqueue({"t", "first"})));
  flush();
  logs_.fault = [](const std::string&, std::int32_t) { return Fault::silence; };
  const std::string value(100, 'x');
  int accepted = 0;
  {
    Shard::Scope scope(loop_.shard());
    while (*producer().try_send({"t", value})) ++accepted;
  }
  EXPECT_GT(accepted, 60);
  EXPECT_LE(producer().buffered_bytes(), 10'000u);
  const SteadyTime before = clock_.now();
  auto waited = loop_.run(producer().enqueue({"t", value}));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, ErrorCode::request_timed_out);
  EXPECT_NEAR(elapsed(before), 5, 0.1);
  logs_.fault = nullptr;
  fake_.at(1).hang_up();
  waited = loop_.run(producer().enqueue({"t", value}));
  EXPECT_TRUE(waited) << to_string(waited.error());
  flush();
  EXPECT_EQ(logs_.log("t").records.size(), static_cast<std::size_t>(accepted) + 2);
}

TEST_F(ProducerTest, WhoWaitsForMemoryMakesBatchesLeaveEarly) {
  options_.buffer_bytes = 3'000;
  options_.batch_bytes = 1 << 20;
  options_.linger = seconds(1000);
  const SteadyTime before = clock_.now();
  const std::string value(100, 'x');
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(loop_.run(producer().enqueue({"t", value})));
  EXPECT_LT(elapsed(before), 10);
}

TEST_F(ProducerTest, StoppedItReportsWhatIsLeft) {
  enqueue(0, 1);
  flush();
  logs_.fault = [](const std::string&, std::int32_t) { return Fault::refuse; };
  enqueue(1, 10);
  loop_.run(producer().stop(seconds(2)));
  ASSERT_EQ(told_.size(), 10u);
  for (std::uint64_t i = 1; i < 10; ++i) EXPECT_NE(told_.at(i).error, ErrorCode::none);
  auto sent = loop_.run(producer().send({"t", "late"}));
  EXPECT_EQ(sent.error().code, ErrorCode::network_exception);
  producer_.reset();
}

TEST_F(ProducerTest, StoppedWithARequestUnderWayItLeavesNothingBehind) {
  options_.request_timeout = seconds(5);
  enqueue(0, 1);
  flush();
  logs_.fault = [](const std::string&, std::int32_t) { return Fault::silence; };
  enqueue(1, 3);
  loop_.run(producer().stop(seconds(1)));
  producer_.reset();
  loop_.run_for(seconds(10));
  EXPECT_EQ(told_.at(1).error, ErrorCode::request_timed_out);
  EXPECT_EQ(told_.at(2).error, ErrorCode::request_timed_out);
}

TEST_F(ProducerTest, WhoIsToldOfAFailureMaySendToFurtherTopics) {
  constexpr int others = 64;
  for (int i = 0; i < others; ++i) fake_.add_topic("u" + std::to_string(i), {{1, 1}});
  for (auto& broker : fake_.brokers)
    broker->on<wire::InitProducerIdRequest, wire::InitProducerIdResponse>(
        [](const wire::InitProducerIdRequest&, std::int16_t) {
          wire::InitProducerIdResponse out;
          out.error_code = wire::to_wire(ErrorCode::cluster_authorization_failed);
          return out;
        });
  producer();
  ASSERT_TRUE(loop_.run(cluster_->refresh_all()));
  on_told_ = [&] {
    on_told_ = nullptr;
    for (int i = 0; i < others; ++i) {
      const std::string topic = "u" + std::to_string(i);
      ProducerRecord record(topic, "v");
      record.tag = static_cast<std::uint64_t>(i) + 2;
      auto sent = producer().try_send(record);
      EXPECT_TRUE(sent && *sent);
    }
  };
  enqueue(0, 1);
  ASSERT_TRUE(loop_.run_until([&] { return told_.size() == others + 1; }, seconds(10)));
  for (const auto& [_, told] : told_) EXPECT_EQ(told.error, ErrorCode::cluster_authorization_failed);
}

TEST_F(ProducerTest, OldBrokersAreSpokenToByName) {
  for (auto& broker : fake_.brokers) broker->know(wire::ProduceRequest::api.key, wire::VersionRange{3, 9});
  enqueue(0, 10);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 10));
  EXPECT_THAT(fake_.at(1).versions_heard(wire::ProduceRequest::api.key), testing::Each(9));
}

TEST_F(ProducerTest, ATopicThatWasMadeAgainIsFoundByItsNewId) {
  enqueue(0, 10);
  flush();
  logs_.logs.clear();
  fake_.topics["t"].id[0] = 77;
  fake_.topics["t"].leaders = {{2, 0}};
  enqueue(10, 20);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(10, 20));
}

TEST_F(ProducerTest, AnAnswerIsAboutTheTopicThatWasWrittenTo) {
  ASSERT_TRUE(send({"t", "first"}));
  ASSERT_TRUE(loop_.run(cluster_->ask<wire::InitProducerIdResponse>(2, wire::InitProducerIdRequest())));
  logs_.fault = [this](const std::string&, std::int32_t) {
    network_.cut(fake_.at(1).endpoint().host, "10.0.1.1");
    return Fault::none;
  };
  enqueue(0, 1);
  ASSERT_TRUE(loop_.run_until([this] { return logs_.log("t").records.size() == 2; }));
  fake_.topics["t"].id[0] = 77;
  ASSERT_TRUE(loop_.run(cluster_->refresh()));
  ASSERT_EQ(cluster_->metadata().topic("t")->id[0], 77);
  network_.heal(fake_.at(1).endpoint().host, "10.0.1.1");
  flush();
  ASSERT_TRUE(told_.contains(0));
  EXPECT_EQ(told_.at(0).error, ErrorCode::none);
}

// Whatever happens on the way: every record is there once, in its partition's order, at the offset that was reported.
TEST_F(ProducerTest, FaultsLoseReorderAndDuplicateNothing) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    const auto random = seeded_random(seed);
    fake_.topics.clear();
    fake_.add_topic("t", {{1, 1}, {2, 1}, {3, 1}});
    logs_.logs.clear();
    told_.clear();
    order_.clear();
    options_ = {};
    options_.batch_bytes = 200 + random->below(1000);
    options_.linger = milliseconds(random->below(5));
    options_.delivery_timeout = seconds(300);
    options_.in_flight_max = 1 + static_cast<int>(random->below(5));
    bool calm = false;
    logs_.fault = [&](const std::string&, std::int32_t) {
      if (calm || random->below(100) >= 20) return Fault::none;
      constexpr Fault faults[] = {Fault::refuse, Fault::append_refuse, Fault::hang_up, Fault::append_hang_up};
      constexpr ErrorCode refusals[] = {ErrorCode::not_enough_replicas, ErrorCode::request_timed_out,
                                        ErrorCode::kafka_storage_error, ErrorCode::not_leader_or_follower};
      logs_.refusal = refusals[random->below(std::size(refusals))];
      return faults[random->below(std::size(faults))];
    };
    int count = 0;
    for (int burst = 0; burst < 30; ++burst) {
      const int more = 1 + static_cast<int>(random->below(60));
      for (int i = 0; i < more; ++i, ++count) {
        const std::string value = std::to_string(count);
        ProducerRecord record("t", value);
        record.partition = static_cast<std::int32_t>(random->below(3));
        record.tag = static_cast<std::uint64_t>(count) + 1;
        ASSERT_TRUE(loop_.run(producer().enqueue(record)));
      }
      if (random->below(10) == 0) {
        auto& leader = fake_.topics["t"].leaders[random->below(3)];
        leader = {1 + static_cast<std::int32_t>(random->below(3)), leader.epoch + 1};
      }
      loop_.run_for(milliseconds(random->below(20)));
    }
    calm = true;
    flush();
    ASSERT_EQ(told_.size(), static_cast<std::size_t>(count));
    std::vector<std::map<std::int64_t, std::uint64_t>> by_offset(3);
    for (const auto& [number, told] : told_) {
      ASSERT_EQ(told.error, ErrorCode::none) << told.message;
      ASSERT_TRUE(by_offset.at(static_cast<std::size_t>(told.partition)).emplace(told.offset, number).second);
    }
    for (std::int32_t p = 0; p < 3; ++p) {
      std::vector<std::string> expected;
      std::vector<std::uint64_t> numbers;
      for (const auto& [offset, number] : by_offset[static_cast<std::size_t>(p)]) {
        EXPECT_EQ(offset, static_cast<std::int64_t>(expected.size()));
        expected.push_back(std::to_string(number));
        numbers.push_back(number);
      }
      EXPECT_EQ(logs_.values("t", p), expected);
      EXPECT_TRUE(std::ranges::is_sorted(numbers)) << "partition " << p;
    }
    end();
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace holdfast::test
