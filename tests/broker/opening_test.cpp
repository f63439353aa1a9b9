// Logs of replicas that come to a broker.
#include <gtest/gtest.h>

#include <cerrno>

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

}  // namespace
}  // namespace holdfast::test
