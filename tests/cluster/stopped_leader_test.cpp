// A leader whose process stands still for a while and goes on as if nothing had happened: for less than its session
// lasts, for about as long, for much longer.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <thread>

#include "tests/cluster/broker_cluster.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;

class BrokerClusterStoppedLeader : public BrokerCluster {
 protected:
  // The quorum's leader or not: any of the three leads a third of the partitions.
  void stand_still(int id, seconds how_long) {
    servers_.signal(id, SIGSTOP);
    std::this_thread::sleep_for(how_long);
    servers_.signal(id, SIGCONT);
  }
  void loses_nothing(seconds how_long) {
    ProduceLoad load(servers_.kafka(), "journal", partitions);
    const int leader = servers_.wait_for_leader();
    for (const int id : {leader, leader % 3 + 1}) {
      ASSERT_TRUE(load.wait_for_more(500));
      stand_still(id, how_long);
      ASSERT_TRUE(healthy());
      ASSERT_TRUE(load.wait_for_more_of_each(50));
    }
    finish(load, how_long + seconds(30));
  }
};

TEST_F(BrokerClusterStoppedLeader, ForASecond) { loses_nothing(seconds(1)); }

// Its session lasts nine seconds: it wakes when others are about to lead, or just do.
TEST_F(BrokerClusterStoppedLeader, ForAsLongAsItsSession) { loses_nothing(seconds(10)); }

TEST_F(BrokerClusterStoppedLeader, ForLong) {
  if (!std::getenv("HOLDFAST_LONG_TESTS")) GTEST_SKIP() << "takes minutes; HOLDFAST_LONG_TESTS is not set";
  loses_nothing(seconds(40));
}

}  // namespace
}  // namespace holdfast::test
