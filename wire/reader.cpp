#include "wire/reader.h"

namespace holdfast::wire {

std::uint32_t Reader::long_uvarint() {
  std::uint32_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    const std::uint8_t byte = u8();
    value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  fail("varint is longer than 5 bytes");
  return 0;
}

std::int64_t Reader::long_varlong() {
  std::uint64_t raw = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    const std::uint8_t byte = u8();
    raw |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return static_cast<std::int64_t>(raw >> 1) ^ -static_cast<std::int64_t>(raw & 1);
  }
  fail("varlong is longer than 10 bytes");
  return 0;
}

std::int32_t Reader::bounded_count(std::int64_t count, std::size_t element_bytes_min) {
  if (!ok()) return 0;
  if (count < 0 || count > array_elements_max || static_cast<std::uint64_t>(count) * element_bytes_min > remaining()) {
    fail("array has more elements than its bytes can hold");
    return 0;
  }
  return static_cast<std::int32_t>(count);
}

}  // namespace holdfast::wire
