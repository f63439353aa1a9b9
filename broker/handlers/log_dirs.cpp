// AlterReplicaLogDirs (34): replicas move between the log directories of this broker. DescribeLogDirs (35): what each
// log directory holds, and the room left in it (KIP-113, KIP-827).
#include "wire/kafka/log_dirs.h"

#include <map>
#include <set>

#include "broker/handlers/handlers.h"
#include "broker/handlers/support.h"
#include "broker/hop.h"
#include "broker/replica_move.h"
#include "log/format.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

struct Replica {
  std::string topic, dir;
  std::int32_t index;
  std::int64_t bytes, lag;
  bool future = false;
};

std::vector<Replica> replicas_of(BrokerShard& shard) {
  std::vector<Replica> out;
  for (const auto& [_, p] : shard.partitions()) {
    const Log& log = p->log();
    out.push_back({p->topic(), log.log_dir(), p->index(), static_cast<std::int64_t>(log.size_bytes()),
                   std::max<std::int64_t>(p->high_watermark() - log.end_offset(), 0)});
  }
  for (const ReplicaMoves::Future& future : shard.moves().futures())
    if (Partition* p = shard.partition(future.id))
      out.push_back({p->topic(), future.dir, p->index(), static_cast<std::int64_t>(future.bytes),
                     std::max<std::int64_t>(p->log().end_offset() - future.end, 0), true});
  return out;
}

Task<void> run(RequestContext context, wire::DescribeLogDirsRequest message) {
  BrokerShard* home = &context.broker();
  std::optional<std::set<std::pair<std::string, std::int32_t>>> wanted;
  if (message.topics) {
    wanted.emplace();
    for (const auto& t : *message.topics)
      for (const std::int32_t p : t.partitions) wanted->emplace(t.topic, p);
  }
  std::map<std::string, std::map<std::string, std::vector<Replica>>> by_dir;
  for (const auto& peer : home->services().peers) {
    BrokerShard* shard = peer.get();
    auto work = [shard] { return replicas_of(*shard); };
    auto replicas = co_await on(shard->shard(), std::move(work));
    for (Replica& r : replicas)
      if (!wanted || wanted->contains({r.topic, r.index})) by_dir[r.dir][r.topic].push_back(std::move(r));
  }
  wire::DescribeLogDirsResponse response;
  for (const LogDirDescription& dir : home->services().logs->directories()) {
    auto& to = response.results.emplace_back();
    to.log_dir = dir.path;
    if (!dir.online) {
      to.error_code = code(ErrorCode::kafka_storage_error);
      continue;
    }
    to.total_bytes = static_cast<std::int64_t>(dir.space.total_bytes);
    to.usable_bytes = static_cast<std::int64_t>(dir.space.available_bytes);
    for (const auto& [name, replicas] : by_dir[dir.path]) {
      auto& topic = to.topics.emplace_back();
      topic.name = name;
      for (const Replica& r : replicas)
        topic.partitions.push_back(
            {.partition_index = r.index, .partition_size = r.bytes, .offset_lag = r.lag, .is_future_key = r.future});
    }
  }
  context.respond(response);
}

using WantedPlaces = std::map<std::pair<std::string, std::int32_t>, std::string>;

Task<ErrorCode> move_on(BrokerShard* shard, LogId id, std::string dir) {
  auto done = co_await shard->moves().move(id, std::move(dir));
  co_return done;
}

// Whether this broker has the partition, and may do something with it.
ErrorCode check_replica(BrokerShard& broker, const TopicPtr& topic, std::int32_t partition) {
  const auto index = static_cast<std::size_t>(partition);
  if (!topic || partition < 0 || index >= topic->partitions.size()) return ErrorCode::unknown_topic_or_partition;
  const PartitionImage& image = topic->partitions[index];
  const std::int32_t self = broker.services().node_id;
  if (std::ranges::find(image.replicas, self) == image.replicas.end()) return ErrorCode::replica_not_available;
  return broker.metadata().serves(self, image) ? ErrorCode::none : ErrorCode::kafka_storage_error;
}

// The name of the directory it moves to: <topic>-<partition>.<32 digits>-future.
bool is_too_long_to_move(const std::string& topic, std::int32_t partition) {
  constexpr std::size_t name_max = 255, id_digits = 32;
  return topic.size() + std::to_string(partition).size() + id_digits + log_format::future_dir_suffix.size() + 2 >
         name_max;
}

Task<ErrorCode> place(BrokerShard* home, std::string topic, std::int32_t partition, std::string dir) {
  const TopicPtr image = home->metadata().topic(topic);
  const ErrorCode known = check_replica(*home, image, partition);
  if (known == ErrorCode::unknown_topic_or_partition || known == ErrorCode::replica_not_available)
    for (const auto& peer : home->services().peers)
      peer->shard().post([p = peer.get(), topic, partition, dir] { p->moves().prefer(topic, partition, dir); });
  if (known != ErrorCode::none) co_return known;
  const LogId id{image->id, partition};
  BrokerShard* owner = &home->peer(id);
  auto work = [owner, id, dir] { return move_on(owner, id, dir); };
  auto done = co_await hop(owner->shard(), owner->gate(), std::move(work));
  co_return done.value_or(ErrorCode::replica_not_available);
}

Task<void> run_alter(RequestContext context, wire::AlterReplicaLogDirsRequest message) {
  BrokerShard* home = &context.broker();
  WantedPlaces wanted;  // named twice, the last one counts
  for (const auto& dir : message.dirs)
    for (const auto& topic : dir.topics)
      for (const std::int32_t p : topic.partitions) wanted[{topic.name, p}] = dir.path;
  const std::vector<LogDirDescription> directories = home->services().logs->directories();
  wire::AlterReplicaLogDirsResponse response;
  for (const auto& [partition, dir] : wanted) {
    const auto known = std::ranges::find(directories, dir, &LogDirDescription::path);
    ErrorCode error = ErrorCode::log_dir_not_found;
    if (known != directories.end()) error = known->online ? ErrorCode::none : ErrorCode::kafka_storage_error;
    if (is_too_long_to_move(partition.first, partition.second)) error = ErrorCode::invalid_topic_exception;
    if (error == ErrorCode::none) error = co_await place(home, partition.first, partition.second, dir);
    if (response.results.empty() || response.results.back().topic_name != partition.first)
      response.results.emplace_back().topic_name = partition.first;
    response.results.back().partitions.push_back({.partition_index = partition.second, .error_code = code(error)});
  }
  context.respond(response);
}

}  // namespace

void alter_replica_log_dirs(RequestContext request) {
  wire::AlterReplicaLogDirsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_alter(std::move(request), std::move(message)));
}

void describe_log_dirs(RequestContext request) {
  wire::DescribeLogDirsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run(std::move(request), std::move(message)));
}

}  // namespace holdfast::handlers
