// Three brokers in three racks: consumers read from the replica in their own rack (KIP-392), and who comes to a broker
// that does not lead is told where to go (KIP-951).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <set>
#include <string>

#include "tests/cluster/ensemble_processes.h"
#include "tests/cluster/rdkafka_client.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;
using Handle = std::unique_ptr<rd_kafka_t, void (*)(rd_kafka_t*)>;

Handle client(const std::string& brokers, const std::string& rack) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char error[512];
  const Settings settings{{"bootstrap.servers", brokers},
                          {"client.rack", rack},
                          {"group.id", "none"},
                          {"log_level", "2"},
                          {"fetch.wait.max.ms", "5000"}};
  for (const auto& [key, value] : settings)
    EXPECT_EQ(rd_kafka_conf_set(conf, key.c_str(), value.c_str(), error, sizeof error), RD_KAFKA_CONF_OK) << error;
  return {rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error), rd_kafka_destroy};
}

// Reads all partitions of the topic from their beginnings, and notes which brokers the records came from.
class RackConsumer {
 public:
  RackConsumer(const std::string& brokers, const std::string& rack, int partitions) : handle_(client(brokers, rack)) {
    rd_kafka_poll_set_consumer(handle_.get());
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
    for (int p = 0; p < partitions; ++p) rd_kafka_topic_partition_list_add(list, "t", p)->offset = 0;
    rd_kafka_assign(handle_.get(), list);
    rd_kafka_topic_partition_list_destroy(list);
  }
  ~RackConsumer() { rd_kafka_consumer_close(handle_.get()); }

  std::multiset<std::string> read(std::size_t count, seconds at_most) {
    std::multiset<std::string> out;
    const auto deadline = Clock::now() + at_most;
    while (out.size() < count && Clock::now() < deadline) {
      rd_kafka_message_t* m = rd_kafka_consumer_poll(handle_.get(), 100);
      if (!m) continue;
      if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        out.emplace(static_cast<const char*>(m->payload), m->len);
        sources.insert(rd_kafka_message_broker_id(m));
      }
      rd_kafka_message_destroy(m);
    }
    return out;
  }

  std::set<int> sources;

 private:
  Handle handle_;
};

class BrokerClusterOfRacks : public testing::Test {
 protected:
  static constexpr int partitions = 3;

  void SetUp() override {
    for (const int id : servers_.all())
      std::ofstream(servers_.config_file(id), std::ios::app) << "broker.rack=" << rack(id) << "\n";
    servers_.start_all();
    ASSERT_FALSE(HasFatalFailure());
    ASSERT_TRUE(wait_until([this] { return broker_ids(servers_.kafka()).size() == servers_.all().size(); }));
    ASSERT_EQ(create_topic(servers_.kafka(), "t", partitions, {{"min.insync.replicas", "3"}}, 3), "");
    ASSERT_TRUE(wait_until([this] { return under_replicated(servers_.kafka(), "t") == 0; }));
  }
  static std::string rack(int id) { return "rack" + std::to_string(id); }
  std::multiset<std::string> produce(int from, int to) {
    Producer producer(servers_.kafka(), {{"acks", "all"}});
    std::multiset<std::string> out;
    for (int i = from; i < to; ++i) {
      producer.send("t", i % partitions, std::to_string(i));
      out.insert(std::to_string(i));
    }
    EXPECT_EQ(producer.flush(), to - from);
    return out;
  }

  // A follower's fetch waits for longer than any of the tests: what it hears sooner, it was told at once.
  EnsembleProcesses servers_{
      {.brokers = true,
       .lines = {"replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector",
                 "replica.fetch.wait.max.ms=25000"}}};
};

TEST_F(BrokerClusterOfRacks, AConsumerReadsFromItsOwnRack) {
  const auto sent = produce(0, 300);
  for (const int id : servers_.all()) {
    RackConsumer consumer(servers_.kafka(), rack(id), partitions);
    EXPECT_EQ(consumer.read(300, seconds(30)), sent);
    EXPECT_EQ(consumer.sources, std::set<int>{id});
  }
}

TEST_F(BrokerClusterOfRacks, AFollowerLearnsAtOnceWhatItsConsumersMayRead) {
  produce(0, 300);
  RackConsumer consumer(servers_.kafka(), rack(2), partitions);
  ASSERT_EQ(consumer.read(300, seconds(30)).size(), 300u);
  for (int round = 0; round < 3; ++round) {
    const auto sent = produce(300 + round * partitions, 300 + (round + 1) * partitions);
    EXPECT_EQ(consumer.read(partitions, seconds(10)), sent);
  }
  EXPECT_EQ(consumer.sources, std::set<int>{2});
}

TEST_F(BrokerClusterOfRacks, AConsumerOfARackWithoutABrokerReadsFromTheLeaders) {
  const auto sent = produce(0, 300);
  RackConsumer consumer(servers_.kafka(), "elsewhere", partitions);
  EXPECT_EQ(consumer.read(300, seconds(30)), sent);
  EXPECT_EQ(consumer.sources, servers_.all());
}

// The wire's integers and strings, as far as one request needs them.
std::string big_endian(std::uint32_t value, int bytes = 4) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}
std::string compact(const std::string& text) { return static_cast<char>(text.size() + 1) + text; }

TEST_F(BrokerClusterOfRacks, AProducerAtTheWrongBrokerIsToldTheLeadersAddress) {
  // Produce version 10: acks=1, one partition of one topic, no records.
  const std::string none(1, '\0');
  const std::string partition = big_endian(0) + compact("") + none;
  const std::string body = big_endian(0, 2) + big_endian(10, 2) + big_endian(1) + big_endian(4, 2) + "test" + none +
                           none + big_endian(1, 2) + big_endian(1000) + "\x02" + compact("t") + "\x02" + partition +
                           none + none;
  const std::string request = big_endian(static_cast<std::uint32_t>(body.size())) + body;
  int told = 0;
  for (const int id : servers_.all()) {
    const std::string at = servers_.kafka({id});
    const std::string reply = exchange(static_cast<std::uint16_t>(std::stoi(at.substr(at.find(':') + 1))), request, 2);
    for (const int other : servers_.all_but(id)) {
      const std::string address = servers_.kafka({other});
      const auto port = static_cast<std::uint32_t>(std::stoi(address.substr(address.find(':') + 1)));
      const std::string endpoint = big_endian(static_cast<std::uint32_t>(other)) + compact("127.0.0.1") +
                                   big_endian(port) + compact(rack(other));
      if (reply.find(endpoint) != std::string::npos) ++told;
    }
  }
  EXPECT_EQ(told, 2) << "one of three leads";
}

}  // namespace
}  // namespace holdfast::test
