// NodeCache: a local copy of one znode that follows it. What it holds is a state that the znode had, never older than
// one it held before; without a connection it stands still.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/recipes.h"

namespace holdfast::client {

class NodeCache {
 public:
  // Called with every change that is seen: not every state of a znode that changes fast is. Null: it does not exist.
  using Changed = std::function<void(const NodeData*)>;
  NodeCache(ZooKeeper& zk, std::string path, Changed changed = {});
  ~NodeCache();  // stop() must have returned

  Task<ZkOutcome<>> start(std::optional<Duration> at_most = {});  // when it has read it for the first time
  Task<void> stop();

  const std::optional<NodeData>& value() const { return value_; }

 private:
  Task<void> run();
  Task<ZkOutcome<>> look();
  void take(std::optional<NodeData> value);

  ZooKeeper& zk_;
  const std::string path_;
  const Changed told_;
  Gate gate_;
  Signal changed_;
  WaitList progress_;
  bool started_ = false, stopping_ = false, read_ = false;
  std::optional<NodeData> value_;
  std::optional<ZkFailure> failure_;
  const WatcherRef watcher_;
};

}  // namespace holdfast::client
