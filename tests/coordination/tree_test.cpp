#include "coordination/tree.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "coordination/path.h"
#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

TEST(Tree, a_fresh_state_holds_the_system_nodes) {
  ZnodeWorld world;
  EXPECT_EQ(world.children("/"), std::vector<std::string>{"zookeeper"});
  EXPECT_EQ(world.children("/zookeeper"), (std::vector<std::string>{"config", "quota"}));
  const auto root = world.stat("/");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->cversion, -1);
  EXPECT_EQ(root->czxid, 0);
  EXPECT_EQ(root->num_children, 1);
  EXPECT_EQ(world.stat("/zookeeper")->cversion, -2);
}

TEST(Tree, create_sets_the_node_and_moves_the_parent) {
  ZnodeWorld world;
  world.open(1);
  world.now_ms = 5'000;
  const Done done = world.ask(1, create("/a", "hello"));
  ASSERT_EQ(done.error, ZkError::ok);
  EXPECT_EQ(done.path, "/a");
  const Stat& stat = done.stat;
  EXPECT_EQ(stat.czxid, done.zxid.value);
  EXPECT_EQ(stat.mzxid, done.zxid.value);
  EXPECT_EQ(stat.pzxid, done.zxid.value);
  EXPECT_EQ(stat.ctime, 5'000);
  EXPECT_EQ(stat.mtime, 5'000);
  EXPECT_EQ(stat.version, 0);
  EXPECT_EQ(stat.cversion, 0);
  EXPECT_EQ(stat.aversion, 0);
  EXPECT_EQ(stat.data_length, 5);
  const auto root = world.stat("/");
  EXPECT_EQ(root->pzxid, done.zxid.value);
  EXPECT_EQ(root->cversion, 2 * 1 - 2);
  EXPECT_EQ(root->mzxid, 0);
  EXPECT_EQ(root->version, 0);
}

TEST(Tree, set_data_moves_only_the_node_itself) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a"));
  const Stat before = *world.stat("/");
  world.now_ms += 500;
  const Done done = world.ask(1, set("/a", "x", 0));
  EXPECT_EQ(done.stat.version, 1);
  EXPECT_EQ(done.stat.mzxid, done.zxid.value);
  EXPECT_EQ(done.stat.mtime, world.now_ms);
  EXPECT_NE(done.stat.ctime, world.now_ms);
  EXPECT_EQ(world.stat("/")->pzxid, before.pzxid);
  EXPECT_EQ(world.stat("/")->cversion, before.cversion);
}

TEST(Tree, set_acl_moves_only_aversion) {
  ZnodeWorld world;
  world.open(1);
  const Done created = world.ask(1, create("/a"));
  const Done done = world.ask(1, SetAclOp{"/a", {Acl{perms::read, Id{"world", "anyone"}}}, 0});
  EXPECT_EQ(done.stat.aversion, 1);
  EXPECT_EQ(done.stat.version, 0);
  EXPECT_EQ(done.stat.mzxid, created.zxid.value);
}

TEST(Tree, expected_versions_are_compared_and_minus_one_is_any) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a"));
  EXPECT_EQ(world.ask(1, set("/a", "x", 1)).error, ZkError::bad_version);
  EXPECT_EQ(world.ask(1, set("/a", "x", 0)).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, set("/a", "x", -1)).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, remove("/a", 1)).error, ZkError::bad_version);
  EXPECT_EQ(world.ask(1, remove("/a", 2)).error, ZkError::ok);
}

TEST(Tree, delete_refuses_nodes_with_children_and_missing_ones) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a"));
  world.ask(1, create("/a/b"));
  EXPECT_EQ(world.ask(1, remove("/a")).error, ZkError::not_empty);
  EXPECT_EQ(world.ask(1, remove("/x")).error, ZkError::no_node);
  EXPECT_EQ(world.ask(1, remove("/x/y")).error, ZkError::no_node);
  EXPECT_EQ(world.ask(1, remove("/a/b")).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, remove("/a")).error, ZkError::ok);
}

TEST(Tree, ephemerals_have_no_children) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/e", "", ephemeral));
  EXPECT_EQ(world.stat("/e")->ephemeral_owner, 1);
  EXPECT_EQ(world.ask(1, create("/e/c")).error, ZkError::no_children_for_ephemerals);
}

TEST(Tree, pipelined_writes_see_each_other) {
  ZnodeWorld world;
  world.open(1);
  world.prepare(1, create("/a"));
  world.prepare(1, create("/a/b"));
  world.prepare(1, set("/a", "x", 0));
  world.prepare(1, set("/a", "y", 1));
  world.prepare(1, create("/a"));
  world.prepare(1, remove("/a/b"));
  world.prepare(1, create("/a/b", "again"));
  world.prepare(1, remove("/a/b", 0));
  world.prepare(1, remove("/a", 2));
  world.prepare(1, create("/a/b"));
  const std::vector<ZkError> expected{ZkError::ok, ZkError::ok, ZkError::ok, ZkError::ok, ZkError::node_exists,
                                      ZkError::ok, ZkError::ok, ZkError::ok, ZkError::ok, ZkError::no_node};
  std::vector<ZkError> got;
  while (!world.waiting.empty()) got.push_back(world.apply_next().error);
  EXPECT_EQ(got, expected);
  EXPECT_EQ(world.machine.outstanding(), 0u);
}

