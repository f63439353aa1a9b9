// Makes the first snapshot of a new node out of a ZooKeeper server's data directory: znodes with their zxids, stats,
// ACLs and sequence counters. Sessions stay behind, and so do their ephemerals: they end with one transaction after the
// last. The configuration of the former ensemble (/zookeeper/config) is emptied, for it is not this one's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/disk.h"
#include "runtime/result.h"
#include "runtime/strong.h"

namespace holdfast::zk {

struct ImportOptions {
  std::string from, from_logs;  // dataDir and dataLogDir of the former server; logs empty: the same
  std::string to;               // the node's data directory, which must not hold a coordination log yet
  bool extended_types = false;  // extendedTypesEnabled, on both sides
  std::int64_t now_ms = 0;
};

struct ImportReport {
  std::string snapshot;  // that was read; empty: logs only
  std::string written;   // that was made
  Zxid zxid{0};
  std::uint64_t transactions = 0, nodes = 0, ephemerals = 0, sessions = 0;  // the last two were left behind
  std::vector<std::string> notes;
};

Result<ImportReport> import_zookeeper(Disk& disk, const ImportOptions& options);

}  // namespace holdfast::zk
