// Kafka's rules for leader epochs (LeaderEpochFileCache), and its checkpoint file.
#include "log/leader_epochs.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace holdfast::test {
namespace {

using Entries = std::vector<LeaderEpochs::Entry>;

LeaderEpochs::Entry entry(std::int32_t epoch, std::int64_t start) { return {LeaderEpoch(epoch), Offset(start)}; }

// By assignment, each of which must change something.
LeaderEpochs epochs(std::initializer_list<std::pair<std::int32_t, std::int64_t>> entries) {
  LeaderEpochs out;
  for (const auto& [epoch, start] : entries) EXPECT_TRUE(out.assign(LeaderEpoch(epoch), Offset(start)));
  return out;
}

// ---- assign ----

TEST(LeaderEpochs, AnEpochIsKnownFromItsFirstOffset) {
  LeaderEpochs e;
  EXPECT_FALSE(e.latest());
  EXPECT_TRUE(e.assign(LeaderEpoch(0), Offset(0)));
  EXPECT_TRUE(e.assign(LeaderEpoch(3), Offset(10)));
  EXPECT_EQ(e.latest(), LeaderEpoch(3));
  EXPECT_EQ(e.entries(), (Entries{entry(0, 0), entry(3, 10)}));
}

TEST(LeaderEpochs, LaterBatchesOfTheSameEpochChangeNothing) {
  LeaderEpochs e = epochs({{2, 10}});
  EXPECT_FALSE(e.assign(LeaderEpoch(2), Offset(10)));
  EXPECT_FALSE(e.assign(LeaderEpoch(2), Offset(11)));
  EXPECT_FALSE(e.assign(LeaderEpoch(2), Offset(1000)));
  EXPECT_EQ(e.entries(), (Entries{entry(2, 10)}));
}

TEST(LeaderEpochs, TheSameEpochFromAnEarlierOffsetMovesItBack) {
  LeaderEpochs e = epochs({{1, 5}, {2, 10}});
  EXPECT_TRUE(e.assign(LeaderEpoch(2), Offset(8)));
  EXPECT_EQ(e.entries(), (Entries{entry(1, 5), entry(2, 8)}));
}

TEST(LeaderEpochs, AnEpochThatWroteNothingIsReplaced) {
  LeaderEpochs e = epochs({{1, 5}, {2, 10}});
  EXPECT_TRUE(e.assign(LeaderEpoch(3), Offset(10)));
  EXPECT_EQ(e.entries(), (Entries{entry(1, 5), entry(3, 10)}));
}

TEST(LeaderEpochs, ALowerEpochContradictsThoseAboveIt) {
  LeaderEpochs e = epochs({{1, 5}, {3, 10}, {5, 20}});
  EXPECT_TRUE(e.assign(LeaderEpoch(2), Offset(30)));
  EXPECT_EQ(e.entries(), (Entries{entry(1, 5), entry(2, 30)}));
}

TEST(LeaderEpochs, AnEarlierOffsetContradictsThoseBehindIt) {
  LeaderEpochs e = epochs({{1, 5}, {3, 10}, {5, 20}});
  EXPECT_TRUE(e.assign(LeaderEpoch(6), Offset(7)));
  EXPECT_EQ(e.entries(), (Entries{entry(1, 5), entry(6, 7)}));
  EXPECT_TRUE(e.assign(LeaderEpoch(7), Offset(0)));
  EXPECT_EQ(e.entries(), (Entries{entry(7, 0)}));
}

// ---- lookups ----

TEST(LeaderEpochs, EndOfAnEpochIsTheStartOfTheNext) {
  const LeaderEpochs e = epochs({{2, 10}, {3, 20}, {7, 40}});
  const auto end = [&](std::int32_t epoch) {
    const auto [found, offset] = e.end_offset_for(LeaderEpoch(epoch), Offset(100));
    return std::pair(found.value, offset.value);
  };
  EXPECT_EQ(end(2), std::pair(2, 20L));
  EXPECT_EQ(end(3), std::pair(3, 40L));
  EXPECT_EQ(end(7), std::pair(7, 100L)) << "the latest is still being written";
  EXPECT_EQ(end(5), std::pair(3, 40L)) << "one we have not seen: the one before it";
  EXPECT_EQ(end(6), std::pair(3, 40L));
  EXPECT_EQ(end(8), std::pair(-1, -1L)) << "above all that is known";
  EXPECT_EQ(end(INT32_MAX), std::pair(-1, -1L));
  EXPECT_EQ(end(1), std::pair(1, 10L)) << "its records are gone: a follower goes on from the first offset there is";
  EXPECT_EQ(end(0), std::pair(0, 10L));
  EXPECT_EQ(end(-1), std::pair(-1, -1L));
  EXPECT_EQ(end(INT32_MIN), std::pair(INT32_MIN, 10L))
      << "only -1 means none; Kafka answers the others as any low epoch";
}

TEST(LeaderEpochs, NothingIsKnownOfAnEmptyLog) {
  const LeaderEpochs e;
  EXPECT_EQ(e.end_offset_for(LeaderEpoch(0), Offset(0)), std::pair(LeaderEpoch(-1), Offset(-1)));
  EXPECT_EQ(e.end_offset_for(LeaderEpoch(-1), Offset(0)), std::pair(LeaderEpoch(-1), Offset(-1)));
  EXPECT_FALSE(e.epoch_at(Offset(0)));
}

TEST(LeaderEpochs, EveryOffsetHasTheEpochThatWroteIt) {
  const LeaderEpochs e = epochs({{2, 10}, {3, 20}, {7, 40}});
  EXPECT_FALSE(e.epoch_at(Offset(-1)));
  EXPECT_FALSE(e.epoch_at(Offset(9)));
  EXPECT_EQ(e.epoch_at(Offset(10)), LeaderEpoch(2));
  EXPECT_EQ(e.epoch_at(Offset(19)), LeaderEpoch(2));
  EXPECT_EQ(e.epoch_at(Offset(20)), LeaderEpoch(3));
  EXPECT_EQ(e.epoch_at(Offset(39)), LeaderEpoch(3));
  EXPECT_EQ(e.epoch_at(Offset(40)), LeaderEpoch(7));
  EXPECT_EQ(e.epoch_at(Offset(INT64_MAX)), LeaderEpoch(7));
}

// ---- truncation ----

TEST(LeaderEpochs, TruncationFromTheEndDropsWhatBeginsThereOrLater) {
  const auto after = [](std::int64_t end) {
    LeaderEpochs e = epochs({{2, 10}, {3, 20}, {7, 40}});
    e.truncate_from_end(Offset(end));
    return e.entries();
  };
  EXPECT_EQ(after(100), (Entries{entry(2, 10), entry(3, 20), entry(7, 40)}));
  EXPECT_EQ(after(41), (Entries{entry(2, 10), entry(3, 20), entry(7, 40)}));
  EXPECT_EQ(after(40), (Entries{entry(2, 10), entry(3, 20)}));
  EXPECT_EQ(after(21), (Entries{entry(2, 10), entry(3, 20)}));
  EXPECT_EQ(after(11), (Entries{entry(2, 10)}));
  EXPECT_EQ(after(10), Entries{});
  EXPECT_EQ(after(0), Entries{});
}

TEST(LeaderEpochs, TruncationFromTheStartMovesTheEpochThatCoversIt) {
  const auto after = [](std::int64_t start) {
    LeaderEpochs e = epochs({{2, 10}, {3, 20}, {7, 40}});
    e.truncate_from_start(Offset(start));
    return e.entries();
  };
  EXPECT_EQ(after(0), (Entries{entry(2, 10), entry(3, 20), entry(7, 40)}));
  EXPECT_EQ(after(10), (Entries{entry(2, 10), entry(3, 20), entry(7, 40)}));
  EXPECT_EQ(after(15), (Entries{entry(2, 15), entry(3, 20), entry(7, 40)}));
  EXPECT_EQ(after(20), (Entries{entry(3, 20), entry(7, 40)}));
  EXPECT_EQ(after(39), (Entries{entry(3, 39), entry(7, 40)}));
  EXPECT_EQ(after(40), (Entries{entry(7, 40)}));
  EXPECT_EQ(after(1000), (Entries{entry(7, 1000)}));
}

TEST(LeaderEpochs, AnEmptyOneCanBeTruncated) {
  LeaderEpochs e;
  e.truncate_from_start(Offset(5));
  e.truncate_from_end(Offset(5));
  EXPECT_TRUE(e.entries().empty());
}

// What a follower and a leader agree on after a change of leaders (KIP-101, its first example).
TEST(LeaderEpochs, AFollowerFindsWhereItsLogParts) {
  LeaderEpochs follower = epochs({{0, 0}, {1, 50}});      // wrote 50..59 as leader of epoch 1, then fell
  const LeaderEpochs leader = epochs({{0, 0}, {2, 40}});  // never saw them
  const auto [epoch, end] = leader.end_offset_for(LeaderEpoch(1), Offset(70));
  EXPECT_EQ(epoch, LeaderEpoch(0));
  EXPECT_EQ(end, Offset(40));
  follower.truncate_from_end(end);
  EXPECT_TRUE(follower.assign(LeaderEpoch(2), Offset(40)));
  EXPECT_EQ(follower.entries(), leader.entries());
}

// ---- the checkpoint file ----

TEST(LeaderEpochs, TheCheckpointIsKafkas) {
  EXPECT_EQ(LeaderEpochs().to_checkpoint(), "0\n0\n");
  EXPECT_EQ(epochs({{0, 0}, {2, 10}, {7, 9007199254740993}}).to_checkpoint(), "0\n3\n0 0\n2 10\n7 9007199254740993\n");
}

TEST(LeaderEpochs, TheCheckpointReadsBack) {
  for (const LeaderEpochs& e : {LeaderEpochs(), epochs({{0, 0}}), epochs({{0, 5}, {INT32_MAX, INT64_MAX}})}) {
    const auto read = LeaderEpochs::from_checkpoint(e.to_checkpoint());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->entries(), e.entries());
  }
  const auto read = LeaderEpochs::from_checkpoint("0\r\n1\r\n4 8\r\n");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->entries(), (Entries{entry(4, 8)}));
}

