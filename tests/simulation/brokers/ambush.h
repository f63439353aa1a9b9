// Ambush: faults that wait for the moment at which they hurt. A Nemesis strikes at any time, and most times are dull:
// what a protocol gets wrong it gets wrong while an ISR is being written, while somebody is eligible, when a controller
// has just been replaced. It looks at what the brokers think, waits until there is such a moment, and strikes then,
// with an accomplice among the clients who asks the brokers for what fits.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/simulation/brokers/cluster_client.h"
#include "tests/simulation/nemesis.h"

namespace holdfast {
class Metadata;
class Partition;
}  // namespace holdfast

namespace holdfast::sim {

class Ambush {
 public:
  // `means`: the mean time between ambushes of a kind. The accomplice is a client on that shard, whose tasks hold the
  // gate.
  Ambush(World& world, const std::map<std::string, Duration>& means, Duration lag_max,
         std::vector<SimulatedNode*> nodes, Nemesis& nemesis, Shard& shard, Gate& gate, std::string address);

  void start();
  const std::map<std::string, std::uint64_t>& injected() const { return injected_; }
  ClusterClient& client() { return client_; }
  static const std::vector<std::string>& kinds();

 private:
  struct Kind {
    const char* name;
    bool (Ambush::*strike)();  // false: this is not the moment
  };
  static const std::vector<Kind>& table();
  // A partition, by its leader and in its leader's eyes.
  struct Led {
    SimulatedNode* leader = nullptr;
    Partition* partition = nullptr;
    Metadata* metadata = nullptr;
  };

  void schedule(const Kind& kind, Duration mean);
  void lie_in_wait(const Kind& kind, Duration mean, SteadyTime until);
  std::vector<Led> all_led() const;
  bool pick(Led& out, Function<bool(const Led&)> fits);
  SimulatedNode* node_of(std::int32_t id) const;
  Duration between(std::int64_t least_ms, std::int64_t most_ms);
  void later(Duration how_long, Function<void()> what);
  void hold_up(SimulatedNode& from, SimulatedNode& to, Duration how_long);
  void cut_off(SimulatedNode& node, Duration how_long);  // from the other servers; its clients reach it
  void fell(SimulatedNode& node);
  void ask(Task<void> what);

  bool isr_is_written();
  bool cut_off_leader();
  bool starve_replica();
  bool somebody_is_eligible();
  bool to_and_fro();
  bool depose_controller();
  bool leader_returns();
  bool namesake();
  bool fail_directory();

  Task<void> set_min_isr(std::string topic, int value);
  Task<void> lead(std::string topic, std::int32_t partition, std::vector<std::int32_t> order);
  Task<void> reassign(std::string topic, std::int32_t partition, std::vector<std::int32_t> replicas);

  World& world_;
  const std::map<std::string, Duration> means_;
  const Duration lag_max_;
  std::vector<SimulatedNode*> nodes_;
  Nemesis& nemesis_;
  Gate& gate_;
  ClusterClient client_;
  std::map<std::string, Uuid> names_;  // of topics that were seen
  std::map<std::string, std::uint64_t> injected_;
};

}  // namespace holdfast::sim
