// Three brokers that are one Kafka cluster, under load, while they die, stop, pause and come back. Whatever was
// acknowledged with acks=all is there afterwards: at its offset, once, in its producer's order.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <set>

#include "tests/cluster/broker_cluster.h"
#include "tests/cluster/ensemble_client.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;

class BrokerClusterDeaths : public BrokerCluster {
 protected:
  using BrokerCluster::BrokerCluster;

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
};

TEST_F(BrokerClusterDeaths, LoseNothingThatWasAcknowledged) { let_brokers_die({1, 2, 3, 1}); }

class BrokerClusterOfShardsDeaths : public BrokerClusterDeaths {
 protected:
  BrokerClusterOfShardsDeaths() : BrokerClusterDeaths(with({}, {"num.shards=3"})) {}
};

TEST_F(BrokerClusterOfShardsDeaths, LoseNothingThatWasAcknowledged) { let_brokers_die({1, 2, 3}); }

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

// One write for each partition puts it out of sync, and nothing more is written when it is gone.
TEST_F(BrokerCluster, ABrokerThatStopsIsNotTakenBackIntoWhatItLeft) {
  constexpr int wide = 60;
  ASSERT_EQ(create_topic(servers_.kafka(), "wide", wide, {}, 3), "");
  ASSERT_TRUE(wait_until([this] { return under_replicated(servers_.kafka({1}), "wide") == 0; }));
  EnsembleClient client(servers_.hosts({1, 2}));
  ASSERT_TRUE(client.wait_connected());
  const auto versions = [&client] {
    std::vector<int> out;
    EXPECT_EQ(client.sync(), ZOK);
    for (int i = 0; i < wide; ++i) {
      Stat stat{};
      const std::string path = "/brokers/topics/wide/partitions/" + std::to_string(i) + "/state";
      EXPECT_EQ(zoo_exists(client.handle(), path.c_str(), 0, &stat), ZOK);
      out.push_back(stat.version);
    }
    return out;
  };
  std::vector<int> expected = versions();
  for (int& version : expected) ++version;
  EXPECT_EQ(servers_.stop(3), 0);
  EXPECT_EQ(versions(), expected);
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
  ProduceLoad load(servers_.kafka(), "journal", partitions, 0, ProducedBy::holdfast);
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
  ProduceLoad load(servers_.kafka(), "journal", partitions, 0, ProducedBy::holdfast);
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
  BrokerClusterPartition() : BrokerCluster(with({.proxied = true})) {}
};

// Its clients and followers still reach it: it must find out by itself.
TEST_F(BrokerClusterPartition, ABrokerThatCannotReachTheQuorumLeadsNothing) {
  // This client prefers who has least to do, and that is who leads nothing.
  ProduceLoad load(servers_.kafka(), "journal", partitions, 0, ProducedBy::holdfast);
  for (const int id : {1, 3}) {
    ASSERT_TRUE(load.wait_for_more_of_each(100));
    servers_.isolate(id);
    const int other = id % 3 + 1;
    ASSERT_TRUE(wait_until([&] { return broker_ids(servers_.kafka({other})).size() == 2; }, seconds(60)));
    ASSERT_TRUE(load.wait_for_more_of_each(100));
    EXPECT_GE(servers_.lines_with(id, "this broker leads nothing"), 1);
    // Nobody is sent to it, by itself least of all.
    const std::set<int> named = broker_ids(servers_.kafka({id}));
    EXPECT_EQ(named.size(), 2u);
    EXPECT_FALSE(named.contains(id));
    servers_.heal();
    ASSERT_TRUE(healthy());
  }
  finish(load);
}

}  // namespace
}  // namespace holdfast::test
