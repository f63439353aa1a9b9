// holdfast_sim: runs seeds of the simulation. A seed that fails prints one line that replays it.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/log_line.h"
#include "tests/simulation/brokers/run.h"
#include "tests/simulation/consensus/consensus_world.h"
#include "tests/simulation/run.h"

namespace holdfast::sim {
namespace {

struct Arguments {
  std::uint64_t seeds = 100, from = 1;
  int nodes = 1;
  std::optional<bool> replicated;  // by the seed: every other one
  bool brokers = false, consensus = false;
  bool verbose = false, twice = false, log = false, memory = false, until_failure = false;
};

int usage() {
  fmt::print(
      stderr,
      "usage: holdfast_sim [--seeds N] [--from S] [--alone [--nodes N] | --replicated | --brokers | --consensus]\n"
      "                    [--verbose] [--twice] [--log] [--memory] [--until-failure]\n"
      "  --seeds N   so many runs (100), with the seeds from S (1) on\n"
      "  --alone     a server that stands alone; without this and the next, every other seed\n"
      "  --nodes N   so many of them (1) in one run, each on its own\n"
      "  --replicated  an ensemble of three or five, perhaps with an observer\n"
      "  --brokers   a cluster of brokers: whole nodes, with producers, consumers, groups and an administrator\n"
      "  --consensus consensus alone, on model logs: the rules of Raft after each input\n"
      "  --verbose   what each run drew, did and found\n"
      "  --twice     each seed two times: the traces must be equal\n"
      "  --log       the servers' log lines\n"
      "  --memory    after a disk error the process alone restarts, and reads what the disk may not have\n"
      "  --until-failure  says which seed begins, and ends with the first that fails\n");
  return 2;
}

bool parse(int argc, char** argv, Arguments& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto number = [&]() -> std::uint64_t { return ++i < argc ? std::strtoull(argv[i], nullptr, 10) : 0; };
    if (word == "--seeds") {
      out.seeds = number();
    } else if (word == "--from") {
      out.from = number();
    } else if (word == "--nodes") {
      out.nodes = static_cast<int>(number());
      out.replicated = false;
    } else if (word == "--alone") {
      out.replicated = false;
    } else if (word == "--replicated") {
      out.replicated = true;
    } else if (word == "--brokers") {
      out.brokers = true;
    } else if (word == "--consensus") {
      out.consensus = true;
    } else if (word == "--verbose") {
      out.verbose = true;
    } else if (word == "--twice") {
      out.twice = true;
    } else if (word == "--log") {
      out.log = true;
    } else if (word == "--memory") {
      out.memory = true;
    } else if (word == "--until-failure") {
      out.until_failure = true;
    } else {
      return false;
    }
  }
  return out.seeds > 0 && out.nodes > 0;
}

double in_seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

void print_faults(const std::map<std::string, std::uint64_t>& faults) {
  fmt::print("faults:");
  for (const auto& [kind, count] : faults) fmt::print(" {} {},", kind, count);
  fmt::print("\n");
}

// By the host's own clock, with the number of the node.
void print_log_line(LogLevel level, std::string_view room, std::string_view message) {
  const Host* host = Host::current();
  const Shard* shard = Shard::current();
  fmt::print("{:9.3f} {} {} {}: {}\n", shard ? static_cast<double>(shard->clock().wall_ms()) / 1000.0 : 0.0,
             host ? host->label() : "-", to_string(level), room, message);
}

int run_brokers(const Arguments& arguments) {
  const auto started = std::chrono::steady_clock::now();
  std::uint64_t ran = 0, failed = 0;
  BrokerOutcome total;
  for (std::uint64_t seed = arguments.from; ran < arguments.seeds && !(arguments.until_failure && failed > 0);
       ++seed, ++ran) {
    BrokerPlan plan = BrokerPlan::draw(seed);
    plan.base.memory_outlives_disk_errors = arguments.memory;
    if (arguments.verbose) fmt::print("seed {}: {}\n", seed, plan.describe());
    if (arguments.until_failure) {
      fmt::print("seed {}\n", seed);  // it may be the last word
      std::fflush(stdout);
    }
    BrokerOutcome outcome = run(plan);
    if (arguments.twice && run(plan).trace_hash != outcome.trace_hash)
      outcome.violations.push_back("the same seed ran differently");
    for (const auto& [kind, count] : outcome.faults) total.faults[kind] += count;
    for (const auto& [kind, count] : outcome.storms) total.faults[kind] += count;
    total.simulated += outcome.simulated;
    total.acknowledged += outcome.acknowledged;
    total.seen += outcome.seen;
    total.found += outcome.found;
    total.commits += outcome.commits;
    total.generations += outcome.generations;
    total.successors += outcome.successors;
    total.states += outcome.states;
    total.batches_compared += outcome.batches_compared;
    if (arguments.verbose)
      fmt::print(
          "  {:.0f} s, {} records acknowledged, {} seen, {} found, {} commits, {} generations, {} states, trace "
          "{:016x}\n",
          in_seconds(outcome.simulated), outcome.acknowledged, outcome.seen, outcome.found, outcome.commits,
          outcome.generations, outcome.states, outcome.trace_hash);
    std::fflush(stdout);
    if (outcome.violations.empty()) continue;
    ++failed;
    fmt::print("FAILED holdfast_sim --brokers --seeds 1 --from {}{}: {} ({} in all)\n", seed,
               arguments.memory ? " --memory" : "", outcome.violations.front(), outcome.violations.size());
    if (arguments.verbose)
      for (const std::string& violation : outcome.violations) fmt::print("  {}\n", violation);
  }
  const double real = in_seconds(std::chrono::steady_clock::now() - started);
  fmt::print(
      "{} seeds of brokers, {} failed; {:.1f} h simulated in {:.1f} s ({:.0f} times as fast), {} records acknowledged, "
      "{} "
      "seen, {} found in the end, {} commits, {} generations of groups, {} states of partitions, {} batches of "
      "replicas compared, {} who may lead "
      "looked at\n",
      ran, failed, in_seconds(total.simulated) / 3600, real, in_seconds(total.simulated) / real, total.acknowledged,
      total.seen, total.found, total.commits, total.generations, total.states, total.batches_compared,
      total.successors);
  print_faults(total.faults);
  return failed == 0 ? 0 : 1;
}

int run_consensus(const Arguments& arguments) {
  const auto started = std::chrono::steady_clock::now();
  std::uint64_t ran = 0, failed = 0;
  consensus_world::Tally total;
  for (std::uint64_t seed = arguments.from; ran < arguments.seeds && !(arguments.until_failure && failed > 0);
       ++seed, ++ran) {
    if (arguments.until_failure) {
      fmt::print("seed {}\n", seed);  // it may be the last word
      std::fflush(stdout);
    }
    consensus_world::World world(seed, arguments.verbose);
    const std::optional<std::string> broken = world.run();
    total += world.tally();
    if (!broken) continue;
    ++failed;
    fmt::print("FAILED holdfast_sim --consensus --seeds 1 --from {}: {}\n", seed, *broken);
  }
  const double real = in_seconds(std::chrono::steady_clock::now() - started);
  fmt::print(
      "{} seeds of consensus, {} failed, in {:.1f} s; {} batches committed, {} leaders, {} crashes, {} disks emptied, "
      "{} "
      "changes of membership, {} leaderships handed on, {} snapshots, {} reads, {} voters replaced, {} logs cut\n",
      ran, failed, real, total.committed, total.leaders, total.crashes, total.blanks, total.changes, total.transfers,
      total.snapshots, total.reads, total.replaced, total.truncations);
  return failed == 0 ? 0 : 1;
}

int main_of(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) return usage();
  set_log_level(arguments.log ? LogLevel::info : LogLevel::off);
  set_log_sink(print_log_line);
  if (arguments.brokers) return run_brokers(arguments);
  if (arguments.consensus) return run_consensus(arguments);
  const auto started = std::chrono::steady_clock::now();
  std::uint64_t ran = 0, failed = 0;
  Outcome total;
  for (std::uint64_t seed = arguments.from; ran < arguments.seeds && !(arguments.until_failure && failed > 0);
       ++seed, ++ran) {
    const bool replicated = arguments.replicated.value_or(seed % 2 == 0);
    Plan plan = replicated ? Plan::draw_replicated(seed) : Plan::draw(seed);
    if (!replicated) plan.nodes = arguments.nodes;
    plan.memory_outlives_disk_errors = arguments.memory;
    if (arguments.verbose) fmt::print("seed {}: {}\n", seed, plan.describe());
    if (arguments.until_failure) {
      fmt::print("seed {}\n", seed);  // it may be the last word
      std::fflush(stdout);
    }
    Outcome outcome = run(plan);
    if (arguments.twice && run(plan).trace_hash != outcome.trace_hash)
      outcome.violations.push_back("the same seed ran differently");
    std::uint64_t injected = 0;
    for (const auto& [kind, count] : outcome.faults) {
      total.faults[kind] += count;
      injected += count;
    }
    total.simulated += outcome.simulated;
    total.committed += outcome.committed;
    total.snapshots_installed += outcome.snapshots_installed;
    total.checked.writes += outcome.checked.writes;
    total.checked.reads += outcome.checked.reads;
    total.checked.unknown += outcome.checked.unknown;
    total.checked.events += outcome.checked.events;
    total.checked.linearized += outcome.checked.linearized;
    total.checked.undecided += outcome.checked.undecided;
    if (arguments.verbose)
      fmt::print("  {:.0f} s, {} transactions, {} answers and events checked, {} unknown, {} faults, trace {:016x}\n",
                 in_seconds(outcome.simulated), outcome.committed, outcome.checked.total(), outcome.checked.unknown,
                 injected, outcome.trace_hash);
    std::fflush(stdout);
    if (outcome.violations.empty()) continue;
    ++failed;
    const std::string kind = replicated ? "--replicated" : fmt::format("--alone --nodes {}", arguments.nodes);
    fmt::print("FAILED holdfast_sim --seeds 1 --from {} {}{}: {} ({} in all)\n", seed, kind,
               arguments.memory ? " --memory" : "", outcome.violations.front(), outcome.violations.size());
    if (arguments.verbose)
      for (const std::string& violation : outcome.violations) fmt::print("  {}\n", violation);
  }
  const double real = in_seconds(std::chrono::steady_clock::now() - started);
  fmt::print(
      "{} seeds, {} failed; {:.1f} h simulated in {:.1f} s ({:.0f} times as fast), {} transactions, {} "
      "snapshots sent, {} answers and events checked, {} outcomes unknown; registers: {} linearizable, {} undecided\n",
      ran, failed, in_seconds(total.simulated) / 3600, real, in_seconds(total.simulated) / real, total.committed,
      total.snapshots_installed, total.checked.total(), total.checked.unknown, total.checked.linearized,
      total.checked.undecided);
  print_faults(total.faults);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace holdfast::sim

int main(int argc, char** argv) { return holdfast::sim::main_of(argc, argv); }
