// One round of JoinGroup and SyncGroup, as a member and as the leader.
#include <fmt/format.h>

#include <algorithm>

#include "client/admin_call.h"
#include "client/group_member.h"
#include "runtime/log_line.h"
#include "wire/kafka/group_admin.h"

namespace holdfast::client {
namespace {

using wire::ErrorCode;

// A join is answered when all members have come, or the rebalance timeout is over.
constexpr Duration join_grace = std::chrono::seconds(5);
constexpr const char* protocol_type = "consumer";

}  // namespace

Assignor* GroupMember::find_assignor(const std::optional<std::string>& name) const {
  for (const auto& assignor : options_.assignors)
    if (name && assignor->name() == *name) return assignor.get();
  return nullptr;
}

wire::JoinGroupRequest GroupMember::join_request() const {
  wire::JoinGroupRequest request;
  request.group_id = options_.group_id;
  request.session_timeout_ms = admin::to_ms(options_.session_timeout);
  request.rebalance_timeout_ms = admin::to_ms(options_.max_poll_interval);
  request.member_id = member_id_;
  request.group_instance_id = options_.group_instance_id;
  request.protocol_type = protocol_type;
  request.reason = reason_;
  const std::vector<std::string> topics = owner_.topics();
  for (const auto& assignor : options_.assignors)
    request.protocols.push_back(
        {.name = std::string(assignor->name()),
         .metadata = encode_subscription(topics, owned_, generation_, options_.rack, *assignor)});
  return request;
}

// Until the coordinator has named us: a new member is told its id first, so that it can be found again (KIP-394).
Task<Outcome<wire::JoinGroupResponse>> GroupMember::join(std::int32_t coordinator) {
  for (;;) {
    wire::JoinGroupRequest request = join_request();
    const Duration time = options_.max_poll_interval + join_grace;
    const std::int32_t lane = Cluster::on_lane(Cluster::Lane::group, coordinator);
    asking_ = coordinator;
    auto answer = co_await cluster_.ask<wire::JoinGroupResponse>(lane, std::move(request), time);
    asking_ = -1;
    // A static member's may still arrive, and take the place of the one that is sent next.
    if (!answer && member_id_.empty()) ghost_until_ = shard_.clock().now() + time + options_.session_timeout;
    if (!answer) co_return failed(answer);
    const auto code = static_cast<ErrorCode>(answer->message.error_code);
    if (code == ErrorCode::member_id_required && member_id_.empty() && !answer->message.member_id.empty()) {
      member_id_ = answer->message.member_id;
      if (!stopping_) continue;
      // The coordinator expects it now, and stop() had no name to say goodbye with.
      co_await send_leave(member_id_, "the consumer is closed");
      co_return failed(ErrorCode::network_exception, "the member has left");
    }
    // Who comes without an id takes the place of whoever has it. So this one was replaced while that was written, by
    // another that came so; that one may be its own ghost.
    if (code == ErrorCode::fenced_instance_id && member_id_.empty()) co_return failed(ErrorCode::unknown_member_id);
    if (code != ErrorCode::none) co_return failed(code);
    co_return std::move(answer->message);
  }
}

Task<Outcome<GroupMember::Joining>> GroupMember::join_and_sync() {
  auto coordinator = co_await cluster_.coordinator(CoordinatorKind::group, options_.group_id);
  if (!coordinator) co_return failed(coordinator);
  auto joined = co_await join(*coordinator);
  if (!joined) co_return failed(joined);
  if (stopping_) {
    // It has become a member when it had already said goodbye.
    member_id_ = joined->member_id;
    co_await send_leave(member_id_, "the consumer is closed");
    co_return failed(ErrorCode::network_exception, "the member has left");
  }
  generation_ = joined->generation_id;
  is_on_record_ = is_on_record_ && member_id_ == joined->member_id;
  member_id_ = joined->member_id;
  is_leader_ = joined->leader == member_id_;
  assigned_by_.clear();
  // Beats go on while the leader thinks.
  state_ = State::syncing;
  if (!std::exchange(beating_, true)) shard_.spawn(gate_, beat());

  Joining joining;
  joining.assignor = find_assignor(joined->protocol_name);
  if (!joining.assignor)
    co_return failed(
        ErrorCode::inconsistent_group_protocol,
        fmt::format("the group chose assignor {}, which is not one of ours", joined->protocol_name.value_or("null")));
  wire::SyncGroupRequest sync;
  sync.group_id = options_.group_id;
  sync.generation_id = generation_;
  sync.member_id = member_id_;
  sync.group_instance_id = options_.group_instance_id;
  sync.protocol_type = protocol_type;
  sync.protocol_name = joined->protocol_name;
  if (is_leader_ && !joined->skip_assignment) {
    auto assignments = co_await assign(*joined);
    if (!assignments) co_return failed(assignments);
    sync.assignments = std::move(*assignments);
  }
  const Duration time = options_.max_poll_interval + join_grace;
  const std::int32_t generation = generation_;
  const std::int32_t lane = Cluster::on_lane(Cluster::Lane::group, *coordinator);
  if (stopping_) co_return failed(ErrorCode::network_exception, "the member has left");
  asking_ = *coordinator;
  auto answer = co_await cluster_.ask<wire::SyncGroupResponse>(lane, std::move(sync), time);
  asking_ = -1;
  if (!answer) co_return failed(answer);
  const auto code = static_cast<ErrorCode>(answer->message.error_code);
  if (code != ErrorCode::none) co_return failed(code);
  if (is_leader_ && joined->skip_assignment) {
    auto counts = co_await assigned_so_far(*coordinator);
    assigned_by_ = std::move(counts);
  }
  if (generation_ != generation) co_return failed(ErrorCode::rebalance_in_progress);
  is_on_record_ = true;
  auto assignment = decode_assignment(answer->message.assignment);
  if (!assignment) co_return failed(ErrorCode::inconsistent_group_protocol, "the leader's assignment is malformed");
  joining.assignment = std::move(*assignment);
  co_return joining;
}

// A static leader that is back does not assign (KIP-814), and partitions may have come while it was away: what there
// was is what the members have. Nothing where that cannot be had: it is assigned anew then.
Task<PartitionCounts> GroupMember::assigned_so_far(std::int32_t coordinator) {
  wire::DescribeGroupsRequest request;
  request.groups = {options_.group_id};
  const std::int32_t lane = Cluster::on_lane(Cluster::Lane::group, coordinator);
  asking_ = coordinator;
  auto answer = co_await cluster_.ask<wire::DescribeGroupsResponse>(lane, std::move(request));
  asking_ = -1;
  PartitionCounts out;
  if (!answer || answer->message.groups.size() != 1) co_return out;
  for (const auto& member : answer->message.groups[0].members) {
    const auto given = decode_assignment(member.member_assignment);
    if (!given) co_return PartitionCounts();
    for (const TopicPartition& partition : *given) ++out[partition.topic];
  }
  co_return out;
}

// As the leader: who gets what.
Task<Outcome<std::vector<wire::SyncGroupRequest::Assignment>>> GroupMember::assign(
    const wire::JoinGroupResponse& joined) {
  GroupMembers members;
  std::set<std::string> topics;
  for (const auto& member : joined.members) {
    auto info = decode_subscription(member.metadata);
    if (!info) {
      log_line(LogLevel::warn, "consumer", "group {}: the subscription of member {} is malformed: it gets nothing",
               options_.group_id, member.member_id);
      info.emplace();
    }
    info->group_instance_id = member.group_instance_id;
    topics.insert(info->topics.begin(), info->topics.end());
    members.insert_or_assign(member.member_id, std::move(*info));
  }
  std::vector<std::string> names(topics.begin(), topics.end());
  auto refreshed = co_await cluster_.refresh(std::move(names));
  if (!refreshed) co_return failed(refreshed);
  PartitionCounts counts;
  for (const std::string& topic : topics) {
    const KnownTopic* known = cluster_.metadata().topic(topic);
    if (known && !known->partitions.empty()) counts[topic] = static_cast<std::int32_t>(known->partitions.size());
  }
  const Assignor* assignor = find_assignor(joined.protocol_name);
  GroupAssignment assignment = assignor->assign(counts, members);
  assigned_by_ = std::move(counts);
  std::vector<wire::SyncGroupRequest::Assignment> out;
  for (const auto& [member, partitions] : assignment)
    out.push_back({.member_id = member, .assignment = encode_assignment(partitions)});
  co_return out;
}

}  // namespace holdfast::client
