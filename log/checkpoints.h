// The small text files of a log directory, in Kafka's formats: offset checkpoints, meta.properties, partition.metadata,
// and the clean-shutdown marker. Each is replaced as a whole, durably. They block.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "runtime/disk.h"
#include "runtime/random.h"
#include "runtime/strong.h"

namespace holdfast {

using OffsetCheckpoint = std::map<std::pair<std::string, std::int32_t>, Offset>;  // (topic, partition) -> offset

// An absent file is an empty checkpoint.
Result<OffsetCheckpoint> read_offset_checkpoint(Disk& disk, const std::string& path);
Result<void> write_offset_checkpoint(Disk& disk, const std::string& path, const OffsetCheckpoint& checkpoint);

// Checkpoints go by name, and a name may be used again. One more of them, written after the others, says whose entries
// they hold: with as much of the topic id as an offset has room for.
Offset identity_of(const Uuid& topic_id);

struct MetaProperties {
  std::string cluster_id;
  std::int32_t node_id = -1;
  std::string directory_id;
};
Result<std::optional<MetaProperties>> read_meta_properties(Disk& disk, const std::string& path);
Result<void> write_meta_properties(Disk& disk, const std::string& path, const MetaProperties& meta);

// Of a log that was moved here from another log directory: how often it was moved until then, and whether the move was
// carried to its end. Of two copies, the one that was moved more often counts; one whose move is not complete does not.
struct MoveState {
  std::int64_t moves = 0;
  bool complete = false;
};
Result<std::optional<MoveState>> read_move_state(Disk& disk, const std::string& path);
Result<void> write_move_state(Disk& disk, const std::string& path, const MoveState& state);

Result<std::optional<Uuid>> read_partition_metadata(Disk& disk, const std::string& path);
// Its directory is the caller's to sync.
Result<void> write_partition_metadata(Disk& disk, const std::string& path, const Uuid& topic_id);

}  // namespace holdfast
