#include "broker/broker_shard.h"

#include <fmt/format.h>

#include <charconv>

#include "broker/api_table.h"
#include "broker/group_coordinator.h"
#include "broker/isr_writer.h"
#include "broker/log_directories.h"
#include "broker/replica_fetcher.h"
#include "broker/replica_move.h"
#include "coordination/quorum_log.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {
constexpr std::size_t spare_buffers_max = 8;
constexpr std::size_t opening_at_once_max = 32;
constexpr int refusal_lines_a_second = 5;

std::size_t large_requests_bytes(const Config& config) {
  constexpr std::size_t built_in = 512 << 20;
  const std::int64_t set = config.integer("queued.max.request.bytes");
  return set > 0 ? static_cast<std::size_t>(set) : built_in;
}
}  // namespace

BrokerMetrics::BrokerMetrics(Metrics& registry)
    : bytes_in(
          registry.counter("holdfast_kafka_bytes_total", "Bytes of Kafka requests and replies", {{"direction", "in"}})),
      bytes_out(registry.counter("holdfast_kafka_bytes_total", "Bytes of Kafka requests and replies",
                                 {{"direction", "out"}})),
      records_in(registry.counter("holdfast_kafka_records_total", "Records appended for producers")),
      replicated_in(registry.counter("holdfast_kafka_replication_bytes_total", "Bytes of records between replicas",
                                     {{"direction", "in"}})),
      replicated_out(registry.counter("holdfast_kafka_replication_bytes_total", "Bytes of records between replicas",
                                      {{"direction", "out"}})),
      isr_shrinks(registry.counter("holdfast_kafka_isr_shrinks_total", "ISRs that this node made smaller")),
      isr_expands(registry.counter("holdfast_kafka_isr_expands_total", "ISRs that this node made larger")),
      elections(registry.counter("holdfast_kafka_leader_elections_total", "Leaders that this node elected")),
      unclean_elections(registry.counter("holdfast_kafka_unclean_leader_elections_total",
                                         "Of these, leaders that may not have had all that was committed")),
      connections(registry.gauge("holdfast_kafka_connections", "Open Kafka connections")),
      refused(registry.counter("holdfast_kafka_refused_connections_total", "Kafka connections refused by a limit")) {
  for (const ApiRow& row : api_rows())
    apis_[static_cast<std::size_t>(row.key)] = &registry.histogram(
        "holdfast_kafka_request_seconds", "From the request's last byte to its reply", {{"api", row.name}});
}

Histogram& BrokerMetrics::api(std::int16_t key) const { return *apis_[static_cast<std::size_t>(key)]; }

BrokerShard::BrokerShard(Shard& shard, BrokerServices& services)
    : shard_(shard),
      services_(services),
      groups_(std::make_unique<GroupCoordinator>(*this)),
      moves_(std::make_unique<ReplicaMoves>(*this)),
      fetch_sessions_(static_cast<std::size_t>(services.config->integer("max.incremental.fetch.session.cache.slots")) /
                          static_cast<std::size_t>(services.shards->size()),
                      shard.index(), services.shards->size()),
      input_gate_(large_requests_bytes(*services.config) / static_cast<std::size_t>(services.shards->size())),
      seed_(static_cast<std::uint64_t>(shard.clock().now().time_since_epoch().count()) * 2 + 1) {
  if (shard.index() != 0) return;
  const Duration size = std::chrono::seconds(config().integer("replication.quota.window.size.seconds"));
  const ReplicationQuota::Window window{.burst = size,
                                        .memory = size * config().integer("replication.quota.window.num")};
  services.replication_quotas.leader.set_window(window);
  services.replication_quotas.follower.set_window(window);
}

BrokerShard::~BrokerShard() = default;

int BrokerShard::shard_index(const LogId& id, int shards) {
  if (QuorumLog::owns(id)) return 0;
  return static_cast<int>(LogIdHash{}(id) % static_cast<std::size_t>(shards));
}

int BrokerShard::shard_index(const LogId& id) const { return shard_index(id, services_.shards->size()); }

bool BrokerShard::is_assigned(const PartitionImage& image) const {
  return std::ranges::find(image.replicas, services_.node_id) != image.replicas.end();
}

// A leader that was gone since the state was written leads nothing by it, not even itself: it may have lost what its
// followers have, and would give the same offsets of the same epoch out again.
PartitionImage BrokerShard::believed(const PartitionImage& image) const {
  PartitionImage out = image;
  if (!metadata_.still_serves(image.leader, image)) out.leader = -1;
  return out;
}

