#include "runtime/buffer.h"

#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <vector>

#include "runtime/result.h"

namespace holdfast {
namespace {

// The aligned blocks of one size that logs fill and drop all the time. Given back to the system each would cost its
// pages again, one fault for every 4 KiB; a few of them are kept instead. Not under AddressSanitizer, which would not
// see uses of what was freed.
class BlockPool {
 public:
  static constexpr std::size_t capacity = 1 << 20, alignment = 4096;
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  static constexpr std::size_t kept_max = 0;
#else
  static constexpr std::size_t kept_max = 16;
#endif
#else
  static constexpr std::size_t kept_max = 16;
#endif

  void* take() {
    std::lock_guard lock(mutex_);
    if (kept_.empty()) return nullptr;
    void* memory = kept_.back();
    kept_.pop_back();
    return memory;
  }
  bool keep(void* memory) {
    std::lock_guard lock(mutex_);
    if (kept_.size() >= kept_max) return false;
    kept_.push_back(memory);
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<void*> kept_;
};

BlockPool& block_pool() {
  static auto& pool = *new BlockPool;  // never destroyed: blocks may outlive everything else
  return pool;
}

bool pooled(std::size_t capacity, std::size_t alignment) {
  return capacity == BlockPool::capacity && alignment == BlockPool::alignment;
}

}  // namespace

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
    void* kept = pooled(capacity, alignment) ? block_pool().take() : nullptr;
    if (!kept) kept = ::operator new(header_at + sizeof(Block), std::align_val_t{alignment});
    auto* memory = static_cast<std::uint8_t*>(kept);
    block = new (memory + header_at) Block;
    block->data_ = memory;
  }
  block->capacity_ = capacity;
  block->alignment_ = alignment;
  return block;
}

void Block::destroy() {
  const std::size_t alignment = alignment_;
  const bool keep = pooled(capacity_, alignment_);
  std::uint8_t* const bytes = data_;
  this->~Block();
  if (alignment == 0) {
    ::operator delete(static_cast<void*>(this));
  } else if (!keep || !block_pool().keep(bytes)) {
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