TEST(Tree, pipelined_writes_may_be_applied_in_between) {
  ZnodeWorld world;
  world.open(1);
  world.prepare(1, create("/s-", "", sequential));
  world.prepare(1, create("/s-", "", sequential));
  EXPECT_EQ(world.apply_next().path, "/s-0000000000");
  world.prepare(1, create("/s-", "", sequential));
  EXPECT_EQ(world.apply_next().path, "/s-0000000001");
  EXPECT_EQ(world.apply_next().path, "/s-0000000002");
}

TEST(Tree, a_revoked_permission_binds_the_requests_behind_it) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a"));
  world.prepare(1, SetAclOp{"/a", {Acl{perms::read, Id{"world", "anyone"}}}, -1});
  world.prepare(1, set("/a", "late"));
  EXPECT_EQ(world.apply_next().error, ZkError::ok);
  EXPECT_EQ(world.apply_next().error, ZkError::no_auth);
}

TEST(Tree, what_was_prepared_and_lost_leaves_no_trace) {
  ZnodeWorld world;
  world.open(1);
  const Zxid before = world.machine.last_applied();
  world.prepare(1, create("/a"));
  world.prepare(1, create("/a/b"));
  world.prepare(1, CloseSessionOp{});
  world.waiting.clear();
  world.machine.discard_outstanding();
  EXPECT_EQ(world.machine.outstanding(), 0u);
  EXPECT_TRUE(world.machine.session_is_open(SessionId{1}));
  const Done done = world.ask(1, create("/a"));
  EXPECT_EQ(done.error, ZkError::ok);
  EXPECT_EQ(done.zxid, before + 1);
}

TEST(Tree, applying_a_transaction_twice_changes_nothing) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a", "x"));
  world.ask(1, set("/a", "y"));
  const std::string before = dump(world.machine);
  for (const Txn& txn : world.committed) world.machine.apply(txn);
  EXPECT_EQ(dump(world.machine), before);
}

TEST(Tree, versions_skip_minus_one) {
  EXPECT_EQ(next_version(0), 1);
  EXPECT_EQ(next_version(2147483647), -2147483647 - 1);
  EXPECT_EQ(next_version(-3), -2);
  EXPECT_EQ(next_version(-2), 0);
}

TEST(Tree, finds_what_it_holds_through_growth_and_removal) {
  Tree tree(false);
  std::mt19937 random(7);
  std::set<std::string> paths;
  for (int i = 0; i < 20'000; ++i) {
    std::string path = "/n" + std::to_string(random() % 6'000);
    if (random() % 3 == 0 && tree.find(path)) path += "/c" + std::to_string(random() % 4);
    if (Znode* node = tree.find(path)) {
      if (node->children > 0) continue;
      EXPECT_EQ(node->path(), path);
      tree.remove(*node);
      EXPECT_EQ(paths.erase(path), 1u);
    } else {
      tree.add(path, NodeState{}, {});
      EXPECT_TRUE(paths.insert(path).second);
    }
  }
  EXPECT_EQ(tree.nodes(), paths.size() + 1);
  for (const std::string& path : paths) EXPECT_TRUE(tree.find(path)) << path;
  EXPECT_FALSE(tree.find("/absent"));
  EXPECT_FALSE(tree.find(""));
  std::size_t walked = 0;
  for (Znode* node = &tree.root(); (node = Tree::next_in_walk(node, &tree.root()));)
    walked += paths.count(node->path());
  EXPECT_EQ(walked, paths.size());
  EXPECT_EQ(tree.descendants(tree.root()), paths.size());
}

TEST(Tree, children_keep_the_order_of_their_creation) {
  ZnodeWorld world;
  world.open(1);
  for (const auto* path : {"/q", "/q/z", "/q/a", "/q/m"}) world.ask(1, create(path));
  world.ask(1, remove("/q/a"));
  world.ask(1, create("/q/b"));
  std::vector<std::string> names;
  const auto children = world.machine.get_children("/q", world.broker(), false);
  for (const auto name : children->names) names.emplace_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"z", "m", "b"}));
}

TEST(Tree, digest_depends_on_content_not_on_history) {
  Tree a(false), b(false);
  a.add("/x", NodeState{.data = Bytes::literal("1")}, {});
  a.add("/y", NodeState{}, {});
  b.add("/y", NodeState{}, {});
  b.add("/z", NodeState{}, {});
  b.remove(*b.find("/z"));
  b.add("/x", NodeState{.data = Bytes::literal("2")}, {});
  EXPECT_NE(a.digest(), b.digest());
  b.set_data(*b.find("/x"), Bytes::literal("1"), false, 0, 0, 0);
  EXPECT_EQ(a.digest(), b.digest());
  b.set_acl(*b.find("/x"), {Acl{perms::read, Id{"world", "anyone"}}}, 0);
  EXPECT_NE(a.digest(), b.digest());
}

}  // namespace
}  // namespace holdfast::zk
