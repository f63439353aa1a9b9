// holdfast cluster: is anything wrong?
#include "client/cli_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_families.h"

namespace holdfast::client {
namespace {

constexpr std::size_t shown_max = 8;  // of each kind: the screen is one

std::string first_of(const std::vector<TopicPartition>& partitions) {
  std::string out;
  for (std::size_t i = 0; i < std::min(shown_max, partitions.size()); ++i)
    out += (i > 0 ? " " : "") + to_string(partitions[i]);
  return partitions.size() > shown_max ? out + " ..." : out;
}

}  // namespace

std::vector<Problem> problems_of(const ClusterView& view, const HealthLimits& limits) {
  std::vector<Problem> problems;
  for (const QuorumServer& server : view.quorum) {
    if (!server.error.empty())
      problems.push_back({Tone::bad, fmt::format("quorum: {}: {}", to_string(server.at), server.error),
                          "holdfast quorum status; is the node up, and --zookeeper right?"});
  }
  if (view.cluster.controller < 0)
    problems.push_back(
        {Tone::bad, "no broker is the controller", "the quorum elects one within seconds; see its logs"});
  for (const std::int32_t broker : view.missing_brokers)
    problems.push_back({Tone::bad, fmt::format("broker {} has replicas and is not there", broker),
                        "start it, or move its partitions: holdfast partition move"});
  if (!view.leaderless.empty())
    problems.push_back({Tone::bad,
                        fmt::format("{} no leader: {}",
                                    view.leaderless.size() == 1
                                        ? "1 partition has"
                                        : fmt::format("{} have", counted(std::ssize(view.leaderless), "partition")),
                                    first_of(view.leaderless)),
                        "start the brokers that hold them: holdfast partition status"});
  if (!view.under_replicated.empty())
    problems.push_back({Tone::warning,
                        fmt::format("{} under-replicated: {}", counted(std::ssize(view.under_replicated), "partition"),
                                    first_of(view.under_replicated)),
                        "holdfast partition status shows who is missing"});
  for (const FullDirectory& directory : view.directories) {
    if (!directory.error.empty())
      problems.push_back({Tone::bad, fmt::format("broker {}: {} is offline", directory.broker, directory.path),
                          "replace the disk and restart the broker; its log says what failed"});
    if (directory.total_bytes <= 0 || directory.usable_bytes < 0) continue;
    const double free =
        100.0 * static_cast<double>(directory.usable_bytes) / static_cast<double>(directory.total_bytes);
    if (free < limits.disk_free_percent)
      problems.push_back({free < 2 ? Tone::bad : Tone::warning,
                          fmt::format("broker {}: {} has {} free of {}", directory.broker, directory.path,
                                      bytes_value(static_cast<std::uint64_t>(directory.usable_bytes)).text(),
                                      bytes_value(static_cast<std::uint64_t>(directory.total_bytes)).text()),
                          "holdfast log dirs --replicas; lower retention.bytes, or add a directory"});
  }
  for (const GroupLag& group : view.groups) {
    if (group.lag > limits.lag_max)
      problems.push_back({Tone::warning,
                          fmt::format("group {} is {} behind", group.group, counted(group.lag, "record")),
                          "holdfast group describe " + group.group});
  }
  for (const Unseen& unseen : view.unseen)
    problems.push_back({Tone::bad, fmt::format("{} could not be looked at: {}", unseen.what, unseen.why), unseen.fix});
  return problems;
}

namespace {

Object summary_of(const ClusterView& view) {
  Table quorum{{{"server"}, {"mode"}, {"error", true}}, {}};
  for (const QuorumServer& server : view.quorum)
    quorum.rows.push_back({to_string(server.at), server.mode.empty() ? Value() : Value(server.mode),
                           server.error.empty() ? Value() : Value(server.error)});
  Table brokers{{{"id"}, {"host"}, {"port"}, {"rack"}}, {}};
  for (const BrokerListing& broker : view.cluster.brokers)
    brokers.rows.push_back({broker.id, broker.endpoint.host, broker.endpoint.port, broker.rack});
  Table disks{{{"broker"}, {"path"}, {"usable"}, {"total"}}, {}};
  for (const FullDirectory& directory : view.directories) {
    const auto bytes = [](std::int64_t n) { return n < 0 ? Value() : bytes_value(static_cast<std::uint64_t>(n)); };
    disks.rows.push_back(
        {directory.broker, directory.path, bytes(directory.usable_bytes), bytes(directory.total_bytes)});
  }
  Table groups{{{"group"}, {"state"}, {"lag"}}, {}};
  for (std::size_t i = 0; i < std::min(shown_max, view.groups.size()); ++i)
    groups.rows.push_back({view.groups[i].group, view.groups[i].state, view.groups[i].lag});
  Object object{{"cluster_id", view.cluster.cluster_id}};
  object.push_back({"controller", view.cluster.controller < 0 ? Value() : Value(view.cluster.controller)});
  object.push_back({"topics", view.topics.size()});
  object.push_back({"partitions", view.partitions});
  object.push_back({"leaderless", view.leaderless.size()});
  object.push_back({"under_replicated", view.under_replicated.size()});
  object.push_back({"quorum", std::move(quorum)});
  object.push_back({"brokers", std::move(brokers)});
  object.push_back({"disks", std::move(disks)});
  object.push_back({"groups", std::move(groups)});
  return object;
}

Exit print(Session& session, const ClusterView& view, const HealthLimits& limits, bool summary) {
  const std::vector<Problem> problems = problems_of(view, limits);
  Table table{{{"severity"}, {"problem"}, {"fix"}}, {}};
  for (const Problem& problem : problems)
    table.rows.push_back({problem.tone == Tone::bad ? "bad" : "warning", problem.what, problem.fix});
  const bool bad =
      std::any_of(problems.begin(), problems.end(), [](const Problem& problem) { return problem.tone == Tone::bad; });
  const char* verdict = problems.empty() ? "healthy" : bad ? "unhealthy" : "warnings";
  Output& out = session.out();
  if (!out.is_text()) {
    Object object{{"health", verdict}};
    object.push_back({"problems", std::move(table)});
    if (summary) {
      for (Field& field : summary_of(view)) object.push_back(std::move(field));
    }
    out.object(object);
    return problems.empty() ? Exit::ok : Exit::failed;
  }
  if (summary) {
    out.object(summary_of(view));
    out.line("");
  }
  if (problems.empty()) out.line(out.toned("healthy: nothing is wrong", Tone::good));
  for (const Problem& problem : problems) {
    out.line(fmt::format("{}  {}", out.toned(problem.tone == Tone::bad ? "bad    " : "warning", problem.tone),
                         printable(problem.what)));
    out.line(fmt::format("         {}", problem.fix));
  }
  return problems.empty() ? Exit::ok : Exit::failed;
}

Task<Exit> look(Session& session, const HealthLimits& limits, bool summary) {
  const auto view = co_await look_at_cluster(session);
  if (!view) co_return session.fail(view.error(), "cluster");
  const Exit health = print(session, *view, limits, summary);
  co_return summary ? Exit::ok : health;
}

}  // namespace

void add_cluster_verbs(Cli& cli) {
  cli.family("cluster", "the cluster as a whole");
  auto arguments = std::make_shared<HealthLimits>();
  const auto with_limits = [&arguments](Verb& verb) -> Verb& {
    return verb.option("--lag", arguments->lag_max, "a group that is further behind is a problem (default 10000)", "N")
        .at_least(0)
        .option("--disk-free", arguments->disk_free_percent, "a disk with less free is one (default 10)", "PERCENT")
        .at_least(0)
        .more(
            "The quorum is looked at where --zookeeper, its variable or a profile names it, or where the brokers are "
            "this machine's, too: a cluster without ZooKeeper is not missing one. A server that takes longer than 5 "
            "seconds for an answer is a problem, unless --timeout says otherwise.")
        .answers_within(std::chrono::seconds(5))
        .watchable();
  };
  with_limits(
      cli.verb("cluster status", "is anything wrong? quorum, brokers, partitions, groups and disks on one screen"))
      .example("holdfast cluster status --watch")
      .runs_on_cluster([arguments](Session& session) { return look(session, *arguments, true); });
  with_limits(cli.verb("cluster health", "what is wrong, and nothing else; the exit code is 1 if anything is"))
      .example("holdfast cluster health || page-somebody")
      .runs_on_cluster([arguments](Session& session) { return look(session, *arguments, false); });
}

}  // namespace holdfast::client
