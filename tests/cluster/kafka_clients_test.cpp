// What users of Kafka do, with their own clients, against a real process: librdkafka, kcat, kafka-python.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "tests/cluster/rdkafka_client.h"
#include "tests/cluster/server_process.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class KafkaClients : public testing::Test {
 protected:
  void SetUp() override { server_.start(); }
  ServerProcess server_{{"group.initial.rebalance.delay.ms=0"}};
};

TEST_F(KafkaClients, KcatProducesAndConsumes) {
  const auto sent =
      run_command({"kcat", "-b", server_.kafka(), "-t", "greetings", "-P", "-K", ":"}, "a:one\nb:two\nc:three\n");
  ASSERT_EQ(sent.status, 0) << sent.errors;
  const auto got =
      run_command({"kcat", "-b", server_.kafka(), "-t", "greetings", "-C", "-e", "-q", "-f", "%o %k=%s\n"});
  EXPECT_EQ(got.status, 0) << got.errors;
  EXPECT_EQ(got.output, "0 a=one\n1 b=two\n2 c=three\n");
}

TEST_F(KafkaClients, EveryCompressionComesBackAsItWent) {
  for (const std::string codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    Producer producer(server_.kafka(), {{"compression.codec", codec}, {"linger.ms", "50"}});
    std::vector<std::string> sent;
    for (int i = 0; i < 200; ++i) {
      sent.push_back(codec + std::string(100, 'x') + std::to_string(i));
      producer.send("codec-" + codec, 0, sent.back());
    }
    EXPECT_EQ(producer.flush(), 200) << codec;
    EXPECT_EQ(values(consume(server_.kafka(), "codec-" + codec, 0, 0, 200)), sent) << codec;
  }
}

TEST_F(KafkaClients, ATopicMayBeCalledLikeTheServersOwnFiles) {
  for (const std::string name : {"journal", "journal-0", "journal.0", "coordination", "meta.properties"}) {
    Producer producer(server_.kafka(), {{"message.timeout.ms", "20000"}});
    producer.send(name, 0, name);
    EXPECT_EQ(producer.flush(), 1) << name;
  }
  EXPECT_EQ(create_topic(server_.kafka(), "__coordination", 1), "TOPIC_EXCEPTION");
  server_.kill();
  server_.start();
  for (const std::string name : {"journal", "journal-0", "journal.0", "coordination", "meta.properties"})
    EXPECT_EQ(values(consume(server_.kafka(), name, 0, 0, 1)), std::vector<std::string>{name});
}

TEST_F(KafkaClients, EveryAcksIsAnswered) {
  for (const std::string acks : {"0", "1", "all"}) {
    Producer producer(server_.kafka(), {{"acks", acks}});
    for (int i = 0; i < 20; ++i) producer.send("acks-" + acks, 0, std::to_string(i));
    EXPECT_EQ(producer.flush(), 20) << acks;
    EXPECT_EQ(consume(server_.kafka(), "acks-" + acks, 0, 0, 20).size(), 20u) << acks;
  }
}

TEST_F(KafkaClients, AnIdempotentProducerWritesEachRecordOnceInOrder) {
  Producer producer(server_.kafka(),
                    {{"enable.idempotence", "true"}, {"max.in.flight", "5"}, {"batch.num.messages", "10"}});
  std::vector<std::string> sent;
  for (int i = 0; i < 1000; ++i) {
    sent.push_back(std::to_string(i));
    producer.send("once", 0, sent.back());
  }
  EXPECT_EQ(producer.flush(), 1000);
  EXPECT_EQ(values(consume(server_.kafka(), "once", 0, 0, 1000)), sent);
}

TEST_F(KafkaClients, RecordsAreFoundByOffsetAndByTime) {
  Producer producer(server_.kafka(), {});
  for (int i = 0; i < 10; ++i) producer.send("times", 0, std::to_string(i), 1'700'000'000'000 + i * 1000);
  ASSERT_EQ(producer.flush(), 10);
  EXPECT_THAT(values(consume(server_.kafka(), "times", 0, 7, 3)), ElementsAre("7", "8", "9"));
  EXPECT_EQ(offset_for_time(server_.kafka(), "times", 0, 1'700'000'004'500), 5);
  EXPECT_EQ(offset_for_time(server_.kafka(), "times", 0, 1'700'000'000'000), 0);
  const auto [low, high] = watermarks(server_.kafka(), "times", 0);
  EXPECT_EQ(low, 0);
  EXPECT_EQ(high, 10);
}

TEST_F(KafkaClients, AGroupSharesPartitionsAndResumesWhereItCommitted) {
  ASSERT_EQ(create_topic(server_.kafka(), "shared", 4), "");
  std::set<std::string> seen;
  {
    GroupConsumer a(server_.kafka(), "team", "shared"), b(server_.kafka(), "team", "shared");
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const auto in_time = [&] { return std::chrono::steady_clock::now() < deadline; };
    while ((a.assigned() != 2 || b.assigned() != 2) && in_time()) {
      EXPECT_FALSE(a.poll(50));
      EXPECT_FALSE(b.poll(50));
    }
    ASSERT_EQ(a.assigned(), 2u);
    ASSERT_EQ(b.assigned(), 2u);
    Producer producer(server_.kafka(), {});
    for (int p = 0; p < 4; ++p)
      for (int i = 0; i < 25; ++i) producer.send("shared", p, std::to_string(p) + "-" + std::to_string(i));
    ASSERT_EQ(producer.flush(), 100);
    while (seen.size() < 100 && in_time()) {
      if (auto m = a.poll(50)) seen.insert(*m);
      if (auto m = b.poll(50)) seen.insert(*m);
    }
    EXPECT_EQ(seen.size(), 100u);
    EXPECT_EQ(a.commit(), "");
    EXPECT_EQ(b.commit(), "");
  }

  server_.kill();
  server_.start();
  Producer more(server_.kafka(), {});
  more.send("shared", 0, "after");
  ASSERT_EQ(more.flush(), 1);
  GroupConsumer again(server_.kafka(), "team", "shared");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::vector<std::string> resumed;
  while (resumed.empty() && std::chrono::steady_clock::now() < deadline)
    if (auto m = again.poll(100)) resumed.push_back(*m);
  EXPECT_THAT(resumed, ElementsAre("after"));
}

