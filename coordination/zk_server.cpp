#include "coordination/zk_server.h"

#include <exception>

#include "runtime/log_line.h"

namespace holdfast {

void ZkServerStats::latency(std::int64_t ms) {
  ++latency_count;
  latency_total_ms += static_cast<std::uint64_t>(ms);
  latency_max_ms = std::max(latency_max_ms, ms);
  latency_min_ms = latency_min_ms < 0 ? ms : std::min(latency_min_ms, ms);
}

void ZkServerStats::response(std::size_t bytes) {
  response_bytes += bytes;
  response_bytes_last = bytes;
  response_bytes_min = response_bytes_min == 0 ? bytes : std::min<std::uint64_t>(response_bytes_min, bytes);
  response_bytes_max = std::max<std::uint64_t>(response_bytes_max, bytes);
}

void ZkServerStats::reset() {
  received = sent = 0;
  latency_count = latency_total_ms = 0;
  latency_min_ms = -1;
  latency_max_ms = 0;
}

ZkServer::ZkServer(Ensemble& ensemble, Network& network, Metrics& metrics)
    : ensemble_(ensemble),
      network_(network),
      started_steady_ms_(ensemble.steady_ms()),
      read_latency_(metrics.histogram("zookeeper_read_latency_seconds", "From a read's arrival to its reply.")),
      update_latency_(metrics.histogram("zookeeper_update_latency_seconds", "From a write's arrival to its reply.")) {}

ZkServer::~ZkServer() = default;

Result<void> ZkServer::listen(const Endpoint& at) {
  auto bound = network_.listen(ensemble_.shard(), at, 256, false);
  if (!bound) return fail(bound);
  listener_ = std::move(*bound);
  return {};
}

void ZkServer::start() {
  if (listener_) ensemble_.shard().spawn(gate_, accept());
}

Task<void> ZkServer::accept() {
  for (;;) {
    auto stream = co_await listener_->accept();
    if (!stream) co_return;
    std::string host = (*stream)->remote().host;
    const auto refuse = [&](std::string_view setting, std::int32_t limit) {
      ++stats_.rejected_connections;
      if (may_log_refusal())
        log_line(LogLevel::warn, "coordination", "refusing a connection of {}: {} is {}", host, setting, limit);
      (*stream)->close();
    };
    const std::int32_t limit = ensemble_.options().max_connections;
    if (limit > 0 && connections_.size() >= static_cast<std::size_t>(limit)) {
      refuse("maxCnxns", limit);
      continue;
    }
    const std::int32_t host_limit = ensemble_.options().max_client_connections;
    if (host_limit > 0 && per_host_[host] >= host_limit) {
      refuse("maxClientCnxns", host_limit);
      continue;
    }
    ++per_host_[host];
    auto connection = std::make_shared<ZkConnection>(*this, std::move(*stream), next_token_++);
    connections_.emplace(connection->token(), connection);
    ensemble_.shard().spawn(gate_, serve(std::move(connection), std::move(host)));
  }
}

Task<void> ZkServer::serve(std::shared_ptr<ZkConnection> connection, std::string host) {
  try {
    co_await connection->run();
  } catch (const std::exception& e) {
    ++stats_.dropped_connections;
    connection->give_up(e.what());
  }
  connections_.erase(connection->token());
  if (--per_host_[host] == 0) per_host_.erase(host);
}

Task<void> ZkServer::stop() {
  if (listener_) listener_->close();
  close_all();
  co_await ensemble_.shard().drained(gate_);
}

void ZkServer::close_all() {
  std::vector<std::shared_ptr<ZkConnection>> all;
  all.reserve(connections_.size());
  for (const auto& [_, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) connection->close();
}

ZkConnection* ZkServer::connection_of(SessionId session) {
  const auto token = by_session_.find(session);
  if (token == by_session_.end()) return nullptr;
  const auto connection = connections_.find(token->second);
  return connection == connections_.end() ? nullptr : connection->second.get();
}

void ZkServer::attach(SessionId session, ZkConnection& connection) { by_session_[session] = connection.token(); }

void ZkServer::detach(SessionId session, const ZkConnection& connection) {
  const auto it = by_session_.find(session);
  if (it != by_session_.end() && it->second == connection.token()) by_session_.erase(it);
}

void ZkServer::deliver(const zk::Effects& effects) {
  constexpr std::int32_t notification_xid = -1, sync_connected = 3;
  for (const zk::WatchEvent& event : effects.events) {
    wire::Writer out(64 + event.path.size());
    out.i32(0);
    out.i32(notification_xid);
    out.i64(effects.zxid.value);  // of the transaction that caused it, since 3.9
    out.i32(0);
    wire::zk::WatcherEvent body;
    body.type = static_cast<std::int32_t>(event.type);
    body.state = sync_connected;
    body.path = event.path;
    wire::zk::encode(body, out);
    out.patch_i32(0, static_cast<std::int32_t>(out.position() - 4));
    const Bytes frame = Bytes::copy(out.written());
    for (const zk::ConnectionToken target : event.targets) {
      const auto connection = connections_.find(target);
      if (connection != connections_.end() && ensemble_.machine().delivers(event, connection->second->ids()))
        connection->second->send_event(frame);
    }
  }
}

void ZkServer::applied(const zk::Effects& effects) {
  constexpr std::int64_t interval = 128;
  constexpr std::size_t kept = 1024;
  if (effects.zxid.value % interval != 0) return;
  if (digests_.size() == kept) digests_.pop_front();
  digests_.emplace_back(effects.zxid, ensemble_.tree().digest());
}

void ZkServer::session_closed(SessionId session) {
  ZkConnection* connection = connection_of(session);
  if (!connection) return;
  // After this burst: the reply to closeSession is made right after this.
  ensemble_.shard().defer([weak = connection->weak_from_this()] {
    if (const auto c = weak.lock()) c->close_after_replies();
  });
}

void ZkServer::session_moved(SessionId session) {
  if (ZkConnection* connection = connection_of(session)) connection->close();
}

void ZkServer::check_uncrowded() {
  if (uncrowded_.empty() || crowded()) return;
  for (auto& resume : std::exchange(uncrowded_, {})) resume();
}

bool ZkServer::may_log_refusal() {
  constexpr int lines_a_second = 5;
  const SteadyTime now = ensemble_.shard().clock().now();
  if (now - refusal_window_ >= std::chrono::seconds(1)) {
    refusal_window_ = now;
    refusals_in_window_ = 0;
  }
  return ++refusals_in_window_ <= lines_a_second;
}

}  // namespace holdfast
