#include "coordination/watches.h"

#include <gtest/gtest.h>

#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

using Events = std::vector<Heard>;

class Watches : public testing::Test {
 protected:
  Watches() {
    world.open(1);
    world.open(2);
  }
  void exists(std::string_view path, std::int64_t session = 2) {
    (void)world.machine.exists(path, world.caller(session), true);
  }
  void get(std::string_view path, std::int64_t session = 2) {
    (void)world.machine.get_data(path, world.caller(session), true);
  }
  void list(std::string_view path, std::int64_t session = 2) {
    (void)world.machine.get_children(path, world.caller(session), true);
  }
  void add(std::string_view path, std::int32_t mode, std::int64_t session = 2) {
    ASSERT_TRUE(world.machine.add_watch(path, mode, world.caller(session)));
  }
  ZnodeWorld world;
};

TEST_F(Watches, standard_watches_fire_once) {
  world.ask(1, create("/a"));
  get("/a");
  world.ask(1, set("/a", "1"));
  world.ask(1, set("/a", "2"));
  EXPECT_EQ(world.take_heard(2), (Events{{EventType::data_changed, "/a"}}));
}

TEST_F(Watches, creation_tells_the_node_and_then_the_parent) {
  world.ask(1, create("/a"));
  exists("/a/b");
  list("/a");
  world.ask(1, create("/a/b"));
  EXPECT_EQ(world.take_heard(2), (Events{{EventType::created, "/a/b"}, {EventType::children_changed, "/a"}}));
}

TEST_F(Watches, set_acl_tells_nobody) {
  world.ask(1, create("/a"));
  get("/a");
  list("/a");
  add("/a", 0);
  world.ask(1, SetAclOp{"/a", open_acl, -1});
  EXPECT_TRUE(world.take_heard(2).empty());
}

TEST_F(Watches, failed_reads_arm_nothing_but_exists) {
  get("/a");
  list("/a");
  world.ask(1, create("/a"));
  world.ask(1, create("/a/b"));
  EXPECT_TRUE(world.take_heard(2).empty());
}

TEST_F(Watches, data_watches_do_not_hear_of_children) {
  world.ask(1, create("/a"));
  get("/a");
  world.ask(1, create("/a/b"));
  EXPECT_TRUE(world.take_heard(2).empty());
}

TEST_F(Watches, persistent_watches_stay_and_hear_all_of_their_node) {
  add("/a", 0);
  world.ask(1, create("/a"));
  world.ask(1, create("/a/b"));
  world.ask(1, set("/a/b", "x"));
  world.ask(1, set("/a", "x"));
  world.ask(1, remove("/a/b"));
  world.ask(1, remove("/a"));
  EXPECT_EQ(world.take_heard(2), (Events{{EventType::created, "/a"},
                                         {EventType::children_changed, "/a"},
                                         {EventType::data_changed, "/a"},
                                         {EventType::children_changed, "/a"},
                                         {EventType::deleted, "/a"}}));
}

TEST_F(Watches, standard_and_persistent_on_one_path_are_one_event) {
  world.ask(1, create("/a"));
  get("/a");
  add("/a", 0);
  add("/", 1);
  world.ask(1, set("/a", "x"));
  world.ask(1, set("/a", "y"));
  EXPECT_EQ(world.take_heard(2), (Events{{EventType::data_changed, "/a"}, {EventType::data_changed, "/a"}}));
}

TEST_F(Watches, everybody_is_told) {
  world.open(3);
  get("/zookeeper", 2);
  get("/zookeeper", 3);
  world.ask(world.broker(), set("/zookeeper", "x"));
  EXPECT_EQ(world.take_heard(2).size(), 1u);
  EXPECT_EQ(world.take_heard(3).size(), 1u);
}

TEST_F(Watches, removal_is_by_type) {
  world.ask(1, create("/a"));
  get("/a");
  list("/a");
  const auto check = [&](std::int32_t type) { return world.machine.check_watches("/a", type, world.caller(2)); };
  const auto drop = [&](std::int32_t type) { return world.machine.remove_watches("/a", type, world.caller(2)); };
  EXPECT_TRUE(check(1));
  EXPECT_TRUE(check(2));
  EXPECT_TRUE(check(3));
  EXPECT_EQ(check(4).error(), ZkError::no_watcher);
  EXPECT_EQ(check(5).error(), ZkError::no_watcher);
  EXPECT_EQ(check(6).error(), ZkError::marshalling_error);
  EXPECT_TRUE(drop(2));
  EXPECT_EQ(drop(2).error(), ZkError::no_watcher);
  EXPECT_TRUE(check(1));
  EXPECT_TRUE(drop(3));
  EXPECT_EQ(check(3).error(), ZkError::no_watcher);
  EXPECT_EQ(world.machine.watches().watches(), 0u);
  add("/a", 1);
  add("/a", 0);
  EXPECT_TRUE(drop(4));
  EXPECT_TRUE(check(5));
  EXPECT_TRUE(drop(5));
  EXPECT_EQ(drop(3).error(), ZkError::no_watcher);
}

