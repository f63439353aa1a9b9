// The indexes of a segment: where a lookup lands, and what is made of a file that is not as it should be.
#include "log/offset_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "wire/writer.h"

namespace holdfast::test {
namespace {

using FileBytes = std::vector<std::uint8_t>;

constexpr Offset base(1000);

// ---- OffsetIndex ----

FileBytes offset_file(std::initializer_list<std::pair<std::uint32_t, std::uint32_t>> entries) {
  wire::Writer out;
  for (const auto& [relative, position] : entries) {
    out.u32(relative);
    out.u32(position);
  }
  return out.flatten();
}

// Batches of ten records and 100 bytes, three of them indexed.
OffsetIndex three_entries() {
  OffsetIndex index;
  index.add(base, Offset(1019), 100);
  index.add(base, Offset(1029), 200);
  index.add(base, Offset(1049), 400);
  return index;
}

TEST(OffsetIndex, AnEmptyOnePointsToTheBeginning) {
  EXPECT_EQ(OffsetIndex().lower_position(base, base), 0u);
  EXPECT_EQ(OffsetIndex().lower_position(base, Offset(INT64_MAX)), 0u);
}

TEST(OffsetIndex, LookupsLandAtOrBeforeTheBatch) {
  const OffsetIndex index = three_entries();
  const auto at = [&](std::int64_t offset) { return index.lower_position(base, Offset(offset)); };
  EXPECT_EQ(at(0), 0u) << "below the segment";
  EXPECT_EQ(at(1000), 0u);
  EXPECT_EQ(at(1015), 0u) << "in the batch that the first entry names by its last offset";
  EXPECT_EQ(at(1019), 0u);
  EXPECT_EQ(at(1020), 100u);
  EXPECT_EQ(at(1029), 100u);
  EXPECT_EQ(at(1030), 200u);
  EXPECT_EQ(at(1049), 200u);
  EXPECT_EQ(at(1050), 400u);
  EXPECT_EQ(at(INT64_MAX), 400u);
}

TEST(OffsetIndex, LookupsAgreeWithAWalkOverTheBatches) {
  std::mt19937 random(1);
  struct Batch {
    Offset first, last;
    std::uint64_t position;
  };
  std::vector<Batch> batches;
  OffsetIndex index;
  Offset next = base;
  std::uint64_t position = 0;
  for (int i = 0; i < 300; ++i) {
    const Offset first = next + static_cast<std::int64_t>(random() % 3);  // compaction leaves gaps
    const Offset last = first + static_cast<std::int64_t>(random() % 5);
    batches.push_back({first, last, position});
    if (i > 0 && random() % 4 == 0) index.add(base, last, position);
    position += 61 + random() % 500;
    next = last + 1;
  }
  ASSERT_GT(index.entries().size(), 30u);
  for (Offset wanted = base; wanted < next; ++wanted) {
    const auto batch = std::ranges::lower_bound(batches, wanted, {}, &Batch::last);
    const std::uint64_t found = index.lower_position(base, wanted);
    EXPECT_LE(found, batch->position) << wanted.value;
    EXPECT_EQ(std::ranges::count(batches, found, &Batch::position), 1) << "not where a batch begins";
    // The best entry there is: none lies between.
    for (const auto& e : index.entries())
      EXPECT_FALSE(base + std::int64_t{e.relative} < wanted && e.position > found) << wanted.value;
  }
}

TEST(OffsetIndex, TruncationDropsWhatIsAtOrAboveTheEnd) {
  const auto left = [](std::int64_t end) {
    OffsetIndex index = three_entries();
    index.truncate(base, Offset(end));
    return index.entries().size();
  };
  EXPECT_EQ(left(5000), 3u);
  EXPECT_EQ(left(1050), 3u);
  EXPECT_EQ(left(1049), 2u);
  EXPECT_EQ(left(1030), 2u);
  EXPECT_EQ(left(1029), 1u);
  EXPECT_EQ(left(1019), 0u);
  EXPECT_EQ(left(1000), 0u);
  EXPECT_EQ(left(0), 0u);
}

TEST(OffsetIndex, GoesOnAfterATruncation) {
  OffsetIndex index = three_entries();
  index.truncate(base, Offset(1025));
  index.add(base, Offset(1027), 210);
  EXPECT_EQ(index.to_file(), offset_file({{19, 100}, {27, 210}}));
}

TEST(OffsetIndex, TheFileIsKafkas) {
  EXPECT_TRUE(OffsetIndex().to_file().empty());
  const FileBytes file = three_entries().to_file();
  EXPECT_EQ(file, (FileBytes{0, 0, 0, 19, 0, 0, 0, 100, 0, 0, 0, 29, 0, 0, 0, 200, 0, 0, 0, 49, 0, 0, 1, 144}));
  const auto read = OffsetIndex::from_file(file);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->to_file(), file);
  EXPECT_EQ(read->lower_position(base, Offset(1020)), 100u);
  const auto empty = OffsetIndex::from_file({});
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->entries().empty());
}

