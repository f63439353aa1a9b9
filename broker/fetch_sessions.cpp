#include "broker/fetch_sessions.h"

#include <algorithm>

namespace holdfast {

void FetchSession::put(FetchedPartition partition) {
  Key key{partition.topic, partition.topic_id, partition.index};
  if (uses_topic_ids) key.topic.clear();
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) {
    partitions_.push_back(std::move(partition));
    by_key_.emplace(std::move(key), std::prev(partitions_.end()));
    return;
  }
  partition.told_high_watermark = it->second->told_high_watermark;
  partition.told_log_start = it->second->told_log_start;
  *it->second = std::move(partition);
}

FetchedPartition* FetchSession::find(const Key& key) {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : &*it->second;
}

void FetchSession::forget(const Key& key) {
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return;
  partitions_.erase(it->second);
  by_key_.erase(it);
}

void FetchSession::move_to_end(const Key& key) {
  const auto it = by_key_.find(key);
  if (it != by_key_.end()) partitions_.splice(partitions_.end(), partitions_, it->second);
}

FetchSessions::Found FetchSessions::find(std::int32_t id, std::int32_t epoch, bool uses_topic_ids, SteadyTime now) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end()) return {nullptr, wire::ErrorCode::fetch_session_id_not_found};
  const auto& session = it->second;
  if (session->next_epoch != epoch || session->busy) return {nullptr, wire::ErrorCode::invalid_fetch_session_epoch};
  if (session->uses_topic_ids != uses_topic_ids) return {nullptr, wire::ErrorCode::fetch_session_topic_id_error};
  session->next_epoch = epoch == INT32_MAX ? 1 : epoch + 1;
  session->used = now;
  return {session, wire::ErrorCode::none};
}

std::shared_ptr<FetchSession> FetchSessions::create(std::size_t partitions, bool uses_topic_ids, std::uint64_t random,
                                                    SteadyTime now) {
  if (slots_ == 0) return nullptr;
  if (sessions_.size() >= slots_) {
    // The least worthy one goes: idle for long, or smaller than the newcomer and old enough to have had its use.
    auto worst = sessions_.end();
    for (auto it = sessions_.begin(); it != sessions_.end(); ++it) {
      const bool stale = now - it->second->used > eviction_idle;
      const bool smaller = it->second->size() < partitions && now - it->second->created > eviction_idle;
      if ((stale || smaller) && (worst == sessions_.end() || it->second->used < worst->second->used)) worst = it;
    }
    if (worst == sessions_.end()) return nullptr;
    sessions_.erase(worst);
  }
  auto session = std::make_shared<FetchSession>();
  const auto shards = static_cast<std::uint64_t>(shards_);
  do {
    // Positive, and congruent to the shard that keeps it.
    const std::uint64_t base = (random & 0x3fffffff) / shards * shards + static_cast<std::uint64_t>(shard_);
    session->id = static_cast<std::int32_t>(base == 0 ? shards : base);
    random = random * 6364136223846793005ull + 1442695040888963407ull;
  } while (sessions_.contains(session->id));
  session->uses_topic_ids = uses_topic_ids;
  session->created = session->used = now;
  sessions_.emplace(session->id, session);
  return session;
}

}  // namespace holdfast
