// Strong integers: an Offset can never be passed where a LeaderEpoch is meant. Zero cost, explicit at the edges.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace holdfast {

template <class Tag, class T>
struct Strong {
  T value{};

  constexpr Strong() = default;
  constexpr explicit Strong(T v) : value(v) {}
  friend constexpr auto operator<=>(Strong, Strong) = default;

  constexpr Strong& operator++() { return ++value, *this; }
  friend constexpr Strong operator+(Strong a, T n) { return Strong(static_cast<T>(a.value + n)); }
  friend constexpr Strong operator-(Strong a, T n) { return Strong(static_cast<T>(a.value - n)); }
  friend constexpr T operator-(Strong a, Strong b) { return static_cast<T>(a.value - b.value); }
};

using Offset = Strong<struct OffsetTag, std::int64_t>;            // a record's position in a partition
using LeaderEpoch = Strong<struct LeaderEpochTag, std::int32_t>;  // -1: unknown
using BrokerId = Strong<struct BrokerIdTag, std::int32_t>;
using ProducerId = Strong<struct ProducerIdTag, std::int64_t>;  // -1: not idempotent
using Zxid = Strong<struct ZxidTag, std::int64_t>;              // epoch << 32 | counter
using SessionId = Strong<struct SessionIdTag, std::int64_t>;    // a coordination session; 0: none

}  // namespace holdfast

template <class Tag, class T>
struct std::hash<holdfast::Strong<Tag, T>> {
  std::size_t operator()(holdfast::Strong<Tag, T> s) const noexcept { return std::hash<T>{}(s.value); }
};
