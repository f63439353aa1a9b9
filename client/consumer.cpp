#include "client/consumer.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/consumer_pattern.h"

namespace holdfast::client {
namespace {

using wire::ErrorCode;

FetchOptions fetch_options(const ConsumerOptions& options) {
  FetchOptions fetch = options.fetch;
  fetch.reset.reset();
  if (options.reset == OffsetReset::earliest) fetch.reset = OffsetSpec::earliest();
  if (options.reset == OffsetReset::latest) fetch.reset = OffsetSpec::latest();
  return fetch;
}

std::unexpected<Failure> not_assigned(const TopicPartition& partition) {
  return failed(ErrorCode::unknown_topic_or_partition, fmt::format("{} is not assigned", to_string(partition)));
}

}  // namespace

Task<void> RebalanceListener::assigned(std::vector<TopicPartition>) { co_return; }
Task<void> RebalanceListener::revoked(std::vector<TopicPartition>) { co_return; }
Task<void> RebalanceListener::lost(std::vector<TopicPartition>) { co_return; }

Consumer::Consumer(Cluster& cluster, ConsumerOptions options)
    : cluster_(cluster),
      shard_(cluster.shard()),
      options_(std::move(options)),
      admin_(cluster, AdminOptions{.timeout = options_.timeout}),
      changed_(cluster.shard()),
      fetcher_(cluster, fetch_options(options_), [this] { changed_.wake_all(); }),
      follow_pause_(cluster.shard()),
      next_auto_commit_(shard_.clock().now() + options_.auto_commit_interval),
      commit_turn_(cluster.shard()) {}

Consumer::~Consumer() { HOLDFAST_CHECK(gate_.closed()); }

Task<void> Consumer::stop() {
  co_await unsubscribe();
  stopping_ = true;
  changed_.wake_all();
  follow_pause_.wake_all();
  co_await fetcher_.stop();
  co_await shard_.drained(gate_);
}

// ---- What is read

Outcome<> Consumer::assign(std::vector<TopicPartition> partitions) {
  if (way_ == Way::subscribed) return failed(ErrorCode::invalid_request, "the consumer is subscribed to topics");
  if (options_.auto_commit && !options_.group_id.empty()) commit_soon();
  way_ = Way::assigned;
  const std::set<TopicPartition> wanted(partitions.begin(), partitions.end());
  std::vector<TopicPartition> gone = fetcher_.partitions();
  std::erase_if(gone, [&](const TopicPartition& p) { return wanted.contains(p); });
  drop(gone);
  for (const TopicPartition& p : wanted) fetcher_.add(p);
  ++assignment_serial_;
  find_positions();
  return {};
}

Task<void> Consumer::unsubscribe() {
  if (member_) {
    // It lets go of its partitions by our revoked(), which commits.
    co_await member_->stop("the consumer is closed");
    member_.reset();
  } else if (way_ == Way::assigned) {
    const std::vector<TopicPartition> all = fetcher_.partitions();
    co_await commit_before_giving_up(all);
  }
  drop(fetcher_.partitions());
  topics_.clear();
  pattern_.reset();
  listener_ = nullptr;
  way_ = Way::none;
  follow_pause_.wake_all();
}

void Consumer::drop(const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& p : partitions) {
    fetcher_.remove(p);
    last_committed_.erase(p);
  }
  ++assignment_serial_;
}

Task<void> Consumer::revoked(std::vector<TopicPartition> partitions) {
  co_await commit_before_giving_up(partitions);
  if (listener_) co_await listener_->revoked(partitions);
  drop(partitions);
}

Task<void> Consumer::lost(std::vector<TopicPartition> partitions) {
  drop(partitions);
  if (listener_) co_await listener_->lost(std::move(partitions));
}

Task<void> Consumer::assigned(std::vector<TopicPartition> added) {
  for (const TopicPartition& p : added) fetcher_.add(p);
  ++assignment_serial_;
  if (listener_) co_await listener_->assigned(std::move(added));
  find_positions();
}

// ---- Reading

Task<Outcome<ConsumedRecords>> Consumer::poll(Duration at_most) {
  const SteadyTime deadline = shard_.clock().now() + at_most;
  for (;;) {
    if (stopping_) co_return failed(ErrorCode::network_exception, "the consumer was stopped");
    if (way_ == Way::none) co_return failed(ErrorCode::invalid_request, "the consumer has nothing to read");
    commit_if_due();
    if (member_ && member_->settled()) {
      member_->touch();
    } else if (member_ && (looked_ || !pattern_)) {
      // A rebalance goes on in the background; what is still ours is read meanwhile.
      auto settled = co_await member_->poll(Duration::zero());
      if (!settled) co_return failed(settled);
    }
    if (!failures_.empty()) {
      Failure failure = std::move(failures_.front());
      failures_.erase(failures_.begin());
      co_return std::unexpected<Failure>(std::move(failure));
    }
    auto records = fetcher_.take(options_.poll_records_max);
    if (!records || !records->empty()) co_return records;
    const SteadyTime now = shard_.clock().now();
    if (now >= deadline || std::exchange(woken_, false)) co_return ConsumedRecords();
    // Who waits here is alive, and its commits are due all the same.
    const Duration pause = std::min({deadline - now, options_.auto_commit_interval, options_.max_poll_interval / 2});
    co_await changed_.wait_for(pause);
  }
}

void Consumer::wake() {
  woken_ = true;
  changed_.wake_all();
}

void Consumer::tell(Failure failure) {
  failures_.push_back(std::move(failure));
  changed_.wake_all();
}

// ---- Where

std::optional<OffsetSpec> Consumer::reset_spec() const { return fetch_options(options_).reset; }

Outcome<> Consumer::seek(const TopicPartition& partition, std::int64_t offset) {
  return seek(partition, FetchPosition{.offset = offset});
}

Outcome<> Consumer::seek(const TopicPartition& partition, FetchPosition position) {
  if (position.offset < 0) return failed(ErrorCode::offset_out_of_range, "offsets are not negative");
  if (!fetcher_.seek(partition, position)) return not_assigned(partition);
  return {};
}

Outcome<> Consumer::seek(const TopicPartition& partition, OffsetSpec spec) {
  if (!fetcher_.seek(partition, spec)) return not_assigned(partition);
  return {};
}

Task<Outcome<std::int64_t>> Consumer::position(TopicPartition partition) {
  const SteadyTime deadline = shard_.clock().now() + options_.timeout;
  for (;;) {
    if (stopping_ || !fetcher_.has(partition)) co_return not_assigned(partition);
    const auto position = fetcher_.position(partition);
    if (position) co_return position->offset;
    // What keeps it from being found, poll() tells too.
    if (!failures_.empty()) co_return std::unexpected<Failure>(failures_.front());
    find_positions();
    const Duration left = deadline - shard_.clock().now();
    if (left <= Duration::zero())
      co_return failed(ErrorCode::request_timed_out, fmt::format("no position for {} yet", to_string(partition)));
    co_await changed_.wait_for(left);
  }
}

Outcome<> Consumer::set_paused(const TopicPartition& partition, bool paused) {
  if (!fetcher_.pause(partition, paused)) return not_assigned(partition);
  return {};
}

}  // namespace holdfast::client
