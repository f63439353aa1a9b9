// Replicas whose log directory has failed, though their broker is alive; and what a broker gives up whose disk was
// emptied.
#include <gtest/gtest.h>

#include "broker/lost_copies.h"
#include "tests/broker/controller_world.h"

namespace holdfast {
namespace {

using Ids = std::vector<std::int32_t>;
using wire::ErrorCode;

const TopicRules defaults = [](const TopicImage&) { return TopicRule{}; };

class OfflineReplicas : public ::testing::Test {
 protected:
  OfflineReplicas() {
    for (const int id : {1, 2, 3}) world.start(id);
    world.topic("t", {{1, 2, 3}, {1, 2, 3}, {1}});
  }
  const PartitionImage& p(std::int32_t index) { return world.partition("t", index); }
  void repair(bool unclean = false) {
    const auto rule = [unclean](const TopicImage&) { return TopicRule{.unclean = unclean}; };
    world.carry_out(plan_repair(world.metadata(), rule));
    EXPECT_TRUE(plan_repair(world.metadata(), rule).empty()) << "what was done is planned again";
  }

  ControllerWorld world;
};

TEST_F(OfflineReplicas, LeadNothingAndAreInNoIsrButTheirBrokerGoesOn) {
  world.fail_directory(1, "t", {0});
  repair();
  EXPECT_EQ(p(0).leader, 2);
  EXPECT_EQ(p(0).leader_epoch.value, 1);
  EXPECT_EQ(p(0).isr, (Ids{2, 3}));
  EXPECT_EQ(p(1).leader, 1);
  EXPECT_EQ(p(1).isr, (Ids{1, 2, 3}));
  EXPECT_TRUE(world.metadata().alive(1));
  EXPECT_FALSE(world.metadata().serves(1, p(0)));
  EXPECT_TRUE(world.metadata().serves(1, p(1)));
}

TEST_F(OfflineReplicas, OfAFollowerOnlyLeaveTheIsr) {
  world.fail_directory(3, "t", {0, 1});
  repair();
  for (const int i : {0, 1}) {
    EXPECT_EQ(p(i).leader, 1);
    EXPECT_EQ(p(i).leader_epoch.value, 0);
    EXPECT_EQ(p(i).isr, (Ids{1, 2}));
  }
}

TEST_F(OfflineReplicas, LeadershipDoesNotGoBackToThem) {
  world.fail_directory(1, "t", {0});
  repair();
  // Somebody took it back into the ISR meanwhile.
  world.set_isr("t", 0, {2, 3, 1});
  EXPECT_TRUE(plan_rebalance(world.metadata(), 0, defaults).empty());
  const PartitionName wanted{"t", 0};
  const AnsweredPlan elected = plan_elections(world.metadata(), ElectionType::preferred, {&wanted, 1}, defaults);
  EXPECT_EQ(elected.answers.at(0).error, ErrorCode::preferred_leader_not_available);
  repair();
  EXPECT_EQ(p(0).isr, (Ids{2, 3}));
}

TEST_F(OfflineReplicas, WithoutAnotherOneThereIsNoLeaderUntilTheDiskIsMended) {
  world.fail_directory(1, "t", {2});
  for (const bool unclean : {false, true}) {
    repair(unclean);
    EXPECT_EQ(p(2).leader, -1);
  }
  world.restart(1);
  repair();
  EXPECT_EQ(p(2).leader, 1);
}

TEST_F(OfflineReplicas, ABrokerThatStopsHandsNothingOverToThem) {
  world.fail_directory(2, "t", {0});
  world.carry_out(plan_shutdown(world.metadata(), 1, defaults));
  EXPECT_EQ(p(0).leader, 3);
  EXPECT_EQ(p(1).leader, 2);
}

// ---- Lost copies ----

PartitionRecord record(std::int32_t index, Ids replicas, std::int32_t leader, Ids isr, Ids elr = {}) {
  PartitionRecord out;
  out.topic = "t";
  out.id.topic_id[0] = 1;
  out.id.partition = index;
  out.replicas = std::move(replicas);
  out.state.leader = leader;
  out.state.leader_epoch = 4;
  out.state.isr = std::move(isr);
  out.state.elr = std::move(elr);
  out.state_version = 7;
  return out;
}

TEST(LostCopies, WhatIsStillThereIsKept) {
  const PartitionRecord there = record(0, {1, 2}, 1, {1, 2});
  const LostCopies lost = lost_copies({there}, 1, {there.id});
  EXPECT_TRUE(lost.states.empty());
  EXPECT_EQ(lost.single, 0u);
}

TEST(LostCopies, ItLeavesTheIsrAndLeadsNothing) {
  const LostCopies lost = lost_copies({record(0, {1, 2}, 1, {1, 2}), record(1, {2, 1}, 2, {2, 1})}, 1, {});
  ASSERT_EQ(lost.states.size(), 2u);
  EXPECT_EQ(lost.states[0].state.isr, Ids{2});
  EXPECT_EQ(lost.states[0].state.leader, -1);
  EXPECT_EQ(lost.states[0].state.leader_epoch, 5);
  EXPECT_EQ(lost.states[0].state_version, 7);
  EXPECT_EQ(lost.states[1].state.isr, Ids{2});
  EXPECT_EQ(lost.states[1].state.leader, 2);
  EXPECT_EQ(lost.states[1].state.leader_epoch, 4);
  EXPECT_EQ(lost.nobody_left, 0u);
}

TEST(LostCopies, TheLastInSyncLeavesAnEmptyIsrBehind) {
  const LostCopies lost = lost_copies({record(0, {1, 2}, 1, {1}), record(1, {1, 2}, -1, {}, {1})}, 1, {});
  ASSERT_EQ(lost.states.size(), 2u);
  for (const PartitionRecord& p : lost.states) {
    EXPECT_TRUE(p.state.isr.empty());
    EXPECT_TRUE(p.state.elr.empty());
    EXPECT_EQ(p.state.leader, -1);
  }
  EXPECT_EQ(lost.nobody_left, 2u);
}

TEST(LostCopies, ASingleReplicaBeginsEmptyAgain) {
  const LostCopies lost = lost_copies({record(0, {1}, 1, {1})}, 1, {});
  EXPECT_TRUE(lost.states.empty());
  EXPECT_EQ(lost.single, 1u);
}

TEST(LostCopies, ADirectoryThatIsAddedIsNoLoss) {
  EXPECT_FALSE(lost_directory({"a", "b"}, {"b", "c", "a"}));
  EXPECT_TRUE(lost_directory({"a", "b"}, {"a", "c"}));
  EXPECT_FALSE(lost_directory({}, {"a"}));
}

// An empty ISR is one that only an unclean election can end.
TEST_F(OfflineReplicas, AnEmptyIsrWaitsForAnUncleanElection) {
  world.change("t", 0, [](PartitionImage& partition) {
    partition.isr.clear();
    partition.leader = -1;
  });
  repair();
  EXPECT_EQ(p(0).leader, -1);
  const PartitionName wanted{"t", 0};
  const AnsweredPlan elected = plan_elections(world.metadata(), ElectionType::unclean, {&wanted, 1}, defaults);
  EXPECT_EQ(elected.answers.at(0).error, ErrorCode::none);
  world.carry_out(elected.plan);
  EXPECT_EQ(p(0).leader, 1);
  EXPECT_EQ(p(0).isr, Ids{1});
}

}  // namespace
}  // namespace holdfast
