#include "tests/simulation/run.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/simulation/cluster.h"
#include "tests/simulation/nemesis.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration patience = seconds(120);  // after the last fault, for every client to come to its end

EnsembleConfig ensemble_config(const Plan& plan) {
  std::string lines;
  for (int id = 1; id <= plan.nodes; ++id)
    lines += fmt::format("server.{0}=10.0.0.{0}:{1}:3888:{2};10.0.0.{0}:{3}\n", id, quorum_port,
                         id > plan.nodes - plan.observers ? "observer" : "participant", client_port);
  auto config = EnsembleConfig::parse(lines, false);
  HOLDFAST_CHECK(config.has_value());
  return std::move(*config);
}

EnsembleOptions ensemble_options(const Plan& plan) {
  EnsembleOptions o;
  if (plan.replicated && !plan.divided) o.servers = ensemble_config(plan);
  o.election_timeout_ms = plan.election_timeout_ms;
  o.reconfig_enabled = plan.reconfig_enabled;
  o.tick_ms = plan.tick_ms;
  o.session_timeout_min_ms = plan.timeout_min_ms;
  o.session_timeout_max_ms = plan.timeout_max_ms;
  o.max_client_connections = 0;
  o.extended_types = true;
  o.snapshot_count = plan.snapshot_count;
  o.container_check_ms = 2000;
  return o;
}

// The longest that an undisturbed ensemble takes from when a server answers a session to when the leader knows of it.
Duration report_lag(const Plan& plan) {
  Duration out = milliseconds(plan.tick_ms / 2 + 4 * plan.election_timeout_ms) + 10 * plan.network.delay_max;
  out += 10 * plan.job_delay;
  if (plan.network.bytes_per_second > 0) out += seconds(10);
  return out;
}

std::string describe(const Membership& membership) {
  std::string out;
  const auto add = [&out](const char* what, const std::vector<ServerId>& ids) {
    if (!ids.empty()) out += what;
    for (const ServerId id : ids) out += fmt::format(" {}", id.value);
  };
  add(" voters", membership.voters);
  add(" learners", membership.learners);
  add(" outgoing", membership.outgoing);
  return out;
}

// What those who do not serve think of their ensemble.
std::string silent_ones(const std::vector<SimulatedNode*>& nodes) {
  std::string out;
  for (SimulatedNode* node : nodes) {
    if (node->serving()) continue;
    out += fmt::format("; node {}", node->id());
    if (!node->up() || node->failed() || node->ensemble().alone()) {
      out += !node->running() ? " is down" : !node->up() ? " begins" : node->failed() ? " has failed" : " is silent";
      continue;
    }
    const Consensus& core = node->ensemble().driver().replica().core();
    out += fmt::format(" in term {} of leader {}, {} of {} to {} committed,{}", core.term().value, core.leader().value,
                       core.commit().value, core.log_start().value, core.log_end().value, describe(core.membership()));
  }
  return out;
}

std::int64_t ms(Duration d) { return std::chrono::duration_cast<milliseconds>(d).count(); }

}  // namespace

