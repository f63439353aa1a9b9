#include "broker/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>

#include "broker/admin/http_server.h"
#include "broker/admin/metrics_page.h"
#include "broker/broker_shard.h"
#include "broker/ensemble_setup.h"
#include "broker/group_coordinator.h"
#include "broker/hop.h"
#include "broker/kafka_server.h"
#include "broker/metadata_watcher.h"
#include "broker/topic_admin.h"
#include "coordination/ensemble.h"
#include "log/log_manager.h"
#include "runtime/blocking_call.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr std::string_view version = HOLDFAST_VERSION;
constexpr std::int32_t ephemeral = 1, persistent = 0;  // create flags

Result<KafkaListener> parse_listener(const std::string& text) {
  const auto scheme = text.find("://");
  const auto colon = text.rfind(':');
  KafkaListener out;
  if (scheme == text.npos || colon == text.npos || colon < scheme + 3 ||
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), out.bind.port).ptr !=
          text.data() + text.size())
    return fail(ErrorKind::invalid_input, fmt::format("'{}' is not a listener: NAME://host:port is expected", text));
  out.name = text.substr(0, scheme);
  out.bind.host = text.substr(scheme + 3, colon - scheme - 3);
  std::erase_if(out.bind.host, [](char c) { return c == '[' || c == ']'; });
  return out;
}

Result<std::vector<KafkaListener>> listeners_of(const Config& config) {
  std::vector<KafkaListener> out;
  for (const std::string& text : config.list("listeners")) {
    auto parsed = parse_listener(text);
    if (!parsed) return fail(parsed);
    parsed->advertised = parsed->bind;
    // Nobody can connect to "every address": this host's name stands for it until advertised.listeners says better.
    if (parsed->bind.host.empty() || parsed->bind.host == "0.0.0.0" || parsed->bind.host == "::")
      parsed->advertised.host = "localhost";
    parsed->advertised.port = 0;  // the port that is bound
    out.push_back(std::move(*parsed));
  }
  for (const std::string& text : config.list("advertised.listeners")) {
    auto parsed = parse_listener(text);
    if (!parsed) return fail(parsed);
    const auto it = std::ranges::find(out, parsed->name, &KafkaListener::name);
    if (it == out.end())
      return fail(ErrorKind::invalid_input,
                  fmt::format("advertised.listeners names {}, which listeners does not", parsed->name));
    it->advertised = parsed->bind;
  }
  if (out.empty()) return fail(ErrorKind::invalid_input, "listeners is empty");
  return out;
}

// Where the node keeps its data: Kafka's settings name it, or else ZooKeeper's.
std::vector<std::string> data_directories(const Config& config) {
  if (config.is_set("log.dirs")) return config.list("log.dirs");
  return {config.text(config.is_set("dataDir") && !config.is_set("log.dir") ? "dataDir" : "log.dir")};
}

