// The blocking clients, against a node in this process.
#include "client/blocking.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "broker/embedded_node.h"

namespace holdfast::test {
namespace {

using namespace client;
using std::chrono::seconds;

class BlockingTest : public testing::Test {
 protected:
  BlockingTest() : node_(EmbeddedNode::start().value()) {}

  ClusterOptions cluster_options() const {
    ClusterOptions options;
    options.bootstrap_servers = {node_->kafka_endpoint()};
    return options;
  }
  static void create(blocking::Kafka& kafka, const std::string& topic, std::int32_t partitions) {
    blocking::Admin admin(kafka);
    NewTopic wanted;
    wanted.name = topic;
    wanted.partitions = partitions;
    const auto created = admin([&](Admin& a) { return a.create_topics({wanted}); });
    ASSERT_TRUE(created.at(topic)) << to_string(created.at(topic).error());
  }
  // Everything in a partition, as text.
  std::vector<std::string> read(const std::string& topic, std::int32_t partition, std::size_t count) {
    blocking::Kafka kafka(cluster_options());
    ConsumerOptions options;
    options.reset = OffsetReset::earliest;
    blocking::Consumer consumer(kafka, options);
    EXPECT_TRUE(consumer.assign({{topic, partition}}));
    std::vector<std::string> out;
    while (out.size() < count) {
      auto records = consumer.poll(seconds(20));
      if (!records || records->empty()) {
        ADD_FAILURE() << "only " << out.size() << " of " << count << " records came";
        break;
      }
      for (const RecordView& record : *records) out.emplace_back(as_text(record.value.value_or(ByteView())));
    }
    return out;
  }

  std::unique_ptr<EmbeddedNode> node_;
};

TEST_F(BlockingTest, ARecordIsSentAndRead) {
  blocking::Kafka kafka(cluster_options());
  create(kafka, "t", 1);
  blocking::Producer producer(kafka);
  auto sent = producer.send(ProducerRecord("t", "key", "value"));
  ASSERT_TRUE(sent) << to_string(sent.error());
  EXPECT_EQ(sent->topic, "t");
  EXPECT_EQ(sent->partition, 0);
  EXPECT_EQ(sent->offset, 0);
  EXPECT_EQ(read("t", 0, 1), std::vector<std::string>{"value"});
}

TEST_F(BlockingTest, WhatWasEnqueuedArrivesInOrder) {
  constexpr int count = 20'000;
  blocking::Kafka kafka(cluster_options());
  create(kafka, "t", 1);
  std::atomic<int> delivered{0}, failed{0};
  {
    ProducerOptions options;
    options.on_delivery = [&](const Delivery& d, const Failure* failure) {
      if (failure || d.offset != static_cast<std::int64_t>(d.tag)) ++failed;
      ++delivered;
    };
    blocking::Producer producer(kafka, std::move(options));
    for (int i = 0; i < count; ++i) {
      const std::string value = std::to_string(i);
      ProducerRecord record("t", value);
      record.tag = static_cast<std::uint64_t>(i);
      producer.enqueue(record);
    }
    producer.flush();
    EXPECT_EQ(delivered, count);
    EXPECT_EQ(failed, 0);
  }
  const auto got = read("t", 0, count);
  ASSERT_EQ(got.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) ASSERT_EQ(got[static_cast<std::size_t>(i)], std::to_string(i));
}

TEST_F(BlockingTest, EveryPartOfARecordCrosses) {
  blocking::Kafka kafka(cluster_options());
  create(kafka, "t", 3);
  const std::vector<wire::RecordHeader> headers{{"a", std::vector<std::uint8_t>{0, 1, 2}}, {"b", std::nullopt}};
  {
    blocking::Producer producer(kafka);
    ProducerRecord record;
    record.topic = "t";
    record.key = as_bytes("k");
    record.headers = headers;
    record.partition = 2;
    record.timestamp = 12'345;
    producer.enqueue(record);
  }
  ConsumerOptions options;
  options.reset = OffsetReset::earliest;
  blocking::Consumer consumer(kafka, options);
  ASSERT_TRUE(consumer.assign({{"t", 2}}));
  auto records = consumer.poll(seconds(20));
  ASSERT_TRUE(records) << to_string(records.error());
  ASSERT_EQ(records->size(), 1u);
  const RecordView& got = *records->begin();
  EXPECT_EQ(as_text(got.key.value()), "k");
  EXPECT_FALSE(got.value);
  EXPECT_EQ(got.timestamp, 12'345);
  const auto got_headers = got.headers();
  ASSERT_TRUE(got_headers);
  ASSERT_EQ(got_headers->size(), 2u);
  EXPECT_EQ((*got_headers)[0].key, "a");
  EXPECT_TRUE(std::ranges::equal((*got_headers)[0].value.value(), *headers[0].value));
  EXPECT_FALSE((*got_headers)[1].value);
}

TEST_F(BlockingTest, ManyThreadsMayEnqueue) {
  constexpr int threads = 4, each = 3000;
  blocking::Kafka kafka(cluster_options());
  create(kafka, "t", 1);
  {
    ProducerOptions options;
    options.buffer_bytes = 100'000;
    options.batch_bytes = 10'000;
    blocking::Producer producer(kafka, std::move(options));
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) producer.enqueue(ProducerRecord("t", fmt::format("{} {}", t, i)));
      });
    }
    for (std::thread& t : running) t.join();
  }
  std::vector<int> next(threads);
  for (const std::string& value : read("t", 0, threads * each)) {
    const int t = std::stoi(value), i = std::stoi(value.substr(value.find(' ')));
    ASSERT_EQ(i, next.at(static_cast<std::size_t>(t))++) << "of thread " << t;
  }
}