Plan Plan::draw(std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  const auto random = seeded_random(seed ^ 0x706c616e);
  const auto between = [&random](std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random->below(static_cast<std::uint64_t>(most - least + 1)));
  };
  const auto one_in = [&random](std::uint64_t n) { return random->below(n) == 0; };
  plan.clients = static_cast<int>(between(1, 6));
  plan.length = seconds(between(60, 240));
  plan.tick_ms = between(1, 4) * 250;
  plan.timeout_min_ms = static_cast<std::int32_t>(2 * plan.tick_ms);
  plan.timeout_max_ms = static_cast<std::int32_t>(20 * plan.tick_ms);
  plan.snapshot_count = between(10, 100);
  if (one_in(2)) plan.job_delay = milliseconds(one_in(4) ? between(100, 2000) : between(1, 30));
  plan.down_max = milliseconds(one_in(3) ? 200 : 8000);
  if (one_in(3)) plan.drift_max_ppm = between(1, 10) * 10'000;
  plan.script.registers = static_cast<std::uint64_t>(between(1, 4));
  plan.script.nodes = static_cast<std::uint64_t>(between(2, 10));
  plan.script.think_max = milliseconds(one_in(3) ? 20 : between(100, 2000));
  plan.script.pipelined_percent = static_cast<unsigned>(between(0, 60));
  plan.script.watched_percent = static_cast<unsigned>(between(0, 80));
  if (one_in(3)) {
    plan.network.delay_min = milliseconds(1);
    plan.network.delay_max = milliseconds(between(2, 100));
  }
  if (one_in(4)) plan.network.window_bytes = static_cast<std::size_t>(between(16, 2000));
  if (one_in(4)) plan.network.bytes_per_second = static_cast<std::uint64_t>(between(20'000, 1'000'000));
  plan.network.split_percent = static_cast<unsigned>(one_in(2) ? 0 : between(1, 60));
  for (const std::string& kind : Nemesis::kinds())
    if (one_in(3)) plan.faults[kind] = milliseconds(between(1500, 30'000));
  return plan;
}

Plan Plan::draw_replicated(std::uint64_t seed) {
  Plan plan = draw(seed);
  const auto random = seeded_random(seed ^ 0x656e73);
  const auto one_in = [&random](std::uint64_t n) { return random->below(n) == 0; };
  plan.replicated = true;
  plan.nodes = one_in(2) ? 5 : 3;
  plan.observers = one_in(3) ? 1 : 0;
  plan.nodes += plan.observers;
  plan.clients = 2 + static_cast<int>(random->below(4));
  plan.reconfig_enabled = one_in(2);
  plan.election_timeout_ms = 100 + static_cast<std::int64_t>(random->below(301));
  // What is slower than this takes leaders for dead that are not.
  plan.job_delay = std::min(plan.job_delay, Duration(milliseconds(plan.election_timeout_ms / 2)));
  plan.network.delay_max = std::min(plan.network.delay_max, Duration(milliseconds(plan.election_timeout_ms / 10)));
  plan.network.delay_min = std::min(plan.network.delay_min, plan.network.delay_max);
  plan.network.bytes_per_second *= 20;
  plan.network.window_bytes = std::max<std::size_t>(plan.network.window_bytes, 4096);
  // From a stream of its own: what else a seed draws does not depend on it.
  const auto flips = seeded_random(seed ^ 0x666c697073);
  if (flips->below(3) == 0) plan.faults[Nemesis::bit_flips] = milliseconds(5000 + flips->below(40'000));
  const auto votes = seeded_random(seed ^ 0x766f746573);
  if (votes->below(3) == 0) plan.faults[Nemesis::forgotten_vote] = milliseconds(2000 + votes->below(20'000));
  return plan;
}

std::string Plan::describe() const {
  std::string out = fmt::format("{}{} nodes, {} clients, {} s, tick {} ms, snapshots of {}, jobs to {} ms",
                                replicated ? "an ensemble of " : "", nodes, clients, ms(length) / 1000, tick_ms,
                                snapshot_count, ms(job_delay));
  if (replicated)
    out += fmt::format(", {} observers, elections after {} ms{}", observers, election_timeout_ms,
                       reconfig_enabled ? ", reconfig" : "");
  out += fmt::format(", delays to {} ms, windows of {}, {} bytes/s", ms(network.delay_max), network.window_bytes,
                     network.bytes_per_second);
  for (const auto& [kind, mean] : faults) out += fmt::format(", {} each {} ms", kind, ms(mean));
  return out;
}

Outcome run(const Plan& plan) {
  World world(plan.seed, plan.network);
  std::vector<std::unique_ptr<SimulatedCluster>> clusters;
  std::vector<SimulatedNode*> nodes;
  const int count = plan.replicated ? 1 : plan.nodes, size = plan.nodes / count;
  for (int i = 0; i < count; ++i) {
    clusters.push_back(
        std::make_unique<SimulatedCluster>(world, i * size + 1, size, [&](int) { return ensemble_options(plan); }));
    for (const auto& node : clusters.back()->nodes()) {
      node->options().job_delay = plan.job_delay;
      node->options().memory_outlives_disk_errors = plan.memory_outlives_disk_errors;
      nodes.push_back(node.get());
    }
  }
  for (const auto& cluster : clusters) cluster->start();

  Outcome out;
  Violations unfinished;  // often for a reason that the others tell
  Gate gate;
  {
    Host clients(world.now(), world.wall_ms());
    world.add(clients);
    std::vector<std::string> addresses;
    for (int i = 0; i < plan.clients * count; ++i) {
      SimulatedCluster& cluster = *clusters[static_cast<std::size_t>(i % count)];
      const auto timeout = static_cast<std::int32_t>(world.between(plan.timeout_min_ms, plan.timeout_max_ms));
      addresses.push_back(cluster.add_client(clients, gate, plan.script, timeout));
    }
    Nemesis nemesis(world, plan, nodes, addresses);
    nemesis.start();
    world.run_for(plan.length);
    nemesis.stop();
    for (const auto& cluster : clusters) cluster->finish_clients();
    const bool done = world.run_until(
        [&] { return std::ranges::all_of(clusters, [](const auto& c) { return c->clients_are_done(); }); }, patience);
    if (!done) unfinished.push_back("I11: not all clients come to their end after the last fault" + silent_ones(nodes));
    // Sessions that nobody speaks for any more expire.
    world.run_for(milliseconds(plan.timeout_max_ms + 4 * plan.tick_ms) + seconds(plan.replicated ? 15 : 5) +
                  4 * plan.job_delay);
    // And what is there now is there after the power went.
    for (SimulatedNode* node : nodes)
      if (node->running()) node->crash(Crash::power_and_cache);
    const bool back = world.run_until(
        [&] { return std::ranges::all_of(nodes, [](const auto* n) { return n->serving(); }); }, patience);
    if (!back) unfinished.push_back("I11: not all nodes serve after the last restart" + silent_ones(nodes));
    world.run_for(seconds(1) + 4 * plan.job_delay);
    for (const auto& cluster : clusters) cluster->compare_states();
    for (const auto& cluster : clusters)
      for (const auto& node : cluster->nodes())
        if (node->serving() && node->ensemble().last_applied() < cluster->last_committed())
          out.violations.push_back(
              fmt::format("I6 node {}: has not all that was applied after the last restart", node->id()));

    out.faults = nemesis.injected();
    CheckOptions check_options;
    check_options.drift_ppm = plan.drift_max_ppm * 2;
    check_options.quiescent = done;
    if (plan.replicated) check_options.report = report_lag(plan);
    for (const auto& cluster : clusters) {
      cluster->history().disturbed = nemesis.disturbed();
      Violations found = check(cluster->history(), check_options, out.checked);
      std::ranges::move(cluster->violations(), std::back_inserter(out.violations));
      std::ranges::move(found, std::back_inserter(out.violations));
      out.committed += cluster->history().committed.size();
    }
    std::ranges::move(unfinished, std::back_inserter(out.violations));
    for (const SimulatedNode* node : nodes) {
      out.disk_calls += node->disk_calls();
      out.snapshots_installed += node->snapshots_installed();
    }
    out.pieces = world.network().counts().pieces;
    out.simulated = world.now().time_since_epoch();
    out.trace_hash = world.trace_hash();
    // The clients end with their connections.
    for (const std::string& address : addresses) world.network().kill_process(address);
    for (const auto& cluster : clusters) cluster->abandon_clients();
    world.run_until([&gate] { return gate.holders() == 0; }, patience);
    world.remove(clients);
    clusters.clear();
  }
  return out;
}

}  // namespace holdfast::sim