// As Kafka does: entries are assigned one after the other, so that what does not rise gives way to what follows.
TEST(LeaderEpochs, ACheckpointThatDoesNotRiseIsMended) {
  const auto read = [](const char* text) {
    const auto e = LeaderEpochs::from_checkpoint(text);
    EXPECT_TRUE(e);
    return e ? e->entries() : Entries{};
  };
  EXPECT_EQ(read("0\n2\n1 5\n2 5\n"), (Entries{entry(2, 5)})) << "the first one wrote nothing";
  EXPECT_EQ(read("0\n3\n1 5\n4 10\n3 20\n"), (Entries{entry(1, 5), entry(3, 20)}));
  EXPECT_EQ(read("0\n3\n1 5\n2 10\n3 7\n"), (Entries{entry(1, 5), entry(3, 7)}));
  EXPECT_EQ(read("0\n2\n1 5\n1 9\n"), (Entries{entry(1, 5)}));
}

TEST(LeaderEpochs, HostileCheckpointsAreRefused) {
  const std::string wrong[] = {
      "",
      "\n",
      "0",
      "0\n",
      "1\n0\n",  // another version
      "-1\n0\n",
      "0\n1\n",  // fewer entries than it says
      "0\n1\n5\n",
      "0\n2\n0 0\n",
      "0\n1\n5 6",
      "0\n0\n0 0\n",  // more
      "0\n1\n0 0\n1 1\n",
      "0\n-1\n",
      "0\n1\n0 0 0\n",
      "0\n9223372036854775807\n0 0\n",
      "0\n99999999999999999999\n",
      "0\n1\n4294967297 0\n",  // not epoch 1
      "0\n1\n2147483648 0\n",
      "0\n1\n0 9223372036854775808\n",
      "0\n1\n-1 0\n",
      "0\n1\n0 -1\n",
      "0\n1\n-4294967295 0\n",
      "0\n1\n0-1\n",
      "0\n1\n1x 2\n",
      "0\n1\n0x1 2\n",
      "0\n1\n1 2.5\n",
      "0\n1\n+1 2\n",
      "0\n1\none two\n",
      std::string("0\n1\n1\0 2\n", 9),
      "0\n1\n1 \xd9\xa3\n",
  };
  for (const std::string& text : wrong) {
    const auto read = LeaderEpochs::from_checkpoint(text);
    ASSERT_FALSE(read) << testing::PrintToString(text);
    EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  }
}

TEST(LeaderEpochs, ACheckpointCutShortIsRefused) {
  const std::string text = epochs({{0, 0}, {12, 345}, {67, 890000}}).to_checkpoint();
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(LeaderEpochs::from_checkpoint(text.substr(0, n))) << n;
}

}  // namespace
}  // namespace holdfast::test
