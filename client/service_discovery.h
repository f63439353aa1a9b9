// ServiceDiscovery: services and where their instances are. The layout and the JSON are those of Curator's x-discovery:
// an ephemeral znode <base>/<service>/<instance id>.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/ephemeral_node.h"
#include "client/tree_cache.h"

namespace holdfast::client {

struct ServiceInstance {
  std::string service;
  std::string id;  // empty: one is made
  std::string address;
  std::optional<std::uint16_t> port, ssl_port;
  std::string payload;  // JSON; empty: none
  std::int64_t registered_ms = 0;
};
std::string to_json(const ServiceInstance& instance);
Result<ServiceInstance> parse_service_instance(std::string_view json);

class ServiceDiscovery {
 public:
  ServiceDiscovery(ZooKeeper& zk, std::string base, std::function<void()> changed = {});
  ~ServiceDiscovery();

  Task<ZkOutcome<>> start(std::optional<Duration> at_most = {});  // when the instances are known
  // Offered until it is withdrawn or this is stopped. Returns its id.
  Task<ZkOutcome<std::string>> offer(ServiceInstance instance, std::optional<Duration> at_most = {});
  Task<void> withdraw(std::string id);
  Task<void> stop();

  std::vector<std::string> services() const;
  std::vector<ServiceInstance> instances(const std::string& service) const;  // what cannot be read is left out
  std::optional<ServiceInstance> pick(const std::string& service);           // one after the other

 private:
  ZooKeeper& zk_;
  const std::string base_;
  TreeCache cache_;
  std::map<std::string, std::unique_ptr<EphemeralNode>> offered_;
  std::map<std::string, std::size_t> turns_;
};

}  // namespace holdfast::client
