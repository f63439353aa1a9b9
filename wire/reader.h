// Reader: big-endian input, bounded. It latches its first error and reads zeros from then on, so that decoding is
// straight code with one check at the end. It never allocates more than the input can justify.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "runtime/buffer.h"
#include "runtime/result.h"

namespace holdfast::wire {

// Kafka 4.4's bound on the elements of one array; the bytes left bound it too.
inline constexpr std::int32_t array_elements_max = 1'000'000;

class Reader {
 public:
  explicit Reader(ByteView input) : position_(input.data()), end_(input.data() + input.size()) {}

  bool ok() const { return error_ == nullptr; }
  const char* error() const { return error_ ? error_ : ""; }
  void fail(const char* why) {
    if (!error_) error_ = why;
    position_ = end_;
  }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - position_); }
  const std::uint8_t* position() const { return position_; }

  std::uint8_t u8() { return take(1) ? last_[0] : std::uint8_t{0}; }
  std::int8_t i8() { return static_cast<std::int8_t>(u8()); }
  bool boolean() { return u8() != 0; }
  std::uint16_t u16() {
    if (!take(2)) return 0;
    std::uint16_t v;
    std::memcpy(&v, last_, 2);
    return __builtin_bswap16(v);
  }
  std::int16_t i16() { return static_cast<std::int16_t>(u16()); }
  std::uint32_t u32() {
    if (!take(4)) return 0;
    std::uint32_t v;
    std::memcpy(&v, last_, 4);
    return __builtin_bswap32(v);
  }
  std::int32_t i32() { return static_cast<std::int32_t>(u32()); }
  std::uint64_t u64() {
    if (!take(8)) return 0;
    std::uint64_t v;
    std::memcpy(&v, last_, 8);
    return __builtin_bswap64(v);
  }
  std::int64_t i64() { return static_cast<std::int64_t>(u64()); }
  double f64() {
    const std::uint64_t bits = u64();
    double v;
    std::memcpy(&v, &bits, 8);
    return v;
  }
  // Unsigned, at most 5 bytes. Most of them are a single byte.
  std::uint32_t uvarint() {
    if (position_ != end_ && *position_ < 0x80) return *take_byte();
    return long_uvarint();
  }
  // Zigzag, at most 5 bytes.
  std::int32_t varint() {
    const std::uint32_t raw = uvarint();
    return static_cast<std::int32_t>(raw >> 1) ^ -static_cast<std::int32_t>(raw & 1);
  }
  // Zigzag, at most 10 bytes.
  std::int64_t varlong() {
    if (position_ == end_ || *position_ >= 0x80) return long_varlong();
    const std::int64_t raw = *take_byte();
    return (raw >> 1) ^ -(raw & 1);
  }
  // The next n bytes, not copied; empty and latched if there are fewer.
  ByteView raw(std::size_t n) { return take(n) ? ByteView{last_, n} : ByteView{}; }
  // An array's element count: refused when it exceeds the bytes left (an element takes at least one) or the cap.
  std::int32_t bounded_count(std::int64_t count, std::size_t element_bytes_min = 1);

 private:
  const std::uint8_t* take_byte() { return last_ = position_++; }
  std::uint32_t long_uvarint();
  std::int64_t long_varlong();
  bool take(std::size_t n) {
    if (remaining() < n) {
      fail("input ends inside a field");
      return false;
    }
    last_ = position_;
    position_ += n;
    return true;
  }

  const std::uint8_t* position_;
  const std::uint8_t* end_;
  const std::uint8_t* last_ = nullptr;
  const char* error_ = nullptr;
};

}  // namespace holdfast::wire
