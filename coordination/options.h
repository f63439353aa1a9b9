// What the znode machine can be told. Options that decide about transactions matter on the leader only; extended_types
// must be the same on every replica.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordination/acl.h"

namespace holdfast::zk {

struct MachineOptions {
  bool extended_types = false;  // zookeeper.extendedTypesEnabled: TTL nodes
  bool enforce_quota = false;
  AclOptions acl{};
  // Subtrees that only privileged callers may change: everybody else gets NoAuth.
  std::vector<std::string> protected_prefixes{};
  std::int64_t container_never_used_ms = 0;  // delete containers that never had a child after this; 0: never
  std::string config_text{};                 // of /zookeeper/config
};

}  // namespace holdfast::zk
