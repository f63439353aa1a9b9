// holdfast topic describe: a topic, its partitions and its configuration.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_topic.h"

namespace holdfast::client {
namespace {

struct TopicDescribeArguments {
  std::vector<std::string> topics;
  bool all_configs = false;
};

using Listed = Each<TopicPartition, ListedOffset>;

Value offset_of(const Listed& offsets, const TopicPartition& partition) {
  const auto found = offsets.find(partition);
  if (found == offsets.end() || !found->second) return Value();
  return found->second->offset;
}

Table partitions_of(const TopicDescription& topic, const Listed& starts, const Listed& ends) {
  Table table{{{"partition"},
               {"leader"},
               {"leader_epoch", true},
               {"replicas"},
               {"in_sync"},
               {"offline", true},
               {"eligible", true},
               {"start"},
               {"end"},
               {"error", true}},
              {}};
  for (const PartitionDescription& p : topic.partitions) {
    const TopicPartition id{topic.name, p.partition};
    const bool leaderless = p.leader.node < 0;
    table.rows.push_back(
        {p.partition, leaderless ? Value(-1).shown_as("none").in(Tone::bad) : Value(p.leader.node), p.leader.epoch,
         ids_value(p.replicas), p.under_replicated() ? ids_value(p.isr).in(Tone::warning) : ids_value(p.isr),
         ids_value(p.offline), p.eligible ? ids_value(*p.eligible) : Value(), offset_of(starts, id),
         offset_of(ends, id), p.error == wire::ErrorCode::none ? Value() : Value(wire::error_name(p.error))});
  }
  return table;
}

Table overrides_of(const std::vector<ConfigEntry>& entries, bool all) {
  Table table{{{"key"}, {"value"}, {"source"}, {"read_only", true}}, {}};
  for (const ConfigEntry& entry : entries) {
    if (all || entry.source == ConfigSource::topic)
      table.rows.push_back({entry.name, entry.sensitive ? Value("(hidden)") : Value(entry.value),
                            to_string(entry.source), entry.read_only});
  }
  return table;
}

Task<Exit> describe(Session& session, const TopicDescribeArguments& arguments) {
  auto names = co_await existing_topics(session, arguments.topics);
  if (!names) co_return names.error();
  Admin& admin = session.admin();
  const auto topics = co_await admin.describe_topics(*names);
  std::map<TopicPartition, OffsetSpec> first, last;
  std::vector<ConfigResource> resources;
  for (const auto& [name, topic] : topics) {
    if (!topic) continue;
    resources.push_back({ConfigResourceType::topic, name});
    for (const PartitionDescription& p : topic->partitions) {
      if (p.leader.node < 0) continue;  // nobody could tell its offsets
      first.emplace(TopicPartition{name, p.partition}, OffsetSpec::earliest());
      last.emplace(TopicPartition{name, p.partition}, OffsetSpec::latest());
    }
  }
  const Listed starts = co_await admin.list_offsets(std::move(first));
  const Listed ends = co_await admin.list_offsets(std::move(last));
  const auto configs = co_await admin.describe_configs(std::move(resources));

  Exit exit = Exit::ok;
  std::vector<Object> objects;
  for (const auto& [name, topic] : topics) {
    if (!topic) {
      exit = session.fail(topic.error(), "topic " + name);
      continue;
    }
    std::size_t replicas = 0;
    for (const PartitionDescription& p : topic->partitions) replicas = std::max(replicas, p.replicas.size());
    Object object{{"name", name},
                  {"id", topic->id == Uuid{} ? Value() : Value(to_base64(topic->id)), true},
                  {"internal", topic->is_internal, true},
                  {"replicas", replicas}};
    object.push_back({"partitions", partitions_of(*topic, starts, ends)});
    const auto config = configs.find({ConfigResourceType::topic, name});
    if (config != configs.end() && config->second)
      object.push_back({"configs", overrides_of(*config->second, arguments.all_configs)});
    objects.push_back(std::move(object));
  }
  session.out().objects(objects);
  co_return exit;
}

}  // namespace

std::string TopicExtent::text() const {
  if (silent == 0) return fmt::format("{}, {}", counted(partitions, "partition"), counted(records, "record"));
  return fmt::format("{}, at least {}; {} {} not answer", counted(partitions, "partition"), counted(records, "record"),
                     counted(silent, "partition"), silent == 1 ? "does" : "do");
}

Task<std::expected<std::vector<TopicExtent>, Exit>> topic_extents(Session& session, std::vector<std::string> topics) {
  const auto described = co_await session.admin().describe_topics(std::move(topics));
  std::vector<TopicExtent> extents;
  std::map<TopicPartition, OffsetSpec> first, last;
  for (const auto& [name, topic] : described) {
    if (!topic) co_return std::unexpected(session.fail(topic.error(), "topic " + name));
    extents.push_back({name, std::ssize(topic->partitions), 0, std::ssize(topic->partitions)});
    for (const PartitionDescription& p : topic->partitions) {
      if (p.leader.node < 0) continue;
      first.emplace(TopicPartition{name, p.partition}, OffsetSpec::earliest());
      last.emplace(TopicPartition{name, p.partition}, OffsetSpec::latest());
    }
  }
  const Listed starts = co_await session.admin().list_offsets(std::move(first));
  const Listed ends = co_await session.admin().list_offsets(std::move(last));
  for (TopicExtent& extent : extents) {
    for (const auto& [partition, end] : ends) {
      const auto start = starts.find(partition);
      if (partition.topic != extent.topic || !end || start == starts.end() || !start->second) continue;
      extent.records += end->offset - start->second->offset;
      --extent.silent;
    }
  }
  co_return extents;
}

void add_topic_describe_verb(Cli& cli) {
  auto arguments = std::make_shared<TopicDescribeArguments>();
  cli.verb("topic describe", "partitions, leaders, replicas, offsets and configuration")
      .argument("TOPIC", arguments->topics, "names or patterns")
      .flag("--configs", arguments->all_configs, "every setting, not only those of the topic's own")
      .example("holdfast topic describe orders --watch")
      .watchable()
      .runs_on_cluster([arguments](Session& session) { return describe(session, *arguments); });
}

}  // namespace holdfast::client
