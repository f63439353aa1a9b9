// QuorumReplica: inputs, what they lead to, and the other servers.
#include "coordination/quorum_replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr std::size_t append_bytes = 1 << 20;  // to a peer, in one message; a larger batch goes alone
constexpr Duration pause_on_full_disk = std::chrono::milliseconds(500);

}  // namespace

QuorumReplica::QuorumReplica(QuorumReplicaOptions options, Owner& owner, Shard& shard, LogManager& logs, Disk& disk,
                             Workers& workers, Network& network, Random& random)
    : options_(std::move(options)),
      owner_(owner),
      shard_(shard),
      disk_(disk),
      random_(random),
      network_(network),
      log_(logs),
      snapshots_(disk, options_.data_dir),
      worker_(workers.create("quorum-files")) {}

QuorumReplica::~QuorumReplica() = default;

Endpoint QuorumReplica::local() const { return transport_ ? transport_->local() : Endpoint{}; }

Result<void> QuorumReplica::connect() {
  if (options_.alone) return {};
  QuorumTransportOptions transport;
  transport.self = options_.self;
  transport.incarnation = state_.incarnation;
  if (state_.ensemble != Uuid{}) transport.cluster = to_base64(state_.ensemble);
  transport.address = options_.address;
  QuorumTransport::Handler& handler = *this;
  transport_ = std::make_unique<QuorumTransport>(std::move(transport), shard_, network_, random_, handler);
  for (const Endpoint& at : options_.listen)
    if (auto bound = transport_->listen(at); !bound) return holdfast::fail(bound);
  const auto not_sent = [this](ServerId to, const QuorumSnapshots::Name& snapshot, const Error& why) {
    if (why.kind == ErrorKind::corrupt) drop_damaged(snapshot, why);
    submit([this, to] { core_->snapshot_sent(to, std::nullopt); });
  };
  sender_ = std::make_unique<SnapshotSender>(shard_, *worker_, *transport_, snapshots_, not_sent);
  receiver_ = std::make_unique<SnapshotReceiver>(
      shard_, *worker_, snapshots_, [this](const QuorumSnapshotHeader& header, const QuorumSnapshots::Name& name) {
        submit([this, header, name] { on_snapshot_received(header, name); });
      });
  return {};
}

void QuorumReplica::start() {
  log_.on_durable(
      [this] {
        durable_moved_ = true;
        pump();
      },
      [this](const Error& error) { fail(error); });
  if (transport_) {
    transport_->start();
    tick();
  }
  pump();
}

Task<void> QuorumReplica::stop() {
  stopping_ = true;
  timer_.cancel();
  log_.stop_waiting_for_space(shard_);
  if (transport_) co_await transport_->stop();
  co_await shard_.drained(gate_);
}

void QuorumReplica::tick() {
  submit([this] { core_->tick(); });
  if (!failed_) shard_.arm(timer_, options_.tick, [this] { tick(); });
}

void QuorumReplica::fail(const Error& error) {
  if (std::exchange(failed_, true)) return;
  timer_.cancel();
  inputs_.clear();
  // The others must not take its silence for a voter that thinks.
  if (transport_) transport_->set_peers({});
  owner_.on_failed(error);
}

// ---- Inputs ----

void QuorumReplica::submit(Function<void()> input) {
  if (failed_) return;
  inputs_.push_back(std::move(input));
  pump();
}

void QuorumReplica::pump() {
  if (!core_ || std::exchange(pumping_, true)) return;
  for (;;) {
    if (failed_ || stopping_) break;
    if (settle()) return;  // the task goes on from here when it is done
    if (std::exchange(durable_moved_, false)) {
      core_->durable(log_.durable_end());
    } else if (!inputs_.empty()) {
      auto input = std::move(inputs_.front());
      inputs_.pop_front();
      input();
    } else {
      break;
    }
  }
  pumping_ = false;
}

// What the last input leads to, in the order of consensus.h's first rule. True: it waits for the disk.
bool QuorumReplica::settle() {
  while (!failed_) {
    if (task_) {
      Task<void> task = std::move(*task_);
      task_.reset();
      if (!shard_.spawn(gate_, run_task(std::move(task)))) failed_ = true;  // stopping
      return true;
    }
    if (!core_->has_ready()) return false;
    Consensus::Ready ready = core_->take();
    if (ready.hard_state) {
      task_ = persist_and_perform(std::move(ready));
    } else {
      perform(ready);
    }
  }
  return false;
}

