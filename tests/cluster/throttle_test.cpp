// Replication throttles (KIP-73): a replica that catches up takes its time, and producers do not wait for it.
#include <gtest/gtest.h>

#include "tests/cluster/ensemble_processes.h"
#include "tests/cluster/rdkafka_client.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// "leader" or "follower": which side holds back.
class BrokerClusterThrottle : public testing::TestWithParam<const char*> {
 protected:
  static constexpr std::size_t rate = 1'000'000, missed = 6'000'000, piece = 50'000;
  // What may come at once: a second that was saved, and the fetch that goes beyond the rate.
  static constexpr seconds at_least{missed / rate - 2};

  EnsembleProcesses servers_{{.brokers = true, .lines = {"default.replication.factor=3"}}};
};

TEST_P(BrokerClusterThrottle, AReplicaThatCatchesUpKeepsToTheRate) {
  const std::string side = GetParam();
  servers_.start_all();
  ASSERT_TRUE(wait_until([this] { return broker_ids(servers_.kafka()).size() == 3; }));
  ASSERT_EQ(create_topic(servers_.kafka(), "t", 1,
                         {{"min.insync.replicas", "2"}, {side + ".replication.throttled.replicas", "*"}}, 3),
            "");
  for (const int id : servers_.all())
    ASSERT_EQ(alter_configs(servers_.kafka(), Configured::broker, std::to_string(id),
                            {{side + ".replication.throttled.rate", std::to_string(rate)}}),
              "");
  servers_.kill(3);
  ASSERT_TRUE(wait_until([this] { return under_replicated(servers_.kafka({1}), "t") == 1; }));
  const auto began = Clock::now();
  Producer producer(servers_.kafka({1, 2}), {{"acks", "all"}, {"batch.size", "100000"}});
  for (std::size_t sent = 0; sent < missed; sent += piece) producer.send("t", 0, std::string(piece, 'x'));
  ASSERT_EQ(producer.flush(), static_cast<int>(missed / piece));
  EXPECT_LT(Clock::now() - began, at_least) << "those in sync were held back";

  const auto back = Clock::now();
  servers_.start(3);
  ASSERT_TRUE(wait_until([this] { return under_replicated(servers_.kafka({1}), "t") == 0; }, seconds(60)));
  EXPECT_GT(Clock::now() - back, at_least) << "it was not held back";
}

INSTANTIATE_TEST_SUITE_P(BrokerCluster, BrokerClusterThrottle, testing::Values("leader", "follower"),
                         [](const auto& side) { return std::string(side.param); });

}  // namespace
}  // namespace holdfast::test
