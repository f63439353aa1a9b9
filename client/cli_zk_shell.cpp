#include "client/cli_zk_shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/cli.h"
#include "client/cli_zk.h"
#include "client/zookeeper_path.h"
#include "runtime/random.h"

namespace holdfast::client {
namespace {

constexpr std::size_t line_bytes_max = 4 << 20;
constexpr std::size_t redo_depth_max = 10;

std::string_view state_word(SessionState state) {
  switch (state) {
    case SessionState::connected:
      return "SyncConnected";
    case SessionState::read_only:
      return "ConnectedReadOnly";
    case SessionState::expired:
      return "Expired";
    case SessionState::auth_failed:
      return "AuthFailed";
    case SessionState::closed:
      return "Closed";
    default:
      return "Disconnected";
  }
}

// Lines of standard input, however they come.
class Lines {
 public:
  explicit Lines(Session& session) : session_(session) {}
  // Nothing: the end.
  Task<std::optional<std::string>> next() {
    for (;;) {
      const std::size_t end = pending_.find('\n');
      if (end != std::string::npos) {
        std::string line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        co_return line;
      }
      std::array<std::uint8_t, 4096> buffer;
      const std::span<std::uint8_t> into(buffer);
      auto got = co_await session_.console().read(session_.shard(), into);
      if (!got || *got == 0 || pending_.size() > line_bytes_max) {
        if (pending_.empty()) co_return std::nullopt;
        co_return std::exchange(pending_, {});
      }
      pending_.append(as_text(ByteView(buffer.data(), *got)));
    }
  }

