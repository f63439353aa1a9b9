// What a ZooKeeper client sees of the server: real sockets, a real log, one shard.
#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "coordination/zk_requests.h"
#include "tests/coordination/zk_client.h"
#include "tests/coordination/zk_world.h"

namespace holdfast::zk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using wire::zk::OpCode;
using wire::zk::ZkError;

constexpr std::int32_t event_created = 1, event_deleted = 2, event_data = 3, event_children = 4;

class ZkServerTest : public ZkWorld {
 protected:
  ZkHandshake again(const ZkClient& client) {
    ZkHandshake handshake;
    handshake.session = client.session();
    handshake.password = client.password();
    return handshake;
  }
};

// ---- Connecting ----

TEST_F(ZkServerTest, TheTimeoutIsNegotiated) {
  start();
  EXPECT_EQ(ZkClient(port(), {.timeout_ms = 1}).timeout_ms(), 200);
  EXPECT_EQ(ZkClient(port(), {.timeout_ms = 5000}).timeout_ms(), 5000);
  EXPECT_EQ(ZkClient(port(), {.timeout_ms = 1'000'000}).timeout_ms(), 20'000);
}

TEST_F(ZkServerTest, TheReadOnlyByteIsThereWhenTheClientSentOne) {
  start();
  constexpr std::size_t bytes = 4 + 4 + 8 + 4 + 16;
  EXPECT_EQ(ZkClient(port(), {.read_only = std::nullopt}).answer_bytes(), bytes);
  EXPECT_EQ(ZkClient(port(), {.read_only = false}).answer_bytes(), bytes + 1);
  EXPECT_EQ(ZkClient(port(), {.read_only = true}).answer_bytes(), bytes + 1);
}

TEST_F(ZkServerTest, ASessionMovesToAnotherConnectionWithItsPassword) {
  start();
  ZkClient first(port());
  ASSERT_EQ(first.create("/e", "", ephemeral).error, ZkError::ok);
  ZkClient second(port(), again(first));
  EXPECT_EQ(second.session(), first.session());
  EXPECT_TRUE(first.socket().ended());  // one connection speaks for a session
  EXPECT_TRUE(second.exists("/e"));
}

TEST_F(ZkServerTest, AWrongPasswordIsRefused) {
  start();
  ZkClient first(port());
  ZkHandshake handshake = again(first);
  handshake.password[0] ^= 1;
  ZkClient thief(port(), handshake);
  EXPECT_TRUE(thief.connected());
  EXPECT_EQ(thief.session(), 0);
  EXPECT_EQ(thief.timeout_ms(), 0);
  EXPECT_TRUE(thief.socket().ended());
}

TEST_F(ZkServerTest, AnUnknownSessionIsRefused) {
  start();
  ZkClient stranger(port(), {.session = 0x1234});
  EXPECT_EQ(stranger.session(), 0);
  EXPECT_EQ(stranger.timeout_ms(), 0);
}

TEST_F(ZkServerTest, AClientThatHasSeenMoreIsSentAway) {
  start();
  ZkClient ahead(port(), {.last_zxid = 1ll << 40});
  EXPECT_FALSE(ahead.connected());
}

TEST_F(ZkServerTest, ConnectionsOfOneAddressAreLimited) {
  options.max_client_connections = 2;
  start();
  ZkClient first(port()), second(port());
  EXPECT_FALSE(ZkClient(port()).connected());
  EXPECT_NE(first.session(), 0);
}

TEST_F(ZkServerTest, ConnectionsOfAllAddressesAreLimited) {
  options.max_client_connections = 0;
  options.max_connections = 2;
  start();
  ZkClient first(port()), second(port());
  EXPECT_FALSE(ZkClient(port()).connected());
  EXPECT_NE(second.session(), 0);
}

// ---- Nodes ----

TEST_F(ZkServerTest, ANodeLivesAndDies) {
  start();
  ZkClient client(port());
  const ZkReply created = client.create("/a", "one");
  ASSERT_EQ(created.error, ZkError::ok);
  EXPECT_EQ(created.as<jute::CreateResponse>().path, "/a");
  EXPECT_EQ(client.create("/a", "").error, ZkError::node_exists);
  EXPECT_EQ(client.get("/a"), "one");
  EXPECT_EQ(client.set("/a", "two", 0), ZkError::ok);
  EXPECT_EQ(client.set("/a", "three", 0), ZkError::bad_version);
  EXPECT_EQ(client.get("/a"), "two");
  EXPECT_EQ(client.remove("/a", 7), ZkError::bad_version);
  EXPECT_EQ(client.remove("/a", 1), ZkError::ok);
  EXPECT_FALSE(client.exists("/a"));
  EXPECT_EQ(client.remove("/a"), ZkError::no_node);
}

TEST_F(ZkServerTest, AReplysZxidIsTheTransactionsOwn) {
  start();
  ZkClient client(port());
  const std::int64_t first = client.create("/a").zxid;
  const ZkReply second = client.call(OpCode::create2, jute::CreateRequest{"/b", std::nullopt, open_list, 0});
  EXPECT_EQ(second.zxid, first + 1);
  EXPECT_EQ(second.as<jute::Create2Response>().stat.czxid, second.zxid);
}

TEST_F(ZkServerTest, SequentialNodesCountUp) {
  start();
  ZkClient client(port());
  EXPECT_EQ(client.create("/q-", "", sequential).as<jute::CreateResponse>().path, "/q-0000000000");
  EXPECT_EQ(client.create("/q-", "", sequential).as<jute::CreateResponse>().path, "/q-0000000001");
}

TEST_F(ZkServerTest, EphemeralsGoWithTheirSession) {
  start();
  ZkClient owner(port()), other(port());
  ASSERT_EQ(owner.create("/e", "", ephemeral).error, ZkError::ok);
  EXPECT_EQ(owner.create("/e/child").error, ZkError::no_children_for_ephemerals);
  ASSERT_TRUE(other.exists("/e", true));
  EXPECT_EQ(owner.close_session(), ZkError::ok);
  EXPECT_TRUE(owner.socket().ended());
  EXPECT_FALSE(other.exists("/e"));
  const auto events = other.events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, event_deleted);
}

