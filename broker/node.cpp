#include "broker/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>

#include "broker/admin/http_server.h"
#include "broker/admin/metrics_page.h"
#include "broker/broker_shard.h"
#include "broker/controller_driver.h"
#include "broker/ensemble_setup.h"
#include "broker/group_coordinator.h"
#include "broker/hop.h"
#include "broker/isr_writer.h"
#include "broker/kafka_server.h"
#include "broker/metadata_watcher.h"
#include "broker/registration.h"
#include "broker/topic_admin.h"
#include "coordination/ensemble.h"
#include "log/log_manager.h"
#include "runtime/blocking_call.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr std::string_view version = HOLDFAST_VERSION;

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
  std::unique_ptr<IsrWriter> isr;
  std::unique_ptr<ControllerDriver> controller;
  std::unique_ptr<Registration> registration;
  std::unique_ptr<MetadataWatcher> watcher;
  std::vector<std::unique_ptr<KafkaServer>> servers;
  std::unique_ptr<HttpServer> http;
  std::vector<KafkaListener> listeners;
  EnsembleSetup setup;
  std::string data_dir;
  std::string cluster;  // as the directories said at the start
  std::int32_t node_id = 1;
  std::atomic<bool> ready{false};
  bool broker = true;
  Gate gate;  // of shard 0
  Gate join_gate;
  std::vector<std::unique_ptr<Gate>> stop_gates;  // one of each shard

  Inner(Config c, World w) : config(std::move(c)), world(w) {}

  Result<void> read_setup();
  Result<void> open_logs();
  Task<Result<void>> bring_up();
  Result<void> build_broker();
  Task<Result<void>> join();
  Task<void> join_in_background();
  Task<void> look_for_strays();
  Task<void> wait_for_leaderships();
  static Task<bool> waits_to_lead(BrokerShard* shard);
  static Task<std::size_t> strays_of(BrokerShard* shard, bool remove);
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
  // An ensemble whose files say nothing of Kafka is one of ZooKeeper servers.
  if (setup.distributed && roles.empty() && !config.is_set("listeners") && std::exchange(broker, false))
    log_line(LogLevel::info, "node", "no broker: this server of an ensemble has no listeners configured");
  return {};
}

