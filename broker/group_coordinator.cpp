#include "broker/group_coordinator.h"

#include <algorithm>

#include "runtime/log_line.h"
#include "wire/kafka/compression.h"

namespace holdfast {

using wire::ErrorCode;

namespace {

constexpr std::size_t load_bytes = 4 << 20;
constexpr std::size_t records_bytes_max = 256 << 20;
constexpr std::size_t batch_bytes_max = 500'000;                 // of what need not be one batch
constexpr Duration look_again = std::chrono::milliseconds(100);  // whether it leads again, under the same epoch
constexpr Duration load_again_after = std::chrono::seconds(1);

// What a client of the group is told when the coordinator cannot write (Kafka's GroupCoordinatorService).
ErrorCode client_error(ErrorCode error) {
  switch (error) {
    case ErrorCode::none:
      return ErrorCode::none;
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append:
    case ErrorCode::request_timed_out:
      return ErrorCode::coordinator_not_available;
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::kafka_storage_error:
      return ErrorCode::not_coordinator;
    default:
      return ErrorCode::unknown_server_error;
  }
}

}  // namespace

struct GroupCoordinator::Hosted {
  Hosted(LogId i, Partition& p, GroupOptions options, Random& random)
      : id(i), partition(&p), machine(options, random) {}

  // Records on their way to the log, oldest first: applied in that order when they are committed.
  struct Writing {
    std::vector<GroupRecord> records;
    Function<GroupOutcome(ErrorCode, GroupTime)> committed;
    Function<void(ErrorCode)> done;
    EndWaiter waiter;
    Timer timer;
  };
  LogId id;
  Partition* partition;
  LeaderEpoch epoch = partition->leader_epoch();  // under which it is hosted here
  Life life = 0;
  GroupMachine machine;
  bool loaded = false;
  bool unreadable = false;  // it could not be loaded; that is tried again
  bool lapsed = false;      // it did not lead when something was due
  EndWaiter committed;      // all that was loaded
  std::int64_t armed_ms = -1;
  Timer timer;
  std::unordered_map<WriteKey, std::unique_ptr<Writing>> writing;
};

GroupCoordinator::GroupCoordinator(BrokerShard& broker)
    : broker_(broker), random_(seeded_random(broker.services().random->next())) {
  const Config& c = broker.config();
  options_.session_timeout_min_ms = static_cast<std::int32_t>(c.integer("group.min.session.timeout.ms"));
  options_.session_timeout_max_ms = static_cast<std::int32_t>(c.integer("group.max.session.timeout.ms"));
  options_.initial_rebalance_delay_ms = static_cast<std::int32_t>(c.integer("group.initial.rebalance.delay.ms"));
  options_.members_max = static_cast<std::size_t>(c.integer("group.max.size"));
  options_.offset_metadata_bytes_max = static_cast<std::size_t>(c.integer("offset.metadata.max.bytes"));
  options_.offsets_retention_ms = c.integer("offsets.retention.minutes") * 60'000;
}

GroupCoordinator::~GroupCoordinator() = default;

std::int32_t GroupCoordinator::partition_of(std::string_view group, std::int32_t partitions) {
  // String.hashCode goes over UTF-16 units.
  std::uint32_t hash = 0;
  const auto unit = [&hash](std::uint32_t u) { hash = hash * 31 + u; };
  for (std::size_t i = 0; i < group.size();) {
    const auto lead = static_cast<std::uint8_t>(group[i]);
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    std::uint32_t point = more == 0 ? lead : lead & (0x3fu >> more);
    for (int k = 1; k <= more && i + static_cast<std::size_t>(k) < group.size(); ++k)
      point = (point << 6) | (static_cast<std::uint8_t>(group[i + static_cast<std::size_t>(k)]) & 0x3fu);
    i += static_cast<std::size_t>(more) + 1;
    if (point >= 0x10000) {
      unit(0xd800 + ((point - 0x10000) >> 10));
      unit(0xdc00 + ((point - 0x10000) & 0x3ff));
    } else {
      unit(point);
    }
  }
  return static_cast<std::int32_t>((hash & 0x7fffffff) % static_cast<std::uint32_t>(partitions));
}

GroupTime GroupCoordinator::now() const {
  const Clock& clock = broker_.shard().clock();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(clock.now().time_since_epoch()).count(),
          clock.wall_ms()};
}

