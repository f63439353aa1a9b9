// The fetcher against scripted leaders and followers, over the simulated network.
#include "client/fetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/fake_broker.h"
#include "wire/kafka/offsets.h"

namespace holdfast::test {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using wire::ErrorCode;

// Partitions with records up to an end, the same at all brokers; who answers what is the test's to change.
class Logs {
 public:
  struct Log {
    std::int64_t start = 0, end = 0;
    std::int32_t epoch = 1;                           // of all records
    std::map<std::int32_t, std::int64_t> epoch_ends;  // what OffsetForLeaderEpoch says
  };

  explicit Logs(FakeCluster& cluster) : cluster_(cluster) {
    for (const auto& broker : cluster.brokers) {
      FakeBroker& b = *broker;
      b.on<wire::FetchRequest, wire::FetchResponse>(
          [this, &b](const auto& request, std::int16_t) { return fetch(b.id(), request); });
      b.on<wire::ListOffsetsRequest, wire::ListOffsetsResponse>(
          [this](const auto& request, std::int16_t) { return list(request); });
      b.on<wire::OffsetForLeaderEpochRequest, wire::OffsetForLeaderEpochResponse>(
          [this](const auto& request, std::int16_t) { return ends(request); });
    }
  }

  std::map<TopicPartition, Log> logs;
  struct Seen {
    std::int32_t broker;
    wire::FetchRequest request;
  };
  std::vector<Seen> fetches;
  std::vector<wire::OffsetForLeaderEpochRequest> epochs_asked;
  bool keeps_sessions = true;
  ErrorCode next_session_error = ErrorCode::none;
  std::int32_t preferred = -1;                                // what leaders say where to read
  std::map<std::int32_t, ErrorCode> refuses;                  // by broker
  std::optional<wire::FetchResponse::LeaderIdAndEpoch> hint;  // with what a broker refuses

 private:
  struct Session {
    std::int32_t epoch = 0;
    std::map<std::pair<Uuid, std::int32_t>, std::int64_t> offsets;
  };
  std::string name_of(const Uuid& id) const {
    for (const auto& [name, topic] : cluster_.topics)
      if (topic.id == id) return name;
    return {};
  }

  std::optional<wire::FetchResponse> fetch(std::int32_t broker, const wire::FetchRequest& request) {
    fetches.push_back({broker, request});
    wire::FetchResponse out;
    const ErrorCode session_error = std::exchange(next_session_error, ErrorCode::none);
    if (session_error != ErrorCode::none) {
      sessions_.clear();
      out.error_code = wire::to_wire(session_error);
      return out;
    }
    const bool fresh = request.session_epoch <= 0;
    Session& session = sessions_[broker];
    if (fresh) session = {};
    EXPECT_EQ(request.session_id, fresh ? request.session_id : broker + 100);
    EXPECT_EQ(request.session_epoch, fresh ? request.session_epoch : session.epoch);
    session.epoch = std::max(request.session_epoch, 0) + 1;
    for (const auto& topic : request.topics)
      for (const auto& partition : topic.partitions)
        session.offsets[{topic.topic_id, partition.partition}] = partition.fetch_offset;
    for (const auto& topic : request.forgotten_topics_data)
      for (const std::int32_t p : topic.partitions) session.offsets.erase({topic.topic_id, p});
    out.session_id = keeps_sessions ? broker + 100 : 0;
    for (const auto& [partition, offset] : session.offsets) answer(broker, partition, offset, out);
    if (!keeps_sessions) sessions_.erase(broker);
    return out;
  }
  void answer(std::int32_t broker, const std::pair<Uuid, std::int32_t>& asked, std::int64_t offset,
              wire::FetchResponse& out) {
    const TopicPartition name{name_of(asked.first), asked.second};
    auto& topic = out.responses.emplace_back();
    topic.topic_id = asked.first;
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = name.partition;
    if (name.topic.empty()) {
      partition.error_code = wire::to_wire(ErrorCode::unknown_topic_id);
      return;
    }
    const Log& log = logs[name];
    partition.high_watermark = log.end;
    partition.records = wire::Records(ByteView());
    const auto refused = refuses.find(broker);
    if (refused != refuses.end()) {
      partition.error_code = wire::to_wire(refused->second);
      if (hint) partition.current_leader = *hint;
      return;
    }
    if (offset < log.start || offset > log.end) {
      partition.error_code = wire::to_wire(ErrorCode::offset_out_of_range);
      return;
    }
    const bool leads = cluster_.topics[name.topic].leaders[static_cast<std::size_t>(name.partition)].node == broker;
    if (leads && preferred >= 0 && preferred != broker) {
      partition.preferred_read_replica = preferred;
      return;
    }
    if (offset == log.end) return;
    wire::BatchBuilder::Options options;
    options.base_offset = offset;
    options.leader_epoch = log.epoch;
    wire::BatchBuilder batch(options);
    for (std::int64_t o = offset; o < std::min(log.end, offset + 10); ++o) batch.append(o, {}, as_bytes("v"));
    kept_.push_back(batch.finish());
    partition.records = wire::Records(ByteView(kept_.back()));
  }
  std::optional<wire::ListOffsetsResponse> list(const wire::ListOffsetsRequest& request) {
    wire::ListOffsetsResponse out;
    for (const auto& topic : request.topics) {
      auto& to = out.topics.emplace_back();
      to.name = topic.name;
      for (const auto& partition : topic.partitions) {
        const Log& log = logs[{topic.name, partition.partition_index}];
        auto& one = to.partitions.emplace_back();
        one.partition_index = partition.partition_index;
        one.offset = partition.timestamp == OffsetSpec::earliest().timestamp ? log.start : log.end;
        one.leader_epoch = log.epoch;
      }
    }
    return out;
  }
  std::optional<wire::OffsetForLeaderEpochResponse> ends(const wire::OffsetForLeaderEpochRequest& request) {
    epochs_asked.push_back(request);
    wire::OffsetForLeaderEpochResponse out;
    for (const auto& topic : request.topics) {
      auto& to = out.topics.emplace_back();
      to.topic = topic.topic;
      for (const auto& partition : topic.partitions) {
        const Log& log = logs[{topic.topic, partition.partition}];
        auto& one = to.partitions.emplace_back();
        one.partition = partition.partition;
        const auto end = log.epoch_ends.find(partition.leader_epoch);
        if (end == log.epoch_ends.end()) continue;
        one.leader_epoch = end->first;
        one.end_offset = end->second;
      }
    }
    return out;
  }

