// The behaviours of ZooKeeper that its clients rely on and that re-implementations most often miss, one test each, as
// far as the machine decides them; what connections decide is tested with the servers.
#include <gtest/gtest.h>

#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

using Events = std::vector<Heard>;

TEST(Behaviour, visible_cversion_is_twice_the_creations_minus_the_children) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/p"));
  EXPECT_EQ(world.stat("/p")->cversion, 0);
  world.ask(1, create("/p/a"));
  EXPECT_EQ(world.stat("/p")->cversion, 1);
  world.ask(1, create("/p/b"));
  EXPECT_EQ(world.stat("/p")->cversion, 2);
  world.ask(1, remove("/p/a"));
  EXPECT_EQ(world.stat("/p")->cversion, 3);
}

TEST(Behaviour, sequence_numbers_count_raw_creations_of_any_kind) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/p"));
  world.ask(1, create("/p/plain"));
  world.ask(1, remove("/p/plain"));
  EXPECT_EQ(world.ask(1, create("/p/n-", "", sequential)).path, "/p/n-0000000001");
  EXPECT_EQ(world.ask(1, create("/p/m-", "", ephemeral_sequential)).path, "/p/m-0000000002");
}

TEST(Behaviour, sequence_numbers_overflow_to_a_signed_suffix) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/p"));
  Txn txn;
  txn.zxid = world.machine.last_applied() + 1;
  txn.body = CreateTxn{OpCode::create, "/p/last", {}, false, {}, 0, 2147483647};
  world.machine.apply(txn);
  EXPECT_EQ(world.ask(1, create("/p/n", "", sequential)).path, "/p/n2147483647");
  EXPECT_EQ(world.ask(1, create("/p/n", "", sequential)).path, "/p/n-2147483648");
}

TEST(Behaviour, pzxid_moves_on_delete_and_not_on_a_childs_set_data) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/p"));
  const Zxid created = world.ask(1, create("/p/a")).zxid;
  world.ask(1, set("/p/a", "x"));
  EXPECT_EQ(world.stat("/p")->pzxid, created.value);
  const Zxid deleted = world.ask(1, remove("/p/a")).zxid;
  EXPECT_EQ(world.stat("/p")->pzxid, deleted.value);
}

TEST(Behaviour, a_session_re_attaches_with_the_password_every_server_can_compute) {
  const SessionId id = first_session_id(1, 1'700'000'000'000);
  EXPECT_EQ(password_of(id), password_of(id));
  EXPECT_NE(password_of(id), password_of(SessionId{id.value + 1}));
}

TEST(Behaviour, events_come_with_the_writers_own_effects) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a"));
  (void)world.machine.get_data("/a", world.caller(1), true);
  const Txn txn = world.machine.prepare(set("/a", "x"), world.caller(1), world.now_ms);
  const Effects& effects = world.machine.apply(txn);
  ASSERT_EQ(effects.events.size(), 1u);
  EXPECT_EQ(effects.events[0].type, EventType::data_changed);
  EXPECT_EQ(effects.zxid, txn.zxid);
  EXPECT_EQ(effects.result.op, OpCode::set_data);
}

TEST(Behaviour, exists_on_a_missing_node_arms_a_watch) {
  ZnodeWorld world;
  world.open(1);
  EXPECT_EQ(world.machine.exists("/a", world.caller(1), true).error(), ZkError::no_node);
  world.ask(1, create("/a"));
  EXPECT_EQ(world.take_heard(1), (Events{{EventType::created, "/a"}}));
}

TEST(Behaviour, one_deleted_event_per_connection_for_data_and_child_watches) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a"));
  (void)world.machine.get_data("/a", world.caller(1), true);
  (void)world.machine.get_children("/a", world.caller(1), true);
  (void)world.machine.get_children("/", world.caller(1), true);
  world.ask(1, remove("/a"));
  EXPECT_EQ(world.take_heard(1), (Events{{EventType::deleted, "/a"}, {EventType::children_changed, "/"}}));
  world.ask(1, create("/a"));
  world.ask(1, remove("/a"));
  EXPECT_TRUE(world.take_heard(1).empty());
}

