#include "log/producer_state.h"

#include <algorithm>

#include "log/format.h"
#include "wire/crc32c.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast {
namespace {
constexpr std::size_t refused_max = 1000;
constexpr std::int16_t snapshot_version = 1;
constexpr std::size_t snapshot_entry_bytes = 46;
}  // namespace

ProducerState::Check ProducerState::check(const wire::BatchHeader& h) const {
  if (!h.has_producer_id()) return {};
  const auto it = producers_.find(h.producer_id);
  if (it == producers_.end()) {
    // Its state may have expired: any sequence is accepted, but for what follows one that was refused just now.
    const auto refused = refused_.find(h.producer_id);
    const bool follows = refused != refused_.end() && refused->second.epoch == h.producer_epoch &&
                         refused->second.sequence < h.base_sequence;
    return {follows ? ProducerVerdict::out_of_order_sequence : ProducerVerdict::accept, {}};
  }
  const ProducerEntry& entry = it->second;
  if (h.producer_epoch < entry.epoch) return {ProducerVerdict::invalid_epoch, {}};
  std::int32_t expected = 0;  // of a new epoch, or of one that has written only markers so far
  if (h.producer_epoch == entry.epoch && !entry.batches.empty()) {
    for (const ProducerBatch& b : entry.batches)
      if (b.first_sequence == h.base_sequence && b.last_sequence == h.last_sequence())
        return {ProducerVerdict::duplicate, b};
    expected = wire::sequence_after(entry.batches.back().last_sequence, 1);
  }
  if (h.base_sequence != expected) return {ProducerVerdict::out_of_order_sequence, {}};
  if (!h.is_transactional() && entry.transaction_first_offset) return {ProducerVerdict::invalid_txn_state, {}};
  return {};
}

void ProducerState::refused(const wire::BatchHeader& h) {
  if (!h.has_producer_id() || h.base_sequence < 0 || producers_.contains(h.producer_id)) return;
  if (refused_.size() >= refused_max) refused_.clear();
  Refused& lowest = refused_[h.producer_id];
  if (lowest.epoch != h.producer_epoch || h.base_sequence < lowest.sequence)
    lowest = {h.producer_epoch, h.base_sequence};
}

void ProducerState::update(const wire::BatchHeader& h, ByteView batch) {
  if (!h.has_producer_id()) return;
  if (!refused_.empty()) refused_.erase(h.producer_id);
  ProducerEntry& entry = producers_[h.producer_id];
  entry.producer_id = h.producer_id;
  if (h.producer_epoch != entry.epoch) {
    entry.epoch = h.producer_epoch;
    entry.batches.clear();
  }
  entry.last_timestamp = h.max_timestamp;
  if (h.is_control()) {
    const auto type = wire::control_type(batch);
    if (type != wire::ControlType::abort && type != wire::ControlType::commit) return;
    if (const auto epoch = wire::marker_coordinator_epoch(batch)) entry.coordinator_epoch = *epoch;
    if (!entry.transaction_first_offset) return;
    const Offset first = *entry.transaction_first_offset;
    entry.transaction_first_offset.reset();
    open_transactions_.erase(first);
    if (type == wire::ControlType::abort)
      aborted_.push_back(
          {h.producer_id, first, Offset(h.last_offset()), first_unstable().value_or(Offset(h.last_offset() + 1))});
    return;
  }
  entry.batches.push_back(
      {h.base_sequence, h.last_sequence(), Offset(h.last_offset()), h.last_offset_delta, h.max_timestamp});
  if (entry.batches.size() > batches_kept) entry.batches.pop_front();
  if (h.is_transactional() && !entry.transaction_first_offset) {
    entry.transaction_first_offset = Offset(h.base_offset);
    open_transactions_.emplace(Offset(h.base_offset), h.producer_id);
  }
}

std::optional<Offset> ProducerState::first_unstable() const {
  if (open_transactions_.empty()) return std::nullopt;
  return open_transactions_.begin()->first;
}

std::vector<ProducerState::Aborted> ProducerState::take_aborted() { return std::exchange(aborted_, {}); }

void ProducerState::expire(std::int64_t now_ms, std::int64_t idle_max_ms) {
  // Timestamps are what clients say: the difference to one of them might overflow.
  std::erase_if(producers_, [last = now_ms - idle_max_ms](const auto& p) {
    return !p.second.transaction_first_offset && p.second.last_timestamp <= last;
  });
}

void ProducerState::truncate_fully() {
  producers_.clear();
  refused_.clear();
  open_transactions_.clear();
  aborted_.clear();
}

