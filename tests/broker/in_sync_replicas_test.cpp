#include "broker/in_sync_replicas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace holdfast {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::Optional;

constexpr Duration lag_max = seconds(30);

struct Registered final : InSyncReplicas::Brokers {
  std::map<std::int32_t, std::int64_t> epochs{{1, 11}, {2, 12}, {3, 13}, {4, 14}};
  std::optional<std::int64_t> epoch_of(std::int32_t broker, const LogId&) const override {
    const auto found = epochs.find(broker);
    return found == epochs.end() ? std::nullopt : std::optional(found->second);
  }
  std::set<std::int32_t> full;
  bool may_enter(std::int32_t broker, const LogId&) const override { return !full.contains(broker); }
};

// Broker 1 leads; 2, 3 and 4 have replicas.
class InSyncReplicasTest : public testing::Test {
 protected:
  InSyncReplicasTest() {
    image.leader = 1;
    image.replicas = {1, 2, 3, 4};
    image.isr = {1, 2, 3};
    image.state_version = 5;
    replicas.lead(image, Offset(0), now);
  }
  bool fetch(std::int32_t replica, std::int64_t at, std::int64_t leader_end) {
    return replicas.fetched(replica, brokers.epochs[replica], Offset(at), Offset(leader_end), now);
  }
  void durable(std::int32_t replica, std::int64_t to, std::int64_t leader_end) {
    replicas.durable(replica, brokers.epochs[replica], Offset(to), Offset(leader_end), now);
  }
  std::optional<Offset> high_watermark(std::int64_t own) { return replicas.high_watermark(Offset(own), now, lag_max); }
  auto change_due(std::int64_t hw, std::int64_t end) { return replicas.due(Offset(hw), Offset(end), now, lag_max); }
  std::optional<std::vector<std::int32_t>> due(std::int64_t hw, std::int64_t end) {
    const auto change = change_due(hw, end);
    return change ? std::optional(change->isr) : std::nullopt;
  }
  // The state that was written says so.
  void written(const std::vector<std::int32_t>& isr, const std::vector<std::int32_t>& elr) {
    image.isr = isr;
    image.elr = elr;
    ++image.state_version;
    replicas.update(image, now);
  }

  Registered brokers;
  SteadyTime now{seconds(1000)};
  PartitionImage image;
  InSyncReplicas replicas{1, brokers};
};

TEST_F(InSyncReplicasTest, NothingIsCommittedBeforeEveryMemberWasHeardOf) {
  EXPECT_EQ(high_watermark(100), std::nullopt);
  fetch(2, 100, 100);
  durable(2, 100, 100);
  EXPECT_EQ(high_watermark(100), std::nullopt);
  fetch(3, 80, 100);
  durable(3, 80, 100);
  EXPECT_EQ(high_watermark(100), Offset(80));
  EXPECT_EQ(high_watermark(70), Offset(70)) << "the leader counts too";
}

TEST_F(InSyncReplicasTest, WhatCountsIsOnTheDisk) {
  for (const int id : {2, 3}) fetch(id, 100, 100);
  durable(2, 100, 100);
  durable(3, 40, 100);
  EXPECT_EQ(high_watermark(100), Offset(40));
  replicas.set_rule({.min_isr = 1, .durable = false});
  EXPECT_EQ(high_watermark(100), Offset(100));
}

TEST_F(InSyncReplicasTest, ADiskCountsOnlyAsFarAsTheLogIsTheLeaders) {
  fetch(2, 100, 100);
  durable(2, 100, 100);
  fetch(3, 50, 100);
  durable(3, 90, 100);  // the fetch that shows it is still on its way
  EXPECT_EQ(high_watermark(100), Offset(50));
  fetch(3, 90, 100);
  EXPECT_EQ(high_watermark(100), Offset(90));
  // It was cut, and fetches from there: what comes next is not on its disk yet.
  fetch(3, 60, 100);
  EXPECT_EQ(high_watermark(100), Offset(60));
  fetch(3, 100, 100);
  EXPECT_EQ(high_watermark(100), Offset(60));
  durable(3, 100, 100);
  EXPECT_EQ(high_watermark(100), Offset(100));
}

