#include "coordination/quorum_entry.h"

#include <fmt/format.h>

#include "coordination/quorum_messages.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast {
namespace {

constexpr std::uint8_t entry_version = 1;
constexpr std::int16_t control_key_version = 0, control_type = 100;
constexpr std::uint8_t leadership_flag = 1, epoch_flag = 2, membership_flag = 4;
constexpr std::uint8_t known_flags = leadership_flag | epoch_flag | membership_flag;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorKind::corrupt, fmt::format("the coordination log holds {}", what));
}

}  // namespace

std::array<std::uint8_t, Origin::bytes> Origin::encode() const {
  std::array<std::uint8_t, bytes> out;
  std::size_t at = 0;
  const auto put = [&](std::uint64_t value, int octets) {
    while (octets-- > 0) out[at++] = static_cast<std::uint8_t>(value >> (8 * octets));
  };
  put(entry_version, 1);
  put(static_cast<std::uint32_t>(server.value), 4);
  put(life, 8);
  put(number, 8);
  return out;
}

Result<Origin> Origin::decode(ByteView key) {
  wire::Reader in(key);
  if (in.u8() != entry_version) return malformed("a transaction of an unknown origin");
  Origin out;
  out.server = ServerId(in.i32());
  out.life = in.u64();
  out.number = in.u64();
  if (!in.ok() || in.remaining() != 0) return malformed("a transaction of an unknown origin");
  return out;
}

Bytes ControlEntry::encode() const {
  wire::Writer out(64);
  out.u8(entry_version);
  out.u8(static_cast<std::uint8_t>((leadership ? leadership_flag : 0) | (new_epoch ? epoch_flag : 0) |
                                   (membership ? membership_flag : 0)));
  out.raw(ensemble);
  if (membership) out.raw(holdfast::encode(*membership).view());
  return Bytes::copy(ByteView(out.flatten()));
}

Result<ControlEntry> ControlEntry::decode(ByteView value) {
  constexpr std::size_t fixed = 2 + sizeof(Uuid);
  if (value.size() < fixed || value[0] != entry_version) return malformed("a control entry of another version");
  const std::uint8_t flags = value[1];
  if ((flags & ~known_flags) != 0) return malformed("a control entry that says more than this server understands");
  ControlEntry out;
  out.leadership = (flags & leadership_flag) != 0;
  out.new_epoch = (flags & epoch_flag) != 0;
  std::copy_n(value.begin() + 2, out.ensemble.size(), out.ensemble.begin());
  if ((flags & membership_flag) == 0) {
    if (value.size() != fixed) return malformed("a control entry of a wrong length");
    return out;
  }
  auto membership = decode_membership(value.subspan(fixed));
  if (!membership) return fail(membership);
  out.membership = std::move(*membership);
  return out;
}

std::vector<std::uint8_t> make_control_batch(const ControlEntry& entry, Offset base, Term term, std::int64_t now_ms) {
  wire::BatchBuilder::Options options;
  options.base_offset = base.value;
  options.leader_epoch = term.value;
  options.control = true;
  wire::BatchBuilder builder(options);
  wire::Writer key(8);
  key.i16(control_key_version);
  key.i16(control_type);
  key.i32(term.value);
  const std::vector<std::uint8_t> key_bytes = key.flatten();
  builder.append(now_ms, ByteView(key_bytes), entry.encode().view());
  return builder.finish();
}

Result<ControlEntry> control_entry_of(const wire::BatchHeader& header, ByteView batch) {
  wire::RecordReader records(batch.subspan(wire::batch_header_bytes), header.record_count);
  wire::Record record;
  if (header.record_count != 1 || header.codec_bits() != 0 || !records.next(record) || !record.key || !record.value)
    return malformed("a control batch without its one record");
  wire::Reader key(*record.key);
  if (key.i16() != control_key_version || key.i16() != control_type || !key.ok())
    return malformed("a control entry of an unknown type");
  if (key.remaining() > 0 && (key.i32() != header.leader_epoch || !key.ok()))
    return malformed(fmt::format("a control entry at {} of another term than its batch", header.base_offset));
  return ControlEntry::decode(*record.value);
}

Result<Span> span_of(const wire::BatchHeader& header, ByteView batch) {
  if (header.magic != 2 || header.codec_bits() != 0 || header.base_offset < 0 || header.record_count < 1 ||
      header.last_offset_delta != header.record_count - 1 || header.leader_epoch < 1)
    return malformed(fmt::format("a batch at {} that no leader wrote", header.base_offset));
  Span out{.base = Offset(header.base_offset),
           .end = Offset(header.last_offset() + 1),
           .term = Term(header.leader_epoch),
           .membership = std::nullopt};
  if (!header.is_control()) return out;
  auto entry = control_entry_of(header, batch);
  if (!entry) return fail(entry);
  out.membership = std::move(entry->membership);
  return out;
}

}  // namespace holdfast