TEST_F(ZkServerTest, AMultiIsAllOrNothing) {
  start();
  ZkClient client(port());
  ASSERT_EQ(client.create("/a").error, ZkError::ok);
  jute::MultiRequest good;
  good.operations.push_back({OpCode::create, jute::CreateRequest{"/b", std::nullopt, open_list, 0}});
  good.operations.push_back({OpCode::set_data, jute::SetDataRequest{"/a", as_bytes("x"), 0}});
  good.operations.push_back({OpCode::check, jute::CheckVersionRequest{"/a", 1}});
  good.operations.push_back({OpCode::remove, jute::DeleteRequest{"/a", 1}});
  const ZkReply done = client.call(OpCode::multi, good);
  ASSERT_EQ(done.error, ZkError::ok);
  const auto results = done.as<jute::MultiResponse>();
  ASSERT_EQ(results.results.size(), 4u);
  EXPECT_EQ(std::get<jute::CreateResponse>(results.results[0].body).path, "/b");
  EXPECT_FALSE(client.exists("/a"));

  jute::MultiRequest bad;
  bad.operations.push_back({OpCode::create, jute::CreateRequest{"/c", std::nullopt, open_list, 0}});
  bad.operations.push_back({OpCode::remove, jute::DeleteRequest{"/nothing", -1}});
  bad.operations.push_back({OpCode::remove, jute::DeleteRequest{"/b", -1}});
  const auto failed = client.call(OpCode::multi, bad).as<jute::MultiResponse>();
  std::vector<std::int32_t> errors;
  for (const auto& result : failed.results) errors.push_back(std::get<jute::ErrorResponse>(result.body).err);
  EXPECT_THAT(errors, ElementsAre(0, static_cast<std::int32_t>(ZkError::no_node),
                                  static_cast<std::int32_t>(ZkError::runtime_inconsistency)));
  EXPECT_FALSE(client.exists("/c"));
  EXPECT_TRUE(client.exists("/b"));
}

