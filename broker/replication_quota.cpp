#include "broker/replication_quota.h"

#include <algorithm>
#include <charconv>

namespace holdfast {
namespace {

std::int64_t ticks(SteadyTime time) { return time.time_since_epoch().count(); }

// The time that so many bytes take, at most `most`.
Duration time_of(std::int64_t bytes, std::int64_t rate, Duration most) {
  const double seconds = static_cast<double>(bytes) / static_cast<double>(std::max<std::int64_t>(rate, 1));
  const std::chrono::duration<double> limit = most;
  if (seconds >= limit.count()) return most;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

bool read_id(std::string_view text, std::int32_t& id) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  return error == std::errc() && end == text.data() + text.size();
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

void ReplicationQuota::set_rate(std::int64_t bytes_per_second) {
  if (rate_.exchange(bytes_per_second, std::memory_order_relaxed) == bytes_per_second) return;
  paid_until_.store(INT64_MIN, std::memory_order_relaxed);
}

Duration ReplicationQuota::wait(SteadyTime now) const {
  if (rate() == INT64_MAX) return Duration::zero();
  const std::int64_t until = paid_until_.load(std::memory_order_relaxed);
  return until <= ticks(now) ? Duration::zero() : Duration(until - ticks(now));
}

void ReplicationQuota::record(std::int64_t bytes, SteadyTime now) {
  const std::int64_t rate = this->rate();
  if (rate == INT64_MAX || bytes <= 0) return;
  const std::int64_t least = ticks(now - window_.burst), most = ticks(now + window_.memory);
  const std::int64_t cost = time_of(bytes, rate, window_.burst + window_.memory).count();
  std::int64_t until = paid_until_.load(std::memory_order_relaxed);
  while (!paid_until_.compare_exchange_weak(until, std::min(std::max(until, least) + cost, most),
                                            std::memory_order_relaxed)) {
  }
}

bool names_replica(std::string_view throttled, std::int32_t partition, std::int32_t broker) {
  for (std::size_t from = 0; from <= throttled.size();) {
    const std::size_t comma = std::min(throttled.find(',', from), throttled.size());
    const std::string_view entry = trimmed(throttled.substr(from, comma - from));
    from = comma + 1;
    if (entry == "*") return true;
    const std::size_t colon = entry.find(':');
    std::int32_t p = 0, b = 0;
    if (colon == entry.npos || !read_id(entry.substr(0, colon), p) || !read_id(entry.substr(colon + 1), b)) continue;
    if (p == partition && b == broker) return true;
  }
  return false;
}

}  // namespace holdfast