 private:
  Session& session_;
  std::string pending_;
};

}  // namespace

std::vector<std::string> split_command(std::string_view line) {
  constexpr std::string_view blanks = " \t\r\n";
  std::vector<std::string> out;
  for (std::size_t at = line.find_first_not_of(blanks); at != std::string_view::npos;) {
    const char quote = line[at];
    const std::size_t close = quote == '"' || quote == '\'' ? line.find(quote, at + 1) : std::string_view::npos;
    std::size_t end;
    if (close != std::string_view::npos) {
      out.emplace_back(line.substr(at + 1, close - at - 1));
      end = close + 1;
    } else {
      end = std::min(line.find_first_of(blanks, at), line.size());
      out.emplace_back(line.substr(at, end - at));
    }
    at = line.find_first_not_of(blanks, end);
  }
  return out;
}

ZkShell::ZkShell(Session& session, std::string connect_string)
    : session_(session),
      servers_(std::move(connect_string)),
      random_(system_random()),
      watcher_(make_watcher([this](const WatchEvent& event) { on_event(event); })) {}

void ZkShell::print(std::string_view text) { session_.out().raw(text); }

// What was printed before it comes before it.
void ZkShell::say(std::string_view text) {
  session_.out().flush();
  session_.console().write_error(fmt::format("{}\n", text));
}

void ZkShell::complain(std::string_view text) {
  failed_ = true;
  say(text);
}

// As CliWrapperException words them.
void ZkShell::complain(const ZkFailure& failure, const std::string& path) {
  switch (failure.code) {
    case ZkError::no_node:
      return complain("Node does not exist: " + path);
    case ZkError::node_exists:
      return complain("Node already exists: " + path);
    case ZkError::not_empty:
      return complain("Node not empty: " + path);
    case ZkError::no_children_for_ephemerals:
      return complain("Ephemerals cannot have children: " + path);
    case ZkError::not_read_only:
      return complain("Not a read-only call: " + path);
    case ZkError::invalid_acl:
      return complain("Acl is not valid : " + path);
    case ZkError::no_auth:
      return complain("Insufficient permission : " + path);
    case ZkError::bad_arguments:
      return complain("Arguments are not valid : " + path);
    case ZkError::bad_version:
      return complain("version No is not valid : " + path);
    case ZkError::quota_exceeded:
      return complain("Quota has exceeded : " + path);
    case ZkError::reconfig_in_progress:
      return complain("Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)");
    case ZkError::new_config_no_quorum:
      return complain(
          "No quorum of new config is connected and up-to-date with the leader of last commmitted config - try "
          "invoking reconfiguration after new servers are connected and synced");
    default: {
      const std::string_view name = wire::zk::error_name(failure.code);
      return complain(path.empty() ? fmt::format("KeeperErrorCode = {}", name)
                                   : fmt::format("KeeperErrorCode = {} for {}", name, path));
    }
  }
}

void ZkShell::on_event(const WatchEvent& event) {
  if (!print_watches_) return;
  const bool of_session = event.type == WatchType::session;
  // A doubt is nothing that zkCli has.
  if (of_session && event.state == SessionState::doubtful) return;
  print(fmt::format("\nWATCHER::\n\nWatchedEvent state:{} type:{} path:{} zxid: {}\n", state_word(event.state),
                    of_session ? "None" : to_string(event.type), of_session ? "null" : event.path, event.zxid));
  session_.out().flush();
}

std::string ZkShell::prompt() const {
  std::string_view state = "CLOSED";
  if (zk_) state = zk_->connected() ? "CONNECTED" : "CONNECTING";
  return fmt::format("[zk: {}({}) {}] ", servers_, state, history_.size());
}

Task<bool> ZkShell::connect(std::string servers) {
  auto parsed = parse_connect_string(servers);
  if (!parsed) {
    session_.fail(Exit::usage, parsed.error().message, "it is HOST:PORT,HOST:PORT/CHROOT");
    co_return false;
  }
  co_await end();
  servers_ = std::move(servers);
  ZooKeeperOptions options;
  options.servers = std::move(*parsed);
  options.read_only = true;
  options.renew_session = false;
  options.reply_bytes_max = 256 << 20;
  zk_ = std::make_unique<ZooKeeper>(session_.shard(), session_.network(), *random_, std::move(options));
  zk_->on_session(watcher_);
  auto connected = co_await zk_->connect(session_.timeout(), 1);
  if (!connected) {
    // Where `connect` led is not what an option or the environment said.
    const Target& target = session_.zookeeper();
    const bool is_target = servers_ == target.address;
    const std::string where = is_target ? fmt::format("{} ({})", servers_, target.source) : servers_;
    session_.fail(Exit::unreachable, fmt::format("ZooKeeper at {}: {}", where, connected.error().message),
                  fmt::format("start a node with `holdfast server`, or name another with {}",
                              is_target ? "--zookeeper HOST:PORT" : "connect HOST:PORT"));
  }
  co_return connected.has_value();
}

Task<void> ZkShell::end() {
  if (zk_) co_await zk_->close();
  zk_.reset();
}

Task<Exit> ZkShell::run(std::vector<std::string> command) {
  const bool at_terminal = session_.console().input_is_terminal() && session_.console().output_is_terminal();
  print_watches_ = command.empty();
  if (command.empty()) print(fmt::format("Connecting to {}\nWelcome to ZooKeeper!\n", servers_));
  const bool connected = co_await connect(servers_);
  if (!connected) {
    print_watches_ = false;
    co_return Exit::unreachable;
  }
  if (!command.empty()) {
    std::string line;
    for (const std::string& word : command) {
      const bool quoted = word.empty() || word.find_first_of(" \t") != std::string::npos;
      line += quoted ? fmt::format("\"{}\" ", word) : word + " ";
    }
    co_await execute(std::move(line));
    co_return exit(false);
  }
  Lines lines(session_);
  session_.on_interrupt([this] { session_.console().end_input(); });
  const bool typed = at_terminal && session_.console().read_keys();
  while (!over_ && !session_.out().broken() && !session_.interrupted()) {
    std::optional<std::string> line;
    if (typed) {
      line = co_await type_line();
    } else {
      line = co_await lines.next();
    }
    if (!line || session_.interrupted()) break;  // what came of a line that was cut short is none
    co_await execute(std::move(*line));
  }
  if (at_terminal) print("\n");
  session_.out().flush();
  co_return exit(session_.console().input_is_terminal());
}

// As zkCli's, of the last command; who types at a terminal has seen what failed.
Exit ZkShell::exit(bool typed) const {
  if (session_.interrupted()) return Exit::interrupted;
  if (session_.out().broken()) return session_.output_failed();
  return failed_ && !typed ? Exit::failed : Exit::ok;
}

// At a terminal. Nothing: Ctrl-D, or its end.
Task<std::optional<std::string>> ZkShell::type_line() {
  const auto size = session_.console().size();
  editor_.begin(prompt(), size ? static_cast<std::size_t>(size->columns) : 80);
  for (;;) {
    print(editor_.render());
    if (!session_.out().flush()) co_return std::nullopt;
    while (!keys_.empty()) {
      const char key = keys_.front();
      keys_.erase(0, 1);
      const LineEditor::Event event = editor_.key(key);
      if (event == LineEditor::Event::end) co_return std::nullopt;
      if (event == LineEditor::Event::line) {
        print(editor_.render() + "\n");
        co_return editor_.take();
      }
      if (event == LineEditor::Event::complete) co_await complete();
    }
    print(editor_.render());
    if (!session_.out().flush()) co_return std::nullopt;
    std::array<std::uint8_t, 1024> buffer;
    const std::span<std::uint8_t> into(buffer);
    auto got = co_await session_.console().read(session_.shard(), into);
    if (!got || *got == 0) co_return std::nullopt;
    keys_.append(as_text(ByteView(buffer.data(), *got)));
  }
}

// A command's name, or the path of a znode.
Task<void> ZkShell::complete() {
  std::vector<std::string> candidates;
  const std::string word(editor_.word());
  if (editor_.before_word().empty()) {
    for (const Command& command : commands()) candidates.push_back(command.name);
  } else if (word.starts_with('/') && zk_ && zk_->connected()) {
    const std::string parent(zk_parent(word + "x"));
    auto children = co_await zk_->children(parent);
    if (!children) co_return;
    for (const std::string& name : children->names) candidates.push_back(zk_join(parent, name));
  }
  const std::string shown = editor_.complete(candidates);
  if (!shown.empty()) print("\n" + printable(shown) + "\n");
}

std::optional<ZkShell::Words> ZkShell::parse(const Command& command, const std::vector<std::string>& words) {
  const std::string_view letters = command.letters;
  Words out;
  bool options = true;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (options && word == "--") {
      options = false;
    } else if (options && word.size() > 1 && word[0] == '-') {
      // "-add" and "-remove" are the only ones of more than a letter; they go by their first.
      const std::size_t at = letters.find(word[1]);
      if (at == std::string_view::npos || word[1] == ':') return std::nullopt;
      const bool takes_value = at + 1 < letters.size() && letters[at + 1] == ':';
      if (takes_value && ++i >= words.size()) return std::nullopt;
      out.options[word[1]] = takes_value ? words[i] : std::string();
    } else {
      out.rest.push_back(word);
    }
  }
  if (out.rest.size() < command.least || out.rest.size() > command.most) return std::nullopt;
  return out;
}