TEST(OffsetIndex, TheZerosOfAPreallocatedFileAreNotEntries) {
  FileBytes file = three_entries().to_file();
  const FileBytes exact = file;
  file.resize(10 * 8);
  auto read = OffsetIndex::from_file(file);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->to_file(), exact);
  for (const std::size_t size : {8u, 16u, 800u}) {
    read = OffsetIndex::from_file(FileBytes(size));
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->entries().empty()) << size;
  }
}

TEST(OffsetIndex, ATornEntryIsRefused) {
  const FileBytes file = three_entries().to_file();
  for (std::size_t n = 0; n <= file.size(); ++n) {
    const auto read = OffsetIndex::from_file(ByteView(file).first(n));
    ASSERT_EQ(read.has_value(), n % 8 == 0) << n;
    if (read)
      EXPECT_EQ(read->entries().size(), n / 8);
    else
      EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  }
}

TEST(OffsetIndex, EntriesThatDoNotRiseAreRefused) {
  const FileBytes wrong[] = {
      offset_file({{19, 100}, {19, 200}}),  // the same offset
      offset_file({{19, 100}, {18, 200}}),
      offset_file({{19, 100}, {29, 100}}),  // the same position
      offset_file({{19, 100}, {29, 99}}),
      offset_file({{19, 100}, {29, 0}}),
      offset_file({{19, 100}, {29, 200}, {29, 300}}),
      offset_file({{0x80000000, 100}}),  // Kafka's are signed
      offset_file({{19, 100}, {0xffffffff, 200}}),
      offset_file({{19, 0x80000000}}),
  };
  for (const FileBytes& file : wrong) {
    const auto read = OffsetIndex::from_file(file);
    ASSERT_FALSE(read) << "case " << &file - wrong;
    EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  }
}

TEST(OffsetIndex, TheLargestEntryThatCanBe) {
  OffsetIndex index;
  index.add(base, base + INT32_MAX, INT32_MAX);
  const auto read = OffsetIndex::from_file(index.to_file());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->lower_position(base, base + INT32_MAX), 0u);
  EXPECT_EQ(read->lower_position(base, base + (INT32_MAX + std::int64_t{1})), std::uint64_t{INT32_MAX});
}

// ---- TimeIndex ----

FileBytes time_file(std::initializer_list<std::pair<std::int64_t, std::uint32_t>> entries) {
  wire::Writer out;
  for (const auto& [timestamp, relative] : entries) {
    out.i64(timestamp);
    out.u32(relative);
  }
  return out.flatten();
}

TimeIndex three_times() {
  TimeIndex index;
  index.add(base, 5000, Offset(1009));
  index.add(base, 6000, Offset(1019));
  index.add(base, 8000, Offset(1039));
  return index;
}

TEST(TimeIndex, AnEmptyOnePointsToTheBeginning) {
  EXPECT_EQ(TimeIndex().lower_offset(base, 0), base);
  EXPECT_EQ(TimeIndex().lower_offset(base, INT64_MAX), base);
}

TEST(TimeIndex, LookupsLandAtOrBeforeTheRecord) {
  const TimeIndex index = three_times();
  const auto at = [&](std::int64_t timestamp) { return index.lower_offset(base, timestamp).value; };
  EXPECT_EQ(at(INT64_MIN), 1000);
  EXPECT_EQ(at(-1), 1000);
  EXPECT_EQ(at(4999), 1000);
  EXPECT_EQ(at(5000), 1000) << "the record itself may be anywhere up to the entry's offset";
  EXPECT_EQ(at(5001), 1009);
  EXPECT_EQ(at(6000), 1009);
  EXPECT_EQ(at(6001), 1019);
  EXPECT_EQ(at(8000), 1019);
  EXPECT_EQ(at(8001), 1039);
  EXPECT_EQ(at(INT64_MAX), 1039);
}