TEST_F(InSyncReplicasTest, AnEarlierLifeOfABrokerIsNotHeard) {
  EXPECT_TRUE(fetch(2, 100, 100));
  brokers.epochs[2] = 20;
  EXPECT_TRUE(fetch(2, 10, 100));
  EXPECT_FALSE(replicas.fetched(2, 12, Offset(100), Offset(100), now));
  replicas.durable(2, 12, Offset(100), Offset(100), now);
  fetch(3, 100, 100);
  durable(3, 100, 100);
  EXPECT_EQ(high_watermark(100), std::nullopt) << "nothing is known of what it has on disk in this life";
  EXPECT_FALSE(replicas.fetched(9, 1, Offset(100), Offset(100), now)) << "no replica";
}

TEST_F(InSyncReplicasTest, AForgedEpochChangesNothing) {
  for (const int id : {2, 3}) {
    fetch(id, 100, 100);
    durable(id, 100, 100);
  }
  EXPECT_FALSE(replicas.fetched(2, 1'000'000, Offset(0), Offset(100), now));
  EXPECT_FALSE(replicas.fetched(2, -1, Offset(0), Offset(100), now));
  EXPECT_EQ(high_watermark(100), Offset(100));
  EXPECT_TRUE(fetch(2, 100, 100));
}

TEST_F(InSyncReplicasTest, WhoReachedTheHighWatermarkEnters) {
  for (const int id : {2, 3, 4}) fetch(id, 100, 100);
  EXPECT_EQ(due(100, 100), std::nullopt);
  durable(4, 99, 100);
  EXPECT_EQ(due(100, 100), std::nullopt);
  durable(4, 100, 100);
  EXPECT_THAT(due(100, 100), Optional(ElementsAre(1, 2, 3, 4)));
}

TEST_F(InSyncReplicasTest, NobodyEntersBelowTheLeadersFirstOffset) {
  replicas.lead(image, Offset(200), now);
  fetch(4, 150, 200);
  durable(4, 150, 200);
  EXPECT_EQ(due(150, 200), std::nullopt);
}

TEST_F(InSyncReplicasTest, NobodyEntersUnderARegistrationThatIsGone) {
  fetch(4, 100, 100);
  durable(4, 100, 100);
  brokers.epochs[4] = 99;  // it is back, and has not fetched since
  EXPECT_EQ(due(100, 100), std::nullopt);
  EXPECT_EQ(replicas.live_epoch(4), std::nullopt);
  brokers.epochs.erase(4);
  EXPECT_EQ(due(100, 100), std::nullopt);
}

TEST_F(InSyncReplicasTest, WhoDoesNotKeepUpLeaves) {
  for (const int id : {2, 3}) {
    fetch(id, 100, 100);
    durable(id, 100, 100);
  }
  now += seconds(20);
  fetch(2, 100, 150);
  durable(2, 150, 150);
  fetch(2, 150, 150);
  now += seconds(15);
  EXPECT_THAT(due(100, 150), Optional(ElementsAre(1, 2))) << "3 was silent for 35 s";
  EXPECT_EQ(due(100, 100), std::nullopt) << "there is nothing that it does not have";
}

TEST_F(InSyncReplicasTest, AFollowerOfABusyLeaderKeepsUpAlthoughItIsAlwaysBehind) {
  for (int second = 0; second < 100; ++second) {
    now += seconds(1);
    for (const int id : {2, 3}) {
      fetch(id, second * 100, (second + 1) * 100);
      durable(id, second * 100, (second + 1) * 100);
    }
    ASSERT_EQ(due(second * 100, (second + 1) * 100), std::nullopt) << second;
  }
}

TEST_F(InSyncReplicasTest, AStuckDiskIsNotKeepingUp) {
  for (int second = 0; second < 40; ++second) {
    now += seconds(1);
    const int end = (second + 1) * 100;
    fetch(2, end, end);
    durable(2, end, end);
    fetch(3, end, end);  // it has it all in memory
  }
  EXPECT_THAT(due(0, 4000), Optional(ElementsAre(1, 2)));
}