EnsembleOptions ensemble_options(const Config& config, const EnsembleSetup& setup, const std::string& data_dir,
                                 std::int32_t node_id) {
  EnsembleOptions o;
  o.server_id = node_id;
  if (setup.distributed) {
    o.server_id = setup.self.value;
    o.servers = setup.config;
    const bool everywhere = config.boolean("quorumListenOnAllIPs");
    for (const EnsembleServer::Address& address : setup.config.servers.at(setup.self).addresses)
      o.quorum.push_back({everywhere ? "" : address.host, address.quorum_port});
    const EnsembleServer::Address& first = setup.config.servers.at(setup.self).addresses.front();
    o.quorum_address = to_string(Endpoint{first.host, first.quorum_port});
  }
  o.reconfig_enabled = config.boolean("reconfigEnabled");
  o.standalone_enabled = config.boolean("standaloneEnabled");
  o.multi_address = config.boolean("multiAddress.enabled");
  o.read_only_clients = config.boolean("readonlymode.enabled");
  o.init_limit = static_cast<std::int32_t>(config.integer("initLimit"));
  o.sync_limit = static_cast<std::int32_t>(config.integer("syncLimit"));
  o.recover_alone = config.boolean("quorum.recover.alone");
  o.election_timeout_ms = config.integer("quorum.election.timeout.ms");
  o.tick_ms = config.integer("tickTime");
  o.session_timeout_min_ms = config.integer("minSessionTimeout");
  o.session_timeout_max_ms = config.integer("maxSessionTimeout");
  o.max_client_connections = static_cast<std::int32_t>(config.integer("maxClientCnxns"));
  o.jute_max_buffer = static_cast<std::size_t>(config.integer("jute.maxbuffer"));
  std::string word;
  for (const char c : config.text("4lw.commands.whitelist") + ",") {
    if (c == ' ') continue;
    if (c != ',') {
      word += c;
    } else if (!word.empty()) {
      o.four_letter_words.push_back(std::exchange(word, {}));
    }
  }
  o.extended_types = config.boolean("extendedTypesEnabled");
  o.enforce_quota = config.boolean("enforceQuota");
  o.super_digest = config.text("DigestAuthenticationProvider.superDigest");
  o.snapshot_count = config.integer("snapCount");
  o.container_check_ms = config.integer("znode.container.checkIntervalMs");
  o.session_request_rate = config.integer("session.request.rate");
  o.session_byte_rate = config.integer("session.byte.rate");
  o.global_outstanding_limit = config.integer("globalOutstandingLimit");
  o.client = setup.client;
  o.data_dir = data_dir + "/coordination";
  o.protected_prefixes = znodes::protected_prefixes();
  return o;
}

}  // namespace

struct Node::Inner {
  Config config;
  World world;
  Metrics metrics;
  std::unique_ptr<Random> random = system_random();
  std::unique_ptr<Shards> shards;
  std::unique_ptr<LogManager> logs;
  std::unique_ptr<Ensemble> ensemble;
  std::unique_ptr<BrokerMetrics> broker_metrics;
  BrokerServices services;
  std::unique_ptr<TopicAdmin> admin;
  std::unique_ptr<MetadataWatcher> watcher;
  std::vector<std::unique_ptr<KafkaServer>> servers;
  std::unique_ptr<HttpServer> http;
  std::vector<KafkaListener> listeners;
  EnsembleSetup setup;
  std::string data_dir;
  std::int32_t node_id = 1;
  SessionId session{0};
  std::atomic<bool> ready{false};
  bool broker = true;
  Gate gate;                                      // of shard 0
  std::vector<std::unique_ptr<Gate>> stop_gates;  // one of each shard

  Inner(Config c, World w) : config(std::move(c)), world(w) {}

  Result<void> read_setup();
  Result<void> open_logs();
  Task<Result<void>> bring_up();
  Task<Result<void>> register_broker();
  Task<Result<void>> make_sure_of(std::string path, std::string data, bool null_data);
  Task<bool> bring_down();
  static Task<bool> stop_shard(KafkaServer* server, BrokerShard* shard);
  Task<HttpReply> route(std::string path);
};

// Who this node is, and whose ensemble it belongs to.
Result<void> Node::Inner::read_setup() {
  data_dir = data_directories(config).front();
  std::vector<std::string> notices;
  auto read = ensemble_setup_from(config, data_dir, world.disk, notices);
  if (!read) return fail(read);
  setup = std::move(*read);
  for (const std::string& notice : notices) log_line(LogLevel::warn, "node", "{}", notice);
  node_id = static_cast<std::int32_t>(config.integer(config.is_set("node.id") ? "node.id" : "broker.id"));
  if (node_id < 0) node_id = setup.distributed ? setup.self.value : 1;
  const std::vector<std::string> roles = config.list("process.roles");
  broker = roles.empty() || std::ranges::find(roles, "broker") != roles.end();
  if (setup.distributed && std::exchange(broker, false) && !roles.empty())
    log_line(LogLevel::warn, "node",
             "the node serves ZooKeeper clients only: brokers of several nodes are no Kafka cluster yet");
  return {};
}

