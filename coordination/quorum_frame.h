// Frames between the servers of a quorum, and the handshake of a connection. Each direction of talk between two servers
// is a connection of its own: the one who has something to say dials; the other one answers the handshake, and after
// that only closes.
//
//   frame   := magic u16 "HQ" | version u8 = 1 | kind u8 | length u32 (of the payload)
//            | crc32c u32 (of these eight bytes and the payload) | payload
//   hello   := from i32, to i32, incarnation 16 bytes, cluster text, address text    the dialler's first frame
//   welcome := incarnation 16 bytes, cluster text                                    "go on"
//   refusal := reason text                                                           and the connection is closed
//   text    := u16 length, UTF-8
// A version that is not ours, a checksum that does not hold or a length beyond the bound ends the connection.
#pragma once

#include <cstdint>
#include <string>

#include "coordination/consensus_types.h"
#include "runtime/buffer.h"
#include "runtime/result.h"

namespace holdfast {

enum class FrameKind : std::uint8_t {
  hello = 1,
  welcome = 2,
  refusal = 3,
  keep_alive = 4,  // nothing to say, and still here
  // What travels after the handshake; the transport only carries it.
  consensus = 16,  // a ConsensusMessage; behind an append's, its batches
  request = 17,    // a write that a client asked of another server
  sessions = 18,   // sessions that were heard of since the last one
  snapshot = 19,   // a piece of a snapshot
  digest = 20,     // of the tree, at an entry
};

inline constexpr std::size_t frame_header_bytes = 12;
inline constexpr std::size_t handshake_bytes_max = 1024;

struct FrameHeader {
  FrameKind kind{};
  std::uint32_t length = 0, checksum = 0;
  std::uint32_t seed = 0;  // the checksum of the header's own part

  // The first frame_header_bytes of `bytes`.
  static Result<FrameHeader> parse(ByteView bytes, std::size_t length_max);
  bool fits(ByteView payload) const;
};

BufferChain make_frame(FrameKind kind, BufferChain payload);

struct QuorumHello {
  ServerId from, to;
  Incarnation incarnation{};
  std::string cluster;  // empty: not known yet
  std::string address;  // where `from` listens, as others may dial it; for the log
  Bytes encode() const;
  static Result<QuorumHello> decode(ByteView payload);
};

struct QuorumWelcome {
  Incarnation incarnation{};
  std::string cluster;
  Bytes encode() const;
  static Result<QuorumWelcome> decode(ByteView payload);
};

Bytes encode_refusal(const std::string& reason);
std::string decode_refusal(ByteView payload);

}  // namespace holdfast
