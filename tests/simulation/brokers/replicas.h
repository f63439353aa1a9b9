// What the brokers themselves hold, looked at from inside: who believes to lead, and whether replicas are equal.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "log/log.h"
#include "tests/simulation/history.h"
#include "tests/simulation/node.h"

namespace holdfast::sim {

// One leader per epoch, at every time that it is looked.
class Leaderships {
 public:
  explicit Leaderships(Violations& violations) : violations_(violations) {}
  void look(SimulatedNode& node);
  std::uint64_t looked() const { return looked_; }

 private:
  Violations& violations_;
  std::map<std::pair<LogId, LeaderEpoch>, int> leaders_;
  std::uint64_t looked_ = 0;
};

// Every replica of a partition holds the same batches, from where all begin to the least high watermark. Turns the
// world until all of them are read.
void compare_replicas(World& world, const std::vector<SimulatedNode*>& nodes, Violations& violations,
                      std::uint64_t& batches_compared);

// Which disks may be emptied: of every partition somebody else in sync has all that was acknowledged.
class DiskRule {
 public:
  bool may_empty(SimulatedNode& node, SimulatedNode& leader);  // and then it is

 private:
  std::map<int, std::int64_t> emptied_at_;  // at which zxid; it is out of all ISRs when it registers after that
};

// What the nodes think of the partitions that are not all in sync.
std::string describe_laggards(const std::vector<SimulatedNode*>& nodes);

}  // namespace holdfast::sim
