#include "tests/simulation/brokers/run.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/log_line.h"
#include "tests/simulation/brokers/administrator.h"
#include "tests/simulation/brokers/ambush.h"

namespace holdfast::sim {
namespace {

class BrokerRun : public testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::off); }
  void TearDown() override { set_log_level(LogLevel::info); }
};

TEST_F(BrokerRun, EqualSeedsLeaveEqualTraces) {
  for (const std::uint64_t seed : {1u, 5u, 11u}) {
    BrokerPlan plan = BrokerPlan::draw(seed);
    plan.base.length = std::min<Duration>(plan.base.length, std::chrono::seconds(20));
    const BrokerOutcome one = run(plan), other = run(plan);
    EXPECT_EQ(one.trace_hash, other.trace_hash) << plan.describe();
    EXPECT_TRUE(one.violations.empty()) << one.violations.front();
  }
}

// Nothing goes wrong: then everything that was asked for is acknowledged, seen and found, on every broker.
TEST_F(BrokerRun, WithoutFaultsAllIsAcknowledgedSeenAndFound) {
  BrokerPlan plan = BrokerPlan::draw(2);
  plan.base.faults.clear();
  plan.storms.clear();
  plan.committers = 2;
  const BrokerOutcome outcome = run(plan);
  EXPECT_TRUE(outcome.violations.empty()) << outcome.violations.front();
  EXPECT_GT(outcome.acknowledged, 100u);
  EXPECT_GT(outcome.seen, 100u);
  EXPECT_GE(outcome.found, 2 * outcome.acknowledged) << "it is read twice, and more was sent than acknowledged";
  EXPECT_GT(outcome.commits, 10u);
  EXPECT_GT(outcome.batches_compared, 100u);
}

TEST_F(BrokerRun, EveryAmbushFindsItsMoment) {
  BrokerPlan plan = BrokerPlan::draw(3);
  plan.base.nodes = 5;
  plan.base.length = std::chrono::seconds(120);
  plan.base.faults.clear();
  plan.base.faults["kill"] = plan.base.faults["power loss"] = std::chrono::seconds(10);
  plan.directories = 2;
  plan.groups = 1;
  plan.library_producers = plan.library_readers = plan.library_members = 0;
  for (const std::string& kind : Administrator::kinds()) plan.storms[kind] = std::chrono::seconds(2);
  for (const std::string& kind : Ambush::kinds()) plan.ambushes[kind] = std::chrono::seconds(10);
  const BrokerOutcome outcome = run(plan);
  EXPECT_TRUE(outcome.violations.empty()) << outcome.violations.front();
  for (const std::string& kind : Ambush::kinds()) EXPECT_TRUE(outcome.faults.contains(kind)) << kind;
  EXPECT_GT(outcome.generations, 5u);
  EXPECT_GT(outcome.successors, 1000u);
}

}  // namespace
}  // namespace holdfast::sim
