// DescribeConfigs and the dynamic settings of a broker, by the rules of KIP-226.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/settings.h"

namespace holdfast {
namespace {

enum Source : std::int8_t {
  topic_config = 1,
  dynamic_broker_config = 2,
  dynamic_default_broker_config = 3,
  static_broker_config = 4,
  default_config = 5,
};

// The broker settings that stand for one another, the strongest first.
std::vector<std::string_view> broker_synonyms(std::string_view name) {
  static constexpr std::array<std::string_view, 3> retention = {"log.retention.ms", "log.retention.minutes",
                                                                "log.retention.hours"};
  static constexpr std::array<std::string_view, 2> roll = {"log.roll.ms", "log.roll.hours"};
  static constexpr std::array<std::string_view, 2> jitter = {"log.roll.jitter.ms", "log.roll.jitter.hours"};
  static constexpr std::array<std::string_view, 2> flush = {"log.flush.interval.ms", "log.flush.scheduler.interval.ms"};
  for (const std::span<const std::string_view> family :
       {std::span<const std::string_view>(retention), std::span<const std::string_view>(roll),
        std::span<const std::string_view>(jitter), std::span<const std::string_view>(flush)})
    if (std::ranges::find(family, name) != family.end()) return {family.begin(), family.end()};
  return {name};
}

struct Sources {
  const Config& node;
  const Overrides& dynamic_default;
  const Overrides& dynamic_broker;
};

// Every value that somebody gave this setting or one that stands for it, the strongest first. Kafka drops what comes
// before the first one of this very name.
std::vector<DescribedConfig::Synonym> synonyms_of(std::string_view name, const Sources& sources) {
  std::vector<DescribedConfig::Synonym> out;
  const auto add = [&out](std::string_view synonym, std::optional<std::string> value, Source source) {
    if (value) out.push_back({.name = std::string(synonym), .value = std::move(value), .source = source});
  };
  const auto find = [](const Overrides& overrides, std::string_view synonym) -> std::optional<std::string> {
    const auto it = overrides.find(std::string(synonym));
    if (it == overrides.end()) return std::nullopt;
    return it->second;
  };
  const std::vector<std::string_view> family = broker_synonyms(name);
  for (const auto synonym : family) add(synonym, find(sources.dynamic_broker, synonym), dynamic_broker_config);
  for (const auto synonym : family) add(synonym, find(sources.dynamic_default, synonym), dynamic_default_broker_config);
  for (const auto synonym : family) add(synonym, sources.node.given(synonym), static_broker_config);
  for (const auto synonym : family) {
    const Setting* setting = find_node_setting(synonym);
    if (setting != nullptr && setting->default_value)
      add(synonym, std::string(*setting->default_value), default_config);
  }
  std::erase_if(out, [&, found = false](const DescribedConfig::Synonym& s) mutable {
    found = found || s.name == name;
    return !found;
  });
  return out;
}

DescribedConfig describe(const Setting& setting, std::optional<std::string> value,
                         std::vector<DescribedConfig::Synonym> synonyms) {
  DescribedConfig out;
  out.name = setting.name;
  out.type = static_cast<std::int8_t>(setting.type);
  out.documentation = setting.document;
  out.sensitive = setting.type == SettingType::password;
  out.source = synonyms.empty() ? std::int8_t{default_config} : synonyms.front().source;
  out.value = out.sensitive ? std::nullopt : std::move(value);
  if (out.sensitive)
    for (auto& synonym : synonyms) synonym.value.reset();
  out.synonyms = std::move(synonyms);
  return out;
}

std::string canonical(const Setting& setting, const std::string& value) {
  return parse_setting(setting, setting.name, value).value_or(value);
}

constexpr std::string_view store_settings[] = {
    "ssl.keystore.type",       "ssl.keystore.location",          "ssl.keystore.password", "ssl.key.password",
    "ssl.keystore.key",        "ssl.keystore.certificate.chain", "ssl.truststore.type",   "ssl.truststore.location",
    "ssl.truststore.password", "ssl.truststore.certificates"};

}  // namespace

std::vector<DescribedConfig> describe_topic(const Config& node, const Overrides& dynamic_default,
                                            const Overrides& dynamic_broker, const Overrides& topic) {
  const Sources sources{node, dynamic_default, dynamic_broker};
  std::vector<DescribedConfig> out;
  for (const SettingTable& table : setting_tables()) {
    if (table.group != SettingGroup::topic) continue;
    for (const Setting& setting : table.settings) {
      std::vector<DescribedConfig::Synonym> synonyms;
      if (!setting.synonym.empty()) synonyms = synonyms_of(setting.synonym, sources);
      std::optional<std::string> value;
      if (const auto it = topic.find(std::string(setting.name)); it != topic.end()) {
        value = canonical(setting, it->second);
        synonyms.insert(synonyms.begin(), {.name = std::string(setting.name), .value = value, .source = topic_config});
      } else if (!synonyms.empty()) {
        value = canonical(setting, *synonyms.front().value);
      } else {
        // The broker's value may come from a setting in another unit, which is no synonym in Kafka's answer.
        if (!setting.synonym.empty()) value = node.raw(setting.synonym);
        if (!value && setting.default_value) value = std::string(*setting.default_value);
      }
      out.push_back(describe(setting, std::move(value), std::move(synonyms)));
    }
  }
  return out;
}

std::vector<DescribedConfig> describe_broker(const Config& node, const Overrides& dynamic_default,
                                             const Overrides& dynamic_broker) {
  const Sources sources{node, dynamic_default, dynamic_broker};
  std::vector<DescribedConfig> out;
  for (const SettingTable& table : setting_tables()) {
    if (table.group != SettingGroup::broker && table.group != SettingGroup::hidden) continue;
    for (const Setting& setting : table.settings) {
      const std::string name(setting.name);
      const bool dynamic = dynamic_default.contains(name) || dynamic_broker.contains(name);
      if (table.group == SettingGroup::hidden && !dynamic) continue;
      auto synonyms = synonyms_of(setting.name, sources);
      std::optional<std::string> value;
      if (!synonyms.empty()) value = synonyms.front().value;
      if (value) value = canonical(setting, *value);
      DescribedConfig& described = out.emplace_back(describe(setting, std::move(value), std::move(synonyms)));
      described.read_only = setting.dynamic == Dynamic::read_only;
    }
  }
  return out;
}

Result<void> validate_broker_config(std::string_view name, std::string_view value, bool per_broker) {
  const Setting* setting = find_setting(SettingGroup::broker, name);
  const bool listener = name.starts_with("listener.name.");
  if (setting == nullptr && listener) setting = find_node_setting(name);
  if (setting == nullptr) setting = find_setting(SettingGroup::hidden, name);
  if (setting == nullptr) return {};
  if (setting->dynamic == Dynamic::read_only && !listener)
    return fail(ErrorKind::unsupported, fmt::format("Cannot update these configs dynamically: [{}]", name));
  if (!listener && std::ranges::find(store_settings, name) != std::end(store_settings))
    return fail(ErrorKind::unsupported,
                fmt::format("These security configs can be dynamically updated only per-listener using the listener "
                            "prefix: [{}]",
                            name));
  if (!per_broker && (setting->dynamic == Dynamic::per_broker || listener))
    return fail(
        ErrorKind::unsupported,
        fmt::format("Cannot update these configs at default cluster level, broker id must be specified: [{}]", name));
  auto parsed = parse_setting(*setting, name, value);
  if (!parsed) return fail(ErrorKind::unsupported, std::move(parsed.error().message));
  if (setting->effect == Effect::refused && *parsed != setting->default_value)
    return fail(ErrorKind::unsupported, fmt::format("{} is not served: {}", name, setting->document));
  if (name == "log.retention.ms" && (*parsed == "0" || (parsed->starts_with('-') && *parsed != "-1")))
    return fail(ErrorKind::unsupported,
                "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
  return {};
}

bool is_list_config(std::string_view name) {
  for (const SettingGroup group : {SettingGroup::topic, SettingGroup::broker})
    if (const Setting* setting = find_setting(group, name)) return setting->type == SettingType::list;
  return false;
}

}  // namespace holdfast
