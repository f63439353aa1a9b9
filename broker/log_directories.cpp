#include "broker/log_directories.h"

#include <algorithm>

#include "broker/registration.h"
#include "runtime/log_line.h"

namespace holdfast {

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
  for (const LogId& id : partitions) {
    std::vector<std::int32_t>& of_topic = offline_[id.topic_id];
    const auto at = std::ranges::lower_bound(of_topic, id.partition);
    const bool there = at != of_topic.end() && *at == id.partition;
    if (offline && !there) of_topic.insert(at, id.partition);
    if (!offline && there) of_topic.erase(at);
    if (of_topic.empty()) offline_.erase(id.topic_id);
  }
  registration_.set_offline(offline_);
}

}  // namespace holdfast
