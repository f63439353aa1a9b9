// The outcome of a write, asked for by a client whose connection ended before the reply.
#include <gtest/gtest.h>

#include "tests/coordination/zk_client.h"
#include "tests/coordination/zk_world.h"

namespace holdfast::zk {
namespace {

using wire::zk::OpCode;
using wire::zk::ZkError;

ZkHandshake again(const ZkClient& client) {
  ZkHandshake handshake;
  handshake.session = client.session();
  handshake.password = client.password();
  return handshake;
}

void send_create(ZkClient& client, std::int32_t xid, std::string_view path, std::int32_t flags = sequential) {
  jute::CreateRequest create;
  create.path = path;
  create.data = ByteView();
  create.acl = open_list;
  create.flags = flags;
  client.send(OpCode::create, create, xid);
}

// What was known of a write; the path is empty where none is.
struct Known {
  bool known;
  std::int32_t type, err;
  std::int64_t zxid;
  std::string path;
  std::int32_t version;
};
Known query(ZkClient& client, std::int32_t xid) {
  const ZkReply reply = client.call(OpCode::query_result, jute::QueryResultRequest{xid});
  EXPECT_EQ(reply.error, ZkError::ok);
  const auto m = reply.as<jute::QueryResultResponse>();
  return {m.known, m.type, m.err, m.zxid, std::string(m.path.value_or("")), m.version};
}

std::vector<std::string> children(ZkClient& client, std::string_view path) {
  const ZkReply reply = client.call(OpCode::get_children, jute::GetChildrenRequest{path, false});
  const auto message = reply.as<jute::GetChildrenResponse>();
  std::vector<std::string> out;
  for (const jute::Text& name : *message.children) out.emplace_back(*name);
  return out;
}

class QueryResult : public ZkWorld {};

TEST_F(QueryResult, TellsThePathThatTheLostReplyWouldHave) {
  start();
  ZkClient other(port());
  ASSERT_EQ(other.create("/q").error, ZkError::ok);
  std::optional<ZkClient> client(std::in_place, port());
  const ZkHandshake handshake = again(*client);
  send_create(*client, 41, "/q/lock-", ephemeral | sequential);
  while (children(other, "/q").empty()) {
  }
  client.reset();  // whether the reply came this far, nobody looked

  ZkClient back(port(), handshake);
  ASSERT_EQ(back.session(), handshake.session);
  const Known known = query(back, 41);
  EXPECT_TRUE(known.known);
  EXPECT_EQ(known.type, static_cast<std::int32_t>(OpCode::create));
  EXPECT_EQ(known.err, 0);
  EXPECT_EQ(known.path, "/q/lock-0000000000");
  EXPECT_EQ(known.zxid,
            back.call(OpCode::exists, jute::ExistsRequest{known.path, false}).as<jute::ExistsResponse>().stat.czxid);
  EXPECT_FALSE(query(back, 42).known);
  EXPECT_FALSE(query(other, 41).known);  // another session
}

// However the connections race: what is not known then never comes to be.
TEST_F(QueryResult, IsFinal) {
  start();
  ZkClient other(port());
  int came_to_be = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string parent = "/p" + std::to_string(i);
    ASSERT_EQ(other.create(parent).error, ZkError::ok);
    std::optional<ZkClient> client(std::in_place, port());
    const ZkHandshake handshake = again(*client);
    send_create(*client, 7, parent + "/n-");
    if (i % 2 == 0) client.reset();
    ZkClient back(port(), handshake);
    const Known known = query(back, 7);
    const std::vector<std::string> made = children(back, parent);
    ASSERT_EQ(made.size(), known.known ? 1u : 0u) << i;
    if (known.known) EXPECT_EQ(known.path, parent + "/" + made[0]);
    came_to_be += known.known;
    client.reset();
    if (!known.known) {
      other.ping();
      EXPECT_TRUE(children(other, parent).empty());
    }
  }
  EXPECT_GT(came_to_be, 0);
}

TEST_F(QueryResult, TellsOfOtherWritesAndOfFailures) {
  start();
  ZkClient client(port());
  ASSERT_EQ(client.create("/a").error, ZkError::ok);
  client.send(OpCode::set_data, jute::SetDataRequest{"/a", as_bytes("x"), -1}, 100);
  client.send(OpCode::set_data, jute::SetDataRequest{"/a", as_bytes("y"), 0}, 101);
  const std::int32_t asked = client.send(OpCode::query_result, jute::QueryResultRequest{100});
  EXPECT_EQ(client.expect(100).error, ZkError::ok);  // answered in its turn: the writes come first
  EXPECT_EQ(client.expect(101).error, ZkError::bad_version);
  const ZkReply reply = client.expect(asked);
  const auto set = reply.as<jute::QueryResultResponse>();
  EXPECT_TRUE(set.known);
  EXPECT_EQ(set.type, static_cast<std::int32_t>(OpCode::set_data));
  EXPECT_EQ(set.version, 1);
  const Known failed = query(client, 101);
  EXPECT_TRUE(failed.known);
  EXPECT_EQ(failed.type, -1);
  EXPECT_EQ(failed.err, static_cast<std::int32_t>(ZkError::bad_version));
}

TEST_F(QueryResult, IsTheSameAfterARestart) {
  options.snapshot_count = 20;
  start();
  ZkClient client(port());
  const ZkHandshake handshake = again(client);
  for (std::int32_t xid = 100; xid < 150; ++xid) {
    send_create(client, xid, "/s-");
    ASSERT_EQ(client.expect(xid).error, ZkError::ok);
  }
  restart();
  ZkClient back(port(), handshake);
  ASSERT_EQ(back.session(), handshake.session);
  EXPECT_FALSE(query(back, 117).known);
  for (std::int32_t xid = 118; xid < 150; ++xid) EXPECT_EQ(query(back, xid).path.substr(11), std::to_string(xid - 100));
}

TEST_F(QueryResult, TakesNoZxidAndNoPlaceAmongTheResults) {
  start();
  ZkClient client(port());
  ASSERT_EQ(client.create("/a").error, ZkError::ok);
  const std::int64_t before = client.call(OpCode::exists, jute::ExistsRequest{"/a", false}).zxid;
  for (std::int32_t i = 0; i < 40; ++i) EXPECT_TRUE(query(client, 1).known);
  EXPECT_EQ(client.call(OpCode::exists, jute::ExistsRequest{"/a", false}).zxid, before);
}

TEST_F(QueryResult, WithoutAnXidIsMalformed) {
  start();
  ZkClient client(port());
  client.send_empty(OpCode::query_result, 5);
  EXPECT_EQ(client.expect(5).error, ZkError::marshalling_error);
  EXPECT_EQ(client.create("/a").error, ZkError::ok);  // and the connection lives
}

}  // namespace
}  // namespace holdfast::zk
