// Metrics: counters, gauges and histograms with Prometheus text. Updates are relaxed atomics on objects that their
// owners keep; several shards may share one. A registry belongs to a node, not to the process.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/function.h"

namespace holdfast {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Values are in nanoseconds (exposed in seconds) or plain units. Buckets are powers of two with four steps between.
class Histogram {
 public:
  static constexpr int bucket_count = 160;
  void record(std::uint64_t value);
  std::uint64_t count() const;
  std::uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
  std::uint64_t max() const { return max_.load(std::memory_order_relaxed); }
  std::uint64_t quantile(double q) const;  // upper bound of the bucket that holds it
  static int bucket_of(std::uint64_t value);
  static std::uint64_t upper_bound(int bucket);
  std::uint64_t bucket(int i) const { return buckets_[static_cast<std::size_t>(i)].load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint64_t>, bucket_count> buckets_{};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> max_{0};
};

enum class Unit : std::uint8_t { plain, seconds };  // seconds: recorded in nanoseconds

class Metrics {
 public:
  Metrics();
  ~Metrics();
  // One family per name: the same name with other labels adds a series. References live as long as the registry.
  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, Labels labels = {}, Unit unit = Unit::seconds);
  // Read at exposition, on the exposing thread: it must be safe there.
  void gauge_from(std::string_view name, std::string_view help, Labels labels, Function<double()> read);
  std::string prometheus_text() const;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace holdfast
