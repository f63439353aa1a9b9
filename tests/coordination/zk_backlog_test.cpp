// What a client that asks for much and reads little costs the server: its own time, and nobody else's. A ZooKeeper
// server standing alone, and its clients, on the simulated network.
#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordination/zk_server.h"
#include "runtime/log_line.h"
#include "tests/coordination/quorum_world.h"
#include "wire/zookeeper/multi.h"

namespace holdfast::zk {
namespace {

namespace jute = wire::zk;

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using wire::zk::OpCode;
using wire::zk::ZkError;

constexpr std::size_t big_bytes = 500'000;
constexpr std::size_t unsent_most = 33u << 20;  // the connection's bound, and one reply
const std::string server_address = "10.0.0.1", client_address = "10.0.1.1";

// Sends in bursts, and reads when it is told to.
class BurstClient {
 public:
  struct Reply {
    std::int32_t xid = 0;
    std::int64_t zxid = 0;
    ZkError error{};
    std::string body;

    template <class M>
    M as() const {
      M message;
      wire::Reader in(as_bytes(body));
      EXPECT_TRUE(jute::decode(message, in));
      return message;
    }
    std::string data() const { return std::string(as_text(as<jute::GetDataResponse>().data.value_or(ByteView()))); }
  };

  explicit BurstClient(std::unique_ptr<Stream> stream, std::int32_t timeout_ms) : stream_(std::move(stream)) {
    jute::ConnectRequest request;
    request.time_out = timeout_ms;
    const std::vector<std::uint8_t> no_password(16);
    request.passwd = ByteView(no_password);
    frame([&](wire::Writer& out) { jute::encode(request, out); });
    send();
  }

  template <class M>
  std::int32_t add(OpCode op, const M& body) {
    frame([&](wire::Writer& out) {
      out.i32(++xid_);
      out.i32(static_cast<std::int32_t>(op));
      jute::encode(body, out);
    });
    return xid_;
  }
  void add_reads(std::size_t count, std::string_view path = "/big") {
    for (std::size_t n = 0; n < count; ++n) add(OpCode::get_data, jute::GetDataRequest{path, false});
  }
  void send() { stream_->send(burst_.take()); }
  Stream& stream() { return *stream_; }

  // Until the greeting and so many replies and events are there, or the stream has ended.
  Task<void> read(std::size_t count) {
    std::vector<std::uint8_t> space(256 << 10);
    while (!ended && (session == SessionId(0) || replies.size() < count)) {
      auto got = co_await stream_->read_some(space);
      ended = !got || *got == 0;
      if (!ended) take(ByteView(space).first(*got));
    }
  }

  std::vector<Reply> replies;
  std::string rest;  // of a frame that is not complete
  SessionId session{0};
  bool ended = false;

 private:
  template <class F>
  void frame(F body) {
    wire::Writer out(64);
    out.i32(0);
    body(out);
    out.patch_i32(0, static_cast<std::int32_t>(out.size() - 4));
    burst_.raw(out.written());
  }

  void take(ByteView bytes) {
    rest.append(as_text(bytes));
    std::size_t at = 0;
    while (rest.size() - at >= 4) {
      wire::Reader in(as_bytes(std::string_view(rest).substr(at)));
      const std::size_t length = in.u32();
      if (in.remaining() < length) break;
      wire::Reader body(in.raw(length));
      if (session == SessionId(0)) {
        jute::ConnectResponse greeting;
        EXPECT_TRUE(jute::decode(greeting, body));
        session = SessionId(greeting.session_id);
      } else {
        Reply& reply = replies.emplace_back();
        reply.xid = body.i32();
        reply.zxid = body.i64();
        reply.error = static_cast<ZkError>(body.i32());
        reply.body = as_text(body.raw(body.remaining()));
      }
      at += 4 + length;
    }
    rest.erase(0, at);
  }

  std::unique_ptr<Stream> stream_;
  wire::Writer burst_;
  std::int32_t xid_ = 0;
};

class ZkBacklogTest : public test::QuorumWorld {
 protected:
  ZkBacklogTest() {
    options.servers = {};
    set_log_sink([this](LogLevel, std::string_view, std::string_view line) {
      if (line.starts_with("closing connection of ")) closed_for_.emplace_back(line);
    });
  }

  ~ZkBacklogTest() override {
    if (server_) loop_.run(server_->stop());
    server_.reset();
    if (is_up(1)) kill(1);
    set_log_sink({});
  }

  void open_server() {
    start(1);
    Shard::Scope scope(shards_.at(0));
    server_.emplace(at(1), network_.host(server_address), metrics_);
    at(1).subscribe([this](const Txn&, const Effects& effects) {
      if (!server_) return;
      server_->deliver(effects);
      if (effects.session_closed != SessionId(0)) server_->session_closed(effects.session_closed);
    });
    ASSERT_TRUE(server_->listen({"", 2181}));
    server_->start();
    make_node("/big", std::string(big_bytes, 'x'));
    make_node("/small", "old");
  }

