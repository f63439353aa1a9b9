// Rate limits: how many requests, and how many bytes of them, a client may send in a second, by session and by subtree.
// What is beyond is not refused: it is not read until its time has come, so that replies keep their order and a client
// that pipelines is slowed down to its rate. Each server keeps its own account. Lives on the coordination shard.
//
// A subtree's rate is the znode /zookeeper/quota<path>/zookeeper_rates: "requests=100,bytes=65536", either of them. The
// deepest one at or above a request's path counts (of a multi, its first path's).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "coordination/tree.h"
#include "runtime/clock.h"

namespace holdfast::zk {

inline constexpr std::string_view rates_name = "zookeeper_rates";

struct Rates {
  std::int64_t requests = 0, bytes = 0;  // in a second; 0: no bound
  bool any() const { return requests > 0 || bytes > 0; }
  static Rates parse(std::string_view text);  // what is not understood is no bound
  friend bool operator==(const Rates&, const Rates&) = default;
};

// An account that fills at a rate, up to what a second brings. It may be overdrawn by one request: whoever does waits
// until it is not.
class RateLimit {
 public:
  RateLimit() = default;
  explicit RateLimit(Rates rates)
      : rates_(rates), requests_(static_cast<double>(rates.requests)), bytes_(static_cast<double>(rates.bytes)) {}

  const Rates& rates() const { return rates_; }
  // How long until a request may be taken; 0: now.
  Duration wait(SteadyTime now);
  void charge(std::size_t bytes);

 private:
  static Duration until_positive(double level, std::int64_t rate);

  Rates rates_;
  double requests_ = 0, bytes_ = 0;
  SteadyTime at_{};
};

// The limits of subtrees, as the tree names them.
class SubtreeRates {
 public:
  // Takes note of what the quota subtree says now; accounts whose rates have not changed go on.
  void refresh(const Tree& tree);
  bool empty() const { return limits_.empty(); }
  RateLimit* covering(std::string_view path);  // null: none

 private:
  std::map<std::string, RateLimit, std::less<>> limits_;
};

}  // namespace holdfast::zk
