// What people write for durations, sizes and times.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "client/cli_session.h"

namespace holdfast::client {
namespace {

struct Quantity {
  double number = 0;
  std::string unit;
};

std::optional<Quantity> parse_quantity(std::string_view text) {
  Quantity out;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), out.number);
  if (error != std::errc() || out.number < 0 || out.number > 1e15) return std::nullopt;
  out.unit.assign(rest, text.data() + text.size());
  return out;
}

struct Unit {
  std::string_view name;
  double factor;
};

template <std::size_t N>
std::optional<double> scaled(std::string_view text, const std::array<Unit, N>& units, double limit) {
  const auto quantity = parse_quantity(text);
  if (!quantity) return std::nullopt;
  for (const Unit& unit : units) {
    if (quantity->unit != unit.name) continue;
    const double value = quantity->number * unit.factor;
    return value < limit ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 19> habits{{
    {"ls", "list"},       {"dir", "list"},     {"ps", "list"},       {"rm", "delete"},     {"rm", "remove"},
    {"del", "delete"},    {"drop", "delete"},  {"remove", "delete"}, {"delete", "remove"}, {"show", "describe"},
    {"info", "describe"}, {"get", "describe"}, {"add", "create"},    {"new", "create"},    {"make", "create"},
    {"edit", "alter"},    {"change", "alter"}, {"set", "alter"},     {"send", "produce"},
}};

// Edits that make one word of the other; two neighbours that changed places are one.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1), above(b.size() + 1), two_above(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    two_above.swap(above);
    above.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], two_above[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_word(std::string_view word, std::span<const std::string> words) {
  constexpr std::size_t length_max = 255;  // of a topic's name; the work is bounded with it
  std::string nearest;
  if (word.size() > length_max) return nearest;
  std::size_t limit = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : words) {
    if (candidate.size() > length_max) continue;
    const std::size_t edits = distance(word, candidate);
    if (edits < limit) limit = edits, nearest = candidate;
  }
  if (!nearest.empty()) return nearest;
  // What other programs call it.
  for (const auto& [habit, name] : habits) {
    if (word == habit && std::ranges::find(words, name) != words.end()) return std::string(name);
  }
  return nearest;
}

std::optional<OutputFormat> parse_output_format(std::string_view text) {
  if (text == "text") return OutputFormat::text;
  if (text == "wide") return OutputFormat::wide;
  if (text == "json") return OutputFormat::json;
  if (text == "yaml") return OutputFormat::yaml;
  return std::nullopt;
}

std::optional<Duration> parse_duration(std::string_view text) {
  static constexpr std::array<Unit, 7> units{
      {{"", 1e9}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};
  const auto nanoseconds = scaled(text, units, 9e18);
  if (!nanoseconds) return std::nullopt;
  return Duration(static_cast<std::int64_t>(*nanoseconds));
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  static constexpr std::array<Unit, 14> units{{{"", 1},
                                               {"B", 1},
                                               {"k", 1024.0},
                                               {"K", 1024.0},
                                               {"M", 1048576.0},
                                               {"G", 1073741824.0},
                                               {"T", 1099511627776.0},
                                               {"KiB", 1024.0},
                                               {"MiB", 1048576.0},
                                               {"GiB", 1073741824.0},
                                               {"TiB", 1099511627776.0},
                                               {"KB", 1e3},
                                               {"MB", 1e6},
                                               {"GB", 1e9}}};
  const auto bytes = scaled(text, units, 9e18);
  if (!bytes) return std::nullopt;
  return static_cast<std::uint64_t>(*bytes);
}

std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_ms) {
  const bool has_unit = !text.empty() && text.back() >= 'a' && text.back() <= 'z';
  if (!text.starts_with('@') && !(text.starts_with('-') && has_unit)) return std::nullopt;
  return parse_time(text, now_ms);
}

std::optional<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms) {
  if (text.starts_with('@')) text.remove_prefix(1);
  if (text == "now") return now_ms;
  if (text.starts_with('-')) {
    const auto ago = parse_duration(text.substr(1));
    if (!ago) return std::nullopt;
    return now_ms - std::chrono::duration_cast<std::chrono::milliseconds>(*ago).count();
  }
  std::int64_t number = 0;
  if (const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      error == std::errc() && end == text.data() + text.size() && !text.starts_with('+'))
    return number;

  // 2026-01-31, 2026-01-31T12:30, 2026-01-31 12:30:15.250Z, with an offset such as +02:00 in place of Z.
  const std::string copy(text);
  std::tm parts{};
  int used = 0;
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2d%n", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &used) != 3)
    return std::nullopt;
  std::string_view rest = std::string_view(copy).substr(static_cast<std::size_t>(used));
  int milliseconds = 0;
  if (!rest.empty() && (rest[0] == 'T' || rest[0] == ' ')) {
    if (std::sscanf(rest.data() + 1, "%2d:%2d%n", &parts.tm_hour, &parts.tm_min, &used) != 2) return std::nullopt;
    rest.remove_prefix(1 + static_cast<std::size_t>(used));
    if (rest.starts_with(':')) {
      if (std::sscanf(rest.data(), ":%2d%n", &parts.tm_sec, &used) != 1) return std::nullopt;
      rest.remove_prefix(static_cast<std::size_t>(used));
    }
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      for (int scale = 100; !rest.empty() && rest[0] >= '0' && rest[0] <= '9'; scale /= 10) {
        milliseconds += (rest[0] - '0') * scale;
        rest.remove_prefix(1);
      }
    }
  }
  std::int64_t east_minutes = 0;
  if (rest == "Z" || rest == "z") {
    rest = {};
  } else if (rest.starts_with('+') || rest.starts_with('-')) {
    int hours = 0, minutes = 0;
    if (std::sscanf(rest.data() + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 &&
        std::sscanf(rest.data() + 1, "%2d%2d%n", &hours, &minutes, &used) != 2)
      return std::nullopt;
    east_minutes = (hours * 60 + minutes) * (rest[0] == '-' ? -1 : 1);
    rest.remove_prefix(1 + static_cast<std::size_t>(used));
  }
  const bool in_range = parts.tm_mon >= 1 && parts.tm_mon <= 12 && parts.tm_mday >= 1 && parts.tm_mday <= 31 &&
                        parts.tm_hour < 24 && parts.tm_min < 60 && parts.tm_sec < 61;
  if (!rest.empty() || !in_range) return std::nullopt;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  // The 30th of February would become a day of March.
  std::tm day{};
  day.tm_year = parts.tm_year, day.tm_mon = parts.tm_mon, day.tm_mday = parts.tm_mday;
  (void)::timegm(&day);
  if (day.tm_mon != parts.tm_mon) return std::nullopt;
  return (std::int64_t{::timegm(&parts)} - east_minutes * 60) * 1000 + milliseconds;
}

}  // namespace holdfast::client
