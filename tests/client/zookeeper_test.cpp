// The coordination client with real coordination servers: every operation, watches, and what lost connections and
// expired sessions do to them.
#include "client/zookeeper.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/zookeeper_path.h"
#include "tests/client/zookeeper_world.h"

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using client::AddWatchMode;
using client::CreateMode;
using client::CreateOptions;
using client::make_watcher;
using client::SessionState;
using client::WatcherKind;
using client::WatcherRef;
using client::WatchEvent;
using client::WatchType;
using client::ZkOp;
using client::ZkRead;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

CreateOptions mode(CreateMode m) {
  CreateOptions out;
  out.mode = m;
  return out;
}
const CreateOptions ephemeral = mode(CreateMode::ephemeral), sequential = mode(CreateMode::persistent_sequential);

class ZooKeeperTest : public ZooKeeperWorld {
 protected:
  ZooKeeper& connect(client::ZooKeeperOptions with) {
    ZooKeeper& zk = make_client(std::move(with));
    EXPECT_EQ(code_of(run(zk.connect(10s))), "ok");
    return zk;
  }
  ZooKeeper& connect() { return connect(options()); }

  // Notes events as "NodeCreated /a".
  WatcherRef note() {
    return make_watcher(
        [this](const WatchEvent& event) { events_.push_back(std::string(to_string(event.type)) + " " + event.path); });
  }
  WatcherRef note_states(ZooKeeper& zk) {
    WatcherRef out = make_watcher([this](const WatchEvent& event) { states_.emplace_back(to_string(event.state)); });
    zk.on_session(out);
    return out;
  }
  std::vector<std::string> events_, states_;
};

TEST(ConnectString, NamesServersAndAPlaceToBegin) {
  const auto full = client::parse_connect_string("zk1:2182,10.0.0.1,[::1]:2183/apps/one");
  ASSERT_TRUE(full) << full.error().message;
  ASSERT_EQ(full->servers.size(), 3u);
  EXPECT_EQ(to_string(full->servers[0]), "zk1:2182");
  EXPECT_EQ(to_string(full->servers[1]), "10.0.0.1:2181");
  EXPECT_EQ(to_string(full->servers[2]), "[::1]:2183");
  EXPECT_EQ(full->chroot, "/apps/one");
  EXPECT_EQ(client::parse_connect_string("zk1/")->chroot, "");
  for (const char* wrong : {"", "zk1,", "zk1:0", "zk1:x", "zk1:65536", ":2181", "zk1/a/", "zk1/a//b", "[::1", "zk1:"})
    EXPECT_FALSE(client::parse_connect_string(wrong)) << wrong;
}

TEST(ZkSequence, IsTheNumberAtTheEndOfAName) {
  EXPECT_EQ(client::zk_sequence("_c_x-lock-0000000012"), 12);
  EXPECT_EQ(client::zk_sequence("7-0000000012"), 12);
  EXPECT_EQ(client::zk_sequence("lock-2147483647"), 2147483647);
  EXPECT_EQ(client::zk_sequence("lock--2147483648"), -2147483648);
  EXPECT_EQ(client::zk_sequence("lock--000000001"), -1);
  EXPECT_EQ(client::zk_sequence("lock-12"), std::nullopt);
  EXPECT_EQ(client::zk_sequence(""), std::nullopt);
}

TEST_F(ZooKeeperTest, ANodeLivesAndDies) {
  start();
  ZooKeeper& zk = connect();
  const auto created = run(zk.create("/a", "one"));
  ASSERT_TRUE(created);
  EXPECT_EQ(created->path, "/a");
  EXPECT_EQ(created->stat.data_length, 3);
  EXPECT_EQ(code_of(run(zk.create("/a", "again"))), "NodeExists");
  EXPECT_EQ(run(zk.get("/a"))->data, "one");
  EXPECT_EQ(run(zk.set("/a", "two", 0))->version, 1);
  const auto stale = run(zk.set("/a", "three", 0));
  EXPECT_EQ(code_of(stale), "BadVersion");
  EXPECT_EQ(to_string(stale.error()), "BadVersion: /a");
  EXPECT_EQ(run(zk.exists("/a"))->value().mzxid, zk.last_zxid() - 1);  // the failed one took a zxid, too
  EXPECT_EQ(code_of(run(zk.remove("/a", 0))), "BadVersion");
  EXPECT_EQ(code_of(run(zk.remove("/a", 1))), "ok");
  EXPECT_FALSE(run(zk.exists("/a"))->has_value());
  EXPECT_EQ(code_of(run(zk.get("/a"))), "NoNode");
}

