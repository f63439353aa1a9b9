// Partition: what it does as one of several replicas.
#include <fmt/format.h>

#include "broker/partition.h"
#include "runtime/log_line.h"

namespace holdfast {

using wire::ErrorCode;

// ---- Leading ----

bool Partition::replica_fetched(std::int32_t replica, std::int64_t broker_epoch, Offset start, Offset from) {
  if (!in_sync_.fetched(replica, broker_epoch, from, log_->end_offset(), shard_.clock().now())) return false;
  in_sync_.begins(replica, start);
  consider();
  return true;
}

void Partition::replica_durable(std::int32_t replica, std::int64_t broker_epoch, LeaderEpoch epoch, Offset end) {
  if (!leader_ || epoch != epoch_) return;
  in_sync_.durable(replica, broker_epoch, end, log_->end_offset(), shard_.clock().now());
  consider();
}

void Partition::isr_written(std::int32_t state_version, bool done) {
  if (!done && state_version == in_sync_.state_version()) in_sync_.settled();
}

void Partition::review() {
  if (leader_) consider();
}

void Partition::consider() {
  if (!is_leader() || failed_) return;
  consider_high_watermark();
  in_sync_.set_log_start(log_->start_offset());
  auto due = in_sync_.due(high_watermark_, log_->end_offset(), shard_.clock().now(), lag_max_);
  if (!due) return;
  in_sync_.propose(due->isr);
  host_.write_isr(*this, std::move(*due));
}

void Partition::consider_high_watermark() {
  // Nothing more is committed while fewer than were asked for would have it (KIP-966).
  if (is_under_min_isr()) return;
  const auto to = in_sync_.high_watermark(position(), shard_.clock().now(), lag_max_);
  if (to) advance_high_watermark(*to);
}

// ---- Following ----

Result<void> Partition::append_replicated(ByteView batches) {
  wire::BatchWalker walker(batches);
  wire::BatchHeader header;
  ByteView batch;
  bool appended = false;
  while (walker.next(header, batch)) {
    if (header.base_offset < log_->end_offset().value)
      return fail(ErrorKind::corrupt, fmt::format("the leader sent a batch at {}, and the log ends at {}",
                                                  header.base_offset, log_->end_offset().value));
    if (header.leader_epoch > epoch_.value)
      return fail(ErrorKind::corrupt,
                  fmt::format("the leader of epoch {} sent a batch of epoch {}", epoch_.value, header.leader_epoch));
    if (!wire::verify_crc(batch))
      return fail(ErrorKind::corrupt, fmt::format("the batch at {} is damaged", header.base_offset));
    auto done = log_->append(batch, header, settings_.write_caching ? Need::written : Need::durable);
    if (!done) return done;
    appended = true;
  }
  if (walker.error()) return std::unexpected(*walker.error());
  if (appended) tell(append_watches_);
  return {};
}

void Partition::learn_high_watermark(Offset leaders) {
  if (!leader_) advance_high_watermark(std::min(leaders, log_->end_offset()));
}

Task<Result<void>> Partition::truncate_to(Offset end) {
  if (end < high_watermark_)
    log_line(LogLevel::warn, "broker",
             "{}-{}: records {} to {} were committed once, and are dropped: the leader does not have them", topic_,
             index_, end.value, high_watermark_.value - 1);
  truncating_ = true;
  auto done = co_await log_->truncate_to(end);
  high_watermark_ = std::min(high_watermark_, log_->end_offset());
  truncated();
  co_return done;
}

Task<Result<void>> Partition::restart_at(Offset start) {
  truncating_ = true;
  auto done = co_await log_->truncate_fully(start);
  high_watermark_ = log_->end_offset();
  truncated();
  co_return done;
}

void Partition::truncated() {
  log_->set_high_watermark(high_watermark_);
  truncating_ = false;
  if (const auto state = std::exchange(state_meanwhile_, std::nullopt)) become(*state);
  for (auto& then : std::exchange(settled_, {})) then();
}

bool Partition::switch_log(Log& log) {
  if (truncating_ || closed_ || failed_) return false;
  log_ = &log;
  return true;
}

void Partition::when_settled(Function<void()> then) {
  if (!truncating_) return then();
  settled_.push_back(std::move(then));
}

}  // namespace holdfast
