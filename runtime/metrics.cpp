#include "runtime/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>
#include <mutex>

#include "runtime/result.h"

namespace holdfast {

void Histogram::record(std::uint64_t value) {
  buckets_[static_cast<std::size_t>(bucket_of(value))].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
  std::uint64_t seen = max_.load(std::memory_order_relaxed);
  while (seen < value && !max_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

std::uint64_t Histogram::count() const {
  std::uint64_t all = 0;
  for (const auto& bucket : buckets_) all += bucket.load(std::memory_order_relaxed);
  return all;
}

std::uint64_t Histogram::quantile(double q) const {
  const std::uint64_t all = count();
  if (all == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(all)));
  std::uint64_t below = 0;
  for (int i = 0; i < bucket_count; ++i) {
    below += bucket(i);
    if (below >= std::max<std::uint64_t>(rank, 1)) return std::min(upper_bound(i), max());
  }
  return max();
}

// Values below 4 have a bucket each; above, the leading bit and the two bits after it name the bucket.
int Histogram::bucket_of(std::uint64_t value) {
  if (value < 4) return static_cast<int>(value);
  const int exponent = static_cast<int>(std::bit_width(value)) - 1;
  const auto step = static_cast<int>((value >> (exponent - 2)) & 3);
  return std::min((exponent - 1) * 4 + step, bucket_count - 1);
}

std::uint64_t Histogram::upper_bound(int bucket) {
  if (bucket < 4) return static_cast<std::uint64_t>(bucket);
  if (bucket >= bucket_count - 1) return std::numeric_limits<std::uint64_t>::max();
  const int exponent = bucket / 4 + 1;
  const auto step = static_cast<std::uint64_t>(bucket % 4);
  return ((4 + step + 1) << (exponent - 2)) - 1;
}

namespace {

enum class Type : std::uint8_t { counter, gauge, histogram };

std::string_view to_string(Type type) {
  switch (type) {
    case Type::counter:
      return "counter";
    case Type::gauge:
      return "gauge";
    case Type::histogram:
      return "histogram";
  }
  return "untyped";
}

struct Series {
  std::unique_ptr<Counter> counter;
  std::unique_ptr<Gauge> gauge;
  std::unique_ptr<Histogram> histogram;
  Function<double()> read;
};

struct Family {
  std::string help;
  Type type = Type::counter;
  Unit unit = Unit::plain;
  std::map<std::string, Series> series;  // by the text of its labels
};

bool is_name(std::string_view text, bool colon) {
  const auto letter = [colon](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':');
  };
  if (text.empty() || !letter(text.front())) return false;
  return std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

// `a="1",b="2"`: what stands between the braces.
std::string labels_text(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    HOLDFAST_CHECK(is_name(name, false));
    if (!text.empty()) text += ',';
    text += name;
    text += "=\"";
    append_escaped(text, value, true);
    text += '"';
  }
  return text;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

template <class Value>
void append_sample(std::string& out, std::string_view name, std::string_view suffix, std::string_view labels,
                   const Value& value) {
  fmt::format_to(std::back_inserter(out), "{}{}", name, suffix);
  if (!labels.empty()) fmt::format_to(std::back_inserter(out), "{{{}}}", labels);
  fmt::format_to(std::back_inserter(out), " {}\n", value);
}

// The fine buckets are too many to expose; bounds a factor of two apart are kept, each the greatest value below a
// power of two and so exact: from 1 us to 17 s for times, from 0 to 16 million for plain values.
void append_histogram(std::string& out, std::string_view name, const std::string& labels, const Histogram& histogram,
                      Unit unit) {
  const bool seconds = unit == Unit::seconds;
  const int first_power = seconds ? 10 : 0, last_power = seconds ? 34 : 24;
  const std::string before = labels.empty() ? "" : labels + ",";
  const auto scaled = [seconds](std::uint64_t value) {
    return seconds ? number(static_cast<double>(value) / 1e9) : fmt::format("{}", value);
  };
  std::uint64_t below = 0;
  int bucket = 0;
  for (int power = first_power; power <= last_power; ++power) {
    const std::uint64_t bound = (std::uint64_t{1} << power) - 1;
    for (; Histogram::upper_bound(bucket) <= bound; ++bucket) below += histogram.bucket(bucket);
    append_sample(out, name, "_bucket", fmt::format("{}le=\"{}\"", before, scaled(bound)), below);
  }
  for (; bucket < Histogram::bucket_count; ++bucket) below += histogram.bucket(bucket);
  append_sample(out, name, "_bucket", before + "le=\"+Inf\"", below);
  append_sample(out, name, "_sum", labels, scaled(histogram.sum()));
  append_sample(out, name, "_count", labels, below);
}

}  // namespace

struct Metrics::Inner {
  std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;

  Series& series(std::string_view name, std::string_view help, Type type, Unit unit, const Labels& labels) {
    HOLDFAST_CHECK(is_name(name, true));
    auto found = families.find(name);
    if (found == families.end()) {
      found = families.emplace(std::string(name), Family{std::string(help), type, unit, {}}).first;
    }
    HOLDFAST_CHECK(found->second.type == type && found->second.unit == unit);
    return found->second.series[labels_text(labels)];
  }
};

Metrics::Metrics() : inner_(std::make_unique<Inner>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help, Labels labels) {
  std::lock_guard lock(inner_->mutex);
  Series& series = inner_->series(name, help, Type::counter, Unit::plain, labels);
  if (!series.counter) series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, Labels labels) {
  std::lock_guard lock(inner_->mutex);
  Series& series = inner_->series(name, help, Type::gauge, Unit::plain, labels);
  if (!series.gauge) series.gauge = std::make_unique<Gauge>();
  return *series.gauge;
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, Labels labels, Unit unit) {
  std::lock_guard lock(inner_->mutex);
  Series& series = inner_->series(name, help, Type::histogram, unit, labels);
  if (!series.histogram) series.histogram = std::make_unique<Histogram>();
  return *series.histogram;
}

void Metrics::gauge_from(std::string_view name, std::string_view help, Labels labels, Function<double()> read) {
  std::lock_guard lock(inner_->mutex);
  inner_->series(name, help, Type::gauge, Unit::plain, labels).read = std::move(read);
}

std::string Metrics::prometheus_text() const {
  std::lock_guard lock(inner_->mutex);
  std::string out;
  for (auto& [name, family] : inner_->families) {
    fmt::format_to(std::back_inserter(out), "# HELP {} ", name);
    append_escaped(out, family.help, false);
    fmt::format_to(std::back_inserter(out), "\n# TYPE {} {}\n", name, to_string(family.type));
    for (auto& [labels, series] : family.series) {
      if (series.counter) append_sample(out, name, "", labels, series.counter->value());
      if (series.gauge && !series.read) append_sample(out, name, "", labels, series.gauge->value());
      if (series.read) append_sample(out, name, "", labels, number(series.read()));
      if (series.histogram) append_histogram(out, name, labels, *series.histogram, family.unit);
    }
  }
  return out;
}

}  // namespace holdfast
