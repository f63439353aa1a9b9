// The ZooKeeper client, its recipes and `holdfast zk` against Apache ZooKeeper: HOLDFAST_ZOOKEEPER_PEER says where it
// is (tests/foreign/client starts one); without it these tests are skipped.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "client/blocking.h"
#include "client/counter.h"
#include "client/lock.h"
#include "runtime/random.h"
#include "tests/client/cli_process.h"

namespace holdfast::test {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class ZooKeeperPeerTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* address = std::getenv("HOLDFAST_ZOOKEEPER_PEER");
    if (!address) GTEST_SKIP() << "HOLDFAST_ZOOKEEPER_PEER is not set";
    address_ = address;
    root_ = "/peer-" + to_hex_uuid(system_random()->uuid());
    blocking::ZooKeeper zk(options());
    const auto made = zk([&](ZooKeeper& z) { return z.create(root_); });
    ASSERT_TRUE(made) << to_string(made.error());
  }
  ZooKeeperOptions options() const {
    ZooKeeperOptions out;
    out.servers = parse_connect_string(address_).value();
    return out;
  }
  CommandOutcome holdfast(std::vector<std::string> arguments, const std::string& input = {}) {
    Environment environment = clean_environment();
    environment["HOLDFAST_ZOOKEEPER"] = address_;
    return run_holdfast(arguments, environment, input);
  }
  std::string ok(std::vector<std::string> arguments, const std::string& input = {}) {
    const CommandOutcome outcome = holdfast(std::move(arguments), input);
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    return outcome.output;
  }

  std::string address_, root_;
};

// The thread on which clients and recipes live, and two sessions on it.
struct TwoSessions {
  explicit TwoSessions(const ZooKeeperOptions& options)
      : one(thread, thread.shard(), system_network(), *random, options),
        other(thread, thread.shard(), system_network(), *random, options) {}
  ~TwoSessions() {
    one(&ZooKeeper::close);
    other(&ZooKeeper::close);
  }
  ClientThread thread;
  const std::unique_ptr<Random> random = system_random();
  blocking::On<ZooKeeper> one, other;
};

TEST_F(ZooKeeperPeerTest, AZnodeFromEndToEnd) {
  blocking::ZooKeeper zk(options());
  const std::string path = root_ + "/node";
  const auto created = zk([&](ZooKeeper& z) { return z.create(path, "one"); });
  ASSERT_TRUE(created) << to_string(created.error());
  EXPECT_EQ(created->path, path);
  const auto again = zk([&](ZooKeeper& z) { return z.create(path); });
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ZkError::node_exists);
  const auto set = zk([&](ZooKeeper& z) { return z.set(path, "two", 0); });
  ASSERT_TRUE(set) << to_string(set.error());
  EXPECT_EQ(set->version, 1);
  const auto stale = zk([&](ZooKeeper& z) { return z.set(path, "three", 0); });
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, ZkError::bad_version);
  const auto got = zk([&](ZooKeeper& z) { return z.get(path); });
  ASSERT_TRUE(got);
  EXPECT_EQ(got->data, "two");
  EXPECT_EQ(got->stat.version, 1);
  for (int i = 0; i < 2; ++i) {
    CreateOptions sequential;
    sequential.mode = CreateMode::persistent_sequential;
    const auto made = zk([&](ZooKeeper& z) { return z.create(path + "/n-", "x", sequential); });
    ASSERT_TRUE(made) << to_string(made.error());
    EXPECT_EQ(made->path, fmt::format("{}/n-{:010}", path, i));
  }
  const auto children = zk([&](ZooKeeper& z) { return z.children(path); });
  ASSERT_TRUE(children);
  EXPECT_THAT(children->names, UnorderedElementsAre("n-0000000000", "n-0000000001"));
  const auto synced = zk([&](ZooKeeper& z) { return z.sync(path); });
  EXPECT_TRUE(synced);
  const auto full = zk([&](ZooKeeper& z) { return z.remove(path); });
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ZkError::not_empty);
}

