#include "broker/controller.h"

#include <gtest/gtest.h>

#include "broker/controller_writes.h"
#include "tests/broker/controller_world.h"

namespace holdfast {
namespace {

using wire::ErrorCode;
using Ids = std::vector<std::int32_t>;

const TopicRules never = [](const TopicImage&) { return TopicRule{}; };
const TopicRules always = [](const TopicImage&) { return TopicRule{.unclean = true}; };
const TopicRules two_in_sync = [](const TopicImage&) { return TopicRule{.replicas = {.min_isr = 2}}; };
const TopicRules in_memory = [](const TopicImage&) { return TopicRule{.replicas = {.min_isr = 2, .durable = false}}; };

class ControllerTest : public ::testing::Test {
 protected:
  ControllerTest() {
    for (const int id : {1, 2, 3, 4}) world.start(id);
    world.topic("t", {{1, 2, 3}});
  }
  void repair(const TopicRules& unclean = never) {
    world.carry_out(plan_repair(world.metadata(), unclean));
    EXPECT_TRUE(plan_repair(world.metadata(), unclean).empty()) << "what was done is planned again";
  }
  const PartitionImage& p(std::int32_t index = 0) { return world.partition("t", index); }
  void expect(std::int32_t leader, std::int32_t epoch, const Ids& isr, const Ids& elr = {}) {
    EXPECT_EQ(p().leader, leader);
    EXPECT_EQ(p().leader_epoch.value, epoch);
    EXPECT_EQ(p().isr, isr);
    EXPECT_EQ(p().elr, elr);
  }
  ErrorCode elect(ElectionType type, std::int32_t partition = 0, const TopicRules& rules = never) {
    const PartitionName wanted{"t", partition};
    const AnsweredPlan out = plan_elections(world.metadata(), type, {&wanted, 1}, rules);
    world.carry_out(out.plan);
    return out.answers.at(0).error;
  }
  AdminAnswer reassign(std::optional<Ids> replicas, const TopicRules& unclean = never, bool allow_change = true) {
    const Reassignment wanted{{"t", 0}, std::move(replicas)};
    const AnsweredPlan out = plan_reassignments(world.metadata(), {&wanted, 1}, allow_change, unclean);
    world.carry_out(out.plan);
    return out.answers.at(0);
  }