TEST_F(ZooKeeperTest, NullDataIsNotEmptyData) {
  start();
  ZooKeeper& zk = connect();
  ASSERT_TRUE(run(zk.create("/null")));
  ASSERT_TRUE(run(zk.create("/empty", "")));
  EXPECT_TRUE(run(zk.get("/null"))->null);
  EXPECT_FALSE(run(zk.get("/empty"))->null);
}

TEST_F(ZooKeeperTest, EveryModeOfCreate) {
  start();
  ZooKeeper& zk = connect();
  EXPECT_EQ(run(zk.create("/s-", "", sequential))->path, "/s-0000000000");
  EXPECT_EQ(run(zk.create("/e", "", ephemeral))->stat.ephemeral_owner, zk.session_id());
  EXPECT_EQ(run(zk.create("/c", "", mode(CreateMode::container)))->path, "/c");
  CreateOptions ttl = mode(CreateMode::persistent_with_ttl);
  ttl.ttl = 1min;
  EXPECT_EQ(run(zk.create("/t", "", ttl))->path, "/t");
  EXPECT_EQ(run(zk.create("/dir/", "", sequential)).error().code, ZkError::no_node);
  EXPECT_THAT(*run(zk.ephemerals("/")), ElementsAre("/e"));
  EXPECT_EQ(*run(zk.all_children_number("/")), 4 + 3);  // and /zookeeper, its config and its quota
  EXPECT_THAT(run(zk.children("/"))->names, UnorderedElementsAre("c", "e", "s-0000000000", "t", "zookeeper"));
}

TEST_F(ZooKeeperTest, WhatIsNoPathIsRefusedBeforeItLeaves) {
  start();
  ZooKeeper& zk = connect(options("/app"));
  for (const char* path : {"", "a", "/a/", "//", "/a//b"})
    EXPECT_EQ(code_of(run(zk.get(path))), "BadArguments") << path;
  EXPECT_EQ(code_of(run(connect().create("/.."))), "BadArguments");  // so says the server
}

TEST_F(ZooKeeperTest, AChrootIsSeenNowhere) {
  start();
  ZooKeeper& whole = connect();
  ASSERT_TRUE(run(whole.create("/app")));
  ZooKeeper& zk = connect(options("/app"));
  const WatcherRef watcher = note();
  ASSERT_TRUE(run(zk.exists("/a", watcher)));
  EXPECT_EQ(run(zk.create("/a", "x", ephemeral))->path, "/a");
  EXPECT_TRUE(exists("/app/a"));
  EXPECT_THAT(events_, ElementsAre("NodeCreated /a"));
  EXPECT_THAT(run(zk.children("/"))->names, ElementsAre("a"));
  EXPECT_THAT(*run(zk.ephemerals("/")), ElementsAre("/a"));
  std::vector<ZkOp> parts{ZkOp::create("/b"), ZkOp::check("/a", 0)};
  EXPECT_EQ(run(zk.multi(parts))->front().path, "/b");
  EXPECT_EQ(code_of(run(zk.sync("/"))), "ok");
  ASSERT_TRUE(run(zk.config()));  // it is outside, and can be read all the same
}

TEST_F(ZooKeeperTest, AMultiIsAllOrNothing) {
  start();
  ZooKeeper& zk = connect();
  std::vector<ZkOp> good{ZkOp::create("/a", "x"), ZkOp::create("/a/s-", "", sequential), ZkOp::set("/a", "y"),
                         ZkOp::check("/a", 1)};
  const auto done = run(zk.multi(good));
  ASSERT_TRUE(done);
  EXPECT_EQ((*done)[1].path, "/a/s-0000000000");
  EXPECT_EQ((*done)[2].stat.version, 1);
  std::vector<ZkOp> bad{ZkOp::create("/b"), ZkOp::remove("/a"), ZkOp::create("/c")};
  const auto failed = run(zk.multi(bad));
  EXPECT_EQ(code_of(failed), "Directory not empty");
  EXPECT_THAT(failed.error().message, HasSubstr("part 1"));
  EXPECT_FALSE(exists("/b"));
  std::vector<ZkRead> reads{{"/a", ZkRead::What::data}, {"/a", ZkRead::What::children}, {"/x", ZkRead::What::data}};
  const auto read = run(zk.multi_read(reads));
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)[0].data.data, "y");
  EXPECT_THAT((*read)[1].children, ElementsAre("s-0000000000"));
  EXPECT_EQ((*read)[2].error, ZkError::no_node);
}

