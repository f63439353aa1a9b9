// holdfast offsets and holdfast log dirs: how far partitions go, and what they weigh where.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_families.h"

namespace holdfast::client {
namespace {

struct OffsetArguments {
  std::vector<std::string> topics;
  std::string at;
};

struct DirArguments {
  std::vector<std::int32_t> brokers;
  std::vector<std::string> topics;
  bool replicas = false;
};

Task<std::expected<std::vector<TopicPartition>, Exit>> every_partition(Session& session) {
  std::vector<std::string> all;
  auto topics = co_await existing_topics(session, std::move(all));
  if (!topics) co_return std::unexpected(topics.error());
  const auto described = co_await session.admin().describe_topics(*topics);
  std::vector<TopicPartition> out;
  for (const auto& [name, topic] : described) {
    if (!topic) co_return std::unexpected(session.fail(topic.error(), "topic " + name));
    for (const PartitionDescription& p : topic->partitions) out.push_back({name, p.partition});
  }
  co_return out;
}

Task<Exit> offsets(Session& session, const OffsetArguments& arguments) {
  std::optional<std::int64_t> time;
  if (!arguments.at.empty()) {
    time = parse_time(arguments.at, session.clock().wall_ms());
    if (!time)
      co_return session.usage(fmt::format("--at '{}' is no time", arguments.at),
                              "2026-01-31T12:00:00Z, milliseconds since 1970, or -2h");
  }
  std::vector<TopicPartition> partitions;
  for (const std::string& text : arguments.topics) {
    auto named = co_await named_partitions(session, text);
    if (!named) co_return named.error();
    partitions.insert(partitions.end(), named->begin(), named->end());
  }
  if (arguments.topics.empty()) {
    auto all = co_await every_partition(session);
    if (!all) co_return all.error();
    partitions = std::move(*all);
  }
  std::map<TopicPartition, OffsetSpec> first, last, newest, timed;
  for (const TopicPartition& partition : partitions) {
    first.emplace(partition, OffsetSpec::earliest());
    last.emplace(partition, OffsetSpec::latest());
    newest.emplace(partition, OffsetSpec::max_timestamp());
    if (time) timed.emplace(partition, OffsetSpec::at(*time));
  }
  const auto starts = co_await session.admin().list_offsets(std::move(first));
  const auto ends = co_await session.admin().list_offsets(std::move(last));
  const auto latest = co_await session.admin().list_offsets(std::move(newest));
  const auto at = co_await session.admin().list_offsets(std::move(timed));
  Table table{{{"topic"}, {"partition"}, {"start"}, {"end"}, {"records"}, {"newest"}}, {}};
  if (time) table.columns.push_back({"at"});
  Exit exit = Exit::ok;
  for (const auto& [partition, start] : starts) {
    const auto& end = ends.at(partition);
    if (!start || !end) {
      exit = session.fail(start ? end.error() : start.error(), to_string(partition));
      continue;
    }
    const auto& stamp = latest.at(partition);
    table.rows.push_back({partition.topic, partition.partition, start->offset, end->offset, end->offset - start->offset,
                          stamp ? time_value(stamp->timestamp) : Value()});
    if (!time) continue;
    const auto& found = at.at(partition);
    table.rows.back().push_back(found && found->offset >= 0 ? Value(found->offset) : Value());
  }
  session.out().table(table, "no partitions");
  co_return exit;
}

Task<Exit> log_dirs(Session& session, const DirArguments& arguments) {
  std::vector<std::int32_t> brokers;
  for (const std::int32_t id : arguments.brokers) {
    std::string name = std::to_string(id);
    auto known = co_await known_broker(session, std::move(name));
    if (!known) co_return known.error();
    brokers.push_back(*known);
  }
  if (!arguments.topics.empty()) {
    auto topics = co_await session.admin().list_topics();
    if (!topics) co_return session.fail(topics.error(), "topics");
    std::vector<std::string> known;
    for (const TopicListing& topic : *topics) known.push_back(topic.name);
    if (const Exit there = all_there(session, "topic", arguments.topics, known); there != Exit::ok) co_return there;
  }
  if (brokers.empty()) {
    auto cluster = co_await session.admin().describe_cluster();
    if (!cluster) co_return session.fail(cluster.error(), "brokers");
    for (const BrokerListing& broker : cluster->brokers) brokers.push_back(broker.id);
  }
  const auto listed = co_await session.admin().describe_log_dirs(brokers);
  Table dirs{{{"broker"}, {"path"}, {"error"}, {"replicas"}, {"size"}, {"usable"}, {"total"}}, {}};
  Table replicas{{{"broker"}, {"topic"}, {"partition"}, {"size"}, {"lag"}, {"future"}, {"path"}}, {}};
  Exit exit = Exit::ok;
  const auto wanted = [&arguments](const std::string& topic) {
    const auto matching = [&topic](const std::string& pattern) { return matches(pattern, topic); };
    return arguments.topics.empty() || std::any_of(arguments.topics.begin(), arguments.topics.end(), matching);
  };
  for (const auto& [broker, directories] : listed) {
    if (!directories) {
      exit = session.fail(directories.error(), fmt::format("broker {}", broker));
      continue;
    }
    for (const LogDirectory& directory : *directories) {
      std::int64_t size = 0, count = 0;
      for (const auto& [partition, replica] : directory.replicas) {
        if (!wanted(partition.topic)) continue;
        size += replica.size_bytes;
        ++count;
        replicas.rows.push_back({broker, partition.topic, partition.partition,
                                 bytes_value(static_cast<std::uint64_t>(std::max<std::int64_t>(0, replica.size_bytes))),
                                 replica.offset_lag, replica.is_future, directory.path});
      }
      const auto bytes = [](std::int64_t n) { return n < 0 ? Value() : bytes_value(static_cast<std::uint64_t>(n)); };
      dirs.rows.push_back(
          {broker, directory.path,
           directory.error == wire::ErrorCode::none ? Value() : Value(wire::error_name(directory.error)).in(Tone::bad),
           count, bytes(size), bytes(directory.usable_bytes), bytes(directory.total_bytes)});
    }
  }
  session.out().table(arguments.replicas ? replicas : dirs, "nothing");
  co_return exit;
}

}  // namespace

void add_offsets_verbs(Cli& cli) {
  auto asked = std::make_shared<OffsetArguments>();
  cli.verb("offsets", "where partitions begin and end")
      .optional_argument("TOPIC", asked->topics, "names or patterns; TOPIC:0,3 for some partitions; none: all")
      .option("--at", asked->at, "also the first offset at or after a time", "TIME")
      .example("holdfast offsets orders --at -1h")
      .watchable()
      .runs_on_cluster([asked](Session& session) { return offsets(session, *asked); });
  cli.family("log", "the files of a log directory");
  auto looked = std::make_shared<DirArguments>();
  cli.verb("log dirs", "log directories, and what replicas in them weigh")
      .option("--broker", looked->brokers, "only of this broker (may be repeated)", "BROKER")
      .at_least(0)
      .option("--topic", looked->topics, "only of these topics or patterns (may be repeated)", "TOPIC")
      .flag("--replicas", looked->replicas, "each replica on a line")
      .watchable()
      .runs_on_cluster([looked](Session& session) { return log_dirs(session, *looked); });
}

}  // namespace holdfast::client
