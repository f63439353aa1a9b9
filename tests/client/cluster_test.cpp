// A client's view of a cluster whose brokers are scripted, over the simulated network.
#include "client/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/fake_broker.h"
#include "wire/kafka/groups.h"
#include "wire/kafka/transactions.h"

namespace holdfast::test {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using wire::ErrorCode;

class ClusterTest : public testing::Test {
 protected:
  ClusterTest() { loop_.add(network_); }
  ~ClusterTest() override { end(); }

  void end() {
    if (cluster_) loop_.run(cluster_->stop());
    cluster_.reset();
  }
  Cluster& cluster() {
    if (!cluster_) {
      ClusterOptions options = options_;
      options.random_seed = seed_;
      if (options.bootstrap_servers.empty()) options.bootstrap_servers = {fake_.at(1).endpoint()};
      cluster_ = std::make_unique<Cluster>(loop_.shard(), network_.host("10.0.1.1"), options);
    }
    return *cluster_;
  }
  Outcome<PartitionLeader> leader(const std::string& topic, std::int32_t partition = 0) {
    return loop_.run(cluster().leader({topic, partition}));
  }
  // A request that every broker can be made to answer.
  Task<Outcome<Answer<wire::InitProducerIdResponse>>> ask(std::int32_t node) {
    return cluster().ask<wire::InitProducerIdResponse>(node, wire::InitProducerIdRequest());
  }
  void serve_producer_ids(std::int32_t node, std::int32_t throttle_ms = 0) {
    fake_.at(node).on<wire::InitProducerIdRequest, wire::InitProducerIdResponse>(
        [node, throttle_ms](const wire::InitProducerIdRequest&, std::int16_t) {
          wire::InitProducerIdResponse out;
          out.producer_id = node;
          out.throttle_time_ms = throttle_ms;
          return out;
        });
  }
  double elapsed(SteadyTime since) const { return static_cast<double>((clock_.now() - since).count()) / 1e9; }

