#include "broker/partition.h"

#include <algorithm>

#include "broker/record_validation.h"
#include "broker/replication_quota.h"
#include "runtime/log_line.h"

namespace holdfast {

using wire::ErrorCode;

Partition::Partition(Shard& shard, Log& log, std::string topic, std::int32_t index, std::int32_t node_id,
                     PartitionHost& host, Duration lag_max)
    : shard_(shard),
      log_(&log),
      topic_(std::move(topic)),
      index_(index),
      node_id_(node_id),
      host_(host),
      lag_max_(lag_max),
      in_sync_(node_id, host) {
  log_->set_listener(this);
  failed_ = log_->is_failed();
  // What was known when it was last written down; the leader tells more, or finds out.
  high_watermark_ = std::clamp(log_->checkpointed_high_watermark(), log_->start_offset(), log_->end_offset());
}

Partition::~Partition() { close(); }

void Partition::close() {
  if (std::exchange(closed_, true)) return;
  log_->set_listener(nullptr);
  leader_ = false;
  leader_id_ = -1;
  give_up(ErrorCode::unknown_topic_or_partition);
}

void Partition::give_up(ErrorCode error) {
  release_all(replicated_waiters_, error);
  release_all(written_waiters_, error);
  notify_readers();
  tell(append_watches_);
}

void Partition::configure(const TopicSettings& settings) {
  settings_ = settings;
  in_sync_.set_rule({.min_isr = settings.min_insync_replicas, .durable = !settings.write_caching});
  throttled_leader_ = names_replica(settings.throttled_leaders, index_, node_id_);
  throttled_follower_ = names_replica(settings.throttled_followers, index_, node_id_);
  LogConfig config = log_->config();
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
  log_->set_config(config);
}

void Partition::become(const PartitionImage& state) {
  if (truncating_) {
    state_meanwhile_ = state;
    return;
  }
  const SteadyTime now = shard_.clock().now();
  const bool leads = state.leader == node_id_;
  leader_id_ = state.leader;
  if (leads == leader_ && state.leader_epoch == epoch_) {
    if (!leads) return;
    in_sync_.update(state, now);
    return consider();
  }
  const bool led = leader_;
  if (leads && state.leader_epoch > epoch_) log_->assign_epoch(state.leader_epoch, log_->end_offset());
  if (leads) leads_from_ = log_->end_offset();
  leader_ = leads;
  epoch_ = state.leader_epoch;
  if (leads) in_sync_.lead(state, log_->end_offset(), now);
  if (led) give_up(ErrorCode::not_leader_or_follower);
  notify_readers();
  consider();
}

void Partition::set_fenced(bool fenced) {
  if (std::exchange(fenced_, fenced) == fenced) return;
  if (fenced && leader_) give_up(ErrorCode::not_leader_or_follower);
  consider();
}

Offset Partition::readable_end(ReadTo to) const {
  switch (to) {
    case ReadTo::high_watermark:
      return high_watermark_;
    case ReadTo::last_stable:
      return last_stable_offset();
    case ReadTo::log_end:
      return log_->end_offset();
  }
  return high_watermark_;
}

Offset Partition::last_stable_offset() const {
  const auto unstable = log_->producers().first_unstable();
  return unstable ? std::min(*unstable, high_watermark_) : high_watermark_;
}

ErrorCode Partition::check_leader(std::int32_t stated_epoch) const {
  if (failed_) return ErrorCode::kafka_storage_error;
  if (stated_epoch != -1 && stated_epoch < epoch_.value) return ErrorCode::fenced_leader_epoch;
  if (stated_epoch != -1 && stated_epoch > epoch_.value) return ErrorCode::unknown_leader_epoch;
  return is_leader() ? ErrorCode::none : ErrorCode::not_leader_or_follower;
}

ErrorCode Partition::check_replica(std::int32_t stated_epoch) const {
  const ErrorCode error = check_leader(stated_epoch);
  return error == ErrorCode::not_leader_or_follower && !leader_ && leader_id_ >= 0 ? ErrorCode::none : error;
}

AppendOutcome Partition::append(std::span<std::uint8_t> records, AppendOrigin origin, std::int16_t acks) {
  AppendOutcome out = try_append(records, origin, acks);
  if (out.error == ErrorCode::none || origin == AppendOrigin::coordinator) return out;
  if (const auto header = wire::BatchHeader::parse(records)) log_->producers().refused(*header);
  return out;
}

AppendOutcome Partition::try_append(std::span<std::uint8_t> records, AppendOrigin origin, std::int16_t acks) {
  AppendOutcome out;
  out.log_start = log_->start_offset();
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
      origin == AppendOrigin::coordinator ? ProducerState::Check{} : log_->producers().check(header);
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
      // Who refuses everything need not know where the producer is by now: another may lead, and this one not hear of
      // it.
      out.error = log_->has_room() ? ErrorCode::out_of_order_sequence_number : ErrorCode::kafka_storage_error;
      return out;
    case ProducerVerdict::invalid_epoch:
      out.error = ErrorCode::invalid_producer_epoch;
      return out;
    case ProducerVerdict::invalid_txn_state:
      out.error = ErrorCode::invalid_txn_state;
      return out;
  }

  out.base = log_->end_offset();
  out.end = out.base + (std::int64_t{header.last_offset_delta} + 1);
  out.log_append_time = check.log_append_time;
  wire::set_base_offset(batch, out.base.value);
  wire::set_leader_epoch(batch, epoch_.value);
  header.base_offset = out.base.value;
  header.leader_epoch = epoch_.value;
  out.records = header.record_count;
  auto appended = log_->append(batch, header, settings_.write_caching ? Need::written : Need::durable);
  if (!appended) {
    out.base = Offset(-1);
    out.records = 0;
    out.error = ErrorCode::kafka_storage_error;
    out.message = std::move(appended.error().message);
    return out;
  }
  tell(append_watches_);
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
  log_->set_high_watermark(to);
  release(replicated_waiters_, to);
  notify_readers();
}

void Partition::tell(Watches& watches) {
  // A watcher may leave while it is told: it is linked again behind a marker first.
  Watches told;
  told.swap(watches);
  while (!told.empty()) {
    ReadableWatch& watch = told.front();
    told.pop_front();
    watches.push_back(watch);
    watch.changed();
  }
}

void Partition::notify_readers() { tell(watches_); }

void Partition::notify_start() {
  tell(watches_);
  tell(append_watches_);
}

void Partition::on_written(Offset end) {
  if (is_leader()) release(written_waiters_, end);
  if (settings_.write_caching) consider();
}

void Partition::on_durable(Offset end) {
  if (is_leader()) release(written_waiters_, end);
  if (leader_) return consider();
  host_.follower_durable(*this);
}

void Partition::on_failed(const Error&) {
  failed_ = true;
  give_up(ErrorCode::kafka_storage_error);
}

}  // namespace holdfast
