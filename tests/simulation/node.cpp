#include "tests/simulation/node.h"

#include <cerrno>
#include <utility>

#include "coordination/quorum_log.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::sim {
namespace {

constexpr std::size_t journal_bytes = 256 << 10;
constexpr std::uint64_t capacity_bytes = SimulatedDisk::Options().capacity_bytes;
constexpr Duration death_max = std::chrono::minutes(1);
// Of a clean stop, in the world's time: it may be paused, or wait for space, or for a connect to nowhere.
constexpr Duration stop_max = std::chrono::minutes(2);
constexpr Duration stop_interval = std::chrono::milliseconds(1);
constexpr std::size_t read_bytes = 1 << 20;

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (const char c : text) h = (h ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  return h;
}

Log* quorum_log(LogManager& logs, Shard& shard) {
  for (Log* log : logs.logs_of(shard))
    if (QuorumLog::owns(log->id())) return log;
  return nullptr;
}

// The transactions of the log, from its start to `end`.
Task<Result<std::vector<zk::Txn>>> read_transactions(Log& log, Offset end) {
  std::vector<zk::Txn> out;
  LogRead request;
  request.bytes_max = read_bytes;
  request.end = end;
  for (request.from = log.start_offset(); request.from < end;) {
    auto data = co_await log.read(request);
    if (!data) co_return fail(data);
    if (data->batches.empty()) break;
    const std::vector<std::uint8_t> bytes = data->batches.flatten();
    wire::BatchWalker walker(bytes);
    wire::BatchHeader header;
    ByteView batch;
    while (walker.next(header, batch)) {
      if (header.is_control()) continue;  // what consensus itself had to say
      wire::RecordReader records(batch.subspan(wire::batch_header_bytes), header.record_count);
      wire::Record record;
      while (records.next(record)) {
        if (Offset(header.base_offset + record.offset_delta) >= end || !record.value) continue;
        auto txn = zk::decode_txn(*record.value);
        if (!txn) co_return fail(txn);
        out.push_back(std::move(*txn));
      }
    }
    request.from = data->next;
  }
  co_return out;
}

// Whoever reads it has to know which file it is about, and what to do.
bool names_remedy(const std::string& refusal) {
  return refusal.contains(node_directory) &&
         (refusal.contains("empty ") || refusal.contains("remove ") || refusal.contains("restore ") ||
          refusal.contains("choose another directory"));
}

class EnsembleBody final : public NodeBody {
 public:
  EnsembleBody(const NodeOptions& options, const LifeParts& parts) : options_(options), parts_(parts) {}

  Result<void> open() override {
    Host& host = parts_.host;
    LogManagerOptions log_options;
    log_options.log_dirs = {node_directory};
    log_options.node_id = options_.id;
    log_options.journal_file_bytes = journal_bytes;
    logs_ = std::make_unique<LogManager>(std::move(log_options), parts_.disk, host.loop().workers(), host.clock(),
                                         parts_.random, parts_.metrics);
    auto opened = logs_->start(
        host.shards(), [&host](const LogId&) -> Shard& { return host.shard(); },
        [](const std::string&) { return LogConfig{}; });
    if (!opened) return opened;
    EnsembleOptions options = options_.ensemble;
    options.server_id = options_.id;
    options.client = {options_.address, client_port};
    if (!options.servers.servers.empty()) {
      options.quorum = {{options_.address, quorum_port}};
      options.quorum_address = to_string(options.quorum.front());
    }
    options.data_dir = std::string(node_directory) + "/coordination";
    ensemble_ = std::make_unique<Ensemble>(std::move(options), host.shard(), *logs_,
                                           parts_.world.network().host(options_.address), parts_.disk,
                                           host.loop().workers(), host.clock(), parts_.random, parts_.metrics);
    return ensemble_->listen();
  }
  Task<Result<void>> bring_up() override { return ensemble_->start(); }
  Task<void> bring_down(bool) override { return ensemble_->stop(); }
  LogManager& logs() override { return *logs_; }
  Ensemble& ensemble() override { return *ensemble_; }

