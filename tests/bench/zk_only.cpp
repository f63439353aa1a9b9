// Coordination and nothing else, with everything allowed: for the differential tests and the measurements against
// ZooKeeper. Not part of the build; by hand, from the root:
//
//   clang++-19 -std=c++23 -O2 -march=x86-64-v2 -I. tests/bench/zk_only.cpp -o zk_only BUILD/libcoordination.a
//   BUILD/liblog.a \
//     BUILD/libwire.a BUILD/libruntime.a -lfmt -lspdlog -lcrypto -lz -llz4 -lzstd -lsnappy -lboost_json -lpthread
//   ./zk_only DIRECTORY PORT
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <future>

#include "coordination/ensemble.h"
#include "log/log_manager.h"
#include "runtime/log_line.h"
#include "runtime/signals.h"

namespace {

using namespace holdfast;

int give_up(const std::string& what) {
  fmt::print(stderr, "zk_only: {}\n", what);
  std::fflush(nullptr);
  std::_Exit(1);
}

Task<void> start(Ensemble& ensemble, std::promise<Result<void>>& done) {
  auto started = co_await ensemble.start();
  done.set_value(std::move(started));
}

Task<void> stop(Ensemble& ensemble, std::promise<void>& done) {
  co_await ensemble.stop();
  done.set_value();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return give_up("zk_only DIRECTORY PORT");
  block_stop_signals();
  const std::string directory = argv[1];
  if (auto made = system_disk().create_directories(directory); !made) return give_up(made.error().message);
  Metrics metrics;
  const auto random = system_random();
  Shards shards(1);
  LogManagerOptions log_options;
  log_options.log_dirs = {directory};
  LogManager logs(log_options, system_disk(), system_workers(), system_clock(), *random, metrics);
  const auto opened = logs.start(
      shards, [&](const LogId&) -> Shard& { return shards.at(0); }, [](const std::string&) { return LogConfig{}; });
  if (!opened) return give_up(opened.error().message);

  EnsembleOptions options;
  options.client = {"127.0.0.1", static_cast<std::uint16_t>(std::atoi(argv[2]))};
  options.data_dir = directory + "/coordination";
  options.max_client_connections = 0;
  options.four_letter_words = {"*"};
  options.extended_types = true;
  options.container_check_ms = 1000;
  Ensemble ensemble(options, shards.at(0), logs, system_network(), system_disk(), system_workers(), system_clock(),
                    *random, metrics);
  if (const auto bound = ensemble.listen(); !bound) return give_up(bound.error().message);
  shards.start();
  Gate gate;
  std::promise<Result<void>> started;
  shards.at(0).post([&] { shards.at(0).spawn(gate, start(ensemble, started)); });
  if (const auto up = started.get_future().get(); !up) return give_up(up.error().message);
  fmt::print("ready {}\n", to_string(ensemble.local()));
  std::fflush(stdout);
  wait_for_stop_signal();
  std::promise<void> stopped;
  shards.at(0).post([&] { shards.at(0).spawn(gate, stop(ensemble, stopped)); });
  stopped.get_future().get();
  logs.stop();
  shards.stop();
  return 0;
}
