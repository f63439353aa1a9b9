#include "broker/zk_import_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "client/cli_session.h"

namespace holdfast {

ZkImportCommand::ZkImportCommand(CLI::App& zk) {
  CLI::App* import = zk.add_subcommand("import", "make a new node out of a ZooKeeper server's data directory");
  options_.to = "./holdfast-data";
  import->add_option("FROM", options_.from, "the server's dataDir (it must be stopped)")->required();
  import->add_option("--log-dir", options_.from_logs, "its dataLogDir, if it has one");
  import->add_option("--data", options_.to, "the new node's data directory")->capture_default_str();
  import->add_flag("--extended-types", options_.extended_types,
                   "extendedTypesEnabled: there are TTL nodes; the node needs the setting, too");
  command_ = import;
}

int ZkImportCommand::run(Disk& disk, std::int64_t now_ms) {
  options_.now_ms = now_ms;
  const auto report = zk::import_zookeeper(disk, options_);
  if (!report) {
    fmt::print(stderr, "holdfast: {}\n", report.error().message);
    return static_cast<int>(report.error().kind == ErrorKind::not_found ? client::Exit::not_found
                                                                        : client::Exit::failed);
  }
  for (const std::string& note : report->notes) fmt::print(stderr, "{}\n", note);
  fmt::print("{} znodes at zxid 0x{:x} ({}; transactions after it: {}) are in {}\n", report->nodes, report->zxid.value,
             report->snapshot.empty() ? "the logs" : report->snapshot, report->transactions, report->written);
  if (report->ephemerals > 0 || report->sessions > 0)
    fmt::print("{} sessions were left behind, and their {} ephemeral znodes\n", report->sessions, report->ephemerals);
  fmt::print("start it: holdfast server --data {}{}\n", options_.to,
             options_.extended_types ? " --set extendedTypesEnabled=true" : "");
  return 0;
}

}  // namespace holdfast
