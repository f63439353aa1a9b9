#include "tests/client/zookeeper_world.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::test {
namespace {

constexpr std::uint16_t client_port = 2181, quorum_port = 2888;
constexpr std::size_t journal_bytes = 256 << 10;

}  // namespace

ZooKeeperWorld::ZooKeeperWorld(int servers) {
  loop_.add(network_);
  server_options.tick_ms = 100;
  server_options.session_timeout_min_ms = 200;
  server_options.session_timeout_max_ms = 60'000;
  server_options.extended_types = true;
  server_options.four_letter_words = {"*"};
  server_options.max_client_connections = 0;
  for (int i = 0; i < servers; ++i) {
    servers_.push_back(std::make_unique<Server>());
    if (servers == 1) continue;
    const auto spec = fmt::format("{0}:{1}:3888;{0}:{2}", server_address(i), quorum_port, client_port);
    server_options.servers.servers.emplace(ServerId(i + 1), *EnsembleServer::parse(ServerId(i + 1), spec, false));
  }
}

ZooKeeperWorld::~ZooKeeperWorld() {
  network_.heal_all();
  for (auto& zk : clients_) {
    if (zk) run(zk->stop());
  }
  run(loop_.shard().drained(gate_));
  clients_.clear();
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (servers_[i]->ensemble) kill_server(static_cast<int>(i));
  }
}

void ZooKeeperWorld::open(int index) {
  Server& server = *servers_[static_cast<std::size_t>(index)];
  const std::string address = server_address(index);
  network_.start_process(address);
  LogManagerOptions log_options;
  log_options.log_dirs = {"/data"};
  log_options.node_id = index + 1;
  log_options.journal_file_bytes = journal_bytes;
  server.logs = std::make_unique<LogManager>(std::move(log_options), server.disk, loop_.workers(), clock_, *random_,
                                             server.metrics);
  auto opened = server.logs->start(
      shards_, [this](const LogId&) -> Shard& { return loop_.shard(); },
      [](const std::string&) { return LogConfig{}; });
  ASSERT_TRUE(opened) << opened.error().message;
  EnsembleOptions with = server_options;
  with.server_id = index + 1;
  with.client = {address, client_port};
  with.data_dir = "/data/coordination";
  if (!with.servers.servers.empty()) {
    with.quorum = {{address, quorum_port}};
    with.quorum_address = to_string(with.quorum.front());
  }
  server.ensemble = std::make_unique<Ensemble>(std::move(with), loop_.shard(), *server.logs, network_.host(address),
                                               server.disk, loop_.workers(), clock_, *random_, server.metrics);
  Shard::Scope scope(loop_.shard());
  auto bound = server.ensemble->listen();
  ASSERT_TRUE(bound) << bound.error().message;
  loop_.shard().spawn(gate_, bring_up(server));
}

Task<void> ZooKeeperWorld::bring_up(Server& server) {
  auto started = co_await server.ensemble->start();
  server.up = started.has_value();
}

void ZooKeeperWorld::start() {
  for (std::size_t i = 0; i < servers_.size(); ++i) open(static_cast<int>(i));
  ASSERT_TRUE(run_until(
      [this] { return std::ranges::all_of(servers_, [](const auto& s) { return s->up && s->ensemble->serving(); }); }));
}

void ZooKeeperWorld::start_server(int index) {
  open(index);
  Server& server = *servers_[static_cast<std::size_t>(index)];
  ASSERT_TRUE(run_until([&server] { return server.up && server.ensemble->serving(); }));
}

void ZooKeeperWorld::kill_server(int index) {
  Server& server = *servers_[static_cast<std::size_t>(index)];
  network_.kill_process(server_address(index));
  run(server.ensemble->stop());
  loop_.run_all_jobs();
  {
    Shard::Scope scope(loop_.shard());
    server.ensemble.reset();
    server.logs.reset();
  }
  server.disk.process_death();
  server.up = false;
}

int ZooKeeperWorld::leader() const {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (servers_[i]->up && servers_[i]->ensemble->serving() && servers_[i]->ensemble->driver().judges())
      return static_cast<int>(i);
  }
  return -1;
}

client::ZooKeeperOptions ZooKeeperWorld::options(const std::string& chroot) const {
  client::ZooKeeperOptions out;
  for (std::size_t i = 0; i < servers_.size(); ++i)
    out.servers.servers.push_back({server_address(static_cast<int>(i)), client_port});
  out.servers.chroot = chroot;
  out.session_timeout = session_timeout;
  return out;
}

ZooKeeper& ZooKeeperWorld::make_client(client::ZooKeeperOptions with) {
  Network& network = network_.host(client_address(++clients_made_));
  clients_.push_back(std::make_unique<ZooKeeper>(loop_.shard(), network, *random_, std::move(with)));
  return *clients_.back();
}

void ZooKeeperWorld::destroy_client(ZooKeeper& zk) {
  run(zk.stop());
  std::erase_if(clients_, [&zk](const auto& known) { return known.get() == &zk; });
}

void ZooKeeperWorld::expire(ZooKeeper& zk) {
  auto with = options();
  with.session = zk.session();
  with.renew_session = false;
  ZooKeeper& thief = make_client(with);
  const auto connected = run(thief.connect(std::chrono::seconds(10)));
  ASSERT_EQ(code_of(connected), "ok");
  run(thief.close());
  destroy_client(thief);
}

void ZooKeeperWorld::cut(int number) {
  cut_replies(number);
  cut_requests(number);
}

void ZooKeeperWorld::cut_replies(int number) {
  for (std::size_t i = 0; i < servers_.size(); ++i)
    network_.cut(server_address(static_cast<int>(i)), client_address(number));
}

void ZooKeeperWorld::cut_requests(int number) {
  for (std::size_t i = 0; i < servers_.size(); ++i)
    network_.cut(client_address(number), server_address(static_cast<int>(i)));
}

void ZooKeeperWorld::heal(int number) {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    network_.heal(server_address(static_cast<int>(i)), client_address(number));
    network_.heal(client_address(number), server_address(static_cast<int>(i)));
  }
}

void ZooKeeperWorld::reset(int number) {
  for (std::size_t i = 0; i < servers_.size(); ++i)
    network_.reset_connections(server_address(static_cast<int>(i)), client_address(number));
}

bool ZooKeeperWorld::exists(const std::string& path, int index) { return server(index).tree().find(path) != nullptr; }

std::vector<std::string> ZooKeeperWorld::children(const std::string& path, int index) {
  std::vector<std::string> out;
  const zk::Znode* node = server(index).tree().find(path);
  if (!node) return out;
  for (const std::string_view name : zk::ChildNames(node)) out.emplace_back(name);
  std::ranges::sort(out);
  return out;
}

}  // namespace holdfast::test
