#include "tests/simulation/nemesis.h"

#include <algorithm>
#include <cerrno>

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration supervision = milliseconds(100);
// An error of a disk that is mended since may still be on its way, to a process that is paused.
constexpr Duration failure_noticed = seconds(20);
constexpr Duration cut_max = seconds(20), clog_max = seconds(5), slow_max = seconds(6), pause_max = seconds(15),
                   full_max = seconds(10);
constexpr Duration slow_min = milliseconds(200), slow_most = milliseconds(2000);  // that a disk job takes
constexpr std::int64_t disk_calls_ahead_max = 60, wall_jump_max_ms = 60'000;

}  // namespace

const std::vector<Nemesis::Kind>& Nemesis::table() {
  static const std::vector<Kind> all{
      {"kill", &Nemesis::kill},
      {"power loss", &Nemesis::power_loss},
      {"power loss of all", &Nemesis::power_loss_of_all},
      {"crash at a disk call", &Nemesis::crash_at_disk_call},
      {"clean stop", &Nemesis::stop_cleanly},
      {"pause", &Nemesis::pause},
      {"cut", &Nemesis::cut},
      {"one-way cut", &Nemesis::cut_one_way},
      {"isolation", &Nemesis::isolate},
      {"partition", &Nemesis::partition},
      {"bridge", &Nemesis::bridge},
      {"clog", &Nemesis::clog},
      {"reset", &Nemesis::reset},
      {"clock drift", &Nemesis::drift},
      {"wall clock jump", &Nemesis::wall_jump},
      {"disk error", &Nemesis::io_error},
      {"disk full", &Nemesis::disk_full},
      {"reformat", &Nemesis::reformat},
      {"leader transfer", &Nemesis::transfer_leadership},
      {"reconfig", &Nemesis::reconfig},
      {"leaders in a row", &Nemesis::fell_leaders},
      {"slow disk", &Nemesis::slow_disk},
      {"slow disks", &Nemesis::slow_disks},
      {"crash after a snapshot", &Nemesis::crash_after_snapshot},
      {bit_flips, &Nemesis::flip_bits},
      {forgotten_vote, &Nemesis::forget_vote},
  };
  return all;
}

const std::vector<std::string>& Nemesis::kinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Kind& kind : table())
      if (kind.name != bit_flips && kind.name != forgotten_vote) out.emplace_back(kind.name);
    return out;
  }();
  return names;
}

Nemesis::Nemesis(World& world, const Plan& plan, std::vector<SimulatedNode*> nodes, std::vector<std::string> others)
    : world_(world), plan_(plan), nodes_(std::move(nodes)), others_(std::move(others)) {}

void Nemesis::start() {
  for (const Kind& kind : table())
    if (const auto mean = plan_.faults.find(kind.name); mean != plan_.faults.end()) schedule(kind, mean->second);
  supervise();
}

void Nemesis::schedule(const Kind& kind, Duration mean) {
  world_.after(world_.between(mean / 4, mean * 7 / 4), [this, &kind, mean] {
    if (stopped_) return;
    if ((this->*kind.strike)(some_node())) ++injected_[kind.name];
    schedule(kind, mean);
  });
}

SimulatedNode& Nemesis::some_node() { return *nodes_[world_.random().below(nodes_.size())]; }

const std::string& Nemesis::some_other(const std::string& than) {
  for (;;) {
    const std::size_t i = static_cast<std::size_t>(world_.random().below(others_.size() + nodes_.size()));
    const std::string& out = i < others_.size() ? others_[i] : nodes_[i - others_.size()]->address();
    if (out != than) return out;
  }
}

void Nemesis::come_back(SimulatedNode& node) { back_at_[&node] = world_.now() + soon(plan_.down_max); }

void Nemesis::supervise() {
  for (SimulatedNode* node : nodes_) watch_over(*node);
  note_whole();
  if (!std::ranges::all_of(nodes_, [](const SimulatedNode* n) { return n->serving() && !n->disk_is_faulty(); }))
    disturb(supervision);
  world_.after(supervision, [this] { supervise(); });
}

