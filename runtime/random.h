// Random: chance enters by constructor. The real one is the kernel's; the simulated one follows its seed.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace holdfast {

using Uuid = std::array<std::uint8_t, 16>;

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> bytes) = 0;
  std::uint64_t next();                      // uniform over 64 bits
  std::uint64_t below(std::uint64_t bound);  // uniform in [0, bound); bound > 0
  Uuid uuid();                               // version 4, never Kafka's reserved ids, never leading '-' in base64
};

std::unique_ptr<Random> system_random();
std::unique_ptr<Random> seeded_random(std::uint64_t seed);

// Kafka's text form of a uuid: base64url without padding, 22 characters.
std::string to_base64(const Uuid& id);
bool from_base64(std::string_view text, Uuid& out);
// The form with dashes, as in member ids.
std::string to_hex_uuid(const Uuid& id);

}  // namespace holdfast
