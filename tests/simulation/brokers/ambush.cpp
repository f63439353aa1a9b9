#include "tests/simulation/brokers/ambush.h"

#include <algorithm>

#include "broker/partition.h"
#include "broker/znodes.h"
#include "tests/simulation/brokers/broker_body.h"
#include "wire/kafka/configs.h"
#include "wire/kafka/topics.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration ambush_interval = milliseconds(5), ambush_patience = seconds(3), wait_max = seconds(5);
constexpr std::int32_t ambush_timeout_ms = 3000;
constexpr std::int8_t ambushed_resource = 2;

bool has(const std::vector<std::int32_t>& ids, std::int32_t id) { return std::ranges::find(ids, id) != ids.end(); }

}  // namespace

const std::vector<Ambush::Kind>& Ambush::table() {
  static const std::vector<Kind> all{
      {"ISR is written", &Ambush::isr_is_written},    {"leader cut off", &Ambush::cut_off_leader},
      {"replica starved", &Ambush::starve_replica},   {"somebody is eligible", &Ambush::somebody_is_eligible},
      {"leadership to and fro", &Ambush::to_and_fro}, {"controller deposed", &Ambush::depose_controller},
      {"leader returns", &Ambush::leader_returns},    {"namesake", &Ambush::namesake},
      {"directory failure", &Ambush::fail_directory},
  };
  return all;
}

const std::vector<std::string>& Ambush::kinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Kind& kind : table()) out.emplace_back(kind.name);
    return out;
  }();
  return names;
}

Ambush::Ambush(World& world, const std::map<std::string, Duration>& means, Duration lag_max,
               std::vector<SimulatedNode*> nodes, Nemesis& nemesis, Shard& shard, Gate& gate, std::string address)
    : world_(world),
      means_(means),
      lag_max_(lag_max),
      nodes_(std::move(nodes)),
      nemesis_(nemesis),
      gate_(gate),
      client_(world, shard, std::move(address), static_cast<int>(nodes_.size())) {}

void Ambush::start() {
  for (const Kind& kind : table())
    if (const auto mean = means_.find(kind.name); mean != means_.end()) schedule(kind, mean->second);
}

void Ambush::schedule(const Kind& kind, Duration mean) {
  world_.after(world_.between(mean / 4, mean * 7 / 4),
               [this, &kind, mean] { lie_in_wait(kind, mean, world_.now() + wait_max); });
}

void Ambush::lie_in_wait(const Kind& kind, Duration mean, SteadyTime until) {
  if (nemesis_.is_stopped()) return;
  const bool struck = (this->*kind.strike)();
  if (struck) ++injected_[kind.name];
  if (struck || world_.now() > until) return schedule(kind, mean);
  world_.after(ambush_interval, [this, &kind, mean, until] { lie_in_wait(kind, mean, until); });
}

// ---- What there is to see, and what may be done ----

std::vector<Ambush::Led> Ambush::all_led() const {
  std::vector<Led> out;
  for (SimulatedNode* node : nodes_) {
    if (!node->up()) continue;
    for (const auto& peer : rooms_of(*node).services().peers)
      for (const auto& [_, partition] : peer->partitions())
        if (partition->is_leader()) out.push_back({node, partition.get(), &peer->metadata()});
  }
  // The order of a hash table is not of the seed's making.
  std::ranges::sort(out, {}, [](const Led& l) { return l.partition->log().id(); });
  return out;
}

bool Ambush::pick(Led& out, Function<bool(const Led&)> fits) {
  std::vector<Led> all = all_led();
  std::erase_if(all, [&](const Led& l) { return !fits(l); });
  if (all.empty()) return false;
  out = all[world_.random().below(all.size())];
  return true;
}

SimulatedNode* Ambush::node_of(std::int32_t id) const {
  const auto found = std::ranges::find(nodes_, id, &SimulatedNode::id);
  return found == nodes_.end() ? nullptr : *found;
}

Duration Ambush::between(std::int64_t least_ms, std::int64_t most_ms) {
  return milliseconds(world_.between(least_ms, most_ms));
}

