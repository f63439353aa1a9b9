// Completion in shells. The scripts know nothing: they ask `holdfast __complete -- WORDS...`, which answers from the
// command table and, for names of topics, groups, brokers and profiles, from the cluster. The last word is the one to
// complete; it may be empty. Silence is an answer: completion never complains. Behind what ends with = or / no blank
// follows. Bash takes words apart at =, and they are put together again; it wants only the last piece to be answered.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_families.h"
#include "client/cluster.h"
#include "client/profile.h"
#include "config/setting.h"

namespace holdfast::client {
namespace {

constexpr std::string_view bash_script = R"(# holdfast in bash: source <(holdfast completion bash)
_holdfast() {
  local IFS=$'\n' i word before= words=()
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((${#words[@]})) && [[ $word == =* || $before == *= ]]; then
      words[${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
    before=$word
  done
  COMPREPLY=($(holdfast __complete -- "${words[@]}" 2>/dev/null))
  case "${COMPREPLY[0]}" in
    :files) COMPREPLY=(); compopt -o default ;;
    */ | *=) compopt -o nospace ;;
  esac
  # What was put together stands on the line already, but for its last piece.
  word=${COMP_WORDS[COMP_CWORD]}
  before=${words[${#words[@]}-1]}
  before=${before%"${word#=}"}
  COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//:/}
complete -F _holdfast holdfast
)";
constexpr std::string_view zsh_script = R"zsh(#compdef holdfast
# holdfast in zsh: source <(holdfast completion zsh)
_holdfast() {
  local -a words_found
  words_found=(${(f)"$(holdfast __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( ! ${#words_found} )); then
    return 1
  elif [[ "${words_found[1]}" == ":files" ]]; then
    _files
  elif [[ "${words_found[1]}" == *[/=] ]]; then
    compadd -S '' -- "${words_found[@]}"
  else
    compadd -- "${words_found[@]}"
  fi
}
compdef _holdfast holdfast
)zsh";
constexpr std::string_view fish_script = R"(# holdfast in fish: holdfast completion fish | source
function __holdfast_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (holdfast __complete -- $words[2..-1] 2>/dev/null)
  if test "$found[1]" = ":files"
    __fish_complete_path (commandline -ct)
  else if set -q found[1]
    printf '%s\n' $found
  end
end
complete -c holdfast -f -a '(__holdfast_complete)'
)";

// Where the words before the last one have led.
struct Position {
  const CLI::App* app = nullptr;
  const CLI::Option* option = nullptr;  // whose value is next
  std::size_t arguments = 0;            // of the verb, so far
  bool lost = false;                    // one of them is no verb: nothing can follow
};

const CLI::Option* find_option(const CLI::App& app, const CLI::App& root, const std::string& word) {
  for (const CLI::App* at : {&app, &root}) {
    for (const CLI::Option* option : at->get_options()) {
      if (!option->get_positional() && option->check_name(word)) return option;
    }
  }
  return nullptr;
}

// Walks all words but the last; on the way `given` gets what they say about where the cluster is.
Position walk(const CLI::App& root, std::span<const std::string> words, GlobalOptions& given) {
  Position at{.app = &root};
  const std::function<bool(const CLI::App*)> everything;
  const auto take = [&given](const CLI::Option& option, const std::string& value) {
    if (option.check_lname("bootstrap-server")) given.bootstrap_server = value;
    if (option.check_lname("zookeeper")) given.zookeeper = value;
    if (option.check_lname("profile")) given.profile = value;
  };
  for (const std::string& word : words.first(words.empty() ? 0 : words.size() - 1)) {
    if (at.option) {
      take(*at.option, word);
      at.option = nullptr;
      continue;
    }
    if (word.starts_with('-')) {
      const std::size_t equals = word.find('=');
      const CLI::Option* option = find_option(*at.app, root, word.substr(0, equals));
      if (!option || option->get_items_expected_max() == 0) continue;
      if (equals != std::string::npos) {
        take(*option, word.substr(equals + 1));
      } else {
        at.option = option;
      }
      continue;
    }
    const CLI::App* next = nullptr;
    for (const CLI::App* child : at.app->get_subcommands(everything)) {
      if (child->get_name() == word) next = child;
    }
    if (next) {
      at.app = next;
    } else {
      at.lost |= !at.app->get_subcommands(everything).empty();
      ++at.arguments;
    }
  }
  return at;
}

// The option of a word "--name=..." that has not ended, and how long that is up to the value.
struct Begun {
  const CLI::Option* option = nullptr;
  std::size_t value_at = 0;
};

Begun begun_option(const Position& at, const CLI::App& root, const std::string& word) {
  const std::size_t equals = word.find('=');
  if (at.option || !word.starts_with("--") || equals == std::string::npos) return {};
  const CLI::Option* option = find_option(*at.app, root, word.substr(0, equals));
  if (!option || option->get_items_expected_max() == 0) return {};
  return {option, equals + 1};
}

// The kind of what comes next: an argument's or option's type name; empty where a verb or nothing is expected.
std::string expected_type(const Position& at) {
  if (at.option) return at.option->get_type_name();
  std::vector<const CLI::Option*> arguments;
  for (const CLI::Option* option : at.app->get_options()) {
    if (option->get_positional()) arguments.push_back(option);
  }
  if (arguments.empty()) return {};
  const CLI::Option* last = arguments.back();
  if (at.arguments < arguments.size()) return arguments[at.arguments]->get_type_name();
  return last->get_items_expected_max() > 1 ? last->get_type_name() : std::string();
}

std::vector<std::string> words_of(std::string_view type) {
  std::vector<std::string> words;
  while (!type.empty()) {
    const std::size_t bar = std::min(type.find('|'), type.size());
    words.emplace_back(type.substr(0, bar));
    type.remove_prefix(std::min(bar + 1, type.size()));
  }
  return words;
}

// The settings that a verb of that family may be about.
std::vector<std::string> setting_names(std::string_view family) {
  const auto fits = [family](const SettingTable& table, const Setting& setting) {
    if (setting.name.ends_with(".N")) return false;  // stands for any number of them
    if (family == "topic") return table.group == SettingGroup::topic;
    if (family == "broker") return table.group == SettingGroup::broker && setting.dynamic != Dynamic::read_only;
    return table.group == SettingGroup::broker || table.group == SettingGroup::coordination;
  };
  std::vector<std::string> names;
  for (const SettingTable& table : setting_tables()) {
    for (const Setting& setting : table.settings) {
      if (setting.effect != Effect::refused && fits(table, setting)) names.emplace_back(setting.name);
    }
  }
  return names;
}

Task<std::vector<std::string>> live_names(Session& session, std::string type) {
  std::vector<std::string> names;
  if (type == "TOPIC" || type == "GROUP" || type == "BROKER") {
    auto reached = co_await session.cluster().refresh();
    if (!reached) co_return names;
  }
  if (type == "TOPIC") {
    auto topics = co_await session.admin().list_topics();
    if (topics) {
      for (const TopicListing& topic : *topics) names.push_back(topic.name);
    }
  } else if (type == "GROUP") {
    auto groups = co_await session.admin().list_groups();
    if (groups) {
      for (const GroupListing& group : groups->groups) names.push_back(group.id);
    }
  } else if (type == "BROKER") {
    auto cluster = co_await session.admin().describe_cluster();
    if (cluster) {
      for (const BrokerListing& broker : cluster->brokers) names.push_back(std::to_string(broker.id));
    }
  } else if (type == "PROFILE") {
    auto profiles = load_profiles(session.disk(), profiles_path(session.console()));
    if (profiles) {
      for (const auto& [name, profile] : profiles->all) names.push_back(name);
    }
  }
  co_return names;
}

// What may stand where a name is expected, and is none.
std::vector<std::string> words_beside_names(const Position& at, std::string_view type) {
  if (type == "BROKER" && at.app->get_name() == "config") return {"default"};
  if (type == "PROFILE" && at.app->get_name() == "use") return {"none"};
  if (type != "WHERE") return {};
  const bool begins = at.option && at.option->check_lname("from");
  return begins ? std::vector<std::string>{"start", "end"} : std::vector<std::string>{"end"};
}

// Nothing: files, which the shell knows itself.
Task<std::optional<std::vector<std::string>>> values_of(Session& session, const Cli& cli, Position at,
                                                        std::string word) {
  const std::string type = expected_type(at);
  std::vector<std::string> candidates;
  if (type == "FILE" || type == "DIRECTORY") co_return std::nullopt;
  if (type.contains('|')) {
    candidates = words_of(type);
  } else if (type == "ZNODE" && cli.znode_names()) {
    candidates = co_await cli.znode_names()(session, word);
  } else if (type == "KEY=VALUE" && word.contains('=')) {
    // The value is anybody's.
  } else if (type == "KEY=VALUE" || (type == "KEY" && at.option)) {
    candidates = setting_names(at.app->get_parent()->get_name());
    if (type == "KEY=VALUE") std::ranges::for_each(candidates, [](std::string& name) { name += '='; });
  } else if (type == "KEY") {
    for (const SettingTable& table : setting_tables()) {
      for (const Setting& setting : table.settings) candidates.emplace_back(setting.name);
    }
  } else if (!type.empty()) {
    candidates = co_await live_names(session, type);
    for (std::string& beside : words_beside_names(at, type)) candidates.push_back(std::move(beside));
  }
  co_return candidates;
}

std::vector<std::string> option_names(const CLI::App& app, const CLI::App& root) {
  std::vector<std::string> names;
  for (const CLI::App* at : {&app, &root}) {
    for (const CLI::Option* option : at->get_options()) {
      if (option->get_group().empty() || option->get_positional()) continue;
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* child : app.get_subcommands(std::function<bool(const CLI::App*)>())) {
    if (!child->get_group().empty()) names.push_back(child->get_name());
  }
  return names;
}

Task<Exit> complete(Session& session, const Cli& cli, const std::vector<std::string>& words) {
  GlobalOptions given;
  const std::string last = words.empty() ? std::string() : words.back();
  Position at = walk(cli.root(), words, given);
  // `help` takes what it is asked about as it stands without it.
  const bool of_help = words.size() > 1 && words.front() == "help" && !last.starts_with('-');
  if (of_help) at = walk(cli.root(), std::span(words).subspan(1), given);
  if (at.lost) co_return Exit::ok;
  const Begun begun = begun_option(at, cli.root(), last);
  if (begun.option) at.option = begun.option;
  std::vector<std::string> candidates;
  if (!at.option && last.starts_with('-')) {
    candidates = option_names(*at.app, cli.root());
  } else if (of_help) {
    candidates = verb_names(*at.app);
  } else {
    auto values = co_await values_of(session, cli, at, last.substr(begun.value_at));
    if (!values) {
      session.out().line(":files");
      co_return Exit::ok;
    }
    candidates = std::move(*values);
    for (std::string& candidate : candidates) candidate.insert(0, last, 0, begun.value_at);
    if (!at.option) std::ranges::move(verb_names(*at.app), std::back_inserter(candidates));
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  for (const std::string& candidate : candidates) {
    // A name with a control character would be taken apart by the shell.
    if (candidate.starts_with(last) && printable(candidate) == candidate) session.out().line(candidate);
  }
  co_return Exit::ok;
}

Task<Exit> print_script(Session& session, std::string shell) {
  session.out().raw(shell == "bash" ? bash_script : shell == "zsh" ? zsh_script : fish_script);
  co_return Exit::ok;
}

}  // namespace

void add_completion_verbs(Cli& cli) {
  auto shell = std::make_shared<std::string>();
  Verb& script = cli.verb("completion", "a script that lets a shell complete verbs, options and names of the cluster");
  script.choice("SHELL", *shell, {"bash", "zsh", "fish"}, "which shell")
      .example("source <(holdfast completion bash)", "in ~/.bashrc")
      .example("holdfast completion fish > ~/.config/fish/completions/holdfast.fish")
      .runs([shell](Session& session) { return print_script(session, *shell); });
  script.app().get_option("SHELL")->required();
  auto words = std::make_shared<std::vector<std::string>>();
  cli.verb("__complete", "what could come next")
      .hidden()
      .optional_argument("WORD", *words, "what was typed; the last one is to be completed")
      .prepares([words, &cli](GlobalOptions& options) {
        options.timeout = "1s";
        options.output = "text";
        (void)walk(cli.root(), *words, options);
      })
      .runs([words, &cli](Session& session) { return complete(session, cli, *words); });
}

}  // namespace holdfast::client
