// The newest bytes of a log: what went in comes out, wherever it is cut, in pieces that direct I/O can write.
#include "log/tail.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace holdfast::test {
namespace {

using FileBytes = std::vector<std::uint8_t>;

constexpr std::uint64_t block = disk_block_bytes;

// The byte at an address: no block is like another.
std::uint8_t byte_at(std::uint64_t address) { return static_cast<std::uint8_t>(address * 31 + address / 251 + 1); }

FileBytes bytes_of(std::uint64_t from, std::uint64_t to) {
  FileBytes out;
  for (std::uint64_t at = from; at < to; ++at) out.push_back(byte_at(at));
  return out;
}

void fill(Tail& tail, std::uint64_t bytes) { tail.append(bytes_of(tail.end(), tail.end() + bytes)); }

void expect_aligned(const BufferChain& chain) {
  for (const Bytes& piece : chain.pieces()) {
    EXPECT_EQ(piece.size() % block, 0u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece.data()) % block, 0u);
  }
}

// What aligned(from, to) has to give.
FileBytes padded(std::uint64_t from, std::uint64_t to) {
  FileBytes out = bytes_of(from / block * block, to);
  out.resize((out.size() + block - 1) / block * block);
  return out;
}

TEST(Tail, BeginsEmptyAtItsAddress) {
  const Tail tail(3 * block);
  EXPECT_TRUE(tail.empty());
  EXPECT_EQ(tail.begin(), 3 * block);
  EXPECT_EQ(tail.end(), 3 * block);
  EXPECT_EQ(tail.memory(), 0u);
}

TEST(Tail, GivesBackEverySlice) {
  Tail tail;
  std::uint64_t n = 1;
  while (tail.end() < 40'000) {
    fill(tail, n);
    n = n * 7 % 3001 + 1;  // sizes that meet no boundary
  }
  EXPECT_EQ(tail.begin(), 0u);
  const FileBytes all = bytes_of(0, tail.end());
  EXPECT_EQ(tail.slice(0, tail.end()).flatten(), all);
  for (std::uint64_t from = 0; from < tail.end(); from += 997)
    for (std::uint64_t to = from; to <= tail.end(); to += 1009) {
      const FileBytes expected(all.begin() + static_cast<std::ptrdiff_t>(from),
                               all.begin() + static_cast<std::ptrdiff_t>(to));
      ASSERT_EQ(tail.slice(from, to).flatten(), expected) << from << " to " << to;
    }
}

TEST(Tail, ASliceOutlivesItsPlace) {
  Tail tail;
  fill(tail, 3 * block);
  const BufferChain slice = tail.slice(100, 2 * block);
  tail.drop_before(3 * block, true);
  EXPECT_TRUE(tail.empty());
  fill(tail, 8 * block);
  EXPECT_EQ(slice.flatten(), bytes_of(100, 2 * block));
}

TEST(Tail, ASliceDoesNotChangeWhenMoreIsAppended) {
  Tail tail;
  fill(tail, 100);
  const BufferChain slice = tail.slice(0, 100);
  fill(tail, block);
  EXPECT_EQ(slice.size(), 100u);
  EXPECT_EQ(slice.flatten(), bytes_of(0, 100));
}

TEST(Tail, AQuietLogTakesOneBlock) {
  Tail tail;
  fill(tail, 1);
  EXPECT_EQ(tail.memory(), block);
  fill(tail, block - 1);
  EXPECT_EQ(tail.memory(), block);
}

TEST(Tail, ABusyLogGetsLargerChunksUpToABound) {
  Tail tail;
  fill(tail, 8 << 20);
  EXPECT_LE(tail.memory(), (8u << 20) + (1u << 20)) << "no more than one chunk is ahead";
  EXPECT_LE(tail.slice(0, tail.end()).pieces().size(), 14u) << "4 KiB, 16, 64, 256, then 1 MiB each";
  for (const Bytes& piece : tail.slice(0, tail.end()).pieces()) EXPECT_LE(piece.size(), 1u << 20);
}

// ---- aligned: what goes to the disk ----

