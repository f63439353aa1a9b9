// The journal's bytes: written as docs/log_format.md says, and whatever became of a file, what replays is a prefix of
// what was written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/log/journal_world.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// ---- What is written ----

TEST_F(JournalFileTest, TheBytesAreAsDocumented) {
  const Seen a{Kind::append, 7, 3, 1000, 4321, "batches"}, b{Kind::truncate, 8, 0, 99, 0, ""};
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(0x0102030405060708));
  ASSERT_TRUE(write(out, {a, b}, true, 5));
  ASSERT_TRUE(write(out, {b}, false, 6));
  ASSERT_TRUE(write(out, {a}, false, 6));
  const std::uint64_t g = 0x0102030405060708;
  EXPECT_EQ(get("journal.0.0"),
            journal(g, {{.generation = g, .oldest_needed = 5, .entries = {a, b}},
                        {.generation = g, .sequence = 1, .oldest_needed = 6, .durable = 1, .entries = {b}},
                        {.generation = g, .sequence = 2, .oldest_needed = 6, .durable = 1, .entries = {a}}}));
  ASSERT_TRUE(out.next_file(g + 1));
  ASSERT_TRUE(write(out, {b}, true, 6));
  EXPECT_EQ(get("journal.0.1"), journal(g + 1, {{.generation = g + 1, .oldest_needed = 6, .entries = {b}}}, 2, {g, 3}));
}

TEST_F(JournalFileTest, FilesOfTheFirstVersionAreRead) {
  put("journal.0.0", journal(1, {{.entries = {said("a")}}, {.sequence = 1, .entries = {said("b")}}}, 1));
  put("journal.0.1", journal(2, {{.generation = 2, .oldest_needed = 1, .entries = {said("c")}}}, 1));
  EXPECT_THAT(replayed(), ElementsAre(said("a"), said("b"), said("c")));
  disk_.flip_bit(path("journal.0.0"), disk_block_bytes + 20);
  EXPECT_THAT(replayed(), ElementsAre(said("c"))) << "it does not say what was durable";
}

TEST_F(JournalFileTest, WhatIsWrittenIsReplayedInOrder) {
  std::vector<Seen> all;
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(1));
  for (int i = 0; i < 20; ++i) {
    const Seen append{Kind::append,
                      1,
                      i % 3,
                      100 * i,
                      static_cast<std::uint64_t>(i) * 7,
                      std::string(static_cast<std::size_t>(i) * 500, 'x')};
    const Seen start{Kind::start, 2, -1, i, 0, ""};
    ASSERT_TRUE(write(out, {append, start}, i % 2 == 0));
    all.push_back(append);
    all.push_back(start);
  }
  EXPECT_EQ(replayed(), all);
  EXPECT_EQ(replayed(), all) << "a replay changes nothing";
}

TEST_F(JournalFileTest, AnEntryIsGatheredFromItsPieces) {
  JournalEntry e = entry_of(said("one, "));
  e.bytes.append(Bytes::copy("two, "));
  e.bytes.append(Bytes::copy("three"));
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(1));
  ASSERT_TRUE(out.write({e}, 0, true));
  EXPECT_THAT(replayed(), ElementsAre(said("one, two, three")));
}

TEST_F(JournalFileTest, ARoundTooLargeForOneFrameBecomesSeveralAndAllAreDurable) {
  std::vector<Seen> all;
  for (char c = 'a'; c < 'f'; ++c) all.push_back(said(std::string(5 << 20, c)));
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(1));
  ASSERT_TRUE(write(out, all));
  disk_.power_loss_of_all_unsynced();
  EXPECT_EQ(get("journal.0.0").size() / disk_block_bytes,
            1 + ((15u << 20) / disk_block_bytes + 1) + ((10u << 20) / disk_block_bytes + 1));
  EXPECT_EQ(replayed(), all);
}

// A log that took much while a round was slow: it was acknowledged, so it has to come back, whatever its size.
TEST_F(JournalFileTest, AnEntryOfAnySizeIsReplayed) {
  const Bytes piece = Bytes::copy(std::string(1 << 20, 'p'));
  JournalEntry e = entry_of(said(""));
  constexpr std::size_t pieces = 130;
  for (std::size_t i = 0; i < pieces; ++i) e.bytes.append(piece);
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(1));
  ASSERT_TRUE(out.write({e}, 0, true));
  ASSERT_TRUE(write(out, {said("behind it")}));
  const auto seen = replayed();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].bytes.size(), pieces << 20);
  EXPECT_EQ(seen[1], said("behind it"));
}

