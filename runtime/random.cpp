#include "runtime/random.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "runtime/result.h"

namespace holdfast {
namespace {

void fill_from_kernel(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t n = ::getrandom(out.data(), out.size(), 0);
    if (n < 0) {
      HOLDFAST_CHECK(errno == EINTR);
      continue;
    }
    out = out.subspan(static_cast<std::size_t>(n));
  }
}

// Bytes handed out are wiped from the pool: what was a key must not be readable here later.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> bytes) override {
    if (bytes.size() > pool_.size()) return fill_from_kernel(bytes);
    if (bytes.size() > pool_.size() - used_) {
      fill_from_kernel(pool_);
      used_ = 0;
    }
    if (bytes.empty()) return;
    std::memcpy(bytes.data(), pool_.data() + used_, bytes.size());
    std::memset(pool_.data() + used_, 0, bytes.size());
    used_ += bytes.size();
  }

 private:
  std::array<std::uint8_t, 256> pool_{};
  std::size_t used_ = pool_.size();
};

// xoshiro256** (Blackman, Vigna), its state spread from the seed by SplitMix64.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  void fill(std::span<std::uint8_t> bytes) override {
    while (!bytes.empty()) {
      const std::uint64_t word = step();
      const std::size_t n = std::min(bytes.size(), sizeof word);
      std::memcpy(bytes.data(), &word, n);
      bytes = bytes.subspan(n);
    }
  }

 private:
  std::uint64_t step() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  std::array<std::uint64_t, 4> state_{};
};

constexpr std::string_view base64_url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t base64_uuid_chars = 22;  // 128 bits in sixes, the last one padded with four zero bits

}  // namespace

std::uint64_t Random::next() {
  std::array<std::uint8_t, 8> bytes;
  fill(bytes);
  return std::bit_cast<std::uint64_t>(bytes);
}

std::uint64_t Random::below(std::uint64_t bound) {
  HOLDFAST_CHECK(bound > 0);
  const std::uint64_t uneven = (0 - bound) % bound;  // 2^64 mod bound: this many values would favour the low results
  for (;;) {
    const std::uint64_t value = next();
    if (value >= uneven) return value % bound;
  }
}

// Kafka's Uuid.randomUuid(): version 4, and drawn again when its text would begin with '-', which the command line
// tools would take for an option. The reserved ids (0 and 1) are not version 4.
Uuid Random::uuid() {
  Uuid id;
  do {
    fill(id);
    id[6] = static_cast<std::uint8_t>((id[6] & 0x0f) | 0x40);
    id[8] = static_cast<std::uint8_t>((id[8] & 0x3f) | 0x80);
  } while (base64_url[id[0] >> 2] == '-');
  return id;
}

std::unique_ptr<Random> system_random() { return std::make_unique<SystemRandom>(); }
std::unique_ptr<Random> seeded_random(std::uint64_t seed) { return std::make_unique<SeededRandom>(seed); }

std::string to_base64(const Uuid& id) {
  std::string text;
  text.reserve(base64_uuid_chars);
  unsigned bits = 0, held = 0;
  for (const std::uint8_t byte : id) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 6; bits -= 6) text += base64_url[(held >> (bits - 6)) & 63];
  }
  text += base64_url[(held << (6 - bits)) & 63];
  return text;
}

bool from_base64(std::string_view text, Uuid& out) {
  if (text.size() != base64_uuid_chars) return false;
  Uuid id{};
  std::size_t at = 0;
  unsigned bits = 0, held = 0;
  for (const char c : text) {
    const std::size_t value = base64_url.find(c);
    if (value == std::string_view::npos) return false;
    held = (held << 6) | static_cast<unsigned>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      id[at++] = static_cast<std::uint8_t>(held >> bits);
    }
  }
  if ((held & ((1u << bits) - 1)) != 0) return false;  // one text a uuid
  out = id;
  return true;
}

std::string to_hex_uuid(const Uuid& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[id[i] >> 4];
    text += digits[id[i] & 15];
  }
  return text;
}

}  // namespace holdfast
