// Replication throttles (KIP-73): how many bytes a second this node sends to, or fetches as, replicas that are not in
// sync yet, so that a reassignment leaves room for clients. Which replicas is a topic setting, how much a dynamic
// broker setting; replicas in sync are never held up.
//
// One budget for all shards of a node: a time until which what went through is paid for. It is asked before and told
// after, so one answer may go beyond the rate, and the next wait for it. What was not used is kept for `burst`; what
// was used too much is remembered for `memory` (Kafka's quota forgets it after its window). Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "runtime/clock.h"

namespace holdfast {

class ReplicationQuota {
 public:
  struct Window {
    Duration burst = std::chrono::seconds(1);
    Duration memory = std::chrono::seconds(11);
  };

  void set_window(const Window& window) { window_ = window; }  // before anything else
  // INT64_MAX: no limit. A new rate begins with nothing owed.
  void set_rate(std::int64_t bytes_per_second);
  std::int64_t rate() const { return rate_.load(std::memory_order_relaxed); }

  Duration wait(SteadyTime now) const;  // until more may go; zero: now
  bool is_exceeded(SteadyTime now) const { return wait(now) > Duration::zero(); }
  void record(std::int64_t bytes, SteadyTime now);

 private:
  Window window_;
  std::atomic<std::int64_t> rate_{INT64_MAX};
  std::atomic<std::int64_t> paid_until_{INT64_MIN};  // of the steady clock
};

// The two directions of a node; and what goes between its own log directories (KIP-113).
struct ReplicationQuotas {
  ReplicationQuota leader, follower, moves;
};

// Whether a topic's leader.replication.throttled.replicas, or the follower's, names this replica: "*", or
// "partition:broker,...".
bool names_replica(std::string_view throttled, std::int32_t partition, std::int32_t broker);

}  // namespace holdfast
