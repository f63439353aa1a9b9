#include "tests/coordination/quorum_world.h"

namespace holdfast::test {

using std::chrono::milliseconds;

QuorumWorld::QuorumWorld() {
  loop_.add(network_);
  options.tick_ms = 1000;
  options.listen = false;
  configure({1, 2, 3});
}

QuorumWorld::~QuorumWorld() {
  while (!servers_.empty()) kill(servers_.begin()->first);
}

void QuorumWorld::configure(std::vector<int> voters, std::vector<int> observers) {
  config_.clear();
  for (const int id : voters) config_ += fmt::format("server.{}={}:2888:3888\n", id, address(id));
  for (const int id : observers) config_ += fmt::format("server.{}={}:2888:3888:observer\n", id, address(id));
  auto parsed = EnsembleConfig::parse(config_, false);
  ASSERT_TRUE(parsed) << parsed.error().message;
  options.servers = std::move(*parsed);
}

SimulatedDisk& QuorumWorld::disk(int id) {
  auto& disk = disks_[id];
  if (!disk) disk = std::make_unique<SimulatedDisk>();
  return *disk;
}

Result<void> QuorumWorld::try_start(int id) {
  Shard::Scope scope(shards_.at(0));
  network_.host(address(id));
  network_.start_process(address(id));
  auto server = std::make_unique<Server>();
  LogManagerOptions log_options;
  log_options.log_dirs = {"/data"};
  log_options.node_id = id;
  log_options.journal_file_bytes = 1 << 20;
  server->logs =
      std::make_unique<LogManager>(log_options, disk(id), loop_.workers(), clock_, *random_, server->metrics);
  auto opened = server->logs->start(
      shards_, [this](const LogId&) -> Shard& { return shards_.at(0); },
      [](const std::string&) { return LogConfig{}; });
  if (!opened) return opened;
  EnsembleOptions own = options;
  own.server_id = id;
  own.data_dir = "/data/coordination";
  if (!own.servers.servers.empty()) {
    own.quorum = {{address(id), 2888}};
    own.quorum_address = address(id) + ":2888";
  }
  server->ensemble = std::make_unique<Ensemble>(own, shards_.at(0), *server->logs, network_.host(address(id)), disk(id),
                                                loop_.workers(), clock_, *random_, server->metrics);
  auto& kept = *(servers_[id] = std::move(server));
  return loop_.run(kept.ensemble->start());
}

void QuorumWorld::start(int id) {
  auto started = try_start(id);
  ASSERT_TRUE(started) << "server " << id << ": " << started.error().message;
}

std::string QuorumWorld::refusal(int id) {
  auto started = try_start(id);
  EXPECT_FALSE(started);
  if (servers_.contains(id)) kill(id);
  return started ? "" : started.error().message;
}

void QuorumWorld::start_all() {
  for (const auto& [id, _] : options.servers.servers) start(id.value);
  const auto all_serve = [this] {
    return std::ranges::all_of(servers_, [](const auto& s) { return s.second->ensemble->serving(); });
  };
  ASSERT_TRUE(until(all_serve));
}

void QuorumWorld::take_down(int id) {
  Server& server = *servers_.at(id);
  Shard::Scope scope(shards_.at(0));
  loop_.run(server.ensemble->stop());
  loop_.run_all_jobs();
  loop_.run_ready();
  server.ensemble.reset();
  server.logs.reset();
  servers_.erase(id);
}

void QuorumWorld::stop(int id) {
  take_down(id);
  network_.kill_process(address(id));
  disk(id).process_death();
}

void QuorumWorld::kill(int id, bool power) {
  network_.kill_process(address(id));
  disk(id).cut_power();
  take_down(id);
  power ? disk(id).power_loss_of_all_unsynced() : disk(id).process_death();
}

void QuorumWorld::empty_disk(int id) { disks_[id] = std::make_unique<SimulatedDisk>(); }

void QuorumWorld::damage_log(int id, std::string_view where) {
  const std::string segment = "/data/__coordination-0/00000000000000000000.log";
  const auto bytes = disk(id).read_file(segment, 100 << 20);
  ASSERT_TRUE(bytes) << bytes.error().message;
  const std::size_t found = as_text(*bytes).find(where);
  ASSERT_NE(found, std::string_view::npos) << where;
  disk(id).flip_bit(segment, found);
}

int QuorumWorld::leader() const {
  for (const auto& [id, server] : servers_)
    if (server->ensemble->driver().judges()) return id;
  return 0;
}

int QuorumWorld::wait_for_leader() {
  EXPECT_TRUE(until([this] { return leader() != 0 && at(leader()).serving(); }));
  return leader();
}

int QuorumWorld::other_than(std::set<int> ids) const {
  for (const auto& [id, _] : servers_)
    if (!ids.contains(id)) return id;
  return 0;
}

void QuorumWorld::cut(int a, int b) {
  network_.cut(address(a), address(b));
  network_.cut(address(b), address(a));
}

void QuorumWorld::isolate(int id) {
  for (const auto& [other, _] : servers_)
    if (other != id) cut(id, other);
}

std::shared_ptr<QuorumWorld::Outcome> QuorumWorld::propose(int id, const zk::WriteRequest& request, SessionId session) {
  auto outcome = std::make_shared<Outcome>();
  zk::Caller caller;
  caller.session = session;
  caller.privileged = session == SessionId(0);
  if (session != SessionId(0)) caller.owner = id;
  Shard::Scope scope(shards_.at(0));
  driver(id).propose(request, caller, [outcome](const zk::Effects& effects) {
    outcome->error = effects.result.error;
    outcome->path = effects.result.path;
    outcome->zxid = effects.zxid;
  });
  return outcome;
}

std::shared_ptr<QuorumWorld::Outcome> QuorumWorld::create(int id, const std::string& path, std::int32_t flags,
                                                          SessionId session) {
  zk::CreateOp op;
  op.path = path;
  op.acl = {{31, {"world", "anyone"}}};
  op.flags = flags;
  return propose(id, op, session);
}

zk::ZkError QuorumWorld::wait(const std::shared_ptr<Outcome>& outcome) {
  EXPECT_TRUE(until([&] { return outcome->error.has_value(); }));
  return outcome->error.value_or(zk::ZkError::connection_loss);
}

SessionId QuorumWorld::open_session(int id, std::int32_t timeout_ms) {
  const SessionId session = at(id).new_session_id();
  zk::CreateSessionOp op;
  op.timeout_ms = timeout_ms;
  EXPECT_EQ(wait(propose(id, op, session)), zk::ZkError::ok);
  return session;
}

bool QuorumWorld::agree() {
  return until([this] {
    std::set<std::pair<std::int64_t, std::uint64_t>> states;
    for (const auto& [id, server] : servers_)
      states.emplace(server->ensemble->last_applied().value, server->ensemble->machine().digest());
    return states.size() == 1;
  });
}

}  // namespace holdfast::test
