// SimulatedMember: a member of a consumer group of the classic protocol. It joins, shares the partitions of a topic out
// when it leads, commits what it owns, and reads back what was committed when it begins to own. Now and then it sleeps
// too long and commits as if nothing had happened, leaves, or dies and comes again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/brokers/cluster_client.h"
#include "tests/simulation/brokers/group_history.h"
#include "wire/kafka/groups.h"

namespace holdfast::sim {

struct MemberOptions {
  std::string group, topic;
  int index = 0;
  bool is_static = false;  // it has a name that outlives it (KIP-345)
  std::int32_t session_timeout_ms = 3000, rebalance_timeout_ms = 4000;
  Duration think_max = std::chrono::milliseconds(300);
};

class SimulatedMember {
 public:
  SimulatedMember(World& world, Shard& shard, std::string address, int brokers, MemberOptions options,
                  RecordHistory& records, GroupHistory& history);

  Task<void> run();
  // It ends when it has what it is to own, has committed once more, and read that back.
  void finish() { finishing_ = true; }
  void abandon() { abandoned_ = finishing_ = true; }
  bool is_done() const { return done_; }
  std::string waits_for() const;

 private:
  Task<bool> find_coordinator();
  Task<void> join();
  Task<void> sync(std::map<std::string, GroupHistory::Partitions> shares);
  Task<void> work();
  Task<void> heartbeat();
  Task<bool> commit();
  Task<bool> read_back();
  Task<void> leave();
  Task<void> misbehave();
  std::map<std::string, GroupHistory::Partitions> shared_out(const wire::JoinGroupResponse& joined) const;
  std::optional<std::string> instance() const;
  const std::string& owner() const { return options_.is_static ? name_ : member_id_; }
  // What an error means for it.
  void heed(std::int16_t error, const char* when);
  void forget_share() {
    generation_ = -1;
    positions_.clear();
  }

  RecordHistory& records_;
  GroupHistory& history_;
  const MemberOptions options_;
  const std::string name_;
  ClusterClient client_;
  std::int32_t coordinator_ = -1, generation_ = -1;
  std::string member_id_;
  std::map<std::int32_t, std::int64_t> positions_;  // of what it owns
  bool finishing_ = false, abandoned_ = false, settled_ = false, done_ = false;
  std::int16_t last_error_ = 0;
};

}  // namespace holdfast::sim
