#include "coordination/quorum_messages.h"

#include <algorithm>

#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast {
namespace {

using wire::Reader;
using wire::Writer;

constexpr std::uint8_t membership_version = 1;
constexpr std::uint8_t granted_flag = 1, transfer_flag = 2, blank_flag = 4;

void write(Writer& out, const Incarnation& life) { out.raw(ByteView(life)); }

Incarnation read_life(Reader& in) {
  Incarnation out{};
  const ByteView bytes = in.raw(out.size());
  if (in.ok()) std::ranges::copy(bytes, out.begin());
  return out;
}

void write(Writer& out, const std::vector<ServerId>& servers) {
  out.u8(static_cast<std::uint8_t>(servers.size()));
  for (const ServerId id : servers) out.i32(id.value);
}

std::vector<ServerId> read_servers(Reader& in) {
  std::vector<ServerId> out;
  for (int left = in.u8(); left > 0 && in.ok(); --left) {
    const ServerId id(in.i32());
    if (id.value <= 0 || (!out.empty() && id <= out.back())) in.fail("servers that do not rise");
    out.push_back(id);
  }
  return out;
}

void write(Writer& out, const Lives& lives) {
  out.u8(static_cast<std::uint8_t>(lives.size()));
  for (const auto& [id, life] : lives) {
    out.i32(id.value);
    write(out, life);
  }
}

Lives read_lives(Reader& in) {
  Lives out;
  for (int left = in.u8(); left > 0 && in.ok(); --left) {
    const ServerId id(in.i32());
    if (id.value <= 0 || (!out.empty() && id <= out.rbegin()->first)) in.fail("incarnations that do not rise");
    out.emplace_hint(out.end(), id, read_life(in));
  }
  return out;
}

void write(Writer& out, const Membership& m) {
  out.u8(membership_version);
  write(out, m.voters);
  write(out, m.learners);
  write(out, m.outgoing);
  write(out, m.lives);
  write(out, m.outgoing_lives);
}

Membership read_membership(Reader& in) {
  Membership out;
  if (in.u8() != membership_version) in.fail("a membership of another version");
  out.voters = read_servers(in);
  out.learners = read_servers(in);
  out.outgoing = read_servers(in);
  out.lives = read_lives(in);
  out.outgoing_lives = read_lives(in);
  if (in.ok() && out.voters.empty()) in.fail("a membership without voters");
  return out;
}

void write(Writer& out, const Span& span) {
  out.i64(span.base.value);
  out.i64(span.end.value);
  out.i32(span.term.value);
  out.boolean(span.membership.has_value());
  if (span.membership) write(out, *span.membership);
}

Span read_span(Reader& in) {
  Span out;
  out.base = Offset(in.i64());
  out.end = Offset(in.i64());
  out.term = Term(in.i32());
  if (in.ok() && (out.base.value < 0 || out.end <= out.base || out.term.value <= 0)) in.fail("a span that is none");
  const std::uint8_t has_membership = in.u8();
  if (has_membership > 1) in.fail("a span that is none");
  if (has_membership == 1) out.membership = read_membership(in);
  return out;
}

bool known(ConsensusMessage::Kind kind) {
  return kind >= ConsensusMessage::Kind::pre_vote && kind <= ConsensusMessage::Kind::read_index_reply;
}

}  // namespace

BufferChain encode(const ConsensusMessage& m, BufferChain batches) {
  HOLDFAST_CHECK(m.spans.size() <= spans_max);
  Writer out(192);
  out.u8(static_cast<std::uint8_t>(m.kind));
  out.i32(m.from.value);
  out.i32(m.to.value);
  write(out, m.incarnation);
  write(out, m.answers);
  out.i32(m.term.value);
  out.u8(static_cast<std::uint8_t>((m.granted ? granted_flag : 0) | (m.transfer ? transfer_flag : 0) |
                                   (m.blank ? blank_flag : 0)));
  out.i64(m.log_end.value);
  out.i32(m.log_term.value);
  out.i64(m.from_offset.value);
  out.i64(m.match.value);
  out.i64(m.commit.value);
  out.i32(m.previous_term.value);
  out.i64(m.hint_end.value);
  out.i32(m.hint_term.value);
  out.u64(m.round);
  out.u64(m.token);
  out.u16(static_cast<std::uint16_t>(m.spans.size()));
  for (const Span& span : m.spans) write(out, span);
  BufferChain whole = out.take();
  whole.append(std::move(batches));
  return whole;
}

Result<ReceivedMessage> decode_message(const Bytes& payload) {
  Reader in(payload.view());
  ReceivedMessage received;
  ConsensusMessage& m = received.message;
  m.kind = static_cast<ConsensusMessage::Kind>(in.u8());
  if (!known(m.kind)) in.fail("a kind of message that is not known");
  m.from = ServerId(in.i32());
  m.to = ServerId(in.i32());
  m.incarnation = read_life(in);
  m.answers = read_life(in);
  m.term = Term(in.i32());
  const std::uint8_t flags = in.u8();
  if ((flags & ~(granted_flag | transfer_flag | blank_flag)) != 0) in.fail("flags that are not known");
  m.granted = (flags & granted_flag) != 0;
  m.transfer = (flags & transfer_flag) != 0;
  m.blank = (flags & blank_flag) != 0;
  m.log_end = Offset(in.i64());
  m.log_term = Term(in.i32());
  m.from_offset = Offset(in.i64());
  m.match = Offset(in.i64());
  m.commit = Offset(in.i64());
  m.previous_term = Term(in.i32());
  m.hint_end = Offset(in.i64());
  m.hint_term = Term(in.i32());
  m.round = in.u64();
  m.token = in.u64();
  if (in.ok() && (m.from.value <= 0 || m.to.value <= 0 || m.term.value < 0 || m.log_term.value < 0 ||
                  m.previous_term.value < 0 || m.hint_term.value < 0 || m.log_end.value < 0 ||
                  m.from_offset.value < 0 || m.match.value < 0 || m.commit.value < 0 || m.hint_end.value < 0))
    in.fail("a number below zero");
  const std::size_t count = in.u16();
  if (count > spans_max || (count > 0 && m.kind != ConsensusMessage::Kind::append)) in.fail("too many spans");
  Offset next = m.from_offset;
  for (std::size_t left = count; left > 0 && in.ok(); --left) {
    Span span = read_span(in);
    // Batches may leave offsets out between them, never go back; terms never fall.
    if (in.ok() && (span.base < next || span.term > m.term ||
                    span.term < (m.spans.empty() ? m.previous_term : m.spans.back().term)))
      in.fail("spans out of order");
    next = span.end;
    m.spans.push_back(std::move(span));
  }
  if (in.ok() && in.remaining() != 0 && m.spans.empty()) in.fail("bytes that belong to nothing");
  if (!in.ok()) return fail(ErrorKind::corrupt, std::string("a message of consensus: ") + in.error());
  received.batches = payload.slice(payload.size() - in.remaining(), in.remaining());
  return received;
}

Bytes encode(const Membership& membership) {
  Writer out(64);
  write(out, membership);
  return Bytes::copy(out.written());
}

Result<Membership> decode_membership(ByteView entry) {
  Reader in(entry);
  Membership out = read_membership(in);
  if (in.ok() && in.remaining() != 0) in.fail("bytes are left over");
  if (!in.ok()) return fail(ErrorKind::corrupt, std::string("a membership entry: ") + in.error());
  return out;
}

}  // namespace holdfast
