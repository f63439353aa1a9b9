#include "config/setting.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

#include "config/tables.h"

namespace holdfast {
namespace {

using Index = std::map<std::string_view, const Setting*>;

const Index& index_of(SettingGroup group) {
  static const std::vector<Index> indexes = [] {
    std::vector<Index> out(static_cast<std::size_t>(SettingGroup::hidden) + 1);
    for (const SettingTable& table : setting_tables())
      for (const Setting& setting : table.settings)
        HOLDFAST_CHECK(out[static_cast<std::size_t>(table.group)].emplace(setting.name, &setting).second);
    return out;
  }();
  return indexes[static_cast<std::size_t>(group)];
}

constexpr SettingGroup node_groups[] = {SettingGroup::broker, SettingGroup::coordination, SettingGroup::hidden};

const Setting* find_exact(std::string_view name) {
  for (const SettingGroup group : node_groups)
    if (const Setting* found = find_setting(group, name)) return found;
  return nullptr;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool equal_any_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::unexpected<Error> refuse(std::string_view name, std::string_view value, std::string_view why) {
  return fail(ErrorKind::invalid_input, fmt::format("Invalid value {} for configuration {}: {}", value, name, why));
}

// Java's Double.toString: at least one digit after the point, an exponent outside of 10^-3..10^7.
std::string java_double(double v) {
  char buffer[32];
  const double size = std::abs(v);
  const bool plain = v == 0 || (size >= 1e-3 && size < 1e7);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  char* const end = std::to_chars(std::begin(buffer), std::end(buffer), v, format).ptr;
  std::string text(std::begin(buffer), end);
  if (plain) return text.contains('.') ? text : text + ".0";
  const std::size_t e = text.find('e');
  std::string mantissa = text.substr(0, e);
  if (!mantissa.contains('.')) mantissa += ".0";
  std::string exponent = text.substr(e + 1);
  const bool negative = exponent.front() == '-';
  exponent.erase(0, std::min(exponent.find_first_not_of("+-0"), exponent.size() - 1));
  return mantissa + 'E' + (negative ? "-" : "") + exponent;
}

// Why a number is outside of its limits, in the words of Kafka's validators; empty if it is not.
std::string outside(const Limits& limits, double v) {
  if (limits.or_equal) {
    if (v == static_cast<double>(*limits.or_equal) || (v >= *limits.min && v <= *limits.max)) return {};
    return fmt::format("Value must be between {} and {} or equal to {}", *limits.min, *limits.max, *limits.or_equal);
  }
  if (limits.min && v < *limits.min) return fmt::format("Value must be at least {}", *limits.min);
  if (limits.max && v > *limits.max) return fmt::format("Value must be no more than {}", *limits.max);
  return {};
}

template <class Int>
Result<std::string> parse_integer(const Setting& setting, std::string_view name, std::string_view text) {
  const std::string_view digits = text.starts_with('+') && !text.starts_with("+-") ? text.substr(1) : text;
  Int v = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), v);
  if (error != std::errc() || end != digits.data() + digits.size())
    return refuse(name, text, fmt::format("Not a number of type {}", to_string(setting.type)));
  if (const std::string why = outside(setting.limits, static_cast<double>(v)); !why.empty())
    return refuse(name, text, why);
  return std::to_string(v);
}

Result<std::string> parse_real(const Setting& setting, std::string_view name, std::string_view text) {
  const std::string_view digits = text.starts_with('+') && !text.starts_with("+-") ? text.substr(1) : text;
  double v = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), v);
  if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(v))
    return refuse(name, text, "Not a number of type DOUBLE");
  std::string canonical = java_double(v);
  if (const std::string why = outside(setting.limits, v); !why.empty()) return refuse(name, canonical, why);
  return canonical;
}

bool is_one_of(const Limits& limits, std::string_view word) {
  return std::ranges::any_of(limits.one_of, [&](std::string_view allowed) {
    return limits.any_case ? equal_any_case(allowed, word) : allowed == word;
  });
}

std::string one_of_text(const Limits& limits) {
  return fmt::format("String must be one of{}: {}", limits.any_case ? " (case insensitive)" : "",
                     fmt::join(limits.one_of, ", "));
}

bool is_replica(std::string_view text) {
  const std::size_t colon = text.find(':');
  return colon != std::string_view::npos && is_digits(text.substr(0, colon)) && is_digits(text.substr(colon + 1));
}

Result<std::string> parse_list(const Setting& setting, std::string_view name, std::string_view text) {
  if (text.empty()) return std::string();
  std::vector<std::string_view> elements;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    elements.push_back(trim(text.substr(from, comma - from)));
    from = comma + 1;
  }
  const Limits& limits = setting.limits;
  for (const std::string_view element : elements)
    if (!limits.one_of.empty() && !is_one_of(limits, element)) return refuse(name, element, one_of_text(limits));
  if (limits.replicas && text != "*" && !std::ranges::all_of(elements, is_replica))
    return refuse(name, fmt::format("[{}]", fmt::join(elements, ", ")),
                  fmt::format("{} must be the literal '*' or a list of replicas in the following format: "
                              "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
                              name));
  return fmt::format("{}", fmt::join(elements, ","));
}

