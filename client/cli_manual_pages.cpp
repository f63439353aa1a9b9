// docs/CLI.md and the man page, from the command table.
#include <fmt/format.h>

#include "client/cli_manual.h"

namespace holdfast::client {
namespace {

constexpr std::string_view where_the_cluster_is =
    "The cluster is named by, in this order: an option, an environment variable (`HOLDFAST_BOOTSTRAP_SERVER`, "
    "`HOLDFAST_ZOOKEEPER`), a profile (`--profile`, `HOLDFAST_PROFILE`, or the one chosen with `holdfast profile "
    "use`), and otherwise it is the node on this machine: 127.0.0.1:9092 and 127.0.0.1:2181.";
constexpr std::string_view what_is_printed =
    "`--output json` and `yaml` print the same fields with the same names and types from release to release; new ones "
    "may be added. Sizes are bytes, times are milliseconds or RFC 3339 in UTC. `text` is for people and may change. "
    "Answers go to standard output; progress, questions and errors to standard error. Colours appear on terminals "
    "only.";
constexpr std::string_view before_data_goes =
    "Verbs that destroy something say what would go and ask for its name to be typed; `zk delete` does where it is "
    "recursive, `zk shell` never does. Without a terminal they refuse, "
    "unless `--yes` is given. `--dry-run` shows what would be done and does nothing; a verb that does not know it "
    "refuses "
    "it, and does nothing either.";

struct Section {
  std::string title;
  std::vector<const Verb*> verbs;
};

std::vector<Section> sections(const Cli& cli) {
  std::vector<Section> out{{"Verbs", {}}};
  for (const Cli::Family& family : cli.families()) out.push_back({family.name + ": " + family.description, {}});
  for (const auto& verb : cli.verbs()) {
    if (verb->is_hidden()) continue;
    std::size_t at = 0;
    for (std::size_t i = 0; i < cli.families().size(); ++i) {
      if (verb->name().starts_with(cli.families()[i].name + " ")) at = i + 1;
    }
    out[at].verbs.push_back(verb.get());
  }
  std::erase_if(out, [](const Section& section) { return section.verbs.empty(); });
  return out;
}

std::string arguments_of(const Verb& verb) {
  std::string out;
  for (const OptionPage& page : option_pages(verb.app())) {
    if (!page.argument) continue;
    const std::string name = page.names + (page.repeated ? "..." : "");
    out += page.required ? " " + name : " [" + name + "]";
  }
  return out;
}

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

void append_table(std::string& out, const CLI::App& app) {
  const auto pages = option_pages(app);
  if (pages.empty()) return;
  out += "\n| | |\n|--|--|\n";
  for (const OptionPage& page : pages) out += fmt::format("| `{}` | {} |\n", cell(page.names), cell(page.what));
}

// Text of a man page: no line begins with a dot or quote, a backslash and a dash are escaped.
std::string troff(std::string_view text) {
  std::string out;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '`') {
      continue;
    } else {
      out += c;
    }
    at_start = c == '\n';
  }
  return out;
}

void append_options(std::string& out, const CLI::App& app) {
  for (const OptionPage& page : option_pages(app))
    out += fmt::format(".TP\n.B {}\n{}\n", troff(page.names), troff(page.what));
}

Task<Exit> print_manual(Session& session, const Cli& cli, std::string kind) {
  session.out().raw(kind == "man" ? manual_page(cli) : manual_markdown(cli));
  co_return Exit::ok;
}

}  // namespace

std::string manual_markdown(const Cli& cli) {
  std::string out = "# The command line\n\nGenerated from the command table; a test keeps it current.\n";
  out += fmt::format("\n{}\n\n{}\n\n{}\n", where_the_cluster_is, what_is_printed, before_data_goes);
  out += "\n## Options of every verb\n";
  append_table(out, cli.root());
  out += "\n## Exit codes\n\n| code | |\n|--:|--|\n";
  for (const ExitPage& page : exit_pages()) out += fmt::format("| {} | {} |\n", page.code, page.meaning);
  for (const Section& section : sections(cli)) {
    out += fmt::format("\n## {}\n", section.title);
    for (const Verb* verb : section.verbs) {
      out +=
          fmt::format("\n### holdfast {}{}\n\n{}.\n", verb->name(), arguments_of(*verb), verb->app().get_description());
      if (!verb->more().empty()) out += fmt::format("\n{}\n", verb->more());
      append_table(out, verb->app());
      if (verb->examples().empty()) continue;
      out += "\n";
      for (const Verb::Example& example : verb->examples()) {
        const std::string space(example.what.empty() || example.command.size() >= 56 ? 0 : 56 - example.command.size(),
                                ' ');
        out += fmt::format("    {}{}{}\n", example.command, space, example.what.empty() ? "" : "    # " + example.what);
      }
    }
  }
  return out;
}

std::string manual_page(const Cli& cli) {
  std::string out = ".\\\" Generated from the command table; a test keeps it current.\n";
  out += fmt::format(".TH HOLDFAST 1 \"\" \"holdfast {}\" \"User Commands\"\n", HOLDFAST_VERSION);
  out += ".SH NAME\nholdfast \\- a log broker that speaks Kafka and ZooKeeper, and the command for both\n";
  out +=
      ".SH SYNOPSIS\n.B holdfast\n.I VERB\n[ARGUMENTS] [OPTIONS]\n.br\n.B holdfast\n.I NOUN VERB\n[ARGUMENTS] "
      "[OPTIONS]\n";
  out += ".SH DESCRIPTION\n";
  for (const std::string_view text : {where_the_cluster_is, what_is_printed, before_data_goes})
    out += troff(text) + "\n.PP\n";
  out += ".SH OPTIONS OF EVERY VERB\n";
  append_options(out, cli.root());
  for (const Section& section : sections(cli)) {
    std::string title = section.title;
    for (char& c : title) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    out += fmt::format(".SH \"{}\"\n", troff(title));
    for (const Verb* verb : section.verbs) {
      out += fmt::format(".SS \"holdfast {}{}\"\n{}.\n", troff(verb->name()), troff(arguments_of(*verb)),
                         troff(verb->app().get_description()));
      if (!verb->more().empty()) out += fmt::format(".PP\n{}\n", troff(verb->more()));
      append_options(out, verb->app());
      if (verb->examples().empty()) continue;
      out += ".PP\n.nf\n";
      for (const Verb::Example& example : verb->examples()) {
        if (!example.what.empty()) out += fmt::format("# {}\n", troff(example.what));
        out += troff(example.command) + "\n";
      }
      out += ".fi\n";
    }
  }
  out += ".SH EXIT STATUS\n";
  for (const ExitPage& page : exit_pages()) out += fmt::format(".TP\n.B {}\n{}\n", page.code, troff(page.meaning));
  return out;
}

void add_manual_verbs(Cli& cli) {
  auto kind = std::make_shared<std::string>("markdown");
  cli.verb("__manual", "docs/CLI.md and docs/holdfast.1")
      .hidden()
      .choice("KIND", *kind, {"markdown", "man"}, "which")
      .runs([kind, &cli](Session& session) { return print_manual(session, cli, *kind); });
}

}  // namespace holdfast::client
