#include "runtime/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace holdfast {
namespace {

TEST(SeededRandom, FollowsItsSeed) {
  auto one = seeded_random(7), same = seeded_random(7), other = seeded_random(8);
  std::vector<std::uint64_t> a, b, c;
  for (int i = 0; i < 100; ++i) {
    a.push_back(one->next());
    b.push_back(same->next());
    c.push_back(other->next());
  }
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
  EXPECT_EQ(std::set(a.begin(), a.end()).size(), 100u);
}

TEST(Random, FillsEveryByteOfAnySize) {
  for (auto* make : {+[] { return seeded_random(1); }, +[] { return system_random(); }}) {
    auto random = make();
    for (const std::size_t size : {1u, 7u, 64u, 200u, 256u, 257u, 5000u}) {
      std::vector<std::uint8_t> ever(size, 0);
      for (int round = 0; round < 20; ++round) {
        std::vector<std::uint8_t> bytes(size, 0);
        random->fill(bytes);
        for (std::size_t i = 0; i < size; ++i) ever[i] = static_cast<std::uint8_t>(ever[i] | bytes[i]);
      }
      // A byte that stays zero twenty times: 256^-20.
      EXPECT_EQ(std::ranges::count(ever, 0), 0) << size;
    }
  }
}

TEST(Random, BelowReachesAllValuesAndNoMore) {
  auto random = seeded_random(3);
  std::vector<int> seen(10);
  for (int i = 0; i < 10'000; ++i) ++seen[random->below(10)];
  for (const int n : seen) {
    EXPECT_GT(n, 800);
    EXPECT_LT(n, 1200);
  }
  EXPECT_EQ(random->below(1), 0u);
  EXPECT_LT(random->below(~std::uint64_t{0}), ~std::uint64_t{0});
}

TEST(Uuid, IsVersionFourAndNeverBeginsWithADash) {
  auto random = seeded_random(11);
  for (int i = 0; i < 2'000; ++i) {
    const Uuid id = random->uuid();
    EXPECT_EQ(id[6] >> 4, 4);
    EXPECT_EQ(id[8] >> 6, 2);
    EXPECT_NE(to_base64(id).front(), '-');
  }
}

TEST(Uuid, HasKafkasText) {
  // Uuid.fromString and toString of Kafka: base64url without padding.
  Uuid id{};
  EXPECT_EQ(to_base64(id), "AAAAAAAAAAAAAAAAAAAAAA");
  id[15] = 1;
  EXPECT_EQ(to_base64(id), "AAAAAAAAAAAAAAAAAAAAAQ");
  id.fill(0xff);
  EXPECT_EQ(to_base64(id), "_____________________w");
  EXPECT_EQ(to_hex_uuid(id), "ffffffff-ffff-ffff-ffff-ffffffffffff");
}

TEST(Uuid, TextGoesBothWays) {
  auto random = seeded_random(12);
  for (int i = 0; i < 1'000; ++i) {
    Uuid id;
    random->fill(id);
    Uuid back{};
    ASSERT_TRUE(from_base64(to_base64(id), back));
    EXPECT_EQ(back, id);
  }
}

TEST(Uuid, RefusesOtherText) {
  Uuid out{};
  EXPECT_FALSE(from_base64("", out));
  EXPECT_FALSE(from_base64("AAAAAAAAAAAAAAAAAAAAA", out));    // too short
  EXPECT_FALSE(from_base64("AAAAAAAAAAAAAAAAAAAAAAA", out));  // too long
  EXPECT_FALSE(from_base64("AAAAAAAAAAAAAAAAAAAAA+", out));   // the other alphabet
  EXPECT_FALSE(from_base64("AAAAAAAAAAAAAAAAAAAAAB", out));   // bits past the last byte
}

}  // namespace
}  // namespace holdfast
