// TreeCache: a local copy of a znode and everything below it that follows them, by one persistent recursive watch
// (ZooKeeper 3.6 and later). After a lost connection it reads everything again: what it missed nobody tells.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/recipes.h"

namespace holdfast::client {

struct TreeChange {
  enum class Kind : std::uint8_t { added, changed, removed } kind;
  std::string path;
  const NodeData* node;  // null: removed
};

class TreeCache {
 public:
  using Changed = std::function<void(const TreeChange&)>;
  TreeCache(ZooKeeper& zk, std::string path, Changed changed = {});
  ~TreeCache();  // stop() must have returned

  // When everything was read for the first time. A root that does not exist is an empty tree.
  Task<ZkOutcome<>> start(std::optional<Duration> at_most = {});
  Task<void> stop();

  const std::map<std::string, NodeData>& nodes() const { return nodes_; }
  const NodeData* find(const std::string& path) const;
  std::vector<std::string> children(const std::string& path) const;  // names
  // The data of all znodes together, in bytes.
  std::size_t bytes() const { return bytes_; }

 private:
  Task<void> run();
  Task<ZkOutcome<>> arm();
  Task<ZkOutcome<>> read_some();
  Task<ZkOutcome<>> read_one(std::string path, bool deep);
  void on_event(const WatchEvent& event);
  void want(const std::string& path, bool deep);
  void put(const std::string& path, NodeData node);
  void drop(const std::string& path);

  ZooKeeper& zk_;
  const std::string path_;
  const Changed told_;
  Gate gate_;
  Signal changed_;
  WaitList progress_;
  bool started_ = false, stopping_ = false, read_ = false;
  bool armed_ = false;                  // the watch stands on this connection
  std::map<std::string, bool> wanted_;  // to be read; true: with what is below
  std::map<std::string, NodeData> nodes_;
  std::size_t bytes_ = 0;
  std::optional<ZkFailure> failure_;
  const WatcherRef watcher_, session_watcher_;
};

}  // namespace holdfast::client
