// What the command table says of itself: help at the terminal, docs/CLI.md, the man page, and what is wrong with a
// command line that does not parse.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cli.h"

namespace holdfast::client {

// An option or argument as the table has it.
struct OptionPage {
  std::string names;  // "-p, --partitions N"; of an argument its name
  std::string what;
  bool argument = false, required = false, repeated = false;
};
std::vector<OptionPage> option_pages(const CLI::App& app);

// What --help prints: of the verb or family that the command line has named, or of all.
std::string help_text(const Cli& cli);
std::string complaint_text(const Cli& cli, const CLI::ParseError& error);

struct ExitPage {
  int code;
  std::string_view meaning;
};
std::span<const ExitPage> exit_pages();

std::string manual_markdown(const Cli& cli);  // docs/CLI.md
std::string manual_page(const Cli& cli);      // docs/holdfast.1

void add_manual_verbs(Cli& cli);  // hidden: `holdfast __manual markdown|man`

}  // namespace holdfast::client