TEST_F(InSyncReplicasTest, WhoLeftForItsSilenceDoesNotComeBackByIt) {
  for (const int id : {2, 3}) {
    fetch(id, 100, 100);
    durable(id, 100, 100);
  }
  now += seconds(31);
  image.isr = {1};
  image.state_version = 6;
  replicas.update(image, now);
  // The high watermark may stand where it stood, for want of replicas in sync.
  EXPECT_EQ(due(100, 150), std::nullopt);
  fetch(2, 150, 150);
  durable(2, 150, 150);
  EXPECT_THAT(due(100, 150), Optional(ElementsAre(1, 2)));
}

TEST_F(InSyncReplicasTest, WhoIsOnTheWayInCountsAlready) {
  for (const int id : {2, 3, 4}) {
    fetch(id, 100, 100);
    durable(id, 100, 100);
  }
  replicas.propose({1, 2, 3, 4});
  EXPECT_TRUE(replicas.is_counted(4));
  EXPECT_EQ(due(0, 100), std::nullopt) << "one at a time";
  now += seconds(60);
  EXPECT_EQ(high_watermark(120), Offset(100));
  // Refused: it is out again. Written: the image says so.
  replicas.settled();
  EXPECT_FALSE(replicas.is_counted(4));
  replicas.propose({1, 2, 3, 4});
  image.isr = {1, 2, 3, 4};
  replicas.update(image, now);
  EXPECT_TRUE(replicas.is_pending()) << "the state is not another one yet";
  image.state_version = 6;
  replicas.update(image, now);
  EXPECT_FALSE(replicas.is_pending());
  EXPECT_TRUE(replicas.is_counted(4));
}

TEST_F(InSyncReplicasTest, WhoIsOnTheWayOutCountsUntilItIsWritten) {
  for (const int id : {2, 3}) {
    fetch(id, 100, 100);
    durable(id, 100, 100);
  }
  fetch(2, 150, 150);
  durable(2, 150, 150);
  replicas.propose({1, 2});
  EXPECT_EQ(high_watermark(150), Offset(100));
  image.isr = {1, 2};
  image.state_version = 6;
  now += seconds(60);
  replicas.update(image, now);
  fetch(2, 150, 150);
  EXPECT_EQ(high_watermark(150), Offset(150));
}

TEST_F(InSyncReplicasTest, WhoHasNearlyCaughtUpIsWaitedFor) {
  image.isr = {1};
  image.state_version = 6;
  replicas.lead(image, Offset(0), now);
  EXPECT_EQ(high_watermark(100), Offset(100)) << "nobody is heard of";
  fetch(2, 10, 100);
  durable(2, 10, 100);
  EXPECT_EQ(high_watermark(100), Offset(100)) << "it is far behind, and never was up to date";
  fetch(2, 100, 120);
  durable(2, 100, 120);
  EXPECT_EQ(high_watermark(120), Offset(100)) << "it has what there was when it asked before";
  EXPECT_THAT(due(100, 120), Optional(ElementsAre(1, 2)));
}

// ---- Eligible leader replicas ----

TEST_F(InSyncReplicasTest, WhoHasNoRoomNeitherEntersNorIsWaitedFor) {
  for (const int id : {2, 3, 4}) fetch(id, 100, 100), durable(id, 100, 100);
  brokers.full = {4};
  EXPECT_EQ(due(100, 100), std::nullopt) << "caught up, for nothing was written";
  for (const int id : {2, 3}) fetch(id, 120, 120), durable(id, 120, 120);
  EXPECT_EQ(high_watermark(120), Offset(120)) << "it cannot take what it has not";
  brokers.full.clear();
  EXPECT_EQ(high_watermark(120), Offset(100));
  fetch(4, 120, 120);
  durable(4, 120, 120);
  EXPECT_THAT(due(120, 120), Optional(ElementsAre(1, 2, 3, 4)));
}

TEST_F(InSyncReplicasTest, AMemberWithoutRoomCountsUntilItIsWrittenOut) {
  for (const int id : {2, 3}) fetch(id, 100, 100), durable(id, 100, 100);
  brokers.full = {3};
  fetch(2, 120, 120);
  durable(2, 120, 120);
  EXPECT_EQ(high_watermark(120), Offset(100));
  EXPECT_EQ(due(100, 120), std::nullopt) << "the controller takes it out, of all its partitions at once";
  written({1, 2}, {});
  EXPECT_EQ(high_watermark(120), Offset(120));
}

