#include "coordination/prepare.h"

#include <algorithm>

#include "coordination/path.h"
#include "coordination/reconfig.h"
#include "runtime/result.h"

namespace holdfast::zk {
namespace {

struct CreateMode {
  bool ephemeral = false;
  bool sequential = false;
  bool ttl = false;
};

// CreateMode.fromFlag
std::expected<CreateMode, ZkError> mode_of(std::int32_t flags) {
  switch (flags) {
    case 0:
    case 4:
      return CreateMode{};  // 4, container: what makes one is the opcode
    case 1:
      return CreateMode{.ephemeral = true};
    case 2:
      return CreateMode{.sequential = true};
    case 3:
      return CreateMode{.ephemeral = true, .sequential = true};
    case 5:
      return CreateMode{.ttl = true};
    case 6:
      return CreateMode{.sequential = true, .ttl = true};
    default:
      return std::unexpected(ZkError::bad_arguments);
  }
}

// An in-process caller's transactions may touch anything; everybody else's need a slash, and no NUL that would cut the
// name short in C clients.
bool has_parent(std::string_view path) {
  return path.find('/') != std::string_view::npos && path.find('\0') == std::string_view::npos;
}

std::int32_t plus_one(std::int32_t n) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(n) + 1); }

bool is_world_open(const AclList& list) {
  return list.size() == 1 && list[0].perms == perms::all && list[0].id.scheme == "world" && list[0].id.id == "anyone";
}

std::int64_t size_of(const DataView& data) { return static_cast<std::int64_t>(data.bytes.size()); }

}  // namespace

std::int32_t next_version(std::int32_t version) {
  const std::int32_t next = plus_one(version);
  return next == -1 ? 0 : next;
}

bool is_system_path(std::string_view path) {
  return path == "/" || path == "/zookeeper" || path == quota_root || path == ensemble_config_path;
}

bool is_expired(NodeKind kind, const NodeView& node, std::int64_t now_ms, const MachineOptions& options) {
  if (!node.exists || node.children > 0) return false;
  const std::int64_t age_ms = now_ms - node.mtime_ms;
  switch (kind) {
    case NodeKind::container:
      return node.cversion > 0 || (options.container_never_used_ms > 0 && age_ms > options.container_never_used_ms);
    case NodeKind::ttl:
      return age_ms > ttl_of_owner(node.owner);
    case NodeKind::persistent:
    case NodeKind::ephemeral:
      return false;
  }
  return false;
}

Preparer::Preparer(const MachineOptions& options, const Tree& tree, const SessionTable& sessions,
                   const QuotaPaths& quotas)
    : options_(options), tree_(tree), sessions_(sessions), quotas_(quotas), outstanding_(tree) {}

Txn Preparer::prepare(const WriteRequest& request, const Caller& caller, std::int64_t now_ms) {
  // The counter that wraps carries into the epoch: no election is needed for it.
  if (!std::holds_alternative<AttachSessionOp>(request)) ++last_prepared_;
  const Context context{caller, last_prepared_, now_ms};
  Txn txn;
  txn.session = caller.session;
  txn.cxid = caller.cxid;
  txn.zxid = context.zxid;
  txn.time_ms = now_ms;
  std::visit(
      [&](const auto& op) {
        auto judged = judge(op, context);
        if (judged) {
          txn.body = std::move(*judged);
        } else {
          txn.body = ErrorTxn{judged.error()};
        }
      },
      request);
  return txn;
}

void Preparer::applied(const Txn& txn) {
  if (std::holds_alternative<AttachSessionTxn>(txn.body)) {
    const auto move = moving_.find(txn.session);
    if (move != moving_.end() && --move->second.prepared == 0) moving_.erase(move);
    return;
  }
  outstanding_.applied(txn.zxid);
  quota_use_.applied(txn.zxid);
  last_prepared_ = std::max(last_prepared_, txn.zxid);
  if (txn.zxid >= reconfiguring_) reconfiguring_ = Zxid{};
  if (std::holds_alternative<CreateSessionTxn>(txn.body)) opening_.erase(txn.session);
  if (std::holds_alternative<CloseSessionTxn>(txn.body)) closing_.erase(txn.session);
}

