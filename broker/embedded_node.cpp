#include "broker/embedded_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "broker/node.h"
#include "runtime/random.h"
#include "runtime/simulated_disk.h"

namespace holdfast {
namespace {

constexpr Duration ready_in = std::chrono::seconds(60);
constexpr int port_attempts = 5;

using Settings = std::map<std::string, std::string>;

const Settings& embedded_defaults() {
  static const Settings settings{
      {"admin.enableServer", "false"},
      {"group.initial.rebalance.delay.ms", "0"},
      {"num.shards", "1"},
      {"offsets.topic.num.partitions", "4"},
  };
  return settings;
}

// Where a node's files are, from its first start until it is gone for good.
class Store {
 public:
  static Result<std::unique_ptr<Store>> open(const EmbeddedOptions& options) {
    auto store = std::make_unique<Store>();
    switch (options.storage) {
      case EmbeddedOptions::Storage::memory:
        store->memory_ = std::make_unique<SimulatedDisk>();
        store->path_ = "/holdfast";
        break;
      case EmbeddedOptions::Storage::temporary:
        store->path_ = "/tmp/holdfast-" + to_hex_uuid(system_random()->uuid());
        store->temporary_ = true;
        break;
      case EmbeddedOptions::Storage::directory:
        if (options.path.empty()) return fail(ErrorKind::invalid_input, "the embedded node's path is empty");
        store->path_ = options.path;
    }
    auto created = store->disk().create_directories(store->path_);
    if (!created) return fail(created);
    return store;
  }
  ~Store() {
    if (temporary_) (void)disk().remove_all(path_);
  }

  Disk& disk() { return memory_ ? *memory_ : system_disk(); }
  const std::string& path() const { return path_; }

 private:
  std::unique_ptr<SimulatedDisk> memory_;
  std::string path_;
  bool temporary_ = false;
};

Result<std::unique_ptr<Node>> launch(Store& store, const Settings& own, const Settings& from_user) {
  Settings settings = own;
  for (const auto& [key, value] : embedded_defaults()) settings.emplace(key, value);
  for (const auto& [key, value] : from_user) settings[key] = value;
  settings["log.dirs"] = store.path();
  Config config = Config::defaults();
  for (const auto& [key, value] : settings) {
    auto set = config.set(key, value, "embedded");
    if (!set) return fail(set);
  }
  auto checked = config.check();
  if (!checked) return fail(checked);
  const World real = system_world();
  const World world{real.clock, store.disk(), real.network, real.workers};
  auto node = std::make_unique<Node>(std::move(config), world);
  auto started = node->start();
  if (!started) return fail(started);
  return node;
}

Settings on_ports(std::uint16_t kafka, std::uint16_t zookeeper) {
  return {{"listeners", fmt::format("PLAINTEXT://127.0.0.1:{}", kafka)}, {"clientPort", std::to_string(zookeeper)}};
}

}  // namespace

// ---- One node ----

struct EmbeddedNode::Inner {
  std::unique_ptr<Store> store;
  Settings settings;
  std::unique_ptr<Node> node;

  ~Inner() {
    if (node) node->stop();
  }
  Result<void> start(std::uint16_t kafka, std::uint16_t zookeeper) {
    auto started = launch(*store, on_ports(kafka, zookeeper), settings);
    if (!started) return fail(started);
    node = std::move(*started);
    return node->wait_for_cluster(1, ready_in);
  }
};

EmbeddedNode::EmbeddedNode(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}

EmbeddedNode::~EmbeddedNode() = default;

Result<std::unique_ptr<EmbeddedNode>> EmbeddedNode::start(EmbeddedOptions options) {
  auto inner = std::make_unique<Inner>();
  auto store = Store::open(options);
  if (!store) return fail(store);
  inner->store = std::move(*store);
  inner->settings = std::move(options.settings);
  auto started = inner->start(0, 0);
  if (!started) return fail(started);
  return std::unique_ptr<EmbeddedNode>(new EmbeddedNode(std::move(inner)));
}

Endpoint EmbeddedNode::kafka_endpoint() const {
  const std::vector<Endpoint> all = inner_->node->kafka_endpoints();
  return all.empty() ? Endpoint() : all.front();
}
Endpoint EmbeddedNode::zookeeper_endpoint() const { return inner_->node->zookeeper_endpoint(); }
std::string EmbeddedNode::bootstrap_servers() const { return to_string(kafka_endpoint()); }
std::string EmbeddedNode::zookeeper() const { return to_string(zookeeper_endpoint()); }
const std::string& EmbeddedNode::directory() const { return inner_->store->path(); }

Result<void> EmbeddedNode::restart() {
  const std::uint16_t kafka = kafka_endpoint().port, zookeeper = zookeeper_endpoint().port;
  inner_->node->stop();
  inner_->node.reset();
  return inner_->start(kafka, zookeeper);
}

// ---- Several ----

struct EmbeddedCluster::Inner {
  struct Server {
    std::unique_ptr<Store> store;
    std::uint16_t kafka = 0, zookeeper = 0;
    std::unique_ptr<Node> node;
  };
  std::vector<Server> servers;  // the n-th is n + 1
  Settings lines, settings;     // who the servers are; what the user wants

  ~Inner() {
    for (Server& s : servers) {
      if (s.node) s.node->stop();
    }
  }