// ---- Watches ----

TEST_F(ZkServerTest, AWatchFiresOnceAndBeforeTheReplyThatShowsTheChange) {
  start();
  ZkClient watcher(port()), writer(port());
  EXPECT_FALSE(watcher.exists("/w", true));
  const std::int64_t created = writer.create("/w", "1").zxid;
  EXPECT_EQ(watcher.get("/w", true), "1");
  EXPECT_THAT(watcher.events(), ElementsAre(ZkEvent{event_created, "/w", created}));
  ASSERT_EQ(writer.set("/w", "2"), ZkError::ok);
  ASSERT_EQ(writer.set("/w", "3"), ZkError::ok);
  const auto events = watcher.events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, event_data);
}

TEST_F(ZkServerTest, APersistentRecursiveWatchStays) {
  start();
  ZkClient watcher(port()), writer(port());
  ASSERT_EQ(writer.create("/w").error, ZkError::ok);
  ASSERT_EQ(watcher.call(OpCode::add_watch, jute::AddWatchRequest{"/w", 1}).error, ZkError::ok);
  ASSERT_EQ(writer.create("/w/a").error, ZkError::ok);
  ASSERT_EQ(writer.set("/w/a", "x"), ZkError::ok);
  ASSERT_EQ(writer.remove("/w/a"), ZkError::ok);
  std::vector<std::int32_t> types;
  for (const ZkEvent& event : watcher.events()) types.push_back(event.type);
  EXPECT_THAT(types, ElementsAre(event_created, event_data, event_deleted));
  const jute::RemoveWatchesRequest all{"/w", 3};
  EXPECT_EQ(watcher.call(OpCode::remove_watches, all).error, ZkError::ok);
  EXPECT_EQ(watcher.call(OpCode::remove_watches, all).error, ZkError::no_watcher);
  ASSERT_EQ(writer.set("/w", "y"), ZkError::ok);
  EXPECT_THAT(watcher.events(), IsEmpty());
}

TEST_F(ZkServerTest, SyncGivesThePathBack) {
  start();
  ZkClient client(port());
  const ZkReply none = client.call(OpCode::sync, jute::SyncRequest{}),
                root = client.call(OpCode::sync, jute::SyncRequest{"/"});
  EXPECT_EQ(none.as<jute::SyncResponse>().path, std::nullopt);
  EXPECT_EQ(root.as<jute::SyncResponse>().path, "/");
}

TEST_F(ZkServerTest, ReconnectingTellsWhatWasMissed) {
  start();
  ZkClient first(port()), writer(port());
  ASSERT_EQ(writer.create("/w").error, ZkError::ok);
  ASSERT_TRUE(first.exists("/w", true));
  const std::int64_t seen = first.call(OpCode::sync, jute::SyncRequest{"/"}).zxid;
  ZkClient second(port(), again(first));
  ASSERT_EQ(writer.create("/w/a").error, ZkError::ok);
  ASSERT_EQ(writer.set("/w", "new"), ZkError::ok);
  jute::SetWatches watches;
  watches.relative_zxid = seen;
  watches.data_watches = {{"/w"}};
  watches.exist_watches.emplace();
  watches.child_watches = {{"/w"}};
  second.send(OpCode::set_watches, watches, wire::zk::xid_set_watches);
  EXPECT_EQ(second.expect(wire::zk::xid_set_watches).error, ZkError::ok);
  std::vector<std::int32_t> types;
  for (const ZkEvent& event : second.events()) types.push_back(event.type);
  EXPECT_THAT(types, ::testing::UnorderedElementsAre(event_data, event_children));
}

// ---- Who may ----