Result<void> Node::Inner::open_logs() {
  LogManagerOptions options;
  options.log_dirs = data_directories(config);
  options.node_id = node_id;
  options.retention_check_interval_ms = config.integer("log.retention.check.interval.ms");
  options.producer_id_expiration_ms = config.integer("producer.id.expiration.ms");
  options.recovery_checkpoint_interval_ms = config.integer("log.flush.offset.checkpoint.interval.ms");
  options.on_congestion = [this](bool behind) {
    for (auto& peer : services.peers)
      peer->shard().post([p = peer.get(), behind] { p->input_gate().journal_behind(behind); });
  };
  logs = std::make_unique<LogManager>(std::move(options), world.disk, world.workers, world.clock, *random, metrics);
  ShardOf shard_of = [this](const LogId& id) -> Shard& {
    return shards->at(BrokerShard::shard_index(id, shards->size()));
  };
  return logs->start(*shards, std::move(shard_of), [](const std::string&) { return LogConfig{}; });
}

Task<Result<void>> Node::Inner::make_sure_of(std::string path, std::string data, bool null_data) {
  if (ensemble->tree().find(path)) co_return Result<void>();
  std::vector<Ensemble::Op> ops;
  ops.push_back(Ensemble::Create{path, std::move(data), null_data, persistent});
  auto done = co_await ensemble->submit(session, std::move(ops));
  if (!done) co_return fail(done);
  if (done->error != zk::ZkError::ok && done->error != zk::ZkError::node_exists)
    co_return fail(ErrorKind::internal,
                   fmt::format("znode {} cannot be created: {}", path, wire::zk::error_name(done->error)));
  co_return Result<void>();
}

// What a broker of Kafka's ZooKeeper mode does at its start: the persistent znodes, its registration, the controller.
Task<Result<void>> Node::Inner::register_broker() {
  for (const std::string& path : znodes::persistent_paths()) {
    std::string none;
    auto there = co_await make_sure_of(path, std::move(none), true);
    if (!there) co_return fail(there);
  }
  std::string cluster = znodes::encode_cluster_id(logs->cluster_id());
  auto named = co_await make_sure_of(std::string(znodes::cluster_id), std::move(cluster), false);
  if (!named) co_return fail(named);
  auto epoch_there = co_await make_sure_of(std::string(znodes::controller_epoch), "0", false);
  if (!epoch_there) co_return fail(epoch_there);

  znodes::Broker registration;
  registration.rack = config.text("broker.rack");
  registration.timestamp_ms = world.clock.wall_ms();
  for (const KafkaListener& l : listeners)
    registration.listeners.push_back({l.name, l.advertised.host, l.advertised.port, "PLAINTEXT"});
  const zk::Tree& tree = ensemble->tree();
  const std::string own = znodes::broker_path(node_id);
  std::vector<Ensemble::Op> ops;
  // Ephemerals of this node's last life, whose session has not expired yet: only this process can hold the directory's
  // lock, so nobody else speaks for them.
  if (tree.find(own)) ops.push_back(Ensemble::Delete{own});
  if (tree.find(znodes::controller)) ops.push_back(Ensemble::Delete{std::string(znodes::controller)});
  ops.push_back(Ensemble::Create{own, {}, true, ephemeral});
  ops.push_back(Ensemble::Set{own, znodes::encode(registration), 0});
  const zk::Znode* epoch_node = tree.find(znodes::controller_epoch);
  std::int32_t epoch = 0;
  const std::string_view text = as_text(epoch_node->data.view());
  std::from_chars(text.data(), text.data() + text.size(), epoch);
  const std::int32_t epoch_version = tree.stat(*epoch_node).version;
  ops.push_back(Ensemble::Create{std::string(znodes::controller),
                                 znodes::encode_controller(node_id, world.clock.wall_ms()), false, ephemeral});
  ops.push_back(Ensemble::Set{std::string(znodes::controller_epoch), std::to_string(epoch + 1), epoch_version});
  auto done = co_await ensemble->submit(session, std::move(ops));
  if (!done) co_return fail(done);
  if (done->error != zk::ZkError::ok)
    co_return fail(ErrorKind::internal,
                   fmt::format("the broker cannot register itself: {}", wire::zk::error_name(done->error)));
  admin->set_session(session);
  co_return Result<void>();
}