TEST(Tail, AlignedPiecesCoverWholeBlocks) {
  Tail tail;
  fill(tail, 5 * block + 123);
  for (const std::uint64_t from :
       {std::uint64_t{0}, std::uint64_t{1}, block - 1, block, 2 * block + 77, 5 * block, 5 * block + 100})
    for (const std::uint64_t to : {5 * block, 5 * block + 1, 5 * block + 123}) {
      if (from >= to) continue;
      const BufferChain out = tail.aligned(from, to);
      expect_aligned(out);
      EXPECT_EQ(out.flatten(), padded(from, to)) << from << " to " << to;
    }
}

TEST(Tail, WholeBlocksLeaveAsTheyAre) {
  Tail tail;
  fill(tail, 2 * block);
  const BufferChain direct = tail.slice(0, 2 * block), out = tail.aligned(0, 2 * block);
  ASSERT_EQ(out.pieces().size(), direct.pieces().size());
  for (std::size_t i = 0; i < out.pieces().size(); ++i)
    EXPECT_EQ(out.pieces()[i].data(), direct.pieces()[i].data()) << "not copied";
}

TEST(Tail, ThePartialBlockIsACopyThatLaterBytesDoNotChange) {
  Tail tail;
  fill(tail, block + 10);
  const BufferChain out = tail.aligned(0, block + 10);
  fill(tail, 1000);
  EXPECT_EQ(out.flatten(), padded(0, block + 10));
  EXPECT_EQ(tail.aligned(block + 10, tail.end()).flatten(), padded(block + 10, block + 1010));
}

TEST(Tail, NothingIsNothing) {
  Tail tail;
  fill(tail, 2 * block);
  EXPECT_TRUE(tail.slice(block, block).empty());
  EXPECT_TRUE(tail.aligned(block, block).empty());
}

// ---- preload: going on after a restart ----

TEST(Tail, GoesOnInAPartialBlock) {
  constexpr std::uint64_t end = 7 * block + 500;
  Tail tail(end);
  tail.preload(bytes_of(7 * block, end));
  EXPECT_EQ(tail.begin(), 7 * block);
  EXPECT_EQ(tail.end(), end);
  fill(tail, 2 * block);
  EXPECT_EQ(tail.slice(end, tail.end()).flatten(), bytes_of(end, tail.end()));
  const BufferChain out = tail.aligned(end, tail.end());
  expect_aligned(out);
  EXPECT_EQ(out.flatten(), padded(7 * block, tail.end())) << "the block is written again, with what it held";
}

TEST(Tail, NothingIsPreloadedAtABoundary) {
  Tail tail(7 * block);
  tail.preload({});
  EXPECT_TRUE(tail.empty());
  fill(tail, 10);
  EXPECT_EQ(tail.slice(7 * block, tail.end()).flatten(), bytes_of(7 * block, 7 * block + 10));
}

// ---- skip_to: the next segment ----

TEST(Tail, ASegmentBeginsInABlockOfItsOwn) {
  Tail tail;
  fill(tail, block + 100);
  const std::uint64_t first_end = tail.end();
  tail.skip_to(2 * block);
  EXPECT_EQ(tail.end(), 2 * block);
  fill(tail, 300);
  EXPECT_EQ(tail.slice(0, first_end).flatten(), bytes_of(0, first_end));
  EXPECT_EQ(tail.slice(2 * block, tail.end()).flatten(), bytes_of(2 * block, 2 * block + 300));
  EXPECT_EQ(tail.aligned(block, first_end).flatten(), padded(block, first_end)) << "zeros behind the segment's end";
  const BufferChain out = tail.aligned(2 * block, tail.end());
  expect_aligned(out);
  EXPECT_EQ(out.flatten(), padded(2 * block, 2 * block + 300));
}

TEST(Tail, ASegmentThatEndsAtABoundaryIsFollowedWithoutAGap) {
  Tail tail;
  fill(tail, block);
  tail.skip_to(block);
  fill(tail, 10);
  EXPECT_EQ(tail.slice(block, block + 10).flatten(), bytes_of(block, block + 10));
}

