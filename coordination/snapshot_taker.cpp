#include "coordination/snapshot_taker.h"

#include <utility>

#include "runtime/log_line.h"

namespace holdfast {
namespace {

// Requests wait for as long as the walk gathers this: half a millisecond or so.
constexpr std::size_t gathered_at_once = 64 << 10;
// Then they have the shard for this many times as long, or a big tree's snapshot would be felt while it lasts.
constexpr int rest = 2;

}  // namespace

struct SnapshotTaker::Snapshot {
  std::unique_ptr<zk::SnapshotCapture> capture;
  QuorumSnapshotHeader header;
  std::string name;
  std::unique_ptr<QuorumSnapshots::Writer> writer;
  SteadyTime started;
  SteadyTime rests_until;
  Done done;
  bool header_written = false, abandoned = false;
};

SnapshotTaker::SnapshotTaker(Shard& shard, Worker& worker, QuorumSnapshots& snapshots, std::size_t kept,
                             Metrics& metrics)
    : shard_(shard),
      worker_(worker),
      snapshots_(snapshots),
      kept_(kept),
      latency_(metrics.histogram("coordination_snapshot_seconds", "From the start of a snapshot to its end.")) {}

SnapshotTaker::~SnapshotTaker() { *alive_ = false; }

void SnapshotTaker::take(std::unique_ptr<zk::SnapshotCapture> capture, QuorumSnapshotHeader header, Done done) {
  if (stopping_ || busy()) return;
  current_ = std::make_shared<Snapshot>();
  current_->capture = std::move(capture);
  current_->name = QuorumSnapshots::name_of(header, false);
  current_->header = std::move(header);
  current_->writer = snapshots_.writer("taken");
  current_->started = shard_.clock().now();
  current_->done = std::move(done);
  pump();
}

void SnapshotTaker::pump() {
  std::optional<Bytes> head;
  if (!std::exchange(current_->header_written, true)) head = current_->header.encode();
  const SteadyTime began = shard_.clock().now();
  std::optional<Bytes> piece = current_->capture->next(gathered_at_once);
  const SteadyTime ended = shard_.clock().now();
  current_->rests_until = ended + rest * (ended - began);
  worker_.submit(
      [this, alive = alive_, snapshot = current_, head = std::move(head), piece = std::move(piece)]() mutable {
        Result<void> result;
        if (head) result = snapshot->writer->write(head->view());
        const bool last = !piece;
        if (result && piece) result = snapshot->writer->write(piece->view());
        if (result && last) result = snapshot->writer->finish(snapshot->name);
        if (!result) snapshot->writer->abandon();
        shard_.post([this, alive, snapshot = std::move(snapshot), last, result = std::move(result)] {
          if (*alive) written(snapshot, last, result);
        });
      });
}

void SnapshotTaker::written(const std::shared_ptr<Snapshot>& snapshot, bool last, const Result<void>& result) {
  if (!result) {
    log_line(LogLevel::error, "coordination", "snapshot {} cannot be written: {}; the log is kept", snapshot->name,
             result.error().message);
    ++errors_;
    end();
  } else if (last) {
    finish();
  } else {
    const SteadyTime now = shard_.clock().now();
    if (now >= snapshot->rests_until) return go_on();
    shard_.arm(timer_, snapshot->rests_until - now, [this] { go_on(); });
  }
}

void SnapshotTaker::go_on() {
  if (!current_->abandoned && !stopping_) return pump();
  worker_.submit([snapshot = current_] { snapshot->writer->abandon(); });
  end();
}

void SnapshotTaker::abandon() {
  if (!current_) return;
  current_->abandoned = true;
  current_->capture.reset();
}

void SnapshotTaker::end() {
  current_.reset();
  if (idle_) std::exchange(idle_, nullptr)();
}

void SnapshotTaker::finish() {
  const std::shared_ptr<Snapshot> snapshot = current_;
  snapshot->capture.reset();
  newest_bytes_ = snapshot->writer->written();
  ++taken_;
  latency_.record(static_cast<std::uint64_t>((shard_.clock().now() - snapshot->started).count()));
  log_line(LogLevel::info, "coordination", "snapshot at zxid 0x{:x}: {} bytes", snapshot->header.zxid.value,
           newest_bytes_);
  worker_.submit([this, alive = alive_, snapshot] {
    auto names = snapshots_.list();
    while (names && names->size() > kept_) {
      if (!snapshots_.remove(names->front())) break;
      names->erase(names->begin());
    }
    shard_.post([this, alive, snapshot, trim_to = names && !names->empty() ? names->front().end : Offset(0)] {
      if (!*alive) return;
      end();
      snapshot->done(trim_to);
    });
  });
}

void SnapshotTaker::stop(Function<void()> idle) {
  stopping_ = true;
  if (!busy()) return idle();
  idle_ = std::move(idle);
}

}  // namespace holdfast
