// Log: one append-only, offset-indexed log: a partition's, or the coordination quorum's. It lives on one shard; every
// call is made there. Record batches arrive complete, checked, with offsets and leader epoch assigned; they are stored
// as given.
//
//   append -> tail (memory) -> journal round: one write, one sync -> listener: written, durable
//                    \-> write-behind, large aligned pieces -> segments (Kafka's files)
//
// "Written" survives the death of the process, "durable" survives the loss of power. docs/log_format.md has the files.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/leader_epochs.h"
#include "log/log_config.h"
#include "log/producer_state.h"
#include "runtime/buffer.h"
#include "runtime/random.h"
#include "runtime/result.h"
#include "runtime/strong.h"
#include "runtime/task.h"
#include "wire/kafka/record_batch.h"

namespace holdfast {

// A log's identity in the journal and across restarts: never its name, which a re-created topic repeats.
struct LogId {
  Uuid topic_id{};
  std::int32_t partition = 0;
  friend auto operator<=>(const LogId&, const LogId&) = default;
};

enum class Need : std::uint8_t { nothing, written, durable };  // what the appender waits for

// What a log tells its owner. Called on the log's shard, from the loop, never from inside append().
class LogListener {
 public:
  virtual ~LogListener() = default;
  // Everything below `end` is written / durable. Ends never go back except by truncate_to().
  virtual void on_written(Offset end) = 0;
  virtual void on_durable(Offset end) = 0;
  // The log directory failed: no further call will succeed.
  virtual void on_failed(const Error& error) = 0;
};

struct LogRead {
  Offset from;
  std::size_t bytes_max = 0;
  Offset end;                // exclusive: high watermark, last stable offset or log end offset
  bool at_least_one = true;  // return the first batch even if it is larger than bytes_max (KIP-74)
};

// Whole batches, the first one holding `from` (or the next that exists).
struct LogData {
  BufferChain batches;
  Offset first_base;  // base offset of the first batch; `from` when empty
  Offset next;        // the offset after the last batch returned; `from` when empty
};

struct TimestampedOffset {
  std::int64_t timestamp = -1;
  Offset offset{-1};
  LeaderEpoch epoch{-1};
};

class Log {
 public:
  virtual ~Log() = default;

  virtual const LogId& id() const = 0;
  virtual const std::string& topic() const = 0;      // the topic's name
  virtual const std::string& directory() const = 0;  // <log dir>/<topic>-<partition>
  virtual const std::string& log_dir() const = 0;    // the entry of log.dirs

  virtual Offset start_offset() const = 0;  // log start offset
  // The same as a power loss would leave it. Behind it: advance_start() is under way, or retention removed more.
  virtual Offset durable_start() const = 0;
  virtual Offset end_offset() const = 0;  // log end offset: the next offset to be assigned
  virtual Offset written_end() const = 0;
  virtual Offset durable_end() const = 0;
  virtual std::uint64_t size_bytes() const = 0;
  virtual bool has_room() const = 0;                // false: its disk is full, and appends are refused
  virtual bool is_failed() const = 0;               // on_failed() was called, or would have been
  virtual std::int64_t last_append_ms() const = 0;  // wall time of the last append, 0 if none since start

  // Appends one batch. header.base_offset >= end_offset() (equal on a leader; a follower's may come after a gap of any
  // size). Updates producer state and leader epochs. Errors: no_space (reads go on), io (directory offline), closed.
  virtual Result<void> append(ByteView batch, const wire::BatchHeader& header, Need need) = 0;

  // The tail answers at once; nothing when the range must come from a segment file (then use read()).
  // out_of_range below start_offset() or above end_offset().
  virtual std::optional<Result<LogData>> try_read(const LogRead& request) = 0;
  virtual Task<Result<LogData>> read(LogRead request) = 0;

  // The first record with timestamp >= the target, by record (KIP-79); nothing if there is none below `end`.
  virtual Task<Result<std::optional<TimestampedOffset>>> offset_for_timestamp(std::int64_t timestamp, Offset end) = 0;
  virtual Task<Result<std::optional<TimestampedOffset>>> max_timestamp(Offset end) = 0;  // KIP-734
  struct Aborted {
    std::int64_t producer_id;
    Offset first_offset;
  };
  virtual Task<Result<std::vector<Aborted>>> aborted_transactions(Offset from, Offset end) = 0;

  virtual const LeaderEpochs& leader_epochs() const = 0;
  virtual void assign_epoch(LeaderEpoch epoch, Offset start) = 0;  // on becoming leader, before the first append
  virtual ProducerState& producers() = 0;

  // The owner's high watermark: retention and cleaning never pass it; checkpointed.
  virtual void set_high_watermark(Offset hw) = 0;
  // As recovered at start, within the log; where it starts, when nobody said.
  virtual Offset checkpointed_high_watermark() const = 0;

  // DeleteRecords: durable when it returns, also when the log began there before and only in memory.
  virtual Task<Result<void>> advance_start(Offset to) = 0;
  // Drops everything at and above `end`, and the batch that holds it: the log is then as if nothing of that had ever
  // been appended, durably. It ends where the last batch ends that is left. Nothing may be appended meanwhile. An epoch
  // that began at the log's end and wrote nothing is forgotten even when there is nothing else to drop.
  virtual Task<Result<void>> truncate_to(Offset end) = 0;
  virtual Task<Result<void>> truncate_fully(Offset start) = 0;  // empties the log; it starts at `start`
  virtual Task<Result<void>> roll() = 0;                        // starts a new segment
  virtual void set_config(LogConfig config) = 0;                // effective at once
  virtual const LogConfig& config() const = 0;
  virtual void set_listener(LogListener* listener) = 0;  // null: nobody listens
};

}  // namespace holdfast
