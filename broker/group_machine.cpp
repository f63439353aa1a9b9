#include "broker/group_machine.h"

#include <algorithm>

#include "broker/group_records.h"

namespace holdfast {

using wire::ErrorCode;

namespace {

// A member that has not completed a join cannot send heartbeats: it does not know its id yet. It is given this long.
constexpr std::int64_t new_member_timeout_ms = std::int64_t{5} * 60 * 1000;

JoinReply join_error(ErrorCode error, std::string member_id) {
  JoinReply reply;
  reply.error = error;
  reply.member_id = std::move(member_id);
  return reply;
}

SyncReply sync_error(ErrorCode error) {
  SyncReply reply;
  reply.error = error;
  return reply;
}

}  // namespace

Group& GroupMachine::create(const std::string& id) {
  Group& group = groups_[id];
  group.id = id;
  return group;
}

const Group* GroupMachine::find(const std::string& id) const {
  const auto it = groups_.find(id);
  return it == groups_.end() ? nullptr : &it->second;
}

void GroupMachine::arm(const Group& group, std::int64_t at_ms) { deadlines_.insert({at_ms, group.id}); }

void GroupMachine::transition(Group& group, GroupState to, GroupTime now) {
  group.previous = group.state;
  group.state = to;
  group.state_since_ms = now.wall_ms;
}

void GroupMachine::keep_alive(Group& group, GroupMember& member, GroupTime now) {
  member.deadline_ms = now.steady_ms + member.session_timeout_ms;
  arm(group, member.deadline_ms);
}

ErrorCode GroupMachine::check_member(Group& group, const std::string& member_id,
                                     const std::optional<std::string>& instance_id) const {
  if (instance_id) {
    const auto it = group.static_members.find(*instance_id);
    if (it == group.static_members.end()) return ErrorCode::unknown_member_id;
    return it->second == member_id ? ErrorCode::none : ErrorCode::fenced_instance_id;
  }
  return group.members.contains(member_id) ? ErrorCode::none : ErrorCode::unknown_member_id;
}

GroupOutcome GroupMachine::join(const JoinCall& call, ReplyToken token, GroupTime now) {
  GroupOutcome out;
  const auto refuse = [&](ErrorCode error) {
    out.replies.emplace_back(token, join_error(error, call.member_id));
    return std::move(out);
  };
  if (call.group.empty()) return refuse(ErrorCode::invalid_group_id);
  if (call.session_timeout_ms < options_.session_timeout_min_ms ||
      call.session_timeout_ms > options_.session_timeout_max_ms)
    return refuse(ErrorCode::invalid_session_timeout);
  const bool unknown = call.member_id.empty();
  const auto found = groups_.find(call.group);
  if (found == groups_.end() && !unknown) return refuse(ErrorCode::unknown_member_id);
  if (call.protocol_type.empty() || call.protocols.empty()) return refuse(ErrorCode::inconsistent_group_protocol);
  Group& group = found == groups_.end() ? create(call.group) : found->second;

  const GroupMember* known = group.member(call.member_id);
  const bool has_room = group.is(GroupState::empty) ? true
                        : group.is(GroupState::preparing_rebalance)
                            ? (known && known->awaiting_join != 0) || group.awaiting_join() < options_.members_max
                            : known != nullptr || group.members.size() < options_.members_max;
  if (!has_room) {
    if (known) remove_member(group, call.member_id, out);
    out.replies.emplace_back(token, join_error(ErrorCode::group_max_size_reached, ""));
    // The others may have waited for the one that was sent away.
    if (known) try_complete_join(group, now, out);
    return out;
  }
  if (!group.supports(call.protocol_type, call.protocols)) return refuse(ErrorCode::inconsistent_group_protocol);

  if (!unknown) {
    existing_member(group, call, token, now, out);
    return out;
  }
  if (call.instance_id) {
    const std::string id = *call.instance_id + "-" + to_hex_uuid(random_.uuid());
    const auto old = group.static_members.find(*call.instance_id);
    if (old != group.static_members.end()) {
      const std::string old_id = old->second;
      replace_static(group, call, old_id, id, token, now, out);
    } else {
      new_member(group, call, id, token, now, out);
    }
    return out;
  }
  const std::string id = call.client_id + "-" + to_hex_uuid(random_.uuid());
  if (call.member_id_required) {
    // KIP-394: a client that never comes back must not hold up a rebalance as a member.
    const std::int64_t until = now.steady_ms + call.session_timeout_ms;
    group.pending.emplace(id, until);
    arm(group, until);
    out.replies.emplace_back(token, join_error(ErrorCode::member_id_required, id));
    return out;
  }
  new_member(group, call, id, token, now, out);
  return out;
}

void GroupMachine::new_member(Group& group, const JoinCall& call, const std::string& id, ReplyToken token,
                              GroupTime now, GroupOutcome& out) {
  if (group.members.empty()) group.protocol_type = call.protocol_type;
  GroupMember& member = group.members[id];
  member.id = id;
  member.instance_id = call.instance_id;
  member.client_id = call.client_id;
  member.client_host = call.client_host;
  member.session_timeout_ms = call.session_timeout_ms;
  member.rebalance_timeout_ms = call.rebalance_timeout_ms;
  member.protocols = call.protocols;
  member.skips_assignment = call.skips_assignment;
  member.awaiting_join = token;
  member.is_new = true;
  member.deadline_ms = now.steady_ms + new_member_timeout_ms;
  arm(group, member.deadline_ms);
  if (call.instance_id) group.static_members[*call.instance_id] = id;
  if (group.leader.empty()) group.leader = id;
  group.pending.erase(id);
  // Only a group's very first members are waited for more than once.
  if (group.is(GroupState::preparing_rebalance) && group.generation == 0) group.member_added = true;
  rebalance_or_complete(group, now, out);
}

void GroupMachine::existing_member(Group& group, const JoinCall& call, ReplyToken token, GroupTime now,
                                   GroupOutcome& out) {
  const auto refuse = [&](ErrorCode error) { out.replies.emplace_back(token, join_error(error, call.member_id)); };
  if (group.pending.contains(call.member_id)) {
    if (call.instance_id) return refuse(ErrorCode::unknown_server_error);
    return new_member(group, call, call.member_id, token, now, out);
  }
  if (const ErrorCode fault = check_member(group, call.member_id, call.instance_id); fault != ErrorCode::none)
    return refuse(fault);
  GroupMember& member = *group.member(call.member_id);
  switch (group.state) {
    case GroupState::preparing_rebalance:
      return update_and_rebalance(group, member, call, token, now, out);
    case GroupState::completing_rebalance:
      // A reply that got lost: the member asks again with what it said before.
      if (member.protocols == call.protocols) return answer_current(group, member, token, out);
      return update_and_rebalance(group, member, call, token, now, out);
    case GroupState::stable:
      if (group.leader == member.id || member.protocols != call.protocols)
        return update_and_rebalance(group, member, call, token, now, out);
      return answer_current(group, member, token, out);
    case GroupState::empty:
      return refuse(ErrorCode::unknown_member_id);
  }
}

void GroupMachine::update_and_rebalance(Group& group, GroupMember& member, const JoinCall& call, ReplyToken token,
                                        GroupTime now, GroupOutcome& out) {
  member.session_timeout_ms = call.session_timeout_ms;
  member.rebalance_timeout_ms = call.rebalance_timeout_ms;
  member.protocols = call.protocols;
  member.skips_assignment = call.skips_assignment;
  if (member.awaiting_join != 0 && member.awaiting_join != token)
    out.replies.emplace_back(member.awaiting_join, join_error(ErrorCode::unknown_member_id, member.id));
  member.awaiting_join = token;
  rebalance_or_complete(group, now, out);
}

// A static member that restarted comes without its old id: it takes the old one's place (KIP-345).
void GroupMachine::replace_static(Group& group, const JoinCall& call, const std::string& old_id,
                                  const std::string& new_id, ReplyToken token, GroupTime now, GroupOutcome& out) {
  auto node = group.members.extract(old_id);
  GroupMember& old = node.mapped();
  if (old.awaiting_join != 0)
    out.replies.emplace_back(std::exchange(old.awaiting_join, 0), join_error(ErrorCode::fenced_instance_id, old_id));
  if (old.awaiting_sync != 0)
    out.replies.emplace_back(std::exchange(old.awaiting_sync, 0), sync_error(ErrorCode::fenced_instance_id));
  const bool leads = group.leader == old_id;
  const std::string old_leader = group.leader;
  const OpaqueBytes old_metadata = group.protocol ? old.metadata(*group.protocol) : OpaqueBytes{};
  if (group.unsynced.erase(old_id) != 0) group.unsynced.insert(new_id);
  node.key() = new_id;
  group.members.insert(std::move(node));
  GroupMember& member = *group.member(new_id);
  member.id = new_id;
  member.client_id = call.client_id;
  member.client_host = call.client_host;
  member.session_timeout_ms = call.session_timeout_ms;
  member.rebalance_timeout_ms = call.rebalance_timeout_ms;
  member.protocols = call.protocols;
  member.skips_assignment = call.skips_assignment;
  group.static_members[*call.instance_id] = new_id;
  if (leads) group.leader = new_id;
  keep_alive(group, member, now);

  const bool unchanged = group.is(GroupState::stable) && group.select_protocol() == group.protocol &&
                         member.metadata(*group.protocol) == old_metadata;
  if (!unchanged) {
    member.awaiting_join = token;
    return rebalance_or_complete(group, now, out);
  }
  out.records.push_back(group_metadata_record(group));
  out.committed = [this, id = group.id, new_id, old_leader, leads, token](ErrorCode error, GroupTime) {
    GroupOutcome done;
    // Meanwhile another one may have come under the same name.
    JoinReply reply = join_error(error == ErrorCode::none ? ErrorCode::fenced_instance_id : error, new_id);
    if (Group* g = groups_.contains(id) ? &groups_[id] : nullptr; error == ErrorCode::none && g && g->member(new_id)) {
      const GroupMember& m = *g->member(new_id);
      reply = current(*g, m);
      if (m.skips_assignment) {
        // The leader gets the members, and is told to keep its assignment (KIP-814).
        reply.skip_assignment = leads;
      } else {
        // An older client that is told it leads would compute an assignment that nobody waits for.
        reply.leader = old_leader;
        reply.members.clear();
      }
    }
    done.replies.emplace_back(token, std::move(reply));
    return done;
  };
}

void GroupMachine::rebalance_or_complete(Group& group, GroupTime now, GroupOutcome& out) {
  if (group.is(GroupState::preparing_rebalance)) return try_complete_join(group, now, out);
  prepare_rebalance(group, now, out);
}

void GroupMachine::prepare_rebalance(Group& group, GroupTime now, GroupOutcome& out) {
  if (group.is(GroupState::completing_rebalance)) {
    for (auto& [_, m] : group.members) {
      m.assignment.clear();
      if (m.awaiting_sync != 0)
        out.replies.emplace_back(std::exchange(m.awaiting_sync, 0), sync_error(ErrorCode::rebalance_in_progress));
    }
  }
  group.unsynced.clear();
  group.sync_deadline_ms = -1;
  group.persisting = false;  // whatever is being written is of a generation that is over
  group.initial_delay = group.is(GroupState::empty);
  transition(group, GroupState::preparing_rebalance, now);
  if (group.initial_delay) {
    // The first members wait for others, so that a starting application does not rebalance once per instance.
    group.member_added = false;
    group.initial_left_ms = std::max(group.rebalance_timeout_ms() - options_.initial_rebalance_delay_ms, 0);
    group.join_deadline_ms = now.steady_ms + options_.initial_rebalance_delay_ms;
    arm(group, group.join_deadline_ms);
    return;
  }
  group.join_deadline_ms = now.steady_ms + group.rebalance_timeout_ms();
  arm(group, group.join_deadline_ms);
  try_complete_join(group, now, out);
}

void GroupMachine::try_complete_join(Group& group, GroupTime now, GroupOutcome& out) {
  if (group.is(GroupState::preparing_rebalance) && !group.initial_delay && group.all_joined())
    complete_join(group, now, out);
}

void GroupMachine::end_initial_delay(Group& group, GroupTime now, GroupOutcome& out) {
  if (group.member_added && group.initial_left_ms > 0) {
    group.member_added = false;
    const std::int64_t delay = std::min<std::int64_t>(options_.initial_rebalance_delay_ms, group.initial_left_ms);
    group.initial_left_ms -= delay;
    group.join_deadline_ms = now.steady_ms + delay;
    return arm(group, group.join_deadline_ms);
  }
  complete_join(group, now, out);
}

void GroupMachine::complete_join(Group& group, GroupTime now, GroupOutcome& out) {
  group.join_deadline_ms = -1;
  group.initial_delay = false;
  // Members that did not come back are out, but for static ones: those have until their session ends.
  std::vector<std::string> gone;
  for (const auto& [id, m] : group.members)
    if (m.awaiting_join == 0 && !m.instance_id) gone.push_back(id);
  for (const std::string& id : gone) remove_member(group, id, out);

  if (!group.members.empty()) {
    const GroupMember* leader = group.member(group.leader);
    if (!leader || leader->awaiting_join == 0) {
      const auto joined =
          std::ranges::find_if(group.members, [](const auto& m) { return m.second.awaiting_join != 0; });
      if (joined == group.members.end()) {
        // Only static members, none of them back yet: the phase goes on.
        group.join_deadline_ms = now.steady_ms + group.rebalance_timeout_ms();
        return arm(group, group.join_deadline_ms);
      }
      group.leader = joined->first;
    }
  }
  group.generation = group.generation == INT32_MAX ? 1 : group.generation + 1;
  if (group.members.empty()) {
    group.protocol.reset();
    group.leader.clear();
    transition(group, GroupState::empty, now);
    out.records.push_back(group_metadata_record(group));
    return;
  }
  group.protocol = group.select_protocol();
  transition(group, GroupState::completing_rebalance, now);
  group.unsynced.clear();
  for (auto& [id, m] : group.members) {
    group.unsynced.insert(id);
    m.is_new = false;
    keep_alive(group, m, now);
    if (m.awaiting_join != 0) out.replies.emplace_back(std::exchange(m.awaiting_join, 0), current(group, m));
  }
  group.sync_deadline_ms = now.steady_ms + group.rebalance_timeout_ms();
  arm(group, group.sync_deadline_ms);
}

JoinReply GroupMachine::current(const Group& group, const GroupMember& member) const {
  JoinReply reply;
  reply.generation = group.generation;
  reply.protocol_type = group.protocol_type;
  reply.protocol = group.protocol;
  reply.leader = group.leader;
  reply.member_id = member.id;
  if (group.leader == member.id)
    for (const auto& [id, m] : group.members) reply.members.push_back({id, m.instance_id, m.metadata(*group.protocol)});
  return reply;
}

void GroupMachine::answer_current(Group& group, GroupMember& member, ReplyToken token, GroupOutcome& out) const {
  out.replies.emplace_back(token, current(group, member));
}

GroupOutcome GroupMachine::sync(const SyncCall& call, ReplyToken token, GroupTime now) {
  GroupOutcome out;
  const auto refuse = [&](ErrorCode error) {
    out.replies.emplace_back(token, sync_error(error));
    return std::move(out);
  };
  if (call.group.empty()) return refuse(ErrorCode::invalid_group_id);
  const auto found = groups_.find(call.group);
  if (found == groups_.end()) return refuse(ErrorCode::unknown_member_id);
  Group& group = found->second;
  if (const ErrorCode fault = check_member(group, call.member_id, call.instance_id); fault != ErrorCode::none)
    return refuse(fault);
  if (call.generation != group.generation) return refuse(ErrorCode::illegal_generation);
  if ((call.protocol_type && group.protocol_type && call.protocol_type != group.protocol_type) ||
      (call.protocol && group.protocol && call.protocol != group.protocol))
    return refuse(ErrorCode::inconsistent_group_protocol);
  GroupMember& member = *group.member(call.member_id);
  switch (group.state) {
    case GroupState::empty:
      return refuse(ErrorCode::unknown_member_id);
    case GroupState::preparing_rebalance:
      return refuse(ErrorCode::rebalance_in_progress);
    case GroupState::stable: {
      // The leader has spoken already; this one is not silent.
      group.unsynced.erase(member.id);
      keep_alive(group, member, now);
      SyncReply reply;
      reply.protocol_type = group.protocol_type;
      reply.protocol = group.protocol;
      reply.assignment = member.assignment;
      out.replies.emplace_back(token, std::move(reply));
      return out;
    }
    case GroupState::completing_rebalance:
      break;
  }
  if (member.awaiting_sync != 0)
    out.replies.emplace_back(member.awaiting_sync, sync_error(ErrorCode::unknown_member_id));
  member.awaiting_sync = token;
  group.unsynced.erase(member.id);
  if (group.leader != member.id || group.persisting) return out;
  for (auto& [id, m] : group.members) {
    const auto given =
        std::ranges::find_if(call.assignments, [member_id = id](const auto& a) { return a.first == member_id; });
    m.assignment = given == call.assignments.end() ? OpaqueBytes{} : given->second;
  }
  group.persisting = true;
  out.records.push_back(group_metadata_record(group));
  out.committed = [this, id = group.id, generation = group.generation](ErrorCode error, GroupTime when) {
    return assignment_committed(id, generation, error, when);
  };
  return out;
}

GroupOutcome GroupMachine::assignment_committed(const std::string& id, std::int32_t generation, ErrorCode error,
                                                GroupTime now) {
  GroupOutcome out;
  const auto found = groups_.find(id);
  if (found == groups_.end()) return out;
  Group& group = found->second;
  // A rebalance may have begun meanwhile; then everybody was told, and the next assignment may be under way.
  if (!group.is(GroupState::completing_rebalance) || group.generation != generation) return out;
  group.persisting = false;
  if (error != ErrorCode::none) {
    for (auto& [_, m] : group.members)
      if (m.awaiting_sync != 0) out.replies.emplace_back(std::exchange(m.awaiting_sync, 0), sync_error(error));
    prepare_rebalance(group, now, out);
    return out;
  }
  for (auto& [_, m] : group.members) {
    if (m.awaiting_sync == 0) continue;
    SyncReply reply;
    reply.protocol_type = group.protocol_type;
    reply.protocol = group.protocol;
    reply.assignment = m.assignment;
    out.replies.emplace_back(std::exchange(m.awaiting_sync, 0), std::move(reply));
    keep_alive(group, m, now);
  }
  transition(group, GroupState::stable, now);
  return out;
}

ErrorCode GroupMachine::heartbeat(const MemberCall& call, GroupTime now) {
  if (call.group.empty()) return ErrorCode::invalid_group_id;
  const auto found = groups_.find(call.group);
  if (found == groups_.end()) return ErrorCode::unknown_member_id;
  Group& group = found->second;
  if (const ErrorCode fault = check_member(group, call.member_id, call.instance_id); fault != ErrorCode::none)
    return fault;
  if (call.generation != group.generation) return ErrorCode::illegal_generation;
  if (group.is(GroupState::empty)) return ErrorCode::unknown_member_id;
  keep_alive(group, *group.member(call.member_id), now);
  return group.is(GroupState::preparing_rebalance) ? ErrorCode::rebalance_in_progress : ErrorCode::none;
}

GroupOutcome GroupMachine::leave(const std::string& id, const std::vector<LeavingMember>& leaving,
                                 std::vector<ErrorCode>& results, GroupTime now) {
  GroupOutcome out;
  results.clear();
  const auto found = groups_.find(id);
  bool removed = false, pending_removed = false;
  for (const LeavingMember& who : leaving) {
    if (found == groups_.end()) {
      results.push_back(ErrorCode::unknown_member_id);
      continue;
    }
    Group& group = found->second;
    std::string member_id = who.member_id;
    if (member_id.empty() && who.instance_id) {
      const auto it = group.static_members.find(*who.instance_id);
      if (it != group.static_members.end()) member_id = it->second;
    }
    if (group.pending.erase(member_id) != 0) {
      pending_removed = true;
      results.push_back(ErrorCode::none);
      continue;
    }
    const ErrorCode fault = check_member(group, member_id, who.instance_id);
    results.push_back(fault);
    if (fault != ErrorCode::none) continue;
    remove_member(group, member_id, out);
    removed = true;
  }
  if (removed) {
    after_removal(found->second, now, out);
  } else if (pending_removed) {
    try_complete_join(found->second, now, out);
  }
  return out;
}

void GroupMachine::remove_member(Group& group, const std::string& member_id, GroupOutcome& out) {
  const auto it = group.members.find(member_id);
  if (it == group.members.end()) return;
  GroupMember& member = it->second;
  if (member.awaiting_join != 0)
    out.replies.emplace_back(member.awaiting_join, join_error(ErrorCode::unknown_member_id, ""));
  if (member.awaiting_sync != 0)
    out.replies.emplace_back(member.awaiting_sync, sync_error(ErrorCode::unknown_member_id));
  if (member.instance_id) {
    const auto mapped = group.static_members.find(*member.instance_id);
    if (mapped != group.static_members.end() && mapped->second == member_id) group.static_members.erase(mapped);
  }
  group.unsynced.erase(member_id);
  group.members.erase(it);
  if (group.leader == member_id) group.leader = group.members.empty() ? std::string() : group.members.begin()->first;
}

void GroupMachine::after_removal(Group& group, GroupTime now, GroupOutcome& out) {
  if (group.is(GroupState::stable) || group.is(GroupState::completing_rebalance)) {
    prepare_rebalance(group, now, out);
  } else if (group.is(GroupState::preparing_rebalance)) {
    try_complete_join(group, now, out);
  }
}

std::optional<std::int64_t> GroupMachine::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->at_ms;
}

