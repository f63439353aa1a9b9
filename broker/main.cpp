// The holdfast command: server, log dump, zk import, version.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "broker/log_dump_command.h"
#include "broker/node.h"
#include "broker/zk_import_command.h"
#include "config/load.h"
#include "runtime/clock.h"
#include "runtime/disk.h"
#include "runtime/log_line.h"
#include "runtime/signals.h"

namespace {

constexpr int failed = 1;

struct ServerArguments {
  std::vector<std::string> files, sets;
  std::string data, log_level = "info";
};

int complain(const std::string& what) {
  fmt::print(stderr, "holdfast: {}\n", what);
  return failed;
}

int run_server(const ServerArguments& arguments) {
  using namespace holdfast;
  LogLevel level{};
  if (!parse_log_level(arguments.log_level, level))
    return complain("--log-level is one of trace, debug, info, warn, error, off");
  set_log_level(level);
  block_stop_signals();
  ConfigSources sources{arguments.files, arguments.sets};
  if (!arguments.data.empty()) sources.sets.push_back("log.dirs=" + arguments.data);
  std::vector<std::string> notices;
  auto config = load_config(system_disk(), sources, notices);
  for (const std::string& notice : notices) log_line(LogLevel::info, "config", "{}", notice);
  if (!config) return complain(config.error().message);
  Node node(std::move(*config), system_world());
  auto started = node.start();
  if (!started) {
    // Rooms may be half built: nothing was served, and nothing has to be saved.
    const int status = complain(started.error().message);
    std::fflush(nullptr);
    _exit(status);
  }
  fmt::print("{}", node.greeting());
  std::fflush(stdout);
  wait_for_stop_signal();
  node.stop();
  return node.has_failed() ? failed : 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Holdfast: a log broker that speaks Kafka and ZooKeeper"};
  app.require_subcommand(1);
  ServerArguments server;
  CLI::App* serve = app.add_subcommand("server", "run a node");
  serve->add_option("--config", server.files, "properties file (may be repeated; the later one has the last word)");
  serve->add_option("--data", server.data, "data directory (log.dirs); default ./holdfast-data");
  serve->add_option("--set", server.sets, "key=value, over every file (may be repeated)");
  serve->add_option("--log-level", server.log_level, "trace, debug, info, warn, error, off");
  holdfast::LogDumpCommand log_dump(app);
  holdfast::ZkImportCommand zk_import(app);
  CLI::App* version = app.add_subcommand("version", "print the version");
  CLI11_PARSE(app, argc, argv);
  if (version->parsed()) {
    fmt::print("holdfast {}\n", HOLDFAST_VERSION);
    return 0;
  }
  if (log_dump.chosen()) return log_dump.run(holdfast::system_disk());
  if (zk_import.chosen()) return zk_import.run(holdfast::system_disk(), holdfast::system_clock().wall_ms());
  return run_server(server);
}