TEST_F(InSyncReplicasTest, WhoLeavesTooFewBehindStaysEligible) {
  replicas.set_rule({.min_isr = 2});
  for (const int id : {2, 3}) {
    fetch(id, 100, 100);
    durable(id, 100, 100);
  }
  now += seconds(20);
  fetch(2, 150, 150);
  durable(2, 150, 150);
  now += seconds(15);
  EXPECT_EQ(change_due(100, 160), (InSyncReplicas::Change{{1, 2}, {}})) << "two are enough";
  now += seconds(20);
  EXPECT_EQ(change_due(100, 160), (InSyncReplicas::Change{{1}, {2, 3}}));
  replicas.set_rule({.min_isr = 2, .durable = false});
  EXPECT_EQ(change_due(100, 160), (InSyncReplicas::Change{{1}, {}})) << "what it had may have been in its memory";
  replicas.set_rule({.min_isr = 1});
  EXPECT_EQ(change_due(100, 160), (InSyncReplicas::Change{{1}, {}}));
}

TEST_F(InSyncReplicasTest, NothingIsCommittedWhileAnybodyIsEligible) {
  replicas.set_rule({.min_isr = 2});
  written({1}, {2, 3});
  now += seconds(60);
  EXPECT_EQ(high_watermark(100), std::nullopt);
  fetch(3, 100, 100);
  durable(3, 100, 100);
  EXPECT_EQ(change_due(50, 100), (InSyncReplicas::Change{{1, 3}, {}}));
  replicas.propose({1, 3});
  EXPECT_EQ(high_watermark(100), std::nullopt) << "it is not written yet";
  written({1, 3}, {});
  EXPECT_EQ(high_watermark(100), Offset(100));
}

// Whoever may lead next would bring back what was deleted.
TEST_F(InSyncReplicasTest, WhatIsDeletedWaitsForWhoeverIsEligible) {
  for (const std::int32_t id : {2, 3, 4}) fetch(id, 10, 10);
  for (const std::int32_t id : {2, 3}) replicas.begins(id, Offset(0));
  written({1, 2}, {3});
  replicas.begins(2, Offset(7));
  EXPECT_EQ(replicas.low_watermark(Offset(7)), Offset(0));
  replicas.begins(3, Offset(7));
  EXPECT_EQ(replicas.low_watermark(Offset(7)), Offset(7)) << "broker 4 is neither in sync nor eligible";
}

TEST_F(InSyncReplicasTest, WhoIsStillNotEnoughKeepsTheOthersEligible) {
  replicas.set_rule({.min_isr = 3});
  written({1}, {2, 3});
  fetch(2, 100, 100);
  durable(2, 100, 100);
  now += seconds(1);
  EXPECT_EQ(change_due(50, 100), (InSyncReplicas::Change{{1, 2}, {3}}));
}

TEST_F(InSyncReplicasTest, TheSettingSaysOnlyWhenTheListIsEmptied) {
  replicas.set_rule({.min_isr = 2});
  written({1}, {2});
  now += seconds(60);
  EXPECT_EQ(change_due(0, 100), std::nullopt);
  replicas.set_rule({.min_isr = 1});
  EXPECT_EQ(high_watermark(100), std::nullopt) << "by the setting one is enough; by what is written 2 may lead";
  EXPECT_EQ(change_due(0, 100), (InSyncReplicas::Change{{1}, {}}));
}

TEST_F(InSyncReplicasTest, NoMoreThanTheReplicasIsAskedFor) {
  replicas.set_rule({.min_isr = 9});
  EXPECT_TRUE(replicas.is_under_min());
  written({1, 2, 3, 4}, {});
  EXPECT_FALSE(replicas.is_under_min());
}

TEST_F(InSyncReplicasTest, WhoIsNoReplicaIsNotEligible) {
  replicas.set_rule({.min_isr = 2});
  image.replicas = {1, 2};
  written({1}, {2, 9});
  now += seconds(60);
  EXPECT_EQ(change_due(0, 100), (InSyncReplicas::Change{{1}, {2}}));
  image.replicas = {1};
  written({1}, {2});
  EXPECT_EQ(change_due(0, 100), (InSyncReplicas::Change{{1}, {}})) << "alone, and nobody to wait for";
}

}  // namespace
}  // namespace holdfast