GroupOutcome GroupMachine::tick(GroupTime now) {
  GroupOutcome out;
  std::set<std::string> due;
  while (!deadlines_.empty() && deadlines_.begin()->at_ms <= now.steady_ms) {
    due.insert(deadlines_.begin()->group);
    deadlines_.erase(deadlines_.begin());
  }
  for (const std::string& id : due) {
    const auto found = groups_.find(id);
    if (found != groups_.end()) tick(found->second, now, out);
  }
  return out;
}

void GroupMachine::tick(Group& group, GroupTime now, GroupOutcome& out) {
  const bool pending_expired =
      std::erase_if(group.pending, [&](const auto& p) { return p.second <= now.steady_ms; }) != 0;
  std::vector<std::string> expired;
  for (const auto& [id, m] : group.members) {
    const bool waits = m.awaiting_join != 0 || m.awaiting_sync != 0;  // parked: it cannot send heartbeats
    if (m.deadline_ms <= now.steady_ms && (!waits || m.is_new)) expired.push_back(id);
  }
  for (const std::string& id : expired) remove_member(group, id, out);
  if (!expired.empty()) {
    after_removal(group, now, out);
  } else if (pending_expired) {
    try_complete_join(group, now, out);
  }
  if (group.is(GroupState::preparing_rebalance) && group.join_deadline_ms >= 0 &&
      group.join_deadline_ms <= now.steady_ms) {
    if (group.initial_delay) {
      end_initial_delay(group, now, out);
    } else {
      complete_join(group, now, out);
    }
  }
  if (group.sync_deadline_ms >= 0 && group.sync_deadline_ms <= now.steady_ms) end_sync_phase(group, now, out);
}