GroupMachine& GroupCoordinator::machine(Hosted& hosted) { return hosted.machine; }

void GroupCoordinator::partition_changed(Partition& partition) {
  const LogId id = partition.log().id();
  const bool leads = partition.leader_id() == broker_.services().node_id;
  if (const auto it = hosted_.find(id); it != hosted_.end()) {
    if (leads && it->second->epoch == partition.leader_epoch()) return;
    partition_closed(id);
  }
  if (!leads) return;
  host(partition);
  if (!expiry_.armed()) expire();
}

void GroupCoordinator::host(Partition& partition) {
  const LogId id = partition.log().id();
  auto& hosted = hosted_[id];
  hosted = std::make_unique<Hosted>(id, partition, options_, *random_);
  hosted->life = ++next_life_;
  broker_.shard().spawn(gate_, load(id, hosted->life));
}

void GroupCoordinator::load_again(const LogId& id, Life life) {
  const Hosted* hosted = hosted_in(id, life);
  if (!hosted) return;
  Partition& partition = *hosted->partition;
  partition_closed(id);
  host(partition);
}

GroupCoordinator::Hosted* GroupCoordinator::hosted_in(const LogId& id, Life life) {
  const auto it = hosted_.find(id);
  return it != hosted_.end() && it->second->life == life ? it->second.get() : nullptr;
}

// Everything in the log, from its start: the last record of a key is what holds.
Task<void> GroupCoordinator::load(LogId id, Life life) {
  std::uint64_t records_read = 0, unreadable = 0;
  LogRead request;
  request.bytes_max = load_bytes;
  for (bool first = true;; first = false) {
    Partition* partition = broker_.partition(id);
    if (!partition || !hosted_in(id, life)) co_return;
    Log& log = partition->log();
    if (first) request.from = log.start_offset();
    request.end = log.end_offset();
    if (request.from >= request.end) break;
    auto data = co_await log.read(request);
    Hosted* still = hosted_in(id, life);
    if (!still) co_return;
    if (!data) {
      log_line(LogLevel::error, "broker", "{}-{} cannot be loaded: {}", partition->topic(), id.partition,
               data.error().message);
      still->unreadable = true;
      broker_.shard().arm(still->timer, load_again_after, [this, id, life] { load_again(id, life); });
      co_return;
    }
    const std::vector<std::uint8_t> bytes = data->batches.flatten();
    wire::BatchWalker walker(bytes);
    wire::BatchHeader header;
    ByteView batch;
    while (walker.next(header, batch)) {
      if (header.is_control()) continue;
      ByteView body = batch.subspan(wire::batch_header_bytes);
      std::vector<std::uint8_t> plain;
      if (header.codec() != wire::Codec::none) {
        auto decompressed = wire::decompress(header.codec(), body, records_bytes_max);
        if (!decompressed) {
          ++unreadable;
          continue;
        }
        plain = std::move(*decompressed);
        body = plain;
      }
      wire::RecordReader reader(body, header.record_count);
      wire::Record record;
      while (reader.next(record)) {
        ++records_read;
        if (!record.key) continue;
        GroupRecord read{OpaqueBytes(record.key->begin(), record.key->end()), std::nullopt};
        if (record.value) read.value.emplace(record.value->begin(), record.value->end());
        still->machine.apply(read, false);
      }
      if (reader.error()) ++unreadable;
    }
    if (data->next == request.from) break;
    request.from = data->next;
  }
  Hosted& hosted = *hosted_in(id, life);
  if (records_read > 0 || unreadable > 0)
    log_line(unreadable > 0 ? LogLevel::warn : LogLevel::info, "broker",
             "{}-{}: {} groups from {} records, {} batches unreadable", offsets_topic, id.partition,
             hosted.machine.groups().size(), records_read, unreadable);
  serve_when_committed(hosted, request.end);
}

// Its end may be lost yet. Nobody is told of what stands there, nor is anything built on it.
void GroupCoordinator::serve_when_committed(Hosted& hosted, Offset end) {
  if (hosted.partition->high_watermark() >= end) return serve(hosted);
  hosted.committed.end = end;
  hosted.committed.done = [this, id = hosted.id, life = hosted.life, end](ErrorCode error) {
    Hosted* still = hosted_in(id, life);
    if (!still) return;
    if (error == ErrorCode::none) return serve(*still);
    // It may not lead for a while, and come back under the same epoch.
    broker_.shard().arm(still->timer, look_again, [this, id, life, end] {
      if (Hosted* now = hosted_in(id, life)) serve_when_committed(*now, end);
    });
  };
  hosted.partition->when_replicated(hosted.committed);
}