TEST_F(BlockingTest, ARecordThatIsNotAcceptedIsReported) {
  blocking::Kafka kafka(cluster_options());
  std::atomic<int> too_large{0}, all{0};
  ProducerOptions options;
  options.on_delivery = [&](const Delivery& d, const Failure* failure) {
    ++all;
    if (failure && failure->code == wire::ErrorCode::message_too_large && d.tag == 7) ++too_large;
  };
  blocking::Producer producer(kafka, std::move(options));
  const std::string large(2 << 20, 'x');
  ProducerRecord record("t", large);
  record.tag = 7;
  producer.enqueue(record);
  producer.flush();
  EXPECT_EQ(all, 1);
  EXPECT_EQ(too_large, 1);
}

TEST_F(BlockingTest, AGroupGoesOnWhereItHasStopped) {
  {
    blocking::Kafka kafka(cluster_options());
    create(kafka, "t", 1);
    blocking::Producer producer(kafka);
    for (int i = 0; i < 10; ++i) producer.enqueue(ProducerRecord("t", std::to_string(i)));
  }
  std::vector<std::string> got;
  for (int turn = 0; turn < 2; ++turn) {
    blocking::Kafka kafka(cluster_options());
    ConsumerOptions options;
    options.group_id = "g";
    options.reset = OffsetReset::earliest;
    options.poll_records_max = 5;
    options.auto_commit = false;
    blocking::Consumer consumer(kafka, options);
    ASSERT_TRUE(consumer.subscribe({"t"}));
    auto records = consumer.poll(seconds(20));
    ASSERT_TRUE(records) << to_string(records.error());
    for (const RecordView& record : *records) got.emplace_back(as_text(record.value.value()));
    auto committed = consumer.commit();
    ASSERT_TRUE(committed) << to_string(committed.error());
  }
  EXPECT_EQ(got, (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
}

TEST_F(BlockingTest, ZnodesThroughTheSameNode) {
  ZooKeeperOptions options;
  options.servers.servers = {node_->zookeeper_endpoint()};
  blocking::ZooKeeper zk(options);
  auto created = zk([](ZooKeeper& z) { return z.create("/a", "data"); });
  ASSERT_TRUE(created) << to_string(created.error());
  auto got = zk([](ZooKeeper& z) { return z.get("/a"); });
  ASSERT_TRUE(got) << to_string(got.error());
  EXPECT_EQ(got->data, "data");
  auto brokers = zk([](ZooKeeper& z) { return z.children("/brokers/ids"); });
  ASSERT_TRUE(brokers);
  EXPECT_EQ(brokers->names.size(), 1u);
}

}  // namespace
}  // namespace holdfast::test
