// hash64: a fast, seeded, stable 64-bit hash (multiply and fold, in the manner of wyhash). It places paths in tables
// and makes up the digest that replicas compare, so its values are part of the replicated format: never change them. It
// is not for use against an adversary who can choose both inputs of a comparison. Pure.
#pragma once

#include <cstdint>
#include <cstring>

#include "runtime/buffer.h"

namespace holdfast::zk {

inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t hash64(ByteView bytes, std::uint64_t seed = 0) {
  constexpr std::uint64_t k0 = 0xa0761d6478bd642full, k1 = 0xe7037ed1a0b428dbull, k2 = 0x8ebc6af09c88c6e3ull;
  const auto word = [](const std::uint8_t* at) {
    std::uint64_t v;
    std::memcpy(&v, at, 8);
    return v;
  };
  const auto part = [](const std::uint8_t* at, std::size_t n) {
    std::uint64_t v = 0;
    std::memcpy(&v, at, n);
    return v;
  };
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t state = seed ^ k0;
  for (; left >= 16; at += 16, left -= 16) state = fold(word(at) ^ k1, word(at + 8) ^ state);
  std::uint64_t a = 0, b = 0;
  if (left >= 8) {
    a = word(at);
    if (left > 8) b = part(at + 8, left - 8);
  } else if (left > 0) {
    a = part(at, left);
  }
  return fold(k2 ^ bytes.size(), fold(a ^ k1, b ^ state));
}

}  // namespace holdfast::zk
