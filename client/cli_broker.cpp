// holdfast broker: the brokers, and how they are configured.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_alter.h"
#include "client/cli_common.h"
#include "client/cli_families.h"

namespace holdfast::client {
namespace {

struct BrokerLoad {
  std::int64_t leads = 0, holds = 0, behind = 0;
};

std::map<std::int32_t, BrokerLoad> loads_of(const std::vector<TopicDescription>& topics) {
  std::map<std::int32_t, BrokerLoad> loads;
  for (const TopicDescription& topic : topics) {
    for (const PartitionDescription& p : topic.partitions) {
      if (p.leader.node >= 0) ++loads[p.leader.node].leads;
      for (const std::int32_t replica : p.replicas) {
        ++loads[replica].holds;
        loads[replica].behind += std::find(p.isr.begin(), p.isr.end(), replica) == p.isr.end();
      }
    }
  }
  return loads;
}

Task<Exit> list(Session& session) {
  auto cluster = co_await session.admin().describe_cluster();
  if (!cluster) co_return session.fail(cluster.error(), "brokers");
  auto topics = co_await session.admin().describe_all_topics();
  if (!topics) co_return session.fail(topics.error(), "topics");
  const auto loads = loads_of(*topics);
  Table table{{{"id"}, {"host"}, {"port"}, {"rack"}, {"controller"}, {"leads"}, {"replicas"}, {"out_of_sync"}}, {}};
  for (const BrokerListing& broker : cluster->brokers) {
    const auto found = loads.find(broker.id);
    const BrokerLoad load = found == loads.end() ? BrokerLoad() : found->second;
    table.rows.push_back({broker.id, broker.endpoint.host, broker.endpoint.port, broker.rack,
                          Value(broker.id == cluster->controller).shown_as(broker.id == cluster->controller ? "*" : ""),
                          load.leads, load.holds, load.behind > 0 ? Value(load.behind).in(Tone::warning) : Value(0)});
  }
  session.out().table(table);
  co_return Exit::ok;
}

Table configs_of(const std::vector<ConfigEntry>& entries, bool all) {
  Table table{{{"key"}, {"value"}, {"source"}, {"read_only"}, {"type", true}}, {}};
  for (const ConfigEntry& entry : entries) {
    if (all || !entry.is_default())
      table.rows.push_back({entry.name, entry.sensitive ? Value("(hidden)") : Value(entry.value),
                            to_string(entry.source), entry.read_only, to_string(entry.type)});
  }
  return table;
}

Task<Exit> describe(Session& session, const std::string& name) {
  auto id = co_await known_broker(session, name);
  if (!id) co_return id.error();
  auto cluster = co_await session.admin().describe_cluster();
  if (!cluster) co_return session.fail(cluster.error(), "brokers");
  auto topics = co_await session.admin().describe_all_topics();
  if (!topics) co_return session.fail(topics.error(), "topics");
  std::vector<std::int32_t> ids{*id};
  const auto directories = co_await session.admin().describe_log_dirs(ids);
  std::vector<ConfigResource> resources{{ConfigResourceType::broker, std::to_string(*id)}};
  const auto configs = co_await session.admin().describe_configs(resources);
  Object object;
  for (const BrokerListing& broker : cluster->brokers) {
    if (broker.id != *id) continue;
    const auto loads = loads_of(*topics);
    const auto found = loads.find(*id);
    const BrokerLoad load = found == loads.end() ? BrokerLoad() : found->second;
    object = {{"id", broker.id},
              {"host", broker.endpoint.host},
              {"port", broker.endpoint.port},
              {"rack", broker.rack},
              {"controller", broker.id == cluster->controller},
              {"leads", load.leads},
              {"replicas", load.holds},
              {"out_of_sync", load.behind}};
  }
  Table dirs{{{"path"}, {"error"}, {"replicas"}, {"usable"}, {"total"}}, {}};
  for (const auto& [broker, listed] : directories) {
    if (!listed) continue;
    for (const LogDirectory& directory : *listed)
      dirs.rows.push_back(
          {directory.path,
           directory.error == wire::ErrorCode::none ? Value() : Value(wire::error_name(directory.error)).in(Tone::bad),
           directory.replicas.size(),
           directory.usable_bytes < 0 ? Value() : bytes_value(static_cast<std::uint64_t>(directory.usable_bytes)),
           directory.total_bytes < 0 ? Value() : bytes_value(static_cast<std::uint64_t>(directory.total_bytes))});
  }
  object.push_back({"log_directories", std::move(dirs)});
  for (const auto& [resource, entries] : configs) {
    if (entries) object.push_back({"configs", configs_of(*entries, false)});
  }
  session.out().object(object);
  co_return Exit::ok;
}

struct ConfigArguments {
  std::string broker;
  std::vector<std::string> set, unset;
  bool all = false;
};

Task<Exit> configure(Session& session, const ConfigArguments& arguments) {
  ConfigResource resource{ConfigResourceType::broker, ""};
  if (arguments.broker != "default") {
    auto id = co_await known_broker(session, arguments.broker);
    if (!id) co_return id.error();
    resource.name = std::to_string(*id);
  }
  std::vector<ConfigChange> changes;
  for (const std::string& text : arguments.set) {
    auto entry = parse_assignment(text);
    if (!entry) co_return session.usage(fmt::format("--set '{}': give it as key=value", text));
    changes.push_back({entry->first, ConfigOperation::set, entry->second});
  }
  for (const std::string& key : arguments.unset) changes.push_back({key, ConfigOperation::remove, std::nullopt});
  std::vector<ConfigResource> resources{resource};
  DescribeConfigsOptions options;
  options.synonyms = true;
  const auto configs = co_await session.admin().describe_configs(std::move(resources), std::move(options));
  const auto& entries = configs.begin()->second;
  if (!entries) co_return session.fail(entries.error(), to_string(resource));
  if (changes.empty()) {
    session.out().table(configs_of(*entries, arguments.all), "every setting has its default; --all shows them");
    co_return Exit::ok;
  }
  const Exit known = check_settings(session, SettingGroup::broker, changes, *entries);
  if (known != Exit::ok) co_return known;
  note_without_effect(session, SettingGroup::broker, changes);
  const ConfigSource own = resource.name.empty() ? ConfigSource::dynamic_default_broker : ConfigSource::dynamic_broker;
  const std::vector<Difference> differences = differences_of(*entries, own, changes);
  std::map<ConfigResource, std::vector<ConfigChange>> request{{resource, std::move(changes)}};
  const auto results = co_await session.admin().incremental_alter_configs(std::move(request), session.dry_run());
  Report report(session);
  for (const auto& [changed, result] : results) {
    Object fields{{"broker", arguments.broker}};
    if (!result) {
      report.failed(result.error(), to_string(changed), std::move(fields));
    } else if (session.dry_run()) {
      report_differences(session, report, fmt::format("would alter broker {}", arguments.broker), std::move(fields),
                         differences);
    } else {
      report.done(fmt::format("altered broker {}", arguments.broker), "altered", std::move(fields));
    }
  }
  co_return report.finish();
}

}  // namespace

void add_broker_verbs(Cli& cli) {
  cli.family("broker", "brokers");
  cli.verb("broker list", "the brokers that are up, and what each of them carries").watchable().runs_on_cluster(list);
  auto described = std::make_shared<std::string>();
  cli.verb("broker describe", "one broker: where it is, its log directories, its settings")
      .argument("BROKER", *described, "its id")
      .watchable()
      .runs_on_cluster([described](Session& session) { return describe(session, *described); });
  auto configured = std::make_shared<ConfigArguments>();
  cli.verb("broker config", "show or change the settings of a broker that is running")
      .argument("BROKER", configured->broker, "its id, or `default` for what counts for all of them")
      .option("--set", configured->set, "key=value (may be repeated)", "KEY=VALUE")
      .option("--unset", configured->unset, "a key that goes back to its default (may be repeated)", "KEY")
      .flag("--all", configured->all, "settings at their defaults, too")
      .example("holdfast broker config default --set log.retention.ms=86400000")
      .knows_dry_run()
      .runs_on_cluster([configured](Session& session) { return configure(session, *configured); });
}

}  // namespace holdfast::client
