#include "log/log_shard.h"

#include <algorithm>

#include "log/checkpoints.h"
#include "log/format.h"
#include "runtime/log_line.h"

namespace holdfast {

namespace {
constexpr Duration name_wait_max = std::chrono::seconds(30);
constexpr std::int64_t log_kept_ms = 30'000;  // of one that is gone, for those who are reading in it
}  // namespace

LogShard::LogShard(Shard& shard, Disk& disk, Workers& workers, Random& random, std::size_t tail_bytes_max,
                   std::size_t journal_file_bytes, const std::vector<std::string>& log_dirs, Histogram& sync_time,
                   std::function<void(bool)> on_congestion)
    : shard_(shard), disk_(disk), random_(random), tail_bytes_max_(tail_bytes_max) {
  for (std::size_t i = 0; i < log_dirs.size(); ++i) {
    auto dir = std::make_unique<Directory>();
    dir->path = log_dirs[i];
    const auto name = [&](const char* what) { return fmt::format("{}-{}.{}", what, shard.index(), i); };
    dir->journal_worker = workers.create(name("journal"));
    dir->flush_worker = workers.create(name("flush"));
    dir->read_worker = workers.create(name("read"));
    dir->writer = std::make_shared<SegmentWriter>(disk);
    dir->reader = std::make_shared<SegmentReader>(disk);
    JournalOptions options;
    options.directory = log_dirs[i];
    options.shard = shard.index();
    options.file_bytes = journal_file_bytes;
    options.on_congestion = on_congestion;
    options.on_checkpoint_wanted = [this, d = dir.get()] { checkpoint_soon(*d); };
    options.on_space = [this, d = dir.get()] { space_changed(*d); };
    dir->journal = std::make_unique<Journal>(options, shard, disk, *dir->journal_worker, *dir->flush_worker, sync_time,
                                             [this, d = dir.get()](const Error& error) { take_offline(*d, error); });
    directories_.push_back(std::move(dir));
  }
}

LogShard::~LogShard() = default;

Result<void> LogShard::open_journals() {
  for (auto& dir : directories_) {
    if (!dir->online) continue;
    auto opened = dir->journal->open();
    if (!opened) return fail(opened);
  }
  return {};
}

LogShard::Directory& LogShard::directory(const std::string& log_dir) {
  for (auto& dir : directories_)
    if (dir->path == log_dir) return *dir;
  panic(__FILE__, __LINE__, "a log of a directory that is not ours");
}

PartitionLog* LogShard::find(const LogId& id) {
  const auto it = logs_.find(id);
  return it == logs_.end() ? nullptr : it->second.get();
}

void LogShard::add(std::shared_ptr<PartitionLog> log) {
  ++directory(log->log_dir()).logs;
  HOLDFAST_CHECK(logs_.emplace(log->id(), log).second);
}

std::shared_ptr<PartitionLog> LogShard::take(const LogId& id) {
  const auto it = logs_.find(id);
  if (it == logs_.end()) return nullptr;
  std::shared_ptr<PartitionLog> log = std::move(it->second);
  logs_.erase(it);
  --directory(log->log_dir()).logs;
  return log;
}

Task<Result<Log*>> LogShard::create(LogId id, std::string topic, LogConfig config, std::string log_dir) {
  if (Log* there = find(id)) co_return there;
  if (const auto refused = refused_.find(id); refused != refused_.end())
    co_return fail(ErrorKind::corrupt, fmt::format("the log {} is damaged", refused->second));
  // A move of the one that was removed ends first: it still has the directories.
  const auto is_moving = [&] {
    return futures_.contains(id) || std::ranges::any_of(replaced_, [&](const auto& log) { return log->id() == id; });
  };
  while (is_moving() && !stopping_) co_await shard_.sleep(std::chrono::milliseconds(10));
  if (Log* there = find(id)) co_return there;
  if (log_dir.empty()) {
    const Directory* best = nullptr;
    std::pair<bool, std::size_t> fewest{true, SIZE_MAX};  // one that is full only if all are
    for (const auto& dir : directories_) {
      const std::pair<bool, std::size_t> here{dir->is_full(), dir->logs + dir->creating};
      if (dir->online && here < fewest) fewest = here, best = dir.get();
    }
    if (!best) co_return fail(ErrorKind::io, "no log directory is online");
    log_dir = best->path;
  } else {
    const auto chosen = std::ranges::find(directories_, log_dir, [](const auto& dir) { return dir->path; });
    if (chosen == directories_.end()) co_return fail(ErrorKind::not_found, log_dir + " is no log directory");
    if (!(*chosen)->online) co_return fail(ErrorKind::io, log_dir + " is out of service");
  }
  auto log = std::make_shared<PartitionLog>(*this, id, std::move(topic), log_dir, config);
  ++directory(log_dir).creating;
  auto made = co_await make_files(log, Offset(0));
  // A topic of that name was deleted a moment ago, and its log, perhaps another shard's, is not out of the way yet.
  const SteadyTime until = shard_.clock().now() + name_wait_max;
  while (!made && made.error().kind == ErrorKind::already_exists && !stopping_ && shard_.clock().now() < until) {
    co_await shard_.sleep(std::chrono::milliseconds(10));
    made = co_await make_files(log, Offset(0));
  }
  --directory(log_dir).creating;
  if (!made && made.error().kind == ErrorKind::io) take_offline(directory(log_dir), made.error());
  if (!made) co_return fail(made);
  if (removed_.contains(id)) {
    auto emptied = co_await log->truncate_fully(Offset(0));
    if (!emptied) co_return fail(emptied);
  }
  if (Log* there = find(id)) co_return there;
  add(log);
  co_return log.get();
}

// Durable before the first append: the journal names the log by its id, and a log that a start does not find is one
// that was deleted.
Task<Result<void>> LogShard::make_files(std::shared_ptr<PartitionLog> log, Offset base) {
  auto made = std::make_shared<Result<void>>();
  auto make = [this, log, made, base](Function<void()> resume) {
    background(log->log_dir(), [this, log, made, base, resume = std::move(resume)]() mutable {
      const std::string directory = log->directory();
      const std::string metadata = directory + "/" + std::string(log_format::partition_metadata_file);
      auto owner = read_partition_metadata(disk_, metadata);
      if (!owner) {
        *made = fail(owner);
      } else if (*owner && **owner != log->id().topic_id) {
        *made = fail(ErrorKind::already_exists, directory + " is the log of another topic");
      } else {
        *made = disk_.create_directories(directory);
      }
      if (*made) *made = write_partition_metadata(disk_, metadata, log->id().topic_id);
      if (*made) {
        auto file = disk_.open(directory + "/" + log_format::segment_name(base, log_format::log_suffix),
                               {.write = true, .create = true});
        *made = file ? disk_.sync_directory(directory) : Result<void>(fail(file));
      }
      shard_.post(std::move(resume));
    });
  };
  co_await shard_.until(std::move(make));
  if (*made) *made = co_await name_logs(directory(log->log_dir()));
  if (!*made) co_return *made;
  PartitionLog::Recovered fresh;
  fresh.segments.push_back(std::make_unique<Segment>(base));
  fresh.segments.back()->indexes_known = true;
  fresh.closed = true;
  fresh.start = fresh.end = fresh.high_watermark = base;
  log->open(std::move(fresh));
  co_return *made;
}

// Logs that are made at a time share the sync of the directory that has their names.
Task<Result<void>> LogShard::name_logs(Directory& dir) {
  auto named = std::make_shared<Result<void>>();
  auto wait = [this, &dir, named](Function<void()> resume) {
    dir.unnamed.push_back([named, resume = std::move(resume)](const Result<void>& done) mutable {
      *named = done;
      resume();
    });
    if (dir.unnamed.size() > 1) return;
    // Behind those that are being made now.
    background(dir.path, [this, &dir] {
      shard_.post([this, &dir] {
        auto waiting =
            std::make_shared<std::vector<Function<void(const Result<void>&)>>>(std::exchange(dir.unnamed, {}));
        background(dir.path, [this, &dir, waiting] {
          shard_.post([waiting, done = disk_.sync_directory(dir.path)] {
            for (auto& told : *waiting) told(done);
          });
        });
      });
    });
  };
  co_await shard_.until(std::move(wait));
  co_return *named;
}

Task<Result<void>> LogShard::remove(LogId id) {
  const std::shared_ptr<PartitionLog> log = take(id);
  if (!log) co_return fail(ErrorKind::not_found, "no such log");
  removed_.insert(id);
  auto done = co_await put_away(log);
  co_return done;
}

// Its directory is renamed at once and removed later; the log itself stays for those who read in it.
Task<Result<void>> LogShard::put_away(std::shared_ptr<PartitionLog> log) {
  log->mark_removed();
  journal_of(*log).forget(log.get());
  const std::int64_t delay_ms = log->config().file_delete_delay_ms;
  std::string hex = to_hex_uuid(random_.uuid());
  std::erase(hex, '-');
  const std::string gone = fmt::format("{}/{}-{}.{}{}", log->log_dir(), log->topic(), log->id().partition, hex,
                                       log_format::deleted_dir_suffix);
  auto done = std::make_shared<Result<void>>();
  auto move = [this, log, done, gone](Function<void()> resume) {
    Directory& dir = directory(log->log_dir());
    background(log->log_dir(), [this, &dir, log, done, gone, resume = std::move(resume)]() mutable {
      dir.writer->close_directory(log->directory());
      *done = disk_.rename(log->directory(), gone);
      if (*done) *done = disk_.sync_directory(log->log_dir());
      dir.read_worker->submit([&dir, log] { dir.reader->close_directory(log->directory()); });
      shard_.post(std::move(resume));
    });
  };
  co_await shard_.until(std::move(move));
  if (*done) later(delay_ms, log->log_dir(), [this, gone] { (void)disk_.remove_all(gone); });
  later(log_kept_ms, log->log_dir(), [log] {});
  if (!*done && done->error().kind == ErrorKind::io) take_offline(directory(log->log_dir()), done->error());
  co_return *done;
}

void LogShard::later(std::int64_t delay_ms, std::string log_dir, Function<void()> work) {
  if (stopping_) return;  // the next start finds what is left
  auto timer = std::make_shared<Timer>();
  const std::uint64_t key = next_later_++;
  later_.emplace(key, timer);
  shard_.arm(*timer, std::chrono::milliseconds(delay_ms),
             [this, key, log_dir = std::move(log_dir), work = std::move(work)]() mutable {
               background(log_dir, std::move(work));
               shard_.defer([this, key] { later_.erase(key); });
             });
}

void LogShard::delete_later(const PartitionLog& log, Offset base, std::int64_t delay_ms) {
  Directory& dir = directory(log.log_dir());
  const std::string& directory = log.directory();
  std::vector<std::string> gone;
  for (const auto suffix :
       {log_format::log_suffix, log_format::index_suffix, log_format::timeindex_suffix, log_format::txnindex_suffix})
    gone.push_back(directory + "/" + log_format::segment_name(base, suffix));
  background(log.log_dir(), [this, &dir, directory, base, gone] {
    dir.writer->close(directory, base);
    for (const std::string& path : gone) (void)disk_.rename(path, path + std::string(log_format::deleted_suffix));
    (void)disk_.remove(directory + "/" + log_format::segment_name(base, log_format::snapshot_suffix));
  });
  dir.read_worker->submit([&dir, directory, base] { dir.reader->close(directory, base); });
  later(delay_ms, log.log_dir(), [this, gone] {
    for (const std::string& path : gone) (void)disk_.remove(path + std::string(log_format::deleted_suffix));
  });
}

void LogShard::flush(const std::shared_ptr<PartitionLog>& log) {
  auto job = log->next_flush(false);
  if (job) run(directory(log->log_dir()), std::make_shared<FlushJob>(std::move(*job)));
}

void LogShard::run(Directory& dir, std::shared_ptr<FlushJob> job) {
  dir.queued.push_back(std::move(job));
  if (dir.queued.size() == 1) shard_.defer([this, &dir] { run_queued(dir); });
}

void LogShard::run_queued(Directory& dir) {
  if (dir.queued.empty()) return;
  dir.flush_worker->submit([this, &dir, jobs = std::exchange(dir.queued, {}), writer = dir.writer]() mutable {
    std::vector<Result<void>> results = writer->run(jobs);
    shard_.post([this, &dir, jobs = std::move(jobs), results = std::move(results)]() mutable {
      for (std::size_t i = 0; i < jobs.size(); ++i) flush_done(dir, std::move(jobs[i]), std::move(results[i]));
    });
  });
}

void LogShard::flush_done(Directory& dir, std::shared_ptr<FlushJob> job, Result<void> result) {
  if (!result && result.error().kind == ErrorKind::no_space && !stopping_) {
    if (!std::exchange(dir.out_of_space, true))
      log_line(LogLevel::error, "log", "{} is full: segments cannot be written: {}", dir.path, result.error().message);
    const std::shared_ptr<PartitionLog> log = job->log;
    wait_for_space(dir, std::move(job));
    log->flush_blocked();
    return space_changed(dir);
  }
  if (!result) return take_offline(dir, result.error());
  if (dir.blocked.empty()) segments_fit(dir);
  job->log->flushed(*job);
  bound_memory();
}

// Tried again until there is room: the bytes are in memory, and in the journal unless somebody waits for them here.
void LogShard::wait_for_space(Directory& dir, std::shared_ptr<FlushJob> job) {
  if (dir.blocked.empty()) {
    shard_.arm(dir.retry, std::chrono::seconds(1), [this, &dir] {
      for (auto& again : std::exchange(dir.blocked, {})) {
        if (again->log->is_removed()) {
          again->log->flushed(*again);
        } else {
          run(dir, std::move(again));
        }
      }
      // Nobody is left who would find out: the next one does.
      if (dir.queued.empty() && dir.blocked.empty()) segments_fit(dir);
    });
  }
  dir.blocked.push_back(std::move(job));
}

void LogShard::segments_fit(Directory& dir) {
  if (!std::exchange(dir.out_of_space, false)) return;
  log_line(LogLevel::info, "log", "{} has space again: segments are written", dir.path);
  space_changed(dir);
}

void LogShard::space_changed(Directory& dir) {
  const bool full = dir.is_full();
  if (std::exchange(dir.told_full, full) != full && on_full_) on_full_(dir, full);
}

Task<void> LogShard::flush_one(std::shared_ptr<PartitionLog> log, bool waits_for_space) {
  const std::uint64_t target = log->end_address();
  const Directory& dir = directory(log->log_dir());
  while (!log->is_failed() && !log->is_removed() && (log->flushed_address() < target || log->is_flushing())) {
    if (!waits_for_space && dir.is_full()) break;
    auto flushed = [&log](Function<void()> resume) {
      log->when_flushed(std::move(resume));
      log->flush_soon();
    };
    co_await shard_.until(std::move(flushed));
  }
}

void LogShard::tails_grew(const std::shared_ptr<PartitionLog>& log) {
  recent_.emplace_back(log, log->flushed_address());
}

void LogShard::bound_memory() {
  while (tail_bytes_ > tail_bytes_max_ && !recent_.empty()) {
    if (const auto log = recent_.front().first.lock()) log->trim_tail(recent_.front().second, false);
    recent_.pop_front();
  }
  // Entries of logs that were trimmed or removed meanwhile say nothing any more.
  constexpr std::size_t entries_max = 100'000;
  while (recent_.size() > entries_max) recent_.pop_front();
}

void LogShard::checkpoint_soon(Directory& dir) {
  if (!checkpoint_ || !dir.online || std::exchange(dir.checkpointing, true)) return;
  checkpoint_(dir.path, [&dir](const Result<void>&) { dir.checkpointing = false; });
}

Task<Result<void>> LogShard::checkpoint_now(const std::string& log_dir) {
  Result<void> out;
  if (!checkpoint_) co_return out;
  auto write = [this, &out, &log_dir](Function<void()> resume) {
    checkpoint_(log_dir, [&out, resume = std::move(resume)](Result<void> result) mutable {
      out = std::move(result);
      resume();
    });
  };
  co_await shard_.until(std::move(write));
  co_return out;
}

void LogShard::apply_retention() {
  const std::int64_t now = shard_.clock().wall_ms();
  for (const auto& [_, log] : logs_) log->apply_retention(now);
}

void LogShard::expire_producers(std::int64_t idle_max_ms) {
  const std::int64_t now = shard_.clock().wall_ms();
  for (const auto& [_, log] : logs_) log->producers().expire(now, idle_max_ms);
}

Task<void> LogShard::stop() {
  stopping_ = true;
  later_.clear();
  // What is still blocked fails this time: the journal keeps it for the next start.
  for (auto& dir : directories_)
    for (auto& again : std::exchange(dir->blocked, {})) run(*dir, std::move(again));
  std::vector<std::shared_ptr<PartitionLog>> all;
  for (const auto& [_, log] : logs_)
    if (!log->is_closed()) all.push_back(log);
  all.insert(all.end(), replaced_.begin(), replaced_.end());
  for (const auto& log : all)
    if (log->is_bypassing()) co_await flush_one(log);
  for (auto& dir : directories_) {
    Journal* journal = dir->journal.get();
    journal->stop_waiting_for_space();
    auto idle = [journal](Function<void()> resume) { journal->when_idle(std::move(resume)); };
    co_await shard_.until(std::move(idle));
  }
  for (const auto& log : all) log->flush_soon();
  for (const auto& log : all) co_await flush_one(log);
  for (auto& dir : directories_) {
    // Exact length, indexes, producer snapshot: what a trusting start relies on.
    std::vector<std::shared_ptr<FlushJob>> closing;
    for (const auto& log : all)
      if (log->log_dir() == dir->path && !log->is_failed())
        closing.push_back(std::make_shared<FlushJob>(log->closing_job()));
    auto close = [this, &dir, &closing](Function<void()> resume) {
      background(dir->path, [this, &dir, &closing, resume = std::move(resume)]() mutable {
        const std::vector<Result<void>> results = dir->writer->run(closing);
        for (std::size_t i = 0; i < closing.size(); ++i) {
          if (results[i]) continue;
          dir->online = false;
          log_line(LogLevel::error, "log", "{}: cannot be closed cleanly: {}", closing[i]->directory,
                   results[i].error().message);
        }
        shard_.post(std::move(resume));
      });
    };
    co_await shard_.until(std::move(close));
  }
}

void LogShard::take_offline(Directory& dir, const Error& error) {
  if (!dir.online.exchange(false)) return;
  log_line(LogLevel::error, "log",
           "log directory {} is out of service: {} (errno {}); its partitions are offline until a restart with a "
           "healthy disk",
           dir.path, error.message, error.os_error);
  for (const auto* logs : {&logs_, &futures_})
    for (const auto& [_, log] : *logs)
      if (log->log_dir() == dir.path) log->failed(error);
  for (const auto& log : replaced_)
    if (log->log_dir() == dir.path) log->failed(error);
  if (on_offline_) on_offline_(dir, error);
}

}  // namespace holdfast
