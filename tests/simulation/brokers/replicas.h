// What the brokers themselves hold, looked at from inside: who believes to lead, and whether replicas are equal.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "log/log.h"
#include "tests/simulation/brokers/record_history.h"
#include "tests/simulation/history.h"
#include "tests/simulation/node.h"

namespace holdfast {
class Metadata;
class Partition;
struct PartitionImage;
}  // namespace holdfast

namespace holdfast::sim {

// One leader per epoch, and one life of it, at every time that it is looked.
class Leaderships {
 public:
  explicit Leaderships(Violations& violations) : violations_(violations) {}
  void look(SimulatedNode& node);
  std::uint64_t looked() const { return looked_; }

 private:
  Violations& violations_;
  struct Life {
    int node = 0;
    std::uint64_t number = 0;
    friend bool operator==(const Life&, const Life&) = default;
  };
  std::map<std::pair<LogId, LeaderEpoch>, Life> leaders_;
  std::uint64_t looked_ = 0;
};

// Whoever may lead next, in sync or eligible by the newest state that anybody knows of, has on its disk all that was
// acknowledged or shown: looked at all the time, and at each acknowledgement.
class Successors {
 public:
  // `applied`: how far anybody has ever applied.
  Successors(const std::vector<SimulatedNode*>& nodes, RecordHistory& history, Function<Zxid()> applied)
      : nodes_(nodes), history_(history), applied_(std::move(applied)) {}
  void look();
  void look(const LogId& id);
  // What was deleted up to there is deleted at all that are in sync.
  void look_at_start(const LogId& id, Offset to);
  std::uint64_t looked() const { return looked_; }

 private:
  Metadata* newest_image();  // null: nobody who is there knows all that anybody did
  void look(const PartitionImage& image, const Metadata& metadata);
  // Its replica there, open and registered; null: there is none that could tell.
  Partition* replica(std::int32_t broker, const LogId& id, const Metadata& metadata) const;

  const std::vector<SimulatedNode*>& nodes_;
  RecordHistory& history_;
  Function<Zxid()> applied_;
  std::set<std::pair<LogId, std::int32_t>> complained_;  // once of each
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
