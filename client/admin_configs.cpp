#include <fmt/format.h>

#include <charconv>

#include "client/admin_call.h"
#include "wire/kafka/configs.h"

namespace holdfast::client {
namespace {

using admin::all_failed;
using admin::keys_of;
using admin::outcome_of;

// A broker tells of itself, anybody of the rest.
std::optional<std::int32_t> broker_of(const ConfigResource& resource) {
  const bool of_broker =
      resource.type == ConfigResourceType::broker || resource.type == ConfigResourceType::broker_logger;
  if (!of_broker || resource.name.empty()) return {};
  std::int32_t id = -1;
  const auto [end, error] = std::from_chars(resource.name.data(), resource.name.data() + resource.name.size(), id);
  if (error != std::errc() || end != resource.name.data() + resource.name.size()) return {};
  return id;
}

class AtOwner {
 public:
  explicit AtOwner(Cluster& cluster) : anywhere_(cluster) {}
  Task<void> prepare(std::vector<ConfigResource> resources) { return anywhere_.prepare(std::move(resources)); }
  Task<Outcome<std::int32_t>> of(ConfigResource resource) {
    const auto broker = broker_of(resource);
    return broker ? here(*broker) : anywhere_.of(std::move(resource));
  }
  void stale(const ConfigResource& resource, const Failure& failure) { anywhere_.stale(resource, failure); }

