#include "log/dump.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "log/dump_batches.h"
#include "log/dump_records.h"
#include "log/format.h"
#include "wire/crc32c.h"
#include "wire/kafka/log_records.h"
#include "wire/message.h"
#include "wire/reader.h"

namespace holdfast {
namespace {

constexpr std::uint64_t small_file_bytes_max = 1 << 30;
constexpr std::int64_t base_max = INT64_MAX - INT32_MAX;  // so that an index's relative offsets can be added

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

void LogDump::line(std::string text) {
  text += '\n';
  print_(text);
}

Result<LogDump::SegmentFile> LogDump::SegmentFile::parse(const std::string& path) {
  const std::string_view name = name_of(path);
  const std::string_view digits = name.substr(0, name.find('.'));
  SegmentFile out{path, -1};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.base);
  if (error != std::errc() || end != digits.data() + digits.size() || out.base < 0 || out.base > base_max)
    return fail(ErrorKind::invalid_input, fmt::format("{}: its name does not begin with an offset", path));
  return out;
}

std::string LogDump::SegmentFile::sibling(std::string_view suffix) const {
  return path.substr(0, path.find('.', path.rfind('/') + 1)) + std::string(suffix);
}

Result<void> LogDump::dump(const std::string& path) {
  line("Dumping " + path);
  const std::string_view name = name_of(path);
  const std::size_t dot = name.rfind('.');
  const std::string_view suffix = dot == name.npos ? std::string_view() : name.substr(dot);
  auto done = dump_segment_file(path, suffix);
  if (!done && !done.error().message.contains(path)) done.error().message = path + ": " + done.error().message;
  return done;
}

Result<void> LogDump::dump_segment_file(const std::string& path, std::string_view suffix) {
  if (suffix == log_format::snapshot_suffix) return dump_producers(path);
  if (suffix == log_format::txnindex_suffix) return dump_aborted(path);
  const auto dump_named = suffix == log_format::log_suffix         ? &LogDump::dump_log
                          : suffix == log_format::index_suffix     ? &LogDump::dump_offset_index
                          : suffix == log_format::timeindex_suffix ? &LogDump::dump_time_index
                                                                   : nullptr;
  if (!dump_named) return warn_(fmt::format("Ignoring unknown file {}\n", path)), Result<void>{};
  auto file = SegmentFile::parse(path);
  if (!file) return fail(file);
  return (this->*dump_named)(*file);
}

Result<void> LogDump::dump_log(const SegmentFile& segment) {
  auto file = BatchFile::open(disk_, segment.path, options_.log_bytes_max);
  if (!file) return fail(file);
  line(fmt::format("Log starting offset: {}", segment.base));
  std::optional<std::int64_t> before;
  std::uint64_t position = 0;
  for (;;) {
    auto batch = file->read(position);
    if (!batch) return fail(batch);
    if (!*batch) break;
    auto text = batch_line(**batch, position);
    if (!text) return fail(text);
    line(std::move(*text));
    position += (*batch)->header.size();
    if (!options_.records) continue;
    auto visited = visit_records(**batch, [&](const StoredRecord& record) -> Result<void> {
      if (before && (*before == INT64_MAX || record.offset != *before + 1))
        gaps_[segment.path].emplace_back(*before, record.offset);
      before = record.offset;
      auto record_text = record_line(**batch, record, options_);
      if (!record_text) return fail(record_text);
      return line(std::move(*record_text)), Result<void>{};
    });
    if (!visited) return fail(visited);
  }
  if (position < file->end() && options_.log_bytes_max == DumpOptions::everything)
    line(fmt::format("Found {} invalid bytes at the end of {}", file->end() - position, name_of(segment.path)));
  return {};
}

Result<void> LogDump::dump_producers(const std::string& path) {
  auto bytes = disk_.read_file(path, small_file_bytes_max);
  if (!bytes) return fail(bytes);
  wire::Reader in(*bytes);
  const std::int16_t version = in.i16();
  if (in.ok() && !wire::ProducerSnapshot::api.versions.holds(version))
    return fail(ErrorKind::unsupported, fmt::format("Snapshot contained an unknown file version {}", version));
  wire::ProducerSnapshot snapshot;
  if (!wire::decode(snapshot, wire::ProducerSnapshot::api.versions.last, in))
    return fail(ErrorKind::corrupt, fmt::format("Snapshot failed schema validation: {}", in.error()));
  const std::uint32_t crc = wire::crc32c(ByteView(*bytes).subspan(log_format::snapshot_crc_covers_from));
  if (crc != snapshot.crc)
    return fail(ErrorKind::corrupt,
                fmt::format("Snapshot is corrupt (CRC is no longer valid). Stored crc: {}. Computed crc: {}",
                            snapshot.crc, crc));
  for (const auto& producer : snapshot.producer_entries) {
    const std::int64_t first = producer.current_txn_first_offset;
    std::string text =
        fmt::format("producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {} lastTimestamp: {}",
                    producer.producer_id, producer.epoch, producer.coordinator_epoch,
                    first < 0 ? "OptionalLong.empty" : fmt::format("OptionalLong[{}]", first), producer.timestamp);
    if (producer.last_offset >= 0) {
      // Sequence numbers wrap from the largest int32 to 0.
      std::int64_t first_sequence = std::int64_t{producer.last_sequence} - producer.offset_delta;
      if (first_sequence < 0) first_sequence += std::int64_t{INT32_MAX} + 1;
      text += fmt::format(" firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {}",
                          first_sequence, producer.last_sequence, producer.last_offset, producer.offset_delta,
                          producer.timestamp);
    }
    line(std::move(text));
  }
  return {};
}

Result<void> LogDump::dump_aborted(const std::string& path) {
  auto bytes = disk_.read_file(path, small_file_bytes_max);
  if (!bytes) return fail(bytes);
  wire::Reader in(*bytes);
  while (in.remaining() >= log_format::txn_entry_bytes) {
    const std::int16_t version = in.i16();
    wire::AbortedTxn entry;
    if (!wire::AbortedTxn::api.versions.holds(version) || !wire::decode(entry, version, in))
      return fail(ErrorKind::unsupported, fmt::format("{}: aborted transaction of unknown version {}", path, version));
    line(fmt::format("version: {} producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}", version,
                     entry.producer_id, entry.first_offset, entry.last_offset, entry.last_stable_offset));
  }
  return {};
}

void LogDump::warn_of(const PairsByFile& findings, std::string_view title, std::string_view first,
                      std::string_view second) {
  for (const auto& [path, pairs] : findings) {
    warn_(fmt::format("{}{}\n", title, path));
    for (const auto& [a, b] : pairs) warn_(fmt::format("{}{}{}{}\n", first, a, second, b));
  }
}

void LogDump::finish() {
  warn_of(wrong_offsets_, "Mismatches in :", "  Index offset: ", ", log offset: ");
  warn_of(wrong_times_, "Found timestamp mismatch in :", "  Index timestamp: ", ", log timestamp: ");
  warn_of(falling_times_,
          "Found out of order timestamp in :", "  Index timestamp: ", ", Previously indexed timestamp: ");
  warn_of(lost_offsets_,
          "The following indexed offsets are not found in :", "Indexed offset: ", ", found log offset: ");
  warn_of(gaps_, "Non-consecutive offsets in ", "  ", " is followed by ");
}

}  // namespace holdfast