void GroupCoordinator::serve(Hosted& hosted) {
  hosted.loaded = true;
  perform(hosted, hosted.machine.loaded(now()));
}

void GroupCoordinator::partition_closed(const LogId& id) {
  const auto it = hosted_.find(id);
  if (it == hosted_.end()) return;
  const std::unique_ptr<Hosted> gone = std::move(it->second);
  hosted_.erase(it);
  for (auto& [_, writing] : gone->writing) {
    writing->waiter.unlink();
    writing->timer.cancel();
    if (writing->committed) deliver(writing->committed(ErrorCode::not_coordinator, now()).replies);
    if (writing->done) writing->done(ErrorCode::not_coordinator);
  }
  deliver(gone->machine.unload().replies);
}

GroupCoordinator::Found GroupCoordinator::find(const LogId& id) {
  const auto it = hosted_.find(id);
  if (it == hosted_.end()) return {nullptr, ErrorCode::not_coordinator};
  // Another may lead by now, and this broker not have heard of it.
  if (!it->second->partition->is_leader()) return {nullptr, ErrorCode::not_coordinator};
  // A full disk moves the leadership away, and keeps the news from whoever has it: the quorum's log is there as well.
  if (!it->second->partition->log().has_room() && broker_.metadata().brokers().size() > 1)
    return {nullptr, ErrorCode::not_coordinator};
  if (it->second->unreadable) return {nullptr, ErrorCode::not_coordinator};
  if (!it->second->loaded) return {nullptr, ErrorCode::coordinator_load_in_progress};
  return {it->second.get(), ErrorCode::none};
}

std::vector<GroupCoordinator::Hosted*> GroupCoordinator::all(bool& complete) {
  std::vector<Hosted*> out;
  for (const auto& [_, hosted] : hosted_) {
    if (hosted->loaded) out.push_back(hosted.get());
    complete = complete && hosted->loaded;
  }
  return out;
}

ReplyToken GroupCoordinator::park(Function<void(GroupReply)> reply) {
  const ReplyToken token = next_token_++;
  parked_.emplace(token, std::move(reply));
  return token;
}

void GroupCoordinator::deliver(std::vector<std::pair<ReplyToken, GroupReply>> replies) {
  for (auto& [token, reply] : replies) {
    const auto it = parked_.find(token);
    if (it == parked_.end()) continue;
    auto send = std::move(it->second);
    parked_.erase(it);
    send(std::move(reply));
  }
}

void GroupCoordinator::perform(Hosted& hosted, GroupOutcome outcome, Function<void(ErrorCode)> done) {
  deliver(std::move(outcome.replies));
  if (!outcome.records.empty()) {
    append(hosted, std::move(outcome.records), std::move(outcome.committed), std::move(done));
  } else if (done) {
    done(ErrorCode::none);
  }
  arm(hosted);
}

void GroupCoordinator::append(Hosted& hosted, std::vector<GroupRecord> records,
                              Function<GroupOutcome(ErrorCode, GroupTime)> committed, Function<void(ErrorCode)> done) {
  wire::BatchBuilder builder({});
  const std::int64_t wall_ms = now().wall_ms;
  std::size_t bytes = 0, taken = 0;
  // What nobody waits for may be too much for one batch: the expiry of offsets, the end of a topic.
  const bool in_parts = !committed && !done;
  for (; taken < records.size() && (!in_parts || bytes < batch_bytes_max); ++taken) {
    const GroupRecord& r = records[taken];
    bytes += r.key.size() + (r.value ? r.value->size() : 0);
    builder.append(wall_ms, ByteView(r.key), r.value ? std::optional<ByteView>(*r.value) : std::nullopt);
  }
  std::vector<GroupRecord> rest(std::make_move_iterator(records.begin() + static_cast<std::ptrdiff_t>(taken)),
                                std::make_move_iterator(records.end()));
  records.resize(taken);
  std::vector<std::uint8_t> batch = builder.finish();
  const AppendOutcome appended = hosted.partition->append(batch, AppendOrigin::coordinator, -1);

  auto writing = std::make_unique<Hosted::Writing>();
  writing->records = std::move(records);
  writing->committed = std::move(committed);
  writing->done = std::move(done);
  const WriteKey key = next_write_++;
  auto finish = [this, id = hosted.id, key](ErrorCode error) { written(id, key, error); };
  writing->waiter.end = appended.end;
  writing->waiter.done = finish;
  Hosted::Writing& w = *writing;
  hosted.writing.emplace(key, std::move(writing));
  if (appended.error != ErrorCode::none) {
    broker_.shard().post([finish, error = appended.error]() mutable { finish(error); });
    return;
  }
  // Followers that stand still keep nobody waiting for ever. The records are applied all the same, when it is time.
  if (w.committed || w.done)
    broker_.shard().arm(w.timer, std::chrono::milliseconds(broker_.config().integer("offsets.commit.timeout.ms")),
                        [this, id = hosted.id, life = hosted.life, key] {
                          if (Hosted* still = hosted_in(id, life)) answer(*still, key, ErrorCode::request_timed_out);
                        });
  hosted.partition->when_replicated(w.waiter);  // which may be over at once
  if (!rest.empty()) append(hosted, std::move(rest), nullptr, nullptr);
}

