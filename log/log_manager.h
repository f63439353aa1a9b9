// LogManager: the logs of a node, over its log directories. It opens and recovers them at start, owns a journal for
// each (shard, log directory), runs retention and checkpoints, and takes a directory out of service when it fails. A
// node object: start() and stop() run on the thread that builds the node; the rest as each call says.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "log/log.h"
#include "log/log_move.h"
#include "runtime/disk.h"
#include "runtime/metrics.h"
#include "runtime/shards.h"
#include "runtime/worker.h"

namespace holdfast {

struct LogManagerOptions {
  std::vector<std::string> log_dirs;
  std::string cluster_id;  // meta.properties; empty: take what is there, or make one
  // ... or, where nothing is there, wait for adopt_cluster_id(): it is the ensemble that says of which cluster this is.
  bool defer_cluster_id = false;
  std::int32_t node_id = 1;
  std::int64_t retention_check_interval_ms = 300'000;
  std::int64_t initial_task_delay_ms = 30'000;
  std::int64_t flush_start_offset_checkpoint_interval_ms = 60'000;
  std::int64_t recovery_checkpoint_interval_ms = 60'000;
  std::int64_t high_watermark_checkpoint_interval_ms = 5'000;
  std::int64_t producer_id_expiration_ms = 86'400'000;
  std::size_t tail_bytes_max = 256ull << 20;  // memory for all tails together
  std::size_t journal_file_bytes = 64ull << 20;
  // A journal got behind its disk (true), or caught up (false). Called on the journal's shard.
  std::function<void(bool)> on_congestion;
  // A log directory is out of service, on all shards; the last one was, when `none_left`. Called once, on shard 0.
  std::function<void(const std::string& path, bool none_left)> on_directory_failed;
  // A log directory has no room for appends, on some shard, or has again on all of them. Called on shard 0.
  std::function<void(const std::string& path, bool full)> on_directory_full;
};

// Where a log lives. Pure and stable for the life of the process.
using ShardOf = std::function<Shard&(const LogId&)>;
// The configuration of a log found on disk, by topic name.
using ConfigOf = std::function<LogConfig(const std::string& topic)>;

struct LogDirDescription {
  std::string path;
  bool online = true;
  DiskSpace space;
};

class LogManager {
 public:
  LogManager(LogManagerOptions options, Disk& disk, Workers& workers, Clock& clock, Random& random, Metrics& metrics);
  ~LogManager();

  // Locks the directories, reads meta.properties, opens every log found and replays the journals. Blocks; before the
  // shards serve. An error names the directory and what to do. `config_of` may answer defaults: set_config() later. A
  // directory whose disk fails is left out, but for the first one: nothing can be done without it.
  Result<void> start(Shards& shards, ShardOf shard_of, ConfigOf config_of);
  // Flushes everything into segments, writes checkpoints and the clean-shutdown marker. Blocks; the shards still run.
  void stop();

  // What the directories say; empty when that is deferred. On the building thread before the shards serve, then on
  // shard 0.
  const std::string& cluster_id() const;
  // On shard 0. The id is written to the directories that have none, durably; one whose disk fails is taken out of
  // service. An error names a directory that belongs to another cluster, that cannot be written now, or the first one,
  // without which nothing can be done; it may be called again.
  Task<Result<void>> adopt_cluster_id(std::string id);
  bool was_clean() const;  // every directory had its clean-shutdown marker
  // As the start found them. The directory.id of each directory (of one that belongs to no cluster yet: what it will
  // be); the directories that were left out; the logs, also those that are damaged.
  const std::vector<std::string>& directory_ids() const;
  const std::vector<std::string>& left_out() const;
  const std::set<LogId>& found() const;
  std::vector<LogDirDescription> directories();  // any thread; may block on statvfs

  // The node is about to stop: writes of that shard that wait for space on a full disk fail instead. On that shard.
  void stop_waiting_for_space(Shard& shard);

  // On the log's own shard.
  Log* find(const LogId& id);
  std::vector<Log*> logs_of(Shard& shard);  // from the start on all that were found there, whosever they are
  // Makes the directory and the files, durably. In the online directory with the fewest logs, or in `log_dir`.
  Task<Result<Log*>> create(LogId id, std::string topic, LogConfig config, std::string log_dir = {});
  // Takes the log away at once, renames its directory to <name>.<uuid>-delete, and removes that after
  // file.delete.delay.ms. A journal record makes sure that a replay does not bring it back.
  Task<Result<void>> remove(LogId id);
  // To another log directory; nothing is done yet. The log is used meanwhile.
  std::unique_ptr<LogMove> move(const LogId& id, std::string log_dir);
  // Moves that the end of an earlier process interrupted, of logs of this shard: they begin anew when they are asked
  // for. Each is told once.
  std::vector<std::pair<LogId, std::string>> take_interrupted_moves(Shard& shard);

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace holdfast
