// Tree: the znodes as committed. It knows nothing of requests or permissions to change: the machine applies
// transactions to it, and reads (with their ACL checks) go to it directly. Every change keeps the tree's digest current
// and hands a node's old state to a snapshot being taken before it is lost. Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "coordination/acl.h"
#include "coordination/node.h"
#include "coordination/node_index.h"
#include "coordination/types.h"
#include "runtime/buffer.h"

namespace holdfast::zk {

// Told of a node before its state changes or goes; see SnapshotCapture.
class ChangeObserver {
 public:
  virtual ~ChangeObserver() = default;
  virtual void before_change(Znode& node) = 0;
  virtual void before_removal(Znode& node) = 0;
};

struct NodeState {  // everything of a node but its path
  Bytes data;
  bool null_data = false;
  std::int64_t czxid = 0;
  std::int64_t mzxid = 0;
  std::int64_t pzxid = 0;
  std::int64_t ctime_ms = 0;
  std::int64_t mtime_ms = 0;
  std::int64_t owner = 0;
  std::int32_t version = 0;
  std::int32_t cversion = 0;
  std::int32_t aversion = 0;
};

class Tree {
 public:
  explicit Tree(bool extended_types);
  ~Tree();
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  const Znode* find(std::string_view path) const;
  Znode* find(std::string_view path);
  const Znode& root() const { return *root_; }
  Znode& root() { return *root_; }

  // The parent must exist, the node must not. Its place in the parent (list, count) is set; the parent's stat is not.
  Znode& add(std::string_view path, NodeState state, const AclList& acl);
  Znode* add(Znode& parent, std::string_view path, NodeState state, const AclList& acl);  // null: it exists
  void remove(Znode& node);                                                               // must have no children
  void set_data(Znode& node, Bytes data, bool null_data, std::int32_t version, std::int64_t zxid, std::int64_t time_ms);
  void set_data_quietly(Znode& node, Bytes data);  // a quota's counts: no version, zxid or time of their own
  void set_acl(Znode& node, const AclList& acl, std::int32_t aversion);
  void set_children_changed(Znode& node, std::int32_t cversion, std::int64_t pzxid);

  Stat stat(const Znode& node) const { return node.stat(extended_types_); }
  NodeKind kind(const Znode& node) const { return kind_of_owner(node.owner, extended_types_); }
  bool extended_types() const { return extended_types_; }
  const AclList& acl(const Znode& node) const { return acls_.list(node.acl); }
  AclListRef acl_ref(const Znode& node) const { return acls_.ref(node.acl); }
  const AclTable& acls() const { return acls_; }

  std::uint64_t digest() const { return digest_; }
  std::size_t nodes() const { return index_.size(); }
  // Paths and data, as upstream's approximate_data_size.
  std::uint64_t data_bytes() const { return data_bytes_; }
  std::size_t ephemerals() const { return ephemerals_count_; }
  // The ephemerals of one session, sorted by path.
  std::vector<std::string> ephemerals_of(SessionId session) const;
  const std::unordered_map<std::int64_t, std::unordered_set<Znode*>>& ephemerals_by_session() const {
    return ephemerals_;
  }
  const std::unordered_set<Znode*>& containers() const { return containers_; }
  const std::unordered_set<Znode*>& ttl_nodes() const { return ttl_nodes_; }
  std::uint64_t descendants(const Znode& node) const;
  // Pre-order below `top`: the node after this one, null at the end.
  static Znode* next_in_walk(Znode* node, const Znode* top);

  void observe(ChangeObserver* observer) { observer_ = observer; }
  bool is_observed() const { return observer_ != nullptr; }
  // New nodes carry it: a snapshot begun at this epoch does not contain them.
  std::uint32_t begin_capture_epoch() { return ++capture_epoch_; }
  std::uint32_t capture_epoch() const { return capture_epoch_; }

  void clear();                                          // to the bare root
  void reset_root(NodeState state, const AclList& acl);  // of a cleared tree: a restored root

 private:
  void about_to_change(Znode& node) {
    if (observer_) observer_->before_change(node);
  }
  void exchange_data(Znode& node, Bytes data, bool null_data);
  void renew_digest(Znode& node);  // after a change: its part of the tree's
  void enlist(Znode& node);
  void delist(Znode& node);

  const bool extended_types_;
  NodeIndex index_;
  AclTable acls_;
  Znode* root_ = nullptr;
  ChangeObserver* observer_ = nullptr;
  std::uint32_t capture_epoch_ = 0;
  std::uint64_t digest_ = 0;
  std::uint64_t data_bytes_ = 0;
  std::size_t ephemerals_count_ = 0;
  std::unordered_map<std::int64_t, std::unordered_set<Znode*>> ephemerals_;
  std::unordered_set<Znode*> containers_;
  std::unordered_set<Znode*> ttl_nodes_;
};

}  // namespace holdfast::zk
