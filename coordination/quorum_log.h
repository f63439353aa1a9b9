// QuorumLog: the coordination log on a Log of log/: batches of entries (quorum_entry.h), terms as leader epochs. A
// burst of transactions is one batch and one journal round. Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordination/quorum_entry.h"
#include "log/log_manager.h"
#include "runtime/buffer.h"
#include "runtime/result.h"
#include "runtime/task.h"

namespace holdfast {

// As they were appended: every batch matches its checksum, and they follow each other without a gap.
struct QuorumBatches {
  std::vector<std::uint8_t> bytes;
  Offset first_base;  // base offset of the first one; where it was read from when there is none
  Offset next;        // behind the last one
};

class QuorumLog final : private LogListener {
 public:
  explicit QuorumLog(LogManager& logs) : logs_(logs) {}
  ~QuorumLog() override;

  static bool owns(const LogId& id);  // whether a log of the manager is this one

  Task<Result<void>> open();  // or makes it
  // Reads all of it. An error: what is to be applied, from `from` on, is damaged, or has a batch that is none of ours.
  struct Contents {
    std::vector<std::pair<Offset, Membership>> memberships;  // from `from` on, each with the offset of its entry
    std::optional<Error> damage;                             // before `from`
  };
  Task<Result<Contents>> check(Offset from);

  // Appends are durable some time after; errors: no further one will succeed.
  struct Entry {
    std::optional<Origin> origin;
    Bytes bytes;
  };
  Result<Span> append(const std::vector<Entry>& entries, Term term, std::int64_t now_ms);  // one batch
  Result<Span> append(const ControlEntry& entry, Term term, std::int64_t now_ms);
  // As a leader sent it; it begins at end().
  Result<void> append_batch(const wire::BatchHeader& header, ByteView batch);

  // Whole batches from `from` on (where one begins), below `end`, at least one; nothing if they are on disk only. What
  // a disk has damaged is an error of kind corrupt, also after a clean stop.
  std::optional<Result<QuorumBatches>> try_read(Offset from, Offset end, std::size_t bytes_max);
  Task<Result<QuorumBatches>> read(Offset from, Offset end, std::size_t bytes_max);

  Task<Result<void>> truncate(Offset end);  // drops `end` and all behind it
  Task<Result<void>> restart(Offset at);    // empties it: a snapshot stands for what is below
  Task<Result<void>> trim(Offset to);       // entries below are in a snapshot

  // Called when more is durable; with an error when the log can no longer be written.
  void on_durable(std::function<void()> durable, std::function<void(const Error&)> failed);
  // What waits for space on a full disk fails from now on: the node stops.
  void stop_waiting_for_space(Shard& shard) { logs_.stop_waiting_for_space(shard); }

  Offset start() const { return log_->start_offset(); }
  Offset end() const { return log_->end_offset(); }
  Offset durable_end() const { return log_->durable_end(); }
  const LeaderEpochs& terms() const { return log_->leader_epochs(); }
  const std::string& directory() const { return log_->directory(); }
  std::uint64_t size_bytes() const { return log_->size_bytes(); }

 private:
  void on_written(Offset) override {}
  void on_durable(Offset end) override;
  void on_failed(const Error& error) override;
  Result<Span> append(const std::vector<std::uint8_t>& batch);
  Result<QuorumBatches> checked(const Result<LogData>& read, Offset from) const;
  static Result<void> note(const QuorumBatches& data, Offset from, std::optional<Term>& term, Contents& out);

  LogManager& logs_;
  Log* log_ = nullptr;
  std::function<void()> durable_;
  std::function<void(const Error&)> failed_;
};

}  // namespace holdfast
