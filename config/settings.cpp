#include "config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace holdfast {
namespace {

// A setting that is null, or not given, takes another one's value; numbers times a factor.
struct Fallback {
  std::string_view key, from;
  std::int64_t factor = 1;
  bool ids = false;  // either stands for the other, when given
};
constexpr Fallback fallbacks[] = {
    {.key = "log.retention.ms", .from = "log.retention.minutes", .factor = 60'000},
    {.key = "log.retention.minutes", .from = "log.retention.hours", .factor = 60},
    {.key = "log.roll.ms", .from = "log.roll.hours", .factor = 3'600'000},
    {.key = "log.roll.jitter.ms", .from = "log.roll.jitter.hours", .factor = 3'600'000},
    {.key = "log.flush.interval.ms", .from = "log.flush.scheduler.interval.ms"},
    {.key = "log.dirs", .from = "log.dir"},
    {.key = "advertised.listeners", .from = "listeners"},
    {.key = "dataLogDir", .from = "dataDir"},
    {.key = "broker.id", .from = "node.id", .ids = true},
    {.key = "node.id", .from = "broker.id", .ids = true},
};

constexpr std::string_view secure_protocols[] = {"SSL", "SASL_PLAINTEXT", "SASL_SSL"};

const Fallback* find_fallback(std::string_view key) {
  for (const Fallback& f : fallbacks)
    if (f.key == key) return &f;
  return nullptr;
}

std::int64_t to_integer(std::string_view text) {
  std::int64_t v = 0;
  std::from_chars(text.data(), text.data() + text.size(), v);
  return v;
}

// Negative stays "no bound", and what would overflow is as good as none.
std::int64_t scale(std::int64_t v, std::int64_t factor) {
  if (v < 0) return -1;
  return v > std::numeric_limits<std::int64_t>::max() / factor ? std::numeric_limits<std::int64_t>::max() : v * factor;
}

bool is_integer(SettingType type) {
  return type == SettingType::int16 || type == SettingType::int32 || type == SettingType::int64;
}

bool asks_for_nothing(const Setting& setting, std::string_view value) {
  return value == setting.default_value ||
         std::ranges::find(setting.limits.harmless, value) != setting.limits.harmless.end();
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  return out;
}

const Setting& known(std::string_view key) {
  const Setting* setting = find_node_setting(key);
  HOLDFAST_CHECK(setting != nullptr);
  return *setting;
}

}  // namespace

Config Config::defaults() { return {}; }

Result<void> Config::set(std::string_view key, std::string_view value, std::string_view source) {
  const Setting* setting = find_node_setting(key);
  if (setting == nullptr) {
    const std::string nearest = nearest_setting(key);
    return fail(ErrorKind::invalid_input,
                nearest.empty() ? fmt::format("{}: unknown key {}", source, key)
                                : fmt::format("{}: unknown key {}; did you mean {}?", source, key, nearest));
  }
  auto parsed = parse_setting(*setting, key, value);
  if (!parsed) return fail(parsed.error().kind, fmt::format("{}: {}", source, parsed.error().message));
  if (setting->effect == Effect::refused && !asks_for_nothing(*setting, *parsed))
    return fail(ErrorKind::unsupported, fmt::format("{}: {} is not served: {}", source, key, setting->document));
  if (setting->name == "server.N") {
    server_lines_.insert_or_assign(std::string(key), ServerLine{std::move(*parsed), std::string(source)});
    return {};
  }
  // zookeeper.KEY is KEY; a listener's own value of a setting stays under its own name.
  const bool prefixed = key.starts_with("listener.name.");
  values_.insert_or_assign(std::string(prefixed ? key : setting->name), Value{std::move(*parsed), std::string(source)});
  return {};
}

Result<void> Config::check() const {
  const auto broker_id = given("broker.id"), node_id = given("node.id");
  if (broker_id && node_id && *broker_id != *node_id)
    return fail(ErrorKind::invalid_input,
                fmt::format("{}: broker.id is {}, but node.id is {}: give one of them, or the same",
                            source("broker.id"), *broker_id, *node_id));
  if (integer("log.retention.ms") == 0) {
    std::string_view key = "log.retention.ms";
    for (const std::string_view coarser : {"log.retention.minutes", "log.retention.hours"})
      if (!is_set(key)) key = coarser;
    return fail(ErrorKind::invalid_input,
                fmt::format("{}: {} must be unlimited (-1) or, greater than or equal to 1", source(key), key));
  }
  if (auto checked = check_session_timeouts(); !checked) return checked;
  return check_listeners();
}

Result<void> Config::check_session_timeouts() const {
  const std::int64_t tick = integer("tickTime");
  std::int64_t least = integer("minSessionTimeout"), most = integer("maxSessionTimeout");
  if (least < 0) least = 2 * tick;
  if (most < 0) most = 20 * tick;
  if (least <= most) return {};
  // By default they are in order: one of them was given.
  const bool least_given = is_set("minSessionTimeout");
  std::string other = source(least_given ? "maxSessionTimeout" : "minSessionTimeout");
  return fail(ErrorKind::invalid_input,
              fmt::format("{}: minSessionTimeout is {}, and larger than maxSessionTimeout, which is {} ({})",
                          source(least_given ? "minSessionTimeout" : "maxSessionTimeout"), least, most, other));
}

// What a listener is to encrypt or to authenticate would be served to everybody, in plain text.
Result<void> Config::check_listeners() const {
  std::map<std::string, std::string> protocols;
  for (const std::string& entry : split_list(text("listener.security.protocol.map"))) {
    const std::size_t colon = std::min(entry.rfind(':'), entry.size());
    protocols.insert_or_assign(upper(entry.substr(0, colon)), upper(entry.substr(std::min(colon + 1, entry.size()))));
  }
  for (const std::string& listener : list("listeners")) {
    const std::string name = upper(listener.substr(0, listener.find("://")));
    const auto mapped = protocols.find(name);
    // A name that the map leaves out is that of a protocol, or says nothing.
    if (mapped == protocols.end() && std::ranges::find(secure_protocols, name) == std::end(secure_protocols)) continue;
    const std::string& protocol = mapped == protocols.end() ? name : mapped->second;
    if (protocol == "PLAINTEXT") continue;
    return fail(ErrorKind::unsupported,
                fmt::format("{}: listener {} is to speak {} (listener.security.protocol.map), which is not served: "
                            "PLAINTEXT is",
                            source("listeners"), name, protocol));
  }
  return {};
}

bool Config::is_set(std::string_view key) const { return values_.contains(key); }

std::string Config::source(std::string_view key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? "default" : it->second.source;
}

std::optional<std::string> Config::given(std::string_view key) const {
  const auto it = values_.find(key);
  if (it == values_.end()) return std::nullopt;
  return it->second.text;
}

std::optional<std::string> Config::raw(std::string_view key) const {
  const Setting& setting = known(key);
  if (auto own = given(key)) return own;
  const Fallback* fallback = find_fallback(setting.name);
  if (fallback != nullptr && (fallback->ids ? is_set(fallback->from) : !setting.default_value)) {
    auto other = raw(fallback->from);
    if (other && is_integer(setting.type) && fallback->factor != 1)
      return std::to_string(scale(to_integer(*other), fallback->factor));
    if (other) return other;
  }
  if (!setting.default_value) return std::nullopt;
  return std::string(*setting.default_value);
}

bool Config::boolean(std::string_view key) const {
  HOLDFAST_CHECK(known(key).type == SettingType::boolean);
  return raw(key) == "true";
}

std::int64_t Config::integer(std::string_view key) const {
  HOLDFAST_CHECK(is_integer(known(key).type));
  return to_integer(raw(key).value_or("0"));
}

double Config::real(std::string_view key) const {
  HOLDFAST_CHECK(known(key).type == SettingType::real);
  const std::string value = raw(key).value_or("0");
  double v = 0;
  std::from_chars(value.data(), value.data() + value.size(), v);
  return v;
}

std::string Config::text(std::string_view key) const { return raw(key).value_or(""); }

std::vector<std::string> Config::list(std::string_view key) const { return split_list(text(key)); }

}  // namespace holdfast
