#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>

#include "client/cli_common.h"
#include "client/cli_perf.h"
#include "client/cluster.h"

namespace holdfast::client {
namespace {

constexpr std::uint64_t largest_us = (std::uint64_t{1} << 32) - 1;
constexpr std::size_t metrics_bytes_max = 8 << 20;
constexpr std::uint16_t metrics_port = 9644;
constexpr std::string_view unsaid = "say --metrics or --server-pid";
constexpr std::string_view cpu_metric = "process_cpu_seconds_total";
constexpr std::uint64_t size_max = 100 << 20;  // no server takes a record, or a znode, that is larger

// The value of a metric without labels.
std::optional<double> metric(std::string_view text, std::string_view name) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ' ')
      return std::strtod(std::string(line.substr(name.size() + 1)).c_str(), nullptr);
    at = end + 1;
  }
  return std::nullopt;
}

// User and system time of /proc/PID/stat, which counts in hundredths of a second.
std::optional<double> cpu_of_process(Disk& disk, std::int64_t pid) {
  auto file = disk.open(fmt::format("/proc/{}/stat", pid), {});
  if (!file) return std::nullopt;
  std::array<std::uint8_t, 1024> buffer;
  auto got = (*file)->read_at(0, buffer);
  if (!got) return std::nullopt;
  std::string_view text(reinterpret_cast<const char*>(buffer.data()), *got);
  const std::size_t name_end = text.rfind(')');  // the name in front may hold anything
  if (name_end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(name_end + 1);
  constexpr int user_field = 12, system_field = 13;  // counted from behind the name
  double hundredths = 0;
  for (int field = 0; field <= system_field; ++field) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return std::nullopt;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find(' '), text.size());
    if (field == user_field || field == system_field)
      hundredths += std::strtod(std::string(text.substr(0, end)).c_str(), nullptr);
    text.remove_prefix(end);
  }
  return hundredths / 100;
}

}  // namespace

Histogram::Histogram() : buckets_(index_of(largest_us) + 1) {}

std::size_t Histogram::index_of(std::uint64_t microseconds) {
  const int width = static_cast<int>(std::bit_width(microseconds));
  const int shift = std::max(0, width - precision_bits);
  return static_cast<std::size_t>(shift) * (std::size_t{1} << (precision_bits - 1)) +
         static_cast<std::size_t>(microseconds >> shift);
}

std::uint64_t Histogram::upper_end(std::size_t index) {
  constexpr std::size_t half = std::size_t{1} << (precision_bits - 1);
  const std::size_t shift = index < 2 * half ? 0 : index / half - 1;
  return ((index - shift * half + 1) << shift) - 1;
}

void Histogram::add(Duration latency) {
  const std::int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(latency).count();
  const std::uint64_t value = std::min(largest_us, static_cast<std::uint64_t>(std::max<std::int64_t>(0, us)));
  ++buckets_[index_of(value)];
  ++count_;
  sum_us_ += static_cast<double>(value);
  max_ = std::max(max_, latency);
}

Duration Histogram::mean() const {
  if (count_ == 0) return {};
  return Duration(static_cast<std::int64_t>(sum_us_ / static_cast<double>(count_) * 1e3));
}

Duration Histogram::quantile(double share) const {
  const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= std::max<std::uint64_t>(1, rank))
      return std::min(max_, Duration(std::chrono::microseconds(static_cast<std::int64_t>(upper_end(i)))));
  }
  return max_;
}

Exit check_perf(Session& session, const PerfArguments& arguments) {
  if (!std::isfinite(arguments.rate) || arguments.rate < 0)
    return session.usage("--rate is so many a second, 0 or more");
  if (!parse_duration(arguments.duration))
    return session.usage(fmt::format("--duration '{}': it is a time such as 10s", arguments.duration));
  const auto size = parse_bytes(arguments.size);
  if (!size || *size > size_max)
    return session.usage(fmt::format("--size '{}': it is a size such as 100 or 1KiB, at most {}", arguments.size,
                                     bytes_value(size_max).text()));
  if (arguments.partitions < 1 || arguments.in_flight < 1)
    return session.usage("--partitions and --in-flight are 1 or more");
  if (!arguments.metrics.empty()) {
    // A port that is not said would be Kafka's.
    const std::size_t last = arguments.metrics.find_last_of(":]");
    const bool has_port = last != std::string::npos && arguments.metrics[last] == ':';
    const auto at = parse_bootstrap_servers(arguments.metrics);
    if (!has_port || !at || at->size() != 1)
      return session.usage(fmt::format("--metrics '{}': it is HOST:PORT, as 127.0.0.1:9644", arguments.metrics));
  }
  const auto pid = arguments.server_pid;
  if (pid && (*pid <= 0 || !cpu_of_process(session.disk(), *pid)))
    return session.usage(fmt::format("--server-pid {}: there is no such process on this machine", *pid),
                         "of a server elsewhere, --metrics HOST:PORT tells the CPU");
  return Exit::ok;
}

