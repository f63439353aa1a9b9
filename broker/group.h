// Group: the state of one classic consumer group (KIP-62, KIP-345, KIP-394) as its coordinator keeps it. Data and
// small questions only; GroupMachine decides. Lives on the shard of its __consumer_offsets partition.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace holdfast {

using ReplyToken = std::uint64_t;  // the caller's name for a request that waits; 0: nobody waits

enum class GroupState : std::uint8_t { empty, preparing_rebalance, completing_rebalance, stable };
std::string_view to_string(GroupState state);  // "Empty", "PreparingRebalance", ...

using OpaqueBytes = std::vector<std::uint8_t>;  // what members tell each other: not the broker's to read

struct GroupMember {
  std::string id;
  std::optional<std::string> instance_id;  // a static member's
  std::string client_id, client_host;
  std::int32_t session_timeout_ms = 0, rebalance_timeout_ms = 0;
  std::vector<std::pair<std::string, OpaqueBytes>> protocols;  // in order of preference
  OpaqueBytes assignment;

  ReplyToken awaiting_join = 0, awaiting_sync = 0;
  bool skips_assignment = false;  // understands SkipAssignment (JoinGroup 9)
  bool is_new = false;            // has not completed a join: does not know its id, cannot send heartbeats
  std::int64_t deadline_ms = 0;   // steady time when it is taken for dead

  bool supports(const std::string& protocol) const;
  const OpaqueBytes& metadata(const std::string& protocol) const;  // empty when it does not support it
};

struct Group {
  std::string id;
  GroupState state = GroupState::empty;
  GroupState previous = GroupState::empty;
  std::int64_t state_since_ms = -1;  // wall time
  std::optional<std::string> protocol_type, protocol;
  std::int32_t generation = 0;
  std::string leader;  // a member id; empty: none
  std::map<std::string, GroupMember> members;
  std::map<std::string, std::string> static_members;  // instance id -> member id
  std::map<std::string, std::int64_t> pending;        // ids given out by MEMBER_ID_REQUIRED -> steady deadline
  std::set<std::string> unsynced;                     // members of this generation that have not asked for a sync

  std::int64_t join_deadline_ms = -1;  // steady time when the join phase ends; -1: not armed
  std::int64_t sync_deadline_ms = -1;
  bool initial_delay = false;  // the join phase is the first one of an empty group
  std::int64_t initial_left_ms = 0;
  bool member_added = false;  // since the initial delay was armed
  bool persisting = false;    // the leader's assignment is being written

  struct CommittedOffset {
    std::int64_t offset = -1;
    std::int32_t leader_epoch = -1;
    std::string metadata;
    std::int64_t commit_ms = -1;
    std::int64_t expire_ms = -1;  // of records written before 2.1; -1: by offsets.retention.minutes
  };
  std::map<std::string, std::map<std::int32_t, CommittedOffset>> offsets;  // topic -> partition

  bool is(GroupState s) const { return state == s; }
  bool is_simple() const { return members.empty() && !protocol_type && generation == 0; }
  GroupMember* member(const std::string& member_id);
  std::size_t awaiting_join() const;
  bool all_joined() const { return awaiting_join() == members.size() && pending.empty(); }
  std::int32_t rebalance_timeout_ms() const;  // the longest of its members
  std::set<std::string> common_protocols() const;
  std::string select_protocol() const;  // by vote among those that all support
  bool supports(const std::string& type, const std::vector<std::pair<std::string, OpaqueBytes>>& protocols) const;
  // Topics the members of a "consumer" group subscribe to; nothing when the group is not one, or says it in a way that
  // is not understood.
  std::optional<std::set<std::string>> subscribed_topics() const;
};

// The topics in a ConsumerProtocolSubscription, any version.
std::optional<std::vector<std::string>> consumer_subscription_topics(const OpaqueBytes& metadata);

}  // namespace holdfast