  SimulatedClock clock_;
  SimulatedLoop loop_{clock_};
  std::unique_ptr<Random> random_ = seeded_random(5);
  SimulatedNetwork network_{clock_, *random_};
  FakeCluster fake_{loop_, network_, 3};
  ClusterOptions options_;
  std::uint64_t seed_ = 7;  // whom it asks first
  std::unique_ptr<Cluster> cluster_;
};

TEST(BootstrapServers, AreParsedAsKafkasAre) {
  const auto text = [](std::string_view list) {
    std::string out;
    for (const Endpoint& e : parse_bootstrap_servers(list).value()) out += to_string(e) + " ";
    return out;
  };
  EXPECT_EQ(text("a:1"), "a:1 ");
  EXPECT_EQ(text("a:1, b:2,,c"), "a:1 b:2 c:9092 ");
  EXPECT_EQ(text("[::1]:7,[fe80::2]"), "[::1]:7 [fe80::2]:9092 ");
  for (const char* bad : {"", ",", "a:", "a:0", "a:65536", "a:x", "a:1:2", "::1", "[::1", "[::1]x", ":9", "a b:1"})
    EXPECT_FALSE(parse_bootstrap_servers(bad)) << bad;
}

TEST_F(ClusterTest, LeadersAreFoundFromTheBootstrapList) {
  fake_.add_topic("t", {{2, 5}, {3, 1}});
  auto found = leader("t", 1);
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(found->node, 3);
  EXPECT_EQ(found->epoch, 1);
  EXPECT_EQ(leader("t", 0)->node, 2);
  EXPECT_EQ(fake_.asked.size(), 1u) << "one answer is enough for both";
  EXPECT_EQ(cluster().metadata().brokers().size(), 3u);
  EXPECT_EQ(cluster().metadata().cluster_id(), "fake");
  EXPECT_FALSE(fake_.asked[0].allow_auto_topic_creation);
}

TEST_F(ClusterTest, WhatIsNotThereHasItsCode) {
  fake_.add_topic("t", {{-1, 3}});
  EXPECT_EQ(leader("t").error().code, ErrorCode::leader_not_available);
  EXPECT_EQ(leader("t", 7).error().code, ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(leader("u").error().code, ErrorCode::unknown_topic_or_partition);
  fake_.topics["t"].error = ErrorCode::topic_authorization_failed;
  fake_.topics["t"].leaders.clear();
  EXPECT_EQ(leader("t").error().code, ErrorCode::topic_authorization_failed);
}

TEST_F(ClusterTest, TasksOfOneMomentShareAnAnswer) {
  fake_.add_topic("t", {{1, 1}});
  fake_.add_topic("u", {{1, 1}});
  int done = 0;
  Gate gate;
  struct Ask {
    static Task<void> leader(Cluster& cluster, std::string topic, int& done) {
      const TopicPartition partition{topic, 0};
      auto found = co_await cluster.leader(partition);
      done += found ? 1 : 0;
    }
  };
  Cluster& c = cluster();
  for (int i = 0; i < 50; ++i) loop_.shard().spawn(gate, Ask::leader(c, i % 2 ? "t" : "u", done));
  loop_.run_until([&] { return done == 50; }, seconds(5));
  EXPECT_EQ(done, 50);
  EXPECT_LE(fake_.asked.size(), 2u);
  loop_.run(loop_.shard().drained(gate));
}

TEST_F(ClusterTest, AnOlderLeaderEpochIsNotBelieved) {
  fake_.add_topic("t", {{2, 5}});
  ASSERT_EQ(leader("t")->node, 2);
  cluster().leader_is_wrong({"t", 0});
  fake_.topics["t"].leaders = {{1, 4}};
  EXPECT_EQ(leader("t").error().code, ErrorCode::leader_not_available);
  fake_.topics["t"].leaders = {{1, 6}};
  EXPECT_EQ(leader("t")->node, 1);
  // Of a topic that was deleted and made again, epochs begin anew.
  cluster().leader_is_wrong({"t", 0});
  fake_.topics["t"].leaders = {{3, 0}};
  fake_.topics["t"].id[0] = 99;
  EXPECT_EQ(leader("t")->node, 3);
}

// It may be out of touch with the others, and would say the same for ever.
TEST_F(ClusterTest, WhoNamedAWrongLeaderIsNotAskedNext) {
  fake_.add_topic("t", {{1, 5}});
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(leader("t"));
    cluster().leader_is_wrong({"t", 0});
  }
  for (std::size_t i = 2; i < fake_.asked_whom.size(); ++i)
    EXPECT_NE(fake_.asked_whom[i], fake_.asked_whom[i - 1]) << i;
  // Nor one that knows of no leader, where others may.
  fake_.topics["t"].leaders = {{-1, 6}};
  const std::size_t before = fake_.asked_whom.size();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(leader("t").error().code, ErrorCode::leader_not_available);
  for (std::size_t i = before; i < fake_.asked_whom.size(); ++i)
    EXPECT_NE(fake_.asked_whom[i], fake_.asked_whom[i - 1]) << i;
  EXPECT_GE(fake_.asked_whom.size(), before + 50);
}

TEST_F(ClusterTest, HintsAreBelievedWithoutAsking) {
  fake_.add_topic("t", {{2, 5}});
  ASSERT_EQ(leader("t")->node, 2);
  cluster().leader_is_wrong({"t", 0}, PartitionLeader{3, 6});
  EXPECT_EQ(leader("t")->node, 3);
  EXPECT_EQ(fake_.asked.size(), 1u);
  cluster().leader_is_wrong({"t", 0}, PartitionLeader{1, 2});
  fake_.topics["t"].leaders = {{2, 7}};
  EXPECT_EQ(leader("t")->node, 2) << "the hint was older than what was known";
  EXPECT_EQ(fake_.asked.size(), 2u);
  // A broker that is out of touch names itself, and would do so for ever.
  cluster().leader_is_wrong({"t", 0}, PartitionLeader{2, 7});
  fake_.topics["t"].leaders = {{1, 8}};
  EXPECT_EQ(leader("t")->node, 1);
  EXPECT_EQ(fake_.asked.size(), 3u);
}

TEST_F(ClusterTest, VersionsAreThoseThatBothKnow) {
  serve_producer_ids(1);
  fake_.at(1).know(wire::InitProducerIdRequest::api.key, wire::VersionRange{1, 3});
  ASSERT_TRUE(loop_.run(cluster().refresh()));
  auto version = loop_.run(cluster().version_of(1, wire::InitProducerIdRequest::api));
  ASSERT_TRUE(version);
  EXPECT_EQ(*version, 3);
  EXPECT_EQ(*loop_.run(cluster().version_of(1, wire::InitProducerIdRequest::api, 2)), 2);
  auto answer = loop_.run(ask(1));
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->version, 3);
  EXPECT_EQ(answer->node, 1);
  EXPECT_EQ(answer->message.producer_id, 1);
}

