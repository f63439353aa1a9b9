// QuorumDriver: performs what the znode machine decided. A proposal becomes a transaction at once, an entry of the
// burst's batch at the end of the burst, and a change of the tree when its entry is durable; then watch events are
// delivered, subscribers told, and the proposer answered, in that order. Takes snapshots while requests go on. One
// voter: durable here is committed. Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "coordination/machine.h"
#include "coordination/quorum_log.h"
#include "runtime/disk.h"
#include "runtime/metrics.h"
#include "runtime/shards.h"
#include "runtime/worker.h"

namespace holdfast {

struct QuorumDriverOptions {
  std::string data_dir;                   // of the snapshots
  std::int64_t snapshot_count = 100'000;  // transactions between snapshots
  std::size_t snapshots_kept = 3;
};

class QuorumDriver {
 public:
  using Applied = Function<void(const zk::Effects&)>;
  using Subscriber = Function<void(const zk::Txn&, const zk::Effects&)>;

  QuorumDriver(QuorumDriverOptions options, zk::ZnodeMachine& machine, Shard& shard, LogManager& logs, Disk& disk,
               Workers& workers, Metrics& metrics);
  ~QuorumDriver();

  Task<Result<void>> start();  // newest readable snapshot, then the log behind it
  // `done` is called when the transaction was applied. When the log has failed, or fails before that, it is told
  // ConnectionLoss: nobody knows whether the transaction is in the log, as after a lost connection.
  void propose(const zk::WriteRequest& request, const zk::Caller& caller, Applied done);
  void subscribe(Subscriber subscriber) { subscribers_.push_back(std::move(subscriber)); }
  void deliver_events(Function<void(const zk::Effects&)> deliver) { deliver_ = std::move(deliver); }
  // Called once, when the log can no longer be written: nobody may be served any more.
  void on_failure(Function<void(const Error&)> failed) { on_failure_ = std::move(failed); }
  bool failed() const { return failed_; }
  std::size_t outstanding() const { return pending_.size(); }
  Offset log_start() const { return log_.start(); }
  std::uint64_t log_bytes() const { return log_.size_bytes(); }
  std::uint64_t snapshot_bytes() const { return snapshot_bytes_; }
  std::uint64_t snapshots_taken() const { return snapshots_taken_; }
  std::uint64_t snapshot_errors() const { return snapshot_errors_; }
  const Histogram& log_latency() const { return log_latency_; }  // from the append of a burst until it is durable
  const Histogram& snapshot_latency() const { return snapshot_latency_; }
  // Until nothing is outstanding and no snapshot is being written; nothing may be proposed any more.
  Task<void> stop();

 private:
  struct Pending {
    Offset offset{-1};  // -1: not in the log yet
    zk::Txn txn;
    Applied done;
  };
  struct Snapshot;
  struct SnapshotFile {
    std::string name;
    std::int64_t zxid;
    Offset next;  // the first entry that is not in it
    std::uint64_t bytes = 0;
  };

  Result<std::vector<SnapshotFile>> list_snapshots();
  Result<Zxid> restore(const SnapshotFile& file);
  void log_burst();
  void commit(Offset end);
  void fail(const Error& error);
  void wake_idle();
  void begin_snapshot();
  void pump(std::shared_ptr<Snapshot> snapshot);
  void finish(std::shared_ptr<Snapshot> snapshot);
  void end_snapshot(Snapshot& snapshot);
  Task<void> trim(Offset to);

  QuorumDriverOptions options_;
  zk::ZnodeMachine& machine_;
  Shard& shard_;
  Disk& disk_;
  QuorumLog log_;
  std::unique_ptr<Worker> worker_;  // writes snapshots
  std::deque<Pending> pending_;
  std::size_t unlogged_ = 0;  // at the end of pending_
  bool deferred_ = false, failed_ = false, snapshotting_ = false, stopping_ = false;
  std::int64_t since_snapshot_ = 0;
  std::uint64_t snapshot_bytes_ = 0, snapshots_taken_ = 0, snapshot_errors_ = 0;
  Histogram& log_latency_;
  Histogram& snapshot_latency_;
  SteadyTime snapshot_started_{};
  // When each batch not yet durable was appended, by the offset after it.
  std::deque<std::pair<Offset, SteadyTime>> appended_;
  Offset applied_{0};
  std::vector<Subscriber> subscribers_;
  Function<void(const zk::Effects&)> deliver_;
  Function<void(const Error&)> on_failure_;
  std::vector<Function<void()>> idle_waiters_;
  Gate gate_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace holdfast
