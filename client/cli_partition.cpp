// holdfast partition: where the copies of partitions are, and moving them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_families.h"

namespace holdfast::client {
namespace {

struct StatusArguments {
  std::vector<std::string> topics;
  bool all = false;
};

struct MoveArguments {
  std::string partitions, to;
  bool cancel = false, wait = false;
};

struct ElectArguments {
  std::vector<std::string> partitions;
  bool unclean = false;
};

Task<Exit> status(Session& session, const StatusArguments& arguments) {
  auto topics = co_await session.admin().describe_all_topics();
  if (!topics) co_return session.fail(topics.error(), "topics");
  std::vector<std::string> known;
  for (const TopicDescription& topic : *topics) known.push_back(topic.name);
  if (const Exit there = all_there(session, "topic", arguments.topics, known); there != Exit::ok) co_return there;
  auto moving = co_await session.admin().list_partition_reassignments();
  if (!moving) co_return session.fail(moving.error(), "reassignments");
  Table table{{{"topic"}, {"partition"}, {"state"}, {"leader"}, {"replicas"}, {"in_sync"}, {"adding"}, {"removing"}},
              {}};
  for (const TopicDescription& topic : *topics) {
    const auto matching = [&topic](const std::string& pattern) { return matches(pattern, topic.name); };
    if (!arguments.topics.empty() && std::none_of(arguments.topics.begin(), arguments.topics.end(), matching)) continue;
    for (const PartitionDescription& p : topic.partitions) {
      const auto move = moving->find({topic.name, p.partition});
      const bool moves = move != moving->end();
      Value state = "ok";
      if (!p.replicas.empty() && p.leader.node != p.replicas.front()) state = "not preferred leader";
      if (p.under_replicated()) state = Value("under-replicated").in(Tone::warning);
      if (moves) state = Value("moving").in(Tone::warning);
      if (p.leader.node < 0) state = Value("no leader").in(Tone::bad);
      if (!arguments.all && state.text() == "ok") continue;
      table.rows.push_back({topic.name, p.partition, state,
                            p.leader.node < 0 ? Value(-1).shown_as("none") : Value(p.leader.node),
                            ids_value(p.replicas), ids_value(p.isr), moves ? ids_value(move->second.adding) : Value(),
                            moves ? ids_value(move->second.removing) : Value()});
    }
  }
  session.out().table(table, "every partition has all of its replicas in sync and its preferred leader");
  co_return Exit::ok;
}

Task<Exit> until_moved(Session& session, std::vector<TopicPartition> partitions) {
  constexpr Duration every = std::chrono::milliseconds(500);
  for (;;) {
    auto moving = co_await session.admin().list_partition_reassignments(partitions);
    if (!moving) co_return session.fail(moving.error(), "reassignments");
    if (moving->empty()) break;
    session.progress(fmt::format("{} still on the way", counted(std::ssize(*moving), "partition")));
    co_await session.shard().sleep(every);
  }
  session.progress({});
  co_return Exit::ok;
}

Task<Exit> move(Session& session, const MoveArguments& arguments) {
  const auto brokers = arguments.to.empty() ? std::nullopt : parse_ids(arguments.to);
  if (arguments.cancel == brokers.has_value())
    co_return session.usage("say where: --to 1,2,3, the first of them the preferred leader; or --cancel");
  auto partitions = co_await named_partitions(session, arguments.partitions);
  if (!partitions) co_return partitions.error();
  Report report(session);
  const std::string target =
      brokers ? fmt::format("brokers {}", fmt::join(*brokers, ",")) : std::string("where it was");
  if (session.dry_run()) {
    for (const TopicPartition& partition : *partitions)
      report.done(fmt::format("would move {} to {}", to_string(partition), target), "would move",
                  {{"topic", partition.topic}, {"partition", partition.partition}});
    co_return report.finish();
  }
  std::map<TopicPartition, std::optional<std::vector<std::int32_t>>> targets;
  for (const TopicPartition& partition : *partitions) targets[partition] = brokers;
  const auto results = co_await session.admin().alter_partition_reassignments(std::move(targets));
  std::vector<TopicPartition> begun;
  for (const auto& [partition, result] : results) {
    Object fields{{"topic", partition.topic}, {"partition", partition.partition}};
    if (!result) {
      report.failed(result.error(), to_string(partition), std::move(fields));
    } else {
      begun.push_back(partition);
      report.done(fmt::format("{} moves to {}", to_string(partition), target), "moving", std::move(fields));
    }
  }
  const Exit exit = report.finish();
  session.out().flush();
  if (exit != Exit::ok || !arguments.wait) co_return exit;
  const Exit moved = co_await until_moved(session, std::move(begun));
  co_return moved;
}

// Where the preferred leader leads, there is nothing to elect.
Task<Exit> leave_out_leaders(Session& session, std::vector<TopicPartition>& partitions, Report& report) {
  std::vector<std::string> topics;
  for (const TopicPartition& partition : partitions) topics.push_back(partition.topic);
  const auto described = co_await session.admin().describe_topics(std::move(topics));
  std::map<TopicPartition, bool> leads;
  for (const auto& [name, topic] : described) {
    if (!topic) co_return session.fail(topic.error(), "topic " + name);
    for (const PartitionDescription& p : topic->partitions)
      leads[{name, p.partition}] = !p.replicas.empty() && p.leader.node == p.replicas.front();
  }
  std::erase_if(partitions, [&](const TopicPartition& partition) {
    if (!leads[partition]) return false;
    report.done(fmt::format("{}: it leads already", to_string(partition)), "not needed",
                {{"topic", partition.topic}, {"partition", partition.partition}});
    return true;
  });
  co_return Exit::ok;
}

Task<Exit> elect(Session& session, const ElectArguments& arguments) {
  std::optional<std::vector<TopicPartition>> partitions;
  for (const std::string& text : arguments.partitions) {
    auto found = co_await named_partitions(session, text);
    if (!found) co_return found.error();
    if (!partitions) partitions.emplace();
    partitions->insert(partitions->end(), found->begin(), found->end());
  }
  const std::string which = partitions ? counted(std::ssize(*partitions), "partition") : std::string("every partition");
  if (session.dry_run()) {
    session.out().done(
        fmt::format("would elect the {} of {}", arguments.unclean ? "first living replica" : "preferred leader", which),
        {{"type", arguments.unclean ? "unclean" : "preferred"}, {"dry_run", true}});
    co_return Exit::ok;
  }
  if (arguments.unclean) {
    const bool confirmed = co_await session.confirm(
        fmt::format("an unclean election of {} loses the records that the new leader does not have", which), "unclean");
    if (!confirmed) co_return Exit::refused;
  }
  Report report(session);
  if (partitions && !arguments.unclean) {
    const Exit sorted = co_await leave_out_leaders(session, *partitions, report);
    if (sorted != Exit::ok) co_return sorted;
    if (partitions->empty()) co_return report.finish();
  }
  auto results = co_await session.admin().elect_leaders(
      arguments.unclean ? ElectionType::unclean : ElectionType::preferred, std::move(partitions));
  if (!results) co_return session.fail(results.error(), "election");
  for (const auto& [partition, result] : *results) {
    Object fields{{"topic", partition.topic}, {"partition", partition.partition}};
    const bool needless = !result && result.error().code == wire::ErrorCode::election_not_needed;
    if (!result && !needless) {
      report.failed(result.error(), to_string(partition), std::move(fields));
    } else {
      report.done(fmt::format("{}: {}", to_string(partition), needless ? "it leads already" : "elected"),
                  needless ? "not needed" : "elected", std::move(fields));
    }
  }
  if (results->empty()) session.note("every partition has its preferred leader");
  co_return report.finish();
}

}  // namespace

void add_partition_verbs(Cli& cli) {
  cli.family("partition", "where partitions and their leaders are");
  auto shown = std::make_shared<StatusArguments>();
  cli.verb("partition status", "partitions that are not as they should be")
      .optional_argument("TOPIC", shown->topics, "names or patterns; none: all")
      .flag("--all", shown->all, "those that are well, too")
      .watchable()
      .runs_on_cluster([shown](Session& session) { return status(session, *shown); });
  auto moved = std::make_shared<MoveArguments>();
  cli.verb("partition move", "move partitions to other brokers")
      .argument("TOPIC", moved->partitions, "TOPIC, or TOPIC:0,3 for some partitions")
      .option("--to", moved->to, "the brokers that shall have them; the first is the preferred leader", "BROKERS")
      .flag("--cancel", moved->cancel, "a move that is under way goes back")
      .flag("--wait", moved->wait, "until the copies are in sync")
      .example("holdfast partition move orders:0 --to 2,3,1 --wait")
      .knows_dry_run()
      .runs_on_cluster([moved](Session& session) { return move(session, *moved); });
  auto elected = std::make_shared<ElectArguments>();
  cli.verb("partition elect", "let the preferred leaders lead again")
      .optional_argument("TOPIC", elected->partitions, "TOPIC, or TOPIC:0,3 for some partitions; none: all")
      .flag("--unclean", elected->unclean, "take a replica that is not in sync where no other lives: records are lost")
      .knows_dry_run()
      .runs_on_cluster([elected](Session& session) { return elect(session, *elected); });
}

}  // namespace holdfast::client
