// `holdfast zk import`: a new node out of a ZooKeeper server's data directory.
#pragma once

#include "coordination/zookeeper_import.h"

namespace CLI {
class App;
}

namespace holdfast {

class ZkImportCommand {
 public:
  explicit ZkImportCommand(CLI::App& zk);  // adds itself to the verbs of this noun
  CLI::App& app() { return *command_; }
  int run(Disk& disk, std::int64_t now_ms);  // the exit code

 private:
  CLI::App* command_;
  zk::ImportOptions options_;
};

}  // namespace holdfast
