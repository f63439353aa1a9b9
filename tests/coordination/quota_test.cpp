#include "coordination/quota.h"

#include <gtest/gtest.h>

#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

TEST(Quota, text_takes_either_separator_and_unset_is_minus_one) {
  const auto old = QuotaValues::parse("count=5,bytes=10");
  EXPECT_EQ(old.count, 5);
  EXPECT_EQ(old.bytes, 10);
  EXPECT_EQ(old.count_hard, -1);
  const auto full = QuotaValues::parse("count=1,bytes=2=;byteHardLimit=3;countHardLimit=4");
  EXPECT_EQ(full.count, 1);
  EXPECT_EQ(full.bytes, 2);
  EXPECT_EQ(full.bytes_hard, 3);
  EXPECT_EQ(full.count_hard, 4);
  EXPECT_EQ(QuotaValues::parse("").count, -1);
  EXPECT_EQ(QuotaValues::parse("count=,bytes=x;;=7;count").count, -1);
}

TEST(Quota, text_keeps_upstreams_extra_equals_sign) {
  EXPECT_EQ(QuotaValues::parse("count=5,bytes=10").text(), "count=5,bytes=10");
  EXPECT_EQ(QuotaValues::parse("count=1,bytes=2=;countHardLimit=4;byteHardLimit=3").text(),
            "count=1,bytes=2=;byteHardLimit=3;countHardLimit=4");
}

TEST(Quota, the_deepest_limited_subtree_covers_a_path) {
  QuotaPaths paths;
  EXPECT_FALSE(paths.covering("/a/b"));
  paths.add("/a");
  paths.add("/a/b/c");
  EXPECT_EQ(paths.covering("/a"), "/a");
  EXPECT_EQ(paths.covering("/a/b"), "/a");
  EXPECT_EQ(paths.covering("/a/b/c/d"), "/a/b/c");
  EXPECT_FALSE(paths.covering("/ab"));
  EXPECT_FALSE(paths.covering("/"));
  paths.remove("/a");
  EXPECT_FALSE(paths.covering("/a/b"));
}

TEST(Quota, pending_use_adds_up_and_is_taken_back) {
  PendingQuota pending;
  pending.add("/a", 5, 1, Zxid{1});
  pending.add("/a", -5, -1, Zxid{2});
  pending.add("/a", 7, 1, Zxid{3});
  pending.applied(Zxid{2});
  EXPECT_EQ(pending.of("/a").bytes, 7);
  EXPECT_EQ(pending.of("/a").count, 1);
  const auto mark = pending.mark();
  pending.add("/a", 9, 1, Zxid{4});
  pending.roll_back(mark);
  EXPECT_EQ(pending.of("/a").bytes, 7);
  EXPECT_EQ(pending.of("/a").count, 1);
  pending.applied(Zxid{9});
  EXPECT_EQ(pending.of("/a").bytes, 0);
}

class QuotaWorld : public testing::Test {
 protected:
  explicit QuotaWorld(bool enforce = false)
      : world([&] {
          MachineOptions options;
          options.enforce_quota = enforce;
          return options;
        }()) {
    world.open(1);
    world.ask(1, create("/app", "12345"));
  }
  void limit(std::string_view text) {
    world.ask(1, create("/zookeeper/quota/app"));
    world.ask(1, create("/zookeeper/quota/app/zookeeper_limits", text));
    world.ask(1, create("/zookeeper/quota/app/zookeeper_stats", "count=0,bytes=0"));
  }
  std::string stats() { return world.data("/zookeeper/quota/app/zookeeper_stats"); }
  ZnodeWorld world;
};

class EnforcedQuota : public QuotaWorld {
 protected:
  EnforcedQuota() : QuotaWorld(true) {}
};

TEST_F(QuotaWorld, stats_follow_every_change) {
  limit("count=10,bytes=100");
  EXPECT_EQ(stats(), "count=1,bytes=5");
  world.ask(1, create("/app/a", "123"));
  EXPECT_EQ(stats(), "count=2,bytes=8");
  world.ask(1, set("/app/a", "1"));
  EXPECT_EQ(stats(), "count=2,bytes=6");
  world.ask(1, create("/elsewhere", "123"));
  EXPECT_EQ(stats(), "count=2,bytes=6");
  world.ask(1, create("/app/e", "1", ephemeral));
  world.close(1);
  EXPECT_EQ(stats(), "count=2,bytes=6");
  world.open(1);
  world.ask(1, remove("/app/a"));
  EXPECT_EQ(stats(), "count=1,bytes=5");
}