  BurstClient connect(std::int32_t timeout_ms = 20'000) {
    auto stream = loop_.run(network_.host(client_address).connect(shards_.at(0), {server_address, 2181}));
    EXPECT_TRUE(stream);
    BurstClient client(std::move(*stream), timeout_ms);
    loop_.run(client.read(0));
    EXPECT_NE(client.session, SessionId(0));
    return client;
  }

  void make_node(const std::string& path, const std::string& data) {
    CreateOp op;
    op.path = path;
    op.data = DataView(as_bytes(data));
    op.acl = {{31, {"world", "anyone"}}};
    ASSERT_EQ(wait(propose(1, op)), ZkError::ok);
  }

  ZkConnection& connection_of(const BurstClient& client) { return *server_->connection_of(client.session); }

  // Another client has its answer as if nothing else went on.
  void expect_served(BurstClient& other) {
    const SteadyTime asked = clock_.now();
    const std::size_t answers = other.replies.size() + 1;
    other.add(OpCode::exists, jute::ExistsRequest{"/big", false});
    other.send();
    loop_.run(other.read(answers));
    EXPECT_EQ(other.replies.size(), answers);
    EXPECT_LT(clock_.now() - asked, milliseconds(10));
  }

  static void expect_big(const BurstClient::Reply& reply) {
    EXPECT_EQ(reply.error, ZkError::ok);
    EXPECT_EQ(reply.data(), std::string(big_bytes, 'x'));
  }

  std::optional<ZkServer> server_;
  std::vector<std::string> closed_for_;

  Metrics metrics_;
};

TEST_F(ZkBacklogTest, WhoDoesNotReadWaitsForItsRepliesAlone) {
  open_server();
  BurstClient greedy = connect(), other = connect();
  greedy.add_reads(100);
  greedy.send();
  loop_.run_for(seconds(1));
  EXPECT_THAT(connection_of(greedy).unsent_bytes(), AllOf(Ge(unsent_most - (2u << 20)), Le(unsent_most)));
  expect_served(other);
  loop_.run_for(seconds(1));
  EXPECT_LE(connection_of(greedy).unsent_bytes(), unsent_most);

  loop_.run(greedy.read(100));
  ASSERT_EQ(greedy.replies.size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(greedy.replies[i].xid, static_cast<std::int32_t>(i) + 1);
    expect_big(greedy.replies[i]);
  }
  loop_.run_for(seconds(1));
  EXPECT_EQ(connection_of(greedy).unsent_bytes(), 0u);
  EXPECT_THAT(closed_for_, IsEmpty());
}

TEST_F(ZkBacklogTest, WhatItSendsMeanwhileStaysInItsNetwork) {
  open_server();
  constexpr std::size_t more = 40'000;
  BurstClient greedy = connect();
  greedy.add_reads(100);
  greedy.send();
  loop_.run_for(seconds(1));
  const std::uint64_t received = server_->stats().bytes_received;
  for (std::size_t n = 0; n < more; ++n) greedy.add(OpCode::exists, jute::ExistsRequest{"/small", false});
  greedy.send();
  loop_.run_for(seconds(1));
  EXPECT_EQ(server_->stats().bytes_received, received);
  EXPECT_GT(greedy.stream().queued_bytes(), 0u);
  loop_.run(greedy.read(100 + more));
  ASSERT_EQ(greedy.replies.size(), 100 + more);
  for (std::size_t i = 0; i < greedy.replies.size(); ++i)
    ASSERT_EQ(greedy.replies[i].xid, static_cast<std::int32_t>(i) + 1);
}

// All that can run at one instant, and who runs between.
TEST_F(ZkBacklogTest, OthersHaveTheirTurnBetweenLargeReplies) {
  open_server();
  BurstClient greedy = connect();
  const auto handled = [&] { return connection_of(greedy).stats().received; };
  const std::uint64_t before = handled();
  constexpr std::size_t looks = 1000;
  std::vector<std::uint64_t> seen;
  std::function<void()> look = [&] {
    seen.push_back(handled());
    if (seen.size() < looks) shards_.at(0).post([&look] { look(); });
  };
  greedy.add_reads(60);
  greedy.send();
  while (handled() == before) {
    const auto next = network_.next();
    ASSERT_TRUE(next);
    clock_.advance_to(*next);
    seen.clear();
    Shard::Scope scope(shards_.at(0));
    network_.run_due(clock_.now());
    shards_.at(0).post([&look] { look(); });
    shards_.at(0).poll();
  }
  ASSERT_EQ(seen.size(), looks);
  EXPECT_GE(seen.back() - before, 10u);
  std::uint64_t last = before, most = 0;
  for (const std::uint64_t now : seen) most = std::max(most, now - std::exchange(last, now));
  EXPECT_LE(most, 3u);  // a megabyte
}

TEST_F(ZkBacklogTest, AWatchEventKeepsItsPlace) {
  open_server();
  BurstClient greedy = connect();
  greedy.add(OpCode::get_data, jute::GetDataRequest{"/small", true});
  greedy.add_reads(100);
  greedy.add(OpCode::get_data, jute::GetDataRequest{"/small", false});
  greedy.send();
  loop_.run_for(seconds(1));
  SetDataOp set;
  set.path = "/small";
  set.data = DataView(as_bytes("new"));
  ASSERT_EQ(wait(propose(1, set)), ZkError::ok);
  loop_.run(greedy.read(103));
  ASSERT_EQ(greedy.replies.size(), 103u);
  const auto event = std::ranges::find(greedy.replies, wire::zk::xid_watch_event, &BurstClient::Reply::xid);
  ASSERT_NE(event, greedy.replies.end());
  EXPECT_GT(event - greedy.replies.begin(), 40);
  EXPECT_LT(event - greedy.replies.begin(), 100);
  for (auto r = greedy.replies.begin(); r != greedy.replies.end(); ++r) EXPECT_EQ(r >= event, r->zxid >= event->zxid);
  EXPECT_EQ(greedy.replies.front().data(), "old");
  EXPECT_EQ(greedy.replies.back().data(), "new");
}

// A write, reads that wait for it, and another write: each read shows the first and not the second, however long the
// client takes.
class ZkReadsBetweenWritesTest : public ZkBacklogTest, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(ZkReadsBetweenWritesTest, ReadsAreOfTheirPlace) {
  const std::size_t count = GetParam();
  options.global_outstanding_limit = 50;
  open_server();
  BurstClient greedy = connect(), other = connect();
  greedy.add(OpCode::set_data, jute::SetDataRequest{"/small", as_bytes("one"), -1});
  greedy.add_reads(count);
  greedy.add(OpCode::set_data, jute::SetDataRequest{"/small", as_bytes("two"), -1});
  greedy.add_reads(1, "/small");
  greedy.send();
  loop_.run_for(seconds(1));
  EXPECT_GT(connection_of(greedy).unsent_bytes(), unsent_most - (2u << 20));
  EXPECT_FALSE(server_->crowded());  // what waits for its own client is not in the way of others
  expect_served(other);

