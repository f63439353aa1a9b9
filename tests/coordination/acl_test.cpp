#include "coordination/acl.h"

#include <gtest/gtest.h>

#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

const Id anyone{"world", "anyone"};
const Id local{"ip", "127.0.0.1"};
// echo -n user:pw | openssl dgst -sha1 -binary | base64
const Id alice{"digest", digest_of("alice:secret")};
const Id bob{"digest", digest_of("bob:secret")};

TEST(Acl, digests_are_sha1_in_base64) {
  EXPECT_EQ(digest_of("super:secret"), "super:lK75jTNcA+U9vtVEw5vB51mj/w4=");
  EXPECT_EQ(digest_of("nocolon").substr(0, 8), "nocolon:");
  EXPECT_EQ(digest_of("a:b:c").substr(0, 2), "a:");
  EXPECT_EQ(digest_of("u:p", "SHA-256").size(), 2 + 44u);
}

TEST(Acl, permissions_are_granted_by_any_matching_entry) {
  const AclList list{{perms::read, anyone}, {perms::write | perms::create, alice}, {perms::admin, bob}};
  EXPECT_TRUE(permits(list, perms::read, {}));
  EXPECT_FALSE(permits(list, perms::write, std::vector{local}));
  EXPECT_TRUE(permits(list, perms::write, std::vector{local, alice}));
  EXPECT_FALSE(permits(list, perms::admin, std::vector{alice}));
  EXPECT_TRUE(permits(list, perms::write | perms::admin, std::vector{bob}));
  EXPECT_TRUE(permits(list, perms::remove, std::vector{Id{"super", ""}}));
}

TEST(Acl, addresses_match_by_prefix) {
  EXPECT_TRUE(ip_matches("10.1.2.3", "10.1.2.3"));
  EXPECT_TRUE(ip_matches("10.1.2.3", "10.0.0.0/8"));
  EXPECT_FALSE(ip_matches("11.1.2.3", "10.0.0.0/8"));
  EXPECT_TRUE(ip_matches("10.1.2.3", "10.1.2.0/23"));
  EXPECT_FALSE(ip_matches("10.1.4.3", "10.1.2.0/23"));
  EXPECT_TRUE(ip_matches("1.2.3.4", "9.9.9.9/0"));
  EXPECT_TRUE(ip_matches("::1", "::1"));
  EXPECT_TRUE(ip_matches("fe80::1", "fe80::/10"));
  EXPECT_FALSE(ip_matches("::1", "127.0.0.1"));
  for (const auto bad : {"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0", "10.0.0.256", "host", "", "::1/129"}) {
    EXPECT_FALSE(ip_pattern_is_valid(bad)) << bad;
  }
}

TEST(Acl, lists_are_fixed_up_before_they_are_stored) {
  const std::vector<Id> ids{local, alice, bob};
  EXPECT_EQ(fix_up({}, std::vector<Acl>{}, ids).error(), ZkError::invalid_acl);
  EXPECT_EQ(*fix_up({}, std::vector<Acl>{{1, anyone}, {1, anyone}, {2, anyone}}, ids),
            (AclList{{1, anyone}, {2, anyone}}));
  EXPECT_EQ(*fix_up({}, std::vector<Acl>{{31, Id{"auth", "whatever"}}}, ids), (AclList{{31, alice}, {31, bob}}));
  EXPECT_EQ(fix_up({}, std::vector<Acl>{{31, Id{"auth", ""}}}, std::vector{local}).error(), ZkError::invalid_acl);
  for (const Id& bad : {Id{"world", "someone"}, Id{"nosuch", "x"}, Id{"", ""}, Id{"super", ""}, Id{"digest", "user"},
                        Id{"digest", "user:"}, Id{"digest", "a:b:c"}, Id{"ip", "nowhere"}}) {
    EXPECT_EQ(fix_up({}, std::vector<Acl>{{31, bad}}, ids).error(), ZkError::invalid_acl)
        << bad.scheme << " " << bad.id;
  }
}