TEST_F(ZooKeeperTest, AclsAndCredentials) {
  start();
  ZooKeeper& zk = connect();
  ASSERT_EQ(code_of(run(zk.add_auth("digest", "ann:secret"))), "ok");
  CreateOptions own;
  own.acl = client::creator_acl();
  ASSERT_TRUE(run(zk.create("/own", "x", own)));
  const auto acl = run(zk.get_acl("/own"));
  ASSERT_EQ(acl->acl.size(), 1u);
  EXPECT_EQ(acl->acl[0].id, client::digest_id("ann", "secret"));
  ZooKeeper& stranger = connect();
  EXPECT_EQ(code_of(run(stranger.get("/own"))), "NoAuth");
  EXPECT_EQ(run(zk.set_acl("/own", client::open_acl(), 0))->aversion, 1);
  EXPECT_EQ(run(stranger.get("/own"))->data, "x");
  const auto who = run(zk.who_am_i());
  ASSERT_TRUE(who);
  EXPECT_EQ(who->back().credentials, "ann");

  // They are given on every connection.
  reset(1);
  ASSERT_TRUE(run(zk.create("/own2", "", own)));
  EXPECT_EQ(code_of(run(stranger.get("/own2"))), "NoAuth");
}

TEST_F(ZooKeeperTest, RefusedCredentialsEndTheSession) {
  start();
  ZooKeeper& zk = connect();
  const WatcherRef watcher = note_states(zk);
  EXPECT_EQ(code_of(run(zk.add_auth("nonsense", "x"))), "AuthFailed");
  EXPECT_EQ(code_of(run(zk.get("/"))), "AuthFailed");
  EXPECT_EQ(zk.state(), SessionState::auth_failed);
  EXPECT_THAT(states_, ElementsAre("auth failed"));
}

// ---- Watches

TEST_F(ZooKeeperTest, StandardWatchesFireOnce) {
  start();
  ZooKeeper& zk = connect();
  const WatcherRef watcher = note();
  ASSERT_TRUE(run(zk.create("/a")));
  ASSERT_TRUE(run(zk.get("/a", watcher)));
  ASSERT_TRUE(run(zk.children("/a", watcher)));
  ASSERT_TRUE(run(zk.set("/a", "1")));
  ASSERT_TRUE(run(zk.set("/a", "2")));
  ASSERT_TRUE(run(zk.create("/a/b")));
  EXPECT_THAT(events_, ElementsAre("NodeDataChanged /a", "NodeChildrenChanged /a"));
}

TEST_F(ZooKeeperTest, AWatcherThatNobodyHoldsIsNotCalled) {
  start();
  ZooKeeper& zk = connect();
  WatcherRef watcher = note();
  const WatcherRef other = note();
  ASSERT_TRUE(run(zk.exists("/a", watcher)));
  ASSERT_TRUE(run(zk.exists("/a", other)));
  watcher.reset();
  ASSERT_TRUE(run(zk.create("/a")));
  EXPECT_THAT(events_, ElementsAre("NodeCreated /a"));
}

TEST_F(ZooKeeperTest, PersistentWatchesStayUntilTheyAreRemoved) {
  start();
  ZooKeeper& zk = connect();
  const WatcherRef one = note(), below = note();
  ASSERT_TRUE(run(zk.create("/p")));
  ASSERT_TRUE(run(zk.add_watch("/p", AddWatchMode::persistent, one)));
  ASSERT_TRUE(run(zk.create("/p/x")));
  ASSERT_TRUE(run(zk.set("/p", "1")));
  EXPECT_THAT(events_, ElementsAre("NodeChildrenChanged /p", "NodeDataChanged /p"));
  events_.clear();
  ASSERT_TRUE(run(zk.add_watch("/p", AddWatchMode::persistent_recursive, below)));
  ASSERT_EQ(code_of(run(zk.remove_watches("/p", WatcherKind::persistent, one))), "ok");
  EXPECT_THAT(events_, ElementsAre("PersistentWatchRemoved /p"));
  events_.clear();
  ASSERT_TRUE(run(zk.create("/p/x/y")));
  ASSERT_TRUE(run(zk.remove("/p/x/y")));
  EXPECT_THAT(events_, ElementsAre("NodeCreated /p/x/y", "NodeDeleted /p/x/y"));
  EXPECT_EQ(code_of(run(zk.remove_watches("/p", WatcherKind::data))), "No such watcher");
}

