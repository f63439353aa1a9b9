// Fetch (1), versions 4 to 18. Reads what is visible; parks, when there is less than min.bytes, until the partitions
// have more or max.wait is over. Parked fetches wake on append, never poll. KIP-74 (the first batch goes whole),
// KIP-227 (sessions), KIP-320 (leader epochs), KIP-392 (the closest replica), KIP-516 (topic ids), KIP-595 (diverging
// epoch), KIP-951 (the new leader).
#include "wire/kafka/fetch.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "broker/connection.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_hint.h"
#include "broker/handlers/support.h"
#include "broker/hop.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

// Who fetches, and how far it may read.
struct Reader {
  std::int32_t replica = -1;  // a follower's broker; -1: a consumer, -2: a tool
  std::int64_t replica_epoch = -1;
  ReadTo to = ReadTo::high_watermark;
  bool any_replica = false;  // the client can be sent to a follower, so a follower answers it (KIP-392)
  bool first_look = true;    // the fetch has just come: what it says of its own log counts
  // Where a consumer stands that the leader may send to a follower, and the listener it comes by; null: it may not.
  const std::string* rack = nullptr;
  std::string_view listener;

  bool is_follower() const { return replica >= 0; }
};

constexpr std::string_view rack_aware_selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

struct Reading {  // of one partition, where it lives
  ErrorCode error = ErrorCode::none;
  Offset high_watermark{-1}, last_stable{-1}, log_start{-1}, readable_end{-1};
  LogData data;
  std::optional<std::vector<Log::Aborted>> aborted;
  LeaderEpoch diverging_epoch{-1};
  Offset diverging_end{-1};
  std::int32_t preferred_replica = -1;
  bool throttled = false;  // its followers wait for the quota (KIP-73), and this one now
  bool counts = false;     // what it sends is counted by that quota
  bool leads = false;      // this is the leader, whatever it refuses
};

struct Target {
  FetchedPartition* asked = nullptr;
  TopicPtr topic;
  LogId log;
  BrokerShard* owner = nullptr;  // null: not a partition we know
  Reading reading;
};

struct Budget {
  std::int64_t bytes_left;
  bool first = true;  // nothing returned yet: the first batch goes out whatever its size
};

// The follower that a consumer is to read from instead: in its rack, in sync, and with the offset; of several the most
// caught up one (Kafka's RackAwareReplicaSelector). -1: the leader, which this is, or nobody leads here.
std::int32_t preferred_replica(BrokerShard& broker, const Partition& partition, const FetchedPartition& asked,
                               const Reader& reader) {
  if (!reader.rack || !partition.is_leader()) return -1;
  const auto& brokers = broker.metadata().brokers();
  const InSyncReplicas& in_sync = partition.in_sync();
  std::int32_t best = -1;
  for (const std::int32_t id : in_sync.isr()) {
    const auto it = brokers.find(id);
    if (it == brokers.end() || it->second.registration.rack != *reader.rack) continue;
    if (id == broker.services().node_id) return -1;
    if (!in_sync.live_epoch(id) || !it->second.listener(reader.listener)) continue;
    const Offset end = in_sync.end_of(id);
    if (end.value >= asked.fetch_offset && (best < 0 || end > in_sync.end_of(best))) best = id;
  }
  return best;
}

