// Ref-counted bytes. A Block is one allocation (page-aligned when large, so that direct I/O can leave from it); Bytes
// is a view that keeps its Block alive; a BufferChain is what one gather-write sends. Counts are atomic: Bytes may be
// dropped on another thread than the one that made them. Contents of a shared range are never changed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast {

using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view s) { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }
inline std::string_view as_text(ByteView b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

class Block {
 public:
  // alignment 0 takes the allocator's own; direct I/O needs 4096. The bytes are not initialised.
  static Block* create(std::size_t capacity, std::size_t alignment = 0);

  std::uint8_t* data() { return data_; }
  std::size_t capacity() const { return capacity_; }
  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }
  // True when the caller holds the only reference (and so may write anywhere in it).
  bool unique() const { return references_.load(std::memory_order_acquire) == 1; }

 private:
  Block() = default;
  void destroy();

  std::atomic<std::uint32_t> references_{1};
  std::uint8_t* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t alignment_ = 0;
};

class BlockRef {
 public:
  BlockRef() = default;
  explicit BlockRef(Block* adopted) : block_(adopted) {}
  BlockRef(const BlockRef& o) : block_(o.block_) {
    if (block_) block_->retain();
  }
  BlockRef(BlockRef&& o) noexcept : block_(std::exchange(o.block_, nullptr)) {}
  BlockRef& operator=(BlockRef o) noexcept { return std::swap(block_, o.block_), *this; }
  ~BlockRef() {
    if (block_) block_->release();
  }
  static BlockRef allocate(std::size_t capacity, std::size_t alignment = 0) {
    return BlockRef(Block::create(capacity, alignment));
  }
  Block* operator->() const { return block_; }
  Block* get() const { return block_; }
  explicit operator bool() const { return block_ != nullptr; }

 private:
  Block* block_ = nullptr;
};

class Bytes {
 public:
  Bytes() = default;
  Bytes(BlockRef block, const std::uint8_t* data, std::size_t size)
      : block_(std::move(block)), data_(data), size_(size) {}
  static Bytes copy(ByteView from);
  static Bytes copy(std::string_view from) { return copy(as_bytes(from)); }
  // Bytes that outlive everything (literals): no block is held.
  static Bytes literal(std::string_view text) { return Bytes({}, as_bytes(text).data(), text.size()); }

  const std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  ByteView view() const { return {data_, size_}; }
  Bytes slice(std::size_t from, std::size_t size) const { return Bytes(block_, data_ + from, size); }

 private:
  BlockRef block_;
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

class BufferChain {
 public:
  BufferChain() = default;
  explicit BufferChain(Bytes one) { append(std::move(one)); }

  void append(Bytes piece) {
    if (piece.empty()) return;
    size_ += piece.size();
    pieces_.push_back(std::move(piece));
  }
  void append(BufferChain other) {
    size_ += other.size_;
    for (auto& piece : other.pieces_) pieces_.push_back(std::move(piece));
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const Bytes> pieces() const { return pieces_; }
  std::vector<Bytes> take() { return size_ = 0, std::exchange(pieces_, {}); }
  std::vector<std::uint8_t> flatten() const;

 private:
  std::vector<Bytes> pieces_;
  std::size_t size_ = 0;
};

}  // namespace holdfast
