#include "wire/kafka/record_batch.h"

#include <algorithm>
#include <cstring>

#include "wire/crc32c.h"
#include "wire/kafka/compression.h"

namespace holdfast::wire {
namespace {

constexpr std::size_t attributes_at = 21, max_timestamp_at = 35;
constexpr std::int16_t timestamp_type_bit = 8, transactional_bit = 16, control_bit = 32, delete_horizon_bit = 64;

template <class T>
void put(std::uint8_t* at, T v) {
  if constexpr (sizeof(T) == 8) {
    const auto big = __builtin_bswap64(static_cast<std::uint64_t>(v));
    std::memcpy(at, &big, 8);
  } else if constexpr (sizeof(T) == 4) {
    const auto big = __builtin_bswap32(static_cast<std::uint32_t>(v));
    std::memcpy(at, &big, 4);
  } else {
    const auto big = __builtin_bswap16(static_cast<std::uint16_t>(v));
    std::memcpy(at, &big, 2);
  }
}

std::uint32_t crc_of(ByteView batch) { return crc32c(batch.subspan(batch_crc_covers_from)); }

std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t wrapping_subtract(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

// Zigzag: as Writer::varint and varlong write it.
std::size_t varint_bytes(std::int64_t v) {
  auto zigzag = (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
  std::size_t n = 1;
  for (; zigzag >= 0x80; zigzag >>= 7) ++n;
  return n;
}

std::size_t bytes_size(const std::optional<ByteView>& bytes) {
  return bytes ? varint_bytes(std::ssize(*bytes)) + bytes->size() : 1;
}

void put_bytes(Writer& out, const std::optional<ByteView>& bytes) {
  if (!bytes) return out.varint(-1);
  out.varint(static_cast<std::int32_t>(bytes->size()));
  out.raw(*bytes);
}

std::optional<ByteView> view_of(const std::optional<std::vector<std::uint8_t>>& value) {
  if (!value) return std::nullopt;
  return ByteView(*value);
}

// The single record of a control batch.
bool control_record(ByteView batch, Record& out) {
  const auto header = BatchHeader::parse(batch);
  if (!header || !header->is_control() || batch.size() < header->size() || header->codec() != Codec::none) return false;
  RecordReader records(batch.subspan(batch_header_bytes, header->size() - batch_header_bytes), header->record_count);
  return records.next(out) && out.key && out.key->size() >= 4;
}

}  // namespace

Result<BatchHeader> BatchHeader::parse(ByteView bytes) {
  if (bytes.size() < batch_header_bytes)
    return fail(ErrorKind::invalid_input, "record batch is shorter than its header");
  Reader in(bytes.first(batch_header_bytes));
  BatchHeader h;
  h.base_offset = in.i64();
  h.length = in.i32();
  h.leader_epoch = in.i32();
  h.magic = in.i8();
  h.crc = in.u32();
  h.attributes = in.i16();
  h.last_offset_delta = in.i32();
  h.base_timestamp = in.i64();
  h.max_timestamp = in.i64();
  h.producer_id = in.i64();
  h.producer_epoch = in.i16();
  h.base_sequence = in.i32();
  h.record_count = in.i32();
  if (h.magic != 2) return fail(ErrorKind::unsupported, "record batch has magic " + std::to_string(h.magic));
  constexpr auto length_min = static_cast<std::int32_t>(batch_header_bytes - batch_overhead_bytes);
  if (h.length < length_min || h.length > INT32_MAX - static_cast<std::int32_t>(batch_overhead_bytes))
    return fail(ErrorKind::invalid_input, "record batch has an impossible length");
  std::int64_t last_offset = 0;  // nor may the one after it overflow
  if (__builtin_add_overflow(h.base_offset, std::int64_t{h.last_offset_delta}, &last_offset) ||
      last_offset == INT64_MAX)
    return fail(ErrorKind::invalid_input, "record batch has an impossible last offset");
  return h;
}

void BatchHeader::write(Writer& out) const {
  out.i64(base_offset);
  out.i32(length);
  out.i32(leader_epoch);
  out.i8(magic);
  out.u32(crc);
  out.i16(attributes);
  out.i32(last_offset_delta);
  out.i64(base_timestamp);
  out.i64(max_timestamp);
  out.i64(producer_id);
  out.i16(producer_epoch);
  out.i32(base_sequence);
  out.i32(record_count);
}

std::int32_t sequence_after(std::int32_t sequence, std::int32_t increment) {
  if (sequence > INT32_MAX - increment) return increment - (INT32_MAX - sequence) - 1;
  return sequence + increment;
}

std::int32_t BatchHeader::last_sequence() const {
  return base_sequence < 0 ? -1 : sequence_after(base_sequence, last_offset_delta);
}

bool verify_crc(ByteView batch) {
  if (batch.size() < batch_header_bytes) return false;
  Reader in(batch.subspan(batch_crc_at, 4));
  return in.u32() == crc_of(batch);
}

void set_base_offset(std::span<std::uint8_t> batch, std::int64_t offset) { put(batch.data(), offset); }
void set_leader_epoch(std::span<std::uint8_t> batch, std::int32_t epoch) { put(batch.data() + 12, epoch); }

void stamp_log_append_time(std::span<std::uint8_t> batch, std::int64_t now_ms) {
  Reader in(batch.subspan(attributes_at, 2));
  put(batch.data() + attributes_at, static_cast<std::int16_t>(in.i16() | timestamp_type_bit));
  put(batch.data() + max_timestamp_at, now_ms);
  put(batch.data() + batch_crc_at, crc_of(batch));
}

std::int64_t timestamp_of(const BatchHeader& header, const Record& record) {
  if (header.log_append_time()) return header.max_timestamp;
  return wrapping_add(header.base_timestamp, record.timestamp_delta);
}

void set_create_time(std::span<std::uint8_t> batch, std::int64_t max_timestamp) {
  Reader in(batch.subspan(attributes_at, 2));
  put(batch.data() + attributes_at, static_cast<std::int16_t>(in.i16() & ~timestamp_type_bit));
  put(batch.data() + max_timestamp_at, max_timestamp);
  put(batch.data() + batch_crc_at, crc_of(batch));
}

void set_length_and_attributes(std::span<std::uint8_t> batch, std::int32_t length, std::int16_t attributes) {
  put(batch.data() + 8, length);
  put(batch.data() + attributes_at, attributes);
  put(batch.data() + batch_crc_at, crc_of(batch));
}

bool RecordReader::next(Record& out) {
  if (error_) return false;
  if (left_ <= 0) {
    if (in_.remaining() != 0) return fail("bytes after the last record");
    return false;
  }
  --left_;
  const std::int32_t length = in_.varint();
  if (!in_.ok() || length < 0 || static_cast<std::size_t>(length) > in_.remaining())
    return fail("record length is out of bounds");
  Reader r(in_.raw(static_cast<std::size_t>(length)));
  out.attributes = r.i8();
  out.timestamp_delta = r.varlong();
  out.offset_delta = r.varint();
  const auto bytes = [&r]() -> std::optional<ByteView> {
    const std::int32_t n = r.varint();
    if (n < 0) return std::nullopt;
    return r.raw(static_cast<std::size_t>(n));
  };
  out.key = bytes();
  out.value = bytes();
  out.header_count = r.varint();
  if (!r.ok()) return fail("record ends inside a field");
  if (out.header_count < 0 || static_cast<std::size_t>(out.header_count) > r.remaining())
    return fail("record has an impossible number of headers");
  const std::uint8_t* headers = r.position();
  const std::size_t headers_bytes = r.remaining();
  for (std::int32_t i = 0; i < out.header_count; ++i) {
    const std::int32_t key = r.varint();
    if (key < 0) return fail("record header has no key");
    r.raw(static_cast<std::size_t>(key));
    const std::int32_t value = r.varint();
    if (value > 0) r.raw(static_cast<std::size_t>(value));
    if (!r.ok()) return fail("record header ends inside a field");
  }
  if (r.remaining() != 0) return fail("record has bytes after its headers");
  out.headers = {headers, headers_bytes};
  return true;
}

Result<std::vector<RecordHeader>> read_headers(const Record& record) {
  Reader r(record.headers);
  std::vector<RecordHeader> out;
  for (std::int32_t i = 0; i < record.header_count && r.ok(); ++i) {
    RecordHeader& h = out.emplace_back();
    h.key = as_text(r.raw(static_cast<std::size_t>(std::max(r.varint(), 0))));
    const std::int32_t n = r.varint();
    if (n < 0) continue;
    const ByteView value = r.raw(static_cast<std::size_t>(n));
    h.value.emplace(value.begin(), value.end());
  }
  if (!r.ok()) return fail(ErrorKind::invalid_input, r.error());
  return out;
}

bool BatchWalker::next(BatchHeader& header, ByteView& batch) {
  if (error_ || rest_.size() < batch_header_bytes) return false;
  auto parsed = BatchHeader::parse(rest_);
  if (!parsed) {
    error_ = std::move(parsed.error());
    return false;
  }
  if (rest_.size() < parsed->size()) return false;
  header = *parsed;
  batch = rest_.first(header.size());
  rest_ = rest_.subspan(header.size());
  return true;
}

std::optional<ControlType> control_type(ByteView batch) {
  Record record;
  if (!control_record(batch, record)) return std::nullopt;
  Reader key(*record.key);
  key.i16();  // version
  return static_cast<ControlType>(key.i16());
}

std::optional<std::int32_t> marker_coordinator_epoch(ByteView batch) {
  Record record;
  if (!control_record(batch, record) || !record.value || record.value->size() < 6) return std::nullopt;
  Reader value(*record.value);
  value.i16();  // version
  return value.i32();
}

std::vector<std::uint8_t> empty_batch(BatchHeader header) {
  header.length = static_cast<std::int32_t>(batch_header_bytes - batch_overhead_bytes);
  header.record_count = 0;
  Writer out(batch_header_bytes);
  header.write(out);
  std::vector<std::uint8_t> batch = out.flatten();
  put(batch.data() + batch_crc_at, crc_of(batch));
  return batch;
}

void BatchBuilder::append(std::int64_t timestamp, std::optional<ByteView> key, std::optional<ByteView> value,
                          std::span<const RecordHeader> headers) {
  append_at(options_.base_offset + last_offset_delta_ + 1, timestamp, key, value, headers);
}

void BatchBuilder::append_at(std::int64_t offset, std::int64_t timestamp, std::optional<ByteView> key,
                             std::optional<ByteView> value, std::span<const RecordHeader> headers) {
  const std::int64_t offset_delta = offset - options_.base_offset;
  HOLDFAST_CHECK(offset_delta > last_offset_delta_);
  HOLDFAST_CHECK(offset_delta <= INT32_MAX);
  if (count_ == 0) base_timestamp_ = options_.delete_horizon.value_or(timestamp);
  max_timestamp_ = std::max(max_timestamp_, timestamp);
  last_offset_delta_ = static_cast<std::int32_t>(offset_delta);
  ++count_;

  const std::int64_t timestamp_delta = wrapping_subtract(timestamp, base_timestamp_);
  std::size_t size = 1 + varint_bytes(timestamp_delta) + varint_bytes(offset_delta) + bytes_size(key) +
                     bytes_size(value) + varint_bytes(std::ssize(headers));
  for (const RecordHeader& h : headers) size += bytes_size(as_bytes(h.key)) + bytes_size(view_of(h.value));
  body_.varint(static_cast<std::int32_t>(size));
  body_.i8(0);
  body_.varlong(timestamp_delta);
  body_.varint(last_offset_delta_);
  put_bytes(body_, key);
  put_bytes(body_, value);
  body_.varint(static_cast<std::int32_t>(headers.size()));
  for (const RecordHeader& h : headers) {
    put_bytes(body_, as_bytes(h.key));
    put_bytes(body_, view_of(h.value));
  }
}

void BatchBuilder::extend_to(std::int64_t last_offset) {
  const std::int64_t delta = last_offset - options_.base_offset;
  HOLDFAST_CHECK(delta >= last_offset_delta_);
  HOLDFAST_CHECK(delta <= INT32_MAX);
  last_offset_delta_ = static_cast<std::int32_t>(delta);
}

std::vector<std::uint8_t> BatchBuilder::finish() {
  std::vector<std::uint8_t> body = body_.flatten();
  if (options_.codec != Codec::none) body = compress(options_.codec, options_.level, body);
  BatchHeader h;
  h.base_offset = options_.base_offset;
  h.length = static_cast<std::int32_t>(batch_header_bytes - batch_overhead_bytes + body.size());
  h.leader_epoch = options_.leader_epoch;
  h.attributes = static_cast<std::int16_t>(options_.codec);
  if (options_.log_append_time) h.attributes |= timestamp_type_bit;
  if (options_.transactional) h.attributes |= transactional_bit;
  if (options_.control) h.attributes |= control_bit;
  if (options_.delete_horizon) h.attributes |= delete_horizon_bit;
  h.last_offset_delta = last_offset_delta_;
  h.base_timestamp = base_timestamp_;
  h.max_timestamp = options_.log_append_time.value_or(max_timestamp_);
  h.producer_id = options_.producer_id;
  h.producer_epoch = options_.producer_epoch;
  h.base_sequence = options_.base_sequence;
  h.record_count = count_;
  Writer out(batch_header_bytes + body.size());
  h.write(out);
  out.raw(ByteView(body));
  std::vector<std::uint8_t> batch = out.flatten();
  put(batch.data() + batch_crc_at, crc_of(batch));
  return batch;
}

}  // namespace holdfast::wire
