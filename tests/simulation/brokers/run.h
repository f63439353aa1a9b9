// One seed of the simulation of a cluster of brokers: whole nodes, each a broker and a voter of the quorum, with
// producers, consumers, groups and an administrator, from the plan that the seed draws to the verdict.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "tests/simulation/brokers/broker_body.h"
#include "tests/simulation/cluster.h"
#include "tests/simulation/run.h"

namespace holdfast::sim {

struct BrokerPlan {
  Plan base;  // nodes, network, disks, faults
  int shards = 1, directories = 1;
  std::int64_t session_timeout_ms = 6000, lag_max_ms = 4000;
  int producers = 4, consumers = 3, committers = 2, groups = 1;
  int library_producers = 1, library_readers = 1, library_members = 2;  // of the client library
  Duration think_max = std::chrono::milliseconds(200);
  std::map<std::string, Duration> storms;    // the mean time between administrative changes of a kind
  std::map<std::string, Duration> ambushes;  // and between ambushes

  static BrokerPlan draw(std::uint64_t seed);
  std::string describe() const;
  Settings settings() const;  // of every node
};

struct BrokerOutcome {
  Violations violations;
  Duration simulated{};
  std::map<std::string, std::uint64_t> faults, storms;
  std::uint64_t acknowledged = 0, seen = 0, found = 0, commits = 0, generations = 0, states = 0, batches_compared = 0;
  std::uint64_t successors = 0;  // that were looked at
  std::uint64_t trace_hash = 0;
};

BrokerOutcome run(const BrokerPlan& plan);

// The nodes of a plan, not started yet. The settings must outlive them.
std::unique_ptr<SimulatedCluster> make_cluster(World& world, const BrokerPlan& plan, const Settings& settings);

}  // namespace holdfast::sim