TEST_F(QuotaWorld, counting_touches_no_version_and_tells_nobody) {
  limit("count=10,bytes=100");
  const Stat before = *world.stat("/zookeeper/quota/app/zookeeper_stats");
  (void)world.machine.get_data("/zookeeper/quota/app/zookeeper_stats", world.caller(1), true);
  world.ask(1, create("/app/a", "123"));
  const Stat after = *world.stat("/zookeeper/quota/app/zookeeper_stats");
  EXPECT_EQ(after.version, before.version);
  EXPECT_EQ(after.mzxid, before.mzxid);
  EXPECT_TRUE(world.take_heard(1).empty());
}

TEST_F(QuotaWorld, soft_limits_only_warn) {
  limit("count=1,bytes=6");
  EXPECT_EQ(world.ask(1, create("/app/a", "12")).error, ZkError::ok);
  ASSERT_EQ(world.quota_warnings.size(), 2u);
  EXPECT_EQ(world.quota_warnings[0].path, "/app");
  EXPECT_EQ(world.quota_warnings[0].limit, 1);
  EXPECT_EQ(world.quota_warnings[0].used, 2);
  EXPECT_TRUE(world.quota_warnings[1].bytes);
}

TEST_F(QuotaWorld, hard_limits_do_nothing_unless_enforced) {
  limit("count=-1,bytes=-1=;byteHardLimit=1;countHardLimit=1");
  EXPECT_EQ(world.ask(1, create("/app/a", "12")).error, ZkError::ok);
}

TEST_F(QuotaWorld, removing_the_limits_ends_the_counting) {
  limit("count=10,bytes=100");
  world.ask(1, remove("/zookeeper/quota/app/zookeeper_limits"));
  world.ask(1, create("/app/a", "123"));
  EXPECT_EQ(stats(), "count=1,bytes=5");
}

TEST_F(QuotaWorld, malformed_or_misplaced_quota_nodes_do_no_harm) {
  world.ask(1, create("/zookeeper/quota/zookeeper_limits", "count=1"));
  world.ask(1, create("/zookeeper/quota/zookeeper_stats", "?"));
  limit("rubbish;;=,=");
  EXPECT_EQ(world.ask(1, create("/app/a", "12")).error, ZkError::ok);
  EXPECT_EQ(stats(), "count=2,bytes=7");
}

TEST_F(EnforcedQuota, hard_counts_refuse_the_node_too_many) {
  limit("count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=3");
  EXPECT_EQ(world.ask(1, create("/app/a")).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, create("/app/b")).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, create("/app/c")).error, ZkError::quota_exceeded);
  world.ask(1, remove("/app/a"));
  EXPECT_EQ(world.ask(1, create("/app/c")).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, create("/free")).error, ZkError::ok);
}

TEST_F(EnforcedQuota, hard_bytes_refuse_growth_and_allow_shrinking) {
  limit("count=-1,bytes=-1=;byteHardLimit=8;countHardLimit=-1");
  EXPECT_EQ(world.ask(1, set("/app", "123456789")).error, ZkError::quota_exceeded);
  EXPECT_EQ(world.ask(1, set("/app", "12345678")).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, set("/app", "1")).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, create("/app/a", "1234567")).error, ZkError::ok);
}

TEST_F(EnforcedQuota, a_pipeline_and_a_multi_cannot_run_over_it) {
  limit("count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=3");
  world.prepare(1, create("/app/a"));
  world.prepare(1, create("/app/b"));
  world.prepare(1, create("/app/c"));
  EXPECT_EQ(world.apply_next().error, ZkError::ok);
  EXPECT_EQ(world.apply_next().error, ZkError::ok);
  EXPECT_EQ(world.apply_next().error, ZkError::quota_exceeded);
  world.ask(1, remove("/app/b"));
  const Done done = world.ask(1, MultiOp{{create("/app/b"), create("/app/c")}});
  EXPECT_EQ(done.parts[1].second, ZkError::quota_exceeded);
  world.prepare(1, MultiOp{{create("/app/b"), create("/app/c")}});  // gives back what its first part would have used
  world.prepare(1, create("/app/b"));
  world.apply_next();
  EXPECT_EQ(world.apply_next().error, ZkError::ok);
}

}  // namespace
}  // namespace holdfast::zk
