#include <gtest/gtest.h>

#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

using Parts = std::vector<std::pair<OpCode, ZkError>>;

MultiOp multi(std::vector<MultiPart> parts) { return MultiOp{std::move(parts)}; }

TEST(Multi, all_parts_share_one_zxid_and_answer_in_order) {
  ZnodeWorld world;
  world.open(1);
  CreateOp with_stat = create("/b", "22");
  with_stat.op = OpCode::create2;
  const Done done =
      world.ask(1, multi({create("/a", "1"), with_stat, set("/a", "333", 0), CheckOp{"/a", 1}, remove("/b")}));
  EXPECT_EQ(done.error, ZkError::ok);
  EXPECT_EQ(done.parts, (Parts{{OpCode::create, ZkError::ok},
                               {OpCode::create2, ZkError::ok},
                               {OpCode::set_data, ZkError::ok},
                               {OpCode::check, ZkError::ok},
                               {OpCode::remove, ZkError::ok}}));
  EXPECT_EQ(done.part_paths[0], "/a");
  EXPECT_EQ(done.part_paths[1], "/b");
  const auto stat = world.stat("/a");
  EXPECT_EQ(stat->czxid, done.zxid.value);
  EXPECT_EQ(stat->mzxid, done.zxid.value);
  EXPECT_FALSE(world.stat("/b"));
}

TEST(Multi, containers_and_ttl_nodes_are_reported_as_create2) {
  ZnodeWorld world({.extended_types = true});
  world.open(1);
  const Done done = world.ask(1, multi({create_container("/c"), create_ttl("/t", 1000)}));
  EXPECT_EQ(done.parts, (Parts{{OpCode::create2, ZkError::ok}, {OpCode::create2, ZkError::ok}}));
}

TEST(Multi, an_empty_one_succeeds) {
  ZnodeWorld world;
  world.open(1);
  const Done done = world.ask(1, multi({}));
  EXPECT_EQ(done.error, ZkError::ok);
  EXPECT_TRUE(done.parts.empty());
}

TEST(Multi, a_failure_leaves_nothing_of_the_parts_before_it) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a", "x"));
  const Stat before = *world.stat("/a");
  const Done done = world.ask(1, multi({set("/a", "y"), create("/b"), remove("/missing"), create("/c")}));
  EXPECT_EQ(done.error, ZkError::ok);
  EXPECT_EQ(done.parts, (Parts{{OpCode::error, ZkError::ok},
                               {OpCode::error, ZkError::ok},
                               {OpCode::error, ZkError::no_node},
                               {OpCode::error, ZkError::runtime_inconsistency}}));
  EXPECT_EQ(world.stat("/a")->mzxid, before.mzxid);
  EXPECT_EQ(world.data("/a"), "x");
  EXPECT_FALSE(world.stat("/b"));
  EXPECT_EQ(world.machine.outstanding(), 0u);
}

TEST(Multi, rollback_restores_what_the_pipeline_before_it_left) {
  ZnodeWorld world;
  world.open(1);
  world.prepare(1, create("/q"));
  world.prepare(1, create("/q/n-", "", sequential));
  world.prepare(1, multi({create("/q/n-", "", sequential), create("/q/n-", "", sequential), set("/q", "x"),
                          remove("/q/n-0000000000"), CheckOp{"/absent", -1}}));
  world.prepare(1, create("/q/n-", "", sequential));
  world.prepare(1, set("/q", "y", 0));
  world.prepare(1, remove("/q/n-0000000000", 0));
  EXPECT_EQ(world.apply_next().error, ZkError::ok);
  EXPECT_EQ(world.apply_next().path, "/q/n-0000000000");
  EXPECT_EQ(world.apply_next().parts.back().second, ZkError::no_node);
  EXPECT_EQ(world.apply_next().path, "/q/n-0000000001");
  EXPECT_EQ(world.apply_next().error, ZkError::ok);
  EXPECT_EQ(world.apply_next().error, ZkError::ok);
}