void Ambush::later(Duration how_long, Function<void()> what) {
  world_.after(how_long, [this, what = std::move(what)]() mutable {
    if (!nemesis_.is_stopped()) what();
  });
}

void Ambush::hold_up(SimulatedNode& from, SimulatedNode& to, Duration how_long) {
  if (&from != &to) world_.network().clog(from.address(), to.address(), how_long);
}

void Ambush::cut_off(SimulatedNode& node, Duration how_long) {
  for (const SimulatedNode* other : nodes_)
    if (other != &node) nemesis_.cut_for_a_while(node.address(), other->address(), how_long);
}

void Ambush::fell(SimulatedNode& node) {
  if (world_.one_in(3)) return cut_off(node, between(1000, 10'000));
  const Crash how = world_.one_in(3) ? Crash::process : world_.one_in(2) ? Crash::power : Crash::power_and_cache;
  nemesis_.crash(node, how, world_.one_in(3) ? between(10, 300) : between(1000, 8000));
}

void Ambush::ask(Task<void> what) {
  Shard::Scope scope(client_.shard());
  client_.shard().spawn(gate_, std::move(what));
}

// ---- The moments ----

// A leader has decided who is in sync, and it is not written yet. What it asks for is held up, or what it would hear;
// somebody falls, or comes back without its disk, or is removed and comes again.
bool Ambush::isr_is_written() {
  Led led;
  if (!pick(led, [](const Led& l) { return l.partition->in_sync().is_pending(); })) return false;
  SimulatedNode* quorum = nemesis_.leader();
  const PartitionImage* image = led.metadata->partition(led.partition->topic(), led.partition->index());
  if (!quorum || !image || image->replicas.size() < 2) return false;
  SimulatedNode& leader = *led.leader;
  std::vector<std::int32_t> outside;
  for (const std::int32_t id : image->replicas)
    if (!has(image->isr, id)) outside.push_back(id);
  SimulatedNode* other = outside.empty() || world_.one_in(4)
                             ? node_of(image->replicas[world_.random().below(image->replicas.size())])
                             : node_of(outside[world_.random().below(outside.size())]);
  if (!other) return false;
  const Duration held = between(200, 4000);
  if (world_.one_in(2)) {
    if (quorum != &leader) hold_up(leader, *quorum, held);
    for (SimulatedNode* node : nodes_)
      if (quorum == &leader && node != other) hold_up(*node, leader, held / 4);
  } else if (world_.one_in(2)) {
    hold_up(*quorum, leader, held);
  }
  if (other != &leader && other != quorum && quorum != &leader && world_.one_in(2))
    nemesis_.cut_for_a_while(leader.address(), other->address(), held + between(0, 2000));
  if (other != &leader && world_.one_in(2)) {
    const bool emptied = nemesis_.reformat(*other);
    if (!emptied) nemesis_.crash(*other, Crash::power, between(10, 300));
  }
  if (other != &leader && world_.one_in(3) && image->replicas.size() > 2) {
    std::vector<std::int32_t> without = image->replicas;
    std::erase(without, other->id());
    ask(reassign(led.partition->topic(), led.partition->index(), without));
    later(between(20, 600), [this, topic = led.partition->topic(), index = led.partition->index(),
                             with = image->replicas] { ask(reassign(topic, index, with)); });
  }
  later(world_.one_in(2) ? between(1, 50) : held + between(-200, 500), [this, &leader, other, isr = image->isr] {
    if (leader.running()) fell(leader);
    if (!world_.one_in(2)) return;
    for (const std::int32_t id : isr)
      if (SimulatedNode* member = node_of(id); member && member != &leader && member != other && member->running())
        nemesis_.crash(*member, Crash::power, between(500, 3000));
  });
  return true;
}

bool Ambush::cut_off_leader() {
  Led led;
  if (!pick(led, [](const Led&) { return true; })) return false;
  cut_off(*led.leader, between(500, 15'000));
  return true;
}

// A follower hears nothing of its leader for about as long as it may, and both hear of the quorum.
bool Ambush::starve_replica() {
  SimulatedNode* quorum = nemesis_.leader();
  Led led;
  if (!quorum ||
      !pick(led, [&](const Led& l) { return l.leader != quorum && l.partition->in_sync().isr().size() > 1; }))
    return false;
  const Duration how_long = lag_max_ + between(-500, 4000);
  bool any = false;
  for (const std::int32_t id : led.partition->in_sync().isr()) {
    SimulatedNode* other = node_of(id);
    if (!other || other == led.leader || other == quorum || (any && world_.one_in(2))) continue;
    nemesis_.cut_for_a_while(led.leader->address(), other->address(), how_long);
    any = true;
  }
  return any;
}

// Fewer are in sync than have to be, and others could lead as well. Fewer are asked for, perhaps; then the leader
// falls.
bool Ambush::somebody_is_eligible() {
  Led led;
  if (!pick(led, [](const Led& l) { return !l.partition->in_sync().elr().empty(); })) return false;
  if (world_.one_in(2)) ask(set_min_isr(led.partition->topic(), 1));
  if (world_.one_in(2))
    if (SimulatedNode* quorum = nemesis_.leader()) hold_up(*led.leader, *quorum, between(200, 2000));
  later(between(10, 2000), [this, leader = led.leader] {
    if (leader->running()) fell(*leader);
  });
  return true;
}

// Two that are in sync do not reach each other, and lead in turn: each writes what the other one never gets.
bool Ambush::to_and_fro() {
  SimulatedNode* quorum = nemesis_.leader();
  Led led;
  const auto fits = [&](const Led& l) {
    return l.leader != quorum && std::ranges::any_of(l.partition->in_sync().isr(), [&](std::int32_t id) {
             return id != l.leader->id() && quorum && id != quorum->id();
           });
  };
  if (!quorum || !pick(led, fits)) return false;
  const PartitionImage* image = led.metadata->partition(led.partition->topic(), led.partition->index());
  if (!image || image->reassigning()) return false;
  std::vector<std::int32_t> one = image->replicas, other;
  for (const std::int32_t id : image->isr)
    if (id != led.leader->id() && id != quorum->id()) std::swap(*std::ranges::find(one, id), one.front());
  other = one;
  std::swap(*std::ranges::find(other, led.leader->id()), other.front());
  SimulatedNode* second = node_of(one.front());
  if (!second || second == led.leader) return false;
  const Duration step = between(50, 800), apart = step * 2 + between(200, 3000);
  later(between(1, 300), [this, first = led.leader, second, apart] {
    nemesis_.cut_for_a_while(first->address(), second->address(), apart);
  });
  const std::string topic = led.partition->topic();
  const std::int32_t index = led.partition->index();
  later(step, [this, topic, index, one] { ask(lead(topic, index, one)); });
  later(step * 2, [this, topic, index, other] { ask(lead(topic, index, other)); });
  if (world_.one_in(2)) later(step * 3, [this, topic, index, one] { ask(lead(topic, index, one)); });
  return true;
}

// Somebody's hand removes /controller, as operators do. What the one that was wrote last is still on its way.
bool Ambush::depose_controller() {
  SimulatedNode* quorum = nemesis_.leader();
  if (!quorum) return false;
  const std::int32_t id = rooms_of(*quorum).services().peers.front()->metadata().controller();
  SimulatedNode* controller = node_of(id);
  if (!controller || controller == quorum || !controller->up()) return false;
  const Duration held = between(300, 2500);
  if (world_.one_in(4)) {
    controller->pause(held);
  } else {
    later(between(0, 30), [this, controller, quorum, held] { hold_up(*controller, *quorum, held); });
  }
  // So that it has something to decide.
  SimulatedNode* victim = nodes_[world_.random().below(nodes_.size())];
  if (victim != controller && victim != quorum) nemesis_.crash(*victim, Crash::process, between(10, 1500));
  later(between(1, 1000), [quorum] {
    quorum->ask([](Ensemble& ensemble) {
      zk::Caller hand;
      hand.privileged = true;
      ensemble.driver().propose(zk::DeleteOp{znodes::controller, -1}, hand, nullptr);
    });
  });
  return true;
}

// It had more than its disk held, and is back before anybody could say who leads instead.
bool Ambush::leader_returns() {
  Led led;
  if (!pick(led, [](const Led& l) { return l.partition->in_sync().isr().size() > 1; })) return false;
  SimulatedNode* quorum = nemesis_.leader();
  led.leader->slow_disk(between(100, 1500));
  later(between(50, 1500), [this, leader = led.leader, quorum] {
    if (!leader->running()) return;
    const std::int32_t id =
        leader->up() ? rooms_of(*leader).services().peers.front()->metadata().controller() : std::int32_t{-1};
    const Duration down = between(5, 300);
    nemesis_.crash(*leader, world_.one_in(2) ? Crash::power : Crash::power_and_cache, down);
    SimulatedNode* controller = node_of(id);
    if (!controller || controller == leader || !quorum) return;
    if (controller != quorum) return hold_up(*controller, *quorum, down + between(100, 2500));
    // Whoever leads the quorum decides at once: unless it cannot ask anybody.
    if (world_.one_in(2)) later(down + between(0, 100), [this, quorum] { quorum->pause(between(20, 200)); });
  });
  return true;
}

// A topic has got the name of one that was: the power goes before everybody has forgotten the old one.
bool Ambush::namesake() {
  SimulatedNode* any = nodes_[world_.random().below(nodes_.size())];
  if (!any->up()) return false;
  bool found = false;
  for (const auto& [name, topic] : rooms_of(*any).services().peers.front()->metadata().topics()) {
    const auto [before, is_new] = names_.try_emplace(name, topic->id);
    found = found || (!is_new && before->second != topic->id);
    before->second = topic->id;
  }
  if (!found) return false;
  for (SimulatedNode* node : nodes_)
    if (node == any || world_.one_in(2))
      later(between(50, 2500), [this, node] { nemesis_.crash(*node, Crash::power, between(10, 1000)); });
  return true;
}

// One of several disks breaks. What else is there goes on, until somebody restarts the machine.
bool Ambush::fail_directory() {
  SimulatedNode* node = nodes_[world_.random().below(nodes_.size())];
  if (!node->up() || node->disk_is_faulty()) return false;
  node->fail_directory(world_.one_in(4) ? node_directory : second_directory);
  const Duration broken = between(500, 6000);
  nemesis_.mend_after(*node, broken);
  // At the end of the faults the nemesis restarts it, if need be.
  later(broken + between(0, 3000), [this, node, life = node->life()] {
    if (node->running() && node->life() == life) nemesis_.crash(*node, Crash::power_and_cache, between(10, 1000));
  });
  return true;
}

// ---- The accomplice ----

Task<void> Ambush::set_min_isr(std::string topic, int value) {
  wire::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = ambushed_resource;
  resource.resource_name = topic;
  const std::string text = std::to_string(value);
  resource.configs.push_back({"min.insync.replicas", 0, text});
  const std::int32_t asked = client_.some_broker();
  auto answer = co_await client_.ask<wire::IncrementalAlterConfigsResponse>(asked, request, 1, ambush_patience);
  (void)answer;
}

Task<void> Ambush::reassign(std::string topic, std::int32_t partition, std::vector<std::int32_t> replicas) {
  wire::AlterPartitionReassignmentsRequest request;
  request.timeout_ms = ambush_timeout_ms;
  request.topics.push_back({topic, {{partition, std::move(replicas)}}});
  const std::int32_t asked = client_.some_broker();
  auto answer = co_await client_.ask<wire::AlterPartitionReassignmentsResponse>(asked, request, 1, ambush_patience);
  (void)answer;
}

Task<void> Ambush::lead(std::string topic, std::int32_t partition, std::vector<std::int32_t> order) {
  std::string name = topic;
  co_await reassign(std::move(name), partition, std::move(order));
  wire::ElectLeadersRequest request;
  request.timeout_ms = ambush_timeout_ms;
  request.topic_partitions->push_back({topic, {partition}});
  const std::int32_t asked = client_.some_broker();
  auto answer = co_await client_.ask<wire::ElectLeadersResponse>(asked, request, 2, ambush_patience);
  (void)answer;
}

}  // namespace holdfast::sim
