// Logs of replicas that come to a broker.
#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "broker/lost_copies.h"
#include "broker/znodes.h"
#include "tests/broker/lone_broker.h"

namespace holdfast::test {
namespace {

TEST(Opening, AReplicaThatFoundNoRoomIsThereWhenThereIsSome) {
  LoneBroker world;
  world.disk().fail_every(DiskCall::create, ENOSPC);
  const Uuid topic = world.create_topic("t", {1});
  ASSERT_FALSE(world.partition(topic));
  world.disk().fail_every(DiskCall::create, 0);
  world.loop().run_for(std::chrono::seconds(3));
  ASSERT_TRUE(world.partition(topic));
  EXPECT_TRUE(world.partition(topic)->is_leader());
}

// What a directory has that cannot be read is not made again elsewhere; what comes after the registration is new.
TEST(Opening, WhatWasAssignedBeforeTheRegistrationIsKnown) {
  LoneBroker world;
  const Uuid own = world.create_topic("t", {1}), shared = world.create_topic("u", {2, 1});
  world.create_topic("v", {2});
  const zk::Tree& tree = world.ensemble().tree();
  const Zxid later(tree.stat(*tree.find(znodes::state_path("v", 0))).czxid + 1);
  EXPECT_EQ(partitions_assigned_to(tree, 1, later), (std::set<LogId>{{own, 0}, {shared, 0}}));
  world.change_state("u", [](znodes::PartitionState& state) { ++state.leader_epoch; });
  const Zxid between(tree.stat(*tree.find(znodes::state_path("u", 0))).czxid);
  EXPECT_EQ(partitions_assigned_to(tree, 1, between), (std::set<LogId>{{own, 0}}));
  EXPECT_EQ(partitions_assigned_to(tree, 1, Zxid(between.value + 1)), (std::set<LogId>{{own, 0}, {shared, 0}}))
      << "a state that is written later makes no new partition of it";
}

}  // namespace
}  // namespace holdfast::test
