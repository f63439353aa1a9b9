// The holdfast command: the server, and the verbs of client/cli.h.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "broker/log_dump_command.h"
#include "broker/node.h"
#include "broker/zk_import_command.h"
#include "client/cli.h"
#include "client/cli_families.h"
#include "config/load.h"
#include "runtime/clock.h"
#include "runtime/console.h"
#include "runtime/disk.h"
#include "runtime/log_line.h"
#include "runtime/signals.h"

namespace {

using holdfast::client::Exit;

struct ServerArguments {
  std::vector<std::string> files, sets;
  std::string data, log_level = "info";
};

int complain(const std::string& what, Exit exit) {
  fmt::print(stderr, "holdfast: {}\n", what);
  return static_cast<int>(exit);
}

// What is wrong on the command line itself begins with its name.
Exit exit_of(const holdfast::Error& config) {
  if (config.kind == holdfast::ErrorKind::not_found) return Exit::not_found;
  return config.message.starts_with("--set") ? Exit::usage : Exit::failed;
}

int run_server(const ServerArguments& arguments) {
  using namespace holdfast;
  LogLevel level{};
  if (!parse_log_level(arguments.log_level, level))
    return complain("--log-level is one of trace, debug, info, warn, error, off", Exit::usage);
  set_log_level(level);
  block_stop_signals();
  ConfigSources sources{arguments.files, arguments.sets};
  if (!arguments.data.empty()) sources.sets.push_back("log.dirs=" + arguments.data);
  std::vector<Notice> notices;
  auto config = load_config(system_disk(), sources, notices);
  for (const Notice& notice : notices)
    log_line(notice.warning ? LogLevel::warn : LogLevel::info, "config", "{}", notice.text);
  if (!config) return complain(config.error().message, exit_of(config.error()));
  Node node(std::move(*config), system_world());
  auto started = node.start();
  if (!started) {
    // Rooms may be half built: nothing was served, and nothing has to be saved.
    const int status = complain(started.error().message, Exit::failed);
    std::fflush(nullptr);
    _exit(status);
  }
  fmt::print("{}", node.greeting());
  std::fflush(stdout);
  wait_for_stop_signal();
  node.stop();
  return static_cast<int>(node.has_failed() ? Exit::failed : Exit::ok);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace holdfast;
  open_standard_streams();
  Console console;
  client::Cli cli(system_world(), console);

  ServerArguments server;
  cli.verb("server", "run a node")
      .option("--config", server.files, "properties file (may be repeated; the later one has the last word)", "FILE")
      .option("--data", server.data, "data directory (log.dirs); default ./holdfast-data", "DIRECTORY")
      .option("--set", server.sets, "key=value, over every file (may be repeated)", "KEY=VALUE")
      .option("--log-level", server.log_level, "trace, debug, info, warn, error, off", "LEVEL")
      .example("holdfast server", "one node on loopback, its data in ./holdfast-data")
      .example("holdfast server --config /etc/holdfast/server.properties")
      .runs_plainly([&server] { return run_server(server); });
  client::add_client_verbs(cli);
  LogDumpCommand log_dump(cli.family("log", "the files of a log directory"));
  cli.adopt("log dump", log_dump.app()).runs_plainly([&log_dump] { return log_dump.run(system_disk()); });
  ZkImportCommand zk_import(cli.family("zk", "znodes"));
  cli.adopt("zk import", zk_import.app()).runs_plainly([&zk_import] {
    return zk_import.run(system_disk(), system_clock().wall_ms());
  });
  return cli.run(argc, argv);
}
