#include "broker/node_rooms.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "broker/controller_driver.h"
#include "broker/group_coordinator.h"
#include "broker/hop.h"
#include "broker/isr_writer.h"
#include "broker/log_directories.h"
#include "broker/metadata_watcher.h"
#include "broker/node_options.h"
#include "broker/registration.h"
#include "broker/topic_admin.h"
#include "coordination/quorum_log.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {

Task<bool> waits_to_lead(BrokerShard* shard) { co_return shard->waits_to_lead(); }

Task<std::size_t> strays_of(BrokerShard* shard, bool remove) { co_return shard->strays(remove); }

Task<bool> stop_shard(KafkaServer* server, BrokerShard* shard) {
  co_await server->stop();
  co_await shard->stop();
  co_return true;
}

}  // namespace

NodeRooms::NodeRooms(Config config, World world, Random& random, Metrics& metrics)
    : config_(std::move(config)),
      world_(world),
      random_(random),
      metrics_(metrics),
      journal_file_bytes_(LogManagerOptions().journal_file_bytes) {}

NodeRooms::~NodeRooms() = default;

Result<void> NodeRooms::open(Shards& shards) {
  shards_ = &shards;
  auto setup = read_setup();
  if (!setup) return setup;
  auto opened = open_logs();
  if (!opened) return opened;
  ensemble_ = std::make_unique<Ensemble>(ensemble_options(config_, setup_, data_dir_, node_id_), shards.at(0), *logs_,
                                         world_.network, world_.disk, world_.workers, world_.clock, random_, metrics_);
  auto bound = ensemble_->listen();
  if (!bound || !is_broker_) return bound;
  return build_broker();
}

// Who this node is, and whose ensemble it belongs to.
Result<void> NodeRooms::read_setup() {
  data_dir_ = data_directories(config_).front();
  std::vector<std::string> notices;
  auto read = ensemble_setup_from(config_, data_dir_, world_.disk, notices);
  if (!read) return fail(read);
  setup_ = std::move(*read);
  for (const std::string& notice : notices) log_line(LogLevel::warn, "node", "{}", notice);
  node_id_ = static_cast<std::int32_t>(config_.integer(config_.is_set("node.id") ? "node.id" : "broker.id"));
  if (node_id_ < 0) node_id_ = setup_.distributed ? setup_.self.value : 1;
  const std::vector<std::string> roles = config_.list("process.roles");
  is_broker_ = roles.empty() || std::ranges::find(roles, "broker") != roles.end();
  // An ensemble whose files say nothing of Kafka is one of ZooKeeper servers.
  if (setup_.distributed && roles.empty() && !config_.is_set("listeners") && std::exchange(is_broker_, false))
    log_line(LogLevel::info, "node", "no broker: this server of an ensemble has no listeners configured");
  return {};
}

Result<void> NodeRooms::open_logs() {
  LogManagerOptions options;
  options.log_dirs = data_directories(config_);
  options.node_id = node_id_;
  options.defer_cluster_id = setup_.distributed;
  options.retention_check_interval_ms = config_.integer("log.retention.check.interval.ms");
  options.producer_id_expiration_ms = config_.integer("producer.id.expiration.ms");
  options.high_watermark_checkpoint_interval_ms = config_.integer("replica.high.watermark.checkpoint.interval.ms");
  options.recovery_checkpoint_interval_ms = config_.integer("log.flush.offset.checkpoint.interval.ms");
  options.journal_file_bytes = journal_file_bytes_;
  options.on_congestion = [this](bool behind) {
    for (auto& peer : services_.peers)
      peer->shard().post([p = peer.get(), behind] { p->input_gate().journal_behind(behind); });
  };
  options.on_directory_failed = [this](const std::string& path, bool none_left) { directory_failed(path, none_left); };
  options.on_directory_full = [this](const std::string& path, bool full) {
    if (directories_) directories_->full(path, full);
  };
  logs_ =
      std::make_unique<LogManager>(std::move(options), world_.disk, world_.workers, world_.clock, random_, metrics_);
  ShardOf shard_of = [this](const LogId& id) -> Shard& {
    return shards_->at(BrokerShard::shard_index(id, shards_->size()));
  };
  return logs_->start(*shards_, std::move(shard_of), [](const std::string&) { return LogConfig{}; });
}

