// LogShard: the logs of one shard, and what they share there: for each log directory a journal, a flushing worker and a
// reading worker; the memory bound of the tails; the clock that retention goes by. Lives on that shard.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "log/journal.h"
#include "log/log_manager.h"
#include "log/partition_log.h"
#include "log/segment_io.h"

namespace holdfast {

// The id of a topic is random already. A map does not keep the hashes of its keys: this must be quick.
struct LogIdHash {
  std::size_t operator()(const LogId& id) const noexcept {
    std::array<std::uint64_t, 2> topic;
    static_assert(sizeof topic == sizeof id.topic_id);
    std::memcpy(topic.data(), id.topic_id.data(), sizeof topic);
    const std::uint64_t h = topic[0] ^ (topic[1] + static_cast<std::uint64_t>(id.partition)) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 32);
  }
};

class LogShard {
 public:
  struct Directory {
    std::string path;
    std::unique_ptr<Worker> journal_worker, flush_worker, read_worker;
    std::shared_ptr<SegmentWriter> writer;  // flush_worker only
    std::shared_ptr<SegmentReader> reader;  // read_worker only
    std::unique_ptr<Journal> journal;
    std::atomic<bool> online = true;                 // any thread may ask
    std::vector<std::shared_ptr<FlushJob>> queued;   // of this burst: written together, then synced
    std::vector<std::shared_ptr<FlushJob>> blocked;  // for want of space, tried again every second
    Timer retry;
    bool out_of_space = false;  // segments cannot be written
    bool told_full = false;
    bool checkpointing = false;                                // its journal waits for a checkpoint
    std::size_t logs = 0, creating = 0;                        // here; that will be here
    std::vector<Function<void(const Result<void>&)>> unnamed;  // made, and waiting for the directory to be synced
    bool is_full() const { return out_of_space || journal->out_of_space(); }
  };

  LogShard(Shard& shard, Disk& disk, Workers& workers, Random& random, std::size_t tail_bytes_max,
           std::size_t journal_file_bytes, const std::vector<std::string>& log_dirs, Histogram& sync_time,
           std::function<void(bool)> on_congestion = nullptr);
  ~LogShard();

  Result<void> open_journals();  // before the shard serves

  Shard& shard() { return shard_; }
  Directory& directory(const std::string& log_dir);
  const std::vector<std::unique_ptr<Directory>>& directories() const { return directories_; }
  Journal& journal_of(const PartitionLog& log) { return *directory(log.log_dir()).journal; }

  void add(std::shared_ptr<PartitionLog> log);  // which is not there yet
  PartitionLog* find(const LogId& id);
  // It is damaged: none is to be made in its place.
  void refuse(const LogId& id, std::string directory) { refused_.insert_or_assign(id, std::move(directory)); }
  const auto& logs() const { return logs_; }

  Task<Result<Log*>> create(LogId id, std::string topic, LogConfig config, std::string log_dir);
  Task<Result<void>> remove(LogId id);
  void drop(const LogId& id) { take(id); }  // before the shard serves

  // Moves between log directories (LogMove). A future log is a copy in the making, beside the log itself.
  Task<Result<std::shared_ptr<PartitionLog>>> create_future(std::shared_ptr<PartitionLog> of, std::string log_dir,
                                                            Offset base);
  Task<void> remove_future(std::shared_ptr<PartitionLog> future);
  const auto& futures() const { return futures_; }
  // It is the log from now on. The other one is kept, and flushed at a stop, until it is retired.
  void replace(const std::shared_ptr<PartitionLog>& log, const std::shared_ptr<PartitionLog>& future);
  Task<void> retire(std::shared_ptr<PartitionLog> log);

  // A log has something for its files. Flushes run one after the other; many logs go out in one job.
  void flush(const std::shared_ptr<PartitionLog>& log);
  // Runs on the directory's reading worker; the result comes back here.
  template <class T>
  Task<Result<T>> on_reader(const std::string& log_dir, std::function<Result<T>(SegmentReader&)> work) {
    auto out = std::make_shared<std::optional<Result<T>>>();
    Directory& dir = directory(log_dir);
    auto start = [this, out, &dir, work = std::move(work)](Function<void()> resume) mutable {
      dir.read_worker->submit(
          [this, out, reader = dir.reader, work = std::move(work), resume = std::move(resume)]() mutable {
            out->emplace(work(*reader));
            shard_.post(std::move(resume));
          });
    };
    co_await shard_.until(std::move(start));
    co_return std::move(**out);
  }
  // After the flushes that were begun.
  void background(const std::string& log_dir, Function<void()> work) {
    Directory& dir = directory(log_dir);
    run_queued(dir);
    dir.flush_worker->submit(std::move(work));
  }
  void delete_later(const PartitionLog& log, Offset segment_base, std::int64_t delay_ms);

