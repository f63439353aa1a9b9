// CRC-32C (Castagnoli): the checksum of record batches, of the journal and of snapshots. Uses the CPU's instruction.
#pragma once

#include <cstdint>

#include "runtime/buffer.h"

namespace holdfast::wire {

// `seed` is the result for the bytes before these, so that a checksum can be computed piece by piece.
std::uint32_t crc32c(ByteView bytes, std::uint32_t seed = 0);

}  // namespace holdfast::wire
