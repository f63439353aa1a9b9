// A leader that was replaced and has not heard of it: what it tells an idempotent producer.
#include <gtest/gtest.h>

#include "broker/znodes.h"
#include "runtime/log_line.h"
#include "tests/simulation/brokers/cluster_client.h"
#include "tests/simulation/brokers/run.h"
#include "wire/kafka/errors.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/record_batch.h"
#include "wire/kafka/topics.h"

namespace holdfast::sim {
namespace {

using std::chrono::seconds;
using wire::ErrorCode;

class ReplacedLeaderTest : public testing::Test {
 protected:
  ReplacedLeaderTest() {
    set_log_level(LogLevel::off);
    plan_.base.seed = 1;
    plan_.base.replicated = true;
    plan_.base.nodes = 3;
    plan_.base.election_timeout_ms = 300;
    plan_.session_timeout_ms = 9000;
    settings_ = plan_.settings();
    cluster_ = make_cluster(world_, plan_, settings_);
    world_.add(host_);
    cluster_->start();
  }
  ~ReplacedLeaderTest() override {
    Shard::Scope scope(host_.shard());
    host_.shard().spawn(gate_, client_.stop());
    EXPECT_TRUE(until([this] { return gate_.holders() == 0; }));
    world_.remove(host_);
    set_log_level(LogLevel::info);
  }

  bool until(Function<bool()> done) { return world_.run_until(std::move(done), seconds(60)); }
  template <class T>
  T run(Task<T> task) {
    std::optional<T> out;
    {
      Shard::Scope scope(host_.shard());
      host_.shard().spawn(gate_, keep(std::move(task), out));
    }
    EXPECT_TRUE(until([&out] { return out.has_value(); }));
    return std::move(*out);
  }
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& out) {
    out = co_await std::move(task);
  }

  SimulatedNode& node(std::int32_t id) { return *cluster_->nodes()[static_cast<std::size_t>(id - 1)]; }
  Ensemble& ensemble(std::int32_t id) { return node(id).ensemble(); }
  bool all_are_ready() {
    return std::ranges::all_of(cluster_->nodes(), [](const auto& n) { return n->up() && rooms_of(*n).is_ready(); });
  }

  // One partition, led by the first of them.
  Task<bool> create(std::vector<std::int32_t> replicas) {
    wire::CreateTopicsRequest request;
    request.timeout_ms = 5000;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.num_partitions = topic.replication_factor = -1;
    topic.assignments.push_back({0, std::move(replicas)});
    auto answer = co_await client_.ask<wire::CreateTopicsResponse>(1, request, 7, seconds(10));
    const bool refreshed = co_await client_.refresh();
    co_return refreshed&& answer && answer->message.topics.size() == 1 && answer->message.topics[0].error_code == 0;
  }
  Task<ErrorCode> produce(std::int32_t to, std::int32_t sequence) {
    wire::BatchBuilder::Options options;
    options.producer_id = 7;
    options.producer_epoch = 0;
    options.base_sequence = sequence;
    wire::BatchBuilder builder(options);
    builder.append(world_.wall_ms(), std::nullopt, as_bytes("value"));
    const std::vector<std::uint8_t> bytes = builder.finish();
    wire::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 5000;
    auto& topic = request.topic_data.emplace_back();
    topic.topic_id = client_.topics().at("t").id;
    topic.partition_data.emplace_back().records = wire::Records(ByteView(bytes));
    auto answer = co_await client_.ask<wire::ProduceResponse>(to, request, 13, seconds(10));
    if (!answer || answer->message.responses.size() != 1) co_return ErrorCode::unknown_server_error;
    co_return static_cast<ErrorCode>(answer->message.responses[0].partition_responses.at(0).error_code);
  }
  // As the controller writes it.
  bool lead(std::int32_t by, const znodes::PartitionState& state) {
    const std::string path = znodes::state_path("t", 0), data = znodes::encode(state);
    bool written = false;
    node(by).ask([&](Ensemble& there) {
      zk::SetDataOp op;
      op.path = path;
      op.data = zk::DataView(as_bytes(data));
      zk::Caller caller;
      caller.privileged = true;
      there.driver().propose(op, caller, [&](const zk::Effects& e) { written = e.result.error == zk::ZkError::ok; });
    });
    return until([&written] { return written; });
  }

  BrokerPlan plan_;
  Settings settings_;
  World world_{1, {}};
  std::unique_ptr<SimulatedCluster> cluster_;
  Host host_{world_.now(), world_.wall_ms()};
  Gate gate_;
  ClusterClient client_{world_, host_.shard(), "10.2.0.1", 3};
};

TEST_F(ReplacedLeaderTest, DoesNotSayThatAProducerIsOutOfOrder) {
  ASSERT_TRUE(until([this] { return all_are_ready(); }));
  std::int32_t quorum = 0;
  ASSERT_TRUE(until([&] {
    for (std::int32_t id = 1; id <= 3; ++id)
      if (ensemble(id).driver().judges()) quorum = id;
    return quorum != 0;
  }));
  const std::int32_t old_leader = quorum == 1 ? 2 : 1, other = 6 - quorum - old_leader;
  ASSERT_TRUE(run(create({old_leader, quorum, other})));
  ASSERT_EQ(run(produce(old_leader, 0)), ErrorCode::none);
  ASSERT_EQ(run(produce(old_leader, 5)), ErrorCode::out_of_order_sequence_number) << "whoever leads says so";

  // The news of the next leader are late where the former one is.
  for (const std::int32_t from : {quorum, other})
    world_.network().clog(node(from).address(), node(old_leader).address(), seconds(2));
  ASSERT_TRUE(lead(quorum, {.leader = quorum, .leader_epoch = 1, .controller_epoch = 1, .isr = {quorum, other}}));
  ASSERT_EQ(run(produce(quorum, 1)), ErrorCode::none);
  EXPECT_EQ(run(produce(old_leader, 2)), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(run(produce(quorum, 2)), ErrorCode::none);
}

}  // namespace
}  // namespace holdfast::sim
