// Disk: the one door to files. Calls block; they are made at start-up, or on a Worker, never on a shard's hot path.
// The real disk is the kernel's; SimulatedDisk (simulated_disk.h) keeps what was synced and may forget, tear or reorder
// the rest at a power loss, and returns EIO and ENOSPC on demand.
//
// What a caller may rely on: write_at is durable after sync_data() of that file returned without an error; a created,
// renamed or removed name is durable after sync_directory() of its directory; a failed sync means that nothing is known
// about unsynced writes, and must never be retried as if it had not happened.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/result.h"

namespace holdfast {

inline constexpr std::size_t disk_block_bytes = 4096;  // direct I/O: offsets, sizes and addresses are multiples of it
inline bool is_disk_aligned(std::uint64_t n) { return n % disk_block_bytes == 0; }
inline bool is_disk_aligned(const std::uint8_t* p) { return is_disk_aligned(reinterpret_cast<std::uintptr_t>(p)); }

struct OpenOptions {
  bool write = false;
  bool create = false;     // make it if it does not exist
  bool exclusive = false;  // with create: fail if it exists
  bool truncate = false;
  bool direct = false;  // O_DIRECT; where the file system refuses, the file is opened buffered: ask direct()
};

class File {
 public:
  virtual ~File() = default;
  // Reads up to out.size() bytes; fewer only at the end of the file. A direct file needs aligned arguments. Of a pipe
  // or a terminal: where the read before has ended, at least one byte, or 0 at the end.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) = 0;
  virtual Result<void> write_at(std::uint64_t offset, ByteView bytes) = 0;
  // Pieces one after the other, in one call to the kernel where possible.
  virtual Result<void> write_at(std::uint64_t offset, std::span<const ByteView> pieces) = 0;
  virtual Result<void> sync_data() = 0;  // fdatasync
  // write_at + sync_data in one: durable when it returns (RWF_DSYNC where that is cheaper).
  virtual Result<void> write_durable(std::uint64_t offset, ByteView bytes) = 0;
  // For who does the same through a DiskRing: where to write to, -1 if there is no such way to this file (any more),
  // and what the number means that came back. unsupported: it was not done, and write_durable() may be tried.
  virtual int ring_descriptor() const { return -1; }
  virtual Result<void> judge(int written, std::size_t wanted) const;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  virtual Result<void> allocate(std::uint64_t offset, std::uint64_t length) = 0;  // reserve blocks; size grows
  virtual Result<std::uint64_t> size() const = 0;
  virtual bool direct() const = 0;
};

struct DirectoryEntry {
  std::string name;
  bool directory = false;
  std::uint64_t size = 0;  // files only
};

struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenOptions options) = 0;
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& directory) = 0;  // sorted by name
  virtual Result<void> create_directories(const std::string& path) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;      // a file or an empty directory; not_found if absent
  virtual Result<void> remove_all(const std::string& path) = 0;  // a tree; no error if absent
  virtual Result<void> sync_directory(const std::string& path) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  virtual Result<DiskSpace> space(const std::string& path) = 0;
  // Exclusive advisory lock on a file, held until the returned object dies; already_exists if another process has it.
  virtual Result<std::shared_ptr<void>> lock(const std::string& path) = 0;

  // Whole small files, and pipes to their end; exhausted: more than `size_max`. write_atomically: temp file, sync,
  // rename, directory sync. put_in_place leaves the last of them to the caller, who has more to do in that directory.
  Result<std::vector<std::uint8_t>> read_file(const std::string& path, std::uint64_t size_max);
  Result<void> put_in_place(const std::string& path, ByteView content);
  Result<void> write_atomically(const std::string& path, ByteView content);
};

Disk& system_disk();

}  // namespace holdfast
