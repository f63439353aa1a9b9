#include "log/journal_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "log/format.h"
#include "runtime/log_line.h"
#include "wire/crc32c.h"
#include "wire/writer.h"

namespace holdfast {
using namespace journal_format;

namespace {

template <class T>
std::uint8_t* put(std::uint8_t* at, T v) {
  if constexpr (sizeof(T) == 8) {
    const auto big = __builtin_bswap64(static_cast<std::uint64_t>(v));
    std::memcpy(at, &big, 8);
  } else {
    const auto big = __builtin_bswap32(static_cast<std::uint32_t>(v));
    std::memcpy(at, &big, 4);
  }
  return at + sizeof(T);
}

}  // namespace

Result<void> JournalWriter::open(std::uint64_t generation) {
  auto made = create_file();
  if (!made) return fail(made);
  generation_ = generation;
  begin_file(false);
  return {};
}

Result<void> JournalWriter::create_file() {
  std::string path =
      fmt::format("{}/{}{}.{}", options_.directory, log_format::journal_prefix, options_.shard, created_);
  auto file = disk_.open(path, {.write = true, .create = true, .truncate = true, .direct = true});
  if (!file) return fail(file);
  auto named = disk_.sync_directory(options_.directory);
  if (!named) return fail(named);
  ++created_;
  if (file_) left_.push_back({generation_, std::move(path_), std::move(file_), false});
  path_ = std::move(path);
  file_ = std::move(*file);
  return {};
}

void JournalWriter::begin_file(bool preallocated) {
  sequence_ = 0;
  position_ = 0;
  durable_ = 0;
  preallocated_ = preallocated;
  if (!buffer_) buffer_ = BlockRef::allocate(1 << 20, disk_block_bytes);
}

// The header goes out with the first frame, in one write.
void JournalWriter::put_file_header() {
  used_ = 0;
  reserve(file_header_bytes);
  std::memset(buffer_->data(), 0, file_header_bytes);
  std::uint8_t* at = put(put(put(buffer_->data(), file_magic), version), generation_);
  at = put(put(at, previous_), previous_frames_);
  put(at, wire::crc32c({buffer_->data(), file_head_bytes - 4}));
}

std::uint8_t* JournalWriter::reserve(std::size_t n) {
  if (used_ + n > buffer_->capacity()) {
    BlockRef bigger = BlockRef::allocate(padded(std::max(buffer_->capacity() * 2, used_ + n)), disk_block_bytes);
    std::memcpy(bigger->data(), buffer_->data(), used_);
    buffer_ = std::move(bigger);
  }
  std::uint8_t* at = buffer_->data() + used_;
  used_ += n;
  return at;
}

void JournalWriter::begin_frame(std::uint64_t oldest_needed) {
  used_ = 0;
  if (position_ == 0) put_file_header();
  std::uint8_t* at = reserve(frame_header_bytes);
  put(put(put(put(at + frame_lead_bytes, generation_), sequence_), oldest_needed), durable_);
  entries_ = 0;
  frame_needed_from_ = oldest_needed;
}

void JournalWriter::put_entry(const JournalEntry& e) {
  std::uint8_t* at = reserve(entry_header_bytes + e.bytes.size());
  *at++ = static_cast<std::uint8_t>(e.kind);
  std::memcpy(at, e.log.topic_id.data(), e.log.topic_id.size());
  at = put(at + e.log.topic_id.size(), e.log.partition);
  at = put(put(at, e.segment_base.value), e.position);
  at = put(at, static_cast<std::uint32_t>(e.bytes.size()));
  for (const Bytes& piece : e.bytes.pieces()) {
    std::memcpy(at, piece.data(), piece.size());
    at += piece.size();
  }
  ++entries_;
}

ByteView JournalWriter::end_frame() {
  const std::size_t lead = position_ == 0 ? file_header_bytes : 0;
  const std::size_t content = used_, end = padded(used_);
  reserve(end - content);
  std::memset(buffer_->data() + content, 0, end - content);
  std::uint8_t* frame = buffer_->data() + lead;
  const auto length = static_cast<std::uint32_t>(content - lead - frame_lead_bytes);
  put(frame, frame_magic);
  put(frame + 8, length);
  put(frame + frame_header_bytes - 4, entries_);
  put(frame + 4, wire::crc32c({frame + 8, length + std::size_t{4}}));
  return {buffer_->data(), end};
}

Result<void> JournalWriter::write(const std::vector<JournalEntry>& entries, std::uint64_t oldest_needed, bool sync) {
  begin_frame(oldest_needed);
  for (const JournalEntry& e : entries) {
    if (entries_ > 0 && used_ + e.bytes.size() > frame_bytes_max) {
      auto written = write_frame(false);
      if (!written) return fail(written);
      begin_frame(oldest_needed);
    }
    put_entry(e);
  }
  return write_frame(sync);
}

ByteView JournalWriter::one_frame(const std::vector<JournalEntry>& entries, std::uint64_t oldest_needed) {
  begin_frame(oldest_needed);
  for (const JournalEntry& e : entries) put_entry(e);
  return end_frame();
}

Result<void> JournalWriter::write_frame(bool sync) {
  const ByteView out = end_frame();
  // A durable write speaks for itself alone: frames before it that were only written need the sync of the whole file,
  // or a replay would stop at them.
  auto written = sync && !unsynced_ ? file_->write_durable(position_, out) : file_->write_at(position_, out);
  if (written && sync && unsynced_) written = file_->sync_data();
  if (!written) return fail(written);
  unsynced_ = !sync;
  put_behind(out.size());
  if (sync) all_is_durable();
  return {};
}

void JournalWriter::wrote(std::size_t bytes) {
  put_behind(bytes);
  all_is_durable();
}

void JournalWriter::put_behind(std::size_t bytes) {
  position_ += bytes;
  ++sequence_;
  newest_needed_from_ = std::max(newest_needed_from_, frame_needed_from_);
}

void JournalWriter::all_is_durable() {
  durable_ = sequence_;
  needed_from_ = newest_needed_from_;
}

Result<void> JournalWriter::next_file(std::uint64_t generation) {
  if (unsynced_) {
    auto synced = file_->sync_data();
    if (!synced) return fail(synced);
    unsynced_ = false;
    all_is_durable();
  }
  const auto free = std::ranges::find_if(left_, [this](const Left& file) { return usable(file); });
  const bool recycled = free != left_.end();
  if (!recycled) {
    auto made = create_file();
    if (!made) return fail(made);
  } else {
    std::swap(free->path, path_);
    std::swap(free->file, file_);
    free->generation = generation_;
    free->free = false;
  }
  previous_ = generation_;
  previous_frames_ = sequence_;
  generation_ = generation;
  begin_file(recycled);
  return {};
}

bool JournalWriter::spare_ready() const {
  return std::ranges::any_of(left_, [this](const Left& file) { return usable(file); });
}

void JournalWriter::adopt(std::string path, std::unique_ptr<File> file) {
  left_.push_back({0, std::move(path), std::move(file), true});
}

Result<std::unique_ptr<File>> prepare_spare(Disk& disk, const std::string& path, std::size_t bytes) {
  auto file = disk.open(path, {.write = true, .create = true, .truncate = true, .direct = true});
  if (!file) return fail(file);
  constexpr std::size_t piece = 1 << 20;
  const BlockRef zeros = BlockRef::allocate(piece, disk_block_bytes);
  std::memset(zeros->data(), 0, piece);
  for (std::size_t at = 0; at < bytes; at += piece) {
    auto written = (*file)->write_at(at, ByteView(zeros->data(), piece));
    if (!written) return fail(written);
  }
  auto synced = (*file)->sync_data();
  if (!synced) return fail(synced);
  auto named = disk.sync_directory(path.substr(0, path.rfind('/')));
  if (!named) return fail(named);
  return file;
}

void JournalWriter::recyclable(std::uint64_t generation) {
  for (Left& file : left_)
    if (file.generation == generation) file.free = true;
}

}  // namespace holdfast
