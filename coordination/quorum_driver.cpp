#include "coordination/quorum_driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr std::string_view snapshot_prefix = "snapshot.";
constexpr std::string_view temporary_suffix = ".tmp";
constexpr std::size_t piece_bytes = 256 << 10;

zk::Effects unknown_outcome() {
  zk::Effects out;
  out.result.error = zk::ZkError::connection_loss;
  return out;
}

}  // namespace

struct QuorumDriver::Snapshot {
  std::unique_ptr<zk::SnapshotCapture> capture;
  SnapshotFile file;
  std::unique_ptr<File> out;
  std::uint64_t written = 0;
};

QuorumDriver::QuorumDriver(QuorumDriverOptions options, zk::ZnodeMachine& machine, Shard& shard, LogManager& logs,
                           Disk& disk, Workers& workers, Metrics& metrics)
    : options_(std::move(options)),
      machine_(machine),
      shard_(shard),
      disk_(disk),
      log_(logs),
      worker_(workers.create("zk-snapshot")),
      log_latency_(
          metrics.histogram("coordination_log_sync_seconds", "From the append of a burst until it is durable.")),
      snapshot_latency_(
          metrics.histogram("coordination_snapshot_seconds", "From the start of a snapshot to its end.")) {}

QuorumDriver::~QuorumDriver() { *alive_ = false; }

Result<std::vector<QuorumDriver::SnapshotFile>> QuorumDriver::list_snapshots() {
  auto entries = disk_.list(options_.data_dir);
  if (!entries) return holdfast::fail(entries);
  std::vector<SnapshotFile> out;
  for (const DirectoryEntry& e : *entries) {
    if (e.directory || !e.name.starts_with(snapshot_prefix)) continue;
    if (e.name.ends_with(temporary_suffix)) {
      (void)disk_.remove(options_.data_dir + "/" + e.name);
      continue;
    }
    // snapshot.<zxid, hexadecimal>.<offset of the first entry behind it>
    SnapshotFile file{e.name, 0, Offset(0), e.size};
    const char* end = e.name.data() + e.name.size();
    const auto zxid = std::from_chars(e.name.data() + snapshot_prefix.size(), end, file.zxid, 16);
    if (zxid.ec != std::errc() || zxid.ptr == end || *zxid.ptr != '.') continue;
    const auto offset = std::from_chars(zxid.ptr + 1, end, file.next.value);
    if (offset.ec != std::errc() || offset.ptr != end) continue;
    out.push_back(std::move(file));
  }
  std::ranges::sort(out, {}, &SnapshotFile::zxid);
  return out;
}

Result<Zxid> QuorumDriver::restore(const SnapshotFile& snapshot) {
  auto file = disk_.open(options_.data_dir + "/" + snapshot.name, {});
  if (!file) return holdfast::fail(file);
  auto restore = machine_.begin_restore();
  std::vector<std::uint8_t> piece(piece_bytes);
  for (std::uint64_t at = 0;;) {
    auto got = (*file)->read_at(at, piece);
    if (!got) return holdfast::fail(got);
    if (*got == 0) break;
    auto fed = restore->feed(ByteView(piece).first(*got));
    if (!fed) return holdfast::fail(fed);
    at += *got;
  }
  return restore->finish();
}

Task<Result<void>> QuorumDriver::start() {
  auto made = disk_.create_directories(options_.data_dir);
  if (!made) co_return holdfast::fail(made);
  auto opened = co_await log_.open();
  if (!opened) co_return holdfast::fail(opened);
  auto snapshots = list_snapshots();
  if (!snapshots) co_return holdfast::fail(snapshots);
  Offset from(0);
  bool restored = snapshots->empty();
  for (auto it = snapshots->rbegin(); it != snapshots->rend() && !restored; ++it) {
    auto zxid = restore(*it);
    if (zxid) {
      from = it->next;
      snapshot_bytes_ = it->bytes;
      restored = true;
    } else {
      log_line(LogLevel::error, "coordination", "snapshot {} cannot be read ({}): trying the one before it", it->name,
               zxid.error().message);
    }
  }
  if (!restored)
    co_return holdfast::fail(ErrorKind::corrupt, "no coordination snapshot in " + options_.data_dir + " can be read");
  std::function<Result<void>(Offset, ByteView)> apply = [this](Offset, ByteView entry) -> Result<void> {
    auto txn = zk::decode_txn(entry);
    if (!txn) return holdfast::fail(txn);
    machine_.apply(*txn);
    return {};
  };
  auto replayed = co_await log_.replay(from, std::move(apply));
  if (!replayed) co_return holdfast::fail(replayed);
  applied_ = log_.end();
  since_snapshot_ = applied_ - from;
  log_.on_durable([this](Offset end) { commit(end); }, [this](const Error& error) { fail(error); });
  co_return Result<void>();
}

void QuorumDriver::propose(const zk::WriteRequest& request, const zk::Caller& caller, Applied done) {
  if (failed_) {
    if (done) done(unknown_outcome());
    return;
  }
  pending_.push_back({Offset(-1), machine_.prepare(request, caller, shard_.clock().wall_ms()), std::move(done)});
  ++unlogged_;
  if (std::exchange(deferred_, true)) return;
  shard_.defer([this, alive = alive_] {
    if (*alive) log_burst();
  });
}

void QuorumDriver::log_burst() {
  deferred_ = false;
  if (failed_ || unlogged_ == 0) return;
  std::vector<Bytes> entries;
  entries.reserve(unlogged_);
  Offset next = log_.end();
  for (std::size_t i = pending_.size() - unlogged_; i < pending_.size(); ++i) {
    entries.push_back(zk::encode(pending_[i].txn));
    pending_[i].offset = next;
    ++next;
  }
  unlogged_ = 0;
  appended_.emplace_back(next, shard_.clock().now());
  auto appended = log_.append(entries, shard_.clock().wall_ms());
  if (!appended) fail(appended.error());
}

