// PartitionLog: the Log of log.h. It keeps the books of one log: segments, tail, what was taken by the journal, what
// the segment files hold; it leaves the waiting to Journal, LogFlusher and LogReader. Lives on one shard.
//
// Four marks, as virtual addresses (see tail.h): synced <= flushed <= end, taken <= end. What lies between synced and
// end is in the journal or on its way there.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/log.h"
#include "log/segment.h"
#include "log/segment_io.h"
#include "log/tail.h"
#include "runtime/function.h"

namespace holdfast {

class LogShard;
struct JournalEntry;
enum class JournalKind : std::uint8_t;

class PartitionLog final : public Log, public std::enable_shared_from_this<PartitionLog> {
 public:
  // What the journal took in a round.
  struct Taken {
    Offset end;
    std::uint64_t address = 0;
    std::size_t bytes = 0;
  };

  PartitionLog(LogShard& home, LogId id, std::string topic, std::string log_dir, LogConfig config);
  ~PartitionLog() override;

  // Log
  const LogId& id() const override { return id_; }
  const std::string& topic() const override { return topic_; }
  const std::string& directory() const override { return directory_; }
  const std::string& log_dir() const override { return log_dir_; }
  Offset start_offset() const override { return start_offset_; }
  Offset durable_start() const override { return durable_start_; }
  Offset end_offset() const override { return end_offset_; }
  Offset written_end() const override { return written_end_; }
  Offset durable_end() const override { return durable_end_; }
  std::uint64_t size_bytes() const override;
  bool has_room() const override;
  bool is_failed() const override { return failed_; }
  std::int64_t last_append_ms() const override { return last_append_ms_; }
  Result<void> append(ByteView batch, const wire::BatchHeader& header, Need need) override;
  std::optional<Result<LogData>> try_read(const LogRead& request) override;
  Task<Result<LogData>> read(LogRead request) override;
  Task<Result<std::optional<TimestampedOffset>>> offset_for_timestamp(std::int64_t timestamp, Offset end) override;
  Task<Result<std::optional<TimestampedOffset>>> max_timestamp(Offset end) override;
  Task<Result<std::vector<Aborted>>> aborted_transactions(Offset from, Offset end) override;
  const LeaderEpochs& leader_epochs() const override { return epochs_; }
  void assign_epoch(LeaderEpoch epoch, Offset start) override;
  ProducerState& producers() override { return producers_; }
  void set_high_watermark(Offset hw) override;
  Offset checkpointed_high_watermark() const override { return checkpointed_high_watermark_; }
  Task<Result<void>> advance_start(Offset to) override;
  Task<Result<void>> truncate_to(Offset end) override;
  Task<Result<void>> truncate_fully(Offset start) override;
  Task<Result<void>> roll() override;
  void set_config(LogConfig config) override { config_ = config; }
  const LogConfig& config() const override { return config_; }
  void set_listener(LogListener* listener) override { listener_ = listener; }

  // Journal
  Taken take(std::vector<JournalEntry>& entries);
  void round_done(const Taken& taken, bool synced);
  void flush_soon();  // its segments are to hold everything, synced
  // Much is pending (LogConfig::bulk_bytes): it goes straight to the segment and is synced there, so that it is not
  // written twice. True while that is under way as well: what comes after it waits for it, as a log in the journal
  // must continue what its segment is sure to hold.
  bool bypass_journal();

  // LogShard, LogFlusher
  struct Recovered {
    std::vector<std::unique_ptr<Segment>> segments;  // at least one
    Offset start, end, high_watermark;
    LeaderEpochs epochs;
    ProducerState producers;
    bool epochs_changed = false;
    bool closed = false;     // its files are as a clean stop leaves them
    std::int64_t moves = 0;  // between log directories, so far
  };
  void open(Recovered recovered);
  std::optional<FlushJob> next_flush(bool everything);
  void flushed(const FlushJob& job);
  void flush_blocked();  // for want of space: it is tried again, and who waits for it may rather not
  bool wants_flush() const;
  bool fully_synced() const { return synced_ == tail_.end(); }
  void failed(const Error& error);
  void apply_retention(std::int64_t now_ms);
  void trim_tail(std::uint64_t up_to_address, bool last);
  std::uint64_t flushed_address() const { return flushed_; }
  Offset synced_offset() const { return synced_offset_; }
  Offset high_watermark() const { return high_watermark_; }
  std::uint64_t end_address() const { return tail_.end(); }
  std::uint64_t synced_address() const { return synced_; }
  bool is_flushing() const { return flushing_; }
  bool is_bypassing() const { return bulk_.has_value(); }
  bool is_removed() const { return removed_; }
  void when_flushed(Function<void()> done) { flush_waiters_.push_back(std::move(done)); }
  FlushJob closing_job();  // at a clean stop, when everything is flushed
  // Nothing changed since its files were made, or left by a clean stop. The epoch of an empty log is not worth a file:
  // the next leader assigns one anyway.
  bool is_closed() const { return closed_ && (!epochs_changed_ || end_offset_ == Offset(0)); }
  void mark_removed();