Result<void> Node::Inner::open_logs() {
  LogManagerOptions options;
  options.log_dirs = data_directories(config);
  options.node_id = node_id;
  options.defer_cluster_id = setup.distributed;
  options.retention_check_interval_ms = config.integer("log.retention.check.interval.ms");
  options.producer_id_expiration_ms = config.integer("producer.id.expiration.ms");
  options.high_watermark_checkpoint_interval_ms = config.integer("replica.high.watermark.checkpoint.interval.ms");
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

Result<void> Node::Inner::build_broker() {
  auto read = listeners_of(config);
  if (!read) return fail(read);
  listeners = std::move(*read);
  broker_metrics = std::make_unique<BrokerMetrics>(metrics);
  services.config = &config;
  services.shards = shards.get();
  services.logs = logs.get();
  services.ensemble = ensemble.get();
  services.network = &world.network;
  services.random = random.get();
  services.metrics = broker_metrics.get();
  services.registry = &metrics;
  services.node_id = node_id;
  services.inter_broker = config.text("inter.broker.listener.name");
  if (services.inter_broker.empty()) services.inter_broker = listeners.front().name;
  if (std::ranges::find(listeners, services.inter_broker, &KafkaListener::name) == listeners.end())
    return fail(ErrorKind::invalid_input,
                fmt::format("{}: inter.broker.listener.name is {}, which listeners does not have",
                            config.source("inter.broker.listener.name"), services.inter_broker));
  for (int i = 0; i < shards->size(); ++i)
    services.peers.push_back(std::make_unique<BrokerShard>(shards->at(i), services));
  admin = std::make_unique<TopicAdmin>(*services.peers.front(), *ensemble, *random);
  services.admin = admin.get();
  isr = std::make_unique<IsrWriter>(*ensemble, node_id);
  services.isr = isr.get();
  controller = std::make_unique<ControllerDriver>(*services.peers.front(), *ensemble);
  watcher = std::make_unique<MetadataWatcher>(*ensemble, services);
  watcher->on_change([this](const MetadataDelta& delta) { controller->on_image(delta); });
  for (auto& peer : services.peers) {
    stop_gates.push_back(std::make_unique<Gate>());
    auto server = std::make_unique<KafkaServer>(*peer, world.network);
    auto bound = server->listen(listeners);
    if (!bound) return fail(bound);
    servers.push_back(std::move(server));
  }

  RegistrationOptions options;
  options.node_id = node_id;
  options.cluster_id = logs->cluster_id().empty() ? to_base64(random->uuid()) : logs->cluster_id();
  options.session_timeout = std::chrono::milliseconds(config.integer(
      config.is_set("zookeeper.session.timeout.ms") ? "zookeeper.session.timeout.ms" : "broker.session.timeout.ms"));
  options.broker.rack = config.text("broker.rack");
  for (const KafkaListener& l : listeners)
    options.broker.listeners.push_back({l.name, l.advertised.host, l.advertised.port, "PLAINTEXT"});
  Registration::Listener listener;
  listener.joined = [this](SessionId session, std::int64_t epoch) {
    admin->set_session(session);
    isr->set_session(session, epoch);
    controller->on_session(session);
  };
  listener.left = [this] {
    admin->set_session(SessionId(0));
    isr->set_session(SessionId(0), -1);
    controller->on_session_lost();
  };
  registration = std::make_unique<Registration>(std::move(options), services, *ensemble, std::move(listener));
  return {};
}

// Registers, however long the quorum takes, and opens what is to be served.
Task<Result<void>> Node::Inner::join() {
  auto joined = co_await registration->join();
  if (!joined) co_return joined;
  auto adopted = co_await logs->adopt_cluster_id(registration->cluster_id());
  if (!adopted) co_return adopted;
  services.cluster_id = registration->cluster_id();
  for (auto& peer : services.peers)
    peer->shard().post([p = peer.get(), id = services.cluster_id] { p->metadata().set_cluster_id(id); });
  watcher->start();
  ensemble->on_replaced([this] { watcher->refresh(); });
  ensemble->on_gone([this](ServerId server) { registration->server_gone(server); });
  registration->keep();
  co_await look_for_strays();
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
  co_await wait_for_leaderships();
  for (std::size_t i = 0; i < servers.size(); ++i)
    shards->at(static_cast<int>(i)).post([s = servers[i].get()] { s->start(); });
  ready = true;
  log_line(LogLevel::info, "node", "ready: node {}, cluster {}, shards {}", node_id, services.cluster_id,
           shards->size());
  co_return Result<void>();
}

// The registration is in the tree, so everything is that was committed before it. Only a cluster that is new to its own
// brokers, as when the coordination directory is gone, knows less than they do: then nothing is removed.
Task<void> Node::Inner::look_for_strays() {
  std::size_t count = 0;
  const bool remove = !registration->founded();
  for (auto& peer : services.peers) {
    BrokerShard* shard = peer.get();
    auto work = [shard, remove] { return strays_of(shard, remove); };
    auto found = co_await hop(shard->shard(), shard->gate(), std::move(work));
    count += found.value_or(0);
  }
  if (count > 0 && remove)
    log_line(LogLevel::info, "broker", "{} logs of topics that were deleted, or moved away, are removed", count);
  if (count > 0 && !remove)
    log_line(LogLevel::warn, "broker",
             "{} logs are of no topic of this cluster, which is new: they stay where they are", count);
}

// So that the first clients after a restart are not sent away by everybody. Not for long: others can do without us.
Task<void> Node::Inner::wait_for_leaderships() {
  const SteadyTime until = world.clock.now() + std::chrono::seconds(5);
  bool waits = true;
  while (waits && world.clock.now() < until) {
    waits = false;
    for (auto& peer : services.peers) {
      BrokerShard* shard = peer.get();
      auto work = [shard] { return waits_to_lead(shard); };
      auto found = co_await hop(shard->shard(), shard->gate(), std::move(work));
      waits = waits || found.value_or(false);
    }
    if (waits) co_await ensemble->shard().sleep(std::chrono::milliseconds(2));
  }
}

Task<bool> Node::Inner::waits_to_lead(BrokerShard* shard) { co_return shard->waits_to_lead(); }

Task<std::size_t> Node::Inner::strays_of(BrokerShard* shard, bool remove) { co_return shard->strays(remove); }

// One of several servers: the others may come much later.
Task<void> Node::Inner::join_in_background() {
  auto joined = co_await join();
  if (!joined && joined.error().kind != ErrorKind::closed)
    log_line(LogLevel::error, "node", "this broker cannot join the cluster: {}", joined.error().message);
  if (!joined) co_await registration->leave();
}

Task<Result<void>> Node::Inner::bring_up() {
  auto recovered = co_await ensemble->start();
  if (!recovered) co_return recovered;
  if (!broker) {
    ready = true;
    log_line(LogLevel::info, "node", "ready: node {}, without a broker", node_id);
    co_return recovered;
  }
  if (setup.distributed) {
    ensemble->shard().spawn(join_gate, join_in_background());
    co_return recovered;
  }
  auto joined = co_await join();
  co_return joined;
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
    auto built = in.build_broker();
    if (!built) return built;
  }
  if (in.config.boolean("admin.enableServer")) {
    in.http = std::make_unique<HttpServer>(first, in.world.network,
                                           [&in](std::string path) { return in.route(std::move(path)); });
    auto bound = in.http->listen(
        {in.config.text("admin.serverAddress"), static_cast<std::uint16_t>(in.config.integer("admin.serverPort"))});
    if (!bound) return fail(bound);
  }
  in.cluster = in.logs->cluster_id();
  in.shards->start();
  if (in.http) first.post([&in] { in.http->start(); });
  auto up = blocking_call<Result<void>>(first, in.gate, [&in] { return in.bring_up(); });
  if (!up) return fail(up);
  return {};
}

Task<bool> Node::Inner::stop_shard(KafkaServer* server, BrokerShard* shard) {
  co_await server->stop();
  co_await shard->stop();
  co_return true;
}

Task<bool> Node::Inner::bring_down() {
  if (registration) {
    registration->stop_waiting();
    co_await ensemble->shard().drained(join_gate);
    if (ready && config.boolean("controlled.shutdown.enable")) co_await controller->hand_over();
    co_await controller->stop();
    co_await registration->leave();
    co_await isr->stop();
  }
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
  std::string out = fmt::format("Holdfast {} is ready: node {}{}, data in {}\n", version, in.node_id,
                                in.cluster.empty() ? "" : ", cluster " + in.cluster, in.data_dir);
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
