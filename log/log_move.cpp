#include "log/log_move.h"

#include <algorithm>

#include "log/checkpoints.h"
#include "log/format.h"
#include "log/journal.h"
#include "log/log_shard.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {
constexpr std::size_t piece_bytes = 1 << 20;
constexpr std::size_t last_piece_bytes = 4 << 20;  // that is copied without a pause, before the switch
constexpr Duration look_again = std::chrono::milliseconds(10);
constexpr Duration move_space_retry = std::chrono::seconds(1);
constexpr std::int64_t first_move = 1;
}  // namespace

// ---- The logs' part ----

Task<Result<void>> PartitionLog::begin_anew() {
  const auto self = shared_from_this();
  auto recorded = co_await record(JournalKind::empty, end_offset_);
  reshaped_in_ = home_.journal_of(*this).generation();
  co_return recorded;
}

Task<Result<void>> PartitionLog::relocate(std::string directory, std::int64_t moves) {
  const auto self = shared_from_this();
  auto settled = co_await settle();
  if (!settled) co_return settled;
  const Reshaping reshaping(*this);
  // Where recovery may begin, before there is a log of that name: what is written there may be of an earlier one.
  auto known = co_await home_.checkpoint_now(log_dir_);
  if (!known) co_return known;
  auto change = [this, &directory, moves]() -> Result<void> {
    Disk& disk = home_.disk();
    auto there = disk.exists(directory);
    if (!there) return fail(there);
    if (*there) return fail(ErrorKind::already_exists, directory + " is there already");
    auto done = write_move_state(disk, directory_ + "/" + std::string(log_format::move_file), {moves, false});
    if (!done) return done;
    home_.directory(log_dir_).writer->close_directory(directory_);
    done = disk.rename(directory_, directory);
    if (done) done = disk.sync_directory(log_dir_);
    return done;
  };
  auto changed = co_await on_files(std::move(change));
  if (!changed) {
    if (changed.error().kind == ErrorKind::io) give_up(changed.error());
    co_return changed;
  }
  directory_ = std::move(directory);
  moves_ = moves;
  co_return Result<void>();
}

void PartitionLog::take_over(PartitionLog& from) {
  HOLDFAST_CHECK(from.end_offset_ == end_offset_ && from.start_offset_ == start_offset_ && !reshaping_);
  closed_ = false;
  held_back_ = Ends{written_end_, durable_end_};
  written_end_ = from.written_end_;
  durable_end_ = from.durable_end_;
  config_ = from.config_;
  epochs_ = from.epochs_;
  epochs_changed_ = true;
  // It may know of producers whose records are gone: the snapshot of a new segment keeps them.
  producers_ = from.producers_;
  if (active().size > 0) roll_segment(end_offset_);
  high_watermark_ = from.high_watermark_;
  checkpointed_high_watermark_ = from.checkpointed_high_watermark_;
  home_.high_watermark_moved();
  last_append_ms_ = from.last_append_ms_;
  listener_ = std::exchange(from.listener_, nullptr);
}

Task<void> PartitionLog::until_complete() {
  while (held_back_ && !failed_ && !removed_) co_await home_.shard().sleep(look_again);
}

Task<Result<void>> PartitionLog::complete_move() {
  const auto self = shared_from_this();
  auto settled = co_await settle();
  if (!settled) co_return settled;
  held_back_->durable = std::max(held_back_->durable, synced_offset_);
  held_back_->written = std::max(held_back_->written, synced_offset_);
  auto known = co_await home_.checkpoint_now(log_dir_);
  if (!known) co_return known;
  // A replay that begins at begin_anew() has only what the journal holds: frames that were written and not synced are
  // durable with this one.
  auto journaled = co_await record(JournalKind::start, start_offset_);
  if (!journaled) co_return journaled;
  auto change = [this] {
    return write_move_state(home_.disk(), directory_ + "/" + std::string(log_format::move_file), {moves_, true});
  };
  auto changed = co_await on_files(std::move(change));
  if (!changed) co_return changed;
  const Ends ends = *std::exchange(held_back_, std::nullopt);
  if (failed_ || removed_) co_return Result<void>();
  if (ends.written > written_end_) {
    written_end_ = ends.written;
    if (listener_) listener_->on_written(ends.written);
  }
  if (ends.durable > durable_end_) {
    durable_end_ = ends.durable;
    if (listener_) listener_->on_durable(ends.durable);
  }
  co_return Result<void>();
}

