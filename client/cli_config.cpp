// holdfast config: what a node's settings mean, and whether its files are right.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <set>

#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_families.h"
#include "config/load.h"

namespace holdfast::client {
namespace {

constexpr std::size_t explained_max = 5;  // of more the names have to do

struct ExplainArguments {
  std::string key;
};

struct CheckArguments {
  std::vector<std::string> files, sets;
};

std::string_view origin(SettingGroup group) {
  switch (group) {
    case SettingGroup::broker:
      return "server.properties (Kafka)";
    case SettingGroup::topic:
      return "a topic (Kafka)";
    case SettingGroup::coordination:
      return "zoo.cfg (ZooKeeper)";
    case SettingGroup::hidden:
      break;
  }
  return "server.properties (Kafka, internal or of older releases)";
}

Value effect(Effect effect) {
  switch (effect) {
    case Effect::used:
      return Value("used").in(Tone::good);
    case Effect::ignored:
      return Value("ignored").shown_as("ignored: accepted, it has no meaning here").in(Tone::warning);
    case Effect::unserved:
      return Value("unserved")
          .shown_as("unserved: accepted with a warning, what it asks for is not done here")
          .in(Tone::warning);
    case Effect::refused:
      break;
  }
  return Value("refused").shown_as("refused: only its default is accepted").in(Tone::warning);
}

Value allowed(const Limits& limits) {
  if (limits.replicas) return "partition:broker pairs, or *";
  if (!limits.one_of.empty()) return fmt::format("{}", fmt::join(limits.one_of, ", "));
  std::string out;
  if (limits.min && limits.max) out = fmt::format("{} to {}", *limits.min, *limits.max);
  if (limits.min && !limits.max) out = fmt::format("at least {}", *limits.min);
  if (limits.or_equal) out += fmt::format(" or {}", *limits.or_equal);
  return out.empty() ? Value() : Value(out);
}

Object explained(const Setting& setting, const SettingTable& table) {
  Object object{{"name", setting.name}};
  object.push_back({"document", setting.document});
  object.push_back({"of", origin(table.group)});
  object.push_back({"section", table.title});
  std::string type(to_string(setting.type));
  for (char& c : type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  object.push_back({"type", type});
  object.push_back({"default", setting.default_value ? Value(*setting.default_value) : Value()});
  object.push_back({"allowed", allowed(setting.limits)});
  const bool of_topic = table.group == SettingGroup::topic;
  object.push_back({"changeable", of_topic ? std::string_view("per topic") : to_string(setting.dynamic)});
  object.push_back({"effect", effect(setting.effect)});
  object.push_back({"default_from", setting.synonym.empty() ? Value() : Value(setting.synonym)});
  return object;
}

// Topics and brokers share some names.
std::vector<Object> explained_by_name(const std::set<std::string, std::less<>>& names) {
  std::vector<Object> out;
  for (const SettingTable& table : setting_tables()) {
    for (const Setting& setting : table.settings) {
      if (names.contains(setting.name)) out.push_back(explained(setting, table));
    }
  }
  return out;
}

Task<Exit> explain(Session& session, const ExplainArguments& arguments) {
  std::vector<std::string> known;
  std::set<std::string, std::less<>> named;  // with the key in their names
  for (const SettingTable& table : setting_tables()) {
    for (const Setting& setting : table.settings) {
      if (setting.name.contains(arguments.key)) named.emplace(setting.name);
      known.emplace_back(setting.name);
    }
  }
  if (named.contains(arguments.key)) named = {arguments.key};
  if (named.empty()) {
    const std::string meant = nearest_word(arguments.key, known);
    co_return session.fail(Exit::not_found, fmt::format("there is no setting '{}'", arguments.key),
                           meant.empty() ? "docs/SETTINGS.md has them all" : "did you mean " + meant + "?");
  }
  if (named.size() <= explained_max) {
    session.out().objects(explained_by_name(named));
  } else if (session.out().is_text()) {
    for (const std::string& name : named) session.out().line(name);
  } else {
    Table table{{{"name"}}, {}};
    for (const std::string& name : named) table.rows.push_back({name});
    session.out().table(table);
  }
  co_return Exit::ok;
}

Task<Exit> check(Session& session, const CheckArguments& arguments) {
  std::vector<Notice> notices;
  const std::vector<Error> errors = config_errors(session.disk(), {arguments.files, arguments.sets}, notices);
  if (session.out().is_text()) {
    for (const Notice& notice : notices)
      session.out().line(fmt::format("{}  {}", session.out().toned(notice.warning ? "warning" : "note", Tone::warning),
                                     printable(notice.text)));
  }
  const std::string files = fmt::format("{}", fmt::join(arguments.files, ", "));
  std::vector<std::string> noted, messages;
  for (const Notice& notice : notices) noted.push_back(notice.text);
  for (const Error& error : errors) messages.push_back(error.message);
  Object object{{"files", Value::list(arguments.files)}, {"notices", Value::list(noted)}};
  object.push_back({"error", messages.empty() ? Value() : Value(messages.front())});
  object.push_back({"errors", Value::list(messages)});
  if (errors.empty()) {
    session.out().done(fmt::format("{}: a node would start with it", files), object);
    co_return Exit::ok;
  }
  if (!session.out().is_text()) session.out().object(object);
  const Exit exit = errors.front().kind == ErrorKind::not_found ? Exit::not_found : Exit::failed;
  for (std::size_t i = 0; i + 1 < messages.size(); ++i) session.fail(exit, messages[i]);
  co_return session.fail(exit, messages.back(),
                         exit == Exit::failed ? "holdfast config explain KEY says what a setting means and takes" : "");
}

}  // namespace

void add_config_verbs(Cli& cli) {
  cli.family("config", "settings of nodes and topics");
  auto explained = std::make_shared<ExplainArguments>();
  Verb& explaining =
      cli.verb("config explain", "what a setting means: document, type, default, range, and whether it has an effect");
  explaining.argument("KEY", explained->key, "its name, or a part of it")
      .example("holdfast config explain min.insync.replicas")
      .runs([explained](Session& session) { return explain(session, *explained); });
  refuse_empty(explaining, "KEY");
  auto checked = std::make_shared<CheckArguments>();
  cli.verb("config check", "whether a node would start with these files")
      .argument("FILE", checked->files, "properties files; the later one has the last word")
      .option("--set", checked->sets, "key=value, over every file (may be repeated)", "KEY=VALUE")
      .example("holdfast config check /etc/holdfast/server.properties")
      .runs([checked](Session& session) { return check(session, *checked); });
}

}  // namespace holdfast::client
