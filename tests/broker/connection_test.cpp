// What a client that asks for much, and takes nothing, costs the broker.
#include "broker/connection.h"

#include <gtest/gtest.h>

#include "tests/broker/lone_broker.h"
#include "wire/kafka/headers.h"
#include "wire/kafka/metadata.h"

namespace holdfast::test {
namespace {

constexpr std::int16_t fetch_version = 17;
constexpr std::size_t record_bytes = 900'000;

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    topic_ = world_.create_topic("t", {1});
    wire::BatchBuilder builder(wire::BatchBuilder::Options{});
    const std::vector<std::uint8_t> value(record_bytes, 'x');
    builder.append(1000, std::nullopt, ByteView(value));
    const std::vector<std::uint8_t> batch = builder.finish();
    wire::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 1000;
    auto& of_topic = request.topic_data.emplace_back();
    of_topic.topic_id = topic_;
    of_topic.partition_data.push_back({0, wire::Records(ByteView(batch))});
    ASSERT_EQ(world_.ask<wire::ProduceResponse>(request, 13).responses.at(0).partition_responses.at(0).error_code, 0);
    client_ = world_.connect();
  }
  void TearDown() override {
    const Shard::Scope scope(world_.loop().shard());
    client_.reset();
  }

  Bytes fetch(std::int32_t number) const {
    wire::FetchRequest request;
    request.replica_state.replica_id = -1;
    request.max_bytes = 50 << 20;
    auto& of_topic = request.topics.emplace_back();
    of_topic.topic_id = topic_;
    wire::FetchRequest::Partition& partition = of_topic.partitions.emplace_back();
    partition.partition_max_bytes = 50 << 20;
    wire::Writer out;
    out.i32(0);
    wire::RequestHeader header;
    header.request_api_key = wire::FetchRequest::api.key;
    header.request_api_version = fetch_version;
    header.correlation_id = number;
    wire::encode(header, wire::request_header_version(wire::FetchRequest::api, fetch_version), out);
    wire::encode(request, fetch_version, out);
    out.patch_i32(0, static_cast<std::int32_t>(out.size() - 4));
    return Bytes::copy(out.take().flatten());
  }
  void send_fetches(int count) {
    BufferChain all;
    for (int n = 0; n < count; ++n) all.append(fetch(n));
    const Shard::Scope scope(world_.loop().shard());
    client_->send(std::move(all));
  }
  std::uint64_t fetches_answered() { return world_.broker().metrics().api(wire::FetchRequest::api.key).count(); }
  Task<bool> read(std::vector<std::uint8_t>& into) {
    for (std::size_t have = 0; have < into.size();) {
      auto got = co_await client_->read_some(std::span(into).subspan(have));
      if (!got || *got == 0) co_return false;
      have += *got;
    }
    co_return true;
  }
  // The number of the reply that comes next; its bytes are thrown away.
  Task<std::int32_t> next_reply() {
    std::vector<std::uint8_t> head(8);
    auto got = co_await read(head);
    if (!got) co_return -1;
    wire::Reader in{ByteView(head)};
    const std::int32_t length = in.i32();
    const std::int32_t number = in.i32();
    std::vector<std::uint8_t> body(static_cast<std::size_t>(length - 4));
    auto rest = co_await read(body);
    co_return rest&& body.size() > record_bytes ? number : -1;
  }

  LoneBroker world_;
  Uuid topic_{};
  std::unique_ptr<Stream> client_;
};

TEST_F(ConnectionTest, NoMoreIsBegunThanWhatTheClientTakes) {
  constexpr int asked = 300;
  send_fetches(asked);
  world_.loop().run_for(std::chrono::seconds(5));
  // As many replies as may lie unsent, and some fetches under way.
  const std::uint64_t most = ConnectionLimits().unsent_bytes_max / record_bytes + 10;
  EXPECT_LE(fetches_answered(), most);
  EXPECT_GT(fetches_answered(), most / 2);
  // Others are served, and whoever takes what is there gets it all, in order.
  EXPECT_EQ(world_.ask<wire::MetadataResponse>(wire::MetadataRequest(), 12).brokers.size(), 2u);
  for (int n = 0; n < asked; ++n) ASSERT_EQ(world_.loop().run(next_reply()), n);
}

}  // namespace
}  // namespace holdfast::test
