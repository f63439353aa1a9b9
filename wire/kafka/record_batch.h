// Record batches, version 2 (KIP-98): the unit that producers send, logs store and consumers get, byte for byte.
// Reading never copies; everything read is bounded by the bytes given. CRC-32C covers what lies behind the CRC.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/result.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast::wire {

inline constexpr std::size_t batch_header_bytes = 61;
inline constexpr std::size_t batch_overhead_bytes = 12;  // base offset and length: what `length` does not count
inline constexpr std::size_t batch_magic_at = 16, batch_crc_at = 17, batch_crc_covers_from = 21;

enum class Codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

struct BatchHeader {
  std::int64_t base_offset = 0;
  std::int32_t length = 0;  // bytes after this field
  std::int32_t leader_epoch = -1;
  std::int8_t magic = 2;
  std::uint32_t crc = 0;
  std::int16_t attributes = 0;
  std::int32_t last_offset_delta = 0;
  std::int64_t base_timestamp = -1, max_timestamp = -1;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t record_count = 0;

  // Needs the 61 bytes of the header, not the body. invalid_input: too short, or a length or last offset that cannot
  // be. unsupported: another magic.
  static Result<BatchHeader> parse(ByteView bytes);

  void write(Writer& out) const;  // the 61 bytes, with the CRC as it stands here

  std::size_t size() const { return batch_overhead_bytes + static_cast<std::size_t>(length); }
  std::int64_t last_offset() const { return base_offset + last_offset_delta; }
  std::uint8_t codec_bits() const { return static_cast<std::uint8_t>(attributes & 7); }
  Codec codec() const { return static_cast<Codec>(codec_bits()); }
  bool log_append_time() const { return (attributes & 8) != 0; }
  bool is_transactional() const { return (attributes & 16) != 0; }
  bool is_control() const { return (attributes & 32) != 0; }
  bool has_delete_horizon() const { return (attributes & 64) != 0; }
  bool has_producer_id() const { return producer_id >= 0; }
  // The last record's sequence number: they wrap from the largest int32 to 0.
  std::int32_t last_sequence() const;
};

std::int32_t sequence_after(std::int32_t sequence, std::int32_t increment);

bool verify_crc(ByteView batch);  // of a whole batch

// In place, as the leader does. Base offset and leader epoch lie before what the CRC covers.
void set_base_offset(std::span<std::uint8_t> batch, std::int64_t offset);
void set_leader_epoch(std::span<std::uint8_t> batch, std::int32_t epoch);
// LogAppendTime: the broker's time for every record; the CRC is computed anew.
void stamp_log_append_time(std::span<std::uint8_t> batch, std::int64_t now_ms);

// CreateTime, and the largest of the records' timestamps, whatever the header said; the CRC is computed anew.
void set_create_time(std::span<std::uint8_t> batch, std::int64_t max_timestamp);
// After the body was changed: the CRC is computed anew.
void set_length_and_attributes(std::span<std::uint8_t> batch, std::int32_t length, std::int16_t attributes);

struct Record {
  std::int8_t attributes = 0;
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  std::optional<ByteView> key, value;
  std::int32_t header_count = 0;
  ByteView headers;  // as encoded
};

// As a consumer sees it. A hostile delta wraps, as it does in Java.
std::int64_t timestamp_of(const BatchHeader& header, const Record& record);

// The records of an uncompressed body. Stops at the first malformed one, and says so in error().
class RecordReader {
 public:
  RecordReader(ByteView body, std::int32_t count) : in_(body), left_(count) {}
  // False at the end and at an error. A body with bytes after its last record is malformed.
  bool next(Record& out);
  const char* error() const { return error_; }  // null: none so far

 private:
  bool fail(const char* why) { return error_ = why, false; }
  Reader in_;
  std::int32_t left_;
  const char* error_ = nullptr;
};

struct RecordHeader {
  std::string key;
  std::optional<std::vector<std::uint8_t>> value;
};
Result<std::vector<RecordHeader>> read_headers(const Record& record);

// The batches of a run of bytes, in order.
class BatchWalker {
 public:
  explicit BatchWalker(ByteView run) : rest_(run) {}
  // False at the end, at a partial batch and at a malformed one: rest() is what was not walked, error() tells why.
  bool next(BatchHeader& header, ByteView& batch);
  ByteView rest() const { return rest_; }
  const std::optional<Error>& error() const { return error_; }  // none: a clean end, or a partial batch

 private:
  ByteView rest_;
  std::optional<Error> error_;
};

enum class ControlType : std::int16_t { abort = 0, commit = 1, leader_change = 2 };
std::optional<ControlType> control_type(ByteView batch);               // of a control batch
std::optional<std::int32_t> marker_coordinator_epoch(ByteView batch);  // of a transaction's end marker

// What compaction leaves of a batch whose records are all gone, where the producer's last sequence must be kept: its
// header. `last_offset_delta` says how far it reaches.
std::vector<std::uint8_t> empty_batch(BatchHeader header);

// Builds one batch as Kafka's MemoryRecordsBuilder does.
class BatchBuilder {
 public:
  struct Options {
    std::int64_t base_offset = 0;
    std::int32_t leader_epoch = -1;
    Codec codec = Codec::none;
    int level = -1;  // of the codec; -1: its default
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;
    bool transactional = false, control = false;
    std::optional<std::int64_t> log_append_time;
    // When compaction may drop the batch's tombstones (KIP-534): stands in the place of the base timestamp.
    std::optional<std::int64_t> delete_horizon;
  };
  explicit BatchBuilder(Options options) : options_(options) {}

  // At the offset after the last record's.
  void append(std::int64_t timestamp, std::optional<ByteView> key, std::optional<ByteView> value,
              std::span<const RecordHeader> headers = {});
  // At an offset of the caller's choice, ascending: compaction leaves gaps.
  void append_at(std::int64_t offset, std::int64_t timestamp, std::optional<ByteView> key,
                 std::optional<ByteView> value, std::span<const RecordHeader> headers = {});
  // The batch reaches beyond its last record.
  void extend_to(std::int64_t last_offset);
  std::int32_t count() const { return count_; }
  std::size_t body_bytes() const { return body_.size(); }  // before compression
  std::vector<std::uint8_t> finish();

 private:
  Options options_;
  Writer body_{1024};
  std::int32_t count_ = 0;
  std::int32_t last_offset_delta_ = -1;
  std::int64_t base_timestamp_ = -1, max_timestamp_ = -1;
};

}  // namespace holdfast::wire
