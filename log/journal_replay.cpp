// What a start reads of the journals that a crash left.
#include <fmt/format.h>

#include <algorithm>

#include "log/format.h"
#include "log/journal_file.h"
#include "wire/crc32c.h"
#include "wire/reader.h"

namespace holdfast {
using namespace journal_format;

namespace {

constexpr std::size_t search_piece_bytes = 1 << 20;

struct JournalFrame {
  std::uint64_t generation = 0, sequence = 0, oldest_needed = 0;
  std::uint64_t durable = 0;  // frames of the file that were so when it was written
  std::uint32_t entries = 0;
  std::vector<std::uint8_t> bytes;
  std::size_t header_bytes = 0;

  ByteView content() const { return ByteView(bytes).subspan(header_bytes); }
};

struct JournalFound {
  std::string path;
  std::string stem;  // one journal's files: "journal.<shard>."
  std::unique_ptr<File> file;
  std::uint64_t size = 0;
  bool headed = false;  // its header is whole
  std::uint32_t version = journal_format::version;
  std::uint64_t generation = 0;
  std::uint64_t previous = 0, previous_frames = 0;  // the file before it
  std::uint64_t frames = 0;                         // that follow each other without a gap, from the first on
  std::uint64_t end = file_header_bytes;            // where the last of them ends
  std::uint64_t durable = 0;                        // so many frames were, by what is behind them
  std::uint64_t oldest_needed = 0;                  // generation, by any of its frames
};

using JournalFiles = std::vector<JournalFound>;

Result<JournalFiles> find_journals(Disk& disk, const std::string& directory) {
  auto entries = disk.list(directory);
  if (!entries) return fail(entries);
  JournalFiles out;
  for (const DirectoryEntry& e : *entries) {
    if (e.directory ||
        !(e.name.starts_with(log_format::journal_prefix) || e.name.starts_with(log_format::old_journal_prefix)))
      continue;
    JournalFound& found = out.emplace_back();
    found.path = directory + "/" + e.name;
    found.stem = e.name.substr(0, e.name.find_last_of(".-") + 1);
  }
  return out;
}

// False: preallocated, and never used.
Result<bool> open_journal(Disk& disk, JournalFound& found) {
  auto file = disk.open(found.path, {});
  if (!file) return fail(file);
  found.file = std::move(*file);
  auto size = found.file->size();
  if (!size) return fail(size);
  found.size = *size;
  std::vector<std::uint8_t> head(file_head_bytes);
  auto got = found.file->read_at(0, head);
  if (!got) return fail(got);
  head.resize(*got);
  if (std::ranges::count(head, 0) == std::ssize(head)) return false;
  wire::Reader in(head);
  const std::uint32_t magic = in.u32();
  found.version = in.u32();
  found.generation = in.u64();
  if (found.version != version_1) found.previous = in.u64(), found.previous_frames = in.u64();
  const std::size_t checked = head.size() - in.remaining();
  found.headed = magic == file_magic && in.u32() == wire::crc32c(ByteView(head).first(checked)) && in.ok();
  if (!found.headed) {
    found.version = version;
    found.generation = 0;
  } else if (found.version != version && found.version != version_1) {
    return fail(ErrorKind::unsupported, fmt::format("{} has journal version {}", found.path, found.version));
  }
  return true;
}

// The frame at `at`, of whatever generation and sequence; nothing where there is none that is whole. A frame is as long
// as a round was: only the file's size bounds what is read for it.
Result<std::optional<JournalFrame>> read_frame(const JournalFound& found, std::uint64_t at) {
  const bool first_version = found.version == version_1;
  JournalFrame out;
  out.header_bytes = first_version ? frame_header_bytes_1 : frame_header_bytes;
  out.bytes.resize(out.header_bytes);
  auto got = found.file->read_at(at, out.bytes);
  if (!got) return fail(got);
  if (*got < out.bytes.size()) return std::nullopt;
  wire::Reader in(out.bytes);
  const std::uint32_t magic = in.u32(), crc = in.u32(), length = in.u32();
  if (magic != (first_version ? frame_magic_1 : frame_magic)) return std::nullopt;
  if (length < out.header_bytes - frame_lead_bytes || at + frame_lead_bytes + length > found.size) return std::nullopt;
  out.generation = in.u64();
  out.sequence = in.u64();
  out.oldest_needed = in.u64();
  out.durable = first_version ? 0 : in.u64();
  out.entries = in.u32();
  out.bytes.resize(frame_lead_bytes + std::size_t{length});
  auto whole = found.file->read_at(at, out.bytes);
  if (!whole) return fail(whole);
  if (*whole < out.bytes.size() || wire::crc32c(ByteView(out.bytes).subspan(8)) != crc) return std::nullopt;
  return out;
}

// Reads which frames the file has.
Result<void> survey(JournalFound& found) {
  while (found.headed) {
    auto frame = read_frame(found, found.end);
    if (!frame) return fail(frame);
    if (!*frame || (*frame)->generation != found.generation || (*frame)->sequence != found.frames) break;
    found.oldest_needed = std::max(found.oldest_needed, (*frame)->oldest_needed);
    ++found.frames;
    found.end += padded((*frame)->bytes.size());
  }
  if (found.version == version_1) return {};
  // What is behind them may say that there were more. Without its header, a file is of the newest frame's generation.
  std::vector<std::uint8_t> piece;
  for (std::uint64_t at = found.end; at < found.size;) {
    piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(search_piece_bytes, found.size - at)));
    auto got = found.file->read_at(at, piece);
    if (!got) return fail(got);
    std::uint64_t next = at + search_piece_bytes;
    for (std::size_t i = 0; i + frame_header_bytes <= *got; i += disk_block_bytes) {
      wire::Reader head(ByteView(piece).subspan(i, frame_header_bytes));
      if (head.u32() != frame_magic) continue;
      head.raw(frame_lead_bytes - 4);
      if (found.headed && head.u64() != found.generation) continue;
      auto frame = read_frame(found, at + i);
      if (!frame) return fail(frame);
      if (!*frame) continue;
      const JournalFrame& f = **frame;
      if (!found.headed && f.generation > found.generation) found.generation = f.generation, found.durable = 0;
      if (f.generation != found.generation || f.sequence < found.frames) continue;
      found.durable = std::max(found.durable, f.durable);
      found.oldest_needed = std::max(found.oldest_needed, f.oldest_needed);
      next = at + i + padded(f.bytes.size());
      break;
    }
    at = next;
  }
  return {};
}