  FakeCluster& cluster_;
  std::map<std::int32_t, Session> sessions_;
  std::deque<std::vector<std::uint8_t>> kept_;  // until the answers are encoded
};

class FetcherTest : public testing::Test {
 protected:
  FetcherTest() {
    loop_.add(network_);
    fake_.add_topic("t", {{1, 1}, {2, 1}});
    logs_.logs[t0].end = 20;
    logs_.logs[t1].end = 5;
    options_.reset = OffsetSpec::earliest();
  }
  ~FetcherTest() override {
    if (cluster_) loop_.run(cluster_->stop());
    if (fetcher_) loop_.run(fetcher_->stop());
  }

  Fetcher& fetcher() {
    if (fetcher_) return *fetcher_;
    ClusterOptions options;
    options.bootstrap_servers = {fake_.at(1).endpoint()};
    options.random_seed = 7;
    options.metadata_max_age = seconds(100);
    cluster_ = std::make_unique<Cluster>(loop_.shard(), network_.host("10.0.1.1"), options);
    Shard::Scope scope(loop_.shard());
    fetcher_ = std::make_unique<Fetcher>(*cluster_, options_, [] {});
    return *fetcher_;
  }
  void start(const TopicPartition& p, std::int64_t offset, std::int32_t epoch = -1) {
    Shard::Scope scope(loop_.shard());
    fetcher().add(p);
    fetcher().seek(p, FetchPosition{offset, epoch});
  }
  // Offsets, as they come; they must follow each other.
  std::size_t take() {
    Shard::Scope scope(loop_.shard());
    std::size_t count = 0;
    for (;;) {
      auto records = fetcher().take(7);
      if (!records) {
        failures_.push_back(std::move(records.error()));
        continue;
      }
      if (records->empty()) return count;
      for (const RecordView& record : *records) got_[*records->partition].push_back(record.offset);
      count += records->size();
    }
  }
  bool take_until(const TopicPartition& p, std::size_t count) {
    const SteadyTime deadline = clock_.now() + seconds(60);
    while (clock_.now() < deadline) {
      take();
      if (got_[p].size() >= count) return true;
      loop_.run_for(milliseconds(1));
    }
    return false;
  }
  static std::vector<std::int64_t> range(std::int64_t from, std::int64_t to) {
    std::vector<std::int64_t> out;
    for (; from < to; ++from) out.push_back(from);
    return out;
  }