TEST_F(ZooKeeperPeerTest, AMultiIsAllOrNothing) {
  blocking::ZooKeeper zk(options());
  const auto refused =
      zk([&](ZooKeeper& z) { return z.multi({ZkOp::create(root_ + "/a", "x"), ZkOp::check(root_ + "/none", -1)}); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ZkError::no_node);
  EXPECT_EQ(refused.error().part, 1);
  const auto absent = zk([&](ZooKeeper& z) { return z.exists(root_ + "/a"); });
  ASSERT_TRUE(absent);
  EXPECT_FALSE(*absent);
  const auto done = zk([&](ZooKeeper& z) {
    return z.multi({ZkOp::create(root_ + "/a", "x"), ZkOp::set(root_ + "/a", "y"), ZkOp::check(root_ + "/a", 1)});
  });
  ASSERT_TRUE(done) << to_string(done.error());
  EXPECT_THAT(*done, SizeIs(3));
}

TEST_F(ZooKeeperPeerTest, WatchesFireAndEphemeralsGoWithTheirSession) {
  TwoSessions sessions(options());
  std::atomic<int> created = 0, deleted = 0;
  const std::string path = root_ + "/mine";
  const WatcherRef watcher = make_watcher([&](const WatchEvent& event) {
    if (event.path == path) (event.type == WatchType::created ? created : deleted) += 1;
  });
  const auto armed =
      sessions.one([&](ZooKeeper& z) { return z.add_watch(root_, AddWatchMode::persistent_recursive, watcher); });
  ASSERT_TRUE(armed) << to_string(armed.error());
  CreateOptions ephemeral;
  ephemeral.mode = CreateMode::ephemeral;
  const auto made = sessions.other([&](ZooKeeper& z) { return z.create(path, "x", ephemeral); });
  ASSERT_TRUE(made) << to_string(made.error());
  sessions.other(&ZooKeeper::close);
  // The events come before what is read after them.
  const auto synced = sessions.one([&](ZooKeeper& z) { return z.sync(root_); });
  ASSERT_TRUE(synced);
  const auto gone = sessions.one([&](ZooKeeper& z) { return z.exists(path); });
  ASSERT_TRUE(gone);
  EXPECT_FALSE(*gone);
  EXPECT_EQ(created, 1);
  EXPECT_EQ(deleted, 1);
}

TEST_F(ZooKeeperPeerTest, ALockIsHeldByOne) {
  TwoSessions sessions(options());
  blocking::On<Lock> first(sessions.thread, sessions.one.get(), root_ + "/lock", "one");
  blocking::On<Lock> second(sessions.thread, sessions.other.get(), root_ + "/lock", "other");
  const auto acquire = [](blocking::On<Lock>& lock, Duration at_most) {
    return lock([at_most](Lock& l) { return l.acquire(at_most); });
  };
  const auto held = acquire(first, seconds(30));
  ASSERT_TRUE(held) << to_string(held.error());
  const auto token = first([](Lock& l) { return l.token(); });
  const auto in_vain = acquire(second, milliseconds(300));
  ASSERT_FALSE(in_vain);
  EXPECT_EQ(in_vain.error().code, ZkError::operation_timeout);
  first(&Lock::release);
  const auto next = acquire(second, seconds(30));
  ASSERT_TRUE(next) << to_string(next.error());
  EXPECT_GT(second([](Lock& l) { return l.token(); }), token);
  first(&Lock::stop);
  second(&Lock::stop);
}

TEST_F(ZooKeeperPeerTest, ACounterCountsEachOnce) {
  TwoSessions sessions(options());
  blocking::On<Counter> one(sessions.thread, sessions.one.get(), root_ + "/counter");
  blocking::On<Counter> other(sessions.thread, sessions.other.get(), root_ + "/counter");
  for (int i = 0; i < 10; ++i) {
    for (auto* counter : {&one, &other}) {
      const auto added = (*counter)([](Counter& c) { return c.add(3); });
      ASSERT_TRUE(added) << to_string(added.error());
    }
  }
  const auto total = one(&Counter::get);
  ASSERT_TRUE(total);
  EXPECT_EQ(*total, 60);
}

TEST_F(ZooKeeperPeerTest, TheVerbsWork) {
  const std::string path = root_ + "/a/b";
  EXPECT_EQ(ok({"zk", "create", "-p", path, "one"}), fmt::format("created {}\n", path));
  EXPECT_EQ(ok({"zk", "set", path, "-", "--version", "0"}, "two\n"), fmt::format("set {}, version 1\n", path));
  EXPECT_EQ(ok({"zk", "get", path}), "two\n");
  EXPECT_THAT(ok({"zk", "get", path, "-o", "json"}), HasSubstr(R"("data": "two\n")"));
  EXPECT_EQ(ok({"zk", "ls", root_}), "NAME\na\n");
  EXPECT_THAT(ok({"zk", "ls", "-R", root_}), HasSubstr(path + "\n"));
  EXPECT_THAT(ok({"zk", "tree", root_}), HasSubstr("\n    b "));
  EXPECT_THAT(ok({"zk", "stat", path, "-o", "json"}), HasSubstr(R"("version": 1)"));
  EXPECT_THAT(ok({"zk", "acl", path}), HasSubstr("anyone"));
  EXPECT_EQ(ok({"zk", "shell", "ls", "-R", root_}), fmt::format("{0}\n{0}/a\n{1}\n", root_, path));
  {
    blocking::ZooKeeper somebody(options());
    ASSERT_TRUE(somebody([&](ZooKeeper& z) { return z.sync(root_); }));
    EXPECT_THAT(ok({"zk", "sessions", "-o", "json"}), HasSubstr("\"session\": \"0x"));
  }
  EXPECT_THAT(ok({"quorum", "status", "-o", "json"}), HasSubstr(R"("state": "standalone")"));
  EXPECT_EQ(holdfast({"zk", "get", root_ + "/none"}).code, 4);
  EXPECT_EQ(holdfast({"zk", "set", path, "x", "--version", "7"}).code, 5);
  EXPECT_EQ(holdfast({"quorum", "remove", "9", "--dry-run"}).code, 4);
  ok({"zk", "acl", root_ + "/a", "--set", "world:anyone:ra"});
  const CommandOutcome refused = holdfast({"zk", "delete", "-r", root_, "--yes"});
  EXPECT_EQ(refused.code, 5);
  EXPECT_THAT(refused.errors, HasSubstr(path + ": no permission to delete it"));
  ok({"zk", "acl", root_ + "/a", "--set", "world:anyone:cdrwa"});
  ok({"zk", "delete", "-r", root_, "--yes"});
  EXPECT_EQ(holdfast({"zk", "stat", root_}).code, 4);
}

}  // namespace
}  // namespace holdfast::test
