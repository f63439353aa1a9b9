#include "broker/log_directories.h"

#include <algorithm>

#include "broker/registration.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {
constexpr Duration look_interval = std::chrono::seconds(1);
constexpr Duration settled_after = std::chrono::seconds(5);
}  // namespace

// ---- Failed ----

void LogDirectories::failed(const std::string& path) {
  for (const auto& peer : services_.peers)
    peer->shard().post([this, p = peer.get(), path] {
      std::vector<LogId> partitions = p->directory_failed(path);
      services_.peers.front()->shard().post([this, path, partitions = std::move(partitions)] {
        if (partitions.empty()) return;
        log_line(LogLevel::warn, "broker", "{} partitions are offline with {}", partitions.size(), path);
        set_offline(partitions, true);
      });
    });
}

void LogDirectories::set_offline(const std::vector<LogId>& partitions, bool offline) {
  bool changed = false;
  for (const LogId& id : partitions) {
    std::vector<std::int32_t>& of_topic = offline_[id.topic_id];
    const auto at = std::ranges::lower_bound(of_topic, id.partition);
    const bool there = at != of_topic.end() && *at == id.partition;
    changed |= offline != there;
    if (offline && !there) of_topic.insert(at, id.partition);
    if (!offline && there) of_topic.erase(at);
    if (of_topic.empty()) offline_.erase(id.topic_id);
  }
  if (changed) registration_.set_offline(offline_);
}

// ---- Full ----

void LogDirectories::full(const std::string& path, bool is_full) {
  if (is_full) {
    full_[path].reset();
    registration_.doubt();
    return look();
  }
  if (const auto it = full_.find(path); it != full_.end()) it->second = services_.peers.front()->shard().clock().now();
}

// Again and again while there is one: partitions come and go.
void LogDirectories::look() {
  Shard& shard = services_.peers.front()->shard();
  const SteadyTime now = shard.clock().now();
  const std::size_t ended =
      std::erase_if(full_, [now](const auto& dir) { return dir.second && now - *dir.second >= settled_after; });
  collect();
  if (ended > 0) open_missing();
  if (!full_.empty()) shard.arm(timer_, look_interval, [this] { look(); });
}

void LogDirectories::collect() {
  struct Collection {
    std::vector<std::string> directories;  // read by all shards, and the rest touched on shard 0
    std::size_t waiting = 0;
    znodes::Broker::Partitions found;
  };
  auto collection = std::make_shared<Collection>();
  for (const auto& [path, _] : full_) collection->directories.push_back(path);
  collection->waiting = services_.peers.size();
  for (const auto& peer : services_.peers)
    peer->shard().post([this, p = peer.get(), collection] {
      std::vector<LogId> here;
      for (const auto& [id, partition] : p->partitions())
        if (std::ranges::count(collection->directories, partition->log().log_dir()) > 0) here.push_back(id);
      services_.peers.front()->shard().post([this, collection, here = std::move(here)] {
        for (const LogId& id : here) collection->found[id.topic_id].push_back(id.partition);
        if (--collection->waiting > 0) return;
        for (auto& [_, partitions] : collection->found) std::ranges::sort(partitions);
        registration_.set_full(std::move(collection->found));
      });
    });
}

// Logs that could not be made for want of space.
void LogDirectories::open_missing() {
  for (const auto& peer : services_.peers)
    peer->shard().post([p = peer.get()] {
      for (const auto& [_, topic] : p->metadata().topics()) p->shard().spawn(p->gate(), p->open_partitions(topic));
    });
}

}  // namespace holdfast