TEST_F(ClusterTest, NoCommonVersion) {
  serve_producer_ids(1);
  fake_.at(1).know(wire::InitProducerIdRequest::api.key, wire::VersionRange{100, 101});
  ASSERT_TRUE(loop_.run(cluster().refresh()));
  auto answer = loop_.run(ask(1));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::unsupported_version);
  EXPECT_THAT(answer.error().message, HasSubstr("InitProducerId"));
  EXPECT_EQ(fake_.at(1).heard(wire::InitProducerIdRequest::api.key), 0);
  // One that the broker does not have at all.
  auto other = loop_.run(cluster().ask<wire::HeartbeatResponse>(1, wire::HeartbeatRequest()));
  EXPECT_EQ(other.error().code, ErrorCode::unsupported_version);
}

TEST_F(ClusterTest, AnOldBrokerIsAskedForItsVersionsAgain) {
  fake_.at(1).know(wire::ApiVersionsRequest::api.key, wire::VersionRange{0, 2});
  ASSERT_TRUE(loop_.run(cluster().refresh()));
  EXPECT_THAT(fake_.at(1).versions_heard(wire::ApiVersionsRequest::api.key), testing::ElementsAre(4, 2));
  EXPECT_EQ(fake_.at(1).accepted(), 1);
}

TEST_F(ClusterTest, EveryConnectionAgreesOnItsOwnVersions) {
  serve_producer_ids(1);
  ASSERT_TRUE(loop_.run(cluster().refresh()));
  ASSERT_EQ(loop_.run(ask(1))->version, wire::InitProducerIdRequest::api.versions.last);
  fake_.at(1).hang_up();
  loop_.run_for(milliseconds(100));
  fake_.at(1).know(wire::InitProducerIdRequest::api.key, wire::VersionRange{0, 1});
  EXPECT_EQ(loop_.run(ask(1))->version, 1) << "it was exchanged for an older one";
}

TEST_F(ClusterTest, AnotherBrokerIsAskedWhenTheFirstIsAway) {
  options_.bootstrap_servers = {fake_.at(1).endpoint(), fake_.at(2).endpoint(), fake_.at(3).endpoint()};
  for (const std::int32_t id : {1, 2}) fake_.at(id).stop_listening();
  fake_.add_topic("t", {{3, 1}});
  EXPECT_EQ(leader("t")->node, 3);
}

// Its process is stopped: the kernel takes the connection, and nobody answers.
TEST_F(ClusterTest, ASilentBrokerDoesNotUseUpTheTimeOfTheOthers) {
  options_.bootstrap_servers = {fake_.at(1).endpoint(), fake_.at(2).endpoint(), fake_.at(3).endpoint()};
  fake_.at(2).on<wire::ApiVersionsRequest, wire::ApiVersionsResponse>(
      [](const wire::ApiVersionsRequest&, std::int16_t) { return std::nullopt; });
  for (seed_ = 0; seed_ < 20; ++seed_) {
    const SteadyTime before = clock_.now();
    auto answer = loop_.run(cluster().ask_any<wire::MetadataResponse>(wire::MetadataRequest(), Duration(seconds(5))));
    EXPECT_TRUE(answer) << seed_ << ": " << to_string(answer.error());
    EXPECT_LT(elapsed(before), 2) << seed_;
    // From now on it is the last that is asked, also under the number that it has in the cluster.
    ASSERT_TRUE(loop_.run(cluster().refresh()));
    const SteadyTime known = clock_.now();
    const bool was_noticed = elapsed(before) > 1;
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(loop_.run(cluster().refresh()));
    if (was_noticed) EXPECT_LT(elapsed(known), 0.1) << seed_;
    end();
  }
}

