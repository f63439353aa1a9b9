// NodeRooms: the rooms of one node, built in order and ended in reverse, on shards that somebody else turns: Node gives
// them threads, the simulation a loop of its own. Nothing here is global or knows the real world: a process may hold
// several.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/ensemble_setup.h"
#include "broker/kafka_server.h"
#include "coordination/ensemble.h"
#include "log/log_manager.h"
#include "runtime/world.h"

namespace holdfast {

class ControllerDriver;
class LogDirectories;
class MetadataWatcher;
class Registration;

class NodeRooms {
 public:
  // All of them must outlive it.
  NodeRooms(Config config, World world, Random& random, Metrics& metrics);
  ~NodeRooms();
  NodeRooms(const NodeRooms&) = delete;

  // Reads who this node is, recovers its logs, binds its ports. Blocks; before the shards run.
  Result<void> open(Shards& shards);
  // What this node cannot go on without is broken, and the log says what: it is to be brought down. On shard 0.
  void on_fatal(Function<void()> fatal) { fatal_ = std::move(fatal); }
  void set_journal_file_bytes(std::size_t bytes) { journal_file_bytes_ = bytes; }  // before open()

  // On shard 0. Until it serves; one of several servers joins the brokers' cluster later, in the background.
  Task<Result<void>> bring_up();
  // On shard 0, also when bring_up() is under way or has failed. Hands over what it leads, leaves, closes connections.
  Task<bool> bring_down();

  bool is_ready() const { return ready_; }       // it serves; any thread
  bool is_broker() const { return is_broker_; }  // or it serves ZooKeeper's clients only
  const Config& config() const { return config_; }
  const EnsembleSetup& setup() const { return setup_; }
  const std::string& data_dir() const { return data_dir_; }
  std::int32_t node_id() const { return node_id_; }
  const std::vector<KafkaListener>& listeners() const { return listeners_; }
  LogManager& logs() { return *logs_; }
  Ensemble& ensemble() { return *ensemble_; }
  const Ensemble& ensemble() const { return *ensemble_; }
  BrokerServices& services() { return services_; }

 private:
  Result<void> read_setup();
  Result<void> open_logs();
  Result<void> build_broker();
  void directory_failed(const std::string& path, bool none_left);
  Task<Result<void>> join();
  Task<void> join_in_background();
  Task<void> look_for_strays();
  Task<void> wait_for_leaderships();

  Config config_;
  World world_;
  Random& random_;
  Metrics& metrics_;
  std::size_t journal_file_bytes_;
  Shards* shards_ = nullptr;
  EnsembleSetup setup_;
  std::string data_dir_;
  std::int32_t node_id_ = 1;
  bool is_broker_ = true;
  std::atomic<bool> ready_{false};
  Function<void()> fatal_;

  std::unique_ptr<LogManager> logs_;
  std::unique_ptr<Ensemble> ensemble_;
  std::unique_ptr<BrokerMetrics> broker_metrics_;
  BrokerServices services_;
  std::unique_ptr<TopicAdmin> admin_;
  std::unique_ptr<IsrWriter> isr_;
  std::unique_ptr<ControllerDriver> controller_;
  std::unique_ptr<Registration> registration_;
  std::unique_ptr<LogDirectories> directories_;
  std::unique_ptr<MetadataWatcher> watcher_;
  std::vector<KafkaListener> listeners_;
  std::vector<std::unique_ptr<KafkaServer>> servers_;  // by shard
  Gate join_gate_;
  std::vector<std::unique_ptr<Gate>> stop_gates_;  // one of each shard
};

}  // namespace holdfast