 private:
  const NodeOptions& options_;
  const LifeParts parts_;
  std::unique_ptr<LogManager> logs_;
  std::unique_ptr<Ensemble> ensemble_;
};

}  // namespace

struct SimulatedNode::Life {
  Life(World& world, std::uint64_t seed, int shards)
      : random(seeded_random(seed)), host(world.now(), world.wall_ms(), shards) {}

  std::unique_ptr<Random> random;  // before the loop, which draws from it
  Host host;
  Gate gate;
  Metrics metrics;
  std::unique_ptr<NodeBody> body;
  std::optional<SteadyTime> wall_jumped;
  std::uint64_t snapshots_installed = 0;
  bool open = false, up = false, stopping = false, ending = false;
};

SimulatedNode::SimulatedNode(World& world, NodeOptions options, NodeObserver& observer)
    : world_(world), options_(std::move(options)), observer_(observer) {
  world_.network().host(options_.address);
  disk_.before_call([this](DiskCall call, const std::string& path) { before_disk_call(call, path); });
}

SimulatedNode::~SimulatedNode() {
  if (life_) crash(Crash::process);
}

Host& SimulatedNode::host() { return life_->host; }
NodeBody& SimulatedNode::body() const { return *life_->body; }
Ensemble& SimulatedNode::ensemble() { return life_->body->ensemble(); }
bool SimulatedNode::up() const { return life_ && life_->up; }
bool SimulatedNode::serving() const { return up() && life_->body->ensemble().serving(); }
bool SimulatedNode::failed() const { return up() && life_->body->ensemble().driver().failed(); }

bool SimulatedNode::ask(Function<void(Ensemble&)> what) {
  if (!up()) return false;
  Shard::Scope scope(life_->host.shard());
  what(life_->body->ensemble());
  return true;
}

void SimulatedNode::before_disk_call(DiskCall call, const std::string& path) {
  ++disk_calls_;
  world_.trace(static_cast<std::uint64_t>(call) ^ hash_of(path));
  if (!failed_directory_.empty() && path.starts_with(failed_directory_)) disk_.fail_call(call, 0, EIO);
  if (crash_after_snapshot_ && call == DiskCall::rename && path.contains("/coordination/"))
    crash_in_ = 2 + *std::exchange(crash_after_snapshot_, std::nullopt);  // this call is the first
  if (crash_at_vote_ && changes_disk(call) && path.contains("/quorum-state")) {
    crash_at_vote_ = false;
    crash_in_ = 1;
  }
  if (crash_in_ == 0 || !changes_disk(call) || --crash_in_ > 0) return;
  disk_.cut_power();
  world_.after(Duration(0), [this, own = lives_, how = crash_how_] {
    if (life_ && lives_ == own && !life_->ending) crash(how);
  });
}

void SimulatedNode::crash_at_disk_call(std::uint64_t n, Crash how) {
  crash_in_ = n + 1;
  crash_how_ = how;
}

void SimulatedNode::crash_after_snapshot(std::uint64_t n, Crash how) {
  crash_after_snapshot_ = n;
  crash_how_ = how;
}

void SimulatedNode::crash_at_vote(Crash how) {
  crash_at_vote_ = true;
  crash_how_ = how;
}

void SimulatedNode::start() {
  HOLDFAST_CHECK(!life_);
  world_.network().start_process(options_.address);
  ++lives_;
  refusal_.clear();
  disk_erred_ = disk_is_faulty_;
  life_ = std::make_unique<Life>(world_, world_.random().next(), options_.shards);
  Life& life = *life_;
  Host& host = life.host;
  host.set_label(std::to_string(options_.id));
  world_.add(host);
  if (options_.job_delay.count() > 0) host.loop().delay_jobs(*life.random, options_.job_delay);

  const LifeParts parts{world_, host, disk_, *life.random, life.metrics};
  life.body = options_.make_body ? options_.make_body(parts) : std::make_unique<EnsembleBody>(options_, parts);
  auto opened = life.body->open();
  if (!opened) return ended(opened.error().message);
  life.open = true;
  Shard::Scope scope(host.shard());
  host.shard().spawn(life.gate, bring_up(life));
}