Task<void> QuorumReplica::run_task(Task<void> task) {
  co_await std::move(task);
  pumping_ = false;
  pump();
}

Task<Result<void>> QuorumReplica::on_worker(std::function<Result<void>()> work) {
  Result<void> result;
  auto start = [this, &work, &result](Function<void()> resume) {
    worker_->submit([this, &work, &result, resume = std::move(resume)]() mutable {
      result = work();
      shard_.post(std::move(resume));
    });
  };
  co_await shard_.until(std::move(start));
  co_return result;
}

Task<void> QuorumReplica::persist_and_perform(Consensus::Ready ready) {
  state_.hard = *ready.hard_state;
  auto written = co_await write_state();
  if (!written) {
    fail(written.error());
    co_return;
  }
  perform(ready);
}

// On a full disk this server promises nothing, and says nothing, until there is space.
Task<Result<void>> QuorumReplica::write_state() {
  for (;;) {
    std::function<Result<void>()> write = [this, state = state_] {
      return write_quorum_state(disk_, options_.data_dir, state);
    };
    auto written = co_await on_worker(std::move(write));
    if (written || written.error().kind != ErrorKind::no_space || stopping_) co_return written;
    complain(fmt::format("the quorum state cannot be written: {}", written.error().message));
    co_await shard_.sleep(pause_on_full_disk);
  }
}

void QuorumReplica::perform(Consensus::Ready& ready) {
  if (ready.role_changed) owner_.on_role_changed();
  for (ConsensusMessage& message : ready.messages) send(message, {});
  if (ready.leads) {
    ControlEntry first;
    first.leadership = true;
    first.new_epoch = !options_.alone;
    first.membership = std::move(ready.append_membership);
    ready.append_membership.reset();
    append_control(std::move(first));
  }
  for (const Consensus::Feed& next : ready.feeds) feed(next);
  if (ready.committed) owner_.on_committed();
  for (const Consensus::Ready::Read& read : ready.reads) owner_.on_read(read.token, read.commit);
  for (const ServerId to : ready.snapshots) send_snapshot(to);
  if (ready.append_membership && leads()) {
    ControlEntry change;
    change.membership = std::move(ready.append_membership);
    append_control(std::move(change));
  }
  if (ready.removed)
    log_line(LogLevel::warn, "quorum", "server {} is no member of the ensemble any more", options_.self.value);
}

// ---- The log ----

void QuorumReplica::append_control(ControlEntry entry) {
  entry.ensemble = state_.ensemble;
  // The first leader of all founds the ensemble.
  if (entry.ensemble == Uuid{}) entry.ensemble = random_.uuid();
  auto span = log_.append(entry, core_->term(), shard_.clock().wall_ms());
  if (!span) return fail(span.error());
  core_->appended(*span);
}

void QuorumReplica::append(const std::vector<QuorumLog::Entry>& entries) {
  auto span = log_.append(entries, core_->term(), shard_.clock().wall_ms());
  if (!span) return fail(span.error());
  core_->appended(*span);
}

void QuorumReplica::append_batches(ByteView batches, Offset from) {
  wire::BatchWalker walker(batches);
  wire::BatchHeader header;
  ByteView batch;
  while (walker.next(header, batch)) {
    if (Offset(header.base_offset) < from) continue;
    auto appended = log_.append_batch(header, batch);
    if (!appended) return fail(appended.error());
  }
}

Task<void> QuorumReplica::cut_and_append(Offset cut, std::optional<Offset> from, Bytes batches) {
  log_line(LogLevel::info, "quorum", "entries {} to {} were never committed, and are dropped", cut.value,
           log_.end().value);
  auto done = co_await log_.truncate(cut);
  if (!done) {
    fail(done.error());
    co_return;
  }
  if (from) append_batches(batches.view(), *from);
}

void QuorumReplica::trimmed(Offset log_start) {
  submit([this, log_start] { core_->trimmed(std::min(log_start, core_->commit())); });
}

void QuorumReplica::learn_ensemble(const Uuid& ensemble) {
  if (state_.ensemble != Uuid{}) return;
  state_.ensemble = ensemble;
  if (transport_) transport_->set_cluster(to_base64(ensemble));
  submit([this] { task_ = persist_ensemble(); });
}

Task<void> QuorumReplica::persist_ensemble() {
  auto written = co_await write_state();
  if (!written) fail(written.error());
}

// ---- What the owner wants ----

