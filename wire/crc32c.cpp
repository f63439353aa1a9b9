#include "wire/crc32c.h"

#include <array>
#include <cstring>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace holdfast::wire {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;  // reflected

using Table = std::array<std::uint32_t, 256>;

#if defined(__SSE4_2__)
std::uint64_t step8(std::uint64_t crc, std::uint64_t bytes) { return _mm_crc32_u64(crc, bytes); }
std::uint32_t step1(std::uint32_t crc, std::uint8_t byte) { return _mm_crc32_u8(crc, byte); }
#elif defined(__ARM_FEATURE_CRC32)
std::uint64_t step8(std::uint64_t crc, std::uint64_t bytes) {
  return __crc32cd(static_cast<std::uint32_t>(crc), bytes);
}
std::uint32_t step1(std::uint32_t crc, std::uint8_t byte) { return __crc32cb(crc, byte); }
#else
constexpr Table byte_table = [] {
  Table table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? polynomial : 0);
    table[i] = crc;
  }
  return table;
}();
std::uint32_t step1(std::uint32_t crc, std::uint8_t byte) { return (crc >> 8) ^ byte_table[(crc ^ byte) & 0xff]; }
std::uint64_t step8(std::uint64_t crc, std::uint64_t bytes) {
  auto c = static_cast<std::uint32_t>(crc);
  for (int i = 0; i < 8; ++i, bytes >>= 8) c = step1(c, static_cast<std::uint8_t>(bytes));
  return c;
}
#endif

std::uint64_t load(const std::uint8_t* at) {
  std::uint64_t v;
  std::memcpy(&v, at, 8);
  return v;
}

// a * b modulo the polynomial, both reflected.
constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = (b >> 1) ^ ((b & 1) ? polynomial : 0);
  }
  return product;
}

constexpr std::uint32_t power(std::size_t bytes) {  // x^(8 * bytes)
  std::uint32_t result = 1u << 31, base = 1u << 23;
  for (; bytes != 0; bytes >>= 1) {
    if (bytes & 1) result = multiply(result, base);
    base = multiply(base, base);
  }
  return result;
}

// What a CRC becomes when `bytes` zeros follow: its product with x^(8 * bytes), looked up by each of its four bytes.
using Shift = std::array<Table, 4>;

constexpr Shift shift_by(std::size_t bytes) {
  Shift tables{};
  const std::uint32_t factor = power(bytes);
  for (std::uint32_t byte = 0; byte < 4; ++byte) {
    // The product is linear: 8 multiplications make the table, exclusive or fills it.
    for (std::uint32_t bit = 0; bit < 8; ++bit) tables[byte][1u << bit] = multiply(1u << (8 * byte + bit), factor);
    for (std::uint32_t i = 1; i < 256; ++i) tables[byte][i] = tables[byte][i & (i - 1)] ^ tables[byte][i & (~i + 1)];
  }
  return tables;
}

std::uint32_t apply(const Shift& t, std::uint64_t crc) {
  return t[0][crc & 0xff] ^ t[1][(crc >> 8) & 0xff] ^ t[2][(crc >> 16) & 0xff] ^ t[3][(crc >> 24) & 0xff];
}

// The instruction takes three cycles and a new one can start in each: three neighbouring lanes run at once, and are
// merged as if zeros had followed the earlier ones.
template <std::size_t lane_bytes>
void three_lanes(std::uint64_t& crc, const std::uint8_t*& at, std::size_t& left) {
  static constexpr Shift over_a_lane = shift_by(lane_bytes);
  for (; left >= 3 * lane_bytes; at += 3 * lane_bytes, left -= 3 * lane_bytes) {
    std::uint64_t second = 0, third = 0;
    for (std::size_t i = 0; i < lane_bytes; i += 8) {
      crc = step8(crc, load(at + i));
      second = step8(second, load(at + lane_bytes + i));
      third = step8(third, load(at + 2 * lane_bytes + i));
    }
    crc = apply(over_a_lane, apply(over_a_lane, crc) ^ second) ^ third;
  }
}

}  // namespace

std::uint32_t crc32c(ByteView bytes, std::uint32_t seed) {
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t crc = ~seed;
  three_lanes<4096>(crc, at, left);
  three_lanes<256>(crc, at, left);
  for (; left >= 8; at += 8, left -= 8) crc = step8(crc, load(at));
  auto last = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++at, --left) last = step1(last, *at);
  return ~last;
}

}  // namespace holdfast::wire