void Preparer::restart(Zxid last_applied) {
  outstanding_.clear();
  quota_use_.clear();
  opening_.clear();
  moving_.clear();
  closing_.clear();
  reconfiguring_ = Zxid{};
  last_prepared_ = last_applied;
}

ZkError Preparer::check_session(const Caller& caller) const {
  if (caller.privileged && caller.session == SessionId{}) return ZkError::ok;
  if (closing_.contains(caller.session)) return ZkError::session_expired;
  const Session* session = sessions_.find(caller.session);
  if (!session && !opening_.contains(caller.session)) return ZkError::session_expired;
  return has_moved(caller, session) ? ZkError::session_moved : ZkError::ok;
}

// What is prepared counts already: a request of the server that the session left must not come in behind its moving.
bool Preparer::has_moved(const Caller& caller, const Session* session) const {
  if (caller.owner == 0) return false;
  std::int64_t owner = 0;
  if (const auto move = moving_.find(caller.session); move != moving_.end()) {
    owner = move->second.owner;
  } else if (const auto opening = opening_.find(caller.session); opening != opening_.end()) {
    owner = opening->second;
  } else if (session) {
    owner = session->owner;
  }
  return owner != 0 && owner != caller.owner;
}

ZkError Preparer::check_permission(const AclListRef& acl, std::int32_t wanted, std::string_view path,
                                   const Caller& caller) const {
  if (caller.privileged) return ZkError::ok;
  if (wanted != perms::read && std::ranges::any_of(options_.protected_prefixes, [&](const std::string& prefix) {
        return is_at_or_below(path, prefix);
      })) {
    return ZkError::no_auth;
  }
  return options_.acl.skip_acl || permits(*acl, wanted, caller.ids) ? ZkError::ok : ZkError::no_auth;
}

std::expected<AclListRef, ZkError> Preparer::list_to_store(const std::vector<Acl>& asked, const Caller& caller) const {
  if (is_world_open(asked)) return tree_.acls().ref(AclTable::open);  // nearly always
  auto fixed = fix_up(options_.acl, asked, caller.ids);
  if (!fixed) return std::unexpected(fixed.error());
  return std::make_shared<const AclList>(std::move(*fixed));
}

ZkError Preparer::check_quota(std::string_view path, std::int64_t bytes, std::int64_t count, const Context& context) {
  if (!options_.enforce_quota) return ZkError::ok;
  const auto root = quotas_.covering(path);
  if (!root) return ZkError::ok;
  const Znode* limits_node = tree_.find(limits_path(*root));
  const Znode* stats_node = tree_.find(stats_path(*root));
  if (limits_node && stats_node) {
    const auto limits = QuotaValues::parse(as_text(limits_node->data.view()));
    const auto stats = QuotaValues::parse(as_text(stats_node->data.view()));
    const auto pending = quota_use_.of(*root);
    const bool over_count =
        count != 0 && limits.count_hard > -1 && stats.count + pending.count + count > limits.count_hard;
    const bool over_bytes =
        bytes != 0 && limits.bytes_hard > -1 && stats.bytes + pending.bytes + bytes > limits.bytes_hard;
    if (over_count || over_bytes) return ZkError::quota_exceeded;
  }
  quota_use_.add(*root, bytes, count, context.zxid);
  return ZkError::ok;
}

