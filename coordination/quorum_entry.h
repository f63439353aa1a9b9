// The entries of the coordination log, as records of Kafka's batches.
//
//   transaction  a record of an ordinary batch. Key: the request's origin, or null where the server stands alone.
//                Value: zk::encode(Txn). A burst of them is one batch.
//   control      the only record of a control batch (attribute bit 5): what consensus itself has to say.
//                Key: version i16 = 0 | type i16 = 100 | the batch's term i32 (older ones are without it; in the batch
//                itself it is not under the checksum). Value: see ControlEntry.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "coordination/consensus_types.h"
#include "runtime/buffer.h"
#include "runtime/random.h"
#include "runtime/result.h"
#include "wire/kafka/record_batch.h"

namespace holdfast {

// Who asked for a transaction: the server whose client it was, in which of its lives, and which of its requests. Each
// server recognises its own in the log, whoever led, and so knows what became of them.
struct Origin {
  ServerId server;
  std::uint64_t life = 0;
  std::uint64_t number = 0;
  friend bool operator==(const Origin&, const Origin&) = default;

  static constexpr std::size_t bytes = 21;
  // version u8 = 1 | server i32 | life, number u64
  std::array<std::uint8_t, bytes> encode() const;
  static Result<Origin> decode(ByteView key);
};

// version u8 = 1 | flags u8 (1: a leadership begins; 2: a new epoch of zxids; 4: a membership follows)
// | ensemble 16 bytes | [membership, as in quorum_messages.h]
struct ControlEntry {
  bool leadership = false, new_epoch = false;
  Uuid ensemble{};  // its id, drawn by the first leader of all
  std::optional<Membership> membership;
  friend bool operator==(const ControlEntry&, const ControlEntry&) = default;

  Bytes encode() const;
  static Result<ControlEntry> decode(ByteView value);
};

// A whole control batch, and what one holds.
std::vector<std::uint8_t> make_control_batch(const ControlEntry& entry, Offset base, Term term, std::int64_t now_ms);
Result<ControlEntry> control_entry_of(const wire::BatchHeader& header, ByteView batch);

// A batch's span. An error: it is none that a coordination log may hold.
Result<Span> span_of(const wire::BatchHeader& header, ByteView batch);

}  // namespace holdfast
