// QuorumDriver: requests become entries, and entries become the state.
#include "coordination/quorum_driver.h"

#include <fmt/format.h>

#include <utility>

#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr std::size_t apply_bytes = 4 << 20;  // read at once
constexpr std::size_t batch_bytes = 1 << 20;  // of entries in one batch, but for a larger one

zk::Effects unknown_outcome() {
  zk::Effects out;
  out.result.error = zk::ZkError::connection_loss;
  return out;
}

}  // namespace

QuorumDriver::QuorumDriver(QuorumDriverOptions options, Listener& listener, zk::ZnodeMachine& machine, Shard& shard,
                           LogManager& logs, Disk& disk, Workers& workers, Network& network, Random& random,
                           Metrics& metrics)
    : options_(std::move(options)),
      listener_(listener),
      machine_(machine),
      shard_(shard),
      random_(random),
      replica_(options_.quorum, *this, shard, logs, disk, workers, network, random),
      taker_(shard, replica_.worker(), replica_.snapshots(), options_.snapshots_kept, metrics),
      snapshot_after_(options_.snapshot_count),
      log_latency_(
          metrics.histogram("coordination_log_sync_seconds", "From the append of a burst until it is committed.")),
      life_(random.next()),
      config_(options_.configured) {
  // Servers of an ensemble do not all write their snapshots at the same entry.
  if (!alone() && snapshot_after_ > 1) {
    const std::int64_t half = snapshot_after_ / 2;
    snapshot_after_ =
        snapshot_after_ - half + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(half)));
  }
}

QuorumDriver::~QuorumDriver() { *alive_ = false; }

Task<Result<void>> QuorumDriver::start() {
  auto opened = co_await replica_.open();
  if (!opened) co_return holdfast::fail(opened);
  applied_ = replica_.restored_end();
  applied_term_ = replica_.core().committed_term();
  started_ = true;
  if (alone()) {
    silent_until_ = replica_.log().end();
    replica_.start();
    auto judging = [this](Function<void()> resume) {
      if (judging_ || failed()) return resume();
      ready_waiters_.push_back(std::move(resume));
    };
    co_await shard_.until(std::move(judging));
    if (failed()) co_return holdfast::fail(ErrorKind::io, "the coordination log cannot be written");
    serving_ = true;
    co_return Result<void>();
  }
  followed_at_ = role_since_ = looking_since_ = unavailable_since_ = disk_moved_at_ = polled_at_ = shard_.clock().now();
  ++told_.looked;
  update_config();
  replica_.start();
  poll();
  co_return Result<void>();
}

// ---- Requests ----

void QuorumDriver::propose(const zk::WriteRequest& request, const zk::Caller& caller, Applied done) {
  if (failed() || (!alone() && !serving_)) {
    if (done) done(unknown_outcome());
    return;
  }
  if (alone()) return prepare(request, caller, std::nullopt, std::move(done));
  if (!done) {
    // The leader's own, such as a session's expiry: the next one decides that for itself.
    if (judging_) prepare(request, caller, std::nullopt, nullptr);
    return;
  }
  const std::uint64_t number = next_number_++;
  const bool first = own_sent_ == own_.size();  // nothing before it waits to be sent
  own_.push_back({number, zk::encode(request, caller), std::move(done), shard_.clock().now()});
  if (!judging_ || !first) return send_own();
  ++own_sent_;
  prepare(request, caller, Origin{options_.quorum.self, life_, number}, nullptr);
}

void QuorumDriver::prepare(const zk::WriteRequest& request, const zk::Caller& caller, std::optional<Origin> origin,
                           Applied done) {
  pending_.push_back(
      {Offset(-1), machine_.prepare(request, caller, shard_.clock().wall_ms()), origin, std::move(done)});
  ++unlogged_;
  log_burst_soon();
}

void QuorumDriver::log_burst_soon() {
  if (std::exchange(deferred_, true)) return;
  shard_.defer([this, alive = alive_] {
    if (!*alive) return;
    deferred_ = false;
    replica_.submit([this] { log_burst(); });
  });
}

