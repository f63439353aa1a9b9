#include "client/zookeeper_watches.h"

#include <algorithm>

#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

using Table = ZooKeeperWatches::Table;

std::vector<Table> tables_of(WatcherKind kind) {
  switch (kind) {
    case WatcherKind::children:
      return {Table::child};
    case WatcherKind::data:
      return {Table::data, Table::exist};
    case WatcherKind::any:
      return {Table::persistent, Table::recursive, Table::data, Table::exist, Table::child};
    case WatcherKind::persistent:
      return {Table::persistent};
    case WatcherKind::persistent_recursive:
      return {Table::recursive};
  }
  return {};
}

WatchType removal_of(Table table) {
  switch (table) {
    case Table::data:
    case Table::exist:
      return WatchType::data_watch_removed;
    case Table::child:
      return WatchType::child_watch_removed;
    case Table::persistent:
    case Table::recursive:
      return WatchType::persistent_watch_removed;
  }
  return WatchType::data_watch_removed;
}

}  // namespace

void ZooKeeperWatches::add(Table table, const std::string& path, std::weak_ptr<Watcher> watcher) {
  Watchers& watchers = of(table)[path];
  std::erase_if(watchers, [](const auto& w) { return w.expired(); });
  const auto known = std::ranges::find_if(
      watchers, [&](const auto& w) { return !w.owner_before(watcher) && !watcher.owner_before(w); });
  if (known == watchers.end()) watchers.push_back(std::move(watcher));
}

void ZooKeeperWatches::use_up(Table table, std::string_view path, Watchers& into) {
  Paths& paths = of(table);
  const auto found = paths.find(path);
  if (found == paths.end()) return;
  std::ranges::move(found->second, std::back_inserter(into));
  paths.erase(found);
}

void ZooKeeperWatches::collect(Table table, std::string_view path, Watchers& into) {
  const Paths& paths = of(table);
  if (const auto found = paths.find(path); found != paths.end())
    std::ranges::copy(found->second, std::back_inserter(into));
}

std::vector<std::weak_ptr<Watcher>> ZooKeeperWatches::take(WatchType type, std::string_view path) {
  Watchers out;
  switch (type) {
    case WatchType::created:
    case WatchType::data_changed:
      use_up(Table::data, path, out);
      use_up(Table::exist, path, out);
      break;
    case WatchType::children_changed:
      use_up(Table::child, path, out);
      break;
    case WatchType::deleted:
      use_up(Table::data, path, out);
      use_up(Table::exist, path, out);
      use_up(Table::child, path, out);
      break;
    default:
      return out;
  }
  collect(Table::persistent, path, out);
  if (type != WatchType::children_changed && !of(Table::recursive).empty()) {
    for (std::string_view at = path;; at = zk_parent(at)) {
      collect(Table::recursive, at, out);
      if (at.size() <= 1) break;
    }
  }
  return out;
}

bool ZooKeeperWatches::remove(const std::string& path, WatcherKind kind, const Watcher* watcher,
                              std::vector<std::pair<WatchType, std::weak_ptr<Watcher>>>& removed) {
  bool any = false;
  for (const Table table : tables_of(kind)) {
    const auto found = of(table).find(path);
    if (found == of(table).end()) continue;
    std::erase_if(found->second, [&](const std::weak_ptr<Watcher>& w) {
      const auto held = w.lock();
      if (held && watcher && held.get() != watcher) return false;
      if (held) {
        any = true;
        removed.emplace_back(removal_of(table), w);
      }
      return true;
    });
    if (found->second.empty()) of(table).erase(found);
  }
  return any;
}

bool ZooKeeperWatches::holds(const std::string& path, WatcherKind kind) {
  return std::ranges::any_of(tables_of(kind), [&](Table table) {
    const auto found = of(table).find(path);
    return found != of(table).end() && std::ranges::any_of(found->second, [](const auto& w) { return !w.expired(); });
  });
}

void ZooKeeperWatches::clear() {
  for (Paths& paths : tables_) paths.clear();
}

std::vector<std::string> ZooKeeperWatches::paths(Table table) {
  std::vector<std::string> out;
  std::erase_if(of(table), [](const auto& entry) {
    return std::ranges::all_of(entry.second, [](const auto& w) { return w.expired(); });
  });
  for (const auto& [path, watchers] : of(table)) out.push_back(path);
  return out;
}

}  // namespace holdfast::client
