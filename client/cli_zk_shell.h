// ZkShell: zkCli's commands, with their output. Lines come from a pipe, a command each, or from a terminal. What zkCli
// writes to standard error (what was created, what failed) goes there here, too.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli_line_editor.h"
#include "client/cli_session.h"
#include "client/zookeeper.h"

namespace holdfast::client {

class Cli;
void add_zk_shell_verb(Cli& cli);
Task<Exit> run_zk_shell(Session& session, std::vector<std::string> command);

// A line as zkCli takes it apart: by blanks, but for what stands in quotes.
std::vector<std::string> split_command(std::string_view line);

class ZkShell {
 public:
  ZkShell(Session& session, std::string connect_string);

  Task<Exit> run(std::vector<std::string> command);  // none: lines from standard input
  Task<void> end();

 private:
  // A command's words: options by letter, with the values of those that take one, and the rest.
  struct Words {
    std::map<char, std::string> options;
    std::vector<std::string> rest;
    bool has(char letter) const { return options.contains(letter); }
  };
  struct Command {
    const char* name;
    const char* usage;        // after the name
    const char* letters;      // of its options; a colon behind one that takes a value
    std::size_t least, most;  // words
    Task<void> (ZkShell::*run)(Words);
  };
  static const std::vector<Command>& commands();
  static std::optional<Words> parse(const Command& command, const std::vector<std::string>& words);

  Exit exit(bool typed) const;
  Task<std::optional<std::string>> type_line();
  Task<void> complete();
  Task<void> execute(std::string line);
  Task<bool> connect(std::string servers);
  void on_event(const WatchEvent& event);
  void print(std::string_view text);
  void say(std::string_view text);       // on standard error
  void complain(std::string_view text);  // likewise; the command has failed
  void complain(const ZkFailure& failure, const std::string& path);
  void print_help();
  std::string prompt() const;
  std::optional<std::int32_t> version_of(const Words& words);
  WatcherRef watcher_if(bool wanted) { return wanted ? watcher_ : nullptr; }
  bool is_sound(const std::string& path);

  Task<void> ls(Words words);
  Task<void> get(Words words);
  Task<void> set(Words words);
  Task<void> create(Words words);
  Task<void> remove(Words words);
  Task<void> remove_all(Words words);
  Task<void> stat(Words words);
  Task<void> get_acl(Words words);
  Task<void> set_acl(Words words);
  Task<void> add_auth(Words words);
  Task<void> sync(Words words);
  Task<void> list_quota(Words words);
  Task<void> set_quota(Words words);
  Task<void> remove_quota(Words words);
  Task<void> history(Words words);
  Task<void> redo(Words words);
  Task<void> reconfig(Words words);
  Task<void> config(Words words);
  Task<void> remove_watches(Words words);
  Task<void> add_watch(Words words);
  Task<void> get_ephemerals(Words words);
  Task<void> get_all_children_number(Words words);
  Task<void> who_am_i(Words words);
  Task<void> version(Words words);
  Task<void> print_watches(Words words);
  Task<void> connect_to(Words words);
  Task<void> close(Words words);
  Task<void> quit(Words words);

  Session& session_;
  std::string servers_;
  std::unique_ptr<Random> random_;
  std::unique_ptr<ZooKeeper> zk_;  // none: not connected
  WatcherRef watcher_;
  std::vector<std::string> history_;
  LineEditor editor_;
  std::string keys_;       // typed, and not looked at
  std::size_t depth_ = 0;  // of redo
  bool print_watches_ = true;
  bool over_ = false;    // by `quit`
  bool failed_ = false;  // the last command
};

}  // namespace holdfast::client