void BrokerShard::apply(const MetadataDelta& delta) {
  std::vector<std::string> deleted;
  for (const std::string& name : delta.removed_topics)
    if (const TopicPtr old = metadata_.topic(name)) {
      deleted.push_back(name);
      for (std::size_t p = 0; p < old->partitions.size(); ++p) drop({old->id, static_cast<std::int32_t>(p)});
    }
  for (const TopicPtr& topic : delta.changed_topics) {
    // The name may have come back with another id.
    const TopicPtr old = metadata_.topic(topic->name);
    if (!old || old->id == topic->id) continue;
    for (std::size_t p = 0; p < old->partitions.size(); ++p) drop({old->id, static_cast<std::int32_t>(p)});
  }
  metadata_.apply(delta);
  const bool broker_configs_changed = delta.broker_configs != nullptr;
  if (broker_configs_changed && shard_.index() == 0) set_throttles();
  if (broker_configs_changed)
    for (const auto& [id, partition] : partitions_)
      if (const TopicPtr topic = metadata_.topic(partition->topic())) partition->configure(settings_of(*topic));
  if (delta.brokers) {
    for (auto& [_, fetcher] : fetchers_) fetcher->brokers_changed();
    for (const auto& [id, partition] : partitions_) {
      const TopicPtr topic = metadata_.topic(id.topic_id);
      if (!topic) continue;
      partition->become(believed(topic->partitions[static_cast<std::size_t>(id.partition)]));
      assign_role(partition);
    }
  }
  for (std::size_t i = 0; i < delta.changed_topics.size(); ++i) {
    const TopicPtr& topic = delta.changed_topics[i];
    const bool whole = i >= delta.changed_partitions.size() || delta.changed_partitions[i].empty();
    bool opens = false;
    if (whole) {
      const TopicSettings settings = settings_of(*topic);
      for (std::size_t p = 0; p < topic->partitions.size(); ++p) {
        const LogId id{topic->id, static_cast<std::int32_t>(p)};
        if (Partition* partition = this->partition(id)) partition->configure(settings);
        opens = take_state(*topic, id) || opens;
      }
    } else {
      for (const std::int32_t p : delta.changed_partitions[i]) opens = take_state(*topic, {topic->id, p}) || opens;
    }
    if (opens) shard_.spawn(gate_, open_partitions(topic));
  }
  if (!deleted.empty()) groups_->topics_deleted(deleted);
  if (!review_timer_.armed() && !stopping_) review();
}

bool BrokerShard::take_state(const TopicImage& topic, const LogId& id) {
  const PartitionImage& image = topic.partitions[static_cast<std::size_t>(id.partition)];
  const auto found = partitions_.find(id);
  const bool assigned = is_assigned(image);
  if (found == partitions_.end()) return assigned;
  if (!assigned) {
    drop(id);
    return false;
  }
  const std::shared_ptr<Partition> partition = found->second;
  partition->become(believed(image));
  // While it cuts its log it does not know yet whom to follow.
  partition->when_settled([this, id, weak = std::weak_ptr(partition)] {
    const std::shared_ptr<Partition> settled = weak.lock();
    if (settled && this->partition(id) == settled.get()) assign_role(settled);
  });
  return false;
}

// ---- Replicas ----

std::optional<std::int64_t> BrokerShard::epoch_of(std::int32_t broker, const LogId& partition) const {
  const auto found = metadata_.brokers().find(broker);
  if (found == metadata_.brokers().end() || found->second.is_offline(partition)) return std::nullopt;
  return found->second.epoch;
}

bool BrokerShard::may_enter(std::int32_t broker, const LogId& partition) const {
  const auto found = metadata_.brokers().find(broker);
  return found != metadata_.brokers().end() && !found->second.is_full(partition) && !found->second.registration.leaving;
}