 private:
  static Task<Outcome<std::int32_t>> here(std::int32_t broker) { co_return broker; }
  admin::AtAnyBroker<ConfigResource> anywhere_;
};

template <class Resource>
ConfigResource named_in(const Resource& resource) {
  return {.type = static_cast<ConfigResourceType>(resource.resource_type), .name = resource.resource_name};
}

template <class Resource>
Resource name_it(const ConfigResource& resource) {
  Resource out;
  out.resource_type = static_cast<std::int8_t>(resource.type);
  out.resource_name = resource.name;
  return out;
}

ConfigEntry from_wire(wire::DescribeConfigsResponse::Config& config, ConfigResourceType of) {
  ConfigEntry entry;
  entry.name = std::move(config.name);
  entry.value = std::move(config.value);
  entry.source = static_cast<ConfigSource>(config.config_source);
  // Version 0 tells only whether it is the default.
  if (config.config_source < 0 && config.is_default) entry.source = ConfigSource::built_in;
  if (config.config_source < 0 && !config.is_default)
    entry.source = of == ConfigResourceType::topic ? ConfigSource::topic : ConfigSource::static_broker;
  entry.type = static_cast<ConfigType>(config.config_type);
  entry.read_only = config.read_only;
  entry.sensitive = config.is_sensitive;
  for (auto& synonym : config.synonyms)
    entry.synonyms.push_back({.name = std::move(synonym.name),
                              .value = std::move(synonym.value),
                              .source = static_cast<ConfigSource>(synonym.source)});
  if (config.documentation && !config.documentation->empty()) entry.documentation = std::move(config.documentation);
  return entry;
}

Task<Each<ConfigResource, std::vector<ConfigEntry>>> ask_describe(Cluster& cluster, std::int32_t broker,
                                                                  std::vector<ConfigResource> resources,
                                                                  const DescribeConfigsOptions& options,
                                                                  Duration time) {
  wire::DescribeConfigsRequest request;
  request.include_synonyms = options.synonyms;
  request.include_documentation = options.documentation;
  for (const ConfigResource& resource : resources) {
    auto& out = request.resources.emplace_back(name_it<wire::DescribeConfigsRequest::Resource>(resource));
    out.configuration_keys.reset();
    if (!options.keys.empty()) out.configuration_keys = options.keys;
  }
  auto answer = co_await cluster.ask<wire::DescribeConfigsResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<std::vector<ConfigEntry>>(resources, answer.error());
  Each<ConfigResource, std::vector<ConfigEntry>> each;
  for (auto& result : answer->message.results) {
    const ConfigResource resource = named_in(result);
    auto fine = outcome_of(result.error_code, result.error_message);
    if (!fine) {
      each.emplace(resource, failed(fine));
      continue;
    }
    std::vector<ConfigEntry> entries;
    for (auto& config : result.configs) entries.push_back(from_wire(config, resource.type));
    each.emplace(resource, std::move(entries));
  }
  co_return each;
}

using Changes = std::map<ConfigResource, std::vector<ConfigChange>>;
using Replacements = std::map<ConfigResource, std::map<std::string, std::string>>;

wire::IncrementalAlterConfigsRequest request_for(const Changes& changes, const std::vector<ConfigResource>& resources) {
  wire::IncrementalAlterConfigsRequest request;
  for (const ConfigResource& resource : resources) {
    auto& out = request.resources.emplace_back(name_it<wire::IncrementalAlterConfigsRequest::Resource>(resource));
    for (const ConfigChange& change : changes.at(resource))
      out.configs.push_back(
          {.name = change.name, .config_operation = static_cast<std::int8_t>(change.operation), .value = change.value});
  }
  return request;
}

wire::AlterConfigsRequest request_for(const Replacements& configs, const std::vector<ConfigResource>& resources) {
  wire::AlterConfigsRequest request;
  for (const ConfigResource& resource : resources) {
    auto& out = request.resources.emplace_back(name_it<wire::AlterConfigsRequest::Resource>(resource));
    for (const auto& [name, value] : configs.at(resource)) out.configs.push_back({.name = name, .value = value});
  }
  return request;
}

template <class Response, class Wanted>
Task<Each<ConfigResource>> ask_alter(Cluster& cluster, std::int32_t broker, std::vector<ConfigResource> resources,
                                     const Wanted& wanted, bool validate_only, Duration time) {
  auto request = request_for(wanted, resources);
  request.validate_only = validate_only;
  auto answer = co_await cluster.ask<Response>(broker, std::move(request), time);
  if (!answer) co_return all_failed<void>(resources, answer.error());
  Each<ConfigResource> each;
  for (const auto& result : answer->message.responses)
    each.emplace(named_in(result), outcome_of(result.error_code, result.error_message));
  co_return each;
}

}  // namespace

std::string_view to_string(ConfigSource source) {
  switch (source) {
    case ConfigSource::topic:
      return "DYNAMIC_TOPIC_CONFIG";
    case ConfigSource::dynamic_broker:
      return "DYNAMIC_BROKER_CONFIG";
    case ConfigSource::dynamic_default_broker:
      return "DYNAMIC_DEFAULT_BROKER_CONFIG";
    case ConfigSource::static_broker:
      return "STATIC_BROKER_CONFIG";
    case ConfigSource::built_in:
      return "DEFAULT_CONFIG";
    case ConfigSource::dynamic_broker_logger:
      return "DYNAMIC_BROKER_LOGGER_CONFIG";
    case ConfigSource::client_metrics:
      return "DYNAMIC_CLIENT_METRICS_CONFIG";
    case ConfigSource::group:
      return "DYNAMIC_GROUP_CONFIG";
    case ConfigSource::unknown:
      break;
  }
  return "UNKNOWN";
}

std::string_view to_string(ConfigType type) {
  switch (type) {
    case ConfigType::boolean:
      return "BOOLEAN";
    case ConfigType::string:
      return "STRING";
    case ConfigType::int_:
      return "INT";
    case ConfigType::short_:
      return "SHORT";
    case ConfigType::long_:
      return "LONG";
    case ConfigType::double_:
      return "DOUBLE";
    case ConfigType::list:
      return "LIST";
    case ConfigType::class_:
      return "CLASS";
    case ConfigType::password:
      return "PASSWORD";
    case ConfigType::unknown:
      break;
  }
  return "UNKNOWN";
}

std::string to_string(const ConfigResource& resource) {
  const std::string_view type = [&] {
    switch (resource.type) {
      case ConfigResourceType::topic:
        return "topic";
      case ConfigResourceType::broker:
        return "broker";
      case ConfigResourceType::broker_logger:
        return "logger of broker";
      case ConfigResourceType::client_metrics:
        return "client metrics";
      case ConfigResourceType::group:
        return "group";
    }
    return "resource";
  }();
  const bool all_brokers = resource.type == ConfigResourceType::broker && resource.name.empty();
  return all_brokers ? "all brokers" : fmt::format("{} {}", type, resource.name);
}

Task<Each<ConfigResource, std::vector<ConfigEntry>>> Admin::describe_configs(std::vector<ConfigResource> resources,
                                                                             DescribeConfigsOptions options) {
  auto ask = [&](std::int32_t broker, std::vector<ConfigResource> theirs, Duration time) {
    return ask_describe(cluster_, broker, std::move(theirs), options, time);
  };
  AtOwner owner(cluster_);
  auto each = co_await admin::rounds<std::vector<ConfigEntry>>(cluster_, options_, std::move(resources), owner, ask);
  co_return each;
}

Task<Each<ConfigResource>> Admin::incremental_alter_configs(Changes changes, bool validate_only) {
  auto ask = [&](std::int32_t broker, std::vector<ConfigResource> theirs, Duration time) {
    return ask_alter<wire::IncrementalAlterConfigsResponse>(cluster_, broker, std::move(theirs), changes, validate_only,
                                                            time);
  };
  AtOwner owner(cluster_);
  auto each = co_await admin::rounds<void>(cluster_, options_, keys_of(changes), owner, ask);
  co_return each;
}

Task<Each<ConfigResource>> Admin::replace_configs(Replacements configs, bool validate_only) {
  auto ask = [&](std::int32_t broker, std::vector<ConfigResource> theirs, Duration time) {
    return ask_alter<wire::AlterConfigsResponse>(cluster_, broker, std::move(theirs), configs, validate_only, time);
  };
  AtOwner owner(cluster_);
  auto each = co_await admin::rounds<void>(cluster_, options_, keys_of(configs), owner, ask);
  co_return each;
}

}  // namespace holdfast::client
