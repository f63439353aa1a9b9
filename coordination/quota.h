// Quotas: limits on a subtree, kept as upstream keeps them: /zookeeper/quota<path>/zookeeper_limits holds what an
// administrator set, .../zookeeper_stats what applying transactions counted, both as text (StatsTrack.java). A soft
// limit is warned about, a hard one refuses the write (QuotaExceeded) when enforcement is on. The node itself is
// counted. Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "runtime/strong.h"

namespace holdfast::zk {

inline constexpr std::string_view quota_root = "/zookeeper/quota";
inline constexpr std::string_view limits_name = "zookeeper_limits";
inline constexpr std::string_view stats_name = "zookeeper_stats";

// "count=5,bytes=10" or "count=5,bytes=10=;byteHardLimit=20;countHardLimit=-1": either separator, unset is -1. The '='
// after the bytes is upstream's, for parsers that would stumble over the hard limits behind it.
struct QuotaValues {
  std::int64_t count = -1;
  std::int64_t bytes = -1;
  std::int64_t count_hard = -1;
  std::int64_t bytes_hard = -1;
  bool hard_keys = false;  // the text names hard limits: they are written again, even unset

  static QuotaValues parse(std::string_view text);  // what is not understood stays -1
  std::string text() const;
};

std::string limits_path(std::string_view quota_path);
std::string stats_path(std::string_view quota_path);
// The subtree that a node of that name below /zookeeper/quota is about; empty: it is none.
std::string_view quota_path_of(std::string_view path, std::string_view name);

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
  void add(std::string_view path) { paths_.emplace(path); }
  void remove(std::string_view path);
  bool empty() const { return paths_.empty(); }
  void clear() { paths_.clear(); }
  std::optional<std::string_view> covering(std::string_view path) const;

 private:
  std::set<std::string, std::less<>> paths_;
};

// What prepared, unapplied transactions will add to each subtree: without it a pipeline could run over a hard limit.
class PendingQuota {
 public:
  struct Use {
    std::int64_t bytes = 0;
    std::int64_t count = 0;
  };
  Use of(std::string_view root) const;
  void add(std::string_view root, std::int64_t bytes, std::int64_t count, Zxid zxid);
  void applied(Zxid zxid);
  std::size_t mark() const { return log_.size(); }
  void roll_back(std::size_t mark);
  void clear();

 private:
  struct Entry {
    std::string root;
    Use use;
    Zxid zxid;
  };
  void take_back(const Entry& entry);

  std::deque<Entry> log_;  // in zxid order
  std::map<std::string, Use, std::less<>> sums_;
};

}  // namespace holdfast::zk