TEST(Acl, any_digest_password_authenticates) {
  const auto ids = authenticate({}, "digest", "alice:secret", "1.2.3.4");
  ASSERT_TRUE(ids);
  EXPECT_EQ(*ids, std::vector{alice});
  EXPECT_TRUE(authenticate({}, "digest", "no colon", "1.2.3.4"));
}

TEST(Acl, authenticating_twice_adds_nothing) {
  std::vector<Id> ids{local};
  add_identities(ids, {alice});
  add_identities(ids, {bob, alice});
  EXPECT_EQ(ids, (std::vector{local, alice, bob}));
}

TEST(Acl, the_super_digest_gives_super_too) {
  AclOptions options;
  options.super_digest = digest_of("super:secret");
  const auto ids = authenticate(options, "digest", "super:secret", "1.2.3.4");
  ASSERT_TRUE(ids);
  EXPECT_EQ(*ids, (std::vector{Id{"super", ""}, Id{"digest", digest_of("super:secret")}}));
  EXPECT_FALSE(is_super(*authenticate(options, "digest", "super:wrong", "1.2.3.4")));
  EXPECT_FALSE(is_super(*authenticate({}, "digest", "super:secret", "1.2.3.4")));
}

TEST(Acl, digests_are_made_with_the_algorithm_that_is_set) {
  AclOptions options;
  options.digest_algorithm = "SHA-256";
  // echo -n super:secret | openssl dgst -sha256 -binary | base64
  options.super_digest = "super:WTA5ucCHTdJq645xIMibj8HviTPeB5mMuJ4/+v1dIEw=";
  const auto ids = authenticate(options, "digest", "super:secret", "1.2.3.4");
  ASSERT_TRUE(ids);
  EXPECT_EQ(*ids, (std::vector{Id{"super", ""}, Id{"digest", options.super_digest}}));
  options.super_digest = digest_of("super:secret");
  EXPECT_FALSE(is_super(*authenticate(options, "digest", "super:secret", "1.2.3.4"))) << "made with another one";
}

TEST(Acl, digest_is_an_unknown_scheme_where_it_is_not_enabled) {
  AclOptions options;
  options.digest_enabled = false;
  options.super_digest = digest_of("super:secret");
  EXPECT_EQ(authenticate(options, "digest", "super:secret", "1.2.3.4").error(), ZkError::auth_failed);
  EXPECT_EQ(fix_up(options, std::vector<Acl>{{31, alice}}, std::vector{local}).error(), ZkError::invalid_acl);
  EXPECT_TRUE(fix_up(options, std::vector<Acl>{{31, local}}, std::vector{local}));
}

TEST(Acl, ip_authenticates_as_the_peer_and_unknown_schemes_fail) {
  EXPECT_EQ(*authenticate({}, "ip", "9.9.9.9", "1.2.3.4"), (std::vector{Id{"ip", "1.2.3.4"}}));
  for (const auto scheme : {"world", "auth", "super", "nosuch", ""}) {
    EXPECT_EQ(authenticate({}, scheme, "x:y", "1.2.3.4").error(), ZkError::auth_failed) << scheme;
  }
}

TEST(Acl, equal_lists_are_stored_once) {
  AclTable table;
  const AclList mine{{31, alice}};
  const AclId a = table.retain(mine);
  EXPECT_EQ(table.retain(mine), a);
  EXPECT_EQ(table.retain({{31, anyone}}), AclTable::open);
  EXPECT_EQ(table.retain(AclList{}), AclTable::open);
  EXPECT_EQ(table.size(), 2u);
  const AclListRef kept = table.ref(a);
  table.release(a);
  EXPECT_EQ(table.list(a), mine);
  table.release(a);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(*kept, mine);  // outlives its place in the table
  EXPECT_EQ(table.retain({{1, bob}}), a);
}

class AclWorld : public testing::Test {
 protected:
  AclWorld() {
    for (const std::int64_t session : {1, 2, 3}) world.open(session);
    world.caller(1);
    world.caller(2);
    world.identities[1].push_back(alice);
    world.identities[2].push_back(bob);
    world.identities[3] = {Id{"super", ""}};
  }
  void make(std::string_view path, std::vector<Acl> acl) {
    CreateOp op = create(path, "x");
    op.acl = std::move(acl);
    ASSERT_EQ(world.ask(3, op).error, ZkError::ok);
  }
  ZnodeWorld world;
};

