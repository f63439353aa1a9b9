// What the znode machine can be told. Options that decide about transactions matter on the leader only; extended_types
// must be the same on every replica.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "coordination/acl.h"
#include "coordination/consensus_types.h"

namespace holdfast::zk {

// What the leader knows of the quorum, beside the tree, when a reconfig is judged.
struct QuorumView {
  bool changing = false;         // an earlier change of members is not finished
  std::vector<ServerId> synced;  // itself, and the servers that follow it and have caught up, members or not
};

struct ReconfigOptions {
  bool enabled = false;            // reconfigEnabled
  bool standalone_enabled = true;  // standaloneEnabled: two voters are the least
  bool multi_address = false;      // multiAddress.enabled
  std::function<QuorumView()>
      quorum{};  // asked at the leader; empty: the server stands alone, and nothing can be changed
};

struct MachineOptions {
  bool extended_types = false;  // zookeeper.extendedTypesEnabled: TTL nodes
  bool enforce_quota = false;
  AclOptions acl{};
  // Subtrees that only privileged callers may change: everybody else gets NoAuth.
  std::vector<std::string> protected_prefixes{};
  std::int64_t container_never_used_ms = 0;  // delete containers that never had a child after this; 0: never
  std::string config_text{};                 // of /zookeeper/config, before the first transaction
  ReconfigOptions reconfig{};
};

}  // namespace holdfast::zk
