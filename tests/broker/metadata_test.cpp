#include "broker/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace holdfast {
namespace {

using testing::ElementsAre;

std::vector<std::int32_t> leaders(const PartitionImages& partitions) {
  std::vector<std::int32_t> out;
  for (const PartitionImage& partition : partitions) out.push_back(partition.leader);
  return out;
}

TEST(PartitionImages, ACopyIsChangedByItselfAndSharesTheRest) {
  PartitionImages before;
  for (const std::int32_t leader : {1, 2, 3}) before.push_back({.leader = leader});
  PartitionImages after = before;
  after.at(1).leader = 7;
  after.at(1).isr = {7};
  EXPECT_THAT(leaders(before), ElementsAre(1, 2, 3));
  EXPECT_THAT(leaders(after), ElementsAre(1, 7, 3));
  EXPECT_TRUE(before[1].isr.empty());
  EXPECT_EQ(&before[0], &after[0]);
  EXPECT_NE(&before[1], &after[1]);
  EXPECT_EQ(&before[2], &after[2]);
}

TEST(PartitionImages, AreChangedInPlaceWhileNobodySharesThem) {
  PartitionImages partitions;
  partitions.push_back({.leader = 1});
  const PartitionImage* const place = &partitions[0];
  partitions.at(0).leader = 2;
  EXPECT_EQ(&partitions[0], place);
  EXPECT_EQ(partitions.front().leader, 2);
}

}  // namespace
}  // namespace holdfast
