// The codecs of record batches: gzip, snappy (xerial framing, as Java's and librdkafka's producers send it), LZ4 (frame
// format) and Zstandard. Output is bounded while it is produced: a small batch cannot make a server run out of memory.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/result.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::wire {

// invalid_input when the bytes are not of that codec, exhausted when they would become more than `bytes_max`.
Result<std::vector<std::uint8_t>> decompress(Codec codec, ByteView input, std::size_t bytes_max);

// LZ4 inside messages of magic 0, whose frame header has a wrong checksum (KAFKA-3160): it is not looked at.
Result<std::vector<std::uint8_t>> decompress_magic0_lz4(ByteView input, std::size_t bytes_max);

// level -1: the codec's default (gzip 6, lz4 9 as Kafka's, zstd 3).
std::vector<std::uint8_t> compress(Codec codec, int level, ByteView input);

}  // namespace holdfast::wire