Task<Result<double>> server_cpu(Session& session, const PerfArguments& arguments) {
  if (arguments.server_pid) {
    const auto used = cpu_of_process(session.disk(), *arguments.server_pid);
    if (used) co_return *used;
    co_return fail(ErrorKind::not_found, fmt::format("process {} has gone", *arguments.server_pid));
  }
  // Both have been checked.
  const bool given = !arguments.metrics.empty();
  const auto servers = parse_bootstrap_servers(given ? arguments.metrics : session.kafka().address);
  if (!servers || servers->empty()) co_return fail(ErrorKind::invalid_input, std::string(unsaid));
  const Endpoint at = given ? servers->front() : Endpoint{servers->front().host, metrics_port};
  auto stream = co_await session.network().connect(session.shard(), at);
  if (!stream && given) co_return fail(stream);
  if (!stream) co_return fail(ErrorKind::not_found, std::string(unsaid));
  Stream& connection = **stream;
  Timer limit;
  session.shard().arm(limit, std::chrono::seconds(2), [&connection] { connection.close(); });
  connection.send(BufferChain(Bytes::copy("GET /metrics HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n")));
  std::string answer;
  while (answer.size() < metrics_bytes_max) {
    std::array<std::uint8_t, 16 << 10> buffer;
    const std::span<std::uint8_t> into(buffer);
    auto got = co_await connection.read_some(into);
    if (!got || *got == 0) break;
    answer.append(reinterpret_cast<const char*>(buffer.data()), *got);
  }
  const auto used = metric(answer, cpu_metric);
  if (used) co_return *used;
  co_return fail(ErrorKind::unsupported,
                 given ? fmt::format("{} does not tell {}", to_string(at), cpu_metric) : std::string(unsaid));
}

Exit print_perf(Session& session, const PerfResult& result, bool with_latency, std::string_view unit) {
  const double seconds = std::max(1e-9, static_cast<double>(result.took.count()) / 1e9);
  const double per_second = static_cast<double>(result.done) / seconds;
  const auto rate = static_cast<std::int64_t>(per_second);
  Object object{{std::string(unit), Value(result.done).shown_as(grouped(static_cast<std::int64_t>(result.done)))}};
  object.push_back({"failed", result.failed > 0 ? Value(result.failed).in(Tone::bad) : Value(0)});
  object.push_back({"seconds", Value(seconds).shown_as(fmt::format("{:.2f}", seconds))});
  object.push_back({std::string(unit) + "_per_second", Value(rate).shown_as(grouped(rate))});
  if (result.bytes > 0)
    object.push_back(
        {"bytes_per_second", bytes_value(static_cast<std::uint64_t>(static_cast<double>(result.bytes) / seconds))});
  if (with_latency) {
    const auto ms = [](Duration duration) {
      const double value = static_cast<double>(duration.count()) / 1e6;
      return Value(value).shown_as(fmt::format("{:.3f}", value));
    };
    const Histogram& latency = result.latency;
    object.push_back({"latency_ms", Object{{"mean", ms(latency.mean())},
                                           {"p50", ms(latency.quantile(0.5))},
                                           {"p90", ms(latency.quantile(0.9))},
                                           {"p99", ms(latency.quantile(0.99))},
                                           {"p999", ms(latency.quantile(0.999))},
                                           {"max", ms(latency.max())}}});
  }
  if (result.cpu_before && result.cpu_after) {
    const double cpu = *result.cpu_after - *result.cpu_before;
    object.push_back(
        {"server_cpu", Object{{"seconds", Value(cpu).shown_as(fmt::format("{:.2f}", cpu))},
                              {"percent_of_a_core",
                               Value(100 * cpu / seconds).shown_as(fmt::format("{:.0f}", 100 * cpu / seconds))}}});
  } else {
    const Error& why = result.cpu_before ? result.cpu_after.error() : result.cpu_before.error();
    object.push_back({"server_cpu", Value().shown_as(fmt::format("-  ({})", why.message))});
  }
  session.progress({});
  session.out().object(object);
  if (session.interrupted()) return Exit::interrupted;
  return result.failed > 0 ? Exit::failed : Exit::ok;
}

}  // namespace holdfast::client
