#include "broker/kafka_server.h"

#include <algorithm>

#include "broker/broker_shard.h"
#include "runtime/log_line.h"

namespace holdfast {

KafkaServer::KafkaServer(BrokerShard& broker, Network& network) : broker_(broker), network_(network) {
  const Config& config = broker.config();
  limits_.request_bytes_max = static_cast<std::size_t>(config.integer("socket.request.max.bytes"));
  connections_max_ = config.integer("max.connections");
  connections_per_host_max_ = config.integer("max.connections.per.ip");
  idle_max_ = std::chrono::milliseconds(config.integer("connections.max.idle.ms"));
}

Result<void> KafkaServer::listen(std::vector<KafkaListener>& listeners) {
  const auto backlog = static_cast<int>(broker_.config().integer("socket.listen.backlog.size"));
  for (KafkaListener& l : listeners) {
    auto bound = network_.listen(broker_.shard(), l.bind, backlog, broker_.services().shards->size() > 1);
    if (!bound) return fail(bound);
    l.bind.port = (*bound)->local().port;
    if (l.advertised.port == 0) l.advertised.port = l.bind.port;
    listeners_.emplace_back(std::move(*bound), l.name);
  }
  return {};
}

void KafkaServer::start() {
  for (auto& [listener, name] : listeners_) broker_.shard().spawn(gate_, accept(listener, name));
  close_idle();
}

Task<void> KafkaServer::accept(std::shared_ptr<Listener> listener, std::string name) {
  for (;;) {
    auto stream = co_await listener->accept();
    if (!stream) co_return;
    std::string host = (*stream)->remote().host;
    if (static_cast<std::int64_t>(connections_.size()) >= connections_max_ ||
        per_host_[host] >= connections_per_host_max_) {
      broker_.metrics().refused.add();
      if (broker_.may_log_refusal())
        log_line(LogLevel::warn, "broker",
                 "refusing a connection of {}: max.connections or max.connections.per.ip is reached", host);
      (*stream)->close();
      continue;
    }
    auto connection = std::make_shared<Connection>(broker_, std::move(*stream), name, limits_);
    const std::uint64_t number = next_number_++;
    connections_.emplace(number, connection);
    ++per_host_[host];
    broker_.metrics().connections.add(1);
    broker_.shard().spawn(gate_, serve(std::move(connection), number, std::move(host)));
  }
}

Task<void> KafkaServer::serve(std::shared_ptr<Connection> connection, std::uint64_t number, std::string host) {
  co_await connection->run();
  connections_.erase(number);
  if (--per_host_[host] == 0) per_host_.erase(host);
  broker_.metrics().connections.add(-1);
}

void KafkaServer::close_idle() {
  if (idle_max_ <= Duration::zero()) return;
  const SteadyTime oldest = broker_.shard().clock().now() - idle_max_;
  std::vector<std::shared_ptr<Connection>> idle;
  for (const auto& [_, connection] : connections_)
    if (connection->last_active() < oldest) idle.push_back(connection);
  for (const auto& connection : idle) connection->close();
  broker_.shard().arm(idle_timer_,
                      std::clamp<Duration>(idle_max_ / 8, std::chrono::milliseconds(100), std::chrono::minutes(1)),
                      [this] { close_idle(); });
}

Task<void> KafkaServer::stop() {
  idle_timer_.cancel();
  for (auto& [listener, _] : listeners_) listener->close();
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections_.size());
  for (const auto& [_, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) connection->close();
  co_await broker_.shard().drained(gate_);
}

}  // namespace holdfast
