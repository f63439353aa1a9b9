// Cli: the command table of `holdfast`. Families of verbs register here, each verb once, with its options in CLI11's
// words; parsing, help, docs/CLI.md, the man page and completion in shells come from this one table. A verb is a task
// that runs on one shard, turned by the calling thread; nothing of a server is touched by a command that is none.
//
// A family is a file client/cli_<family>.cpp:
//
//   void add_group_verbs(Cli& cli) {
//     cli.family("group", "consumer groups");
//     auto arguments = std::make_shared<DescribeArguments>();
//     cli.verb("group describe", "members, offsets and lag")
//         .argument("GROUP", arguments->groups, "the groups")
//         .flag("--members", arguments->members, "the members, too")
//         .example("holdfast group describe billing", "where it stands")
//         .watchable()
//         .runs([arguments](Session& session) { return describe(session, *arguments); });
//   }
#pragma once

#include <CLI/App.hpp>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "client/cli_session.h"
#include "runtime/task.h"
#include "runtime/world.h"

namespace holdfast::client {

// What an option holds: the number itself, or in an std::optional or a list.
template <class T>
struct Held {
  using Type = T;
};
template <class T>
struct Held<std::optional<T>> : Held<T> {};
template <class T>
struct Held<std::vector<T>> : Held<T> {};

class Verb {
 public:
  using Run = std::function<Task<Exit>(Session&)>;
  struct Example {
    std::string command, what;
  };

  // Options and arguments, in CLI11's words: `names` as "-p,--partitions", arguments as "TOPIC". What completion offers
  // goes by an option's type_name(): TOPIC, GROUP, BROKER, ZNODE, FILE, DIRECTORY, or the words of {a,b,c}.
  template <class T>
  Verb& option(const std::string& names, T& into, const std::string& what, const std::string& type = {}) {
    CLI::Option* made = app_.add_option(names, into, what);
    if (!type.empty()) made->type_name(type);
    return checked<T>(*made);
  }
  template <class T>
  Verb& argument(const std::string& name, T& into, const std::string& what) {
    return checked<T>(*app_.add_option(name, into, what)->required()->type_name(name));
  }
  template <class T>
  Verb& optional_argument(const std::string& name, T& into, const std::string& what) {
    return checked<T>(*app_.add_option(name, into, what)->type_name(name));
  }
  // The number of the option or argument before this is not smaller.
  Verb& at_least(std::int64_t least);
  // One of these words.
  Verb& choice(const std::string& names, std::string& into, const std::vector<std::string>& words,
               const std::string& what);
  // Some of these words, in any case of letters.
  Verb& choices(const std::string& names, std::vector<std::string>& into, const std::vector<std::string>& words,
                const std::string& type, const std::string& what);
  Verb& flag(const std::string& names, bool& into, const std::string& what);

  Verb& example(std::string command, std::string what = {});
  Verb& more(std::string text);          // what its page in the manual says beyond the options
  Verb& watchable();                     // --watch repeats it: it only reads
  Verb& knows_dry_run();                 // it heeds Session::dry_run(); everywhere else --dry-run is refused
  Verb& answers_within(Duration limit);  // how long servers may take where --timeout does not say
  Verb& hidden();
  Verb& prepares(std::function<void(GlobalOptions&)> prepare);  // runs before the options count
  Verb& runs(Run run);
  Verb& runs_on_cluster(Run run);                // after it was made sure that a broker answers
  Verb& runs_plainly(std::function<int()> run);  // without a session: it returns the exit code itself

  CLI::App& app() { return app_; }  // for what is not above: excludes, needs, checks
  const CLI::App& app() const { return app_; }
  const std::string& name() const { return name_; }  // "topic list"
  bool is_hidden() const { return hidden_; }
  bool is_watchable() const { return watchable_; }
  bool has_dry_run() const { return dry_run_; }
  bool is_plain() const { return plain_ != nullptr; }
  const std::vector<Example>& examples() const { return examples_; }
  const std::string& more() const { return more_; }

 private:
  friend class Cli;
  Verb(std::string name, CLI::App& app) : name_(std::move(name)), app_(app) {}

  // A number is refused with its option's name and what it may be, not with the parser's words.
  template <class T>
  Verb& checked(CLI::Option& option) {
    using Number = typename Held<T>::Type;
    last_ = &option;
    if constexpr (std::integral<Number> && !std::same_as<Number, bool>) {
      constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
      const auto max = std::numeric_limits<Number>::max();
      whole_number(std::numeric_limits<Number>::min(),
                   std::cmp_less(max, most) ? static_cast<std::int64_t>(max) : most);
    } else if constexpr (std::floating_point<Number>) {
      real_number();
    }
    return *this;
  }
  void whole_number(std::int64_t min, std::int64_t max);
  void real_number();

  std::string name_, more_;
  CLI::App& app_;
  CLI::Option* last_ = nullptr;  // what was made last
  Run run_;
  std::function<void(GlobalOptions&)> prepare_;
  std::function<int()> plain_;
  std::vector<Example> examples_;
  bool watchable_ = false, dry_run_ = false, hidden_ = false;
  std::optional<Duration> answers_within_;
};

class Cli {
 public:
  Cli(World world, Console& console);
  ~Cli();
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;

  // A noun; naming it again is no error. Returns its app, for verbs that are made outside of this room.
  CLI::App& family(const std::string& name, const std::string& description);
  // "topic list", or a verb without a noun: "produce". Its family must exist.
  Verb& verb(const std::string& name, const std::string& description);
  // The verb of an app that somebody else has put into the table.
  Verb& adopt(const std::string& name, CLI::App& app);

  // Parses and runs. The process may end in here: at a second interrupt, or when a connection attempt holds up the end.
  int run(int argc, const char* const* argv);
  int run(std::vector<std::string> words);  // without the name of the program

  // Who knows the znodes that begin with a word, for completion.
  using NamesOf = std::function<Task<std::vector<std::string>>(Session&, std::string begin)>;
  void complete_znodes(NamesOf names) { znode_names_ = std::move(names); }
  const NamesOf& znode_names() const { return znode_names_; }

  CLI::App& root() { return *root_; }
  const CLI::App& root() const { return *root_; }
  const GlobalOptions& options() const { return options_; }
  const std::vector<std::unique_ptr<Verb>>& verbs() const { return verbs_; }
  struct Family {
    std::string name, description;
  };
  const std::vector<Family>& families() const { return families_; }
  World world() const { return world_; }
  Console& console() const { return console_; }

 private:
  void add_global_options();
  // The options given, the environment, the profile and the defaults, in this order.
  Result<Session::Setting> resolve(const Verb& verb) const;
  int run_verb(Verb& verb);
  int print(std::string_view text) const;  // on standard output; the exit code

  const World world_;
  Console& console_;
  GlobalOptions options_;
  std::unique_ptr<CLI::App> root_;
  std::vector<Family> families_;
  std::vector<std::unique_ptr<Verb>> verbs_;
  NamesOf znode_names_;
};

}  // namespace holdfast::client
