// DescribeConfigs (32), AlterConfigs (33: the whole set is replaced), IncrementalAlterConfigs (44: KIP-339). Topics and
// brokers; synonyms as KIP-226 orders them. Changes go to the config znodes and are effective at once.
#include "wire/kafka/configs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "broker/handlers/handlers.h"
#include "broker/handlers/support.h"
#include "broker/hop.h"
#include "broker/topic_admin.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;
enum ResourceType : std::int8_t { topic_resource = 2, broker_resource = 4, broker_logger_resource = 8 };
enum Operation : std::int8_t { op_set = 0, op_delete = 1, op_append = 2, op_subtract = 3 };
constexpr std::string_view cluster_default = "<default>";

AdminAnswer refuse(ErrorCode error, std::string message) { return {error, std::move(message)}; }

// What a resource is, and its present overrides; or why not.
struct Resource {
  AdminAnswer fault;
  bool broker = false;
  std::string entity;  // a topic's name, a broker's id, or "<default>"
  znodes::Configs configs;
};

Resource find_resource(BrokerShard& broker, std::int8_t type, const std::string& name) {
  Resource out;
  const Metadata& metadata = broker.metadata();
  if (type == topic_resource) {
    if (auto fault = topic_name_fault(name)) {
      out.fault = refuse(ErrorCode::invalid_topic_exception, *fault);
    } else if (const TopicPtr image = metadata.topic(name)) {
      out.entity = name;
      out.configs = image->configs;
    } else {
      out.fault = refuse(ErrorCode::unknown_topic_or_partition, {});
    }
    return out;
  }
  if (type == broker_resource) {
    out.broker = true;
    out.entity = name.empty() ? std::string(cluster_default) : name;
    std::int32_t id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (!name.empty() && (error != std::errc() || end != name.data() + name.size())) {
      out.fault = refuse(ErrorCode::invalid_request, fmt::format("Broker id must be an integer, but it is: {}", name));
    } else if (!name.empty() && id != broker.services().node_id) {
      out.fault = refuse(ErrorCode::invalid_request,
                         fmt::format("Unexpected broker id, expected {} or empty string, but received {}",
                                     broker.services().node_id, name));
    } else {
      out.configs = metadata.broker_config(out.entity);
    }
    return out;
  }
  out.fault = refuse(ErrorCode::invalid_request, fmt::format("Unsupported resource type {}", type));
  return out;
}

AdminAnswer validate(const Resource& resource, const znodes::Configs& configs, const std::set<std::string>& changed) {
  for (const std::string& name : changed) {
    const auto it = configs.find(name);
    if (it == configs.end()) continue;
    auto valid = resource.broker ? validate_broker_config(name, it->second, resource.entity != cluster_default)
                                 : validate_topic_config(name, it->second);
    if (!valid)
      return refuse(
          valid.error().kind == ErrorKind::unsupported ? ErrorCode::invalid_request : ErrorCode::invalid_config,
          valid.error().message);
  }
  if (!resource.broker) {
    auto valid = validate_topic_configs(configs);
    if (!valid) return refuse(ErrorCode::invalid_config, valid.error().message);
  }
  return {};
}

// The change is made where the administrator lives, to the overrides that are written there.
Task<AdminAnswer> write(BrokerShard* home, Resource resource, TopicAdmin::ConfigChange change) {
  TopicAdmin* admin = home->services().admin;
  BrokerShard* first = &home->first();
  auto work = [admin, broker = resource.broker, entity = std::move(resource.entity),
               change = std::move(change)]() mutable {
    return broker ? admin->change_broker_configs(std::move(entity), std::move(change))
                  : admin->change_topic_configs(std::move(entity), std::move(change));
  };
  auto done = co_await hop(first->shard(), first->gate(), std::move(work));
  if (done) co_return std::move(*done);
  co_return refuse(ErrorCode::broker_not_available, {});
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    if (comma > from) out.push_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return out;
}

std::string join(const std::vector<std::string>& parts) { return fmt::format("{}", fmt::join(parts, ",")); }

