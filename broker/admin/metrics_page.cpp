#include "broker/admin/metrics_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "broker/broker_shard.h"
#include "broker/group_coordinator.h"
#include "coordination/ensemble.h"
#include "runtime/system_info.h"

namespace holdfast {
namespace {

struct ShardGauges {
  std::int64_t partitions = 0, led = 0, offline = 0, log_bytes = 0, fetch_sessions = 0, members = 0;
  std::int64_t under_replicated = 0, under_min_isr = 0, at_min_isr = 0, reassigning = 0;  // of those that it leads
  std::int64_t replica_lag_max = 0;
  std::map<std::string, std::int64_t> groups;  // by state
};

ShardGauges gather(BrokerShard& shard) {
  ShardGauges out;
  for (const auto& [_, partition] : shard.partitions()) {
    ++out.partitions;
    out.led += partition->is_leader();
    out.offline += !partition->online();
    out.log_bytes += static_cast<std::int64_t>(partition->log().size_bytes());
    const PartitionImage* image = shard.metadata().partition(partition->topic(), partition->index());
    if (!partition->is_leader() || !image) continue;
    const std::size_t isr = partition->in_sync().isr().size();
    out.under_replicated += isr < image->replicas.size() - image->adding.size();
    out.under_min_isr += partition->is_under_min_isr();
    out.at_min_isr += isr == partition->in_sync().min_isr();
    out.reassigning += image->reassigning();
  }
  out.replica_lag_max = shard.replica_lag_max();
  out.fetch_sessions = static_cast<std::int64_t>(shard.fetch_sessions().size());
  bool complete = true;
  for (auto* hosted : shard.groups().all(complete))
    for (const auto& [_, group] : shard.groups().machine(*hosted).groups()) {
      ++out.groups[std::string(to_string(group.state))];
      out.members += static_cast<std::int64_t>(group.members.size());
    }
  return out;
}

void set_broker_gauges(Metrics& metrics, const ShardGauges& sum) {
  const auto set = [&](std::string_view name, std::string_view help, std::int64_t value, Labels labels = {}) {
    metrics.gauge(name, help, std::move(labels)).set(value);
  };
  set("holdfast_kafka_partitions", "Partitions with a replica on this node", sum.partitions);
  set("holdfast_kafka_partitions_led", "Partitions that this node leads", sum.led);
  set("holdfast_kafka_partitions_offline", "Partitions whose log directory failed", sum.offline);
  set("holdfast_kafka_partitions_under_replicated", "Led partitions of which not every replica is in sync",
      sum.under_replicated);
  set("holdfast_kafka_partitions_under_min_isr", "Led partitions that refuse acks=all for want of in-sync replicas",
      sum.under_min_isr);
  set("holdfast_kafka_partitions_at_min_isr", "Led partitions that the loss of one more replica in sync would stop",
      sum.at_min_isr);
  set("holdfast_kafka_partitions_reassigning", "Led partitions whose replicas are being moved", sum.reassigning);
  set("holdfast_kafka_replica_lag_max", "Committed records that a replica on this node is behind its leader, at most",
      sum.replica_lag_max);
  set("holdfast_kafka_log_bytes", "Bytes of all partition logs on this node", sum.log_bytes);
  set("holdfast_kafka_fetch_sessions", "Incremental fetch sessions", sum.fetch_sessions);
  set("holdfast_kafka_group_members", "Members of the groups coordinated here", sum.members);
  for (const std::string_view state : {"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"}) {
    const auto it = sum.groups.find(std::string(state));
    set("holdfast_kafka_groups", "Groups coordinated here, by state", it == sum.groups.end() ? 0 : it->second,
        {{"state", std::string(state)}});
  }
}

// What the image tells of the whole cluster. The controller tells it, so that sums over the nodes are right; the others
// say 0.
void set_cluster_gauges(Metrics& metrics, const Metadata& image, std::int32_t self) {
  std::int64_t partitions = 0, leaderless = 0, not_preferred = 0, eligible = 0;
  const bool controls = image.controller() == self;
  if (controls)
    for (const auto& [_, topic] : image.topics())
      for (const PartitionImage& p : topic->partitions) {
        ++partitions;
        leaderless += !image.serves(p.leader, p);
        not_preferred += !p.replicas.empty() && p.leader != p.replicas.front();
        eligible += !p.elr.empty();
      }
  const auto set = [&](std::string_view name, std::string_view help, std::int64_t value) {
    metrics.gauge(name, help, {}).set(value);
  };
  set("holdfast_kafka_active_controller", "1 on the controller", controls);
  set("holdfast_kafka_cluster_brokers", "Registered brokers; on the controller",
      controls ? std::ssize(image.brokers()) : 0);
  set("holdfast_kafka_cluster_partitions", "Partitions of all topics; on the controller", partitions);
  set("holdfast_kafka_cluster_partitions_leaderless", "Partitions without a leader; on the controller", leaderless);
  set("holdfast_kafka_cluster_partitions_not_preferred", "Partitions that the first replica does not lead; likewise",
      not_preferred);
  set("holdfast_kafka_cluster_partitions_with_eligible", "Partitions with eligible leader replicas; likewise",
      eligible);
}

// Leaders and replicas of every broker, on the controller. No gauges of the registry: brokers come and go.
std::string broker_gauges(const Metadata& image, std::int32_t self) {
  if (image.controller() != self) return {};
  struct Load {
    std::int64_t leaders = 0, replicas = 0;
  };
  std::map<std::int32_t, Load> loads;
  for (const auto& [id, _] : image.brokers()) loads[id];
  for (const auto& [_, topic] : image.topics())
    for (const PartitionImage& p : topic->partitions) {
      if (p.leader >= 0) ++loads[p.leader].leaders;
      for (const std::int32_t id : p.replicas) ++loads[id].replicas;
    }
  std::string out;
  const auto add = [&](std::string_view name, std::string_view help, std::int64_t Load::* field) {
    fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} gauge\n", name, help);
    for (const auto& [id, load] : loads)
      fmt::format_to(std::back_inserter(out), "{}{{broker=\"{}\"}} {}\n", name, id, load.*field);
  };
  add("holdfast_kafka_cluster_broker_leaders", "Partitions that a broker leads", &Load::leaders);
  add("holdfast_kafka_cluster_broker_replicas", "Replicas that a broker has", &Load::replicas);
  return out;
}

void set_directory_gauges(Metrics& metrics, LogManager& logs) {
  std::int64_t offline = 0;
  for (const LogDirDescription& dir : logs.directories()) {
    const Labels labels{{"directory", dir.path}};
    metrics.gauge("holdfast_log_directory_online", "1 while the directory is in service", labels).set(dir.online);
    metrics.gauge("holdfast_log_directory_total_bytes", "Size of the directory's file system", labels)
        .set(static_cast<std::int64_t>(dir.space.total_bytes));
    metrics.gauge("holdfast_log_directory_usable_bytes", "Free bytes of the directory's file system", labels)
        .set(static_cast<std::int64_t>(dir.space.available_bytes));
    offline += !dir.online;
  }
  metrics.gauge("holdfast_log_directories_offline", "Log directories out of service", {}).set(offline);
}

void append(std::string& out, std::string_view name, std::string_view type, std::string_view help, std::string value) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {2}\n# TYPE {0} {1}\n{0} {3}\n", name, type, help, value);
}

