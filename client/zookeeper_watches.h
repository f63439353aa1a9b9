// ZooKeeperWatches: the watches of one session as its client knows them: which to call for an event, and which to arm
// again on a new connection. The server keeps one watch a path and kind, however many watchers stand behind it here.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "client/zookeeper_types.h"

namespace holdfast::client {

class ZooKeeperWatches {
 public:
  // The tables that the server has, but for `exist`: of an exists that found nothing, which is armed again as such.
  enum class Table : std::uint8_t { data, exist, child, persistent, recursive };
  static constexpr std::size_t tables = 5;

  void add(Table table, const std::string& path, std::weak_ptr<Watcher> watcher);
  // Those that the event is for; standard watches are used up by it. Paths are the server's, with the chroot.
  std::vector<std::weak_ptr<Watcher>> take(WatchType type, std::string_view path);
  // Takes out one watcher, or all of them when it is none. False: there was none.
  bool remove(const std::string& path, WatcherKind kind, const Watcher* watcher,
              std::vector<std::pair<WatchType, std::weak_ptr<Watcher>>>& removed);
  bool holds(const std::string& path, WatcherKind kind);  // somebody still wants to know
  void clear();

  // Paths to arm again, those that nobody waits for left out.
  std::vector<std::string> paths(Table table);

 private:
  using Watchers = std::vector<std::weak_ptr<Watcher>>;
  using Paths = std::map<std::string, Watchers, std::less<>>;

  Paths& of(Table table) { return tables_[static_cast<std::size_t>(table)]; }
  void use_up(Table table, std::string_view path, Watchers& into);
  void collect(Table table, std::string_view path, Watchers& into);

  Paths tables_[tables];
};

}  // namespace holdfast::client