TEST_F(ZooKeeperTest, WatchesAreArmedAgainAndTellWhatWasMissed) {
  start();
  ZooKeeper& zk = connect();
  ZooKeeper& other = connect();
  const WatcherRef watcher = note(), below = note();
  ASSERT_TRUE(run(zk.create("/a")));
  ASSERT_TRUE(run(zk.get("/a", watcher)));
  ASSERT_TRUE(run(zk.exists("/b", watcher)));
  ASSERT_TRUE(run(zk.children("/", watcher)));
  ASSERT_TRUE(run(zk.add_watch("/a", AddWatchMode::persistent_recursive, below)));
  cut(1);
  reset(1);
  ASSERT_TRUE(run(other.set("/a", "changed")));
  ASSERT_TRUE(run(other.create("/b")));
  heal(1);
  ASSERT_TRUE(run_until([&zk] { return zk.connected(); }));
  ASSERT_TRUE(run(zk.sync("/")));
  // The second for /a is the persistent watch's: for the client an event is an event.
  EXPECT_THAT(events_, UnorderedElementsAre("NodeDataChanged /a", "NodeDataChanged /a", "NodeCreated /b",
                                            "NodeChildrenChanged /"));
  events_.clear();
  ASSERT_TRUE(run(other.create("/a/new")));  // persistent ones tell what comes after it
  ASSERT_TRUE(run(zk.sync("/")));
  EXPECT_THAT(events_, ElementsAre("NodeCreated /a/new"));
}

TEST_F(ZooKeeperTest, ManyWatchesAreArmedInSeveralRequests) {
  start();
  ZooKeeper& zk = connect();
  const WatcherRef watcher = note();
  const std::string long_name(400, 'x');
  constexpr int many = 600;  // paths of 240 KiB together
  for (int i = 0; i < many; ++i) ASSERT_TRUE(run(zk.exists("/" + long_name + std::to_string(i), watcher)));
  reset(1);
  ASSERT_TRUE(run(zk.create("/" + long_name + "0")));
  ASSERT_TRUE(run(zk.create("/" + long_name + std::to_string(many - 1))));
  EXPECT_EQ(events_.size(), 2u);
}

// ---- Connections that are lost

TEST_F(ZooKeeperTest, ASessionOutlivesItsConnection) {
  start();
  ZooKeeper& zk = connect();
  const WatcherRef watcher = note_states(zk);
  const std::int64_t session = zk.session_id();
  ASSERT_TRUE(run(zk.create("/e", "", ephemeral)));
  reset(1);
  ASSERT_TRUE(run(zk.get("/e")));
  EXPECT_EQ(zk.session_id(), session);
  EXPECT_THAT(states_, ElementsAre("connecting", "connected"));
}

TEST_F(ZooKeeperTest, PingsKeepAnIdleSession) {
  start();
  ZooKeeper& zk = connect();
  const WatcherRef watcher = note_states(zk);
  ASSERT_TRUE(run(zk.create("/e", "", ephemeral)));
  run_for(1h);
  EXPECT_TRUE(exists("/e"));
  EXPECT_THAT(states_, IsEmpty());
}