void BrokerShard::write_isr(Partition& partition, InSyncReplicas::Change due) {
  IsrChange change;
  change.id = partition.log().id();
  change.topic = partition.topic();
  change.state_version = partition.in_sync().state_version();
  const TopicPtr topic = metadata_.topic(change.id.topic_id);
  if (topic) change.topic_czxid = topic->czxid;
  for (const std::int32_t id : due.isr) {
    if (id == services_.node_id) continue;
    const auto& before = partition.in_sync().isr();
    const bool stays = std::ranges::find(before, id) != before.end();
    // That of a member is the one that the state was written under; -1, which fails, when it has another by now.
    std::int64_t epoch = partition.in_sync().live_epoch(id).value_or(-1);
    if (stays && topic) {
      const PartitionImage& image = topic->partitions[static_cast<std::size_t>(change.id.partition)];
      epoch = metadata_.still_serves(id, image) ? metadata_.brokers().at(id).epoch : -1;
    }
    change.others.emplace_back(id, epoch);
  }
  change.isr = std::move(due.isr);
  change.elr = std::move(due.elr);
  BrokerShard& first = this->first();
  const std::ptrdiff_t grown = std::ssize(change.isr) - std::ssize(partition.in_sync().isr());
  first.shard_.post([this, grown, writer = services_.isr, change = std::move(change)]() mutable {
    auto done = [this, id = change.id, version = change.state_version, grown](bool written) {
      if (written && grown != 0) (grown > 0 ? metrics().isr_expands : metrics().isr_shrinks).add();
      shard_.post([this, id, version, written] {
        if (Partition* still = this->partition(id)) still->isr_written(version, written);
      });
    };
    writer->write(std::move(change), std::move(done));
  });
}

void BrokerShard::follower_durable(Partition& partition) {
  const auto found = following_.find(partition.log().id());
  if (found == following_.end()) return;
  if (const auto fetcher = fetchers_.find(found->second.leader); fetcher != fetchers_.end())
    fetcher->second->durable(partition);
}

void BrokerShard::assign_role(const std::shared_ptr<Partition>& partition) {
  if (stopping_) return;
  const LogId id = partition->log().id();
  const std::int32_t leader = partition->leader_id();
  const bool leads = leader == services_.node_id;
  if (leads || leader < 0 || !partition->online()) {
    stop_following(id);
  } else if (const auto known = following_.find(id); known == following_.end() || known->second.leader != leader ||
                                                     known->second.epoch != partition->leader_epoch()) {
    if (known != following_.end() && known->second.leader != leader) stop_following(id);
    following_[id] = {leader, partition->leader_epoch()};
    auto& fetcher = fetchers_[leader];
    if (!fetcher) fetcher = std::make_unique<ReplicaFetcher>(*this, *services_.network, leader);
    fetcher->follow(partition);
  }
  if (partition->topic() == offsets_topic) groups_->partition_changed(*partition);
}

void BrokerShard::stop_following(const LogId& id) {
  const auto known = following_.find(id);
  if (known == following_.end()) return;
  if (const auto fetcher = fetchers_.find(known->second.leader); fetcher != fetchers_.end()) fetcher->second->leave(id);
  following_.erase(known);
}

std::int64_t BrokerShard::replica_lag_max() const {
  std::int64_t out = 0;
  for (const auto& [_, fetcher] : fetchers_) out = std::max(out, fetcher->lag_max());
  return out;
}

void BrokerShard::review() {
  for (const auto& [_, partition] : partitions_) partition->review();
  open_without_room();
  shard_.arm(review_timer_, std::chrono::seconds(1), [this] { review(); });
}

void BrokerShard::set_fenced(bool fenced) {
  if (std::exchange(fenced_, fenced) == fenced) return;
  for (const auto& [_, partition] : partitions_) partition->set_fenced(fenced);
}

bool BrokerShard::is_served_by(std::int32_t broker, const PartitionImage& image) const {
  return broker >= 0 && metadata_.serves(broker, image) && is_to_be_named(broker);
}

// The rates of this broker are of the cluster's default, or its own.
void BrokerShard::set_throttles() {
  const auto rate = [this](const std::string& name) {
    std::int64_t out = INT64_MAX;
    for (const auto& configs :
         {metadata_.broker_config("<default>"), metadata_.broker_config(std::to_string(services_.node_id))})
      if (const auto it = configs.find(name); it != configs.end())
        std::from_chars(it->second.data(), it->second.data() + it->second.size(), out);
    return out;
  };
  services_.replication_quotas.leader.set_rate(rate("leader.replication.throttled.rate"));
  services_.replication_quotas.follower.set_rate(rate("follower.replication.throttled.rate"));
  services_.replication_quotas.moves.set_rate(rate("replica.alter.log.dirs.io.max.bytes.per.second"));
}

// ---- Logs ----

TopicSettings BrokerShard::settings_of(const TopicImage& topic) const {
  Overrides dynamic = metadata_.broker_config("<default>");
  for (const auto& [key, value] : metadata_.broker_config(std::to_string(services_.node_id))) dynamic[key] = value;
  return TopicSettings::from(*services_.config, dynamic, topic.configs);
}

