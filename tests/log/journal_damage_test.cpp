// What a start makes of a journal that its disk has changed: what was durable is missed, what may be torn is not.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/log/journal_world.h"

namespace holdfast::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DamagedJournalTest : public JournalFileTest {
 protected:
  // Two files, of rounds that were synced and rounds that were not; the last frame was.
  void SetUp() override {
    JournalFileTest::SetUp();
    JournalWriter out = writer();
    ASSERT_TRUE(out.open(5));
    for (const bool sync : {true, false, true}) ASSERT_TRUE(write(out, {said("in the first")}, sync, 5));
    ASSERT_TRUE(out.next_file(6));
    for (const bool sync : {true, false, false, true, true}) ASSERT_TRUE(write(out, {said("in the second")}, sync, 5));
    first_ = get("journal.0.0");
    second_ = get("journal.0.1");
  }
  static std::size_t block(std::size_t n) { return n * disk_block_bytes; }
  std::string refusal() {
    std::vector<Seen> out;
    const auto result = replay(out);
    if (result) return "";
    EXPECT_EQ(result.error().kind, ErrorKind::corrupt);
    EXPECT_THAT(out, IsEmpty()) << "nothing is replayed of a journal that is damaged";
    return result.error().message;
  }
  // Each byte that says something, of the block; what the start answers to one bit of it.
  void each_byte(const std::string& name, std::size_t from, std::size_t size,
                 const std::function<void(std::size_t)>& check) {
    for (std::size_t at = from; at < from + size; ++at) {
      disk_.flip_bit(path(name), at, static_cast<unsigned>(at));
      check(at);
      put("journal.0.0", first_);  // a replay cuts off what nobody needs
      put("journal.0.1", second_);
    }
  }

  FileBytes first_, second_;
  const std::size_t said_bytes_ = frame({.entries = {said("in the first")}}).size();
};

TEST_F(DamagedJournalTest, AFrameThatWasDurableIsMissed) {
  for (std::size_t n = 0; n < 3; ++n)
    each_byte("journal.0.0", block(1 + n), said_bytes_, [&](std::size_t at) {
      ASSERT_THAT(refusal(), AllOf(HasSubstr("/data/journal.0.0"), HasSubstr(fmt::format("frame {} of 3", n)),
                                   HasSubstr("empty its data directory"), HasSubstr("remove /data/journal.0.0")))
          << at;
    });
  for (std::size_t n = 0; n < 4; ++n)
    each_byte("journal.0.1", block(1 + n), said_bytes_, [&](std::size_t at) {
      ASSERT_THAT(refusal(), AllOf(HasSubstr("/data/journal.0.1"), HasSubstr(fmt::format("frame {} of", n)))) << at;
    });
}

TEST_F(DamagedJournalTest, AHeaderThatWasDurableIsMissed) {
  for (const char* name : {"journal.0.0", "journal.0.1"})
    each_byte(name, 0, 36, [&](std::size_t at) {
      ASSERT_THAT(refusal(), AllOf(HasSubstr(path(name)), HasSubstr("its header"))) << at;
    });
}

// Nobody can tell it from a write that was cut short.
TEST_F(DamagedJournalTest, TheLastFrameMayBeTorn) {
  each_byte("journal.0.1", block(5), said_bytes_,
            [&](std::size_t at) { ASSERT_THAT(replayed(), testing::SizeIs(7)) << at; });
}

TEST_F(DamagedJournalTest, WhatIsNotNeededIsNotMissed) {
  JournalWriter out = writer(1 << 20, 1);
  ASSERT_TRUE(out.open(1));
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(write(out, {said("old")}, true, 1));
  ASSERT_TRUE(out.next_file(2));
  ASSERT_TRUE(write(out, {said("new")}, true, 2));
  ASSERT_TRUE(disk_.remove(path("journal.0.0")));
  ASSERT_TRUE(disk_.remove(path("journal.0.1")));
  disk_.flip_bit(path("journal.1.0"), block(2));
  EXPECT_THAT(replayed(), ElementsAre(said("new")));
}

// Of what was not synced the power may keep any part.
TEST_F(DamagedJournalTest, AHoleAmongFramesThatWereOnlyWrittenIsTorn) {
  JournalWriter out = writer(1 << 20, 1);
  ASSERT_TRUE(disk_.remove(path("journal.0.0")));
  ASSERT_TRUE(disk_.remove(path("journal.0.1")));
  ASSERT_TRUE(out.open(1));
  ASSERT_TRUE(write(out, {said("synced")}, true));
  for (const char* text : {"a", "b", "c"}) ASSERT_TRUE(write(out, {said(text)}, false));
  const FileBytes all = get("journal.1.0");
  for (unsigned kept = 0; kept < 8; ++kept) {
    FileBytes some = all;
    for (std::size_t n = 0; n < 3; ++n)
      if ((kept >> n & 1) == 0)
        std::fill_n(some.begin() + static_cast<std::ptrdiff_t>(block(2 + n)), disk_block_bytes, std::uint8_t{0});
    put("journal.1.0", some);
    std::vector<Seen> expected{said("synced")};
    for (std::size_t n = 0; n < 3 && (kept >> n & 1) != 0; ++n) expected.push_back(said(std::string(1, "abc"[n])));
    EXPECT_EQ(replayed(), expected) << kept;
  }
}

TEST_F(DamagedJournalTest, WithoutTheFileAStartGoesOn) {
  disk_.flip_bit(path("journal.0.0"), block(2));
  EXPECT_NE(refusal(), "");
  ASSERT_TRUE(disk_.remove(path("journal.0.0")));
  EXPECT_THAT(replayed(), testing::Each(said("in the second")));
}

}  // namespace
}  // namespace holdfast::test