void Nemesis::watch_over(SimulatedNode& node) {
  if (const auto at = mend_at_.find(&node); at != mend_at_.end() && (stopped_ || at->second <= world_.now())) {
    node.mend_disk();
    mended_at_[&node] = world_.now();
    mend_at_.erase(at);
  }
  const bool impaired = node.impaired();
  if (!node.failed() && !impaired) {
    failed_.erase(&node);
  } else if (failed_.insert(&node).second && !node.disk_is_faulty() && !node.disk_is_damaged()) {
    const auto mended = mended_at_.find(&node);
    if (mended == mended_at_.end() || world_.now() - mended->second > failure_noticed) node.report_failure();
  }
  if ((node.failed() && (stopped_ || world_.one_in(10))) || (impaired && (stopped_ || world_.one_in(40)))) {
    node.crash_after_disk_error();
    come_back(node);
  }
  look_after_damage(node);
  if (node.running()) return;
  const auto [at, is_new] = back_at_.try_emplace(&node, world_.now() + soon(plan_.down_max));
  if (!stopped_ && at->second > world_.now() && !back_at_once_.contains(&node)) return;
  back_at_once_.erase(&node);
  back_at_.erase(at);
  node.start();
  if (node.running() && plan_.drift_max_ppm > 0 && !stopped_) drift(node);
}

void Nemesis::stop() {
  stopped_ = true;
  world_.network().heal_all();
  for (SimulatedNode* node : nodes_) {
    node->mend_disk();
    mended_at_[node] = world_.now();
    node->forget_crash();
    node->set_drift(0);
    node->slow_disk(std::nullopt);
  }
}

bool Nemesis::crash(SimulatedNode& node, Crash how, std::optional<Duration> down) {
  if (!node.running()) return false;
  node.crash(how);
  come_back(node);
  if (down) back_at_[&node] = world_.now() + *down;
  return true;
}

bool Nemesis::power_loss_of_all(SimulatedNode&) {
  const Crash how = world_.one_in(2) ? Crash::power_and_cache : Crash::power;
  for (SimulatedNode* node : nodes_) crash(*node, how);
  return true;
}

bool Nemesis::crash_at_disk_call(SimulatedNode& node) {
  const auto n = static_cast<std::uint64_t>(world_.between(0, disk_calls_ahead_max));
  node.crash_at_disk_call(n, world_.one_in(3)   ? Crash::process
                             : world_.one_in(3) ? Crash::power_and_cache
                                                : Crash::power);
  return true;
}

bool Nemesis::stop_cleanly(SimulatedNode& node) {
  // While its disk is full, a stop waits for the space that proposals need.
  if (!node.serving() || node.disk_is_faulty()) return false;
  node.stop();
  come_back(node);
  return true;
}

bool Nemesis::pause(SimulatedNode& node) {
  if (!node.running()) return false;
  const Duration how_long = soon(world_.one_in(3) ? pause_max : pause_max / 20);
  disturb(how_long);
  node.pause(how_long);
  return true;
}

void Nemesis::heal_after(Duration how_long, const std::string& from, const std::string& to) {
  disturb(how_long);
  world_.after(how_long, [this, from, to] { world_.network().heal(from, to); });
}

void Nemesis::cut_for_a_while(const std::string& a, const std::string& b, Duration how_long) {
  world_.network().cut(a, b);
  world_.network().cut(b, a);
  heal_after(how_long, a, b);
  heal_after(how_long, b, a);
}

bool Nemesis::cut(SimulatedNode& node) {
  cut_for_a_while(node.address(), some_other(node.address()), soon(cut_max));
  return true;
}

bool Nemesis::cut_one_way(SimulatedNode& node) {
  std::string a = node.address(), b = some_other(a);
  if (world_.one_in(2)) std::swap(a, b);
  world_.network().cut(a, b);
  heal_after(soon(cut_max), a, b);
  return true;
}

// From everybody, and back one link after the other, in any order ("swizzle").
bool Nemesis::isolate(SimulatedNode& node) {
  std::vector<std::string> all = others_;
  for (const SimulatedNode* n : nodes_) all.push_back(n->address());
  for (const std::string& other : all)
    if (other != node.address()) cut_for_a_while(node.address(), other, soon(cut_max));
  return true;
}

