// LogDump's part for .index and .timeindex: what they say, whether Kafka would take them, and whether the log agrees.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "log/dump.h"
#include "log/dump_batches.h"
#include "log/format.h"
#include "wire/reader.h"

namespace holdfast {
namespace {

constexpr std::uint64_t dumped_bytes_max = 1 << 30;

struct OffsetEntry {
  static constexpr std::size_t bytes = log_format::offset_entry_bytes;
  std::int64_t offset;
  std::uint32_t position;
  static OffsetEntry read(wire::Reader& in, std::int64_t base) {
    const std::int32_t relative = in.i32();
    return {base + relative, in.u32()};
  }
};

struct TimeEntry {
  static constexpr std::size_t bytes = log_format::time_entry_bytes;
  std::int64_t timestamp;
  std::int64_t offset;
  static TimeEntry read(wire::Reader& in, std::int64_t base) {
    const std::int64_t timestamp = in.i64();
    return {timestamp, base + in.i32()};
  }
};

template <class Entry>
struct Index {
  std::string path;
  std::int64_t base = 0;
  std::vector<Entry> all;  // whole entries, as they are
  std::size_t used = 0;    // of a file that was allocated in advance, those before the zeros
  std::size_t file_bytes = 0;
};

template <class Entry>
Result<Index<Entry>> read_index(Disk& disk, const std::string& path, std::int64_t base) {
  auto bytes = disk.read_file(path, dumped_bytes_max);
  if (!bytes) return fail(bytes);
  Index<Entry> out;
  out.path = path;
  out.base = base;
  out.file_bytes = bytes->size();
  wire::Reader in(*bytes);
  while (in.remaining() >= Entry::bytes) {
    const Entry entry = Entry::read(in, base);
    const bool unused = !out.all.empty() && entry.offset == base;
    if (out.used == out.all.size() && !unused) ++out.used;
    out.all.push_back(entry);
  }
  return out;
}

template <class Entry>
Result<void> check_size(const Index<Entry>& index, std::string_view kind) {
  if (index.file_bytes % Entry::bytes == 0) return {};
  return fail(ErrorKind::corrupt,
              fmt::format("{} file {} is corrupt, found {} bytes which is neither positive nor a multiple of {}", kind,
                          index.path, index.file_bytes, Entry::bytes));
}

Result<void> check_sanity(const Index<OffsetEntry>& index) {
  if (!index.all.empty() && index.all.back().offset < index.base)
    return fail(ErrorKind::corrupt,
                fmt::format("Corrupt index found, index file ({}) has non-zero size but the last offset is {} which is "
                            "less than the base offset {}",
                            index.path, index.all.back().offset, index.base));
  return check_size(index, "Index");
}

Result<void> check_sanity(const Index<TimeEntry>& index) {
  const auto falls = [&](std::string_view what, std::int64_t last, std::int64_t first) {
    return fail(
        ErrorKind::corrupt,
        fmt::format("Corrupt time index found, time index file ({}) has non-zero size but the last {} is {} which "
                    "is less than the first {} {}",
                    index.path, what, last, what, first));
  };
  if (!index.all.empty()) {
    const TimeEntry &first = index.all.front(), &last = index.all.back();
    if (last.timestamp < first.timestamp) return falls("timestamp", last.timestamp, first.timestamp);
    if (last.offset < index.base) return falls("offset", last.offset, index.base);
  }
  return check_size(index, "Time index");
}

// The first batch from there on that reaches up to the offset.
Result<std::optional<StoredBatch>> find_batch(BatchFile& log, std::uint64_t position, std::int64_t offset) {
  for (;;) {
    auto batch = log.read(position);
    if (!batch || !*batch || (*batch)->header.last_offset() >= offset) return batch;
    position += (*batch)->header.size();
  }
}

Result<std::int64_t> largest_timestamp(const StoredBatch& batch) {
  std::int64_t largest = -1;
  auto visited = visit_records(batch, [&](const StoredRecord& record) -> Result<void> {
    largest = std::max(largest, record.timestamp);
    return {};
  });
  if (!visited) return fail(visited);
  return largest;
}

}  // namespace

Result<void> LogDump::dump_offset_index(const SegmentFile& file) {
  auto log = BatchFile::open(disk_, file.sibling(log_format::log_suffix), DumpOptions::everything);
  if (!log) return fail(log);
  auto index = read_index<OffsetEntry>(disk_, file.path, file.base);
  if (!index) return fail(index);
  if (index->all.empty()) return line(file.path + " is empty."), Result<void>{};
  if (options_.index_sanity_only) {
    auto sane = check_sanity(*index);
    if (sane) line(file.path + " passed sanity check.");
    return sane;
  }
  for (std::size_t i = 0; i < index->used; ++i) {
    const auto [offset, position] = index->all[i];
    auto batch = log->read(position);
    if (!batch) return fail(batch);
    if (!*batch)
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: offset {} is said to be at position {}, where the log has no batch", file.path,
                              offset, position));
    const std::int64_t last = (*batch)->header.last_offset();
    if (last != offset) wrong_offsets_[file.path].emplace_back(offset, last);
    if (!options_.index_verify_only) line(fmt::format("offset: {} position: {}", offset, position));
  }
  return {};
}

Result<void> LogDump::dump_time_index(const SegmentFile& file) {
  auto log = BatchFile::open(disk_, file.sibling(log_format::log_suffix), DumpOptions::everything);
  if (!log) return fail(log);
  auto offsets = read_index<OffsetEntry>(disk_, file.sibling(log_format::index_suffix), file.base);
  if (!offsets) return fail(offsets);
  auto index = read_index<TimeEntry>(disk_, file.path, file.base);
  if (!index) return fail(index);
  if (options_.index_sanity_only) {
    auto sane = check_sanity(*index);
    if (sane) line(file.path + " passed sanity check.");
    return sane;
  }
  offsets->all.resize(offsets->used);
  std::int64_t before = -1;
  for (std::size_t i = 0; i < index->used; ++i) {
    const auto [timestamp, offset] = index->all[i];
    const auto after = std::ranges::upper_bound(offsets->all, offset, {}, &OffsetEntry::offset);
    auto batch = find_batch(*log, after == offsets->all.begin() ? 0 : std::prev(after)->position, offset);
    if (!batch) return fail(batch);
    if (!*batch || (*batch)->header.last_offset() != offset) {
      lost_offsets_[file.path].emplace_back(offset, *batch ? (*batch)->header.last_offset() : -1);
    } else {
      auto largest = largest_timestamp(**batch);
      if (!largest) return fail(largest);
      if (*largest != timestamp) wrong_times_[file.path].emplace_back(timestamp, *largest);
      if (before >= timestamp) falling_times_[file.path].emplace_back(timestamp, before);
    }
    if (!options_.index_verify_only) line(fmt::format("timestamp: {} offset: {}", timestamp, offset));
    before = timestamp;
  }
  return {};
}

}  // namespace holdfast
