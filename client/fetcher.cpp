#include "client/fetcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "client/admin_call.h"
#include "runtime/log_line.h"

namespace holdfast::client {
namespace {

using wire::ErrorCode;

constexpr std::int16_t last_fetch_with_names = 12;
constexpr Duration short_wait = std::chrono::milliseconds(10);  // while partitions of the same broker are full

}  // namespace

Fetcher::Fetcher(Cluster& cluster, FetchOptions options, Function<void()> changed)
    : cluster_(cluster),
      shard_(cluster.shard()),
      options_(std::move(options)),
      changed_(std::move(changed)),
      work_(cluster.shard()) {}

Fetcher::~Fetcher() { HOLDFAST_CHECK(gate_.closed()); }

Task<void> Fetcher::stop() {
  stopping_ = true;
  work_.wake_all();
  co_await shard_.drained(gate_);
}

// ---- Partitions

Fetcher::Partition* Fetcher::find(const TopicPartition& partition) const {
  const auto it = partitions_.find(partition);
  return it == partitions_.end() ? nullptr : it->second.get();
}

void Fetcher::add(const TopicPartition& partition) {
  auto& slot = partitions_[partition];
  if (slot) return;
  slot = std::make_unique<Partition>();
  slot->name = std::make_shared<const TopicPartition>(partition);
  slot->serial = ++last_serial_;
}

void Fetcher::remove(const TopicPartition& partition) {
  const auto it = partitions_.find(partition);
  if (it == partitions_.end()) return;
  drop_records(*it->second);
  std::erase(turns_, it->second.get());
  partitions_.erase(it);
}

bool Fetcher::wants_position(const TopicPartition& partition) const {
  const Partition* p = find(partition);
  return p && p->state == State::unset;
}

std::vector<TopicPartition> Fetcher::partitions() const {
  std::vector<TopicPartition> all;
  for (const auto& [name, p] : partitions_) all.push_back(name);
  return all;
}

void Fetcher::drop_records(Partition& p) {
  waiting_bytes_ -= p.bytes;
  p.bytes = 0;
  p.records.clear();
  p.failure.reset();
  p.serial = ++last_serial_;
}

bool Fetcher::seek(const TopicPartition& partition, FetchPosition to) {
  Partition* p = find(partition);
  if (!p) return false;
  drop_records(*p);
  p->position = p->next = to;
  p->validated_epoch = -1;
  p->preferred = -1;
  p->state = to.epoch >= 0 ? State::validating : State::ready;
  work_.wake_all();
  kick();
  return true;
}

bool Fetcher::seek(const TopicPartition& partition, OffsetSpec to) {
  Partition* p = find(partition);
  if (!p) return false;
  drop_records(*p);
  p->position = p->next = {};
  p->spec = to;
  p->preferred = -1;
  p->state = State::listing;
  work_.wake_all();
  kick();
  return true;
}

bool Fetcher::pause(const TopicPartition& partition, bool paused) {
  Partition* p = find(partition);
  if (!p) return false;
  p->paused = paused;
  if (!paused && !p->records.empty()) changed_();
  kick();
  return true;
}

bool Fetcher::is_paused(const TopicPartition& partition) const {
  const Partition* p = find(partition);
  return p && p->paused;
}

std::optional<FetchPosition> Fetcher::position(const TopicPartition& partition) const {
  const Partition* p = find(partition);
  if (!p || p->position.offset < 0) return {};
  return p->position;
}

FetchLag Fetcher::lag(const TopicPartition& partition) const {
  const Partition* p = find(partition);
  return p ? p->lag : FetchLag();
}

void Fetcher::fail(Partition& p, ErrorCode code, std::string_view what) {
  drop_records(p);
  p.state = State::failed;
  p.failure = Failure{code, fmt::format("{}: {}", to_string(*p.name), what.empty() ? wire::error_message(code) : what)};
  if (!std::exchange(p.in_turn, true)) turns_.push_back(&p);
  changed_();
}

// It will be looked for; the hint, if there is one, is what will be found.
void Fetcher::leader_lost(Partition& p, std::optional<PartitionLeader> hint) {
  cluster_.leader_is_wrong(*p.name, hint);
  p.leader = {};
  p.preferred = -1;
  work_.wake_all();
}

// ---- Handing out

Outcome<ConsumedRecords> Fetcher::take(std::size_t count_max) {
  ConsumedRecords out;
  for (std::size_t left = turns_.size(); left > 0; --left) {
    Partition& p = *turns_.front();
    turns_.pop_front();
    p.in_turn = false;
    if (auto failure = std::exchange(p.failure, std::nullopt)) return std::unexpected(std::move(*failure));
    const bool is_next = !p.paused && p.state == State::ready;
    while (is_next && out.empty() && !p.records.empty()) {
      FetchedRecords& fetched = p.records.front();
      auto read = fetched.read(count_max, out);
      p.position = {fetched.next_offset(), fetched.last_epoch()};
      if (!read && out.empty()) {
        const std::string why = std::move(read.error().message);
        const FetchPosition at = p.position;
        fail(p, ErrorCode::corrupt_message, why);
        p.position = p.next = at;
        return take(count_max);
      }
      if (!fetched.done()) break;
      waiting_bytes_ -= fetched.bytes();
      p.bytes -= fetched.bytes();
      p.records.pop_front();
    }
    if (!p.records.empty() && !p.in_turn) {
      p.in_turn = true;
      turns_.push_back(&p);
    }
    if (out.empty()) continue;
    out.partition = p.name;
    break;
  }
  if (!out.empty()) kick();
  return out;
}

// ---- Fetching

// Whatever has changed, what follows from it is done once, when the burst is over.
void Fetcher::kick() {
  if (stopping_ || std::exchange(kicked_, true)) return;
  shard_.defer([this, holder = gate_.enter()] {
    kicked_ = false;
    if (holder && !stopping_) step();
  });
}

bool Fetcher::may_fetch(const Partition& p) const { return p.state == State::ready && !p.paused && p.leader.node >= 0; }

std::int32_t Fetcher::fetches_from(Partition& p) const {
  if (p.preferred >= 0 && shard_.clock().now() >= p.preferred_until) p.preferred = -1;
  return p.preferred >= 0 ? p.preferred : p.leader.node;
}

void Fetcher::step() {
  bool work = false;
  std::map<std::int32_t, std::vector<Partition*>> wanted;
  std::set<std::int32_t> full;  // brokers of partitions that have enough
  for (auto& [name, p] : partitions_) {
    work = work || needs_work(*p);
    if (!may_fetch(*p)) continue;
    const std::int32_t node = fetches_from(*p);
    const bool room = p->bytes < static_cast<std::size_t>(options_.partition_bytes_max) &&
                      waiting_bytes_ < options_.prefetch_bytes_max;
    if (room)
      wanted[node].push_back(p.get());
    else
      full.insert(node);
  }
  if (work && !std::exchange(finding_, true)) shard_.spawn(gate_, find_positions());
  for (auto& [node, partitions] : wanted) {
    auto& session = sessions_[node];
    if (!session) {
      session = std::make_unique<Session>();
      session->node = node;
    }
    if (std::exchange(session->busy, true)) continue;
    wire::FetchRequest request = make_request(*session, partitions, full.contains(node));
    shard_.spawn(gate_, fetch(*session, std::move(request)));
  }
}

wire::FetchRequest Fetcher::make_request(Session& session, const std::vector<Partition*>& wanted, bool others_wait) {
  wire::FetchRequest request;
  request.max_wait_ms = admin::to_ms(others_wait ? std::min(short_wait, options_.wait_max) : options_.wait_max);
  request.min_bytes = options_.bytes_min;
  const std::size_t room = options_.prefetch_bytes_max - std::min(waiting_bytes_, options_.prefetch_bytes_max);
  request.max_bytes = static_cast<std::int32_t>(
      std::clamp<std::size_t>(room, static_cast<std::size_t>(options_.partition_bytes_max),
                              static_cast<std::size_t>(std::max(options_.bytes_max, options_.partition_bytes_max))));
  request.isolation_level = static_cast<std::int8_t>(options_.isolation);
  request.rack_id = options_.rack;

  std::map<std::string_view, Uuid> ids;
  bool by_id = true;
  for (const Partition* p : wanted) {
    const auto [at, fresh] = ids.try_emplace(p->name->topic);
    if (!fresh) continue;
    if (const KnownTopic* topic = cluster_.metadata().topic(p->name->topic)) at->second = topic->id;
    by_id = by_id && at->second != Uuid{};
  }
  // One session speaks of topics in one way.
  if (by_id != session.by_id) session.reset();
  // Of a topic that was made again the old one must not stay in it: its errors would be taken for the new one's.
  const auto made_again = [&](const Partition* p) {
    const auto before = session.asked.find(*p->name);
    return before != session.asked.end() && before->second.topic_id != ids[p->name->topic];
  };
  if (std::any_of(wanted.begin(), wanted.end(), made_again)) session.reset();
  session.by_id = by_id;
  request.session_id = session.id;
  request.session_epoch = session.epoch;

  std::map<std::string_view, std::size_t> topic_at;
  std::set<TopicPartition> kept;
  for (Partition* p : wanted) {
    kept.insert(*p->name);
    const Session::Asked now{.offset = p->next.offset,
                             .leader_epoch = p->leader.epoch,
                             .serial = p->serial,
                             .topic_id = ids[p->name->topic]};
    Session::Asked& before = session.asked[*p->name];
    const bool same =
        before.offset == now.offset && before.leader_epoch == now.leader_epoch && before.topic_id == now.topic_id;
    before = now;
    if (same) continue;
    const auto [at, fresh] = topic_at.try_emplace(p->name->topic, request.topics.size());
    if (fresh) {
      auto& topic = request.topics.emplace_back();
      topic.topic = p->name->topic;
      topic.topic_id = now.topic_id;
      session.names[now.topic_id] = p->name->topic;
    }
    request.topics[at->second].partitions.push_back({.partition = p->name->partition,
                                                     .current_leader_epoch = now.leader_epoch,
                                                     .fetch_offset = now.offset,
                                                     .partition_max_bytes = options_.partition_bytes_max});
  }
  for (auto it = session.asked.begin(); it != session.asked.end();) {
    if (kept.contains(it->first)) {
      ++it;
      continue;
    }
    auto& topic = request.forgotten_topics_data.emplace_back();
    topic.topic = it->first.topic;
    topic.topic_id = it->second.topic_id;
    topic.partitions.push_back(it->first.partition);
    it = session.asked.erase(it);
  }
  return request;
}

Task<void> Fetcher::fetch(Session& session, wire::FetchRequest request) {
  const std::int16_t version_max = session.by_id ? INT16_MAX : last_fetch_with_names;
  const Duration time = cluster_.options().request_timeout + options_.wait_max;
  const std::int32_t node = Cluster::on_lane(Cluster::Lane::fetch, session.node);
  auto answer = co_await cluster_.ask<wire::FetchResponse>(node, std::move(request), time, version_max);
  if (stopping_) co_return;
  if (answer) {
    answered(session, *answer);
  } else {
    session.reset();
    ++session.failures;
    log_line(LogLevel::debug, "consumer", "fetch from broker {}: {}", session.node, to_string(answer.error()));
    // Who leads now may be somebody else.
    for (auto& [name, p] : partitions_)
      if (fetches_from(*p) == session.node) leader_lost(*p);
  }
  if (session.failures > 0) co_await pause_session(session);
  session.busy = false;
  kick();
}

Task<void> Fetcher::pause_session(Session& session) {
  const int doublings = std::min(session.failures - 1, 10);
  const Duration pause =
      std::min(cluster_.options().retry_backoff * (1 << doublings), cluster_.options().retry_backoff_max);
  const SteadyTime until = shard_.clock().now() + pause;
  while (!stopping_ && shard_.clock().now() < until) {
    const Duration rest = until - shard_.clock().now();
    co_await work_.wait_for(rest);
  }
}

void Fetcher::answered(Session& session, Answer<wire::FetchResponse>& answer) {
  auto& message = answer.message;
  const auto code = static_cast<ErrorCode>(message.error_code);
  if (code != ErrorCode::none) {
    session.reset();
    if (code == ErrorCode::fetch_session_id_not_found) session.id = 0;
    const bool of_the_session = code == ErrorCode::fetch_session_id_not_found ||
                                code == ErrorCode::invalid_fetch_session_epoch ||
                                code == ErrorCode::fetch_session_topic_id_error;
    // A new session follows at once, but not again and again.
    session.failures = of_the_session && session.failures == 0 ? 0 : session.failures + 1;
    if (!of_the_session)
      for (auto& [name, p] : partitions_)
        if (fetches_from(*p) == session.node) leader_lost(*p);
    return;
  }
  session.failures = 0;

  std::vector<KnownBroker> brokers;
  for (const auto& node : message.node_endpoints)
    brokers.push_back({.id = node.node_id,
                       .endpoint = {.host = node.host, .port = static_cast<std::uint16_t>(node.port)},
                       .rack = node.rack});
  if (!brokers.empty()) cluster_.learn(brokers);

  for (auto& topic : message.responses) {
    if (answer.version > last_fetch_with_names) {
      const auto name = session.names.find(topic.topic_id);
      if (name == session.names.end()) continue;
      topic.topic = name->second;
    }
    for (auto& partition : topic.partitions)
      if (Partition* p = find({topic.topic, partition.partition_index})) take_in(session, *p, partition, answer.frame);
  }
  session.id = message.session_id;
  if (session.id == 0)
    session.reset();  // it was not kept
  else
    session.epoch = session.epoch == INT32_MAX ? 1 : session.epoch + 1;
}

void Fetcher::take_in(Session& session, Partition& p, wire::FetchResponse::Partition& from, const Bytes& frame) {
  const auto asked = session.asked.find(*p.name);
  // Somebody may have sought meanwhile, or the same records have come from another broker.
  const bool current = p.state == State::ready && asked != session.asked.end() && asked->second.serial == p.serial &&
                       asked->second.offset == p.next.offset;
  if (!current) return;
  if (from.error_code != 0) return refused(session, p, from);
  p.lag = {.high_watermark = from.high_watermark,
           .last_stable_offset = from.last_stable_offset,
           .log_start_offset = from.log_start_offset};
  if (from.preferred_read_replica >= 0 && cluster_.metadata().brokers().contains(from.preferred_read_replica)) {
    p.preferred = from.preferred_read_replica;
    p.preferred_until = shard_.clock().now() + cluster_.options().metadata_max_age;
  }
  if (from.records.view.empty()) return;
  std::vector<AbortedTransaction> aborted;
  if (from.aborted_transactions)
    for (const auto& transaction : *from.aborted_transactions)
      aborted.push_back({transaction.producer_id, transaction.first_offset});
  FetchedRecords fetched(
      frame, from.records.view, std::move(aborted), p.next.offset,
      {.read_committed = options_.isolation == IsolationLevel::read_committed, .check_crcs = options_.check_crcs});
  if (!fetched.holds_a_batch())
    return fail(p, ErrorCode::record_list_too_large,
                fmt::format("the batch at offset {} is larger than a fetch may be", p.next.offset));
  if (fetched.end_offset() <= p.next.offset) return;
  p.next = {fetched.end_offset(), fetched.end_epoch()};
  p.bytes += fetched.bytes();
  waiting_bytes_ += fetched.bytes();
  p.records.push_back(std::move(fetched));
  if (!std::exchange(p.in_turn, true)) turns_.push_back(&p);
  changed_();
}

void Fetcher::refused(Session& session, Partition& p, const wire::FetchResponse::Partition& from) {
  const auto code = static_cast<ErrorCode>(from.error_code);
  session.asked[*p.name].offset = -1;  // it is asked for anew, or taken out of the session
  switch (code) {
    case ErrorCode::offset_out_of_range:
      // A follower may not have it yet, or not any more: the leader knows.
      if (p.preferred >= 0) {
        p.preferred = -1;
      } else if (!p.records.empty()) {
        // What is there is read first. Then the position is the one that was asked for.
        p.next = p.position;
        drop_records(p);
      } else if (options_.reset) {
        log_line(LogLevel::info, "consumer", "{}: offset {} is out of range, starting again from the {}",
                 to_string(*p.name), p.next.offset,
                 options_.reset->timestamp == OffsetSpec::earliest().timestamp ? "beginning" : "end");
        seek(*p.name, *options_.reset);
      } else {
        fail(p, code, fmt::format("offset {} is out of range, and no reset policy is set", p.next.offset));
      }
      return;
    case ErrorCode::topic_authorization_failed:
    case ErrorCode::corrupt_message:
      return fail(p, code);
    case ErrorCode::unknown_leader_epoch:
    case ErrorCode::unknown_server_error:
    case ErrorCode::offset_not_available:
      // The broker will know better in a moment.
      session.failures = std::max(session.failures, 1);
      return;
    default: {
      std::optional<PartitionLeader> hint;
      if (from.current_leader.leader_id >= 0)
        hint = PartitionLeader{.node = from.current_leader.leader_id, .epoch = from.current_leader.leader_epoch};
      leader_lost(p, hint);
      // The next metadata may be as old as what sent us here.
      if (!hint) session.failures = std::max(session.failures, 1);
    }
  }
}

}  // namespace holdfast::client
