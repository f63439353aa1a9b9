// Servers that talk over a simulated network: handshakes, refusals, lost and healed connections, foreign bytes.
#include "coordination/quorum_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/simulated_network.h"
#include "wire/writer.h"

namespace holdfast::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint16_t quorum_port = 2888;

std::string host_of(int id) { return "10.0.0." + std::to_string(id); }

BufferChain text(std::string_view t) { return BufferChain(Bytes::copy(t)); }

Incarnation incarnation(std::uint8_t n) {
  Incarnation out{};
  out[0] = n;
  return out;
}

struct Server final : QuorumTransport::Handler {
  std::vector<std::string> heard, events;
  std::unique_ptr<QuorumTransport> transport;

  void on_frame(ServerId from, const Incarnation&, FrameKind, Bytes payload) override {
    heard.push_back(std::to_string(from.value) + ":" + std::string(as_text(payload.view())));
  }
  void on_connected(ServerId peer, const QuorumWelcome&) override {
    events.push_back("+" + std::to_string(peer.value));
  }
  void on_disconnected(ServerId peer) override { events.push_back("-" + std::to_string(peer.value)); }
};

class QuorumTransportTest : public testing::Test {
 protected:
  QuorumTransportTest() {
    for (int id = 1; id <= 3; ++id) network_.host(host_of(id));
    loop_.add(network_);
  }
  ~QuorumTransportTest() override {
    Shard::Scope scope(loop_.shard());
    for (const auto& server : servers_)
      if (server->transport) loop_.run(server->transport->stop());
  }

  // At the address of `host`, which is its id unless said otherwise.
  Server& start(int id, std::string cluster = "C", int host = 0, std::uint8_t life = 0) {
    servers_.push_back(std::make_unique<Server>());
    Server& server = *servers_.back();
    QuorumTransportOptions options;
    options.self = ServerId(id);
    options.incarnation = incarnation(life == 0 ? static_cast<std::uint8_t>(id) : life);
    options.cluster = std::move(cluster);
    options.queued_bytes_max = 1 << 20;
    const std::string address = host_of(host == 0 ? id : host);
    options.address = address;
    server.transport =
        std::make_unique<QuorumTransport>(options, loop_.shard(), network_.host(address), *random_, server);
    Shard::Scope scope(loop_.shard());
    EXPECT_TRUE(server.transport->listen({address, quorum_port}));
    server.transport->start();
    return server;
  }
  void know(Server& server, const std::vector<int>& ids) {
    std::map<ServerId, std::vector<Endpoint>> peers;
    for (const int id : ids) peers[ServerId(id)] = {{host_of(id), quorum_port}};
    Shard::Scope scope(loop_.shard());
    server.transport->set_peers(std::move(peers));
  }
  bool send(Server& from, int to, std::string_view what) {
    Shard::Scope scope(loop_.shard());
    return from.transport->send(ServerId(to), FrameKind::consensus, text(what));
  }
  bool until(Function<bool()> done, Duration limit = seconds(30)) { return loop_.run_until(std::move(done), limit); }
  bool connect(Server& from, int to) {
    return until([&] { return from.transport->connected(ServerId(to)); });
  }

  SimulatedClock clock_;
  SimulatedLoop loop_{clock_};
  std::unique_ptr<Random> random_ = seeded_random(3);
  SimulatedNetwork network_{clock_, *random_};
  std::vector<std::unique_ptr<Server>> servers_;
};

TEST(QuorumFrames, AnyChangedBitIsNoticed) {
  const auto frame = make_frame(FrameKind::consensus, text("hello")).flatten();
  const auto read = [](const std::vector<std::uint8_t>& bytes) {
    const auto header = FrameHeader::parse(bytes, 100);
    return header && header->fits(ByteView(bytes).subspan(frame_header_bytes));
  };
  ASSERT_TRUE(read(frame));
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    auto damaged = frame;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(read(damaged)) << bit;
  }
  EXPECT_FALSE(FrameHeader::parse(frame, 4));
}

TEST(QuorumFrames, HandshakesThatEndEarlyOrLateAreRefused) {
  QuorumHello hello;
  hello.from = ServerId(1);
  hello.to = ServerId(2);
  hello.cluster = "cluster";
  const Bytes whole = hello.encode();
  ASSERT_TRUE(QuorumHello::decode(whole.view()));
  EXPECT_EQ(QuorumHello::decode(whole.view())->cluster, "cluster");
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(QuorumHello::decode(whole.view().first(n))) << n;
  auto longer = BufferChain(whole).flatten();
  longer.push_back(0);
  EXPECT_FALSE(QuorumHello::decode(longer));
}