TEST(Behaviour, removing_a_watch_that_is_not_there_is_no_watcher) {
  ZnodeWorld world;
  world.open(1);
  EXPECT_EQ(world.machine.remove_watches("/a", 3, world.caller(1)).error(), ZkError::no_watcher);
  EXPECT_TRUE(world.machine.add_watch("/a", 0, world.caller(1)));
  EXPECT_TRUE(world.machine.remove_watches("/a", 3, world.caller(1)));
}

TEST(Behaviour, recursive_watches_hear_descendants_and_never_children_changed) {
  ZnodeWorld world;
  world.open(1);
  (void)world.machine.add_watch("/a", 1, world.caller(1));
  world.ask(1, create("/a"));
  world.ask(1, create("/a/b"));
  world.ask(1, create("/a/b/c"));
  world.ask(1, set("/a/b/c", "x"));
  world.ask(1, create("/ab"));
  world.ask(1, remove("/a/b/c"));
  EXPECT_EQ(world.take_heard(1), (Events{{EventType::created, "/a"},
                                         {EventType::created, "/a/b"},
                                         {EventType::created, "/a/b/c"},
                                         {EventType::data_changed, "/a/b/c"},
                                         {EventType::deleted, "/a/b/c"}}));
}

TEST(Behaviour, persistent_watches_are_re_armed_without_catching_up) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a"));
  RearmRequest request;
  request.persistent = {"/a", "/gone"};
  request.persistent_recursive = {"/a"};
  EXPECT_TRUE(world.machine.rearm(request, world.caller(1)).empty());
  world.ask(1, set("/a", "x"));
  EXPECT_EQ(world.take_heard(1).size(), 1u);
}

TEST(Behaviour, set_watches_compares_mzxid_and_pzxid_and_may_come_in_pieces) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a"));
  const Zxid seen = world.machine.last_applied();
  world.ask(1, create("/a/b"));
  RearmRequest first, second;
  first.relative_zxid = second.relative_zxid = seen;
  first.data = {"/a"};
  second.child = {"/a"};
  EXPECT_TRUE(world.machine.rearm(first, world.caller(1)).empty());
  const auto events = world.machine.rearm(second, world.caller(1));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, EventType::children_changed);
}

TEST(Behaviour, a_failed_multi_answers_zeroes_then_the_code_then_minus_two) {
  ZnodeWorld world;
  world.open(1);
  const Done done = world.ask(1, MultiOp{{create("/a"), create("/a"), create("/b")}});
  EXPECT_EQ(done.error, ZkError::ok);
  std::vector<int> codes;
  for (const auto& [op, error] : done.parts) {
    EXPECT_EQ(op, OpCode::error);
    codes.push_back(static_cast<int>(error));
  }
  EXPECT_EQ(codes, (std::vector<int>{0, -110, -2}));
}

TEST(Behaviour, a_multi_sees_itself_and_takes_everything_back_when_it_fails) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/q"));
  const Done two = world.ask(1, MultiOp{{create("/q/n-", "", sequential), create("/q/n-", "", sequential)}});
  EXPECT_EQ(two.part_paths, (std::vector<std::string>{"/q/n-0000000000", "/q/n-0000000001"}));
  world.ask(1, MultiOp{{create("/q/n-", "", sequential), CheckOp{"/q", 9}}});
  EXPECT_EQ(world.ask(1, create("/q/n-", "", sequential)).path, "/q/n-0000000002");
  const Done again = world.ask(1, MultiOp{{remove("/q/n-0000000000"), create("/q/n-0000000000", "new")}});
  EXPECT_EQ(again.parts[1].second, ZkError::ok);
}