// In batches that can be sent, and synced, while the next ones are made.
void QuorumDriver::log_burst() {
  // Who is to lead next must not fall behind again. What waits is logged if the transfer fails, or sent to the new one.
  if (replica_.core().is_transferring()) return;
  while (unlogged_ > 0 && replica_.leads() && !failed()) {
    std::vector<QuorumLog::Entry> entries;
    entries.reserve(unlogged_);
    Offset next = replica_.log().end();
    std::size_t bytes = 0;
    for (std::size_t i = pending_.size() - unlogged_; i < pending_.size() && bytes < batch_bytes; ++i) {
      entries.push_back({pending_[i].origin, zk::encode(pending_[i].txn)});
      bytes += entries.back().bytes.size();
      told_.proposal_bytes.add(static_cast<std::int64_t>(entries.back().bytes.size()));
      pending_[i].offset = next;
      ++next;
    }
    told_.proposals += entries.size();
    unlogged_ -= entries.size();
    appended_.emplace_back(next, shard_.clock().now());
    replica_.append(entries);
  }
}

// ---- Entries ----

void QuorumDriver::on_committed() {
  const SteadyTime now = shard_.clock().now();
  for (; !appended_.empty() && appended_.front().first <= replica_.commit(); appended_.pop_front())
    log_latency_.record(static_cast<std::uint64_t>((now - appended_.front().second).count()));
  if (applying_) return;  // from the disk: that comes by here again
  while (applied_ < replica_.commit() && !failed()) {
    if (!pending_.empty() && pending_.front().offset == applied_) {
      Pending next = std::move(pending_.front());
      pending_.pop_front();
      apply(next.txn, next.origin, std::move(next.done));
      continue;
    }
    auto data = replica_.log().try_read(applied_, replica_.commit(), apply_bytes);
    if (!data) {
      applying_ = shard_.spawn(gate_, apply_from_disk());
      return;
    }
    const Offset before = applied_;
    auto applied = *data ? apply_batches((*data)->bytes) : Result<void>(holdfast::fail(*data));
    if (applied && applied_ == before) applied = holdfast::fail(ErrorKind::corrupt, "an entry is missing");
    if (!applied)
      return contradicted(
          fmt::format("the coordination log cannot be read at {}: {}", applied_.value, applied.error().message));
  }
  applied_all();
}

Task<void> QuorumDriver::apply_from_disk() {
  while (applied_ < replica_.commit() && !failed() && !stopping_) {
    const Offset from = applied_;
    auto data = co_await replica_.log().read(from, replica_.commit(), apply_bytes);
    // A snapshot may have been installed meanwhile, or is about to be: the state is then another one already.
    if (restoring_ || applied_ != from) break;
    auto applied = data ? apply_batches(data->bytes) : Result<void>(holdfast::fail(data));
    if (applied && applied_ == from) applied = holdfast::fail(ErrorKind::corrupt, "an entry is missing");
    if (applied) continue;
    if (!stopping_)
      contradicted(fmt::format("the coordination log cannot be read at {}: {}", from.value, applied.error().message));
    break;
  }
  applying_ = false;
  if (!failed() && !stopping_ && !restoring_) on_committed();
}

Result<void> QuorumDriver::apply_batches(ByteView batches) {
  wire::BatchWalker walker(batches);
  wire::BatchHeader header;
  ByteView batch;
  while (walker.next(header, batch) && !failed()) {
    if (Offset(header.last_offset()) < applied_) continue;
    if (header.is_control()) {
      auto entry = control_entry_of(header, batch);
      if (!entry) return holdfast::fail(entry);
      apply(*entry, Term(header.leader_epoch));
      continue;
    }
    wire::RecordReader records(batch.subspan(wire::batch_header_bytes), header.record_count);
    wire::Record record;
    while (!failed() && records.next(record)) {
      if (Offset(header.base_offset + record.offset_delta) < applied_) continue;
      if (!record.value) return holdfast::fail(ErrorKind::corrupt, "an entry without a transaction");
      auto txn = zk::decode_txn(*record.value);
      if (!txn) return holdfast::fail(txn);
      std::optional<Origin> origin;
      if (record.key) {
        auto read = Origin::decode(*record.key);
        if (!read) return holdfast::fail(read);
        origin = *read;
      }
      apply(*txn, origin, nullptr);
    }
    if (records.error()) return holdfast::fail(ErrorKind::corrupt, records.error());
  }
  return {};
}