// Everybody is on one of two sides.
bool Nemesis::partition(SimulatedNode&) {
  if (nodes_.size() < 2) return false;
  std::vector<std::string> sides[2];
  for (const SimulatedNode* n : nodes_) sides[world_.random().below(2)].push_back(n->address());
  for (const std::string& other : others_) sides[world_.random().below(2)].push_back(other);
  const Duration how_long = soon(cut_max);
  for (const std::string& a : sides[0])
    for (const std::string& b : sides[1]) cut_for_a_while(a, b, how_long);
  return true;
}

// The node sees all others, which do not all see each other.
bool Nemesis::bridge(SimulatedNode& node) {
  if (nodes_.size() < 3) return false;
  std::vector<std::string> sides[2];
  for (const SimulatedNode* n : nodes_)
    if (n != &node) sides[world_.random().below(2)].push_back(n->address());
  const Duration how_long = soon(cut_max);
  for (const std::string& a : sides[0])
    for (const std::string& b : sides[1]) cut_for_a_while(a, b, how_long);
  return true;
}

bool Nemesis::clog(SimulatedNode& node) {
  const std::string& other = some_other(node.address());
  const bool inward = world_.one_in(2);
  const Duration how_long = soon(clog_max);
  disturb(how_long);
  world_.network().clog(inward ? other : node.address(), inward ? node.address() : other, how_long);
  return true;
}

bool Nemesis::reset(SimulatedNode& node) {
  disturb(Duration(0));
  world_.network().reset_connections(node.address(), some_other(node.address()));
  return true;
}

bool Nemesis::drift(SimulatedNode& node) {
  node.set_drift(world_.between(-plan_.drift_max_ppm, plan_.drift_max_ppm));
  return true;
}

bool Nemesis::wall_jump(SimulatedNode& node) {
  node.jump_wall_clock(world_.between(-wall_jump_max_ms, wall_jump_max_ms));
  return true;
}

bool Nemesis::io_error(SimulatedNode& node) {
  constexpr DiskCall kinds[] = {DiskCall::write,  DiskCall::write,  DiskCall::sync, DiskCall::sync,
                                DiskCall::create, DiskCall::rename, DiskCall::read, DiskCall::truncate};
  const DiskCall call = kinds[world_.random().below(std::size(kinds))];
  node.fail_disk_call(call, static_cast<std::uint64_t>(world_.between(0, 20)), EIO);
  mend_at_[&node] = world_.now() + soon(full_max);
  return true;
}

// And at the end of it its power may go: what the others had on their disks long ago it has not.
bool Nemesis::slow_disk(SimulatedNode& node) {
  if (!node.running()) return false;
  node.slow_disk(world_.between(slow_min, slow_most));
  const Duration how_long = soon(slow_max);
  disturb(how_long + slow_max);  // what was begun goes on for a while
  world_.after(how_long, [this, &node, life = node.life(), falls = world_.one_in(2), all = world_.one_in(3)] {
    if (!node.running() || node.life() != life) return;
    if (falls && !stopped_) return static_cast<void>(all ? power_loss_of_all(node) : power_loss(node));
    node.slow_disk(std::nullopt);
  });
  return true;
}

// All of them for a while: what is decided by what disks hold takes long, what is not is ahead of it.
bool Nemesis::slow_disks(SimulatedNode&) {
  const Duration longest = world_.between(slow_min / 4, slow_min * 2), how_long = soon(slow_max);
  disturb(how_long + slow_max);
  for (SimulatedNode* node : nodes_) node->slow_disk(longest);
  world_.after(how_long, [this] {
    for (SimulatedNode* node : nodes_) node->slow_disk(std::nullopt);
  });
  return true;
}

bool Nemesis::disk_full(SimulatedNode& node) {
  node.fill_disk();
  mend_at_[&node] = world_.now() + soon(full_max);
  return true;
}

}  // namespace holdfast::sim