// From the transaction's own time, by a wall clock that has not jumped since: that of who decided it.
std::optional<SteadyTime> SimulatedNode::decided(const zk::Txn& txn) const {
  constexpr Duration lateness_max = std::chrono::minutes(2);
  if (!life_->body->ensemble().driver().judges()) return std::nullopt;
  if (life_->wall_jumped && world_.now() - *life_->wall_jumped < lateness_max) return std::nullopt;
  const Duration age = std::chrono::milliseconds(life_->host.clock().wall_ms() - txn.time_ms + 1);
  return world_.now() - age - age / 10;  // its clock may be slow
}

Task<void> SimulatedNode::bring_up(Life& life) {
  Ensemble& ensemble = life.body->ensemble();
  ensemble.subscribe([this, &life, &ensemble](const zk::Txn& txn, const zk::Effects&) {
    if (life.ending) return;
    const std::uint64_t installed = ensemble.driver().replica().snapshots_installed();
    if (std::exchange(life.snapshots_installed, installed) != installed) observer_.restored(options_.id);
    observer_.applied(options_.id, txn, ensemble.machine().digest(), decided(txn));
  });
  if (ensemble.alone()) {
    std::vector<zk::Txn> found;
    if (Log* log = quorum_log(life.body->logs(), life.host.shard())) {
      auto txns = co_await read_transactions(*log, log->end_offset());
      if (!txns) {
        end_soon(life, txns.error().message);
        co_return;
      }
      found = std::move(*txns);
    }
    if (life.ending) co_return;
    observer_.log_was_read(options_.id, found);
  }
  auto started = co_await life.body->bring_up();
  life.up = started.has_value();
  if (!started) {
    end_soon(life, started.error().message);
    co_return;
  }
  observer_.started(options_.id, ensemble.last_applied(), ensemble.machine().digest());
}

void SimulatedNode::end_soon(Life& life, std::string why) {
  if (&life != life_.get()) return;
  // By its number: the next one may stand in memory where this one stood.
  world_.after(Duration(0), [this, why = std::move(why), own = lives_] {
    if (life_ && lives_ == own && !life_->ending) ended(why);
  });
}

// A start that failed. With its power cut, the crash that follows says what becomes of the disk.
void SimulatedNode::ended(std::string why) {
  if (!disk_.powered()) return;
  if (disk_is_damaged_ && names_remedy(why)) {
    refusal_ = std::move(why);
  } else if (!disk_is_faulty_) {
    observer_.refused_to_start(options_.id, why);
  }
  disk_is_faulty_ ? crash_after_disk_error() : crash(Crash::process);
}

// What a failed sync left in memory is not on the disk: the machine is to be restarted, not the process alone.
void SimulatedNode::crash_after_disk_error() {
  crash(options_.memory_outlives_disk_errors ? Crash::process : Crash::power_and_cache);
}

void SimulatedNode::take_down() {
  Life& life = *life_;
  life.ending = true;
  if (life.open) snapshots_installed_ += life.body->ensemble().driver().replica().snapshots_installed();
  world_.remove(life.host);
  // What still runs finds a dead disk and a dead network. It is run all the same: tasks must leave what they refer to.
  const auto left = [&life] { return life.gate.holders() == 0; };
  bool over = life.host.loop().run_until(left, death_max);
  if (over && life.open && !life.stopping) {
    {
      Shard::Scope scope(life.host.shard());
      life.host.shard().spawn(life.gate, life.body->bring_down(false));
    }
    over = life.host.loop().run_until(left, death_max);
  }
  if (!over) {
    observer_.hangs(options_.id);
    (void)life_.release();  // nothing of it can be destroyed
    return;
  }
  life.host.loop().run_all_jobs();
  Shard::Scope scope(life.host.shard());
  life.body.reset();
}

