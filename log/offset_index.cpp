#include "log/offset_index.h"

#include <algorithm>

#include "log/format.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast {

void OffsetIndex::add(Offset base, Offset last, std::uint64_t position) {
  entries_.push_back({static_cast<std::uint32_t>(last - base), static_cast<std::uint32_t>(position)});
}

std::uint64_t OffsetIndex::lower_position(Offset base, Offset offset) const {
  const std::int64_t relative = offset - base;
  // An entry names its batch's last offset: only a smaller one is sure to lie before the batch that holds `offset`.
  const auto at =
      std::ranges::lower_bound(entries_, relative, {}, [](const Entry& e) { return std::int64_t{e.relative}; });
  return at == entries_.begin() ? 0 : std::prev(at)->position;
}

void OffsetIndex::truncate(Offset base, Offset end) {
  while (!entries_.empty() && base + std::int64_t{entries_.back().relative} >= end) entries_.pop_back();
}

std::vector<std::uint8_t> OffsetIndex::to_file() const {
  wire::Writer out(entries_.size() * log_format::offset_entry_bytes + 1);
  for (const Entry& e : entries_) {
    out.u32(e.relative);
    out.u32(e.position);
  }
  return out.flatten();
}

Result<OffsetIndex> OffsetIndex::from_file(ByteView file) {
  if (file.size() % log_format::offset_entry_bytes != 0)
    return fail(ErrorKind::corrupt, "offset index has a torn entry");
  OffsetIndex out;
  wire::Reader in(file);
  out.entries_.reserve(file.size() / log_format::offset_entry_bytes);
  while (in.remaining() > 0) {
    const Entry e{in.u32(), in.u32()};
    // Kafka preallocates: zeros behind the last entry of a file that was not closed. A segment's first batch has none.
    if (e.relative == 0 && e.position == 0) break;
    if (e.relative > INT32_MAX || e.position > INT32_MAX)
      return fail(ErrorKind::corrupt, "offset index has an impossible entry");
    if (!out.entries_.empty() &&
        (e.relative <= out.entries_.back().relative || e.position <= out.entries_.back().position))
      return fail(ErrorKind::corrupt, "offset index does not rise");
    out.entries_.push_back(e);
  }
  return out;
}

void TimeIndex::add(Offset base, std::int64_t timestamp, Offset offset) {
  const auto relative = static_cast<std::uint32_t>(offset - base);
  if (timestamp < 0) return;
  if (!entries_.empty() && (timestamp <= entries_.back().timestamp || relative <= entries_.back().relative)) return;
  entries_.push_back({timestamp, relative});
}

Offset TimeIndex::lower_offset(Offset base, std::int64_t timestamp) const {
  // The entry's timestamp is the largest up to its offset: a smaller one proves that everything before is too old.
  const auto at = std::ranges::lower_bound(entries_, timestamp, {}, &Entry::timestamp);
  return at == entries_.begin() ? base : base + std::int64_t{std::prev(at)->relative};
}

void TimeIndex::truncate(Offset base, Offset end) {
  while (!entries_.empty() && base + std::int64_t{entries_.back().relative} >= end) entries_.pop_back();
}

std::vector<std::uint8_t> TimeIndex::to_file() const {
  wire::Writer out(entries_.size() * log_format::time_entry_bytes + 1);
  for (const Entry& e : entries_) {
    out.i64(e.timestamp);
    out.u32(e.relative);
  }
  return out.flatten();
}

Result<TimeIndex> TimeIndex::from_file(ByteView file) {
  if (file.size() % log_format::time_entry_bytes != 0) return fail(ErrorKind::corrupt, "time index has a torn entry");
  TimeIndex out;
  wire::Reader in(file);
  out.entries_.reserve(file.size() / log_format::time_entry_bytes);
  while (in.remaining() > 0) {
    const std::int64_t timestamp = in.i64();
    const Entry e{timestamp, in.u32()};
    // Zeros, as above; but a record of time 0 has an entry too, which is then the only one.
    if (e.timestamp == 0 && e.relative == 0 && (!out.entries_.empty() || in.remaining() > 0)) break;
    if (e.timestamp < 0 || e.relative > INT32_MAX)
      return fail(ErrorKind::corrupt, "time index has an impossible entry");
    if (!out.entries_.empty() &&
        (e.timestamp < out.entries_.back().timestamp || e.relative < out.entries_.back().relative))
      return fail(ErrorKind::corrupt, "time index does not rise");
    out.entries_.push_back(e);
  }
  return out;
}

}  // namespace holdfast