TEST_F(KafkaClients, KafkaPythonProducesConsumesAndAdministers) {
  if (!have_python("kafka")) GTEST_FAIL() << "python3-kafka is not installed";
  const std::string script = R"(
import sys
from kafka import KafkaProducer, KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
server = sys.argv[1]
admin = KafkaAdminClient(bootstrap_servers=server)
admin.create_topics([NewTopic('python', 2, 1)])
producer = KafkaProducer(bootstrap_servers=server, acks='all')
for i in range(20):
    producer.send('python', key=b'k%d' % i, value=b'v%d' % i, partition=i % 2).get(timeout=30)
consumer = KafkaConsumer('python', bootstrap_servers=server, group_id='snakes', auto_offset_reset='earliest', consumer_timeout_ms=20000)
got = set()
for m in consumer:
    got.add(m.value.decode())
    if len(got) == 20: break
consumer.commit()
print(len(got), sorted(admin.list_topics())[-1:], admin.list_consumer_group_offsets('snakes')[TopicPartition('python', 0)].offset)
)";
  const auto ran = run_command({"/usr/bin/python3", "-c", script, server_.kafka()}, {}, 120);
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_EQ(ran.output, "20 ['python'] 10\n") << ran.errors;
}

TEST_F(KafkaClients, DeletedTopicsComeBackEmpty) {
  ASSERT_EQ(create_topic(server_.kafka(), "phoenix", 1), "");
  Producer producer(server_.kafka(), {});
  producer.send("phoenix", 0, "old");
  ASSERT_EQ(producer.flush(), 1);
  ASSERT_EQ(delete_topic(server_.kafka(), "phoenix"), "");
  ASSERT_EQ(create_topic(server_.kafka(), "phoenix", 1), "");
  const auto [low, high] = watermarks(server_.kafka(), "phoenix", 0);
  EXPECT_EQ(low, 0);
  EXPECT_EQ(high, 0);
}

// The value of a metric's line on the page; nothing when there is no such line.
std::optional<double> metric(const std::string& page, const std::string& name) {
  const auto at = page.find("\n" + name + " ");
  if (at == std::string::npos) return std::nullopt;
  return std::stod(page.substr(at + name.size() + 2));
}

TEST_F(KafkaClients, TheMetricsPageCountsWhatTheyDid) {
  Producer producer(server_.kafka(), {{"acks", "all"}});
  for (int i = 0; i < 20; ++i) producer.send("counted", 0, "x");
  ASSERT_EQ(producer.flush(), 20);
  const auto joined = run_command({"kcat", "-b", server_.kafka(), "-G", "counters", "-e", "-q", "counted"});
  ASSERT_EQ(joined.status, 0) << joined.errors;
  const std::string page = exchange(server_.admin_port(), "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(metric(page, "holdfast_kafka_records_total"), 20);
  EXPECT_EQ(metric(page, "holdfast_kafka_partitions"), 51);  // the topic's and the 50 of __consumer_offsets
  EXPECT_EQ(metric(page, "holdfast_kafka_partitions_led"), 51);
  EXPECT_EQ(metric(page, "holdfast_kafka_partitions_offline"), 0);
  EXPECT_EQ(metric(page, "holdfast_kafka_partitions_under_replicated"), 0);
  EXPECT_EQ(metric(page, "holdfast_kafka_partitions_at_min_isr"), 51);  // they have one replica
  EXPECT_EQ(metric(page, "holdfast_kafka_replica_lag_max"), 0);
  EXPECT_EQ(metric(page, "holdfast_log_directories_offline"), 0);
  EXPECT_EQ(metric(page, "holdfast_kafka_active_controller"), 1);
  EXPECT_EQ(metric(page, "holdfast_kafka_cluster_partitions"), 51);
  EXPECT_EQ(metric(page, "holdfast_kafka_cluster_partitions_leaderless"), 0);
  EXPECT_EQ(metric(page, "holdfast_kafka_cluster_broker_leaders{broker=\"1\"}"), 51);
  EXPECT_EQ(metric(page, "holdfast_kafka_groups{state=\"Empty\"}"), 1);
  EXPECT_EQ(metric(page, "holdfast_log_directory_online{directory=\"" + server_.data() + "\"}"), 1);
  EXPECT_GT(metric(page, "holdfast_kafka_log_bytes"), 20);
  EXPECT_GT(metric(page, "holdfast_log_round_seconds_count"), 0);
  EXPECT_GT(metric(page, "coordination_log_sync_seconds_count"), 0);
  EXPECT_GT(metric(page, "process_resident_memory_bytes"), 1e6);
  // ZooKeeper's names: the broker's and the controller's registrations are ephemeral, of one session.
  EXPECT_EQ(metric(page, "ephemerals_count"), 2);
  EXPECT_EQ(metric(page, "global_sessions"), 1);
  EXPECT_GT(metric(page, "znode_count"), 100);
}

}  // namespace
}  // namespace holdfast::test
