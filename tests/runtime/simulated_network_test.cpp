#include "runtime/simulated_network.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using StreamPtr = std::unique_ptr<Stream>;

constexpr const char* a = "10.0.0.1";
constexpr const char* b = "10.0.0.2";
constexpr const char* c = "10.0.0.3";
constexpr std::uint16_t port = 7;

BufferChain bytes_of(std::string_view text) { return BufferChain(Bytes::copy(text)); }

// What a reader has heard so far; "." at the end of the stream, "!" and the errno when it breaks.
struct Ear {
  std::string heard;
  bool over = false;
};

Task<void> listen_to(Stream& stream, Ear& ear) {
  std::array<std::uint8_t, 512> buffer;
  while (!ear.over) {
    const std::span<std::uint8_t> into(buffer);
    auto n = co_await stream.read_some(into);
    if (!n) {
      ear.heard += "!" + std::to_string(n.error().os_error);
      ear.over = true;
    } else if (*n == 0) {
      ear.heard += ".";
      ear.over = true;
    } else {
      ear.heard += as_text(ByteView(buffer).first(*n));
    }
  }
}

class SimulatedNetworkTest : public testing::Test {
 protected:
  SimulatedNetworkTest() {
    network.host(a);
    network.host(b);
    network.host(c);
    loop.add(network);
  }
  ~SimulatedNetworkTest() override {
    loop.run_ready();  // whoever was spawned has begun
    client.reset();
    server.reset();
    loop.run_ready();
  }

  Result<StreamPtr> connect(const char* from, const char* to) {
    return loop.run(network.host(from).connect(loop.shard(), {to, port}));
  }
  std::unique_ptr<Listener> listen(const char* host, int backlog = 16) {
    auto made = network.host(host).listen(loop.shard(), {"", port}, backlog, false);
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return std::move(*made);
  }
  // From a to b: `client` at a, `server` at b, both listened to.
  void pair() {
    listener = listen(b);
    auto connected = connect(a, b);
    ASSERT_TRUE(connected.has_value()) << connected.error().message;
    auto accepted = loop.run(listener->accept());
    ASSERT_TRUE(accepted.has_value());
    client = std::move(*connected);
    server = std::move(*accepted);
    start(*client, at_client);
    start(*server, at_server);
  }
  void start(Stream& stream, Ear& ear) {
    Shard::Scope scope(loop.shard());
    loop.shard().spawn(gate, listen_to(stream, ear));
  }
  Duration now() { return clock.now().time_since_epoch(); }

  SimulatedClock clock;
  std::unique_ptr<Random> random = seeded_random(1);
  Gate gate;
  SimulatedLoop loop{clock};
  SimulatedNetwork network{clock, *random};
  std::unique_ptr<Listener> listener;
  StreamPtr client, server;
  Ear at_client, at_server;
};

TEST_F(SimulatedNetworkTest, CarriesBytesInOrderBothWays) {
  pair();
  std::string sent;
  for (int i = 0; i < 500; ++i) {
    const std::string piece = std::to_string(i) + ",";
    sent += piece;
    client->send(bytes_of(piece));
    if (i % 50 == 0) loop.run_for(std::chrono::microseconds(100));
  }
  server->send(bytes_of("hello"));
  server->shutdown_after_sends();
  loop.run_for(seconds(1));
  EXPECT_EQ(at_server.heard, sent);
  EXPECT_EQ(at_client.heard, "hello.");
  client->close();
  loop.run_for(seconds(1));
  EXPECT_EQ(at_server.heard, sent + ".");
  server->close();
  EXPECT_EQ(network.open_connections(), 0u);
}

TEST_F(SimulatedNetworkTest, TellsBothEndsTheirAddresses) {
  network.name("server", b);
  pair();
  EXPECT_EQ(to_string(client->remote()), "10.0.0.2:7");
  EXPECT_EQ(server->remote().host, a);
  EXPECT_EQ(server->remote().port, client->local().port);
}

