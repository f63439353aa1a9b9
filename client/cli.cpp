#include "client/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <exception>

#include "client/cli_manual.h"
#include "client/cluster.h"
#include "client/profile.h"

namespace holdfast::client {
namespace {

constexpr Duration close_limit = std::chrono::milliseconds(300);
constexpr Duration reach_limit = std::chrono::seconds(5);
constexpr std::string_view default_kafka = "127.0.0.1:9092";
constexpr std::string_view default_zookeeper = "127.0.0.1:2181";
constexpr Duration default_watch = std::chrono::seconds(2);

int code(Exit exit) { return static_cast<int>(exit); }

Task<Exit> repeat(Session& session, const Verb::Run& run, Duration every) {
  const bool on_screen = session.console().output_is_terminal() && session.out().is_text();
  for (;;) {
    if (on_screen) session.out().clear_screen();
    const Exit exit = co_await run(session);
    if (!session.out().flush()) co_return session.output_failed();
    // A mistake in the command line does not get better, an unreachable server may.
    if (exit == Exit::usage || session.interrupted()) co_return exit;
    co_await session.end_round();
    co_await session.shard().sleep(every);
  }
}

// Admin would go on asking for as long as it may; a person would rather know at once.
Task<Exit> once_reached(Session& session, const Verb::Run& run) {
  wire::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  const std::optional<Duration> limit = std::min(session.timeout(), reach_limit);
  auto reached = co_await session.cluster().ask_any<wire::MetadataResponse>(std::move(request), limit);
  if (!reached) co_return session.fail(reached.error());
  const Exit exit = co_await run(session);
  co_return exit;
}

// "-w 1s" is "--watch=1s": to CLI11 a flag takes no word behind it, and the verb would have it for an argument.
std::vector<std::string> with_watch_joined(std::vector<std::string> words) {
  for (std::size_t i = 0; i + 1 < words.size() && words[i] != "--"; ++i) {
    // Also one that means nothing, to be refused by its name.
    const std::string& next = words[i + 1];
    const bool negative = next.size() > 1 && next[0] == '-' && next[1] >= '0' && next[1] <= '9';
    if ((words[i] != "-w" && words[i] != "--watch") || (!negative && !parse_duration(next))) continue;
    words[i] = "--watch=" + words[i + 1];
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
  return words;
}

// "--zookeeper=" is "--zookeeper ''": to CLI11 the next word would be its value.
std::vector<std::string> with_empty_values(const CLI::App& root, std::vector<std::string> words) {
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    if (!words[i].starts_with("--") || !words[i].ends_with('=')) continue;
    const CLI::Option* option = root.get_option_no_throw(words[i].substr(0, words[i].size() - 1));
    if (!option || option->get_items_expected_max() == 0) continue;
    words[i].pop_back();
    words.insert(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, std::string());
  }
  return words;
}

}  // namespace

Verb& Verb::at_least(std::int64_t least) {
  last_->check(CLI::Validator(
      [least](std::string& text) {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        const bool fits = error == std::errc() && number >= least;
        return fits ? std::string() : fmt::format("a number of at least {}, not {}", least, text);
      },
      ""));
  return *this;
}

// Writes the number anew: CLI11 would take 010 for eight.
void Verb::whole_number(std::int64_t min, std::int64_t max) {
  last_->transform(CLI::Validator(
      [min, max](std::string& text) {
        std::string_view digits(text);
        if (digits.starts_with('+')) digits.remove_prefix(1);
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        const bool whole = end == digits.data() + digits.size() && !digits.empty();
        if (!whole || error == std::errc::invalid_argument || text.starts_with("+-"))
          return fmt::format("'{}' is not a whole number", text);
        if (error != std::errc() || number < min || number > max)
          return fmt::format("a number from {} to {}, not {}", min, max, text);
        text = std::to_string(number);
        return std::string();
      },
      ""));
}

void Verb::real_number() {
  last_->check(CLI::Validator(
      [](std::string& text) {
        double number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        const bool real = error == std::errc() && end == text.data() + text.size() && std::isfinite(number);
        return real ? std::string() : fmt::format("'{}' is not a number", text);
      },
      ""));
}

Verb& Verb::choice(const std::string& names, std::string& into, const std::vector<std::string>& words,
                   const std::string& what) {
  const std::string type = fmt::format("{}", fmt::join(words, "|"));
  app_.add_option(names, into, what)
      ->type_name(type)
      ->check(CLI::Validator(
          [words, type](std::string& word) {
            for (const std::string& known : words) {
              if (word == known) return std::string();
            }
            return fmt::format("'{}' is not one of {}", word, type);
          },
          ""));
  return *this;
}

Verb& Verb::choices(const std::string& names, std::vector<std::string>& into, const std::vector<std::string>& words,
                    const std::string& type, const std::string& what) {
  app_.add_option(names, into, what)
      ->type_name(type)
      ->transform(CLI::Validator(
          [words](std::string& word) {
            for (const std::string& known : words) {
              if (CLI::detail::to_lower(word) != CLI::detail::to_lower(known)) continue;
              word = known;
              return std::string();
            }
            return fmt::format("'{}' is not one of {}", word, fmt::join(words, "|"));
          },
          ""));
  return *this;
}

Verb& Verb::flag(const std::string& names, bool& into, const std::string& what) {
  app_.add_flag(names, into, what);
  return *this;
}

Verb& Verb::example(std::string command, std::string what) {
  examples_.push_back({std::move(command), std::move(what)});
  return *this;
}

Verb& Verb::more(std::string text) {
  more_ = std::move(text);
  return *this;
}

Verb& Verb::watchable() {
  watchable_ = true;
  return *this;
}

Verb& Verb::knows_dry_run() {
  dry_run_ = true;
  return *this;
}

Verb& Verb::answers_within(Duration limit) {
  answers_within_ = limit;
  return *this;
}

Verb& Verb::hidden() {
  hidden_ = true;
  app_.group("");
  return *this;
}

Verb& Verb::prepares(std::function<void(GlobalOptions&)> prepare) {
  prepare_ = std::move(prepare);
  return *this;
}

Verb& Verb::runs(Run run) {
  run_ = std::move(run);
  return *this;
}

Verb& Verb::runs_on_cluster(Run run) {
  run_ = [run = std::move(run)](Session& session) { return once_reached(session, run); };
  return *this;
}

Verb& Verb::runs_plainly(std::function<int()> run) {
  plain_ = std::move(run);
  return *this;
}

Cli::Cli(World world, Console& console)
    : world_(world),
      console_(console),
      root_(std::make_unique<CLI::App>("Holdfast: a log broker that speaks Kafka and ZooKeeper", "holdfast")) {
  root_->require_subcommand(1);
  root_->fallthrough();
  root_->set_help_flag("-h,--help", "say what a verb does and takes");
  add_global_options();
}

Cli::~Cli() = default;

void Cli::add_global_options() {
  // The last one counts, so that what an alias of a shell says can be overruled. An empty one is a variable of a script
  // that was not set, and does not mean the node that would be taken without the option.
  const CLI::Validator not_empty(
      [](std::string& text) { return text.empty() ? std::string("its value is empty") : std::string(); }, "");
  const auto add = [this, &not_empty](const char* names, std::string& into, const char* type, const char* what) {
    root_->add_option(names, into, what)->type_name(type)->take_last()->check(not_empty);
  };
  add("-b,--bootstrap-server", options_.bootstrap_server, "HOST:PORT,...",
      "Kafka brokers to start from (HOLDFAST_BOOTSTRAP_SERVER; default 127.0.0.1:9092)");
  add("--zookeeper", options_.zookeeper, "HOST:PORT,...[/CHROOT]",
      "ZooKeeper servers (HOLDFAST_ZOOKEEPER; default 127.0.0.1:2181)");
  add("--profile", options_.profile, "PROFILE", "a cluster named by `holdfast profile` (HOLDFAST_PROFILE)");
  add("-o,--output", options_.output, "text|wide|json|yaml", "how to print; fields of json and yaml are stable");
  add("--timeout", options_.timeout, "DURATION", "how long a server may take to answer: 500ms, 10s, 1m");
  root_->add_flag("-w,--watch", options_.watch,
                  "repeat every 2 seconds, or as often as -w 500ms or --watch=500ms says");
  root_->add_flag("--no-color", options_.no_color, "no colours (NO_COLOR)");
  root_->add_flag("-y,--yes", options_.yes, "do not ask before data goes");
  root_->add_flag("--dry-run", options_.dry_run, "say what would be done, do nothing; refused by verbs that cannot");
  root_->set_version_flag("--version", std::string("holdfast ") + HOLDFAST_VERSION, "print the version");
}

CLI::App& Cli::family(const std::string& name, const std::string& description) {
  for (const Family& known : families_) {
    if (known.name == name) return *root_->get_subcommand(name);
  }
  families_.push_back({name, description});
  CLI::App* app = root_->add_subcommand(name, description);
  app->require_subcommand(1);
  return *app;
}

Verb& Cli::verb(const std::string& name, const std::string& description) {
  const std::size_t space = name.find(' ');
  CLI::App* app =
      space == std::string::npos
          ? root_->add_subcommand(name, description)
          : root_->get_subcommand(name.substr(0, space))->add_subcommand(name.substr(space + 1), description);
  return adopt(name, *app);
}

Verb& Cli::adopt(const std::string& name, CLI::App& app) {
  verbs_.push_back(std::unique_ptr<Verb>(new Verb(name, app)));
  return *verbs_.back();
}

int Cli::print(std::string_view text) const {
  const auto written = console_.write(text);
  if (written) return code(Exit::ok);
  if (written.error().kind == ErrorKind::closed) return code(Exit::reader_gone);
  console_.write_error(fmt::format("holdfast: {}\n", output_complaint(written.error())));
  return code(Exit::failed);
}

int Cli::run(int argc, const char* const* argv) {
  return run(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
}

int Cli::run(std::vector<std::string> words) {
  const auto complain = [this](const CLI::ParseError& error) {
    console_.write_error(complaint_text(*this, error));
    return code(Exit::usage);
  };
  try {
    words = with_empty_values(*root_, with_watch_joined(std::move(words)));
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    root_->parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    // Help with a verb that there is not: which one was meant is more of a help than what there is.
    const bool found = std::ranges::any_of(verbs_, [](const auto& verb) { return verb->app_.parsed(); });
    if (const auto extras = root_->remaining(true); !found && !extras.empty())
      return complain(CLI::ExtrasError(extras));
    return print(help_text(*this));
  } catch (const CLI::CallForVersion& version) {
    return print(std::string(version.what()) + "\n");
  } catch (const CLI::ParseError& error) {
    return complain(error);
  }
  for (const auto& verb : verbs_) {
    if (!verb->app_.parsed()) continue;
    // Whoever says it relies on it that nothing is done.
    if (options_.dry_run && !verb->has_dry_run()) {
      console_.write_error(fmt::format("holdfast: `{}` does not know --dry-run: nothing was done\n", verb->name()));
      return code(Exit::usage);
    }
    // What prints in its own way alone, with nothing to repeat.
    if (verb->plain_ && !(options_.output.empty() && options_.watch.empty())) {
      console_.write_error(fmt::format("holdfast: {} means nothing to `{}`\n",
                                       options_.output.empty() ? "--watch" : "--output", verb->name()));
      return code(Exit::usage);
    }
    if (verb->plain_) return verb->plain_();
    if (verb->prepare_) verb->prepare_(options_);
    return run_verb(*verb);
  }
  return code(Exit::usage);
}

Result<Session::Setting> Cli::resolve(const Verb& verb) const {
  Session::Setting setting;
  auto profiles = load_profiles(world_.disk, profiles_path(console_));
  if (!profiles) return fail(profiles);
  const auto environment = [this](const char* name) { return console_.environment(name).value_or(""); };
  std::string name = options_.profile;
  if (name.empty()) name = environment("HOLDFAST_PROFILE");
  const bool asked_for = !name.empty();
  if (!asked_for) name = profiles->current;
  const auto found = profiles->all.find(name);
  if (asked_for && found == profiles->all.end())
    return fail(ErrorKind::not_found, fmt::format("there is no profile {}: `holdfast profile list`", name));
  const Profile profile = found == profiles->all.end() ? Profile() : found->second;
  if (found != profiles->all.end()) setting.profile = name;
  const auto from_profile = [&profile](std::string_view key) {
    const auto entry = profile.find(key);
    return entry == profile.end() ? std::string() : entry->second;
  };

  const auto target = [&](const std::string& given, const char* flag, const char* variable, std::string_view key,
                          std::string_view otherwise) {
    if (!given.empty()) return Target{given, flag};
    if (auto value = environment(variable); !value.empty()) return Target{value, variable};
    if (auto value = from_profile(key); !value.empty()) return Target{value, "profile " + name};
    return Target{std::string(otherwise), std::string(default_source)};
  };
  setting.kafka = target(options_.bootstrap_server, "--bootstrap-server", "HOLDFAST_BOOTSTRAP_SERVER",
                         "bootstrap-server", default_kafka);
  setting.zookeeper = target(options_.zookeeper, "--zookeeper", "HOLDFAST_ZOOKEEPER", "zookeeper", default_zookeeper);
  if (auto servers = parse_bootstrap_servers(setting.kafka.address); !servers)
    return fail(ErrorKind::invalid_input, fmt::format("{}: {}", setting.kafka.source, servers.error().message));

  std::string output = options_.output;
  if (output.empty()) output = from_profile("output");
  if (output.empty()) output = "text";
  const auto format = parse_output_format(output);
  if (!format)
    return fail(ErrorKind::invalid_input, fmt::format("--output is text, wide, json or yaml, not '{}'", output));
  setting.format = *format;

  std::string timeout = options_.timeout;
  if (timeout.empty()) timeout = from_profile("timeout");
  if (verb.answers_within_) setting.timeout = *verb.answers_within_;
  if (!timeout.empty()) {
    const auto duration = parse_duration(timeout);
    if (!duration || duration->count() <= 0)
      return fail(ErrorKind::invalid_input, fmt::format("--timeout is a time such as 500ms or 10s, not '{}'", timeout));
    setting.timeout = *duration;
  }
  if (!options_.watch.empty()) {
    if (!verb.is_watchable())
      return fail(ErrorKind::invalid_input, fmt::format("--watch repeats what only reads, not `{}`", verb.name()));
    const auto every = options_.watch == "true" ? default_watch : parse_duration(options_.watch).value_or(Duration(0));
    if (every.count() <= 0)
      return fail(ErrorKind::invalid_input, fmt::format("--watch=DURATION: '{}' is none", options_.watch));
    setting.watch = every;
  }
  setting.colour = console_.output_is_terminal() && !options_.no_color && !console_.environment("NO_COLOR");
  setting.yes = options_.yes;
  setting.dry_run = options_.dry_run;
  setting.format_given = !options_.output.empty();
  return setting;
}

int Cli::run_verb(Verb& verb) {
  const auto complain = [this](std::string_view what, Exit exit) {
    console_.write_error(fmt::format("holdfast: {}\n", printable(what)));
    return code(exit);
  };
  auto setting = resolve(verb);
  if (!setting) {
    const bool absent = setting.error().kind == ErrorKind::not_found;
    return complain(setting.error().message, absent ? Exit::not_found : Exit::usage);
  }
  const auto every = setting->watch;
  MainLoop loop(world_.clock);
  Session session(world_, console_, loop, std::move(*setting));
  loop.on_interrupt([&session](int) { session.on_signal(); });
  Exit exit = Exit::failed;
  try {
    exit = loop.run(every ? repeat(session, verb.run_, *every) : verb.run_(session)).value_or(Exit::failed);
  } catch (const std::exception& exception) {
    session.fail(Exit::failed, fmt::format("it has met its own bug: {}", exception.what()));
  }
  session.progress({});
  if (!session.out().flush()) {
    const Exit broken = session.output_failed();
    if (exit == Exit::ok || exit == Exit::reader_gone) exit = broken;
  }
  // A server that does not even refuse is not waited for.
  if (!loop.run(session.close(), close_limit)) console_.exit_now(code(exit));
  return code(exit);
}

}  // namespace holdfast::client