TEST_F(ZkServerTest, AccessNeedsTheRightIdentity) {
  start();
  ZkClient owner(port()), other(port());
  ASSERT_EQ(owner.authenticate("digest", "me:secret"), ZkError::ok);
  ASSERT_EQ(owner.create("/mine", "x", 0, creator_list).error, ZkError::ok);
  EXPECT_EQ(owner.get("/mine"), "x");
  const jute::GetDataRequest read{"/mine", false};
  EXPECT_EQ(other.call(OpCode::get_data, read).error, ZkError::no_auth);
  EXPECT_EQ(other.set("/mine", "y"), ZkError::no_auth);
  ASSERT_EQ(other.authenticate("digest", "me:secret"), ZkError::ok);
  EXPECT_EQ(other.get("/mine"), "x");
  EXPECT_EQ(other.create("/bad", "", 0, jute::List<jute::Acl>{{{31, {"nonsense", "x"}}}}).error, ZkError::invalid_acl);
}

TEST_F(ZkServerTest, AnUnknownSchemeEndsTheConnection) {
  start();
  ZkClient client(port());
  EXPECT_EQ(client.authenticate("kerberos", "x"), ZkError::auth_failed);
  EXPECT_TRUE(client.socket().ended());
}

TEST_F(ZkServerTest, DigestsCanBeOfAnotherAlgorithm) {
  options.acl.digest_algorithm = "SHA3-256";
  start();
  ZkClient owner(port()), other(port());
  const std::string digest = digest_of("me:secret", "SHA3-256");
  const jute::List<jute::Acl> list{{{31, {"digest", digest}}}};
  ASSERT_EQ(owner.create("/mine", "x", 0, list).error, ZkError::ok);
  ASSERT_EQ(owner.authenticate("digest", "me:secret"), ZkError::ok);
  EXPECT_EQ(owner.get("/mine"), "x");
  EXPECT_EQ(other.call(OpCode::get_data, jute::GetDataRequest{"/mine", false}).error, ZkError::no_auth);
}

TEST_F(ZkServerTest, TheDigestSchemeCanBeTurnedOff) {
  options.acl.digest_enabled = false;
  start();
  ZkClient client(port()), other(port());
  EXPECT_EQ(client.authenticate("digest", "me:secret"), ZkError::auth_failed);
  EXPECT_TRUE(client.socket().ended());
  const std::string digest = digest_of("me:secret");
  const jute::List<jute::Acl> list{{{31, {"digest", digest}}}};
  EXPECT_EQ(other.create("/mine", "x", 0, list).error, ZkError::invalid_acl);
}

TEST_F(ZkServerTest, AclsCanBeSkippedButNotThoseOfProtectedSubtrees) {
  options.acl.skip_acl = true;
  options.protected_prefixes = {"/brokers"};
  start();
  ZkClient owner(port()), other(port());
  ASSERT_EQ(owner.authenticate("digest", "me:secret"), ZkError::ok);
  ASSERT_EQ(owner.create("/mine", "x", 0, creator_list).error, ZkError::ok);
  EXPECT_EQ(other.get("/mine"), "x");
  EXPECT_EQ(other.set("/mine", "y"), ZkError::ok);
  EXPECT_EQ(other.create("/brokers").error, ZkError::no_auth);
}

TEST_F(ZkServerTest, ProtectedSubtreesAreReadOnlyForClients) {
  options.protected_prefixes = {"/brokers"};
  start();
  auto session = wait_for<Result<SessionId>>([this] { return ensemble().open_session(std::chrono::seconds(5)); });
  ASSERT_TRUE(session);
  auto made = wait_for<Result<Ensemble::MultiResult>>([&] {
    return ensemble().submit(*session, {Ensemble::Create{"/brokers", "x"}, Ensemble::Create{"/brokers/ids", "y"}});
  });
  ASSERT_TRUE(made);
  ASSERT_EQ(made->error, ZkError::ok);
  ZkClient client(port());
  EXPECT_EQ(client.get("/brokers/ids"), "y");
  EXPECT_EQ(client.set("/brokers/ids", "z"), ZkError::no_auth);
  EXPECT_EQ(client.create("/brokers/ids/1").error, ZkError::no_auth);
  EXPECT_EQ(client.remove("/brokers/ids"), ZkError::no_auth);
  EXPECT_EQ(client.create("/brokersx").error, ZkError::ok);
}