TEST_F(Watches, an_unknown_mode_is_refused) {
  EXPECT_EQ(world.machine.add_watch("/a", 2, world.caller(2)).error(), ZkError::marshalling_error);
  EXPECT_EQ(world.machine.add_watch("/a", -1, world.caller(2)).error(), ZkError::marshalling_error);
}

TEST_F(Watches, a_dropped_connection_hears_nothing_more) {
  world.ask(1, create("/a"));
  get("/a");
  get("/a", 1);
  list("/");
  add("/a", 0);
  add("/", 1);
  world.machine.watches().drop(2);
  world.ask(1, set("/a", "x"));
  EXPECT_TRUE(world.take_heard(2).empty());
  EXPECT_EQ(world.take_heard(1).size(), 1u);
  EXPECT_TRUE(world.machine.watches().empty());
}

TEST_F(Watches, summary_counts_the_data_table_and_the_total_counts_both) {
  world.ask(1, create("/a"));
  get("/a", 1);
  get("/a", 2);
  list("/a", 2);
  list("/", 2);
  add("/p", 0);
  const auto summary = world.machine.watches().data_summary();
  EXPECT_EQ(summary.connections, 2u);
  EXPECT_EQ(summary.paths, 2u);
  EXPECT_EQ(summary.watches, 3u);
  EXPECT_EQ(world.machine.watches().watches(), 6u);  // /a data twice, /a child, / child, /p in both
}

TEST_F(Watches, rearm_catches_up_by_mzxid_and_pzxid) {
  world.ask(1, create("/same"));
  world.ask(1, create("/changed"));
  world.ask(1, create("/gone"));
  world.ask(1, create("/parent"));
  const Zxid seen = world.machine.last_applied();
  world.ask(1, set("/changed", "x"));
  world.ask(1, remove("/gone"));
  world.ask(1, create("/parent/c"));
  world.ask(1, create("/born"));
  RearmRequest request;
  request.relative_zxid = seen;
  request.data = {"/same", "/changed", "/gone"};
  request.exist = {"/born", "/unborn"};
  request.child = {"/same", "/parent", "/gone"};
  Events events;
  for (const WatchEvent& event : world.machine.rearm(request, world.caller(2))) {
    EXPECT_EQ(event.targets, std::vector<ConnectionToken>{2});
    events.push_back({event.type, event.path});
  }
  EXPECT_EQ(events, (Events{{EventType::data_changed, "/changed"},
                            {EventType::deleted, "/gone"},
                            {EventType::created, "/born"},
                            {EventType::children_changed, "/parent"},
                            {EventType::deleted, "/gone"}}));
  world.ask(1, set("/same", "y"));
  world.ask(1, set("/changed", "y"));
  world.ask(1, create("/unborn"));
  world.ask(1, create("/same/c"));
  EXPECT_EQ(world.take_heard(2), (Events{{EventType::data_changed, "/same"},
                                         {EventType::created, "/unborn"},
                                         {EventType::children_changed, "/same"}}));
}

TEST_F(Watches, a_hundred_thousand_of_them_come_and_go) {
  auto& table = world.machine.watches();
  for (int i = 0; i < 100'000; ++i) {
    table.add("/w/" + std::to_string(i), static_cast<ConnectionToken>(10 + i % 100), WatchKind::data);
  }
  EXPECT_EQ(table.watches(), 100'000u);
  std::vector<WatchEvent> events;
  for (int i = 0; i < 100'000; i += 2) {
    table.on_deleted("/w/" + std::to_string(i), world.machine.tree().acls().ref(AclTable::open), events);
  }
  EXPECT_EQ(events.size(), 50'000u);
  EXPECT_EQ(table.watches(), 50'000u);
  for (ConnectionToken who = 10; who < 110; ++who) table.drop(who);
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.watches(), 0u);
}

}  // namespace
}  // namespace holdfast::zk