Task<void> BrokerShard::open_partitions(TopicPtr topic) {
  for (std::size_t p = 0; p < topic->partitions.size(); ++p) {
    const LogId id{topic->id, static_cast<std::int32_t>(p)};
    if (shard_index(id) != shard_.index() || opening_.contains(id) || partition(id)) continue;
    if (!is_assigned(topic->partitions[p])) continue;
    while (opening_.size() >= opening_at_once_max) {
      auto wait = [this](Function<void()> resume) { opened_.push_back(std::move(resume)); };
      co_await shard_.until(std::move(wait));
    }
    opening_.insert(id);
    if (!shard_.spawn(gate_, open(topic, id))) opening_.erase(id);
  }
  const auto any_opening = [this, &topic] {
    for (std::size_t p = 0; p < topic->partitions.size(); ++p)
      if (opening_.contains({topic->id, static_cast<std::int32_t>(p)})) return true;
    return false;
  };
  while (any_opening()) {
    auto wait = [this](Function<void()> resume) { opened_.push_back(std::move(resume)); };
    co_await shard_.until(std::move(wait));
  }
}

void BrokerShard::refused(const LogId& id, ByteView batch) {
  constexpr std::size_t remembered_max = 1000;
  const auto header = wire::BatchHeader::parse(batch);
  if (!header || !header->has_producer_id()) return;
  if (++refused_count_ > remembered_max) refused_.clear(), refused_count_ = 1;
  refused_[id].push_back(*header);
}

Task<void> BrokerShard::open(TopicPtr topic, LogId id) {
  while (removing_.contains(id)) {
    auto wait = [this](Function<void()> resume) { opened_.push_back(std::move(resume)); };
    co_await shard_.until(std::move(wait));
  }
  Log* log = services_.logs->find(id);
  if (!log && left_out().contains(id)) {
    tell_offline(id, true);
  } else if (!log) {
    LogConfig config;
    const std::string preferred = moves_->take_preferred(topic->name, id.partition);
    auto created = co_await services_.logs->create(id, topic->name, config, preferred);
    if (!created && !preferred.empty()) created = co_await services_.logs->create(id, topic->name, config);
    if (created) {
      log = *created;
      unopened_.erase(id);
    } else {
      const bool is_full = created.error().kind == ErrorKind::no_space;
      if (!is_full || unopened_.insert(id).second)
        log_line(LogLevel::error, "broker", "{}-{} cannot be opened{}: {}", topic->name, id.partition,
                 is_full ? " before there is room" : "", created.error().message);
      tell_offline(id, true);
    }
  }
  opening_.erase(id);
  // The topic may have changed, or gone, meanwhile.
  const TopicPtr now = metadata_.topic(id.topic_id);
  const PartitionImage* image = now ? &now->partitions[static_cast<std::size_t>(id.partition)] : nullptr;
  if (log && image && is_assigned(*image) && !partition(id)) {
    const auto lag_max = std::chrono::milliseconds(config().integer("replica.lag.time.max.ms"));
    PartitionHost& host = *this;
    auto made = std::make_shared<Partition>(shard_, *log, now->name, id.partition, services_.node_id, host, lag_max);
    made->set_fenced(fenced_);
    made->configure(settings_of(*now));
    made->become(believed(*image));
    partitions_.emplace(id, made);
    if (const auto before = refused_.extract(id)) {
      refused_count_ -= before.mapped().size();
      for (const wire::BatchHeader& header : before.mapped()) log->producers().refused(header);
    }
    assign_role(made);
    tell_offline(id, !made->online());
    moves_->opened(id);
  } else if (log && !partition(id)) {
    shard_.spawn(gate_, remove_log(id, nullptr));
  }
  for (auto& waiter : std::exchange(opened_, {})) waiter();
}

// A disk that was full when a replica came may have room by now.
void BrokerShard::open_without_room() {
  std::vector<std::pair<TopicPtr, LogId>> again;
  for (auto at = unopened_.begin(); at != unopened_.end() && again.size() < opening_at_once_max;) {
    const LogId id = *at;
    const TopicPtr topic = metadata_.topic(id.topic_id);
    const auto index = static_cast<std::size_t>(id.partition);
    if (!topic || partition(id) || index >= topic->partitions.size() || !is_assigned(topic->partitions[index])) {
      at = unopened_.erase(at);
      continue;
    }
    if (!opening_.contains(id)) again.emplace_back(topic, id);
    ++at;
  }
  for (auto& [topic, id] : again) {
    opening_.insert(id);
    if (!shard_.spawn(gate_, open(std::move(topic), id))) opening_.erase(id);
  }
}