template <class Response>
void answer(Response& response, std::int8_t type, const std::string& name, const AdminAnswer& result) {
  auto& to = response.responses.emplace_back();
  to.resource_type = type;
  to.resource_name = name;
  to.error_code = code(result.error);
  to.error_message.reset();
  if (result.error != ErrorCode::none)
    to.error_message = result.message.empty() ? std::string(wire::error_message(result.error)) : result.message;
}

Task<void> run_alter(RequestContext context, wire::AlterConfigsRequest message) {
  BrokerShard* home = &context.broker();
  wire::AlterConfigsResponse response;
  std::set<std::pair<std::int8_t, std::string>> seen, twice;
  for (const auto& r : message.resources)
    if (!seen.emplace(r.resource_type, r.resource_name).second) twice.emplace(r.resource_type, r.resource_name);
  for (auto& r : message.resources) {
    if (twice.contains({r.resource_type, r.resource_name})) {
      answer(response, r.resource_type, r.resource_name,
             refuse(ErrorCode::invalid_request, "Each resource must appear at most once."));
      continue;
    }
    Resource resource = find_resource(*home, r.resource_type, r.resource_name);
    if (r.resource_type == topic_resource && r.resource_name.empty())
      resource.fault = refuse(ErrorCode::invalid_request, "Default topic resources are not allowed.");
    AdminAnswer result = resource.fault;
    znodes::Configs configs;
    std::set<std::string> changed;
    for (auto& c : r.configs) {
      if (result.error != ErrorCode::none) break;
      if (!c.value) {
        result = refuse(ErrorCode::invalid_request, "Null value not supported for : " + c.name);
      } else if (!changed.insert(c.name).second) {
        result = refuse(ErrorCode::invalid_request, "Error due to duplicate config keys : " + c.name);
      } else {
        configs[c.name] = std::move(*c.value);
      }
    }
    if (result.error == ErrorCode::none) result = validate(resource, configs, changed);
    if (result.error == ErrorCode::none && !message.validate_only) {
      auto replace = [configs = std::move(configs)](znodes::Configs& now) {
        now = configs;
        return AdminAnswer{};
      };
      auto written = co_await write(home, std::move(resource), std::move(replace));
      result = std::move(written);
    }
    answer(response, r.resource_type, r.resource_name, result);
  }
  context.respond(response);
}

AdminAnswer apply_operation(BrokerShard& broker, const Resource& resource,
                            const wire::IncrementalAlterConfigsRequest::Config& c, znodes::Configs& configs) {
  if (c.config_operation != op_delete && !c.value)
    return refuse(ErrorCode::invalid_request, "Null value not supported for : " + c.name);
  switch (c.config_operation) {
    case op_set:
      configs[c.name] = *c.value;
      return {};
    case op_delete:
      configs.erase(c.name);
      return {};
    case op_append:
    case op_subtract: {
      if (!is_list_config(c.name))
        return refuse(ErrorCode::invalid_config,
                      fmt::format("Can't {} to key {} because its type is not LIST.",
                                  c.config_operation == op_append ? "APPEND" : "SUBTRACT", c.name));
      std::string now;
      if (const auto it = configs.find(c.name); it != configs.end()) {
        now = it->second;
      } else if (!resource.broker) {
        for (const auto& d :
             describe_topic(broker.config(), broker.metadata().broker_config(cluster_default),
                            broker.metadata().broker_config(std::to_string(broker.services().node_id)), {}))
          if (d.name == c.name) now = d.value.value_or("");
      }
      std::vector<std::string> parts = split(now);
      for (const std::string& part : split(*c.value)) {
        const auto at = std::ranges::find(parts, part);
        if (c.config_operation == op_append && at == parts.end()) parts.push_back(part);
        if (c.config_operation == op_subtract && at != parts.end()) parts.erase(at);
      }
      configs[c.name] = join(parts);
      return {};
    }
    default:
      return refuse(ErrorCode::invalid_request, fmt::format("Unknown operation {}", c.config_operation));
  }
}

// All the changes of one resource, or the first fault. On `broker`'s shard.
AdminAnswer apply_operations(BrokerShard& broker, const Resource& resource,
                             const std::vector<wire::IncrementalAlterConfigsRequest::Config>& changes,
                             znodes::Configs& configs) {
  std::set<std::string> changed;
  for (const auto& c : changes) {
    AdminAnswer done = changed.insert(c.name).second
                           ? apply_operation(broker, resource, c, configs)
                           : refuse(ErrorCode::invalid_request, "Error due to duplicate config keys : " + c.name);
    if (done.error != ErrorCode::none) return done;
  }
  return validate(resource, configs, changed);
}

