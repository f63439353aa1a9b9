// What a server that does not lead sends to the one that does: a client's write with everything of the caller that the
// leader judges by, and the payloads of the frames it travels in. Big-endian.
//
//   request  := version u8 = 1 | flags u8 (1 privileged) | session i64 | cxid i32 | owner i64
//             | ids: count u32, {scheme text, id text}* | kind u8 and the fields of that kind, in the order of
//             request.h
//   text     := length u32, bytes
//   nullable := length i32 (-1: null), bytes            data, and what a reconfig may leave out
//   acl      := count u32, {perms i32, scheme text, id text}*
//   parts    := count u32, {kind u8 and its fields}*    of a multi, at most multi_parts_max
//   config   := text, as EnsembleConfig prints it; its version is part of it
//
//   request frame  := term i32 | life u64, number u64 | the request
//   sessions frame := term i32 | count u32, {session i64, timeout i32 (ms)}*
//   digest frame   := end i64, zxid i64, digest u64
//
// Decoding checks the form: lengths, counts, kinds, opcodes and error codes. Whether the request may be carried out is
// the Preparer's to say, as it is for the leader's own clients; that a caller is privileged is taken from its server.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "coordination/consensus_types.h"
#include "coordination/request.h"
#include "runtime/buffer.h"
#include "runtime/result.h"

namespace holdfast::zk {

// Without the caller's connection, which means nothing to another server. One allocation, of the right size.
Bytes encode(const WriteRequest& request, const Caller& caller);

// The request's views point into the bytes that were decoded, which must outlive it; the caller's ids are those here.
struct ReceivedRequest {
  WriteRequest request;
  Caller caller;
  std::vector<Id> ids;

  ReceivedRequest() = default;
  // Moved, not copied: the elements of a vector that moves stay where `caller.ids` sees them.
  ReceivedRequest(ReceivedRequest&&) = default;
  ReceivedRequest& operator=(ReceivedRequest&&) = default;
};
// On an error, what `out` holds has no meaning.
Result<void> decode(ByteView bytes, ReceivedRequest& out);

}  // namespace holdfast::zk

namespace holdfast {

// The header of a forwarded request. `number`: the sender's own, in the order in which the requests are to be judged;
// it begins anew with every `life` of the sender.
struct RequestFrame {
  Term term;
  std::uint64_t life = 0, number = 0;
  friend bool operator==(const RequestFrame&, const RequestFrame&) = default;
};
// Of a request that was kept encoded, which is not copied; and of one that is sent at once, in one block.
BufferChain encode(const RequestFrame& frame, Bytes request);
BufferChain encode(const RequestFrame& frame, const zk::WriteRequest& request, const zk::Caller& caller);
struct ReceivedRequestFrame {
  RequestFrame frame;
  Bytes request;  // where in the payload it is; not looked into
};
Result<ReceivedRequestFrame> decode_request_frame(const Bytes& payload);

// Sessions that the sender's clients kept alive, and the timeout that each was granted.
struct SessionsFrame {
  Term term;
  std::vector<std::pair<SessionId, std::int32_t>> touched;
  friend bool operator==(const SessionsFrame&, const SessionsFrame&) = default;
};
Bytes encode(const SessionsFrame& frame);
Result<SessionsFrame> decode_sessions_frame(ByteView payload);

// What the state is, as a digest, after the entries below `end`, of which `zxid` is the last transaction.
struct DigestFrame {
  Offset end;
  Zxid zxid;
  std::uint64_t digest = 0;
  friend bool operator==(const DigestFrame&, const DigestFrame&) = default;
};
Bytes encode(const DigestFrame& frame);
Result<DigestFrame> decode_digest_frame(ByteView payload);

}  // namespace holdfast
