// JoinGroup (11), Heartbeat (12), LeaveGroup (13), SyncGroup (14): the classic group protocol. Joins and syncs are
// parked in the coordinator. v4 MEMBER_ID_REQUIRED (KIP-394), v5 static members (KIP-345), v7 protocol types (KIP-559),
// v9 SkipAssignment (KIP-814).
#include "wire/kafka/groups.h"

#include "broker/handlers/group_call.h"
#include "broker/handlers/handlers.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

void respond_join(RequestContext& context, JoinReply reply) {
  wire::JoinGroupResponse out;
  const bool failed = reply.error != ErrorCode::none;
  out.error_code = code(reply.error);
  out.generation_id = reply.generation;
  out.protocol_type = std::move(reply.protocol_type);
  out.protocol_name = std::move(reply.protocol);
  // Null is a version 7 word for "none".
  if (!out.protocol_name && context.version() < 7) out.protocol_name = "";
  if (failed) out.protocol_type.reset();
  out.leader = std::move(reply.leader);
  out.member_id = std::move(reply.member_id);
  out.skip_assignment = reply.skip_assignment;
  for (auto& m : reply.members)
    out.members.push_back({.member_id = std::move(m.id),
                           .group_instance_id = std::move(m.instance_id),
                           .metadata = std::move(m.metadata)});
  context.respond(out);
}

void respond_sync(RequestContext& context, SyncReply reply) {
  wire::SyncGroupResponse out;
  out.error_code = code(reply.error);
  out.protocol_type = std::move(reply.protocol_type);
  out.protocol_name = std::move(reply.protocol);
  out.assignment = std::move(reply.assignment);
  context.respond(out);
}

}  // namespace

void join_group(RequestContext request) {
  wire::JoinGroupRequest message;
  if (!request.read(message)) return;
  JoinCall call;
  call.group = std::move(message.group_id);
  call.member_id = std::move(message.member_id);
  call.client_id = request.client_id();
  call.client_host = "/" + request.client_host();
  call.protocol_type = std::move(message.protocol_type);
  call.instance_id = std::move(message.group_instance_id);
  call.session_timeout_ms = message.session_timeout_ms;
  call.rebalance_timeout_ms = request.version() >= 1 ? message.rebalance_timeout_ms : message.session_timeout_ms;
  for (auto& p : message.protocols) call.protocols.emplace_back(std::move(p.name), std::move(p.metadata));
  call.member_id_required = request.version() >= 4 && !call.instance_id;
  call.skips_assignment = request.version() >= 9;
  if (call.group.empty()) {
    JoinReply refused;
    refused.error = ErrorCode::invalid_group_id;
    refused.member_id = std::move(call.member_id);
    return respond_join(request, std::move(refused));
  }
  const std::string group = call.group;
  const auto refuse = [member = call.member_id](ErrorCode error) {
    JoinReply refused;
    refused.error = error;
    refused.member_id = member;
    return refused;
  };
  auto work = [call = std::move(call)](GroupCoordinator& groups, GroupCoordinator::Hosted& hosted,
                                       Function<void(JoinReply)> answer) {
    const ReplyToken token = groups.park(
        [answer = std::move(answer)](GroupReply reply) mutable { answer(std::get<JoinReply>(std::move(reply))); });
    groups.perform(hosted, groups.machine(hosted).join(call, token, groups.now()));
  };
  call_group<JoinReply>(std::move(request), group, std::move(work), respond_join, refuse);
}

