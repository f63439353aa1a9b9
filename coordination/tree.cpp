#include "coordination/tree.h"

#include <algorithm>
#include <new>

#include "coordination/hash.h"
#include "coordination/path.h"
#include "runtime/result.h"

namespace holdfast::zk {
namespace {

Znode* make_node(std::string_view name) {
  void* memory = ::operator new(sizeof(Znode) + name.size());
  auto* node = new (memory) Znode;
  node->name_size = static_cast<std::uint32_t>(name.size()) & 0x7fff'ffff;
  name.copy(reinterpret_cast<char*>(node + 1), name.size());
  return node;
}

void free_node(Znode* node) {
  node->~Znode();
  ::operator delete(node);
}

// Everything that is replicated of a node, but its list of children (each child speaks for itself).
std::uint64_t digest_of_node(const Znode& node, const AclList& acl) {
  const std::uint64_t words[] = {node.path_hash,
                                 hash64(node.data.view(), node.null_data ? 1 : 0),
                                 static_cast<std::uint64_t>(node.czxid),
                                 static_cast<std::uint64_t>(node.mzxid),
                                 static_cast<std::uint64_t>(node.pzxid),
                                 static_cast<std::uint64_t>(node.ctime_ms),
                                 static_cast<std::uint64_t>(node.mtime_ms),
                                 static_cast<std::uint64_t>(node.owner),
                                 static_cast<std::uint64_t>(static_cast<std::uint32_t>(node.version)) << 32 |
                                     static_cast<std::uint32_t>(node.cversion),
                                 static_cast<std::uint32_t>(node.aversion),
                                 node.acl == AclTable::open ? 0 : digest_of_acl(acl)};
  return hash64({reinterpret_cast<const std::uint8_t*>(words), sizeof(words)});
}

void set_state(Znode& node, NodeState state) {
  node.czxid = state.czxid;
  node.mzxid = state.mzxid;
  node.pzxid = state.pzxid;
  node.ctime_ms = state.ctime_ms;
  node.mtime_ms = state.mtime_ms;
  node.owner = state.owner;
  node.version = state.version;
  node.cversion = state.cversion;
  node.aversion = state.aversion;
  node.data = std::move(state.data);
  node.null_data = state.null_data;
}

}  // namespace

Tree::Tree(bool extended_types) : extended_types_(extended_types) { clear(); }

Tree::~Tree() {
  index_.for_each([](Znode* node) { free_node(node); });
}

void Tree::clear() {
  HOLDFAST_CHECK(!observer_);
  index_.for_each([this](Znode* node) {
    acls_.release(node->acl);
    free_node(node);
  });
  index_ = NodeIndex();
  ephemerals_.clear();
  containers_.clear();
  ttl_nodes_.clear();
  ephemerals_count_ = 0;
  data_bytes_ = 0;
  digest_ = 0;
  root_ = make_node("");
  root_->path_size = 1;
  root_->path_hash = hash_of_path("/");
  root_->acl = AclTable::open;
  acls_.retain(root_->acl);
  index_.insert(root_);
  renew_digest(*root_);
}

void Tree::reset_root(NodeState state, const AclList& acl) {
  HOLDFAST_CHECK(nodes() == 1);
  acls_.release(root_->acl);
  root_->acl = acls_.retain(acl);
  set_state(*root_, std::move(state));
  data_bytes_ += root_->data.size();
  renew_digest(*root_);
}

const Znode* Tree::find(std::string_view path) const { return index_.find(path, hash_of_path(path)); }
Znode* Tree::find(std::string_view path) { return index_.find(path, hash_of_path(path)); }

Znode& Tree::add(std::string_view path, NodeState state, const AclList& acl) {
  Znode* parent = find(parent_of(path));
  HOLDFAST_CHECK(parent);
  Znode* node = add(*parent, path, std::move(state), acl);
  HOLDFAST_CHECK(node);
  return *node;
}

Znode* Tree::add(Znode& parent, std::string_view path, NodeState state, const AclList& acl) {
  const std::uint64_t hash = hash_of_path(path);
  if (index_.find(path, hash)) return nullptr;
  Znode* node = make_node(name_of(path));
  node->parent = &parent;
  node->path_size = static_cast<std::uint32_t>(path.size());
  node->path_hash = hash;
  node->acl = acls_.retain(acl);  // an empty list is the open one
  node->captured_epoch = capture_epoch_;
  set_state(*node, std::move(state));

  node->previous_sibling = parent.last_child;
  (parent.last_child ? parent.last_child->next_sibling : parent.first_child) = node;
  parent.last_child = node;
  ++parent.children;

  index_.insert(node);
  enlist(*node);
  data_bytes_ += node->path_size + node->data.size();
  renew_digest(*node);
  return node;
}

void Tree::remove(Znode& node) {
  HOLDFAST_CHECK(node.parent && node.children == 0);
  if (observer_) observer_->before_removal(node);
  Znode& parent = *node.parent;
  (node.previous_sibling ? node.previous_sibling->next_sibling : parent.first_child) = node.next_sibling;
  (node.next_sibling ? node.next_sibling->previous_sibling : parent.last_child) = node.previous_sibling;
  --parent.children;

  index_.erase(&node);
  delist(node);
  data_bytes_ -= node.path_size + node.data.size();
  digest_ -= node.digest;
  acls_.release(node.acl);
  free_node(&node);
}

void Tree::set_data(Znode& node, Bytes data, bool null_data, std::int32_t version, std::int64_t zxid,
                    std::int64_t time_ms) {
  about_to_change(node);
  node.version = version;
  node.mzxid = zxid;
  node.mtime_ms = time_ms;
  exchange_data(node, std::move(data), null_data);
}

void Tree::set_data_quietly(Znode& node, Bytes data) {
  about_to_change(node);
  exchange_data(node, std::move(data), false);
}

void Tree::exchange_data(Znode& node, Bytes data, bool null_data) {
  data_bytes_ = data_bytes_ - node.data.size() + data.size();
  node.data = std::move(data);
  node.null_data = null_data;
  renew_digest(node);
}

void Tree::set_acl(Znode& node, const AclList& acl, std::int32_t aversion) {
  about_to_change(node);
  const AclId before = node.acl;
  node.acl = acls_.retain(acl);
  acls_.release(before);
  node.aversion = aversion;
  renew_digest(node);
}

void Tree::set_children_changed(Znode& node, std::int32_t cversion, std::int64_t pzxid) {
  about_to_change(node);
  node.cversion = cversion;
  node.pzxid = pzxid;
  renew_digest(node);
}

void Tree::renew_digest(Znode& node) {
  const std::uint64_t digest = digest_of_node(node, acls_.list(node.acl));
  digest_ += digest - node.digest;
  node.digest = digest;
}

void Tree::enlist(Znode& node) {
  switch (kind(node)) {
    case NodeKind::persistent:
      break;
    case NodeKind::ephemeral:
      ephemerals_[node.owner].insert(&node);
      ++ephemerals_count_;
      break;
    case NodeKind::container:
      containers_.insert(&node);
      break;
    case NodeKind::ttl:
      ttl_nodes_.insert(&node);
      break;
  }
}

void Tree::delist(Znode& node) {
  switch (kind(node)) {
    case NodeKind::persistent:
      break;
    case NodeKind::ephemeral: {
      const auto owned = ephemerals_.find(node.owner);
      owned->second.erase(&node);
      if (owned->second.empty()) ephemerals_.erase(owned);
      --ephemerals_count_;
      break;
    }
    case NodeKind::container:
      containers_.erase(&node);
      break;
    case NodeKind::ttl:
      ttl_nodes_.erase(&node);
      break;
  }
}

std::vector<std::string> Tree::ephemerals_of(SessionId session) const {
  std::vector<std::string> paths;
  if (const auto owned = ephemerals_.find(session.value); owned != ephemerals_.end()) {
    for (const Znode* node : owned->second) paths.push_back(node->path());
    std::ranges::sort(paths);
  }
  return paths;
}

Znode* Tree::next_in_walk(Znode* node, const Znode* top) {
  if (node->first_child) return node->first_child;
  for (; node != top; node = node->parent) {
    if (node->next_sibling) return node->next_sibling;
  }
  return nullptr;
}

std::uint64_t Tree::descendants(const Znode& node) const {
  if (&node == root_) return nodes() - 1;
  std::uint64_t count = 0;
  for (auto* at = const_cast<Znode*>(&node); (at = next_in_walk(at, &node));) ++count;
  return count;
}

}  // namespace holdfast::zk
