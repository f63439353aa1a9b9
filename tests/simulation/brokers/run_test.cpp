#include "tests/simulation/brokers/run.h"

#include <gtest/gtest.h>

#include "runtime/log_line.h"

namespace holdfast::sim {
namespace {

class BrokerRun : public testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::off); }
  void TearDown() override { set_log_level(LogLevel::info); }
};

TEST_F(BrokerRun, EqualSeedsLeaveEqualTraces) {
  for (const std::uint64_t seed : {1u, 5u, 11u}) {
    const BrokerPlan plan = BrokerPlan::draw(seed);
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

}  // namespace
}  // namespace holdfast::sim
