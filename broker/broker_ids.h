// Sets of brokers as znodes and requests tell them: lists of ids, short and in an order that means something.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace holdfast {

inline bool contains(const std::vector<std::int32_t>& ids, std::int32_t id) {
  return std::ranges::find(ids, id) != ids.end();
}

}  // namespace holdfast
