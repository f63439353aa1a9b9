#include "log/log_manager.h"

#include <algorithm>
#include <set>

#include "log/checkpoints.h"
#include "log/format.h"
#include "log/log_shard.h"
#include "log/recovery.h"
#include "runtime/blocking_call.h"
#include "runtime/log_line.h"

namespace holdfast {

struct LogManager::Inner {
  LogManagerOptions options;
  Disk& disk;
  Workers& workers;
  Clock& clock;
  Random& random;
  Metrics& metrics;
  Histogram& sync_time;
  std::string cluster_id;
  bool clean = true;
  std::vector<std::string> unnamed;     // directories that do not say yet of which cluster they are
  std::vector<std::string> configured;  // the directories, with those that were left out
  std::vector<std::string> left_out;
  std::map<std::string, std::string> ids;  // directory.id, by directory
  std::vector<std::string> id_list;
  std::set<LogId> found;
  std::vector<std::vector<std::pair<LogId, std::string>>> interrupted;  // moves, by shard; touched there
  std::set<std::string> offline;                                        // shard 0
  std::map<std::string, std::set<int>> full;                            // on which shards; shard 0
  std::vector<std::shared_ptr<void>> locks;
  std::vector<std::unique_ptr<LogShard>> shards;
  std::vector<std::vector<std::unique_ptr<Timer>>> timers;  // by shard, touched there
  ShardOf shard_of;
  std::vector<std::unique_ptr<Gate>> gates;
  // What each shard last said of its logs; the checkpoints of a directory join them. Touched on the background worker.
  struct Marks {
    std::string log_dir, topic;
    LogId id;
    Offset recovery_point, start, high_watermark;
  };
  struct ShardMarks {
    std::vector<Marks> logs;
    std::map<std::string, Function<void()>> kept;  // by directory: what its journal hears once they are in a file
  };
  std::vector<ShardMarks> marks;
  std::map<std::string, OffsetCheckpoint> last_written;  // checkpoints by path: those that stay as they are are kept
  std::set<std::string> unwritten;                       // directories whose checkpoints could not be written
  bool high_watermarks_moved = false;
  std::vector<Marks> refused;  // of logs that no shard has: kept as they were, or the next start would not refuse them
  std::unique_ptr<Worker> background;  // checkpoints, left-over directories; its last jobs use what is above

  Inner(LogManagerOptions o, Disk& d, Workers& w, Clock& c, Random& r, Metrics& m)
      : options(std::move(o)),
        disk(d),
        workers(w),
        clock(c),
        random(r),
        metrics(m),
        sync_time(m.histogram("holdfast_log_round_seconds", "Journal rounds: one write and one sync")) {}

