// Nemesis: does to the nodes and the network what a Plan says, at random times, and writes down how often. It also is
// the operator: what is down comes up again, what has failed is restarted. Of a replicating ensemble it never takes
// more disks than the ensemble's contract allows: a majority of those that hold what was acknowledged stays.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/node.h"
#include "tests/simulation/run.h"

namespace holdfast::sim {

class Nemesis {
 public:
  // `others`: the addresses of the clients.
  Nemesis(World& world, const Plan& plan, std::vector<SimulatedNode*> nodes, std::vector<std::string> others);

  // What else has to be so before a disk is emptied; asked with the node and the leader of the ensemble.
  void set_disk_rule(Function<bool(SimulatedNode& node, SimulatedNode& leader)> rule) { disk_rule_ = std::move(rule); }
  void start();
  // No more faults; everything is mended and brought up again.
  void stop();
  bool is_stopped() const { return stopped_; }
  bool has_emptied_disks() const { return emptied_; }
  const std::map<std::string, std::uint64_t>& injected() const { return injected_; }
  // When links were broken, or not all servers up and well.
  const std::vector<std::pair<SteadyTime, SteadyTime>>& disturbed() const { return disturbed_; }
  static const std::vector<std::string>& kinds();  // for any server
  // For an ensemble's only.
  static constexpr const char *bit_flips = "bit flips", *forgotten_vote = "forgotten vote";

  // For whoever has faults of its own.
  SimulatedNode* leader() const;  // of the ensemble, that a majority follows; null: none
  bool crash(SimulatedNode& node, Crash how, std::optional<Duration> down = std::nullopt);
  bool reformat(SimulatedNode& node);
  void cut_for_a_while(const std::string& a, const std::string& b, Duration how_long);
  void mend_after(SimulatedNode& node, Duration how_long) { mend_at_[&node] = world_.now() + how_long; }

 private:
  struct Kind {
    const char* name;
    bool (Nemesis::*strike)(SimulatedNode&);  // false: not now
  };
  static const std::vector<Kind>& table();

  void schedule(const Kind& kind, Duration mean);
  void supervise();
  void watch_over(SimulatedNode& node);
  void disturb(Duration how_long) { disturbed_.emplace_back(world_.now(), world_.now() + how_long); }
  SimulatedNode& some_node();
  const std::string& some_other(const std::string& than);
  Duration soon(Duration most) { return world_.between(std::chrono::milliseconds(1), most); }
  void come_back(SimulatedNode& node);

  void heal_after(Duration how_long, const std::string& from, const std::string& to);

  bool kill(SimulatedNode& node) { return crash(node, Crash::process); }
  bool power_loss(SimulatedNode& node) { return crash(node, world_.one_in(3) ? Crash::power_and_cache : Crash::power); }
  bool power_loss_of_all(SimulatedNode& node);
  bool crash_at_disk_call(SimulatedNode& node);
  bool stop_cleanly(SimulatedNode& node);
  bool pause(SimulatedNode& node);
  bool cut(SimulatedNode& node);
  bool cut_one_way(SimulatedNode& node);
  bool isolate(SimulatedNode& node);
  bool partition(SimulatedNode& node);
  bool bridge(SimulatedNode& node);
  bool clog(SimulatedNode& node);
  bool reset(SimulatedNode& node);
  bool drift(SimulatedNode& node);
  bool wall_jump(SimulatedNode& node);
  bool io_error(SimulatedNode& node);
  bool disk_full(SimulatedNode& node);
  bool slow_disk(SimulatedNode& node);
  bool slow_disks(SimulatedNode& node);

  // nemesis_ensemble.cpp
  SimulatedNode* node_of(ServerId id) const;
  void note_whole();
  bool transfer_leadership(SimulatedNode& node);
  bool crash_after_snapshot(SimulatedNode& node);
  bool forget_vote(SimulatedNode& node);
  void fell(SimulatedNode& leader);
  void forget_votes(const SimulatedNode& leader);
  bool fell_leaders(SimulatedNode& node);
  void fell_next(Term after, std::uint64_t more, SteadyTime until);
  bool reconfig(SimulatedNode& node);
  bool may_lose_disk(SimulatedNode& node);
  void empty_disk(SimulatedNode& node);

  // nemesis_damage.cpp
  bool flip_bits(SimulatedNode& node);
  void look_after_damage(SimulatedNode& node);

  Function<bool(SimulatedNode&, SimulatedNode&)> disk_rule_;
  World& world_;
  const Plan& plan_;
  std::vector<SimulatedNode*> nodes_;
  std::vector<std::string> others_;
  std::map<std::string, std::uint64_t> injected_;
  std::map<const SimulatedNode*, SteadyTime> back_at_, mend_at_, mended_at_;
  std::set<const SimulatedNode*> failed_, back_at_once_;
  std::set<const SimulatedNode*> blank_;                // reformatted, and not voters again
  std::map<const SimulatedNode*, SteadyTime> damaged_;  // until their disk is emptied: then at the latest
  std::vector<std::pair<SteadyTime, SteadyTime>> disturbed_;
  std::optional<SteadyTime> reconfigured_at_;
  bool stopped_ = false, emptied_ = false;
};

}  // namespace holdfast::sim
