// A session speaks through one server at a time: what every replica knows of its moves, and what the leader refuses.
#include <gtest/gtest.h>

#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

constexpr std::int64_t here = 10, there = 20;

class SessionMove : public testing::Test {
 protected:
  SessionMove() {
    ask(here, CreateSessionOp{8000});
    EXPECT_EQ(ask(here, create("/app")).error, ZkError::ok);
  }

  Caller through(std::int64_t owner) {
    Caller caller = world_.caller(1);
    caller.owner = owner;
    return caller;
  }
  Done ask(std::int64_t owner, const WriteRequest& request) { return world_.ask(through(owner), request); }
  std::int64_t owner() { return world_.machine.sessions().find(SessionId{1})->owner; }

  ZnodeWorld world_;
};

TEST_F(SessionMove, a_session_begins_at_the_server_that_asked_for_it) {
  EXPECT_EQ(owner(), here);
  EXPECT_EQ(ask(there, create("/b")).error, ZkError::session_moved);
}

TEST_F(SessionMove, the_former_server_is_refused_and_the_new_one_served) {
  EXPECT_EQ(ask(there, AttachSessionOp{9000}).error, ZkError::ok);
  EXPECT_EQ(owner(), there);
  EXPECT_EQ(ask(here, create("/b")).error, ZkError::session_moved);
  EXPECT_EQ(ask(here, set("/app", "x")).error, ZkError::session_moved);
  EXPECT_EQ(ask(here, remove("/app")).error, ZkError::session_moved);
  EXPECT_EQ(ask(there, create("/b")).error, ZkError::ok);
  EXPECT_EQ(ask(0, create("/c")).error, ZkError::ok);  // nobody's server is not checked
}

TEST_F(SessionMove, a_move_counts_from_when_it_is_prepared) {
  world_.prepare(through(there), AttachSessionOp{9000});
  world_.prepare(through(here), create("/late"));
  world_.prepare(through(there), create("/b"));
  EXPECT_EQ(world_.apply_next().error, ZkError::ok);
  EXPECT_EQ(world_.apply_next().error, ZkError::session_moved);
  EXPECT_EQ(world_.apply_next().error, ZkError::ok);
}

TEST_F(SessionMove, the_last_of_several_prepared_moves_counts) {
  world_.prepare(through(there), AttachSessionOp{9000});
  world_.prepare(through(here), AttachSessionOp{9000});
  world_.apply_next();  // the table says there, but the session is on its way back
  world_.prepare(through(here), create("/b"));
  world_.prepare(through(there), create("/late"));
  EXPECT_EQ(world_.apply_next().error, ZkError::ok);
  EXPECT_EQ(world_.apply_next().error, ZkError::ok);
  EXPECT_EQ(world_.apply_next().error, ZkError::session_moved);
  EXPECT_EQ(owner(), here);
}

TEST_F(SessionMove, a_session_that_is_being_opened_has_its_server) {
  Caller mine = world_.caller(2), other = world_.caller(2);
  mine.owner = here;
  other.owner = there;
  world_.prepare(mine, CreateSessionOp{8000});
  world_.prepare(other, create("/b"));
  world_.prepare(mine, create("/b"));
  world_.apply_next();
  EXPECT_EQ(world_.apply_next().error, ZkError::session_moved);
  EXPECT_EQ(world_.apply_next().error, ZkError::ok);
}

TEST_F(SessionMove, what_was_prepared_and_lost_is_forgotten) {
  world_.prepare(through(there), AttachSessionOp{9000});
  world_.waiting.clear();
  world_.machine.discard_outstanding();
  EXPECT_EQ(ask(here, create("/b")).error, ZkError::ok);
}

TEST_F(SessionMove, a_move_takes_no_zxid) {
  const Zxid before = world_.machine.last_applied();
  EXPECT_EQ(ask(there, AttachSessionOp{9000}).zxid, before);
  EXPECT_EQ(world_.machine.last_applied(), before);
  world_.prepare(through(there), create("/b"));
  world_.prepare(through(there), AttachSessionOp{9000});
  world_.prepare(through(there), create("/c"));
  EXPECT_EQ(world_.apply_next().zxid, before + 1);
  EXPECT_EQ(world_.apply_next().zxid, before + 1);
  EXPECT_EQ(world_.apply_next().zxid, before + 2);
}

TEST_F(SessionMove, the_shell_hears_who_moved_and_with_which_timeout) {
  const Txn txn = world_.machine.prepare(AttachSessionOp{9000}, through(there), 0);
  for (int twice = 0; twice < 2; ++twice) {
    const Effects& effects = world_.machine.apply(txn);
    EXPECT_EQ(effects.session_attached, SessionId{1});
    EXPECT_EQ(effects.session_timeout_ms, 9000);
    EXPECT_EQ(effects.session_created, SessionId{});
    EXPECT_EQ(effects.result.error, ZkError::ok);
    EXPECT_EQ(owner(), there);
  }
  const Txn next = world_.machine.prepare(create("/b"), through(there), 0);
  EXPECT_EQ(world_.machine.apply(next).session_attached, SessionId{});
}

TEST_F(SessionMove, a_session_that_is_gone_cannot_move) {
  world_.prepare(through(here), CloseSessionOp{});
  world_.prepare(through(there), AttachSessionOp{9000});
  EXPECT_EQ(world_.apply_next().error, ZkError::ok);
  const Txn txn = world_.waiting.front();
  EXPECT_EQ(world_.apply_next().error, ZkError::session_expired);
  EXPECT_FALSE(world_.machine.sessions().contains(SessionId{1}));
  EXPECT_EQ(world_.machine.apply(txn).session_attached, SessionId{});
}

TEST_F(SessionMove, a_server_closes_only_sessions_that_did_not_leave_it) {
  ask(here, create("/app/e", "", ephemeral));
  ask(there, AttachSessionOp{9000});
  EXPECT_EQ(ask(here, CloseSessionOp{}).error, ZkError::session_moved);
  EXPECT_TRUE(world_.machine.session_is_open(SessionId{1}));
  EXPECT_EQ(world_.children("/app"), std::vector<std::string>{"e"});
  EXPECT_EQ(ask(there, CloseSessionOp{}).error, ZkError::ok);
  EXPECT_FALSE(world_.machine.sessions().contains(SessionId{1}));
  EXPECT_TRUE(world_.children("/app").empty());
}

TEST_F(SessionMove, expiry_closes_a_session_wherever_it_is) {
  ask(there, AttachSessionOp{9000});
  EXPECT_EQ(ask(0, CloseSessionOp{}).error, ZkError::ok);
  EXPECT_FALSE(world_.machine.sessions().contains(SessionId{1}));
}

}  // namespace
}  // namespace holdfast::zk
