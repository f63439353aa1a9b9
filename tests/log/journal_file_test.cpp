// The journal's bytes: written as docs/log_format.md says, and whatever became of a file, what replays is a prefix of
// what was written.
#include "log/journal_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <string>
#include <vector>

#include "runtime/simulated_disk.h"
#include "wire/crc32c.h"
#include "wire/writer.h"

namespace holdfast::test {
namespace {

using Kind = JournalEntry::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* dir = "/data";
using FileBytes = std::vector<std::uint8_t>;

struct Seen {
  Kind kind = Kind::append;
  std::uint8_t topic = 0;
  std::int32_t partition = 0;
  std::int64_t base = 0;
  std::uint64_t position = 0;
  std::string bytes;
  friend bool operator==(const Seen&, const Seen&) = default;
  friend void PrintTo(const Seen& s, std::ostream* out) {
    *out << static_cast<int>(s.kind) << ' ' << int{s.topic} << '-' << s.partition << " base " << s.base << " at "
         << s.position << ": " << s.bytes.substr(0, 40);
  }
};

// An append that is known by its text.
Seen said(std::string text) { return {Kind::append, 1, 0, 0, 0, std::move(text)}; }

JournalEntry entry_of(const Seen& s) {
  JournalEntry e;
  e.kind = s.kind;
  e.log.topic_id[0] = s.topic;
  e.log.partition = s.partition;
  e.segment_base = Offset(s.base);
  e.position = s.position;
  e.bytes.append(Bytes::copy(s.bytes));
  return e;
}

// ---- The format, once more: independent of the code under test ----

FileBytes file_header(std::uint64_t generation, std::uint32_t version = 1) {
  wire::Writer out;
  out.raw("HFJF");
  out.u32(version);
  out.u64(generation);
  out.u32(wire::crc32c(out.written()));
  FileBytes bytes = out.flatten();
  bytes.resize(disk_block_bytes);
  return bytes;
}

void put_entry(wire::Writer& out, const Seen& s) {
  out.u8(static_cast<std::uint8_t>(s.kind));
  out.u8(s.topic);
  for (int i = 1; i < 16; ++i) out.u8(0);
  out.i32(s.partition);
  out.i64(s.base);
  out.u64(s.position);
  out.u32(static_cast<std::uint32_t>(s.bytes.size()));
  out.raw(s.bytes);
}

struct Frame {
  std::uint64_t generation = 1, sequence = 0, oldest_needed = 0;
  std::vector<Seen> entries = {};
  std::int32_t count_off = 0;    // how wrong the entry count is
  std::string trailer = {};      // bytes behind the last entry
  std::uint32_t length_off = 0;  // how wrong the length is; the checksum fits
};

// Not padded.
FileBytes frame(const Frame& f) {
  wire::Writer rest;
  rest.u64(f.generation);
  rest.u64(f.sequence);
  rest.u64(f.oldest_needed);
  rest.i32(static_cast<std::int32_t>(f.entries.size()) + f.count_off);
  for (const Seen& s : f.entries) put_entry(rest, s);
  rest.raw(f.trailer);
  wire::Writer checked;
  checked.u32(static_cast<std::uint32_t>(rest.size()) + f.length_off);
  checked.raw(rest.written());
  wire::Writer out;
  out.raw("HFJR");
  out.u32(wire::crc32c(checked.written()));
  out.raw(checked.written());
  return out.flatten();
}

void append_padded(FileBytes& file, const FileBytes& frame) {
  file.insert(file.end(), frame.begin(), frame.end());
  file.resize((file.size() + disk_block_bytes - 1) / disk_block_bytes * disk_block_bytes);
}

FileBytes journal(std::uint64_t generation, std::initializer_list<Frame> frames) {
  FileBytes bytes = file_header(generation);
  for (const Frame& f : frames) append_padded(bytes, frame(f));
  return bytes;
}

class JournalFileTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.create_directories(dir));
    disk_.sync_all();
  }

  static std::string path(const std::string& name) { return std::string(dir) + "/" + name; }

  void put(const std::string& name, const FileBytes& bytes) {
    auto file = disk_.open(path(name), {.write = true, .create = true, .truncate = true});
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write_at(0, ByteView(bytes)));
  }
  FileBytes get(const std::string& name) {
    auto bytes = disk_.read_file(path(name), 1 << 30);
    EXPECT_TRUE(bytes) << name;
    return bytes ? std::move(*bytes) : FileBytes{};
  }

  Result<void> replay(std::vector<Seen>& out) {
    return replay_journals(
        disk_, dir, [&](Kind kind, const LogId& log, Offset base, std::uint64_t position, ByteView bytes) {
          out.push_back({kind, log.topic_id[0], log.partition, base.value, position, std::string(as_text(bytes))});
          return Result<void>{};
        });
  }
  std::vector<Seen> replayed() {
    std::vector<Seen> out;
    const auto result = replay(out);
    EXPECT_TRUE(result) << result.error().message;
    return out;
  }

  JournalWriter writer(std::size_t file_bytes = 1 << 20, int shard = 0) {
    return JournalWriter({.directory = dir, .shard = shard, .file_bytes = file_bytes}, disk_);
  }
  static Result<void> write(JournalWriter& to, const std::vector<Seen>& what, bool sync = true,
                            std::uint64_t oldest_needed = 0) {
    std::vector<JournalEntry> entries;
    for (const Seen& s : what) entries.push_back(entry_of(s));
    return to.write(entries, oldest_needed, sync);
  }

  SimulatedDisk disk_;
};

// ---- What is written ----

TEST_F(JournalFileTest, TheBytesAreAsDocumented) {
  const Seen a{Kind::append, 7, 3, 1000, 4321, "batches"}, b{Kind::truncate, 8, 0, 99, 0, ""};
  JournalWriter out = writer();
  ASSERT_TRUE(out.open(0x0102030405060708));
  ASSERT_TRUE(write(out, {a, b}, true, 5));
  ASSERT_TRUE(write(out, {b}, true, 6));
  const std::uint64_t g = 0x0102030405060708;
  EXPECT_EQ(get("journal.0.0"), journal(g, {{.generation = g, .oldest_needed = 5, .entries = {a, b}},
                                            {.generation = g, .sequence = 1, .oldest_needed = 6, .entries = {b}}}));
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
  for (std::size_t bit = 0; bit < 20 * 8; ++bit) {
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
  FileBytes file = file_header(1, 2);
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
       {0u, 1u, 27u, 28u, right - 1, right + 1, std::uint32_t{3 * disk_block_bytes}, 1u << 24, 1u << 27, (1u << 27) + 1,
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
  for (const char* text : {"old 0", "old 1", "old 2"}) ASSERT_TRUE(write(out, {said(text)}));
  ASSERT_TRUE(out.next_file(11));
  EXPECT_EQ(out.generation(), 11u);
  ASSERT_TRUE(write(out, {said("between")}));
  out.recyclable(10);
  ASSERT_TRUE(out.next_file(12));
  // The recycled file is taken over by its first write: until then it is what it was.
  EXPECT_THAT(replayed(), ElementsAre(said("old 0"), said("old 1"), said("old 2"), said("between")));
  ASSERT_TRUE(write(out, {said("new 0")}));
  EXPECT_THAT(replayed(), ElementsAre(said("between"), said("new 0")));
  ASSERT_TRUE(write(out, {said("new 1")}));
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
