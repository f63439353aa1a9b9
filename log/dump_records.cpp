#include "log/dump_records.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <string_view>

#include "log/dump_decoders.h"
#include "wire/kafka/control_records.h"
#include "wire/message.h"
#include "wire/reader.h"

namespace holdfast {
namespace {

std::string_view timestamp_type(const wire::BatchHeader& header) {
  if (header.magic == 0) return "NoTimestampType";
  return header.log_append_time() ? "LogAppendTime" : "CreateTime";
}

std::string optional_long(std::optional<std::int64_t> v) {
  return v ? fmt::format("OptionalLong[{}]", *v) : "OptionalLong.empty";
}

std::int64_t size_of(const std::optional<ByteView>& bytes) { return bytes ? std::ssize(*bytes) : -1; }

std::unexpected<Error> malformed(std::string_view what) { return fail(ErrorKind::invalid_input, std::string(what)); }

Result<std::string> end_marker(std::string_view name, wire::Reader& value) {
  value.i16();  // its version; later ones only add
  wire::EndTxnMarker marker;
  if (!wire::decode(marker, 0, value)) return malformed("end transaction marker cannot be read");
  return fmt::format(" endTxnMarker: {} coordinatorEpoch: {}", name, marker.coordinator_epoch);
}

// What the quorum's control records hold begins with its version.
template <class M>
Result<std::string> quorum_record(std::string_view name, wire::Reader value) {
  const std::int16_t version = wire::Reader(value).i16();
  M message;
  if (!M::api.versions.holds(version) || !wire::decode(message, version, value))
    return malformed(fmt::format("control record{} cannot be read", name));
  return fmt::format("{} {}", name, wire::print(message, version));
}

Result<std::string> control_text(const StoredRecord& record) {
  if (!record.key || record.key->size() < 4) return malformed("control record has no type in its key");
  wire::Reader key(*record.key);
  const std::int16_t version = key.i16(), type = key.i16();
  if (version < 0)
    return malformed(
        fmt::format("Invalid version found for control record: {}. May indicate data corruption", version));
  wire::Reader value(record.value.value_or(ByteView{}));
  switch (wire::ControlRecordType{type}) {
    case wire::ControlRecordType::abort:
      return end_marker("ABORT", value);
    case wire::ControlRecordType::commit:
      return end_marker("COMMIT", value);
    case wire::ControlRecordType::leader_change:
      return quorum_record<wire::LeaderChangeMessage>(" LeaderChange:", value);
    case wire::ControlRecordType::snapshot_header:
      return quorum_record<wire::SnapshotHeaderRecord>(" SnapshotHeader", value);
    case wire::ControlRecordType::snapshot_footer:
      return quorum_record<wire::SnapshotFooterRecord>(" SnapshotFooter", value);
    case wire::ControlRecordType::kraft_version:
      return quorum_record<wire::KRaftVersionRecord>(" KRaftVersion", value);
    case wire::ControlRecordType::kraft_voters:
      return quorum_record<wire::VotersRecord>(" KRaftVoters", value);
  }
  return fmt::format(" controlType: UNKNOWN({})", type);
}

}  // namespace

Result<std::string> batch_line(const StoredBatch& batch, std::uint64_t position) {
  static constexpr std::array<std::string_view, 5> codecs = {"none", "gzip", "snappy", "lz4", "zstd"};
  const wire::BatchHeader& h = batch.header;
  if (h.codec_bits() >= codecs.size())
    return fail(ErrorKind::corrupt, fmt::format("Unknown compression type id: {}", h.codec_bits()));
  std::string out;
  if (batch.legacy()) {
    out = fmt::format("offset: {}", h.last_offset());
  } else {
    const std::int32_t last_sequence =
        h.base_sequence == -1 ? -1 : wrapped_sequence(h.base_sequence, h.last_offset_delta);
    const auto horizon = h.has_delete_horizon() ? std::optional(h.base_timestamp) : std::nullopt;
    out = fmt::format(
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} producerEpoch: {} "
        "partitionLeaderEpoch: {} isTransactional: {} isControl: {} deleteHorizonMs: {}",
        h.base_offset, h.last_offset(), h.record_count, h.base_sequence, last_sequence, h.producer_id, h.producer_epoch,
        h.leader_epoch, h.is_transactional(), h.is_control(), optional_long(horizon));
  }
  fmt::format_to(std::back_inserter(out),
                 " position: {} {}: {} size: {} magic: {} compresscodec: {} crc: {} isvalid: {}", position,
                 timestamp_type(h), h.max_timestamp, h.size(), h.magic, codecs[h.codec_bits()], h.crc, batch.valid);
  return out;
}

Result<std::string> record_line(const StoredBatch& batch, const StoredRecord& record, const DumpOptions& options) {
  const bool control = !batch.legacy() && batch.header.is_control();
  std::string out;
  if (options.record_metadata) {
    out = fmt::format("| offset: {} {}: {} keySize: {} valueSize: {}", record.offset, timestamp_type(batch.header),
                      record.timestamp, size_of(record.key), size_of(record.value));
    if (batch.legacy()) {
      // The CRC of a message that fails it was an error before: what gets here is sound.
      out += fmt::format(" isValid: true crc: {}", record.legacy_crc);
    } else {
      out += fmt::format(" sequence: {} headerKeys: [", record.sequence);
      for (const wire::RecordHeader& header : record.headers) {
        if (&header != record.headers.data()) out += ',';
        out += printable(as_bytes(header.key));
      }
      out += ']';
    }
    if (control) {
      auto text = control_text(record);
      if (!text) return text;
      out += *text;
    }
  }
  if (!options.contents || control) return out;
  auto contents = decode_contents(options.decoder, record.offset, record.key, record.value);
  if (!contents) return fail(contents);
  const auto add = [&](std::string_view name, const std::optional<std::string>& text) {
    if (text) out += fmt::format("{} {}: {}", out.empty() ? "|" : "", name, *text);
  };
  add("key", contents->key);
  add("payload", contents->value);
  return out;
}

}  // namespace holdfast
