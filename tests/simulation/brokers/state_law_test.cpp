// StateLaw itself: hand-made transactions, bad ones that must be found and good ones that must pass.
#include "tests/simulation/brokers/state_law.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::sim::state_law {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// A cluster under its second controller, with a partition that broker 1 leads in epoch 5. What a test then writes is
// the violation.
class Story {
 public:
  Story() {
    set(std::string(znodes::controller_epoch), "1");
    set(std::string(znodes::controller_epoch), "2");
    write(good());
  }

  static znodes::PartitionState good() {
    return {.leader = 1, .leader_epoch = 5, .controller_epoch = 2, .isr = {1, 2, 3}};
  }
  void write(const znodes::PartitionState& state, std::int32_t partition = 0) {
    set(znodes::state_path("t", partition), znodes::encode(state));
  }
  void set(std::string path, std::string_view data) {
    commit(zk::SetDataTxn{.path = std::move(path), .data = Bytes::copy(data)});
  }
  // Broker `id` registers, in a session of that number. Who writes next is that broker.
  void speak_as(std::int32_t id) {
    commit(zk::CreateTxn{.path = znodes::broker_path(id), .data = {}, .acl = {}, .owner = id});
    session_ = SessionId(id);
  }
  template <class Body>
  void commit(Body body) {
    zk::Txn txn;
    txn.session = session_;
    txn.zxid = Zxid(++zxid_);
    txn.body = std::move(body);
    law.apply(txn);
  }

  Violations violations;
  StateLaw law{violations};

 private:
  std::int64_t zxid_ = 0;
  SessionId session_{0};
};

TEST(StateLaw, ElectionsThatRaiseTheEpochAreWell) {
  Story s;
  auto state = Story::good();
  state.isr = {1, 2};
  s.write(state);  // the leader shrinks its ISR
  state.leader = 2;
  state.leader_epoch = 6;
  state.isr = {2};
  state.elr = {1};
  s.write(state);
  state.leader = -1;
  state.leader_epoch = 7;
  state.isr = {};
  state.elr = {1, 2};
  s.write(state);
  state.leader = 1;
  state.leader_epoch = 8;
  state.isr = {1};
  state.elr = {2};
  s.write(state);
  s.set(std::string(znodes::controller_epoch), "3");
  state.controller_epoch = 3;
  state.leader_epoch = 9;  // the same leader, in another life
  s.write(state);
  EXPECT_THAT(s.violations, IsEmpty());
  EXPECT_EQ(s.law.states(), 6u);
}

TEST(StateLaw, ANewTopicOfTheNameBeginsAnew) {
  Story s;
  s.commit(zk::DeleteTxn{.path = znodes::state_path("t", 0)});
  auto state = Story::good();
  state.leader = 3;
  state.leader_epoch = 0;
  s.commit(zk::CreateTxn{.path = znodes::state_path("t", 0), .data = Bytes::copy(znodes::encode(state)), .acl = {}});
  state.leader_epoch = 5;
  s.write(state);
  EXPECT_THAT(s.violations, IsEmpty());
}

TEST(StateLaw, PartitionsHaveEpochsOfTheirOwn) {
  Story s;
  auto state = Story::good();
  state.leader = 2;
  s.write(state, 1);
  EXPECT_THAT(s.violations, IsEmpty());
}

TEST(StateLaw, WhatFailedChangesNothing) {
  Story s;
  auto state = Story::good();
  state.leader = 2;
  zk::MultiTxn multi;
  multi.parts.emplace_back(
      zk::SetDataTxn{.path = znodes::state_path("t", 0), .data = Bytes::copy(znodes::encode(state))});
  multi.error = ZkError::bad_version;
  s.commit(std::move(multi));
  s.commit(zk::ErrorTxn{ZkError::no_node});
  EXPECT_THAT(s.violations, IsEmpty());
  EXPECT_EQ(s.law.states(), 1u);
}

TEST(StateLaw, OtherZnodesMaySayAnything) {
  Story s;
  s.set("/brokers/topics/t", "{");
  s.set("/mine/partitions/0/state", "{");
  EXPECT_THAT(s.violations, IsEmpty());
}

TEST(StateLaw, AStateThatCannotBeRead) {
  Story s;
  s.set(znodes::state_path("t", 0), "{");
  EXPECT_THAT(s.violations, ElementsAre(StartsWith("R11 zxid 0x4: " + znodes::state_path("t", 0) + ": ")));
}

TEST(StateLaw, AReplicaIsInTheIsrTwice) {
  Story s;
  auto state = Story::good();
  state.isr = {1, 2, 2};
  s.write(state);
  EXPECT_THAT(s.violations, ElementsAre(HasSubstr("a replica is in the ISR twice")));
}

TEST(StateLaw, TheLeaderIsNotInSync) {
  Story s;
  auto state = Story::good();
  state.isr = {2, 3};
  s.write(state);
  EXPECT_THAT(s.violations, ElementsAre(HasSubstr("the leader is not in the ISR")));
}

