#include "client/partitioner.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace holdfast::test {
namespace {

using namespace client;

// Of Kafka's UtilsTest.testMurmur2.
TEST(Partitioner, MurmurIsKafkas) {
  const auto hash = [](std::string_view text) { return static_cast<std::int32_t>(murmur2(as_bytes(text))); };
  EXPECT_EQ(hash("21"), -973932308);
  EXPECT_EQ(hash("foobar"), -790332482);
  EXPECT_EQ(hash("a-little-bit-long-string"), -985981536);
  EXPECT_EQ(hash("a-little-bit-longer-string"), -1486304829);
  EXPECT_EQ(hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
  EXPECT_EQ(hash("abc"), 479470107);
}

TEST(Partitioner, AKeysPartitionIsThatOfJava) {
  // (murmur2 & 0x7fffffff) % n: the sign bit is dropped, the number is not negated.
  EXPECT_EQ(partition_of_key(as_bytes("21"), 10), (-973932308 & 0x7fffffff) % 10);
  EXPECT_EQ(partition_of_key(as_bytes("abc"), 7), 479470107 % 7);
  EXPECT_EQ(partition_of_key(as_bytes("foobar"), 1), 0);
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "key-" + std::to_string(i);
    const std::int32_t p = partition_of_key(as_bytes(key), 3);
    EXPECT_GE(p, 0);
    EXPECT_LT(p, 3);
  }
}

TEST(Partitioner, ShortQueuesAreLikelier) {
  const auto random = seeded_random(1);
  const std::array<std::int32_t, 4> queued{0, 9, closed_queue, 4};
  std::array<int, 4> chosen{};
  for (int i = 0; i < 10'000; ++i) {
    const std::int32_t p = partition_by_load(queued, *random);
    ASSERT_GE(p, 0);
    ++chosen.at(static_cast<std::size_t>(p));
  }
  EXPECT_EQ(chosen[2], 0);
  // In proportion to 10, 1 and 6 of 17.
  EXPECT_NEAR(chosen[0], 5882, 300);
  EXPECT_NEAR(chosen[1], 588, 150);
  EXPECT_NEAR(chosen[3], 3529, 300);
}

TEST(Partitioner, NoneIsOpen) {
  const auto random = seeded_random(1);
  const std::array<std::int32_t, 2> queued{closed_queue, closed_queue};
  EXPECT_EQ(partition_by_load(queued, *random), -1);
  EXPECT_EQ(partition_by_load({}, *random), -1);
}

}  // namespace
}  // namespace holdfast::test
