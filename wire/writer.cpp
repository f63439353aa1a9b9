#include "wire/writer.h"

#include <algorithm>

namespace holdfast::wire {

Writer::Writer(std::size_t reserve) : block_(BlockRef::allocate(reserve)), data_(block_->data()), capacity_(reserve) {}

void Writer::uvarint(std::uint32_t v) {
  while (v >= 0x80) {
    u8(static_cast<std::uint8_t>(v | 0x80));
    v >>= 7;
  }
  u8(static_cast<std::uint8_t>(v));
}

void Writer::varint(std::int32_t v) {
  uvarint((static_cast<std::uint32_t>(v) << 1) ^ static_cast<std::uint32_t>(v >> 31));
}

void Writer::varlong(std::int64_t v) {
  std::uint64_t raw = (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
  while (raw >= 0x80) {
    u8(static_cast<std::uint8_t>(raw | 0x80));
    raw >>= 7;
  }
  u8(static_cast<std::uint8_t>(raw));
}

void Writer::splice(BufferChain chain) {
  if (chain.empty()) return;
  spliced_ += chain.size();
  splices_.push_back({size_, std::move(chain)});
}

void Writer::grow(std::size_t n) {
  const std::size_t capacity = std::max(capacity_ * 2, size_ + n);
  BlockRef bigger = BlockRef::allocate(capacity);
  if (size_ != 0) std::memcpy(bigger->data(), data_, size_);
  block_ = std::move(bigger);
  data_ = block_->data();
  capacity_ = capacity;
}

BufferChain Writer::take() {
  BufferChain out;
  std::size_t from = 0;
  for (Splice& splice : splices_) {
    out.append(Bytes(block_, data_ + from, splice.position - from));
    out.append(std::move(splice.chain));
    from = splice.position;
  }
  out.append(Bytes(std::move(block_), data_ + from, size_ - from));
  block_ = {};
  data_ = nullptr;
  size_ = capacity_ = spliced_ = 0;
  splices_.clear();
  return out;
}

std::vector<std::uint8_t> Writer::flatten() { return take().flatten(); }

}  // namespace holdfast::wire