void check(BrokerShard& broker, Partition& partition, const FetchedPartition& asked, const Reader& reader,
           Reading& out) {
  const std::int32_t stated = std::max(asked.current_leader_epoch, -1);
  out.error = reader.any_replica ? partition.check_replica(stated) : partition.check_leader(stated);
  if (out.error != ErrorCode::none) return;
  const Log& log = partition.log();
  if (asked.last_fetched_epoch >= 0) {
    const auto [epoch, end] =
        log.leader_epochs().end_offset_for(LeaderEpoch(asked.last_fetched_epoch), log.end_offset());
    if (epoch.value < 0 || end.value < 0) {
      out.error = ErrorCode::offset_out_of_range;
      return;
    }
    if (epoch.value < asked.last_fetched_epoch || end.value < asked.fetch_offset) {
      out.diverging_epoch = epoch;
      out.diverging_end = end;
    }
  }
  if (asked.fetch_offset < log.start_offset().value || asked.fetch_offset > log.end_offset().value) {
    if (out.diverging_epoch.value >= 0) return;
    out.error = ErrorCode::offset_out_of_range;
    if (reader.is_follower()) out.log_start = log.start_offset();  // where it may begin anew
    return;
  }
  if (reader.is_follower() && reader.first_look && out.diverging_epoch.value < 0 &&
      !partition.replica_fetched(reader.replica, reader.replica_epoch, Offset(asked.log_start_offset),
                                 Offset(asked.fetch_offset))) {
    out.error = ErrorCode::not_leader_or_follower;
    out.leads = true;
    return;
  }
  out.high_watermark = partition.high_watermark();
  out.last_stable = partition.last_stable_offset();
  out.log_start = log.start_offset();
  out.readable_end = partition.readable_end(reader.to);
  if (out.diverging_epoch.value < 0) out.preferred_replica = preferred_replica(broker, partition, asked, reader);
}

// What a follower in sync fetches is not held up: producers wait for it.
bool is_held_up(BrokerShard& broker, const Partition& partition, const Reader& reader) {
  const auto& isr = partition.in_sync().isr();
  return broker.services().replication_quotas.leader.is_exceeded(broker.shard().clock().now()) &&
         std::ranges::find(isr, reader.replica) == isr.end();
}

Task<Reading> read_one(BrokerShard* broker, Partition* partition, const FetchedPartition* asked, Reader reader,
                       Budget* budget) {
  Reading out;
  check(*broker, *partition, *asked, reader, out);
  if (out.error != ErrorCode::none || out.diverging_epoch.value >= 0 || out.preferred_replica >= 0) co_return out;
  if (reader.to == ReadTo::last_stable) out.aborted.emplace();
  if (asked->fetch_offset >= out.readable_end.value) co_return out;
  out.counts = reader.is_follower() && partition->is_throttled_leader();
  out.throttled = out.counts && is_held_up(*broker, *partition, reader);
  if (out.throttled) co_return out;
  const std::int64_t limit = std::min<std::int64_t>(asked->bytes_max, budget->bytes_left);
  if (limit < 0) {
    // A negative size is no request for little, and Kafka does not answer it either.
    out = {};
    out.error = ErrorCode::unknown_server_error;
    co_return out;
  }
  if (limit == 0 && !budget->first) co_return out;
  LogRead request;
  request.from = Offset(asked->fetch_offset);
  request.bytes_max = static_cast<std::size_t>(limit);
  request.end = out.readable_end;
  request.at_least_one = budget->first;
  Log& log = partition->log();
  std::optional<Result<LogData>> read = log.try_read(request);
  if (!read) {
    auto cold = co_await log.read(request);
    read.emplace(std::move(cold));
  }
  if (!*read) {
    out.error =
        read->error().kind == ErrorKind::out_of_range ? ErrorCode::offset_out_of_range : ErrorCode::kafka_storage_error;
    out.high_watermark = out.last_stable = out.log_start = Offset(-1);
    co_return out;
  }
  out.data = std::move(**read);
  if (!out.data.batches.empty()) {
    budget->first = false;
    budget->bytes_left =
        std::max<std::int64_t>(budget->bytes_left - static_cast<std::int64_t>(out.data.batches.size()), 0);
    if (reader.to == ReadTo::last_stable) {
      auto aborted = co_await log.aborted_transactions(out.data.first_base, out.data.next);
      if (aborted) out.aborted = std::move(*aborted);
    }
  }
  co_return out;
}

class FetchRun {
 public:
  FetchRun(RequestContext context, wire::FetchRequest message)
      : context_(std::move(context)), message_(std::move(message)), home_(context_.broker()) {}
  ~FetchRun() {
    if (session_) session_->busy = false;
  }

