#include "broker/record_validation.h"

#include <algorithm>

#include "wire/kafka/compression.h"

namespace holdfast {
namespace {

using wire::Codec;
using wire::ErrorCode;

constexpr std::size_t decompressed_bytes_max = 256 << 20;  // a small batch must not take the server's memory

BatchCheck refuse(ErrorCode error, std::string message) {
  BatchCheck out;
  out.error = error;
  out.message = std::move(message);
  return out;
}

std::optional<Codec> codec_named(const std::string& name) {
  if (name == "uncompressed") return Codec::none;
  if (name == "gzip") return Codec::gzip;
  if (name == "snappy") return Codec::snappy;
  if (name == "lz4") return Codec::lz4;
  if (name == "zstd") return Codec::zstd;
  return std::nullopt;  // "producer": as it came
}

int level_of(Codec codec, const TopicSettings& settings) {
  switch (codec) {
    case Codec::gzip:
      return settings.gzip_level;
    case Codec::lz4:
      return settings.lz4_level;
    case Codec::zstd:
      return settings.zstd_level;
    default:
      return -1;
  }
}

// Structure, keys of compacted topics, timestamps: what concerns each record.
void check_records(ByteView body, const TopicSettings& settings, std::int64_t now_ms, BatchCheck& out) {
  const wire::BatchHeader& header = out.header;
  const bool keys_needed = settings.cleanup_compact && !header.is_control();
  const bool times_checked = !settings.log_append_time && !header.is_control();
  const std::int64_t earliest =
      settings.timestamp_before_max_ms == INT64_MAX ? INT64_MIN : now_ms - settings.timestamp_before_max_ms;
  const std::int64_t latest =
      settings.timestamp_after_max_ms == INT64_MAX ? INT64_MAX : now_ms + settings.timestamp_after_max_ms;
  // The header says enough when nothing can be out of range: then only the structure is looked at.
  const bool times_suspect =
      times_checked && (header.base_timestamp < earliest || header.max_timestamp > latest || earliest != INT64_MIN);
  wire::RecordReader records(body, header.record_count);
  wire::Record record;
  std::int64_t largest = -1;
  wire::BatchHeader own_times = header;  // whatever the header says of LogAppendTime, which is not a client's to say
  own_times.attributes &= static_cast<std::int16_t>(~8);
  ErrorCode error = ErrorCode::none;
  std::int32_t index = 0;
  for (; records.next(record); ++index) {
    if (record.offset_delta != index) {
      out.error = ErrorCode::invalid_record;
      out.message = "Inner record's offset delta is out of sequence.";
      return;
    }
    if (keys_needed && !record.key) {
      error = ErrorCode::invalid_record;
      out.record_errors.push_back({index, "Compacted topic cannot accept message without key."});
    }
    const std::int64_t timestamp = wire::timestamp_of(own_times, record);
    largest = std::max(largest, timestamp);
    if (!times_suspect) continue;
    if (header.base_timestamp != -1 && (timestamp < earliest || timestamp > latest)) {
      error = error == ErrorCode::none ? ErrorCode::invalid_timestamp : error;
      out.record_errors.push_back({index, "Timestamp " + std::to_string(timestamp) + " of message with offset " +
                                              std::to_string(index) + " is out of range."});
    }
  }
  if (records.error() || index != header.record_count) {
    out.record_errors.clear();
    out.error = ErrorCode::invalid_record;
    out.message = records.error() ? records.error() : "The batch has fewer records than its header says.";
    return;
  }
  out.max_timestamp = largest;
  if (error != ErrorCode::none) {
    out.error = error;
    out.message_is_for_client = true;
    out.message = "One or more records have been rejected due to " + std::to_string(out.record_errors.size()) +
                  " record errors in total.";
  }
}

// The batch in the topic's own codec: header as it was, but for length, codec and CRC.
std::vector<std::uint8_t> recompress(ByteView head, ByteView body, Codec codec, const TopicSettings& settings,
                                     wire::BatchHeader& header) {
  std::vector<std::uint8_t> packed = codec == Codec::none ? std::vector<std::uint8_t>(body.begin(), body.end())
                                                          : wire::compress(codec, level_of(codec, settings), body);
  std::vector<std::uint8_t> out(head.begin(), head.begin() + wire::batch_header_bytes);
  out.insert(out.end(), packed.begin(), packed.end());
  header.length = static_cast<std::int32_t>(out.size() - wire::batch_overhead_bytes);
  header.attributes = static_cast<std::int16_t>((header.attributes & ~7) | static_cast<int>(codec));
  wire::set_length_and_attributes(out, header.length, header.attributes);
  return out;
}

// The header of the one batch there must be, as Kafka's reader of records finds it before anything else.
std::expected<wire::BatchHeader, BatchCheck> only_batch(ByteView records, AppendOrigin origin) {
  constexpr std::size_t to_magic = wire::batch_magic_at + 1;
  constexpr std::int32_t smallest_record_set = 14;  // magic 0
  const auto refused = [](ErrorCode error, std::string message, bool tell) {
    BatchCheck out = refuse(error, std::move(message));
    out.refused_unread = true;
    out.message_is_for_client = tell;
    return std::unexpected(std::move(out));
  };
  constexpr auto none_whole = "Produce requests must have at least one complete record batch per partition.";
  if (records.size() < wire::batch_overhead_bytes) return refused(ErrorCode::invalid_record, none_whole, false);
  wire::Reader in(records.subspan(sizeof(std::int64_t)));
  const std::int32_t length = in.i32();
  if (length < smallest_record_set)
    return refused(ErrorCode::corrupt_message, "The record batch has an impossible length.", true);
  if (records.size() < to_magic) return refused(ErrorCode::invalid_record, none_whole, false);
  const auto magic = static_cast<std::int8_t>(records[wire::batch_magic_at]);
  if (magic < 0 || magic > 2)
    return refused(ErrorCode::corrupt_message, "Invalid magic found in record: " + std::to_string(magic), true);
  const std::size_t size = wire::batch_overhead_bytes + static_cast<std::size_t>(length);
  if (records.size() < size) return refused(ErrorCode::invalid_record, none_whole, false);
  if (magic != 2)
    return refused(ErrorCode::invalid_record, "Produce requests may only contain record batches with magic version 2.",
                   false);
  if (size < wire::batch_header_bytes)
    return refused(ErrorCode::corrupt_message, "The record batch is shorter than its header.", false);
  auto header = wire::BatchHeader::parse(records.first(size));
  if (!header) return refused(ErrorCode::corrupt_message, std::move(header.error().message), false);
  if (origin == AppendOrigin::client_before_zstd && header->codec_bits() == static_cast<std::uint8_t>(Codec::zstd))
    return refused(ErrorCode::unsupported_compression_type, "Zstandard needs Produce version 7 (KIP-110).", false);
  if (origin == AppendOrigin::client_before_zstd && header->codec_bits() > static_cast<std::uint8_t>(Codec::zstd))
    return refused(ErrorCode::unknown_server_error, "Unknown compression codec.", false);
  if (records.size() - size >= to_magic)
    return refused(ErrorCode::invalid_record, "Produce requests must have exactly one record batch per partition.",
                   false);
  return *header;
}

}  // namespace

BatchCheck check_client_batch(std::span<std::uint8_t> records, const TopicSettings& settings, AppendOrigin origin,
                              std::int64_t now_ms) {
  auto header = only_batch(records, origin);
  if (!header) return std::move(header.error());
  records = records.first(header->size());
  const auto size = static_cast<std::int64_t>(records.size());
  BatchCheck out;
  out.header = *header;
  if (origin != AppendOrigin::coordinator && header->base_offset != 0)
    return refuse(ErrorCode::invalid_record, "The base offset of a record batch from a client must be 0.");
  if (size > settings.max_message_bytes)
    return refuse(ErrorCode::message_too_large, "The record batch size of " + std::to_string(size) +
                                                    " exceeds the maximum configured value of " +
                                                    std::to_string(settings.max_message_bytes) + ".");
  if (!wire::verify_crc(records))
    return refuse(ErrorCode::corrupt_message, "Record is corrupt: its CRC does not match.");
  if (size > settings.segment_bytes)
    return refuse(ErrorCode::record_list_too_large, "The record batch is larger than segment.bytes.");
  if (origin != AppendOrigin::coordinator && header->is_control())
    return refuse(ErrorCode::invalid_record, "Clients are not allowed to write control records.");
  if (header->record_count <= 0 || header->last_offset_delta != header->record_count - 1)
    return refuse(ErrorCode::invalid_record,
                  "Inconsistency between the record count and the last offset delta of the batch.");
  if (header->has_producer_id() && header->base_sequence < 0)
    return refuse(ErrorCode::invalid_record, "Invalid sequence number in a record batch with a producer id.");
  if (header->codec_bits() > static_cast<std::uint8_t>(Codec::zstd))
    return refuse(ErrorCode::unknown_server_error, "Unknown compression codec.");

  ByteView body = ByteView(records).subspan(wire::batch_header_bytes);
  std::vector<std::uint8_t> plain;
  if (header->codec() != Codec::none) {
    auto decompressed = wire::decompress(header->codec(), body, decompressed_bytes_max);
    // Not CORRUPT_MESSAGE, which clients take for damage on the way and send again: it is what the producer made.
    if (!decompressed) return refuse(ErrorCode::unknown_server_error, std::move(decompressed.error().message));
    plain = std::move(*decompressed);
    body = plain;
  }
  check_records(body, settings, now_ms, out);
  if (out.error != ErrorCode::none) return out;

  std::span<std::uint8_t> batch = records;
  const auto wanted = codec_named(settings.compression_type);
  if (wanted && *wanted != header->codec()) {
    out.rewritten = recompress(records, body, *wanted, settings, out.header);
    batch = out.rewritten;
  }
  if (!settings.log_append_time && (header->log_append_time() || header->max_timestamp != out.max_timestamp)) {
    // What a client says of its own timestamps is not taken on trust: time lookups and retention go by it.
    wire::set_create_time(batch, out.max_timestamp);
    out.header.max_timestamp = out.max_timestamp;
    out.header.attributes &= static_cast<std::int16_t>(~8);
  }
  if (settings.log_append_time) {
    wire::stamp_log_append_time(batch, now_ms);
    out.header.max_timestamp = now_ms;
    out.header.attributes |= 8;
    out.log_append_time = now_ms;
  }
  return out;
}

}  // namespace holdfast
