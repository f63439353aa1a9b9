// WatchTable: who wants to hear of which path. Standard watches fire once and stand in two tables (data, which exists
// and getData arm, and child, which getChildren arms); persistent ones stay, recursive ones also hear of descendants
// and never of ChildrenChanged (server/watch/WatchManager.java). Watchers are connections, known by token; what they
// hear is filtered by the READ permission of the node when it is delivered, which is the shell's part.
// Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "coordination/acl.h"
#include "coordination/types.h"

namespace holdfast::zk {

enum class EventType : std::int32_t { created = 1, deleted = 2, data_changed = 3, children_changed = 4 };
enum class WatchKind : std::uint8_t { data = 1, child = 2, persistent = 4, persistent_recursive = 8 };
// The `type` of checkWatches and removeWatches.
enum class WatcherType : std::int32_t { children = 1, data = 2, any = 3, persistent = 4, persistent_recursive = 5 };

// One notification and everybody it goes to, in the order of the transaction: encode once, queue many times.
struct WatchEvent {
  EventType type;
  std::string path;
  AclListRef acl;  // deliver to a target only if permits(*acl, perms::read, its ids)
  std::vector<ConnectionToken> targets;
};

class WatchTable {
 public:
  WatchTable() = default;
  WatchTable(const WatchTable&) = delete;
  WatchTable& operator=(const WatchTable&) = delete;

  void add(std::string_view path, ConnectionToken who, WatchKind kind);
  bool holds(std::string_view path, ConnectionToken who, WatcherType type) const;
  bool remove(std::string_view path, ConnectionToken who, WatcherType type);  // false: there was none
  void drop(ConnectionToken who);                                             // the connection ended
  bool empty() const { return by_path_.empty(); }

  // Each appends at most one event to `out` and disarms the standard watches it used.
  void on_created(std::string_view path, const AclListRef& acl, std::vector<WatchEvent>& out);
  void on_data_changed(std::string_view path, const AclListRef& acl, std::vector<WatchEvent>& out);
  // One Deleted per connection, even when it had both a data and a child watch.
  void on_deleted(std::string_view path, const AclListRef& acl, std::vector<WatchEvent>& out);
  void on_children_changed(std::string_view parent, const AclListRef& acl, std::vector<WatchEvent>& out);

  // How many there are: a watch counts in each of upstream's tables (data, child) that it stands in.
  std::size_t watches() const { return watches_; }
  // What wchs, wchc and wchp tell: upstream's data table only. Walks everything.
  struct Summary {
    std::size_t connections = 0;
    std::size_t paths = 0;
    std::size_t watches = 0;
  };
  Summary data_summary() const;
  template <class F>
  void for_each_data_watch(F&& f) const {  // f(path, token)
    for (const auto& [path, entry] : by_path_) {
      for (const Watcher& watcher : entry.watchers) {
        if (watcher.kinds != static_cast<std::uint8_t>(WatchKind::child)) f(std::string_view(path), watcher.who);
      }
    }
  }

 private:
  struct Watcher {
    ConnectionToken who;
    std::uint8_t kinds;  // of WatchKind
  };
  struct Entry {
    std::vector<Watcher> watchers;
  };
  struct PathHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view path) const { return std::hash<std::string_view>{}(path); }
  };
  using PathMap = std::unordered_map<std::string, Entry, PathHash, std::equal_to<>>;

  void trigger(std::string_view path, EventType type, std::uint8_t kinds, const AclListRef& acl,
               std::vector<WatchEvent>& out);
  void add_recursive(std::string_view path, std::vector<ConnectionToken>& targets) const;
  void change(Watcher& watcher, int kinds);
  void forget(ConnectionToken who, PathMap::pointer entry);

  PathMap by_path_;
  std::unordered_map<ConnectionToken, std::unordered_set<PathMap::pointer>> by_connection_;
  std::size_t watches_ = 0;
  std::size_t recursive_ = 0;  // how many recursive watches there are: none, and no ancestors are looked at
};

}  // namespace holdfast::zk