TEST_F(ClusterTest, AServerOfAnotherProtocolIsNoBroker) {
  struct Web {
    static Task<void> serve(std::unique_ptr<Listener> listener) {
      auto stream = co_await listener->accept();
      if (!stream) co_return;
      std::vector<std::uint8_t> request(100);
      co_await (*stream)->read_some(request);
      (*stream)->send(BufferChain(Bytes::copy("HTTP/1.1 400 Bad Request\r\n\r\n")));
      co_await (*stream)->read_some(request);
    }
  };
  Gate gate;
  {
    Shard::Scope scope(loop_.shard());
    auto listener = network_.host("10.0.0.9").listen(loop_.shard(), {"10.0.0.9", 80}, 1, false);
    ASSERT_TRUE(listener);
    loop_.shard().spawn(gate, Web::serve(std::move(*listener)));
  }
  options_.bootstrap_servers = {{"10.0.0.9", 80}};
  auto refreshed = loop_.run(cluster().refresh());
  ASSERT_FALSE(refreshed);
  EXPECT_EQ(refreshed.error().code, ErrorCode::network_exception);
  EXPECT_THAT(refreshed.error().message, HasSubstr("it is no Kafka server: its answer begins with \"HTTP\""));
  loop_.run(loop_.shard().drained(gate));
}

TEST_F(ClusterTest, WhereAllAreSlowTheFirstThatIsThereIsAsked) {
  options_.bootstrap_servers = {fake_.at(1).endpoint(), fake_.at(2).endpoint(), fake_.at(3).endpoint()};
  for (const std::int32_t id : {1, 2, 3}) {
    const std::string broker = fake_.at(id).endpoint().host;
    network_.set_delay("10.0.1.1", broker, milliseconds(400), milliseconds(400));
    network_.set_delay(broker, "10.0.1.1", milliseconds(400), milliseconds(400));
  }
  auto answer = loop_.run(cluster().ask_any<wire::MetadataResponse>(wire::MetadataRequest(), Duration(seconds(5))));
  EXPECT_TRUE(answer) << to_string(answer.error());
}

TEST_F(ClusterTest, AConnectionThatItsBrokerHasJustClosedIsNoReasonToFail) {
  fake_.add_topic("t", {{1, 1}});
  ASSERT_TRUE(leader("t"));
  for (const std::int32_t id : {1, 2, 3}) fake_.at(id).hang_up();
  auto refreshed = loop_.run(cluster().refresh());
  EXPECT_TRUE(refreshed) << to_string(refreshed.error());
}

TEST_F(ClusterTest, NobodyIsThere) {
  for (const std::int32_t id : {1, 2, 3}) fake_.at(id).stop_listening();
  auto found = leader("t");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::network_exception);
  EXPECT_TRUE(found.error().retriable());
  EXPECT_THAT(found.error().message, HasSubstr("10.0.0.1:9092"));
}

// Who asks for a leader or coordinator that has left the cluster looks for the next one.
TEST_F(ClusterTest, ABrokerThatIsNotListedNowIsNoReasonToGiveUp) {
  ASSERT_TRUE(loop_.run(cluster().refresh()));
  auto answer = loop_.run(ask(9));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::network_exception);
  EXPECT_TRUE(answer.error().retriable());
}

TEST_F(ClusterTest, ABrokerThatIsAwayIsDialledMoreAndMoreSeldom) {
  fake_.at(1).stop_listening();
  const SteadyTime before = clock_.now();
  for (int i = 0; i < 8; ++i) EXPECT_FALSE(loop_.run(cluster().refresh()));
  // 50, 100, 200, 400, 800, 1000, 1000 ms, less or more a fifth.
  EXPECT_GT(elapsed(before), 3.55 * 0.8);
  EXPECT_LT(elapsed(before), 3.55 * 1.2 + 0.2);
}

TEST_F(ClusterTest, WhenAllKnownOnesAreGoneTheBootstrapListCounts) {
  network_.name("kafka", fake_.at(1).endpoint().host);
  options_.bootstrap_servers = {{"kafka", 9092}};
  fake_.listed = {1};
  fake_.add_topic("t", {{1, 1}});
  ASSERT_EQ(leader("t")->node, 1);
  // The cluster has moved, and the name with it.
  fake_.at(1).stop_listening();
  fake_.at(1).hang_up();
  fake_.listed = {3};
  fake_.topics["t"].leaders = {{3, 2}};
  network_.name("kafka", fake_.at(3).endpoint().host);
  cluster().leader_is_wrong({"t", 0});
  auto found = leader("t");
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(found->node, 3);
}

