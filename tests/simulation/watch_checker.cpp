#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "tests/simulation/checkers.h"

namespace holdfast::sim {
namespace {

// ZooKeeper's two tables: exists() and getData() arm the first, getChildren() the second.
enum class Table : std::uint8_t { data, child };

bool concerns(Table table, std::int32_t type) { return table == Table::data ? type <= 3 : type == 2 || type == 4; }

class WatchChecker {
 public:
  WatchChecker(const History& history, const Replay& replay, Violations& violations)
      : history_(history), replay_(replay), violations_(violations) {
    for (const Change& change : replay.tree.changes()) by_path_[change.path].push_back(&change);
  }

  void check(const ClientConnection& connection) {
    armed_.clear();
    missed_.clear();
    session_ = connection.session;
    for (const Heard& heard : connection.heard) {
      if (heard.operation) {
        answered(*heard.operation);
      } else if (heard.event.zxid == -1) {
        missed_.emplace(heard.event.type, heard.event.path);
      } else {
        fired(heard.event);
      }
    }
  }

 private:
  using Armed = std::pair<Table, std::string>;

  const Change* first_after(const Armed& watch, std::int64_t zxid) const {
    const auto it = by_path_.find(watch.second);
    if (it == by_path_.end()) return nullptr;
    auto change = std::ranges::upper_bound(it->second, zxid, {}, [](const Change* c) { return c->zxid; });
    while (change != it->second.end() && !concerns(watch.first, (*change)->type)) ++change;
    return change == it->second.end() ? nullptr : *change;
  }

  void fired(const WatchEvent& event) {
    bool asked_for = false;
    for (const Table table : {Table::data, Table::child}) {
      if (!concerns(table, event.type)) continue;
      const auto watch = armed_.find({table, event.path});
      if (watch == armed_.end()) continue;
      const Change* right = first_after(watch->first, watch->second);
      if (!right || right->zxid != event.zxid || right->type != event.type) continue;
      armed_.erase(watch);
      asked_for = true;
    }
    if (!asked_for)
      violations_.push_back(
          fmt::format("I8 session 0x{:x} hears of change {} to {} at 0x{:x}, which it did not ask for", session_,
                      event.type, event.path, event.zxid));
  }

  void answered(std::size_t index) {
    const Operation& o = history_.operations[index];
    for (const auto& [watch, since] : armed_) {
      const Change* due = first_after(watch, since);
      if (due && due->zxid <= o.reply.zxid)
        violations_.push_back(
            fmt::format("I8 {}, before the event of 0x{:x} for {} came", describe(o), due->zxid, watch.second));
    }
    const ZkError error = o.reply.error;
    if (const auto* get = std::get_if<Get>(&o.request); get && get->watch && error == ZkError::ok)
      arm({Table::data, get->path}, o.reply.zxid);
    if (const auto* exists = std::get_if<Exists>(&o.request))
      if (exists->watch && (error == ZkError::ok || error == ZkError::no_node))
        arm({Table::data, exists->path}, o.reply.zxid);
    if (const auto* children = std::get_if<Children>(&o.request); children && children->watch && error == ZkError::ok)
      arm({Table::child, children->path}, o.reply.zxid);
    if (const auto* watches = std::get_if<SetWatches>(&o.request)) rearmed(index, *watches);
  }

  void arm(Armed watch, std::int64_t zxid) { armed_.emplace(std::move(watch), zxid); }

  void rearmed(std::size_t index, const SetWatches& watches) {
    const Operation& o = history_.operations[index];
    std::set<std::pair<std::int32_t, std::string>> right;
    if (const auto it = replay_.missed_changes.find(index); it != replay_.missed_changes.end())
      for (const Change& change : it->second) right.emplace(change.type, change.path);
    for (const auto& [type, path] : right)
      if (!missed_.contains({type, path}))
        violations_.push_back(fmt::format("I8 {} does not tell of change {} to {}", describe(o), type, path));
    for (const auto& [type, path] : missed_)
      if (!right.contains({type, path}))
        violations_.push_back(fmt::format("I8 {} tells of change {} to {}, which was none", describe(o), type, path));
    const auto rearm = [&](Table table, const std::vector<std::string>& paths, std::initializer_list<int> types) {
      for (const std::string& path : paths)
        if (std::ranges::none_of(types, [&](int type) { return right.contains({type, path}); }))
          arm({table, path}, o.reply.zxid);
    };
    rearm(Table::data, watches.data, {2, 3});
    rearm(Table::data, watches.exist, {1});
    rearm(Table::child, watches.child, {2, 4});
    missed_.clear();
  }

  const History& history_;
  const Replay& replay_;
  Violations& violations_;
  std::map<std::string, std::vector<const Change*>> by_path_;
  std::int64_t session_ = 0;
  std::map<Armed, std::int64_t> armed_;                    // and the zxid of the state that was seen with it
  std::set<std::pair<std::int32_t, std::string>> missed_;  // since the last setWatches
};

}  // namespace

void check_watches(const History& history, const Replay& replay, Violations& violations) {
  WatchChecker checker(history, replay, violations);
  for (const ClientConnection& connection : history.connections) checker.check(connection);
}

}  // namespace holdfast::sim
