#include "log/segment_io.h"

#include <algorithm>
#include <array>

#include "log/format.h"
#include "wire/kafka/compression.h"

namespace holdfast {
namespace {

constexpr std::size_t read_bytes_max = 8 << 20;       // one read's memory, unless a single batch is larger
constexpr std::size_t records_bytes_max = 256 << 20;  // a batch's records, decompressed to look at their timestamps

std::string file_path(const std::string& directory, Offset base, std::string_view suffix) {
  return directory + "/" + log_format::segment_name(base, suffix);
}

Result<wire::BatchHeader> read_header(File& file, std::uint64_t position) {
  std::array<std::uint8_t, wire::batch_header_bytes> bytes;
  auto got = file.read_at(position, bytes);
  if (!got) return fail(got);
  return wire::BatchHeader::parse(ByteView(bytes).first(*got));
}

Result<std::vector<std::uint8_t>> read_bytes(File& file, std::uint64_t position, std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  auto got = file.read_at(position, bytes);
  if (!got) return fail(got);
  if (*got != size) return fail(ErrorKind::corrupt, "segment ends inside a batch");
  return bytes;
}

// Calls `visit(offset, timestamp)` for each record until it answers true.
template <class Visit>
Result<void> for_each_timestamp(const wire::BatchHeader& header, ByteView batch, Visit visit) {
  ByteView body = batch.subspan(wire::batch_header_bytes);
  std::vector<std::uint8_t> plain;
  if (header.codec() != wire::Codec::none) {
    auto decompressed = wire::decompress(header.codec(), body, records_bytes_max);
    if (!decompressed) return fail(decompressed);
    plain = std::move(*decompressed);
    body = plain;
  }
  wire::RecordReader records(body, header.record_count);
  wire::Record record;
  while (records.next(record)) {
    const std::int64_t timestamp =
        header.log_append_time() ? header.max_timestamp : header.base_timestamp + record.timestamp_delta;
    if (visit(Offset(header.base_offset + record.offset_delta), timestamp)) return {};
  }
  return {};
}

}  // namespace

Result<File*> FileCache::open(const std::string& path) {
  if (const auto it = by_path_.find(path); it != by_path_.end()) {
    used_.splice(used_.begin(), used_, it->second);
    return it->second->file.get();
  }
  auto file = disk_.open(path, options_);
  if (!file) return fail(file);
  used_.push_front({path, std::move(*file)});
  by_path_.emplace(path, used_.begin());
  if (used_.size() > max_) {
    by_path_.erase(used_.back().path);
    used_.pop_back();
  }
  return used_.front().file.get();
}

void FileCache::close(const std::string& path) {
  const auto it = by_path_.find(path);
  if (it == by_path_.end()) return;
  used_.erase(it->second);
  by_path_.erase(it);
}

void FileCache::close_under(const std::string& prefix) {
  for (auto it = used_.begin(); it != used_.end();) {
    const auto entry = it++;
    if (entry->path.starts_with(prefix)) close(entry->path);
  }
}

void SegmentWriter::close_directory(const std::string& directory) {
  files_.close_under(directory + "/");
  new_names_.erase(directory);
}

void SegmentReader::close_directory(const std::string& directory) {
  files_.close_under(directory + "/");
  std::erase_if(indexes_, [prefix = directory + "/"](const auto& i) { return i.first.starts_with(prefix); });
}

std::vector<Result<void>> SegmentWriter::run(const std::vector<std::shared_ptr<FlushJob>>& jobs) {
  std::vector<Result<void>> results;
  results.reserve(jobs.size());
  for (const auto& job : jobs) results.push_back(write(*job));
  for (std::size_t i = 0; i < jobs.size(); ++i)
    if (results[i]) results[i] = sync(*jobs[i]);
  return results;
}

// A file without content may have been created just now, by this or by the process before.
Result<File*> SegmentWriter::open(const std::string& directory, Offset base) {
  auto file = files_.open(file_path(directory, base, log_format::log_suffix));
  if (!file) return file;
  auto size = (*file)->size();
  if (!size) return fail(size);
  if (*size == 0) new_names_.insert(directory);
  return file;
}

Result<void> SegmentWriter::write(FlushJob& job) {
  for (FlushJob::Write& w : job.writes) {
    auto file = open(job.directory, w.base);
    if (!file) return fail(file);
    std::vector<ByteView> pieces;
    for (const Bytes& piece : w.pieces.pieces()) pieces.push_back(piece.view());
    auto written = (*file)->write_at(w.position, std::span<const ByteView>(pieces));
    if (!written) return fail(written);
    w.pieces = {};
  }
  for (const FlushJob::Close& c : job.close) {
    auto file = open(job.directory, c.base);
    if (!file) return fail(file);
    auto cut = (*file)->truncate(c.size);
    if (!cut) return fail(cut);
  }
  return {};
}

Result<void> SegmentWriter::sync(FlushJob& job) {
  if (job.epochs) {
    auto written =
        disk_.write_atomically(job.directory + "/" + std::string(log_format::leader_epoch_file), as_bytes(*job.epochs));
    if (!written) return fail(written);
  }
  for (const FlushJob::Close& c : job.close) {
    const std::string path = file_path(job.directory, c.base, log_format::log_suffix);
    auto file = files_.open(path);
    if (!file) return fail(file);
    auto synced = (*file)->sync_data();
    if (!synced) return fail(synced);
    files_.close(path);
    for (const auto& [suffix, bytes] :
         {std::pair(log_format::index_suffix, &c.offsets), std::pair(log_format::timeindex_suffix, &c.times),
          std::pair(log_format::txnindex_suffix, &c.aborted)}) {
      if (bytes->empty() && suffix == log_format::txnindex_suffix) continue;
      auto index =
          disk_.open(file_path(job.directory, c.base, suffix), {.write = true, .create = true, .truncate = true});
      if (!index) return fail(index);
      auto written = (*index)->write_at(0, ByteView(*bytes));
      if (!written) return fail(written);
      if (c.last && suffix != log_format::txnindex_suffix) continue;
      auto kept = (*index)->sync_data();
      if (!kept) return fail(kept);
      new_names_.insert(job.directory);
    }
  }
  for (const Offset base : job.sync) {
    auto file = open(job.directory, base);
    if (!file) return fail(file);
    auto synced = (*file)->sync_data();
    if (!synced) return fail(synced);
  }
  if (!(job.sync.empty() && job.close.empty()) && new_names_.erase(job.directory) > 0) {
    auto named = disk_.sync_directory(job.directory);
    if (!named) return fail(named);
  }
  // After all that they vouch for.
  for (const auto& [at, snapshot] : job.producers) {
    auto written = disk_.write_atomically(file_path(job.directory, at, log_format::snapshot_suffix), snapshot);
    if (!written) return fail(written);
  }
  return {};
}

void SegmentWriter::close(const std::string& directory, Offset base) {
  files_.close(file_path(directory, base, log_format::log_suffix));
}

void SegmentReader::close(const std::string& directory, Offset base) {
  files_.close(file_path(directory, base, log_format::log_suffix));
  indexes_.erase(file_path(directory, base, log_format::index_suffix));
}

Result<std::uint64_t> SegmentReader::start_position(const SegmentView& segment, Offset from) {
  if (!segment.closed) return segment.position_hint;
  const std::string path = file_path(segment.directory, segment.base, log_format::index_suffix);
  auto it = indexes_.find(path);
  if (it == indexes_.end()) {
    OffsetIndex index;
    auto bytes = disk_.read_file(path, 64 << 20);
    // Without an index the segment is read from its beginning; recovery is what mends indexes.
    if (bytes)
      if (auto parsed = OffsetIndex::from_file(*bytes)) index = std::move(*parsed);
    if (indexes_.size() >= indexes_max) indexes_.clear();
    it = indexes_.emplace(path, std::move(index)).first;
  }
  return it->second.lower_position(segment.base, from);
}

Result<std::optional<std::pair<wire::BatchHeader, std::uint64_t>>> SegmentReader::find_batch(File& file,
                                                                                             const SegmentView& segment,
                                                                                             Offset from) {
  auto position = start_position(segment, from);
  if (!position) return fail(position);
  std::uint64_t at = *position;
  while (at + wire::batch_header_bytes <= segment.limit) {
    auto header = read_header(file, at);
    if (!header) return fail(header);
    if (at + header->size() > segment.limit) break;
    if (header->last_offset() >= from.value) return std::pair(*header, at);
    at += header->size();
  }
  return std::nullopt;
}

Result<std::optional<LogData>> SegmentReader::read(SegmentView segment, const LogRead& request) {
  LogData out;
  out.first_base = out.next = request.from;
  auto file = files_.open(file_path(segment.directory, segment.base, log_format::log_suffix));
  if (!file) return fail(file);
  auto found = find_batch(**file, segment, request.from);
  if (!found) return fail(found);
  if (!*found) return std::nullopt;
  const auto& [first, position] = **found;
  if (first.base_offset >= request.end.value) return out;
  if (first.size() > request.bytes_max && !request.at_least_one) return out;
  std::size_t bytes = std::max(first.size(), std::min(request.bytes_max, read_bytes_max));
  bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, segment.limit - position));
  BlockRef block = BlockRef::allocate(bytes);
  auto got = (*file)->read_at(position, {block->data(), bytes});
  if (!got) return fail(got);
  wire::BatchWalker walker(ByteView(block->data(), *got));
  wire::BatchHeader header;
  ByteView batch;
  std::size_t taken = 0;
  while (walker.next(header, batch) && header.base_offset < request.end.value) {
    if (taken == 0) out.first_base = Offset(header.base_offset);
    taken += batch.size();
    out.next = Offset(header.last_offset() + 1);
  }
  if (taken == 0) return fail(ErrorKind::corrupt, "segment cannot be read where its index points");
  const std::uint8_t* data = block->data();
  out.batches.append(Bytes(std::move(block), data, taken));
  return out;
}

