// The coordination client and a peer that is no Holdfast: one that answers as Apache ZooKeeper does where the two
// differ, and one that breaks the protocol. The peer is a bare socket, and says what the test makes it say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/zookeeper.h"
#include "runtime/simulated_network.h"
#include "wire/zookeeper/requests.h"
#include "wire/zookeeper/responses.h"

namespace holdfast::test {
namespace {

namespace jute = wire::zk;
using namespace std::chrono_literals;
using client::SessionState;
using client::ZkError;
using client::ZkOutcome;
using client::ZooKeeper;
using jute::OpCode;
using testing::ElementsAre;
using testing::HasSubstr;

const Endpoint there{"10.0.0.1", 2181};
constexpr std::size_t reply_bytes_max = 1 << 20;

struct Asked {
  std::int32_t xid = 0;
  OpCode op = OpCode::notification;
};

class HostilePeerTest : public testing::Test {
 protected:
  HostilePeerTest() {
    loop_.add(network_);
    Shard::Scope scope(loop_.shard());
    auto listener = network_.host(there.host).listen(loop_.shard(), there, 16, false);
    listener_ = std::move(*listener);
    loop_.shard().spawn(gate_, serve());
    client::ZooKeeperOptions options;
    options.servers.servers = {there};
    options.session_timeout = 6s;
    options.reply_bytes_max = reply_bytes_max;
    zk_ = std::make_unique<ZooKeeper>(loop_.shard(), network_.host("10.0.0.2"), *random_, options);
  }
  ~HostilePeerTest() override {
    loop_.run(zk_->stop());
    {
      Shard::Scope scope(loop_.shard());
      if (stream_) stream_->close();
      listener_->close();
    }
    loop_.run(loop_.shard().drained(gate_));
  }