  // Everything the log has now is in its files (not necessarily synced), and nothing is in flight.
  Task<void> flush_one(std::shared_ptr<PartitionLog> log, bool waits_for_space = true);
  void tails_changed(std::size_t from, std::size_t to) { tail_bytes_ += to - from; }
  void tails_grew(const std::shared_ptr<PartitionLog>& log);
  void bound_memory();
  void apply_retention();
  void expire_producers(std::int64_t idle_max_ms);
  // Everything into its files, each at its exact length, with indexes and producer snapshots.
  Task<void> stop();
  void take_offline(Directory& dir, const Error& error);
  // Who is told, once for each directory.
  void on_offline(Function<void(const Directory&, const Error&)> told) { on_offline_ = std::move(told); }
  // Who is told when a directory has no room for appends any more, and when it has again.
  void on_full(Function<void(const Directory&, bool full)> told) { on_full_ = std::move(told); }
  // Where recovery may begin is written down now, of all logs of a directory, durably. Set by whoever owns the
  // checkpoints.
  using Checkpoint = Function<void(const std::string& log_dir, Function<void(Result<void>)> done)>;
  void set_checkpoint(Checkpoint checkpoint) { checkpoint_ = std::move(checkpoint); }
  Task<Result<void>> checkpoint_now(const std::string& log_dir);
  // A log's high watermark is another than it was when this was last asked.
  void high_watermark_moved() { high_watermarks_moved_ = true; }
  bool high_watermarks_moved() { return std::exchange(high_watermarks_moved_, false); }
  Disk& disk() { return disk_; }

 private:
  void run(Directory& dir, std::shared_ptr<FlushJob> job);
  void run_queued(Directory& dir);
  void flush_done(Directory& dir, std::shared_ptr<FlushJob> job, Result<void> result);
  std::shared_ptr<PartitionLog> take(const LogId& id);  // null: it is not there
  void checkpoint_soon(Directory& dir);
  void wait_for_space(Directory& dir, std::shared_ptr<FlushJob> job);
  void segments_fit(Directory& dir);
  void space_changed(Directory& dir);
  Task<Result<void>> name_logs(Directory& dir);
  Task<Result<void>> make_files(std::shared_ptr<PartitionLog> log, Offset base);
  Task<Result<void>> put_away(std::shared_ptr<PartitionLog> log);
  void later(std::int64_t delay_ms, std::string log_dir, Function<void()> work);

  Shard& shard_;
  Disk& disk_;
  Random& random_;
  std::size_t tail_bytes_max_, tail_bytes_ = 0;
  std::vector<std::unique_ptr<Directory>> directories_;
  std::unordered_map<LogId, std::shared_ptr<PartitionLog>, LogIdHash> logs_;
  // Since the start. The journals still have their records: a log that is made anew under such an id begins with the
  // journal's word that it is empty, or a replay would put the old records in front of its own.
  std::unordered_set<LogId, LogIdHash> removed_;
  std::unordered_map<LogId, std::string, LogIdHash> refused_;  // with their directories
  std::unordered_map<LogId, std::shared_ptr<PartitionLog>, LogIdHash> futures_;
  std::vector<std::shared_ptr<PartitionLog>> replaced_;                       // their files are still there
  std::deque<std::pair<std::weak_ptr<PartitionLog>, std::uint64_t>> recent_;  // flushed up to there, oldest first
  std::unordered_map<std::uint64_t, std::shared_ptr<Timer>> later_;
  std::uint64_t next_later_ = 0;
  bool stopping_ = false, high_watermarks_moved_ = false;
  Checkpoint checkpoint_;
  Function<void(const Directory&, const Error&)> on_offline_;
  Function<void(const Directory&, bool)> on_full_;
};

}  // namespace holdfast