TEST(Tail, AnEmptySegmentTakesNoRoom) {
  Tail tail;
  fill(tail, 100);
  tail.skip_to(block);
  tail.skip_to(block);
  fill(tail, 10);
  EXPECT_EQ(tail.slice(block, block + 10).flatten(), bytes_of(block, block + 10));
  EXPECT_EQ(tail.slice(0, 100).flatten(), bytes_of(0, 100));
}

// ---- drop_before ----

TEST(Tail, DropsWholeChunksFromTheFront) {
  Tail tail;
  fill(tail, 100'000);
  const std::size_t before = tail.memory();
  tail.drop_before(0);
  EXPECT_EQ(tail.memory(), before);
  tail.drop_before(block - 1);
  EXPECT_EQ(tail.begin(), 0u) << "not before its last byte may go";
  tail.drop_before(block);
  EXPECT_EQ(tail.begin(), block);
  EXPECT_EQ(tail.memory(), before - block);
  tail.drop_before(50'000);
  EXPECT_LE(tail.begin(), 50'000u);
  EXPECT_EQ(tail.slice(50'000, tail.end()).flatten(), bytes_of(50'000, 100'000));
}

TEST(Tail, TheBlockBeingFilledStaysUnlessItIsTheLastToGo) {
  Tail tail;
  fill(tail, 100);
  tail.drop_before(100);
  EXPECT_EQ(tail.begin(), 0u);
  fill(tail, 100);
  EXPECT_EQ(tail.slice(0, 200).flatten(), bytes_of(0, 200));
  tail.drop_before(200, true);
  EXPECT_TRUE(tail.empty());
  EXPECT_EQ(tail.memory(), 0u);
  EXPECT_EQ(tail.begin(), 200u);
}

TEST(Tail, AfterTheLastOneItGoesOnFromAPreload) {
  Tail tail;
  fill(tail, block + 200);
  tail.drop_before(tail.end(), true);
  ASSERT_TRUE(tail.empty());
  tail.preload(bytes_of(block, block + 200));
  fill(tail, 100);
  EXPECT_EQ(tail.aligned(block, tail.end()).flatten(), padded(block, block + 300));
}

TEST(Tail, ABlockThatEndsAtABoundaryIsNotNeededAgain) {
  Tail tail;
  fill(tail, 2 * block);  // in a chunk of four
  tail.drop_before(2 * block);
  EXPECT_TRUE(tail.empty());
  fill(tail, 10);
  EXPECT_EQ(tail.begin(), 2 * block);
  EXPECT_EQ(tail.slice(2 * block, tail.end()).flatten(), bytes_of(2 * block, 2 * block + 10));
}

TEST(Tail, TheEndOfAFinishedSegmentIsDroppedThoughItsBlockIsPartial) {
  Tail tail;
  fill(tail, 100);
  tail.skip_to(block);
  tail.drop_before(block);
  EXPECT_TRUE(tail.empty());
  EXPECT_EQ(tail.begin(), block);
}

TEST(Tail, ALogThatFellSilentStartsSmallAgain) {
  Tail tail;
  fill(tail, 4 << 20);
  tail.drop_before(tail.end(), true);
  ASSERT_EQ(tail.memory(), 0u);
  fill(tail, 1);
  EXPECT_EQ(tail.memory(), block);
}

// ---- Broken contracts end the process: the log would hold other bytes than were acknowledged ----

TEST(TailDeathTest, BytesThatAreNotInMemoryCannotBeSliced) {
  Tail tail;
  fill(tail, 3 * block);
  tail.drop_before(block);
  EXPECT_DEATH(tail.slice(0, block), "");
  EXPECT_DEATH(tail.slice(block, 3 * block + 1), "");
}

TEST(TailDeathTest, ASegmentBeginsAtABoundaryAndNotBehindTheEnd) {
  Tail tail;
  fill(tail, block + 1);
  EXPECT_DEATH(tail.skip_to(block), "");
  EXPECT_DEATH(tail.skip_to(2 * block + 1), "");
}

TEST(TailDeathTest, AnUnalignedEndNeedsItsPreload) {
  Tail tail(100);
  EXPECT_DEATH(fill(tail, 1), "");
  EXPECT_DEATH(tail.preload(bytes_of(0, 99)), "");
}

}  // namespace
}  // namespace holdfast::test