TEST(StateLaw, AReplicaIsInSyncAndEligible) {
  Story s;
  auto state = Story::good();
  state.isr = {1, 2};
  state.elr = {2};
  s.write(state);
  EXPECT_THAT(s.violations, ElementsAre(HasSubstr("a replica is in the ISR, and in the ELR too")));
}

TEST(StateLaw, AControllerEpochThatNobodyHas) {
  Story s;
  auto state = Story::good();
  state.controller_epoch = 3;
  s.write(state);
  EXPECT_THAT(s.violations, ElementsAre(HasSubstr("of controller epoch 3 in 2")));
}

TEST(StateLaw, TheControllerEpochGoesBack) {
  Story s;
  s.set(std::string(znodes::controller_epoch), "1");
  EXPECT_THAT(s.violations, ElementsAre(HasSubstr("from 2 back to 1")));
}

TEST(StateLaw, AControllerWritesWhoseEpochIsOver) {
  Story s;
  auto state = Story::good();
  state.controller_epoch = 1;
  s.write(state);
  EXPECT_THAT(s.violations, ElementsAre(HasSubstr("by a controller whose epoch is over")));
}

TEST(StateLaw, AnElectionByAControllerWhoseEpochIsOver) {
  Story s;
  auto state = Story::good();
  s.set(std::string(znodes::controller_epoch), "3");
  state.leader = 2;
  state.leader_epoch = 6;
  s.write(state);
  EXPECT_THAT(s.violations, ElementsAre(HasSubstr("by a controller whose epoch is over")));
}

TEST(StateLaw, WhoHasLostItsCopyNeedsNoController) {
  Story s;
  s.set(std::string(znodes::controller_epoch), "3");
  auto state = Story::good();
  state.leader = -1;
  state.leader_epoch = 6;
  state.isr = {2, 3};
  s.write(state);
  EXPECT_THAT(s.violations, IsEmpty());
}

TEST(StateLaw, OnlyTheLeaderTakesSomebodyIn) {
  Story s;
  auto state = Story::good();
  s.speak_as(1);
  state.isr = {1, 2};
  s.write(state);
  state.isr = {1, 2, 3};
  s.write(state);
  EXPECT_THAT(s.violations, IsEmpty());
  state.isr = {1, 2};
  s.write(state);
  s.speak_as(2);
  state.isr = {1, 2, 3};
  s.write(state);
  EXPECT_THAT(s.violations, ElementsAre(HasSubstr("3 enters the ISR by the hand of broker 2")));
}

TEST(StateLaw, WhoeverIsEligibleMayBeElected) {
  Story s;
  auto state = Story::good();
  s.speak_as(1);
  state.isr = {1};
  state.elr = {2};
  s.write(state);
  s.speak_as(3);
  state.leader = 2;
  state.leader_epoch = 6;
  state.isr = {2};
  state.elr = {1};
  s.write(state);
  EXPECT_THAT(s.violations, IsEmpty());
  state.leader = 3;  // of nobody who was left: somebody has decided so
  state.leader_epoch = 7;
  state.isr = {3};
  state.elr = {};
  s.write(state);
  EXPECT_THAT(s.violations, IsEmpty());
}

TEST(StateLaw, TheLeaderChangesAndTheEpochDoesNot) {
  Story s;
  auto state = Story::good();
  state.leader = 2;
  s.write(state);
  EXPECT_THAT(s.violations, ElementsAre(HasSubstr("epoch 5 belongs to 1, and to 2"),
                                        HasSubstr("the leader 1 becomes 2 within epoch 5")));
}

TEST(StateLaw, TheLeaderIsLostAndTheEpochDoesNotRise) {
  Story s;
  auto state = Story::good();
  state.leader = -1;
  s.write(state);
  EXPECT_THAT(s.violations, ElementsAre(HasSubstr("the leader 1 becomes -1 within epoch 5")));
}

TEST(StateLaw, AnEpochComesBackUnderAnotherLeader) {
  Story s;
  auto state = Story::good();
  state.leader = -1;
  state.leader_epoch = 6;
  s.write(state);
  EXPECT_THAT(s.violations, IsEmpty());
  state.leader = 2;
  state.leader_epoch = 5;
  s.write(state);
  EXPECT_THAT(s.violations, AllOf(testing::Contains(HasSubstr("epoch 5 belongs to 1, and to 2")),
                                  testing::Contains(HasSubstr("epoch 5 after 6"))));
}

TEST(StateLaw, PartsOfAMultiAreLookedAtOneByOne) {
  Story s;
  auto state = Story::good();
  zk::MultiTxn multi;
  for (const std::int32_t leader : {2, 3}) {
    state.leader = leader;
    state.leader_epoch = 6;
    multi.parts.emplace_back(
        zk::SetDataTxn{.path = znodes::state_path("t", 0), .data = Bytes::copy(znodes::encode(state))});
  }
  s.commit(std::move(multi));
  EXPECT_THAT(s.violations, ElementsAre(HasSubstr("epoch 6 belongs to 2, and to 3"),
                                        HasSubstr("the leader 2 becomes 3 within epoch 6")));
}

}  // namespace
}  // namespace holdfast::sim::state_law
