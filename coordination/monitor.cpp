#include "coordination/monitor.h"

#include <fmt/format.h>

#include <cmath>

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
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

std::string java_double(double value) {
  const double rounded = std::round(value * 10'000) / 10'000;
  return rounded == std::floor(rounded) ? fmt::format("{:.1f}", rounded) : fmt::format("{}", rounded);
}

std::string monitor_lines(ZkServer& server) {
  Ensemble& ensemble = server.ensemble();
  const zk::Tree& tree = ensemble.tree();
  const ZkServerStats& stats = server.stats();
  Lines out;
  out.add("version", zookeeper_version);
  out.add("server_state", "standalone");
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
  out.add("large_requests_rejected", stats.large_requests_rejected);
  out.add("sessionless_connections_expired", stats.sessionless_expired);
  out.add("stale_sessions_expired", ensemble.expired_sessions());
  out.add("snap_count", ensemble.driver().snapshots_taken());
  out.add("snapshot_error_count", ensemble.driver().snapshot_errors());
  out.add_times("fsynctime", ensemble.driver().log_latency(), false);
  out.add_times("snapshottime", ensemble.driver().snapshot_latency(), false);
  out.add_times("readlatency", server.read_latency(), true);
  out.add_times("updatelatency", server.update_latency(), true);
  return out.take();
}

}  // namespace holdfast