Task<Result<void>> Node::Inner::bring_up() {
  auto recovered = co_await ensemble->start();
  if (!recovered || !broker) co_return recovered;
  auto opened =
      co_await ensemble->open_session(std::chrono::milliseconds(config.integer("zookeeper.session.timeout.ms")));
  if (!opened) co_return fail(opened);
  session = *opened;
  auto registered = co_await register_broker();
  if (!registered) co_return fail(registered);
  for (auto& peer : services.peers) peer->metadata().set_cluster_id(logs->cluster_id());
  watcher->start();
  // Serving begins when every log is open on its shard.
  for (auto& peer : services.peers) {
    BrokerShard* shard = peer.get();
    std::vector<TopicPtr> topics;
    for (const auto& [_, topic] : services.peers.front()->metadata().topics()) topics.push_back(topic);
    for (const TopicPtr& topic : topics) {
      auto work = [shard, topic] { return TopicAdmin::open_on(shard, topic); };
      auto done = co_await hop(shard->shard(), shard->gate(), std::move(work));
      (void)done;
    }
  }
  co_return Result<void>();
}

Task<HttpReply> Node::Inner::route(std::string path) {
  HttpReply reply;
  if (path == "/livez" || (path == "/readyz" && ready && ensemble->serving())) {
    reply.body = "ok\n";
  } else if (path == "/readyz") {
    reply.status = 503;
    reply.body = ready ? "there is no leader\n" : "starting or stopping\n";
  } else if (path == "/metrics") {
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    // The shards answer only while they all run.
    if (!ready) {
      reply.body = metrics.prometheus_text();
      co_return reply;
    }
    reply.body = co_await metrics_page(services, *ensemble, metrics);
  } else {
    reply.status = 404;
    reply.body = "there are /livez, /readyz and /metrics\n";
  }
  co_return reply;
}

Node::Node(Config config, World world) : inner_(std::make_unique<Inner>(std::move(config), world)) {}
Node::~Node() = default;

