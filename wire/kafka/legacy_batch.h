// Message sets of magic 0 and 1, from before Kafka 0.11: read only, so that old log directories can be opened. Nobody
// writes them any more; clients of our versions cannot send them either (KIP-896).
//
//   offset i64, size i32, crc u32 (CRC-32, of all that follows), magic i8, attributes i8, [magic 1: timestamp i64],
//   key, value: i32 length, -1 null
//
// A compressed message is a wrapper whose value is a message set. Its offset is that of its last inner message; inner
// offsets are absolute in magic 0 and relative to the first in magic 1 (KIP-31).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/result.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::wire {

struct LegacyMessage {
  std::int64_t offset = 0;
  std::size_t size = 0;  // all of it, offset and size fields included
  std::uint32_t crc = 0;
  std::int8_t magic = 0;
  std::int8_t attributes = 0;
  std::int64_t timestamp = -1;  // magic 1
  std::optional<ByteView> key, value;

  // The first message of a run of bytes. out_of_range: the run ends inside it. corrupt: its CRC is wrong.
  static Result<LegacyMessage> parse(ByteView run);

  Codec codec() const { return static_cast<Codec>(attributes & 7); }
  bool log_append_time() const { return magic > 0 && (attributes & 8) != 0; }
};

// What a message means: itself, or the messages of a wrapper with their own offsets and times.
struct LegacyBatch {
  LegacyMessage outer;
  std::vector<std::uint8_t> content;  // of a wrapper, decompressed; the messages' keys and values point into it
  std::vector<LegacyMessage> messages;

  static Result<LegacyBatch> read(ByteView run, std::size_t content_bytes_max);
};

}  // namespace holdfast::wire