  // LogMove: this log is a copy that takes the place of another one.
  std::int64_t moves() const { return moves_; }
  bool is_reshaping() const { return reshaping_; }
  // The lowest end that it was cut to since this was last asked.
  std::optional<Offset> take_cut() { return std::exchange(cut_, std::nullopt); }
  bool was_cut() const { return cut_.has_value(); }
  void set_directory(std::string directory) { directory_ = std::move(directory); }  // before open()
  // Whatever the journal here holds of a log of this identity is not of this one. Durable when it returns.
  Task<Result<void>> begin_anew();
  // Its directory gets this name, and is told which move it is of, durably. Everything is in the files then.
  Task<Result<void>> relocate(std::string directory, std::int64_t moves);
  // All that `from` is in memory, at the same end; who reads there is sent here. Until the move is complete nothing
  // that is appended here counts as written or durable.
  void take_over(PartitionLog& from);
  Task<Result<void>> complete_move();

 private:
  struct Batch {  // where a batch begins, and what comes after it; for those in the tail
    std::int64_t base, next;
    std::uint64_t address;
  };
  // Its files are being changed: nothing else may touch them, nor the list of segments, until that is done.
  class Reshaping {
   public:
    explicit Reshaping(PartitionLog& log) : log_(log) { log_.reshaping_ = true; }
    ~Reshaping() { log_.reshaping_ = false; }
    Reshaping(const Reshaping&) = delete;
    Reshaping& operator=(const Reshaping&) = delete;

   private:
    PartitionLog& log_;
  };
  struct Rest {  // of a log that is cut
    Offset end;  // of the last batch that is kept
    Segment active;
    ProducerState producers;
  };
  Segment& active() { return *segments_.back(); }
  const Segment& active() const { return *segments_.back(); }
  std::size_t segment_at(Offset offset) const;
  void roll_segment(Offset base);  // at or above the log's end
  Result<void> load_partial_block();
  void drop_segments_below(std::size_t count, const char* why);
  std::optional<LogData> read_tail(const LogRead& request) const;
  void bulk_done();
  void account_tail();          // tells the shard how much memory the tail takes now
  Task<void> until_complete();  // a move: what is promised to be durable before it could be undone
  Task<Result<void>> settle();  // until all of it is in the files; an error: it may not be
  Task<Result<void>> record(JournalKind kind, Offset offset);
  Task<Result<std::shared_ptr<Rest>>> rest_below(std::size_t index, Offset cut);
  Task<Result<void>> on_files(Function<Result<void>()> change);
  Result<void> remove_segment_files(Offset base, bool log_too);
  Result<void> remove_snapshots_above(Offset end);
  void give_up(const Error& error);
  void begin_tail();

  LogShard& home_;
  LogId id_;
  std::string topic_, log_dir_, directory_;
  LogConfig config_;
  LogListener* listener_ = nullptr;
  bool failed_ = false, removed_ = false;

  std::vector<std::unique_ptr<Segment>> segments_;
  Tail tail_;
  std::size_t accounted_ = 0;
  std::deque<Batch> batches_;
  Offset batches_from_;  // what comes before the first of them ends here
  bool partial_block_loaded_ = true;

  Offset start_offset_, durable_start_, end_offset_, written_end_, durable_end_, high_watermark_,
      checkpointed_high_watermark_;
  Offset synced_offset_;
  std::uint64_t taken_ = 0, flushed_ = 0, synced_ = 0;
  bool noted_ = false;         // in the journal's list for the next round
  std::optional<Taken> bulk_;  // on its way straight to the segment
  bool bulk_blocks_ = false;   // a round left this log out meanwhile
  bool flushing_ = false, flush_wanted_ = false;
  bool closed_ = false;
  std::vector<Function<void()>> flush_waiters_;
  int unfinished_segments_ = 0;                                          // rolled, and not yet closed on disk
  std::vector<std::pair<Offset, std::vector<std::uint8_t>>> snapshots_;  // of producers, where segments were begun
  bool reshaping_ = false;
  std::uint64_t reshaped_in_ = 0;  // the journal's generation that says so
  LeaderEpochs epochs_;
  bool epochs_changed_ = false;
  ProducerState producers_;
  std::int64_t last_append_ms_ = 0;
  std::int64_t moves_ = 0;
  std::optional<Offset> cut_;
  struct Ends {
    Offset written, durable;
  };
  std::optional<Ends> held_back_;            // what is not told while a move is not complete
  std::shared_ptr<PartitionLog> successor_;  // in another log directory
  friend class LogShard;
};

}  // namespace holdfast
