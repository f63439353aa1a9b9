#include "log/dump_batches.h"

#include <fmt/format.h>

#include <algorithm>

#include "wire/kafka/compression.h"
#include "wire/kafka/legacy_batch.h"
#include "wire/reader.h"

namespace holdfast {
namespace {

constexpr std::size_t window_bytes = 1 << 20;
constexpr std::size_t content_bytes_max = 1 << 30;  // of a batch, decompressed
constexpr std::uint64_t magic_ends_at = 17;         // the least that tells how to read the rest
constexpr std::int32_t legacy_length_min = 14;      // of any message: magic 0, with neither key nor value

// What a damaged batch says may be anything: sums wrap, as they do in Java.
std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

wire::BatchHeader legacy_header(ByteView message) {
  wire::Reader in(message);
  wire::BatchHeader h;
  h.base_offset = in.i64();
  h.length = in.i32();
  h.crc = in.u32();
  h.magic = in.i8();
  h.attributes = in.i8();
  h.base_timestamp = h.max_timestamp = h.magic == 1 ? in.i64() : -1;
  return h;
}

Result<void> visit_legacy(const StoredBatch& batch, const RecordVisitor& visit) {
  auto read = wire::LegacyBatch::read(batch.bytes, content_bytes_max);
  if (!read) return fail(read);
  for (const wire::LegacyMessage& message : read->messages) {
    StoredRecord record;
    record.offset = message.offset;
    record.timestamp = message.timestamp;
    record.key = message.key;
    record.value = message.value;
    record.legacy_crc = message.crc;
    auto visited = visit(record);
    if (!visited) return visited;
  }
  return {};
}

}  // namespace

std::int32_t wrapped_sequence(std::int32_t base, std::int32_t increment) {
  const std::int64_t sum = std::int64_t{base} + increment;
  return static_cast<std::int32_t>(sum > INT32_MAX ? sum - INT32_MAX - 1 : sum);
}

Result<BatchFile> BatchFile::open(Disk& disk, const std::string& path, std::uint64_t bytes_max) {
  auto file = disk.open(path, {});
  if (!file) return fail(file);
  auto size = (*file)->size();
  if (!size) return fail(size);
  return BatchFile(path, std::move(*file), std::min(*size, bytes_max));
}

Result<ByteView> BatchFile::view(std::uint64_t position, std::uint64_t bytes) {
  if (position < buffer_at_ || position + bytes > buffer_at_ + buffer_.size()) {
    const std::uint64_t wanted = std::min(std::max<std::uint64_t>(bytes, window_bytes), end_ - position);
    buffer_.resize(static_cast<std::size_t>(wanted));
    buffer_at_ = position;
    auto got = file_->read_at(position, buffer_);
    if (!got) return fail(got);
    buffer_.resize(*got);
    if (*got < bytes) return fail(ErrorKind::io, path_ + " became shorter while it was read");
  }
  return ByteView(buffer_).subspan(static_cast<std::size_t>(position - buffer_at_), static_cast<std::size_t>(bytes));
}

Result<bool> BatchFile::zeros_from(std::uint64_t position) {
  while (position < end_) {
    const std::uint64_t bytes = std::min<std::uint64_t>(window_bytes, end_ - position);
    auto piece = view(position, bytes);
    if (!piece) return fail(piece);
    if (!std::ranges::all_of(*piece, [](std::uint8_t b) { return b == 0; })) return false;
    position += bytes;
  }
  return true;
}

Result<std::optional<StoredBatch>> BatchFile::read(std::uint64_t position) {
  if (position >= end_ || end_ - position <= magic_ends_at) return std::nullopt;
  auto head = view(position, magic_ends_at);
  if (!head) return fail(head);
  const std::int32_t length = wire::Reader(head->subspan(8)).i32();
  const auto magic = static_cast<std::int8_t>((*head)[wire::batch_magic_at]);
  if (length < legacy_length_min) {
    // A segment that is being written ends in zeros, here as in Kafka where files are allocated in advance.
    auto unwritten = zeros_from(position);
    if (!unwritten) return fail(unwritten);
    if (*unwritten) return std::nullopt;
    return fail(ErrorKind::corrupt,
                fmt::format("Found record size {} smaller than minimum record overhead ({}) in file {}.", length,
                            legacy_length_min, path_));
  }
  const std::uint64_t size = wire::batch_overhead_bytes + static_cast<std::uint64_t>(length);
  if (size > end_ - position) return std::nullopt;
  auto bytes = view(position, size);
  if (!bytes) return fail(bytes);
  StoredBatch batch;
  batch.bytes = *bytes;
  if (magic == 0 || magic == 1) {
    batch.header = legacy_header(*bytes);
    const auto message = wire::LegacyMessage::parse(*bytes);
    batch.valid = message || message.error().kind != ErrorKind::corrupt;
    return batch;
  }
  auto header = wire::BatchHeader::parse(*bytes);
  if (!header)
    return fail(ErrorKind::corrupt, fmt::format("{}: {}, at position {}", path_, header.error().message, position));
  batch.header = *header;
  batch.valid = wire::verify_crc(*bytes);
  return batch;
}

Result<void> visit_records(const StoredBatch& batch, const RecordVisitor& visit) {
  if (batch.legacy()) return visit_legacy(batch, visit);
  const wire::BatchHeader& header = batch.header;
  ByteView body = batch.bytes.subspan(wire::batch_header_bytes);
  std::vector<std::uint8_t> content;
  // A batch that compaction has emptied keeps its codec, but there is nothing to decompress.
  if (header.codec() != wire::Codec::none && header.record_count > 0) {
    auto decompressed = wire::decompress(header.codec(), body, content_bytes_max);
    if (!decompressed) return fail(decompressed);
    content = std::move(*decompressed);
    body = content;
  }
  wire::RecordReader records(body, header.record_count);
  wire::Record stored;
  while (records.next(stored)) {
    StoredRecord record;
    record.offset = wrapping_add(header.base_offset, stored.offset_delta);
    record.timestamp = wire::timestamp_of(header, stored);
    record.key = stored.key;
    record.value = stored.value;
    if (header.base_sequence >= 0) record.sequence = wrapped_sequence(header.base_sequence, stored.offset_delta);
    auto headers = wire::read_headers(stored);
    if (!headers) return fail(headers);
    record.headers = std::move(*headers);
    auto visited = visit(record);
    if (!visited) return visited;
  }
  if (records.error()) return fail(ErrorKind::corrupt, records.error());
  return {};
}

}  // namespace holdfast
