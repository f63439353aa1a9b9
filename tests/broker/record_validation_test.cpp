#include "broker/record_validation.h"

#include <gtest/gtest.h>

#include <string_view>

#include "wire/kafka/compression.h"

namespace holdfast {
namespace {

using wire::ErrorCode;
constexpr std::int64_t now = 1'700'000'000'000;

std::vector<std::uint8_t> batch(wire::BatchBuilder::Options options = {}, int records = 3, bool keys = true,
                                std::int64_t timestamp = now) {
  wire::BatchBuilder builder(options);
  for (int i = 0; i < records; ++i)
    builder.append(timestamp + i, keys ? std::optional(as_bytes("key")) : std::nullopt, as_bytes("value"));
  return builder.finish();
}

BatchCheck check(std::vector<std::uint8_t> bytes, const TopicSettings& settings = {}) {
  return check_client_batch(bytes, settings, AppendOrigin::client, now);
}

TEST(RecordValidation, ASoundBatchPassesInEveryCodec) {
  for (const auto codec :
       {wire::Codec::none, wire::Codec::gzip, wire::Codec::snappy, wire::Codec::lz4, wire::Codec::zstd}) {
    wire::BatchBuilder::Options options;
    options.codec = codec;
    const BatchCheck done = check(batch(options));
    EXPECT_EQ(done.error, ErrorCode::none) << static_cast<int>(codec) << done.message;
    EXPECT_EQ(done.header.record_count, 3);
    EXPECT_TRUE(done.rewritten.empty());
    EXPECT_EQ(done.log_append_time, -1);
  }
}

TEST(RecordValidation, EveryFlippedByteBehindTheCrcIsFound) {
  const auto good = batch();
  for (std::size_t i = wire::batch_crc_at; i < good.size(); ++i) {
    auto bad = good;
    bad[i] ^= 0x10;
    EXPECT_NE(check(bad).error, ErrorCode::none) << "byte " << i;
  }
}

TEST(RecordValidation, ExactlyOneBatchIsTaken) {
  EXPECT_EQ(check({}).error, ErrorCode::invalid_record);
  auto two = batch();
  const auto again = batch();
  two.insert(two.end(), again.begin(), again.end());
  EXPECT_EQ(check(two).error, ErrorCode::invalid_record);
  auto cut = batch();
  cut.pop_back();
  EXPECT_EQ(check(cut).error, ErrorCode::invalid_record);
}

TEST(RecordValidation, TooFewBytesForAnotherBatchBehindTheBatchAreIgnored) {
  auto trailed = batch();
  trailed.insert(trailed.end(), 10, 0);
  EXPECT_EQ(check(trailed).error, ErrorCode::none);
}

TEST(RecordValidation, FramingThatCannotBeIsToldFromTooLittle) {
  auto tiny = batch();
  tiny[11] = 3;  // a length below any record's
  EXPECT_EQ(check(tiny).error, ErrorCode::corrupt_message);
  auto magic = batch();
  magic[wire::batch_magic_at] = 3;
  EXPECT_EQ(check(magic).error, ErrorCode::corrupt_message);
  magic[wire::batch_magic_at] = 1;
  EXPECT_EQ(check(magic).error, ErrorCode::invalid_record);
}

TEST(RecordValidation, ZstandardNeedsANewEnoughProduce) {
  wire::BatchBuilder::Options options;
  options.codec = wire::Codec::zstd;
  auto bytes = batch(options);
  EXPECT_EQ(check_client_batch(bytes, {}, AppendOrigin::client_before_zstd, now).error,
            ErrorCode::unsupported_compression_type);
  EXPECT_EQ(check_client_batch(bytes, {}, AppendOrigin::client, now).error, ErrorCode::none);
}

TEST(RecordValidation, ControlBatchesAreNotForClients) {
  wire::BatchBuilder::Options options;
  options.control = true;
  EXPECT_EQ(check(batch(options)).error, ErrorCode::invalid_record);
}

TEST(RecordValidation, LimitsOfTheTopicHold) {
  TopicSettings small;
  small.max_message_bytes = 70;
  EXPECT_EQ(check(batch(), small).error, ErrorCode::message_too_large);
  TopicSettings segment;
  segment.segment_bytes = 70;
  EXPECT_EQ(check(batch(), segment).error, ErrorCode::record_list_too_large);
}

TEST(RecordValidation, CompactedTopicsNeedKeysAndSayWhichRecordHasNone) {
  TopicSettings compacted;
  compacted.cleanup_compact = true;
  EXPECT_EQ(check(batch({}, 2, true), compacted).error, ErrorCode::none);
  const BatchCheck done = check(batch({}, 2, false), compacted);
  EXPECT_EQ(done.error, ErrorCode::invalid_record);
  ASSERT_EQ(done.record_errors.size(), 2u);
  EXPECT_EQ(done.record_errors[1].index, 1);
}

TEST(RecordValidation, TimestampsTooFarAwayAreRefused) {
  TopicSettings settings;
  settings.timestamp_after_max_ms = 1000;
  settings.timestamp_before_max_ms = 1000;
  EXPECT_EQ(check(batch({}, 2, true, now), settings).error, ErrorCode::none);
  EXPECT_EQ(check(batch({}, 2, true, now + 5000), settings).error, ErrorCode::invalid_timestamp);
  EXPECT_EQ(check(batch({}, 2, true, now - 5000), settings).error, ErrorCode::invalid_timestamp);
}

TEST(RecordValidation, LogAppendTimeStampsTheBatchAndItsCrcHolds) {
  TopicSettings settings;
  settings.log_append_time = true;
  auto bytes = batch({}, 2, true, 5);
  const BatchCheck done = check_client_batch(bytes, settings, AppendOrigin::client, now);
  EXPECT_EQ(done.error, ErrorCode::none);
  EXPECT_EQ(done.log_append_time, now);
  const auto header = wire::BatchHeader::parse(bytes);
  EXPECT_TRUE(header->log_append_time());
  EXPECT_EQ(header->max_timestamp, now);
  EXPECT_TRUE(wire::verify_crc(bytes));
}

TEST(RecordValidation, TheTopicsOwnCodecReplacesTheClients) {
  TopicSettings settings;
  settings.compression_type = "zstd";
  const auto plain = batch();
  const BatchCheck done = check(plain, settings);
  ASSERT_EQ(done.error, ErrorCode::none);
  const auto header = wire::BatchHeader::parse(done.rewritten);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->codec(), wire::Codec::zstd);
  EXPECT_EQ(header->size(), done.rewritten.size());
  EXPECT_TRUE(wire::verify_crc(done.rewritten));
  const auto body =
      wire::decompress(wire::Codec::zstd, ByteView(done.rewritten).subspan(wire::batch_header_bytes), 1 << 20);
  EXPECT_TRUE(std::ranges::equal(*body, ByteView(plain).subspan(wire::batch_header_bytes)));
}

TEST(RecordValidation, TheHeadersTimestampsAreMendedFromTheRecords) {
  auto lying = batch({}, 3, true, 1000);
  wire::set_create_time(lying, 5);
  wire::stamp_log_append_time(lying, 77);
  const BatchCheck done = check_client_batch(lying, {}, AppendOrigin::client, now);
  ASSERT_EQ(done.error, ErrorCode::none) << done.message;
  const auto header = wire::BatchHeader::parse(lying);
  EXPECT_FALSE(header->log_append_time());
  EXPECT_EQ(header->max_timestamp, 1002);
  EXPECT_EQ(done.header.max_timestamp, 1002);
  EXPECT_TRUE(wire::verify_crc(lying));
}

}  // namespace
}  // namespace holdfast