TEST_F(AclWorld, create_and_delete_are_checked_on_the_parent) {
  make("/a", {{perms::create, alice}, {perms::remove, bob}});
  EXPECT_EQ(world.ask(2, create("/a/b")).error, ZkError::no_auth);
  EXPECT_EQ(world.ask(1, create("/a/b")).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, remove("/a/b")).error, ZkError::no_auth);
  EXPECT_EQ(world.ask(2, remove("/a/b")).error, ZkError::ok);
}

TEST_F(AclWorld, lists_are_not_inherited) {
  make("/a", {{perms::create, alice}});
  world.ask(1, create("/a/b"));
  EXPECT_EQ(world.ask(2, set("/a/b", "y")).error, ZkError::ok);
}

TEST_F(AclWorld, each_operation_needs_its_permission) {
  make("/w", {{perms::write, alice}});
  make("/r", {{perms::read, alice}});
  make("/m", {{perms::admin, alice}});
  EXPECT_EQ(world.ask(1, set("/w", "y")).error, ZkError::ok);
  EXPECT_EQ(world.ask(1, set("/r", "y")).error, ZkError::no_auth);
  EXPECT_EQ(world.ask(1, SetAclOp{"/w", open_acl, -1}).error, ZkError::no_auth);
  EXPECT_EQ(world.ask(1, SetAclOp{"/m", {{perms::admin, alice}}, -1}).error, ZkError::ok);
  const auto read = [&](std::string_view path) {
    return world.machine.get_data(path, world.caller(1), false).has_value();
  };
  EXPECT_TRUE(read("/r"));
  EXPECT_FALSE(read("/w"));
  EXPECT_EQ(world.machine.exists("/w", world.caller(1), false).error(), ZkError::no_auth);
  EXPECT_EQ(world.machine.get_children("/w", world.caller(1), false).error(), ZkError::no_auth);
  EXPECT_EQ(world.machine.all_children_number("/w", world.caller(1)).error(), ZkError::no_auth);
  EXPECT_EQ(world.ask(1, MultiOp{{CheckOp{"/w", -1}}}).parts[0].second, ZkError::no_auth);
  EXPECT_EQ(world.ask(1, MultiOp{{CheckOp{"/r", -1}}}).parts[0].second, ZkError::ok);
}

TEST_F(AclWorld, get_acl_needs_read_or_admin_and_masks_hashes_without_admin) {
  const AclList list{{perms::read, alice}, {perms::admin, bob}};
  make("/a", list);
  EXPECT_EQ(world.machine.get_acl("/a", world.caller(2))->acl, list);
  EXPECT_EQ(world.machine.get_acl("/a", world.caller(3))->acl, list);
  EXPECT_EQ(world.machine.get_acl("/a", world.caller(1))->acl,
            (AclList{{perms::read, Id{"digest", "alice:x"}}, {perms::admin, Id{"digest", "bob:x"}}}));
  make("/w", {{perms::write, alice}});
  EXPECT_EQ(world.machine.get_acl("/w", world.caller(1)).error(), ZkError::no_auth);
  EXPECT_EQ(world.machine.get_acl("/none", world.caller(1)).error(), ZkError::no_node);
}

TEST_F(AclWorld, the_config_node_is_readable_and_not_writable) {
  EXPECT_TRUE(world.machine.get_data("/zookeeper/config", world.caller(1), false));
  EXPECT_EQ(world.ask(1, set("/zookeeper/config", "x")).error, ZkError::no_auth);
}

TEST_F(AclWorld, skip_acl_lets_everybody_do_everything) {
  MachineOptions options;
  options.acl.skip_acl = true;
  ZnodeWorld open(options);
  open.open(1);
  CreateOp op = create("/a");
  op.acl = {{perms::read, alice}};
  open.ask(1, op);
  EXPECT_EQ(open.ask(1, set("/a", "x")).error, ZkError::ok);
}

}  // namespace
}  // namespace holdfast::zk
