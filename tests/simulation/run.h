// Run: one seed of the simulation, from the plan that the seed draws to the verdict of the checkers.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tests/simulation/checkers.h"
#include "tests/simulation/script.h"

namespace holdfast::sim {

// What a seed draws ("swarm" testing, Groce et al., 2012: each run has some of the faults, not all of them a little, so
// that none hides what another one shows). A mean of zero: that fault is off.
struct Plan {
  std::uint64_t seed = 0;
  int nodes = 1;
  bool replicated = false;  // one ensemble of all nodes; else each is on its own, with clients of its own
  bool divided = false;     // it does not replicate all the same: for the checkers' own tests
  int observers = 0;        // the last ones of an ensemble do not vote
  bool reconfig_enabled = false;
  std::int64_t election_timeout_ms = 200;
  int clients = 3;
  Duration length = std::chrono::seconds(120);  // of the faults; then everything must come to rest

  std::int64_t tick_ms = 500;
  std::int64_t snapshot_count = 50;
  std::int32_t timeout_min_ms = 1000, timeout_max_ms = 10'000;
  Duration job_delay{};
  Duration down_max = std::chrono::seconds(5);
  std::int64_t drift_max_ppm = 0;
  // After a disk error the process alone is restarted: it reads from memory what the disk may not have.
  bool memory_outlives_disk_errors = false;
  ScriptOptions script;
  SimulatedNetwork::Options network;

  // The mean time between faults of a kind.
  std::map<std::string, Duration> faults;

  static Plan draw(std::uint64_t seed);             // of a server that stands alone
  static Plan draw_replicated(std::uint64_t seed);  // of an ensemble
  std::string describe() const;
};

struct Outcome {
  Violations violations;
  CheckCounts checked;
  Duration simulated{};
  std::map<std::string, std::uint64_t> faults;  // that were injected
  std::uint64_t committed = 0, snapshots_installed = 0, disk_calls = 0, pieces = 0;
  std::uint64_t trace_hash = 0;
};

Outcome run(const Plan& plan);

}  // namespace holdfast::sim