void QuorumReplica::read_index(std::uint64_t token) {
  submit([this, token] { core_->read_index(token); });
}

void QuorumReplica::transfer(ServerId to) {
  submit([this, to] { core_->transfer(to); });
}

bool QuorumReplica::change(Membership target) {
  auto next = core_->change(std::move(target));
  if (!next) return false;
  ControlEntry entry;
  entry.membership = std::move(*next);
  append_control(std::move(entry));
  return true;
}

bool QuorumReplica::send(ServerId to, FrameKind kind, BufferChain payload) {
  return transport_ && transport_->send(to, kind, std::move(payload));
}

void QuorumReplica::set_addresses(std::map<ServerId, std::vector<Endpoint>> addresses) {
  if (transport_ && !failed_) transport_->set_peers(std::move(addresses));
}

// ---- The other servers ----

void QuorumReplica::on_connected(ServerId peer, const QuorumWelcome&) { owner_.on_connected(peer); }

void QuorumReplica::on_disconnected(ServerId peer) {
  if (sender_) sender_->end(peer);
  submit([this, peer] {
    core_->unreachable(peer);
    core_->snapshot_sent(peer, std::nullopt);
  });
}

void QuorumReplica::on_frame(ServerId from, const Incarnation& incarnation, FrameKind kind, Bytes payload) {
  if (failed_ || stopping_) return;
  switch (kind) {
    case FrameKind::consensus:
      submit([this, from, incarnation, payload = std::move(payload)] { on_message(from, incarnation, payload); });
      break;
    case FrameKind::snapshot:
      // In its turn: the offer before it may still wait.
      submit([this, from, payload = std::move(payload)] { receiver_->piece(from, payload); });
      break;
    default:
      owner_.on_frame(from, kind, payload);
  }
}

void QuorumReplica::on_message(ServerId from, const Incarnation& incarnation, const Bytes& payload) {
  auto received = decode_message(payload);
  if (!received || received->message.from != from || received->message.incarnation != incarnation) {
    complain(fmt::format("server {} sends what cannot be read{}", from.value,
                         received ? "" : ": " + received.error().message));
    return;
  }
  const ConsensusMessage& message = received->message;
  using Kind = ConsensusMessage::Kind;
  if (message.kind == Kind::append) return on_append(std::move(*received));
  if (message.kind == Kind::snapshot) {
    if (core_->step_snapshot(message)) receiver_->begin(from, message.token, message.match, message.log_term);
    return;
  }
  core_->step(message);
  if (message.kind != Kind::snapshot_reply) return;
  const auto end = sender_->under_way(from);
  if (!end) return;
  sender_->end(from);
  ++snapshots_sent_;
  core_->snapshot_sent(from, message.hint_end >= *end ? end : std::nullopt);
}

// Nothing is believed that a disk or a wire may have damaged: each batch has its checksum, and is what its span says.
Result<void> QuorumReplica::check(const ReceivedMessage& append) {
  wire::BatchWalker walker(append.batches.view());
  wire::BatchHeader header;
  ByteView batch;
  for (const Span& span : append.message.spans) {
    if (!walker.next(header, batch)) return holdfast::fail(ErrorKind::corrupt, "an append lacks a batch");
    if (!wire::verify_crc(batch)) return holdfast::fail(ErrorKind::corrupt, "a batch does not match its checksum");
    auto found = span_of(header, batch);
    if (!found) return holdfast::fail(found);
    if (*found != span) return holdfast::fail(ErrorKind::corrupt, "a batch is not what its append says");
  }
  if (!walker.rest().empty()) return holdfast::fail(ErrorKind::corrupt, "an append has a batch too many");
  return {};
}

void QuorumReplica::on_append(ReceivedMessage received) {
  if (auto sound = check(received); !sound) {
    complain(fmt::format("server {}: {}", received.message.from.value, sound.error().message));
    return;
  }
  const Consensus::AppendDecision decision = core_->step_append(received.message);
  if (decision.truncate_to) {
    task_ = cut_and_append(*decision.truncate_to, decision.append_from, std::move(received.batches));
  } else if (decision.append_from) {
    append_batches(received.batches.view(), *decision.append_from);
  }
}

void QuorumReplica::complain(std::string fault) {
  if (std::exchange(last_fault_, fault) != fault) log_line(LogLevel::warn, "quorum", "{}", fault);
}

void QuorumReplica::send(const ConsensusMessage& message, BufferChain batches) {
  static_cast<void>(send(message.to, FrameKind::consensus, encode(message, std::move(batches))));
}

