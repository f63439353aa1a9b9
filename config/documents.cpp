#include "config/documents.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>

#include "config/setting.h"

namespace holdfast {
namespace {

std::string default_text(const Setting& setting) { return std::string(setting.default_value.value_or("")); }

std::string limits_text(const Limits& limits) {
  if (limits.replicas) return "partition:broker pairs or `*`";
  if (!limits.one_of.empty()) return fmt::format("{}", fmt::join(limits.one_of, ", "));
  std::string out;
  if (limits.min && limits.max) out = fmt::format("{} to {}", *limits.min, *limits.max);
  if (limits.min && !limits.max) out = fmt::format("at least {}", *limits.min);
  if (limits.or_equal) out += fmt::format(" or {}", *limits.or_equal);
  return out;
}

std::string type_text(const Setting& setting) {
  std::string out(to_string(setting.type));
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Long numbers that stand for "no bound" say so.
std::string shown_default(const Setting& setting) {
  const std::string text = default_text(setting);
  if (!setting.default_value) return "null";
  if (text == "9223372036854775807" || text == "2147483647" || text == "1.7976931348623157E308") return "max";
  return text.empty() ? "empty" : fmt::format("`{}`", text);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '*' || c == '_') out += '\\';
    out += c;
  }
  return out;
}

std::string wrapped_comment(std::string_view text) {
  constexpr std::size_t columns = 100;
  std::string out;
  while (!text.empty()) {
    std::size_t cut = text.size();
    if (cut > columns) {
      cut = text.rfind(' ', columns);
      if (cut == std::string_view::npos) cut = columns;
    }
    out += fmt::format("# {}\n", text.substr(0, cut));
    text.remove_prefix(std::min(text.size(), cut + 1));
  }
  return out;
}

bool has_meaning(const SettingTable& table) {
  for (const Setting& setting : table.settings)
    if (setting.effect == Effect::used) return true;
  return false;
}

std::string sample(SettingGroup group, std::string_view head) {
  std::string out(head);
  for (const SettingTable& table : setting_tables()) {
    if (table.group != group || !has_meaning(table)) continue;
    out += fmt::format("\n## {}\n", table.title);
    for (const Setting& setting : table.settings) {
      if (setting.effect != Effect::used) continue;
      out += fmt::format("\n{}#{}={}\n", wrapped_comment(setting.document), setting.name, default_text(setting));
    }
  }
  return out;
}

}  // namespace

std::string sample_server_properties() {
  return sample(SettingGroup::broker,
                "# Holdfast: the broker's settings, in Kafka's names. Every line is the default; uncomment to change.\n"
                "# ZooKeeper's keys (zoo.cfg) may stand in the same file, or in one of their own:\n"
                "#   holdfast server --config server.properties --config zoo.cfg\n");
}

std::string sample_zoo_cfg() {
  return sample(
      SettingGroup::coordination,
      "# Holdfast: the settings of coordination and of the node, in ZooKeeper's names where it has them. Every\n"
      "# line is the default; uncomment to change.\n");
}

std::string settings_markdown() {
  std::string out =
      "# Settings\n\n"
      "Made from the tables in `config/`; a test keeps it up to date. Settings are given in properties files "
      "(`--config`,\n"
      "several may be given) or as `--set key=value`. Kafka's and ZooKeeper's keys may stand in one file. A key that "
      "is not\n"
      "here is refused; one under *Accepted without a meaning* is accepted with a notice, one under *Accepted with a "
      "warning*\n"
      "too, with a warning where it is not the default: what it asks for is not done. One under *Refused* is accepted "
      "only with its\n"
      "default, or a value that asks for nothing: the node would be less safe than its file says.\n\n"
      "*Change*: read-only settings take effect at the next start; per-broker and cluster-wide ones can be changed at "
      "run\n"
      "time with IncrementalAlterConfigs (`kafka-configs`), the latter also for all brokers at once. A topic's "
      "settings are\n"
      "changed at any time; where it has none, the broker's setting named beside it holds.\n";
  std::string without_meaning, unserved, refused;
  for (const SettingTable& table : setting_tables()) {
    std::string rows;
    const bool topic = table.group == SettingGroup::topic;
    for (const Setting& setting : table.settings) {
      if (setting.effect != Effect::used) {
        std::string& place = setting.effect == Effect::ignored    ? without_meaning
                             : setting.effect == Effect::unserved ? unserved
                                                                  : refused;
        place += fmt::format("| `{}` | {} | {} | {} |\n", setting.name, type_text(setting), shown_default(setting),
                             escaped(setting.document));
        continue;
      }
      std::string last(to_string(setting.dynamic));
      if (topic) last = setting.synonym.empty() ? std::string() : fmt::format("`{}`", setting.synonym);
      rows += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", setting.name, type_text(setting),
                          shown_default(setting), limits_text(setting.limits), last, escaped(setting.document));
    }
    if (rows.empty()) continue;
    out += fmt::format("\n## {}\n\n| name | type | default | values | {} | meaning |\n|--|--|--|--|--|--|\n{}",
                       table.title, topic ? "broker's setting" : "change", rows);
  }
  out += fmt::format("\n## Accepted without a meaning\n\n| name | type | default | what it is |\n|--|--|--|--|\n{}",
                     without_meaning);
  out += fmt::format("\n## Accepted with a warning\n\n| name | type | default | what it is |\n|--|--|--|--|\n{}",
                     unserved);
  out += fmt::format("\n## Refused\n\n| name | type | default | what it is |\n|--|--|--|--|\n{}", refused);
  return out;
}

}  // namespace holdfast