  const TopicPartition t0{"t", 0}, t1{"t", 1};
  SimulatedClock clock_;
  SimulatedLoop loop_{clock_};
  std::unique_ptr<Random> random_ = seeded_random(5);
  SimulatedNetwork network_{clock_, *random_};
  FakeCluster fake_{loop_, network_, 3};
  Logs logs_{fake_};
  FetchOptions options_;
  std::map<TopicPartition, std::vector<std::int64_t>> got_;
  std::vector<Failure> failures_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<Fetcher> fetcher_;
};

TEST_F(FetcherTest, ReadsFromEachLeaderInASession) {
  start(t0, 0);
  start(t1, 2);
  ASSERT_TRUE(take_until(t0, 20));
  ASSERT_TRUE(take_until(t1, 3));
  EXPECT_EQ(got_[t0], range(0, 20));
  EXPECT_EQ(got_[t1], range(2, 5));
  // After the first request only what has changed is named.
  loop_.run_for(milliseconds(50));
  const Logs::Seen& last = logs_.fetches.back();
  EXPECT_GT(last.request.session_epoch, 0);
  EXPECT_TRUE(last.request.topics.empty());
}

TEST_F(FetcherTest, DoesWithoutSessionsAndBeginsNewOnes) {
  logs_.keeps_sessions = false;
  start(t0, 0);
  ASSERT_TRUE(take_until(t0, 20));
  logs_.keeps_sessions = true;
  loop_.run_for(milliseconds(10));
  logs_.logs[t0].end = 30;
  ASSERT_TRUE(take_until(t0, 30));
  for (const ErrorCode code : {ErrorCode::fetch_session_id_not_found, ErrorCode::invalid_fetch_session_epoch,
                               ErrorCode::fetch_session_topic_id_error}) {
    logs_.next_session_error = code;
    loop_.run_for(milliseconds(10));
    logs_.logs[t0].end += 10;
    ASSERT_TRUE(take_until(t0, static_cast<std::size_t>(logs_.logs[t0].end)));
  }
  EXPECT_EQ(got_[t0], range(0, 60));
}

TEST_F(FetcherTest, DropsWhatWasUnderWayWhenItSeeks) {
  start(t0, 0);
  ASSERT_TRUE(take_until(t0, 7));
  got_.clear();
  {
    Shard::Scope scope(loop_.shard());
    EXPECT_TRUE(fetcher().seek(t0, FetchPosition{15, -1}));
  }
  ASSERT_TRUE(take_until(t0, 5));
  EXPECT_EQ(got_[t0], range(15, 20));
}

TEST_F(FetcherTest, FetchesNoMoreThanItMayKeep) {
  options_.partition_bytes_max = 100;
  options_.prefetch_bytes_max = 100;
  logs_.logs[t0].end = 1000;
  start(t0, 0);
  loop_.run_for(seconds(1));
  EXPECT_EQ(logs_.fetches.size(), 1u);
  ASSERT_TRUE(take_until(t0, 1000));
  EXPECT_EQ(got_[t0], range(0, 1000));
}

TEST_F(FetcherTest, FollowsTheHintToANewLeader) {
  start(t0, 0);
  ASSERT_TRUE(take_until(t0, 20));
  const std::size_t metadata_before = fake_.asked.size();
  fake_.topics["t"].leaders[0] = {3, 2};
  logs_.logs[t0].epoch_ends[1] = 20;
  logs_.logs[t0].end = 25;
  logs_.refuses[1] = ErrorCode::not_leader_or_follower;
  logs_.hint = wire::FetchResponse::LeaderIdAndEpoch{.leader_id = 3, .leader_epoch = 2};
  ASSERT_TRUE(take_until(t0, 25));
  EXPECT_EQ(got_[t0], range(0, 25));
  EXPECT_EQ(fake_.asked.size(), metadata_before);
  EXPECT_EQ(logs_.fetches.back().broker, 3);
}

TEST_F(FetcherTest, AsksWhoLeadsWhereThereIsNoHint) {
  start(t0, 0);
  ASSERT_TRUE(take_until(t0, 20));
  fake_.topics["t"].leaders[0] = {2, 2};
  logs_.logs[t0].epoch_ends[1] = 20;
  logs_.logs[t0].end = 25;
  logs_.refuses[1] = ErrorCode::fenced_leader_epoch;
  ASSERT_TRUE(take_until(t0, 25));
  EXPECT_EQ(got_[t0], range(0, 25));
  // Whether what it had read is still there was asked of the new leader (KIP-320).
  ASSERT_EQ(logs_.epochs_asked.size(), 1u);
  EXPECT_EQ(logs_.epochs_asked[0].topics.at(0).partitions.at(0).leader_epoch, 1);
  EXPECT_EQ(logs_.epochs_asked[0].topics[0].partitions[0].current_leader_epoch, 2);
}

TEST_F(FetcherTest, GoesBackToWhereTheLogWasCut) {
  start(t0, 0);
  ASSERT_TRUE(take_until(t0, 20));
  fake_.topics["t"].leaders[0] = {2, 2};
  logs_.logs[t0].epoch_ends[1] = 16;
  logs_.logs[t0].epoch = 2;
  logs_.logs[t0].end = 18;
  logs_.refuses[1] = ErrorCode::not_leader_or_follower;
  ASSERT_TRUE(take_until(t0, 22));
  std::vector<std::int64_t> expected = range(0, 20);
  expected.insert(expected.end(), {16, 17});
  EXPECT_EQ(got_[t0], expected);
}

TEST_F(FetcherTest, TellsOfACutWhereNoResetPolicyIsSet) {
  options_.reset.reset();
  start(t0, 10, 1);
  logs_.logs[t0].epoch_ends[1] = 6;
  EXPECT_TRUE(loop_.run_until([&] { return take() == 0 && !failures_.empty(); }, seconds(10)));
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_EQ(failures_[0].code, ErrorCode::offset_out_of_range);
  EXPECT_THAT(failures_[0].message, HasSubstr("t-0: the log was cut back to offset 6"));
}

TEST_F(FetcherTest, ACommittedEpochIsValidatedBeforeTheFirstFetch) {
  logs_.logs[t0].epoch_ends[1] = 20;
  start(t0, 10, 1);
  ASSERT_TRUE(take_until(t0, 10));
  EXPECT_EQ(logs_.epochs_asked.size(), 1u);
  EXPECT_EQ(got_[t0], range(10, 20));
}

TEST_F(FetcherTest, ReadsFromTheReplicaThatTheLeaderNamesAndComesBack) {
  options_.rack = "rack-3";
  logs_.preferred = 3;
  start(t0, 0);
  ASSERT_TRUE(take_until(t0, 20));
  EXPECT_EQ(logs_.fetches[0].broker, 1);
  EXPECT_EQ(logs_.fetches[0].request.rack_id, "rack-3");
  EXPECT_EQ(logs_.fetches.back().broker, 3);
  // The follower is gone: the leader is asked again, and has it itself.
  logs_.preferred = -1;
  logs_.logs[t0].end = 25;
  fake_.at(3).stop_listening();
  fake_.at(3).hang_up();
  ASSERT_TRUE(take_until(t0, 25));
  EXPECT_EQ(got_[t0], range(0, 25));
  EXPECT_EQ(logs_.fetches.back().broker, 1);
}

TEST_F(FetcherTest, ReadsATopicThatWasMadeAgain) {
  start(t0, 0);
  ASSERT_TRUE(take_until(t0, 20));
  fake_.topics["t"].id[0] = 77;
  fake_.topics["t"].leaders = {{1, 0}, {2, 0}};
  logs_.logs[t0] = {.start = 0, .end = 6, .epoch = 0, .epoch_ends = {}};
  ASSERT_TRUE(take_until(t0, 26));
  EXPECT_EQ(std::vector(got_[t0].begin() + 20, got_[t0].end()), range(0, 6));
}

TEST_F(FetcherTest, StartsAgainWhereTheOffsetIsGone) {
  logs_.logs[t0].start = 12;
  start(t0, 3);
  ASSERT_TRUE(take_until(t0, 8));
  EXPECT_EQ(got_[t0], range(12, 20));
}

TEST_F(FetcherTest, GoesOnAfterTheLeaderHungUp) {
  start(t0, 0);
  ASSERT_TRUE(take_until(t0, 20));
  fake_.at(1).hang_up();
  logs_.logs[t0].end = 40;
  logs_.logs[t0].epoch_ends[1] = 40;
  ASSERT_TRUE(take_until(t0, 40));
  EXPECT_EQ(got_[t0], range(0, 40));
}

TEST_F(FetcherTest, FindsPositionsAndForgetsPartitions) {
  {
    Shard::Scope scope(loop_.shard());
    fetcher().add(t0);
    EXPECT_TRUE(fetcher().wants_position(t0));
    fetcher().seek(t0, OffsetSpec::latest());
  }
  EXPECT_TRUE(loop_.run_until([&] { return fetcher().position(t0).has_value(); }, seconds(10)));
  EXPECT_EQ(fetcher().position(t0)->offset, 20);
  EXPECT_EQ(fetcher().position(t0)->epoch, 1);
  Shard::Scope scope(loop_.shard());
  fetcher().remove(t0);
  EXPECT_FALSE(fetcher().position(t0));
  EXPECT_FALSE(fetcher().seek(t0, FetchPosition{0, -1}));
}

}  // namespace
}  // namespace holdfast::test