TEST_F(SimulatedNetworkTest, RefusesWhereNobodyListens) {
  const auto refused = connect(a, b);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().os_error, ECONNREFUSED);
  listener = listen(b);
  listener->close();
  EXPECT_EQ(connect(a, b).error().os_error, ECONNREFUSED);
  EXPECT_EQ(network.counts().refused, 2u);
}

TEST_F(SimulatedNetworkTest, TimesOutWhereNobodyAnswers) {
  listener = listen(b);
  network.power_off(b);
  const Duration before = now();
  EXPECT_EQ(connect(a, b).error().kind, ErrorKind::timed_out);
  EXPECT_EQ(now() - before, seconds(10));
  network.start_process(b);
  listener = listen(b);
  network.cut(b, a);
  EXPECT_EQ(connect(a, b).error().kind, ErrorKind::timed_out);
  network.heal_all();
  EXPECT_TRUE(connect(a, b).has_value());
}

TEST_F(SimulatedNetworkTest, LeavesConnectionsThatNobodyAcceptsWaiting) {
  listener = listen(b, 2);
  std::vector<StreamPtr> streams;
  for (int i = 0; i < 2; ++i) {
    auto made = connect(a, b);
    ASSERT_TRUE(made.has_value());
    streams.push_back(std::move(*made));
    loop.run_for(milliseconds(1));
  }
  EXPECT_EQ(connect(a, b).error().kind, ErrorKind::timed_out);
  EXPECT_TRUE(loop.run(listener->accept()).has_value());
  EXPECT_TRUE(connect(a, b).has_value());
}

TEST_F(SimulatedNetworkTest, NamesAreEachHostsOwn) {
  network.name("server", b);
  listener = listen(b);
  EXPECT_TRUE(connect(a, "server").has_value());
  network.name_at(a, "server", std::nullopt);
  EXPECT_EQ(connect(a, "server").error().kind, ErrorKind::not_found);
  EXPECT_TRUE(connect(c, "server").has_value());
  network.name_at(a, "server", c);
  EXPECT_EQ(connect(a, "server").error().os_error, ECONNREFUSED) << "c does not listen";
  EXPECT_EQ(connect(a, "nowhere").error().kind, ErrorKind::not_found);
}

TEST_F(SimulatedNetworkTest, AnAddressIsTakenOnce) {
  listener = listen(b);
  const auto second = network.host(b).listen(loop.shard(), {"", port}, 1, false);
  EXPECT_EQ(second.error().os_error, EADDRINUSE);
  EXPECT_EQ(network.host(a).listen(loop.shard(), {b, port}, 1, false).error().os_error, EADDRNOTAVAIL);
  const auto chosen = network.host(b).listen(loop.shard(), {"", 0}, 1, false);
  ASSERT_TRUE(chosen.has_value());
  EXPECT_NE((*chosen)->local().port, 0);
}

TEST_F(SimulatedNetworkTest, ACutLinkStallsAndGoesOn) {
  pair();
  network.cut(a, b);
  client->send(bytes_of("late"));
  server->send(bytes_of("still here"));
  loop.run_for(seconds(5));
  EXPECT_EQ(at_server.heard, "");
  EXPECT_EQ(at_client.heard, "still here") << "the other direction passes";
  network.heal(a, b);
  loop.run_for(seconds(2));
  EXPECT_EQ(at_server.heard, "late");
  loop.run_for(seconds(60));
  server->send(bytes_of("?"));
  client->send(bytes_of("!"));
  loop.run_for(seconds(1));
  EXPECT_EQ(at_client.heard, "still here?") << "a healed connection is as good as new";
  EXPECT_EQ(at_server.heard, "late!");
}