void QuorumDriver::apply(const zk::Txn& txn, const std::optional<Origin>& origin, Applied done) {
  const zk::Effects& effects = machine_.apply(txn);
  if (!effects.contradiction.empty()) {
    contradicted(fmt::format("entry {} contradicts the state: {}", applied_.value, effects.contradiction));
    if (done) done(unknown_outcome());
    return;
  }
  ++applied_;
  ++since_snapshot_;
  ++(judging_ ? told_.commits : told_.received_commits);
  if (!alone() && applied_.value % digest_interval == 0) exchange_digest();
  if (applied_ > silent_until_) {
    if (!effects.events.empty()) listener_.on_events(effects);
    for (Subscriber& subscriber : subscribers_) subscriber(txn, effects);
  }
  if (!effects.new_config.empty()) update_config();
  if (done) done(effects);
  if (origin && origin->server == options_.quorum.self && origin->life == life_)
    finish_own(origin->number, txn, effects);
}

void QuorumDriver::apply(const ControlEntry& entry, Term term) {
  ++applied_;
  ++since_snapshot_;
  replica_.learn_ensemble(entry.ensemble);
  if (!alone() && entry.membership) tell_membership(*entry.membership);
  if (!entry.leadership) return;
  if (entry.new_epoch) machine_.apply_epoch();
  applied_term_ = term;
  if (replica_.leads() && term == replica_.core().term()) {
    judging_ = true;
    judged_.clear();
    listener_.on_leading();
    for (auto& [from, payload] : std::exchange(early_, {})) on_request(from, payload);
  }
  // Whatever was sent to an earlier leader and is not applied by now will never be.
  own_sent_ = 0;
  if (!alone())
    shard_.defer([this, alive = alive_] {
      if (*alive) poll();
    });
}

// Once, and not what has been changed since: a server that starts reads its old memberships again.
void QuorumDriver::tell_membership(const Membership& membership) {
  if (membership.is_joint() || membership != replica_.core().committed_membership() || membership == told_membership_)
    return;
  told_membership_ = membership;
  const auto numbers = [](const std::vector<ServerId>& ids) {
    std::vector<std::int32_t> out;
    for (const ServerId id : ids) out.push_back(id.value);
    return fmt::format("{}", fmt::join(out, ", "));
  };
  log_line(LogLevel::info, "quorum", "voting: {}; learning: {}", numbers(membership.voters),
           membership.learners.empty() ? "nobody" : numbers(membership.learners));
}

void QuorumDriver::applied_all() {
  finish_syncs();
  if (since_snapshot_ >= snapshot_after_ && applied_ == replica_.commit()) begin_snapshot();
  if (judging_)
    for (auto& waiter : std::exchange(ready_waiters_, {})) waiter();
  wake_idle();
}

void QuorumDriver::contradicted(std::string_view what) {
  replica_.take_out_of_service(Error{ErrorKind::corrupt, std::string(what)});
}

// ---- The state as a whole ----

Result<QuorumSnapshotHeader> QuorumDriver::restore(const QuorumSnapshots::Name& snapshot) {
  if (started_) {
    // Connections end before the state under them is another one; what they waited for is not known.
    serving_ = false;
    restoring_ = true;
    listener_.on_serving(false);
    drop_own();
    taker_.abandon();
  }
  auto restoring = machine_.begin_restore();
  const std::function<Result<void>(ByteView)> feed = [&restoring](ByteView piece) { return restoring->feed(piece); };
  auto header = replica_.snapshots().read(snapshot, feed);
  if (!header) return header;
  auto zxid = restoring->finish();
  if (!zxid) return holdfast::fail(zxid);
  taker_.set_newest_bytes(snapshot.bytes);
  return header;
}

void QuorumDriver::on_restored(Offset end) {
  applied_ = end;
  restoring_ = false;
  applied_term_ = replica_.core().committed_term();
  since_snapshot_ = 0;
  digests_.clear();
  update_config();
  listener_.on_restored();
  poll();
}

