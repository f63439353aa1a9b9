// Which partition a record goes to, as Kafka's Java producer chooses it: by murmur2 of the key, so that the producers
// of one key in different languages agree; without a key to one partition for a while, then to another (KIP-480),
// rather to those whose queues are short (KIP-794).
#pragma once

#include <cstdint>
#include <span>

#include "runtime/buffer.h"
#include "runtime/random.h"

namespace holdfast::client {

std::uint32_t murmur2(ByteView bytes);  // with Kafka's seed

// partitions > 0
std::int32_t partition_of_key(ByteView key, std::int32_t partitions);

// One of those whose queue is not `closed_queue`; the shorter a queue, the likelier. -1: all are closed.
inline constexpr std::int32_t closed_queue = -1;
std::int32_t partition_by_load(std::span<const std::int32_t> queued_batches, Random& random);

}  // namespace holdfast::client
