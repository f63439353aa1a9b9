// GroupMembership: who is there. A member is an ephemeral znode with its data; everybody may look, or follow.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "client/ephemeral_node.h"
#include "client/tree_cache.h"

namespace holdfast::client {

class GroupMembership {
 public:
  // `changed` is called whenever somebody came, went, or changed its data.
  GroupMembership(ZooKeeper& zk, std::string path, std::function<void()> changed = {});

  // When the members are known.
  Task<ZkOutcome<>> start(std::optional<Duration> at_most = {});
  // Becomes a member under this name, until stop(); OPERATIONTIMEOUT: not in that time, but it goes on trying.
  Task<ZkOutcome<>> join(std::string name, std::string data = {}, std::optional<Duration> at_most = {});
  void set_data(std::string data);
  Task<void> leave();
  Task<void> stop();

  std::map<std::string, std::string> members() const;  // by name, with their data

 private:
  ZooKeeper& zk_;
  const std::string path_;
  TreeCache cache_;
  std::unique_ptr<EphemeralNode> own_;
};

}  // namespace holdfast::client
