// The client library against Apache Kafka: HOLDFAST_KAFKA says where it is (tests/foreign/client starts one); without
// it these tests are skipped.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "client/blocking.h"
#include "client/partitioner.h"
#include "runtime/random.h"

namespace holdfast::test {
namespace {

using namespace client;
using std::chrono::seconds;

class PeerTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* address = std::getenv("HOLDFAST_KAFKA");
    if (!address) GTEST_SKIP() << "HOLDFAST_KAFKA is not set";
    options_.bootstrap_servers = parse_bootstrap_servers(address).value();
    topic_ = "peer-" + to_hex_uuid(system_random()->uuid());
    blocking::Kafka kafka(options_);
    blocking::Admin admin(kafka);
    NewTopic wanted;
    wanted.name = topic_;
    wanted.partitions = 3;
    const auto created = admin([&](Admin& a) { return a.create_topics({wanted}); });
    ASSERT_TRUE(created.at(topic_)) << to_string(created.at(topic_).error());
  }

  struct Got {
    std::int32_t partition;
    std::int64_t offset, timestamp;
    std::string key, value;
  };
  std::vector<Got> read(std::size_t count) {
    blocking::Kafka kafka(options_);
    ConsumerOptions options;
    options.reset = OffsetReset::earliest;
    blocking::Consumer consumer(kafka, options);
    EXPECT_TRUE(consumer.assign({{topic_, 0}, {topic_, 1}, {topic_, 2}}));
    std::vector<Got> out;
    while (out.size() < count) {
      auto records = consumer.poll(seconds(30));
      if (!records || records->empty()) {
        ADD_FAILURE() << "only " << out.size() << " of " << count << " records came";
        break;
      }
      for (const RecordView& r : *records)
        out.push_back({records->partition->partition, r.offset, r.timestamp,
                       std::string(as_text(r.key.value_or(ByteView()))),
                       std::string(as_text(r.value.value_or(ByteView())))});
    }
    return out;
  }

  ClusterOptions options_;
  std::string topic_;
};

TEST_F(PeerTest, RecordsOfEveryCodecAndAcknowledgement) {
  std::size_t sent = 0;
  blocking::Kafka kafka(options_);
  for (const auto codec :
       {wire::Codec::none, wire::Codec::gzip, wire::Codec::snappy, wire::Codec::lz4, wire::Codec::zstd}) {
    for (const int acks : {-1, 1, 0}) {
      ProducerOptions options;
      options.codec = codec;
      options.acks = static_cast<std::int16_t>(acks);
      int failed = 0;
      options.on_delivery = [&](const Delivery&, const Failure* failure) { failed += failure ? 1 : 0; };
      blocking::Producer producer(kafka, std::move(options));
      for (int i = 0; i < 200; ++i, ++sent) {
        const std::string key = fmt::format("key-{}", i);
        producer.enqueue(ProducerRecord(topic_, key, fmt::format("{} {} {}", static_cast<int>(codec), acks, i)));
      }
      producer.flush();
      EXPECT_EQ(failed, 0);
    }
  }
  const auto got = read(sent);
  EXPECT_EQ(got.size(), sent);
  for (const Got& g : got) EXPECT_EQ(g.partition, partition_of_key(as_bytes(g.key), 3));
}

TEST_F(PeerTest, OffsetsAndTimesAreTheBrokers) {
  blocking::Kafka kafka(options_);
  blocking::Producer producer(kafka);
  for (int i = 0; i < 10; ++i) {
    ProducerRecord record(topic_, "v");
    record.partition = 1;
    record.timestamp = 1'700'000'000'000 + i;
    const auto sent = producer.send(record);
    ASSERT_TRUE(sent) << to_string(sent.error());
    EXPECT_EQ(sent->offset, i);
    EXPECT_EQ(sent->timestamp, 1'700'000'000'000 + i);
  }
  for (const Got& g : read(10)) EXPECT_EQ(g.timestamp, 1'700'000'000'000 + g.offset);
}

TEST_F(PeerTest, ATopicIsMadeByItsFirstRecord) {
  blocking::Kafka kafka(options_);
  blocking::Producer producer(kafka);
  const std::string name = topic_ + "-new";
  const auto sent = producer.send(ProducerRecord(name, "v"));
  ASSERT_TRUE(sent) << to_string(sent.error());
  EXPECT_EQ(sent->offset, 0);
}

TEST_F(PeerTest, WhatTheBrokerRefusesFails) {
  blocking::Kafka kafka(options_);
  ProducerOptions options;
  options.request_bytes_max = 8 << 20;
  blocking::Producer producer(kafka, std::move(options));
  const std::string large(3 << 20, 'x');
  const auto sent = producer.send(ProducerRecord(topic_, large));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, wire::ErrorCode::message_too_large);
  const auto next = producer.send(ProducerRecord(topic_, "small"));
  EXPECT_TRUE(next) << to_string(next.error());
}

}  // namespace
}  // namespace holdfast::test
