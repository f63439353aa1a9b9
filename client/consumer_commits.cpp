// Committed offsets: where the consumer starts, and what it leaves behind.
#include <fmt/format.h>

#include <algorithm>

#include "client/admin_call.h"
#include "client/consumer.h"
#include "runtime/log_line.h"
#include "wire/kafka/groups.h"

namespace holdfast::client {
namespace {

using wire::ErrorCode;

// From the next version on topics have ids.
constexpr std::int16_t last_commit_with_names = 9;

// The group goes on without this member, or is about to.
bool is_about_the_member(ErrorCode code) {
  return code == ErrorCode::unknown_member_id || code == ErrorCode::illegal_generation ||
         code == ErrorCode::rebalance_in_progress || code == ErrorCode::fenced_instance_id;
}

}  // namespace

// ---- Committing

Consumer::Offsets Consumer::consumed() const {
  Offsets offsets;
  for (const TopicPartition& p : fetcher_.partitions())
    if (const auto position = fetcher_.position(p))
      offsets[p] = {.offset = position->offset, .leader_epoch = position->epoch, .metadata = {}};
  return offsets;
}

Task<Outcome<>> Consumer::commit() {
  auto done = co_await commit(consumed());
  co_return done;
}

Task<Outcome<>> Consumer::commit(std::map<TopicPartition, CommittedOffset> offsets) {
  const Gate::Holder holder = gate_.enter();
  if (!holder) co_return failed(ErrorCode::network_exception, "the consumer was stopped");
  if (options_.group_id.empty()) co_return failed(ErrorCode::invalid_group_id, "commits need a group");
  // One after the other: a later one must not be overtaken by an earlier one's retry.
  const std::int32_t generation = member_ ? member_->generation() : -1;
  if (std::exchange(committing_, true)) co_await commit_turn_.wait();
  auto done = co_await send_commit(std::move(offsets), generation);
  // The turn goes to whoever waits for it: a commit that comes before that one has woken up must not take it.
  committing_ = !commit_turn_.empty();
  commit_turn_.wake_one();
  co_return done;
}

// In the generation in which the offsets were read: in a later one the partitions may be somebody else's.
Task<Outcome<>> Consumer::send_commit(Offsets offsets, std::int32_t generation) {
  if (offsets.empty()) co_return Outcome<>();
  const SteadyTime deadline = shard_.clock().now() + options_.timeout;
  for (int attempt = 0;; ++attempt) {
    if (member_ && generation < 0)
      co_return failed(ErrorCode::rebalance_in_progress, "the consumer is not in the group now");
    if (generation != (member_ ? member_->generation() : -1))
      co_return failed(ErrorCode::rebalance_in_progress, "the group has had a rebalance since");
    auto done = co_await try_commit(offsets, generation);
    if (done) {
      for (auto& [p, offset] : offsets)
        if (fetcher_.has(p)) last_committed_[p] = std::move(offset);
      co_return done;
    }
    if (member_) member_->told(done.error().code, generation);
    const bool over = cluster_.stopping() || shard_.clock().now() >= deadline;
    if (!done.error().retriable() || is_about_the_member(done.error().code) || over) co_return done;
    co_await cluster_.back_off(attempt);
  }
}

Task<Outcome<>> Consumer::try_commit(const Offsets& offsets, std::int32_t generation) {
  using Topic = wire::OffsetCommitRequest::Topic;
  auto coordinator = co_await cluster_.coordinator(CoordinatorKind::group, options_.group_id);
  if (!coordinator) co_return failed(coordinator);
  wire::OffsetCommitRequest request;
  request.group_id = options_.group_id;
  request.generation_id_or_member_epoch = generation;
  if (member_) {
    request.member_id = member_->member_id();
    request.group_instance_id = options_.group_instance_id;
  }
  request.topics =
      admin::by_topic<Topic>(admin::keys_of(offsets), &Topic::name, [&](Topic& topic, const TopicPartition& p) {
        const CommittedOffset& offset = offsets.at(p);
        topic.partitions.push_back({.partition_index = p.partition,
                                    .committed_offset = offset.offset,
                                    .committed_leader_epoch = offset.leader_epoch,
                                    .committed_metadata = offset.metadata});
      });
  auto answer = co_await cluster_.ask<wire::OffsetCommitResponse>(*coordinator, std::move(request), std::nullopt,
                                                                  last_commit_with_names);
  if (!answer) {
    if (answer.error().retriable()) cluster_.forget_coordinator(CoordinatorKind::group, options_.group_id);
    co_return failed(answer);
  }
  for (const auto& topic : answer->message.topics)
    for (const auto& partition : topic.partitions) {
      const auto code = static_cast<ErrorCode>(partition.error_code);
      if (code == ErrorCode::none) continue;
      if (code == ErrorCode::not_coordinator || code == ErrorCode::coordinator_not_available ||
          code == ErrorCode::request_timed_out)
        cluster_.forget_coordinator(CoordinatorKind::group, options_.group_id);
      co_return failed(
          code, fmt::format("committing {}-{}: {}", topic.name, partition.partition_index, wire::error_message(code)));
    }
  co_return Outcome<>();
}

void Consumer::commit_soon(Function<void(Outcome<>)> done) {
  shard_.spawn(gate_, commit_in_background(consumed(), std::move(done)));
}

Task<void> Consumer::commit_in_background(Offsets offsets, Function<void(Outcome<>)> done) {
  auto committed = co_await commit(std::move(offsets));
  if (done) done(std::move(committed));
}

// What has moved since the last time.
void Consumer::commit_if_due() {
  if (!options_.auto_commit || options_.group_id.empty() || auto_committing_) return;
  const SteadyTime now = shard_.clock().now();
  if (now < next_auto_commit_) return;
  next_auto_commit_ = now + options_.auto_commit_interval;
  if (member_ && member_->generation() < 0) return;
  Offsets moved = consumed();
  std::erase_if(moved, [this](const auto& entry) {
    const auto before = last_committed_.find(entry.first);
    return before != last_committed_.end() && before->second.offset == entry.second.offset;
  });
  if (moved.empty()) return;
  auto_committing_ = true;
  shard_.spawn(gate_, commit_in_background(std::move(moved), [this](const Outcome<>& committed) {
                 auto_committing_ = false;
                 if (!committed)
                   log_line(LogLevel::warn, "consumer", "group {}: automatic commit: {}", options_.group_id,
                            to_string(committed.error()));
               }));
}

Task<void> Consumer::commit_before_giving_up(const std::vector<TopicPartition>& partitions) {
  if (!options_.auto_commit || options_.group_id.empty() || cluster_.stopping()) co_return;
  const std::set<TopicPartition> given_up(partitions.begin(), partitions.end());
  Offsets theirs = consumed();
  std::erase_if(theirs, [&](const auto& entry) { return !given_up.contains(entry.first); });
  auto committed = co_await commit(std::move(theirs));
  if (!committed)
    log_line(LogLevel::warn, "consumer", "group {}: commit before giving partitions up: {}", options_.group_id,
             to_string(committed.error()));
}

// ---- Where to start

Task<Outcome<std::map<TopicPartition, CommittedOffset>>> Consumer::committed(std::vector<TopicPartition> partitions) {
  if (options_.group_id.empty()) co_return failed(ErrorCode::invalid_group_id, "commits need a group");
  auto each = co_await admin_.list_group_offsets(options_.group_id, std::move(partitions), true);
  if (!each) co_return failed(each);
  Offsets offsets;
  for (auto& [p, offset] : *each) {
    if (!offset) co_return failed(offset);
    offsets.emplace(p, std::move(*offset));
  }
  co_return offsets;
}

void Consumer::find_positions() {
  if (stopping_ || fetching_committed_) return;
  const std::vector<TopicPartition> all = fetcher_.partitions();
  const bool wanted =
      std::any_of(all.begin(), all.end(), [this](const TopicPartition& p) { return fetcher_.wants_position(p); });
  if (!wanted) return;
  fetching_committed_ = true;
  shard_.spawn(gate_, fetch_committed());
}

// Each new partition starts where the group stopped, or where the reset policy says.
Task<void> Consumer::fetch_committed() {
  for (int attempt = 0; !stopping_ && !cluster_.stopping();) {
    std::vector<TopicPartition> wanting = fetcher_.partitions();
    std::erase_if(wanting, [this](const TopicPartition& p) { return !fetcher_.wants_position(p); });
    if (wanting.empty()) break;
    Offsets offsets;
    const std::uint64_t serial = assignment_serial_;
    if (!options_.group_id.empty()) {
      auto known = co_await committed(wanting);
      // Others may have read on, if some went and came back.
      if (serial != assignment_serial_) continue;
      if (!known && known.error().retriable() && !stopping_) {
        co_await cluster_.back_off(attempt++);
        continue;
      }
      if (!known) {
        tell(std::move(known.error()));
        break;
      }
      offsets = std::move(*known);
    }
    const auto reset = reset_spec();
    std::vector<TopicPartition> without;
    for (const TopicPartition& p : wanting) {
      if (!fetcher_.wants_position(p)) continue;  // somebody sought meanwhile
      const auto at = offsets.find(p);
      if (at != offsets.end())
        fetcher_.seek(p, FetchPosition{at->second.offset, at->second.leader_epoch});
      else if (reset)
        fetcher_.seek(p, *reset);
      else
        without.push_back(p);
    }
    for (const TopicPartition& p : without)
      tell({ErrorCode::offset_out_of_range,
            fmt::format("{} has no committed offset, and no reset policy is set: seek to where it should start",
                        to_string(p))});
    break;
  }
  fetching_committed_ = false;
}

}  // namespace holdfast::client
