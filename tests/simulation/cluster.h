// SimulatedCluster: nodes of one World that belong together, with one witness over all of them and one history of their
// clients: a server that stands alone, or an ensemble.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/agreement.h"
#include "tests/simulation/client.h"
#include "tests/simulation/node.h"
#include "tests/simulation/witness.h"

namespace holdfast::sim {

class SimulatedCluster {
 public:
  using OptionsOf = Function<EnsembleOptions(int node)>;

  // Nodes first_id, first_id + 1... on hosts 10.0.0.<id>, reached by the names node-<id> too.
  SimulatedCluster(World& world, int first_id, int count, OptionsOf options_of);
  ~SimulatedCluster();

  std::vector<std::unique_ptr<SimulatedNode>>& nodes() { return nodes_; }
  std::vector<std::string> addresses() const;
  History& history() { return history_; }
  Violations& violations() { return violations_; }
  Zxid last_committed() const { return history_.committed.empty() ? Zxid(0) : history_.committed.back().txn.zxid; }

  void start();
  void compare_states();  // of the nodes of an ensemble, as they are
  // Clients live on one host of their own clock, each with its own address, which is returned.
  std::string add_client(Host& host, Gate& gate, const ScriptOptions& script, std::int32_t timeout_ms);
  void finish_clients();
  bool clients_are_done() const;
  void abandon_clients();  // they end without another word

 private:
  void watch(const EnsembleOptions& options, int count);

  World& world_;
  const int first_id_;
  History history_;
  Violations violations_;
  std::unique_ptr<Witness> witness_;      // of a server that stands alone
  std::unique_ptr<Agreement> agreement_;  // of an ensemble
  std::vector<std::unique_ptr<SimulatedNode>> nodes_;
  std::vector<std::unique_ptr<SimulatedClient>> clients_;
};

}  // namespace holdfast::sim