void sync_group(RequestContext request) {
  wire::SyncGroupRequest message;
  if (!request.read(message)) return;
  const auto refuse = [](ErrorCode error) {
    SyncReply refused;
    refused.error = error;
    return refused;
  };
  // From version 5 on the protocol is stated.
  if (request.version() >= 5 && (!message.protocol_type || !message.protocol_name))
    return respond_sync(request, refuse(ErrorCode::inconsistent_group_protocol));
  if (message.group_id.empty()) return respond_sync(request, refuse(ErrorCode::invalid_group_id));
  SyncCall call;
  call.group = std::move(message.group_id);
  call.member_id = std::move(message.member_id);
  call.instance_id = std::move(message.group_instance_id);
  call.protocol_type = std::move(message.protocol_type);
  call.protocol = std::move(message.protocol_name);
  call.generation = message.generation_id;
  for (auto& a : message.assignments) call.assignments.emplace_back(std::move(a.member_id), std::move(a.assignment));
  const std::string group = call.group;
  auto work = [call = std::move(call)](GroupCoordinator& groups, GroupCoordinator::Hosted& hosted,
                                       Function<void(SyncReply)> answer) {
    const ReplyToken token = groups.park(
        [answer = std::move(answer)](GroupReply reply) mutable { answer(std::get<SyncReply>(std::move(reply))); });
    groups.perform(hosted, groups.machine(hosted).sync(call, token, groups.now()));
  };
  call_group<SyncReply>(std::move(request), group, std::move(work), respond_sync, refuse);
}

void heartbeat(RequestContext request) {
  wire::HeartbeatRequest message;
  if (!request.read(message)) return;
  MemberCall call{std::move(message.group_id), std::move(message.member_id), std::move(message.group_instance_id),
                  message.generation_id};
  const std::string group = call.group;
  const auto respond = [](RequestContext& context, ErrorCode error) {
    wire::HeartbeatResponse out;
    // A coordinator that loads knows nobody yet: its members live on.
    out.error_code = code(error == ErrorCode::coordinator_load_in_progress ? ErrorCode::none : error);
    context.respond(out);
  };
  if (group.empty()) return respond(request, ErrorCode::invalid_group_id);
  auto work = [call = std::move(call)](GroupCoordinator& groups, GroupCoordinator::Hosted& hosted,
                                       Function<void(ErrorCode)> answer) {
    const ErrorCode error = groups.machine(hosted).heartbeat(call, groups.now());
    answer(error);
  };
  call_group<ErrorCode>(std::move(request), group, std::move(work), respond, [](ErrorCode error) { return error; });
}

void leave_group(RequestContext request) {
  wire::LeaveGroupRequest message;
  if (!request.read(message)) return;
  struct Left {
    ErrorCode error = ErrorCode::none;
    std::vector<ErrorCode> results;
  };
  std::vector<LeavingMember> leaving;
  if (request.version() < 3) {
    leaving.push_back({message.member_id, std::nullopt});
  } else {
    for (const auto& m : message.members) leaving.push_back({m.member_id, m.group_instance_id});
  }
  const auto respond = [members = leaving](RequestContext& context, Left left) {
    wire::LeaveGroupResponse out;
    out.error_code = code(left.error);
    if (context.version() < 3) {
      if (left.error == ErrorCode::none && !left.results.empty()) out.error_code = code(left.results.front());
    } else if (left.error == ErrorCode::none) {
      for (std::size_t i = 0; i < left.results.size(); ++i)
        out.members.push_back({.member_id = members[i].member_id,
                               .group_instance_id = members[i].instance_id,
                               .error_code = code(left.results[i])});
    }
    context.respond(out);
  };
  if (message.group_id.empty()) return respond(request, Left{ErrorCode::invalid_group_id, {}});
  auto work = [group = message.group_id, leaving](GroupCoordinator& groups, GroupCoordinator::Hosted& hosted,
                                                  Function<void(Left)> answer) {
    Left left;
    GroupOutcome outcome = groups.machine(hosted).leave(group, leaving, left.results, groups.now());
    groups.perform(hosted, std::move(outcome));
    answer(std::move(left));
  };
  call_group<Left>(std::move(request), message.group_id, std::move(work), respond,
                   [](ErrorCode error) { return Left{error, {}}; });
}

}  // namespace holdfast::handlers
