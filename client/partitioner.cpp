#include "client/partitioner.h"

#include <algorithm>

namespace holdfast::client {

std::uint32_t murmur2(ByteView bytes) {
  constexpr std::uint32_t seed = 0x9747b28c, m = 0x5bd1e995;
  constexpr int r = 24;
  std::uint32_t h = seed ^ static_cast<std::uint32_t>(bytes.size());
  const auto byte = [&](std::size_t i) { return std::uint32_t{bytes[i]}; };
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t k = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    k *= m;
    k ^= k >> r;
    h = (h * m) ^ (k * m);
  }
  const std::size_t left = bytes.size() - at;
  if (left >= 3) h ^= byte(at + 2) << 16;
  if (left >= 2) h ^= byte(at + 1) << 8;
  if (left >= 1) h = (h ^ byte(at)) * m;
  h ^= h >> 13;
  h *= m;
  return h ^ (h >> 15);
}

std::int32_t partition_of_key(ByteView key, std::int32_t partitions) {
  return static_cast<std::int32_t>(murmur2(key) & 0x7fff'ffff) % partitions;
}

std::int32_t partition_by_load(std::span<const std::int32_t> queued_batches, Random& random) {
  std::int64_t longest = 0;
  for (const std::int32_t queued : queued_batches) longest = std::max<std::int64_t>(longest, queued);
  const auto weight = [&](std::int32_t queued) -> std::int64_t {
    return queued == closed_queue ? 0 : longest + 1 - queued;
  };
  std::int64_t total = 0;
  for (const std::int32_t queued : queued_batches) total += weight(queued);
  if (total == 0) return -1;
  auto left = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(total)));
  std::int32_t partition = 0;
  for (const std::int32_t queued : queued_batches) {
    left -= weight(queued);
    if (left < 0) break;
    ++partition;
  }
  return partition;
}

}  // namespace holdfast::client