std::expected<CreateTxn, ZkError> Preparer::judge(const CreateOp& op, const Context& context) {
  const auto mode = mode_of(op.flags);
  if (!mode) return std::unexpected(mode.error());
  if (mode->ttl && !options_.extended_types) return std::unexpected(ZkError::unimplemented);
  const bool ttl_op = op.op == OpCode::create_ttl;
  if (ttl_op != mode->ttl) return std::unexpected(ZkError::bad_arguments);
  if (mode->ttl && (op.ttl_ms <= 0 || op.ttl_ms > ttl_max_ms)) return std::unexpected(ZkError::bad_arguments);
  if (const auto error = check_session(context.caller); error != ZkError::ok) return std::unexpected(error);
  if (!has_parent(op.path)) return std::unexpected(ZkError::bad_arguments);

  const auto acl = list_to_store(op.acl, context.caller);
  if (!acl) return std::unexpected(acl.error());
  const std::string_view parent_path = parent_of(op.path);
  NodeView parent = outstanding_.view(parent_path);
  if (!parent.exists) return std::unexpected(ZkError::no_node);

  CreateTxn txn;
  txn.path = op.path;
  if (mode->sequential) txn.path += sequence_suffix(parent.cversion);
  if (const auto error = check_permission(parent.acl, perms::create, txn.path, context.caller); error != ZkError::ok) {
    return std::unexpected(error);
  }
  if (!path_is_valid(txn.path)) return std::unexpected(ZkError::bad_arguments);
  if (outstanding_.view(txn.path).exists) return std::unexpected(ZkError::node_exists);
  if (kind_of_owner(parent.owner, options_.extended_types) == NodeKind::ephemeral) {
    return std::unexpected(ZkError::no_children_for_ephemerals);
  }
  if (const auto error = check_quota(txn.path, size_of(op.data), 1, context); error != ZkError::ok) {
    return std::unexpected(error);
  }

  txn.op = op.op;
  txn.null_data = op.data.null;
  if (!op.data.bytes.empty()) txn.data = Bytes::copy(op.data.bytes);
  if (op.op == OpCode::create_container) {
    txn.owner = container_owner;
  } else if (mode->ttl) {
    txn.owner = owner_of_ttl(op.ttl_ms);
  } else if (mode->ephemeral) {
    txn.owner = context.caller.session.value;
  }
  txn.parent_cversion = plus_one(parent.cversion);

  NodeView node;
  node.exists = true;
  node.czxid = context.zxid.value;
  node.mtime_ms = context.now_ms;
  node.owner = txn.owner;
  node.data_size = size_of(op.data);
  node.acl = *acl;
  if (!is_world_open(**acl)) txn.acl = **acl;
  parent.cversion = txn.parent_cversion;
  ++parent.children;
  outstanding_.put(parent_path, std::move(parent), context.zxid);
  outstanding_.put(txn.path, std::move(node), context.zxid);
  return txn;
}

DeleteTxn Preparer::remove(std::string_view path, NodeView parent, const NodeView& node, const Context& context) {
  --parent.children;
  outstanding_.put(parent_of(path), std::move(parent), context.zxid);
  outstanding_.put(path, NodeView{}, context.zxid);
  if (options_.enforce_quota) {
    if (const auto root = quotas_.covering(path)) quota_use_.add(*root, -node.data_size, -1, context.zxid);
  }
  return DeleteTxn{std::string(path)};
}

std::expected<DeleteTxn, ZkError> Preparer::judge(const DeleteOp& op, const Context& context) {
  if (const auto error = check_session(context.caller); error != ZkError::ok) return std::unexpected(error);
  if (!has_parent(op.path) || is_system_path(op.path)) return std::unexpected(ZkError::bad_arguments);
  NodeView parent = outstanding_.view(parent_of(op.path));
  if (!parent.exists) return std::unexpected(ZkError::no_node);
  if (const auto error = check_permission(parent.acl, perms::remove, op.path, context.caller); error != ZkError::ok) {
    return std::unexpected(error);
  }
  const NodeView node = outstanding_.view(op.path);
  if (!node.exists) return std::unexpected(ZkError::no_node);
  if (op.version != -1 && op.version != node.version) return std::unexpected(ZkError::bad_version);
  if (node.children > 0) return std::unexpected(ZkError::not_empty);
  return remove(op.path, std::move(parent), node, context);
}

// What expired_nodes() found may have been used since: it is judged again.
std::expected<DeleteTxn, ZkError> Preparer::judge(const DeleteExpiredOp& op, const Context& context) {
  if (!context.caller.privileged) return std::unexpected(ZkError::unimplemented);
  if (!has_parent(op.path) || is_system_path(op.path)) return std::unexpected(ZkError::bad_arguments);
  const NodeView node = outstanding_.view(op.path);
  if (!node.exists) return std::unexpected(ZkError::no_node);
  if (node.children > 0) return std::unexpected(ZkError::not_empty);
  if (!is_expired(kind_of_owner(node.owner, options_.extended_types), node, context.now_ms, options_)) {
    return std::unexpected(ZkError::bad_version);
  }
  return remove(op.path, outstanding_.view(parent_of(op.path)), node, context);
}

