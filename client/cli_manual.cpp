#include "client/cli_manual.h"

#include <fmt/format.h>

#include <CLI/Error.hpp>
#include <algorithm>
#include <array>

namespace holdfast::client {
namespace {

constexpr std::size_t help_column = 34;
constexpr std::size_t help_width = 100;

const Verb* verb_of(const Cli& cli, const CLI::App& app) {
  for (const auto& verb : cli.verbs()) {
    if (&verb->app() == &app) return verb.get();
  }
  return nullptr;
}

// The innermost one that the command line has named.
const CLI::App& named(const Cli& cli) {
  const CLI::App* at = &cli.root();
  while (!at->get_subcommands().empty()) at = at->get_subcommands().back();
  return *at;
}

std::string synopsis(const Verb& verb) {
  std::string out = "holdfast " + verb.name();
  bool options = false;
  for (const OptionPage& page : option_pages(verb.app())) {
    if (!page.argument) {
      options = true;
      continue;
    }
    const std::string name = page.names + (page.repeated ? "..." : "");
    out += page.required ? " " + name : " [" + name + "]";
  }
  return options ? out + " [OPTIONS]" : out;
}

// "  names   what, and on further lines if it is long".
void append_entry(std::string& out, std::string_view names, std::string_view what) {
  out += fmt::format("  {:<{}}", names, help_column - 2);
  std::size_t column = help_column;
  if (names.size() > help_column - 4) {
    out += '\n';
    out.append(help_column, ' ');
  }
  bool first = true;
  while (!what.empty()) {
    const std::size_t end = std::min(what.find(' '), what.size());
    if (!first && column + 1 + end > help_width) {
      out += '\n';
      out.append(help_column, ' ');
      column = help_column;
    } else if (!std::exchange(first, false)) {
      out += ' ';
      ++column;
    }
    out += what.substr(0, end);
    column += end;
    what.remove_prefix(std::min(end + 1, what.size()));
  }
  out += '\n';
}

void append_options(std::string& out, const CLI::App& app, bool arguments, std::string_view title) {
  bool first = true;
  for (const OptionPage& page : option_pages(app)) {
    if (page.argument != arguments) continue;
    if (std::exchange(first, false)) out += fmt::format("\n{}\n", title);
    append_entry(out, page.names, page.what);
  }
}

std::string verb_help(const Cli& cli, const Verb& verb) {
  std::string out = fmt::format("{}\n\n  {}\n", verb.app().get_description(), synopsis(verb));
  if (!verb.more().empty()) out += fmt::format("\n{}\n", verb.more());
  append_options(out, verb.app(), true, "Arguments");
  append_options(out, verb.app(), false, "Options");
  if (!verb.is_plain()) {
    out += "\nEverywhere\n";
    for (const OptionPage& page : option_pages(cli.root())) append_entry(out, page.names, page.what);
  }
  if (!verb.examples().empty()) {
    out += "\nExamples\n";
    for (const Verb::Example& example : verb.examples()) {
      if (!example.what.empty()) out += fmt::format("  # {}\n", example.what);
      out += fmt::format("  {}\n", example.command);
    }
  }
  return out;
}

std::string family_help(const Cli& cli, const std::string& family) {
  const CLI::App& app = *cli.root().get_subcommand(family);
  std::string out = fmt::format("{}\n\n  holdfast {} VERB\n\nVerbs\n", app.get_description(), family);
  for (const auto& verb : cli.verbs()) {
    if (!verb->is_hidden() && verb->name().starts_with(family + " "))
      append_entry(out, verb->name().substr(family.size() + 1), verb->app().get_description());
  }
  out += fmt::format("\n`holdfast {} VERB --help` says more.\n", family);
  return out;
}

std::string all_help(const Cli& cli) {
  std::string out =
      "Holdfast: a log broker that speaks Kafka and ZooKeeper\n\n  holdfast VERB ...\n  holdfast NOUN VERB ...\n";
  out += "\nVerbs\n";
  for (const auto& verb : cli.verbs()) {
    if (!verb->is_hidden() && !verb->name().contains(' '))
      append_entry(out, verb->name(), verb->app().get_description());
  }
  out += "\nNouns\n";
  for (const Cli::Family& family : cli.families()) {
    std::string verbs;
    for (const auto& verb : cli.verbs()) {
      if (verb->is_hidden() || !verb->name().starts_with(family.name + " ")) continue;
      verbs += verbs.empty() ? "" : ", ";
      verbs += verb->name().substr(family.name.size() + 1);
    }
    append_entry(out, family.name, fmt::format("{}: {}", family.description, verbs));
  }
  out += "\nEverywhere\n";
  for (const OptionPage& page : option_pages(cli.root())) append_entry(out, page.names, page.what);
  out += "\nFirst steps\n";
  for (const char* line : {"holdfast server", "echo hello | holdfast produce greetings",
                           "holdfast consume greetings --from start --until end", "holdfast cluster status"})
    out += fmt::format("  {}\n", line);
  return out;
}

}  // namespace

std::vector<OptionPage> option_pages(const CLI::App& app) {
  std::vector<OptionPage> pages;
  for (const CLI::Option* option : app.get_options()) {
    const bool inherited = app.get_parent() && option == app.get_help_ptr();
    if (option->get_group().empty() || inherited) continue;
    OptionPage page;
    page.what = option->get_description();
    page.required = option->get_required();
    page.argument = option->get_positional();
    page.repeated = option->get_items_expected_max() > 1;
    const bool takes_value = option->get_items_expected_max() > 0;
    if (page.argument) {
      page.names = option->get_name(true, false);
    } else {
      for (const std::string& name : option->get_snames()) page.names += "-" + name + ", ";
      for (const std::string& name : option->get_lnames()) page.names += "--" + name + ", ";
      page.names.resize(page.names.size() - 2);
      if (takes_value) page.names += " " + option->get_type_name();
    }
    if (const std::string value = option->get_default_str(); !value.empty() && takes_value)
      page.what += fmt::format(" (default {})", value);
    pages.push_back(std::move(page));
  }
  return pages;
}

std::string help_text(const Cli& cli) {
  const CLI::App& app = named(cli);
  if (const Verb* verb = verb_of(cli, app)) return verb_help(cli, *verb);
  return app.get_parent() ? family_help(cli, app.get_name()) : all_help(cli);
}

std::string complaint_text(const Cli& cli, const CLI::ParseError& error) {
  const CLI::App& app = named(cli);
  const Verb* verb = verb_of(cli, app);
  const std::string where = verb ? verb->name() : app.get_parent() ? app.get_name() : std::string();
  const std::string help = fmt::format("holdfast {}{}--help", where, where.empty() ? "" : " ");
  const std::vector<std::string> extras = cli.root().remaining(true);
  std::string what = error.what();
  if (const std::size_t at = what.find(": At Most 1 required"); at != std::string::npos)
    what = what.substr(0, at) + " takes one value: it may be given only once";
  std::string meant;
  if (!extras.empty()) {
    // The first word that has no meaning is what the person got wrong; the rest follows from it.
    const std::string& word = extras.front();
    std::vector<std::string> known;
    if (word.starts_with('-')) {
      what = fmt::format("{} has no option {}", where.empty() ? "holdfast" : "holdfast " + where, word);
      for (const CLI::App* at : {&app, &cli.root()}) {
        for (const CLI::Option* option : at->get_options()) {
          for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
        }
      }
    } else if (verb) {
      what = fmt::format("holdfast {} does not take so many arguments: '{}' is one too many", where, word);
    } else {
      what = fmt::format("'{}' is no verb{}", word, where.empty() ? "" : " of " + where);
      for (const auto& each : cli.verbs()) {
        const std::string& name = each->name();
        if (each->is_hidden()) continue;
        if (where.empty()) {
          known.push_back(name.substr(0, name.find(' ')));
        } else if (name.starts_with(where + " ")) {
          known.push_back(name.substr(where.size() + 1));
        }
      }
    }
    meant = nearest_word(word.substr(0, word.find('=')), known);
  } else if (!verb) {
    return fmt::format("holdfast: a verb is missing\n\n{}", help_text(cli));
  }
  return fmt::format("holdfast: {}{}\n  {}\n", printable(what), meant.empty() ? "" : "; did you mean " + meant + "?",
                     help);
}

std::span<const ExitPage> exit_pages() {
  static constexpr std::array<ExitPage, 8> pages{{
      {0, "it was done"},
      {1, "it was tried and failed; `cluster health`: something is wrong"},
      {2, "the command line is wrong: nothing was done"},
      {3, "no server answers, or not in time"},
      {4, "what it is about does not exist"},
      {5, "a server or a safeguard refused: a precondition, a permission, a missing confirmation"},
      {130, "interrupted by Ctrl-C"},
      {141, "nobody reads its output any more"},
  }};
  return pages;
}

}  // namespace holdfast::client
