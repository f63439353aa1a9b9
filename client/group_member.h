// GroupMember: one member of a classic consumer group (KIP-62, KIP-345, KIP-429). It joins, has the leader assign, and
// beats, in the background; what its owner sees of a rebalance happens only inside of poll(), between two batches of
// work, so that the owner can finish and commit what it gives up. Who does not call poll() for `max_poll_interval`
// leaves the group by itself.
//
// Eager: everything is given up before joining. Cooperative (where all assignors allow it): only what goes to another
// member, after it was assigned away; a second rebalance hands it on. Whoever was thrown out, or was away too long, has
// lost its partitions: somebody else may own them already. A static member (group_instance_id) does not leave when it
// stops, and gets its partitions back when it returns within the session timeout.
//
// Lives on its cluster's shard.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/assignor.h"
#include "client/cluster.h"
#include "client/wait_list.h"
#include "wire/kafka/groups.h"

namespace holdfast::client {

struct GroupMemberOptions {
  std::string group_id;
  std::optional<std::string> group_instance_id;
  std::vector<std::shared_ptr<Assignor>> assignors;  // in order of preference
  Duration session_timeout = std::chrono::seconds(45);
  Duration heartbeat_interval = std::chrono::seconds(3);
  Duration max_poll_interval = std::chrono::minutes(5);  // the rebalance timeout too
  std::optional<std::string> rack;
  bool leave_on_stop = true;  // a static member does not, whatever this says
};

class GroupMember {
 public:
  // Whoever consumes. Called inside of poll() and stop(), one after the other.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual std::vector<std::string> topics() = 0;                           // it subscribes to
    virtual Task<void> revoked(std::vector<TopicPartition> partitions) = 0;  // still its own: it may commit
    virtual Task<void> lost(std::vector<TopicPartition> partitions) = 0;     // not any more
    virtual Task<void> assigned(std::vector<TopicPartition> added) = 0;
  };

  // `changed`: poll() has something to do.
  GroupMember(Cluster& cluster, GroupMemberOptions options, Owner& owner, Function<void()> changed);
  ~GroupMember();  // stop() must have returned
  GroupMember(const GroupMember&) = delete;
  GroupMember& operator=(const GroupMember&) = delete;

  // The owner lives. Takes part in a rebalance that is under way for up to `at_most`; true: the member has its
  // assignment, and it is current. A failure that trying again does not help, as FENCED_INSTANCE_ID, stays.
  Task<Outcome<bool>> poll(Duration at_most);
  bool settled() const { return state_ == State::stable && !rejoin_wanted_ && !failure_; }
  // poll() with nothing to do, where settled(). A member that is not polls.
  void touch() { last_poll_ = cluster_.shard().clock().now(); }
  // The subscription, or what there is of the topics, has changed.
  void rejoin(std::string_view reason);

  // Gives up what it has and leaves the group; nothing of it runs any more. Not while poll() runs.
  Task<void> stop(std::string reason);

  const std::set<TopicPartition>& owned() const { return owned_; }
  const GroupMemberOptions& options() const { return options_; }
  // As commits state them; -1 and empty outside of the group.
  std::int32_t generation() const { return generation_; }
  const std::string& member_id() const { return member_id_; }
  bool is_leader() const { return is_leader_; }
  // As leader: what it assigned by; empty else.
  const PartitionCounts& assigned_by() const { return assigned_by_; }
  // What the answer to a commit of that generation says about the member.
  void told(wire::ErrorCode code, std::int32_t generation);

 private:
  enum class State { outside, joining, syncing, stable };
  struct Joining {  // the outcome of a round of JoinGroup and SyncGroup
    std::vector<TopicPartition> assignment;
    Assignor* assignor = nullptr;
  };

  // ---- group_member.cpp
  void wake();
  void forget_identity(bool member_id_too);
  void fail_for_good(Failure failure);
  bool note(wire::ErrorCode code);
  Task<void> prepare();
  Task<void> complete();
  Task<void> join_rounds();
  bool after_failure(const Failure& failure);
  Task<void> beat();
  Task<bool> beat_once();
  Task<void> send_leave(std::string member_id, std::string reason);
  bool nobody_polls() const { return shard_.clock().now() - last_poll_ > options_.max_poll_interval; }

  // ---- group_member_round.cpp
  Task<Outcome<Joining>> join_and_sync();
  Task<Outcome<wire::JoinGroupResponse>> join(std::int32_t coordinator);
  Task<Outcome<std::vector<wire::SyncGroupRequest::Assignment>>> assign(const wire::JoinGroupResponse& joined);
  Task<PartitionCounts> assigned_so_far(std::int32_t coordinator);
  wire::JoinGroupRequest join_request() const;
  Assignor* find_assignor(const std::optional<std::string>& name) const;

  Cluster& cluster_;
  Shard& shard_;
  const GroupMemberOptions options_;
  Owner& owner_;
  Function<void()> changed_;
  const bool cooperative_;

  State state_ = State::outside;
  std::int32_t generation_ = -1;
  std::string member_id_;
  bool is_on_record_ = false;  // the coordinator has written a generation with that id down; else it may forget it
  SteadyTime ghost_until_{};   // a join whose answer did not come may be carried out until about then
  bool is_leader_ = false;
  PartitionCounts assigned_by_;
  std::set<TopicPartition> owned_;
  std::optional<Joining> joined_;   // for poll() to complete
  std::optional<Failure> failure_;  // for good
  bool rejoin_wanted_ = false;
  bool lost_ = false;   // what it owns is not its own any more
  std::string reason_;  // of the next join (KIP-800)
  SteadyTime last_poll_{};
  std::int32_t asking_ = -1;  // the coordinator that has a JoinGroup or SyncGroup to answer
  bool in_rounds_ = false, beating_ = false, stopping_ = false;
  WaitList progress_;  // poll() waits for a round
  WaitList beats_;     // pauses between heartbeats and rounds
  Gate gate_;
};

// ---- group_member_protocol.cpp: what members tell each other

std::vector<std::uint8_t> encode_subscription(const std::vector<std::string>& topics,
                                              const std::set<TopicPartition>& owned, std::int32_t generation,
                                              const std::optional<std::string>& rack, const Assignor& assignor);
// Nothing where the bytes are not a subscription.
std::optional<GroupMemberInfo> decode_subscription(ByteView bytes);
std::vector<std::uint8_t> encode_assignment(const std::vector<TopicPartition>& partitions);
std::optional<std::vector<TopicPartition>> decode_assignment(ByteView bytes);

}  // namespace holdfast::client