void ProducerState::recall_batches(const ProducerState& later) {
  for (auto& [id, entry] : producers_) {
    const auto it = later.producers_.find(id);
    if (it == later.producers_.end() || it->second.epoch != entry.epoch || entry.batches.empty()) continue;
    const auto& known = it->second.batches;
    for (auto b = known.rbegin(); b != known.rend() && entry.batches.size() < batches_kept; ++b)
      if (b->last_offset < entry.batches.front().last_offset) entry.batches.push_front(*b);
  }
}

std::vector<std::uint8_t> ProducerState::to_snapshot() const {
  std::vector<const ProducerEntry*> sorted;
  sorted.reserve(producers_.size());
  for (const auto& [_, entry] : producers_) sorted.push_back(&entry);
  std::ranges::sort(sorted, {}, &ProducerEntry::producer_id);
  std::size_t count = 0;
  for (const ProducerEntry* e : sorted) count += std::max<std::size_t>(1, e->batches.size());
  wire::Writer out(64 + count * snapshot_entry_bytes);
  out.i16(snapshot_version);
  out.u32(0);
  out.i32(static_cast<std::int32_t>(count));
  // There is one time for each producer, that of its last batch or marker.
  const auto put = [&out](const ProducerEntry& e, const ProducerBatch& batch, std::int64_t transaction) {
    out.i64(e.producer_id);
    out.i16(e.epoch);
    out.i32(batch.last_sequence);
    out.i64(batch.last_offset.value);
    out.i32(batch.offset_delta);
    out.i64(e.last_timestamp);
    out.i32(e.coordinator_epoch);
    out.i64(transaction);
  };
  for (const ProducerEntry* e : sorted) {
    for (std::size_t i = 0; i + 1 < e->batches.size(); ++i) put(*e, e->batches[i], -1);
    put(*e, e->batches.empty() ? ProducerBatch{} : e->batches.back(),
        e->transaction_first_offset ? e->transaction_first_offset->value : -1);
  }
  out.patch_i32(2, static_cast<std::int32_t>(wire::crc32c(out.written(log_format::snapshot_crc_covers_from))));
  return out.flatten();
}

Result<ProducerState> ProducerState::from_snapshot(ByteView file) {
  wire::Reader in(file);
  const std::int16_t version = in.i16();
  const std::uint32_t crc = in.u32();
  if (!in.ok() || version != snapshot_version)
    return fail(ErrorKind::unsupported, "producer snapshot of an unknown version");
  if (wire::crc32c(file.subspan(log_format::snapshot_crc_covers_from)) != crc)
    return fail(ErrorKind::corrupt, "producer snapshot fails its checksum");
  ProducerState out;
  for (std::int32_t left = in.bounded_count(in.i32(), snapshot_entry_bytes); left > 0; --left) {
    ProducerEntry e;
    ProducerBatch last;
    e.producer_id = in.i64();
    e.epoch = in.i16();
    last.last_sequence = in.i32();
    last.last_offset = Offset(in.i64());
    last.offset_delta = in.i32();
    e.last_timestamp = in.i64();
    e.coordinator_epoch = in.i32();
    const std::int64_t open = in.i64();
    last.timestamp = e.last_timestamp;
    if (e.producer_id < 0 || last.last_sequence < -1 || last.last_offset.value < -1 || last.offset_delta < 0 ||
        last.offset_delta > std::max<std::int64_t>(last.last_offset.value, 0))
      return fail(ErrorKind::corrupt, "producer snapshot has an impossible entry");
    if (last.last_offset.value >= 0) {
      // Its first sequence follows from its length.
      const std::int64_t first = std::int64_t{last.last_sequence} - last.offset_delta;
      last.first_sequence = static_cast<std::int32_t>(first >= 0 ? first : first + INT32_MAX + std::int64_t{1});
      e.batches.push_back(last);
    }
    if (open >= 0) e.transaction_first_offset = Offset(open);
    const auto [known, is_new] = out.producers_.try_emplace(e.producer_id);
    if (!is_new) {
      auto& before = known->second.batches;
      if (known->second.epoch != e.epoch || known->second.transaction_first_offset || e.batches.empty() ||
          before.empty() || before.size() >= batches_kept || before.back().last_offset >= last.base_offset())
        return fail(ErrorKind::corrupt, "producer snapshot contradicts itself");
      before.push_back(last);
      e.batches = std::move(before);
    }
    if (open >= 0 && !out.open_transactions_.emplace(Offset(open), e.producer_id).second)
      return fail(ErrorKind::corrupt, "producer snapshot contradicts itself");
    known->second = std::move(e);
  }
  if (!in.ok()) return fail(ErrorKind::corrupt, "producer snapshot has not as many entries as it says");
  return out;
}

}  // namespace holdfast
