// Three brokers that are one Kafka cluster, under load, while they die, stop, pause and come back. Whatever was
// acknowledged with acks=all is there afterwards: at its offset, once, in its producer's order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <iostream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "tests/cluster/ensemble_processes.h"
#include "tests/cluster/rdkafka_client.h"

namespace holdfast::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// Writes to every partition of a topic until it is stopped, and keeps a journal of what was acknowledged.
class ProduceLoad {
 public:
  ProduceLoad(std::string brokers, std::string topic, int partitions)
      : brokers_(std::move(brokers)), topic_(std::move(topic)), partitions_(partitions) {
    thread_ = std::thread([this] { run(); });
  }
  ~ProduceLoad() { stop(); }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::size_t acknowledged() const { return count_; }
  bool wait_for_more(std::size_t more) const {
    const std::size_t wanted = count_ + more;
    return wait_until([&] { return count_ >= wanted; }, seconds(60));
  }
  milliseconds longest_pause() const { return longest_pause_; }

  // Reads everything back.
  void check(const std::string& brokers) const {
    for (int p = 0; p < partitions_; ++p) {
      const auto [low, high] = watermarks(brokers, topic_, p);
      EXPECT_EQ(low, 0);
      std::map<std::int64_t, std::string> found;
      for (const Message& m : consume(brokers, topic_, p, 0, static_cast<std::size_t>(high))) found[m.offset] = m.value;
      ASSERT_EQ(found.size(), static_cast<std::size_t>(high)) << "partition " << p << " has gaps";
      std::set<std::string> once;
      int before = -1;
      for (const auto& [offset, value] : found) {
        EXPECT_TRUE(once.insert(value).second) << value << " is there twice";
        const int number = std::stoi(value.substr(value.find(':') + 1));
        EXPECT_GT(number, before) << "out of order at " << offset;
        before = number;
      }
      for (const auto& [where, value] : journal_)
        if (where.first == p)
          EXPECT_EQ(found[where.second], value)
              << "partition " << p << " offset " << where.second << " was acknowledged";
    }
  }

 private:
  void run() {
    Producer producer(brokers_, {{"acks", "all"},
                                 {"enable.idempotence", "true"},
                                 {"linger.ms", "1"},
                                 {"message.timeout.ms", "120000"},
                                 {"retry.backoff.ms", "50"},
                                 {"reconnect.backoff.ms", "20"},
                                 {"reconnect.backoff.max.ms", "200"},
                                 {"topic.metadata.refresh.interval.ms", "10000"}});
    int sent = 0;
    std::vector<std::size_t> waiting(static_cast<std::size_t>(partitions_));
    auto last = Clock::now();
    std::size_t seen = 0;
    const auto take = [&] {
      const auto& acknowledged = producer.acknowledged();
      if (acknowledged.size() > seen) {
        const auto now = Clock::now();
        longest_pause_ = std::max(longest_pause_, std::chrono::duration_cast<milliseconds>(now - last));
        last = now;
      }
      for (; seen < acknowledged.size(); ++seen) {
        const auto& [offset, value] = acknowledged[seen];
        journal_[{std::stoi(value), offset}] = value;
        --waiting[static_cast<std::size_t>(std::stoi(value))];
      }
      count_ = seen;
    };
    while (!stopping_) {
      // librdkafka waits for a broker that stands still as long as a message may take: the other partitions go on.
      for (int i = 0; i < 2 * partitions_; ++i, ++sent) {
        const int partition = sent % partitions_;
        if (waiting[static_cast<std::size_t>(partition)] >= waiting_max) continue;
        ++waiting[static_cast<std::size_t>(partition)];
        producer.send(topic_, partition, std::to_string(partition) + ":" + std::to_string(sent));
      }
      producer.poll(5);
      take();
    }
    producer.flush(90);
    take();
  }

  static constexpr std::size_t waiting_max = 200;  // of a partition
  std::string brokers_, topic_;
  int partitions_;
  std::map<std::pair<int, std::int64_t>, std::string> journal_;
  milliseconds longest_pause_{0};
  std::atomic<std::size_t> count_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

class BrokerCluster : public testing::Test {
 protected:
  static constexpr int partitions = 6;