  Result<void> prepare(const std::string& dir);
  Result<void> name_directory(const std::string& dir, const std::string& id);
  Task<Result<void>> adopt(std::string id);
  Result<void> recover(const std::string& dir, const ConfigOf& config_of);
  bool leave_out(const std::string& dir, const Error& error);
  Result<bool> is_older(LogShard& shard, const RecoveredLog& log);
  LogShard& home(Shard& shard) { return *shards[static_cast<std::size_t>(shard.index())]; }
  ShardMarks marks_of(LogShard& shard);
  enum class Which : std::uint8_t { all, high_watermarks };
  Result<void> write_checkpoints(const std::string& dir, Which which);
  bool write_all_checkpoints(Which which);
  void checkpoint(LogShard& shard);
  void checkpoint_high_watermarks(LogShard& shard);
  void checkpoint_now(LogShard& shard, std::string dir, Function<void(Result<void>)> done);
  void went_offline(const std::string& dir, const Error& error);
  void filled(const std::string& dir, int shard, bool full);
  void every(LogShard& shard, Timer& timer, Duration period, void (*work)(Inner&, LogShard&));
  void start_timers(LogShard& shard);
};

// Locks the directory and reads whose it is.
Result<void> LogManager::Inner::prepare(const std::string& dir) {
  auto made = disk.create_directories(dir);
  if (!made) return fail(made);
  // The name of the directory is as durable as what it will hold.
  const auto slash = dir.find_last_of('/');
  auto named = disk.sync_directory(slash == std::string::npos ? "." : slash == 0 ? "/" : dir.substr(0, slash));
  if (!named) return fail(named);
  auto lock = disk.lock(dir + "/" + std::string(log_format::lock_file));
  if (!lock) {
    if (lock.error().kind == ErrorKind::already_exists)
      return fail(ErrorKind::already_exists,
                  fmt::format("{} is in use by another process: stop it, or choose another --data directory", dir));
    return fail(lock);
  }
  locks.push_back(std::move(*lock));
  const std::string path = dir + "/" + std::string(log_format::meta_file);
  auto meta = read_meta_properties(disk, path);
  if (!meta) return fail(meta);
  if (*meta) {
    if (!cluster_id.empty() && (*meta)->cluster_id != cluster_id)
      return fail(ErrorKind::invalid_input,
                  fmt::format("{} belongs to cluster {}, this node to {}", dir, (*meta)->cluster_id, cluster_id));
    if ((*meta)->node_id != options.node_id)
      return fail(ErrorKind::invalid_input,
                  fmt::format("{} belongs to node {}, this is node {}: set node.id, or choose another directory", dir,
                              (*meta)->node_id, options.node_id));
    cluster_id = (*meta)->cluster_id;
    std::string& id = ids[dir] = (*meta)->directory_id;
    if (!id.empty()) return {};
    id = to_base64(random.uuid());  // of an older Kafka
    return write_meta_properties(disk, path, {cluster_id, options.node_id, id});
  }
  unnamed.push_back(dir);
  ids[dir] = to_base64(random.uuid());
  return {};
}

// Its disk fails before anything was read: what the others hold can be served all the same.
bool LogManager::Inner::leave_out(const std::string& dir, const Error& error) {
  if (error.kind != ErrorKind::io || dir == configured.front()) return false;
  log_line(LogLevel::error, "log",
           "log directory {} is out of service: {} (errno {}); its partitions are offline until a restart with a "
           "healthy disk",
           dir, error.message, error.os_error);
  left_out.push_back(dir);
  std::erase(options.log_dirs, dir);
  std::erase(unnamed, dir);
  ids.erase(dir);
  return true;
}

Result<void> LogManager::Inner::name_directory(const std::string& dir, const std::string& id) {
  return write_meta_properties(disk, dir + "/" + std::string(log_format::meta_file), {id, options.node_id, ids[dir]});
}

Task<Result<void>> LogManager::Inner::adopt(std::string id) {
  if (!cluster_id.empty() && cluster_id != id)
    co_return fail(ErrorKind::invalid_input,
                   fmt::format("{} belongs to cluster {}, the ensemble is of cluster {}: this server was moved to "
                               "another ensemble, or has the directory of another server",
                               options.log_dirs.front(), cluster_id, id));
  LogShard& first = *shards.front();
  while (!unnamed.empty()) {
    const std::string dir = unnamed.back();
    Result<void> named;
    auto write = [this, &first, &named, &dir, &id](Function<void()> resume) {
      background->submit([this, &first, &named, &dir, &id, resume = std::move(resume)]() mutable {
        named = name_directory(dir, id);
        first.shard().post(std::move(resume));
      });
    };
    co_await first.shard().until(std::move(write));
    // What the others hold can be served all the same.
    const bool spared = !named && named.error().kind == ErrorKind::io && dir != configured.front();
    if (!named && named.error().kind == ErrorKind::io) first.take_offline(first.directory(dir), named.error());
    if (!named && !spared) co_return named;
    if (!named) std::erase(id_list, ids[dir]);  // it may have another at the next start: nothing is lost by that
    std::erase(unnamed, dir);
  }
  cluster_id = id;
  co_return Result<void>();
}

Result<void> LogManager::Inner::recover(const std::string& dir, const ConfigOf& config_of) {
  const std::string marker = dir + "/" + std::string(log_format::clean_shutdown_file);
  auto marked = disk.exists(marker);
  if (!marked) return fail(marked);
  auto entries = disk.list(dir);
  if (!entries) return fail(entries);
  const bool empty = std::ranges::none_of(*entries, [](const DirectoryEntry& e) { return e.directory; });
  if (!*marked && !empty) {
    clean = false;
    log_line(LogLevel::info, "log", "{} was not closed cleanly: checking its logs", dir);
  }
  if (*marked) {
    // Gone before anything is appended, so that it never vouches for more than it saw (KAFKA-15375).
    auto removed = disk.remove(marker);
    if (!removed) return fail(removed);
    auto synced = disk.sync_directory(dir);
    if (!synced) return fail(synced);
  }
  Recovery recovery(disk, dir, *marked, config_of);
  auto run = recovery.run();
  if (!run) return fail(run);
  for (auto& [id, recovered] : recovery.logs()) {
    LogShard& shard = home(shard_of(id));
    auto older = is_older(shard, recovered);
    if (!older) return fail(older);
    if (*older) continue;
    auto log = std::make_shared<PartitionLog>(shard, id, recovered.topic, recovered.log_dir, recovered.config);
    log->open(std::move(recovered.state));
    found.insert(id);
    shard.add(std::move(log));
  }
  for (const LogId& id : recovery.futures())
    interrupted[static_cast<std::size_t>(shard_of(id).index())].emplace_back(id, dir);
  for (const RefusedLog& log : recovery.refused()) {
    refused.push_back({dir, log.topic, log.id, log.recovery_point, log.start, log.high_watermark});
    found.insert(log.id);
    home(shard_of(log.id)).refuse(log.id, fmt::format("{}/{}-{}", dir, log.topic, log.id.partition));
  }
  for (const std::string& path : recovery.leftovers())
    background->submit([this, path] { (void)disk.remove_all(path); });
  return {};
}

// Two directories have the log, after a move whose end was cut short: which of them counts, the log says itself.
Result<bool> LogManager::Inner::is_older(LogShard& shard, const RecoveredLog& log) {
  const PartitionLog* other = shard.find(log.id);
  if (!other) return false;
  if (other->moves() == log.state.moves) {
    log_line(LogLevel::warn, "log", "{} and {} are of the same partition: the first one is used, the other left alone",
             other->directory(), log.directory);
    return true;
  }
  const bool older = log.state.moves < other->moves();
  auto gone = older ? put_aside(disk, log.log_dir, log.directory, log.id.topic_id)
                    : put_aside(disk, other->log_dir(), other->directory(), log.id.topic_id);
  if (!gone) return fail(gone);
  background->submit([this, path = std::move(*gone)] { (void)disk.remove_all(path); });
  if (!older) shard.drop(log.id);
  return older;
}

// Also of logs that have failed: what was synced is synced, and no start may think that nothing was ever said of them.
LogManager::Inner::ShardMarks LogManager::Inner::marks_of(LogShard& shard) {
  ShardMarks out;
  for (const auto* logs : {&shard.logs(), &shard.futures()})
    for (const auto& [id, log] : *logs)
      out.logs.push_back(
          {log->log_dir(), log->topic(), id, log->synced_offset(), log->start_offset(), log->high_watermark()});
  for (const auto& dir : shard.directories()) out.kept.emplace(dir->path, dir->journal->kept());
  return out;
}

Result<void> LogManager::Inner::write_checkpoints(const std::string& dir, Which which) {
  OffsetCheckpoint recovery, start, high_watermark, identity;
  const auto put = [&](const std::vector<Marks>& all) {
    for (const Marks& m : all) {
      if (m.log_dir != dir) continue;
      const std::pair key(m.topic, m.id.partition);
      identity[key] = identity_of(m.id.topic_id);
      recovery[key] = m.recovery_point;
      if (m.start.value > 0) start[key] = m.start;
      if (m.high_watermark.value < INT64_MAX) high_watermark[key] = m.high_watermark;
    }
  };
  put(refused);
  for (const auto& shard : marks) put(shard.logs);
  for (const auto& [file, checkpoint] :
       {std::pair(log_format::recovery_point_file, &recovery), std::pair(log_format::start_offset_file, &start),
        std::pair(log_format::high_watermark_file, &high_watermark), std::pair(log_format::identity_file, &identity)}) {
    if (which == Which::high_watermarks && checkpoint != &high_watermark && checkpoint != &identity) continue;
    const std::string path = dir + "/" + std::string(file);
    const auto before = last_written.find(path);
    if (before != last_written.end() && before->second == *checkpoint) continue;
    auto done = write_offset_checkpoint(disk, path, *checkpoint);
    if (!done) return done;
    last_written[path] = std::move(*checkpoint);
  }
  if (which == Which::high_watermarks) return {};
  for (std::size_t i = 0; i < marks.size(); ++i)
    if (auto kept = marks[i].kept.extract(dir); !kept.empty()) shards[i]->shard().post(std::move(kept.mapped()));
  return {};
}

// One directory that fails does not stand in the way of the others.
bool LogManager::Inner::write_all_checkpoints(Which which) {
  bool all = true;
  for (const std::string& dir : options.log_dirs) {
    if (which == Which::high_watermarks && !shards.front()->directory(dir).online) continue;
    auto done = write_checkpoints(dir, which);
    if (done) unwritten.erase(dir);
    if (done) continue;
    all = false;
    if (unwritten.insert(dir).second)
      log_line(LogLevel::warn, "log", "{}: checkpoints cannot be written: {}", dir, done.error().message);
    if (done.error().kind != ErrorKind::io) continue;
    LogShard& first = *shards.front();
    first.shard().post([&first, dir, error = done.error()] { first.take_offline(first.directory(dir), error); });
  }
  return all;
}

void LogManager::Inner::checkpoint(LogShard& shard) {
  background->submit([this, index = static_cast<std::size_t>(shard.shard().index()), now = marks_of(shard)]() mutable {
    marks[index] = std::move(now);
    if (index == 0) write_all_checkpoints(Which::all);  // the first shard's turn writes for all
  });
}

void LogManager::Inner::checkpoint_high_watermarks(LogShard& shard) {
  const auto index = static_cast<std::size_t>(shard.shard().index());
  if (shard.high_watermarks_moved())
    background->submit([this, index, now = marks_of(shard)]() mutable {
      marks[index] = std::move(now);
      high_watermarks_moved = true;
    });
  if (index != 0) return;
  background->submit([this] {
    if (std::exchange(high_watermarks_moved, false) && !write_all_checkpoints(Which::high_watermarks))
      high_watermarks_moved = true;
  });
}

void LogManager::Inner::checkpoint_now(LogShard& shard, std::string dir, Function<void(Result<void>)> done) {
  background->submit([this, &shard, dir = std::move(dir), now = marks_of(shard), done = std::move(done)]() mutable {
    marks[static_cast<std::size_t>(shard.shard().index())] = std::move(now);
    auto result = write_checkpoints(dir, Which::all);
    shard.shard().post([done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
  });
}

// A directory that failed on one shard is used by none.
void LogManager::Inner::went_offline(const std::string& dir, const Error& error) {
  for (auto& shard : shards)
    shard->shard().post([s = shard.get(), dir, error] { s->take_offline(s->directory(dir), error); });
  shards.front()->shard().post([this, dir] {
    if (!offline.insert(dir).second || !options.on_directory_failed) return;
    options.on_directory_failed(dir, offline.size() == options.log_dirs.size());
  });
}

void LogManager::Inner::filled(const std::string& dir, int shard, bool is_full) {
  shards.front()->shard().post([this, dir, shard, is_full] {
    std::set<int>& on = full[dir];
    const bool before = !on.empty();
    if (is_full) {
      on.insert(shard);
    } else {
      on.erase(shard);
    }
    if (before == on.empty() && options.on_directory_full) options.on_directory_full(dir, !on.empty());
  });
}

void LogManager::Inner::every(LogShard& shard, Timer& timer, Duration period, void (*work)(Inner&, LogShard&)) {
  shard.shard().arm(timer, period, [this, &shard, &timer, period, work] {
    work(*this, shard);
    every(shard, timer, period, work);
  });
}

void LogManager::Inner::start_timers(LogShard& shard) {
  const auto ms = [](std::int64_t n) { return std::chrono::milliseconds(n); };
  auto& own = timers[static_cast<std::size_t>(shard.shard().index())];
  const auto timer = [&own]() -> Timer& { return *own.emplace_back(std::make_unique<Timer>()); };
  every(shard, timer(), ms(options.retention_check_interval_ms), [](Inner& self, LogShard& s) {
    s.apply_retention();
    s.expire_producers(self.options.producer_id_expiration_ms);
  });
  every(shard, timer(), ms(options.recovery_checkpoint_interval_ms),
        [](Inner& self, LogShard& s) { self.checkpoint(s); });
  every(shard, timer(), ms(options.high_watermark_checkpoint_interval_ms),
        [](Inner& self, LogShard& s) { self.checkpoint_high_watermarks(s); });
}

LogManager::LogManager(LogManagerOptions options, Disk& disk, Workers& workers, Clock& clock, Random& random,
                       Metrics& metrics)
    : inner_(std::make_unique<Inner>(std::move(options), disk, workers, clock, random, metrics)) {}

LogManager::~LogManager() = default;

Result<void> LogManager::start(Shards& shards, ShardOf shard_of, ConfigOf config_of) {
  Inner& in = *inner_;
  in.shard_of = std::move(shard_of);
  in.cluster_id = in.options.cluster_id;
  in.background = in.workers.create("checkpoints");
  in.configured = in.options.log_dirs;
  for (const std::string& dir : in.configured) {
    auto prepared = in.prepare(dir);
    if (!prepared && !in.leave_out(dir, prepared.error())) return fail(prepared);
  }
  if (in.cluster_id.empty() && !in.options.defer_cluster_id) in.cluster_id = to_base64(in.random.uuid());
  if (!in.cluster_id.empty()) {
    for (const std::string& dir : std::exchange(in.unnamed, {})) {
      auto named = in.name_directory(dir, in.cluster_id);
      if (!named && !in.leave_out(dir, named.error())) return fail(named);
    }
  }
  const auto count = static_cast<std::size_t>(shards.size());
  in.marks.resize(count);
  in.interrupted.resize(count);
  in.timers.resize(count);
  for (int i = 0; i < shards.size(); ++i)
    in.shards.push_back(std::make_unique<LogShard>(shards.at(i), in.disk, in.workers, in.random,
                                                   in.options.tail_bytes_max / count, in.options.journal_file_bytes,
                                                   in.options.log_dirs, in.sync_time, in.options.on_congestion));
  for (const std::string& dir : std::vector(in.options.log_dirs)) {
    auto recovered = in.recover(dir, config_of);
    if (recovered) continue;
    if (!in.leave_out(dir, recovered.error())) return fail(recovered);
    for (auto& shard : in.shards) shard->directory(dir).online = false;
  }
  for (const auto& [_, id] : in.ids) in.id_list.push_back(id);
  for (auto& shard : in.shards) {
    shard->set_checkpoint([&in, s = shard.get()](const std::string& dir, Function<void(Result<void>)> done) {
      in.checkpoint_now(*s, dir, std::move(done));
    });
    shard->on_full([&in, index = shard->shard().index()](const LogShard::Directory& dir, bool full) {
      in.filled(dir.path, index, full);
    });
    shard->on_offline([&in](const LogShard::Directory& dir, const Error& error) { in.went_offline(dir.path, error); });
    auto opened = shard->open_journals();
    if (!opened) return fail(opened);
    in.marks[static_cast<std::size_t>(shard->shard().index())] = in.marks_of(*shard);
    shard->shard().post([&in, s = shard.get()] { in.start_timers(*s); });
  }
  return {};
}

namespace {
Task<bool> stop_shard(LogShard* shard) {
  co_await shard->stop();
  co_return true;
}
}  // namespace

void LogManager::stop() {
  Inner& in = *inner_;
  if (in.shards.empty()) return;
  for (auto& shard : in.shards) {
    // Kept as long as the shards run: the task leaves it a moment after its value is here.
    Gate& gate = *in.gates.emplace_back(std::make_unique<Gate>());
    shard->shard().post([&in, s = shard.get()] { in.timers[static_cast<std::size_t>(s->shard().index())].clear(); });
    blocking_call<bool>(shard->shard(), gate, [s = shard.get()] { return stop_shard(s); });
  }
  in.background.reset();
  for (auto& shard : in.shards)
    in.marks[static_cast<std::size_t>(shard->shard().index())].logs = in.marks_of(*shard).logs;
  for (auto& shard : in.marks) shard.kept.clear();  // the journals go
  for (const std::string& dir : in.options.log_dirs) {
    auto written = in.write_checkpoints(dir, Inner::Which::all);
    // A start that trusts would not see why a log was refused.
    bool healthy =
        written.has_value() && std::ranges::find(in.refused, dir, &Inner::Marks::log_dir) == in.refused.end();
    for (const auto& shard : in.shards) healthy = healthy && shard->directory(dir).online;
    if (!healthy) continue;
    auto removed = remove_journals(in.disk, dir);
    constexpr std::string_view content = "{\"version\":0,\"brokerEpoch\":-1}";
    if (removed)
      removed = in.disk.write_atomically(dir + "/" + std::string(log_format::clean_shutdown_file), as_bytes(content));
    if (!removed)
      log_line(LogLevel::error, "log", "{}: the clean-shutdown marker cannot be written: {}", dir,
               removed.error().message);
  }
}

void LogManager::stop_waiting_for_space(Shard& shard) {
  for (auto& dir : inner_->home(shard).directories()) dir->journal->stop_waiting_for_space();
}

const std::vector<std::string>& LogManager::directory_ids() const { return inner_->id_list; }
const std::vector<std::string>& LogManager::left_out() const { return inner_->left_out; }
const std::set<LogId>& LogManager::found() const { return inner_->found; }
const std::string& LogManager::cluster_id() const { return inner_->cluster_id; }
Task<Result<void>> LogManager::adopt_cluster_id(std::string id) { return inner_->adopt(std::move(id)); }
bool LogManager::was_clean() const { return inner_->clean; }

std::vector<LogDirDescription> LogManager::directories() {
  std::vector<LogDirDescription> out;
  for (const std::string& path : inner_->configured) {
    LogDirDescription& d = out.emplace_back();
    d.path = path;
    const bool used = std::ranges::find(inner_->options.log_dirs, path) != inner_->options.log_dirs.end();
    d.online = used && inner_->shards.front()->directory(path).online;
    if (auto space = inner_->disk.space(d.path)) d.space = *space;
  }
  return out;
}

Log* LogManager::find(const LogId& id) { return inner_->home(*Shard::current()).find(id); }

std::vector<Log*> LogManager::logs_of(Shard& shard) {
  std::vector<Log*> out;
  for (const auto& [_, log] : inner_->home(shard).logs()) out.push_back(log.get());
  return out;
}

Task<Result<Log*>> LogManager::create(LogId id, std::string topic, LogConfig config, std::string log_dir) {
  return inner_->home(*Shard::current()).create(id, std::move(topic), config, std::move(log_dir));
}

std::unique_ptr<LogMove> LogManager::move(const LogId& id, std::string log_dir) {
  return std::make_unique<LogMove>(inner_->home(*Shard::current()), id, std::move(log_dir));
}

std::vector<std::pair<LogId, std::string>> LogManager::take_interrupted_moves(Shard& shard) {
  return std::exchange(inner_->interrupted[static_cast<std::size_t>(shard.index())], {});
}

Task<Result<void>> LogManager::remove(LogId id) { return inner_->home(*Shard::current()).remove(id); }

}  // namespace holdfast
