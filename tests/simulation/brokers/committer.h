// SimulatedCommitter: commits ever larger offsets for a group of its own (without members), and reads them back: what
// was acknowledged is there, whoever coordinates the group now.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "tests/simulation/brokers/cluster_client.h"
#include "tests/simulation/brokers/record_history.h"

namespace holdfast::sim {

class SimulatedCommitter {
 public:
  SimulatedCommitter(World& world, Shard& shard, std::string address, int brokers, int index, std::string topic,
                     Duration think_max, RecordHistory& history);

  Task<void> run();
  void finish() { finishing_ = true; }  // when what it committed last has been read back
  void abandon() { abandoned_ = finishing_ = true; }
  bool is_done() const { return done_; }
  std::uint64_t commits() const { return commits_; }
  std::string waits_for() const { return group_; }

 private:
  Task<bool> find_coordinator();
  Task<bool> commit(std::int32_t broker, std::int64_t offset);
  Task<bool> read_back(std::int32_t broker);

  RecordHistory& history_;
  const std::string group_, topic_;
  const Duration think_max_;
  ClusterClient client_;
  std::int32_t coordinator_ = -1;
  std::int64_t acknowledged_ = -1, attempted_ = -1;
  // Those nobody answered: each may arrive at any later time, and hold until the next one.
  std::set<std::int64_t> unresolved_;
  std::uint64_t commits_ = 0;
  bool finishing_ = false, abandoned_ = false, done_ = false;
};

}  // namespace holdfast::sim
