// Three brokers of which one has a disk that fills up: others lead what it led, and it comes back by itself when there
// is room. Whether it serves meanwhile what nobody else can lead is a matter of luck: of what its journal has left for
// the coordination log.
#include <gtest/gtest.h>

#include <vector>

#include "tests/cluster/broker_cluster.h"
#include "tests/cluster/ensemble_client.h"
#include "tests/cluster/loop_disk.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;

struct OneDisk {
  LoopDisk disk;
};

class BrokerClusterFullDisk : protected OneDisk, public BrokerCluster {
 protected:
  static constexpr int small = 1;
  static constexpr std::size_t value_bytes = 2000;

  BrokerClusterFullDisk() : BrokerCluster(with({.data = {{small, disk.data()}}})) {}

  void SetUp() override {
    if (!disk.fault().empty()) GTEST_SKIP() << "a small disk cannot be mounted here: " << disk.fault();
    BrokerCluster::SetUp();
  }
  // Partitions of the topic that it leads.
  std::vector<int> led(const std::string& topic, int count) {
    std::vector<int> out;
    EnsembleClient client(servers_.host(2));
    if (!client.wait_connected()) return {-1};
    client.sync();
    for (int p = 0; p < count; ++p) {
      const auto state = client.get("/brokers/topics/" + topic + "/partitions/" + std::to_string(p) + "/state");
      if (state.value_or("").find("\"leader\":" + std::to_string(small) + ",") != std::string::npos) out.push_back(p);
    }
    return out;
  }
};

TEST_F(BrokerClusterFullDisk, MovesLeadersAndNobodyWaitsForIt) {
  ASSERT_EQ(create_topic(servers_.kafka(), "single", 3, {}, 1), "");
  const std::vector<int> singles = led("single", 3);
  ASSERT_EQ(singles.size(), 1u);
  Producer producer(servers_.kafka(), {{"acks", "all"}, {"message.timeout.ms", "5000"}});
  producer.send("single", singles[0], "before");
  ASSERT_EQ(producer.flush(), 1);

  ProduceLoad load(servers_.kafka(), "journal", partitions, value_bytes, ProducedBy::holdfast);
  ASSERT_TRUE(load.wait_for_more_of_each(50));
  disk.fill();
  ASSERT_TRUE(wait_until([&] { return servers_.lines_with(small, "is full") > 0; }, seconds(60)));
  ASSERT_TRUE(wait_until([&] { return led("journal", partitions).empty(); }));
  EXPECT_TRUE(wait_until([&] { return under_replicated(servers_.kafka({2}), "journal") == partitions; }));
  ASSERT_TRUE(load.wait_for_more_of_each(200));
  EXPECT_TRUE(led("journal", partitions).empty());
  // What nobody else can lead is not written.
  producer.send("single", singles[0], "refused");
  EXPECT_EQ(producer.flush(20), 1) << "what was refused is acknowledged";

  disk.free();
  EXPECT_TRUE(healthy());
  EXPECT_GE(servers_.lines_with(small, "has space again"), 1);
  ASSERT_TRUE(load.wait_for_more_of_each(50));
  finish(load);
  Producer again(servers_.kafka(), {{"acks", "all"}});
  again.send("single", singles[0], "after");
  EXPECT_EQ(again.flush(), 1);
  EXPECT_EQ(values(consume(servers_.kafka(), "single", singles[0], 0, 2)),
            (std::vector<std::string>{"before", "after"}));
  for (const int id : servers_.all()) EXPECT_EQ(servers_.stop(id), 0);
}

}  // namespace
}  // namespace holdfast::test