// The partitions of one directory can be served by others. The coordination log cannot go on elsewhere: without it this
// server hears nothing any more, and its registration must not stand until its session expires.
void NodeRooms::directory_failed(const std::string& path, bool none_left) {
  const std::vector<Log*> logs = logs_->logs_of(shards_->at(0));
  const bool coordinates =
      std::ranges::any_of(logs, [&](const Log* log) { return QuorumLog::owns(log->id()) && log->log_dir() == path; });
  if (!none_left && !coordinates) {
    if (directories_) directories_->failed(path);
    return;
  }
  log_line(LogLevel::error, "node", "this node stops: {}",
           coordinates ? path + " has the coordination log" : "no log directory is left");
  if (registration_) registration_->stop_waiting();
  if (fatal_) fatal_();
}

Result<void> NodeRooms::build_broker() {
  auto read = listeners_of(config_);
  if (!read) return fail(read);
  listeners_ = std::move(*read);
  broker_metrics_ = std::make_unique<BrokerMetrics>(metrics_);
  services_.config = &config_;
  services_.shards = shards_;
  services_.logs = logs_.get();
  services_.ensemble = ensemble_.get();
  services_.network = &world_.network;
  services_.random = &random_;
  services_.metrics = broker_metrics_.get();
  services_.registry = &metrics_;
  services_.node_id = node_id_;
  services_.inter_broker = config_.text("inter.broker.listener.name");
  if (services_.inter_broker.empty()) services_.inter_broker = listeners_.front().name;
  if (std::ranges::find(listeners_, services_.inter_broker, &KafkaListener::name) == listeners_.end())
    return fail(ErrorKind::invalid_input,
                fmt::format("{}: inter.broker.listener.name is {}, which listeners does not have",
                            config_.source("inter.broker.listener.name"), services_.inter_broker));
  for (int i = 0; i < shards_->size(); ++i)
    services_.peers.push_back(std::make_unique<BrokerShard>(shards_->at(i), services_));
  admin_ = std::make_unique<TopicAdmin>(*services_.peers.front(), *ensemble_, random_);
  services_.admin = admin_.get();
  isr_ = std::make_unique<IsrWriter>(*ensemble_, node_id_);
  services_.isr = isr_.get();
  controller_ = std::make_unique<ControllerDriver>(*services_.peers.front(), *ensemble_);
  watcher_ = std::make_unique<MetadataWatcher>(*ensemble_, services_);
  watcher_->on_change([this](const MetadataDelta& delta) { controller_->on_image(delta); });
  for (auto& peer : services_.peers) {
    stop_gates_.push_back(std::make_unique<Gate>());
    auto server = std::make_unique<KafkaServer>(*peer, world_.network);
    auto bound = server->listen(listeners_);
    if (!bound) return fail(bound);
    servers_.push_back(std::move(server));
  }

  RegistrationOptions options;
  options.node_id = node_id_;
  options.cluster_id = logs_->cluster_id().empty() ? to_base64(random_.uuid()) : logs_->cluster_id();
  options.session_timeout = std::chrono::milliseconds(config_.integer(
      config_.is_set("zookeeper.session.timeout.ms") ? "zookeeper.session.timeout.ms" : "broker.session.timeout.ms"));
  options.broker.rack = config_.text("broker.rack");
  for (const KafkaListener& l : listeners_)
    options.broker.listeners.push_back({l.name, l.advertised.host, l.advertised.port, "PLAINTEXT"});
  Registration::Listener listener;
  listener.joined = [this](SessionId session, std::int64_t epoch) {
    admin_->set_session(session);
    isr_->set_session(session, epoch);
    controller_->on_session(session);
  };
  listener.left = [this] {
    admin_->set_session(SessionId(0));
    isr_->set_session(SessionId(0), -1);
    controller_->on_session_lost();
  };
  registration_ = std::make_unique<Registration>(std::move(options), services_, *ensemble_, std::move(listener));
  directories_ = std::make_unique<LogDirectories>(services_, *registration_);
  services_.directories = directories_.get();
  return {};
}

