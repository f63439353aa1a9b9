// SnapshotTaker: writes one snapshot at a time while requests go on: the walk over the tree on the coordination shard,
// a piece at a time, the file on a worker. Keeps the newest few. Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <memory>

#include "coordination/quorum_snapshots.h"
#include "coordination/snapshot.h"
#include "runtime/metrics.h"
#include "runtime/shards.h"
#include "runtime/worker.h"

namespace holdfast {

class SnapshotTaker {
 public:
  // `trim_to`: entries below are in every snapshot that a start may fall back to.
  using Done = Function<void(Offset trim_to)>;

  SnapshotTaker(Shard& shard, Worker& worker, QuorumSnapshots& snapshots, std::size_t kept, Metrics& metrics);
  ~SnapshotTaker();

  bool busy() const { return current_ != nullptr; }
  void take(std::unique_ptr<zk::SnapshotCapture> capture, QuorumSnapshotHeader header, Done done);
  // Gives up what is not finished, and takes no more. `idle` is called when nothing is under way.
  void stop(Function<void()> idle);
  // What is replaced must not be written to its end.
  void abandon();

  std::uint64_t newest_bytes() const { return newest_bytes_; }
  void set_newest_bytes(std::uint64_t bytes) { newest_bytes_ = bytes; }
  std::uint64_t taken() const { return taken_; }
  std::uint64_t errors() const { return errors_; }
  const Histogram& latency() const { return latency_; }

 private:
  struct Snapshot;
  void pump();
  void written(const std::shared_ptr<Snapshot>& snapshot, bool last, const Result<void>& result);
  void go_on();
  void finish();
  void end();

  Shard& shard_;
  Worker& worker_;
  QuorumSnapshots& snapshots_;
  const std::size_t kept_;
  std::shared_ptr<Snapshot> current_;
  Timer timer_;
  bool stopping_ = false;
  std::uint64_t newest_bytes_ = 0, taken_ = 0, errors_ = 0;
  Histogram& latency_;
  Function<void()> idle_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace holdfast