void SimulatedNode::crash(Crash how) {
  HOLDFAST_CHECK(life_ != nullptr);
  ++crashes_;
  crash_in_ = 0;
  if (how == Crash::process && disk_erred_ && !options_.memory_outlives_disk_errors) how = Crash::power_and_cache;
  life_->ending = true;
  if (how == Crash::process) {
    world_.network().kill_process(options_.address);
  } else {
    world_.network().power_off(options_.address);
  }
  disk_.cut_power();
  take_down();
  switch (how) {
    case Crash::process:
      disk_.process_death();
      break;
    case Crash::power:
      disk_.power_loss(world_.random());
      break;
    case Crash::power_and_cache:
      disk_.power_loss_of_all_unsynced();
      break;
  }
  life_.reset();
}

void SimulatedNode::stop() {
  HOLDFAST_CHECK(up());
  crash_in_ = 0;
  Life& life = *life_;
  life.up = false;
  life.stopping = true;
  {
    Shard::Scope scope(life.host.shard());
    life.host.shard().spawn(life.gate, life.body->bring_down(true));
  }
  finish_stop(lives_, world_.now() + stop_max);
}

void SimulatedNode::finish_stop(std::uint64_t life, SteadyTime until) {
  if (!life_ || lives_ != life || life_->ending) return;  // it crashed meanwhile
  if (life_->gate.holders() > 0 && world_.now() < until) {
    world_.after(stop_interval, [this, life, until] { finish_stop(life, until); });
    return;
  }
  if (life_->gate.holders() > 0) observer_.hangs(options_.id);
  take_down();
  world_.network().kill_process(options_.address);
  if (disk_erred_ && !options_.memory_outlives_disk_errors) {
    disk_.power_loss_of_all_unsynced();
  } else {
    disk_.process_death();
  }
  life_.reset();
}

void SimulatedNode::reformat() {
  HOLDFAST_CHECK(!life_);
  forget_crash();
  for (const char* directory : {node_directory, second_directory})
    HOLDFAST_CHECK(disk_.remove_all(directory).has_value());
  disk_.sync_all();
  disk_is_damaged_ = false;
  refusal_.clear();
}

void SimulatedNode::flip_bit(const std::string& path, std::uint64_t offset, unsigned bit) {
  disk_is_damaged_ = true;
  disk_.flip_bit(path, offset, bit);
}

void SimulatedNode::remedy(const std::string& remove) {
  HOLDFAST_CHECK(!life_);
  forget_crash();
  HOLDFAST_CHECK(disk_.remove_all(remove).has_value());
  disk_.sync_all();
  disk_is_damaged_ = false;
  refusal_.clear();
}

void SimulatedNode::fail_disk_call(DiskCall call, std::uint64_t n, int os_error) {
  disk_is_faulty_ = disk_erred_ = true;
  disk_.fail_call(call, n, os_error);
}

void SimulatedNode::fill_disk() {
  disk_is_faulty_ = true;
  auto space = disk_.space("/");
  if (space) disk_.set_capacity(capacity_bytes - space->available_bytes);
}

void SimulatedNode::fail_directory(std::string path) {
  disk_is_faulty_ = disk_erred_ = true;
  failed_directory_ = std::move(path);
}

void SimulatedNode::slow_disk(std::optional<Duration> longest) {
  if (life_) life_->host.loop().delay_jobs(*life_->random, longest.value_or(options_.job_delay));
}

void SimulatedNode::mend_disk() {
  failed_directory_.clear();
  constexpr std::uint64_t never = std::uint64_t{1} << 60;
  for (std::size_t call = 0; call < disk_call_count; ++call) disk_.fail_call(static_cast<DiskCall>(call), never, 0);
  disk_.set_capacity(capacity_bytes);
  disk_is_faulty_ = false;
}

void SimulatedNode::pause(Duration how_long) {
  if (life_) life_->host.pause(world_.now() + how_long);
}

void SimulatedNode::set_drift(std::int64_t ppm) {
  if (life_) life_->host.set_drift(world_.now(), ppm);
}

void SimulatedNode::jump_wall_clock(std::int64_t ms) {
  if (!life_) return;
  life_->wall_jumped = world_.now();
  life_->host.clock().jump_wall(ms);
}

}  // namespace holdfast::sim