Result<void> Node::start() {
  Inner& in = *inner_;
  auto setup = in.read_setup();
  if (!setup) return fail(setup);
  in.shards = std::make_unique<Shards>(static_cast<int>(in.config.integer("num.shards")), in.world.clock);
  auto opened = in.open_logs();
  if (!opened) return fail(opened);
  Shard& first = in.shards->at(0);
  in.ensemble = std::make_unique<Ensemble>(ensemble_options(in.config, in.setup, in.data_dir, in.node_id), first,
                                           *in.logs, in.world.network, in.world.disk, in.world.workers, in.world.clock,
                                           *in.random, in.metrics);
  auto coordination = in.ensemble->listen();
  if (!coordination) return fail(coordination);
  if (in.broker) {
    auto listeners = listeners_of(in.config);
    if (!listeners) return fail(listeners);
    in.listeners = std::move(*listeners);
    in.broker_metrics = std::make_unique<BrokerMetrics>(in.metrics);
    in.services.config = &in.config;
    in.services.shards = in.shards.get();
    in.services.logs = in.logs.get();
    in.services.ensemble = in.ensemble.get();
    in.services.random = in.random.get();
    in.services.metrics = in.broker_metrics.get();
    in.services.registry = &in.metrics;
    in.services.node_id = in.node_id;
    in.services.cluster_id = in.logs->cluster_id();
    for (int i = 0; i < in.shards->size(); ++i)
      in.services.peers.push_back(std::make_unique<BrokerShard>(in.shards->at(i), in.services));
    in.admin = std::make_unique<TopicAdmin>(*in.services.peers.front(), *in.ensemble, *in.random);
    in.services.admin = in.admin.get();
    in.watcher = std::make_unique<MetadataWatcher>(*in.ensemble, in.services);
    for (auto& peer : in.services.peers) {
      in.stop_gates.push_back(std::make_unique<Gate>());
      auto server = std::make_unique<KafkaServer>(*peer, in.world.network);
      auto bound = server->listen(in.listeners);
      if (!bound) return fail(bound);
      in.servers.push_back(std::move(server));
    }
  }
  if (in.config.boolean("admin.enableServer")) {
    in.http = std::make_unique<HttpServer>(first, in.world.network,
                                           [&in](std::string path) { return in.route(std::move(path)); });
    auto bound = in.http->listen(
        {in.config.text("admin.serverAddress"), static_cast<std::uint16_t>(in.config.integer("admin.serverPort"))});
    if (!bound) return fail(bound);
  }
  in.shards->start();
  if (in.http) first.post([&in] { in.http->start(); });
  auto up = blocking_call<Result<void>>(first, in.gate, [&in] { return in.bring_up(); });
  if (!up) return fail(up);
  for (std::size_t i = 0; i < in.servers.size(); ++i)
    in.shards->at(static_cast<int>(i)).post([s = in.servers[i].get()] { s->start(); });
  in.ready = true;
  log_line(LogLevel::info, "node", "ready: node {}, cluster {}, shards {}", in.node_id, in.logs->cluster_id(),
           in.shards->size());
  return {};
}

Task<bool> Node::Inner::stop_shard(KafkaServer* server, BrokerShard* shard) {
  co_await server->stop();
  co_await shard->stop();
  co_return true;
}

Task<bool> Node::Inner::bring_down() {
  for (std::size_t i = 0; i < servers.size(); ++i) {
    KafkaServer* server = servers[i].get();
    BrokerShard* shard = services.peers[i].get();
    auto work = [server, shard] { return stop_shard(server, shard); };
    auto done = co_await hop(shard->shard(), *stop_gates[i], std::move(work));
    (void)done;
  }
  if (ensemble) co_await ensemble->stop();
  if (http) co_await http->stop();
  co_return true;
}

void Node::stop() {
  Inner& in = *inner_;
  if (!in.shards) return;
  in.ready = false;
  log_line(LogLevel::info, "node", "stopping");
  blocking_call<bool>(in.shards->at(0), in.gate, [&in] { return in.bring_down(); });
  in.logs->stop();
  in.shards->stop();
  log_line(LogLevel::info, "node", "stopped");
}

std::string Node::greeting() const {
  const Inner& in = *inner_;
  std::string out = fmt::format("Holdfast {} is ready: node {}, cluster {}, data in {}\n", version, in.node_id,
                                in.logs->cluster_id(), in.data_dir);
  for (const KafkaListener& l : in.listeners) out += fmt::format("  Kafka      {}\n", to_string(l.bind));
  const std::string zookeeper = to_string(in.ensemble->local());
  out += fmt::format("  ZooKeeper  {}\n", zookeeper);
  if (in.setup.distributed)
    out += fmt::format("  quorum     {}, one of {} servers\n", to_string(in.ensemble->quorum_local()),
                       in.setup.config.servers.size());
  if (in.http) out += fmt::format("  admin      http://{}\n", to_string(in.http->local()));
  if (in.listeners.empty()) return out;
  const std::string kafka = to_string(in.listeners.front().advertised);
  out += fmt::format(
      "\nTry it:\n  echo hello | kcat -b {0} -t greetings -P\n  kcat -b {0} -t greetings -C -e\n"
      "  python3 -c \"from kazoo.client import KazooClient as K; z = K('{1}'); z.start(); "
      "print(z.get_children('/brokers/topics'))\"\n",
      kafka, zookeeper);
  return out;
}

}  // namespace holdfast