  Result<void> choose_ports();
  Result<void> start(std::size_t index);
  Result<void> start_all();
  Result<void> wait_for_all();
};

// The servers must know each other's ports before the first of them binds its own. All are different: none is given
// back before all are chosen.
Result<void> EmbeddedCluster::Inner::choose_ports() {
  Shards shards(1);  // to listen on
  lines.clear();
  std::vector<std::unique_ptr<Listener>> held;
  const auto choose = [&]() -> Result<std::uint16_t> {
    auto listener = system_network().listen(shards.at(0), {"127.0.0.1", 0}, 1, false);
    if (!listener) return fail(listener);
    held.push_back(std::move(*listener));
    return held.back()->local().port;
  };
  for (std::size_t i = 0; i < servers.size(); ++i) {
    std::array<std::uint16_t, 4> ports{};
    for (std::uint16_t& port : ports) {
      auto chosen = choose();
      if (!chosen) return fail(chosen);
      port = *chosen;
    }
    servers[i].kafka = ports[0];
    servers[i].zookeeper = ports[1];
    lines.emplace(fmt::format("server.{}", i + 1),
                  fmt::format("127.0.0.1:{}:{}:participant;127.0.0.1:{}", ports[2], ports[3], ports[1]));
  }
  for (const auto& listener : held) listener->close();
  return {};
}

Result<void> EmbeddedCluster::Inner::start(std::size_t index) {
  Server& server = servers[index];
  Settings own = on_ports(server.kafka, server.zookeeper);
  own.insert(lines.begin(), lines.end());
  own.emplace("tickTime", "500");
  own.emplace("initLimit", "20");
  own.emplace("syncLimit", "10");
  const std::string id = std::to_string(index + 1);
  auto named = server.store->disk().write_atomically(server.store->path() + "/myid", as_bytes(id));
  if (!named) return named;
  auto started = launch(*server.store, own, settings);
  if (!started) return fail(started);
  server.node = std::move(*started);
  return {};
}

Result<void> EmbeddedCluster::Inner::start_all() {
  for (Server& s : servers) {
    if (s.node) s.node->stop();
    s.node.reset();
  }
  auto chosen = choose_ports();
  for (std::size_t i = 0; chosen && i < servers.size(); ++i) chosen = start(i);
  return chosen ? wait_for_all() : chosen;
}

Result<void> EmbeddedCluster::Inner::wait_for_all() {
  const auto running = std::ranges::count_if(servers, [](const Server& s) { return s.node != nullptr; });
  for (const Server& s : servers) {
    if (!s.node) continue;
    auto there = s.node->wait_for_cluster(static_cast<std::size_t>(running), ready_in);
    if (!there) return there;
  }
  return {};
}

EmbeddedCluster::EmbeddedCluster(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
EmbeddedCluster::~EmbeddedCluster() = default;

Result<std::unique_ptr<EmbeddedCluster>> EmbeddedCluster::start(int nodes, EmbeddedOptions options) {
  if (nodes < 2) return fail(ErrorKind::invalid_input, "a cluster has two nodes at least");
  auto inner = std::make_unique<Inner>();
  inner->servers.resize(static_cast<std::size_t>(nodes));
  inner->settings = std::move(options.settings);
  for (std::size_t i = 0; i < inner->servers.size(); ++i) {
    EmbeddedOptions own;
    own.storage = options.storage;
    own.path = fmt::format("{}/{}", options.path, i + 1);
    auto store = Store::open(own);
    if (!store) return fail(store);
    inner->servers[i].store = std::move(*store);
  }
  auto started = inner->start_all();
  // Somebody else may have taken a port meanwhile.
  for (int again = 0; again < port_attempts && !started && started.error().os_error == EADDRINUSE; ++again)
    started = inner->start_all();
  if (!started) return fail(started);
  return std::unique_ptr<EmbeddedCluster>(new EmbeddedCluster(std::move(inner)));
}

int EmbeddedCluster::size() const { return static_cast<int>(inner_->servers.size()); }

std::string EmbeddedCluster::bootstrap_servers() const {
  std::string out;
  for (const auto& s : inner_->servers) out += fmt::format("{}127.0.0.1:{}", out.empty() ? "" : ",", s.kafka);
  return out;
}

std::string EmbeddedCluster::zookeeper() const {
  std::string out;
  for (const auto& s : inner_->servers) out += fmt::format("{}127.0.0.1:{}", out.empty() ? "" : ",", s.zookeeper);
  return out;
}

Result<void> EmbeddedCluster::stop_node(int id) {
  if (id < 1 || id > size()) return fail(ErrorKind::out_of_range, fmt::format("there is no node {}", id));
  auto& server = inner_->servers[static_cast<std::size_t>(id) - 1];
  if (!server.node) return {};
  server.node->stop();
  server.node.reset();
  return {};
}

Result<void> EmbeddedCluster::start_node(int id) {
  if (id < 1 || id > size()) return fail(ErrorKind::out_of_range, fmt::format("there is no node {}", id));
  const auto index = static_cast<std::size_t>(id) - 1;
  if (inner_->servers[index].node) return {};
  auto started = inner_->start(index);
  if (!started) return started;
  return inner_->wait_for_all();
}

}  // namespace holdfast
