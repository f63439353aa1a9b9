#include "client/produce_batch.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "wire/crc32c.h"
#include "wire/kafka/compression.h"

namespace holdfast::client {

using wire::batch_header_bytes;

namespace {

constexpr std::size_t producer_id_at = 43, producer_epoch_at = 51, base_sequence_at = 53;
constexpr std::size_t varint_bytes_max = 5, varlong_bytes_max = 10;

std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}

std::size_t varint_bytes(std::int64_t v) { return (static_cast<std::size_t>(std::bit_width(zigzag(v) | 1)) + 6) / 7; }

std::uint8_t* put_varint(std::uint8_t* at, std::int64_t v) {
  std::uint64_t bits = zigzag(v);
  for (; bits >= 0x80; bits >>= 7) *at++ = static_cast<std::uint8_t>(bits | 0x80);
  *at++ = static_cast<std::uint8_t>(bits);
  return at;
}

std::uint8_t* put_raw(std::uint8_t* at, ByteView bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

std::uint8_t* put_bytes(std::uint8_t* at, const std::optional<ByteView>& bytes) {
  if (!bytes) return put_varint(at, -1);
  return put_raw(put_varint(at, std::ssize(*bytes)), *bytes);
}

std::size_t bytes_size(const std::optional<ByteView>& bytes) {
  return bytes ? varint_bytes(std::ssize(*bytes)) + bytes->size() : 1;
}

std::optional<ByteView> view_of(const wire::RecordHeader& header) {
  if (!header.value) return std::nullopt;
  return ByteView(*header.value);
}

std::size_t headers_size(std::span<const wire::RecordHeader> headers) {
  std::size_t out = varint_bytes(std::ssize(headers));
  for (const auto& header : headers) out += bytes_size(as_bytes(header.key)) + bytes_size(view_of(header));
  return out;
}

template <class T>
void put_big_endian(std::uint8_t* at, T v) {
  for (std::size_t i = 0; i < sizeof v; ++i) at[i] = static_cast<std::uint8_t>(v >> (8 * (sizeof v - 1 - i)));
}

}  // namespace

ProduceBatch::ProduceBatch(std::size_t bytes, SteadyTime created)
    : block_(BlockRef::allocate(std::max(bytes, batch_header_bytes))), size_(batch_header_bytes), created_(created) {}

std::size_t ProduceBatch::bytes_of(std::optional<ByteView> key, std::optional<ByteView> value,
                                   std::span<const wire::RecordHeader> headers) {
  constexpr std::size_t attributes = 1;
  return 2 * varint_bytes_max + attributes + varlong_bytes_max + bytes_size(key) + bytes_size(value) +
         headers_size(headers);
}

void ProduceBatch::grow(std::size_t wanted) {
  BlockRef larger = BlockRef::allocate(std::max(wanted, block_->capacity() * 2));
  std::memcpy(larger->data(), block_->data(), size_);
  block_ = std::move(larger);
}

void ProduceBatch::append(std::int64_t timestamp, std::optional<ByteView> key, std::optional<ByteView> value,
                          std::span<const wire::RecordHeader> headers) {
  if (count_ == 0) base_timestamp_ = max_timestamp_ = timestamp;
  max_timestamp_ = std::max(max_timestamp_, timestamp);
  const std::int64_t delta = timestamp - base_timestamp_;
  constexpr std::size_t attributes = 1;
  const std::size_t size = attributes + varint_bytes(delta) + varint_bytes(count_) + bytes_size(key) +
                           bytes_size(value) + headers_size(headers);
  if (block_->capacity() - size_ < size + varint_bytes_max) grow(size_ + size + varint_bytes_max);
  std::uint8_t* at = block_->data() + size_;
  at = put_varint(at, static_cast<std::int64_t>(size));
  *at++ = 0;
  at = put_varint(at, delta);
  at = put_varint(at, count_);
  at = put_bytes(at, key);
  at = put_bytes(at, value);
  at = put_varint(at, std::ssize(headers));
  for (const auto& header : headers) {
    at = put_bytes(at, as_bytes(header.key));
    at = put_bytes(at, view_of(header));
  }
  size_ = static_cast<std::size_t>(at - block_->data());
  ++count_;
}

void ProduceBatch::finish(wire::Codec codec, int level) {
  codec_ = codec;
  level_ = level;
  finished_ = true;
  if (codec != wire::Codec::none) {
    const ByteView body(block_->data() + batch_header_bytes, size_ - batch_header_bytes);
    const auto packed = wire::compress(codec, level, body);
    BlockRef smaller = BlockRef::allocate(batch_header_bytes + packed.size());
    std::memcpy(smaller->data() + batch_header_bytes, packed.data(), packed.size());
    block_ = std::move(smaller);
    size_ = batch_header_bytes + packed.size();
  }
  wire::BatchHeader header;
  header.length = static_cast<std::int32_t>(size_ - wire::batch_overhead_bytes);
  header.attributes = static_cast<std::int16_t>(codec);
  header.last_offset_delta = count_ - 1;
  header.base_timestamp = base_timestamp_;
  header.max_timestamp = max_timestamp_;
  header.record_count = count_;
  wire::Writer out(batch_header_bytes);
  header.write(out);
  std::memcpy(block_->data(), out.written().data(), batch_header_bytes);
}

void ProduceBatch::copy_if_shared() {
  if (block_->unique()) return;
  BlockRef own = BlockRef::allocate(size_);
  std::memcpy(own->data(), block_->data(), size_);
  block_ = std::move(own);
}

void ProduceBatch::stamp(ProducerIdentity producer, std::int32_t base_sequence) {
  copy_if_shared();
  std::uint8_t* at = block_->data();
  put_big_endian(at + producer_id_at, static_cast<std::uint64_t>(producer.id));
  put_big_endian(at + producer_epoch_at, static_cast<std::uint16_t>(producer.epoch));
  put_big_endian(at + base_sequence_at, static_cast<std::uint32_t>(base_sequence));
  const ByteView covered(at + wire::batch_crc_covers_from, size_ - wire::batch_crc_covers_from);
  put_big_endian(at + wire::batch_crc_at, wire::crc32c(covered));
  base_sequence_ = base_sequence;
  stamped_ = true;
}

std::pair<std::unique_ptr<ProduceBatch>, std::unique_ptr<ProduceBatch>> ProduceBatch::split() {
  const ByteView body(block_->data() + batch_header_bytes, size_ - batch_header_bytes);
  const auto plain = wire::decompress(codec_, body, std::numeric_limits<std::int32_t>::max());
  HOLDFAST_CHECK(plain.has_value());  // we made it
  const std::int32_t in_first = count_ / 2;
  const auto make = [&] { return std::make_unique<ProduceBatch>(batch_header_bytes + plain->size() / 2, created_); };
  std::pair halves(make(), make());
  wire::RecordReader records(*plain, count_);
  wire::Record record;
  for (std::int32_t i = 0; records.next(record); ++i) {
    const auto headers = wire::read_headers(record);
    HOLDFAST_CHECK(headers.has_value());
    ProduceBatch& half = i < in_first ? *halves.first : *halves.second;
    half.append(base_timestamp_ + record.timestamp_delta, record.key, record.value, *headers);
    if (std::cmp_less(i, marks_.size())) half.marks_.push_back(marks_[static_cast<std::size_t>(i)]);
  }
  for (Waiter* waiter : waiters_) {
    const bool first = waiter->index < in_first;
    if (!first) waiter->index -= in_first;
    (first ? *halves.first : *halves.second).waiters_.push_back(waiter);
  }
  halves.first->place = place;
  halves.second->place = {place.serial, place.part + in_first};
  halves.first->accounted = accounted / 2;
  halves.second->accounted = accounted - accounted / 2;
  halves.first->finish(codec_, level_);
  halves.second->finish(codec_, level_);
  return halves;
}

}  // namespace holdfast::client