// Registers, however long the quorum takes, and opens what is to be served.
Task<Result<void>> NodeRooms::join() {
  auto joined = co_await registration_->join();
  if (!joined) co_return joined;
  services_.cluster_id = registration_->cluster_id();
  for (auto& peer : services_.peers)
    peer->shard().post([p = peer.get(), id = services_.cluster_id] { p->metadata().set_cluster_id(id); });
  watcher_->start();
  ensemble_->on_replaced([this] { watcher_->refresh(); });
  ensemble_->on_gone([this](ServerId server) { registration_->server_gone(server); });
  registration_->keep();
  co_await look_for_strays();
  // Serving begins when every log is open on its shard.
  for (auto& peer : services_.peers) {
    BrokerShard* shard = peer.get();
    std::vector<TopicPtr> topics;
    for (const auto& [_, topic] : services_.peers.front()->metadata().topics()) topics.push_back(topic);
    for (const TopicPtr& topic : topics) {
      auto work = [shard, topic] { return TopicAdmin::open_on(shard, topic); };
      auto done = co_await hop(shard->shard(), shard->gate(), std::move(work));
      (void)done;
    }
  }
  co_await wait_for_leaderships();
  for (std::size_t i = 0; i < servers_.size(); ++i)
    shards_->at(static_cast<int>(i)).post([s = servers_[i].get()] { s->start(); });
  ready_ = true;
  log_line(LogLevel::info, "node", "ready: node {}, cluster {}, shards {}", node_id_, services_.cluster_id,
           shards_->size());
  co_return Result<void>();
}

// The registration is in the tree, so everything is that was committed before it. Only a cluster that is new to its own
// brokers, as when the coordination directory is gone, knows less than they do: then nothing is removed.
Task<void> NodeRooms::look_for_strays() {
  std::size_t count = 0;
  const bool remove = !registration_->founded();
  for (auto& peer : services_.peers) {
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
Task<void> NodeRooms::wait_for_leaderships() {
  const SteadyTime until = world_.clock.now() + std::chrono::seconds(5);
  bool waits = true;
  while (waits && world_.clock.now() < until) {
    waits = false;
    for (auto& peer : services_.peers) {
      BrokerShard* shard = peer.get();
      auto work = [shard] { return waits_to_lead(shard); };
      auto found = co_await hop(shard->shard(), shard->gate(), std::move(work));
      waits = waits || found.value_or(false);
    }
    if (waits) co_await ensemble_->shard().sleep(std::chrono::milliseconds(2));
  }
}

// One of several servers: the others may come much later.
Task<void> NodeRooms::join_in_background() {
  auto joined = co_await join();
  if (!joined && joined.error().kind != ErrorKind::closed)
    log_line(LogLevel::error, "node", "this broker cannot join the cluster: {}", joined.error().message);
  if (!joined) co_await registration_->leave();
}

Task<Result<void>> NodeRooms::bring_up() {
  auto recovered = co_await ensemble_->start();
  if (!recovered) co_return recovered;
  if (!is_broker_) {
    ready_ = true;
    log_line(LogLevel::info, "node", "ready: node {}, without a broker", node_id_);
    co_return recovered;
  }
  if (setup_.distributed) {
    ensemble_->shard().spawn(join_gate_, join_in_background());
    co_return recovered;
  }
  auto joined = co_await join();
  co_return joined;
}

Task<bool> NodeRooms::bring_down() {
  const bool was_ready = ready_.exchange(false);
  if (registration_) {
    registration_->stop_waiting();
    co_await ensemble_->shard().drained(join_gate_);
    if (was_ready && ensemble_->serving() && config_.boolean("controlled.shutdown.enable")) {
      co_await registration_->tell_leaving();
      co_await controller_->hand_over();
    }
    co_await controller_->stop();
    co_await registration_->leave();
    co_await isr_->stop();
  }
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    KafkaServer* server = servers_[i].get();
    BrokerShard* shard = services_.peers[i].get();
    auto work = [server, shard] { return stop_shard(server, shard); };
    auto done = co_await hop(shard->shard(), *stop_gates_[i], std::move(work));
    (void)done;
  }
  if (ensemble_) co_await ensemble_->stop();
  co_return true;
}

}  // namespace holdfast