void GroupCoordinator::answer(Hosted& hosted, WriteKey key, ErrorCode error) {
  const auto it = hosted.writing.find(key);
  if (it == hosted.writing.end()) return;
  auto committed = std::exchange(it->second->committed, nullptr);
  auto done = std::exchange(it->second->done, nullptr);
  if (committed) perform(hosted, committed(client_error(error), now()));
  if (done) done(client_error(error));
}

void GroupCoordinator::written(LogId id, WriteKey key, ErrorCode error) {
  const auto found = hosted_.find(id);
  if (found == hosted_.end()) return;
  Hosted& hosted = *found->second;
  const auto it = hosted.writing.find(key);
  if (it == hosted.writing.end()) return;
  it->second->timer.cancel();
  const bool is_in_the_log = it->second->waiter.end >= Offset(0);
  if (error == ErrorCode::none)
    for (const GroupRecord& r : it->second->records) hosted.machine.apply(r, true);
  answer(hosted, key, error);
  hosted.writing.erase(key);
  // It may be committed yet, under this epoch: what the machine knows is not what the log says.
  if (error != ErrorCode::none && is_in_the_log)
    broker_.shard().post([this, id, life = hosted.life] { load_again(id, life); });
}

void GroupCoordinator::arm(Hosted& hosted) {
  const auto next = hosted.machine.next_deadline();
  if (!next || (hosted.timer.armed() && hosted.armed_ms == *next)) return;
  hosted.armed_ms = *next;
  const std::int64_t after = std::max<std::int64_t>(*next - now().steady_ms, 0);
  broker_.shard().arm(hosted.timer, std::chrono::milliseconds(after),
                      [this, id = hosted.id, life = hosted.life] { tick(id, life); });
}

void GroupCoordinator::tick(const LogId& id, Life life) {
  Hosted* hosted = hosted_in(id, life);
  if (!hosted) return;
  if (!find(id).hosted) {
    hosted->lapsed = true;
    broker_.shard().arm(hosted->timer, look_again, [this, id, life] { tick(id, life); });
    return;
  }
  // Nobody could reach it meanwhile: that is no member's silence.
  if (std::exchange(hosted->lapsed, false)) perform(*hosted, hosted->machine.loaded(now()));
  perform(*hosted, hosted->machine.tick(now()));
}

void GroupCoordinator::expire() {
  for (const auto& [_, hosted] : hosted_)
    if (hosted->loaded) perform(*hosted, hosted->machine.expire(now()));
  broker_.shard().arm(expiry_,
                      std::chrono::milliseconds(broker_.config().integer("offsets.retention.check.interval.ms")),
                      [this] { expire(); });
}

void GroupCoordinator::topics_deleted(const std::vector<std::string>& topics) {
  for (const auto& [_, hosted] : hosted_)
    if (hosted->loaded) perform(*hosted, hosted->machine.topics_deleted(topics));
}

Task<void> GroupCoordinator::stop() {
  expiry_.cancel();
  std::vector<LogId> ids;
  ids.reserve(hosted_.size());
  for (const auto& [id, _] : hosted_) ids.push_back(id);
  for (const LogId& id : ids) partition_closed(id);
  co_await broker_.shard().drained(gate_);
}

}  // namespace holdfast