void QuorumReplica::feed(const Consensus::Feed& next) {
  if (!transport_ || !transport_->connected(next.to)) return core_->fed(next, next.from, 0);
  auto data = log_.try_read(next.from, next.end, append_bytes);
  if (data) return send_append(next, *data);
  if (!shard_.spawn(gate_, feed_from_disk(next))) core_->fed(next, next.from, 0);
}

Task<void> QuorumReplica::feed_from_disk(Consensus::Feed next) {
  auto data = co_await log_.read(next.from, next.end, append_bytes);
  submit([this, next, data = std::move(data)] { send_append(next, data); });
}

void QuorumReplica::send_append(const Consensus::Feed& next, const Result<QuorumBatches>& data) {
  // The log may have changed under a read that took its time.
  const bool stale = !leads() || next.term != core_->term();
  if (!stale && !data && data.error().kind == ErrorKind::corrupt) owner_.on_damaged(next.from, data.error());
  if (!data || stale || data->bytes.empty() || data->first_base != next.from || data->next > log_.end())
    return core_->fed(next, next.from, 0);
  std::vector<Span> spans;
  const ByteView flat = data->bytes;
  wire::BatchWalker walker(flat);
  wire::BatchHeader header;
  ByteView batch;
  while (spans.size() < spans_max && walker.next(header, batch)) {
    auto span = span_of(header, batch);
    if (!span) return fail(span.error());
    spans.push_back(std::move(*span));
  }
  const Offset end = spans.empty() ? next.from : spans.back().end;
  const std::size_t bytes = flat.size() - walker.rest().size();
  if (end == next.from) return core_->fed(next, next.from, 0);
  BufferChain batches(Bytes::copy(flat.first(bytes)));
  const ConsensusMessage message = core_->message_of(next, std::move(spans));
  const bool sent = send(next.to, FrameKind::consensus, encode(message, std::move(batches)));
  core_->fed(next, sent ? end : next.from, sent ? bytes : 0);
}

// ---- Snapshots ----

void QuorumReplica::send_snapshot(ServerId to) {
  auto names = snapshots_.list();
  if (!names || names->empty()) return submit([this, to] { core_->snapshot_sent(to, std::nullopt); });
  const QuorumSnapshots::Name& newest = names->back();
  auto header = snapshots_.header(newest);
  if (!header && header.error().kind == ErrorKind::corrupt) drop_damaged(newest, header.error());
  const bool usable = header && header->end <= core_->commit() && transport_ && transport_->connected(to);
  if (!usable) return submit([this, to] { core_->snapshot_sent(to, std::nullopt); });
  ConsensusMessage offer = core_->snapshot_offer(to, header->end, header->last_term);
  offer.token = random_.next();
  send(offer, {});
  sender_->send(to, offer.token, newest);
}

// It is of no use to this server either. What it stood for is in the state, and so in the next one.
void QuorumReplica::drop_damaged(const QuorumSnapshots::Name& snapshot, const Error& error) {
  worker_->submit([this, snapshot] { static_cast<void>(snapshots_.remove(snapshot)); });
  owner_.on_snapshot_damaged(snapshot.file, error);
}

void QuorumReplica::on_snapshot_received(const QuorumSnapshotHeader& header, const QuorumSnapshots::Name& name) {
  if (core_->wants_snapshot(header.end, header.last_term)) {
    task_ = install(header, name);
    return;
  }
  // One that has come twice is what the log begins with.
  if (log_.start() >= header.end) return;
  if (auto removed = snapshots_.remove(name); !removed) fail(removed.error());
}

// The file is in its place: from here on a restart finishes what this begins.
Task<void> QuorumReplica::install(QuorumSnapshotHeader header, QuorumSnapshots::Name name) {
  auto restored = owner_.restore(name);
  if (!restored) {
    fail(restored.error());
    co_return;
  }
  auto emptied = co_await log_.restart(header.end);
  if (!emptied) {
    fail(emptied.error());
    co_return;
  }
  durable_moved_ = false;
  ++snapshots_installed_;
  core_->restored(header.end, header.last_term, header.membership);
  log_line(LogLevel::info, "quorum", "the state is now that of snapshot {}", name.file);
  if (header.ensemble != Uuid{}) state_.ensemble = header.ensemble;
  auto written = co_await write_state();
  if (!written) {
    fail(written.error());
    co_return;
  }
  owner_.on_restored(header.end);
}

}  // namespace holdfast
