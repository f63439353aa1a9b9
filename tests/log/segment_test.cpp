// A segment's books, when it ends, and what a scan makes of a file that is not as it should be.
#include "log/segment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "log/format.h"
#include "runtime/simulated_disk.h"

namespace holdfast::test {
namespace {

using FileBytes = std::vector<std::uint8_t>;
using testing::ElementsAre;
using End = SegmentScan::End;

FileBytes make_batch(std::int64_t base, int count = 1, std::size_t value_bytes = 20, std::int64_t timestamp = 1000) {
  wire::BatchBuilder::Options options;
  options.base_offset = base;
  options.leader_epoch = 0;
  wire::BatchBuilder builder(options);
  const std::string value(value_bytes, 'v');
  for (int i = 0; i < count; ++i) builder.append(timestamp, std::nullopt, as_bytes(value));
  return builder.finish();
}

wire::BatchHeader make_header(std::int64_t base, std::int32_t size, std::int64_t timestamp, std::int32_t count = 1) {
  wire::BatchHeader h;
  h.base_offset = base;
  h.length = size - static_cast<std::int32_t>(wire::batch_overhead_bytes);
  h.last_offset_delta = count - 1;
  h.max_timestamp = timestamp;
  return h;
}

// ---- Books ----

TEST(Segment, KeepsSizeAndTheLargestTimestamp) {
  Segment s(Offset(100));
  s.note(make_header(100, 200, 5000, 2), 1, 4096);
  s.note(make_header(102, 300, 7000, 3), 1, 4096);
  s.note(make_header(105, 100, 6000), 1, 4096);
  s.note(make_header(106, 100, 7000), 1, 4096);
  EXPECT_EQ(s.size, 700u);
  EXPECT_EQ(s.largest_timestamp, 7000);
  EXPECT_EQ(s.largest_timestamp_offset, Offset(104)) << "the first batch that had it";
  EXPECT_EQ(s.first_append_ms, 5000);
}

TEST(Segment, ABatchWithoutATimestampCountsFromWhenItCame) {
  Segment s{Offset(0)};
  s.note(make_header(0, 200, -1), 4321, 4096);
  EXPECT_EQ(s.first_append_ms, 4321);
  EXPECT_EQ(s.largest_timestamp, -1);
  s.close_indexes();
  EXPECT_TRUE(s.times.entries().empty());
}

// Kafka: a batch is indexed when more than the interval was written since the last one that was.
TEST(Segment, IndexesABatchForEachInterval) {
  Segment s(Offset(100));
  for (std::int64_t i = 0; i < 8; ++i) s.note(make_header(100 + 2 * i, 500, 1000 + i, 2), 0, 1000);
  ASSERT_EQ(s.offsets.entries().size(), 2u);
  EXPECT_EQ(s.offsets.entries()[0].relative, 7u);
  EXPECT_EQ(s.offsets.entries()[0].position, 1500u);
  EXPECT_EQ(s.offsets.entries()[1].relative, 13u);
  EXPECT_EQ(s.offsets.entries()[1].position, 3000u);
  ASSERT_EQ(s.times.entries().size(), 2u);
  EXPECT_EQ(s.times.entries()[1].timestamp, 1006);
  EXPECT_EQ(s.times.entries()[1].relative, 13u);
  s.close_indexes();
  ASSERT_EQ(s.times.entries().size(), 3u) << "the largest timestamp of all is the last entry";
  EXPECT_EQ(s.times.entries()[2].timestamp, 1007);
  EXPECT_EQ(s.times.entries()[2].relative, 15u);
  s.close_indexes();
  EXPECT_EQ(s.times.entries().size(), 3u);
  EXPECT_EQ(s.offsets.entries().size(), 2u);
}

// ---- When it ends ----

class RollTest : public testing::Test {
 protected:
  RollTest() { segment_.note(make_header(100, 600, 50'000), 50'000, 4096); }
  bool rolls(const wire::BatchHeader& next, std::int64_t now = 50'000) const {
    return segment_.must_roll(next, config_, now);
  }
  Segment segment_{Offset(100)};
  LogConfig config_;
};

TEST_F(RollTest, BySize) {
  config_.segment_bytes = 1000;
  EXPECT_FALSE(rolls(make_header(101, 400, 50'000)));
  EXPECT_TRUE(rolls(make_header(101, 401, 50'000)));
}

TEST_F(RollTest, NeverWhileItIsEmpty) {
  config_.segment_bytes = 1000;
  config_.segment_ms = 1;
  const Segment empty(Offset(0));
  EXPECT_FALSE(empty.must_roll(make_header(0, 5000, 99'999), config_, 99'999))
      << "a batch may be larger than a segment";
}

TEST_F(RollTest, ByTheTimeThatItsRecordsSpan) {
  config_.segment_ms = 1000;
  EXPECT_FALSE(rolls(make_header(101, 100, 51'000), 90'000));
  EXPECT_TRUE(rolls(make_header(101, 100, 51'001), 50'000)) << "by the records' clock, not ours";
  EXPECT_FALSE(rolls(make_header(101, 100, 10), 90'000)) << "earlier ones do not count";
  EXPECT_FALSE(rolls(make_header(101, 100, -1), 51'000)) << "without a timestamp, ours does";
  EXPECT_TRUE(rolls(make_header(101, 100, -1), 51'001));
  config_.segment_jitter_ms = 400;
  EXPECT_FALSE(rolls(make_header(101, 100, 50'600)));
  EXPECT_TRUE(rolls(make_header(101, 100, 50'601)));
  config_.segment_ms = unlimited;
  EXPECT_FALSE(rolls(make_header(101, 100, INT64_MAX)));
}

TEST_F(RollTest, ByTheRoomOfItsIndexes) {
  config_.segment_index_bytes = 36;  // three entries of the time index
  for (std::int64_t i = 1; i <= 2; ++i) segment_.note(make_header(100 + i, 600, 50'000 + i), 0, 0);
  ASSERT_EQ(segment_.offsets.entries().size(), 2u);
  EXPECT_FALSE(rolls(make_header(103, 100, 50'000)));
  segment_.note(make_header(103, 600, 50'003), 0, 0);
  EXPECT_TRUE(rolls(make_header(104, 100, 50'000)));
}

TEST_F(RollTest, WhenAnOffsetNoLongerFitsItsIndex) {
  EXPECT_FALSE(rolls(make_header(100 + std::int64_t{INT32_MAX}, 100, 50'000)));
  EXPECT_TRUE(rolls(make_header(101 + std::int64_t{INT32_MAX}, 100, 50'000)));
  EXPECT_TRUE(rolls(make_header(100 + std::int64_t{INT32_MAX}, 100, 50'000, 2)));
}

// ---- Names ----

TEST(SegmentName, IsItsBaseOffsetInTwentyDigits) {
  EXPECT_EQ(log_format::segment_name(Offset(0), ".log"), "00000000000000000000.log");
  EXPECT_EQ(log_format::segment_name(Offset(INT64_MAX), ".timeindex"), "09223372036854775807.timeindex");
  EXPECT_EQ(log_format::parse_segment_name("00000000000000000123.log", ".log"), Offset(123));
  for (const char* wrong : {"", ".log", "0.log", "00000000000000000123.index", "00000000000000000123.log.deleted",
                            "-0000000000000000001.log", "+0000000000000000001.log", "0000000000000000012x.log",
                            "99999999999999999999.log", "000000000000000000123.log"})
    EXPECT_FALSE(log_format::parse_segment_name(wrong, ".log")) << wrong;
}

TEST(PartitionDirectory, IsTopicAndPartition) {
  const auto parsed = log_format::parse_partition_directory("a-b.c_d-12");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->topic, "a-b.c_d");
  EXPECT_EQ(parsed->partition, 12);
  for (const char* wrong :
       {"", "topic", "-1", "topic-", "topic-x", "topic-1x", "topic-2147483648", "topic--1x", "topic-1 "})
    EXPECT_FALSE(log_format::parse_partition_directory(wrong)) << wrong;
}

// ---- Scans ----

class ScanTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(disk_.create_directories("/data")); }

  void add(const FileBytes& bytes) { file_.insert(file_.end(), bytes.begin(), bytes.end()); }
  SegmentScan scan(std::uint64_t from = 0) {
    auto file = disk_.open(path_, {.write = true, .create = true, .truncate = true});
    EXPECT_TRUE(file);
    EXPECT_TRUE((*file)->write_at(0, ByteView(file_)));
    visited_.clear();
    const auto out = scan_segment(
        disk_, path_, base_, from, [&](const wire::BatchHeader& h, ByteView batch, std::uint64_t position) {
          EXPECT_EQ(batch.size(), h.size());
          EXPECT_TRUE(
              std::ranges::equal(batch, ByteView(file_).subspan(static_cast<std::size_t>(position), batch.size())));
          visited_.push_back(h.base_offset);
        });
    EXPECT_TRUE(out);
    return out.value_or(SegmentScan{});
  }

  SimulatedDisk disk_;
  const std::string path_ = "/data/segment";
  const Offset base_{100};
  FileBytes file_;
  std::vector<std::int64_t> visited_;
};

TEST_F(ScanTest, VisitsEveryBatchOfAWholeFile) {
  add(make_batch(100, 3));
  add(make_batch(103));
  add(make_batch(110, 2));  // compaction leaves gaps
  const SegmentScan out = scan();
  EXPECT_EQ(out.end, End::end_of_file);
  EXPECT_EQ(out.valid_bytes, file_.size());
  EXPECT_FALSE(out.valid_after);
  EXPECT_THAT(visited_, ElementsAre(100, 103, 110));
}

TEST_F(ScanTest, AnEmptyFileIsWhole) {
  const SegmentScan out = scan();
  EXPECT_EQ(out.end, End::end_of_file);
  EXPECT_EQ(out.valid_bytes, 0u);
}

TEST_F(ScanTest, AnAbsentFileIsNotFound) {
  const auto out = scan_segment(disk_, "/data/other", base_, 0, [](auto&&...) {});
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().kind, ErrorKind::not_found);
}

TEST_F(ScanTest, BeginsWhereItIsTold) {
  add(make_batch(100));
  const std::size_t second = file_.size();
  add(make_batch(101));
  add(make_batch(102));
  const SegmentScan out = scan(second);
  EXPECT_EQ(out.end, End::end_of_file);
  EXPECT_EQ(out.valid_bytes, file_.size());
  EXPECT_THAT(visited_, ElementsAre(101, 102));
  EXPECT_EQ(scan(file_.size()).valid_bytes, file_.size());
  EXPECT_THAT(visited_, ElementsAre());
}

TEST_F(ScanTest, ReadsBatchesLargerThanItsBuffer) {
  add(make_batch(100, 1, 3 << 20));
  for (std::int64_t i = 1; i < 40; ++i) add(make_batch(100 + i, 1, 100'000));
  const SegmentScan out = scan();
  EXPECT_EQ(out.end, End::end_of_file);
  EXPECT_EQ(visited_.size(), 40u);
}

TEST_F(ScanTest, TheZerosOfAnAlignedWriteAreNotDamage) {
  add(make_batch(100));
  const std::size_t valid = file_.size();
  for (const std::size_t zeros : {1u, 60u, 61u, 62u, 4000u, 3u << 20}) {
    file_.resize(valid + zeros);
    const SegmentScan out = scan();
    EXPECT_EQ(out.end, End::zeros) << zeros;
    EXPECT_EQ(out.valid_bytes, valid);
    EXPECT_FALSE(out.valid_after);
    EXPECT_THAT(visited_, ElementsAre(100));
  }
}

TEST_F(ScanTest, ABatchCutAtAnyByteIsTorn) {
  add(make_batch(100, 2));
  const std::size_t valid = file_.size();
  const FileBytes last = make_batch(102, 2);
  for (std::size_t n = 1; n < last.size(); ++n) {
    file_.resize(valid);
    add(FileBytes(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(n)));
    const SegmentScan out = scan();
    // The first bytes of an offset are zeros like any padding.
    const bool zeros =
        std::ranges::all_of(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(n), [](auto b) { return b == 0; });
    EXPECT_EQ(out.end, zeros ? End::zeros : End::torn) << n;
    EXPECT_EQ(out.valid_bytes, valid) << n;
    EXPECT_FALSE(out.valid_after) << n;
    EXPECT_THAT(visited_, ElementsAre(100));
  }
}

TEST_F(ScanTest, ABatchWithZerosInItsEndIsDamage) {
  add(make_batch(100));
  const std::size_t valid = file_.size();
  add(make_batch(101));
  std::fill(file_.end() - 10, file_.end(), std::uint8_t{0});
  const SegmentScan out = scan();
  EXPECT_EQ(out.end, End::corrupt);
  EXPECT_EQ(out.valid_bytes, valid);
}

// Base offset and leader epoch lie before what the CRC covers, as in Kafka: damage there may pass unseen.
TEST_F(ScanTest, AnyDamagedBitThatTheCrcCoversStopsTheScan) {
  add(make_batch(100));
  const std::size_t second = file_.size();
  add(make_batch(101));
  const std::size_t third = file_.size();
  add(make_batch(102));
  for (std::size_t bit = (second + wire::batch_magic_at) * 8; bit < third * 8; ++bit) {
    const FileBytes good = file_;
    file_[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    const SegmentScan out = scan();
    file_ = good;
    ASSERT_EQ(out.end, End::corrupt) << bit - second * 8;
    ASSERT_EQ(out.valid_bytes, second);
    ASSERT_TRUE(out.valid_after) << "a whole batch follows: this is no torn end";
    ASSERT_THAT(visited_, ElementsAre(100));
  }
}

TEST_F(ScanTest, ALengthThatReachesBehindTheEndDoesNotHideWhatFollows) {
  add(make_batch(100));
  const std::size_t second = file_.size();
  add(make_batch(101));
  add(make_batch(102));
  file_[second + 8] = 0x40;  // the highest byte of the length
  const SegmentScan out = scan();
  EXPECT_EQ(out.end, End::torn);
  EXPECT_EQ(out.valid_bytes, second);
  EXPECT_TRUE(out.valid_after);
}

TEST_F(ScanTest, AHoleOfZerosDoesNotHideWhatFollows) {
  add(make_batch(100));
  const std::size_t valid = file_.size();
  file_.resize(valid + (2 << 20));
  add(make_batch(101));
  const SegmentScan out = scan();
  EXPECT_EQ(out.end, End::zeros);
  EXPECT_EQ(out.valid_bytes, valid);
  EXPECT_TRUE(out.valid_after);
}

TEST_F(ScanTest, OffsetsThatDoNotRiseAreDamage) {
  for (const std::int64_t next : {std::int64_t{0}, std::int64_t{100}, std::int64_t{102}, std::int64_t{-1}}) {
    file_ = make_batch(100, 3);
    const std::size_t valid = file_.size();
    FileBytes wrong = make_batch(0);
    wire::set_base_offset(wrong, next);
    add(wrong);
    const SegmentScan out = scan();
    EXPECT_EQ(out.end, End::corrupt) << next;
    EXPECT_EQ(out.valid_bytes, valid);
  }
}

TEST_F(ScanTest, OffsetsOutsideTheSegmentAreDamage) {
  for (const std::int64_t wrong : {std::int64_t{99}, 100 + std::int64_t{INT32_MAX} + 1, INT64_MAX - 1}) {
    file_ = make_batch(0);
    wire::set_base_offset(file_, wrong);
    EXPECT_EQ(scan().end, End::corrupt) << wrong;
    EXPECT_TRUE(visited_.empty());
  }
  file_ = make_batch(0);
  wire::set_base_offset(file_, 100 + std::int64_t{INT32_MAX});
  EXPECT_EQ(scan().end, End::end_of_file) << "the last offset that fits";
}

TEST_F(ScanTest, NoiseIsDamageAndDoesNotTakeForever) {
  file_.resize(2 << 20);
  std::uint32_t state = 1;
  for (auto& b : file_) b = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  const SegmentScan out = scan();
  EXPECT_EQ(out.end, End::corrupt);
  EXPECT_EQ(out.valid_bytes, 0u);
  EXPECT_FALSE(out.valid_after);
}

}  // namespace
}  // namespace holdfast::test
