#include "broker/replication_quota.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ReplicationQuotaTest : public ::testing::Test {
 protected:
  ReplicationQuotaTest() { quota.set_rate(1000); }
  // Sends pieces as often as it may, looking every `pause`.
  std::int64_t send_for(Duration how_long, std::int64_t piece, Duration pause = milliseconds(10)) {
    std::int64_t sent = 0;
    for (const SteadyTime end = now + how_long; now < end; now += pause)
      if (!quota.is_exceeded(now)) quota.record(piece, now), sent += piece;
    return sent;
  }

  ReplicationQuota quota;
  SteadyTime now{seconds(1000)};
};

TEST_F(ReplicationQuotaTest, WithoutARateNothingIsHeldUp) {
  ReplicationQuota free;
  free.record(INT64_MAX, now);
  EXPECT_FALSE(free.is_exceeded(now));
  quota.record(5000, now);
  quota.set_rate(INT64_MAX);
  EXPECT_FALSE(quota.is_exceeded(now));
}

TEST_F(ReplicationQuotaTest, TheRateIsKeptAndReached) {
  send_for(seconds(5), 100);  // what was saved is used up
  const std::int64_t sent = send_for(seconds(60), 100);
  EXPECT_GE(sent, 59'000);
  EXPECT_LE(sent, 60'200);
}

TEST_F(ReplicationQuotaTest, OneThatGoesBeyondItIsPaidForByTheNext) {
  quota.record(1000, now);  // the second that was saved
  EXPECT_FALSE(quota.is_exceeded(now));
  quota.record(3000, now);
  EXPECT_EQ(quota.wait(now), seconds(3));
  now += milliseconds(2999);
  EXPECT_TRUE(quota.is_exceeded(now));
  now += milliseconds(1);
  EXPECT_FALSE(quota.is_exceeded(now));
}

TEST_F(ReplicationQuotaTest, OnlySoMuchIsSaved) {
  quota.record(1, now);
  now += seconds(3600);
  EXPECT_LE(send_for(seconds(1), 10), 2020);
}

TEST_F(ReplicationQuotaTest, OnlySoMuchIsOwed) {
  quota.record(1'000'000'000, now);
  EXPECT_EQ(quota.wait(now), seconds(11));
  quota.record(INT64_MAX, now);
  EXPECT_EQ(quota.wait(now), seconds(11));
}

TEST_F(ReplicationQuotaTest, ANewRateBeginsAnew) {
  quota.record(5000, now);
  quota.set_rate(1000);
  EXPECT_TRUE(quota.is_exceeded(now)) << "it is the same";
  quota.set_rate(2000);
  EXPECT_FALSE(quota.is_exceeded(now));
  quota.record(4000, now);
  EXPECT_EQ(quota.wait(now), seconds(1));
}

TEST_F(ReplicationQuotaTest, ARateOfNothingIsATrickle) {
  quota.set_rate(0);
  quota.record(100, now);
  EXPECT_EQ(quota.wait(now), seconds(11));
}

TEST(ThrottledReplicas, AreNamedByPartitionAndBroker) {
  EXPECT_FALSE(names_replica("", 0, 1));
  EXPECT_TRUE(names_replica("*", 7, 9));
  EXPECT_TRUE(names_replica("0:1,2:3", 2, 3));
  EXPECT_TRUE(names_replica("0:1, 2:3 ", 2, 3));
  EXPECT_FALSE(names_replica("0:1,2:3", 2, 1));
  EXPECT_FALSE(names_replica("0:1,2:3", 0, 3));
  EXPECT_FALSE(names_replica("12:3", 2, 3));
  EXPECT_FALSE(names_replica("2:33", 2, 3));
  EXPECT_FALSE(names_replica("2:x,:3,2:,2", 2, 3));
}

}  // namespace
}  // namespace holdfast
