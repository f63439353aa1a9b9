#include "coordination/sessions.h"

#include <gtest/gtest.h>

#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

TEST(Sessions, passwords_are_those_of_java_util_random) {
  // new Random(0L).nextBytes(16) and new Random(0x100000000000001L ^ 0xB3415C00L).nextBytes(16), by the JDK.
  const SessionPassword zero = password_of(SessionId{upstream_password_secret});
  EXPECT_EQ(zero, (SessionPassword{0x60, 0xb4, 0x20, 0xbb, 0x38, 0x51, 0xd9, 0xd4, 0x7a, 0xcb, 0x93, 0x3d, 0xbe, 0x70,
                                   0x39, 0x9b}));
  EXPECT_EQ(password_of(SessionId{0x100000000000001}),
            (SessionPassword{0x05, 0x4c, 0xc7, 0x4a, 0x37, 0x32, 0x7d, 0xb2, 0x15, 0xe7, 0x02, 0xe2, 0x0c, 0x73, 0xf0,
                             0x05}));
  EXPECT_NE(password_of(SessionId{1}, 1), password_of(SessionId{1}, 2));
}

TEST(Sessions, ids_hold_the_server_and_the_time) {
  const SessionId id = first_session_id(3, 0x0123'4567'89ab);
  EXPECT_EQ(static_cast<std::uint64_t>(id.value) >> 56, 3u);
  EXPECT_EQ(static_cast<std::uint64_t>(id.value) >> 16 & 0xff'ffff'ffff, 0x23'4567'89abu);
  EXPECT_EQ(id.value & 0xffff, 0);
}

TEST(Sessions, timeouts_are_clamped_to_two_and_twenty_ticks) {
  const SessionLimits limits{.tick_ms = 2000};
  EXPECT_EQ(limits.clamp(1), 4000);
  EXPECT_EQ(limits.clamp(-5), 4000);
  EXPECT_EQ(limits.clamp(10'000), 10'000);
  EXPECT_EQ(limits.clamp(100'000), 40'000);
  const SessionLimits own{.tick_ms = 2000, .timeout_min_ms = 10, .timeout_max_ms = 50};
  EXPECT_EQ(own.clamp(1), 10);
  EXPECT_EQ(own.clamp(100), 50);
}

TEST(SessionExpiry, deadlines_are_rounded_up_to_the_next_tick) {
  SessionExpiry expiry(2000);
  expiry.touch(SessionId{1}, 4000, 1);
  EXPECT_EQ(expiry.next_deadline_ms(), 6000);
  EXPECT_TRUE(expiry.expired(5999).empty());
  EXPECT_EQ(expiry.expired(6000), std::vector<SessionId>{SessionId{1}});
  EXPECT_EQ(expiry.size(), 0u);
  expiry.touch(SessionId{2}, 4000, 2000);  // on the boundary: a whole tick later
  EXPECT_EQ(expiry.next_deadline_ms(), 8000);
}

TEST(SessionExpiry, a_touch_moves_the_deadline) {
  SessionExpiry expiry(1000);
  expiry.touch(SessionId{1}, 3000, 0);
  expiry.touch(SessionId{2}, 3000, 0);
  expiry.touch(SessionId{1}, 3000, 2500);
  EXPECT_EQ(expiry.expired(4000), std::vector<SessionId>{SessionId{2}});
  EXPECT_TRUE(expiry.expired(5999).empty());
  EXPECT_EQ(expiry.expired(60'000), std::vector<SessionId>{SessionId{1}});
}

TEST(SessionExpiry, the_forgotten_do_not_expire) {
  SessionExpiry expiry(1000);
  expiry.touch(SessionId{1}, 3000, 0);
  expiry.touch(SessionId{2}, 3000, 0);
  expiry.forget(SessionId{1});
  expiry.forget(SessionId{9});
  EXPECT_EQ(expiry.expired(100'000), std::vector<SessionId>{SessionId{2}});
  EXPECT_EQ(expiry.next_deadline_ms(), std::nullopt);
}

TEST(Sessions, writes_need_a_live_session) {
  ZnodeWorld world;
  EXPECT_EQ(world.ask(9, create("/a")).error, ZkError::session_expired);
  world.open(9);
  EXPECT_EQ(world.ask(9, create("/a")).error, ZkError::ok);
  world.close(9);
  EXPECT_EQ(world.ask(9, set("/a", "x")).error, ZkError::session_expired);
}

TEST(Sessions, requests_behind_a_close_find_the_session_gone) {
  ZnodeWorld world;
  world.open(1);
  world.prepare(1, create("/e", "", ephemeral));
  world.prepare(1, CloseSessionOp{});
  world.prepare(1, create("/late"));
  EXPECT_FALSE(world.machine.session_is_open(SessionId{1}));
  EXPECT_EQ(world.apply_next().error, ZkError::ok);
  EXPECT_EQ(world.apply_next().error, ZkError::ok);
  EXPECT_EQ(world.apply_next().error, ZkError::session_expired);
  EXPECT_FALSE(world.stat("/e"));
}

TEST(Sessions, requests_may_follow_an_opening_that_is_not_applied_yet) {
  ZnodeWorld world;
  world.prepare(1, CreateSessionOp{5000});
  world.prepare(1, create("/e", "", ephemeral));
  world.apply_next();
  EXPECT_EQ(world.apply_next().error, ZkError::ok);
  EXPECT_EQ(world.machine.sessions().find(SessionId{1})->timeout_ms, 5000);
}

TEST(Sessions, closing_takes_outstanding_ephemerals_and_leaves_those_deleted) {
  ZnodeWorld world;
  world.open(1);
  world.open(2);
  world.ask(1, create("/gone", "", ephemeral));
  world.ask(1, create("/stays", "", ephemeral));
  world.ask(2, create("/other", "", ephemeral));
  world.prepare(1, remove("/gone"));
  world.prepare(2, create("/gone"));  // persistent by now
  world.prepare(1, create("/new", "", ephemeral));
  world.prepare(1, CloseSessionOp{});
  while (!world.waiting.empty()) world.apply_next();
  EXPECT_EQ(world.children("/"), (std::vector<std::string>{"gone", "other", "zookeeper"}));
  EXPECT_EQ(world.machine.tree().ephemerals(), 1u);
}

TEST(Sessions, ephemerals_are_listed_by_prefix_for_their_owner) {
  ZnodeWorld world;
  world.open(1);
  world.open(2);
  world.ask(1, create("/app"));
  world.ask(1, create("/app/x", "", ephemeral));
  world.ask(1, create("/apple", "", ephemeral));
  world.ask(2, create("/app/y", "", ephemeral));
  const auto list = [&](std::string_view prefix) { return world.machine.ephemerals(prefix, world.caller(1)); };
  EXPECT_EQ(list("/"), (std::vector<std::string>{"/app/x", "/apple"}));
  EXPECT_EQ(list(""), (std::vector<std::string>{"/app/x", "/apple"}));
  EXPECT_EQ(list("/app/"), (std::vector<std::string>{"/app/x"}));
  EXPECT_EQ(list("/app"), (std::vector<std::string>{"/app/x", "/apple"}));
  EXPECT_TRUE(list("/none").empty());
}

}  // namespace
}  // namespace holdfast::zk