TEST_F(ZooKeeperTest, ALostReplyIsAskedFor) {
  start();
  ZooKeeper& zk = connect();
  ASSERT_TRUE(run(zk.create("/dir")));
  cut_replies(1);
  auto created = begin(zk.create("/dir/s-", "data", mode(CreateMode::ephemeral_sequential)));
  auto set = begin(zk.set("/dir", "new", 0));
  auto refused = begin(zk.remove("/dir", 7));
  std::vector<ZkOp> parts{ZkOp::create("/m", "x"), ZkOp::create("/m/s-", "", sequential)};
  auto multi = begin(zk.multi(parts));
  auto read = begin(zk.get("/dir"));
  ASSERT_TRUE(run_until([this] { return exists("/m"); }));
  EXPECT_FALSE(created->has_value());
  heal(1);
  reset(1);
  ASSERT_TRUE(run_until([&read] { return read->has_value(); }));
  EXPECT_EQ((**created)->path, "/dir/s-0000000000");
  EXPECT_EQ((**created)->stat.ephemeral_owner, zk.session_id());
  EXPECT_EQ((**created)->stat.czxid, run(zk.exists("/dir/s-0000000000"))->value().czxid);
  EXPECT_EQ((**set)->version, 1);
  EXPECT_EQ(code_of(**refused), "BadVersion");
  ASSERT_EQ(code_of(**multi), "ok");
  EXPECT_EQ((**multi)->at(0).path, "/m");
  EXPECT_EQ((**multi)->at(1).path, "");  // it is not known
  EXPECT_EQ((**read)->data, "new");      // asked again, behind the writes
}

TEST_F(ZooKeeperTest, AWriteThatNeverArrivedIsSentAgainOnce) {
  start();
  ZooKeeper& zk = connect();
  ASSERT_TRUE(run(zk.create("/q")));
  cut_requests(1);
  auto first = begin(zk.create("/q/s-", "1", sequential));
  auto second = begin(zk.create("/q/s-", "2", sequential));
  run_for(100ms);
  EXPECT_THAT(children("/q"), IsEmpty());
  heal(1);
  reset(1);
  ASSERT_TRUE(run_until([&second] { return second->has_value(); }));
  EXPECT_EQ((**first)->path, "/q/s-0000000000");
  EXPECT_EQ((**second)->path, "/q/s-0000000001");
  EXPECT_EQ(children("/q").size(), 2u);
  EXPECT_EQ(run(zk.get("/q/s-0000000000"))->data, "1");
}

// However a burst is torn, nothing is done twice and everything is told as it is.
TEST_F(ZooKeeperTest, ABurstThatIsTornAnywhereIsCarriedOutOnce) {
  start();
  ZooKeeper& zk = connect();
  ASSERT_TRUE(run(zk.create("/q")));
  std::vector<std::shared_ptr<std::optional<ZkOutcome<client::Created>>>> made;
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 10; ++i) made.push_back(begin(zk.create("/q/s-", std::to_string(made.size()), sequential)));
    run_for(std::chrono::microseconds(random_->below(3000)));
    reset(1);
  }
  ASSERT_TRUE(run_until([&made] { return std::ranges::all_of(made, [](const auto& m) { return m->has_value(); }); }));
  ASSERT_EQ(children("/q").size(), made.size());
  for (std::size_t i = 0; i < made.size(); ++i) {
    ASSERT_TRUE(**made[i]) << to_string((**made[i]).error());
    EXPECT_EQ((**made[i])->path, fmt::format("/q/s-{:010d}", i));
    EXPECT_EQ(run(zk.get((**made[i])->path))->data, std::to_string(i));
  }
}

TEST_F(ZooKeeperTest, MoreWritesThanResultsAreKeptAreNotGuessedAt) {
  start();
  ZooKeeper& zk = connect();
  cut_replies(1);
  std::vector<std::shared_ptr<std::optional<ZkOutcome<client::Created>>>> made;
  constexpr int many = 40, kept = 32;
  for (int i = 0; i < many; ++i) made.push_back(begin(zk.create("/n" + std::to_string(i))));
  ASSERT_TRUE(run_until([this] { return exists("/n39"); }));
  heal(1);
  reset(1);
  ASSERT_TRUE(run_until([&made] { return made.back()->has_value(); }));
  for (int i = 0; i < many; ++i)
    EXPECT_EQ(code_of(**made[static_cast<std::size_t>(i)]), i < many - kept ? "ConnectionLoss" : "ok") << i;
}

TEST_F(ZooKeeperTest, WithoutAServerARequestWaitsForTheSessionTimeout) {
  start();
  ZooKeeper& zk = connect();
  cut(1);
  reset(1);
  const SteadyTime asked = now();
  auto created = begin(zk.create("/late"));
  ASSERT_TRUE(run_until([&created] { return created->has_value(); }));
  EXPECT_EQ(code_of(**created), "ConnectionLoss");
  EXPECT_GE(now() - asked, session_timeout - 2s);
  EXPECT_LE(now() - asked, session_timeout + 100ms);
  heal(1);
  ASSERT_TRUE(run_until([&zk] { return zk.connected(); }));
  EXPECT_EQ(code_of(run(zk.create("/later"))), "ok");
  EXPECT_FALSE(exists("/late"));
}

