// The workers' halves: SegmentWriter on a directory's flushing worker, SegmentReader on its reading worker. Both keep
// the files they use open, up to a bound. They block.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "log/log.h"
#include "log/segment.h"
#include "runtime/disk.h"

namespace holdfast {

// Open files by path, the least recently used closed first.
class FileCache {
 public:
  FileCache(Disk& disk, OpenOptions options, std::size_t files_max) : disk_(disk), options_(options), max_(files_max) {}
  Result<File*> open(const std::string& path);
  void close(const std::string& path);
  void close_under(const std::string& prefix);

 private:
  struct Entry {
    std::string path;
    std::unique_ptr<File> file;
  };
  Disk& disk_;
  OpenOptions options_;
  std::size_t max_;
  std::list<Entry> used_;  // most recent first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_path_;
};

class PartitionLog;

// What a log has for its files, put together on its shard.
struct FlushJob {
  std::shared_ptr<PartitionLog> log;
  std::string directory;
  struct Write {
    Offset base;
    std::uint64_t position = 0;  // aligned, as the pieces are
    BufferChain pieces;
  };
  struct Close {  // a segment that gets no more: exact length, synced, with its indexes
    Offset base;
    std::uint64_t size = 0;
    std::vector<std::uint8_t> offsets, times, aborted;
    bool last = false;  // at a clean stop: a start reads it where its indexes are missing, so these are not synced
  };
  std::vector<Write> writes;
  std::vector<Offset> sync;
  std::vector<Close> close;
  std::vector<std::pair<Offset, std::vector<std::uint8_t>>> producers;  // snapshots, each up to its offset
  std::optional<std::string> epochs;                                    // the leader-epoch checkpoint
  std::uint64_t address = 0;                                            // flushed up to here
  Offset offset;                                                        // the log's end when the job was made
  bool synced = false;  // and everything below is synced when it is done
};

class SegmentWriter {
 public:
  explicit SegmentWriter(Disk& disk)
      : disk_(disk), files_(disk, {.write = true, .create = true, .direct = true}, files_open_max) {}
  // Everything is written first and synced then: on a journaling file system the first sync commits what the others
  // have changed too (on ext4, 1000 logs synced one by one were 1000 commits of some milliseconds each).
  std::vector<Result<void>> run(const std::vector<std::shared_ptr<FlushJob>>& jobs);
  void close(const std::string& directory, Offset base);
  void close_directory(const std::string& directory);

 private:
  static constexpr std::size_t files_open_max = 1024;
  Result<File*> open(const std::string& directory, Offset base);
  Result<void> write(FlushJob& job);
  Result<void> sync(FlushJob& job);
  Disk& disk_;
  FileCache files_;
  std::unordered_set<std::string> new_names_;  // directories with files whose names may not be durable yet
};

// A segment as a reader needs it: how much of its file may be read, and what its indexes say if they are in memory.
struct SegmentView {
  std::string directory;
  Offset base;
  std::uint64_t limit = 0;
  bool closed = false;              // its indexes are in files
  std::uint64_t position_hint = 0;  // else: a position at or before the batch wanted
};

class SegmentReader {
 public:
  explicit SegmentReader(Disk& disk) : disk_(disk), files_(disk, {}, files_open_max) {}
  // Nothing: the segment has no batch from there on, the next one may. Empty data: it has, and none may be returned.
  Result<std::optional<LogData>> read(SegmentView segment, const LogRead& request);
  // The first record with timestamp >= the target, from the position hint on.
  Result<std::optional<TimestampedOffset>> find_timestamp(SegmentView segment, std::int64_t timestamp, Offset start,
                                                          Offset end);
  // The record with the largest timestamp of the batch that ends at `last`.
  Result<std::optional<TimestampedOffset>> largest_in_batch(SegmentView segment, Offset last, Offset end);
  void close(const std::string& directory, Offset base);
  void close_directory(const std::string& directory);

 private:
  static constexpr std::size_t files_open_max = 512, indexes_max = 256;
  Result<std::uint64_t> start_position(const SegmentView& segment, Offset from);
  Result<std::optional<std::pair<wire::BatchHeader, std::uint64_t>>> find_batch(File& file, const SegmentView& segment,
                                                                                Offset from);
  Disk& disk_;
  FileCache files_;
  std::unordered_map<std::string, OffsetIndex> indexes_;
};

}  // namespace holdfast