Task<Result<std::shared_ptr<PartitionLog>>> LogShard::create_future(std::shared_ptr<PartitionLog> of,
                                                                    std::string log_dir, Offset base) {
  const auto chosen = std::ranges::find(directories_, log_dir, [](const auto& dir) { return dir->path; });
  if (chosen == directories_.end()) co_return fail(ErrorKind::not_found, log_dir + " is no log directory");
  if (!(*chosen)->online) co_return fail(ErrorKind::io, log_dir + " is out of service");
  if (futures_.contains(of->id())) co_return fail(ErrorKind::already_exists, of->directory() + " is moved already");
  LogConfig config = of->config();
  config.bulk_bytes = piece_bytes / 2;
  auto log = std::make_shared<PartitionLog>(*this, of->id(), of->topic(), log_dir, config);
  std::string hex = to_hex_uuid(random_.uuid());
  std::erase(hex, '-');
  log->set_directory(
      fmt::format("{}/{}-{}.{}{}", log_dir, of->topic(), of->id().partition, hex, log_format::future_dir_suffix));
  futures_.emplace(log->id(), log);
  auto made = co_await make_files(log, base);
  if (made) made = co_await log->begin_anew();
  if (!made) {
    futures_.erase(log->id());
    if (made.error().kind == ErrorKind::io) take_offline(directory(log_dir), made.error());
    co_return fail(made);
  }
  co_return log;
}

Task<void> LogShard::remove_future(std::shared_ptr<PartitionLog> future) {
  const auto it = futures_.find(future->id());
  if (it != futures_.end() && it->second == future) futures_.erase(it);
  future->set_listener(nullptr);
  future->mark_removed();
  journal_of(*future).forget(future.get());
  auto remove = [this, future](Function<void()> resume) {
    Directory& dir = directory(future->log_dir());
    background(future->log_dir(), [this, &dir, future, resume = std::move(resume)]() mutable {
      dir.writer->close_directory(future->directory());
      (void)disk_.remove_all(future->directory());
      shard_.post(std::move(resume));
    });
  };
  co_await shard_.until(std::move(remove));
}

void LogShard::replace(const std::shared_ptr<PartitionLog>& log, const std::shared_ptr<PartitionLog>& future) {
  futures_.erase(log->id());
  take(log->id());
  add(future);
  log->successor_ = future;
  replaced_.push_back(log);
}

Task<void> LogShard::retire(std::shared_ptr<PartitionLog> log) {
  std::erase(replaced_, log);
  auto gone = co_await put_away(log);
  if (!gone)
    log_line(LogLevel::warn, "log", "{} has moved, and its files stay here: {}", log->directory(),
             gone.error().message);
}

// ---- The move ----

LogMove::LogMove(LogShard& home, const LogId& id, std::string to) : home_(home), id_(id), to_(std::move(to)) {}

LogMove::~LogMove() {
  if (future_ && !switched_) future_->set_listener(nullptr);
}

Offset LogMove::end() const { return future_ ? future_->end_offset() : Offset(0); }
std::uint64_t LogMove::size_bytes() const { return future_ ? future_->size_bytes() : 0; }

void LogMove::cancel() {
  cancelled_ = true;
  wake();
}

void LogMove::wake() {
  if (resume_) std::exchange(resume_, nullptr)();
}

Task<void> LogMove::pause(Duration how_long) {
  const Clock& clock = home_.shard().clock();
  const SteadyTime end = clock.now() + how_long;
  while (!cancelled_ && !from_->is_failed() && !future_->is_failed() && clock.now() < end) {
    auto wait = [this, left = end - clock.now()](Function<void()> resume) {
      resume_ = std::move(resume);
      home_.shard().arm(timer_, left, [this] { wake(); });
    };
    co_await home_.shard().until(std::move(wait));
    timer_.cancel();
  }
}

Task<void> LogMove::until_written() {
  while (future_->written_end() < future_->end_offset() && !future_->is_failed() && !cancelled_) {
    auto wait = [this](Function<void()> resume) { resume_ = std::move(resume); };
    co_await home_.shard().until(std::move(wait));
  }
}

// Batches begin at their base, which may be below the log's start.
Task<Result<Offset>> LogMove::first_base() {
  LogRead first;
  first.from = from_->start_offset();
  first.end = from_->end_offset();
  first.bytes_max = 1;
  auto data = co_await from_->read(first);
  if (!data) co_return fail(data);
  co_return data->first_base;
}

Task<Result<void>> LogMove::begin() {
  PartitionLog* log = home_.find(id_);
  if (!log || log->config().quorum) co_return fail(ErrorKind::not_found, "there is no such log to be moved");
  from_ = log->shared_from_this();
  (void)from_->take_cut();
  auto base = co_await first_base();
  if (!base) co_return fail(base);
  auto made = co_await home_.create_future(from_, to_, *base);
  if (!made) co_return fail(made);
  future_ = std::move(*made);
  future_->set_listener(this);
  co_return Result<void>();
}

