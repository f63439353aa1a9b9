#include "coordination/monitor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "coordination/quorum_status.h"
#include "coordination/zk_server.h"
#include "runtime/system_info.h"

namespace holdfast {
namespace {

class Lines {
 public:
  template <class T>
  void add(std::string_view name, const T& value) {
    fmt::format_to(std::back_inserter(text_), "zk_{}\t{}\n", name, value);
  }
  void add(std::string_view lines) { text_ += lines; }
  // In milliseconds, as every time of ZooKeeper's; kept in nanoseconds.
  void add_times(std::string_view name, const Histogram& h, bool percentiles) {
    constexpr double ms = 1e6;
    const std::uint64_t count = h.count();
    const double sum = static_cast<double>(h.sum()) / ms;
    const auto whole = [](double nanoseconds) { return static_cast<std::int64_t>(nanoseconds / ms); };
    add(fmt::format("avg_{}", name), java_double(count == 0 ? 0 : sum / static_cast<double>(count)));
    add(fmt::format("min_{}", name), count == 0 ? 0 : whole(static_cast<double>(h.quantile(0))));
    add(fmt::format("max_{}", name), whole(static_cast<double>(h.max())));
    add(fmt::format("cnt_{}", name), count);
    add(fmt::format("sum_{}", name), static_cast<std::int64_t>(sum));
    if (!percentiles) return;
    add(fmt::format("p50_{}", name), whole(static_cast<double>(h.quantile(0.5))));
    add(fmt::format("p95_{}", name), whole(static_cast<double>(h.quantile(0.95))));
    add(fmt::format("p99_{}", name), whole(static_cast<double>(h.quantile(0.99))));
    add(fmt::format("p999_{}", name), whole(static_cast<double>(h.quantile(0.999))));
  }
  void add_times(std::string_view name, const QuorumStatus::Times& times) {
    const double average =
        times.count == 0 ? 0 : static_cast<double>(times.total_ms) / static_cast<double>(times.count);
    add(fmt::format("avg_{}", name), java_double(average));
    add(fmt::format("min_{}", name), times.min_ms);
    add(fmt::format("max_{}", name), times.max_ms);
    add(fmt::format("cnt_{}", name), times.count);
    add(fmt::format("sum_{}", name), times.total_ms);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void add_leader(Lines& out, const QuorumStatus& status) {
  using Peer = QuorumStatus::Peer;
  const auto count = [&](auto is) { return std::ranges::count_if(status.peers, is); };
  out.add("learners", count([](const Peer& p) { return p.connected; }));
  out.add("synced_followers", count([](const Peer& p) { return p.synced && !p.observer; }));
  out.add("synced_non_voting_followers", count([](const Peer& p) { return p.synced && !p.observer && !p.voter; }));
  out.add("synced_observers", count([](const Peer& p) { return p.synced && p.observer; }));
  out.add("pending_syncs", status.pending_syncs);
  out.add("leader_uptime", status.leading_ms);
  out.add("last_proposal_size", status.proposal_bytes.last);
  out.add("min_proposal_size", status.proposal_bytes.min);
  out.add("max_proposal_size", status.proposal_bytes.max);
}

}  // namespace

std::string quorum_monitor_lines(const QuorumStatus& status) {
  using enum QuorumStatus::Mode;
  Lines out;
  out.add("server_state", to_string(status.mode));
  if (status.mode == standalone) return out.take();
  const bool observes = status.mode == observer, leads = status.mode == leader;
  if (leads || observes || status.mode == follower) {
    // Whoever serves has been brought up to date: upstream's broadcast phase.
    out.add("peer_state", leads ? "leading - broadcast" : observes ? "observing - broadcast" : "following - broadcast");
    out.add("quorum_size", status.voters);
  }
  if (leads) add_leader(out, status);
  if (observes) out.add("observer_master_id", status.leader.value);
  out.add("looking_count", status.looked);
  out.add_times("election_time", status.elections);
  out.add_times("unavailable_time", status.unavailable);
  out.add("proposal_count", status.proposals);
  out.add("commit_count", status.commits);
  out.add("learner_proposal_received_count", status.received_proposals);
  out.add("learner_commit_received_count", status.received_commits);
  out.add("snap_count", status.snapshots_sent);
  out.add("digest_mismatches_count", status.digest_mismatches);
  if (status.commit_time) out.add_times("quorum_ack_latency", *status.commit_time, true);
  return out.take();
}

std::string java_double(double value) {
  const double rounded = std::round(value * 10'000) / 10'000;
  return rounded == std::floor(rounded) ? fmt::format("{:.1f}", rounded) : fmt::format("{}", rounded);
}

std::string monitor_lines(ZkServer& server) { return monitor_lines(server, server.ensemble().quorum_status()); }

std::string monitor_lines(ZkServer& server, const QuorumStatus& status) {
  Ensemble& ensemble = server.ensemble();
  const zk::Tree& tree = ensemble.tree();
  const ZkServerStats& stats = server.stats();
  Lines out;
  out.add("version", zookeeper_version);
  out.add(quorum_monitor_lines(status));
  out.add("ephemerals_count", tree.ephemerals());
  out.add("num_alive_connections", server.connections().size());
  out.add("avg_latency", java_double(stats.latency_average_ms()));
  out.add("min_latency", std::max<std::int64_t>(stats.latency_min_ms, 0));
  out.add("max_latency", stats.latency_max_ms);
  out.add("outstanding_requests", server.outstanding());
  out.add("znode_count", tree.nodes() + 1);  // upstream counts the root twice
  out.add("global_sessions", ensemble.machine().sessions().size());
  out.add("local_sessions", 0);
  out.add("last_client_response_size", stats.response_bytes_last);
  out.add("min_client_response_size", stats.response_bytes_min);
  out.add("max_client_response_size", stats.response_bytes_max);
  out.add("packets_sent", stats.sent);
  out.add("packets_received", stats.received);
  out.add("bytes_received_count", stats.bytes_received);
  out.add("response_bytes", stats.response_bytes);
  out.add("watch_bytes", stats.watch_bytes);
  out.add("watch_count", ensemble.machine().watches().watches());
  out.add("auth_failed_count", stats.auth_failures);
  out.add("approximate_data_size", tree.data_bytes());
  out.add("open_file_descriptor_count", open_files());
  out.add("max_file_descriptor_count", open_files_max());
  out.add("uptime", ensemble.steady_ms() - server.started_steady_ms());
  out.add("connection_request_count", stats.connection_requests);
  out.add("connection_revalidate_count", stats.reattached);
  out.add("connection_rejected", stats.rejected_connections);
  out.add("connection_drop_count", stats.dropped_connections);
  out.add("request_throttle_wait_count", stats.throttle_waits);
  out.add("large_requests_rejected", stats.large_requests_rejected);
  out.add("sessionless_connections_expired", stats.sessionless_expired);
  out.add("stale_sessions_expired", ensemble.expired_sessions());
  out.add("snapshot_error_count", ensemble.driver().snapshot_errors());
  // Of a quorum's leader it is the time until others have it too: quorum_ack_latency.
  if (status.mode == QuorumStatus::Mode::standalone) out.add_times("fsynctime", ensemble.driver().log_latency(), false);
  out.add_times("snapshottime", ensemble.driver().snapshot_latency(), false);
  out.add_times("readlatency", server.read_latency(), true);
  out.add_times("updatelatency", server.update_latency(), true);
  return out.take();
}

}  // namespace holdfast