Task<void> run_incremental(RequestContext context, wire::IncrementalAlterConfigsRequest message) {
  BrokerShard* home = &context.broker();
  wire::IncrementalAlterConfigsResponse response;
  std::set<std::pair<std::int8_t, std::string>> seen, twice;
  for (const auto& r : message.resources)
    if (!seen.emplace(r.resource_type, r.resource_name).second) twice.emplace(r.resource_type, r.resource_name);
  for (auto& r : message.resources) {
    if (twice.contains({r.resource_type, r.resource_name})) {
      answer(response, r.resource_type, r.resource_name,
             refuse(ErrorCode::invalid_request, "Each resource must appear at most once."));
      continue;
    }
    Resource resource = find_resource(*home, r.resource_type, r.resource_name);
    if (r.resource_type == topic_resource && r.resource_name.empty())
      resource.fault = refuse(ErrorCode::invalid_request, "Default topic resources are not allowed.");
    AdminAnswer result = resource.fault;
    if (result.error == ErrorCode::none && message.validate_only) {
      result = apply_operations(*home, resource, r.configs, resource.configs);
    } else if (result.error == ErrorCode::none) {
      auto change = [first = &home->first(), resource, changes = std::move(r.configs)](znodes::Configs& now) {
        return apply_operations(*first, resource, changes, now);
      };
      auto written = co_await write(home, std::move(resource), std::move(change));
      result = std::move(written);
    }
    answer(response, r.resource_type, r.resource_name, result);
  }
  context.respond(response);
}

}  // namespace

void describe_configs(RequestContext request) {
  wire::DescribeConfigsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  const Metadata& metadata = broker.metadata();
  const auto& by_default = metadata.broker_config(cluster_default);
  const auto& by_broker = metadata.broker_config(std::to_string(broker.services().node_id));
  wire::DescribeConfigsResponse response;
  for (const auto& asked : message.resources) {
    auto& to = response.results.emplace_back();
    to.resource_type = asked.resource_type;
    to.resource_name = asked.resource_name;
    to.error_message = "";
    const Resource resource = find_resource(broker, asked.resource_type, asked.resource_name);
    if (resource.fault.error != ErrorCode::none) {
      to.error_code = code(resource.fault.error);
      to.error_message = resource.fault.message;
      continue;
    }
    std::vector<DescribedConfig> all;
    if (!resource.broker) {
      all = describe_topic(broker.config(), by_default, by_broker, resource.configs);
    } else if (resource.entity == cluster_default) {
      // Only what was set for the whole cluster.
      all = describe_broker(broker.config(), by_default, {});
      std::erase_if(all, [&](const DescribedConfig& c) { return !by_default.contains(c.name); });
    } else {
      all = describe_broker(broker.config(), by_default, by_broker);
    }
    for (DescribedConfig& c : all) {
      if (asked.configuration_keys && !asked.configuration_keys->empty() &&
          std::ranges::find(*asked.configuration_keys, c.name) == asked.configuration_keys->end())
        continue;
      auto& config = to.configs.emplace_back();
      config.name = std::move(c.name);
      config.value = c.sensitive ? std::nullopt : std::move(c.value);
      config.read_only = c.read_only;
      config.config_source = c.source;
      config.is_default = c.source == 5;
      config.is_sensitive = c.sensitive;
      config.config_type = c.type;
      config.documentation.reset();
      if (message.include_documentation) config.documentation = std::move(c.documentation);
      if (!message.include_synonyms) continue;
      for (auto& s : c.synonyms)
        config.synonyms.push_back(
            {.name = std::move(s.name), .value = c.sensitive ? std::nullopt : std::move(s.value), .source = s.source});
    }
  }
  request.respond(response);
}

void alter_configs(RequestContext request) {
  wire::AlterConfigsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_alter(std::move(request), std::move(message)));
}

void incremental_alter_configs(RequestContext request) {
  wire::IncrementalAlterConfigsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_incremental(std::move(request), std::move(message)));
}

}  // namespace holdfast::handlers