  void SetUp() override {
    servers_.start_all();
    ASSERT_FALSE(HasFatalFailure());
    ASSERT_TRUE(wait_until([this] { return brokers() == servers_.all().size(); }));
    ASSERT_EQ(create_topic(servers_.kafka(), "journal", partitions, {{"min.insync.replicas", "2"}}, 3), "");
  }
  // That are registered, as any one of those that run tells.
  std::size_t brokers() {
    for (const int id : servers_.all())
      if (servers_.running(id)) return broker_ids(servers_.kafka({id})).size();
    return 0;
  }
  // Every partition has all its replicas in sync again, and every broker knows it.
  bool healthy() {
    const auto all_know = [this] {
      for (const int id : servers_.all())
        if (under_replicated(servers_.kafka({id}), "journal") != 0) return false;
      return true;
    };
    return wait_until(all_know, seconds(60));
  }
  void finish(ProduceLoad& load) {
    load.stop();
    load.check(servers_.kafka());
    std::cout << "acknowledged: " << load.acknowledged() << ", longest pause: " << load.longest_pause().count()
              << " ms\n";
    EXPECT_LT(load.longest_pause(), seconds(30));
  }

  explicit BrokerCluster(bool proxied = false, const std::string& more = "num.partitions=3")
      : servers_({.proxied = proxied,
                  .brokers = true,
                  .lines = {"default.replication.factor=3", "offsets.topic.num.partitions=5",
                            "replica.lag.time.max.ms=5000", "log.segment.delete.delay.ms=0", more}}) {}

  void let_brokers_die(std::initializer_list<int> ids) {
    ProduceLoad load(servers_.kafka(), "journal", partitions);
    for (const int dead : ids) {
      ASSERT_TRUE(load.wait_for_more(500));
      servers_.kill(dead);
      ASSERT_TRUE(load.wait_for_more(500));
      servers_.start(dead);
      ASSERT_TRUE(healthy());
    }
    finish(load);
  }

  EnsembleProcesses servers_;
};

TEST_F(BrokerCluster, TheDeathOfABrokerLosesNothingThatWasAcknowledged) { let_brokers_die({1, 2, 3, 1}); }

class BrokerClusterOfShards : public BrokerCluster {
 protected:
  BrokerClusterOfShards() : BrokerCluster(false, "num.shards=3") {}
};

TEST_F(BrokerClusterOfShards, TheDeathOfABrokerLosesNothingThatWasAcknowledged) { let_brokers_die({1, 2, 3}); }

TEST_F(BrokerCluster, ARollingRestartIsHardlyNoticed) {
  ProduceLoad load(servers_.kafka(), "journal", partitions);
  for (const int id : servers_.all()) {
    ASSERT_TRUE(load.wait_for_more(500));
    EXPECT_EQ(servers_.stop(id), 0);
    EXPECT_GE(servers_.lines_with(id, "handed over"), 1) << "nobody else led in its place before it stopped";
    ASSERT_TRUE(load.wait_for_more(500));
    servers_.start(id);
    ASSERT_TRUE(healthy());
  }
  finish(load);
}

TEST_F(BrokerCluster, ABrokerThatStoodStillAcknowledgesNothingThatItCannotKeep) {
  ProduceLoad load(servers_.kafka(), "journal", partitions);
  for (const int id : {1, 2}) {
    ASSERT_TRUE(load.wait_for_more(500));
    servers_.signal(id, SIGSTOP);
    ASSERT_TRUE(wait_until([&] { return broker_ids(servers_.kafka({id % 3 + 1})).size() == 2; }, seconds(60)));
    ASSERT_TRUE(load.wait_for_more(500));
    servers_.signal(id, SIGCONT);
    ASSERT_TRUE(healthy());
  }
  finish(load);
}

TEST_F(BrokerCluster, TheDeathOfAllLosesNothingThatWasAcknowledged) {
  ProduceLoad load(servers_.kafka(), "journal", partitions);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(load.wait_for_more(500));
    for (const int id : servers_.all()) servers_.kill(id);
    for (const int id : servers_.all()) servers_.start(id);
    ASSERT_TRUE(load.wait_for_more(500));
  }
  ASSERT_TRUE(healthy());
  finish(load);
}