Task<void> ZkShell::execute(std::string line) {
  const std::vector<std::string> words = split_command(line);
  if (words.empty()) co_return;
  if (depth_ == 0 || words[0] != "redo") history_.push_back(line);
  if (words[0] != "quit") failed_ = false;  // which ends with what the one before it did
  const auto known = std::ranges::find_if(commands(), [&](const Command& c) { return words[0] == c.name; });
  if (known == commands().end()) {
    print_help();
    complain(fmt::format("Command not found: Command not found {}", words[0]));
    co_return;
  }
  auto parsed = parse(*known, words);
  if (!parsed) {
    complain(*known->usage ? fmt::format("{} {}", known->name, known->usage) : known->name);
    co_return;
  }
  const std::string_view name = known->name;
  const bool without = name == "connect" || name == "close" || name == "quit" || name == "history" ||
                       name == "version" || name == "printwatches" || name == "redo" || name == "help";
  if (!zk_ && !without) {
    print("Not connected\n");
  } else {
    auto task = (this->*known->run)(std::move(*parsed));
    co_await std::move(task);
  }
  session_.out().flush();
}

void ZkShell::print_help() {
  std::string text = "ZooKeeper -server host:port -client-configuration properties-file cmd args\n";
  std::vector<std::string> lines;
  for (const Command& c : commands()) lines.push_back(fmt::format("\t{} {}\n", c.name, c.usage));
  std::ranges::sort(lines);
  for (const std::string& line : lines) text += line;
  session_.out().flush();
  session_.console().write_error(text);
}

