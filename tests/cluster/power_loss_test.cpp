// Three brokers whose disks lose what was not synced, one at a time or all at once.
#include <gtest/gtest.h>

#include <array>

#include "tests/cluster/broker_cluster.h"
#include "tests/cluster/loop_disk.h"

namespace holdfast::test {
namespace {

struct ThreeDisks {
  std::array<LoopDisk, 3> disks;
  LoopDisk& disk(int id) { return disks.at(static_cast<std::size_t>(id) - 1); }
};

class BrokerClusterPowerLoss : protected ThreeDisks, public BrokerCluster {
 protected:
  BrokerClusterPowerLoss()
      : BrokerCluster(with({.data = {{1, disk(1).data()}, {2, disk(2).data()}, {3, disk(3).data()}}})) {}

  void SetUp() override {
    for (const LoopDisk& d : disks)
      if (!d.fault().empty()) GTEST_SKIP() << "a disk that can fail cannot be mounted here: " << d.fault();
    for (const LoopDisk& d : disks) d.sync();  // what the test has put there: a server's myid
    BrokerCluster::SetUp();
  }
  void lose_power(const std::set<int>& ids) {
    for (const int id : ids) servers_.freeze(id);
    for (const int id : ids) disk(id).fail();
    for (const int id : ids) servers_.kill(id);
    for (const int id : ids) disk(id).mend();
  }
};

TEST_F(BrokerClusterPowerLoss, OfOneLosesNothingThatWasAcknowledged) {
  ProduceLoad load(servers_.kafka(), "journal", partitions);
  for (const int id : {1, 2}) {
    ASSERT_TRUE(load.wait_for_more_of_each(100));
    lose_power({id});
    ASSERT_TRUE(load.wait_for_more_of_each(100));
    servers_.start(id);
    ASSERT_TRUE(healthy());
  }
  finish(load);
}

TEST_F(BrokerClusterPowerLoss, OfAllLosesNothingThatWasAcknowledged) {
  ProduceLoad load(servers_.kafka(), "journal", partitions, 0, ProducedBy::holdfast);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(load.wait_for_more_of_each(100));
    lose_power(servers_.all());
    for (const int id : servers_.all()) servers_.start(id);
    ASSERT_TRUE(load.wait_for_more_of_each(100));
  }
  ASSERT_TRUE(healthy());
  finish(load);
  load.check_with_kafka_python(servers_.kafka());
}

}  // namespace
}  // namespace holdfast::test
