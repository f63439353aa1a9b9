// Sessions. SessionTable is the replicated part: which sessions exist, with which
// timeout, through which server each speaks, and what became of its last writes. SessionExpiry is the
// leader's part: when each must have been heard of again, in buckets of whole ticks as upstream keeps them, so that a
// touch usually costs one comparison. Both are pure: the time is an argument. Live on the coordination shard.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "coordination/results.h"
#include "runtime/result.h"
#include "runtime/strong.h"

namespace holdfast::zk {

using SessionPassword = std::array<std::uint8_t, 16>;
// java.util.Random(id ^ secret).nextBytes(16), as upstream: every server can check it and none stores it. A secret of
// the cluster's own keeps sessions from being guessed; upstream's constant lets a live ensemble be taken over.
inline constexpr std::int64_t upstream_password_secret = 0xB3415C00;
SessionPassword password_of(SessionId id, std::int64_t secret = upstream_password_secret);

// server id << 56 | 40 bits of the time at start | 16 bits that count (SessionTrackerImpl.initializeNextSessionId).
SessionId first_session_id(std::int64_t server_id, std::int64_t now_ms);

struct Session {
  std::int32_t timeout_ms = 0;
  std::int64_t owner = 0;  // the server through which it speaks; 0: whichever
  ResultWindow results{};
};

class SessionTable {
 public:
  bool contains(SessionId id) const { return sessions_.contains(id); }
  const Session* find(SessionId id) const {
    const auto it = sessions_.find(id);
    return it == sessions_.end() ? nullptr : &it->second;
  }
  void add(SessionId id, Session session) { sessions_[id] = std::move(session); }
  // Re-attached elsewhere: requests through the former server are refused with SessionMoved. False: no such session.
  bool set_owner(SessionId id, std::int64_t owner) {
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) return false;
    it->second.owner = owner;
    return true;
  }
  ResultWindow* results_of(SessionId id) {  // null: no such session
    const auto it = sessions_.find(id);
    return it == sessions_.end() ? nullptr : &it->second.results;
  }
  bool remove(SessionId id) { return sessions_.erase(id) != 0; }
  std::size_t size() const { return sessions_.size(); }
  const std::unordered_map<SessionId, Session>& all() const { return sessions_; }
  void clear() { sessions_.clear(); }

 private:
  std::unordered_map<SessionId, Session> sessions_;
};

// Clamps what a client asks for: [2 * tick, 20 * tick] unless configured otherwise.
struct SessionLimits {
  std::int32_t tick_ms = 2000;
  std::int32_t timeout_min_ms = -1;  // -1: 2 ticks
  std::int32_t timeout_max_ms = -1;  // -1: 20 ticks
  std::int32_t clamp(std::int32_t asked_ms) const;
};

class SessionExpiry {
 public:
  explicit SessionExpiry(std::int32_t tick_ms) : tick_ms_(tick_ms) {}

  // Heard of at now: also starts tracking. The deadline is (now + timeout) rounded up to the next tick boundary.
  void touch(SessionId id, std::int32_t timeout_ms, std::int64_t now_ms);
  void forget(SessionId id);
  // Sessions whose deadline has passed; they are forgotten here (the caller proposes their closing).
  std::vector<SessionId> expired(std::int64_t now_ms);
  std::optional<std::int64_t> next_deadline_ms() const;
  std::optional<std::int64_t> deadline_ms(SessionId id) const {
    const auto it = deadlines_.find(id);
    return it == deadlines_.end() ? std::nullopt : std::optional(it->second);
  }
  std::size_t size() const { return deadlines_.size(); }
  const std::map<std::int64_t, std::unordered_set<SessionId>>& buckets() const { return buckets_; }  // for dump

 private:
  std::int64_t bucket_of(std::int64_t time_ms) const { return (time_ms / tick_ms_ + 1) * tick_ms_; }

  std::int64_t tick_ms_;
  std::unordered_map<SessionId, std::int64_t> deadlines_;
  std::map<std::int64_t, std::unordered_set<SessionId>> buckets_;
};

}  // namespace holdfast::zk