// ---- Order and time ----

TEST_F(ZkServerTest, RepliesComeInTheOrderOfTheRequests) {
  start();
  ZkClient client(port());
  ASSERT_EQ(client.create("/p", "0").error, ZkError::ok);
  constexpr int rounds = 100;
  std::vector<std::int32_t> xids;
  for (int i = 0; i < rounds; ++i) {
    const std::string value = std::to_string(i);
    xids.push_back(client.send(OpCode::set_data, jute::SetDataRequest{"/p", as_bytes(value), -1}));
    xids.push_back(client.send(OpCode::get_data, jute::GetDataRequest{"/p", false}));
  }
  for (int i = 0; i < rounds; ++i) {
    EXPECT_EQ(client.expect(xids[static_cast<std::size_t>(2 * i)]).error, ZkError::ok);
    const ZkReply read = client.expect(xids[static_cast<std::size_t>(2 * i + 1)]);
    // A read sees the writes before it, and not the ones behind.
    EXPECT_EQ(as_text(*read.as<jute::GetDataResponse>().data), std::to_string(i));
  }
}

TEST_F(ZkServerTest, ASilentSessionExpires) {
  start();
  ZkClient silent(port(), {.timeout_ms = 300}), witness(port());
  ASSERT_EQ(silent.create("/e", "", ephemeral).error, ZkError::ok);
  ASSERT_TRUE(witness.exists("/e", true));
  EXPECT_TRUE(silent.socket().ended());  // the server gives up on it
  EXPECT_FALSE(witness.exists("/e"));
  ZkClient late(port(), again(silent));
  EXPECT_EQ(late.session(), 0);
}

TEST_F(ZkServerTest, PingsKeepASessionAlive) {
  start();
  ZkClient client(port(), {.timeout_ms = 300}), silent(port(), {.timeout_ms = 300});
  ASSERT_EQ(client.create("/e", "", ephemeral).error, ZkError::ok);
  // As long as it takes another session that says nothing to expire, twice.
  std::atomic<bool> over = false;
  std::jthread wait([&] {
    silent.socket().ended();
    ZkClient next(port(), {.timeout_ms = 300});
    next.socket().ended();
    over = true;
  });
  while (!over) client.ping();
  EXPECT_TRUE(client.exists("/e"));
}

// ---- Restarts ----

TEST_F(ZkServerTest, ARestartKeepsDataAndSessions) {
  start();
  ZkClient before(port());
  ASSERT_EQ(before.create("/kept", "x").error, ZkError::ok);
  ASSERT_EQ(before.create("/kept/e", "", ephemeral).error, ZkError::ok);
  const std::int64_t zxid = before.call(OpCode::sync, jute::SyncRequest{"/"}).zxid;
  restart();
  ZkHandshake handshake = again(before);
  handshake.last_zxid = zxid;
  ZkClient after(port(), handshake);
  EXPECT_EQ(after.session(), before.session());
  EXPECT_EQ(after.get("/kept"), "x");
  EXPECT_TRUE(after.exists("/kept/e"));
  EXPECT_GT(after.create("/more").zxid, zxid);
  EXPECT_NE(ZkClient(port()).session(), before.session());
}

TEST_F(ZkServerTest, ARestartFromASnapshotKeepsEverything) {
  options.snapshot_count = 20;
  start();
  std::uint64_t digest = 0;
  {
    ZkClient client(port());
    for (int i = 0; i < 100; ++i)
      ASSERT_EQ(client.create("/n" + std::to_string(i), std::to_string(i)).error, ZkError::ok);
    for (int i = 0; i < 50; ++i) ASSERT_EQ(client.remove("/n" + std::to_string(i)), ZkError::ok);
    digest = on_shard([this] { return ensemble().machine().digest(); });
  }
  restart();
  EXPECT_EQ(on_shard([this] { return ensemble().machine().digest(); }), digest);
  bool has_snapshot = false;
  for (const auto& entry : std::filesystem::directory_iterator(options.data_dir))
    if (entry.path().filename().string().find("snapshot") != std::string::npos) has_snapshot = true;
  EXPECT_TRUE(has_snapshot);
  ZkClient client(port());
  EXPECT_EQ(client.get("/n99"), "99");
  EXPECT_FALSE(client.exists("/n49"));
}

