// GroupMachine's other half: committed offsets, descriptions, deletion, expiry, and the replay of records.
#include <algorithm>

#include "broker/group_machine.h"
#include "broker/group_records.h"

namespace holdfast {

using wire::ErrorCode;

void GroupMachine::apply(const GroupRecord& record, bool live) {
  const std::optional<ByteView> value = record.value ? std::optional<ByteView>(*record.value) : std::nullopt;
  auto read = read_group_record(record.key, value);
  if (!read) return;
  if (const auto* offset = std::get_if<OffsetEntry>(&*read)) {
    if (offset->offset) {
      Group& group = groups_.contains(offset->group) ? groups_[offset->group] : create(offset->group);
      group.offsets[offset->topic][offset->partition] = *offset->offset;
      return;
    }
    const auto found = groups_.find(offset->group);
    if (found == groups_.end()) return;
    const auto topic = found->second.offsets.find(offset->topic);
    if (topic == found->second.offsets.end()) return;
    topic->second.erase(offset->partition);
    if (topic->second.empty()) found->second.offsets.erase(topic);
    return;
  }
  auto* entry = std::get_if<GroupEntry>(&*read);
  if (!entry) return;
  if (!entry->group) {
    // Offsets have tombstones of their own; a group that somebody joined again meanwhile stays.
    const auto found = groups_.find(entry->id);
    if (found != groups_.end() && found->second.members.empty() && found->second.pending.empty() &&
        found->second.offsets.empty())
      groups_.erase(found);
    return;
  }
  if (live) return;
  Group& group = groups_.contains(entry->id) ? groups_[entry->id] : create(entry->id);
  auto offsets = std::move(group.offsets);
  group = std::move(*entry->group);
  group.offsets = std::move(offsets);
}

ErrorCode GroupMachine::commit(const MemberCall& call, bool epochs_of_members,
                               const std::vector<OffsetToCommit>& offsets, std::vector<ErrorCode>& results,
                               GroupOutcome& outcome, GroupTime now) {
  results.clear();
  if (const auto found = groups_.find(call.group); found == groups_.end()) {
    if (call.generation >= 0) return epochs_of_members ? ErrorCode::group_id_not_found : ErrorCode::illegal_generation;
  } else {
    Group& group = found->second;
    if (!(call.generation < 0 && group.is(GroupState::empty))) {
      if (call.generation >= 0 || !call.member_id.empty() || call.instance_id) {
        if (const ErrorCode fault = check_member(group, call.member_id, call.instance_id); fault != ErrorCode::none)
          return fault;
        if (call.generation != group.generation) return ErrorCode::illegal_generation;
      } else if (!group.is(GroupState::empty)) {
        return ErrorCode::unknown_member_id;
      }
      // Offsets of a generation whose assignment is not known yet could be another member's (KAFKA-5634).
      if (group.is(GroupState::completing_rebalance)) return ErrorCode::rebalance_in_progress;
      if (GroupMember* member = group.member(call.member_id)) keep_alive(group, *member, now);
    }
  }
  for (const OffsetToCommit& o : offsets) {
    if (o.offset.metadata.size() > options_.offset_metadata_bytes_max) {
      results.push_back(ErrorCode::offset_metadata_too_large);
      continue;
    }
    results.push_back(ErrorCode::none);
    Group::CommittedOffset stored = o.offset;
    if (stored.commit_ms < 0) stored.commit_ms = now.wall_ms;
    outcome.records.push_back(offset_record(call.group, o.topic, o.partition, stored));
  }
  return ErrorCode::none;
}

GroupDescription GroupMachine::describe(const std::string& id) const {
  GroupDescription out;
  const Group* group = find(id);
  if (!group) {
    out.error = ErrorCode::group_id_not_found;
    out.state = "Dead";
    return out;
  }
  const bool stable = group->is(GroupState::stable);
  out.state = to_string(group->state);
  out.protocol_type = group->protocol_type.value_or("");
  if (stable) out.protocol = group->protocol.value_or("");
  for (const auto& [member_id, m] : group->members) {
    GroupDescription::Member& to = out.members.emplace_back();
    to.id = member_id;
    to.instance_id = m.instance_id;
    to.client_id = m.client_id;
    to.client_host = m.client_host;
    to.assignment = m.assignment;
    if (stable) to.metadata = m.metadata(out.protocol);
  }
  return out;
}

namespace {
void forget_all(const Group& group, GroupOutcome& outcome) {
  for (const auto& [topic, partitions] : group.offsets)
    for (const auto& [partition, _] : partitions)
      outcome.records.push_back(offset_tombstone(group.id, topic, partition));
  outcome.records.push_back(group_tombstone(group.id));
}
}  // namespace

ErrorCode GroupMachine::remove(const std::string& id, GroupOutcome& outcome) {
  const auto found = groups_.find(id);
  if (found == groups_.end()) return ErrorCode::group_id_not_found;
  const Group& group = found->second;
  if (!group.is(GroupState::empty)) return ErrorCode::non_empty_group;
  forget_all(group, outcome);
  return ErrorCode::none;
}

ErrorCode GroupMachine::remove_offsets(const std::string& id,
                                       const std::vector<std::pair<std::string, std::int32_t>>& which,
                                       std::vector<ErrorCode>& results, GroupOutcome& outcome) {
  results.clear();
  if (id.empty()) return ErrorCode::invalid_group_id;
  const auto found = groups_.find(id);
  if (found == groups_.end()) return ErrorCode::group_id_not_found;
  const Group& group = found->second;
  std::optional<std::set<std::string>> subscribed;
  if (!group.is(GroupState::empty)) {
    if (group.protocol_type != "consumer") return ErrorCode::non_empty_group;
    subscribed = group.subscribed_topics();
  }
  for (const auto& [topic, partition] : which) {
    const bool used = !group.is(GroupState::empty) && (!subscribed || subscribed->contains(topic));
    results.push_back(used ? ErrorCode::group_subscribed_to_topic : ErrorCode::none);
    if (used) continue;
    const auto of_topic = group.offsets.find(topic);
    if (of_topic != group.offsets.end() && of_topic->second.contains(partition))
      outcome.records.push_back(offset_tombstone(id, topic, partition));
  }
  return ErrorCode::none;
}

GroupOutcome GroupMachine::expire(GroupTime now) {
  GroupOutcome out;
  for (const auto& [id, group] : groups_) {
    const bool empty = group.is(GroupState::empty);
    // While a group rebalances, a member that is not back yet may be what uses a topic.
    if (!empty && !group.is(GroupState::stable)) continue;
    const auto subscribed = empty ? std::nullopt : group.subscribed_topics();
    if (!empty && !subscribed) continue;  // members whose topics we do not know: everything may be in use
    std::size_t left = 0;
    for (const auto& [topic, partitions] : group.offsets)
      for (const auto& [partition, offset] : partitions) {
        // The clock starts when the group became empty; for groups that never had members, at the commit (KIP-211).
        std::int64_t since = offset.commit_ms;
        if (empty && group.protocol_type && group.state_since_ms >= 0) since = std::max(since, group.state_since_ms);
        const bool used = !empty && subscribed->contains(topic);
        const bool over = offset.expire_ms >= 0 ? now.wall_ms >= offset.expire_ms
                                                : now.wall_ms - since >= options_.offsets_retention_ms;
        if (!used && over) {
          out.records.push_back(offset_tombstone(id, topic, partition));
        } else {
          ++left;
        }
      }
    const bool idle = group.state_since_ms < 0 || now.wall_ms - group.state_since_ms >= 0;
    if (empty && left == 0 && group.pending.empty() && idle) out.records.push_back(group_tombstone(id));
  }
  return out;
}

GroupOutcome GroupMachine::topics_deleted(const std::vector<std::string>& topics) {
  GroupOutcome out;
  for (const auto& [id, group] : groups_)
    for (const std::string& topic : topics) {
      const auto found = group.offsets.find(topic);
      if (found == group.offsets.end()) continue;
      for (const auto& [partition, _] : found->second) out.records.push_back(offset_tombstone(id, topic, partition));
    }
  return out;
}

}  // namespace holdfast