void QuorumDriver::begin_snapshot() {
  if (taker_.busy() || stopping_) return;
  const auto last_term = replica_.core().term_at(applied_ - 1);
  if (!last_term) return;
  since_snapshot_ = 0;
  auto capture = machine_.begin_snapshot(shard_.clock().wall_ms());
  QuorumSnapshotHeader header;
  header.end = applied_;
  header.last_term = *last_term;
  header.zxid = capture->zxid();
  header.ensemble = replica_.ensemble();
  header.membership = replica_.core().committed_membership();
  const Offset end = header.end;
  taker_.take(std::move(capture), std::move(header), [this, end](Offset to) {
    if (damaged_ && *damaged_ < end) to = end, damaged_.reset();
    shard_.spawn(gate_, trim(to));
  });
}

// The state is here, whatever became of the entries on the disk: they go, and those who lack them get it.
void QuorumDriver::on_damaged(Offset from, const Error& error) {
  if (!damaged_ || from > *damaged_)
    log_line(LogLevel::error, "coordination",
             "the coordination log cannot be read at {}: {}: a snapshot takes its place; look after the disk",
             from.value, error.message);
  damaged_ = std::max(from, damaged_.value_or(from));
  begin_snapshot();
}

void QuorumDriver::on_snapshot_damaged(const std::string& file, const Error& error) {
  log_line(LogLevel::error, "coordination",
           "snapshot {} cannot be read: {}: another one takes its place; look after the disk", file, error.message);
  begin_snapshot();
}

Task<void> QuorumDriver::trim(Offset to) {
  if (to <= replica_.log().start()) co_return;
  auto trimmed = co_await replica_.log().trim(to);
  if (trimmed) {
    replica_.trimmed(to);
  } else {
    log_line(LogLevel::warn, "coordination", "the coordination log cannot be trimmed: {}", trimmed.error().message);
  }
}

// ---- The end ----

void QuorumDriver::on_failed(const Error& error) {
  log_line(LogLevel::error, "coordination",
           "out of service, and its sessions' connections are closed, until a restart: {}", error.message);
  serving_ = judging_ = false;
  // Connections end before they can be told anything.
  listener_.on_failure(error);
  for (Pending& lost : std::exchange(pending_, {}))
    if (lost.done) lost.done(unknown_outcome());
  unlogged_ = 0;
  drop_own();
  for (auto& waiter : std::exchange(ready_waiters_, {})) waiter();
  wake_idle();
}

void QuorumDriver::drop_own() {
  for (Own& lost : std::exchange(own_, {}))
    if (lost.done) lost.done(unknown_outcome());
  own_sent_ = 0;
  for (Reconfigured& lost : std::exchange(reconfigured_, {}))
    if (lost.done) lost.done(unknown_outcome());
  for (auto& [token, done] : std::exchange(syncs_, {})) done(false);
  for (auto& [end, done] : std::exchange(synced_, {})) done(false);
  unasked_syncs_.clear();
}

void QuorumDriver::wake_idle() {
  if (pending_.empty() || failed() || !alone())
    for (auto& waiter : std::exchange(idle_waiters_, {})) waiter();
}

Task<void> QuorumDriver::stop() {
  constexpr Duration hand_over_max = std::chrono::milliseconds(500);
  if (judging_ && !alone() && transfer_leadership()) {
    const SteadyTime until = shard_.clock().now() + hand_over_max;
    while (replica_.leads() && shard_.clock().now() < until) co_await shard_.sleep(options_.quorum.tick);
  }
  stopping_ = true;
  poll_timer_.cancel();
  replica_.log().stop_waiting_for_space(shard_);
  auto idle = [this](Function<void()> resume) {
    idle_waiters_.push_back(std::move(resume));
    wake_idle();
  };
  co_await shard_.until(std::move(idle));
  auto no_snapshot = [this](Function<void()> resume) { taker_.stop(std::move(resume)); };
  co_await shard_.until(std::move(no_snapshot));
  drop_own();
  co_await replica_.stop();
  co_await shard_.drained(gate_);
}

}  // namespace holdfast
