// QuorumLog: the coordination log as entries with offsets, on a Log of log/ (record batches, leader epoch = term). A
// burst of transactions is one batch and one journal round. Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "log/log_manager.h"
#include "runtime/buffer.h"
#include "runtime/result.h"
#include "runtime/task.h"

namespace holdfast {

class QuorumLog final : private LogListener {
 public:
  explicit QuorumLog(LogManager& logs) : logs_(logs) {}
  ~QuorumLog() override;

  static bool owns(const LogId& id);  // whether a log of the manager is this one

  // Opens the log, or makes it, and begins a new term.
  Task<Result<void>> open();
  // Every entry at or after `from`, in order. An error when the log begins after it: something is missing.
  Task<Result<void>> replay(Offset from, std::function<Result<void>(Offset, ByteView entry)> apply);
  // One batch. The first entry gets the offset end() had.
  Result<void> append(const std::vector<Bytes>& entries, std::int64_t now_ms);
  // Called with the end of what is durable; with an error when the log can no longer be written.
  void on_durable(std::function<void(Offset end)> durable, std::function<void(const Error&)> failed);
  // What waits for space on a full disk fails from now on: the node stops.
  void stop_waiting_for_space(Shard& shard) { logs_.stop_waiting_for_space(shard); }
  Task<Result<void>> trim(Offset to);  // entries below are in a snapshot

  Offset start() const { return log_->start_offset(); }
  Offset end() const { return log_->end_offset(); }
  std::int32_t term() const { return term_; }
  std::uint64_t size_bytes() const { return log_->size_bytes(); }

 private:
  void on_written(Offset) override {}
  void on_durable(Offset end) override;
  void on_failed(const Error& error) override;

  LogManager& logs_;
  Log* log_ = nullptr;
  std::int32_t term_ = 0;
  std::function<void(Offset)> durable_;
  std::function<void(const Error&)> failed_;
};

}  // namespace holdfast