  static Task<void> run(std::unique_ptr<FetchRun> self) {
    if (!self->sound() || !self->open_session()) co_return;
    self->identify();
    self->resolve();
    const SteadyTime deadline =
        self->home_.shard().clock().now() + std::chrono::milliseconds(std::max(self->message_.max_wait_ms, 0));
    for (;;) {
      co_await self->read_all();
      self->reader_.first_look = false;
      if (self->enough() || self->hurried_ || !self->context_.connected() ||
          self->home_.shard().clock().now() >= deadline)
        break;
      co_await self->wait(deadline);
    }
    self->respond();
  }

 private:
  using Request = wire::FetchRequest;
  using Response = wire::FetchResponse;

  // Consumers say -1, tools -2.
  void identify() {
    reader_.replica = context_.version() >= 15 ? message_.replica_state.replica_id : message_.replica_id;
    reader_.replica_epoch = context_.version() >= 15 ? message_.replica_state.replica_epoch : -1;
    reader_.to = reader_.is_follower() ? ReadTo::log_end : static_cast<ReadTo>(message_.isolation_level);
    reader_.any_replica = !reader_.is_follower() && context_.version() >= 11;
    if (!reader_.is_follower() && message_.rack_id.empty()) return;
    const bool by_rack = home_.config().text("replica.selector.class") == rack_aware_selector;
    prompt_ = by_rack && reader_.is_follower() && session_ && !full_;
    if (!by_rack || !reader_.any_replica || message_.rack_id.empty()) return;
    reader_.rack = &message_.rack_id;
    reader_.listener = context_.listener();
  }

  // A follower fetches what it is a replica of.
  bool may_replicate(const Target& target) const {
    if (!reader_.is_follower()) return true;
    if (reader_.replica == home_.services().node_id) return false;
    const auto& replicas = target.topic->partitions[static_cast<std::size_t>(target.log.partition)].replicas;
    return std::ranges::find(replicas, reader_.replica) != replicas.end();
  }

  bool leads_here(const Target& target) const {
    const PartitionImage& partition = target.topic->partitions[static_cast<std::size_t>(target.log.partition)];
    return partition.leader == home_.services().node_id && home_.services().holds_lease(home_.shard().clock().now());
  }

  bool by_id() const { return context_.version() >= 13; }

  // An isolation level that there is not fails the request, not its partitions; before topic ids both say it.
  bool sound() {
    if (message_.isolation_level == 0 || message_.isolation_level == 1) return true;
    Response response;
    response.error_code = code(ErrorCode::unknown_server_error);
    if (!by_id())
      for (Request::Topic& t : message_.topics) {
        auto& topic = response.responses.emplace_back();
        topic.topic = std::move(t.topic);
        for (const Request::Partition& p : t.partitions) {
          auto& to = topic.partitions.emplace_back();
          to.partition_index = p.partition;
          to.error_code = code(ErrorCode::unknown_server_error);
          to.high_watermark = -1;
          to.records = wire::Records(BufferChain());
        }
      }
    context_.respond(response);
    return false;
  }

