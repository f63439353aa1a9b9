// Transactions that do not fit the state: a replica that meets one has another tree than the leader. It says so, leaves
// undone what does not fit, and lives.
#include <gtest/gtest.h>

#include "coordination/snapshot.h"
#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

class Contradiction : public testing::Test {
 protected:
  Contradiction() {
    world_.open(1);
    world_.ask(1, create("/a", "data"));
    world_.ask(1, create("/a/b"));
    world_.ask(1, create("/a/e", "", ephemeral));
  }

  Txn next(auto body) {
    Txn txn;
    txn.session = SessionId{1};
    txn.cxid = 77;
    txn.zxid = world_.machine.last_applied() + 1;
    txn.body = std::move(body);
    return txn;
  }
  // Everything but the zxid.
  std::string state() { return dump(world_.machine).substr(dump(world_.machine).find("nodes")); }
  void expect_refused(auto body, std::string_view reason) {
    const std::string before = state();
    const std::uint64_t digest = world_.machine.tree().digest();
    last_ = next(std::move(body));
    const Effects& effects = world_.machine.apply(last_);
    EXPECT_EQ(effects.contradiction, reason);
    EXPECT_EQ(effects.result.error, ZkError::data_inconsistency);
    EXPECT_TRUE(effects.events.empty());
    EXPECT_EQ(world_.machine.last_applied(), last_.zxid);
    EXPECT_EQ(state(), before);
    EXPECT_EQ(world_.machine.tree().digest(), digest);
  }
  const Effects& apply(auto body) { return world_.machine.apply(last_ = next(std::move(body))); }

  ZnodeWorld world_;
  Txn last_;
};

CreateTxn creation(std::string path) {
  CreateTxn txn;
  txn.path = std::move(path);
  txn.data = Bytes::literal("new");
  txn.acl = {Acl{1, Id{"digest", "somebody:else"}}};
  return txn;
}

TEST_F(Contradiction, of_creates) {
  expect_refused(creation("/a"), "it creates a node that exists");
  expect_refused(creation("/"), "it creates a node that exists");
  expect_refused(creation("/none/x"), "it creates a node below one that does not exist");
  expect_refused(creation("none"), "it creates a node below one that does not exist");
}

TEST_F(Contradiction, of_deletes) {
  expect_refused(DeleteTxn{"/none"}, "it deletes a node that does not exist");
  expect_refused(DeleteTxn{"/a"}, "it deletes a node that has children");
  expect_refused(DeleteTxn{"/"}, "it deletes the root");
}

TEST_F(Contradiction, of_changes) {
  expect_refused(SetDataTxn{"/none", Bytes::literal("x"), false, 1}, "it sets the data of a node that does not exist");
  expect_refused(SetAclTxn{"/none", {}, 1}, "it sets the ACL of a node that does not exist");
}

TEST_F(Contradiction, of_a_change_of_the_ensemble_without_its_node) {
  EXPECT_EQ(apply(DeleteTxn{std::string(ensemble_config_path)}).contradiction, "");
  expect_refused(ReconfigTxn{"version=1"}, "it changes the ensemble where there is no node for its configuration");
}

TEST_F(Contradiction, the_parts_of_a_multi_that_fit_are_done) {
  MultiTxn multi;
  multi.parts = {creation("/x"), DeleteTxn{"/none"}, creation("/x"), SetDataTxn{"/a", Bytes::literal("y"), false, 1}};
  multi.count = 4;
  const Effects& effects = apply(multi);
  EXPECT_EQ(effects.contradiction, "it deletes a node that does not exist");  // the first
  ASSERT_EQ(effects.parts.size(), 4u);
  EXPECT_EQ(effects.parts[0].error, ZkError::ok);
  EXPECT_EQ(effects.parts[1].error, ZkError::data_inconsistency);
  EXPECT_EQ(effects.parts[2].error, ZkError::data_inconsistency);
  EXPECT_EQ(effects.parts[3].error, ZkError::ok);
  EXPECT_EQ(world_.data("/a"), "y");
  EXPECT_EQ(world_.data("/x"), "new");
}

TEST_F(Contradiction, a_session_closes_without_the_ephemerals_that_it_has_not) {
  const Effects& effects = apply(CloseSessionTxn{{"/none", "/a/e"}});
  EXPECT_EQ(effects.contradiction, "it deletes a node that does not exist");
  EXPECT_EQ(effects.session_closed, SessionId{1});
  EXPECT_FALSE(world_.machine.sessions().contains(SessionId{1}));
  EXPECT_EQ(world_.children("/a"), std::vector<std::string>{"b"});
}

TEST_F(Contradiction, what_fits_is_none) {
  apply(DeleteTxn{"/none"});
  EXPECT_EQ(apply(creation("/x")).contradiction, "");
  EXPECT_EQ(world_.machine.apply(last_).contradiction, "");  // and again: it is old
  EXPECT_EQ(apply(ErrorTxn{ZkError::no_node}).contradiction, "");
}

// Of a tree that was imported from a ZooKeeper without dynamic configurations.
TEST(Restore, makes_the_system_nodes_that_a_tree_lacks) {
  Tree tree(false);
  tree.add("/zookeeper", NodeState{}, {});
  tree.add("/zookeeper/quota", NodeState{}, {});
  tree.add("/app", NodeState{}, {});
  ZnodeMachine machine({});
  const auto restore = machine.begin_restore();
  SnapshotCapture capture(tree, SessionTable(), Zxid{5}, 0);
  while (const auto piece = capture.next()) ASSERT_TRUE(restore->feed(piece->view()));
  ASSERT_EQ(restore->finish(), Zxid{5});
  ZnodeMachine fresh({});
  EXPECT_EQ(machine.tree().find("/zookeeper/config")->digest, fresh.tree().find("/zookeeper/config")->digest);
  EXPECT_TRUE(machine.tree().find("/app"));
}

}  // namespace
}  // namespace holdfast::zk
