#include "tests/simulation/cluster.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::sim {
namespace {

zk::MachineOptions machine_options(const EnsembleOptions& options) {
  zk::MachineOptions out;
  out.extended_types = options.extended_types;
  out.enforce_quota = options.enforce_quota;
  out.protected_prefixes = options.protected_prefixes;
  return out;
}

}  // namespace

SimulatedCluster::SimulatedCluster(World& world, int first_id, int count, OptionsOf options_of)
    : world_(world), first_id_(first_id) {
  for (int id = first_id; id < first_id + count; ++id) {
    NodeOptions options;
    options.id = id;
    options.address = fmt::format("10.0.0.{}", id);
    options.ensemble = options_of(id);
    if (!witness_) {
      witness_ = std::make_unique<Witness>(machine_options(options.ensemble), history_, violations_, count == 1);
      witness_->set_time([&world] { return world.now(); });
    }
    world.network().name(fmt::format("node-{}", id), options.address);
    nodes_.push_back(std::make_unique<SimulatedNode>(world, std::move(options), *witness_));
  }
}

SimulatedCluster::~SimulatedCluster() = default;

std::vector<std::string> SimulatedCluster::addresses() const {
  std::vector<std::string> out;
  for (const auto& node : nodes_) out.push_back(node->address());
  return out;
}

void SimulatedCluster::start() {
  for (const auto& node : nodes_) node->start();
}

std::string SimulatedCluster::add_client(Host& host, Gate& gate, const ScriptOptions& script, std::int32_t timeout_ms) {
  ClientOptions options;
  options.index = static_cast<int>(clients_.size());
  options.address = fmt::format("10.1.{}.{}", first_id_, options.index);
  options.servers = addresses();
  options.timeout_ms = timeout_ms;
  clients_.push_back(std::make_unique<SimulatedClient>(world_, host.shard(), std::move(options), script, history_));
  Shard::Scope scope(host.shard());
  clients_.back()->start(gate);
  return clients_.back()->address();
}

void SimulatedCluster::finish_clients() {
  for (const auto& client : clients_) client->finish();
}

void SimulatedCluster::abandon_clients() {
  for (const auto& client : clients_) client->abandon();
}

bool SimulatedCluster::clients_are_done() const {
  return std::ranges::all_of(clients_, [](const auto& client) { return client->is_done(); });
}

}  // namespace holdfast::sim