// Levenshtein's distance; a difference of case costs nothing.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view to_string(SettingType type) {
  switch (type) {
    case SettingType::boolean:
      return "BOOLEAN";
    case SettingType::string:
      return "STRING";
    case SettingType::int32:
      return "INT";
    case SettingType::int16:
      return "SHORT";
    case SettingType::int64:
      return "LONG";
    case SettingType::real:
      return "DOUBLE";
    case SettingType::list:
      return "LIST";
    case SettingType::class_name:
      return "CLASS";
    case SettingType::password:
      return "PASSWORD";
  }
  return "STRING";
}

std::string_view to_string(Dynamic mode) {
  switch (mode) {
    case Dynamic::read_only:
      return "read-only";
    case Dynamic::per_broker:
      return "per-broker";
    case Dynamic::cluster_wide:
      return "cluster-wide";
  }
  return "read-only";
}

std::span<const SettingTable> setting_tables() {
  using enum SettingGroup;
  static const SettingTable all[] = {
      {"Node", coordination, tables::node_settings},
      {"Broker", broker, tables::broker_settings},
      {"Logs", broker, tables::log_settings},
      {"Groups and offsets", broker, tables::group_settings},
      {"Transactions and share state", broker, tables::transaction_settings},
      {"Throttles, set at run time only", hidden, tables::throttle_settings},
      {"Security", broker, tables::security_settings},
      {"Tiered storage", broker, tables::remote_settings},
      {"KRaft", broker, tables::kraft_settings},
      {"Topics", topic, tables::topic_settings},
      {"Ensemble", coordination, tables::ensemble_settings},
      {"Sessions and requests", coordination, tables::session_settings},
      {"Storage of znodes", coordination, tables::storage_settings},
      {"Rules for znodes", coordination, tables::rule_settings},
      {"Admin port", coordination, tables::admin_settings},
      {"Security of the ensemble", coordination, tables::zk_security_settings},
      {"Kafka's internal keys", hidden, tables::internal_settings},
      {"Kafka's keys before 4.0", hidden, tables::retired_settings},
  };
  return all;
}

const Setting* find_setting(SettingGroup group, std::string_view name) {
  const Index& index = index_of(group);
  const auto it = index.find(name);
  return it == index.end() ? nullptr : it->second;
}

const Setting* find_node_setting(std::string_view name) {
  if (const Setting* found = find_exact(name)) return found->name.ends_with(".N") ? nullptr : found;
  if (const std::size_t dot = name.find('.'); dot != std::string_view::npos && is_digits(name.substr(dot + 1)))
    return find_exact(fmt::format("{}.N", name.substr(0, dot)));
  // ZooKeeper takes any name for N there: authProvider.sasl.
  constexpr std::string_view auth_provider = "authProvider.";
  if (name.starts_with(auth_provider) && name.size() > auth_provider.size()) return find_exact("authProvider.N");
  // ZooKeeper's system properties, which people also write into zoo.cfg.
  if (name.starts_with("zookeeper.")) {
    const std::string_view key = name.substr(10);
    if (key.starts_with(auth_provider)) return find_node_setting(key);
    return find_setting(SettingGroup::coordination, key);
  }
  // listener.name.LISTENER.KEY and listener.name.LISTENER.MECHANISM.KEY (KIP-103, KIP-86).
  if (name.starts_with("listener.name.")) {
    std::string_view rest = name.substr(14);
    for (int prefix = 0; prefix < 2; ++prefix) {
      const std::size_t dot = rest.find('.');
      if (dot == std::string_view::npos) return nullptr;
      rest.remove_prefix(dot + 1);
      if (const Setting* found = find_setting(SettingGroup::broker, rest)) return found;
    }
  }
  return nullptr;
}

std::string nearest_setting(std::string_view name) {
  constexpr std::size_t name_bytes_max = 200;  // the distance costs time in the product of the lengths
  if (name.size() > name_bytes_max) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const SettingGroup group : node_groups) {
    for (const auto& [candidate, setting] : index_of(group)) {
      const std::size_t distance = edit_distance(name, candidate);
      if (distance >= best_distance) continue;
      best = candidate;
      best_distance = distance;
    }
  }
  return std::string(best);
}

Result<std::string> parse_setting(const Setting& setting, std::string_view name, std::string_view value) {
  const std::string_view text = trim(value);
  switch (setting.type) {
    case SettingType::boolean:
      if (equal_any_case(text, "true")) return std::string("true");
      if (equal_any_case(text, "false")) return std::string("false");
      return refuse(name, text, "Expected value to be either true or false");
    case SettingType::int16:
      return parse_integer<std::int16_t>(setting, name, text);
    case SettingType::int32:
      return parse_integer<std::int32_t>(setting, name, text);
    case SettingType::int64:
      return parse_integer<std::int64_t>(setting, name, text);
    case SettingType::real:
      return parse_real(setting, name, text);
    case SettingType::list:
      return parse_list(setting, name, text);
    case SettingType::string:
      if (!setting.limits.one_of.empty() && !is_one_of(setting.limits, text))
        return refuse(name, text, one_of_text(setting.limits));
      return std::string(text);
    case SettingType::class_name:
    case SettingType::password:
      return std::string(text);
  }
  return std::string(text);
}

std::vector<std::string> split_list(std::string_view value) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= value.size();) {
    const std::size_t comma = std::min(value.find(',', from), value.size());
    const std::string_view element = trim(value.substr(from, comma - from));
    if (!element.empty()) out.emplace_back(element);
    from = comma + 1;
  }
  return out;
}

}  // namespace holdfast