TEST_F(BrokerCluster, AGroupGoesOnWhereItCommittedWhenItsCoordinatorDies) {
  Producer producer(servers_.kafka(), {{"acks", "all"}});
  for (int i = 0; i < 600; ++i) producer.send("journal", i % partitions, std::to_string(i));
  ASSERT_EQ(producer.flush(), 600);
  std::multiset<std::string> got;
  {
    GroupConsumer consumer(servers_.kafka(), "readers", "journal", {{"auto.offset.reset", "earliest"}});
    ASSERT_TRUE(wait_until(
        [&] {
          if (const auto value = consumer.poll(50)) got.insert(*value);
          return got.size() >= 300;
        },
        seconds(60)));
    ASSERT_EQ(consumer.commit(), "");
  }
  const int coordinator = coordinator_of(servers_.kafka(), "readers");
  ASSERT_NE(coordinator, 0);
  servers_.kill(coordinator);
  {
    GroupConsumer consumer(servers_.kafka(), "readers", "journal", {{"auto.offset.reset", "earliest"}});
    ASSERT_TRUE(wait_until(
        [&] {
          if (const auto value = consumer.poll(50)) got.insert(*value);
          return got.size() >= 600;
        },
        seconds(60)));
  }
  EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), 600u);
  EXPECT_EQ(got.size(), 600u) << "nothing is read twice that was committed";
}

TEST_F(BrokerCluster, AnEmptiedBrokerIsFilledAndLeadsAgain) {
  ProduceLoad load(servers_.kafka(), "journal", partitions);
  ASSERT_TRUE(load.wait_for_more(500));
  servers_.kill(3);
  for (const auto& entry : std::filesystem::directory_iterator(servers_.data(3)))
    if (entry.path().filename() != "myid") std::filesystem::remove_all(entry.path());
  ASSERT_TRUE(load.wait_for_more(500));
  servers_.start(3);
  ASSERT_TRUE(healthy());
  // Now the others go, one after the other: what it was filled with is all there is in between.
  for (const int id : {1, 2}) {
    servers_.kill(id);
    ASSERT_TRUE(load.wait_for_more(500));
    servers_.start(id);
    ASSERT_TRUE(healthy());
  }
  finish(load);
}

TEST_F(BrokerCluster, ATopicThatIsDeletedWhileABrokerIsAwayIsGoneThereToo) {
  servers_.kill(2);
  ASSERT_TRUE(wait_until([this] { return broker_ids(servers_.kafka({1})).size() == 2; }));
  ASSERT_EQ(delete_topic(servers_.kafka({1}), "journal"), "");
  // The name is used again: that is another topic.
  ASSERT_TRUE(wait_until(
      [this] { return create_topic(servers_.kafka({1}), "journal", 1, {{"min.insync.replicas", "1"}}, 2).empty(); }));
  Producer producer(servers_.kafka({1, 3}), {{"acks", "all"}});
  producer.send("journal", 0, "new");
  ASSERT_EQ(producer.flush(), 1);
  servers_.start(2);
  const auto has_logs = [this] {
    for (const auto& entry : std::filesystem::directory_iterator(servers_.data(2)))
      // What is on its way out is called so.
      if (entry.path().filename().string().starts_with("journal-") && entry.path().extension() == "") return true;
    return false;
  };
  EXPECT_TRUE(wait_until([&] { return !has_logs(); }));
  EXPECT_EQ(values(consume(servers_.kafka(), "journal", 0, 0, 1)), std::vector<std::string>{"new"});
}

class BrokerClusterPartition : public BrokerCluster {
 protected:
  BrokerClusterPartition() : BrokerCluster(true) {}
};

// Its clients and followers still reach it: it must find out by itself.
TEST_F(BrokerClusterPartition, ABrokerThatCannotReachTheQuorumLeadsNothing) {
  ProduceLoad load(servers_.kafka(), "journal", partitions);
  for (const int id : {1, 3}) {
    ASSERT_TRUE(load.wait_for_more(500));
    servers_.isolate(id);
    const int other = id % 3 + 1;
    ASSERT_TRUE(wait_until([&] { return broker_ids(servers_.kafka({other})).size() == 2; }, seconds(60)));
    ASSERT_TRUE(load.wait_for_more(500));
    EXPECT_GE(servers_.lines_with(id, "this broker leads nothing"), 1);
    servers_.heal();
    ASSERT_TRUE(healthy());
  }
  finish(load);
}

}  // namespace
}  // namespace holdfast::test