TEST(TimeIndex, LookupsAgreeWithAWalkOverTheRecords) {
  std::mt19937 random(2);
  std::vector<std::int64_t> timestamps;  // of offset base + i; clients' clocks are not monotonic
  TimeIndex index;
  std::int64_t largest = -1;
  Offset largest_at(-1);
  for (std::int64_t i = 0; i < 500; ++i) {
    timestamps.push_back(100 + i * 2 + static_cast<std::int64_t>(random() % 200));
    if (timestamps.back() > largest) {
      largest = timestamps.back();
      largest_at = base + i;
    }
    if (random() % 10 == 0) index.add(base, largest, largest_at);
  }
  ASSERT_GT(index.entries().size(), 20u);
  for (std::int64_t wanted = 0; wanted <= largest + 1; ++wanted) {
    const auto first = std::ranges::find_if(timestamps, [&](std::int64_t t) { return t >= wanted; });
    EXPECT_LE(index.lower_offset(base, wanted), base + (first - timestamps.begin())) << wanted;
  }
  EXPECT_EQ(index.lower_offset(base, INT64_MAX), base + std::int64_t{index.entries().back().relative});
}

TEST(TimeIndex, OnlyWhatRisesIsAdded) {
  TimeIndex index = three_times();
  const FileBytes before = index.to_file();
  index.add(base, 8000, Offset(1049));
  index.add(base, 7000, Offset(1049));
  index.add(base, 9000, Offset(1039));
  index.add(base, 9000, Offset(1030));
  EXPECT_EQ(index.to_file(), before);
  index.add(base, 8001, Offset(1040));
  EXPECT_EQ(index.entries().size(), 4u);
}

TEST(TimeIndex, RecordsWithoutATimestampAreNotIndexed) {
  TimeIndex index;
  index.add(base, -1, Offset(1009));
  index.add(base, INT64_MIN, Offset(1009));
  EXPECT_TRUE(index.entries().empty());
  index.add(base, 0, Offset(1009));
  EXPECT_EQ(index.entries().size(), 1u);
}

TEST(TimeIndex, TruncationDropsWhatIsAtOrAboveTheEnd) {
  const auto left = [](std::int64_t end) {
    TimeIndex index = three_times();
    index.truncate(base, Offset(end));
    return index.entries().size();
  };
  EXPECT_EQ(left(1040), 3u);
  EXPECT_EQ(left(1039), 2u);
  EXPECT_EQ(left(1010), 1u);
  EXPECT_EQ(left(1009), 0u);
  EXPECT_EQ(left(0), 0u);
}

TEST(TimeIndex, TheFileIsKafkas) {
  EXPECT_TRUE(TimeIndex().to_file().empty());
  TimeIndex index;
  index.add(base, 0x0102030405060708, Offset(1255));
  const FileBytes file = index.to_file();
  EXPECT_EQ(file, (FileBytes{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 255}));
  const auto read = TimeIndex::from_file(three_times().to_file());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->to_file(), three_times().to_file());
  EXPECT_EQ(read->lower_offset(base, 5001), Offset(1009));
}

TEST(TimeIndex, TheZerosOfAPreallocatedFileAreNotEntries) {
  FileBytes file = three_times().to_file();
  file.resize(10 * 12);
  auto read = TimeIndex::from_file(file);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->to_file(), three_times().to_file());
  read = TimeIndex::from_file(FileBytes(10 * 12));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->entries().empty());
}

TEST(TimeIndex, ARecordOfTheYear1970IsAnEntry) {
  TimeIndex index;
  index.add(base, 0, base);
  const auto read = TimeIndex::from_file(index.to_file());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->entries().size(), 1u);
}

TEST(TimeIndex, ATornEntryIsRefused) {
  const FileBytes file = three_times().to_file();
  for (std::size_t n = 0; n <= file.size(); ++n) {
    const auto read = TimeIndex::from_file(ByteView(file).first(n));
    ASSERT_EQ(read.has_value(), n % 12 == 0) << n;
    if (!read) EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  }
}

TEST(TimeIndex, EntriesThatDoNotRiseAreRefused) {
  const FileBytes wrong[] = {
      time_file({{5000, 9}, {4999, 19}}),
      time_file({{5000, 9}, {6000, 8}}),
      time_file({{5000, 9}, {-1, 19}}),
      time_file({{5000, 9}, {6000, 0}}),
      time_file({{-1, 9}}),
      time_file({{INT64_MIN, 9}}),
      time_file({{5000, 0x80000000}}),
      time_file({{5000, 9}, {6000, 0xffffffff}}),
  };
  for (const FileBytes& file : wrong) {
    const auto read = TimeIndex::from_file(file);
    ASSERT_FALSE(read) << "case " << &file - wrong;
    EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace holdfast::test