// ---- What is not a request ----

TEST_F(ZkServerTest, AFrameLargerThanJuteMaxbufferEndsTheConnection) {
  options.jute_max_buffer = 4096;
  start();
  ZkClient client(port());
  ASSERT_EQ(client.create("/a", std::string(3000, 'x')).error, ZkError::ok);
  client.send(OpCode::set_data, jute::SetDataRequest{"/a", as_bytes(std::string(5000, 'y')), -1});
  EXPECT_FALSE(client.receive());
  EXPECT_EQ(ZkClient(port()).get("/a"), std::string(3000, 'x'));
}

TEST_F(ZkServerTest, GarbageEndsTheConnectionAndNothingElse) {
  start();
  ZkClient witness(port());
  for (const std::string_view garbage :
       {std::string_view("\xff\xff\xff\xff", 4), std::string_view("GET / HTTP/1.1\r\n\r\n"),
        std::string_view("\0\0\0\0", 4), std::string_view("\0\0\0\3abc", 7), std::string_view("\x7f\xff\xff\xff", 4)}) {
    ZkSocket socket(port());
    socket.send(as_bytes(garbage));
    socket.half_close();
    EXPECT_TRUE(socket.ended());
  }
  EXPECT_TRUE(witness.exists("/zookeeper"));
}

TEST_F(ZkServerTest, AnUnknownOperationIsAnsweredAndTheConnectionEnds) {
  start();
  ZkClient client(port());
  client.send_empty(static_cast<OpCode>(99), 5);
  EXPECT_EQ(client.expect(5).error, ZkError::unimplemented);
  EXPECT_TRUE(client.socket().ended());
}

// ---- Four-letter words ----

TEST_F(ZkServerTest, WordsAreAnsweredAndTheConnectionEnds) {
  start();
  ZkClient client(port());
  ASSERT_EQ(client.create("/e", "", ephemeral).error, ZkError::ok);
  ASSERT_TRUE(client.exists("/e", true));
  EXPECT_EQ(four_letter_word(port(), "ruok"), "imok");
  EXPECT_EQ(four_letter_word(port(), "ruok", true), "imok");
  EXPECT_EQ(four_letter_word(port(), "ruok\n"), "imok");
  EXPECT_EQ(four_letter_word(port(), "isro"), "rw");
  const std::string srvr = four_letter_word(port(), "srvr", true);
  EXPECT_THAT(srvr, StartsWith("Zookeeper version: "));
  EXPECT_THAT(srvr, HasSubstr("Mode: standalone\n"));
  EXPECT_THAT(srvr, HasSubstr("Node count: "));
  EXPECT_THAT(four_letter_word(port(), "wchs"), StartsWith("1 connections watching 1 paths\nTotal watches:1"));
  EXPECT_THAT(four_letter_word(port(), "dump"), HasSubstr("\t/e\n"));
  EXPECT_THAT(four_letter_word(port(), "mntr"), HasSubstr("zk_ephemerals_count\t1\n"));
  EXPECT_THAT(four_letter_word(port(), "cons"), HasSubstr("sid=0x"));
}

TEST_F(ZkServerTest, WordsThatAreNotAllowedSaySo) {
  options.four_letter_words = {"srvr"};
  start();
  EXPECT_EQ(four_letter_word(port(), "ruok"), "ruok is not executed because it is not in the whitelist.\n");
  EXPECT_THAT(four_letter_word(port(), "srvr"), StartsWith("Zookeeper version: "));
}

TEST_F(ZkServerTest, TheListOfOperationsIsCurrent) {
  std::ifstream file(std::string(HOLDFAST_SOURCE_DIR) + "/docs/OPCODES.md");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text, opcode_table_markdown());
}

}  // namespace
}  // namespace holdfast::zk