// KIP-800's sequel: a member that joined and never asked for its assignment holds up nobody for ever.
void GroupMachine::end_sync_phase(Group& group, GroupTime now, GroupOutcome& out) {
  group.sync_deadline_ms = -1;
  if (group.unsynced.empty() || !(group.is(GroupState::completing_rebalance) || group.is(GroupState::stable))) return;
  const std::set<std::string> silent = std::exchange(group.unsynced, {});
  for (const std::string& id : silent) remove_member(group, id, out);
  prepare_rebalance(group, now, out);
}

GroupOutcome GroupMachine::loaded(GroupTime now) {
  GroupOutcome out;
  for (auto& [_, group] : groups_)
    for (auto& [id, m] : group.members) keep_alive(group, m, now);
  return out;
}

GroupOutcome GroupMachine::unload() {
  GroupOutcome out;
  for (auto& [_, group] : groups_)
    for (auto& [id, m] : group.members) {
      if (m.awaiting_join != 0) out.replies.emplace_back(m.awaiting_join, join_error(ErrorCode::not_coordinator, id));
      if (m.awaiting_sync != 0) out.replies.emplace_back(m.awaiting_sync, sync_error(ErrorCode::not_coordinator));
    }
  groups_.clear();
  deadlines_.clear();
  return out;
}

}  // namespace holdfast
