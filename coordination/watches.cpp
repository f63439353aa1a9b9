#include "coordination/watches.h"

#include <algorithm>

#include "coordination/path.h"

namespace holdfast::zk {
namespace {

constexpr std::uint8_t bit(WatchKind kind) { return static_cast<std::uint8_t>(kind); }
constexpr std::uint8_t once = bit(WatchKind::data) | bit(WatchKind::child);
constexpr std::uint8_t recursive = bit(WatchKind::persistent_recursive);
// Which kinds the two tables of upstream hold: persistent watches stand in both.
constexpr std::uint8_t data_table = bit(WatchKind::data) | bit(WatchKind::persistent) | recursive;
constexpr std::uint8_t child_table = bit(WatchKind::child) | bit(WatchKind::persistent);

std::uint8_t kinds_of(WatcherType type) {
  switch (type) {
    case WatcherType::children:
      return bit(WatchKind::child);
    case WatcherType::data:
      return bit(WatchKind::data);
    case WatcherType::persistent:
      return bit(WatchKind::persistent);
    case WatcherType::persistent_recursive:
      return recursive;
    case WatcherType::any:
      return 0xff;
  }
  return 0;
}

}  // namespace

void WatchTable::add(std::string_view path, ConnectionToken who, WatchKind kind) {
  auto entry = by_path_.find(path);
  if (entry == by_path_.end()) entry = by_path_.try_emplace(std::string(path)).first;
  auto& watchers = entry->second.watchers;
  const auto armed = by_connection_[who].insert(&*entry).second;
  if (armed) watchers.push_back(Watcher{who, 0});
  Watcher& watcher = armed ? watchers.back() : *std::ranges::find(watchers, who, &Watcher::who);
  change(watcher, watcher.kinds | bit(kind));
}

bool WatchTable::holds(std::string_view path, ConnectionToken who, WatcherType type) const {
  const auto entry = by_path_.find(path);
  if (entry == by_path_.end()) return false;
  const auto watcher = std::ranges::find(entry->second.watchers, who, &Watcher::who);
  return watcher != entry->second.watchers.end() && (watcher->kinds & kinds_of(type)) != 0;
}

bool WatchTable::remove(std::string_view path, ConnectionToken who, WatcherType type) {
  const auto entry = by_path_.find(path);
  if (entry == by_path_.end()) return false;
  const auto watcher = std::ranges::find(entry->second.watchers, who, &Watcher::who);
  if (watcher == entry->second.watchers.end() || (watcher->kinds & kinds_of(type)) == 0) return false;
  change(*watcher, watcher->kinds & ~kinds_of(type));
  if (watcher->kinds == 0) {
    forget(who, &*entry);
    entry->second.watchers.erase(watcher);
    if (entry->second.watchers.empty()) by_path_.erase(entry);
  }
  return true;
}

void WatchTable::drop(ConnectionToken who) {
  const auto held = by_connection_.find(who);
  if (held == by_connection_.end()) return;
  for (const PathMap::pointer entry : held->second) {
    auto& watchers = entry->second.watchers;
    const auto watcher = std::ranges::find(watchers, who, &Watcher::who);
    change(*watcher, 0);
    *watcher = watchers.back();
    watchers.pop_back();
    if (watchers.empty()) by_path_.erase(by_path_.find(std::string_view(entry->first)));
  }
  by_connection_.erase(held);
}

// Keeps the counters: a watch counts once in each table it stands in.
void WatchTable::change(Watcher& watcher, int kinds) {
  const auto count = [](int k) { return std::size_t{(k & data_table) != 0} + std::size_t{(k & child_table) != 0}; };
  watches_ = watches_ - count(watcher.kinds) + count(kinds);
  recursive_ = recursive_ - std::size_t{(watcher.kinds & recursive) != 0} + std::size_t{(kinds & recursive) != 0};
  watcher.kinds = static_cast<std::uint8_t>(kinds);
}

void WatchTable::forget(ConnectionToken who, PathMap::pointer entry) {
  const auto held = by_connection_.find(who);
  held->second.erase(entry);
  if (held->second.empty()) by_connection_.erase(held);
}

void WatchTable::trigger(std::string_view path, EventType type, std::uint8_t kinds, const AclListRef& acl,
                         std::vector<WatchEvent>& out) {
  if (by_path_.empty()) return;
  std::vector<ConnectionToken> targets;
  if (const auto entry = by_path_.find(path); entry != by_path_.end()) {
    auto& watchers = entry->second.watchers;
    for (Watcher& watcher : watchers) {
      if ((watcher.kinds & kinds) == 0) continue;
      targets.push_back(watcher.who);
      change(watcher, watcher.kinds & ~(kinds & once));
      if (watcher.kinds == 0) forget(watcher.who, &*entry);
    }
    std::erase_if(watchers, [](const Watcher& watcher) { return watcher.kinds == 0; });
    if (watchers.empty()) by_path_.erase(entry);
  }
  if ((kinds & recursive) != 0 && recursive_ > 0) add_recursive(path, targets);
  if (!targets.empty()) out.push_back(WatchEvent{type, std::string(path), acl, std::move(targets)});
}

void WatchTable::add_recursive(std::string_view path, std::vector<ConnectionToken>& targets) const {
  const std::size_t own = targets.size();
  while (path != "/") {
    path = parent_of(path);
    const auto entry = by_path_.find(path);
    if (entry == by_path_.end()) continue;
    for (const Watcher& watcher : entry->second.watchers) {
      if ((watcher.kinds & recursive) != 0) targets.push_back(watcher.who);
    }
  }
  if (targets.size() == own) return;
  std::ranges::sort(targets);
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
}

void WatchTable::on_created(std::string_view path, const AclListRef& acl, std::vector<WatchEvent>& out) {
  trigger(path, EventType::created, data_table, acl, out);
}

void WatchTable::on_data_changed(std::string_view path, const AclListRef& acl, std::vector<WatchEvent>& out) {
  trigger(path, EventType::data_changed, data_table, acl, out);
}

void WatchTable::on_deleted(std::string_view path, const AclListRef& acl, std::vector<WatchEvent>& out) {
  trigger(path, EventType::deleted, data_table | child_table, acl, out);
}

void WatchTable::on_children_changed(std::string_view parent, const AclListRef& acl, std::vector<WatchEvent>& out) {
  trigger(parent, EventType::children_changed, child_table, acl, out);
}

WatchTable::Summary WatchTable::data_summary() const {
  Summary summary;
  std::unordered_set<ConnectionToken> connections;
  for (const auto& [path, entry] : by_path_) {
    const std::size_t before = summary.watches;
    for (const Watcher& watcher : entry.watchers) {
      if ((watcher.kinds & data_table) == 0) continue;
      connections.insert(watcher.who);
      ++summary.watches;
    }
    if (summary.watches != before) ++summary.paths;
  }
  summary.connections = connections.size();
  return summary;
}

}  // namespace holdfast::zk
