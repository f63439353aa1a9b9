// What a simulated file holds: the bytes that survive a power loss, and in order the writes and size changes made since
// the last sync, each of which may or may not. Used by SimulatedDisk only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/random.h"

namespace holdfast {

// Bytes with holes: a preallocated file costs nothing until it is written.
class SparseBytes {
 public:
  std::uint64_t size() const { return size_; }
  void resize(std::uint64_t size);  // what appears reads as zeros
  void read(std::uint64_t offset, std::span<std::uint8_t> out) const;
  void write(std::uint64_t offset, ByteView bytes);  // within the size

 private:
  static constexpr std::uint64_t page_bytes = 4096;
  std::map<std::uint64_t, std::vector<std::uint8_t>> pages_;
  std::uint64_t size_ = 0;
};

class SimulatedContent {
 public:
  std::uint64_t size() const { return now_.size(); }
  std::uint64_t durable_size() const { return durable_.size(); }
  bool synced() const { return unsynced_.empty(); }
  void read(std::uint64_t offset, std::span<std::uint8_t> out) const { now_.read(offset, out); }

  void write(std::uint64_t offset, ByteView bytes);
  void resize(std::uint64_t size);
  void sync();
  // Only what the last write() changed becomes durable (RWF_DSYNC, a FUA write); what was written before it may go.
  void sync_last_write();
  // A sync that failed: what was unsynced is not known to be anywhere. It can still be read, but no later sync writes
  // it.
  void forget_unsynced();

  void lose_unsynced();
  // Keeps some: size changes in order up to a random one, and of each write any of its sectors, now and then in part.
  void lose_some(Random& random, std::uint64_t sector_bytes);
  void flip_bit(std::uint64_t offset, unsigned bit);

 private:
  struct Change {
    bool is_size = false;
    std::uint64_t at = 0;             // the offset, or the new size
    std::vector<std::uint8_t> bytes;  // of a write
    bool durable = false;
  };
  void apply(const Change& change);
  void apply_some(const Change& write, Random& random, std::uint64_t sector_bytes);

  SparseBytes now_;
  SparseBytes durable_;
  std::deque<Change> unsynced_;
  std::size_t last_write_changes_ = 0;  // at the end of unsynced_
};

}  // namespace holdfast