// See the head of journal_file.h.
Result<void> check_durable(std::span<JournalFound> files, std::uint64_t oldest_needed) {
  for (const JournalFound& later : files)
    for (JournalFound& found : files)
      if (later.headed && later.previous_frames > 0 && found.generation == later.previous)
        found.durable = std::max(found.durable, later.previous_frames);
  for (const JournalFound& found : files) {
    if (found.generation < oldest_needed || found.frames >= found.durable) continue;
    const std::string what = found.headed
                                 ? fmt::format("frame {} of {}, at byte {},", found.frames, found.durable, found.end)
                                 : "its header";
    return fail(ErrorKind::corrupt,
                fmt::format("{} is damaged: {} was on the disk, and the disk has changed it. What was acknowledged is "
                            "lost with it. A server that others can fill: empty its data directory. One that stands "
                            "alone: restore a copy of the directory, or remove {} to go on without what it holds",
                            found.path, what, found.path));
  }
  return {};
}

bool is_known(JournalEntry::Kind kind) {
  return kind == JournalEntry::Kind::append || kind == JournalEntry::Kind::truncate ||
         kind == JournalEntry::Kind::start || kind == JournalEntry::Kind::empty || kind == JournalEntry::Kind::gap;
}

using ApplyEntry = std::function<Result<void>(JournalEntry::Kind, const LogId&, Offset, std::uint64_t, ByteView)>;

Result<void> replay_file(const JournalFound& found, const ApplyEntry& apply) {
  std::uint64_t at = file_header_bytes;
  for (std::uint64_t sequence = 0; sequence < found.frames; ++sequence) {
    auto frame = read_frame(found, at);
    if (!frame) return fail(frame);
    if (!*frame) return fail(ErrorKind::io, fmt::format("{}: frame {} was there a moment ago", found.path, sequence));
    wire::Reader in((*frame)->content());
    std::uint32_t left = (*frame)->entries;
    for (; left > 0 && in.ok(); --left) {
      const auto kind = static_cast<JournalEntry::Kind>(in.u8());
      LogId log;
      const ByteView id = in.raw(log.topic_id.size());
      if (!in.ok()) break;
      std::ranges::copy(id, log.topic_id.begin());
      log.partition = in.i32();
      const Offset base(in.i64());
      const std::uint64_t position = in.u64();
      const ByteView bytes = in.raw(in.u32());
      if (!in.ok() || !is_known(kind)) break;
      auto applied = apply(kind, log, base, position, bytes);
      if (!applied) return fail(applied);
    }
    if (!in.ok() || left > 0 || in.remaining() != 0)
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: frame {} passes its checksum but cannot be read", found.path, sequence));
    at += padded((*frame)->bytes.size());
  }
  return {};
}

}  // namespace

// What no replay needs is given back first: on a full disk its room may be what the replay, and so the start, needs.
Result<void> replay_journals(Disk& disk, const std::string& directory, const ApplyEntry& apply) {
  auto files = find_journals(disk, directory);
  if (!files) return fail(files);
  JournalFiles used;
  for (JournalFound& found : *files) {
    auto opened = open_journal(disk, found);
    if (!opened) return fail(opened);
    if (!*opened) {
      auto removed = disk.remove(found.path);
      if (!removed) return fail(removed);
      continue;
    }
    auto read = survey(found);
    if (!read) return read;
    used.push_back(std::move(found));
  }
  std::ranges::sort(used, {}, [](const JournalFound& f) { return std::pair(f.stem, f.generation); });
  for (auto begin = used.begin(); begin != used.end();) {
    const auto end = std::find_if(begin, used.end(), [&](const JournalFound& f) { return f.stem != begin->stem; });
    // What older files hold may have been undone by frames that were recycled since: the newest frame says from where.
    const std::uint64_t oldest_needed =
        std::ranges::max_element(begin, end, {}, &JournalFound::oldest_needed)->oldest_needed;
    auto whole = check_durable(std::span(begin, end), oldest_needed);
    if (!whole) return whole;
    for (const JournalFound& found : std::span(begin, end)) {
      if (!found.headed || found.end >= found.size) continue;
      if (auto writable = disk.open(found.path, {.write = true})) (void)(*writable)->truncate(found.end);
    }
    for (const JournalFound& found : std::span(begin, end)) {
      if (!found.headed) continue;
      if (found.generation < oldest_needed) {
        (void)disk.remove(found.path);
        continue;
      }
      auto replayed = replay_file(found, apply);
      if (!replayed) return replayed;
    }
    begin = end;
  }
  return {};
}

Result<void> remove_journals(Disk& disk, const std::string& directory) {
  auto files = find_journals(disk, directory);
  if (!files) return fail(files);
  for (const JournalFound& found : *files) {
    auto removed = disk.remove(found.path);
    if (!removed) return fail(removed);
  }
  if (files->empty()) return {};
  return disk.sync_directory(directory);
}

}  // namespace holdfast