TEST_F(JournalFileTest, ASyncCoversWhatWasOnlyWrittenBefore) {
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(1));
  ASSERT_TRUE(write(out, {said("a")}, false));
  ASSERT_TRUE(write(out, {said("b")}, false));
  ASSERT_TRUE(write(out, {said("c")}, true));
  ASSERT_TRUE(write(out, {said("d")}, false));
  disk_.power_loss_of_all_unsynced();
  EXPECT_THAT(replayed(), ElementsAre(said("a"), said("b"), said("c")));
}

TEST_F(JournalFileTest, TheNextFileLeavesNothingUnsyncedBehind) {
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(1));
  ASSERT_TRUE(write(out, {said("a")}, false));
  ASSERT_TRUE(out.next_file(2));
  ASSERT_TRUE(write(out, {said("b")}, true));
  disk_.power_loss_of_all_unsynced();
  EXPECT_THAT(replayed(), ElementsAre(said("a"), said("b")));
}

TEST_F(JournalFileTest, AWriteThatFoundNoRoomIsWrittenAgainInItsPlace) {
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(1));
  for (const char* text : {"a", "b"}) {
    disk_.fail_call(DiskCall::write, 0, ENOSPC);
    const auto refused = write(out, {said(text)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::no_space);
    ASSERT_TRUE(write(out, {said(text)}));
  }
  disk_.power_loss_of_all_unsynced();
  EXPECT_THAT(replayed(), ElementsAre(said("a"), said("b")));
}

// ---- What replays of a file that something happened to ----

// Three frames; what becomes of the last one is up to the test.
class TornFrameTest : public JournalFileTest {
 protected:
  const Frame first_{.entries = {said("first")}}, second_{.sequence = 1, .entries = {said("second"), said("too")}};
  const FileBytes last_ = frame({.sequence = 2, .entries = {said("the last"), said("of them")}});
  const std::vector<Seen> prefix_ = {said("first"), said("second"), said("too")};
  const std::vector<Seen> all_ = {said("first"), said("second"), said("too"), said("the last"), said("of them")};
};

TEST_F(TornFrameTest, AFileThatEndsAtAnyByteOfAFrame) {
  for (std::size_t n = 0; n <= last_.size(); ++n) {
    FileBytes file = journal(1, {first_, second_});
    file.insert(file.end(), last_.begin(), last_.begin() + static_cast<std::ptrdiff_t>(n));
    put("journal.0.0", file);
    EXPECT_EQ(replayed(), n == last_.size() ? all_ : prefix_) << "at byte " << n;
  }
}

TEST_F(TornFrameTest, ZerosFromAnyByteOfAFrame) {
  for (std::size_t n = 0; n <= last_.size(); ++n) {
    FileBytes file = journal(1, {first_, second_});
    file.insert(file.end(), last_.begin(), last_.begin() + static_cast<std::ptrdiff_t>(n));
    file.resize(8 * disk_block_bytes);
    put("journal.0.0", file);
    EXPECT_EQ(replayed(), n == last_.size() ? all_ : prefix_) << "at byte " << n;
  }
}

TEST_F(TornFrameTest, AnOlderFrameFromAnyByteOfAFrame) {
  const FileBytes stale = frame({.generation = 0, .sequence = 2, .entries = {said("of an older"), said("life !")}});
  ASSERT_EQ(stale.size(), last_.size() + 2);
  for (std::size_t n = 0; n <= last_.size(); ++n) {
    FileBytes mixed = stale;
    std::copy_n(last_.begin(), n, mixed.begin());
    FileBytes file = journal(1, {first_, second_});
    append_padded(file, mixed);
    put("journal.0.0", file);
    EXPECT_EQ(replayed(), n == last_.size() ? all_ : prefix_) << "at byte " << n;
  }
}

