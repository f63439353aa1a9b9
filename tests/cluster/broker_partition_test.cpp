// Three brokers between which the network fails; clients reach all of them. Whoever leads, every partition goes on.
#include <gtest/gtest.h>

#include "tests/cluster/broker_cluster.h"
#include "tests/cluster/ensemble_client.h"

namespace holdfast::test {
namespace {

class BrokerClusterNetwork : public BrokerCluster {
 protected:
  BrokerClusterNetwork() : BrokerCluster(with({.proxied = true, .brokers_proxied = true})) {}

  void SetUp() override {
    if (const std::string why = no_private_mounts(); !why.empty())
      GTEST_SKIP() << "brokers cannot have their own names for each other here: " << why;
    BrokerCluster::SetUp();
  }
  int controller() {
    EnsembleClient client(servers_.hosts({1, 2, 3}));
    if (!client.wait_connected()) return 0;
    client.sync();
    const std::string field = "\"brokerid\":", said = client.get("/controller").value_or("");
    const auto at = said.find(field);
    return at == said.npos ? 0 : std::stoi(said.substr(at + field.size()));
  }
  // While the network is so, each partition takes records; afterwards all are in sync again.
  void goes_on(const ProduceLoad& load) {
    ASSERT_TRUE(load.wait_for_more_of_each(100)) << "a partition stands still";
    servers_.heal();
    ASSERT_TRUE(healthy());
    ASSERT_TRUE(load.wait_for_more_of_each(50));
  }
};

TEST_F(BrokerClusterNetwork, AnIsolatedControllerIsReplaced) {
  ProduceLoad load(servers_.kafka(), "journal", partitions);
  ASSERT_TRUE(load.wait_for_more_of_each(50));
  const int alone = controller();
  ASSERT_NE(alone, 0);
  servers_.isolate(alone);
  int elected = 0;
  ASSERT_TRUE(wait_until([&] {
    elected = 0;
    for (const int id : servers_.all_but(alone)) elected += servers_.lines_with(id, "is the controller now");
    return elected == 1;
  }));
  goes_on(load);
  EXPECT_EQ(servers_.lines_with(alone, "is no longer the controller"), 1);
  finish(load);
}

// Two that cannot talk to each other, and one that both can talk to.
TEST_F(BrokerClusterNetwork, ABridgeCarriesTheCluster) {
  ProduceLoad load(servers_.kafka(), "journal", partitions);
  ASSERT_TRUE(load.wait_for_more_of_each(50));
  // The quorum's leader is the bridge: only what the others fetch from each other is missing.
  int leader = servers_.wait_for_leader();
  const auto others = servers_.all_but(leader);
  servers_.separate(*others.begin(), *others.rbegin());
  goes_on(load);
  // It stands at one end: the other end does not hear it.
  leader = servers_.wait_for_leader();
  servers_.separate(leader, *servers_.all_but(leader).begin());
  goes_on(load);
  finish(load);
}

TEST_F(BrokerClusterNetwork, OneWayIsNotEnoughAndStopsNobody) {
  ProduceLoad load(servers_.kafka(), "journal", partitions);
  ASSERT_TRUE(load.wait_for_more_of_each(50));
  int leader = servers_.wait_for_leader();
  servers_.mute(leader, *servers_.all_but(leader).begin());
  goes_on(load);
  leader = servers_.wait_for_leader();
  for (const int other : servers_.all_but(leader)) servers_.mute(leader, other);
  goes_on(load);
  finish(load);
}

}  // namespace
}  // namespace holdfast::test
