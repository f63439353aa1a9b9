// Recovery: what a log directory holds when a node starts. After a clean stop the files are taken at their word; after
// anything else, segments are read from the recovery point, each batch checked, and the journal is replayed over them.
// A torn end is cut, and the log says what was cut; a file that ends or fails below its recovery point is damage, not a
// torn end: that log is refused and left as it is. Indexes that do not fit their segment are made anew. When it is
// done, all that it found is on the disk: what was read from above the recovery point has been written again, and
// synced. Blocks; runs before the shards serve.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "log/checkpoints.h"
#include "log/log_manager.h"
#include "log/partition_log.h"

namespace holdfast {

struct RecoveredLog {
  LogId id;
  std::string topic, log_dir, directory;
  LogConfig config;
  PartitionLog::Recovered state;
  bool is_new = false;  // nothing was written to it: its creation may have been cut short before its name was durable
  std::set<Offset> touched;                                   // segments that were written, and whose names may be new
  std::vector<Offset> snapshots;                              // of producers, ascending
  std::map<Offset, std::vector<std::uint8_t>> new_snapshots;  // of segments that were begun anew
  std::optional<Offset> first_checked;  // the first segment whose batches were read, for its indexes to be made anew
};

// What was known of a log that is damaged. It stays so until somebody mends or removes it.
struct RefusedLog {
  std::string topic;
  LogId id;
  Offset recovery_point, start, high_watermark;
};

// A partition's directory that is not wanted gets the name of one that is on its way out, durably. Which is returned.
Result<std::string> put_aside(Disk& disk, const std::string& log_dir, const std::string& directory, const Uuid& id);

class Recovery {
 public:
  Recovery(Disk& disk, std::string log_dir, bool clean, ConfigOf config_of)
      : disk_(disk), log_dir_(std::move(log_dir)), clean_(clean), config_of_(std::move(config_of)) {}

  Result<void> run();
  std::map<LogId, RecoveredLog>& logs() { return logs_; }
  const std::vector<RefusedLog>& refused() const { return refused_; }
  // Logs that were on their way to this directory.
  const std::vector<LogId>& futures() const { return futures_; }
  const std::vector<std::string>& leftovers() const { return leftovers_; }  // to be removed in the background

 private:
  Result<void> load(const std::string& name);
  Result<void> drop_future(const std::string& name);
  Result<bool> is_copy(RecoveredLog& log);
  Result<void> load_segments(RecoveredLog& log, Offset recovery_point);
  Result<void> trust(RecoveredLog& log, Segment& segment, std::uint64_t file_size, bool active);
  using Found = std::span<const std::pair<Offset, std::uint64_t>>;  // segments: base and size of the file
  Result<bool> check(RecoveredLog& log, Segment& segment, Offset recovery_point, Found later);
  Result<void> remove_segments(const RecoveredLog& log, Found segments);
  Result<std::uint64_t> settle(const std::string& path, std::uint64_t unproven, std::uint64_t end);
  Result<void> load_producers(RecoveredLog& log);
  Result<void> remove_stray_snapshots(RecoveredLog& log);
  Result<void> write_indexes(RecoveredLog& log);
  Result<void> finish();
  Result<void> keep_bounds();
  std::string path(const RecoveredLog& log, Offset base, std::string_view suffix) const;
  static void note_epoch(PartitionLog::Recovered& state, const wire::BatchHeader& header);

  // recovery_replay.cpp
  Result<void> replay_entry(int kind, const LogId& id, Offset segment_base, std::uint64_t position, ByteView bytes);
  Result<void> replay_truncation(RecoveredLog& log, Offset end);
  Result<void> replay_emptying(RecoveredLog& log, Offset start);
  void begin_segment(RecoveredLog& log, Offset base);
  Result<void> remove_indexes(const RecoveredLog& log, Offset base);
  Result<void> write_replayed(RecoveredLog& log, std::uint64_t position, ByteView bytes);

  Disk& disk_;
  std::string log_dir_;
  bool clean_;
  bool journaled_ = false;  // there is a journal: the last one to write here was no foreign server
  ConfigOf config_of_;
  OffsetCheckpoint recovery_points_, start_offsets_, high_watermarks_, identities_;
  std::map<LogId, RecoveredLog> logs_;
  std::vector<RefusedLog> refused_;
  std::vector<LogId> futures_;
  std::vector<std::string> leftovers_;
  std::uint64_t replayed_bytes_ = 0;
};

}  // namespace holdfast
