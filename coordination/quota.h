// Quotas: limits on a subtree, kept as upstream keeps them: /zookeeper/quota<path>/zookeeper_limits holds what an
// administrator set, .../zookeeper_stats what applying transactions counted, both as text (StatsTrack.java). A soft
// limit is warned about, a hard one refuses the write (QuotaExceeded) when enforcement is on. The node itself is
// counted. Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::zk {

inline constexpr std::string_view quota_root = "/zookeeper/quota";
inline constexpr std::string_view limits_name = "zookeeper_limits";
inline constexpr std::string_view stats_name = "zookeeper_stats";

// "count=5,bytes=10=;byteHardLimit=-1;countHardLimit=-1": either separator, unset is -1. The '=' after the bytes is
// upstream's, for parsers that would stumble over the hard limits behind it.
struct QuotaValues {
  std::int64_t count = -1;
  std::int64_t bytes = -1;
  std::int64_t count_hard = -1;
  std::int64_t bytes_hard = -1;

  static QuotaValues parse(std::string_view text);  // what is not understood stays -1
  std::string text() const;
};

std::string limits_path(std::string_view quota_path);
std::string stats_path(std::string_view quota_path);

// A soft limit that a write went over.
struct QuotaWarning {
  std::string path;  // the subtree's root
  bool bytes = false;
  std::int64_t limit = 0;
  std::int64_t used = 0;
};

// Which subtrees have limits: the deepest one at or above a path counts.
class QuotaPaths {
 public:
  void add(std::string_view path) { paths_.insert_or_assign(std::string(path), true); }
  void remove(std::string_view path);
  bool empty() const { return paths_.empty(); }
  void clear() { paths_.clear(); }
  std::optional<std::string_view> covering(std::string_view path) const;

 private:
  std::map<std::string, bool, std::less<>> paths_;
};

}  // namespace holdfast::zk
