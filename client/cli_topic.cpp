// holdfast topic: what topics there are, and making, changing and ending them.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_alter.h"
#include "client/cli_common.h"
#include "client/cli_families.h"
#include "client/cli_topic.h"

namespace holdfast::client {
namespace {

struct TopicListArguments {
  std::vector<std::string> patterns;
  bool internal = false;
};

struct TopicCreateArguments {
  std::vector<std::string> topics, configs;
  std::string assignment;
  std::int32_t partitions = -1;
  std::int16_t replicas = -1;
  bool if_absent = false;
};

struct AlterArguments {
  std::vector<std::string> topics, set, append, subtract, unset;
};

struct AddArguments {
  std::string topic;
  std::int32_t total = 0;
};

Value id_value(const Uuid& id) { return id == Uuid{} ? Value() : Value(to_base64(id)); }

Task<Exit> list(Session& session, const TopicListArguments& arguments) {
  auto topics = co_await session.admin().list_topics();
  if (!topics) co_return session.fail(topics.error(), "topics");
  std::vector<std::string> known;
  for (const TopicListing& topic : *topics) known.push_back(topic.name);
  if (const Exit there = all_there(session, "topic", arguments.patterns, known); there != Exit::ok) co_return there;
  Table table{{{"name"}, {"partitions"}, {"replicas"}, {"internal", true}, {"id", true}}, {}};
  for (const TopicListing& topic : *topics) {
    const auto matching = [&topic](const std::string& pattern) { return matches(pattern, topic.name); };
    const bool named = std::any_of(arguments.patterns.begin(), arguments.patterns.end(), matching);
    if (arguments.patterns.empty() ? topic.is_internal && !arguments.internal : !named) continue;
    table.rows.push_back(
        {topic.name, topic.partitions, topic.replication_factor, topic.is_internal, id_value(topic.id)});
  }
  session.out().table(table, "no topics; `holdfast topic create NAME` makes one");
  co_return Exit::ok;
}

// "1:2,2:3": of each partition, in order, its replicas.
std::optional<std::map<std::int32_t, std::vector<std::int32_t>>> parse_replica_assignment(std::string_view text) {
  std::map<std::int32_t, std::vector<std::int32_t>> out;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string replicas(text.substr(0, comma));
    std::replace(replicas.begin(), replicas.end(), ':', ',');
    auto ids = parse_ids(replicas);
    if (!ids) return std::nullopt;
    out.emplace(static_cast<std::int32_t>(out.size()), std::move(*ids));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

Task<Exit> create(Session& session, const TopicCreateArguments& arguments) {
  std::vector<NewTopic> topics;
  for (const std::string& name : arguments.topics) {
    NewTopic topic;
    topic.name = name;
    topic.partitions = arguments.partitions;
    topic.replication_factor = arguments.replicas;
    if (!arguments.assignment.empty()) {
      auto assignment = parse_replica_assignment(arguments.assignment);
      if (!assignment || arguments.partitions >= 0 || arguments.replicas >= 0)
        co_return session.usage("--assign takes brokers as 1:2,2:3, and neither --partitions nor --replicas beside it");
      topic.assignment = std::move(*assignment);
    }
    for (const std::string& config : arguments.configs) {
      auto entry = parse_assignment(config);
      if (!entry) co_return session.usage(fmt::format("--config '{}': give it as key=value", config));
      topic.configs.insert(std::move(*entry));
    }
    topics.push_back(std::move(topic));
  }
  const auto results = co_await session.admin().create_topics(std::move(topics), session.dry_run());
  Report report(session);
  for (const auto& [name, result] : results) {
    Object fields{{"topic", name}};
    const bool exists = !result && result.error().code == wire::ErrorCode::topic_already_exists;
    if (exists && arguments.if_absent) {
      report.done(fmt::format("topic {} is there already", name), "exists", std::move(fields));
    } else if (!result) {
      report.failed(result.error(), fmt::format("topic {}", name), std::move(fields));
    } else {
      std::string sentence = fmt::format("{} topic {}", session.dry_run() ? "would create" : "created", name);
      if (result->partitions > 0)
        sentence += fmt::format(": {}, {}", counted(result->partitions, "partition"),
                                counted(result->replication_factor, "replica"));
      // Who is only asked makes an id up that the topic will not have.
      fields.push_back({"id", session.dry_run() ? Value() : id_value(result->id)});
      fields.push_back({"partitions", result->partitions});
      fields.push_back({"replicas", result->replication_factor});
      report.done(std::move(sentence), session.dry_run() ? "valid" : "created", std::move(fields));
    }
  }
  co_return report.finish();
}

std::optional<std::vector<ConfigChange>> changes_of(Session& session, const AlterArguments& arguments) {
  std::vector<ConfigChange> changes;
  const auto add = [&](const std::vector<std::string>& texts, ConfigOperation operation) {
    for (const std::string& text : texts) {
      auto entry = parse_assignment(text);
      if (!entry) {
        session.usage(fmt::format("'{}': give it as key=value", text));
        return false;
      }
      changes.push_back({entry->first, operation, entry->second});
    }
    return true;
  };
  if (!add(arguments.set, ConfigOperation::set) || !add(arguments.append, ConfigOperation::append) ||
      !add(arguments.subtract, ConfigOperation::subtract))
    return std::nullopt;
  for (const std::string& key : arguments.unset) changes.push_back({key, ConfigOperation::remove, std::nullopt});
  if (changes.empty()) {
    session.usage("nothing to change", "--set key=value, --unset key, --append key=value, --subtract key=value");
    return std::nullopt;
  }
  return changes;
}

Task<Exit> alter(Session& session, const AlterArguments& arguments) {
  const auto changes = changes_of(session, arguments);
  if (!changes) co_return Exit::usage;
  auto topics = co_await existing_topics(session, arguments.topics);
  if (!topics) co_return topics.error();
  std::map<ConfigResource, std::vector<ConfigChange>> requests;
  std::vector<ConfigResource> resources;
  for (const std::string& topic : *topics) {
    requests[{ConfigResourceType::topic, topic}] = *changes;
    resources.push_back({ConfigResourceType::topic, topic});
  }
  DescribeConfigsOptions options;
  options.synonyms = true;
  const auto now = co_await session.admin().describe_configs(std::move(resources), std::move(options));
  // Who may not see them may still change them: what they are says only what a topic can have.
  const auto& first = now.begin()->second;
  const std::vector<ConfigEntry> described = first ? *first : std::vector<ConfigEntry>();
  const Exit known = check_settings(session, SettingGroup::topic, *changes, described);
  if (known != Exit::ok) co_return known;
  note_without_effect(session, SettingGroup::topic, *changes);
  const auto results = co_await session.admin().incremental_alter_configs(std::move(requests), session.dry_run());
  Report report(session);
  for (const auto& [resource, result] : results) {
    Object fields{{"topic", resource.name}};
    if (!result) {
      report.failed(result.error(), fmt::format("topic {}", resource.name), std::move(fields));
    } else if (!session.dry_run()) {
      report.done(fmt::format("altered topic {}", resource.name), "altered", std::move(fields));
    } else if (const auto& entries = now.at(resource); !entries) {
      report.failed(entries.error(), fmt::format("topic {}", resource.name), std::move(fields));
    } else {
      report_differences(session, report, fmt::format("would alter topic {}", resource.name), std::move(fields),
                         differences_of(*entries, ConfigSource::topic, *changes));
    }
  }
  co_return report.finish();
}

Task<Exit> remove_topics(Session& session, const std::vector<std::string>& names) {
  auto topics = co_await existing_topics(session, names);
  if (!topics) co_return topics.error();
  auto held = co_await topic_extents(session, *topics);
  if (!held) co_return held.error();
  std::string loss;
  for (const TopicExtent& extent : *held)
    loss += fmt::format("{}topic {}: {}", loss.empty() ? "" : "; ", extent.topic, extent.text());
  Report report(session);
  if (session.dry_run()) {
    for (const TopicExtent& extent : *held)
      report.done(fmt::format("would delete topic {}: {}", extent.topic, extent.text()), "would delete",
                  {{"topic", extent.topic},
                   {"partitions", extent.partitions},
                   {"records", extent.records},
                   {"silent_partitions", extent.silent}});
    co_return report.finish();
  }
  const std::string word = topics->size() == 1 ? topics->front() : counted(std::ssize(*topics), "topic");
  const bool confirmed = co_await session.confirm("this deletes " + loss, word);
  if (!confirmed) co_return Exit::refused;
  const auto results = co_await session.admin().delete_topics(*topics);
  for (const auto& [name, result] : results) {
    if (!result) {
      report.failed(result.error(), fmt::format("topic {}", name), {{"topic", name}});
    } else {
      report.done(fmt::format("deleted topic {}", name), "deleted", {{"topic", name}});
    }
  }
  co_return report.finish();
}

Task<Exit> add_partitions(Session& session, const AddArguments& arguments) {
  std::vector<std::string> names{arguments.topic};
  auto topics = co_await existing_topics(session, std::move(names));
  if (!topics) co_return topics.error();
  std::map<std::string, MorePartitions> more;
  for (const std::string& topic : *topics) more[topic].total = arguments.total;
  const auto results = co_await session.admin().create_partitions(std::move(more), session.dry_run());
  Report report(session);
  for (const auto& [name, result] : results) {
    Object fields{{"topic", name}, {"partitions", arguments.total}};
    if (!result) {
      report.failed(result.error(), fmt::format("topic {}", name), std::move(fields));
    } else {
      report.done(fmt::format("topic {} {} {}", name, session.dry_run() ? "would have" : "has",
                              counted(arguments.total, "partition")),
                  session.dry_run() ? "valid" : "altered", std::move(fields));
    }
  }
  co_return report.finish();
}

}  // namespace

void add_topic_verbs(Cli& cli) {
  cli.family("topic", "topics");
  auto listed = std::make_shared<TopicListArguments>();
  cli.verb("topic list", "the topics there are")
      .optional_argument("TOPIC", listed->patterns, "names or patterns with * and ?; none: all")
      .flag("--internal", listed->internal, "also those that the broker keeps for itself")
      .example("holdfast topic list 'orders-*' -o json")
      .watchable()
      .runs_on_cluster([listed](Session& session) { return list(session, *listed); });
  auto created = std::make_shared<TopicCreateArguments>();
  cli.verb("topic create", "make topics")
      .argument("NAME", created->topics, "their names")
      .option("-p,--partitions", created->partitions, "partitions of each; default: num.partitions of the broker", "N")
      .at_least(1)
      .option("-r,--replicas", created->replicas, "replicas of each partition; default: default.replication.factor",
              "N")
      .at_least(1)
      .option("-c,--config", created->configs, "key=value (may be repeated)", "KEY=VALUE")
      .option("--assign", created->assignment, "brokers of each partition, 1:2,2:3: two partitions", "BROKERS")
      .flag("--if-not-exists", created->if_absent, "one that is there already is no failure")
      .example("holdfast topic create orders -p 12 -r 3 -c retention.ms=86400000")
      .knows_dry_run()
      .runs_on_cluster([created](Session& session) { return create(session, *created); });
  add_topic_describe_verb(cli);
  auto altered = std::make_shared<AlterArguments>();
  cli.verb("topic alter", "change the configuration of topics")
      .argument("TOPIC", altered->topics, "names or patterns")
      .option("--set", altered->set, "key=value (may be repeated)", "KEY=VALUE")
      .option("--unset", altered->unset, "a key that goes back to its default (may be repeated)", "KEY")
      .option("--append", altered->append, "key=value: an element more in a list", "KEY=VALUE")
      .option("--subtract", altered->subtract, "key=value: an element less", "KEY=VALUE")
      .example("holdfast topic alter orders --set retention.ms=3600000 --unset cleanup.policy")
      .knows_dry_run()
      .runs_on_cluster([altered](Session& session) { return alter(session, *altered); });
  auto removed = std::make_shared<std::vector<std::string>>();
  cli.verb("topic delete", "delete topics and all of their records")
      .argument("TOPIC", *removed, "names or patterns")
      .example("holdfast topic delete orders --dry-run")
      .knows_dry_run()
      .runs_on_cluster([removed](Session& session) { return remove_topics(session, *removed); });
  auto added = std::make_shared<AddArguments>();
  cli.verb("topic add-partitions", "give a topic more partitions")
      .argument("TOPIC", added->topic, "the topic")
      .argument("TOTAL", added->total, "how many it shall have altogether")
      .at_least(1)
      .more("Records with a key go to other partitions from then on: consumers that rely on the order of keys notice.")
      .example("holdfast topic add-partitions orders 24")
      .knows_dry_run()
      .runs_on_cluster([added](Session& session) { return add_partitions(session, *added); });
  add_topic_trim_verb(cli);
}

}  // namespace holdfast::client