TEST(Behaviour, failed_writes_and_sessions_consume_zxids) {
  ZnodeWorld world;
  world.open(1);
  EXPECT_EQ(world.machine.last_applied(), Zxid{1});
  EXPECT_EQ(world.ask(1, remove("/none")).zxid, Zxid{2});
  EXPECT_EQ(world.ask(1, MultiOp{{remove("/none")}}).zxid, Zxid{3});
  EXPECT_EQ(world.ask(1, FailOp{ZkError::unimplemented}).error, ZkError::unimplemented);
  EXPECT_EQ(world.machine.last_applied(), Zxid{4});
  world.close(1);
  EXPECT_EQ(world.machine.last_applied(), Zxid{5});
}

TEST(Behaviour, a_new_leader_gives_every_session_its_whole_timeout) {
  ZnodeWorld world;
  world.open(1, 5000);
  world.open(2, 9000);
  world.ask(1, create("/e", "", ephemeral));
  world.machine.apply_epoch();
  SessionExpiry expiry(1000);
  for (const auto& [id, session] : world.machine.sessions().all()) expiry.touch(id, session.timeout_ms, 100'000);
  EXPECT_TRUE(expiry.expired(105'000).empty());
  EXPECT_EQ(expiry.expired(106'000), std::vector<SessionId>{SessionId{1}});
  EXPECT_TRUE(world.stat("/e"));
}

TEST(Behaviour, a_session_that_moved_is_told_apart_from_one_that_expired) {
  ZnodeWorld world;
  world.open(1);
  world.machine.set_session_owner(SessionId{1}, 2);
  Caller stale = world.caller(1);
  stale.owner = 1;
  EXPECT_EQ(world.ask(stale, set("/", "x")).error, ZkError::session_moved);
}

TEST(Behaviour, ephemerals_of_a_session_vanish_at_one_zxid) {
  ZnodeWorld world;
  world.open(1);
  world.open(2);
  world.ask(2, create("/p"));
  world.ask(1, create("/p/a", "", ephemeral));
  world.ask(1, create("/b", "", ephemeral));
  (void)world.machine.add_watch("/", 1, world.caller(2));
  const Zxid before = world.machine.last_applied();
  world.close(1);
  EXPECT_EQ(world.machine.last_applied(), before + 1);
  EXPECT_EQ(world.stat("/p", 2)->pzxid, (before + 1).value);
  EXPECT_EQ(world.stat("/", 2)->pzxid, (before + 1).value);
  EXPECT_EQ(world.take_heard(2), (Events{{EventType::deleted, "/b"}, {EventType::deleted, "/p/a"}}));
}

TEST(Behaviour, null_data_is_not_empty_data) {
  ZnodeWorld world;
  world.open(1);
  CreateOp op = create("/null");
  op.data = DataView();
  world.ask(1, op);
  world.ask(1, create("/empty"));
  const auto null = world.machine.get_data("/null", world.caller(1), false);
  const auto empty = world.machine.get_data("/empty", world.caller(1), false);
  EXPECT_TRUE(null->null);
  EXPECT_FALSE(empty->null);
  EXPECT_EQ(null->stat.data_length, 0);
  EXPECT_EQ(empty->stat.data_length, 0);
  world.ask(1, SetDataOp{"/empty", DataView(), -1});
  EXPECT_TRUE(world.machine.get_data("/empty", world.caller(1), false)->null);
}

TEST(Behaviour, events_are_filtered_by_read_permission_and_use_up_the_watch) {
  ZnodeWorld world;
  world.open(1);
  world.open(2);
  world.identities[1] = {Id{"digest", "u:h"}};
  (void)world.machine.exists("/secret", world.caller(2), true);
  (void)world.machine.exists("/secret", world.caller(1), true);
  CreateOp op = create("/secret");
  op.acl = {Acl{perms::all, Id{"auth", ""}}};
  world.ask(1, op);
  EXPECT_EQ(world.take_heard(1).size(), 1u);
  EXPECT_TRUE(world.take_heard(2).empty());
  (void)world.machine.add_watch("/", 1, world.caller(2));
  world.ask(1, set("/secret", "x"));
  world.ask(1, remove("/secret"));
  EXPECT_TRUE(world.take_heard(2).empty());
}

TEST(Behaviour, acl_lists_that_say_nothing_are_invalid) {
  ZnodeWorld world;
  world.open(1);
  CreateOp op = create("/a");
  op.acl.clear();
  EXPECT_EQ(world.ask(1, op).error, ZkError::invalid_acl);
  op.acl = {Acl{perms::all, Id{"auth", ""}}};
  EXPECT_EQ(world.ask(1, op).error, ZkError::invalid_acl);
  world.identities[1].push_back(Id{"digest", "u:h"});
  EXPECT_EQ(world.ask(1, op).error, ZkError::ok);
  EXPECT_EQ(world.machine.get_acl("/a", world.caller(1))->acl, (AclList{{perms::all, Id{"digest", "u:h"}}}));
}

TEST(Behaviour, paths_are_judged_after_the_sequence_suffix) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a"));
  EXPECT_EQ(world.ask(1, create("/a/", "", sequential)).path, "/a/0000000000");
  EXPECT_EQ(world.ask(1, create("/a/")).error, ZkError::bad_arguments);
  EXPECT_EQ(world.ask(1, create("/a/.")).error, ZkError::bad_arguments);
  EXPECT_EQ(world.ask(1, create("/a/.", "", sequential)).path, "/a/.0000000001");
}

TEST(Behaviour, a_missing_parent_is_noticed_before_a_malformed_path) {
  ZnodeWorld world;
  world.open(1);
  EXPECT_EQ(world.ask(1, create("relative")).error, ZkError::bad_arguments);
  EXPECT_EQ(world.ask(1, create("")).error, ZkError::bad_arguments);
  EXPECT_EQ(world.ask(1, create("rela/tive")).error, ZkError::no_node);
  EXPECT_EQ(world.ask(1, create("/no/../x")).error, ZkError::no_node);
  EXPECT_EQ(world.ask(1, create("//x")).error, ZkError::bad_arguments);
  EXPECT_EQ(world.ask(1, create(std::string_view("/a\0b", 4))).error, ZkError::bad_arguments);
  EXPECT_EQ(world.ask(1, create("/")).error, ZkError::node_exists);
  EXPECT_EQ(world.ask(1, set("/a/", "x")).error, ZkError::bad_arguments);
  EXPECT_EQ(world.ask(1, set("/a", "x")).error, ZkError::no_node);
}

TEST(Behaviour, system_nodes_are_never_deleted) {
  ZnodeWorld world;
  world.open(1);
  for (const auto path : {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"}) {
    EXPECT_EQ(world.ask(1, remove(path)).error, ZkError::bad_arguments) << path;
  }
}

TEST(Behaviour, containers_go_when_they_were_used_and_are_empty) {
  MachineOptions options;
  options.container_never_used_ms = 1000;
  ZnodeWorld world(options);
  world.open(1);
  world.ask(1, create_container("/used"));
  world.ask(1, create_container("/unused"));
  const auto expired = [&] { return world.machine.expired_nodes(world.now_ms, 100); };
  EXPECT_TRUE(expired().empty());
  world.ask(1, create("/used/c"));
  EXPECT_TRUE(expired().empty());
  world.ask(1, remove("/used/c"));
  EXPECT_EQ(expired(), std::vector<std::string>{"/used"});
  world.now_ms += 1001;
  EXPECT_EQ(expired().size(), 2u);
  EXPECT_EQ(world.machine.expired_nodes(world.now_ms, 1).size(), 1u);
  EXPECT_EQ(world.stat("/used")->ephemeral_owner, 0);

  world.prepare(1, create("/used/again"));  // used while its deletion was on the way
  world.prepare(world.broker(), DeleteExpiredOp{"/used"});
  EXPECT_EQ(world.apply_next().error, ZkError::ok);
  EXPECT_EQ(world.apply_next().error, ZkError::not_empty);
  EXPECT_EQ(world.ask(world.broker(), DeleteExpiredOp{"/unused"}).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, DeleteExpiredOp{"/used"}).error, ZkError::unimplemented);
}

TEST(Behaviour, ttl_counts_from_mtime_and_needs_no_children) {
  MachineOptions options;
  options.extended_types = true;
  ZnodeWorld world(options);
  world.open(1);
  world.ask(1, create_ttl("/t", 1000));
  EXPECT_EQ(world.ask(1, create_ttl("/t-", 1000, 6)).path, "/t-0000000001");
  EXPECT_EQ(world.stat("/t")->ephemeral_owner, 0);
  world.now_ms += 900;
  world.ask(1, set("/t", "touched"));
  world.ask(1, create("/t/c"));
  const auto expired = [&] { return world.machine.expired_nodes(world.now_ms, 100); };
  world.now_ms += 101;
  EXPECT_EQ(expired(), std::vector<std::string>{"/t-0000000001"});
  world.ask(1, remove("/t/c"));
  EXPECT_EQ(expired().size(), 1u);
  world.now_ms += 900;
  EXPECT_EQ(expired().size(), 2u);
  world.prepare(1, set("/t", "touched again"));
  world.prepare(world.broker(), DeleteExpiredOp{"/t"});
  world.apply_next();
  EXPECT_EQ(world.apply_next().error, ZkError::bad_version);
}

TEST(Behaviour, ttl_nodes_are_unimplemented_unless_extended_types_are_on) {
  ZnodeWorld off;
  off.open(1);
  EXPECT_EQ(off.ask(1, create_ttl("/t", 1000)).error, ZkError::unimplemented);
  MachineOptions options;
  options.extended_types = true;
  ZnodeWorld on(options);
  on.open(1);
  EXPECT_EQ(on.ask(1, create_ttl("/t", 0)).error, ZkError::bad_arguments);
  EXPECT_EQ(on.ask(1, create_ttl("/t", -1)).error, ZkError::bad_arguments);
  EXPECT_EQ(on.ask(1, create_ttl("/t", ttl_max_ms + 1)).error, ZkError::bad_arguments);
  EXPECT_EQ(on.ask(1, create_ttl("/t", ttl_max_ms)).error, ZkError::ok);
  EXPECT_EQ(on.ask(1, create("/u", "", 7)).error, ZkError::bad_arguments);
  EXPECT_EQ(on.ask(1, create("/u", "", -1)).error, ZkError::bad_arguments);
}

TEST(Behaviour, versions_wrap_past_minus_one) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a"));
  Txn txn;
  txn.zxid = world.machine.last_applied() + 1;
  txn.body = SetDataTxn{"/a", {}, false, -2};
  world.machine.apply(txn);
  EXPECT_EQ(world.ask(1, set("/a", "x", -2)).stat.version, 0);
}

TEST(Behaviour, all_children_are_counted_without_the_node_itself) {
  ZnodeWorld world;
  world.open(1);
  for (const auto path : {"/a", "/a/b", "/a/b/c", "/ab"}) world.ask(1, create(path));
  EXPECT_EQ(world.machine.all_children_number("/a", world.caller(1)), 2);
  EXPECT_EQ(world.machine.all_children_number("/a/b/c", world.caller(1)), 0);
  EXPECT_EQ(world.machine.all_children_number("/", world.caller(1)), 7);
  EXPECT_EQ(world.machine.all_children_number("/none", world.caller(1)).error(), ZkError::no_node);
}

}  // namespace
}  // namespace holdfast::zk