Task<Result<void>> LogMove::run(Owner& owner) {
  auto copied = co_await copy_until_switched(owner);
  if (!copied) {
    if (!left_) co_await home_.remove_future(future_);
    co_return copied;
  }
  Result<void> done;
  for (;;) {
    done = co_await future_->complete_move();
    if (done || done.error().kind != ErrorKind::no_space || cancelled_) break;
    co_await pause(move_space_retry);
  }
  if (!done && !future_->is_removed()) {
    if (done.error().kind == ErrorKind::io) home_.take_offline(home_.directory(to_), done.error());
    co_return done;
  }
  co_await home_.retire(from_);
  co_return Result<void>();
}

Task<Result<void>> LogMove::copy_until_switched(Owner& owner) {
  for (;;) {
    if (cancelled_ || from_->is_removed()) co_return fail(ErrorKind::closed, "it is not wanted any more");
    if (from_->is_failed() || future_->is_failed())
      co_return fail(ErrorKind::closed, (from_->is_failed() ? from_ : future_)->log_dir() + " is out of service");
    if (named_ && try_switch(owner)) co_return Result<void>();
    const Offset target = from_->end_offset();
    auto copied = co_await copy_some();
    if (!copied) co_return fail(copied);
    if (*copied > 0) {
      co_await until_written();
      const Duration due = owner.pause_after(*copied);
      if (due > Duration::zero()) co_await pause(due);
    }
    // What is left is in memory, or soon will be.
    if (!named_ && future_->end_offset() >= target && !cancelled_ && !future_->is_failed()) {
      const std::string name = fmt::format("{}/{}-{}", to_, from_->topic(), id_.partition);
      auto named = co_await future_->relocate(name, from_->moves() + first_move);
      if (!named) co_return named;
      named_ = true;
    } else if (*copied == 0) {
      co_await pause(look_again);
    }
  }
}

// What the log has lost, at its end or its start, the copy loses too.
Task<Result<void>> LogMove::follow_cuts() {
  Result<void> done;
  const auto cut = from_->take_cut();
  bool anew = cut && *cut <= future_->start_offset();
  if (cut && !anew) done = co_await future_->truncate_to(*cut);
  if (anew || from_->start_offset() > future_->end_offset()) {
    auto base = co_await first_base();
    if (!base) co_return fail(base);
    if (anew || *base != future_->end_offset()) done = co_await future_->truncate_fully(*base);
  }
  if (!done) co_return done;
  const Offset start = from_->start_offset();
  if (start > future_->start_offset() && start <= future_->end_offset()) done = co_await future_->advance_start(start);
  co_return done;
}

Task<Result<std::size_t>> LogMove::copy_some() {
  if (from_->is_reshaping()) co_return 0;
  auto followed = co_await follow_cuts();
  if (!followed) co_return fail(followed);
  LogRead request;
  request.from = std::max(future_->end_offset(), from_->start_offset());
  request.end = from_->end_offset();
  request.bytes_max = piece_bytes;
  if (request.from >= request.end || from_->was_cut()) co_return 0;
  auto data = co_await from_->read(request);
  // Cut meanwhile, or what was to be read is deleted: that is looked at first.
  const bool old = from_->is_reshaping() || from_->was_cut() || from_->start_offset() > request.from;
  if (old) co_return 0;
  if (!data) co_return fail(data);
  auto appended = append(*data);
  co_return appended;
}

Result<std::size_t> LogMove::append(const LogData& data) {
  const std::vector<std::uint8_t> bytes = data.batches.flatten();
  wire::BatchWalker walker(bytes);
  wire::BatchHeader header;
  ByteView batch;
  std::size_t count = 0;
  while (walker.next(header, batch)) {
    if (header.base_offset < future_->end_offset().value) continue;  // read again after a cut
    if (!wire::verify_crc(batch))
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: the batch at {} is damaged", from_->directory(), header.base_offset));
    auto done = future_->append(batch, header, Need::written);
    if (!done) return fail(done);
    count += batch.size();
  }
  if (walker.error()) return std::unexpected(*walker.error());
  return count;
}

// All in one go on the shard: nothing is appended meanwhile.
bool LogMove::try_switch(Owner& owner) {
  if (from_->is_reshaping() || from_->was_cut() || from_->start_offset() != future_->start_offset()) return false;
  for (std::size_t copied = 0; future_->end_offset() < from_->end_offset();) {
    LogRead request;
    request.from = future_->end_offset();
    request.end = from_->end_offset();
    request.bytes_max = piece_bytes;
    auto data = from_->try_read(request);
    if (!data || !*data || copied > last_piece_bytes) return false;
    auto appended = append(**data);
    if (!appended || *appended == 0) return false;
    copied += *appended;
  }
  if (!owner.switch_to(*future_)) return false;
  switched_ = true;
  future_->take_over(*from_);
  home_.replace(from_, future_);
  return true;
}

}  // namespace holdfast
