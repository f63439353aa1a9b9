// GroupMachine: the coordinator of the classic groups of one __consumer_offsets partition. Pure: no coroutine, clock or
// socket. A call says what to write and whom to answer; GroupCoordinator (the shell) writes first and answers after
// the records are committed.
//
// Members' states (generation, assignments) change when a call decides them; committed offsets change only by apply().
// What apply() rebuilds from the log after a restart is what was decided and committed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/group.h"
#include "runtime/function.h"
#include "runtime/random.h"
#include "wire/kafka/errors.h"

namespace holdfast {

struct GroupOptions {
  std::int32_t session_timeout_min_ms = 6'000, session_timeout_max_ms = 1'800'000;
  std::int32_t initial_rebalance_delay_ms = 3'000;
  std::size_t members_max = INT32_MAX;
  std::size_t offset_metadata_bytes_max = 4096;
  std::int64_t offsets_retention_ms = 10'080LL * 60'000;
};

// Steady time for what expires while we watch, wall time for what is written down.
struct GroupTime {
  std::int64_t steady_ms = 0;
  std::int64_t wall_ms = 0;
};

struct GroupRecord {
  OpaqueBytes key;
  std::optional<OpaqueBytes> value;  // nothing: a tombstone
};

struct JoinReply {
  wire::ErrorCode error = wire::ErrorCode::none;
  std::int32_t generation = -1;
  std::optional<std::string> protocol_type, protocol;
  std::string leader, member_id;
  bool skip_assignment = false;
  struct Member {
    std::string id;
    std::optional<std::string> instance_id;
    OpaqueBytes metadata;
  };
  std::vector<Member> members;
};
struct SyncReply {
  wire::ErrorCode error = wire::ErrorCode::none;
  std::optional<std::string> protocol_type, protocol;
  OpaqueBytes assignment;
};
using GroupReply = std::variant<JoinReply, SyncReply>;

struct GroupOutcome {
  std::vector<GroupRecord> records;                        // to be appended as one batch
  std::vector<std::pair<ReplyToken, GroupReply>> replies;  // may leave at once, whatever becomes of the records
  // Called when the records are committed, or have failed with an error.
  Function<GroupOutcome(wire::ErrorCode, GroupTime)> committed;
};

struct JoinCall {
  std::string group, member_id, client_id, client_host, protocol_type;
  std::optional<std::string> instance_id;
  std::int32_t session_timeout_ms = 0, rebalance_timeout_ms = 0;
  std::vector<std::pair<std::string, OpaqueBytes>> protocols;
  bool member_id_required = false;  // JoinGroup 4 and later (KIP-394)
  bool skips_assignment = false;    // JoinGroup 9 and later (KIP-814)
};
struct SyncCall {
  std::string group, member_id;
  std::optional<std::string> instance_id, protocol_type, protocol;
  std::int32_t generation = -1;
  std::vector<std::pair<std::string, OpaqueBytes>> assignments;
};
struct MemberCall {  // heartbeat, and who commits
  std::string group, member_id;
  std::optional<std::string> instance_id;
  std::int32_t generation = -1;
};
struct LeavingMember {
  std::string member_id;
  std::optional<std::string> instance_id;
};
struct OffsetToCommit {
  std::string topic;
  std::int32_t partition = 0;
  Group::CommittedOffset offset;
};
struct GroupDescription {
  wire::ErrorCode error = wire::ErrorCode::none;
  std::string state, protocol_type, protocol;
  struct Member {
    std::string id, client_id, client_host;
    std::optional<std::string> instance_id;
    OpaqueBytes metadata, assignment;
  };
  std::vector<Member> members;
};

class GroupMachine {
 public:
  GroupMachine(GroupOptions options, Random& random) : options_(options), random_(random) {}

  // Replay, and what was committed now. `live`: the group was changed by a call already, only offsets are news.
  void apply(const GroupRecord& record, bool live);
  // After the replay: members found in the log get their session timeout from now on.
  GroupOutcome loaded(GroupTime now);

