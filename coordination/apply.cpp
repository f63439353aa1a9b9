#include "coordination/apply.h"

#include "coordination/ensemble_config.h"
#include "coordination/path.h"
#include "runtime/result.h"

namespace holdfast::zk {

void Applier::apply(const Txn& txn, Effects& effects) {
  txn_ = &txn;
  effects_ = &effects;
  effects.zxid = txn.zxid;
  effects.session = txn.session;
  effects.cxid = txn.cxid;
  effects.parts.clear();
  effects.events.clear();
  effects.session_created = effects.session_attached = effects.session_closed = SessionId{};
  effects.session_timeout_ms = 0;
  effects.contradiction = {};
  effects.new_config = {};
  effects.quota_warnings.clear();
  results_ = txn.cxid == 0 ? nullptr : sessions_.results_of(txn.session);
  if (results_) results_->prefetch();
  effects.result = std::visit([this](const auto& body) { return carry_out(body); }, txn.body);
  if (results_ && effects.contradiction.empty()) keep_result();
}

// For a client that loses its connection before the reply. What came in through a server that the session had left is
// none of its results: the client may have asked again, with the same xid, where it is now.
void Applier::keep_result() {
  const OpResult& result = effects_->result;
  const auto* multi = std::get_if<MultiTxn>(&txn_->body);
  const ZkError error = multi ? multi->error : result.error;
  if (error == ZkError::session_moved) return;
  const std::int32_t version = result.op == OpCode::set_acl ? result.stat.aversion : result.stat.version;
  results_->add({txn_->zxid, txn_->cxid, result.op, error, version, result.path});
}

OpResult Applier::carry_out(const ErrorTxn& t) { return {.op = OpCode::error, .error = t.error}; }

OpResult Applier::carry_out(const CreateTxn& t) {
  const std::string_view parent_path = parent_of(t.path);
  Znode* parent = tree_.find(parent_path);
  if (!parent) return contradict("it creates a node below one that does not exist");
  NodeState state;
  state.data = t.data;
  state.null_data = t.null_data;
  state.czxid = state.mzxid = state.pzxid = txn_->zxid.value;
  state.ctime_ms = state.mtime_ms = txn_->time_ms;
  state.owner = t.owner;
  const Znode* node = tree_.add(*parent, t.path, std::move(state), t.acl);
  if (!node) return contradict("it creates a node that exists");
  tree_.set_children_changed(*parent, t.parent_cversion, txn_->zxid.value);

  if (is_below(t.path, quota_root)) quota_node_created(t.path);
  count(t.path, static_cast<std::int64_t>(t.data.size()), 1);
  if (!watches_.empty()) {
    watches_.on_created(t.path, tree_.acl_ref(*node), effects_->events);
    watches_.on_children_changed(parent_path, tree_.acl_ref(*parent), effects_->events);
  }
  return {.op = t.op, .path = t.path, .stat = tree_.stat(*node)};
}

OpResult Applier::contradict(std::string_view reason) {
  if (effects_->contradiction.empty()) effects_->contradiction = reason;
  return {.op = OpCode::error, .error = ZkError::data_inconsistency};
}

OpResult Applier::remove(std::string_view path) {
  Znode* node = tree_.find(path);
  if (!node) return contradict("it deletes a node that does not exist");
  if (!node->parent) return contradict("it deletes the root");
  if (node->children > 0) return contradict("it deletes a node that has children");
  Znode& parent = *node->parent;
  const AclListRef acl = tree_.acl_ref(*node);
  const auto bytes = static_cast<std::int64_t>(node->data.size());
  tree_.remove(*node);
  tree_.set_children_changed(parent, parent.cversion, txn_->zxid.value);

  if (const auto limited = quota_path_of(path, limits_name); !limited.empty()) quotas_.remove(limited);
  count(path, -bytes, -1);
  if (!watches_.empty()) {
    watches_.on_deleted(path, acl, effects_->events);
    watches_.on_children_changed(parent_of(path), tree_.acl_ref(parent), effects_->events);
  }
  return {.op = OpCode::remove};
}

OpResult Applier::carry_out(const DeleteTxn& t) { return remove(t.path); }

OpResult Applier::carry_out(const SetDataTxn& t) {
  Znode* node = tree_.find(t.path);
  if (!node) return contradict("it sets the data of a node that does not exist");
  const auto growth = static_cast<std::int64_t>(t.data.size()) - static_cast<std::int64_t>(node->data.size());
  tree_.set_data(*node, t.data, t.null_data, t.version, txn_->zxid.value, txn_->time_ms);
  count(t.path, growth, 0);
  if (!watches_.empty()) watches_.on_data_changed(t.path, tree_.acl_ref(*node), effects_->events);
  return {.op = OpCode::set_data, .stat = tree_.stat(*node)};
}

OpResult Applier::carry_out(const SetAclTxn& t) {
  Znode* node = tree_.find(t.path);
  if (!node) return contradict("it sets the ACL of a node that does not exist");
  tree_.set_acl(*node, t.acl, t.aversion);
  return {.op = OpCode::set_acl, .stat = tree_.stat(*node)};
}

OpResult Applier::carry_out(const CheckTxn&) { return {.op = OpCode::check}; }

OpResult Applier::carry_out(const MultiTxn& t) {
  effects_->parts.reserve(t.count);
  if (t.error == ZkError::ok) {
    for (const MultiPartTxn& part : t.parts) {
      OpResult result = std::visit([this](const auto& p) { return carry_out(p); }, part);
      // Every create with a Stat is reported as create2 (MultiResponse).
      if (std::holds_alternative<CreateTxn>(part) && result.op != OpCode::create && result.error == ZkError::ok) {
        result.op = OpCode::create2;
      }
      effects_->parts.push_back(result);
    }
  } else {
    for (std::uint32_t i = 0; i < t.count; ++i) {
      const ZkError error = i < t.failed_at ? ZkError::ok : i == t.failed_at ? t.error : ZkError::runtime_inconsistency;
      effects_->parts.push_back({.op = OpCode::error, .error = error});
    }
  }
  return {.op = OpCode::multi};
}

OpResult Applier::carry_out(const CreateSessionTxn& t) {
  sessions_.add(txn_->session, Session{.timeout_ms = t.timeout_ms, .owner = t.owner});
  results_ = nullptr;
  effects_->session_created = txn_->session;
  effects_->session_timeout_ms = t.timeout_ms;
  return {.op = OpCode::create_session};
}

OpResult Applier::carry_out(const CloseSessionTxn& t) {
  for (const std::string& path : t.ephemerals) remove(path);
  sessions_.remove(txn_->session);
  results_ = nullptr;
  effects_->session_closed = txn_->session;
  return {.op = OpCode::close_session};
}

OpResult Applier::carry_out(const ReconfigTxn& t) {
  Znode* node = tree_.find(ensemble_config_path);
  if (!node) return contradict("it changes the ensemble where there is no node for its configuration");
  tree_.set_data(*node, Bytes::copy(t.config), false, -1, txn_->zxid.value, txn_->time_ms);
  if (!watches_.empty()) watches_.on_data_changed(ensemble_config_path, tree_.acl_ref(*node), effects_->events);
  effects_->new_config = t.config;
  return {.op = OpCode::reconfig, .stat = tree_.stat(*node)};
}

OpResult Applier::carry_out(const AttachSessionTxn& t) {
  results_ = nullptr;
  if (!sessions_.set_owner(txn_->session, t.owner)) return {.op = OpCode::error, .error = ZkError::session_expired};
  effects_->session_attached = txn_->session;
  effects_->session_timeout_ms = t.timeout_ms;
  return {};
}

void Applier::count(std::string_view path, std::int64_t bytes, std::int64_t nodes) {
  if (quotas_.empty() || (bytes == 0 && nodes == 0)) return;
  const auto root = quotas_.covering(path);
  if (!root) return;
  Znode* stats_node = tree_.find(stats_path(*root));
  if (!stats_node) return;
  auto stats = QuotaValues::parse(as_text(stats_node->data.view()));
  stats.bytes += bytes;
  stats.count += nodes;
  tree_.set_data_quietly(*stats_node, Bytes::copy(stats.text()));

  const Znode* limits_node = tree_.find(limits_path(*root));
  if (!limits_node) return;
  const auto limits = QuotaValues::parse(as_text(limits_node->data.view()));
  if (nodes > 0 && limits.count > -1 && stats.count > limits.count) {
    effects_->quota_warnings.push_back({std::string(*root), false, limits.count, stats.count});
  }
  if (bytes > 0 && limits.bytes > -1 && stats.bytes > limits.bytes) {
    effects_->quota_warnings.push_back({std::string(*root), true, limits.bytes, stats.bytes});
  }
}

void Applier::quota_node_created(std::string_view path) {
  if (const auto limited = quota_path_of(path, limits_name); !limited.empty()) quotas_.add(limited);
  if (const auto counted = quota_path_of(path, stats_name); !counted.empty()) count_afresh(counted);
}

void Applier::count_afresh(std::string_view quota_path) {
  Znode* stats_node = tree_.find(stats_path(quota_path));
  const Znode* top = tree_.find(quota_path);
  auto stats = QuotaValues::parse(as_text(stats_node->data.view()));
  stats.bytes = stats.count = 0;
  for (auto* node = const_cast<Znode*>(top); node; node = Tree::next_in_walk(node, top)) {
    stats.bytes += static_cast<std::int64_t>(node->data.size());
    ++stats.count;
  }
  tree_.set_data_quietly(*stats_node, Bytes::copy(stats.text()));
}

void Applier::rebuild_quotas() {
  quotas_.clear();
  const Znode* top = tree_.find(quota_root);
  for (auto* node = const_cast<Znode*>(top); node; node = Tree::next_in_walk(node, top)) {
    if (node->name() != limits_name) continue;
    const std::string path = node->path();
    if (const auto limited = quota_path_of(path, limits_name); !limited.empty()) quotas_.add(limited);
  }
}

}  // namespace holdfast::zk
