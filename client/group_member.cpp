#include "client/group_member.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/log_line.h"

namespace holdfast::client {
namespace {

using wire::ErrorCode;

constexpr Duration leave_patience = std::chrono::seconds(5);

bool all_cooperative(const std::vector<std::shared_ptr<Assignor>>& assignors) {
  return std::all_of(assignors.begin(), assignors.end(), [](const auto& a) { return a->cooperative(); });
}

std::vector<TopicPartition> as_list(const std::set<TopicPartition>& partitions) {
  return {partitions.begin(), partitions.end()};
}

}  // namespace

GroupMember::GroupMember(Cluster& cluster, GroupMemberOptions options, Owner& owner, Function<void()> changed)
    : cluster_(cluster),
      shard_(cluster.shard()),
      options_(std::move(options)),
      owner_(owner),
      changed_(std::move(changed)),
      cooperative_(all_cooperative(options_.assignors)),
      progress_(cluster.shard()),
      beats_(cluster.shard()) {
  HOLDFAST_CHECK(!options_.assignors.empty());
  touch();
}

GroupMember::~GroupMember() { HOLDFAST_CHECK(gate_.closed()); }

// Only whoever polls may act on what has changed.
void GroupMember::wake() {
  progress_.wake_all();
  changed_();
}

// The coordinator does not know it (any more): others may own by now what it owned.
void GroupMember::forget_identity(bool member_id_too) {
  generation_ = -1;
  if (member_id_too) member_id_.clear(), is_on_record_ = false;
  is_leader_ = false;
  assigned_by_.clear();
  joined_.reset();
  lost_ = !owned_.empty();
  // The round that is under way is followed by another one anyhow.
  if (!in_rounds_) rejoin_wanted_ = true, state_ = State::outside;
  beats_.wake_all();
  wake();
}

void GroupMember::fail_for_good(Failure failure) {
  if (failure_) return;
  log_line(LogLevel::error, "consumer", "group {}: {}", options_.group_id, to_string(failure));
  failure_ = std::move(failure);
  forget_identity(true);
}

// What the coordinator said of the present generation. False: it was not the one to ask.
bool GroupMember::note(ErrorCode code) {
  switch (code) {
    case ErrorCode::none:
      return true;
    case ErrorCode::rebalance_in_progress:
      if (state_ == State::stable && !std::exchange(rejoin_wanted_, true)) {
        reason_.clear();
        wake();
      }
      return true;
    case ErrorCode::unknown_member_id:
    case ErrorCode::illegal_generation:
      log_line(LogLevel::info, "consumer", "group {}: the coordinator does not know member {} of generation {}: {}",
               options_.group_id, member_id_, generation_, wire::error_name(code));
      forget_identity(code == ErrorCode::unknown_member_id);
      return true;
    case ErrorCode::fenced_instance_id:
      // Not by another process: by a join of its own that came late, or because a coordinator that died had given it
      // this id, and the next one knows only the id before.
      if (shard_.clock().now() < ghost_until_ || !is_on_record_) {
        log_line(LogLevel::info, "consumer", "group {}: member {} is not the one that the coordinator knows",
                 options_.group_id, member_id_);
        forget_identity(true);
        return true;
      }
      [[fallthrough]];
    case ErrorCode::group_authorization_failed:
      fail_for_good(failed(code).error());
      return true;
    case ErrorCode::not_coordinator:
    case ErrorCode::coordinator_not_available:
      cluster_.forget_coordinator(CoordinatorKind::group, options_.group_id);
      return false;
    default:
      return false;
  }
}

void GroupMember::told(ErrorCode code, std::int32_t generation) {
  if (generation != generation_ || generation < 0) return;
  // While it joins, the group may be in the next generation already: only the answer to the join says whether it is
  // still a member.
  if (in_rounds_ && (code == ErrorCode::illegal_generation || code == ErrorCode::unknown_member_id)) return;
  note(code);
}

void GroupMember::rejoin(std::string_view reason) {
  if (state_ == State::outside || std::exchange(rejoin_wanted_, true)) return;
  reason_ = reason;
  wake();
}

// ---- What the owner takes part in

Task<Outcome<bool>> GroupMember::poll(Duration at_most) {
  const SteadyTime deadline = shard_.clock().now() + at_most;
  for (;;) {
    touch();
    if (lost_) co_await prepare();
    if (failure_) co_return std::unexpected(*failure_);
    if (stopping_) co_return false;
    if (joined_) {
      co_await complete();
      continue;
    }
    if (settled()) co_return true;
    if (!in_rounds_) {
      co_await prepare();
      touch();
      rejoin_wanted_ = false;
      in_rounds_ = true;
      state_ = State::joining;
      shard_.spawn(gate_, join_rounds());
    }
    const Duration left = deadline - shard_.clock().now();
    if (left <= Duration::zero()) co_return false;
    co_await progress_.wait_for(left);
  }
}

// Before a round: what is given up beforehand, and what is gone already.
Task<void> GroupMember::prepare() {
  const bool gone = std::exchange(lost_, false);
  if (owned_.empty() || (cooperative_ && !gone)) co_return;
  std::vector<TopicPartition> all = as_list(owned_);
  if (gone)
    co_await owner_.lost(std::move(all));
  else
    co_await owner_.revoked(std::move(all));
  // If the identity went meanwhile, there is nothing left to lose.
  lost_ = false;
  owned_.clear();
}

Task<void> GroupMember::complete() {
  Joining joining = std::move(*joined_);
  joined_.reset();
  state_ = State::stable;
  joining.assignor->on_assignment(joining.assignment, generation_);
  const std::set<TopicPartition> target(joining.assignment.begin(), joining.assignment.end());
  std::vector<TopicPartition> added, revoked;
  std::set_difference(target.begin(), target.end(), owned_.begin(), owned_.end(), std::back_inserter(added));
  std::set_difference(owned_.begin(), owned_.end(), target.begin(), target.end(), std::back_inserter(revoked));
  if (!revoked.empty()) {
    co_await owner_.revoked(revoked);
    for (const TopicPartition& p : revoked) owned_.erase(p);
    // Who gets them waits for us to say so.
    rejoin("need to revoke partitions and re-join");
  }
  if (generation_ < 0) co_return;  // lost meanwhile: the next round follows
  owned_.insert(added.begin(), added.end());
  co_await owner_.assigned(std::move(added));
}

Task<void> GroupMember::stop(std::string reason) {
  if (!owned_.empty()) {
    std::vector<TopicPartition> all = as_list(owned_);
    if (lost_)
      co_await owner_.lost(std::move(all));
    else
      co_await owner_.revoked(std::move(all));
    owned_.clear();
  }
  stopping_ = true;
  progress_.wake_all();
  beats_.wake_all();
  // A join under way would wait for the other members, as long as a rebalance may take.
  if (asking_ >= 0) cluster_.hang_up(Cluster::Lane::group, asking_);
  co_await send_leave(member_id_, std::move(reason));
  co_await shard_.drained(gate_);
}

// ---- In the background

Task<void> GroupMember::join_rounds() {
  for (int attempt = 0; !stopping_ && !cluster_.stopping(); ++attempt) {
    auto joining = co_await join_and_sync();
    if (joining && generation_ >= 0) {
      joined_ = std::move(*joining);
      break;
    }
    if (!joining && !after_failure(joining.error())) break;
    // What it owned is gone: the owner hears of that first. And nobody joins who would be sent away for not polling.
    if (lost_ || nobody_polls()) break;
    state_ = State::joining;
    const bool at_once = !joining && joining.error().code == ErrorCode::rebalance_in_progress;
    const Duration pause = at_once ? Duration::zero() : cluster_.retry_pause(attempt);
    if (stopping_) break;
    if (pause > Duration::zero()) co_await beats_.wait_for(pause);
  }
  in_rounds_ = false;
  state_ = joined_ ? State::syncing : State::outside;
  wake();
}

// Whether another round makes sense.
bool GroupMember::after_failure(const Failure& failure) {
  log_line(LogLevel::debug, "consumer", "group {}: {}", options_.group_id, to_string(failure));
  switch (failure.code) {
    case ErrorCode::unknown_member_id:
    case ErrorCode::illegal_generation:
      forget_identity(failure.code == ErrorCode::unknown_member_id);
      return true;
    case ErrorCode::rebalance_in_progress:
      return true;
    case ErrorCode::fenced_instance_id:
      note(failure.code);
      return !failure_;
    case ErrorCode::not_coordinator:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::network_exception:
    case ErrorCode::request_timed_out:
      cluster_.forget_coordinator(CoordinatorKind::group, options_.group_id);
      return true;
    default:
      if (failure.retriable()) return true;
      fail_for_good(failure);
      return false;
  }
}

Task<void> GroupMember::beat() {
  bool answered = true;
  for (;;) {
    const Duration pause = answered ? options_.heartbeat_interval : cluster_.retry_pause(0);
    const Duration patience = last_poll_ + options_.max_poll_interval - shard_.clock().now();
    co_await beats_.wait_for(std::clamp(patience, Duration(std::chrono::milliseconds(1)), pause));
    if (stopping_ || generation_ < 0) break;
    if (nobody_polls()) {
      log_line(LogLevel::warn, "consumer", "group {}: nobody has polled for longer than max.poll.interval.ms ({} ms)",
               options_.group_id,
               std::chrono::duration_cast<std::chrono::milliseconds>(options_.max_poll_interval).count());
      // By the time the coordinator has heard of it, this may be another member, with a heart of its own.
      beating_ = false;
      const std::string member_id = member_id_;
      forget_identity(true);
      co_await send_leave(member_id, "consumer poll timeout has expired");
      co_return;
    }
    // While it joins, the coordinator knows that it is there.
    if (state_ == State::joining) continue;
    answered = co_await beat_once();
    if (stopping_ || generation_ < 0) break;
  }
  beating_ = false;
}

Task<bool> GroupMember::beat_once() {
  auto coordinator = co_await cluster_.coordinator(CoordinatorKind::group, options_.group_id);
  if (!coordinator) co_return false;
  wire::HeartbeatRequest request;
  request.group_id = options_.group_id;
  request.generation_id = generation_;
  request.member_id = member_id_;
  request.group_instance_id = options_.group_instance_id;
  const std::int32_t generation = generation_;
  auto answer = co_await cluster_.ask<wire::HeartbeatResponse>(*coordinator, std::move(request));
  if (!answer) {
    cluster_.forget_coordinator(CoordinatorKind::group, options_.group_id);
    co_return false;
  }
  // It may have joined a later generation meanwhile.
  if (generation != generation_ || state_ == State::joining) co_return true;
  co_return note(static_cast<ErrorCode>(answer->message.error_code));
}

// Static members do not: they are expected back.
Task<void> GroupMember::send_leave(std::string member_id, std::string reason) {
  if (member_id.empty() || options_.group_instance_id || !options_.leave_on_stop) co_return;
  auto coordinator = co_await cluster_.coordinator(CoordinatorKind::group, options_.group_id);
  if (!coordinator) co_return;
  wire::LeaveGroupRequest request;
  request.group_id = options_.group_id;
  request.member_id = member_id;
  auto& member = request.members.emplace_back();
  member.member_id = std::move(member_id);
  member.reason = std::move(reason);
  auto answer = co_await cluster_.ask<wire::LeaveGroupResponse>(*coordinator, std::move(request), leave_patience);
  if (!answer)
    log_line(LogLevel::debug, "consumer", "group {}: leaving: {}", options_.group_id, to_string(answer.error()));
}

}  // namespace holdfast::client
