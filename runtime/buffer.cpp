#include "runtime/buffer.h"

#include <cstring>
#include <limits>
#include <new>

#include "runtime/result.h"

namespace holdfast {

// One allocation a block. The header is in front of the bytes, except where these must be aligned: there it follows
// them, since in front it would cost a whole alignment unit.
Block* Block::create(std::size_t capacity, std::size_t alignment) {
  HOLDFAST_CHECK(capacity < std::numeric_limits<std::size_t>::max() / 2);
  HOLDFAST_CHECK((alignment & (alignment - 1)) == 0 || alignment == 0);
  Block* block;
  if (alignment == 0) {
    void* memory = ::operator new(sizeof(Block) + capacity);
    block = new (memory) Block;
    block->data_ = static_cast<std::uint8_t*>(memory) + sizeof(Block);
  } else {
    const std::size_t header_at = (capacity + alignof(Block) - 1) / alignof(Block) * alignof(Block);
    auto* memory = static_cast<std::uint8_t*>(::operator new(header_at + sizeof(Block), std::align_val_t{alignment}));
    block = new (memory + header_at) Block;
    block->data_ = memory;
  }
  block->capacity_ = capacity;
  block->alignment_ = alignment;
  return block;
}

void Block::destroy() {
  const std::size_t alignment = alignment_;
  std::uint8_t* const bytes = data_;
  this->~Block();
  if (alignment == 0) {
    ::operator delete(static_cast<void*>(this));
  } else {
    ::operator delete(static_cast<void*>(bytes), std::align_val_t{alignment});
  }
}

Bytes Bytes::copy(ByteView from) {
  if (from.empty()) return {};
  BlockRef block = BlockRef::allocate(from.size());
  std::uint8_t* const to = block->data();
  std::memcpy(to, from.data(), from.size());
  return Bytes(std::move(block), to, from.size());
}

std::vector<std::uint8_t> BufferChain::flatten() const {
  std::vector<std::uint8_t> all;
  all.reserve(size_);
  for (const Bytes& piece : pieces_) all.insert(all.end(), piece.data(), piece.data() + piece.size());
  return all;
}

}  // namespace holdfast