  GroupOutcome join(const JoinCall& call, ReplyToken token, GroupTime now);
  GroupOutcome sync(const SyncCall& call, ReplyToken token, GroupTime now);
  wire::ErrorCode heartbeat(const MemberCall& call, GroupTime now);
  GroupOutcome leave(const std::string& group, const std::vector<LeavingMember>& members,
                     std::vector<wire::ErrorCode>& results, GroupTime now);
  // An error for all; otherwise `results` has each offset's, in order, and the records of the good ones are returned.
  wire::ErrorCode commit(const MemberCall& call, bool epochs_of_members, const std::vector<OffsetToCommit>& offsets,
                         std::vector<wire::ErrorCode>& results, GroupOutcome& outcome, GroupTime now);
  const Group* find(const std::string& group) const;
  GroupDescription describe(const std::string& group) const;
  const std::map<std::string, Group>& groups() const { return groups_; }
  wire::ErrorCode remove(const std::string& group, GroupOutcome& outcome);
  wire::ErrorCode remove_offsets(const std::string& group,
                                 const std::vector<std::pair<std::string, std::int32_t>>& which,
                                 std::vector<wire::ErrorCode>& results, GroupOutcome& outcome);
  // Offsets whose time is over, and groups that have nothing left.
  GroupOutcome expire(GroupTime now);
  GroupOutcome topics_deleted(const std::vector<std::string>& topics);

  // When tick() has something to do; steady ms.
  std::optional<std::int64_t> next_deadline() const;
  GroupOutcome tick(GroupTime now);
  // The coordinator moved away: everybody who waits is answered.
  GroupOutcome unload();

 private:
  struct Deadline {
    std::int64_t at_ms;
    std::string group;
    friend auto operator<=>(const Deadline&, const Deadline&) = default;
  };

  Group& create(const std::string& id);
  wire::ErrorCode check_member(Group& group, const std::string& member_id,
                               const std::optional<std::string>& instance_id) const;
  void new_member(Group& group, const JoinCall& call, const std::string& member_id, ReplyToken token, GroupTime now,
                  GroupOutcome& out);
  void existing_member(Group& group, const JoinCall& call, ReplyToken token, GroupTime now, GroupOutcome& out);
  void replace_static(Group& group, const JoinCall& call, const std::string& old_id, const std::string& new_id,
                      ReplyToken token, GroupTime now, GroupOutcome& out);
  void update_and_rebalance(Group& group, GroupMember& member, const JoinCall& call, ReplyToken token, GroupTime now,
                            GroupOutcome& out);
  void rebalance_or_complete(Group& group, GroupTime now, GroupOutcome& out);
  void prepare_rebalance(Group& group, GroupTime now, GroupOutcome& out);
  void try_complete_join(Group& group, GroupTime now, GroupOutcome& out);
  void complete_join(Group& group, GroupTime now, GroupOutcome& out);
  void end_initial_delay(Group& group, GroupTime now, GroupOutcome& out);
  void end_sync_phase(Group& group, GroupTime now, GroupOutcome& out);
  void remove_member(Group& group, const std::string& member_id, GroupOutcome& out);
  void after_removal(Group& group, GroupTime now, GroupOutcome& out);
  GroupOutcome assignment_committed(const std::string& group, std::int32_t generation, wire::ErrorCode error,
                                    GroupTime now);
  void keep_alive(Group& group, GroupMember& member, GroupTime now);
  void answer_current(Group& group, GroupMember& member, ReplyToken token, GroupOutcome& out) const;
  JoinReply current(const Group& group, const GroupMember& member) const;
  void transition(Group& group, GroupState to, GroupTime now);
  void arm(const Group& group, std::int64_t at_ms);
  void tick(Group& group, GroupTime now, GroupOutcome& out);

  GroupOptions options_;
  Random& random_;
  std::map<std::string, Group> groups_;
  std::set<Deadline> deadlines_;  // at least one for each armed time of a group; may be early or stale
};

}  // namespace holdfast
