#include "log/segment.h"

#include <algorithm>
#include <cstring>

#include "log/format.h"
#include "wire/writer.h"

namespace holdfast {
namespace {
constexpr std::size_t scan_bytes = 1 << 20;
constexpr std::size_t search_bytes_max = 64 << 20;  // how far behind a bad batch a good one is looked for
constexpr int candidates_max = 1000;                // and how many that look like one are read
}  // namespace

void Segment::note(const wire::BatchHeader& header, std::int64_t now_ms, std::int64_t index_interval_bytes) {
  if (first_append_ms < 0) first_append_ms = header.max_timestamp >= 0 ? header.max_timestamp : now_ms;
  const Offset last(header.last_offset());
  if (header.max_timestamp > largest_timestamp) {
    largest_timestamp = header.max_timestamp;
    largest_timestamp_offset = last;
  }
  if (bytes_since_index > static_cast<std::uint64_t>(index_interval_bytes)) {
    offsets.add(base, last, size);
    times.add(base, largest_timestamp, largest_timestamp_offset);
    bytes_since_index = 0;
  }
  bytes_since_index += header.size();
  size += header.size();
}

void Segment::note_aborted(const ProducerState::Aborted& transaction) {
  wire::Writer entry(log_format::txn_entry_bytes);
  entry.i16(0);
  entry.i64(transaction.producer_id);
  entry.i64(transaction.first_offset.value);
  entry.i64(transaction.last_offset.value);
  entry.i64(transaction.last_stable_offset.value);
  const std::vector<std::uint8_t> bytes = entry.flatten();
  aborted.insert(aborted.end(), bytes.begin(), bytes.end());
}

void Segment::close_indexes() { times.add(base, largest_timestamp, largest_timestamp_offset); }

bool Segment::holds(const wire::BatchHeader& next) const { return Offset(next.last_offset()) - base <= INT32_MAX; }

bool Segment::must_roll(const wire::BatchHeader& next, const LogConfig& config, std::int64_t now_ms) const {
  if (!holds(next)) return true;
  if (size == 0) return false;
  const auto bytes = static_cast<std::int64_t>(size + next.size());
  if (bytes > config.segment_bytes) return true;
  const std::int64_t reference = next.max_timestamp >= 0 ? next.max_timestamp : now_ms;
  if (first_append_ms >= 0 && config.segment_ms < unlimited &&
      reference - first_append_ms > config.segment_ms - config.segment_jitter_ms)
    return true;
  const auto index_entries = static_cast<std::int64_t>(offsets.entries().size() + 1);
  return index_entries * static_cast<std::int64_t>(log_format::offset_entry_bytes) > config.segment_index_bytes ||
         index_entries * static_cast<std::int64_t>(log_format::time_entry_bytes) > config.segment_index_bytes;
}

namespace {

// Whether a good batch begins anywhere behind `from`: then what is bad there is not the torn end of the last write.
Result<bool> good_batch_after(File& file, std::uint64_t from, std::uint64_t file_size) {
  std::vector<std::uint8_t> piece;
  int candidates_left = candidates_max;
  for (std::uint64_t at = from; at < file_size && at < from + search_bytes_max; at += scan_bytes) {
    // Pieces overlap by a header, so that none is missed at a seam.
    piece.resize(
        static_cast<std::size_t>(std::min<std::uint64_t>(scan_bytes + wire::batch_header_bytes, file_size - at)));
    auto got = file.read_at(at, piece);
    if (!got) return fail(got);
    for (std::size_t i = 0; i + wire::batch_header_bytes <= *got; ++i) {
      if (piece[i + wire::batch_magic_at] != 2) continue;
      const auto header = wire::BatchHeader::parse(ByteView(piece).subspan(i));
      if (!header || header->base_offset < 0 || header->last_offset_delta < 0 || at + i + header->size() > file_size)
        continue;
      if (--candidates_left < 0) return false;
      std::vector<std::uint8_t> batch(header->size());
      auto whole = file.read_at(at + i, batch);
      if (!whole) return fail(whole);
      if (*whole == batch.size() && wire::verify_crc(batch)) return true;
    }
  }
  return false;
}

}  // namespace

Result<SegmentScan> scan_segment(Disk& disk, const std::string& path, Offset base, std::uint64_t from,
                                 const BatchVisitor& visit) {
  auto file = disk.open(path, {});
  if (!file) return fail(file);
  auto file_size = (*file)->size();
  if (!file_size) return fail(file_size);
  SegmentScan out;
  out.valid_bytes = from;
  std::vector<std::uint8_t> buffer;
  std::uint64_t buffered_at = from;
  std::int64_t next_offset = base.value;
  const auto have = [&](std::uint64_t at, std::size_t n) -> Result<bool> {
    if (at + n > *file_size) return false;
    if (at < buffered_at || at + n > buffered_at + buffer.size()) {
      buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(std::max(n, scan_bytes), *file_size - at)));
      auto got = (*file)->read_at(at, buffer);
      if (!got) return fail(got);
      buffer.resize(*got);
      buffered_at = at;
    }
    return at + n <= buffered_at + buffer.size();
  };
  const auto view = [&](std::uint64_t at, std::size_t n) {
    return ByteView(buffer).subspan(static_cast<std::size_t>(at - buffered_at), n);
  };
  for (;;) {
    const std::uint64_t at = out.valid_bytes;
    if (at == *file_size) return out;
    auto header_there = have(at, wire::batch_header_bytes);
    if (!header_there) return fail(header_there);
    if (!*header_there) {
      out.end = SegmentScan::End::torn;
      // What is left is shorter than a header; all zeros is the padding of an aligned write.
      auto rest = have(at, static_cast<std::size_t>(*file_size - at));
      if (!rest) return fail(rest);
      if (*rest && std::ranges::all_of(view(at, static_cast<std::size_t>(*file_size - at)),
                                       [](std::uint8_t b) { return b == 0; }))
        out.end = SegmentScan::End::zeros;
      return out;
    }
    const ByteView head = view(at, wire::batch_header_bytes);
    const auto header = wire::BatchHeader::parse(head);
    if (!header && std::ranges::all_of(head, [](std::uint8_t b) { return b == 0; })) {
      out.end = SegmentScan::End::zeros;
    } else if (!header || header->base_offset < next_offset || header->last_offset_delta < 0 ||
               header->base_offset - base.value > INT32_MAX - std::int64_t{header->last_offset_delta}) {
      out.end = SegmentScan::End::corrupt;
    } else {
      auto batch_there = have(at, header->size());
      if (!batch_there) return fail(batch_there);
      if (!*batch_there) {
        out.end = SegmentScan::End::torn;
      } else if (const ByteView batch = view(at, header->size()); !wire::verify_crc(batch)) {
        out.end = SegmentScan::End::corrupt;
      } else {
        visit(*header, batch, at);
        next_offset = header->last_offset() + 1;
        out.valid_bytes += header->size();
        continue;
      }
    }
    auto after = good_batch_after(**file, at + 1, *file_size);
    if (!after) return fail(after);
    out.valid_after = *after;
    return out;
  }
}

}  // namespace holdfast
