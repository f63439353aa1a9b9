#include "log/journal_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "log/format.h"
#include "runtime/log_line.h"
#include "wire/crc32c.h"
#include "wire/reader.h"
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

std::size_t padded(std::size_t n) { return (n + disk_block_bytes - 1) / disk_block_bytes * disk_block_bytes; }

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
  preallocated_ = preallocated;
  if (!buffer_) buffer_ = BlockRef::allocate(1 << 20, disk_block_bytes);
}

// The header goes out with the first frame, in one write.
void JournalWriter::put_file_header() {
  used_ = 0;
  reserve(file_header_bytes);
  std::memset(buffer_->data(), 0, file_header_bytes);
  std::uint8_t* at = put(put(put(buffer_->data(), file_magic), version), generation_);
  put(at, wire::crc32c({buffer_->data(), 16}));
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
  put(put(put(at + 12, generation_), sequence_), oldest_needed);
  entries_ = 0;
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
  const auto length = static_cast<std::uint32_t>(content - lead - 12);
  put(frame, frame_magic);
  put(frame + 8, length);
  put(frame + 36, entries_);
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
  wrote(out.size());
  return {};
}

void JournalWriter::wrote(std::size_t bytes) {
  position_ += bytes;
  ++sequence_;
}

Result<void> JournalWriter::next_file(std::uint64_t generation) {
  if (unsynced_) {
    auto synced = file_->sync_data();
    if (!synced) return fail(synced);
    unsynced_ = false;
  }
  const auto free = std::ranges::find_if(left_, &Left::free);
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
  generation_ = generation;
  begin_file(recycled);
  return {};
}

bool JournalWriter::spare_ready() const { return std::ranges::any_of(left_, &Left::free); }

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

// ---- Replay -------------------------------------------------------------------------------------------------------

namespace {

struct FoundFile {
  std::string path;
  std::string stem;  // one journal's files: "journal.<shard>."
  std::uint64_t generation = 0;
};

Result<std::vector<FoundFile>> find_files(Disk& disk, const std::string& directory) {
  auto entries = disk.list(directory);
  if (!entries) return fail(entries);
  std::vector<FoundFile> out;
  for (const DirectoryEntry& e : *entries) {
    if (e.directory ||
        !(e.name.starts_with(log_format::journal_prefix) || e.name.starts_with(log_format::old_journal_prefix)))
      continue;
    out.push_back({directory + "/" + e.name, e.name.substr(0, e.name.find_last_of(".-") + 1), 0});
  }
  return out;
}

// One frame at `at`: its bytes, or nothing where the valid part of the file ends. A frame is as long as a round was:
// only the file's size bounds what is read for it.
Result<std::optional<std::vector<std::uint8_t>>> read_frame(File& file, std::uint64_t file_size, std::uint64_t at,
                                                            std::uint64_t generation, std::uint64_t sequence) {
  std::vector<std::uint8_t> head(frame_header_bytes);
  auto got = file.read_at(at, head);
  if (!got) return fail(got);
  if (*got < head.size()) return std::nullopt;
  wire::Reader in(head);
  const std::uint32_t magic = in.u32(), crc = in.u32(), length = in.u32();
  if (magic != frame_magic || in.u64() != generation || in.u64() != sequence) return std::nullopt;
  if (length < frame_header_bytes - 12 || at + 12 + length > file_size) return std::nullopt;
  std::vector<std::uint8_t> frame(12 + std::size_t{length});
  auto whole = file.read_at(at, frame);
  if (!whole) return fail(whole);
  if (*whole < frame.size() || wire::crc32c(ByteView(frame).subspan(8)) != crc) return std::nullopt;
  return frame;
}

bool known(JournalEntry::Kind kind) {
  return kind == JournalEntry::Kind::append || kind == JournalEntry::Kind::truncate ||
         kind == JournalEntry::Kind::start || kind == JournalEntry::Kind::empty || kind == JournalEntry::Kind::gap;
}

}  // namespace