  ControllerWorld world;
};

TEST_F(ControllerTest, AHealthyClusterIsLeftAlone) { EXPECT_TRUE(plan_repair(world.metadata(), always).empty()); }

TEST_F(ControllerTest, ADeadLeaderIsFollowedByTheNextReplicaInSync) {
  world.set_isr("t", 0, {3, 1, 2});
  world.stop(1);
  repair();
  expect(2, 1, {3, 2});  // in the order of the assignment, not of the ISR
}

TEST_F(ControllerTest, ADeadFollowerLeavesTheIsrAndTheEpochStays) {
  world.stop(2);
  repair();
  expect(1, 0, {1, 3});
}

TEST_F(ControllerTest, AReplicaThatIsNotInSyncDoesNotLead) {
  world.set_isr("t", 0, {1, 3});
  world.stop(1);
  repair();
  expect(3, 1, {3});
}

TEST_F(ControllerTest, TheLastMembersAreEligible) {
  world.set_isr("t", 0, {1, 3});
  world.stop(1);
  world.stop(3);
  repair();
  expect(-1, 1, {}, {1, 3});
  world.start(3);
  repair();
  expect(3, 2, {3});
  world.start(1);
  repair();
  expect(3, 2, {3});  // the leader takes it back, when it has caught up
}

TEST_F(ControllerTest, AnUncleanLeaderOnlyWhereTheTopicAllowsAndNobodyIsInSync) {
  world.set_isr("t", 0, {1});
  world.stop(1);
  repair(never);
  expect(-1, 1, {}, {1});
  repair(always);
  expect(2, 2, {2});
  world.start(1);
  repair(always);
  expect(2, 2, {2});
}

TEST_F(ControllerTest, ALiveMemberIsNeverPassedOverForAnUncleanOne) {
  world.set_isr("t", 0, {3});
  world.set_leader("t", 0, -1);
  repair(always);
  expect(3, 1, {3});
}

TEST_F(ControllerTest, ABrokerInANewLifeHasFailedInTheOldOne) {
  world.restart(1);
  repair();
  expect(2, 1, {2, 3});
  world.restart(3);
  repair();
  expect(2, 1, {2});
}

TEST_F(ControllerTest, TheOnlyMemberLeadsAgainInItsNewLifeWithANewEpoch) {
  world.set_isr("t", 0, {1});
  world.restart(1);
  repair();
  expect(1, 1, {1});
}

TEST_F(ControllerTest, WhenAllMembersFailedThoseThatAreBackGoOn) {
  world.stop(2);
  world.restart(1);
  world.restart(3);
  repair();
  expect(1, 1, {1, 3});
}

TEST_F(ControllerTest, ALeaderChosenForANewTopicMayHaveDiedMeanwhile) {
  world.stop(2);
  world.topic("new", {{2, 3}, {2}});
  repair();
  EXPECT_EQ(world.partition("new", 0).leader, 3);
  EXPECT_EQ(world.partition("new", 1).leader, -1);
  EXPECT_EQ(world.partition("new", 1).isr, Ids{});
  EXPECT_EQ(world.partition("new", 1).elr, Ids{2});
}

TEST_F(ControllerTest, APartialLookPlansWhatTheWholeOneDoesThere) {
  world.topic("wide", {{1, 2}, {2, 3}, {1, 3}});
  world.stop(1);
  const TopicPtr topic = world.metadata().topic("wide");
  const std::int32_t third[] = {2, 7, -1};
  const auto part = plan_repair(world.metadata(), *topic, third, never);
  ASSERT_TRUE(part);
  ASSERT_EQ(part->partitions.size(), 1u);
  EXPECT_EQ(part->partitions[0].partition, 2);
  EXPECT_EQ(part->partitions[0].state.leader, 3);
  EXPECT_EQ(plan_repair(world.metadata(), *topic, {}, never)->partitions.size(), 2u);
}

// ---- Eligible leader replicas ----

TEST_F(ControllerTest, WhoLeavesTooFewBehindStaysEligible) {
  world.stop(3);
  repair(two_in_sync);
  expect(1, 0, {1, 2});
  world.stop(1);
  repair(two_in_sync);
  expect(2, 1, {2}, {1});
  world.stop(2);
  repair(two_in_sync);
  expect(-1, 2, {}, {1, 2});
  EXPECT_EQ(p().last_known_elr, Ids{2});
  world.start(3);
  repair(two_in_sync);
  expect(-1, 2, {}, {1, 2});
  world.start(1);
  repair(two_in_sync);
  expect(1, 3, {1}, {2});
  EXPECT_EQ(p().last_known_elr, Ids{});
}

TEST_F(ControllerTest, SomebodyInSyncLeadsBeforeSomebodyEligible) {
  world.set_isr("t", 0, {2, 3}, {1});
  world.set_leader("t", 0, 2);
  world.stop(2);
  repair(two_in_sync);
  expect(3, 1, {3}, {1, 2});
}

TEST_F(ControllerTest, SomebodyEligibleLeadsBeforeAnybodyElse) {
  world.set_isr("t", 0, {1}, {3});
  world.stop(1);
  repair(always);  // by a rule of one in sync: it is enough, and 1 is to catch up
  expect(3, 1, {3});
}

TEST_F(ControllerTest, AnEligibleReplicaNeedNotHaveBeenThereAllTheTime) {
  world.set_isr("t", 0, {1}, {2, 3});
  world.restart(3);
  world.stop(2);
  world.stop(1);
  repair(two_in_sync);
  expect(3, 1, {3}, {1, 2});
}

TEST_F(ControllerTest, MemoryMakesNobodyEligible) {
  world.set_isr("t", 0, {1, 2});
  world.stop(2);
  repair(in_memory);
  expect(1, 0, {1});
  world.stop(1);
  repair(in_memory);
  expect(-1, 1, {1});
  EXPECT_EQ(p().last_known_elr, Ids{});
  world.start(2);
  repair(in_memory);
  expect(-1, 1, {1});
  world.start(1);
  repair(in_memory);
  expect(1, 2, {1});
}

TEST_F(ControllerTest, WhoWasEligibleByTheDiskStaysSoWhenTheTopicGoesToMemory) {
  world.set_isr("t", 0, {1}, {2});
  world.stop(1);
  repair(in_memory);
  expect(2, 1, {2});
}

TEST_F(ControllerTest, AnUncleanLeaderIsTheLastThatLedIfItIsThere) {
  world.set_isr("t", 0, {});
  world.change("t", 0, [](PartitionImage& p) { p.leader = -1, p.last_known_elr = {3}; });
  repair(never);
  expect(-1, 0, {});
  repair(always);
  expect(3, 1, {3});
}

TEST_F(ControllerTest, AnUncleanLeaderMakesTheOthersNotEligible) {
  world.set_isr("t", 0, {}, {1});
  world.set_leader("t", 0, -1);
  world.stop(1);
  const TopicRules rules = [](const TopicImage&) { return TopicRule{.replicas = {.min_isr = 2}, .unclean = true}; };
  repair(rules);
  expect(2, 1, {2});
}

TEST_F(ControllerTest, ABrokerThatStopsStaysEligibleWhenTooFewAreLeft) {
  world.set_isr("t", 0, {1, 2});
  world.carry_out(plan_shutdown(world.metadata(), 1, two_in_sync));
  expect(2, 1, {2}, {1});
}

TEST_F(ControllerTest, AnElectionTakesAnEligibleReplicaWhereThereIsNoLeader) {
  world.set_isr("t", 0, {}, {1, 2});
  world.set_leader("t", 0, -1);
  world.stop(1);
  EXPECT_EQ(elect(ElectionType::preferred, 0, two_in_sync), ErrorCode::none);
  expect(2, 1, {2}, {1});
  world.start(1);
  EXPECT_EQ(elect(ElectionType::preferred, 0, two_in_sync), ErrorCode::preferred_leader_not_available);
  expect(2, 1, {2}, {1});
  world.stop(1);
  world.stop(2);
  repair(two_in_sync);
  EXPECT_EQ(elect(ElectionType::unclean, 0, two_in_sync), ErrorCode::none);
  expect(3, 3, {3});
}

TEST_F(ControllerTest, AReplicaThatGoesIsNotEligible) {
  world.set_isr("t", 0, {1}, {2, 3});
  EXPECT_EQ(reassign(Ids{1, 4}, two_in_sync).error, ErrorCode::none);
  expect(1, 0, {1}, {2, 3});
  EXPECT_EQ(reassign(std::nullopt, two_in_sync).error, ErrorCode::none);
  expect(1, 1, {1}, {2, 3});
  EXPECT_EQ(reassign(Ids{1, 4}, two_in_sync).error, ErrorCode::none);
  world.set_isr("t", 0, {1, 4}, {3});
  repair(two_in_sync);
  EXPECT_EQ(p().replicas, (Ids{1, 4}));
  expect(1, 2, {1, 4});
}

TEST_F(ControllerTest, ACancellationMayLeaveItToAnEligibleReplica) {
  reassign(Ids{4, 2}, two_in_sync);
  world.set_isr("t", 0, {4}, {3});
  world.set_leader("t", 0, 4);
  world.stop(3);
  EXPECT_EQ(reassign(std::nullopt, two_in_sync).error, ErrorCode::invalid_replica_assignment)
      << "there is a leader now, and would be none";
  world.start(3);
  EXPECT_EQ(reassign(std::nullopt, two_in_sync).error, ErrorCode::none);
  expect(3, 1, {3});
}

// ---- Preferred leaders ----

TEST_F(ControllerTest, LeadershipGoesBackBeyondTheAllowedImbalance) {
  std::vector<Ids> replicas(10, Ids{1, 2});
  world.topic("wide", replicas);
  world.set_leader("wide", 4, 2);
  world.set_leader("t", 0, 1);
  EXPECT_TRUE(plan_rebalance(world.metadata(), 10, never).empty());  // one of eleven is 9 %
  world.set_leader("wide", 5, 2);
  const ControllerPlan plan = plan_rebalance(world.metadata(), 10, never);
  world.carry_out(plan);
  EXPECT_EQ(world.partition("wide", 4).leader, 1);
  EXPECT_EQ(world.partition("wide", 5).leader, 1);
  EXPECT_EQ(world.partition("wide", 5).leader_epoch.value, 1);
  EXPECT_TRUE(plan_rebalance(world.metadata(), 0, never).empty());
}

TEST_F(ControllerTest, LeadershipDoesNotGoToAReplicaThatCannotLead) {
  world.set_leader("t", 0, 2);
  world.set_isr("t", 0, {2, 3});
  EXPECT_TRUE(plan_rebalance(world.metadata(), 0, never).empty()) << "not in sync";
  world.set_isr("t", 0, {1, 2, 3});
  world.stop(1);
  EXPECT_TRUE(plan_rebalance(world.metadata(), 0, never).empty()) << "not alive";
  world.start(1);
  EXPECT_TRUE(plan_rebalance(world.metadata(), 0, never).empty()) << "in another life";
}

TEST_F(ControllerTest, TheDeadAreNotPreferred) {
  world.set_isr("t", 0, {1});
  world.stop(1);
  repair();
  EXPECT_TRUE(plan_rebalance(world.metadata(), 0, never).empty());
}

// ---- Shutdown ----

TEST_F(ControllerTest, ABrokerThatStopsHandsOverAndLeavesTheIsr) {
  world.topic("other", {{2, 1}, {1}, {1, 4}});
  world.stop(4);
  world.carry_out(plan_shutdown(world.metadata(), 1, never));
  expect(2, 1, {2, 3});
  EXPECT_EQ(world.partition("other", 0).leader, 2);
  EXPECT_EQ(world.partition("other", 0).leader_epoch.value, 0);
  EXPECT_EQ(world.partition("other", 0).isr, Ids{2});
  EXPECT_EQ(world.partition("other", 1).leader, 1) << "nobody else can";
  EXPECT_EQ(world.partition("other", 2).leader, 1) << "the dead cannot";
  EXPECT_TRUE(plan_shutdown(world.metadata(), 1, never).empty());
}

// ---- Elections on request ----

TEST_F(ControllerTest, PreferredElections) {
  EXPECT_EQ(elect(ElectionType::preferred), ErrorCode::election_not_needed);
  world.set_leader("t", 0, 2);
  EXPECT_EQ(elect(ElectionType::preferred), ErrorCode::none);
  expect(1, 1, {1, 2, 3});
  world.set_leader("t", 0, 2);
  world.set_isr("t", 0, {2, 3});
  EXPECT_EQ(elect(ElectionType::preferred), ErrorCode::preferred_leader_not_available);
  expect(2, 1, {2, 3});
  world.stop(2);  // somebody who can lead is better than nobody
  EXPECT_EQ(elect(ElectionType::preferred), ErrorCode::none);
  expect(3, 2, {3});
  world.stop(3);
  EXPECT_EQ(elect(ElectionType::preferred), ErrorCode::preferred_leader_not_available);
  EXPECT_EQ(elect(ElectionType::preferred, 1), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(elect(ElectionType::preferred, -1), ErrorCode::unknown_topic_or_partition);
}

TEST_F(ControllerTest, UncleanElections) {
  EXPECT_EQ(elect(ElectionType::unclean), ErrorCode::election_not_needed);
  world.set_isr("t", 0, {1});
  for (const int id : {1, 2, 3}) world.stop(id);
  repair();
  EXPECT_EQ(elect(ElectionType::unclean), ErrorCode::eligible_leaders_not_available);
  world.start(3);
  EXPECT_EQ(elect(ElectionType::unclean), ErrorCode::none);
  expect(3, 2, {3});
}

TEST_F(ControllerTest, AnElectionNamesWhatItDoesNotFind) {
  const PartitionName wanted[] = {{"no", 0}, {"t", 3}};
  const AnsweredPlan out = plan_elections(world.metadata(), ElectionType::preferred, wanted, never);
  EXPECT_EQ(out.answers.at(0).message, "No such topic as no");
  EXPECT_EQ(out.answers.at(1).message, "No such partition as t-3");
  EXPECT_TRUE(out.plan.empty());
}

// ---- Reassignments ----

TEST_F(ControllerTest, AReassignmentIsFinishedWhenTheTargetIsInSync) {
  EXPECT_EQ(reassign(Ids{4, 2}).error, ErrorCode::none);
  EXPECT_EQ(p().replicas, (Ids{4, 2, 1, 3}));
  EXPECT_EQ(p().adding, Ids{4});
  EXPECT_EQ(p().removing, (Ids{1, 3}));
  expect(1, 0, {1, 2, 3});
  EXPECT_EQ(p().state_version, 0) << "the state is not written for nothing";
  repair();
  EXPECT_TRUE(p().reassigning());
  world.set_isr("t", 0, {1, 2, 3, 4});
  repair();
  EXPECT_EQ(p().replicas, (Ids{4, 2}));
  EXPECT_FALSE(p().reassigning());
  expect(4, 1, {2, 4});  // the old leader went, the preferred one leads
}

TEST_F(ControllerTest, ALeaderThatStaysLeadsAnewWithoutTheReplicasThatWent) {
  EXPECT_EQ(reassign(Ids{4, 1}).error, ErrorCode::none);
  expect(1, 0, {1, 2, 3});
  world.set_isr("t", 0, {1, 4});
  repair();
  EXPECT_EQ(p().replicas, (Ids{4, 1}));
  expect(1, 1, {1, 4});  // the state is another although the ISR is not: what was about to be written to it is refused
}

TEST_F(ControllerTest, AReassignmentWaitsForATargetReplicaThatIsDown) {
  EXPECT_EQ(reassign(Ids{4, 2}).error, ErrorCode::none);
  world.set_isr("t", 0, {1, 2, 3, 4});
  world.stop(2);
  repair();
  EXPECT_TRUE(p().reassigning());
  expect(1, 0, {1, 3, 4});
}

TEST_F(ControllerTest, FewerReplicasInSyncIsDoneAtOnce) {
  EXPECT_EQ(reassign(Ids{2, 3}).error, ErrorCode::none);
  EXPECT_EQ(p().replicas, (Ids{2, 3}));
  EXPECT_FALSE(p().reassigning());
  expect(2, 1, {2, 3});
}

TEST_F(ControllerTest, ARequestDoesNotWriteOverAFailureThatNobodyLookedAtYet) {
  world.restart(3);
  EXPECT_EQ(reassign(Ids{2, 3}).error, ErrorCode::none);
  EXPECT_TRUE(p().reassigning());
  expect(1, 0, {1, 2});
}

TEST_F(ControllerTest, AReplicaThatIsBeingAddedIsTheLastToLeadUncleanly) {
  reassign(Ids{4, 1});
  world.set_isr("t", 0, {1});
  world.stop(1);
  repair(always);
  expect(2, 1, {2});
}

TEST_F(ControllerTest, AnotherOrderIsAnotherPreferredLeader) {
  EXPECT_EQ(reassign(Ids{3, 2, 1}).error, ErrorCode::none);
  EXPECT_EQ(p().replicas, (Ids{3, 2, 1}));
  EXPECT_FALSE(p().reassigning());
  expect(1, 0, {1, 2, 3});
}

TEST_F(ControllerTest, WhatIsAlreadySoIsNotWritten) {
  const Reassignment wanted{{"t", 0}, Ids{1, 2, 3}};
  EXPECT_TRUE(plan_reassignments(world.metadata(), {&wanted, 1}, true, never).plan.empty());
}

TEST_F(ControllerTest, ACancelledReassignmentLeavesTheOriginalReplicas) {
  EXPECT_EQ(reassign(std::nullopt).error, ErrorCode::no_reassignment_in_progress);
  reassign(Ids{4, 2});
  world.set_isr("t", 0, {1, 3, 4});
  EXPECT_EQ(reassign(std::nullopt).error, ErrorCode::none);
  EXPECT_EQ(p().replicas, (Ids{2, 1, 3}));
  EXPECT_FALSE(p().reassigning());
  expect(1, 1, {1, 3});
}

TEST_F(ControllerTest, ACancellationMovesTheLeaderOffTheReplicaItDrops) {
  reassign(Ids{4, 2});
  world.set_isr("t", 0, {3, 4});
  world.set_leader("t", 0, 4);
  EXPECT_EQ(reassign(std::nullopt).error, ErrorCode::none);
  expect(3, 1, {3});
}

TEST_F(ControllerTest, ACancellationThatWouldLoseRecordsNeedsThePermission) {
  reassign(Ids{4, 2});
  world.set_isr("t", 0, {4});
  world.set_leader("t", 0, 4);
  const AdminAnswer refused = reassign(std::nullopt);
  EXPECT_EQ(refused.error, ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(refused.message,
            "Unable to revert partition assignment for t:0 because it would require an unclean leader election.");
  expect(4, 0, {4});
  EXPECT_EQ(reassign(std::nullopt, always).error, ErrorCode::none);
  expect(2, 1, {2});
}

TEST_F(ControllerTest, AReassignmentInThePlaceOfAnotherStartsFromTheOrigin) {
  reassign(Ids{4, 2});
  world.start(5);
  world.set_isr("t", 0, {1, 2, 3, 4});
  EXPECT_EQ(reassign(Ids{5, 1}).error, ErrorCode::none);
  EXPECT_EQ(p().replicas, (Ids{5, 1, 2, 3}));
  EXPECT_EQ(p().adding, Ids{5});
  EXPECT_EQ(p().removing, (Ids{2, 3}));
  expect(1, 1, {1, 2, 3});
  EXPECT_EQ(reassign(std::nullopt).error, ErrorCode::none);
  EXPECT_EQ(p().replicas, (Ids{1, 2, 3}));
}

TEST_F(ControllerTest, ReassignmentsAreValidatedAsKafkaDoes) {
  const auto message = [&](Ids replicas) {
    const AdminAnswer answer = reassign(std::move(replicas));
    EXPECT_EQ(answer.error, ErrorCode::invalid_replica_assignment);
    return answer.message;
  };
  EXPECT_EQ(message({}), "The manual partition assignment includes an empty replica list.");
  EXPECT_EQ(message({1, 9}), "The manual partition assignment includes broker 9, but no such broker is registered.");
  EXPECT_EQ(message({2, 2}), "The manual partition assignment includes the broker 2 more than once.");
  EXPECT_EQ(message({1, -1}), "The manual partition assignment includes broker -1, but no such broker is registered.");
  const AdminAnswer grown = reassign(Ids{1, 2, 3, 4}, never, false);
  EXPECT_EQ(grown.error, ErrorCode::invalid_replication_factor);
  EXPECT_EQ(grown.message, "The replication factor is changed from 3 to 4");
  world.stop(3);
  EXPECT_EQ(reassign(Ids{1, 3}).error, ErrorCode::none) << "a replica that is down may stay one";
}

TEST_F(ControllerTest, ARequestMayNameManyPartitionsAndOneTwice) {
  world.topic("wide", {{1, 2}, {2, 3}});
  const Reassignment wanted[] = {{{"wide", 0}, Ids{3, 4}},
                                 {{"no", 0}, Ids{1}},
                                 {{"wide", 1}, Ids{4, 3}},
                                 {{"wide", 9}, Ids{1}},
                                 {{"wide", 0}, Ids{2, 4}}};
  const AnsweredPlan out = plan_reassignments(world.metadata(), wanted, true, never);
  EXPECT_EQ(out.answers.at(0).error, ErrorCode::none);
  EXPECT_EQ(out.answers.at(1).message, "Unable to find a topic named no.");
  EXPECT_EQ(out.answers.at(3).message, "Unable to find partition wide:9.");
  ASSERT_EQ(out.plan.size(), 1u);
  world.carry_out(out.plan);
  EXPECT_EQ(world.partition("wide", 0).replicas, (Ids{2, 4, 1}));
  EXPECT_EQ(world.partition("wide", 0).adding, Ids{4});
  EXPECT_EQ(world.partition("wide", 1).replicas, (Ids{4, 3, 2}));
}

// ---- Writes ----

TEST_F(ControllerTest, WritesAreGuarded) {
  world.stop(1);
  const auto writes = writes_of(plan_repair(world.metadata(), never), {.epoch = 9, .version = 4}, world.metadata());
  ASSERT_EQ(writes.size(), 1u);
  const auto& ops = writes[0].ops;
  ASSERT_EQ(ops.size(), 5u);
  const auto& epoch = std::get<Ensemble::Check>(ops[0]);
  EXPECT_EQ(epoch.path, "/controller_epoch");
  EXPECT_EQ(epoch.version, 4);
  const auto& second = std::get<Ensemble::CheckCzxid>(ops[1]);
  EXPECT_EQ(second.path, "/brokers/ids/2");
  EXPECT_EQ(second.czxid, Zxid(world.metadata().brokers().at(2).epoch));
  EXPECT_EQ(std::get<Ensemble::CheckCzxid>(ops[2]).path, "/brokers/ids/3");
  const auto& topic = std::get<Ensemble::CheckCzxid>(ops[3]);
  EXPECT_EQ(topic.path, "/brokers/topics/t");
  EXPECT_EQ(topic.czxid, Zxid(world.metadata().topic("t")->czxid));
  const auto& state = std::get<Ensemble::Set>(ops[4]);
  EXPECT_EQ(state.path, "/brokers/topics/t/partitions/0/state");
  EXPECT_EQ(state.version, 0);
  const auto written = znodes::decode_partition_state(state.data);
  ASSERT_TRUE(written);
  EXPECT_EQ(written->controller_epoch, 9);
  EXPECT_EQ(written->leader, 2);
}

TEST_F(ControllerTest, AChangedTopicGoesWithItsStatesWrittenOrOnlyChecked) {
  world.topic("wide", {{1, 2}, {2, 3}});
  world.set_isr("wide", 0, {1});
  const Reassignment wanted{{"wide", 0}, Ids{1, 2, 3}};
  AnsweredPlan planned = plan_reassignments(world.metadata(), {&wanted, 1}, true, never);
  const auto writes = writes_of(std::move(planned.plan), {.epoch = 1, .version = 0}, world.metadata());
  ASSERT_EQ(writes.size(), 1u);
  ASSERT_EQ(writes[0].ops.size(), 4u);
  EXPECT_EQ(std::get<Ensemble::Set>(writes[0].ops[2]).path, "/brokers/topics/wide");
  const auto& check = std::get<Ensemble::Check>(writes[0].ops[3]);
  EXPECT_EQ(check.path, "/brokers/topics/wide/partitions/0/state");
  EXPECT_EQ(check.version, 1);
}

TEST_F(ControllerTest, ManyPartitionsGoInSeveralWrites) {
  world.topic("wide", std::vector<Ids>(450, Ids{1, 2}));
  world.topic("zero", std::vector<Ids>(30, Ids{1, 2}));
  world.stop(1);
  const auto writes = writes_of(plan_repair(world.metadata(), never), {}, world.metadata());
  std::size_t partitions = 0;
  for (const PlannedWrite& write : writes) {
    std::size_t here = 0;
    for (const TopicChange& topic : write.part) here += topic.partitions.size();
    EXPECT_LE(here, 200u);
    partitions += here;
  }
  EXPECT_EQ(partitions, 481u);
  EXPECT_EQ(writes.size(), 3u);
}

}  // namespace
}  // namespace holdfast