TEST_F(TornFrameTest, AnyDamagedBitEndsThePrefixThere) {
  const FileBytes good = journal(1, {first_, second_, {.sequence = 2, .entries = {said("the last")}}});
  const std::size_t from = 2 * disk_block_bytes, size = frame(second_).size();
  for (std::size_t bit = 0; bit < size * 8; ++bit) {
    FileBytes file = good;
    file[from + bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    put("journal.0.0", file);
    ASSERT_THAT(replayed(), ElementsAre(said("first"))) << "bit " << bit << " of the second frame";
  }
}

TEST_F(TornFrameTest, WhatPadsAFrameMayBeAnything) {
  FileBytes file = journal(1, {first_, second_});
  file[disk_block_bytes - 1] = file[2 * disk_block_bytes - 1] = file[3 * disk_block_bytes - 1] = 0xff;
  put("journal.0.0", file);
  EXPECT_EQ(replayed(), prefix_);
}

TEST_F(JournalFileTest, AFileWithADamagedHeaderIsSkipped) {
  const FileBytes good = journal(1, {{.entries = {said("a")}}});
  for (std::size_t bit = 0; bit < 36 * 8; ++bit) {
    FileBytes file = good;
    file[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    put("journal.0.0", file);
    ASSERT_THAT(replayed(), IsEmpty()) << "bit " << bit;
  }
}

TEST_F(JournalFileTest, FilesThatNeverBecameAJournalAreSkipped) {
  put("journal.0.0", {});
  put("journal.0.1", {'H', 'F', 'J'});
  put("journal.0.2", FileBytes(4 * disk_block_bytes));
  put("journal.0.3", file_header(9));
  put("journal", journal(1, {{.entries = {said("not by this name")}}}));
  ASSERT_TRUE(disk_.create_directories(path("journal.0.4")));
  put("journal.0.5", journal(3, {{.generation = 3, .entries = {said("a")}}}));
  EXPECT_THAT(replayed(), ElementsAre(said("a")));
}

TEST_F(JournalFileTest, AnotherVersionIsNotGuessedAt) {
  FileBytes file = file_header(1, 3);
  append_padded(file, frame({.entries = {said("a")}}));
  put("journal.0.0", file);
  std::vector<Seen> out;
  const auto result = replay(out);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::unsupported);
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(JournalFileTest, AFrameOfAnotherGenerationEndsThePrefix) {
  for (const std::uint64_t other : {std::uint64_t{0}, std::uint64_t{4}, std::uint64_t{6}, ~std::uint64_t{0}}) {
    put("journal.0.0", journal(5, {{.generation = 5, .entries = {said("a")}},
                                   {.generation = other, .sequence = 1, .entries = {said("b")}},
                                   {.generation = 5, .sequence = 2, .entries = {said("c")}}}));
    EXPECT_THAT(replayed(), ElementsAre(said("a"))) << other;
  }
}

TEST_F(JournalFileTest, AFrameOutOfSequenceEndsThePrefix) {
  for (const std::uint64_t other : {std::uint64_t{0}, std::uint64_t{2}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    put("journal.0.0", journal(1, {{.entries = {said("a")}},
                                   {.sequence = other, .entries = {said("b")}},
                                   {.sequence = 2, .entries = {said("c")}}}));
    EXPECT_THAT(replayed(), ElementsAre(said("a"))) << other;
  }
  put("journal.0.0", journal(1, {{.sequence = 1, .entries = {said("a")}}}));
  EXPECT_THAT(replayed(), IsEmpty()) << "sequences begin at 0";
}

TEST_F(JournalFileTest, ALengthThatCannotBeEndsThePrefix) {
  const std::uint32_t right = static_cast<std::uint32_t>(frame({.sequence = 1, .entries = {said("b")}}).size() - 12);
  for (const std::uint32_t length :
       {0u, 1u, 35u, 36u, right - 1, right + 1, std::uint32_t{3 * disk_block_bytes}, 1u << 24, 1u << 27, (1u << 27) + 1,
        0x7fffffffu, 0x80000000u, 0xfffffff4u, 0xffffffffu}) {
    FileBytes file = journal(1, {{.entries = {said("a")}}});
    append_padded(file, frame({.sequence = 1, .entries = {said("b")}, .length_off = length - right}));
    append_padded(file, frame({.sequence = 2, .entries = {said("c")}}));
    put("journal.0.0", file);
    EXPECT_THAT(replayed(), ElementsAre(said("a"))) << length;
  }
}

// A checksum that fits is no accident of the disk: this was never written by us, and nothing is guessed.
TEST_F(JournalFileTest, AFrameThatIsWholeButMakesNoSenseIsReported) {
  Frame unknown_kind{.entries = {said("a")}};
  unknown_kind.entries[0].kind = static_cast<Kind>(6);
  Frame no_kind{.entries = {said("a")}};
  no_kind.entries[0].kind = static_cast<Kind>(0);
  const Frame wrong[] = {
      {.entries = {said("a")}, .count_off = 1},
      {.entries = {said("a")}, .count_off = -1},
      {.entries = {said("a")}, .count_off = INT32_MAX - 1},
      {.entries = {}, .count_off = -1},
      {.entries = {said("a")}, .trailer = "?"},
      {.entries = {said("a")}, .count_off = 1, .trailer = "\x01" + std::string(40, '\xff')},  // a length of 2^32 - 1
      unknown_kind,
      no_kind,
  };
  for (const Frame& f : wrong) {
    put("journal.0.0", journal(1, {f}));
    std::vector<Seen> out;
    const auto result = replay(out);
    ASSERT_FALSE(result) << "case " << &f - wrong;
    EXPECT_EQ(result.error().kind, ErrorKind::corrupt);
  }
}

// ---- Files after files ----

TEST_F(JournalFileTest, StaleFramesOfARecycledFileAreNotReplayed) {
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(10));
  for (const char* text : {"old 0", "old 1", "old 2"}) ASSERT_TRUE(write(out, {said(text)}, true, 10));
  ASSERT_TRUE(out.next_file(11));
  EXPECT_EQ(out.generation(), 11u);
  out.recyclable(10);
  ASSERT_TRUE(write(out, {said("between")}, true, 11));
  ASSERT_TRUE(out.next_file(12));
  ASSERT_TRUE(write(out, {said("new 0")}, true, 11));
  ASSERT_TRUE(write(out, {said("new 1")}, true, 11));
  EXPECT_EQ(get("journal.0.0").size(), 4 * disk_block_bytes) << "the last old frame is there still";
  EXPECT_THAT(replayed(), ElementsAre(said("between"), said("new 0"), said("new 1")));
  const auto names = disk_.list(dir);
  EXPECT_EQ(names->size(), 2u) << "nothing was created for the third generation";
}

TEST_F(JournalFileTest, AFileIsNotUsedAgainBeforeItIsFree) {
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(1));
  ASSERT_TRUE(write(out, {said("a")}));
  ASSERT_TRUE(out.next_file(2));
  ASSERT_TRUE(write(out, {said("b")}));
  out.recyclable(7);  // none of ours
  ASSERT_TRUE(out.next_file(3));
  ASSERT_TRUE(write(out, {said("c")}));
  EXPECT_THAT(replayed(), ElementsAre(said("a"), said("b"), said("c")));
}

// Otherwise a first write that is cut short leaves a file that has lost its first frame, and nothing says that it may.
TEST_F(JournalFileTest, AFileIsNotUsedAgainBeforeADurableFrameSaysThatItIsFree) {
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(1));
  ASSERT_TRUE(write(out, {said("a")}, true, 1));
  ASSERT_TRUE(out.next_file(2));
  ASSERT_TRUE(write(out, {said("b")}, true, 1));
  out.recyclable(1);
  ASSERT_TRUE(out.next_file(3));
  ASSERT_TRUE(write(out, {said("c")}, true, 2));
  EXPECT_EQ(get("journal.0.2"), journal(3, {{.generation = 3, .oldest_needed = 2, .entries = {said("c")}}}, 2, {2, 1}));
  ASSERT_TRUE(out.next_file(4));
  ASSERT_TRUE(write(out, {said("d")}, true, 2));
  EXPECT_EQ(get("journal.0.0"), journal(4, {{.generation = 4, .oldest_needed = 2, .entries = {said("d")}}}, 2, {3, 1}));
  EXPECT_THAT(replayed(), ElementsAre(said("b"), said("c"), said("d")));
}