TEST_F(QuorumTransportTest, WhatIsSentArrivesInOrder) {
  Server &one = start(1), &two = start(2);
  know(one, {1, 2});
  know(two, {1, 2});
  ASSERT_TRUE(connect(one, 2));
  ASSERT_TRUE(connect(two, 1));
  const std::string large(300'000, 'x');
  EXPECT_TRUE(send(one, 2, "a"));
  EXPECT_TRUE(send(one, 2, large));
  EXPECT_TRUE(send(one, 2, "b"));
  EXPECT_TRUE(send(two, 1, "c"));
  ASSERT_TRUE(until([&] { return two.heard.size() == 3 && one.heard.size() == 1; }));
  EXPECT_THAT(two.heard, ElementsAre("1:a", "1:" + large, "1:b"));
  EXPECT_THAT(one.heard, ElementsAre("2:c"));
}

TEST_F(QuorumTransportTest, APeerMayGetItsNameAndItsProcessLater) {
  Server& one = start(1);
  {
    Shard::Scope scope(loop_.shard());
    one.transport->set_peers({{ServerId(2), {{"two.example", quorum_port}}}});
  }
  loop_.run_for(seconds(10));
  EXPECT_FALSE(one.transport->connected(ServerId(2)));
  network_.name("two.example", host_of(2));
  loop_.run_for(seconds(10));
  EXPECT_FALSE(one.transport->connected(ServerId(2)));
  start(2);
  EXPECT_TRUE(connect(one, 2));
}

TEST_F(QuorumTransportTest, AnotherAddressIsTriedWhenOneDoesNotAnswer) {
  Server& one = start(1);
  start(2);
  {
    Shard::Scope scope(loop_.shard());
    one.transport->set_peers({{ServerId(2), {{host_of(3), quorum_port}, {host_of(2), quorum_port}}}});
  }
  EXPECT_TRUE(connect(one, 2));
}

TEST_F(QuorumTransportTest, ServersOfAnotherClusterAreRefused) {
  Server &one = start(1, "C"), &two = start(2, "D"), &three = start(3, "");
  know(one, {2, 3});
  know(two, {1});
  know(three, {1});
  ASSERT_TRUE(connect(three, 1));  // one that knows no cluster yet may join
  ASSERT_TRUE(connect(one, 3));
  loop_.run_for(seconds(10));
  EXPECT_FALSE(one.transport->connected(ServerId(2)));
  EXPECT_FALSE(two.transport->connected(ServerId(1)));
}

TEST_F(QuorumTransportTest, APeerThatIsSomebodyElseIsRefused) {
  Server& one = start(1);
  start(2, "C", 3);  // where server 3 is looked for
  know(one, {3});
  loop_.run_for(seconds(10));
  EXPECT_FALSE(one.transport->connected(ServerId(3)));
}

TEST_F(QuorumTransportTest, OfTwoProcessesWithOneIdTheFirstIsKeptWhileItLives) {
  Server &one = start(1), &two = start(2);
  know(one, {2});
  know(two, {1});
  ASSERT_TRUE(connect(one, 2));
  Server& impostor = start(1, "C", 3, 99);
  know(impostor, {2});
  loop_.run_for(seconds(30));
  EXPECT_FALSE(impostor.transport->connected(ServerId(2)));
  EXPECT_TRUE(send(one, 2, "still me"));
  ASSERT_TRUE(until([&] { return !two.heard.empty(); }));
  // The power of its host is cut: nobody says goodbye, and after the silence the other one is believed.
  network_.power_off(host_of(1));
  EXPECT_TRUE(connect(impostor, 2));
}

TEST_F(QuorumTransportTest, AServerThatFindsItsOwnIdElsewhereIsRefused) {
  Server& one = start(1);
  start(1, "C", 3, 99);
  {
    Shard::Scope scope(loop_.shard());
    one.transport->set_peers({{ServerId(1), {{host_of(3), quorum_port}}}, {ServerId(2), {{host_of(3), quorum_port}}}});
  }
  loop_.run_for(seconds(10));
  EXPECT_FALSE(one.transport->connected(ServerId(1)));
  EXPECT_FALSE(one.transport->connected(ServerId(2)));
}

TEST_F(QuorumTransportTest, AConnectionThatFellSilentIsGivenUpAndMadeAnew) {
  Server &one = start(1), &two = start(2);
  know(one, {2});
  ASSERT_TRUE(connect(one, 2));
  EXPECT_THAT(one.events, ElementsAre("+2"));
  network_.cut(host_of(1), host_of(2));
  network_.cut(host_of(2), host_of(1));
  send(one, 2, "lost");
  loop_.run_for(seconds(60));
  EXPECT_FALSE(one.transport->connected(ServerId(2)));
  EXPECT_THAT(one.events, ElementsAre("+2", "-2"));
  network_.heal_all();
  ASSERT_TRUE(connect(one, 2));
  EXPECT_TRUE(send(one, 2, "again"));
  ASSERT_TRUE(until([&] { return !two.heard.empty(); }));
  EXPECT_THAT(two.heard, ElementsAre("1:again"));
}

TEST_F(QuorumTransportTest, AnIdleConnectionLives) {
  Server &one = start(1), &two = start(2);
  know(one, {2});
  ASSERT_TRUE(connect(one, 2));
  loop_.run_for(seconds(120));
  EXPECT_THAT(one.events, ElementsAre("+2"));
  EXPECT_THAT(two.heard, IsEmpty());  // keep-alives are nobody's business
}

TEST_F(QuorumTransportTest, WhatAPeerDoesNotTakeIsBoundedAndDropped) {
  Server& one = start(1);
  start(2);
  know(one, {2});
  ASSERT_TRUE(connect(one, 2));
  network_.cut(host_of(1), host_of(2));
  const std::string large(200'000, 'x');
  int taken = 0;
  while (taken < 100 && send(one, 2, large)) ++taken;
  EXPECT_LT(taken, 10);
  EXPECT_LE(one.transport->queued_bytes(ServerId(2)), std::size_t{1} << 20);
}

TEST_F(QuorumTransportTest, PeersThatAreNotNamedAnyMoreAreLeft) {
  Server& one = start(1);
  start(2);
  start(3);
  know(one, {2, 3});
  ASSERT_TRUE(connect(one, 2));
  ASSERT_TRUE(connect(one, 3));
  know(one, {3});
  loop_.run_for(seconds(5));
  EXPECT_FALSE(one.transport->connected(ServerId(2)));
  EXPECT_TRUE(one.transport->connected(ServerId(3)));
  EXPECT_FALSE(send(one, 2, "nobody"));
}

Task<void> say(Network& network, Shard& shard, Endpoint to, BufferChain what, std::string& answer) {
  auto stream = co_await network.connect(shard, to);
  if (!stream) co_return;
  (*stream)->send(std::move(what));
  std::array<std::uint8_t, 512> buffer;
  for (;;) {
    const std::span<std::uint8_t> into(buffer);
    auto got = co_await (*stream)->read_some(into);
    if (!got || *got == 0) break;
    answer += as_text(ByteView(buffer).first(*got));
  }
  answer += "<closed>";
}

TEST_F(QuorumTransportTest, ForeignBytesEndOneConnectionAndNothingElse) {
  Server &one = start(1), &two = start(2);
  know(one, {2});
  ASSERT_TRUE(connect(one, 2));
  auto flipped = make_frame(FrameKind::hello, text("x")).flatten();
  flipped.back() ^= 1;
  wire::Writer huge;
  huge.raw(ByteView(make_frame(FrameKind::hello, text("x")).flatten()).first(4));
  huge.u32(0xffffffff);
  huge.u32(0);
  const std::vector<BufferChain> inputs = {text("GET / HTTP/1.1\r\n\r\n"),
                                           text(std::string(5000, '\0')),
                                           BufferChain(Bytes::copy(ByteView(flipped))),
                                           huge.take(),
                                           make_frame(FrameKind::consensus, text("no hello before it")),
                                           make_frame(FrameKind::hello, text("no hello in it"))};
  for (const BufferChain& input : inputs) {
    std::string answer;
    loop_.run(say(network_.host(host_of(3)), loop_.shard(), {host_of(2), quorum_port}, input, answer));
    EXPECT_THAT(answer, HasSubstr("<closed>"));
    // A refusal, with its reason; TCP takes it back where bytes were left unread.
    if (input.pieces().front().view()[0] == 'H') EXPECT_THAT(answer, HasSubstr("HQ"));
  }
  EXPECT_TRUE(send(one, 2, "unharmed"));
  ASSERT_TRUE(until([&] { return !two.heard.empty(); }));
  EXPECT_THAT(two.heard, ElementsAre("1:unharmed"));
}

TEST_F(QuorumTransportTest, WhoSaysNothingIsNotWaitedForForEver) {
  start(2);
  std::string answer;
  loop_.run(say(network_.host(host_of(3)), loop_.shard(), {host_of(2), quorum_port}, text("HQ"), answer));
  EXPECT_EQ(answer, "<closed>");
}

}  // namespace
}  // namespace holdfast::test