  // What is to be fetched, from the session or from the request alone. False when it was answered with an error.
  bool open_session() {
    const std::int32_t id = message_.session_id, epoch = message_.session_epoch;
    FetchSessions& sessions = home_.fetch_sessions();
    const SteadyTime now = home_.shard().clock().now();
    if (context_.version() < 7 || epoch == FetchSessions::final_epoch || epoch == FetchSessions::initial_epoch) {
      if (id != 0) sessions.remove(id);
      std::size_t count = 0;
      for (const Request::Topic& t : message_.topics) count += t.partitions.size();
      if (context_.version() >= 7 && epoch == FetchSessions::initial_epoch)
        session_ = sessions.create(count, by_id(), context_.broker().session_seed(), now);
      if (!session_) {
        alone_ = std::make_unique<FetchSession>();
        alone_->uses_topic_ids = by_id();
      }
      full_ = true;
    } else {
      auto found = sessions.find(id, epoch, by_id(), now);
      if (found.error != ErrorCode::none) {
        Response response;
        response.error_code = code(found.error);
        context_.respond(response);
        return false;
      }
      session_ = std::move(found.session);
    }
    for (Request::Topic& t : message_.topics)
      for (const Request::Partition& p : t.partitions)
        session().put({.topic = by_id() ? std::string() : t.topic,
                       .topic_id = t.topic_id,
                       .index = p.partition,
                       .current_leader_epoch = p.current_leader_epoch,
                       .fetch_offset = p.fetch_offset,
                       .last_fetched_epoch = p.last_fetched_epoch,
                       .log_start_offset = p.log_start_offset,
                       .bytes_max = p.partition_max_bytes});
    for (const Request::ForgottenTopic& t : message_.forgotten_topics_data)
      for (const std::int32_t p : t.partitions) session().forget({by_id() ? std::string() : t.topic, t.topic_id, p});
    if (session_ && !full_ && session_->size() == 0) {
      // Nothing is left to fetch in it: it is over, and the client is told so by a session id of 0.
      sessions.remove(session_->id);
      session_.reset();
      alone_ = std::make_unique<FetchSession>();
      alone_->uses_topic_ids = by_id();
    }
    if (session_) session_->busy = true;  // its partitions are pointed to until the answer has been made
    return true;
  }

  FetchSession& session() { return session_ ? *session_ : *alone_; }

  void resolve() {
    const Metadata& metadata = home_.metadata();
    targets_.reserve(session().size());
    for (FetchedPartition& asked : session().partitions()) {
      Target& target = targets_.emplace_back();
      target.asked = &asked;
      target.topic = by_id() ? metadata.topic(asked.topic_id) : metadata.topic(asked.topic);
      if (!target.topic || asked.index < 0 || static_cast<std::size_t>(asked.index) >= target.topic->partitions.size())
        continue;
      target.log = {target.topic->id, asked.index};
      target.owner = &home_.peer(target.log);
    }
  }

  Task<void> read_all() {
    const auto allowed = std::min<std::int64_t>(context_.version() >= 3 ? message_.max_bytes : INT32_MAX,
                                                home_.config().integer("fetch.max.bytes"));
    Budget budget{.bytes_left = allowed};
    for (Target& target : targets_) {
      if (!target.owner) {
        target.reading = {};
        target.reading.error =
            by_id() && !target.topic ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
      } else if (!may_replicate(target)) {
        target.reading = {};
        target.reading.error = ErrorCode::not_leader_or_follower;
        target.reading.leads = leads_here(target);
      } else if (target.owner == &home_) {
        Partition* partition = home_.partition(target.log);
        if (!partition) {
          target.reading = {};
          target.reading.error = not_here(target);
          continue;
        }
        const FetchedPartition* asked = target.asked;
        auto reading = co_await read_one(&home_, partition, asked, reader_, &budget);
        target.reading = std::move(reading);
      } else {
        co_await read_remote(&target, &budget);
      }
    }
  }

  Task<void> read_remote(Target* target, Budget* budget) {
    BrokerShard* owner = target->owner;
    auto work = [owner, log = target->log, asked = target->asked, reader = reader_, budget]() -> Task<Reading> {
      return read_on_owner(owner, log, asked, reader, budget);
    };
    auto reading = co_await hop(owner->shard(), owner->gate(), std::move(work));
    if (reading) {
      target->reading = std::move(*reading);
    } else {
      target->reading = {};
    }
    if (!reading || target->reading.error == ErrorCode::not_leader_or_follower)
      target->reading.error = not_here(*target);
  }

  static Task<Reading> read_on_owner(BrokerShard* owner, LogId log, const FetchedPartition* asked, Reader reader,
                                     Budget* budget) {
    Partition* partition = owner->partition(log);
    if (!partition) {
      Reading none;
      none.error = not_open_here(*owner, log);
      co_return none;
    }
    auto reading = co_await read_one(owner, partition, asked, reader, budget);
    co_return reading;
  }