  Task<void> serve() {
    for (;;) {
      auto stream = co_await listener_->accept();
      if (!stream) co_return;
      ++connections_;
      stream_ = std::move(*stream);
      input_.clear();
      greeted_ = false;
      loop_.shard().spawn(gate_, hear(stream_));
    }
  }
  Task<void> hear(std::shared_ptr<Stream> stream) {
    std::array<std::uint8_t, 4096> buffer;
    for (;;) {
      const std::span<std::uint8_t> into(buffer);
      auto got = co_await stream->read_some(into);
      if (!got || *got == 0) co_return;
      if (stream != stream_) continue;
      input_.insert(input_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
      take_frames();
    }
  }
  void take_frames() {
    for (;;) {
      wire::Reader in(input_);
      const std::uint32_t length = in.u32();
      if (!in.ok() || in.remaining() < length) return;
      wire::Reader frame(ByteView(input_).subspan(4, length));
      if (std::exchange(greeted_, true)) {
        Asked asked;
        asked.xid = frame.i32();
        asked.op = static_cast<OpCode>(frame.i32());
        asked_.push_back(asked);
        if (asked.op == OpCode::ping) {
          reply(asked.xid, ZkError::ok);
        } else {
          on_request(asked);
        }
      } else {
        on_greeting();
      }
      input_.erase(input_.begin(), input_.begin() + 4 + static_cast<std::ptrdiff_t>(length));
    }
  }
  void say(wire::Writer out) {
    out.patch_i32(0, static_cast<std::int32_t>(out.size() - 4));
    stream_->send(out.take());
  }
  void raw(std::vector<std::uint8_t> bytes) { stream_->send(BufferChain(Bytes::copy(ByteView(bytes)))); }
  void greet(std::int64_t session = 77) {
    wire::Writer out;
    out.i32(0);
    const std::string password(16, 'p');
    jute::encode(jute::ConnectResponse{0, 6000, session, as_bytes(password), false}, out);
    say(std::move(out));
  }
  void reply(std::int32_t xid, ZkError error) {
    wire::Writer out;
    out.i32(0);
    jute::encode(jute::ReplyHeader{xid, ++zxid_, static_cast<std::int32_t>(error)}, out);
    say(std::move(out));
  }
  void hang_up() { stream_->close(); }

  template <class T>
  std::shared_ptr<std::optional<T>> begin(Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    Shard::Scope scope(loop_.shard());
    loop_.shard().spawn(gate_, keep(std::move(task), result));
    return result;
  }
  template <class T>
  static Task<void> keep(Task<T> task, std::shared_ptr<std::optional<T>> result) {
    *result = co_await std::move(task);
  }
  bool run_until(Function<bool()> done) { return loop_.run_until(std::move(done), 1min); }
  std::vector<OpCode> ops() const {
    std::vector<OpCode> out;
    for (const Asked& a : asked_)
      if (a.op != OpCode::ping) out.push_back(a.op);
    return out;
  }

  SimulatedClock clock_;
  std::unique_ptr<Random> random_ = seeded_random(3);
  SimulatedLoop loop_{clock_};
  SimulatedNetwork network_{clock_, *random_};
  Gate gate_;
  std::unique_ptr<Listener> listener_;
  std::shared_ptr<Stream> stream_;
  std::vector<std::uint8_t> input_;
  bool greeted_ = false;
  int connections_ = 0;
  std::int64_t zxid_ = 100;
  std::vector<Asked> asked_;
  std::function<void()> on_greeting = [this] { greet(); };
  std::function<void(const Asked&)> on_request = [](const Asked&) {};
  std::unique_ptr<ZooKeeper> zk_;
};

// As Apache ZooKeeper: it does not know the question, says so, and ends the connection.
TEST_F(HostilePeerTest, AServerThatCannotBeAskedIsAskedOnce) {
  ASSERT_TRUE(loop_.run(zk_->connect(1s)));
  auto set = begin(zk_->set("/a", "1"));
  auto got = begin(zk_->exists("/a"));
  ASSERT_TRUE(run_until([this] { return ops().size() == 2; }));
  on_request = [this](const Asked& asked) {
    if (asked.op == OpCode::query_result) {
      reply(asked.xid, ZkError::unimplemented);
      stream_->shutdown_after_sends();
    } else {
      reply(asked.xid, ZkError::no_node);
    }
  };
  hang_up();
  ASSERT_TRUE(run_until([&got] { return got->has_value(); }));
  ASSERT_TRUE(set->has_value());
  EXPECT_EQ((**set).error().code, ZkError::connection_loss);
  EXPECT_TRUE(**got);
  EXPECT_THAT(ops(), ElementsAre(OpCode::set_data, OpCode::exists, OpCode::query_result, OpCode::exists));
  EXPECT_EQ(connections_, 3);

  // It knows now.
  on_request = [](const Asked&) {};
  set = begin(zk_->set("/a", "2"));
  ASSERT_TRUE(run_until([this] { return ops().size() == 5; }));
  hang_up();
  ASSERT_TRUE(run_until([&set] { return set->has_value(); }));
  EXPECT_EQ((**set).error().code, ZkError::connection_loss);
  ASSERT_TRUE(run_until([this] { return zk_->connected(); }));
  EXPECT_EQ(connections_, 4);
  EXPECT_EQ(ops().back(), OpCode::set_data);
}

TEST_F(HostilePeerTest, ARequestThatEndsEveryConnectionIsGivenUp) {
  on_request = [this](const Asked&) { hang_up(); };
  ASSERT_TRUE(loop_.run(zk_->connect(1s)));
  auto got = begin(zk_->get("/a"));
  ASSERT_TRUE(run_until([&got] { return got->has_value(); }));
  EXPECT_EQ((**got).error().code, ZkError::connection_loss);
  EXPECT_EQ(ops().size(), 3u);
}

TEST_F(HostilePeerTest, WhatIsNotTheProtocolEndsTheConnection) {
  const std::vector<std::function<void(const Asked&)>> wrongs{
      [this](const Asked& asked) { reply(asked.xid + 1, ZkError::ok); },  // another request's
      [this](const Asked&) { reply(jute::xid_auth, ZkError::ok); },       // of credentials that were not sent
      [this](const Asked&) { raw({0xff, 0xff, 0xff, 0xff}); },            // a negative length
      [this](const Asked&) { raw({0x7f, 0xff, 0xff, 0xff}); },            // a length of 2 GiB
      [this](const Asked&) { raw({0, 0, 0, 3, 1, 2, 3}); },               // half a header
      [this](const Asked&) {                                              // an event without a body
        wire::Writer out;
        out.i32(0);
        jute::encode(jute::ReplyHeader{jute::xid_watch_event, 0, 0}, out);
        say(std::move(out));
      },
  };
  ASSERT_TRUE(loop_.run(zk_->connect(1s)));
  for (std::size_t i = 0; i < wrongs.size(); ++i) {
    on_request = wrongs[i];
    const int before = connections_;
    auto got = begin(zk_->get("/a"));
    ASSERT_TRUE(run_until([&] { return connections_ > before; })) << i;
    on_request = [this](const Asked& asked) { reply(asked.xid, ZkError::no_node); };
    ASSERT_TRUE(run_until([&got] { return got->has_value(); })) << i;
    ASSERT_TRUE(run_until([this] { return zk_->connected(); })) << i;
    EXPECT_EQ(zk_->session_id(), 77);
  }
}

TEST_F(HostilePeerTest, EventsOfNoKnownKindOrPathAreIgnored) {
  ASSERT_TRUE(loop_.run(zk_->connect(1s)));
  int called = 0;
  const client::WatcherRef watcher = client::make_watcher([&called](const client::WatchEvent&) { ++called; });
  on_request = [this](const Asked& asked) {
    for (const std::int32_t type : {-1, 0, 1, 5, 99, INT32_MIN}) {
      for (const jute::Text path : {jute::Text(), jute::Text(""), jute::Text("/other"), jute::Text("x")}) {
        wire::Writer out;
        out.i32(0);
        jute::encode(jute::ReplyHeader{jute::xid_watch_event, 0, 0}, out);
        jute::encode(jute::WatcherEvent{type, 3, path}, out);
        say(std::move(out));
      }
    }
    reply(asked.xid, ZkError::no_node);
  };
  ASSERT_TRUE(loop_.run(zk_->exists("/a", watcher)));
  ASSERT_TRUE(loop_.run(zk_->exists("/b", watcher)));
  EXPECT_EQ(called, 0);
  EXPECT_EQ(connections_, 1);
}

TEST_F(HostilePeerTest, AReplyThatCannotBeReadFailsItsRequestAlone) {
  on_request = [this](const Asked& asked) { reply(asked.xid, ZkError::ok); };  // without the body that it needs
  ASSERT_TRUE(loop_.run(zk_->connect(1s)));
  EXPECT_EQ(loop_.run(zk_->get("/a")).error().code, ZkError::marshalling_error);
  EXPECT_EQ(loop_.run(zk_->children("/a")).error().code, ZkError::marshalling_error);
  EXPECT_EQ(connections_, 1);
}

TEST_F(HostilePeerTest, AGreetingThatIsNoneIsNotBelieved) {
  const std::vector<std::function<void()>> wrongs{
      [this] { raw({0, 0, 0, 0}); },
      [this] { greet(0); },
      [this] {  // 5000 bytes of password
        wire::Writer out;
        out.i32(0);
        const std::string password(5000, 'p');
        jute::encode(jute::ConnectResponse{0, 6000, 5, as_bytes(password), false}, out);
        say(std::move(out));
      },
      [this] {  // read-only, which was not allowed
        wire::Writer out;
        out.i32(0);
        const std::string password(16, 'p');
        jute::encode(jute::ConnectResponse{0, 6000, 5, as_bytes(password), true}, out);
        say(std::move(out));
      },
      [] {},  // silence
  };
  for (const auto& wrong : wrongs) {
    on_greeting = wrong;
    EXPECT_EQ(loop_.run(zk_->connect(5s)).error().code, ZkError::connection_loss);
    EXPECT_EQ(zk_->session_id(), 0);
  }
  on_greeting = [this] { greet(); };
  EXPECT_TRUE(loop_.run(zk_->connect(10s)));
}

TEST_F(HostilePeerTest, APeerThatFallsSilentIsLeftInTime) {
  ASSERT_TRUE(loop_.run(zk_->connect(1s)));
  const SteadyTime began = clock_.now();
  on_request = [](const Asked&) {};
  network_.cut(there.host, "10.0.0.2");
  ASSERT_TRUE(run_until([this] { return !zk_->connected(); }));
  EXPECT_LE(clock_.now() - began, 4s + 10ms);  // two thirds of the timeout
  EXPECT_GE(clock_.now() - began, 3s);
}

}  // namespace
}  // namespace holdfast::test
