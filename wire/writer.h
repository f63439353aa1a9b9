// Writer: big-endian output into one growing block, with ref-counted pieces spliced in between without a copy. take()
// hands the whole out as a chain for one gather-write.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "runtime/buffer.h"

namespace holdfast::wire {

class Writer {
 public:
  explicit Writer(std::size_t reserve = 512);

  void u8(std::uint8_t v) { *room(1) = v; }
  void i8(std::int8_t v) { u8(static_cast<std::uint8_t>(v)); }
  void boolean(bool v) { u8(v ? 1 : 0); }
  void u16(std::uint16_t v) { put(__builtin_bswap16(v)); }
  void i16(std::int16_t v) { u16(static_cast<std::uint16_t>(v)); }
  void u32(std::uint32_t v) { put(__builtin_bswap32(v)); }
  void i32(std::int32_t v) { u32(static_cast<std::uint32_t>(v)); }
  void u64(std::uint64_t v) { put(__builtin_bswap64(v)); }
  void i64(std::int64_t v) { u64(static_cast<std::uint64_t>(v)); }
  void f64(double v) {
    std::uint64_t bits;
    std::memcpy(&bits, &v, 8);
    u64(bits);
  }
  void uvarint(std::uint32_t v);
  void varint(std::int32_t v);
  void varlong(std::int64_t v);
  void raw(ByteView bytes) {
    if (!bytes.empty()) std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
  }
  void raw(std::string_view text) { raw(as_bytes(text)); }
  // n bytes to be filled by the caller before the next call.
  std::uint8_t* room(std::size_t n) {
    if (capacity_ - size_ < n) grow(n);
    std::uint8_t* at = data_ + size_;
    size_ += n;
    return at;
  }
  void splice(BufferChain chain);

  // Bytes written so far, spliced ones included: what a length field in front has to say.
  std::size_t size() const { return size_ + spliced_; }
  // A place that will be patched: position() before writing a zero there. Spliced bytes do not move it.
  std::size_t position() const { return size_; }
  void patch_i32(std::size_t position, std::int32_t v) {
    const std::uint32_t big = __builtin_bswap32(static_cast<std::uint32_t>(v));
    std::memcpy(data_ + position, &big, 4);
  }
  // What has been written since `position` without splices: for checksums and length prefixes.
  ByteView written(std::size_t position = 0) const { return {data_ + position, size_ - position}; }
  // Forgets what was written after `position`; nothing may have been spliced since.
  void rewind(std::size_t position) { size_ = position; }

  // Latched, like Reader's: a value that the version cannot carry.
  void fail(const char* why) {
    if (!error_) error_ = why;
  }
  bool ok() const { return error_ == nullptr; }
  const char* error() const { return error_ ? error_ : ""; }

  BufferChain take();                   // leaves the writer empty and usable
  std::vector<std::uint8_t> flatten();  // take(), copied: for tests and small records

 private:
  template <class T>
  void put(T big_endian) {
    std::memcpy(room(sizeof(T)), &big_endian, sizeof(T));
  }
  void grow(std::size_t n);

  struct Splice {
    std::size_t position;
    BufferChain chain;
  };
  BlockRef block_;
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t spliced_ = 0;
  std::vector<Splice> splices_;
  const char* error_ = nullptr;
};

}  // namespace holdfast::wire