std::expected<SetDataTxn, ZkError> Preparer::judge(const SetDataOp& op, const Context& context) {
  if (const auto error = check_session(context.caller); error != ZkError::ok) return std::unexpected(error);
  if (!path_is_valid(op.path)) return std::unexpected(ZkError::bad_arguments);
  NodeView node = outstanding_.view(op.path);
  if (!node.exists) return std::unexpected(ZkError::no_node);
  if (const auto error = check_permission(node.acl, perms::write, op.path, context.caller); error != ZkError::ok) {
    return std::unexpected(error);
  }
  // Upstream lets whoever may write there make it say what is not so, until the next reconfig.
  if (options_.reconfig.quorum && op.path == ensemble_config_path) return std::unexpected(ZkError::bad_arguments);
  if (op.version != -1 && op.version != node.version) return std::unexpected(ZkError::bad_version);
  const std::int64_t growth = size_of(op.data) - node.data_size;
  if (const auto error = check_quota(op.path, growth, 0, context); error != ZkError::ok) return std::unexpected(error);

  SetDataTxn txn;
  txn.path = op.path;
  txn.null_data = op.data.null;
  if (!op.data.bytes.empty()) txn.data = Bytes::copy(op.data.bytes);
  txn.version = next_version(node.version);
  node.version = txn.version;
  node.mtime_ms = context.now_ms;
  node.data_size = size_of(op.data);
  outstanding_.put(op.path, std::move(node), context.zxid);
  return txn;
}

std::expected<SetAclTxn, ZkError> Preparer::judge(const SetAclOp& op, const Context& context) {
  if (const auto error = check_session(context.caller); error != ZkError::ok) return std::unexpected(error);
  if (!path_is_valid(op.path)) return std::unexpected(ZkError::bad_arguments);
  const auto acl = list_to_store(op.acl, context.caller);
  if (!acl) return std::unexpected(acl.error());
  NodeView node = outstanding_.view(op.path);
  if (!node.exists) return std::unexpected(ZkError::no_node);
  if (const auto error = check_permission(node.acl, perms::admin, op.path, context.caller); error != ZkError::ok) {
    return std::unexpected(error);
  }
  if (op.version != -1 && op.version != node.aversion) return std::unexpected(ZkError::bad_version);

  SetAclTxn txn;
  txn.path = op.path;
  txn.aversion = next_version(node.aversion);
  if (!is_world_open(**acl)) txn.acl = **acl;
  node.aversion = txn.aversion;
  node.acl = *acl;
  outstanding_.put(op.path, std::move(node), context.zxid);
  return txn;
}

std::expected<CheckTxn, ZkError> Preparer::judge(const CheckOp& op, const Context& context) {
  if (const auto error = check_session(context.caller); error != ZkError::ok) return std::unexpected(error);
  if (!path_is_valid(op.path)) return std::unexpected(ZkError::bad_arguments);
  const NodeView node = outstanding_.view(op.path);
  if (!node.exists) return std::unexpected(ZkError::no_node);
  if (const auto error = check_permission(node.acl, perms::read, op.path, context.caller); error != ZkError::ok) {
    return std::unexpected(error);
  }
  if (op.version != -1 && op.version != node.version) return std::unexpected(ZkError::bad_version);
  return CheckTxn{std::string(op.path)};
}

std::expected<CheckTxn, ZkError> Preparer::judge(const CheckCzxidOp& op, const Context& context) {
  if (!context.caller.privileged) return std::unexpected(ZkError::unimplemented);
  const NodeView node = outstanding_.view(op.path);
  if (!node.exists && op.czxid != Zxid(0)) return std::unexpected(ZkError::no_node);
  if (node.exists && node.czxid != op.czxid.value) return std::unexpected(ZkError::bad_version);
  return CheckTxn{std::string(op.path)};
}

// All parts have one zxid, each sees what those before it did, and a failure takes all of it back.
std::expected<MultiTxn, ZkError> Preparer::judge(const MultiOp& op, const Context& context) {
  MultiTxn txn;
  txn.count = static_cast<std::uint32_t>(op.parts.size());
  txn.parts.reserve(op.parts.size());
  const std::size_t outstanding_mark = outstanding_.mark();
  const std::size_t quota_mark = quota_use_.mark();
  for (std::uint32_t i = 0; i < txn.count; ++i) {
    const ZkError error = std::visit(
        [&](const auto& part) {
          auto judged = judge(part, context);
          if (!judged) return judged.error();
          txn.parts.emplace_back(std::move(*judged));
          return ZkError::ok;
        },
        op.parts[i]);
    if (error == ZkError::ok) continue;
    outstanding_.roll_back(outstanding_mark);
    quota_use_.roll_back(quota_mark);
    txn.parts.clear();
    txn.error = error;
    txn.failed_at = i;
    return txn;
  }
  outstanding_.keep();
  return txn;
}

