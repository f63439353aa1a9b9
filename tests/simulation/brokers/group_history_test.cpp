// GroupHistory itself: hand-made groups, bad ones that must be found and good ones that must pass.
#include "tests/simulation/brokers/group_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::sim::group_history {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A group of two, whose members have heard of generation 5.
struct Story {
  Story() {
    generation(5, {0, 1}, {2});
    groups.assigned("g", 5, "a", "a", {0, 1}, 1);
    groups.assigned("g", 5, "b", "b", {2}, 1);
  }
  void generation(std::int32_t number, GroupHistory::Partitions a, GroupHistory::Partitions b) {
    groups.distributed("g", number, {{"a", std::move(a)}, {"b", std::move(b)}});
  }
  void read(std::int64_t offset) { groups.read_back("g", 0, offset, groups.now()); }

  RecordHistory records;
  GroupHistory groups{records};
};

TEST(GroupHistory, AGroupAsItShouldBe) {
  Story s;
  s.read(-1);
  s.groups.committed("g", 0, s.groups.commits("g", 0, 5, 7), 1);
  s.read(7);
  s.generation(6, {2}, {0, 1});
  s.groups.assigned("g", 6, "b", "b", {0, 1}, 1);
  s.groups.committed("g", 0, s.groups.commits("g", 0, 6, 9), 1);
  s.read(9);
  EXPECT_THAT(s.records.violations(), IsEmpty());
  EXPECT_EQ(s.groups.generations(), 2u);
  EXPECT_EQ(s.groups.commit_count(), 2u);
}

TEST(GroupHistory, APartitionWithTwoOwners) {
  Story s;
  s.generation(6, {0, 1}, {1, 2});
  s.groups.assigned("g", 6, "a", "a", {0, 1}, 1);
  s.groups.assigned("g", 6, "b", "b", {1, 2}, 1);
  EXPECT_THAT(s.records.violations(), ElementsAre(HasSubstr("in generation 6 partition 1 belongs to a, and to b")));
}

TEST(GroupHistory, AShareThatNobodyGave) {
  Story s;
  s.generation(6, {0}, {1, 2});
  s.groups.assigned("g", 6, "a", "a", {0, 1}, 1);
  EXPECT_THAT(s.records.violations(), ElementsAre(HasSubstr("member a of generation 6 is given 0,1")));
}

TEST(GroupHistory, AStaticMemberKeepsItsShareUnderAnotherId) {
  Story s;
  s.groups.distributed("h", 1, {{"one", {0}}});
  s.groups.assigned("h", 1, "one", "instance", {0}, 1);
  s.groups.assigned("h", 1, "other", "instance", {0}, 1);
  EXPECT_THAT(s.records.violations(), IsEmpty());
}

TEST(GroupHistory, ACommitOfAGenerationThatIsOver) {
  Story s;
  s.generation(6, {0}, {1, 2});
  s.groups.assigned("g", 6, "b", "b", {1, 2}, 1);
  s.groups.committed("g", 0, s.groups.commits("g", 0, 5, 7), 1);
  EXPECT_THAT(s.records.violations(), ElementsAre(HasSubstr("7 was accepted of generation 5, when generation 6")));
}

TEST(GroupHistory, ACommitThatWasOnItsWayWhenTheGenerationEnded) {
  Story s;
  const auto commit = s.groups.commits("g", 0, 5, 7);
  s.generation(6, {0}, {1, 2});
  s.groups.assigned("g", 6, "b", "b", {1, 2}, 1);
  s.groups.committed("g", 0, commit, 1);
  s.read(7);
  EXPECT_THAT(s.records.violations(), IsEmpty());
}

TEST(GroupHistory, ACommitIsLost) {
  Story s;
  s.groups.committed("g", 0, s.groups.commits("g", 0, 5, 7), 1);
  s.read(-1);
  EXPECT_THAT(s.records.violations(), ElementsAre(HasSubstr("-1 is committed, after 7 of generation 5")));
}

TEST(GroupHistory, ACommitIsSetBack) {
  Story s;
  s.groups.committed("g", 0, s.groups.commits("g", 0, 5, 7), 1);
  s.groups.committed("g", 0, s.groups.commits("g", 0, 5, 9), 1);
  s.read(7);
  EXPECT_THAT(s.records.violations(), ElementsAre(HasSubstr("7 is committed, after 9 of generation 5")));
}

TEST(GroupHistory, AnUnansweredCommitMayHold) {
  Story s;
  s.groups.committed("g", 0, s.groups.commits("g", 0, 5, 7), 1);
  s.groups.commits("g", 0, 5, 8);
  s.read(7);
  s.read(8);
  EXPECT_THAT(s.records.violations(), IsEmpty());
}

TEST(GroupHistory, AnUnansweredCommitOfAnEarlierGenerationMayNot) {
  Story s;
  s.groups.commits("g", 0, 5, 8);
  s.generation(6, {0}, {1, 2});
  s.groups.assigned("g", 6, "a", "a", {0}, 1);
  s.groups.committed("g", 0, s.groups.commits("g", 0, 6, 9), 1);
  s.read(8);
  EXPECT_THAT(s.records.violations(), ElementsAre(HasSubstr("8 is committed, after 9 of generation 6")));
}

TEST(GroupHistory, WhatIsAcknowledgedMeanwhileMayBeInTheAnswerOrNot) {
  Story s;
  const std::uint64_t asked = s.groups.now();
  s.groups.committed("g", 0, s.groups.commits("g", 0, 5, 7), 1);
  s.groups.read_back("g", 0, -1, asked);
  EXPECT_THAT(s.records.violations(), IsEmpty());
}

}  // namespace
}  // namespace holdfast::sim::group_history
