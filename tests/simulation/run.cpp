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

EnsembleOptions ensemble_options(const Plan& plan) {
  EnsembleOptions o;
  o.tick_ms = plan.tick_ms;
  o.session_timeout_min_ms = plan.timeout_min_ms;
  o.session_timeout_max_ms = plan.timeout_max_ms;
  o.max_client_connections = 0;
  o.extended_types = true;
  o.snapshot_count = plan.snapshot_count;
  o.container_check_ms = 2000;
  return o;
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

std::string Plan::describe() const {
  std::string out = fmt::format("{} nodes, {} clients, {} s, tick {} ms, snapshots of {}, jobs to {} ms", nodes,
                                clients, ms(length) / 1000, tick_ms, snapshot_count, ms(job_delay));
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
    if (!done) out.violations.push_back("I11: not all clients come to their end after the last fault");
    // Sessions that nobody speaks for any more expire.
    world.run_for(milliseconds(plan.timeout_max_ms + 4 * plan.tick_ms) + seconds(5) + 4 * plan.job_delay);
    // And what is there now is there after the power went.
    for (SimulatedNode* node : nodes)
      if (node->running()) node->crash(Crash::power_and_cache);
    const bool back = world.run_until(
        [&] { return std::ranges::all_of(nodes, [](const auto* n) { return n->serving(); }); }, patience);
    if (!back) out.violations.push_back("I11: not all nodes serve after the last restart");
    world.run_for(seconds(1) + 4 * plan.job_delay);
    for (const auto& cluster : clusters)
      for (const auto& node : cluster->nodes())
        if (node->serving() && node->ensemble().last_applied() < cluster->witness().last())
          out.violations.push_back(
              fmt::format("I6 node {}: has not all that was applied after the last restart", node->id()));

    out.faults = nemesis.injected();
    CheckOptions check_options;
    check_options.drift_ppm = plan.drift_max_ppm * 2;
    check_options.quiescent = done;
    for (const auto& cluster : clusters) {
      Violations found = check(cluster->history(), check_options, out.checked);
      std::ranges::move(cluster->violations(), std::back_inserter(out.violations));
      std::ranges::move(found, std::back_inserter(out.violations));
      out.committed += cluster->history().committed.size();
    }
    for (const SimulatedNode* node : nodes) out.disk_calls += node->disk_calls();
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