  // A partition that is not hosted: moved away, or deleted while the fetch waited.
  ErrorCode not_here(const Target& target) const {
    if (home_.metadata().topic(target.log.topic_id)) return not_open_here(home_, target.log);
    return by_id() ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
  }

  bool enough() const {
    if (message_.max_wait_ms <= 0 || targets_.empty()) return true;
    std::int64_t bytes = 0;
    for (const Target& t : targets_) {
      // A partition that nobody knows has nothing to wait for, and does not hurry the others either.
      if (!t.owner) continue;
      if (t.reading.error != ErrorCode::none || t.reading.diverging_epoch.value >= 0 ||
          t.reading.preferred_replica >= 0 ||
          // Whoever had records deleted waits for the followers to have deleted them.
          (reader_.is_follower() && t.reading.log_start.value != t.asked->told_log_start) ||
          (prompt_ && t.reading.high_watermark.value != t.asked->told_high_watermark))
        return true;
      bytes += static_cast<std::int64_t>(t.reading.data.batches.size());
    }
    return bytes >= message_.min_bytes;
  }

  // One wake-up, from whichever comes first: a partition, the deadline, the client's leaving.
  struct Wake {
    Shard* home;
    Function<void()> resume;
    bool woken = false;
    void wake() {
      woken = true;
      if (resume) home->defer(std::exchange(resume, nullptr));
    }
  };
  // The watches of one shard, made and destroyed there.
  struct Watching {
    std::deque<ReadableWatch> watches;
  };

  struct Seen {
    Offset readable_end;
    ReadTo to;
    std::optional<Offset> high_watermark;  // if it is of interest, too
  };

  template <class Changed>
  static void watch(BrokerShard& owner, const LogId& log, const Seen& seen, Watching& watching, Changed changed) {
    Partition* partition = owner.partition(log);
    if (!partition || partition->readable_end(seen.to) != seen.readable_end) return changed();
    if (seen.high_watermark && partition->high_watermark() != *seen.high_watermark) return changed();
    const auto add = [&](ReadTo to) {
      ReadableWatch& w = watching.watches.emplace_back();
      w.changed = changed;
      partition->watch(w, to);
    };
    add(seen.to);
    if (seen.high_watermark) add(ReadTo::high_watermark);
  }

  Task<void> wait(SteadyTime deadline) {
    auto wake = std::make_shared<Wake>(Wake{&home_.shard(), nullptr});
    Watching local;
    std::vector<std::pair<Shard*, std::shared_ptr<Watching>>> remote;
    const SteadyTime now = home_.shard().clock().now();
    for (Target& t : targets_) {
      if (!t.owner) continue;
      if (t.reading.throttled) {
        deadline = std::min(deadline, now + home_.services().replication_quotas.leader.wait(now));
        continue;
      }
      Seen seen{.readable_end = t.reading.readable_end, .to = reader_.to, .high_watermark = std::nullopt};
      if (prompt_) seen.high_watermark = t.reading.high_watermark;
      if (t.owner == &home_) {
        watch(home_, t.log, seen, local, [wake = wake.get()] { wake->wake(); });
      } else {
        auto there = std::make_shared<Watching>();
        remote.emplace_back(&t.owner->shard(), there);
        t.owner->shard().post([owner = t.owner, log = t.log, seen, there = there.get(), wake] {
          watch(*owner, log, seen, *there, [wake] { wake->home->post([wake] { wake->wake(); }); });
        });
      }
    }
    Timer timer;
    CloseWatch left;
    left.closed = [this, wake = wake.get()] {
      hurried_ = true;
      wake->wake();
    };
    context_.watch_close(left);
    home_.shard().arm(timer, std::max(deadline - now, Duration::zero()), [wake = wake.get()] { wake->wake(); });
    auto woken = [&wake](Function<void()> resume) {
      if (wake->woken) return resume();
      wake->resume = std::move(resume);
    };
    co_await home_.shard().until(std::move(woken));
    for (auto& [shard, there] : remote) shard->post([held = std::move(there)]() mutable { held.reset(); });
  }

