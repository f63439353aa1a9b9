#include "client/cli_alter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace holdfast::client {
namespace {

constexpr std::string_view listener_prefix = "listener.name.";

const Setting* setting_of(SettingGroup group, std::string_view name) {
  if (group == SettingGroup::topic) return find_setting(group, name);
  const Setting* found = find_setting(SettingGroup::broker, name);
  return found ? found : find_setting(SettingGroup::hidden, name);
}

std::string nearest_topic_setting(std::string_view name) {
  std::vector<std::string> known;
  for (const SettingTable& table : setting_tables()) {
    if (table.group != SettingGroup::topic) continue;
    for (const Setting& setting : table.settings) known.emplace_back(setting.name);
  }
  return nearest_word(name, known);
}

// As brokers do it: no element twice, and what is not there cannot go.
std::string list_with(std::string_view list, std::string_view elements, bool append) {
  std::vector<std::string> all = split_list(list);
  for (const std::string& element : split_list(elements)) {
    if (!append) {
      std::erase(all, element);
    } else if (std::ranges::find(all, element) == all.end()) {
      all.push_back(element);
    }
  }
  return fmt::format("{}", fmt::join(all, ","));
}

std::optional<std::string> value_without(const ConfigEntry& entry, ConfigSource own) {
  if (entry.source != own) return entry.value;
  // Others that stand for it have another unit.
  const Setting* setting = find_setting(SettingGroup::topic, entry.name);
  std::string_view same = entry.name;
  if (own == ConfigSource::topic) same = setting ? setting->synonym : std::string_view();
  for (const ConfigSynonym& synonym : entry.synonyms) {
    if (synonym.source != own) return synonym.name == same ? synonym.value : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Difference> differences_of(const std::vector<ConfigEntry>& now, ConfigSource own,
                                       const std::vector<ConfigChange>& changes) {
  std::vector<Difference> out;
  for (const ConfigChange& change : changes) {
    const auto entry =
        std::ranges::find_if(now, [&change](const ConfigEntry& candidate) { return candidate.name == change.name; });
    const bool there = entry != now.end();
    Difference difference{change.name, there ? entry->value : std::nullopt, change.value};
    difference.removed = change.operation == ConfigOperation::remove;
    if (difference.removed) {
      difference.after = there ? value_without(*entry, own) : std::nullopt;
    } else if (change.operation != ConfigOperation::set) {
      difference.after = list_with(difference.before.value_or(""), change.value.value_or(""),
                                   change.operation == ConfigOperation::append);
    }
    if (there && entry->sensitive) difference.before = difference.after = "(hidden)";
    out.push_back(std::move(difference));
  }
  return out;
}

void report_differences(Session& session, Report& report, std::string sentence, Object fields,
                        const std::vector<Difference>& differences) {
  Table table{{{"key"}, {"old"}, {"new"}}, {}};
  for (const Difference& difference : differences) {
    Value after = difference.after;
    if (difference.removed && !difference.after) after = Value().shown_as("its default");
    table.rows.push_back({difference.key, difference.before, std::move(after)});
  }
  fields.push_back({"changes", table});
  report.done(std::move(sentence), "valid", std::move(fields));
  if (!session.out().is_text()) return;
  for (const std::vector<Value>& row : table.rows)
    session.out().line(fmt::format("  {}: {} -> {}", row[0].text(), row[1].text(), row[2].text()));
}

Exit check_settings(Session& session, SettingGroup group, const std::vector<ConfigChange>& changes,
                    const std::vector<ConfigEntry>& described) {
  for (const ConfigChange& change : changes) {
    const bool told = std::ranges::any_of(
        described, [&change](const ConfigEntry& candidate) { return candidate.name == change.name; });
    const bool of_topic = group == SettingGroup::topic;
    if (told || setting_of(group, change.name) || (!of_topic && change.name.starts_with(listener_prefix))) continue;
    const std::string meant = of_topic ? nearest_topic_setting(change.name) : nearest_setting(change.name);
    return session.fail(
        Exit::not_found, fmt::format("there is no setting {}{}", change.name, of_topic ? " of topics" : ""),
        meant.empty() ? "holdfast config explain KEY says what there is" : fmt::format("did you mean {}?", meant));
  }
  return Exit::ok;
}

void note_without_effect(Session& session, SettingGroup group, const std::vector<ConfigChange>& changes) {
  for (const ConfigChange& change : changes) {
    const Setting* setting = setting_of(group, change.name);
    if (setting && (setting->effect == Effect::ignored || setting->effect == Effect::unserved))
      session.note(fmt::format("{} is known, but has no effect on a Holdfast node", change.name));
  }
}

}  // namespace holdfast::client
