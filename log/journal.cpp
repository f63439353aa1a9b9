#include "log/journal.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/format.h"
#include "log/journal_file.h"
#include "log/partition_log.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {
constexpr auto space_retry = std::chrono::seconds(1);
constexpr std::uint64_t spare_after_bytes = 1 << 20;  // an idle node keeps no preallocated file
// A round of at most so many bytes is framed by the shard, which hands one write to the kernel: two hand-overs to a
// thread would cost more than the copy and its checksum. (Of a small file less, so that tests and simulations, whose
// files are small, see rounds of both kinds.)
constexpr std::size_t framed_here_max = 64 << 10, framed_here_share = 64;
}  // namespace

struct Journal::Round {
  std::vector<JournalEntry> entries;
  struct Part {
    std::shared_ptr<PartitionLog> log;
    PartitionLog::Taken taken;
  };
  std::vector<Part> parts;
  std::vector<Function<void(Result<void>)>> records;
  bool sync = false;
  std::size_t bytes = 0, starts = 0;
  std::uint64_t oldest_needed = 0, generation = 0, next_generation = 0;  // generation: written by the worker
  SteadyTime started;
};

Journal::Journal(JournalOptions options, Shard& shard, Disk& disk, Worker& worker, Worker& background,
                 Histogram& sync_time, Function<void(const Error&)> on_failure)
    : options_(std::move(options)),
      shard_(shard),
      disk_(disk),
      worker_(worker),
      background_(background),
      sync_time_(sync_time),
      on_failure_(std::move(on_failure)),
      writer_(std::make_shared<JournalWriter>(options_, disk)) {}

Journal::~Journal() { *alive_ = false; }

Result<void> Journal::open() {
  // Generations of one life start where time stands, so that they rise over restarts as well.
  const auto generation = static_cast<std::uint64_t>(shard_.clock().wall_ms()) << 20;
  files_.push_back({generation, {}, 0});
  return writer_->open(generation);
}

void Journal::note(const std::shared_ptr<PartitionLog>& log, Need need) {
  dirty_.push_back(log);
  need_ = std::max(need_, need);
  schedule();
}

void Journal::record(JournalEntry entry, Function<void(Result<void>)> done) {
  if (failed_) return done(holdfast::fail(ErrorKind::io, options_.directory + " is out of service"));
  records_.emplace_back(std::move(entry), std::move(done));
  need_ = Need::durable;
  schedule();
}

void Journal::schedule() {
  if (scheduled_ || in_flight_ || failed_) return;
  scheduled_ = true;
  shard_.defer([this, alive = alive_] {
    if (!*alive) return;
    scheduled_ = false;
    if (!in_flight_ && !failed_) start_round();
  });
}

void Journal::start_round() {
  if (dirty_.empty() && records_.empty()) return;
  auto round = std::make_shared<Round>();
  round->sync = std::exchange(need_, Need::nothing) == Need::durable;
  round->parts.reserve(dirty_.size());
  for (auto& log : dirty_) {
    if (log->bypass_journal()) continue;
    const PartitionLog::Taken taken = log->take(round->entries);
    round->bytes += taken.bytes;
    round->parts.push_back({std::move(log), taken});
  }
  dirty_.clear();
  for (auto& [entry, done] : records_) {
    if (entry.kind == JournalEntry::Kind::start) ++round->starts;
    round->entries.push_back(std::move(entry));
    round->records.push_back(std::move(done));
  }
  records_.clear();
  if (round->entries.empty() && round->parts.empty()) return wake_idle();  // all of it went past the journal
  round->oldest_needed = files_.front().generation;
  round->next_generation = files_.back().generation + 1;
  in_flight_ = true;
  submit(std::move(round));
}

void Journal::submit(std::shared_ptr<Round> round) {
  round->started = shard_.clock().now();
  for (const std::uint64_t generation : std::exchange(recyclable_, {})) writer_->recyclable(generation);
  if (spare_) writer_->adopt(spare_path(), std::move(spare_));
  const std::size_t here_max = std::min(framed_here_max, options_.file_bytes / framed_here_share);
  if (round->sync && round->bytes <= here_max && writer_->may_be_one_write()) return write_here(std::move(round));
  worker_.submit([this, alive = alive_, writer = writer_, round, &shard = shard_]() mutable {
    Result<void> result;
    if (writer->full()) result = writer->next_file(round->next_generation);
    // No room for another file is no reason to stop: the present one grows past its size.
    if (!result && result.error().kind == ErrorKind::no_space) result = {};
    round->generation = writer->generation();
    if (result) result = writer->write(round->entries, round->oldest_needed, round->sync);
    if (result) round->entries.clear();
    shard.post([this, alive = std::move(alive), round = std::move(round), result = std::move(result)]() mutable {
      if (*alive) finished(std::move(round), std::move(result));
    });
  });
}

void Journal::write_here(std::shared_ptr<Round> round) {
  round->generation = writer_->generation();
  const ByteView frame = writer_->one_frame(round->entries, round->oldest_needed);
  auto written = [this, alive = alive_, writer = writer_, round, size = frame.size()](Result<void> result) mutable {
    if (result) {
      writer->wrote(size);
      round->entries.clear();
    }
    if (*alive) finished(std::move(round), std::move(result));
  };
  worker_.write_durable(shard_, writer_->file(), writer_->position(), frame, std::move(written));
}

