// What several handlers need.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "broker/broker_shard.h"
#include "wire/kafka/errors.h"

namespace holdfast::handlers {

constexpr std::int16_t code(wire::ErrorCode error) { return static_cast<std::int16_t>(error); }

// What everybody may do while there is no authorizer, as bits of Kafka's AclOperation (KIP-430).
constexpr std::int32_t operations(std::initializer_list<int> codes) {
  std::int32_t bits = 0;
  for (const int c : codes) bits |= 1 << c;
  return bits;
}
inline constexpr std::int32_t topic_operations = operations({3, 4, 5, 6, 7, 8, 10, 11});
inline constexpr std::int32_t cluster_operations = operations({5, 7, 8, 9, 10, 11, 12});
inline constexpr std::int32_t group_operations = operations({3, 6, 8, 10, 11});

}  // namespace holdfast::handlers
