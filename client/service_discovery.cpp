#include "client/service_discovery.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

namespace json = boost::json;

constexpr std::size_t depth_max = 32;

json::value port_value(const std::optional<std::uint16_t>& port) {
  return port ? json::value(*port) : json::value(nullptr);
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::optional<std::uint16_t> port_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (!value || !value->is_int64() || value->as_int64() < 0 || value->as_int64() > UINT16_MAX) return std::nullopt;
  return static_cast<std::uint16_t>(value->as_int64());
}

json::value parse(std::string_view text, boost::system::error_code& error) {
  json::parse_options options;
  options.max_depth = depth_max;
  return json::parse(json::string_view(text.data(), text.size()), error, {}, options);
}

}  // namespace

std::string to_json(const ServiceInstance& instance) {
  boost::system::error_code error;
  json::value payload(nullptr);
  if (!instance.payload.empty()) payload = parse(instance.payload, error);
  if (error) payload = json::string(instance.payload);
  json::object out;
  out["name"] = instance.service;
  out["id"] = instance.id;
  out["address"] = instance.address;
  out["port"] = port_value(instance.port);
  out["sslPort"] = port_value(instance.ssl_port);
  out["payload"] = std::move(payload);
  out["registrationTimeUTC"] = instance.registered_ms;
  out["serviceType"] = "DYNAMIC";
  out["uriSpec"] = nullptr;
  return json::serialize(out);
}

Result<ServiceInstance> parse_service_instance(std::string_view text) {
  boost::system::error_code error;
  const json::value value = parse(text, error);
  if (error || !value.is_object()) return fail(ErrorKind::invalid_input, "it is no JSON object");
  const json::object& object = value.as_object();
  ServiceInstance out;
  out.service = text_of(object, "name");
  out.id = text_of(object, "id");
  out.address = text_of(object, "address");
  out.port = port_of(object, "port");
  out.ssl_port = port_of(object, "sslPort");
  if (const json::value* payload = object.if_contains("payload"); payload && !payload->is_null())
    out.payload = json::serialize(*payload);
  if (const json::value* at = object.if_contains("registrationTimeUTC"); at && at->is_int64())
    out.registered_ms = at->as_int64();
  if (out.service.empty() || out.id.empty()) return fail(ErrorKind::invalid_input, "it has no name, or no id");
  return out;
}

ServiceDiscovery::ServiceDiscovery(ZooKeeper& zk, std::string base, std::function<void()> changed)
    : zk_(zk), base_(std::move(base)), cache_(zk, base_, [told = std::move(changed)](const TreeChange&) {
        if (told) told();
      }) {}

ServiceDiscovery::~ServiceDiscovery() = default;

Task<ZkOutcome<>> ServiceDiscovery::start(std::optional<Duration> at_most) { return cache_.start(at_most); }

Task<ZkOutcome<std::string>> ServiceDiscovery::offer(ServiceInstance instance, std::optional<Duration> at_most) {
  if (instance.id.empty()) instance.id = to_hex_uuid(zk_.random().uuid());
  if (instance.service.empty() || instance.service.find('/') != std::string::npos ||
      instance.id.find('/') != std::string::npos)
    co_return zk_failed(ZkError::bad_arguments, "a service needs a name, and neither it nor the id has slashes");
  instance.registered_ms = zk_.shard().clock().wall_ms();
  auto& node = offered_[instance.id];
  if (node) co_return zk_failed(ZkError::bad_arguments, fmt::format("{} is offered already", instance.id));
  node =
      std::make_unique<EphemeralNode>(zk_, zk_join(zk_join(base_, instance.service), instance.id), to_json(instance));
  node->start();
  auto there = co_await node->until_there(at_most);
  if (!there) co_return zk_failed(there);
  co_return instance.id;
}

Task<void> ServiceDiscovery::withdraw(std::string id) {
  auto taken = offered_.extract(id);
  if (!taken.empty()) co_await taken.mapped()->stop();
}

Task<void> ServiceDiscovery::stop() {
  while (!offered_.empty()) co_await withdraw(offered_.begin()->first);
  co_await cache_.stop();
}

std::vector<std::string> ServiceDiscovery::services() const { return cache_.children(base_); }

std::vector<ServiceInstance> ServiceDiscovery::instances(const std::string& service) const {
  std::vector<ServiceInstance> out;
  const std::string path = zk_join(base_, service);
  for (const std::string& id : cache_.children(path)) {
    auto instance = parse_service_instance(cache_.find(zk_join(path, id))->data);
    if (instance) out.push_back(std::move(*instance));
  }
  return out;
}

std::optional<ServiceInstance> ServiceDiscovery::pick(const std::string& service) {
  const std::vector<ServiceInstance> known = instances(service);
  if (known.empty()) return std::nullopt;
  return known[turns_[service]++ % known.size()];
}

}  // namespace holdfast::client
