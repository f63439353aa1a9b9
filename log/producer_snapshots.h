// The producer snapshots of a log: <offset>.snapshot in its directory, what was known of its producers up to that
// offset. One is written for each new segment, when all before it has been synced: it also proves that the log is on
// the disk up to there. So none may be left above the end of a log that was cut. All of this blocks.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "log/producer_state.h"
#include "runtime/disk.h"

namespace holdfast {

Result<std::vector<Offset>> list_producer_snapshots(Disk& disk, const std::string& directory);  // ascending

struct ProducersAt {
  Offset offset;  // everything below is in the state
  ProducerState state;
};
// The newest of these in [first, last] that can be read; of a log that begins at `first`, nothing where there is none.
ProducersAt load_producers_at(Disk& disk, const std::string& directory, std::span<const Offset> snapshots, Offset first,
                              Offset last);

Result<void> remove_producer_snapshot(Disk& disk, const std::string& directory, Offset at);

}  // namespace holdfast
