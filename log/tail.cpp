#include "log/tail.h"

#include <algorithm>
#include <cstring>

#include "runtime/result.h"

namespace holdfast {

void Tail::add_chunk(std::uint64_t start) {
  // A log that has much to say gets larger blocks; one that whispers costs 4 KiB.
  const std::size_t capacity = next_capacity_;
  next_capacity_ = std::min(next_capacity_ * 4, chunk_bytes_max);
  chunks_.push_back({BlockRef::allocate(capacity, disk_block_bytes), start, capacity, 0});
  memory_ += capacity;
}

void Tail::append(ByteView bytes) {
  while (!bytes.empty()) {
    if (chunks_.empty() || chunks_.back().used == chunks_.back().capacity || chunks_.back().end() != end_) {
      HOLDFAST_CHECK(end_ % disk_block_bytes == 0);
      add_chunk(end_);
    }
    Chunk& chunk = chunks_.back();
    const std::size_t n = std::min(bytes.size(), chunk.capacity - chunk.used);
    std::memcpy(chunk.block->data() + chunk.used, bytes.data(), n);
    chunk.used += n;
    end_ += n;
    bytes = bytes.subspan(n);
  }
}

void Tail::preload(ByteView partial_block) {
  HOLDFAST_CHECK(chunks_.empty() && end_ % disk_block_bytes == partial_block.size());
  if (partial_block.empty()) return;
  end_ -= partial_block.size();
  append(partial_block);
}

void Tail::skip_to(std::uint64_t address) {
  HOLDFAST_CHECK(address >= end_ && address % disk_block_bytes == 0);
  end_ = address;
  next_capacity_ = std::min(next_capacity_, chunk_bytes_max);
}

BufferChain Tail::slice(std::uint64_t from, std::uint64_t to) const {
  BufferChain out;
  auto chunk = std::ranges::upper_bound(chunks_, from, {}, &Chunk::start);
  HOLDFAST_CHECK(chunk != chunks_.begin());
  for (--chunk; from < to; ++chunk) {
    HOLDFAST_CHECK(chunk != chunks_.end() && from >= chunk->start && from < chunk->end());
    const std::uint64_t end = std::min(to, chunk->end());
    out.append(Bytes(chunk->block, chunk->block->data() + (from - chunk->start), end - from));
    from = end;
  }
  return out;
}

BufferChain Tail::aligned(std::uint64_t from, std::uint64_t to) const {
  from -= from % disk_block_bytes;
  const std::uint64_t whole = to - to % disk_block_bytes;
  BufferChain out;
  if (whole > from) out = slice(from, whole);
  if (to > whole) {
    const std::vector<std::uint8_t> rest = slice(whole, to).flatten();
    BlockRef block = BlockRef::allocate(disk_block_bytes, disk_block_bytes);
    std::memcpy(block->data(), rest.data(), rest.size());
    std::memset(block->data() + rest.size(), 0, disk_block_bytes - rest.size());
    const std::uint8_t* data = block->data();
    out.append(Bytes(std::move(block), data, disk_block_bytes));
  }
  return out;
}

void Tail::drop_before(std::uint64_t address, bool last) {
  while (!chunks_.empty() && chunks_.front().end() <= address) {
    const bool filling = chunks_.size() == 1 && chunks_.front().end() == end_ && end_ % disk_block_bytes != 0;
    if (filling && !last) return;
    memory_ -= chunks_.front().capacity;
    chunks_.pop_front();
  }
  if (chunks_.empty()) next_capacity_ = chunk_bytes_min;
}

}  // namespace holdfast
