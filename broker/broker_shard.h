// BrokerShard: what the broker has on one shard: its copy of the metadata, the partitions that live there, the
// connections accepted there. Everything is touched on that shard only; peer() is the way to the others.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "broker/fetch_sessions.h"
#include "broker/input_gate.h"
#include "broker/metadata.h"
#include "broker/partition.h"
#include "broker/replication_quota.h"
#include "config/settings.h"
#include "log/log_manager.h"
#include "log/log_shard.h"
#include "runtime/metrics.h"
#include "runtime/shards.h"

namespace holdfast {

class Ensemble;
class GroupCoordinator;
class IsrWriter;
class LogDirectories;
class Network;
class ReplicaFetcher;
class ReplicaMoves;
class TopicAdmin;
class BrokerShard;

// Series that handlers update; shared by the shards.
struct BrokerMetrics {
  explicit BrokerMetrics(Metrics& registry);
  Histogram& api(std::int16_t key) const;

  Counter& bytes_in;
  Counter& bytes_out;
  Counter& records_in;
  Counter& replicated_in;
  Counter& replicated_out;
  Counter& isr_shrinks;
  Counter& isr_expands;
  Counter& elections;
  Counter& unclean_elections;
  Gauge& connections;
  Counter& refused;

 private:
  mutable std::array<Histogram*, 128> apis_{};
};

// What every shard of a broker shares: set once, before the shards serve.
struct BrokerServices {
  const Config* config = nullptr;
  Shards* shards = nullptr;
  LogManager* logs = nullptr;
  Ensemble* ensemble = nullptr;           // lives on shard 0
  TopicAdmin* admin = nullptr;            // lives on shard 0
  IsrWriter* isr = nullptr;               // lives on shard 0
  LogDirectories* directories = nullptr;  // lives on shard 0
  Network* network = nullptr;
  Random* random = nullptr;  // shard 0 only
  BrokerMetrics* metrics = nullptr;
  Metrics* registry = nullptr;
  // Replicas that a log directory has which could not be read at the start: there before the first image is.
  std::set<LogId> left_out;
  std::int32_t node_id = 1;
  std::string cluster_id;
  // Until when, on the steady clock, this broker may believe in its registration. Written on shard 0.
  std::atomic<std::int64_t> lease_until{0};
  bool holds_lease(SteadyTime now) const {
    return now.time_since_epoch().count() < lease_until.load(std::memory_order_relaxed);
  }
  ReplicationQuotas replication_quotas;
  std::string inter_broker;                         // the name of the listener that brokers use among themselves
  std::vector<std::unique_ptr<BrokerShard>> peers;  // by shard index

  const znodes::Broker::Listener* inter_broker_listener(const BrokerImage& broker) const {
    return broker.listener(inter_broker);
  }
};

class BrokerShard final : private PartitionHost {
 public:
  BrokerShard(Shard& shard, BrokerServices& services);
  ~BrokerShard() override;

  Shard& shard() { return shard_; }
  BrokerServices& services() { return services_; }
  const Config& config() const { return *services_.config; }
  BrokerMetrics& metrics() { return *services_.metrics; }
  Metadata& metadata() { return metadata_; }
  const Metadata& metadata() const { return metadata_; }
  Gate& gate() { return gate_; }
  std::int64_t now_ms() const { return shard_.clock().wall_ms(); }

  BrokerShard& peer(const LogId& id) { return *services_.peers[static_cast<std::size_t>(shard_index(id))]; }
  BrokerShard& first() { return *services_.peers.front(); }
  int shard_index(const LogId& id) const;
  static int shard_index(const LogId& id, int shards);

  // A client's batch came while its partition was not open here: its log is told when it opens, or it would take what
  // the producer sent behind that one (ProducerState::refused). Bounded; forgetting costs an idempotent producer its
  // session, no record.
  void refused(const LogId& id, ByteView batch);

