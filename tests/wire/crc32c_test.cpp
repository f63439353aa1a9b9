#include "wire/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace holdfast::wire {
namespace {

// Bit by bit, from the definition.
std::uint32_t by_definition(ByteView bytes) {
  std::uint32_t crc = ~0u;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78u : 0);
  }
  return ~crc;
}

std::vector<std::uint8_t> random_bytes(std::size_t size) {
  std::mt19937 random(1);
  std::vector<std::uint8_t> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

TEST(Crc32c, AgreesWithPublishedValues) {
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  const std::vector<std::uint8_t> zeros(32, 0), ones(32, 0xff);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(zeros), 0x8a9136aau);
  EXPECT_EQ(crc32c(ones), 0x62a8ab43u);
}

// Around every length at which the implementation changes its ways, at every alignment.
TEST(Crc32c, AgreesWithItsDefinitionAtAnyLengthAndAlignment) {
  const auto bytes = random_bytes(30000);
  std::vector<std::size_t> lengths;
  for (std::size_t n = 0; n < 40; ++n) lengths.push_back(n);
  for (const std::size_t edge : {768u, 1536u, 12288u, 13056u, 24576u}) {
    for (std::size_t n = edge - 1; n <= edge + 9; ++n) lengths.push_back(n);
  }
  for (const std::size_t length : lengths) {
    const std::uint32_t expected = by_definition(ByteView(bytes).subspan(3, length));
    EXPECT_EQ(crc32c(ByteView(bytes).subspan(3, length)), expected) << length;
  }
  for (std::size_t offset = 0; offset < 9; ++offset) {
    const ByteView view = ByteView(bytes).subspan(offset, 13000);
    EXPECT_EQ(crc32c(view), by_definition(view)) << offset;
  }
}

TEST(Crc32c, IsExtendedPieceByPiece) {
  const auto bytes = random_bytes(20000);
  const ByteView all(bytes);
  for (const std::size_t cut : {0u, 1u, 13u, 800u, 12289u, 20000u}) {
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all)) << cut;
  }
}

}  // namespace
}  // namespace holdfast::wire
