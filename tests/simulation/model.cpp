#include "tests/simulation/model.h"

#include <fmt/format.h>

namespace holdfast::sim {
namespace {

constexpr std::int32_t created = 1, deleted = 2, data_changed = 3, children_changed = 4;

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool is_ephemeral(std::int32_t flags) { return flags == 1 || flags == 3; }
bool is_sequential(std::int32_t flags) { return flags == 2 || flags == 3 || flags == 6; }

ModelTree::Outcome failed(ZkError error) {
  ModelTree::Outcome out;
  out.error = error;
  return out;
}

}  // namespace

const ModelNode* ModelTree::find(const std::string& path) const {
  const auto it = nodes_.find(path);
  return it == nodes_.end() ? nullptr : &it->second;
}

Stat ModelTree::stat(const ModelNode& node) {
  Stat out;
  out.czxid = node.czxid;
  out.mzxid = node.mzxid;
  out.pzxid = node.pzxid;
  out.version = node.version;
  out.num_children = static_cast<std::int32_t>(node.children.size());
  out.cversion = 2 * node.creates - out.num_children;  // what counts creations, shown as if it counted both
  out.data_length = static_cast<std::int32_t>(node.data.size());
  out.ephemeral_owner = node.owner;
  return out;
}

ModelTree::Outcome ModelTree::perform(const Create& c, const At& at) {
  const auto parent = nodes_.find(parent_of(c.path));
  if (parent == nodes_.end()) return failed(ZkError::no_node);
  Outcome out;
  out.path = c.path;
  if (is_sequential(c.flags)) out.path += fmt::format("{:010}", parent->second.creates);
  if (nodes_.contains(out.path)) return failed(ZkError::node_exists);
  if (parent->second.owner != 0) return failed(ZkError::no_children_for_ephemerals);
  ModelNode node;
  node.data = c.data;
  node.czxid = node.mzxid = node.pzxid = at.zxid;
  node.owner = is_ephemeral(c.flags) ? at.session : 0;
  node.container = c.container;
  node.ttl_ms = c.ttl_ms;
  node.changed_ms = at.time_ms;
  ++parent->second.creates;
  parent->second.pzxid = at.zxid;
  parent->second.children.insert(name_of(out.path));
  if (c.with_stat || c.container || c.ttl_ms > 0) out.stat = stat(node);
  changes_.push_back({at.zxid, created, out.path});
  changes_.push_back({at.zxid, children_changed, parent->first});
  nodes_.emplace(out.path, std::move(node));
  return out;
}

ModelTree::Outcome ModelTree::perform(const Set& s, const At& at) {
  const auto it = nodes_.find(s.path);
  if (it == nodes_.end()) return failed(ZkError::no_node);
  ModelNode& node = it->second;
  if (s.version != -1 && s.version != node.version) return failed(ZkError::bad_version);
  node.data = s.data;
  ++node.version;
  node.mzxid = at.zxid;
  node.changed_ms = at.time_ms;
  changes_.push_back({at.zxid, data_changed, s.path});
  Outcome out;
  out.stat = stat(node);
  return out;
}

void ModelTree::remove(const std::string& path, const At& at) {
  ModelNode& parent = nodes_[parent_of(path)];
  parent.children.erase(name_of(path));
  parent.pzxid = at.zxid;
  changes_.push_back({at.zxid, deleted, path});
  changes_.push_back({at.zxid, children_changed, parent_of(path)});
  nodes_.erase(path);
}

ModelTree::Outcome ModelTree::perform(const Delete& d, const At& at) {
  const auto it = nodes_.find(d.path);
  if (it == nodes_.end()) return failed(ZkError::no_node);
  if (d.version != -1 && d.version != it->second.version) return failed(ZkError::bad_version);
  if (!it->second.children.empty()) return failed(ZkError::not_empty);
  remove(d.path, at);
  return {};
}

ModelTree::Outcome ModelTree::perform(const Check& c, const At&) {
  const auto it = nodes_.find(c.path);
  if (it == nodes_.end()) return failed(ZkError::no_node);
  if (c.version != -1 && c.version != it->second.version) return failed(ZkError::bad_version);
  return {};
}

ModelTree::Outcome ModelTree::perform(const Multi& m, const At& at) {
  Outcome out;
  const auto before = nodes_;
  const std::size_t changes_before = changes_.size();
  for (std::size_t i = 0; i < m.parts.size(); ++i) {
    Outcome part = std::visit([&](const auto& p) { return perform(p, at); }, m.parts[i]);
    if (part.error == ZkError::ok) {
      out.parts.push_back({ZkError::ok, std::move(part.path), part.stat});
      continue;
    }
    // All or nothing: those before it say ok and did not happen, those behind it were not tried.
    nodes_ = before;
    changes_.resize(changes_before);
    out.parts.assign(m.parts.size(), {ZkError::runtime_inconsistency, {}, {}});
    for (std::size_t j = 0; j < i; ++j) out.parts[j].error = ZkError::ok;
    out.parts[i].error = part.error;
    break;
  }
  return out;
}

ModelTree::Outcome ModelTree::perform(const CloseSession&, const At& at) {
  remove_all(ephemerals_of(at.session), at);
  return {};
}

ModelTree::Outcome ModelTree::carry_out(const Request& write, const At& at) {
  Outcome out = std::visit(
      [&](const auto& request) {
        if constexpr (requires { perform(request, at); }) return perform(request, at);
        return failed(ZkError::unimplemented);  // a read
      },
      write);
  out.zxid = at.zxid;
  return out;
}

std::optional<std::string> ModelTree::delete_expired(const std::string& path, const At& at) {
  const ModelNode* node = find(path);
  if (!node) return "it is not there";
  if (!node->children.empty()) return "it has children";
  if (node->ttl_ms > 0) {
    if (at.time_ms - node->changed_ms <= node->ttl_ms) return "its time has not run out";
  } else if (!node->container || node->creates == 0) {
    return "it is neither a container that was used nor one with a TTL";
  }
  remove(path, at);
  return std::nullopt;
}

std::vector<std::string> ModelTree::ephemerals_of(std::int64_t session) const {
  std::vector<std::string> out;
  for (const auto& [path, node] : nodes_)
    if (node.owner == session) out.push_back(path);
  return out;
}

void ModelTree::remove_all(const std::vector<std::string>& paths, const At& at) {
  for (const std::string& path : paths)
    if (nodes_.contains(path)) remove(path, at);
}

}  // namespace holdfast::sim
