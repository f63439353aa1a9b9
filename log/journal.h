// Journal: what makes many small appends durable at the price of one. Each shard has one per log directory. A round
// takes what its logs have appended since the last one, writes it in one piece, syncs once, and tells the logs: first
// "written", after the sync "durable". While a round is in flight the next one gathers; no timer forms rounds. A round
// in which nobody waits for durable is not synced; if some of it is to be durable soon, the next synced round covers
// it, or one of its own a few milliseconds later.
//
//   shard:   note(log) ... [end of the burst] gather -> worker: frame, write, sync -> shard: tell the logs, next round
//
// A small round is framed on the shard, and the worker is asked for one durable write, which may need no thread.
//
// Files are preallocated and recycled, so that a sync has no metadata to write; docs/log_format.md has the format. A
// file is recycled when the segments hold, synced, all that it carried, and a checkpoint says so; when too many wait
// for that, the logs that hold the oldest one are asked to flush. Lives on one shard; a round is written on the
// directory's worker.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "log/log.h"
#include "runtime/disk.h"
#include "runtime/metrics.h"
#include "runtime/shards.h"
#include "runtime/worker.h"

namespace holdfast {

class PartitionLog;

enum class JournalKind : std::uint8_t { append = 1, truncate = 2, start = 3, empty = 4, gap = 5 };
// One log's part of a round: bytes for a place in a segment, or a change that a replay must repeat.
struct JournalEntry {
  using Kind = JournalKind;
  Kind kind = Kind::append;
  LogId log;
  // append: the segment. truncate: the new end offset. start: the new log start offset. empty: where the log, which has
  // lost everything, begins and ends. gap: the segment that comes next
  Offset segment_base;
  std::uint64_t position = 0;  // append: where in the segment's file. gap: the log's end before it, an offset
  BufferChain bytes;
};

class JournalWriter;  // the files; belongs to the round in flight

struct JournalOptions {
  std::string directory;  // a log directory
  int shard = 0;
  std::size_t file_bytes = 64 << 20;
  std::size_t files_waiting_max = 2;  // full files that are not yet recyclable, before logs are asked to flush
  // More has been appended than the disk keeps up with (true), or no longer (false): producers should not be read from.
  std::function<void(bool)> on_congestion = nullptr;
  // Full files wait for nothing but a checkpoint.
  std::function<void()> on_checkpoint_wanted = nullptr;
  std::function<void()> on_space = nullptr;  // out_of_space() is another than it was
};

class Journal {
 public:
  Journal(JournalOptions options, Shard& shard, Disk& disk, Worker& worker, Worker& background, Histogram& sync_time,
          Function<void(const Error&)> on_failure);
  ~Journal();

  // Begins a generation; the files of earlier ones have been replayed and removed.
  Result<void> open();
  // Has something to write in the next round. `need` is what its owner waits for.
  void note(const std::shared_ptr<PartitionLog>& log, Need need);
  void need(Need more) { need_ = std::max(need_, more); }
  // An entry of its own, durable when `done` is called.
  void record(JournalEntry entry, Function<void(Result<void>)> done);
  // The log's segments hold, synced, everything below `address`.
  void released(const PartitionLog* log, std::uint64_t address);
  // A start of a log (DeleteRecords) stands here until a checkpoint has it, and so does what the segments have synced:
  // of what is below a log's recovery point a start knows that it must be there, and what is above it is here, whatever
  // the disk makes of the segment. To be called on this shard when the logs' starts and recovery points, as they are
  // now, are in a checkpoint on the disk.
  Function<void()> kept();
  void forget(const PartitionLog* log);  // removed: nothing is held for it any more
  // Bytes that were noted as pending are on the disk otherwise: straight in their segment.
  void went_past(std::size_t bytes);

  void note_pending(std::size_t bytes) {
    pending_bytes_ += bytes;
    if (pending_bytes_ > congestion_bytes) congest(true);
  }
  bool idle() const { return !in_flight_ && dirty_.empty() && records_.empty(); }
  void when_idle(Function<void()> done);
  // The node stops: a disk that is full is waited for no longer, it has failed.
  void stop_waiting_for_space();
  bool out_of_space() const { return out_of_space_; }
  // What has been written so far, records too, is in files of at most this generation ...
  std::uint64_t generation() const { return files_.back().generation; }
  // ... and a replay begins at this one.
  std::uint64_t oldest_generation() const { return files_.front().generation; }
  bool failed() const { return failed_; }
  std::uint64_t rounds() const { return rounds_; }

 private:
  struct Round;
  struct FileUse {
    std::uint64_t generation = 0;
    std::unordered_map<const PartitionLog*, std::pair<std::weak_ptr<PartitionLog>, std::uint64_t>> held;
    std::uint64_t last_start = 0;  // of those that stand in it, by number
  };
  static constexpr std::size_t congestion_bytes = 64 << 20;

  void congest(bool now);
  void set_out_of_space(bool now);
  void ask_for_spare();
  void schedule();
  void start_round();
  void wake_idle();
  void submit(std::shared_ptr<Round> round);
  void write_here(std::shared_ptr<Round> round);
  std::string spare_path() const;
  void written(Round& round);
  void finished(std::shared_ptr<Round> round, Result<void> result);
  void recycle();
  void fail(const Error& error);

  JournalOptions options_;
  Shard& shard_;
  Disk& disk_;
  Worker& worker_;
  Worker& background_;  // may be busy for long: preallocates files
  Histogram& sync_time_;
  Function<void(const Error&)> on_failure_;
  std::shared_ptr<JournalWriter> writer_;

  std::vector<std::shared_ptr<PartitionLog>> dirty_;
  std::vector<std::pair<JournalEntry, Function<void(Result<void>)>>> records_;
  Need need_ = Need::nothing;  // the most that anybody in dirty_ waits for
  bool scheduled_ = false, in_flight_ = false, failed_ = false, out_of_space_ = false, space_is_awaited_ = true;
  std::shared_ptr<Round> blocked_;  // for want of space
  std::deque<FileUse> files_;       // oldest first; the last one is being written
  std::size_t pending_bytes_ = 0;
  bool congested_ = false;
  std::vector<Function<void()>> idle_waiters_;
  Timer retry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::uint64_t bytes_written_ = 0;
  bool spare_asked_ = false;
  std::unique_ptr<File> spare_;            // for the writer, when no round has it
  std::vector<std::uint64_t> recyclable_;  // likewise: generations
  std::uint64_t rounds_ = 0;
  std::uint64_t starts_ = 0, starts_kept_ = 0;  // logs' starts that were written; that a checkpoint has too
  std::uint64_t released_kept_ = 0;             // what older generations carried is below recovery points on the disk
};

// Reads what a directory's journals hold, in the order it was written, all shards' files together. Stops in each at the
// first frame that is torn, stale or out of sequence. Blocks.
Result<void> replay_journals(
    Disk& disk, const std::string& directory,
    const std::function<Result<void>(JournalEntry::Kind kind, const LogId& log, Offset segment_base,
                                     std::uint64_t position, ByteView bytes)>& apply);
// Removes the journals of a directory: everything they held is in the segments, synced.
Result<void> remove_journals(Disk& disk, const std::string& directory);

}  // namespace holdfast
