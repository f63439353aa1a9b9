#include "coordination/machine.h"

#include <algorithm>

#include "coordination/hash.h"
#include "coordination/path.h"

namespace holdfast::zk {

ZnodeMachine::ZnodeMachine(MachineOptions options)
    : options_(std::move(options)),
      tree_(options_.extended_types),
      preparer_(options_, tree_, sessions_, quotas_),
      applier_(tree_, sessions_, watches_, quotas_) {
  create_system_nodes();
}

// As DataTree's constructor leaves them: no zxid, no time; the root has counted nothing, /zookeeper its two children.
// A restored tree lacks some when it came from a ZooKeeper before 3.5.
void ZnodeMachine::create_system_nodes() {
  const auto create = [this](std::string_view path, NodeState state, const AclList& acl) {
    if (!tree_.find(path)) tree_.add(path, std::move(state), acl);
  };
  create("/zookeeper", {}, {});
  create(quota_root, {}, {});
  NodeState config;
  config.data = Bytes::copy(options_.config_text);
  config.aversion = -1;
  create(ensemble_config_path, std::move(config), {Acl{perms::read, Id{"world", "anyone"}}});
}

Txn ZnodeMachine::prepare(const WriteRequest& request, const Caller& caller, std::int64_t now_ms) {
  return preparer_.prepare(request, caller, now_ms);
}

void ZnodeMachine::discard_outstanding() { preparer_.restart(last_applied_); }

std::vector<std::string> ZnodeMachine::expired_nodes(std::int64_t now_ms, std::size_t count) const {
  std::vector<std::string> paths;
  const auto collect = [&](const auto& nodes, NodeKind kind) {
    for (const Znode* node : nodes) {
      if (paths.size() == count) return;
      NodeView view;
      view.exists = true;
      view.children = node->children;
      view.cversion = node->cversion;
      view.mtime_ms = node->mtime_ms;
      view.owner = node->owner;
      if (is_expired(kind, view, now_ms, options_)) paths.push_back(node->path());
    }
  };
  collect(tree_.containers(), NodeKind::container);
  collect(tree_.ttl_nodes(), NodeKind::ttl);
  std::ranges::sort(paths);  // they are found in the order of their addresses
  return paths;
}

const Effects& ZnodeMachine::apply(const Txn& txn) {
  const bool advances = txn.has_own_zxid();
  if (advances && txn.zxid <= last_applied_) {
    effects_ = Effects{.zxid = txn.zxid, .session = txn.session, .cxid = txn.cxid};
    return effects_;
  }
  applier_.apply(txn, effects_);
  if (advances) last_applied_ = txn.zxid;
  preparer_.applied(txn);
  return effects_;
}

void ZnodeMachine::apply_epoch() {
  last_applied_ = Zxid{((last_applied_.value >> 32) + 1) << 32};
  preparer_.restart(last_applied_);
}

bool ZnodeMachine::may(const AclList& acl, std::int32_t wanted, const Caller& caller) const {
  return caller.privileged || options_.acl.skip_acl || permits(acl, wanted, caller.ids);
}

bool ZnodeMachine::may(const Znode& node, std::int32_t wanted, const Caller& caller) const {
  return node.acl == AclTable::open || may(tree_.acl(node), wanted, caller);
}

// The empty path reads as the root, as it does upstream (DataTree's map knows the root by both names).
const Znode* ZnodeMachine::at(std::string_view path) const { return path.empty() ? &tree_.root() : tree_.find(path); }

Outcome<Stat> ZnodeMachine::exists(std::string_view path, const Caller& caller, bool watch) {
  if (path.find('\0') != std::string_view::npos) return std::unexpected(ZkError::bad_arguments);
  const Znode* node = at(path);
  if (node && !may(*node, perms::read, caller)) return std::unexpected(ZkError::no_auth);
  if (watch) watches_.add(path, caller.connection, WatchKind::data);
  if (!node) return std::unexpected(ZkError::no_node);
  return tree_.stat(*node);
}

Outcome<const Znode*> ZnodeMachine::readable(std::string_view path, std::int32_t wanted, const Caller& caller) const {
  const Znode* node = at(path);
  if (!node) return std::unexpected(ZkError::no_node);
  if (!may(*node, wanted, caller)) return std::unexpected(ZkError::no_auth);
  return node;
}

Outcome<DataResult> ZnodeMachine::get_data(std::string_view path, const Caller& caller, bool watch) {
  const auto node = readable(path, perms::read, caller);
  if (!node) return std::unexpected(node.error());
  if (watch) watches_.add(path, caller.connection, WatchKind::data);
  return DataResult{(*node)->data, (*node)->null_data, tree_.stat(**node)};
}

Outcome<ChildrenResult> ZnodeMachine::get_children(std::string_view path, const Caller& caller, bool watch) {
  const auto node = readable(path, perms::read, caller);
  if (!node) return std::unexpected(node.error());
  if (watch) watches_.add(path, caller.connection, WatchKind::child);
  return ChildrenResult{ChildNames(*node), tree_.stat(**node)};
}

// Readers without ADMIN see digests without their hashes (CVE-2019-0201).
Outcome<AclResult> ZnodeMachine::get_acl(std::string_view path, const Caller& caller) const {
  const auto node = readable(path, perms::read | perms::admin, caller);
  if (!node) return std::unexpected(node.error());
  const AclList& acl = tree_.acl(**node);
  return AclResult{may(**node, perms::admin, caller) ? acl : masked(acl), tree_.stat(**node)};
}

Outcome<std::int32_t> ZnodeMachine::all_children_number(std::string_view path, const Caller& caller) const {
  const auto node = readable(path, perms::read, caller);
  if (!node) return std::unexpected(node.error());
  return static_cast<std::int32_t>(tree_.descendants(**node));
}

std::vector<std::string> ZnodeMachine::ephemerals(std::string_view prefix, const Caller& caller) const {
  std::vector<std::string> paths = tree_.ephemerals_of(caller.session);
  if (prefix != "/") std::erase_if(paths, [&](const std::string& path) { return !path.starts_with(prefix); });
  return paths;
}

Outcome<void> ZnodeMachine::add_watch(std::string_view path, std::int32_t mode, const Caller& caller) {
  if (mode != 0 && mode != 1) return std::unexpected(ZkError::marshalling_error);
  watches_.add(path, caller.connection, mode == 0 ? WatchKind::persistent : WatchKind::persistent_recursive);
  return {};
}

namespace {
Outcome<WatcherType> watcher_type(std::int32_t type) {
  if (type < 1 || type > 5) return std::unexpected(ZkError::marshalling_error);
  return static_cast<WatcherType>(type);
}
}  // namespace

Outcome<void> ZnodeMachine::remove_watches(std::string_view path, std::int32_t type, const Caller& caller) {
  const auto wanted = watcher_type(type);
  if (!wanted) return std::unexpected(wanted.error());
  if (!watches_.remove(path, caller.connection, *wanted)) return std::unexpected(ZkError::no_watcher);
  return {};
}

Outcome<void> ZnodeMachine::check_watches(std::string_view path, std::int32_t type, const Caller& caller) const {
  const auto wanted = watcher_type(type);
  if (!wanted) return std::unexpected(wanted.error());
  if (!watches_.holds(path, caller.connection, *wanted)) return std::unexpected(ZkError::no_watcher);
  return {};
}

// DataTree.setWatches. What the caller may not read is armed without a word: delivery is filtered then.
std::vector<WatchEvent> ZnodeMachine::rearm(const RearmRequest& request, const Caller& caller) {
  std::vector<WatchEvent> events;
  const auto tell = [&](EventType type, std::string_view path, const Znode* node) {
    events.push_back(
        {type, std::string(path), node ? tree_.acl_ref(*node) : tree_.acls().ref(AclTable::open), {caller.connection}});
  };
  const auto arm = [&](std::string_view path, WatchKind kind) { watches_.add(path, caller.connection, kind); };
  const auto rel = request.relative_zxid.value;
  for (const std::string_view path : request.data) {
    const Znode* node = at(path);
    if (!node) {
      tell(EventType::deleted, path, node);
    } else if (node->mzxid > rel && may(*node, perms::read, caller)) {
      tell(EventType::data_changed, path, node);
    } else {
      arm(path, WatchKind::data);
    }
  }
  for (const std::string_view path : request.exist) {
    const Znode* node = at(path);
    if (node && may(*node, perms::read, caller)) {
      tell(EventType::created, path, node);
    } else {
      arm(path, WatchKind::data);
    }
  }
  for (const std::string_view path : request.child) {
    const Znode* node = at(path);
    if (!node) {
      tell(EventType::deleted, path, node);
    } else if (node->pzxid > rel && may(*node, perms::read, caller)) {
      tell(EventType::children_changed, path, node);
    } else {
      arm(path, WatchKind::child);
    }
  }
  for (const std::string_view path : request.persistent) arm(path, WatchKind::persistent);
  for (const std::string_view path : request.persistent_recursive) arm(path, WatchKind::persistent_recursive);
  return events;
}

std::optional<ResultRecord> ZnodeMachine::result_of(SessionId session, std::int32_t cxid) const {
  const Session* known = sessions_.find(session);
  return known ? known->results.find(cxid) : std::nullopt;
}

std::unique_ptr<SnapshotCapture> ZnodeMachine::begin_snapshot(std::int64_t now_ms) {
  return std::make_unique<SnapshotCapture>(tree_, sessions_, last_applied_, now_ms);
}

std::unique_ptr<ZnodeMachine::Restore> ZnodeMachine::begin_restore() { return std::make_unique<Restore>(*this); }

std::uint64_t ZnodeMachine::digest() const {
  std::uint64_t digest = tree_.digest();
  for (const auto& [id, session] : sessions_.all()) {
    digest += fold(static_cast<std::uint64_t>(id.value) ^ 0x9e3779b97f4a7c15ull,
                   static_cast<std::uint64_t>(session.timeout_ms) + 0xd6e8feb86659fd93ull);
  }
  return digest;
}

ZnodeMachine::Restore::Restore(ZnodeMachine& machine) : machine_(machine), reader_(machine.tree_, machine.sessions_) {}

ZnodeMachine::Restore::~Restore() {
  if (whole_) return;
  machine_.tree_.clear();
  machine_.sessions_.clear();
  machine_.begin_at(Zxid(0));
}

Result<Zxid> ZnodeMachine::Restore::finish() {
  auto zxid = reader_.finish();
  if (!zxid) return zxid;
  whole_ = true;
  machine_.begin_at(*zxid);
  return zxid;
}

void ZnodeMachine::begin_at(Zxid last_applied) {
  create_system_nodes();
  last_applied_ = last_applied;
  applier_.rebuild_quotas();
  preparer_.restart(last_applied);
}

}  // namespace holdfast::zk
