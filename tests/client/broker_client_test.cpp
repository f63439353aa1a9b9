// Requests to a broker over a simulated network, whose other end is a bare socket: it says what the test
// makes it say.
#include "client/broker_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/simulated_network.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/groups.h"

namespace holdfast::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::size_t reply_bytes_max = 4 << 20;
constexpr std::int16_t fetch_version = 18;
const Endpoint there{"10.0.0.2", 9092};

using Reply = BrokerClient::Reply;

struct Request {
  wire::RequestHeader header;
  std::vector<std::uint8_t> body;
};

class BrokerClientTest : public testing::Test {
 protected:
  BrokerClientTest() {
    loop_.add(network_);
    listen();
  }
  ~BrokerClientTest() override {
    if (client_) loop_.run(client_->stop());
    hang_up();
    Shard::Scope scope(loop_.shard());
    if (listener_) listener_->close();
    loop_.run(loop_.shard().drained(gate_));
  }

  void listen() {
    Shard::Scope scope(loop_.shard());
    auto listener = network_.host(there.host).listen(loop_.shard(), there, 16, false);
    ASSERT_TRUE(listener);
    listener_ = std::move(*listener);
    loop_.shard().spawn(gate_, serve());
  }

  // The peer: it takes one connection after the other, and notes what it is asked.
  Task<void> serve() {
    for (;;) {
      auto stream = co_await listener_->accept();
      if (!stream) co_return;
      ++accepted_;
      stream_ = std::move(*stream);
      input_.clear();
      loop_.shard().spawn(gate_, hear(stream_));
    }
  }
  Task<void> hear(std::shared_ptr<Stream> stream) {
    std::array<std::uint8_t, 4096> buffer;
    for (;;) {
      const std::span<std::uint8_t> into(buffer);
      auto got = co_await stream->read_some(into);
      if (!got || *got == 0) break;
      if (stream != stream_) continue;
      input_.insert(input_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
      take_requests();
    }
    ++ended_;
  }
  void take_requests() {
    for (;;) {
      wire::Reader in(input_);
      const std::uint32_t length = in.u32();
      if (!in.ok() || in.remaining() < length) return;
      Request request;
      const std::int16_t key = in.i16();
      const wire::Api api = key == 1 ? wire::FetchRequest::api : wire::HeartbeatRequest::api;
      wire::Reader frame(ByteView(input_).subspan(4, length));
      const std::int16_t header_version = wire::request_header_version(api, in.i16());
      ASSERT_TRUE(wire::decode(request.header, header_version, frame));
      request.body.assign(frame.position(), frame.position() + frame.remaining());
      requests_.push_back(std::move(request));
      input_.erase(input_.begin(), input_.begin() + 4 + static_cast<std::ptrdiff_t>(length));
    }
  }
  void say(std::vector<std::uint8_t> bytes) {
    Shard::Scope scope(loop_.shard());
    stream_->send(BufferChain(Bytes::copy(ByteView(bytes))));
  }
  void hang_up() {
    Shard::Scope scope(loop_.shard());
    if (stream_) stream_->close();
  }

  template <class M>
  static std::vector<std::uint8_t> reply(std::int32_t correlation_id, const M& message, std::int16_t version) {
    wire::Writer out;
    out.i32(0);
    wire::ResponseHeader header;
    header.correlation_id = correlation_id;
    wire::encode(header, wire::response_header_version(M::api, version), out);
    wire::encode(message, version, out);
    out.patch_i32(0, static_cast<std::int32_t>(out.size() - 4));
    return out.flatten();
  }
  // Of so many bytes of records, the first of which is `mark`.
  static std::vector<std::uint8_t> fetched(std::int32_t correlation_id, std::uint8_t mark, std::size_t bytes = 8) {
    const std::vector<std::uint8_t> records(bytes, mark);
    wire::FetchResponse message;
    message.session_id = mark;
    message.responses.emplace_back();
    message.responses[0].partitions.emplace_back();
    message.responses[0].partitions[0].records = wire::Records(ByteView(records));
    return reply(correlation_id, message, fetch_version);
  }

  BrokerClient& client() {
    if (!client_)
      client_ =
          std::make_unique<BrokerClient>(loop_.shard(), network_.host("10.0.0.1"), there, "broker-1", reply_bytes_max);
    return *client_;
  }
  // Asks, and notes what becomes of it under this number.
  void ask(int number, Duration timeout = seconds(10)) {
    Shard::Scope scope(loop_.shard());
    wire::FetchRequest request;
    request.session_id = number;
    loop_.shard().spawn(gate_, keep(client().ask(request, fetch_version, timeout), number));
  }
  Task<void> keep(Task<Result<Reply>> task, int number) {
    auto result = co_await std::move(task);
    order_.push_back(number);
    results_.emplace(number, std::move(result));
  }
  bool until_asked(std::size_t count) {
    return loop_.run_until([&] { return requests_.size() >= count; }, seconds(30));
  }
  bool until_answered(std::size_t count) {
    return loop_.run_until([&] { return results_.size() >= count; }, seconds(60));
  }
  const Error& error(int number) {
    const auto& result = results_.at(number);
    EXPECT_FALSE(result.has_value());
    return result.error();
  }
  std::int32_t id_of(std::size_t index) { return requests_.at(index).header.correlation_id; }

  SimulatedClock clock_;
  SimulatedLoop loop_{clock_};
  std::unique_ptr<Random> random_ = seeded_random(5);
  SimulatedNetwork network_{clock_, *random_};
  Gate gate_;
  std::unique_ptr<Listener> listener_;
  std::shared_ptr<Stream> stream_;  // of the peer
  std::vector<std::uint8_t> input_;
  std::vector<Request> requests_;
  int accepted_ = 0, ended_ = 0;  // connections
  std::unique_ptr<BrokerClient> client_;
  std::map<int, Result<Reply>> results_;
  std::vector<int> order_;
};

TEST_F(BrokerClientTest, ARequestIsFramedAsAnyClients) {
  ask(7);
  ASSERT_TRUE(until_asked(1));
  EXPECT_EQ(requests_[0].header.request_api_key, 1);
  EXPECT_EQ(requests_[0].header.request_api_version, fetch_version);
  EXPECT_EQ(requests_[0].header.client_id, "broker-1");
  wire::FetchRequest request;
  wire::Reader in(requests_[0].body);
  ASSERT_TRUE(wire::decode(request, fetch_version, in)) << in.error();
  EXPECT_EQ(request.session_id, 7);
  EXPECT_EQ(in.remaining(), 0u);
}

TEST_F(BrokerClientTest, RequestsArePipelinedAndAnsweredInOrder) {
  for (int i = 1; i <= 20; ++i) ask(i);
  ASSERT_TRUE(until_asked(20));
  EXPECT_EQ(accepted_, 1);
  EXPECT_TRUE(results_.empty());
  std::vector<std::uint8_t> all;
  for (int i = 1; i <= 20; ++i) {
    const auto one = fetched(id_of(static_cast<std::size_t>(i) - 1), static_cast<std::uint8_t>(i));
    all.insert(all.end(), one.begin(), one.end());
  }
  say(std::move(all));
  ASSERT_TRUE(until_answered(20));
  for (int i = 1; i <= 20; ++i) {
    EXPECT_EQ(order_[static_cast<std::size_t>(i) - 1], i);
    ASSERT_TRUE(results_.at(i)) << results_.at(i).error().message;
    wire::FetchResponse message;
    ASSERT_TRUE(results_.at(i)->read(message));
    EXPECT_EQ(message.session_id, i);
    EXPECT_EQ(message.responses[0].partitions[0].records.view[0], i);
  }
  EXPECT_TRUE(client().connected());
}

TEST_F(BrokerClientTest, ReplyHeadersFollowTheVersion) {
  wire::HeartbeatRequest request;
  const auto at = [&](std::int16_t version, int number) {
    Shard::Scope scope(loop_.shard());
    loop_.shard().spawn(gate_, keep(client().ask(request, version, seconds(1)), number));
  };
  at(0, 0);
  at(4, 4);
  ASSERT_TRUE(until_asked(2));
  wire::HeartbeatResponse message;
  message.error_code = 27;
  say(reply(id_of(0), message, 0));
  say(reply(id_of(1), message, 4));
  ASSERT_TRUE(until_answered(2));
  for (const int number : {0, 4}) {
    ASSERT_TRUE(results_.at(number)) << results_.at(number).error().message;
    wire::HeartbeatResponse got;
    ASSERT_TRUE(results_.at(number)->read(got));
    EXPECT_EQ(got.error_code, 27);
  }
}

TEST_F(BrokerClientTest, LargeRepliesAreViewsAndOutliveTheConnection) {
  for (int i = 1; i <= 3; ++i) ask(i);
  ASSERT_TRUE(until_asked(3));
  const std::size_t sizes[] = {3'000'000, 500'000, 100};
  for (std::size_t i = 0; i < 3; ++i) say(fetched(id_of(i), static_cast<std::uint8_t>(i + 1), sizes[i]));
  ASSERT_TRUE(until_answered(3));
  client().close();
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(results_.at(i)) << results_.at(i).error().message;
    const Reply& got = *results_.at(i);
    wire::FetchResponse message;
    ASSERT_TRUE(got.read(message));
    const ByteView records = message.responses[0].partitions[0].records.view;
    ASSERT_EQ(records.size(), sizes[i - 1]);
    EXPECT_TRUE(std::ranges::all_of(records, [i](std::uint8_t b) { return b == i; }));
    EXPECT_GE(records.data(), got.frame.data());
    EXPECT_LE(records.data() + records.size(), got.frame.data() + got.frame.size());
  }
}

TEST_F(BrokerClientTest, AnotherCorrelationIdEndsTheConnection) {
  ask(1);
  ask(2);
  ASSERT_TRUE(until_asked(2));
  say(fetched(id_of(1), 2));
  ASSERT_TRUE(until_answered(2));
  EXPECT_EQ(error(1).kind, ErrorKind::invalid_input);
  EXPECT_EQ(error(2).kind, ErrorKind::invalid_input);
  EXPECT_THAT(error(1).message, HasSubstr("10.0.0.2:9092"));
  EXPECT_FALSE(client().connected());
}

TEST_F(BrokerClientTest, AnAnswerThatNobodyAskedForEndsTheConnection) {
  ask(1);
  ASSERT_TRUE(until_asked(1));
  say(fetched(id_of(0), 1));
  ASSERT_TRUE(until_answered(1));
  ASSERT_TRUE(client().connected());
  say(fetched(id_of(0), 1));
  EXPECT_TRUE(loop_.run_until([&] { return !client().connected(); }, seconds(5)));
}

TEST_F(BrokerClientTest, AHostileLengthEndsTheConnection) {
  for (const std::uint32_t length : {std::uint32_t{reply_bytes_max + 1}, 0x8000'0000u, 0xffff'ffffu, 0u, 3u}) {
    results_.clear();
    requests_.clear();
    ask(1);
    ASSERT_TRUE(until_asked(1));
    wire::Writer out;
    out.u32(length);
    out.i32(id_of(0));
    say(out.flatten());
    ASSERT_TRUE(until_answered(1)) << length;
    EXPECT_EQ(error(1).kind, ErrorKind::invalid_input) << length;
    EXPECT_FALSE(client().connected()) << length;
  }
}

TEST_F(BrokerClientTest, AMalformedHeaderEndsTheConnection) {
  ask(1);
  ASSERT_TRUE(until_asked(1));
  wire::Writer out;
  out.i32(9);
  out.i32(id_of(0));
  out.uvarint(0xffff'ffff);  // so many tags, and no bytes for them
  say(out.flatten());
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(error(1).kind, ErrorKind::invalid_input);
}

TEST_F(BrokerClientTest, AMalformedBodyIsAnErrorOfItsReader) {
  ask(1);
  ask(2);
  ASSERT_TRUE(until_asked(2));
  auto cut = fetched(id_of(0), 1);
  cut.pop_back();
  cut[3] -= 1;
  say(std::move(cut));
  auto longer = fetched(id_of(1), 2);
  longer.push_back(0);
  longer[3] += 1;
  say(std::move(longer));
  ASSERT_TRUE(until_answered(2));
  for (const int number : {1, 2}) {
    ASSERT_TRUE(results_.at(number));
    wire::FetchResponse message;
    const auto got = results_.at(number)->read(message);
    ASSERT_FALSE(got) << number;
    EXPECT_EQ(got.error().kind, ErrorKind::invalid_input);
  }
}

TEST_F(BrokerClientTest, APeerThatClosesInTheMiddleOfAReplyIsDialledAnew) {
  ask(1);
  ask(2);
  ASSERT_TRUE(until_asked(2));
  auto half = fetched(id_of(0), 1, 1000);
  half.resize(600);
  say(std::move(half));
  hang_up();
  ASSERT_TRUE(until_answered(2));
  EXPECT_EQ(error(1).kind, ErrorKind::closed);
  EXPECT_EQ(error(2).kind, ErrorKind::closed);
  EXPECT_FALSE(client().connected());
  ask(3);
  ASSERT_TRUE(until_asked(3));
  EXPECT_EQ(accepted_, 2);
  say(fetched(id_of(2), 3));
  ASSERT_TRUE(until_answered(3));
  EXPECT_TRUE(results_.at(3));
}

TEST_F(BrokerClientTest, AfterATimeoutTheConnectionIsGivenUp) {
  ask(1, seconds(2));
  ask(2, seconds(20));
  ASSERT_TRUE(until_asked(2));
  const SteadyTime before = clock_.now();
  ASSERT_TRUE(until_answered(2));
  EXPECT_NEAR(static_cast<double>((clock_.now() - before).count()) / 1e9, 2, 0.2);
  EXPECT_EQ(error(1).kind, ErrorKind::timed_out);
  EXPECT_EQ(error(2).kind, ErrorKind::closed);
  EXPECT_FALSE(client().connected());
  // What comes late belongs to nobody.
  say(fetched(id_of(0), 1));
  ask(3);
  ASSERT_TRUE(until_asked(3));
  say(fetched(id_of(2), 3));
  ASSERT_TRUE(until_answered(3));
  wire::FetchResponse message;
  ASSERT_TRUE(results_.at(3));
  ASSERT_TRUE(results_.at(3)->read(message));
  EXPECT_EQ(message.session_id, 3);
}

TEST_F(BrokerClientTest, NobodyListens) {
  {
    Shard::Scope scope(loop_.shard());
    listener_->close();
  }
  ask(1);
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(error(1).os_error, ECONNREFUSED);
  EXPECT_THAT(error(1).message, HasSubstr("10.0.0.2:9092"));
  listen();
  ask(2);
  ASSERT_TRUE(until_asked(1));
  say(fetched(id_of(0), 2));
  ASSERT_TRUE(until_answered(2));
  EXPECT_TRUE(results_.at(2));
}

TEST_F(BrokerClientTest, TheTimeHoldsForDiallingToo) {
  network_.cut("10.0.0.1", there.host);
  ask(1, seconds(1));
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(error(1).kind, ErrorKind::timed_out);
  // The attempt under way serves the next one; what was given up is not sent.
  network_.heal("10.0.0.1", there.host);
  ask(2, seconds(5));
  ASSERT_TRUE(until_asked(1));
  wire::FetchRequest request;
  wire::Reader in(requests_[0].body);
  ASSERT_TRUE(wire::decode(request, fetch_version, in));
  EXPECT_EQ(request.session_id, 2);
  EXPECT_EQ(accepted_, 1);
}

TEST_F(BrokerClientTest, AConnectionThatNobodyWaitsForAnyMoreIsNotKept) {
  network_.cut("10.0.0.1", there.host);
  ask(1, seconds(1));
  ASSERT_TRUE(until_answered(1));
  network_.heal("10.0.0.1", there.host);
  loop_.run_for(seconds(20));
  EXPECT_FALSE(client().connected());
  EXPECT_EQ(accepted_, 1);
  EXPECT_EQ(ended_, 1);
}

TEST_F(BrokerClientTest, AMessageWithoutAReplyIsToldToWhoIsThere) {
  const auto tell = [&](std::string group) {
    Shard::Scope scope(loop_.shard());
    wire::HeartbeatRequest message;
    message.group_id = std::move(group);
    client().tell(message, 4);
  };
  tell("lost");
  ask(1);
  ASSERT_TRUE(until_asked(1));
  tell("told");
  ask(2);
  ASSERT_TRUE(until_asked(3));
  EXPECT_EQ(requests_[1].header.request_api_key, 12);
  wire::HeartbeatRequest message;
  wire::Reader in(requests_[1].body);
  ASSERT_TRUE(wire::decode(message, 4, in));
  EXPECT_EQ(message.group_id, "told");
  say(fetched(id_of(0), 1));
  say(fetched(id_of(2), 2));
  ASSERT_TRUE(until_answered(2));
  EXPECT_TRUE(results_.at(1));
  EXPECT_TRUE(results_.at(2));
}

TEST_F(BrokerClientTest, MessagesDoNotPileUpBeforeAPeerThatDoesNotRead) {
  ask(1, seconds(100));
  ASSERT_TRUE(until_asked(1));
  network_.cut("10.0.0.1", there.host);
  wire::HeartbeatRequest message;
  message.group_id = std::string(30'000, 'x');
  Shard::Scope scope(loop_.shard());
  const auto before = network_.counts().bytes;
  for (int i = 0; i < 1000; ++i) {
    client().tell(message, 4);
    loop_.run_ready();
  }
  network_.heal("10.0.0.1", there.host);
  loop_.run_for(seconds(10));
  EXPECT_TRUE(client().connected());
  EXPECT_LT(network_.counts().bytes - before, 2u << 20);
}

TEST_F(BrokerClientTest, ClosedItMayBeUsedAgain) {
  ask(1);
  ASSERT_TRUE(until_asked(1));
  {
    Shard::Scope scope(loop_.shard());
    client().close();
  }
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(error(1).kind, ErrorKind::closed);
  ask(2);
  ASSERT_TRUE(until_asked(2));
  say(fetched(id_of(1), 2));
  ASSERT_TRUE(until_answered(2));
  EXPECT_TRUE(results_.at(2));
}

TEST_F(BrokerClientTest, StoppedItRefuses) {
  ask(1);
  ASSERT_TRUE(until_asked(1));
  loop_.run(client().stop());
  ASSERT_TRUE(until_answered(1));
  EXPECT_EQ(error(1).kind, ErrorKind::closed);
  ask(2);
  ASSERT_TRUE(until_answered(2));
  EXPECT_EQ(error(2).kind, ErrorKind::closed);
  EXPECT_EQ(requests_.size(), 1u);
  client_.reset();
}

}  // namespace
}  // namespace holdfast::test
