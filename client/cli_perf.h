// What `holdfast perf` measures with: a histogram of latencies with a bounded relative error, the pace of an open loop,
// and the CPU that a server has used.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/cli_session.h"

namespace holdfast::client {

class Cli;

// Counts per bucket, each 1/1024 of its value wide or less (an HDR histogram); from 0 to about 4,000 seconds.
class Histogram {
 public:
  Histogram();
  void add(Duration latency);
  std::uint64_t count() const { return count_; }
  Duration max() const { return max_; }
  Duration mean() const;
  // Not below that share of what was added, from 0 to 1.
  Duration quantile(double share) const;

 private:
  static constexpr int precision_bits = 11;
  static std::size_t index_of(std::uint64_t microseconds);
  static std::uint64_t upper_end(std::size_t index);
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  double sum_us_ = 0;
  Duration max_{};
};

// When the n-th request of an open loop is due: latency counts from then, however late it was sent, so that a server
// that stands still is seen by every request that it kept waiting.
class Pace {
 public:
  Pace(SteadyTime start, double per_second) : start_(start), per_second_(per_second) {}
  bool open() const { return per_second_ > 0; }  // otherwise: as fast as it goes
  SteadyTime due(std::uint64_t n) const {
    return start_ + Duration(static_cast<std::int64_t>(static_cast<double>(n) / per_second_ * 1e9));
  }

 private:
  SteadyTime start_;
  double per_second_;
};

struct PerfArguments {
  std::string topic, duration = "10s", size = "100", metrics;
  std::string codec = "none", acks = "all", linger = "5ms", batch = "256K";
  double rate = 0;
  std::int64_t records = 0;  // 0: by duration
  std::optional<std::int64_t> server_pid;
  int in_flight = 64, partitions = 1;
  std::string operation = "mix";
};

// Whether they make sense, each and together; otherwise it has been said why not.
Exit check_perf(Session& session, const PerfArguments& arguments);

// Seconds of CPU that the server has used since it started, from the process, if it is on this machine, or from its
// metrics (process_cpu_seconds_total); or why nobody tells.
Task<Result<double>> server_cpu(Session& session, const PerfArguments& arguments);

struct PerfResult {
  std::uint64_t done = 0, failed = 0, bytes = 0;
  Duration took{};
  Histogram latency;
  Result<double> cpu_before = 0, cpu_after = 0;
};
// The exit code, too: interrupted, where somebody had it end early.
Exit print_perf(Session& session, const PerfResult& result, bool with_latency, std::string_view unit);

void add_perf_zk_verb(Cli& cli);

}  // namespace holdfast::client
