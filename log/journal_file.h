// The journal's bytes. A file is a header block and frames, each padded to 4096:
//
//   file header   magic "HFJF" u32, version u32 = 2, generation u64, generation of the file before it u64 (0: none),
//                 how many frames that one has u64, CRC-32C u32 of what precedes
//   frame         magic "HFJ2" u32, CRC-32C u32 of the rest of the frame, length u32 of the rest, generation u64,
//                 sequence u64, oldest generation still needed u64, frames of this file that were durable when this one
//                 was written u64, entry count u32, entries
//   entry         kind u8, topic id 16 bytes, partition i32, segment base i64, position u64, length u32, bytes
//
// Version 1 is without the three fields that tell what was durable, and its frames have the magic "HFJR".
//
// Generations rise from file to file, sequences from frame to frame within a generation, starting at 0. A frame counts
// when magic, CRC, generation and sequence are right: a recycled file's old frames fail the last two.
//
// A frame that does not count is the torn end of the journal, or damage. Power loss keeps of what was not synced any
// part, so that a frame behind it proves nothing by being there: both may have been on their way. It proves what it
// says: how many frames were durable when it was written. So does the header of the next file, for that is written when
// all frames of the one before it are durable. What was durable and does not count now the disk has changed since, and
// with it goes what was acknowledged: the start is refused. Of the last frames nobody says so. They may be torn.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "log/journal.h"

namespace holdfast {

namespace journal_format {
inline constexpr std::uint32_t file_magic = 0x48464a46, frame_magic = 0x48464a32, version = 2;
inline constexpr std::uint32_t frame_magic_1 = 0x48464a52, version_1 = 1;
inline constexpr std::size_t file_header_bytes = disk_block_bytes, frame_header_bytes = 48, entry_header_bytes = 41;
// Of a file's header, the part that says something; of a frame, what its length does not count.
inline constexpr std::size_t file_head_bytes = 36, frame_lead_bytes = 12;
inline constexpr std::size_t frame_header_bytes_1 = 40;

inline constexpr std::uint64_t padded(std::uint64_t n) {
  return (n + disk_block_bytes - 1) / disk_block_bytes * disk_block_bytes;
}
inline constexpr std::size_t frame_bytes_max = 16 << 20;
}  // namespace journal_format

// The writing half of a journal. A round in flight has it, on the worker or on the shard; between rounds it is the
// journal's.
class JournalWriter {
 public:
  JournalWriter(JournalOptions options, Disk& disk) : options_(std::move(options)), disk_(disk) {}

  Result<void> open(std::uint64_t generation);
  // Writes the entries as one or more frames. With `sync` they, and all before them, are durable when it returns.
  Result<void> write(const std::vector<JournalEntry>& entries, std::uint64_t oldest_needed, bool sync);
  // For who writes them otherwise, durably: as one frame, for position() of file(), and then wrote(). Not while the
  // file is full(), or has frames that need a sync of their own.
  bool may_be_one_write() const { return !full() && !unsynced_; }
  ByteView one_frame(const std::vector<JournalEntry>& entries, std::uint64_t oldest_needed);
  void wrote(std::size_t bytes);  // durably
  File& file() { return *file_; }
  std::uint64_t position() const { return position_; }
  // The file is full; or it grows with each write, and a preallocated one is ready to take over.
  bool full() const { return position_ >= options_.file_bytes || (!preallocated_ && spare_ready()); }
  // Adopts a file of zeros made by prepare_spare(), so that syncs have no metadata to write.
  void adopt(std::string path, std::unique_ptr<File> file);
  // Goes on in the next file: a recycled one if there is one. The one left behind waits in retire() order.
  Result<void> next_file(std::uint64_t generation);
  // A file left behind may be used again, as soon as a durable frame says that it is not needed: what is left of it
  // when its first overwrite is cut short must not be missed.
  void recyclable(std::uint64_t generation);
  std::uint64_t generation() const { return generation_; }

 private:
  struct Left {
    std::uint64_t generation;
    std::string path;
    std::unique_ptr<File> file;
    bool free = false;  // nothing in it is needed any more, by what the journal says
  };
  bool usable(const Left& file) const { return file.free && file.generation < needed_from_; }
  Result<void> create_file();
  void begin_file(bool preallocated);
  void put_file_header();
  bool spare_ready() const;
  void begin_frame(std::uint64_t oldest_needed);
  void put_entry(const JournalEntry& entry);
  ByteView end_frame();
  Result<void> write_frame(bool sync);
  void put_behind(std::size_t bytes);
  void all_is_durable();
  std::uint8_t* reserve(std::size_t n);

  JournalOptions options_;
  Disk& disk_;
  std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t generation_ = 0, sequence_ = 0, position_ = 0;
  std::uint64_t durable_ = 0;                         // frames of this file
  std::uint64_t previous_ = 0, previous_frames_ = 0;  // the file before it: its generation, and how many it has
  // The oldest generation that is needed: by durable frames, by all that were written, by the one that is being made.
  std::uint64_t needed_from_ = 1, newest_needed_from_ = 1, frame_needed_from_ = 1;
  int created_ = 0;
  bool preallocated_ = false;
  bool unsynced_ = false;  // frames of this file that were written without a sync
  std::vector<Left> left_;
  BlockRef buffer_;
  std::size_t used_ = 0;
  std::uint32_t entries_ = 0;
};

// Makes a journal file of `bytes` zeros, durably. Blocks for long: never on the journal's own worker.
Result<std::unique_ptr<File>> prepare_spare(Disk& disk, const std::string& path, std::size_t bytes);

}  // namespace holdfast