  loop_.run(greedy.read(count + 3));
  ASSERT_EQ(greedy.replies.size(), count + 3);
  const std::int64_t first = greedy.replies.front().zxid;
  for (std::size_t i = 0; i < count + 3; ++i) EXPECT_EQ(greedy.replies[i].xid, static_cast<std::int32_t>(i) + 1);
  for (std::size_t i = 1; i <= count; ++i) {
    EXPECT_EQ(greedy.replies[i].zxid, first);
    expect_big(greedy.replies[i]);
  }
  EXPECT_EQ(greedy.replies[count + 1].zxid, first + 1);
  EXPECT_EQ(greedy.replies.back().data(), "two");
  loop_.run_for(seconds(1));
  EXPECT_EQ(server_->outstanding(), 0u);
}

// Few enough to be read in one go, as the second write is under way; and more than that, which hold it up.
INSTANTIATE_TEST_SUITE_P(OfEachKind, ZkReadsBetweenWritesTest, ::testing::Values(100, 150));

TEST_F(ZkBacklogTest, ReadsBehindAWriteWaitForTheClientToo) {
  open_server();
  BurstClient greedy = connect(), other = connect();
  greedy.add(OpCode::set_data, jute::SetDataRequest{"/small", as_bytes("one"), -1});
  greedy.add_reads(150);
  greedy.send();
  loop_.run_for(seconds(1));
  EXPECT_THAT(connection_of(greedy).unsent_bytes(), AllOf(Ge(unsent_most - (2u << 20)), Le(unsent_most)));
  expect_served(other);
  // It goes: what waits for it goes, too.
  greedy.stream().close();
  loop_.run_for(seconds(1));
  EXPECT_EQ(server_->connections().size(), 1u);
  EXPECT_EQ(server_->outstanding(), 0u);
  expect_served(other);
}

TEST_F(ZkBacklogTest, AServerStopsWhileAClientDoesNotRead) {
  open_server();
  BurstClient reads = connect(), behind = connect();
  reads.add_reads(100);
  reads.send();
  behind.add(OpCode::set_data, jute::SetDataRequest{"/small", as_bytes("one"), -1});
  behind.add_reads(100);
  behind.send();
  loop_.run_for(seconds(1));
  EXPECT_GT(connection_of(reads).unsent_bytes(), 0u);
  EXPECT_GT(connection_of(behind).unsent_bytes(), 0u);
  loop_.run(server_->stop());
  EXPECT_THAT(server_->connections(), IsEmpty());
}

// It says nothing meanwhile; that it takes what it asked for is enough.
TEST_F(ZkBacklogTest, WhoReadsSlowlyKeepsItsSession) {
  open_server();
  constexpr std::size_t count = 72;
  BurstClient slow = connect(4'000);
  network_.set_delay(server_address, client_address, milliseconds(100), milliseconds(100));
  slow.add_reads(count);
  slow.send();
  const SteadyTime sent = clock_.now();
  loop_.run(slow.read(count));
  EXPECT_EQ(slow.replies.size(), count);
  EXPECT_GT(clock_.now() - sent, seconds(10));
  EXPECT_TRUE(at(1).has_session(slow.session));
}

TEST_F(ZkBacklogTest, WhoReadsNothingLosesItAndItsReplies) {
  open_server();
  BurstClient gone = connect(4'000);
  gone.add_reads(100);
  gone.send();
  loop_.run_for(seconds(30));
  EXPECT_FALSE(at(1).has_session(gone.session));
  EXPECT_THAT(server_->connections(), IsEmpty());
}

// ---- What is too much ----

jute::MultiRequest reads_of_big(std::size_t count) {
  jute::MultiRequest multi;
  for (std::size_t n = 0; n < count; ++n)
    multi.operations.push_back({OpCode::get_data, jute::GetDataRequest{"/big", false}});
  return multi;
}

TEST_F(ZkBacklogTest, AMultiReadIsAnsweredAsAWhole) {
  open_server();
  BurstClient client = connect();
  client.add(OpCode::multi_read, reads_of_big(100));
  client.send();
  loop_.run(client.read(1));
  ASSERT_EQ(client.replies.size(), 1u);
  const auto results = client.replies[0].as<jute::MultiResponse>().results;
  ASSERT_EQ(results.size(), 100u);
  for (const auto& result : results) {
    const auto& found = std::get<jute::GetDataResponse>(result.body);
    EXPECT_EQ(as_text(found.data.value_or(ByteView())), std::string(big_bytes, 'x'));
    EXPECT_EQ(found.stat.data_length, static_cast<std::int32_t>(big_bytes));
  }
}

TEST_F(ZkBacklogTest, AMultiReadOfTooMuchIsTheEndOfTheConnection) {
  open_server();
  BurstClient client = connect(), other = connect();
  client.add(OpCode::multi_read, reads_of_big(10'000));
  client.send();
  loop_.run(client.read(1));
  EXPECT_TRUE(client.ended);
  EXPECT_THAT(client.replies, IsEmpty());
  EXPECT_EQ(client.rest, "");
  EXPECT_THAT(closed_for_, ElementsAre(HasSubstr("a multiRead's results are more than 64 MiB")));
  EXPECT_EQ(server_->outstanding(), 0u);
  expect_served(other);
}

// Neither half a reply nor a length that no reply has.
TEST_F(ZkBacklogTest, AReplyThatCannotBeMadeIsTheEndOfTheConnection) {
  open_server();
  BurstClient other = connect();
  const Bytes piece = Bytes::copy(std::string(1 << 20, 'x'));
  const std::function<void(wire::Writer&)> bodies[] = {
      [](wire::Writer& out) {
        out.i32(7);
        throw std::bad_alloc();
      },
      [](wire::Writer& out) {
        out.i32(7);
        out.fail("a length does not fit 32 bits");
      },
      [&piece](wire::Writer& out) {
        for (int n = 0; n < 2100; ++n) out.splice(BufferChain(piece));
      },
  };
  for (const auto& body : bodies) {
    BurstClient client = connect();
    {
      Shard::Scope scope(shards_.at(0));
      ZkConnection& connection = connection_of(client);
      const ZkConnection::Slot slot = connection.reserve(1, OpCode::get_data);
      connection.reply(slot, ZkError::ok, body);
    }
    loop_.run(client.read(1));
    EXPECT_TRUE(client.ended);
    EXPECT_THAT(client.replies, IsEmpty());
    EXPECT_EQ(client.rest, "");
  }
  EXPECT_THAT(closed_for_, ElementsAre(HasSubstr("bad_alloc"), HasSubstr("a length does not fit 32 bits"),
                                       HasSubstr("more than 256 MiB")));
  EXPECT_EQ(server_->outstanding(), 0u);
  expect_served(other);
}

}  // namespace
}  // namespace holdfast::zk
