// The window of results: what a client that lost its connection can still ask, and what every replica must agree on.
#include "coordination/results.h"

#include <gtest/gtest.h>

#include "tests/coordination/znode_world.h"
#include "wire/crc32c.h"
#include "wire/writer.h"

namespace holdfast::zk {
namespace {

class Results : public testing::Test {
 protected:
  Results() { world_.open(1); }

  // Asks as session 1; the xid it used is then xid_.
  Done ask(const WriteRequest& request) {
    const Caller caller = world_.caller(1);
    xid_ = caller.cxid;
    return world_.ask(caller, request);
  }
  Done ask_with(std::int32_t xid, const WriteRequest& request) {
    Caller caller = world_.caller(1);
    caller.cxid = xid;
    return world_.ask(caller, request);
  }
  std::optional<ResultRecord> result(std::int32_t xid, std::int64_t session = 1) {
    return world_.machine.result_of(SessionId{session}, xid);
  }
  void expect_result(OpCode op, ZkError error, const Done& done, std::string_view path = "", std::int32_t version = 0) {
    const auto known = result(xid_);
    ASSERT_TRUE(known);
    EXPECT_EQ(known->cxid, xid_);
    EXPECT_EQ(known->zxid, done.zxid);
    EXPECT_EQ(known->op, op);
    EXPECT_EQ(known->error, error);
    EXPECT_EQ(known->path, path);
    EXPECT_EQ(known->version, version);
  }