TEST_F(SimulatedNetworkTest, ALongCutBreaksWhoeverSentAndLeavesTheOtherHalfOpen) {
  pair();
  network.cut(a, b);
  network.cut(b, a);
  client->send(bytes_of("lost"));
  loop.run_for(seconds(14));
  EXPECT_FALSE(at_client.over);
  loop.run_for(seconds(2));
  EXPECT_EQ(at_client.heard, "!" + std::to_string(ETIMEDOUT));
  network.heal_all();
  loop.run_for(seconds(600));
  EXPECT_EQ(at_server.heard, "") << "half open: nobody has told it";
  EXPECT_FALSE(at_server.over);
  server->send(bytes_of("are you there"));
  loop.run_for(seconds(1));
  EXPECT_EQ(at_server.heard, "!" + std::to_string(ECONNRESET));
}

TEST_F(SimulatedNetworkTest, DataWithoutAcknowledgementsArrivesAndBreaksItsSender) {
  pair();
  network.cut(b, a);
  client->send(bytes_of("one way"));
  loop.run_for(seconds(1));
  EXPECT_EQ(at_server.heard, "one way");
  loop.run_for(seconds(20));
  EXPECT_EQ(at_client.heard, "!" + std::to_string(ETIMEDOUT));
}

TEST_F(SimulatedNetworkTest, ABridgeJoinsWhatIsCut) {
  network.cut(a, c);
  network.cut(c, a);
  listener = listen(b);
  auto other = listen(c);
  EXPECT_TRUE(connect(a, b).has_value());
  EXPECT_TRUE(connect(c, b).has_value());
  EXPECT_TRUE(connect(b, c).has_value());
  EXPECT_FALSE(connect(a, c).has_value());
}

TEST_F(SimulatedNetworkTest, AClogDelaysEverything) {
  pair();
  network.clog(a, b, seconds(3));
  client->send(bytes_of("x"));
  loop.run_for(milliseconds(2900));
  EXPECT_EQ(at_server.heard, "");
  loop.run_for(milliseconds(200));
  EXPECT_EQ(at_server.heard, "x");
}

TEST_F(SimulatedNetworkTest, AResetEndsBothEnds) {
  pair();
  network.reset_connections(b, a);
  loop.run_for(seconds(1));
  EXPECT_EQ(at_client.heard, "!" + std::to_string(ECONNRESET));
  EXPECT_EQ(at_server.heard, "!" + std::to_string(ECONNRESET));
}

TEST_F(SimulatedNetworkTest, ADeadProcessIsToldOfItsDeath) {
  pair();
  client->send(bytes_of("before"));
  loop.run_for(seconds(1));
  network.kill_process(a);
  EXPECT_FALSE(network.host(a).listen(loop.shard(), {"", port}, 1, false).has_value());
  EXPECT_FALSE(connect(a, b).has_value());
  loop.run_for(seconds(1));
  EXPECT_EQ(at_server.heard, "before.");
  EXPECT_TRUE(at_client.over) << "whoever waits in the dead process does so no longer";
}

TEST_F(SimulatedNetworkTest, ALostHostIsSilentUntilItIsBack) {
  pair();
  network.power_off(b);
  loop.run_for(seconds(100));
  EXPECT_EQ(at_client.heard, "") << "nobody has said anything";
  client->send(bytes_of("?"));
  loop.run_for(seconds(5));
  EXPECT_EQ(at_client.heard, "");
  network.start_process(b);
  loop.run_for(seconds(5));
  EXPECT_EQ(at_client.heard, "!" + std::to_string(ECONNRESET));
}

TEST_F(SimulatedNetworkTest, AHostThatStaysAwayBreaksWhoeverSends) {
  pair();
  network.power_off(b);
  client->send(bytes_of("?"));
  loop.run_for(seconds(20));
  EXPECT_EQ(at_client.heard, "!" + std::to_string(ETIMEDOUT));
}