void Journal::finished(std::shared_ptr<Round> round, Result<void> result) {
  if (!result && result.error().kind == ErrorKind::no_space && space_is_awaited_) {
    // Nothing was half promised: the same frame is written again when there is room. Appends are refused meanwhile.
    blocked_ = std::move(round);
    shard_.arm(retry_, space_retry, [this] { submit(std::exchange(blocked_, nullptr)); });
    return set_out_of_space(true);
  }
  if (result) set_out_of_space(false);
  if (!result) {
    in_flight_ = false;
    for (auto& done : round->records) done(holdfast::fail(result.error().kind, result.error().message));
    return fail(result.error());
  }
  sync_time_.record(static_cast<std::uint64_t>((shard_.clock().now() - round->started).count()));
  ++rounds_;
  bytes_written_ += std::max(round->bytes, disk_block_bytes);  // frames are padded
  if (round->generation != files_.back().generation) files_.push_back({round->generation, {}, 0});
  if (round->starts > 0) files_.back().last_start = starts_ += round->starts;
  auto& held = files_.back().held;
  for (Round::Part& part : round->parts) {
    if (part.log->synced_address() >= part.taken.address) continue;  // a flush was faster
    auto& mark = held[part.log.get()];
    if (mark.first.expired()) mark.first = part.log;
    mark.second = std::max(mark.second, part.taken.address);
  }
  in_flight_ = false;
  // The next round starts before anybody is told: the disk works while replies are made.
  start_round();
  for (Round::Part& part : round->parts) part.log->round_done(part.taken, round->sync);
  for (auto& done : round->records) done({});
  recycle();
  if (!spare_asked_ && bytes_written_ > spare_after_bytes) ask_for_spare();
  went_past(round->bytes);
  wake_idle();
}

void Journal::wake_idle() {
  if (idle())
    for (auto& waiter : std::exchange(idle_waiters_, {})) waiter();
}

void Journal::went_past(std::size_t bytes) {
  pending_bytes_ -= std::min(pending_bytes_, bytes);
  if (pending_bytes_ < congestion_bytes / 2) congest(false);
}

void Journal::congest(bool now) {
  if (std::exchange(congested_, now) != now && options_.on_congestion) options_.on_congestion(now);
}

void Journal::set_out_of_space(bool now) {
  if (std::exchange(out_of_space_, now) == now) return;
  if (now) {
    log_line(LogLevel::error, "log", "{} is full: appends are refused until space is freed; reads go on",
             options_.directory);
  } else {
    log_line(LogLevel::info, "log", "{} has space again: appends are accepted", options_.directory);
  }
  if (options_.on_space) options_.on_space();
}

void Journal::ask_for_spare() {
  spare_asked_ = true;
  background_.submit([this, alive = alive_, path = spare_path(), bytes = options_.file_bytes, &disk = disk_,
                      &shard = shard_]() mutable {
    auto file = prepare_spare(disk, path, bytes);
    if (!file) return;  // the journal goes on in files that grow
    shard.post([this, alive = std::move(alive), file = std::move(*file)]() mutable {
      if (*alive) spare_ = std::move(file);
    });
  });
}

std::string Journal::spare_path() const {
  return fmt::format("{}/{}{}.spare", options_.directory, log_format::journal_prefix, options_.shard);
}

void Journal::recycle() {
  const auto is_kept = [this](const FileUse& file) {
    return file.last_start <= starts_kept_ && file.generation < released_kept_;
  };
  while (files_.size() > 1 && files_.front().held.empty() && is_kept(files_.front())) {
    recyclable_.push_back(files_.front().generation);
    files_.pop_front();
  }
  if (files_.size() <= options_.files_waiting_max + 1) return;
  const bool released = files_.front().held.empty() || files_.front().last_start > starts_kept_;
  if (released && options_.on_checkpoint_wanted) options_.on_checkpoint_wanted();
  std::vector<std::shared_ptr<PartitionLog>> behind;
  for (auto& [_, mark] : files_.front().held)
    if (auto log = mark.first.lock()) behind.push_back(std::move(log));
  // They are found in the order of their addresses; the same run goes the same way.
  std::ranges::sort(behind, {}, [](const auto& log) { return log->id(); });
  for (const auto& log : behind) log->flush_soon();
}

void Journal::released(const PartitionLog* log, std::uint64_t address) {
  for (FileUse& file : files_) {
    const auto it = file.held.find(log);
    if (it != file.held.end() && it->second.second <= address) file.held.erase(it);
  }
  recycle();
}

Function<void()> Journal::kept() {
  std::uint64_t released = 0;  // there is no file where none could be opened
  for (const FileUse& file : files_) {
    released = file.generation;
    if (!file.held.empty()) break;
  }
  return [this, alive = alive_, all = starts_, released] {
    if (!*alive) return;
    starts_kept_ = std::max(starts_kept_, all);
    released_kept_ = std::max(released_kept_, released);
    recycle();
  };
}

void Journal::forget(const PartitionLog* log) {
  for (FileUse& file : files_) file.held.erase(log);
}

void Journal::when_idle(Function<void()> done) {
  if (idle() || failed_) return done();
  idle_waiters_.push_back(std::move(done));
}

void Journal::stop_waiting_for_space() {
  space_is_awaited_ = false;
  if (!blocked_) return;
  retry_.cancel();
  submit(std::exchange(blocked_, nullptr));
}

void Journal::fail(const Error& error) {
  if (std::exchange(failed_, true)) return;
  on_failure_(error);
  for (auto& [_, done] : std::exchange(records_, {})) done(holdfast::fail(error.kind, error.message));
  dirty_.clear();
  congest(false);
  for (auto& waiter : std::exchange(idle_waiters_, {})) waiter();
}

}  // namespace holdfast
