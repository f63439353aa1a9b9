// The bytes of what consensus says: messages between servers (the payload of FrameKind::consensus) and the membership
// entry of the log. Big-endian; every field of a ConsensusMessage in its order, so that a message is what it was.
//
//   message    := kind u8 | from, to i32 | incarnation, answers 16 bytes each | term i32 | flags u8 (1 granted,
//                 2 transfer, 4 blank) | log_end i64, log_term i32 | from_offset, match, commit i64 | previous_term i32
//               | hint_end i64, hint_term i32 | round, token u64 | spans u16, count x span | the batches of an append
//   span       := base, end i64 | term i32 | u8: 1 and a membership, or 0
//   membership := version u8 = 1 | voters | learners | outgoing | lives | lives of the outgoing
//                 servers: u8, count x i32, rising; lives: u8, count x (i32, 16 bytes), rising
#pragma once

#include <cstdint>
#include <utility>

#include "coordination/consensus_types.h"
#include "runtime/buffer.h"
#include "runtime/result.h"

namespace holdfast {

inline constexpr std::size_t spans_max = 4096;  // in one append
inline constexpr std::size_t servers_max = 255;

// `batches`: of an append, those of its spans one after the other; of anything else empty.
BufferChain encode(const ConsensusMessage& message, BufferChain batches);
struct ReceivedMessage {
  ConsensusMessage message;
  Bytes batches;  // where in the payload they are
};
// Checked: the form of every field, and of the spans that they follow each other. Not checked: what the batches say.
Result<ReceivedMessage> decode_message(const Bytes& payload);

Bytes encode(const Membership& membership);
Result<Membership> decode_membership(ByteView entry);

}  // namespace holdfast