TEST_F(SimulatedNetworkTest, UnreadBytesMakeACloseAReset) {
  listener = listen(b);
  auto connected = connect(a, b);
  auto accepted = loop.run(listener->accept());
  client = std::move(*connected);
  server = std::move(*accepted);
  start(*client, at_client);
  client->send(bytes_of("never read"));
  loop.run_for(seconds(1));
  server->close();
  loop.run_for(seconds(1));
  EXPECT_EQ(at_client.heard, "!" + std::to_string(ECONNRESET));
}

TEST_F(SimulatedNetworkTest, AFullWindowQueuesUntilTheReaderReads) {
  listener = listen(b);
  client = std::move(*connect(a, b));
  server = std::move(*loop.run(listener->accept()));
  constexpr std::size_t total = 1 << 20;
  client->send(bytes_of(std::string(total, 'x')));
  loop.run_for(seconds(1));
  EXPECT_EQ(client->queued_bytes(), total - SimulatedNetwork::Options().window_bytes);
  start(*server, at_server);
  EXPECT_TRUE(loop.run(client->drained()).has_value());
  EXPECT_EQ(client->queued_bytes(), 0u);
  loop.run_for(seconds(1));
  EXPECT_EQ(at_server.heard.size(), total);
}

TEST(SimulatedNetwork, ABandwidthTakesItsTime) {
  SimulatedClock clock;
  const auto random = seeded_random(1);
  Gate gate;
  SimulatedLoop loop(clock);
  SimulatedNetwork::Options options;
  options.bytes_per_second = 1000;
  SimulatedNetwork slow(clock, *random, options);
  loop.add(slow);
  auto listener = std::move(*slow.host(b).listen(loop.shard(), {"", port}, 1, false));
  StreamPtr from = std::move(*loop.run(slow.host(a).connect(loop.shard(), {b, port})));
  StreamPtr to = std::move(*loop.run(listener->accept()));
  Ear ear;
  {
    Shard::Scope scope(loop.shard());
    loop.shard().spawn(gate, listen_to(*to, ear));
  }
  for (int i = 0; i < 50; ++i) from->send(bytes_of(std::string(100, 'x')));
  loop.run_for(milliseconds(2500));
  EXPECT_NEAR(static_cast<double>(ear.heard.size()), 2500, 200);
  loop.run_for(milliseconds(2600));
  EXPECT_EQ(ear.heard.size(), 5000u);
  from->close();
  loop.run_for(seconds(1));
  EXPECT_TRUE(ear.over);
}

// A conversation with faults, and the hash of its trace.
std::uint64_t conversation(std::uint64_t seed) {
  SimulatedClock clock;
  const auto random = seeded_random(seed);
  Gate gate;
  SimulatedLoop loop(clock);
  SimulatedNetwork network(clock, *random);
  loop.add(network);
  auto listener = std::move(*network.host(b).listen(loop.shard(), {"", port}, 16, false));
  std::vector<StreamPtr> streams;
  std::array<Ear, 16> ears;
  std::size_t used = 0;
  for (int i = 0; i < 8; ++i) {
    auto one = loop.run(network.host(i % 2 == 0 ? a : c).connect(loop.shard(), {b, port}));
    auto other = loop.run(listener->accept());
    for (auto* end : {&one, &other}) {
      streams.push_back(std::move(**end));
      Shard::Scope scope(loop.shard());
      loop.shard().spawn(gate, listen_to(*streams.back(), ears[used++]));
    }
    for (auto& stream : streams) stream->send(bytes_of("message " + std::to_string(i)));
    if (i == 4) network.cut(a, b);
    if (i == 5) network.heal_all();
    loop.run_for(milliseconds(3));
  }
  loop.run_for(seconds(30));
  for (auto& stream : streams) stream->close();
  loop.run_for(seconds(1));
  EXPECT_EQ(gate.holders(), 0u);
  return network.trace_hash();
}

TEST(SimulatedNetwork, FollowsItsSeed) {
  EXPECT_EQ(conversation(1), conversation(1));
  EXPECT_NE(conversation(1), conversation(2));
}

}  // namespace
}  // namespace holdfast
