// Journals for tests: their bytes, as docs/log_format.md says, and a disk to put them on.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <ostream>
#include <string>
#include <vector>

#include "log/journal_file.h"
#include "runtime/simulated_disk.h"
#include "wire/crc32c.h"
#include "wire/writer.h"

namespace holdfast::test {

using Kind = JournalEntry::Kind;

inline constexpr const char* dir = "/data";
using FileBytes = std::vector<std::uint8_t>;

struct Seen {
  Kind kind = Kind::append;
  std::uint8_t topic = 0;
  std::int32_t partition = 0;
  std::int64_t base = 0;
  std::uint64_t position = 0;
  std::string bytes;
  friend bool operator==(const Seen&, const Seen&) = default;
  friend void PrintTo(const Seen& s, std::ostream* out) {
    *out << static_cast<int>(s.kind) << ' ' << int{s.topic} << '-' << s.partition << " base " << s.base << " at "
         << s.position << ": " << s.bytes.substr(0, 40);
  }
};

// An append that is known by its text.
inline Seen said(std::string text) { return {Kind::append, 1, 0, 0, 0, std::move(text)}; }

inline JournalEntry entry_of(const Seen& s) {
  JournalEntry e;
  e.kind = s.kind;
  e.log.topic_id[0] = s.topic;
  e.log.partition = s.partition;
  e.segment_base = Offset(s.base);
  e.position = s.position;
  e.bytes.append(Bytes::copy(s.bytes));
  return e;
}

// ---- The format, once more: independent of the code under test ----

struct Before {  // the file before one
  std::uint64_t generation = 0, frames = 0;
};

inline FileBytes file_header(std::uint64_t generation, std::uint32_t version = 2, Before before = {}) {
  wire::Writer out;
  out.raw("HFJF");
  out.u32(version);
  out.u64(generation);
  if (version > 1) {
    out.u64(before.generation);
    out.u64(before.frames);
  }
  out.u32(wire::crc32c(out.written()));
  FileBytes bytes = out.flatten();
  bytes.resize(disk_block_bytes);
  return bytes;
}

inline void put_entry(wire::Writer& out, const Seen& s) {
  out.u8(static_cast<std::uint8_t>(s.kind));
  out.u8(s.topic);
  for (int i = 1; i < 16; ++i) out.u8(0);
  out.i32(s.partition);
  out.i64(s.base);
  out.u64(s.position);
  out.u32(static_cast<std::uint32_t>(s.bytes.size()));
  out.raw(s.bytes);
}

struct Frame {
  std::uint64_t generation = 1, sequence = 0, oldest_needed = 0, durable = 0;
  std::vector<Seen> entries = {};
  std::int32_t count_off = 0;    // how wrong the entry count is
  std::string trailer = {};      // bytes behind the last entry
  std::uint32_t length_off = 0;  // how wrong the length is; the checksum fits
};

// Not padded.
inline FileBytes frame(const Frame& f, std::uint32_t version = 2) {
  wire::Writer rest;
  rest.u64(f.generation);
  rest.u64(f.sequence);
  rest.u64(f.oldest_needed);
  if (version > 1) rest.u64(f.durable);
  rest.i32(static_cast<std::int32_t>(f.entries.size()) + f.count_off);
  for (const Seen& s : f.entries) put_entry(rest, s);
  rest.raw(f.trailer);
  wire::Writer checked;
  checked.u32(static_cast<std::uint32_t>(rest.size()) + f.length_off);
  checked.raw(rest.written());
  wire::Writer out;
  out.raw(version > 1 ? "HFJ2" : "HFJR");
  out.u32(wire::crc32c(checked.written()));
  out.raw(checked.written());
  return out.flatten();
}

inline void append_padded(FileBytes& file, const FileBytes& frame) {
  file.insert(file.end(), frame.begin(), frame.end());
  file.resize((file.size() + disk_block_bytes - 1) / disk_block_bytes * disk_block_bytes);
}

inline FileBytes journal(std::uint64_t generation, std::initializer_list<Frame> frames, std::uint32_t version = 2,
                         Before before = {}) {
  FileBytes bytes = file_header(generation, version, before);
  for (const Frame& f : frames) append_padded(bytes, frame(f, version));
  return bytes;
}

class JournalFileTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.create_directories(dir));
    disk_.sync_all();
  }

  static std::string path(const std::string& name) { return std::string(dir) + "/" + name; }

  void put(const std::string& name, const FileBytes& bytes) {
    auto file = disk_.open(path(name), {.write = true, .create = true, .truncate = true});
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write_at(0, ByteView(bytes)));
  }
  FileBytes get(const std::string& name) {
    auto bytes = disk_.read_file(path(name), 1 << 30);
    EXPECT_TRUE(bytes) << name;
    return bytes ? std::move(*bytes) : FileBytes{};
  }

  Result<void> replay(std::vector<Seen>& out) {
    return replay_journals(
        disk_, dir, [&](Kind kind, const LogId& log, Offset base, std::uint64_t position, ByteView bytes) {
          out.push_back({kind, log.topic_id[0], log.partition, base.value, position, std::string(as_text(bytes))});
          return Result<void>{};
        });
  }
  std::vector<Seen> replayed() {
    std::vector<Seen> out;
    const auto result = replay(out);
    EXPECT_TRUE(result) << result.error().message;
    return out;
  }

  JournalWriter writer(std::size_t file_bytes = 1 << 20, int shard = 0) {
    return JournalWriter({.directory = dir, .shard = shard, .file_bytes = file_bytes}, disk_);
  }
  static Result<void> write(JournalWriter& to, const std::vector<Seen>& what, bool sync = true,
                            std::uint64_t oldest_needed = 0) {
    std::vector<JournalEntry> entries;
    for (const Seen& s : what) entries.push_back(entry_of(s));
    return to.write(entries, oldest_needed, sync);
  }

  SimulatedDisk disk_;
};

}  // namespace holdfast::test
