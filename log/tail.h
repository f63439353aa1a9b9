// Tail: the newest bytes of one log in ref-counted blocks. Addresses are virtual: they rise over segment boundaries,
// and a block's address and memory are multiples of 4096 whenever the file position it belongs to is, so that blocks
// leave for the disk as they are. Fetches gather from here; a block that is being read outlives its place in the tail.
// Bytes before end() never change. Lives on the log's shard; blocks may be read on any thread.
#pragma once

#include <cstdint>
#include <deque>

#include "runtime/buffer.h"
#include "runtime/disk.h"

namespace holdfast {

class Tail {
 public:
  explicit Tail(std::uint64_t start = 0) : end_(start) {}

  bool empty() const { return chunks_.empty(); }
  std::uint64_t begin() const { return chunks_.empty() ? end_ : chunks_.front().start; }
  std::uint64_t end() const { return end_; }
  std::size_t memory() const { return memory_; }

  void append(ByteView bytes);
  // What the file's last, partial block holds before end(): an aligned write needs it again. end() must be its end.
  void preload(ByteView partial_block);
  // The next byte belongs to a new segment, at this address (a multiple of 4096, at or above end()).
  void skip_to(std::uint64_t address);
  // [from, to) must lie in memory and in one segment.
  BufferChain slice(std::uint64_t from, std::uint64_t to) const;
  // Aligned pieces for [from, to): `from` is rounded down to a block. The last, partial block is copied and padded with
  // zeros, for it will go on changing.
  BufferChain aligned(std::uint64_t from, std::uint64_t to) const;
  // Drops the blocks that end at or before `address`; with `last`, also the one being filled.
  void drop_before(std::uint64_t address, bool last = false);

 private:
  struct Chunk {
    BlockRef block;
    std::uint64_t start = 0;
    std::size_t capacity = 0;
    std::size_t used = 0;
    std::uint64_t end() const { return start + used; }
  };
  static constexpr std::size_t chunk_bytes_min = disk_block_bytes, chunk_bytes_max = 1 << 20;

  void add_chunk(std::uint64_t start);

  std::deque<Chunk> chunks_;
  std::uint64_t end_;
  std::size_t memory_ = 0;
  std::size_t next_capacity_ = chunk_bytes_min;
};

}  // namespace holdfast
