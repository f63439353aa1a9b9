// FetchSessions: incremental fetches (KIP-227): a consumer of many partitions names only what changed, and is answered
// only with what changed. One cache per shard; a session belongs to the shard of the connection that made it, which its
// id says, so that a client that comes back over another shard's connection gets FETCH_SESSION_ID_NOT_FOUND and starts
// a new one, as after an eviction.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/metadata.h"
#include "runtime/clock.h"
#include "wire/kafka/errors.h"

namespace holdfast {

// One partition of a fetch: what the client asks, and what it was told last.
struct FetchedPartition {
  std::string topic;  // empty when the id is not known
  Uuid topic_id{};
  std::int32_t index = 0;
  std::int32_t current_leader_epoch = -1;
  std::int64_t fetch_offset = 0;
  std::int32_t last_fetched_epoch = -1;
  std::int64_t log_start_offset = -1;
  std::int32_t bytes_max = 0;

  // Answered last; -2: never.
  std::int64_t told_high_watermark = -2;
  std::int64_t told_log_start = -2;
};

class FetchSession {
 public:
  struct Key {
    std::string topic;
    Uuid topic_id{};
    std::int32_t index = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  std::int32_t id = 0;
  std::int32_t next_epoch = 1;
  bool uses_topic_ids = false;
  bool busy = false;  // a fetch of this session is in progress and holds on to its partitions
  SteadyTime created{}, used{};

  void put(FetchedPartition partition);  // adds, or replaces what is asked and keeps what was told
  void forget(const Key& key);
  FetchedPartition* find(const Key& key);
  // In the order partitions are to be tried: those that were answered with data move to the end, so that each gets
  // its turn.
  std::list<FetchedPartition>& partitions() { return partitions_; }
  void move_to_end(const Key& key);
  std::size_t size() const { return partitions_.size(); }

 private:
  struct KeyHash {
    std::size_t operator()(const Key& k) const noexcept {
      return (std::hash<std::string>{}(k.topic) ^ UuidHash{}(k.topic_id)) +
             static_cast<std::size_t>(k.index) * 0x9e3779b9u;
    }
  };
  std::list<FetchedPartition> partitions_;
  std::unordered_map<Key, std::list<FetchedPartition>::iterator, KeyHash> by_key_;
};

class FetchSessions {
 public:
  static constexpr std::int32_t final_epoch = -1;  // sessionless, and: close the session
  static constexpr std::int32_t initial_epoch = 0;

  FetchSessions(std::size_t slots, int shard, int shards) : slots_(slots), shard_(shard), shards_(shards) {}

  // The session of an incremental request, its epoch already advanced; or the error.
  struct Found {
    std::shared_ptr<FetchSession> session;
    wire::ErrorCode error = wire::ErrorCode::none;
  };
  Found find(std::int32_t id, std::int32_t epoch, bool uses_topic_ids, SteadyTime now);
  // Null when the cache is full of sessions that are in use and worth more.
  std::shared_ptr<FetchSession> create(std::size_t partitions, bool uses_topic_ids, std::uint64_t random,
                                       SteadyTime now);
  void remove(std::int32_t id) { sessions_.erase(id); }
  std::size_t size() const { return sessions_.size(); }

 private:
  static constexpr auto eviction_idle = std::chrono::minutes(2);
  std::size_t slots_;
  int shard_, shards_;
  std::unordered_map<std::int32_t, std::shared_ptr<FetchSession>> sessions_;
};

}  // namespace holdfast