  // The partition when it lives here and its log is open; null otherwise.
  Partition* partition(const LogId& id) {
    const auto it = partitions_.find(id);
    return it == partitions_.end() ? nullptr : it->second.get();
  }
  const auto& partitions() const { return partitions_; }
  // Makes the image's changes true here: opens and drops logs, hands partitions their new state.
  void apply(const MetadataDelta& delta);
  Task<void> open_partitions(TopicPtr topic);  // until every log that has its place here is open
  // Logs found at the start that the image knows nothing of: of topics that were deleted, or partitions that were moved
  // away, while this broker was not there. The number of those that are removed, or only counted.
  std::size_t strays(bool remove);
  // Some partition was led from here in an earlier life, and the controller has not said yet who leads it now.
  bool waits_to_lead() const;
  // The partitions that are here and cannot be served any more.
  std::vector<LogId> directory_failed(const std::string& path);
  TopicSettings settings_of(const TopicImage& topic) const;
  // What clients are told: whether that broker serves the partition. A broker that hears nothing of the quorum knows at
  // least of itself that it does not, however long ago it was to lead.
  bool is_served_by(std::int32_t broker, const PartitionImage& image) const;
  // That clients are sent to. One that is out of touch does not name itself: what it knows may be over, and who asks it
  // again would hear the same.
  bool is_to_be_named(std::int32_t broker) const { return broker != services_.node_id || may_lead(); }
  // Whether this broker may believe that it is registered: without that it leads nothing.
  void set_fenced(bool fenced);

  GroupCoordinator& groups() { return *groups_; }
  std::int64_t replica_lag_max() const;  // records that the partitions that follow are behind, at most
  ReplicaMoves& moves() { return *moves_; }
  FetchSessions& fetch_sessions() { return fetch_sessions_; }
  InputGate& input_gate() { return input_gate_; }

  BlockRef take_buffer(std::size_t bytes);
  void return_buffer(BlockRef buffer);
  std::uint64_t session_seed() { return seed_ = seed_ * 6364136223846793005ull + 1442695040888963407ull; }
  bool may_log_refusal();  // a few lines a second, whatever clients send

  Task<void> stop();

 private:
  // PartitionHost
  std::optional<std::int64_t> epoch_of(std::int32_t broker, const LogId& partition) const override;
  bool may_enter(std::int32_t broker, const LogId& partition) const override;
  bool may_lead() const override { return services_.holds_lease(shard_.clock().now()); }
  void write_isr(Partition& partition, InSyncReplicas::Change due) override;
  void follower_durable(Partition& partition) override;

  void drop(const LogId& id);
  Task<void> open(TopicPtr topic, LogId id);
  void open_without_room();
  Task<void> remove_log(LogId id, std::shared_ptr<Partition> partition);
  void tell_offline(const LogId& id, bool offline);
  std::set<LogId>& left_out();
  // The partition leads, follows somebody, or neither: who feeds it, and who is fed by it.
  void assign_role(const std::shared_ptr<Partition>& partition);
  void stop_following(const LogId& id);
  bool is_assigned(const PartitionImage& image) const;
  PartitionImage believed(const PartitionImage& image) const;
  bool take_state(const TopicImage& topic, const LogId& id);  // true: it belongs here, and is to be opened
  void review();

  void set_throttles();

  Shard& shard_;
  BrokerServices& services_;
  Metadata metadata_;
  Gate gate_;
  std::unordered_map<LogId, std::shared_ptr<Partition>, LogIdHash> partitions_;
  std::unordered_set<LogId, LogIdHash> opening_;
  std::unordered_set<LogId, LogIdHash> unopened_;  // for want of room: tried again
  std::unordered_map<LogId, std::vector<wire::BatchHeader>, LogIdHash> refused_;
  std::size_t refused_count_ = 0;
  std::unordered_set<LogId, LogIdHash> removing_;  // what comes back under the same id waits for that
  std::optional<std::set<LogId>> left_out_;        // what is left of it here
  std::vector<Function<void()>> opened_;           // told after each
  struct Following {
    std::int32_t leader = -1;
    LeaderEpoch epoch{-1};
  };
  std::unordered_map<LogId, Following, LogIdHash> following_;
  std::map<std::int32_t, std::unique_ptr<ReplicaFetcher>> fetchers_;  // by leader
  bool fenced_ = false;
  bool stopping_ = false;  // the image still changes: nothing new begins by it
  Timer review_timer_;
  std::unique_ptr<GroupCoordinator> groups_;
  std::unique_ptr<ReplicaMoves> moves_;
  FetchSessions fetch_sessions_;
  InputGate input_gate_;
  std::uint64_t seed_ = 0;
  std::vector<BlockRef> spare_buffers_;
  SteadyTime refusal_window_{};
  int refusals_in_window_ = 0;
};

}  // namespace holdfast
