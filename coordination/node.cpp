#include "coordination/node.h"

namespace holdfast::zk {
namespace {
constexpr std::uint64_t ttl_mark = 0xff00'0000'0000'0000;
}

std::int64_t owner_of_ttl(std::int64_t ttl_ms) {
  return static_cast<std::int64_t>(ttl_mark | static_cast<std::uint64_t>(ttl_ms));
}

std::int64_t ttl_of_owner(std::int64_t owner) { return owner & ttl_max_ms; }

NodeKind kind_of_owner(std::int64_t owner, bool extended_types) {
  if (owner == 0) return NodeKind::persistent;
  if (owner == container_owner) return NodeKind::container;
  if (extended_types && (static_cast<std::uint64_t>(owner) & ttl_mark) == ttl_mark) return NodeKind::ttl;
  return NodeKind::ephemeral;
}

std::string Znode::path() const {
  if (!parent) return "/";
  std::string path(path_size, '/');
  std::size_t end = path_size;
  for (const Znode* node = this; node->parent; node = node->parent) {
    end -= node->name_size;
    node->name().copy(path.data() + end, node->name_size);
    --end;
  }
  return path;
}

bool Znode::path_is(std::string_view path) const {
  if (path.size() != path_size) return false;
  if (!parent) return path == "/";
  std::size_t end = path.size();
  for (const Znode* node = this; node->parent; node = node->parent) {
    if (node->name_size + std::size_t{1} > end) return false;
    end -= node->name_size;
    if (path.substr(end, node->name_size) != node->name() || path[end - 1] != '/') return false;
    --end;
  }
  return end == 0;
}

Stat Znode::stat(bool extended_types) const {
  Stat stat;
  stat.czxid = czxid;
  stat.mzxid = mzxid;
  stat.ctime = ctime_ms;
  stat.mtime = mtime_ms;
  stat.version = version;
  // Stored: creations. Visible: creations and deletions (DataNode.copyStat).
  stat.cversion = static_cast<std::int32_t>(2 * static_cast<std::uint32_t>(cversion) - children);
  stat.aversion = aversion;
  stat.ephemeral_owner = kind_of_owner(owner, extended_types) == NodeKind::ephemeral ? owner : 0;
  stat.data_length = static_cast<std::int32_t>(data.size());
  stat.num_children = static_cast<std::int32_t>(children);
  stat.pzxid = pzxid;
  return stat;
}

}  // namespace holdfast::zk
