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
  if (!options.servers.servers.empty()) out.config_text = options.servers.text();
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
    if (nodes_.empty()) watch(options.ensemble, count);
    NodeObserver& observer = agreement_ ? static_cast<NodeObserver&>(*agreement_) : *witness_;
    world.network().name(fmt::format("node-{}", id), options.address);
    nodes_.push_back(std::make_unique<SimulatedNode>(world, std::move(options), observer));
  }
}

SimulatedCluster::~SimulatedCluster() = default;

void SimulatedCluster::watch(const EnsembleOptions& options, int count) {
  const auto now = [this] { return world_.now(); };
  if (count == 1 && options.servers.servers.empty()) {
    witness_ = std::make_unique<Witness>(machine_options(options), history_, violations_);
    witness_->set_time(now);
  } else {
    agreement_ = std::make_unique<Agreement>(machine_options(options), history_, violations_);
    agreement_->set_time(now);
  }
}

void SimulatedCluster::compare_states() {
  for (const auto& node : nodes_)
    if (agreement_ && node->up())
      agreement_->shows(node->id(), node->ensemble().last_applied(), node->ensemble().machine().digest());
}

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
