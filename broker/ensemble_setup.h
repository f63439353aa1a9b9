// EnsembleSetup: what the files say of the ensemble that this node belongs to: its members, which of them it is, and
// where it takes clients. By the rules of ZooKeeper's QuorumPeerConfig; its errors name the line. Once an ensemble has
// begun, the configuration in its log is the one that holds.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "coordination/ensemble_config.h"
#include "runtime/disk.h"

namespace holdfast {

struct EnsembleSetup {
  bool distributed = false;  // false: the node stands alone, whatever single server the files name
  EnsembleConfig config;
  ServerId self;  // 0: unknown, which only a node that stands alone may be
  Endpoint client;
};

// Members are in the settings' own files (server.N) or in dynamicConfigFile, the node's id in the file `myid` of
// dataDir, or of `data_dir` where that is not set. `notices` gets what is allowed, but probably not meant.
Result<EnsembleSetup> ensemble_setup_from(const Config& config, const std::string& data_dir, Disk& disk,
                                          std::vector<std::string>& notices);

}  // namespace holdfast