// What the registration says of it is to be true. What it says now is no measure: the last news may still be on its
// way.
void BrokerShard::tell_offline(const LogId& id, bool offline) {
  if (!services_.directories) return;
  first().shard_.post([directories = services_.directories, id, offline] { directories->set_offline({id}, offline); });
}

// Each is there, and must not be made a second time. One that is taken from this broker, and given back, is a new one.
std::set<LogId>& BrokerShard::left_out() {
  if (!left_out_) left_out_ = services_.left_out;
  return *left_out_;
}

std::vector<LogId> BrokerShard::directory_failed(const std::string& path) {
  std::vector<LogId> out;
  for (const auto& [id, partition] : partitions_) {
    if (partition->log().log_dir() != path) continue;
    assign_role(partition);
    out.push_back(id);
  }
  return out;
}

void BrokerShard::drop(const LogId& id) {
  if (shard_index(id) != shard_.index()) return;
  left_out().erase(id);
  const auto it = partitions_.find(id);
  if (it == partitions_.end()) return;
  stop_following(id);
  moves_->dropped(id);
  if (it->second->topic() == offsets_topic) groups_->partition_closed(id);
  std::shared_ptr<Partition> dropped = std::move(it->second);
  partitions_.erase(it);
  shard_.spawn(gate_, remove_log(id, std::move(dropped)));
}

Task<void> BrokerShard::remove_log(LogId id, std::shared_ptr<Partition> partition) {
  removing_.insert(id);
  if (partition) {
    auto truncated = [&partition](Function<void()> resume) { partition->when_settled(std::move(resume)); };
    co_await shard_.until(std::move(truncated));
    partition->close();
    partition.reset();
  }
  auto removed = co_await services_.logs->remove(id);
  if (!removed) log_line(LogLevel::warn, "broker", "a deleted partition's log stays: {}", removed.error().message);
  removing_.erase(id);
  for (auto& waiter : std::exchange(opened_, {})) waiter();
}

bool BrokerShard::waits_to_lead() const {
  for (const auto& [id, partition] : partitions_) {
    const PartitionImage* image = metadata_.partition(partition->topic(), id.partition);
    if (image && image->leader == services_.node_id && !metadata_.still_serves(image->leader, *image)) return true;
  }
  return false;
}

std::size_t BrokerShard::strays(bool remove) {
  std::vector<LogId> found;
  for (Log* log : services_.logs->logs_of(shard_)) {
    const LogId id = log->id();
    if (QuorumLog::owns(id) || partition(id) || opening_.contains(id)) continue;
    const TopicPtr topic = metadata_.topic(id.topic_id);
    const auto index = static_cast<std::size_t>(id.partition);
    if (topic && index < topic->partitions.size() && is_assigned(topic->partitions[index])) continue;
    found.push_back(id);
  }
  if (remove)
    for (const LogId& id : found) shard_.spawn(gate_, remove_log(id, nullptr));
  return found.size();
}

BlockRef BrokerShard::take_buffer(std::size_t bytes) {
  while (!spare_buffers_.empty()) {
    BlockRef buffer = std::move(spare_buffers_.back());
    spare_buffers_.pop_back();
    if (buffer->unique() && buffer->capacity() >= bytes) return buffer;
  }
  return BlockRef::allocate(bytes);
}

void BrokerShard::return_buffer(BlockRef buffer) {
  if (buffer && spare_buffers_.size() < spare_buffers_max && buffer->capacity() <= (256u << 10))
    spare_buffers_.push_back(std::move(buffer));
}

bool BrokerShard::may_log_refusal() {
  const SteadyTime now = shard_.clock().now();
  if (now - refusal_window_ >= std::chrono::seconds(1)) {
    refusal_window_ = now;
    refusals_in_window_ = 0;
  }
  return ++refusals_in_window_ <= refusal_lines_a_second;
}

Task<void> BrokerShard::stop() {
  moves_->stop();
  stopping_ = true;
  review_timer_.cancel();
  for (auto& [_, fetcher] : fetchers_) co_await fetcher->stop();
  co_await groups_->stop();
  co_await shard_.drained(gate_);
  fetchers_.clear();
  partitions_.clear();
}

}  // namespace holdfast