// What a path must be before it is sent, in zkCli's words.
bool ZkShell::is_sound(const std::string& path) {
  std::string wrong;
  if (path.empty()) {
    wrong = "Path length must be > 0";
  } else if (path.front() != '/') {
    wrong = "Path must start with / character";
  } else if (path.size() > 1 && path.back() == '/') {
    wrong = "Path must not end with / character";
  } else if (const std::size_t empty = path.find("//"); empty != std::string::npos) {
    wrong = fmt::format("Invalid path string \"{}\" caused by empty node name specified @{}", path, empty + 1);
  }
  if (!wrong.empty()) complain(wrong);
  return wrong.empty();
}

Task<void> ZkShell::history(Words) {
  constexpr std::size_t shown = 11;
  for (std::size_t i = history_.size() > shown ? history_.size() - shown : 0; i < history_.size(); ++i)
    print(fmt::format("{} - {}\n", i, history_[i]));
  co_return;
}

Task<void> ZkShell::redo(Words words) {
  const std::string& text = words.rest[0];
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos && text.size() < 9;
  const std::size_t index = is_number ? std::stoul(text) : history_.size();
  // Its own line is the last one.
  if (index + 1 >= history_.size() || depth_ >= redo_depth_max) {
    complain("Command index out of range");
    co_return;
  }
  history_.back() = history_[index];
  ++depth_;
  const std::string again = history_[index];
  history_.pop_back();
  co_await execute(again);
  --depth_;
}

Task<void> ZkShell::connect_to(Words words) {
  const std::string servers = words.rest.empty() ? servers_ : words.rest[0];
  const bool connected = co_await connect(servers);
  if (!connected) failed_ = true;
}

Task<void> ZkShell::close(Words) { co_await end(); }

Task<void> ZkShell::quit(Words) {
  co_await end();
  over_ = true;
}

Task<void> ZkShell::version(Words) {
  print(fmt::format("ZooKeeper CLI version: 3.9, of holdfast {}\n", HOLDFAST_VERSION));
  co_return;
}

Task<void> ZkShell::print_watches(Words words) {
  if (!words.rest.empty()) print_watches_ = words.rest[0] == "on";
  if (words.rest.empty()) print(fmt::format("printwatches is {}\n", print_watches_ ? "on" : "off"));
  co_return;
}

Task<Exit> run_zk_shell(Session& session, std::vector<std::string> command) {
  ZkShell shell(session, session.zookeeper().address);
  const Exit exit = co_await shell.run(std::move(command));
  co_await shell.end();
  co_return exit;
}

void add_zk_shell_verb(Cli& cli) {
  auto command = std::make_shared<std::vector<std::string>>();
  Verb& verb = cli.verb("zk shell", "zkCli's commands, with their output");
  verb.app().add_option("command", *command, "one command, with its options; none: lines of standard input");
  verb.app().positionals_at_end();  // what begins with a dash behind its name is the command's own
  verb.example("holdfast zk shell", "at a terminal")
      .example("holdfast zk shell ls -R /brokers", "one command")
      .example("echo 'ls -R /brokers' | holdfast zk shell", "from a pipe")
      .runs([command](Session& session) { return run_zk_shell(session, *command); });
}

}  // namespace holdfast::client