Result<std::optional<TimestampedOffset>> SegmentReader::find_timestamp(SegmentView segment, std::int64_t timestamp,
                                                                       Offset start, Offset end) {
  auto file = files_.open(file_path(segment.directory, segment.base, log_format::log_suffix));
  if (!file) return fail(file);
  std::uint64_t at = segment.position_hint;
  if (segment.closed) {
    auto bytes = disk_.read_file(file_path(segment.directory, segment.base, log_format::timeindex_suffix), 64 << 20);
    Offset lower = segment.base;
    if (bytes)
      if (auto times = TimeIndex::from_file(*bytes)) lower = times->lower_offset(segment.base, timestamp);
    auto position = start_position(segment, lower);
    if (!position) return fail(position);
    at = *position;
  }
  while (at + wire::batch_header_bytes <= segment.limit) {
    auto header = read_header(**file, at);
    if (!header) return fail(header);
    if (at + header->size() > segment.limit || header->base_offset >= end.value) break;
    if (header->max_timestamp >= timestamp && header->last_offset() >= start.value) {
      auto batch = read_bytes(**file, at, header->size());
      if (!batch) return fail(batch);
      std::optional<TimestampedOffset> hit;
      auto walked = for_each_timestamp(*header, *batch, [&](Offset offset, std::int64_t t) {
        if (t >= timestamp && offset >= start) hit = TimestampedOffset{t, offset, LeaderEpoch(header->leader_epoch)};
        return hit.has_value();
      });
      if (!walked) return fail(walked);
      if (hit && hit->offset < end) return hit;
    }
    at += header->size();
  }
  return std::nullopt;
}

Result<std::optional<TimestampedOffset>> SegmentReader::largest_in_batch(SegmentView segment, Offset last, Offset end) {
  auto file = files_.open(file_path(segment.directory, segment.base, log_format::log_suffix));
  if (!file) return fail(file);
  auto found = find_batch(**file, segment, last);
  if (!found) return fail(found);
  if (!*found) return std::nullopt;
  const auto& [header, position] = **found;
  auto batch = read_bytes(**file, position, header.size());
  if (!batch) return fail(batch);
  std::optional<TimestampedOffset> best;
  auto walked = for_each_timestamp(header, *batch, [&](Offset offset, std::int64_t t) {
    if (offset < end && (!best || t > best->timestamp))
      best = TimestampedOffset{t, offset, LeaderEpoch(header.leader_epoch)};
    return false;
  });
  if (!walked) return fail(walked);
  return best;
}

}  // namespace holdfast