TEST_F(ClusterTest, ABrokerMaySendUsBackToTheBootstrapList) {
  ASSERT_TRUE(loop_.run(cluster().refresh()));
  fake_.metadata_error = ErrorCode::rebootstrap_required;
  auto refreshed = loop_.run(cluster().refresh());
  ASSERT_TRUE(refreshed) << to_string(refreshed.error());
  EXPECT_EQ(cluster().metadata().brokers().size(), 3u);
  EXPECT_EQ(fake_.asked.size(), 3u);
}

TEST_F(ClusterTest, OldMetadataIsUsedAndRefreshedMeanwhile) {
  options_.metadata_max_age = seconds(60);
  fake_.add_topic("t", {{2, 5}});
  ASSERT_EQ(leader("t")->node, 2);
  fake_.topics["t"].leaders = {{3, 6}};
  loop_.run_for(seconds(61));
  EXPECT_EQ(leader("t")->node, 2);
  loop_.run_for(seconds(1));
  EXPECT_EQ(leader("t")->node, 3);
  EXPECT_EQ(fake_.asked.size(), 2u);
}

TEST_F(ClusterTest, TopicsThatNobodyAsksForAreForgotten) {
  fake_.add_topic("t", {{1, 1}});
  fake_.add_topic("u", {{1, 1}});
  ASSERT_TRUE(leader("t"));
  loop_.run_for(seconds(301));
  ASSERT_TRUE(leader("u"));
  ASSERT_TRUE(fake_.asked.back().topics);
  ASSERT_EQ(fake_.asked.back().topics->size(), 1u);
  EXPECT_EQ(fake_.asked.back().topics->front().name, "u");
}

TEST_F(ClusterTest, AThrottledClientWaits) {
  serve_producer_ids(1, 2000);
  ASSERT_TRUE(loop_.run(cluster().refresh()));
  const SteadyTime before = clock_.now();
  ASSERT_TRUE(loop_.run(ask(1)));
  EXPECT_LT(elapsed(before), 0.1);
  ASSERT_TRUE(loop_.run(ask(1)));
  EXPECT_NEAR(elapsed(before), 2, 0.1);
}

TEST_F(ClusterTest, AnAnswerThatDoesNotCome) {
  fake_.at(1).on<wire::InitProducerIdRequest, wire::InitProducerIdResponse>(
      [](const wire::InitProducerIdRequest&, std::int16_t) { return std::nullopt; });
  ASSERT_TRUE(loop_.run(cluster().refresh()));
  const SteadyTime before = clock_.now();
  auto answer =
      loop_.run(cluster().ask<wire::InitProducerIdResponse>(1, wire::InitProducerIdRequest(), Duration(seconds(3))));
  EXPECT_EQ(answer.error().code, ErrorCode::request_timed_out);
  EXPECT_NEAR(elapsed(before), 3, 0.1);
}

TEST_F(ClusterTest, CoordinatorsAreAskedForOnce) {
  int asked = 0;
  std::int32_t node = 2;
  for (const std::int32_t id : {1, 2, 3}) {
    fake_.at(id).on<wire::FindCoordinatorRequest, wire::FindCoordinatorResponse>(
        [&](const wire::FindCoordinatorRequest& request, std::int16_t version) {
          ++asked;
          wire::FindCoordinatorResponse out;
          EXPECT_EQ(request.key_type, 0);
          const Endpoint& at = fake_.at(node).endpoint();
          if (version < 4) {
            EXPECT_EQ(request.key, "g");
            out.node_id = node;
            out.host = at.host;
            out.port = at.port;
          } else {
            EXPECT_THAT(request.coordinator_keys, testing::ElementsAre("g"));
            out.coordinators = {{"g", node, at.host, at.port, 0, ""}};
          }
          return out;
        });
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*loop_.run(cluster().coordinator(CoordinatorKind::group, "g")), 2);
  EXPECT_EQ(asked, 1);
  cluster().forget_coordinator(CoordinatorKind::group, "g");
  node = 3;
  EXPECT_EQ(*loop_.run(cluster().coordinator(CoordinatorKind::group, "g")), 3);
  EXPECT_EQ(asked, 2);
  // As old brokers answer it.
  for (const std::int32_t id : {1, 2, 3}) fake_.at(id).know(wire::FindCoordinatorRequest::api.key, {{0, 3}});
  for (const std::int32_t id : {1, 2, 3}) fake_.at(id).hang_up();
  loop_.run_for(milliseconds(100));
  cluster().forget_coordinator(CoordinatorKind::group, "g");
  EXPECT_EQ(*loop_.run(cluster().coordinator(CoordinatorKind::group, "g")), 3);
}

