// Nemesis: what is done to an ensemble that replicates.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "tests/simulation/nemesis.h"

namespace holdfast::sim {
namespace {

// A request may be on its way for so long.
constexpr Duration reconfig_settles = std::chrono::seconds(30);
constexpr Duration wait_for_leader = std::chrono::seconds(3);

}  // namespace

SimulatedNode* Nemesis::node_of(ServerId id) const {
  const auto found = std::ranges::find(nodes_, id.value, &SimulatedNode::id);
  return found == nodes_.end() ? nullptr : *found;
}

SimulatedNode* Nemesis::leader() const {
  if (!plan_.replicated) return nullptr;
  for (SimulatedNode* node : nodes_) {
    if (!node->up() || !node->ensemble().driver().judges()) continue;
    const Consensus& core = node->ensemble().driver().replica().core();
    const std::vector<ServerId>& voters = core.committed_membership().voters;
    const auto following = std::ranges::count_if(voters, [&](ServerId id) {
      SimulatedNode* voter = node_of(id);
      if (!voter || !voter->up()) return false;
      const Consensus& its = voter->ensemble().driver().replica().core();
      return its.term() == core.term() && its.leader() == ServerId(node->id());
    });
    if (static_cast<std::size_t>(following) * 2 > voters.size()) return node;
  }
  return nullptr;
}

// Those whose present disk the ensemble has recorded.
void Nemesis::note_whole() {
  SimulatedNode* leads = blank_.empty() ? nullptr : leader();
  if (!leads) return;
  const Membership& members = leads->ensemble().driver().replica().core().committed_membership();
  std::erase_if(blank_, [&](const SimulatedNode* node) {
    if (!node->up() || members.is_joint()) return false;
    const ServerId id(node->id());
    const auto life = members.lives.find(id);
    return life != members.lives.end() && life->second == node_of(id)->ensemble().driver().replica().incarnation();
  });
}

// Not while those who are to decide may become fewer: of them, too, a majority must keep its disks.
bool Nemesis::may_lose_disk(SimulatedNode& node) {
  if (reconfigured_at_ && world_.now() - *reconfigured_at_ < reconfig_settles) return false;
  note_whole();
  SimulatedNode* leads = leader();
  if (!leads) return false;
  const Consensus& core = leads->ensemble().driver().replica().core();
  const Membership& members = core.committed_membership();
  if (members.is_joint() || !(core.membership() == members)) return false;
  if (leads->ensemble().driver().quorum_view().changing) return false;
  const auto intact = std::ranges::count_if(members.voters, [&](ServerId id) {
    const SimulatedNode* voter = node_of(id);
    return voter != &node && members.lives.contains(id) && !blank_.contains(voter) && !damaged_.contains(voter);
  });
  if (static_cast<std::size_t>(intact) * 2 <= members.voters.size()) return false;
  return !disk_rule_ || disk_rule_(node, *leads);
}

void Nemesis::empty_disk(SimulatedNode& node) {
  if (node.running()) node.crash(Crash::power);
  node.mend_disk();
  node.reformat();
  emptied_ = true;
  damaged_.erase(&node);
  blank_.insert(&node);
  come_back(node);
}

bool Nemesis::reformat(SimulatedNode& node) {
  if (!may_lose_disk(node)) return false;
  empty_disk(node);
  return true;
}

bool Nemesis::transfer_leadership(SimulatedNode&) {
  SimulatedNode* leads = leader();
  return leads && leads->ask([](Ensemble& ensemble) { static_cast<void>(ensemble.driver().transfer_leadership()); });
}

// What a snapshot takes the place of may be there still.
bool Nemesis::crash_after_snapshot(SimulatedNode& node) {
  node.crash_after_snapshot(world_.random().below(6), world_.one_in(2) ? Crash::process : Crash::power);
  return true;
}

// Whoever is asked for its vote loses its power while it writes that down; another one asks it next, who has not heard
// of the first.
bool Nemesis::forget_vote(SimulatedNode& node) {
  SimulatedNode* leads = leader();
  if (!leads || leads == &node || !node.running()) return false;
  const Duration election = std::chrono::milliseconds(plan_.election_timeout_ms);
  const Duration apart = world_.between(election * 4, election * 12);
  std::vector<const SimulatedNode*> halves[2];
  for (const SimulatedNode* other : nodes_)
    if (other != &node) halves[halves[0].size() > halves[1].size() ? 1 : 0].push_back(other);
  for (const SimulatedNode* one : halves[0])
    for (const SimulatedNode* other : halves[1]) cut_for_a_while(one->address(), other->address(), apart);
  node.crash_at_vote(world_.one_in(2) ? Crash::power : Crash::power_and_cache);
  back_at_once_.insert(&node);
  crash(*leads, Crash::process, soon(election));
  return true;
}

// Those who have just elected a leader lose their power, and are back at once.
void Nemesis::forget_votes(const SimulatedNode& leader) {
  for (SimulatedNode* node : nodes_) {
    if (node == &leader || world_.one_in(3)) continue;
    crash(*node, Crash::power_and_cache, soon(std::chrono::milliseconds(20)));
  }
}

// Killed, or cut off from the other servers, perhaps asleep until they have another leader. What it has to say at last
// some of them may hear.
void Nemesis::fell(SimulatedNode& leader) {
  if (world_.one_in(4)) {
    const Duration heard = world_.between(Duration(0), Duration(std::chrono::milliseconds(plan_.election_timeout_ms)));
    for (const SimulatedNode* other : nodes_)
      if (other != &leader && world_.one_in(2)) cut_for_a_while(leader.address(), other->address(), heard * 3);
    world_.after(heard, [this, &leader] {
      if (!stopped_) crash(leader, Crash::power);
    });
    return;
  }
  const std::uint64_t how = world_.random().below(3);
  if (how == 0) {
    crash(leader, world_.one_in(2) ? Crash::process : Crash::power);
    return;
  }
  const Duration election = std::chrono::milliseconds(plan_.election_timeout_ms);
  for (const SimulatedNode* other : nodes_)
    if (other != &leader) cut_for_a_while(leader.address(), other->address(), world_.between(election, election * 20));
  if (how == 2) leader.pause(world_.between(election, election * 10));
  if (world_.one_in(6)) forget_votes(leader);
  // What it has to cut off its log when it is back it cannot write.
  if (world_.one_in(8))
    world_.after(world_.between(election, election * 20), [this, &leader] {
      if (stopped_ || !leader.running()) return;
      leader.fail_disk_call(world_.one_in(2) ? DiskCall::write : DiskCall::sync, world_.random().below(4), EIO);
      mend_after(leader, soon(std::chrono::seconds(3)));
    });
}

// The leader falls, and so does the next one, at once or when it has hardly begun: what each of them appended, few
// hold.
bool Nemesis::fell_leaders(SimulatedNode&) {
  constexpr std::uint64_t row_max = 6;
  SimulatedNode* leads = leader();
  if (!leads) return false;
  const Term term = leads->ensemble().driver().replica().core().term();
  fell(*leads);
  fell_next(term, world_.random().below(row_max), world_.now() + wait_for_leader);
  return true;
}

void Nemesis::fell_next(Term after, std::uint64_t more, SteadyTime until) {
  if (stopped_ || more == 0 || world_.now() > until) return;
  for (SimulatedNode* node : nodes_) {
    if (!node->up()) continue;
    const Consensus& core = node->ensemble().driver().replica().core();
    if (!core.leads() || core.term() <= after) continue;
    // Before it was heard, or some time after that.
    const Duration unheard = std::chrono::milliseconds(5) + 4 * plan_.network.delay_max;
    const Duration most = world_.one_in(3) ? Duration(std::chrono::milliseconds(plan_.election_timeout_ms)) : unheard;
    world_.after(world_.between(Duration(0), most), [this, node, term = core.term(), more] {
      if (stopped_ || !node->running()) return;
      fell(*node);
      fell_next(term, more - 1, world_.now() + wait_for_leader);
    });
    return;
  }
  world_.after(std::chrono::milliseconds(1), [this, after, more, until] { fell_next(after, more, until); });
}

// One server, or several at once: removed if it is there, or made an observer of a voter and a voter of an observer;
// added if it is not there. Asked of any server; whether it may be is the ensemble's to judge.
bool Nemesis::reconfig(SimulatedNode& node) {
  SimulatedNode* leads = leader();
  if (!leads || !plan_.reconfig_enabled || !blank_.empty() || !damaged_.empty()) return false;
  const zk::Znode* config = leads->ensemble().tree().find(ensemble_config_path);
  if (!config) return false;
  const auto now = EnsembleConfig::parse(as_text(config->data.view()), false);
  if (!now) return false;
  std::string joining, leaving;
  const auto change = [&](const SimulatedNode& who) {
    EnsembleServer server = node.options().ensemble.servers.servers.at(ServerId(who.id()));
    const auto there = now->servers.find(server.id);
    if (there != now->servers.end() && world_.one_in(2)) {
      leaving += fmt::format("{}{}", leaving.empty() ? "" : ",", who.id());
    } else {
      server.observer = there == now->servers.end() ? world_.one_in(3) : !there->second.observer;
      joining += fmt::format("{}server.{}={}", joining.empty() ? "" : ",", who.id(), server.text());
    }
  };
  change(node);
  if (world_.one_in(3))
    for (const SimulatedNode* other : nodes_)
      if (other != &node && world_.one_in(2)) change(*other);
  reconfigured_at_ = world_.now();
  // Only the leader may know of it, and not for long.
  if (world_.one_in(4)) {
    const Duration apart = std::chrono::milliseconds(plan_.election_timeout_ms) * 4;
    for (const SimulatedNode* other : nodes_)
      if (other != leads) cut_for_a_while(leads->address(), other->address(), soon(apart));
  }
  // The leader may fall while those who decide are changing.
  if (world_.one_in(3))
    world_.after(soon(std::chrono::milliseconds(plan_.election_timeout_ms)), [this] {
      SimulatedNode* now_leads = stopped_ ? nullptr : leader();
      if (now_leads) fell(*now_leads);
    });
  SimulatedNode& asked = world_.one_in(2) ? *leads : some_node();
  return asked.ask([&](Ensemble& ensemble) {
    zk::ReconfigOp op;
    if (!joining.empty()) op.joining = joining;
    if (!leaving.empty()) op.leaving = leaving;
    zk::Caller caller;
    caller.privileged = true;
    ensemble.driver().propose(op, caller, nullptr);
  });
}

}  // namespace holdfast::sim