TEST(Multi, a_path_may_be_deleted_and_created_again) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a", "old"));
  world.ask(1, set("/a", "older"));
  const Done done = world.ask(1, multi({remove("/a", 1), create("/a", "new"), set("/a", "newer", 0)}));
  EXPECT_EQ(done.parts[2], (std::pair<OpCode, ZkError>{OpCode::set_data, ZkError::ok}));
  EXPECT_EQ(world.data("/a"), "newer");
  EXPECT_EQ(world.stat("/a")->version, 1);
  EXPECT_EQ(world.stat("/a")->czxid, done.zxid.value);
}

TEST(Multi, parents_made_in_it_take_children) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, multi({create("/a"), create("/a/b"), create("/a/b/c"), remove("/a/b/c")}));
  EXPECT_TRUE(world.stat("/a/b"));
  EXPECT_FALSE(world.stat("/a/b/c"));
}

TEST(Multi, watchers_hear_every_part_in_order) {
  ZnodeWorld world;
  world.open(1);
  world.open(2);
  world.ask(1, create("/a"));
  (void)world.machine.add_watch("/a", 1, world.caller(2));
  world.ask(1, multi({create("/a/b"), set("/a", "x"), remove("/a/b")}));
  EXPECT_EQ(world.take_heard(2),
            (std::vector<Heard>{
                {EventType::created, "/a/b"}, {EventType::data_changed, "/a"}, {EventType::deleted, "/a/b"}}));
}

TEST(Multi, check_czxid_tells_a_recreated_node_from_the_old_one) {
  ZnodeWorld world;
  world.open(1);
  const Done first = world.ask(1, create("/brokers"));
  EXPECT_EQ(world.ask(world.broker(), multi({CheckCzxidOp{"/brokers", first.zxid}, set("/brokers", "1")})).parts,
            (Parts{{OpCode::check, ZkError::ok}, {OpCode::set_data, ZkError::ok}}));
  const CheckCzxidOp absent{"/brokers", Zxid(0)};
  EXPECT_EQ(world.ask(world.broker(), multi({absent})).parts[0].second, ZkError::bad_version);
  world.ask(1, remove("/brokers"));
  EXPECT_EQ(world.ask(world.broker(), multi({CheckCzxidOp{"/brokers", first.zxid}})).parts[0].second, ZkError::no_node);
  EXPECT_EQ(world.ask(world.broker(), multi({absent})).parts[0].second, ZkError::ok);
  world.ask(1, create("/brokers"));
  EXPECT_EQ(world.ask(world.broker(), multi({CheckCzxidOp{"/brokers", first.zxid}})).parts[0].second,
            ZkError::bad_version);
  EXPECT_EQ(world.ask(1, multi({CheckCzxidOp{"/brokers", first.zxid}})).parts[0].second, ZkError::unimplemented);
}

TEST(Multi, protected_subtrees_are_changed_by_privileged_callers_only) {
  ZnodeWorld world({.protected_prefixes = {"/brokers"}});
  world.open(1);
  EXPECT_EQ(world.ask(1, create("/brokers")).error, ZkError::no_auth);
  EXPECT_EQ(world.ask(world.broker(), create("/brokers", "x")).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, create("/brokers/ids")).error, ZkError::no_auth);
  EXPECT_EQ(world.ask(1, create("/brokers/n-", "", sequential)).error, ZkError::no_auth);
  EXPECT_EQ(world.ask(1, set("/brokers", "y")).error, ZkError::no_auth);
  EXPECT_EQ(world.ask(1, remove("/brokers")).error, ZkError::no_auth);
  EXPECT_EQ(world.ask(1, SetAclOp{"/brokers", open_acl, -1}).error, ZkError::no_auth);
  EXPECT_EQ(world.ask(1, multi({create("/fine"), set("/brokers", "y")})).parts[1].second, ZkError::no_auth);
  EXPECT_EQ(world.ask(1, multi({CheckOp{"/brokers", 0}, create("/brokersish")})).parts[1].second, ZkError::ok);
  EXPECT_EQ(world.data("/brokers"), "x");
  EXPECT_TRUE(world.stat("/brokers"));
}

}  // namespace
}  // namespace holdfast::zk
