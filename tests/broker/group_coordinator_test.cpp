// What a coordinator does when its partition cannot be written, or is not led for a while. (What it decides about
// groups is group_machine_test.)
#include "broker/group_coordinator.h"

#include <gtest/gtest.h>

#include "runtime/timer_wheel.h"
#include "tests/broker/lone_broker.h"
#include "wire/kafka/groups.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;
using wire::ErrorCode;

class Coordinator : public testing::Test {
 protected:
  // A group that broker 1 answers for.
  std::string group() {
    for (int i = 0; i < 1000; ++i) {
      wire::FindCoordinatorRequest request;
      request.key = "group-" + std::to_string(i);
      const auto found = world_.ask<wire::FindCoordinatorResponse>(request, 3);
      // The topic is made when it is asked for.
      if (found.error_code != 0) world_.loop().run_for(std::chrono::milliseconds(100));
      if (found.error_code == 0 && found.node_id == 1) return request.key;
    }
    ADD_FAILURE() << "broker 1 coordinates nothing";
    return {};
  }
  ErrorCode commit(const std::string& group) {
    wire::OffsetCommitRequest request;
    request.group_id = group;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.partitions.emplace_back();
    const auto response = world_.ask<wire::OffsetCommitResponse>(request, 7);
    return static_cast<ErrorCode>(response.topics.at(0).partitions.at(0).error_code);
  }
  ErrorCode offsets(const std::string& group) {
    wire::OffsetFetchRequest request;
    request.group_id = group;
    return static_cast<ErrorCode>(world_.ask<wire::OffsetFetchResponse>(request, 7).error_code);
  }

  LoneBroker world_;
};

// offsets.commit.timeout.ms; the other replica is in sync, and fetches nothing.
TEST_F(Coordinator, ACommitThatIsNotReplicatedIsAnsweredInTime) {
  world_.create_topic("t", {1});
  const std::string group = this->group();
  const SteadyTime before = world_.loop().shard().clock().now();
  EXPECT_EQ(commit(group), ErrorCode::coordinator_not_available);
  EXPECT_LT(world_.loop().shard().clock().now() - before, seconds(6));
}

// Another may coordinate the group by now, with later offsets.
TEST_F(Coordinator, WithoutALeaseItAnswersNothing) {
  const std::string group = this->group();
  ASSERT_EQ(offsets(group), ErrorCode::none);
  world_.broker().set_fenced(true);
  EXPECT_EQ(offsets(group), ErrorCode::not_coordinator);
  world_.broker().set_fenced(false);
  EXPECT_EQ(offsets(group), ErrorCode::none);
}

TEST_F(Coordinator, WhatWasDueWhileItDidNotLeadIsDoneAfterwards) {
  wire::JoinGroupRequest request;
  request.group_id = group();
  request.session_timeout_ms = 10'000;
  request.rebalance_timeout_ms = 10'000;
  request.protocol_type = "consumer";
  request.protocols.push_back({"range", {}});
  // The first members of a group wait three seconds for others.
  Timer away, back;
  Shard& shard = world_.loop().shard();
  shard.arm(away, seconds(1), [this] { world_.broker().set_fenced(true); });
  shard.arm(back, seconds(5), [this] { world_.broker().set_fenced(false); });
  const SteadyTime before = shard.clock().now();
  const auto joined = world_.ask<wire::JoinGroupResponse>(request, 3);
  EXPECT_EQ(static_cast<ErrorCode>(joined.error_code), ErrorCode::none);
  EXPECT_LT(shard.clock().now() - before, seconds(6));
}

}  // namespace
}  // namespace holdfast::test
