#include "tests/coordination/znode_world.h"

#include <fmt/format.h>

#include <map>

namespace holdfast::zk {

std::string dump(const ZnodeMachine& machine) {
  std::map<std::string, std::string> nodes;
  auto* top = const_cast<Znode*>(&machine.tree().root());
  for (auto* node = top; node; node = Tree::next_in_walk(node, top)) {
    std::string acl;
    for (const Acl& entry : machine.tree().acl(*node)) {
      acl += fmt::format(" {}:{}:{}", entry.perms, entry.id.scheme, entry.id.id);
    }
    nodes[node->path()] =
        fmt::format("{} {} c{} m{} p{} t{}/{} v{}/{}/{} owner{:x} children{}{}", node->null_data ? "null" : "data",
                    as_text(node->data.view()), node->czxid, node->mzxid, node->pzxid, node->ctime_ms, node->mtime_ms,
                    node->version, node->cversion, node->aversion, node->owner, node->children, acl);
  }
  std::string out = fmt::format("zxid {:x} nodes {} bytes {} ephemerals {}\n", machine.last_applied().value,
                                machine.tree().nodes(), machine.tree().data_bytes(), machine.tree().ephemerals());
  for (const auto& [path, line] : nodes) out += path + " " + line + "\n";
  std::map<SessionId, std::int32_t> sessions;
  for (const auto& [id, session] : machine.sessions().all()) sessions[id] = session.timeout_ms;
  for (const auto& [id, timeout_ms] : sessions) out += fmt::format("session {} {}\n", id.value, timeout_ms);
  return out;
}

std::string full_dump(const ZnodeMachine& machine) {
  std::map<SessionId, std::string> sessions;
  for (const auto& [id, session] : machine.sessions().all()) {
    std::string& line = sessions[id];
    session.results.for_each([&line](const ResultRecord& r) {
      line += fmt::format(", {}: {:x} op {} error {} v{} {}", r.cxid, r.zxid.value, static_cast<int>(r.op),
                          static_cast<int>(r.error), r.version, r.path);
    });
    line = fmt::format("session {} through {}{}\n", id.value, session.owner, line);
  }
  std::string out = dump(machine);
  for (const auto& [id, line] : sessions) out += line;
  return out;
}

}  // namespace holdfast::zk
