#include "broker/replica_move.h"

#include "broker/broker_shard.h"
#include "runtime/log_line.h"

namespace holdfast {

using wire::ErrorCode;

namespace {
constexpr int moves_at_once = 2;               // of a shard
constexpr std::size_t preferred_max = 10'000;  // whoever asks for more is not remembered
constexpr Duration move_look_interval = std::chrono::milliseconds(10);
}  // namespace

struct ReplicaMoves::Moving final : LogMove::Owner {
  Moving(BrokerShard& b, const LogId& i, std::unique_ptr<LogMove> m) : broker(b), id(i), move(std::move(m)) {}

  bool switch_to(Log& log) override {
    Partition* partition = broker.partition(id);
    return partition && partition->switch_log(log);
  }
  Duration pause_after(std::size_t bytes) override {
    ReplicationQuota& quota = broker.services().replication_quotas.moves;
    const SteadyTime now = broker.shard().clock().now();
    quota.record(static_cast<std::int64_t>(bytes), now);
    return quota.wait(now);
  }

  BrokerShard& broker;
  const LogId id;
  std::unique_ptr<LogMove> move;
};

ReplicaMoves::ReplicaMoves(BrokerShard& broker) : broker_(broker) {
  for (auto& [id, dir] : broker.services().logs->take_interrupted_moves(broker.shard()))
    interrupted_.insert_or_assign(id, std::move(dir));
}

ReplicaMoves::~ReplicaMoves() = default;

Task<ErrorCode> ReplicaMoves::move(LogId id, std::string dir) {
  const auto known = moving_.find(id);
  if (known != moving_.end() && known->second->move->to() == dir) co_return ErrorCode::none;
  // Elsewhere, or not at all.
  dropped(id);
  while (moving_.contains(id)) co_await broker_.shard().sleep(move_look_interval);
  const Partition* partition = broker_.partition(id);
  if (!partition || stopping_) co_return ErrorCode::replica_not_available;
  if (!partition->online()) co_return ErrorCode::kafka_storage_error;
  if (partition->log().log_dir() == dir) co_return ErrorCode::none;
  auto moving = std::make_shared<Moving>(broker_, id, broker_.services().logs->move(id, dir));
  moving_.emplace(id, moving);
  auto begun = co_await moving->move->begin();
  if (!begun) {
    moving_.erase(id);
    log_line(LogLevel::warn, "broker", "{} cannot take the replica of {}-{}: {}", dir, to_hex_uuid(id.topic_id),
             id.partition, begun.error().message);
    co_return begun.error().kind == ErrorKind::io || begun.error().kind == ErrorKind::no_space
        ? ErrorCode::kafka_storage_error
        : ErrorCode::unknown_server_error;
  }
  waiting_.push_back(id);
  start_next();
  co_return ErrorCode::none;
}

void ReplicaMoves::start_next() {
  while (!waiting_.empty() && running_ < moves_at_once) {
    const auto next = moving_.find(waiting_.front());
    waiting_.pop_front();
    if (next == moving_.end()) continue;
    ++running_;
    if (!broker_.shard().spawn(broker_.gate(), run(next->second))) --running_;
  }
}

Task<void> ReplicaMoves::run(std::shared_ptr<Moving> moving) {
  auto done = co_await moving->move->run(*moving);
  --running_;
  const Partition* partition = broker_.partition(moving->id);
  if (done && partition)
    log_line(LogLevel::info, "broker", "{}-{} has moved to {}", partition->topic(), moving->id.partition,
             moving->move->to());
  if (!done && partition && done.error().kind != ErrorKind::closed)
    log_line(LogLevel::warn, "broker", "{}-{} does not move to {}: {}", partition->topic(), moving->id.partition,
             moving->move->to(), done.error().message);
  moving_.erase(moving->id);
  start_next();
}

void ReplicaMoves::prefer(const std::string& topic, std::int32_t partition, const std::string& dir) {
  if (preferred_.size() < preferred_max) preferred_[{topic, partition}] = dir;
}

std::string ReplicaMoves::take_preferred(const std::string& topic, std::int32_t partition) {
  auto node = preferred_.extract({topic, partition});
  return node ? std::move(node.mapped()) : std::string();
}

void ReplicaMoves::opened(const LogId& id) {
  const auto it = interrupted_.find(id);
  if (it == interrupted_.end()) return;
  std::string dir = std::move(it->second);
  interrupted_.erase(it);
  broker_.shard().spawn(broker_.gate(), resume(id, std::move(dir)));
}

Task<void> ReplicaMoves::resume(LogId id, std::string dir) {
  const ErrorCode done = co_await move(id, std::move(dir));
  (void)done;  // the log has said why
}

void ReplicaMoves::dropped(const LogId& id) {
  const auto it = moving_.find(id);
  if (it == moving_.end()) return;
  it->second->move->cancel();
  // One that waits for its turn has it now, to be cleared away.
  if (std::erase(waiting_, id) == 0) return;
  ++running_;
  if (!broker_.shard().spawn(broker_.gate(), run(it->second))) --running_;
}

std::vector<ReplicaMoves::Future> ReplicaMoves::futures() const {
  std::vector<Future> out;
  for (const auto& [id, moving] : moving_)
    if (!moving->move->switched())
      out.push_back({id, moving->move->to(), moving->move->size_bytes(), moving->move->end()});
  return out;
}

void ReplicaMoves::stop() {
  stopping_ = true;
  waiting_.clear();
  for (const auto& [_, moving] : moving_) moving->move->leave();
}

}  // namespace holdfast
