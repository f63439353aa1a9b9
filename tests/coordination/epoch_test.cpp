// Epochs of zxids: one for each leadership, and one more whenever the counter is full.
#include <gtest/gtest.h>

#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

Zxid zxid(std::int64_t epoch, std::int64_t counter) { return Zxid{epoch << 32 | counter}; }

// As if a log had been applied that ends here.
void apply_up_to(ZnodeMachine& machine, Zxid last) {
  Txn txn;
  txn.zxid = last;
  txn.body = ErrorTxn{ZkError::no_node};
  machine.apply(txn);
}

TEST(Epoch, each_leadership_begins_one) {
  ZnodeWorld world;
  EXPECT_EQ(world.machine.last_applied(), Zxid{});
  world.machine.apply_epoch();
  EXPECT_EQ(world.machine.last_applied(), zxid(1, 0));
  world.open(1);
  EXPECT_EQ(world.ask(1, create("/a")).zxid, zxid(1, 2));
  world.machine.apply_epoch();
  world.machine.apply_epoch();  // a leader that wrote nothing
  EXPECT_EQ(world.machine.last_applied(), zxid(3, 0));
  EXPECT_EQ(world.ask(1, create("/b")).zxid, zxid(3, 1));
  EXPECT_EQ(world.stat("/b")->czxid, zxid(3, 1).value);
}

TEST(Epoch, a_full_counter_carries_over_without_an_election) {
  ZnodeWorld world;
  world.open(1);
  apply_up_to(world.machine, zxid(7, 0xfffffffe));
  world.prepare(1, create("/a"));
  world.prepare(1, create("/b"));
  world.prepare(1, create("/c"));
  EXPECT_EQ(world.apply_next().zxid, zxid(7, 0xffffffff));
  EXPECT_EQ(world.apply_next().zxid, zxid(8, 0));
  EXPECT_EQ(world.apply_next().zxid, zxid(8, 1));
  EXPECT_EQ(world.children("/"), (std::vector<std::string>{"a", "b", "c", "zookeeper"}));
}

TEST(Epoch, a_leadership_after_a_full_counter_has_an_epoch_of_its_own) {
  ZnodeWorld world;
  world.open(1);
  apply_up_to(world.machine, zxid(7, 0xffffffff));
  EXPECT_EQ(world.ask(1, create("/a")).zxid, zxid(8, 0));
  world.machine.apply_epoch();
  EXPECT_EQ(world.ask(1, create("/b")).zxid, zxid(9, 1));
}

TEST(Epoch, what_the_former_leader_prepared_is_forgotten) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/e", "", ephemeral));
  Caller elsewhere = world.caller(1);
  elsewhere.owner = 2;
  world.prepare(1, create("/a"));
  world.prepare(1, create("/s-", "", sequential));
  world.prepare(2, CreateSessionOp{5000});
  world.prepare(elsewhere, AttachSessionOp{5000});
  world.prepare(1, CloseSessionOp{});
  world.waiting.clear();
  world.machine.apply_epoch();
  EXPECT_EQ(world.machine.outstanding(), 0u);
  EXPECT_TRUE(world.machine.session_is_open(SessionId{1}));
  Caller here = world.caller(1);
  here.owner = 1;
  EXPECT_EQ(world.ask(here, create("/a")).error, ZkError::ok);
  EXPECT_EQ(world.ask(here, create("/s-", "", sequential)).path, "/s-0000000002");
  EXPECT_EQ(world.ask(2, create("/b")).error, ZkError::session_expired);
}

TEST(Epoch, a_snapshot_and_a_session_move_are_at_home_in_an_epoch_without_transactions) {
  ZnodeWorld world;
  world.machine.apply_epoch();
  world.open(1);
  world.machine.apply_epoch();
  EXPECT_EQ(world.ask(1, AttachSessionOp{5000}).zxid, zxid(2, 0));
  ZnodeWorld next;
  const auto restore = next.machine.begin_restore();
  const auto capture = world.machine.begin_snapshot(0);
  while (const auto piece = capture->next()) ASSERT_TRUE(restore->feed(piece->view()));
  ASSERT_EQ(restore->finish(), zxid(2, 0));
  EXPECT_EQ(next.ask(1, create("/a")).zxid, zxid(2, 1));
}

}  // namespace
}  // namespace holdfast::zk
