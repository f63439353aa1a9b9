// ZkServer: the ZooKeeper client port: listener, connections, who watches and who waits. Lives on the coordination
// shard, beside the tree: a request crosses no core.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "coordination/ensemble.h"
#include "coordination/rate_limit.h"
#include "coordination/zk_connection.h"

namespace holdfast {

// What srvr, stat and mntr tell.
struct ZkServerStats {
  std::uint64_t received = 0, sent = 0;
  std::uint64_t latency_count = 0, latency_total_ms = 0;
  std::int64_t latency_min_ms = -1, latency_max_ms = 0;
  std::uint64_t bytes_received = 0, response_bytes = 0, watch_bytes = 0;
  std::uint64_t response_bytes_last = 0, response_bytes_min = 0, response_bytes_max = 0;
  // Since the start: srst does not reset them.
  std::uint64_t connection_requests = 0, reattached = 0;
  std::uint64_t rejected_connections = 0, dropped_connections = 0, sessionless_expired = 0;
  std::uint64_t large_requests_rejected = 0, auth_failures = 0, throttle_waits = 0;

  double latency_average_ms() const {
    return latency_count == 0 ? 0.0 : static_cast<double>(latency_total_ms) / static_cast<double>(latency_count);
  }
  void response(std::size_t bytes);
  void latency(std::int64_t ms);
  void reset();
};

class ZkServer {
 public:
  ZkServer(Ensemble& ensemble, Network& network, Metrics& metrics);
  ~ZkServer();

  Result<void> listen(const Endpoint& at);
  Endpoint local() const { return listener_ ? listener_->local() : Endpoint{}; }
  void start();
  Task<void> stop();

  Ensemble& ensemble() { return ensemble_; }
  ZkServerStats& stats() { return stats_; }
  const std::unordered_map<zk::ConnectionToken, std::shared_ptr<ZkConnection>>& connections() const {
    return connections_;
  }
  // The connection that speaks for a session now, if any.
  ZkConnection* connection_of(SessionId session);
  void attach(SessionId session, ZkConnection& connection);  // closes the one that spoke for it before
  void detach(SessionId session, const ZkConnection& connection);
  void deliver(const zk::Effects& effects);  // watch events, to those that may see them
  void session_closed(SessionId session);    // its connection ends after what is queued
  void session_moved(SessionId session);     // another server speaks for it
  void close_all();                          // nobody is served
  void spawn(Task<void> task) { ensemble_.shard().spawn(gate_, std::move(task)); }  // of a connection
  std::size_t outstanding() const { return outstanding_; }
  void outstanding_changed(int by) { outstanding_ += static_cast<std::size_t>(by); }
  bool crowded() const { return outstanding_ > static_cast<std::size_t>(ensemble_.options().global_outstanding_limit); }
  void when_uncrowded(Function<void()> resume) { uncrowded_.push_back(std::move(resume)); }
  void check_uncrowded();
  zk::SubtreeRates& rates() { return rates_; }
  bool may_log_refusal();
  std::int64_t started_steady_ms() const { return started_steady_ms_; }
  // What `hash` tells: the tree's digest at every 128th zxid, the newest 1024 (DataTree.logZxidDigest).
  const std::deque<std::pair<Zxid, std::uint64_t>>& digests() const { return digests_; }
  void applied(const zk::Effects& effects);  // every transaction
  Histogram& read_latency() { return read_latency_; }
  Histogram& update_latency() { return update_latency_; }

 private:
  Task<void> accept();
  Task<void> serve(std::shared_ptr<ZkConnection> connection, std::string host);

  Ensemble& ensemble_;
  Network& network_;
  Gate gate_;
  std::unique_ptr<Listener> listener_;
  std::unordered_map<zk::ConnectionToken, std::shared_ptr<ZkConnection>> connections_;
  std::unordered_map<SessionId, zk::ConnectionToken> by_session_;
  std::unordered_map<std::string, std::int32_t> per_host_;
  zk::ConnectionToken next_token_ = 1;
  ZkServerStats stats_;
  std::size_t outstanding_ = 0;
  zk::SubtreeRates rates_;
  std::vector<Function<void()>> uncrowded_;
  SteadyTime refusal_window_{};
  int refusals_in_window_ = 0;
  std::int64_t started_steady_ms_ = 0;
  std::deque<std::pair<Zxid, std::uint64_t>> digests_;
  Histogram& read_latency_;
  Histogram& update_latency_;
};

}  // namespace holdfast
