// Outstanding: what transactions that are prepared but not yet applied will make of the nodes they touch, so that a
// pipelined request is judged by the state it will meet (ZooKeeperServer.outstandingChanges). An overlay over the tree:
// an entry lives until the last transaction that touched its path is applied. Lives on the coordination shard, leader
// only.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coordination/acl.h"
#include "coordination/tree.h"
#include "runtime/strong.h"

namespace holdfast::zk {

// What judging a request needs to know of a node.
struct NodeView {
  bool exists = false;
  std::int32_t version = 0;
  std::int32_t cversion = 0;
  std::int32_t aversion = 0;
  std::int64_t children = 0;
  std::int64_t czxid = 0;
  std::int64_t mtime_ms = 0;
  std::int64_t owner = 0;
  std::int64_t data_size = 0;
  AclListRef acl;
};

class Outstanding {
 public:
  explicit Outstanding(const Tree& tree) : tree_(tree) {}

  NodeView view(std::string_view path) const;
  void put(std::string_view path, NodeView view, Zxid zxid);

  // A multi is all or nothing: after mark(), keep() makes every put() since stay, roll_back() undoes them all.
  std::size_t mark();
  void keep();
  void roll_back(std::size_t mark);

  void applied(Zxid zxid);  // forgets what the tree now shows itself
  void clear();             // leadership lost: those transactions are not ours any more
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return log_.size(); }

  // The ephemerals that the session will have.
  std::vector<std::string> ephemerals_of(SessionId session) const;

 private:
  struct Entry {
    NodeView view;
    std::size_t puts = 0;  // of log_ that refer to it
  };
  struct PathHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view path) const { return std::hash<std::string_view>{}(path); }
  };
  using Map = std::unordered_map<std::string, Entry, PathHash, std::equal_to<>>;
  struct Put {
    Map::pointer entry;
    Zxid zxid;
    bool was_new;
    Entry before;  // this put, when it was not new and may be rolled back
  };

  const Tree& tree_;
  Map entries_;
  std::deque<Put> log_;  // in zxid order
  bool recording_ = false;
};

}  // namespace holdfast::zk