// What no replay needs is given back first: on a full disk its room may be what the replay, and so the start, needs.
Result<void> replay_journals(
    Disk& disk, const std::string& directory,
    const std::function<Result<void>(JournalEntry::Kind, const LogId&, Offset, std::uint64_t, ByteView)>& apply) {
  auto files = find_files(disk, directory);
  if (!files) return fail(files);
  struct Opened {
    FoundFile found;
    std::unique_ptr<File> file;
  };
  std::vector<Opened> valid;
  for (FoundFile& f : *files) {
    auto file = disk.open(f.path, {});
    if (!file) return fail(file);
    std::vector<std::uint8_t> head(20);
    auto got = (*file)->read_at(0, head);
    if (!got) return fail(got);
    if (std::ranges::count(head, 0) == std::ssize(head)) {
      // Preallocated and never used: its room may be what this start needs on a full disk.
      auto removed = disk.remove(f.path);
      if (!removed) return fail(removed);
      continue;
    }
    wire::Reader in(head);
    const std::uint32_t magic = in.u32(), file_version = in.u32();
    f.generation = in.u64();
    if (*got < head.size() || magic != file_magic || in.u32() != wire::crc32c(ByteView(head).first(16))) continue;
    if (file_version != version)
      return fail(ErrorKind::unsupported, fmt::format("{} has journal version {}", f.path, file_version));
    valid.push_back({f, std::move(*file)});
  }
  std::ranges::sort(valid, {}, [](const Opened& o) { return std::pair(o.found.stem, o.found.generation); });
  for (auto it = valid.begin(); it != valid.end();) {
    const auto end = std::find_if(it, valid.end(), [&](const Opened& o) { return o.found.stem != it->found.stem; });
    // What older files hold may have been undone by frames that were recycled since: the newest frame says from where.
    std::uint64_t oldest_needed = 0;
    for (const bool replaying : {false, true}) {
      for (auto file = it; file != end; ++file) {
        if (replaying && file->found.generation < oldest_needed) {
          (void)disk.remove(file->found.path);
          continue;
        }
        auto file_size = file->file->size();
        if (!file_size) return fail(file_size);
        std::uint64_t at = file_header_bytes;
        for (std::uint64_t sequence = 0;; ++sequence) {
          auto frame = read_frame(*file->file, *file_size, at, file->found.generation, sequence);
          if (!frame) return fail(frame);
          if (!*frame) break;
          wire::Reader in(ByteView(**frame).subspan(28));
          oldest_needed = std::max(oldest_needed, in.u64());
          std::uint32_t left = in.u32();
          for (; replaying && left > 0 && in.ok(); --left) {
            const auto kind = static_cast<JournalEntry::Kind>(in.u8());
            LogId log;
            const ByteView id = in.raw(log.topic_id.size());
            if (!in.ok()) break;
            std::ranges::copy(id, log.topic_id.begin());
            log.partition = in.i32();
            const Offset base(in.i64());
            const std::uint64_t position = in.u64();
            const ByteView bytes = in.raw(in.u32());
            if (!in.ok() || !known(kind)) break;
            auto applied = apply(kind, log, base, position, bytes);
            if (!applied) return fail(applied);
          }
          if (replaying && (!in.ok() || left > 0 || in.remaining() != 0))
            return fail(ErrorKind::corrupt,
                        fmt::format("{}: frame {} passes its checksum but cannot be read", file->found.path, sequence));
          at += padded((*frame)->size());
        }
        if (!replaying && at < *file_size)
          if (auto writable = disk.open(file->found.path, {.write = true})) (void)(*writable)->truncate(at);
      }
    }
    it = end;
  }
  return {};
}

Result<void> remove_journals(Disk& disk, const std::string& directory) {
  auto files = find_files(disk, directory);
  if (!files) return fail(files);
  for (const FoundFile& f : *files) {
    auto removed = disk.remove(f.path);
    if (!removed) return fail(removed);
  }
  if (files->empty()) return {};
  return disk.sync_directory(directory);
}

}  // namespace holdfast