// mntr's lines, as ZooKeeper's PrometheusMetricsProvider names them.
std::string coordination_gauges(const std::string& lines) {
  constexpr std::string_view prefix = "zk_";
  std::string out;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    const std::string_view line = std::string_view(lines).substr(at, end - at);
    at = end + 1;
    const std::size_t tab = line.find('\t');
    if (!line.starts_with(prefix) || tab == line.npos) continue;
    const std::string_view name = line.substr(prefix.size(), tab - prefix.size()), value = line.substr(tab + 1);
    const bool number = !value.empty() && value.find_first_not_of("0123456789.-") == value.npos;
    if (number) append(out, name, "gauge", "As ZooKeeper's mntr tells it", std::string(value));
  }
  return out;
}

}  // namespace

Task<std::string> metrics_page(BrokerServices& services, Ensemble& ensemble, Metrics& metrics) {
  ShardGauges sum;
  for (const auto& peer : services.peers) {
    BrokerShard* shard = peer.get();
    auto work = [shard] { return gather(*shard); };
    const ShardGauges one = co_await on(shard->shard(), std::move(work));
    sum.partitions += one.partitions;
    sum.led += one.led;
    sum.offline += one.offline;
    sum.under_replicated += one.under_replicated;
    sum.under_min_isr += one.under_min_isr;
    sum.at_min_isr += one.at_min_isr;
    sum.reassigning += one.reassigning;
    sum.replica_lag_max = std::max(sum.replica_lag_max, one.replica_lag_max);
    sum.log_bytes += one.log_bytes;
    sum.fetch_sessions += one.fetch_sessions;
    sum.members += one.members;
    for (const auto& [state, count] : one.groups) sum.groups[state] += count;
  }
  if (!services.peers.empty()) {
    set_broker_gauges(metrics, sum);
    set_cluster_gauges(metrics, services.peers.front()->metadata(), services.node_id);
    set_directory_gauges(metrics, *services.logs);
  }
  std::string out = metrics.prometheus_text();
  if (!services.peers.empty()) out += broker_gauges(services.peers.front()->metadata(), services.node_id);
  out += coordination_gauges(ensemble.monitor_lines());
  const ProcessUsage usage = process_usage();
  append(out, "process_resident_memory_bytes", "gauge", "Resident memory", std::to_string(usage.resident_bytes));
  append(out, "process_cpu_seconds_total", "counter", "User and system time", fmt::format("{:.3f}", usage.cpu_seconds));
  append(out, "process_open_fds", "gauge", "Open file descriptors", std::to_string(open_files()));
  append(out, "process_max_fds", "gauge", "The limit of them", std::to_string(open_files_max()));
  co_return out;
}

}  // namespace holdfast