std::expected<CreateSessionTxn, ZkError> Preparer::judge(const CreateSessionOp& op, const Context& context) {
  opening_[context.caller.session] = context.caller.owner;
  return CreateSessionTxn{op.timeout_ms, context.caller.owner};
}

// Whether the session still exists is known when this is applied: the shell asked before.
std::expected<AttachSessionTxn, ZkError> Preparer::judge(const AttachSessionOp& op, const Context& context) {
  Move& move = moving_[context.caller.session];
  move.owner = context.caller.owner;
  ++move.prepared;
  return AttachSessionTxn{context.caller.owner, op.timeout_ms};
}

// A session that is gone may close again: expiry and its client both decide, and closing is the last thing one does.
// But the server that it left may not close it any more.
std::expected<CloseSessionTxn, ZkError> Preparer::judge(const CloseSessionOp&, const Context& context) {
  if (has_moved(context.caller, sessions_.find(context.caller.session))) return std::unexpected(ZkError::session_moved);
  CloseSessionTxn txn{outstanding_.ephemerals_of(context.caller.session)};
  for (const std::string& path : txn.ephemerals) {
    remove(path, outstanding_.view(parent_of(path)), outstanding_.view(path), context);
  }
  closing_.insert(context.caller.session);
  return txn;
}

std::expected<ReconfigTxn, ZkError> Preparer::judge(const ReconfigOp& op, const Context& context) {
  const ReconfigOptions& options = options_.reconfig;
  if (!options.enabled) return std::unexpected(ZkError::reconfig_disabled);
  if (const auto error = check_session(context.caller); error != ZkError::ok) return std::unexpected(error);
  if (!options.quorum) return std::unexpected(ZkError::unimplemented);
  const QuorumView quorum = options.quorum();
  if (quorum.changing || reconfiguring_ != Zxid{}) return std::unexpected(ZkError::reconfig_in_progress);
  const Znode* node = tree_.find(ensemble_config_path);
  const auto current = EnsembleConfig::parse(as_text(node->data.view()), true);
  // The first configuration is not installed yet.
  if (!current || current->servers.empty()) return std::unexpected(ZkError::reconfig_in_progress);

  auto next = reconfigured(*current, op, context.zxid, options);
  if (!next) return std::unexpected(next.error());
  if (!holds_quorum(*next, quorum.synced)) return std::unexpected(ZkError::new_config_no_quorum);
  if (const auto error = check_permission(outstanding_.view(ensemble_config_path).acl, perms::write,
                                          ensemble_config_path, context.caller);
      error != ZkError::ok) {
    return std::unexpected(error);
  }
  return configure(std::move(*next), context);
}

std::expected<ReconfigTxn, ZkError> Preparer::judge(const InstallConfigOp& op, const Context& context) {
  if (!context.caller.privileged) return std::unexpected(ZkError::unimplemented);
  if (reconfiguring_ != Zxid{}) return std::unexpected(ZkError::reconfig_in_progress);
  EnsembleConfig config = op.config;
  config.version = context.zxid;
  return configure(std::move(config), context);
}

// The node's version stays -1, which is how upstream keeps anybody from expecting one.
ReconfigTxn Preparer::configure(EnsembleConfig config, const Context& context) {
  ReconfigTxn txn{config.text()};
  NodeView node = outstanding_.view(ensemble_config_path);
  node.version = -1;
  node.mtime_ms = context.now_ms;
  node.data_size = static_cast<std::int64_t>(txn.config.size());
  outstanding_.put(ensemble_config_path, std::move(node), context.zxid);
  reconfiguring_ = context.zxid;
  return txn;
}

std::expected<ErrorTxn, ZkError> Preparer::judge(const FailOp& op, const Context&) { return ErrorTxn{op.error}; }

}  // namespace holdfast::zk