TEST_F(ClusterTest, ABrokerThatMovedIsDialledAtItsNewAddress) {
  serve_producer_ids(1);
  serve_producer_ids(2);
  ASSERT_TRUE(loop_.run(cluster().refresh()));
  ASSERT_EQ(loop_.run(ask(2))->message.producer_id, 2);
  KnownBroker moved = cluster().metadata().brokers().at(2);
  moved.endpoint = fake_.at(1).endpoint();
  moved.rack.reset();
  cluster().learn(std::span(&moved, 1));
  EXPECT_EQ(loop_.run(ask(2))->message.producer_id, 1);
  EXPECT_EQ(cluster().metadata().brokers().at(2).rack, "rack-2");
}

TEST_F(ClusterTest, StoppedItLetsNobodyWait) {
  fake_.at(1).on<wire::InitProducerIdRequest, wire::InitProducerIdResponse>(
      [](const wire::InitProducerIdRequest&, std::int16_t) { return std::nullopt; });
  ASSERT_TRUE(loop_.run(cluster().refresh()));
  Outcome<Answer<wire::InitProducerIdResponse>> answer = failed(ErrorCode::none);
  bool backed_off = false;
  Gate gate;
  struct Run {
    static Task<void> keep(Task<Outcome<Answer<wire::InitProducerIdResponse>>> task,
                           Outcome<Answer<wire::InitProducerIdResponse>>& out) {
      out = co_await std::move(task);
    }
    static Task<void> back_off(Cluster& c, bool& done) {
      co_await c.back_off(10);
      done = true;
    }
  };
  loop_.shard().spawn(gate, Run::keep(ask(1), answer));
  loop_.shard().spawn(gate, Run::back_off(cluster(), backed_off));
  loop_.run_for(milliseconds(10));
  const SteadyTime before = clock_.now();
  loop_.run(cluster_->stop());
  EXPECT_LT(elapsed(before), 0.5);
  loop_.run(loop_.shard().drained(gate));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::network_exception);
  EXPECT_TRUE(backed_off);
  EXPECT_EQ(loop_.run(cluster_->refresh()).error().code, ErrorCode::network_exception);
  cluster_.reset();
}

// What a broker says is as hostile as anything from the network.
TEST(MetadataCache, HostileAnswersReserveNoMemory) {
  MetadataCache cache;
  wire::MetadataResponse answer;
  auto& broker = answer.brokers.emplace_back();
  broker.node_id = -7;
  broker.port = 9092;
  auto& second = answer.brokers.emplace_back();
  second.node_id = 1;
  second.port = 70'000;
  auto& topic = answer.topics.emplace_back();
  topic.name = "t";
  for (const std::int32_t index : {0, INT32_MAX, -1}) {
    auto& p = topic.partitions.emplace_back();
    p.partition_index = index;
    p.leader_id = 4;
  }
  cache.update(answer, true);
  EXPECT_TRUE(cache.brokers().empty());
  ASSERT_TRUE(cache.topic("t"));
  EXPECT_EQ(cache.topic("t")->partitions.size(), 3u);
  EXPECT_EQ(cache.partition({"t", 0})->leader.node, 4);
  EXPECT_EQ(cache.partition({"t", 1})->error, ErrorCode::leader_not_available);
  EXPECT_FALSE(cache.partition({"t", 3}));
  EXPECT_FALSE(cache.partition({"t", -1}));
  cache.update({}, true);
  EXPECT_FALSE(cache.topic("t"));
}

}  // namespace
}  // namespace holdfast::test
