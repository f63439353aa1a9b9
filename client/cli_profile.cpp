// holdfast profile: clusters that the command knows by name.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/cli.h"
#include "client/cli_families.h"
#include "client/cluster.h"
#include "client/profile.h"

namespace holdfast::client {
namespace {

struct ProfileArguments {
  std::string name, output, timeout;
};

// What each verb does to the profiles that are there.
struct Loaded {
  std::string path;
  Profiles profiles;
};

std::optional<Loaded> load(Session& session) {
  Loaded loaded{profiles_path(session.console()), {}};
  auto profiles = load_profiles(session.disk(), loaded.path);
  if (!profiles) {
    session.fail(Exit::failed, profiles.error().message);
    return std::nullopt;
  }
  loaded.profiles = std::move(*profiles);
  return loaded;
}

// `done` and `would`: the sentence, and what it is in a dry run.
Exit store(Session& session, const Loaded& loaded, std::string_view done, std::string_view would, const Value& name) {
  if (session.dry_run()) {
    session.out().done(would, {{"profile", name}, {"dry_run", true}});
    return Exit::ok;
  }
  auto saved = save_profiles(session.disk(), loaded.path, loaded.profiles);
  if (!saved) return session.fail(Exit::failed, fmt::format("profiles: {}", saved.error().message));
  session.out().done(done, {{"profile", name}, {"dry_run", false}});
  return Exit::ok;
}

Exit unknown(Session& session, const Loaded& loaded, const std::string& name) {
  std::vector<std::string> known;
  for (const auto& [each, profile] : loaded.profiles.all) known.push_back(each);
  const std::string meant = nearest_word(name, known);
  return session.fail(Exit::not_found, fmt::format("there is no profile {}", name),
                      meant.empty() ? "holdfast profile list" : "did you mean " + meant + "?");
}

Task<Exit> list_profiles(Session& session) {
  const auto loaded = load(session);
  if (!loaded) co_return Exit::failed;
  Table table{{{"current"}, {"name"}, {"bootstrap_server"}, {"zookeeper"}, {"output", true}, {"timeout", true}}, {}};
  for (const auto& [name, profile] : loaded->profiles.all) {
    const auto value = [&profile](std::string_view key) {
      const auto found = profile.find(key);
      return found == profile.end() ? Value() : Value(found->second);
    };
    const bool current = name == loaded->profiles.current;
    table.rows.push_back({Value(current).shown_as(current ? "*" : " "), name, value("bootstrap-server"),
                          value("zookeeper"), value("output"), value("timeout")});
  }
  session.out().table(table, "no profiles; `holdfast profile set NAME --bootstrap-server HOST:PORT` makes one");
  co_return Exit::ok;
}

// Where the next command would go, and why.
Task<Exit> show(Session& session) {
  const Session::Setting& setting = session.setting();
  session.out().object({{"profile", setting.profile.empty() ? Value() : Value(setting.profile)},
                        {"bootstrap_server", setting.kafka.address},
                        {"bootstrap_server_from", setting.kafka.source},
                        {"zookeeper", setting.zookeeper.address},
                        {"zookeeper_from", setting.zookeeper.source},
                        {"file", profiles_path(session.console())}});
  co_return Exit::ok;
}

Task<Exit> set(Session& session, const ProfileArguments& arguments, const GlobalOptions& given) {
  if (!is_profile_name(arguments.name))
    co_return session.usage(fmt::format("'{}' is no name of a profile", arguments.name),
                            "letters, digits, - and _, at most 64; not `current` or `none`");
  auto loaded = load(session);
  if (!loaded) co_return Exit::failed;
  Profile& profile = loaded->profiles.all[arguments.name];
  const auto take = [&profile](const char* key, const std::string& value) {
    if (!value.empty()) profile[key] = value;
  };
  take("bootstrap-server", given.bootstrap_server);
  take("zookeeper", given.zookeeper);
  take("output", given.output);
  take("timeout", given.timeout);
  if (profile.empty())
    co_return session.usage("a profile says at least one thing",
                            "--bootstrap-server, --zookeeper, --output or --timeout");
  // Commands go to another cluster from then on: only where nobody can have meant another, and not without a word.
  const Profiles& known = loaded->profiles;
  const bool chosen = known.current.empty() && !known.none_chosen && known.all.size() == 1;
  if (chosen) loaded->profiles.current = arguments.name;
  const std::string sentence =
      fmt::format("set profile {}{}", arguments.name, chosen ? " and chosen it: it is the only one" : "");
  co_return store(session, *loaded, sentence, "would have " + sentence, arguments.name);
}

Task<Exit> use(Session& session, const ProfileArguments& arguments) {
  auto loaded = load(session);
  if (!loaded) co_return Exit::failed;
  loaded->profiles.none_chosen = arguments.name == "none";
  if (loaded->profiles.none_chosen) {
    loaded->profiles.current.clear();
    co_return store(session, *loaded, "no profile is chosen", "no profile would be chosen", Value());
  }
  if (!loaded->profiles.all.contains(arguments.name)) co_return unknown(session, *loaded, arguments.name);
  loaded->profiles.current = arguments.name;
  const std::string sentence = fmt::format("chosen profile {}", arguments.name);
  co_return store(session, *loaded, sentence, "would have " + sentence, arguments.name);
}

Task<Exit> remove_profile(Session& session, const ProfileArguments& arguments) {
  auto loaded = load(session);
  if (!loaded) co_return Exit::failed;
  if (loaded->profiles.all.erase(arguments.name) == 0) co_return unknown(session, *loaded, arguments.name);
  if (loaded->profiles.current == arguments.name) loaded->profiles.current.clear();
  const std::string sentence = fmt::format("removed profile {}", arguments.name);
  co_return store(session, *loaded, sentence, "would have " + sentence, arguments.name);
}

}  // namespace

void add_profile_verbs(Cli& cli) {
  cli.family("profile", "clusters known by name");
  auto arguments = std::make_shared<ProfileArguments>();
  cli.verb("profile list", "the profiles there are").runs(list_profiles);
  cli.verb("profile show", "where a command would go now, and why").runs(show);
  cli.verb("profile set", "make or change a profile from the options given")
      .argument("NAME", arguments->name, "its name")
      .example("holdfast profile set prod --bootstrap-server kafka1:9092,kafka2:9092 --zookeeper zk1:2181")
      .knows_dry_run()
      .runs([arguments, &cli](Session& session) { return set(session, *arguments, cli.options()); });
  cli.verb("profile use", "choose the profile that counts when none is named")
      .argument("PROFILE", arguments->name, "its name, or `none`")
      .knows_dry_run()
      .runs([arguments](Session& session) { return use(session, *arguments); });
  cli.verb("profile remove", "forget a profile")
      .argument("PROFILE", arguments->name, "its name")
      .knows_dry_run()
      .runs([arguments](Session& session) { return remove_profile(session, *arguments); });
}

}  // namespace holdfast::client