TEST_F(JournalFileTest, ARecycledFileWhoseFirstWriteWasCutShortIsNotMissed) {
  for (std::size_t sector = 0; sector < 3 * disk_block_bytes; sector += 512) {
    JournalWriter out = writer();
    ASSERT_TRUE(out.open(1));
    for (const char* text : {"old 0", "old 1", "old 2"}) ASSERT_TRUE(write(out, {said(text)}, true, 1));
    ASSERT_TRUE(out.next_file(2));
    ASSERT_TRUE(write(out, {said("between")}, true, 2));
    out.recyclable(1);
    const FileBytes before = get("journal.0.0");
    ASSERT_TRUE(out.next_file(3));
    ASSERT_TRUE(write(out, {said("new"), said(std::string(3000, 'n'))}, true, 2));
    FileBytes torn = get("journal.0.0");
    std::copy_n(before.begin() + static_cast<std::ptrdiff_t>(sector), 512,
                torn.begin() + static_cast<std::ptrdiff_t>(sector));
    put("journal.0.0", torn);
    const auto seen = replayed();
    ASSERT_GE(seen.size(), 1u) << "sector at " << sector;
    EXPECT_EQ(seen[0], said("between"));
    ASSERT_TRUE(remove_journals(disk_, dir));
  }
}

TEST_F(JournalFileTest, FilesReplayByGenerationNotByName) {
  put("journal.0.0", journal(9, {{.generation = 9, .entries = {said("third")}}}));
  put("journal.0.1", journal(7, {{.generation = 7, .entries = {said("first")}}}));
  put("journal.0.10", journal(8, {{.generation = 8, .entries = {said("second")}}}));
  EXPECT_THAT(replayed(), ElementsAre(said("first"), said("second"), said("third")));
}

