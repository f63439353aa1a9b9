#include "client/record_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "wire/kafka/compression.h"
#include "wire/kafka/legacy_batch.h"
#include "wire/reader.h"

namespace holdfast::client {
namespace {

constexpr std::size_t legacy_fields_bytes = wire::batch_overhead_bytes;  // offset and size
constexpr std::size_t last_offset_delta_at = 23, leader_epoch_at = 12;
constexpr std::int8_t current_magic = 2;

std::size_t size_of_batch(ByteView run) {
  wire::Reader in(run.subspan(8));
  const std::int32_t length = in.i32();
  return length < 0 ? SIZE_MAX : wire::batch_overhead_bytes + static_cast<std::size_t>(length);
}

std::int8_t magic_of(ByteView run) { return static_cast<std::int8_t>(run[wire::batch_magic_at]); }

}  // namespace

Result<std::vector<HeaderView>> RecordView::headers() const {
  wire::Reader in(encoded_headers);
  std::vector<HeaderView> views;
  for (std::int32_t i = 0; i < header_count && in.ok(); ++i) {
    const std::int32_t key_bytes = in.varint();
    if (key_bytes < 0) return fail(ErrorKind::corrupt, "a record's header has no key");
    HeaderView view;
    view.key = as_text(in.raw(static_cast<std::size_t>(key_bytes)));
    const std::int32_t value_bytes = in.varint();
    if (value_bytes >= 0) view.value = in.raw(static_cast<std::size_t>(value_bytes));
    views.push_back(view);
  }
  if (!in.ok()) return fail(ErrorKind::corrupt, "a record's headers are malformed");
  return views;
}

FetchedRecords::FetchedRecords(Bytes frame, ByteView run, std::vector<AbortedTransaction> aborted,
                               std::int64_t from_offset, Options options)
    : frame_(std::move(frame)),
      rest_(run),
      run_bytes_(run.size()),
      options_(options),
      aborted_(std::move(aborted)),
      next_offset_(from_offset) {
  std::sort(aborted_.begin(), aborted_.end(),
            [](const auto& a, const auto& b) { return a.first_offset > b.first_offset; });
  find_end();
}

// Cuts a partial batch off the end, and tells where the last whole one reaches.
void FetchedRecords::find_end() {
  std::size_t at = 0;
  while (rest_.size() - at > wire::batch_magic_at) {
    const ByteView run = rest_.subspan(at);
    const std::size_t size = size_of_batch(run);
    if (size > run.size() || size <= wire::batch_magic_at) break;
    std::int64_t last = wire::Reader(run).i64();
    std::int32_t epoch = -1;
    if (magic_of(run) == current_magic) {
      if (size < wire::batch_header_bytes) break;
      last += wire::Reader(run.subspan(last_offset_delta_at)).i32();
      epoch = wire::Reader(run.subspan(leader_epoch_at)).i32();
    }
    end_offset_ = std::max(end_offset_, last + 1);
    end_epoch_ = epoch;
    at += size;
  }
  rest_ = rest_.first(at);
}

Result<void> FetchedRecords::read(std::size_t count_max, ConsumedRecords& out) {
  const std::size_t until = out.records.size() + count_max;
  if (body_) out.decompressed.push_back(body_);
  while (out.records.size() < until) {
    if (!reader_) {
      if (rest_.empty()) break;
      auto opened = magic_of(rest_) == current_magic ? open_batch(out) : open_legacy(out);
      if (!opened) return opened;
      continue;
    }
    wire::Record record;
    bool more = true;
    while (out.records.size() < until && (more = reader_->next(record))) {
      const std::int64_t offset = header_.base_offset + record.offset_delta;
      if (offset < next_offset_) continue;
      out.records.push_back({.offset = offset,
                             .timestamp = wire::timestamp_of(header_, record),
                             .key = record.key,
                             .value = record.value,
                             .encoded_headers = record.headers,
                             .header_count = record.header_count,
                             .leader_epoch = header_.leader_epoch,
                             .log_append_time = header_.log_append_time()});
      next_offset_ = offset + 1;
    }
    if (more) break;
    if (reader_->error())
      return fail(ErrorKind::corrupt, fmt::format("the batch at offset {}: {}", header_.base_offset, reader_->error()));
    // A batch may reach beyond its last record: compaction took those behind it.
    next_offset_ = std::max(next_offset_, header_.last_offset() + 1);
    reader_.reset();
    body_.reset();
  }
  if (!out.records.empty()) out.frame = frame_;
  return {};
}

Result<void> FetchedRecords::open_batch(ConsumedRecords& out) {
  const ByteView batch = rest_.first(size_of_batch(rest_));
  auto header = wire::BatchHeader::parse(batch);
  if (!header) return fail(header);
  if (options_.check_crcs && !wire::verify_crc(batch))
    return fail(ErrorKind::corrupt, fmt::format("the batch at offset {} has a wrong checksum", header->base_offset));
  const bool wanted = header->last_offset() >= next_offset_;
  if (is_aborted(*header, batch) || header->is_control() || !wanted) {
    header_ = *header;
    rest_ = rest_.subspan(batch.size());
    next_offset_ = std::max(next_offset_, header_.last_offset() + 1);
    return {};
  }
  ByteView body = batch.subspan(wire::batch_header_bytes);
  if (header->codec_bits() != 0) {
    auto content = wire::decompress(header->codec(), body, options_.batch_bytes_max);
    if (!content)
      return fail(ErrorKind::corrupt, fmt::format("the batch at offset {} cannot be decompressed: {}",
                                                  header->base_offset, content.error().message));
    body_ = std::make_shared<const std::vector<std::uint8_t>>(std::move(*content));
    body = *body_;
  }
  header_ = *header;
  rest_ = rest_.subspan(batch.size());
  if (body_) out.decompressed.push_back(body_);
  reader_.emplace(body, header_.record_count);
  return {};
}

Result<void> FetchedRecords::open_legacy(ConsumedRecords& out) {
  auto batch = wire::LegacyBatch::read(rest_, options_.batch_bytes_max);
  if (!batch) return fail(ErrorKind::corrupt, batch.error().message);
  header_ = {};
  const std::size_t size = batch->outer.size;
  const bool stamped = batch->outer.log_append_time();
  if (!batch->content.empty()) {
    // The messages' views stay valid: the vector's memory moves along.
    out.decompressed.push_back(std::make_shared<const std::vector<std::uint8_t>>(std::move(batch->content)));
  }
  for (const wire::LegacyMessage& message : batch->messages) {
    if (message.offset < next_offset_) continue;
    RecordView view;
    view.offset = message.offset;
    view.timestamp = stamped ? batch->outer.timestamp : message.timestamp;
    view.key = message.key;
    view.value = message.value;
    view.log_append_time = stamped;
    out.records.push_back(view);
    next_offset_ = message.offset + 1;
  }
  next_offset_ = std::max(next_offset_, batch->outer.offset + 1);
  rest_ = rest_.subspan(std::min(std::max(size, legacy_fields_bytes), rest_.size()));
  return {};
}

// The broker names where aborted transactions begin; their markers say where they end.
bool FetchedRecords::is_aborted(const wire::BatchHeader& header, ByteView batch) {
  if (!options_.read_committed || !header.has_producer_id()) return false;
  while (!aborted_.empty() && aborted_.back().first_offset <= header.last_offset()) {
    aborting_.push_back(aborted_.back().producer_id);
    aborted_.pop_back();
  }
  if (header.is_control()) {
    if (wire::control_type(batch) == wire::ControlType::abort) std::erase(aborting_, header.producer_id);
    return false;
  }
  return header.is_transactional() &&
         std::find(aborting_.begin(), aborting_.end(), header.producer_id) != aborting_.end();
}

}  // namespace holdfast::client
