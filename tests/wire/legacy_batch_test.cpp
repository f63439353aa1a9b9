#include "wire/kafka/legacy_batch.h"

#include <gtest/gtest.h>

#include "tests/wire/golden_files.h"

namespace holdfast::wire::testing {
namespace {

using boost::json::object;
using boost::json::value;
using ByteVector = std::vector<std::uint8_t>;
constexpr std::size_t content_bytes_max = 16 << 20;

std::vector<object> golden_sets() {
  std::vector<object> sets = golden_lines("kafka/record_batches.jsonl.gz");
  std::erase_if(sets, [](const object& set) { return set.at("name").as_string().starts_with("v2/"); });
  return sets;
}

void expect_bytes(const value& expected, const std::optional<ByteView>& actual) {
  ASSERT_EQ(actual.has_value(), !expected.is_null());
  if (actual) EXPECT_EQ(ByteVector(actual->begin(), actual->end()), from_hex(expected.as_string()));
}

void expect_batch(const object& expected, const LegacyBatch& actual) {
  constexpr const char* codecs[] = {"none", "gzip", "snappy", "lz4"};
  const LegacyMessage& outer = actual.outer;
  EXPECT_EQ(expected.at("baseOffset").to_number<std::int64_t>(), actual.messages.front().offset);
  EXPECT_EQ(expected.at("lastOffset").to_number<std::int64_t>(), outer.offset);
  EXPECT_EQ(expected.at("magic").to_number<int>(), outer.magic);
  EXPECT_EQ(expected.at("crc").to_number<std::uint32_t>(), outer.crc);
  EXPECT_EQ(expected.at("sizeInBytes").to_number<std::size_t>(), outer.size);
  EXPECT_EQ(expected.at("compression").as_string(), codecs[static_cast<std::size_t>(outer.codec())]);
  EXPECT_EQ(expected.at("maxTimestamp").to_number<std::int64_t>(), outer.timestamp);
  EXPECT_EQ(expected.at("timestampType").as_string() == "LogAppendTime", outer.log_append_time());
  const auto& records = expected.at("records").as_array();
  ASSERT_EQ(records.size(), actual.messages.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    const object& record = records[i].as_object();
    EXPECT_EQ(record.at("offset").to_number<std::int64_t>(), actual.messages[i].offset);
    EXPECT_EQ(record.at("timestamp").to_number<std::int64_t>(), actual.messages[i].timestamp);
    expect_bytes(record.at("key"), actual.messages[i].key);
    expect_bytes(record.at("value"), actual.messages[i].value);
  }
}

// Wrappers with absolute and relative inner offsets, gaps, and the wrong LZ4 checksum of magic 0.
TEST(LegacyBatchGolden, EveryMessageIsWhatKafkaReads) {
  const auto sets = golden_sets();
  ASSERT_EQ(sets.size(), 24u);
  for (const object& set : sets) {
    SCOPED_TRACE(set.at("name").as_string());
    const ByteVector bytes = hex_of(set);
    ByteView rest(bytes);
    for (const value& expected : set.at("batches").as_array()) {
      const auto batch = LegacyBatch::read(rest, content_bytes_max);
      ASSERT_TRUE(batch) << batch.error().message;
      expect_batch(expected.as_object(), *batch);
      rest = rest.subspan(batch->outer.size);
    }
    EXPECT_TRUE(rest.empty());
  }
}

TEST(LegacyBatch, NoPrefixIsTakenForAMessage) {
  for (const object& set : golden_sets()) {
    const std::string_view name = set.at("name").as_string();
    if (name != "v0/none" && name != "v1/gzip/create_time") continue;
    const ByteVector bytes = hex_of(set);
    const std::size_t whole = LegacyMessage::parse(bytes)->size;
    for (std::size_t size = 0; size < whole; ++size) {
      const auto message = LegacyMessage::parse(ByteView(bytes).first(size));
      ASSERT_FALSE(message) << size;
      EXPECT_EQ(message.error().kind, ErrorKind::out_of_range);
    }
  }
}

TEST(LegacyBatch, AnyChangedByteBehindTheCrcIsFound) {
  const ByteVector sound = hex_of(golden_sets().front());
  const std::size_t whole = LegacyMessage::parse(sound)->size;
  for (std::size_t at = 12; at < whole; ++at) {
    ByteVector damaged = sound;
    damaged[at] ^= 0x40;
    const auto message = LegacyMessage::parse(damaged);
    ASSERT_FALSE(message) << at;
    EXPECT_EQ(message.error().kind, ErrorKind::corrupt);
  }
}

TEST(LegacyBatch, AWrapperIsBounded) {
  for (const object& set : golden_sets()) {
    if (!set.at("name").as_string().ends_with("/many_blocks")) continue;
    const auto batch = LegacyBatch::read(hex_of(set), 10'000);
    ASSERT_FALSE(batch) << set.at("name");
    EXPECT_EQ(batch.error().kind, ErrorKind::exhausted);
  }
}

}  // namespace
}  // namespace holdfast::wire::testing
