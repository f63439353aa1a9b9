#include "broker/replica_fetcher.h"

#include <algorithm>

#include "broker/broker_shard.h"
#include "runtime/log_line.h"
#include "wire/kafka/replica_report.h"

namespace holdfast {

using std::chrono::milliseconds;
using wire::ErrorCode;

namespace {

constexpr std::int16_t fetch_version = 18;
constexpr Duration stale_metadata_pause = milliseconds(50);  // one of the two has not heard of the new leader yet
constexpr Duration backoff_first = milliseconds(50);
constexpr std::size_t reply_slack_bytes = 64u << 20;  // a batch goes whole however large, and the rest of the message

}  // namespace

ReplicaFetcher::ReplicaFetcher(BrokerShard& broker, Network& network, std::int32_t leader)
    : broker_(broker), network_(network), leader_(leader) {
  broker_.shard().spawn(gate_, run());
}

ReplicaFetcher::~ReplicaFetcher() { *alive_ = false; }

std::int64_t ReplicaFetcher::own_epoch() const {
  const auto& brokers = broker_.metadata().brokers();
  const auto own = brokers.find(broker_.services().node_id);
  return own == brokers.end() ? -1 : own->second.epoch;
}

// ---- What is followed ----

void ReplicaFetcher::follow(std::shared_ptr<Partition> partition) {
  const LogId id = partition->log().id();
  Following& f = following_[id];
  f.partition = std::move(partition);
  f.reported = f.complained = false;
  f.not_before = {};
  if (const auto known = to_forget_.extract(id)) f.asked = known.mapped();
  changed();
}

void ReplicaFetcher::leave(const LogId& id) {
  const auto it = following_.find(id);
  if (it == following_.end()) return;
  if (it->second.asked) to_forget_.emplace(id, *it->second.asked);
  following_.erase(it);
  durable_.erase(id);
  changed();
}

std::int64_t ReplicaFetcher::lag_max() const {
  std::int64_t out = 0;
  for (const auto& [_, f] : following_) out = std::max(out, f.high_watermark - f.partition->log().end_offset());
  return out;
}

void ReplicaFetcher::brokers_changed() {
  backoff_ = {};
  changed();
}

void ReplicaFetcher::changed() {
  woken_ = true;
  if (resume_) return broker_.shard().defer(std::exchange(resume_, nullptr));
  // The fetch that waits at the leader knows nothing of it.
  if (fetching_) report_soon();
}

Task<void> ReplicaFetcher::pause(Duration at_most) {
  auto wait = [this, at_most](Function<void()> resume) {
    if (woken_ || stopping_) return resume();
    resume_ = std::move(resume);
    broker_.shard().arm(timer_, at_most, [this] {
      if (resume_) std::exchange(resume_, nullptr)();
    });
  };
  co_await broker_.shard().until(std::move(wait));
  timer_.cancel();
}

void ReplicaFetcher::give_pause(Following& f, Duration how_long) {
  f.not_before = broker_.shard().clock().now() + how_long;
  // The fetch of the others may wait at the leader by then, for much longer.
  if (retry_timer_.armed() && retry_at_ <= f.not_before) return;
  retry_at_ = f.not_before;
  broker_.shard().arm(retry_timer_, how_long, [this] { changed(); });
}

void ReplicaFetcher::complain(Following& f, std::string_view what) {
  if (std::exchange(f.complained, true)) return;
  log_line(LogLevel::warn, "broker", "{}-{} cannot follow broker {}: {}", f.partition->topic(), f.partition->index(),
           f.partition->leader_id(), what);
}

void ReplicaFetcher::give_up_for_now(const Partition& partition, const std::string& why) {
  const auto it = following_.find(partition.log().id());
  if (it == following_.end()) return;
  complain(it->second, why);
  give_pause(it->second, std::chrono::seconds(1));
}

// ---- Fetching ----

void ReplicaFetcher::reset_session() {
  session_id_ = session_epoch_ = 0;
  to_forget_.clear();
  unconfirmed_.clear();
  for (auto& [_, f] : following_) {
    f.asked.reset();
    f.reported = false;
  }
}

// Where the image says that the leader is.
bool ReplicaFetcher::dial() {
  const auto& brokers = broker_.metadata().brokers();
  const auto found = brokers.find(leader_);
  const auto* listener = found == brokers.end() ? nullptr : broker_.services().inter_broker_listener(found->second);
  if (!listener) return false;
  const Endpoint& at = client_ ? client_->endpoint() : Endpoint{};
  if (client_ && at.host == listener->host && at.port == listener->port) return true;
  if (client_) return client_->close(), false;  // its task ends first
  const auto bytes = static_cast<std::size_t>(broker_.config().integer("replica.fetch.response.max.bytes"));
  client_ = std::make_unique<BrokerClient>(broker_.shard(), network_, Endpoint{listener->host, listener->port},
                                           "broker-" + std::to_string(broker_.services().node_id) + "-fetcher",
                                           bytes + reply_slack_bytes);
  return true;
}

// How long a throttled partition has to wait that this broker is not in sync in (KIP-73); not too long at once, for the
// rate may be changed.
Duration ReplicaFetcher::held_up(const Partition& p, SteadyTime now) const {
  if (!p.is_throttled_follower()) return Duration::zero();
  const Duration wait = broker_.services().replication_quotas.follower.wait(now);
  if (wait == Duration::zero()) return wait;
  const PartitionImage* image = broker_.metadata().partition(p.topic(), p.index());
  const bool in_sync = image && std::ranges::find(image->isr, broker_.services().node_id) != image->isr.end();
  return in_sync ? Duration::zero() : std::min<Duration>(wait, std::chrono::seconds(1));
}

wire::FetchRequest ReplicaFetcher::make_request() {
  wire::FetchRequest out;
  const Config& config = broker_.config();
  out.replica_state = {.replica_id = broker_.services().node_id, .replica_epoch = own_epoch()};
  // Each fetch costs a look at every partition, here and there, and nothing depends on how often while nothing is new:
  // what comes answers the fetch that waits. It is still far more often than a replica in sync has to ask.
  std::int64_t wait_ms = config.integer("replica.fetch.wait.max.ms");
  if (is_quiet_) wait_ms = std::max(wait_ms, std::min(8 * wait_ms, config.integer("replica.lag.time.max.ms") / 8));
  out.max_wait_ms = static_cast<std::int32_t>(wait_ms);
  out.min_bytes = static_cast<std::int32_t>(config.integer("replica.fetch.min.bytes"));
  out.max_bytes = static_cast<std::int32_t>(config.integer("replica.fetch.response.max.bytes"));
  out.session_id = session_id_;
  out.session_epoch = session_epoch_;
  const auto partition_bytes = static_cast<std::int32_t>(config.integer("replica.fetch.max.bytes"));
  const SteadyTime now = broker_.shard().clock().now();
  for (auto& [id, f] : following_) {
    const Partition& p = *f.partition;
    if (now >= f.not_before)
      if (const Duration wait = held_up(p, now); wait > Duration::zero()) give_pause(f, wait);
    if (p.is_truncating() || !p.online() || now < f.not_before) {
      // The session must not have it meanwhile, or it would be answered for it at once, again and again.
      if (f.asked) to_forget_.emplace(id, *f.asked);
      f.asked.reset();
      f.reported = false;
      continue;
    }
    const auto latest = f.partition->log().leader_epochs().latest();
    const Asked ask{.leader_epoch = p.leader_epoch().value,
                    .offset = f.partition->log().end_offset().value,
                    .last_epoch = latest ? latest->value : -1,
                    .log_start = f.partition->log().durable_start().value};
    to_forget_.erase(id);
    if (f.asked == ask) continue;
    f.asked = ask;
    if (!f.reported) unconfirmed_.insert(id);
    if (out.topics.empty() || out.topics.back().topic_id != id.topic_id)
      out.topics.emplace_back().topic_id = id.topic_id;
    out.topics.back().partitions.push_back({.partition = id.partition,
                                            .current_leader_epoch = ask.leader_epoch,
                                            .fetch_offset = ask.offset,
                                            .last_fetched_epoch = ask.last_epoch,
                                            .log_start_offset = ask.log_start,
                                            .partition_max_bytes = partition_bytes,
                                            .replica_directory_id = {}});
  }
  for (const auto& [id, _] : to_forget_) {
    if (out.forgotten_topics_data.empty() || out.forgotten_topics_data.back().topic_id != id.topic_id)
      out.forgotten_topics_data.emplace_back().topic_id = id.topic_id;
    out.forgotten_topics_data.back().partitions.push_back(id.partition);
  }
  to_forget_.clear();
  return out;
}

Task<void> ReplicaFetcher::run() {
  const auto backoff_max = milliseconds(broker_.config().integer("replica.fetch.backoff.ms"));
  const auto timeout = milliseconds(broker_.config().integer("replica.socket.timeout.ms"));
  while (!stopping_) {
    woken_ = false;
    if (following_.empty() || !dial()) {
      if (client_) {
        co_await client_->stop();
        client_.reset();
        reset_session();
        if (!following_.empty()) continue;
      }
      co_await pause(std::chrono::seconds(1));
      continue;
    }
    // Under another registration the leader knows nothing of this broker any more, not even what is on its disk.
    if (std::exchange(session_broker_epoch_, own_epoch()) != own_epoch()) reset_session();
    const wire::FetchRequest request = make_request();
    const bool any = std::ranges::any_of(following_, [](const auto& f) { return f.second.asked.has_value(); });
    // With a session the leader is told of those that are not asked for any more; by that it is over.
    if (!any && session_id_ == 0) {
      co_await pause(stale_metadata_pause);
      continue;
    }
    fetching_ = true;
    auto reply = co_await client_->ask(request, fetch_version, timeout);
    fetching_ = false;
    wire::FetchResponse response;
    Result<void> read;
    if (reply) read = reply->read(response);
    if (!reply || !read) {
      const Error& error = reply ? read.error() : reply.error();
      if (!stopping_ && !std::exchange(unreachable_, true))
        log_line(LogLevel::warn, "broker", "broker {} does not answer fetches: {}", leader_, error.message);
      client_->close();
      reset_session();
      if (stopping_) break;
      backoff_ = std::clamp<Duration>(backoff_ * 2, backoff_first, std::max<Duration>(backoff_max, backoff_first));
      co_await pause(backoff_);
      continue;
    }
    if (std::exchange(unreachable_, false))
      log_line(LogLevel::info, "broker", "broker {} answers fetches again", leader_);
    backoff_ = {};
    if (response.error_code != 0) {
      // The session is gone, or out of step: another one.
      reset_session();
      continue;
    }
    session_id_ = response.session_id;
    session_epoch_ = session_id_ == 0 ? 0 : session_epoch_ == INT32_MAX ? 1 : session_epoch_ + 1;
    take(response);
    // Without a session every request names all.
    if (session_id_ == 0)
      for (auto& [_, f] : following_) f.asked.reset();
  }
}

void ReplicaFetcher::take(const wire::FetchResponse& response) {
  is_quiet_ = response.responses.empty();
  for (const auto& topic : response.responses)
    for (const auto& partition : topic.partitions) {
      const LogId id{topic.topic_id, partition.partition_index};
      const auto it = following_.find(id);
      if (it == following_.end()) continue;
      unconfirmed_.erase(id);
      if (is_about_now(it->second)) take(id, it->second, partition);
    }
  // A session's answer leaves out where there is nothing new. The leader has looked all the same: it would have said if
  // the logs parted.
  for (const LogId& id : std::exchange(unconfirmed_, {})) {
    const auto it = following_.find(id);
    if (it != following_.end() && is_about_now(it->second)) confirm(id);
  }
}

// Not asked under another epoch, or before something was cut.
bool ReplicaFetcher::is_about_now(const Following& f) {
  const Partition& p = *f.partition;
  return f.asked && !p.is_truncating() && f.asked->leader_epoch == p.leader_epoch().value &&
         f.asked->offset == p.log().end_offset().value;
}

void ReplicaFetcher::confirm(const LogId& id) {
  if (following_.at(id).reported) return;
  durable_.insert(id);
  report_soon();
}

void ReplicaFetcher::take(const LogId& id, Following& f, const wire::FetchResponse::Partition& from) {
  const auto error = static_cast<ErrorCode>(from.error_code);
  Partition& p = *f.partition;
  const Log& log = p.log();
  if (error == ErrorCode::offset_out_of_range) {
    // Records that were deleted at the leader; whatever else does not fit is found by its epoch.
    const bool is_empty = log.start_offset() == log.end_offset();
    if (from.log_start_offset >= 0 && (from.log_start_offset > log.end_offset().value || is_empty)) {
      broker_.shard().spawn(gate_, restart(f.partition, Offset(from.log_start_offset)));
    } else {
      complain(f, "its log does not have the offsets that this one needs");
      give_pause(f, std::chrono::seconds(1));
    }
    return;
  }
  if (error == ErrorCode::kafka_storage_error || error == ErrorCode::unknown_server_error)
    return give_pause(f, std::chrono::seconds(1));
  if (error != ErrorCode::none) return give_pause(f, stale_metadata_pause);
  if (from.diverging_epoch.epoch >= 0) return cut(f, from.diverging_epoch);

  const ByteView records = from.records.view;
  if (!records.empty()) {
    const auto bytes = static_cast<std::int64_t>(records.size());
    broker_.metrics().replicated_in.add(records.size());
    if (p.is_throttled_follower())
      broker_.services().replication_quotas.follower.record(bytes, broker_.shard().clock().now());
    // The leader's log begins within a batch, as DeleteRecords may leave it. An empty log takes the batch whole.
    if (const auto first = wire::BatchHeader::parse(records); first && first->base_offset < log.end_offset().value &&
                                                              log.start_offset() == log.end_offset() &&
                                                              first->last_offset() >= log.end_offset().value) {
      std::vector<std::uint8_t> copy(records.begin(), records.end());
      broker_.shard().spawn(gate_, restart(f.partition, Offset(first->base_offset), std::move(copy)));
      return;
    }
    auto appended = p.append_replicated(records);
    if (!appended) {
      complain(f, appended.error().message);
      return give_pause(f, std::chrono::seconds(1));
    }
  }
  f.complained = false;
  f.high_watermark = Offset(from.high_watermark);
  p.learn_high_watermark(f.high_watermark);
  const Offset start = std::min(Offset(from.log_start_offset), log.end_offset());
  if (start > log.durable_start()) broker_.shard().spawn(gate_, advance_start(f.partition, start));
  confirm(id);
}

// KIP-279: to where this log's part of that epoch ends, or the leader's does. If this log does not know the epoch, the
// next fetch is about an earlier one.
void ReplicaFetcher::cut(Following& f, const wire::FetchResponse::EpochEndOffset& leaders) {
  const Log& log = f.partition->log();
  Offset end = std::min(Offset(std::max<std::int64_t>(leaders.end_offset, 0)), log.end_offset());
  const auto [epoch, own_end] = log.leader_epochs().end_offset_for(LeaderEpoch(leaders.epoch), log.end_offset());
  if (epoch.value >= 0) end = std::min(end, own_end);
  // Only after an unclean election: all that the leader has lies below what is left here.
  if (end < log.start_offset()) {
    broker_.shard().spawn(gate_, restart(f.partition, end));
    return;
  }
  if (!f.complained)  // that it cannot be
    log_line(LogLevel::info, "broker", "{}-{} is cut to {} from {}, where it parts from broker {}'s (epoch {})",
             f.partition->topic(), f.partition->index(), end.value, log.end_offset().value, leader_, leaders.epoch);
  broker_.shard().spawn(gate_, truncate(f.partition, end));
}

Task<void> ReplicaFetcher::truncate(std::shared_ptr<Partition> partition, Offset end) {
  auto done = co_await partition->truncate_to(end);
  if (!done) give_up_for_now(*partition, "its end cannot be cut off: " + done.error().message);
  changed();
}

Task<void> ReplicaFetcher::restart(std::shared_ptr<Partition> partition, Offset start,
                                   std::vector<std::uint8_t> records) {
  log_line(LogLevel::info, "broker", "{}-{} begins anew at {}, with what its leader has", partition->topic(),
           partition->index(), start.value);
  const LeaderEpoch epoch = partition->leader_epoch();
  auto done = co_await partition->restart_at(start);
  if (done && !records.empty() && partition->leader_id() == leader_ && partition->leader_epoch() == epoch)
    done = partition->append_replicated(records);
  if (!done) give_up_for_now(*partition, "it cannot be emptied: " + done.error().message);
  changed();
}

Task<void> ReplicaFetcher::advance_start(std::shared_ptr<Partition> partition, Offset start) {
  auto done = co_await partition->log().advance_start(start);
  if (!done)
    log_line(LogLevel::warn, "broker", "{}-{}: old records stay: {}", partition->topic(), partition->index(),
             done.error().message);
  changed();  // the leader may wait to hear of it
}

// ---- Reporting ----

void ReplicaFetcher::durable(const Partition& partition) {
  const LogId id = partition.log().id();
  const auto it = following_.find(id);
  if (it == following_.end() || !it->second.reported) return;
  durable_.insert(id);
  report_soon();
}

void ReplicaFetcher::report_soon() {
  if (std::exchange(report_deferred_, true)) return;
  broker_.shard().defer([this, alive = alive_] {
    if (!*alive) return;
    report_deferred_ = false;
    report();
  });
}

void ReplicaFetcher::report() {
  if (!client_ || !client_->connected()) return;
  wire::ReplicaReport out;
  out.replica_id = broker_.services().node_id;
  out.replica_epoch = own_epoch();
  out.answer_fetch = woken_ && fetching_;
  for (const LogId& id : std::exchange(durable_, {})) {
    const auto it = following_.find(id);
    if (it == following_.end()) continue;
    Following& f = it->second;
    f.reported = true;
    if (out.topics.empty() || out.topics.back().topic_id != id.topic_id) out.topics.push_back({id.topic_id, {}});
    out.topics.back().partitions.push_back({.partition = id.partition,
                                            .leader_epoch = f.partition->leader_epoch().value,
                                            .durable_offset = f.partition->log().durable_end().value});
  }
  // Where it is dropped, a fetch says the same a little later.
  if (!out.topics.empty() || out.answer_fetch) static_cast<void>(client_->tell(out, 0));
}

Task<void> ReplicaFetcher::stop() {
  stopping_ = true;
  retry_timer_.cancel();
  if (client_) client_->close();
  if (resume_) std::exchange(resume_, nullptr)();
  co_await broker_.shard().drained(gate_);
  if (client_) co_await client_->stop();
}

}  // namespace holdfast
