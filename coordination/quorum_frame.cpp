#include "coordination/quorum_frame.h"

#include <fmt/format.h>

#include <algorithm>

#include "wire/crc32c.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast {
namespace {

constexpr std::uint16_t frame_magic = 0x4851;
constexpr std::uint8_t frame_version = 1;
constexpr std::size_t text_bytes_max = 256;

void write_text(wire::Writer& out, const std::string& text) {
  const std::string_view kept = std::string_view(text).substr(0, text_bytes_max);
  out.u16(static_cast<std::uint16_t>(kept.size()));
  out.raw(kept);
}

std::string read_text(wire::Reader& in) {
  const std::size_t size = in.u16();
  if (size > text_bytes_max) in.fail("a text is too long");
  return std::string(as_text(in.raw(in.ok() ? size : 0)));
}

void read_incarnation(wire::Reader& in, Incarnation& out) {
  const ByteView bytes = in.raw(out.size());
  if (in.ok()) std::ranges::copy(bytes, out.begin());
}

template <class T>
Result<T> whole(const wire::Reader& in, T value, const char* what) {
  if (!in.ok()) return fail(ErrorKind::corrupt, fmt::format("{}: {}", what, in.error()));
  if (in.remaining() != 0) return fail(ErrorKind::corrupt, fmt::format("{}: bytes are left over", what));
  return value;
}

Bytes whole(wire::Writer& out) { return Bytes::copy(ByteView(out.flatten())); }

}  // namespace

Result<FrameHeader> FrameHeader::parse(ByteView bytes, std::size_t length_max) {
  wire::Reader in(bytes.first(frame_header_bytes));
  FrameHeader header;
  if (in.u16() != frame_magic) return fail(ErrorKind::corrupt, "these are not the frames of a Holdfast quorum");
  if (const int theirs = in.u8(); theirs != frame_version)
    return fail(ErrorKind::unsupported,
                fmt::format("frames of version {}; this server speaks {}", theirs, frame_version));
  header.kind = static_cast<FrameKind>(in.u8());
  header.length = in.u32();
  header.checksum = in.u32();
  header.seed = wire::crc32c(bytes.first(8));
  if (header.length > length_max)
    return fail(ErrorKind::corrupt,
                fmt::format("a frame of {} bytes; at most {} are taken", header.length, length_max));
  return header;
}

bool FrameHeader::fits(ByteView payload) const {
  return payload.size() == length && wire::crc32c(payload, seed) == checksum;
}

BufferChain make_frame(FrameKind kind, BufferChain payload) {
  wire::Writer head(frame_header_bytes);
  head.u16(frame_magic);
  head.u8(frame_version);
  head.u8(static_cast<std::uint8_t>(kind));
  head.u32(static_cast<std::uint32_t>(payload.size()));
  std::uint32_t checksum = wire::crc32c(head.written());
  for (const Bytes& piece : payload.pieces()) checksum = wire::crc32c(piece.view(), checksum);
  head.u32(checksum);
  BufferChain out = head.take();
  out.append(std::move(payload));
  return out;
}

Bytes QuorumHello::encode() const {
  wire::Writer out;
  out.i32(from.value);
  out.i32(to.value);
  out.raw(ByteView(incarnation));
  write_text(out, cluster);
  write_text(out, address);
  return whole(out);
}

Result<QuorumHello> QuorumHello::decode(ByteView payload) {
  wire::Reader in(payload);
  QuorumHello hello;
  hello.from = ServerId(in.i32());
  hello.to = ServerId(in.i32());
  read_incarnation(in, hello.incarnation);
  hello.cluster = read_text(in);
  hello.address = read_text(in);
  return whole(in, std::move(hello), "hello");
}

Bytes QuorumWelcome::encode() const {
  wire::Writer out;
  out.raw(ByteView(incarnation));
  write_text(out, cluster);
  return whole(out);
}

Result<QuorumWelcome> QuorumWelcome::decode(ByteView payload) {
  wire::Reader in(payload);
  QuorumWelcome welcome;
  read_incarnation(in, welcome.incarnation);
  welcome.cluster = read_text(in);
  return whole(in, std::move(welcome), "welcome");
}

Bytes encode_refusal(const std::string& reason) {
  wire::Writer out;
  write_text(out, reason);
  return whole(out);
}

std::string decode_refusal(ByteView payload) {
  wire::Reader in(payload);
  std::string reason = read_text(in);
  std::ranges::replace_if(
      reason, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');  // it goes into a log line
  return reason;
}

}  // namespace holdfast
