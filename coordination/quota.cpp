#include "coordination/quota.h"

#include <fmt/format.h>

#include <charconv>

#include "coordination/path.h"

namespace holdfast::zk {

QuotaValues QuotaValues::parse(std::string_view text) {
  QuotaValues values;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(",;"), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view key = pair.substr(0, equals);
    const std::string_view number = pair.substr(std::min(equals + 1, pair.size()));
    std::int64_t value = -1;
    if (std::from_chars(number.data(), number.data() + number.size(), value).ec != std::errc()) value = -1;
    if (key == "count") values.count = value;
    if (key == "bytes") values.bytes = value;
    if (key == "countHardLimit") values.count_hard = value;
    if (key == "byteHardLimit") values.bytes_hard = value;
    values.hard_keys |= key == "countHardLimit" || key == "byteHardLimit";
  }
  return values;
}

std::string QuotaValues::text() const {
  std::string out = fmt::format("count={},bytes={}", count, bytes);
  if (hard_keys) out += fmt::format("=;byteHardLimit={};countHardLimit={}", bytes_hard, count_hard);
  return out;
}

// The subtree that "/zookeeper/quota<path>/zookeeper_limits" limits; empty when it is no such path.
std::string_view quota_path_of(std::string_view path, std::string_view name) {
  if (!is_below(path, quota_root) || name_of(path) != name) return {};
  const std::string_view parent = parent_of(path);
  return parent.size() > quota_root.size() ? parent.substr(quota_root.size()) : std::string_view();
}

std::string limits_path(std::string_view quota_path) {
  return fmt::format("{}{}/{}", quota_root, quota_path, limits_name);
}
std::string stats_path(std::string_view quota_path) {
  return fmt::format("{}{}/{}", quota_root, quota_path, stats_name);
}

void QuotaPaths::remove(std::string_view path) {
  if (const auto known = paths_.find(path); known != paths_.end()) paths_.erase(known);
}

std::optional<std::string_view> QuotaPaths::covering(std::string_view path) const {
  if (paths_.empty() || is_at_or_below(path, "/zookeeper")) return std::nullopt;
  for (; path != "/"; path = parent_of(path)) {
    if (const auto known = paths_.find(path); known != paths_.end()) return *known;
  }
  return std::nullopt;
}

PendingQuota::Use PendingQuota::of(std::string_view root) const {
  const auto sum = sums_.find(root);
  return sum == sums_.end() ? Use{} : sum->second;
}

void PendingQuota::add(std::string_view root, std::int64_t bytes, std::int64_t count, Zxid zxid) {
  const Entry& entry = log_.emplace_back(Entry{std::string(root), Use{bytes, count}, zxid});
  Use& sum = sums_[entry.root];
  sum.bytes += bytes;
  sum.count += count;
}

void PendingQuota::applied(Zxid zxid) {
  for (; !log_.empty() && log_.front().zxid <= zxid; log_.pop_front()) take_back(log_.front());
}

void PendingQuota::roll_back(std::size_t mark) {
  for (; log_.size() > mark; log_.pop_back()) take_back(log_.back());
}

void PendingQuota::clear() {
  log_.clear();
  sums_.clear();
}

void PendingQuota::take_back(const Entry& entry) {
  Use& sum = sums_[entry.root];
  sum.bytes -= entry.use.bytes;
  sum.count -= entry.use.count;
  if (log_.size() == 1) sums_.clear();  // the last one
}

}  // namespace holdfast::zk
