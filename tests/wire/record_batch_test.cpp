// Record sets that Kafka 4.4.0's own builder wrote, and what its reader says of damaged ones.
#include "wire/kafka/record_batch.h"

#include <gtest/gtest.h>

#include "tests/wire/golden_files.h"
#include "wire/crc32c.h"
#include "wire/kafka/compression.h"

namespace holdfast::wire::testing {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using ByteVector = std::vector<std::uint8_t>;
constexpr std::size_t body_bytes_max = 16 << 20;

std::string codec_name(Codec codec) {
  constexpr const char* names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
  return names[static_cast<std::size_t>(codec)];
}

value hex_or_null(const std::optional<ByteView>& bytes) {
  if (!bytes) return nullptr;
  std::string text;
  for (const std::uint8_t byte : *bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return value(text);
}

Result<ByteVector> body_of(const BatchHeader& header, ByteView batch) {
  return decompress(header.codec(), batch.subspan(batch_header_bytes), body_bytes_max);
}

// In the form of the golden data.
object describe(const BatchHeader& h) {
  object out;
  out["baseOffset"] = h.base_offset;
  out["lastOffset"] = h.last_offset();
  out["nextOffset"] = h.last_offset() + 1;
  out["magic"] = h.magic;
  out["crc"] = h.crc;
  out["sizeInBytes"] = h.size();
  out["compression"] = codec_name(h.codec());
  out["timestampType"] = h.log_append_time() ? "LogAppendTime" : "CreateTime";
  // Kafka's reader leaves out that the field means something else when the batch has a delete horizon.
  out["baseTimestamp"] = h.base_timestamp;
  out["partitionLeaderEpoch"] = h.leader_epoch;
  out["producerId"] = h.producer_id;
  out["producerEpoch"] = h.producer_epoch;
  out["baseSequence"] = h.base_sequence;
  out["lastSequence"] = h.last_sequence();
  out["isTransactional"] = h.is_transactional();
  out["isControlBatch"] = h.is_control();
  if (h.has_delete_horizon()) out["deleteHorizonMs"] = h.base_timestamp;
  out["count"] = h.record_count;
  out["maxTimestamp"] = h.max_timestamp;
  return out;
}

object describe(const BatchHeader& h, const Record& r) {
  object out;
  out["offset"] = h.base_offset + r.offset_delta;
  out["timestamp"] = timestamp_of(h, r);
  out["sequence"] = h.base_sequence < 0 ? -1 : sequence_after(h.base_sequence, r.offset_delta);
  out["key"] = hex_or_null(r.key);
  out["value"] = hex_or_null(r.value);
  array& headers = (out["headers"] = array()).as_array();
  const auto fields = read_headers(r);
  EXPECT_TRUE(fields);
  for (const RecordHeader& field : *fields) {
    const auto bytes = field.value ? std::optional<ByteView>(*field.value) : std::nullopt;
    headers.push_back(object{{"key", field.key}, {"value", hex_or_null(bytes)}});
  }
  return out;
}

object describe(const BatchHeader& header, ByteView batch) {
  object out = describe(header);
  const auto body = body_of(header, batch);
  EXPECT_TRUE(body);
  array records;
  RecordReader reader(*body, header.record_count);
  for (Record record; reader.next(record);) records.push_back(describe(header, record));
  EXPECT_EQ(reader.error(), nullptr);
  out["records"] = std::move(records);
  return out;
}

// Writes the batch anew from what was read of it.
ByteVector rebuild(const BatchHeader& h, ByteView batch) {
  if (h.record_count == 0) return empty_batch(h);
  const auto body = body_of(h, batch);
  BatchBuilder::Options options;
  options.base_offset = h.base_offset;
  options.leader_epoch = h.leader_epoch;
  options.codec = h.codec();
  options.producer_id = h.producer_id;
  options.producer_epoch = h.producer_epoch;
  options.base_sequence = h.base_sequence;
  options.transactional = h.is_transactional();
  options.control = h.is_control();
  if (h.log_append_time()) options.log_append_time = h.max_timestamp;
  if (h.has_delete_horizon()) options.delete_horizon = h.base_timestamp;
  BatchBuilder builder(options);
  RecordReader reader(*body, h.record_count);
  for (Record r; reader.next(r);) {
    builder.append_at(h.base_offset + r.offset_delta, h.base_timestamp + r.timestamp_delta, r.key, r.value,
                      *read_headers(r));
  }
  builder.extend_to(h.last_offset());
  return builder.finish();
}

std::vector<object> golden_batches() {
  std::vector<object> sets = golden_lines("kafka/record_batches.jsonl.gz");
  std::erase_if(sets, [](const object& set) { return !set.at("name").as_string().starts_with("v2/"); });
  return sets;
}

TEST(RecordBatchGolden, EveryFieldIsWhatKafkaReads) {
  const auto sets = golden_batches();
  ASSERT_EQ(sets.size(), 45u);
  for (const object& set : sets) {
    SCOPED_TRACE(set.at("name").as_string());
    const ByteVector bytes = hex_of(set);
    BatchWalker walker(bytes);
    array batches;
    BatchHeader header;
    for (ByteView batch; walker.next(header, batch);) {
      EXPECT_TRUE(verify_crc(batch));
      batches.push_back(describe(header, batch));
    }
    EXPECT_FALSE(walker.error());
    EXPECT_TRUE(walker.rest().empty());
    EXPECT_EQ(value(batches), set.at("batches"));
  }
}

TEST(RecordBatchGolden, WhatWeBuildIsWhatKafkaBuilds) {
  for (const object& set : golden_batches()) {
    SCOPED_TRACE(set.at("name").as_string());
    const ByteVector bytes = hex_of(set);
    BatchWalker walker(bytes);
    BatchHeader header;
    for (ByteView batch; walker.next(header, batch);) {
      const ByteVector built = rebuild(header, batch);
      if (header.codec() == Codec::none) {
        EXPECT_EQ(built, ByteVector(batch.begin(), batch.end()));
        continue;
      }
      // Compressed bytes differ between versions of the codecs; what they hold does not.
      EXPECT_TRUE(verify_crc(built));
      auto ours = BatchHeader::parse(built);
      ASSERT_TRUE(ours);
      EXPECT_EQ(*body_of(*ours, built), *body_of(header, batch));
      ours->crc = header.crc;
      ours->length = header.length;
      EXPECT_EQ(describe(*ours), describe(header));
    }
  }
}

// What a reader makes of a run of bytes: where it stops, and after how many sound batches.
struct Verdict {
  std::size_t sound = 0;
  std::string failed_at;  // empty: nowhere
};

Verdict judge(ByteView bytes) {
  Verdict verdict;
  BatchWalker walker(bytes);
  BatchHeader header;
  for (ByteView batch; walker.next(header, batch); ++verdict.sound) {
    if (!verify_crc(batch)) return verdict.failed_at = "ensureValid", verdict;
    const auto body = body_of(header, batch);
    if (!body || header.record_count < 0) return verdict.failed_at = "records", verdict;
    RecordReader reader(*body, header.record_count);
    for (Record record; reader.next(record);) EXPECT_TRUE(read_headers(record));
    if (reader.error()) return verdict.failed_at = "records", verdict;
  }
  if (walker.error()) verdict.failed_at = "framing";
  return verdict;
}

TEST(RecordBatchGolden, DamageIsFoundWhereKafkaFindsIt) {
  const auto lines = golden_lines("kafka/record_batches_invalid.jsonl.gz");
  ASSERT_EQ(lines.size(), 31u);
  for (const object& line : lines) {
    const std::string_view name = line.at("name").as_string();
    SCOPED_TRACE(name);
    std::string expected(line.at("failedAt").is_null() ? std::string_view() : line.at("failedAt").as_string());
    // Kafka frames any batch of 14 bytes or more and finds this when it looks at the header.
    if (name == "length_below_v2_header") expected = "framing";
    const Verdict verdict = judge(hex_of(line));
    EXPECT_EQ(verdict.failed_at, expected);
    EXPECT_EQ(verdict.sound, line.at("validBatches").to_number<std::size_t>());
  }
}

ByteVector batch_of(int records) {
  BatchBuilder builder({});
  for (int i = 0; i < records; ++i) builder.append(1000 + i, as_bytes("key"), as_bytes("value"));
  return builder.finish();
}

TEST(RecordBatch, NoPrefixOfABodyReadsAsTheWhole) {
  const ByteVector batch = batch_of(3);
  const ByteView body = ByteView(batch).subspan(batch_header_bytes);
  for (std::size_t size = 0; size < body.size(); ++size) {
    RecordReader reader(body.first(size), 3);
    Record record;
    while (reader.next(record)) {
    }
    EXPECT_NE(reader.error(), nullptr) << size;
  }
}

TEST(RecordBatch, OffsetAndEpochAreSetWithoutTouchingTheCrc) {
  ByteVector batch = batch_of(2);
  const auto before = BatchHeader::parse(batch);
  set_base_offset(batch, 123456789012345);
  set_leader_epoch(batch, 42);
  const auto after = BatchHeader::parse(batch);
  EXPECT_EQ(after->base_offset, 123456789012345);
  EXPECT_EQ(after->last_offset(), 123456789012346);
  EXPECT_EQ(after->leader_epoch, 42);
  EXPECT_EQ(after->crc, before->crc);
  EXPECT_TRUE(verify_crc(batch));
}

TEST(RecordBatch, TheBrokersTimeReplacesTheProducers) {
  ByteVector batch = batch_of(2);
  stamp_log_append_time(batch, 5000);
  const auto header = BatchHeader::parse(batch);
  EXPECT_TRUE(header->log_append_time());
  EXPECT_EQ(header->max_timestamp, 5000);
  EXPECT_TRUE(verify_crc(batch));
}

TEST(RecordBatch, AnOffsetThatOverflowsIsRefused) {
  ByteVector batch = batch_of(2);
  set_base_offset(batch, INT64_MAX - 2);
  EXPECT_TRUE(BatchHeader::parse(batch));
  for (const std::int64_t base : {INT64_MAX - 1, INT64_MAX}) {
    set_base_offset(batch, base);
    EXPECT_FALSE(BatchHeader::parse(batch));
  }
}

TEST(RecordBatch, TimestampsWrap) {
  BatchBuilder builder({});
  builder.append(INT64_MIN, {}, {});
  builder.append(INT64_MAX, {}, {});
  const ByteVector batch = builder.finish();
  const auto header = BatchHeader::parse(batch);
  RecordReader reader(ByteView(batch).subspan(batch_header_bytes), 2);
  Record record;
  ASSERT_TRUE(reader.next(record) && reader.next(record));
  EXPECT_EQ(timestamp_of(*header, record), INT64_MAX);
}

TEST(RecordBatch, SequencesWrapToZero) {
  EXPECT_EQ(sequence_after(INT32_MAX, 1), 0);
  EXPECT_EQ(sequence_after(INT32_MAX - 1, 3), 1);
  EXPECT_EQ(sequence_after(5, 3), 8);
}

TEST(RecordBatch, MarkersTellTheirTypeAndTheCoordinatorsEpoch) {
  std::size_t found = 0;
  for (const object& set : golden_batches()) {
    const std::string_view name = set.at("name").as_string();
    const ByteVector batch = hex_of(set);
    if (name == "v2/control/commit") {
      EXPECT_EQ(control_type(batch), ControlType::commit);
      EXPECT_EQ(marker_coordinator_epoch(batch), 11);
      ++found;
    } else if (name == "v2/control/abort") {
      EXPECT_EQ(control_type(batch), ControlType::abort);
      EXPECT_EQ(marker_coordinator_epoch(batch), -1);
      ++found;
    } else if (name == "v2/none/create_time") {
      EXPECT_EQ(control_type(batch), std::nullopt);
      ++found;
    }
  }
  EXPECT_EQ(found, 3u);
}

}  // namespace
}  // namespace holdfast::wire::testing