TEST_F(ZooKeeperTest, ConnectSaysWhyItCannot) {
  start();
  client::ZooKeeperOptions with = options();
  with.servers.servers = {{"10.0.0.1", 1}};
  ZooKeeper& zk = make_client(with);
  const SteadyTime asked = now();
  const auto connected = run(zk.connect(10s, 1));
  EXPECT_EQ(code_of(connected), "ConnectionLoss");
  EXPECT_THAT(connected.error().message, HasSubstr("10.0.0.1:1"));
  EXPECT_LT(now() - asked, 1s);
}

TEST_F(ZooKeeperTest, AReplyThatIsTooLongFailsAloneAndTheRestGoesOn) {
  start();
  client::ZooKeeperOptions with = options();
  with.reply_bytes_max = 64 << 10;
  ZooKeeper& zk = connect(with);
  ASSERT_TRUE(run(zk.create("/big", std::string(100 << 10, 'x'))));
  ASSERT_TRUE(run(zk.create("/small", "y")));
  auto big = begin(zk.get("/big"));
  auto small = begin(zk.get("/small"));
  ASSERT_TRUE(run_until([&small] { return small->has_value(); }));
  EXPECT_EQ(code_of(**big), "ConnectionLoss");
  EXPECT_THAT((**big).error().message, HasSubstr("jute.maxbuffer"));
  EXPECT_EQ((**small)->data, "y");
}

// ---- Sessions that end

TEST_F(ZooKeeperTest, ClosingEndsTheSessionAndStoppingDoesNot) {
  start();
  ZooKeeper& first = connect();
  ZooKeeper& second = connect();
  ASSERT_TRUE(run(first.create("/first", "", ephemeral)));
  ASSERT_TRUE(run(second.create("/second", "", ephemeral)));
  const client::ZkSession session = second.session();
  run(first.close());
  EXPECT_EQ(first.state(), SessionState::closed);
  EXPECT_EQ(code_of(run(first.get("/"))), "Session expired");
  EXPECT_FALSE(exists("/first"));
  destroy_client(second);
  EXPECT_TRUE(exists("/second"));

  client::ZooKeeperOptions with = options();
  with.session = session;
  ZooKeeper& third = connect(with);
  EXPECT_EQ(third.session_id(), session.id);
  run(third.close());
  EXPECT_FALSE(exists("/second"));
}

TEST_F(ZooKeeperTest, AnExpiredSessionIsFollowedByANewOne) {
  start();
  ZooKeeper& zk = connect();
  const WatcherRef states = note_states(zk), watcher = note();
  const std::int64_t before = zk.session_id();
  ASSERT_TRUE(run(zk.create("/e", "", ephemeral)));
  ASSERT_TRUE(run(zk.exists("/x", watcher)));
  cut(1);
  reset(1);
  auto waiting = begin(zk.get("/e"));
  expire(zk);
  heal(1);
  ASSERT_TRUE(run_until([&] { return zk.connected() && zk.session_id() != before; }));
  EXPECT_EQ(code_of(**waiting), "Session expired");
  EXPECT_THAT(states_, ElementsAre("connecting", "expired", "connecting", "connected"));
  EXPECT_FALSE(exists("/e"));
  ASSERT_TRUE(run(zk.create("/x")));
  EXPECT_THAT(events_, IsEmpty());  // watches end with their session
}

TEST_F(ZooKeeperTest, OrNotIfThatIsNotWanted) {
  start();
  client::ZooKeeperOptions with = options();
  with.renew_session = false;
  ZooKeeper& zk = connect(with);
  expire(zk);
  ASSERT_TRUE(run_until([&zk] { return zk.state() == SessionState::expired; }));
  EXPECT_EQ(code_of(run(zk.get("/"))), "Session expired");
  EXPECT_EQ(code_of(run(zk.connect(1s))), "Session expired");
}