TEST_F(JournalFileTest, ATornFileDoesNotHideLaterOnes) {
  put("journal.0.0", journal(1, {{.generation = 1, .entries = {said("a")}},
                                 {.generation = 1, .sequence = 7, .entries = {said("b")}}}));
  put("journal.0.1", journal(2, {{.generation = 2, .entries = {said("c")}}}));
  EXPECT_THAT(replayed(), ElementsAre(said("a"), said("c")));
}

TEST_F(JournalFileTest, WhatTheNewestFrameNoLongerNeedsIsNotReplayed) {
  put("journal.0.0", journal(1, {{.generation = 1, .entries = {said("a")}}}));
  put("journal.0.1", journal(2, {{.generation = 2, .oldest_needed = 1, .entries = {said("b")}}}));
  put("journal.0.2", journal(3, {{.generation = 3, .oldest_needed = 1, .entries = {said("c")}},
                                 {.generation = 3, .sequence = 1, .oldest_needed = 2, .entries = {said("d")}}}));
  EXPECT_THAT(replayed(), ElementsAre(said("b"), said("c"), said("d")));
}

TEST_F(JournalFileTest, ShardsDoNotKnowOfEachOther) {
  put("journal.1.0", journal(1, {{.generation = 1, .entries = {said("shard 1")}}}));
  put("journal.10.0", journal(5, {{.generation = 5, .oldest_needed = 5, .entries = {said("shard 10")}}}));
  const auto seen = replayed();
  EXPECT_THAT(seen, testing::UnorderedElementsAre(said("shard 1"), said("shard 10")));
}

TEST_F(JournalFileTest, APreallocatedFileTakesOver) {
  JournalWriter out = writer(4 << 20);
  ASSERT_TRUE(out.open(1));
  ASSERT_TRUE(write(out, {said("a")}));
  EXPECT_FALSE(out.full());
  auto spare = prepare_spare(disk_, path("journal.0.spare"), 4 << 20);
  ASSERT_TRUE(spare);
  EXPECT_EQ(get("journal.0.spare"), FileBytes(4 << 20)) << "the blocks are there, and empty";
  out.adopt(path("journal.0.spare"), std::move(*spare));
  EXPECT_TRUE(out.full()) << "a file that grows is left for one that does not";
  ASSERT_TRUE(out.next_file(2));
  EXPECT_FALSE(out.full());
  ASSERT_TRUE(write(out, {said("b")}));
  EXPECT_EQ(get("journal.0.spare").size(), 4u << 20);
  disk_.power_loss_of_all_unsynced();
  EXPECT_THAT(replayed(), ElementsAre(said("a"), said("b")));
}

TEST_F(JournalFileTest, AFileIsFullAtItsSize) {
  JournalWriter out = writer(3 * disk_block_bytes);
  ASSERT_TRUE(out.open(1));
  ASSERT_TRUE(write(out, {said("a")}));
  EXPECT_FALSE(out.full());
  ASSERT_TRUE(write(out, {said("b")}));
  EXPECT_TRUE(out.full());
}

// ---- The rest of a recovery ----

TEST_F(JournalFileTest, WhatTheReplayCannotApplyIsPassedOn) {
  put("journal.0.0", journal(1, {{.entries = {said("a"), said("b")}}}));
  int calls = 0;
  const auto result =
      replay_journals(disk_, dir, [&](Kind, const LogId&, Offset, std::uint64_t, ByteView) -> Result<void> {
        ++calls;
        return fail(ErrorKind::no_space, "full");
      });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::no_space);
  EXPECT_EQ(calls, 1);
}

TEST_F(JournalFileTest, JournalsAreRemovedDurablyAndNothingElse) {
  put("journal.0.0", journal(1, {{.entries = {said("a")}}}));
  put("journal.0.spare", FileBytes(disk_block_bytes));
  put("journal-0-0", journal(1, {{.entries = {said("b")}}}));  // as they were called once
  put("meta.properties", {'#'});
  ASSERT_TRUE(disk_.create_directories(path("journal-0")));  // a partition of a topic called journal
  disk_.sync_all();
  ASSERT_TRUE(remove_journals(disk_, dir));
  disk_.power_loss_of_all_unsynced();
  std::vector<std::string> names;
  for (const auto& e : *disk_.list(dir)) names.push_back(e.name);
  EXPECT_THAT(names, ElementsAre("journal-0", "meta.properties"));
}

}  // namespace
}  // namespace holdfast::test
