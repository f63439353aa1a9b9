#include "wire/kafka/legacy_batch.h"

#include <zlib.h>

#include "wire/kafka/compression.h"
#include "wire/reader.h"

namespace holdfast::wire {
namespace {

constexpr std::size_t overhead_bytes = 12;  // offset and size
constexpr std::int32_t size_min = 14;       // of a message of magic 0 with neither key nor value

std::unexpected<Error> malformed_message(const char* what) { return fail(ErrorKind::invalid_input, what); }

std::uint32_t crc32_of(ByteView bytes) {
  return static_cast<std::uint32_t>(::crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
}

std::optional<ByteView> nullable_bytes(Reader& in) {
  const std::int32_t length = in.i32();
  if (length == -1) return std::nullopt;
  if (length < -1) in.fail("negative length");
  return in.raw(static_cast<std::size_t>(length));
}

Result<std::vector<std::uint8_t>> unwrap(const LegacyMessage& wrapper, std::size_t bytes_max) {
  if (!wrapper.value) return malformed_message("compressed message has no content");
  if (wrapper.magic == 0 && wrapper.codec() == Codec::lz4) return decompress_magic0_lz4(*wrapper.value, bytes_max);
  return decompress(wrapper.codec(), *wrapper.value, bytes_max);
}

}  // namespace

Result<LegacyMessage> LegacyMessage::parse(ByteView run) {
  if (run.size() < overhead_bytes) return fail(ErrorKind::out_of_range, "message ends inside its header");
  Reader head(run);
  LegacyMessage m;
  m.offset = head.i64();
  const std::int32_t size = head.i32();
  if (size < size_min) return malformed_message("message is smaller than its header");
  m.size = overhead_bytes + static_cast<std::size_t>(size);
  if (run.size() < m.size) return fail(ErrorKind::out_of_range, "message is not complete");

  Reader in(run.subspan(overhead_bytes, static_cast<std::size_t>(size)));
  m.crc = in.u32();
  if (m.crc != crc32_of({in.position(), in.remaining()})) return fail(ErrorKind::corrupt, "message fails its CRC");
  m.magic = in.i8();
  if (m.magic != 0 && m.magic != 1) return fail(ErrorKind::unsupported, "message has another magic than 0 or 1");
  m.attributes = in.i8();
  if (m.magic == 1) m.timestamp = in.i64();
  m.key = nullable_bytes(in);
  m.value = nullable_bytes(in);
  if (!in.ok()) return malformed_message("message ends inside a field");
  if (in.remaining() != 0) return malformed_message("message has bytes after its value");
  return m;
}

Result<LegacyBatch> LegacyBatch::read(ByteView run, std::size_t content_bytes_max) {
  LegacyBatch batch;
  auto outer = LegacyMessage::parse(run);
  if (!outer) return fail(outer);
  batch.outer = *outer;
  if (batch.outer.codec() == Codec::none) {
    batch.messages.push_back(batch.outer);
    return batch;
  }

  auto content = unwrap(batch.outer, content_bytes_max);
  if (!content) return fail(content);
  batch.content = std::move(*content);
  for (ByteView rest(batch.content); !rest.empty(); rest = rest.subspan(batch.messages.back().size)) {
    auto inner = LegacyMessage::parse(rest);
    if (!inner) return malformed_message("compressed message holds a malformed one");
    if (inner->magic != batch.outer.magic) return malformed_message("compressed message holds one of another magic");
    if (inner->codec() != Codec::none) return malformed_message("compressed message holds a compressed one");
    if (batch.outer.log_append_time()) inner->timestamp = batch.outer.timestamp;
    batch.messages.push_back(*inner);
  }
  if (batch.messages.empty()) return malformed_message("compressed message is empty");
  if (batch.outer.magic == 1) {
    std::int64_t base = 0;
    if (__builtin_sub_overflow(batch.outer.offset, batch.messages.back().offset, &base))
      return malformed_message("compressed message has impossible offsets");
    for (LegacyMessage& m : batch.messages) {
      if (__builtin_add_overflow(base, m.offset, &m.offset))
        return malformed_message("compressed message has impossible offsets");
    }
  }
  return batch;
}

}  // namespace holdfast::wire
