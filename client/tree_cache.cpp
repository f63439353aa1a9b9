#include "client/tree_cache.h"

#include <utility>

#include "client/retry_pause.h"
#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {}  // namespace

TreeCache::TreeCache(ZooKeeper& zk, std::string path, Changed changed)
    : zk_(zk),
      path_(std::move(path)),
      told_(std::move(changed)),
      changed_(zk.shard()),
      progress_(zk.shard()),
      watcher_(make_watcher([this](const WatchEvent& event) { on_event(event); })),
      session_watcher_(make_watcher([this](const WatchEvent& event) {
        // The watch is armed again by the client, or gone with the session: in both cases events were missed.
        if (event.state == SessionState::connected || event.state == SessionState::read_only) {
          armed_ = false;
          changed_.notify();
        }
      })) {
  zk_.on_session(session_watcher_);
}

TreeCache::~TreeCache() { HOLDFAST_CHECK(gate_.holders() == 0); }

const NodeData* TreeCache::find(const std::string& path) const {
  const auto found = nodes_.find(path);
  return found == nodes_.end() ? nullptr : &found->second;
}

std::vector<std::string> TreeCache::children(const std::string& path) const {
  const std::string prefix = path == "/" ? path : path + "/";
  std::vector<std::string> out;
  for (auto it = nodes_.upper_bound(prefix); it != nodes_.end() && it->first.starts_with(prefix); ++it) {
    if (it->first.find('/', prefix.size()) == std::string::npos) out.push_back(it->first.substr(prefix.size()));
  }
  return out;
}

Task<ZkOutcome<>> TreeCache::start(std::optional<Duration> at_most) {
  const auto deadline = deadline_in(zk_, at_most);
  if (!std::exchange(started_, true)) zk_.shard().spawn(gate_, run());
  const Gate::Holder holder = gate_.enter();
  while (holder && !read_ && !failure_ && !stopping_) {
    const SteadyTime now = zk_.shard().clock().now();
    if (deadline && now >= *deadline) co_return zk_failed(ZkError::operation_timeout, path_);
    if (deadline) {
      co_await progress_.wait_for(*deadline - now);
    } else {
      co_await progress_.wait();
    }
  }
  if (failure_) co_return std::unexpected(*failure_);
  if (!read_) co_return zk_failed(ZkError::session_expired, "it was stopped");
  co_return ZkOutcome<>();
}

Task<void> TreeCache::run() {
  while (!stopping_) {
    changed_.reset();
    auto done = co_await arm();
    if (done) done = co_await read_some();
    if (!done && !recipe_goes_on(zk_, done.error())) {
      failure_ = done.error();
      break;
    }
    read_ |= done.has_value() && wanted_.empty();
    progress_.wake_all();
    std::optional<SteadyTime> until;
    if (!done) until = zk_.shard().clock().now() + retry_pause;
    auto noticed = co_await changed_.wait(until);
    (void)noticed;
  }
  progress_.wake_all();
}

Task<ZkOutcome<>> TreeCache::arm() {
  if (armed_) co_return ZkOutcome<>();
  armed_ = true;
  auto added = co_await zk_.add_watch(path_, AddWatchMode::persistent_recursive, watcher_);
  if (!added) {
    armed_ = false;
    co_return zk_failed(added);
  }
  want(path_, true);
  co_return ZkOutcome<>();
}

Task<ZkOutcome<>> TreeCache::read_some() {
  while (!wanted_.empty() && !stopping_) {
    auto next = wanted_.extract(wanted_.begin());
    const std::string path = next.key();
    const bool deep = next.mapped();
    auto read = co_await read_one(path, deep);
    if (!read) {
      want(path, deep);
      co_return zk_failed(read);
    }
  }
  co_return ZkOutcome<>();
}

Task<ZkOutcome<>> TreeCache::read_one(std::string path, bool deep) {
  auto node = co_await zk_.get(path);
  if (!node && node.error().code == ZkError::no_node) {
    drop(path);
    co_return ZkOutcome<>();
  }
  if (!node) co_return zk_failed(node);
  put(path, std::move(*node));
  if (!deep) co_return ZkOutcome<>();
  auto below = co_await zk_.children(path);
  if (!below && below.error().code == ZkError::no_node) {
    drop(path);
    co_return ZkOutcome<>();
  }
  if (!below) co_return zk_failed(below);
  const std::set<std::string> there(below->names.begin(), below->names.end());
  for (const std::string& name : children(path)) {
    if (!there.contains(name)) drop(zk_join(path, name));
  }
  for (const std::string& name : there) want(zk_join(path, name), true);
  co_return ZkOutcome<>();
}

// Every event leads to a read, so that what is kept is always a state that the server told, in its order.
void TreeCache::on_event(const WatchEvent& event) {
  if (event.type != WatchType::created && event.type != WatchType::deleted && event.type != WatchType::data_changed)
    return;
  want(event.path, false);
  changed_.notify();
}

void TreeCache::want(const std::string& path, bool deep) {
  bool& known = wanted_[path];
  known = known || deep;
}

void TreeCache::put(const std::string& path, NodeData node) {
  const auto [at, added] = nodes_.try_emplace(path);
  const bool same = !added && at->second.stat.czxid == node.stat.czxid && at->second.stat.mzxid == node.stat.mzxid;
  bytes_ += node.data.size() - at->second.data.size();
  at->second = std::move(node);
  if (!same && told_) told_({added ? TreeChange::Kind::added : TreeChange::Kind::changed, path, &at->second});
}

// With what is below: it cannot be there either.
void TreeCache::drop(const std::string& path) {
  std::vector<std::string> gone;
  for (auto it = nodes_.lower_bound(path); it != nodes_.end() && it->first.starts_with(path); ++it) {
    if (zk_is_at_or_below(it->first, path)) gone.push_back(it->first);
  }
  for (auto it = gone.rbegin(); it != gone.rend(); ++it) {
    const auto found = nodes_.find(*it);
    if (found == nodes_.end()) continue;
    bytes_ -= found->second.data.size();
    nodes_.erase(found);
    if (told_) told_({TreeChange::Kind::removed, *it, nullptr});
  }
}

Task<void> TreeCache::stop() {
  stopping_ = true;
  changed_.notify();
  progress_.wake_all();
  co_await zk_.shard().drained(gate_);
  if (!zk_.connected()) co_return;
  auto removed = co_await zk_.remove_watches(path_, WatcherKind::persistent_recursive, watcher_, true);
  (void)removed;
}

}  // namespace holdfast::client
