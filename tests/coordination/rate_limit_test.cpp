#include "coordination/rate_limit.h"

#include <gtest/gtest.h>

#include "tests/coordination/zk_client.h"
#include "tests/coordination/zk_world.h"

namespace holdfast::zk {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RateLimit, ReadsWhatItUnderstands) {
  EXPECT_EQ(Rates::parse("requests=100,bytes=65536"), (Rates{100, 65536}));
  EXPECT_EQ(Rates::parse("bytes=7"), (Rates{0, 7}));
  EXPECT_EQ(Rates::parse("requests=-1,bytes=x,,=,other=3"), Rates{});
  EXPECT_FALSE(Rates::parse("").any());
}

TEST(RateLimit, TakesASecondsWorthAtOnceAndThenItsRate) {
  RateLimit limit({10, 0});
  SteadyTime now{seconds(100)};
  for (int n = 0; n < 10; ++n) {
    ASSERT_EQ(limit.wait(now), Duration(0)) << n;
    limit.charge(1);
  }
  const Duration wait = limit.wait(now);
  EXPECT_GT(wait, milliseconds(50));
  EXPECT_LE(wait, milliseconds(100));
  int taken = 0;
  for (const SteadyTime end = now + seconds(5); now < end; now += milliseconds(1)) {
    if (limit.wait(now).count() > 0) continue;
    limit.charge(1);
    ++taken;
  }
  EXPECT_NEAR(taken, 50, 1);
}

TEST(RateLimit, ALargeRequestIsPaidOffBeforeTheNext) {
  RateLimit limit({0, 1000});
  const SteadyTime now{seconds(1)};
  ASSERT_EQ(limit.wait(now), Duration(0));
  limit.charge(5000);
  EXPECT_NEAR(std::chrono::duration<double>(limit.wait(now)).count(), 4.0, 0.1);
}

class RateTest : public ZkWorld {};

// The replies come all, in order; only later.
TEST_F(RateTest, ASubtreesRateSlowsWhoWritesThere) {
  start();
  ZkClient client(port());
  client.create("/tenant", "");
  client.create("/zookeeper/quota/tenant", "");
  client.create("/zookeeper/quota/tenant/zookeeper_rates", "requests=20");
  // It is taken note of within a tick.
  const auto one_second = [&](const std::string& path) {
    const auto end = std::chrono::steady_clock::now() + seconds(1);
    int done = 0;
    for (; std::chrono::steady_clock::now() < end; ++done) client.set(path, std::to_string(done));
    return done;
  };
  client.create("/free", "");
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  while (one_second("/tenant") > 45) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  EXPECT_LE(one_second("/tenant"), 25);
  EXPECT_GT(one_second("/free"), 30);
}

}  // namespace
}  // namespace holdfast::zk
