// Replicas whose log directory is full: their broker serves what it has, and somebody with room takes what is new.
#include <gtest/gtest.h>

#include "tests/broker/controller_world.h"

namespace holdfast {
namespace {

using Ids = std::vector<std::int32_t>;
using wire::ErrorCode;

const TopicRules of_two_in_sync = [](const TopicImage&) { return TopicRule{.replicas = {.min_isr = 2}}; };

class FullReplicas : public ::testing::Test {
 protected:
  FullReplicas() {
    for (const int id : {1, 2, 3}) world.start(id);
    world.topic("t", {{1, 2, 3}, {2, 3, 1}, {1}});
  }
  const PartitionImage& p(std::int32_t index) { return world.partition("t", index); }
  void repair() {
    world.carry_out(plan_repair(world.metadata(), of_two_in_sync));
    EXPECT_TRUE(plan_repair(world.metadata(), of_two_in_sync).empty()) << "what was done is planned again";
  }

  ControllerWorld world;
};

TEST_F(FullReplicas, AreLedByOthersAndInNoIsr) {
  world.fill_directory(1, "t", {0, 1});
  repair();
  EXPECT_EQ(p(0).leader, 2);
  EXPECT_EQ(p(0).leader_epoch.value, 1);
  EXPECT_EQ(p(0).isr, (Ids{2, 3}));
  EXPECT_EQ(p(1).leader, 2);
  EXPECT_EQ(p(1).leader_epoch.value, 0) << "a follower that goes changes no leadership";
  EXPECT_EQ(p(1).isr, (Ids{2, 3}));
  EXPECT_TRUE(world.metadata().serves(1, p(0))) << "they are not offline";
  EXPECT_FALSE(world.metadata().can_append(1, p(0)));
  EXPECT_TRUE(world.metadata().can_append(1, p(2)));
}

TEST_F(FullReplicas, TheLastInSyncGoesOnLeading) {
  world.fill_directory(1, "t", {0, 2});
  world.set_isr("t", 0, {1});
  repair();
  for (const int i : {0, 2}) {
    EXPECT_EQ(p(i).leader, 1);
    EXPECT_EQ(p(i).leader_epoch.value, 0);
    EXPECT_EQ(p(i).isr, Ids{1});
  }
}

TEST_F(FullReplicas, WhereAllAreFullNothingChanges) {
  for (const int id : {1, 2, 3}) world.fill_directory(id, "t", {0});
  repair();
  EXPECT_EQ(p(0).leader, 1);
  EXPECT_EQ(p(0).isr, (Ids{1, 2, 3}));
  // The first that has room again leads.
  world.fill_directory(3, "t", {});
  repair();
  EXPECT_EQ(p(0).leader, 3);
  EXPECT_EQ(p(0).isr, Ids{3});
  EXPECT_EQ(p(0).elr, (Ids{1, 2})) << "they have what was committed";
}

TEST_F(FullReplicas, OneAfterTheOtherLeavesSomebodyEligible) {
  world.fill_directory(1, "t", {0});
  repair();
  world.fill_directory(2, "t", {0});
  repair();
  EXPECT_EQ(p(0).leader, 3);
  EXPECT_EQ(p(0).isr, Ids{3});
  EXPECT_EQ(p(0).elr, Ids{2});
  world.fill_directory(3, "t", {0});
  repair();
  EXPECT_EQ(p(0).leader, 3);
  // It dies: who is eligible leads, full or not.
  world.stop(3);
  repair();
  EXPECT_EQ(p(0).leader, 2);
}

TEST_F(FullReplicas, LeadAgainOnceTheyAreInSyncWithRoom) {
  world.fill_directory(1, "t", {0});
  repair();
  EXPECT_TRUE(plan_rebalance(world.metadata(), 0, of_two_in_sync).empty());
  world.fill_directory(1, "t", {});
  world.set_isr("t", 0, {1, 2, 3});
  repair();
  EXPECT_EQ(p(0).leader, 2) << "nobody is in a hurry";
  world.carry_out(plan_rebalance(world.metadata(), 0, of_two_in_sync));
  EXPECT_EQ(p(0).leader, 1);
}

TEST_F(FullReplicas, NobodyIsElectedThatCannotAppend) {
  world.fill_directory(1, "t", {0});
  repair();
  world.set_isr("t", 0, {2, 3, 1});  // somebody took it back meanwhile
  EXPECT_TRUE(plan_rebalance(world.metadata(), 0, of_two_in_sync).empty());
  const PartitionName wanted{"t", 0};
  const AnsweredPlan elected = plan_elections(world.metadata(), ElectionType::preferred, {&wanted, 1}, of_two_in_sync);
  EXPECT_EQ(elected.answers.at(0).error, ErrorCode::preferred_leader_not_available);
  repair();
  EXPECT_EQ(p(0).isr, (Ids{2, 3}));
}

TEST_F(FullReplicas, ABrokerThatStopsHandsOverToOneWithRoom) {
  world.fill_directory(3, "t", {1});
  world.carry_out(plan_shutdown(world.metadata(), 2, of_two_in_sync));
  EXPECT_EQ(p(1).leader, 1);
  EXPECT_EQ(p(1).isr, Ids{1});
}

}  // namespace
}  // namespace holdfast