void QuorumDriver::commit(Offset end) {
  const SteadyTime now = shard_.clock().now();
  for (; !appended_.empty() && appended_.front().first <= end; appended_.pop_front())
    log_latency_.record(static_cast<std::uint64_t>((now - appended_.front().second).count()));
  while (!pending_.empty() && pending_.front().offset.value >= 0 && pending_.front().offset < end) {
    Pending next = std::move(pending_.front());
    pending_.pop_front();
    const zk::Effects& effects = machine_.apply(next.txn);
    applied_ = next.offset + 1;
    ++since_snapshot_;
    if (deliver_ && !effects.events.empty()) deliver_(effects);
    for (Subscriber& subscriber : subscribers_) subscriber(next.txn, effects);
    if (next.done) next.done(effects);
  }
  if (since_snapshot_ >= options_.snapshot_count && !snapshotting_ && !stopping_) begin_snapshot();
  wake_idle();
}

void QuorumDriver::fail(const Error& error) {
  if (std::exchange(failed_, true)) return;
  log_line(LogLevel::error, "coordination",
           "the coordination log cannot be written ({}): sessions are closed until a restart", error.message);
  // Connections end before they can be told anything.
  if (on_failure_) on_failure_(error);
  for (Pending& lost : std::exchange(pending_, {}))
    if (lost.done) lost.done(unknown_outcome());
  wake_idle();
}

void QuorumDriver::wake_idle() {
  if ((pending_.empty() || failed_) && !snapshotting_)
    for (auto& waiter : std::exchange(idle_waiters_, {})) waiter();
}

Task<void> QuorumDriver::stop() {
  stopping_ = true;
  log_.stop_waiting_for_space(shard_);
  auto idle = [this](Function<void()> resume) {
    idle_waiters_.push_back(std::move(resume));
    wake_idle();
  };
  co_await shard_.until(std::move(idle));
  co_await shard_.drained(gate_);
}

void QuorumDriver::begin_snapshot() {
  snapshotting_ = true;
  since_snapshot_ = 0;
  snapshot_started_ = shard_.clock().now();
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->capture = machine_.begin_snapshot(shard_.clock().wall_ms());
  snapshot->file = {fmt::format("{}{:x}.{}", snapshot_prefix, snapshot->capture->zxid().value, applied_.value),
                    snapshot->capture->zxid().value, applied_, 0};
  pump(std::move(snapshot));
}

// A piece at a time: the walk on this shard, the write on the worker.
void QuorumDriver::pump(std::shared_ptr<Snapshot> snapshot) {
  std::optional<Bytes> piece = snapshot->capture->next(piece_bytes);
  const std::string path = options_.data_dir + "/" + snapshot->file.name;
  worker_->submit([this, alive = alive_, snapshot, path, piece = std::move(piece)]() mutable {
    Result<void> result;
    if (!snapshot->out) {
      auto file = disk_.open(path + std::string(temporary_suffix), {.write = true, .create = true, .truncate = true});
      if (file) {
        snapshot->out = std::move(*file);
      } else {
        result = holdfast::fail(file);
      }
    }
    const bool last = !piece;
    if (result && piece) {
      result = snapshot->out->write_at(snapshot->written, piece->view());
      snapshot->written += piece->size();
    }
    if (result && last) {
      result = snapshot->out->sync_data();
      if (result) result = disk_.rename(path + std::string(temporary_suffix), path);
      if (result) result = disk_.sync_directory(options_.data_dir);
    }
    shard_.post([this, alive, snapshot, last, result = std::move(result)]() mutable {
      if (!*alive) return;
      if (!result) {
        log_line(LogLevel::error, "coordination", "snapshot {} cannot be written: {}; the log is kept",
                 snapshot->file.name, result.error().message);
        ++snapshot_errors_;
        end_snapshot(*snapshot);
      } else if (stopping_ && !last) {
        end_snapshot(*snapshot);
      } else if (last) {
        finish(std::move(snapshot));
      } else {
        pump(std::move(snapshot));
      }
    });
  });
}

void QuorumDriver::end_snapshot(Snapshot& snapshot) {
  snapshot.capture.reset();
  snapshotting_ = false;
  wake_idle();
}

void QuorumDriver::finish(std::shared_ptr<Snapshot> snapshot) {
  end_snapshot(*snapshot);
  snapshot_bytes_ = snapshot->written;
  ++snapshots_taken_;
  snapshot_latency_.record(static_cast<std::uint64_t>((shard_.clock().now() - snapshot_started_).count()));
  log_line(LogLevel::info, "coordination", "snapshot at zxid 0x{:x}: {} bytes", snapshot->file.zxid, snapshot->written);
  worker_->submit([this, alive = alive_] {
    auto snapshots = list_snapshots();
    if (!snapshots) return;
    while (snapshots->size() > options_.snapshots_kept) {
      if (!disk_.remove(options_.data_dir + "/" + snapshots->front().name)) return;
      snapshots->erase(snapshots->begin());
    }
    // The oldest kept snapshot can still be the one that a start falls back to.
    shard_.post([this, alive, to = snapshots->front().next] {
      if (*alive) shard_.spawn(gate_, trim(to));
    });
  });
}

Task<void> QuorumDriver::trim(Offset to) {
  auto trimmed = co_await log_.trim(to);
  if (!trimmed)
    log_line(LogLevel::warn, "coordination", "the coordination log cannot be trimmed: {}", trimmed.error().message);
}

}  // namespace holdfast
