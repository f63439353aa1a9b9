// LogMove: a log goes to another log directory of its shard while it is used (KIP-113). A future log there, in
// <topic>-<partition>.<id>-future, copies what this one has and gets; when it holds the same, it takes its place. Lives
// on the log's shard.
//
// What a power cut at any moment leaves is one log with all that was acknowledged, for there is one write that decides:
//
//   copying    the future log is no log to a start, which removes it and tells that a move was wanted
//   copied     synced, it gets the log's name, and says of itself that its move is not complete: the old one counts
//   switched   in memory, at a moment when both hold the same; what comes after is kept back, and not acknowledged yet
//   complete   the new one is synced, and says so: now it counts, having been moved more often than the old one
//   then       the old one is removed
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "log/log.h"
#include "runtime/function.h"
#include "runtime/shards.h"

namespace holdfast {

class LogShard;
class PartitionLog;

class LogMove final : private LogListener {
 public:
  // Who uses the log.
  class Owner {
   public:
    virtual ~Owner() = default;
    // From now on the log is this one, with the same content and the same listener. False: not now.
    virtual bool switch_to(Log& log) = 0;
    // How long to wait when so much was copied.
    virtual Duration pause_after(std::size_t bytes) = 0;
  };

  LogMove(LogShard& home, const LogId& id, std::string to);
  ~LogMove() override;

  // Makes the future log. not_found: `to` is no log directory, or there is no such log. io: it is out of service.
  Task<Result<void>> begin();
  // Until the log has moved. An error: it stays where it is, and the copy is gone; or the new directory failed when the
  // log was there already.
  Task<Result<void>> run(Owner& owner);
  // run() ends soon, unless the log is there already.
  void cancel();
  // The same, but the copy stays for the next start to find that a move was wanted.
  void leave() {
    left_ = true;
    cancel();
  }

  const std::string& to() const { return to_; }
  bool switched() const { return switched_; }
  // Of the copy.
  Offset end() const;
  std::uint64_t size_bytes() const;

 private:
  // LogListener, of the future log
  void on_written(Offset) override { wake(); }
  void on_durable(Offset) override { wake(); }
  void on_failed(const Error&) override { wake(); }

  Task<Result<void>> copy_until_switched(Owner& owner);
  Task<Result<std::size_t>> copy_some();
  Task<Result<void>> follow_cuts();
  Task<Result<Offset>> first_base();
  Result<std::size_t> append(const LogData& data);
  bool try_switch(Owner& owner);
  Task<void> until_written();
  Task<void> pause(Duration how_long);
  void wake();

  LogShard& home_;
  LogId id_;
  std::string to_;
  std::shared_ptr<PartitionLog> from_, future_;
  bool cancelled_ = false, left_ = false, named_ = false, switched_ = false;
  Function<void()> resume_;
  Timer timer_;
};

}  // namespace holdfast