  ZnodeWorld world_;
  std::int32_t xid_ = 0;
};

TEST_F(Results, tell_what_each_write_came_to) {
  expect_result(OpCode::create, ZkError::ok, ask(create("/a")), "/a");
  expect_result(OpCode::create, ZkError::ok, ask(create("/a/s-", "", sequential)), "/a/s-0000000000");
  CreateOp create2 = create("/a/s-", "", ephemeral_sequential);
  create2.op = OpCode::create2;
  expect_result(OpCode::create2, ZkError::ok, ask(create2), "/a/s-0000000001");
  ask(set("/a", "x"));
  expect_result(OpCode::set_data, ZkError::ok, ask(set("/a", "y")), "", 2);
  expect_result(OpCode::set_acl, ZkError::ok, ask(SetAclOp{"/a", open_acl, -1}), "", 1);
  expect_result(OpCode::remove, ZkError::ok, ask(remove("/a/s-0000000000")));
  expect_result(OpCode::multi, ZkError::ok, ask(MultiOp{{create("/m"), set("/m", "x")}}));
  EXPECT_FALSE(result(xid_ + 1));
}

TEST_F(Results, tell_why_a_write_failed) {
  expect_result(OpCode::error, ZkError::no_node, ask(set("/none", "x")));
  expect_result(OpCode::error, ZkError::unimplemented, ask(FailOp{ZkError::unimplemented}));
  const Done failed = ask(MultiOp{{create("/m"), remove("/none"), create("/m")}});
  expect_result(OpCode::multi, ZkError::no_node, failed);  // of the part that failed, not of those around it
}

TEST_F(Results, the_last_32_are_kept) {
  const std::int32_t first = world_.caller(1).cxid + 1;
  for (std::int32_t i = 0; i < 32; ++i) ask(create("/n" + std::to_string(i)));
  for (std::int32_t i = 0; i < 32; ++i) EXPECT_EQ(result(first + i)->path, "/n" + std::to_string(i));
  for (std::int32_t i = 32; i < 100; ++i) {
    ask(create("/n" + std::to_string(i)));
    EXPECT_FALSE(result(first + i - 32));
    EXPECT_EQ(result(first + i - 31)->path, "/n" + std::to_string(i - 31));
    EXPECT_EQ(result(first + i)->path, "/n" + std::to_string(i));
  }
}

TEST_F(Results, of_an_xid_that_is_used_again_the_newest_counts) {
  ask_with(7, create("/a"));
  ask_with(8, create("/b"));
  ask_with(7, remove("/a"));
  EXPECT_EQ(result(7)->op, OpCode::remove);
  EXPECT_EQ(result(8)->path, "/b");
}

TEST_F(Results, no_more_paths_are_kept_than_4_kib) {
  const std::string thousand = "/" + std::string(999, 'x');
  for (std::int32_t xid = 101; xid <= 104; ++xid) ask_with(xid, create(thousand + std::to_string(xid)));
  EXPECT_TRUE(result(101));
  ask_with(105, set("/" + std::string(999, 'x') + "101", "no path"));
  EXPECT_TRUE(result(101));
  ask_with(106, create("/" + std::string(200, 'y')));
  EXPECT_FALSE(result(101));
  for (std::int32_t xid = 102; xid <= 106; ++xid) EXPECT_TRUE(result(xid)) << xid;
}

TEST_F(Results, a_path_that_no_window_has_room_for_hides_no_newer_result) {
  ask_with(7, create("/a"));
  EXPECT_EQ(ask_with(7, create("/" + std::string(5000, 'x'))).error, ZkError::ok);
  EXPECT_FALSE(result(7));  // not the first one's
  ask_with(8, create("/b"));
  EXPECT_EQ(result(8)->path, "/b");
}

TEST_F(Results, belong_to_their_session_and_end_with_it) {
  world_.open(2);
  ask_with(7, create("/a"));
  EXPECT_FALSE(result(7, 2));
  EXPECT_FALSE(result(7, 3));
  world_.close(1);
  EXPECT_FALSE(result(7));
  world_.open(1);
  EXPECT_FALSE(result(7));
}

TEST_F(Results, what_is_nobodys_question_is_not_kept) {
  ZnodeWorld world;
  Caller opener = world.caller(1);
  opener.cxid = 0;  // as connections ask for sessions
  world.ask(opener, CreateSessionOp{5000});
  const auto idle = [&] { return world.machine.sessions().find(SessionId{1})->results.size() == 0; };
  EXPECT_TRUE(idle());
  world.ask(opener, create("/a"));
  EXPECT_TRUE(idle());
  Caller mover = world.caller(1);
  mover.owner = 2;
  world.ask(mover, AttachSessionOp{5000});
  EXPECT_TRUE(idle());
  Caller caller = world.caller(1);
  EXPECT_EQ(world.ask(caller, create("/b")).error, ZkError::ok);
  EXPECT_TRUE(world.machine.result_of(SessionId{1}, caller.cxid));
}

// It comes in late through the former server, after the client asked again where it is now.
TEST_F(Results, an_echo_from_the_server_that_was_left_is_none) {
  Caller here = world_.caller(1), there = here;
  here.owner = 1;
  there.owner = 2;
  world_.ask(there, AttachSessionOp{5000});
  const Done done = world_.ask(there, create("/s-", "", sequential));
  EXPECT_EQ(world_.ask(here, create("/s-", "", sequential)).error, ZkError::session_moved);
  EXPECT_EQ(result(here.cxid)->path, done.path);
  EXPECT_EQ(world_.ask(here, MultiOp{{create("/m")}}).parts[0].second, ZkError::session_moved);
  EXPECT_EQ(result(here.cxid)->path, done.path);
}

TEST_F(Results, applying_again_adds_nothing) {
  ask_with(7, create("/a"));
  ask_with(8, create("/b"));
  const std::string before = full_dump(world_.machine);
  for (const Txn& txn : world_.committed) world_.machine.apply(txn);
  EXPECT_EQ(full_dump(world_.machine), before);
}

std::vector<std::uint8_t> taken(SnapshotCapture& capture) {
  std::vector<std::uint8_t> file;
  while (const auto bytes = capture.next()) file.insert(file.end(), bytes->view().begin(), bytes->view().end());
  return file;
}

TEST_F(Results, survive_in_a_snapshot_as_they_were_when_it_began) {
  for (int i = 0; i < 40; ++i) ask(create("/n" + std::to_string(i)));
  ask_with(1000, create("/s-", "", sequential));
  const auto capture = world_.machine.begin_snapshot(0);
  const std::string before = full_dump(world_.machine);
  ask_with(1001, create("/later"));
  ZnodeMachine other({});
  const auto restore = other.begin_restore();
  ASSERT_TRUE(restore->feed(taken(*capture)));
  ASSERT_TRUE(restore->finish());
  EXPECT_EQ(full_dump(other), before);
  EXPECT_EQ(other.result_of(SessionId{1}, 1000)->path, "/s-0000000040");
  EXPECT_FALSE(other.result_of(SessionId{1}, 1001));
  EXPECT_TRUE(result(1001));
}

TEST_F(Results, of_many_sessions_do_not_make_a_piece_longer) {
  for (std::int64_t session = 2; session < 200; ++session) {
    world_.open(session);
    for (int i = 0; i < 32; ++i) world_.ask(session, create("/" + std::string(100, 'x'), "", sequential));
  }
  const auto capture = world_.machine.begin_snapshot(0);
  std::size_t pieces = 0;
  while (const auto bytes = capture->next(10'000)) {
    EXPECT_LE(bytes->size(), 16'000u);
    ++pieces;
  }
  EXPECT_GT(pieces, 50u);
}

// A snapshot's beginning: its header, and one session with these results.
bool is_read(std::uint32_t count, std::span<const std::string> paths) {
  wire::Writer header(64), session(64), file(64);
  header.raw(std::string_view("HFZS"));
  header.u8(2);
  header.u8(0);
  header.i64(1);
  header.i64(0);
  session.u8('S');
  session.i64(1);
  session.i32(5000);
  session.i64(0);
  session.u32(count);
  std::int32_t xid = 0;
  for (const std::string& path : paths) {
    session.i32(++xid);
    session.i32(1);
    session.i32(0);
    session.i32(0);
    session.i64(xid);
    session.u32(static_cast<std::uint32_t>(path.size()));
    session.raw(path);
  }
  for (wire::Writer* payload : {&header, &session}) {
    const std::vector<std::uint8_t> bytes = payload->flatten();
    file.u32(static_cast<std::uint32_t>(bytes.size()));
    file.u32(wire::crc32c(bytes));
    file.raw(ByteView(bytes));
  }
  ZnodeMachine machine({});
  return machine.begin_restore()->feed(file.flatten()).has_value();
}

TEST(ResultsRead, are_within_their_bounds) {
  const std::vector<std::string> most(32, "/path"), long_ones(4, "/" + std::string(1100, 'x')), none;
  EXPECT_TRUE(is_read(0, none));
  EXPECT_TRUE(is_read(32, most));
  EXPECT_TRUE(is_read(3, std::span(long_ones).first(3)));
  EXPECT_FALSE(is_read(4, long_ones));
  const std::vector<std::string> more(33, "/path");
  EXPECT_FALSE(is_read(33, more));
  EXPECT_FALSE(is_read(0xffffffff, most));
  EXPECT_FALSE(is_read(32, std::span(most).first(31)));
}

}  // namespace
}  // namespace holdfast::zk
