#include "broker/partition.h"

#include <algorithm>

#include "broker/record_validation.h"
#include "runtime/log_line.h"

namespace holdfast {

using wire::ErrorCode;

Partition::Partition(Shard& shard, Log& log, std::string topic, std::int32_t index, std::int32_t node_id)
    : shard_(shard), log_(log), topic_(std::move(topic)), index_(index), node_id_(node_id) {
  log_.set_listener(this);
  // One replica: what the log holds durably is replicated. After a crash that is all of it.
  high_watermark_ = log_.durable_end();
}

Partition::~Partition() {
  log_.set_listener(nullptr);
  release_all(replicated_waiters_, ErrorCode::unknown_topic_or_partition);
  release_all(written_waiters_, ErrorCode::unknown_topic_or_partition);
  notify_readers();
}

void Partition::configure(const TopicSettings& settings) {
  settings_ = settings;
  LogConfig config = log_.config();
  config.segment_bytes = settings.segment_bytes;
  config.segment_ms = settings.segment_ms;
  config.segment_jitter_ms = settings.segment_jitter_ms;
  config.segment_index_bytes = settings.segment_index_bytes;
  config.index_interval_bytes = settings.index_interval_bytes;
  config.retention_ms = settings.retention_ms;
  config.retention_bytes = settings.retention_bytes;
  config.file_delete_delay_ms = settings.file_delete_delay_ms;
  config.flush_messages = settings.flush_messages;
  config.flush_ms = settings.flush_ms;
  config.cleanup_delete = settings.cleanup_delete;
  config.cleanup_compact = settings.cleanup_compact;
  log_.set_config(config);
}

void Partition::become(const PartitionImage& state) {
  const bool leads = state.leader == node_id_;
  isr_size_ = state.isr.size();
  replica_count_ = state.replicas.size();
  if (leads == leader_ && state.leader_epoch == epoch_) return;
  if (leads && state.leader_epoch > epoch_) log_.assign_epoch(state.leader_epoch, log_.end_offset());
  if (leader_ && (!leads || state.leader_epoch != epoch_)) {
    release_all(replicated_waiters_, ErrorCode::not_leader_or_follower);
    release_all(written_waiters_, ErrorCode::not_leader_or_follower);
  }
  leader_ = leads;
  epoch_ = state.leader_epoch;
  notify_readers();
}

bool Partition::is_under_min_isr() const {
  // More than there are replicas cannot be asked for (Kafka's effective min ISR).
  const auto asked = static_cast<std::size_t>(std::max<std::int64_t>(settings_.min_insync_replicas, 1));
  return leader_ && isr_size_ < std::min(asked, replica_count_);
}

Offset Partition::last_stable_offset() const {
  const auto unstable = log_.producers().first_unstable();
  return unstable ? std::min(*unstable, high_watermark_) : high_watermark_;
}

ErrorCode Partition::check_leader(std::int32_t stated_epoch) const {
  if (failed_) return ErrorCode::kafka_storage_error;
  if (stated_epoch != -1 && stated_epoch < epoch_.value) return ErrorCode::fenced_leader_epoch;
  if (stated_epoch != -1 && stated_epoch > epoch_.value) return ErrorCode::unknown_leader_epoch;
  return leader_ ? ErrorCode::none : ErrorCode::not_leader_or_follower;
}

AppendOutcome Partition::append(std::span<std::uint8_t> records, AppendOrigin origin, std::int16_t acks) {
  AppendOutcome out;
  out.log_start = log_.start_offset();
  if (const ErrorCode not_led = check_leader(-1); not_led != ErrorCode::none) {
    out.error = not_led;
    return out;
  }
  if (acks == -1 && is_under_min_isr()) {
    out.error = ErrorCode::not_enough_replicas;
    return out;
  }
  BatchCheck check = check_client_batch(records, settings_, origin, shard_.clock().wall_ms());
  if (check.error != ErrorCode::none) {
    out.error = check.error;
    out.message = std::move(check.message);
    out.refused_unread = check.refused_unread;
    out.message_is_for_client = check.message_is_for_client;
    out.record_errors = std::move(check.record_errors);
    return out;
  }
  wire::BatchHeader& header = check.header;
  const std::span<std::uint8_t> batch =
      check.rewritten.empty() ? records.first(header.size()) : std::span<std::uint8_t>(check.rewritten);

  // The coordinator's own batches may carry a transaction's producer id, without sequences.
  const ProducerState::Check verdict =
      origin == AppendOrigin::coordinator ? ProducerState::Check{} : log_.producers().check(header);
  switch (verdict.verdict) {
    case ProducerVerdict::accept:
      break;
    case ProducerVerdict::duplicate:
      // The original's offset and time; nothing is written (KIP-98).
      out.base = verdict.duplicate_of.base_offset();
      out.end = verdict.duplicate_of.last_offset + 1;
      out.log_append_time = verdict.duplicate_of.timestamp;
      return out;
    case ProducerVerdict::out_of_order_sequence:
      out.error = ErrorCode::out_of_order_sequence_number;
      return out;
    case ProducerVerdict::invalid_epoch:
      out.error = ErrorCode::invalid_producer_epoch;
      return out;
    case ProducerVerdict::invalid_txn_state:
      out.error = ErrorCode::invalid_txn_state;
      return out;
  }

  out.base = log_.end_offset();
  out.end = out.base + (std::int64_t{header.last_offset_delta} + 1);
  out.log_append_time = check.log_append_time;
  wire::set_base_offset(batch, out.base.value);
  wire::set_leader_epoch(batch, epoch_.value);
  header.base_offset = out.base.value;
  header.leader_epoch = epoch_.value;
  out.records = header.record_count;
  auto appended = log_.append(batch, header, settings_.write_caching ? Need::written : Need::durable);
  if (!appended) {
    out.base = Offset(-1);
    out.records = 0;
    out.error = ErrorCode::kafka_storage_error;
    out.message = std::move(appended.error().message);
  }
  return out;
}

void Partition::wait(Waiters& list, EndWaiter& waiter) {
  // Appends come in offset order, so the list is sorted unless a duplicate waits for an earlier batch.
  auto at = list.end();
  while (at != list.begin() && std::prev(at)->end > waiter.end) --at;
  list.insert(at, waiter);
}

void Partition::release(Waiters& list, Offset end) {
  while (!list.empty() && list.front().end <= end) {
    EndWaiter& waiter = list.front();
    list.pop_front();
    waiter.done(ErrorCode::none);
  }
}

void Partition::release_all(Waiters& list, ErrorCode error) {
  while (!list.empty()) {
    EndWaiter& waiter = list.front();
    list.pop_front();
    waiter.done(error);
  }
}

void Partition::advance_high_watermark(Offset to) {
  if (to <= high_watermark_) return;
  high_watermark_ = to;
  log_.set_high_watermark(to);
  release(replicated_waiters_, to);
  notify_readers();
}

void Partition::notify_readers() {
  // A watcher may leave while it is told: it is linked again behind a marker first.
  Watches told;
  told.swap(watches_);
  while (!told.empty()) {
    ReadableWatch& watch = told.front();
    told.pop_front();
    watches_.push_back(watch);
    watch.changed();
  }
}

void Partition::on_written(Offset end) {
  release(written_waiters_, end);
  if (settings_.write_caching) advance_high_watermark(end);
}

void Partition::on_durable(Offset end) {
  release(written_waiters_, end);
  advance_high_watermark(end);
}

void Partition::on_failed(const Error&) {
  failed_ = true;
  release_all(replicated_waiters_, ErrorCode::kafka_storage_error);
  release_all(written_waiters_, ErrorCode::kafka_storage_error);
  notify_readers();
}

}  // namespace holdfast