  void respond() {
    Response response;
    response.session_id = session_ ? session_->id : 0;
    std::vector<FetchSession::Key> answered_with_data;
    std::int64_t counted = 0;
    for (Target& target : targets_) {
      FetchedPartition& asked = *target.asked;
      Reading& reading = target.reading;
      if (reading.counts) counted += static_cast<std::int64_t>(reading.data.batches.size());
      if (reader_.is_follower()) home_.metrics().replicated_out.add(reading.data.batches.size());
      const bool news = reading.error != ErrorCode::none || !reading.data.batches.empty() ||
                        reading.diverging_epoch.value >= 0 || reading.preferred_replica >= 0 ||
                        reading.high_watermark.value != asked.told_high_watermark ||
                        reading.log_start.value != asked.told_log_start;
      if (!full_ && !news) continue;
      asked.told_high_watermark = reading.error == ErrorCode::none ? reading.high_watermark.value : -2;
      asked.told_log_start = reading.log_start.value;
      if (session_ && !reading.data.batches.empty())
        answered_with_data.push_back({asked.topic, asked.topic_id, asked.index});
      if (response.responses.empty() || response.responses.back().topic != asked.topic ||
          response.responses.back().topic_id != asked.topic_id) {
        auto& topic = response.responses.emplace_back();
        topic.topic = asked.topic;
        topic.topic_id = asked.topic_id;
      }
      auto& to = response.responses.back().partitions.emplace_back();
      fill(to, target);
      if (context_.version() >= 16 && target.owner && is_led_elsewhere(reading.error))
        add_leader_hint(home_.metadata(), context_.listener(), target.log,
                        {reading.error, home_.services().node_id, reading.leads}, to, response);
      if (reader_.is_follower()) response.node_endpoints.clear();  // a broker knows where brokers are
    }
    home_.services().replication_quotas.leader.record(counted, home_.shard().clock().now());
    // Those that had their turn go last next time (KIP-227).
    if (session_)
      for (const auto& key : answered_with_data) session_->move_to_end(key);
    context_.respond(response);
  }

  void fill(Response::Partition& to, Target& target) const {
    Reading& from = target.reading;
    to.partition_index = target.asked->index;
    to.error_code = code(from.error);
    to.high_watermark = from.high_watermark.value;
    to.last_stable_offset = from.last_stable.value;
    to.log_start_offset = from.log_start.value;
    if (target.owner) to.aborted_transactions.reset();
    if (from.aborted && from.error == ErrorCode::none) {
      to.aborted_transactions.emplace();
      for (const Log::Aborted& a : *from.aborted)
        to.aborted_transactions->push_back({.producer_id = a.producer_id, .first_offset = a.first_offset.value});
    }
    if (from.diverging_epoch.value >= 0) {
      to.diverging_epoch.epoch = from.diverging_epoch.value;
      to.diverging_epoch.end_offset = from.diverging_end.value;
    }
    to.preferred_read_replica = from.preferred_replica;
    to.records = wire::Records(std::move(from.data.batches));
  }

  RequestContext context_;
  Request message_;
  BrokerShard& home_;
  std::shared_ptr<FetchSession> session_;
  std::unique_ptr<FetchSession> alone_;  // of a request without a session
  bool full_ = false;                    // answer every partition, changed or not
  // A follower hears at once how far the high watermark is, for it has consumers: otherwise it does with its next
  // fetch.
  bool prompt_ = false;
  bool hurried_ = false;  // no more waiting: the client left, or asked for what there is
  Reader reader_;
  std::vector<Target> targets_;
};

}  // namespace

void fetch(RequestContext request) {
  wire::FetchRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  auto run = std::make_unique<FetchRun>(std::move(request), std::move(message));
  broker.shard().spawn(broker.gate(), FetchRun::run(std::move(run)));
}

}  // namespace holdfast::handlers