// Whoever holds something must learn of the doubt while nobody else can have it.
TEST_F(ZooKeeperTest, DoubtComesBeforeTheServersEndTheSession) {
  start();
  ZooKeeper& zk = connect();
  ASSERT_TRUE(run(zk.create("/e", "", ephemeral)));
  for (int i = 0; i < 5; ++i) {
    run_for(std::chrono::milliseconds(random_->below(5000)));
    const SteadyTime began = now();
    cut(1);
    ASSERT_TRUE(run_until([&zk] { return zk.state() == SessionState::doubtful; }));
    EXPECT_TRUE(exists("/e")) << i;
    EXPECT_LE(now() - began, session_timeout);
    EXPECT_GE(now() - began, session_timeout / 2);
    heal(1);
    reset(1);
    ASSERT_TRUE(run_until([&zk] { return zk.connected(); }));
    ASSERT_TRUE(run(zk.sync("/")));
    if (!exists("/e")) ASSERT_TRUE(run(zk.create("/e", "", ephemeral)));
  }
}

// ---- An ensemble

class ThreeServers : public ZooKeeperWorld {
 protected:
  ThreeServers() : ZooKeeperWorld(3) {}
  int connected_to(const ZooKeeper& zk) const {
    for (int i = 0; i < 3; ++i)
      if (zk.server() && zk.server()->host == server_address(i)) return i;
    return -1;
  }
};

TEST_F(ThreeServers, ASessionMovesFromServerToServer) {
  start();
  ZooKeeper& zk = make_client();
  ASSERT_EQ(code_of(run(zk.connect(10s))), "ok");
  ASSERT_TRUE(run(zk.create("/e", "", ephemeral)));
  const std::int64_t session = zk.session_id();
  for (int i = 0; i < 3; ++i) {
    const int server = connected_to(zk);
    ASSERT_GE(server, 0);
    kill_server(server);
    ASSERT_TRUE(run_until([&] { return zk.connected() && connected_to(zk) != server; }));
    EXPECT_EQ(zk.session_id(), session);
    EXPECT_EQ(run(zk.get("/e"))->stat.ephemeral_owner, session);
    start_server(server);
  }
}

TEST_F(ThreeServers, WhatADeadServerWasAskedIsToldByAnother) {
  start();
  ZooKeeper& zk = make_client();
  ASSERT_EQ(code_of(run(zk.connect(10s))), "ok");
  ASSERT_TRUE(run(zk.create("/q")));
  std::vector<std::shared_ptr<std::optional<ZkOutcome<client::Created>>>> made;
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 10; ++i) made.push_back(begin(zk.create("/q/s-", std::to_string(made.size()), sequential)));
    run_for(std::chrono::microseconds(random_->below(4000)));
    const int server = connected_to(zk);
    ASSERT_GE(server, 0);
    kill_server(server);
    ASSERT_TRUE(run_until([&made] { return made.back()->has_value(); }));
    start_server(server);
    ASSERT_TRUE(run_until([&zk] { return zk.connected(); }));
  }
  ASSERT_TRUE(run(zk.sync("/")));
  EXPECT_EQ(run(zk.children("/q"))->names.size(), made.size());
  for (std::size_t i = 0; i < made.size(); ++i) {
    ASSERT_TRUE(**made[i]) << to_string((**made[i]).error());
    EXPECT_EQ(run(zk.get((**made[i])->path))->data, std::to_string(i));
  }
}

TEST_F(ThreeServers, ReadOnlyUntilThereIsAQuorumAgain) {
  server_options.read_only_clients = true;
  start();
  client::ZooKeeperOptions with = options();
  with.read_only = true;
  with.session_timeout = 30s;
  ZooKeeper& zk = make_client(with);
  ASSERT_EQ(code_of(run(zk.connect(10s))), "ok");
  ASSERT_TRUE(run(zk.create("/a", "x")));
  const std::int64_t session = zk.session_id();
  ASSERT_TRUE(run(zk.sync("/")));
  run_for(1s);  // every server has applied it
  kill_server(0);
  kill_server(1);
  ASSERT_TRUE(run_until([&zk] { return zk.state() == SessionState::read_only; }));
  EXPECT_EQ(run(zk.get("/a"))->data, "x");
  EXPECT_EQ(code_of(run(zk.set("/a", "y"))), "Not a read-only call");
  start_server(0);
  ASSERT_TRUE(run_until([&zk] { return zk.state() == SessionState::connected; }));
  EXPECT_EQ(zk.session_id(), session);
  EXPECT_EQ(code_of(run(zk.set("/a", "y"))), "ok");
}

}  // namespace
}  // namespace holdfast::test
