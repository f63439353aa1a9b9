#include "coordination/sessions.h"

#include <algorithm>

namespace holdfast::zk {

SessionPassword password_of(SessionId id, std::int64_t secret) {
  // java.util.Random: 48 bits, the seed scrambled, four bytes of each 32-bit draw from the lowest up.
  constexpr std::uint64_t multiplier = 0x5DEECE66D, mask = (std::uint64_t{1} << 48) - 1;
  std::uint64_t state = (static_cast<std::uint64_t>(id.value ^ secret) ^ multiplier) & mask;
  SessionPassword password;
  for (std::size_t i = 0; i < password.size(); i += 4) {
    state = (state * multiplier + 0xB) & mask;
    const auto draw = static_cast<std::uint32_t>(state >> 16);
    for (std::size_t k = 0; k < 4; ++k) password[i + k] = static_cast<std::uint8_t>(draw >> (8 * k));
  }
  return password;
}

SessionId first_session_id(std::int64_t server_id, std::int64_t now_ms) {
  const std::uint64_t time = static_cast<std::uint64_t>(now_ms) << 24 >> 8;
  return SessionId{static_cast<std::int64_t>(time | static_cast<std::uint64_t>(server_id) << 56)};
}

std::int32_t SessionLimits::clamp(std::int32_t asked_ms) const {
  const std::int32_t least = timeout_min_ms < 0 ? 2 * tick_ms : timeout_min_ms;
  const std::int32_t most = timeout_max_ms < 0 ? 20 * tick_ms : timeout_max_ms;
  return std::max(least, std::min(asked_ms, most));
}

void SessionExpiry::touch(SessionId id, std::int32_t timeout_ms, std::int64_t now_ms) {
  const std::int64_t deadline = bucket_of(now_ms + timeout_ms);
  const auto [known, is_new] = deadlines_.try_emplace(id, deadline);
  if (!is_new) {
    if (known->second == deadline) return;
    const auto bucket = buckets_.find(known->second);
    bucket->second.erase(id);
    if (bucket->second.empty()) buckets_.erase(bucket);
    known->second = deadline;
  }
  buckets_[deadline].insert(id);
}

void SessionExpiry::forget(SessionId id) {
  const auto known = deadlines_.find(id);
  if (known == deadlines_.end()) return;
  const auto bucket = buckets_.find(known->second);
  bucket->second.erase(id);
  if (bucket->second.empty()) buckets_.erase(bucket);
  deadlines_.erase(known);
}

std::vector<SessionId> SessionExpiry::expired(std::int64_t now_ms) {
  std::vector<SessionId> out;
  while (!buckets_.empty() && buckets_.begin()->first <= now_ms) {
    const std::size_t first = out.size();
    for (const SessionId id : buckets_.begin()->second) {
      out.push_back(id);
      deadlines_.erase(id);
    }
    std::sort(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
    buckets_.erase(buckets_.begin());
  }
  return out;
}

std::optional<std::int64_t> SessionExpiry::next_deadline_ms() const {
  if (buckets_.empty()) return std::nullopt;
  return buckets_.begin()->first;
}

}  // namespace holdfast::zk
