#include "client/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runtime/log_line.h"
#include "wire/kafka/api.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/groups.h"

namespace holdfast::client {

using wire::ErrorCode;

namespace {

constexpr std::int16_t api_versions_version = 4;  // the highest that every broker answers in a form we can read
constexpr Duration topic_idle_max = std::chrono::minutes(5);  // metadata.max.idle.ms
constexpr int jitter_percent = 20;
constexpr Duration part_min = std::chrono::milliseconds(300);  // that a broker has to be there
constexpr std::int32_t lane_size = 1 << 29, lane_count = 2;    // beside the common one

std::unexpected<Failure> stopped() { return failed(ErrorCode::network_exception, "the client was stopped"); }

bool is_bootstrap(std::int32_t node) { return node < 0; }

}  // namespace

struct Cluster::Peer {
  Peer(Shard& shard, std::int32_t n) : node(n), attempt(shard) {}

  const std::int32_t node;
  std::shared_ptr<BrokerClient> connection;  // tasks that wait for an answer share it
  bool agreed = false;                       // the versions are those of this connection
  std::map<std::int16_t, wire::VersionRange> versions;
  std::size_t under_way = 0;

  bool connecting = false;
  WaitList attempt;  // wait for its end
  Failure why{ErrorCode::network_exception, "there is no connection"};
  int failures = 0;   // in a row
  bool late = false;  // somebody has waited for it in vain, and it has not been there since
  SteadyTime not_before{};
  SteadyTime throttled_until{};

  bool ready() const { return connection && agreed && connection->connected(); }
  bool is_at(const Endpoint& endpoint) const {
    if (!connection) return false;
    const Endpoint& own = connection->endpoint();
    return own.port == endpoint.port && own.host == endpoint.host;
  }
};

struct Cluster::Round {
  explicit Round(Shard& shard) : done(shard) {}
  std::set<std::string> topics;
  bool all = false, create = false;
  WaitList done;
  std::optional<Outcome<>> outcome;
};

Cluster::Cluster(Shard& shard, Network& network, ClusterOptions options)
    : shard_(shard),
      network_(network),
      options_(std::move(options)),
      random_(options_.random_seed ? seeded_random(*options_.random_seed) : system_random()),
      pauses_(shard) {}

Cluster::~Cluster() { HOLDFAST_CHECK(gate_.holders() == 0); }

Task<void> Cluster::stop() {
  stopping_ = true;
  pauses_.wake_all();
  for (const auto& [_, peer] : peers_) {
    if (!peer->connection) continue;
    co_await peer->connection->stop();
  }
  co_await shard_.drained(gate_);
}

// ---- Connections ----

// Lanes have the numbers at the lower end; a broker with an id that finds no room there has one lane.
std::int32_t Cluster::on_lane(Lane lane, std::int32_t node) {
  if (lane == Lane::common || node < 0 || node >= lane_size) return node;
  return INT32_MIN + (static_cast<std::int32_t>(lane) - 1) * lane_size + node;
}

std::int32_t Cluster::without_lane(std::int32_t node) {
  const std::int64_t from_lowest = std::int64_t{node} - INT32_MIN;
  return from_lowest < lane_count * std::int64_t{lane_size} ? static_cast<std::int32_t>(from_lowest % lane_size) : node;
}

Outcome<Endpoint> Cluster::endpoint_of(std::int32_t on_some_lane) const {
  const std::int32_t node = without_lane(on_some_lane);
  const auto index = static_cast<std::size_t>(-1 - std::int64_t{node});
  if (is_bootstrap(node) && index < options_.bootstrap_servers.size()) return options_.bootstrap_servers[index];
  const auto it = metadata_.brokers().find(node);
  if (it == metadata_.brokers().end())
    // Whoever asked for it knew it once: it may look for the coordinator or the leader again.
    return failed(ErrorCode::network_exception, fmt::format("broker {} is not in the cluster now", node));
  return it->second.endpoint;
}

// A connection on which the versions are known. Whoever comes while it is being made waits for the same attempt.
Task<Outcome<Cluster::Peer*>> Cluster::ready_peer(std::int32_t node, SteadyTime deadline) {
  if (stopping_) co_return stopped();
  auto endpoint = endpoint_of(node);
  if (!endpoint) co_return failed(endpoint);
  auto& slot = peers_[node];
  if (!slot) slot = std::make_unique<Peer>(shard_, node);
  Peer& peer = *slot;
  const bool moved = peer.connection && !peer.is_at(*endpoint);
  if (moved && !peer.connecting) {
    retire(std::exchange(peer.connection, nullptr));
    peer.failures = 0;
    peer.not_before = {};
  }
  while (!peer.ready()) {
    const Duration left = deadline - shard_.clock().now();
    if (left <= Duration::zero()) {
      peer.late = true;
      co_return failed(ErrorCode::request_timed_out, fmt::format("no connection to {} in time", to_string(*endpoint)));
    }
    if (!peer.connecting) {
      if (!peer.connection)
        peer.connection =
            std::make_shared<BrokerClient>(shard_, network_, *endpoint, options_.client_id, options_.reply_bytes_max);
      peer.connecting = true;
      shard_.spawn(gate_, connect(peer));
    }
    const bool ended = co_await peer.attempt.wait_for(left);
    if (stopping_) co_return stopped();
    if (ended && !peer.ready()) co_return std::unexpected<Failure>(peer.why);
  }
  co_return &peer;
}

Task<void> Cluster::connect(Peer& peer) {
  const Duration wait = peer.not_before - shard_.clock().now();
  if (wait > Duration::zero()) co_await pauses_.wait_for(wait);
  Outcome<> agreed = stopped();
  if (!stopping_) agreed = co_await agree_on_versions(peer, peer.connection);
  if (agreed) {
    peer.failures = 0;
    peer.not_before = {};
    for (const auto& [_, other] : peers_) {
      if (other->is_at(peer.connection->endpoint())) other->late = false;
    }
  } else {
    peer.late |= agreed.error().code == ErrorCode::request_timed_out;
    peer.why = std::move(agreed.error());
    peer.not_before =
        shard_.clock().now() + jittered(options_.reconnect_backoff, options_.reconnect_backoff_max, peer.failures++);
    peer.connection->close();
  }
  peer.connecting = false;
  peer.attempt.wake_all();
}

Task<Outcome<>> Cluster::agree_on_versions(Peer& peer, std::shared_ptr<BrokerClient> connection) {
  peer.agreed = false;
  wire::ApiVersionsRequest request;
  request.client_software_name = "holdfast";
  request.client_software_version = HOLDFAST_VERSION;
  wire::ApiVersionsResponse answer;
  std::int16_t version = api_versions_version;
  for (;;) {
    auto reply = co_await connection->ask(request, version, options_.connection_timeout);
    // The first answer of all: who breaks the protocol by that does not speak it, and is as good as not there.
    if (!reply && reply.error().kind == ErrorKind::invalid_input)
      co_return failed(ErrorCode::network_exception, reply.error().message);
    if (!reply) co_return failed(reply.error());
    // A broker that does not know the version answers in version 0, and says which it does know.
    wire::Reader code(reply->body);
    const bool refused = version > 0 && code.i16() == wire::to_wire(ErrorCode::unsupported_version);
    if (refused) reply->version = 0;
    answer = {};
    const auto read = reply->read(answer);
    if (!read && !refused)
      co_return failed(ErrorCode::unknown_server_error,
                       fmt::format("{}: {}", to_string(connection->endpoint()), read.error().message));
    if (!refused) break;
    std::int16_t known = 0;
    for (const auto& range : answer.api_keys) {
      if (range.api_key == wire::ApiVersionsRequest::api.key) known = range.max_version;
    }
    version = std::clamp<std::int16_t>(known, 0, static_cast<std::int16_t>(version - 1));
  }
  if (answer.error_code != 0)
    co_return failed(static_cast<ErrorCode>(answer.error_code),
                     fmt::format("{} refuses ApiVersions", to_string(connection->endpoint())));
  peer.versions.clear();
  for (const auto& range : answer.api_keys) peer.versions[range.api_key] = {range.min_version, range.max_version};
  peer.agreed = true;
  co_return Outcome<>{};
}

// Whoever has dialled that address, and under whatever number.
bool Cluster::is_silent(std::int32_t node) const {
  const auto endpoint = endpoint_of(node);
  const auto late_there = [&endpoint](const auto& entry) {
    return entry.second->late && entry.second->is_at(*endpoint);
  };
  return endpoint && std::ranges::any_of(peers_, late_there);
}

Task<Outcome<>> Cluster::reach(std::int32_t node, Duration at_most) {
  const Gate::Holder holder = gate_.enter();
  auto peer = co_await ready_peer(node, shard_.clock().now() + at_most);
  if (!peer) co_return failed(peer);
  co_return Outcome<>{};
}

void Cluster::retire(std::shared_ptr<BrokerClient> connection) { shard_.spawn(gate_, end(std::move(connection))); }

Task<void> Cluster::end(std::shared_ptr<BrokerClient> connection) { co_await connection->stop(); }

Duration Cluster::jittered(Duration first, Duration max, int attempt) {
  constexpr int doublings_max = 20;
  const Duration base = std::min(max, first * (1 << std::clamp(attempt, 0, doublings_max)));
  const auto percent = 100 - jitter_percent + static_cast<std::int64_t>(random_->below(2 * jitter_percent + 1));
  return base * percent / 100;
}

Duration Cluster::retry_pause(int attempt) {
  return jittered(options_.retry_backoff, options_.retry_backoff_max, attempt);
}

Task<void> Cluster::back_off(int attempt) {
  const Gate::Holder holder = gate_.enter();
  if (stopping_) co_return;
  co_await pauses_.wait_for(retry_pause(attempt));
}

void Cluster::hang_up(Lane lane, std::int32_t node) {
  const auto it = peers_.find(on_lane(lane, node));
  if (it != peers_.end() && it->second->connection) it->second->connection->close();
}

// ---- Asking ----

namespace {

Outcome<std::int16_t> pick_version(const std::map<std::int16_t, wire::VersionRange>& theirs, const wire::Api& api,
                                   std::int16_t version_max, const std::string& broker) {
  const auto* declaration = wire::api_declaration(api.key);
  const std::string_view name = declaration ? declaration->name : "this request";
  const auto it = theirs.find(api.key);
  if (it == theirs.end())
    return failed(ErrorCode::unsupported_version, fmt::format("{} does not know {}", broker, name));
  const std::int16_t version = std::min({api.versions.last, it->second.last, version_max});
  if (version < std::max(api.versions.first, it->second.first))
    return failed(
        ErrorCode::unsupported_version,
        fmt::format("{} knows {} in versions {} to {}, not in one of {} to {}", broker, name, it->second.first,
                    it->second.last, api.versions.first, std::min(api.versions.last, version_max)));
  return version;
}

}  // namespace

Cluster::Asked Cluster::exchange_with(Peer& peer, BrokerClient::Outgoing request, SteadyTime deadline,
                                      std::int16_t version_max) {
  const Duration muted = peer.throttled_until - shard_.clock().now();
  if (muted > Duration::zero()) {
    co_await pauses_.wait_for(std::min(muted, deadline - shard_.clock().now()));
    if (stopping_) co_return stopped();
    if (!peer.ready()) co_return failed(ErrorCode::network_exception, "the connection ended");
  }
  const std::shared_ptr<BrokerClient> connection = peer.connection;
  auto version = pick_version(peer.versions, request.api(), version_max, to_string(connection->endpoint()));
  if (!version) co_return failed(version);
  const Duration left = deadline - shard_.clock().now();
  if (left <= Duration::zero())
    co_return failed(ErrorCode::request_timed_out,
                     fmt::format("{} has no time left", to_string(connection->endpoint())));
  ++peer.under_way;
  auto reply = co_await connection->ask(request, *version, left);
  --peer.under_way;
  if (!reply) co_return failed(reply.error());
  co_return RawAnswer{std::move(*reply), peer.node};
}

Cluster::Asked Cluster::exchange(std::int32_t node, BrokerClient::Outgoing request, std::optional<Duration> timeout,
                                 std::int16_t version_max) {
  const SteadyTime deadline = shard_.clock().now() + timeout.value_or(options_.request_timeout);
  auto peer = co_await ready_peer(node, deadline);
  if (!peer) co_return failed(peer);
  auto answer = co_await exchange_with(**peer, request, deadline, version_max);
  co_return answer;
}

// Whom to ask first: who has least to do of those that are connected, then those that may be dialled now, then who was
// wrong the last time, then those that were silent or in vain a short while ago. Chance decides between equals.
std::vector<std::int32_t> Cluster::candidates(bool bootstrap) {
  std::vector<std::int32_t> nodes;
  if (bootstrap) {
    for (std::size_t i = 0; i < options_.bootstrap_servers.size(); ++i)
      nodes.push_back(static_cast<std::int32_t>(-1 - static_cast<std::int64_t>(i)));
  } else {
    for (const auto& [node, _] : metadata_.brokers()) nodes.push_back(node);
  }
  struct Rank {
    int group;
    std::int64_t order;
    std::uint64_t chance;
    std::int32_t node;
    auto operator<=>(const Rank&) const = default;
  };
  const SteadyTime now = shard_.clock().now();
  const auto rank = [&](std::int32_t node) -> Rank {
    const std::uint64_t chance = random_->next();
    const auto it = peers_.find(node);
    if (it == peers_.end()) return {is_silent(node) ? 2 : 1, 0, chance, node};
    const Peer& peer = *it->second;
    if (doubted_ == node) return {1, 1, chance, node};
    if (peer.ready() && peer.throttled_until <= now)
      return {0, static_cast<std::int64_t>(peer.under_way), chance, node};
    if (is_silent(node)) return {2, peer.not_before.time_since_epoch().count(), chance, node};
    if (peer.not_before <= now) return {1, 0, chance, node};
    return {2, peer.not_before.time_since_epoch().count(), chance, node};
  };
  std::vector<Rank> ranks;
  std::ranges::transform(nodes, std::back_inserter(ranks), rank);
  std::ranges::sort(ranks);
  std::ranges::transform(ranks, nodes.begin(), &Rank::node);
  return nodes;
}

void Cluster::informed_by(std::int32_t node) {
  informant_ = node;
  doubted_.reset();
}

Cluster::Asked Cluster::exchange_any(BrokerClient::Outgoing request, std::optional<Duration> timeout,
                                     std::int16_t version_max, bool repeatable) {
  const SteadyTime deadline = shard_.clock().now() + timeout.value_or(options_.request_timeout);
  Failure why(ErrorCode::network_exception, "there is no broker to ask");
  enum class Turn : std::uint8_t { known, bootstrap, late };
  std::vector<std::int32_t> late;  // they were not there in their part of the time, and may be there by now
  for (const Turn turn : {Turn::known, Turn::bootstrap, Turn::late}) {
    const std::vector<std::int32_t> nodes =
        turn == Turn::late ? std::exchange(late, {}) : candidates(turn == Turn::bootstrap);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      std::size_t others = nodes.size() - 1 - i + (turn == Turn::known ? options_.bootstrap_servers.size() : 0);
      if (turn != Turn::late && (others > 0 || !late.empty())) ++others;  // for those that come late
      auto peer = co_await ready_peer(nodes[i], part_of(deadline, others));
      if (!peer) {
        why = std::move(peer.error());
        if (stopping_ || shard_.clock().now() >= deadline) co_return std::unexpected<Failure>(why);
        if (why.code == ErrorCode::request_timed_out) late.push_back(nodes[i]);
        continue;
      }
      auto answer = co_await exchange_with(**peer, request, deadline, version_max);
      // A connection that its broker has just closed is noticed by the next request.
      const bool cut = !answer && answer.error().code == ErrorCode::network_exception;
      if (!cut || !repeatable || stopping_) co_return answer;
      why = std::move(answer.error());
    }
  }
  co_return std::unexpected<Failure>(why);
}

// A broker that is silent must not use up the time of the others.
SteadyTime Cluster::part_of(SteadyTime deadline, std::size_t others) const {
  const SteadyTime now = shard_.clock().now();
  const Duration part = (deadline - now) / static_cast<std::int64_t>(others + 1);
  return std::min(deadline, now + std::max<Duration>(part, part_min));
}

Cluster::Asked Cluster::exchange_controller(BrokerClient::Outgoing request, std::optional<Duration> timeout,
                                            std::int16_t version_max) {
  if (!metadata_.brokers().contains(metadata_.controller())) {
    auto refreshed = co_await refresh();
    if (!refreshed) co_return failed(refreshed);
  }
  const std::int32_t controller = metadata_.controller();
  if (!metadata_.brokers().contains(controller))
    co_return failed(ErrorCode::not_controller, "no broker is the controller now");
  auto answer = co_await exchange(controller, request, timeout, version_max);
  co_return answer;
}

Task<Outcome<>> Cluster::send_only(std::int32_t node, BrokerClient::Outgoing request, std::int16_t version_max) {
  const Gate::Holder holder = gate_.enter();
  const SteadyTime deadline = shard_.clock().now() + options_.request_timeout;
  auto peer = co_await ready_peer(node, deadline);
  if (!peer) co_return failed(peer);
  const std::shared_ptr<BrokerClient> connection = (*peer)->connection;
  auto version = pick_version((*peer)->versions, request.api(), version_max, to_string(connection->endpoint()));
  if (!version) co_return failed(version);
  // A peer that reads no more would keep us here for ever.
  Timer patience;
  for (;;) {
    auto sent = connection->tell(request, *version);
    if (sent) co_return Outcome<>{};
    if (sent.error().kind != ErrorKind::exhausted) co_return failed(sent.error());
    const Duration left = deadline - shard_.clock().now();
    if (left <= Duration::zero()) {
      connection->close();
      co_return failed(ErrorCode::request_timed_out, sent.error().message);
    }
    if (!patience.armed()) shard_.arm(patience, left, [c = connection.get()] { c->close(); });
    auto drained = co_await connection->drained();
    if (!drained) co_return failed(drained.error());
  }
}

Task<Outcome<std::int16_t>> Cluster::version_of(std::int32_t node, wire::Api api, std::int16_t version_max) {
  const Gate::Holder holder = gate_.enter();
  auto peer = co_await ready_peer(node, shard_.clock().now() + options_.request_timeout);
  if (!peer) co_return failed(peer);
  co_return pick_version((*peer)->versions, api, version_max, to_string((*peer)->connection->endpoint()));
}

std::unexpected<Failure> Cluster::malformed(const RawAnswer& raw, const Error& error) const {
  return failed(ErrorCode::unknown_server_error, fmt::format("broker {}: {}", raw.node, error.message));
}

void Cluster::throttled(std::int32_t node, std::int32_t by_ms) {
  const auto it = peers_.find(node);
  if (by_ms <= 0 || it == peers_.end()) return;
  const SteadyTime until = shard_.clock().now() + std::chrono::milliseconds(by_ms);
  it->second->throttled_until = std::max(it->second->throttled_until, until);
}

// ---- Metadata ----

Task<Outcome<>> Cluster::refresh(std::vector<std::string> topics, bool create_missing) {
  return join_round(std::move(topics), false, create_missing);
}

Task<Outcome<>> Cluster::refresh_all() { return join_round({}, true, false); }

void Cluster::forget_topic(const std::string& topic) {
  followed_.erase(topic);
  metadata_.forget_topic(topic);
}

// Only a request that has not been sent yet may be joined: an answer under way may be older than what made us ask.
Task<Outcome<>> Cluster::join_round(std::vector<std::string> topics, bool all, bool create) {
  const Gate::Holder holder = gate_.enter();
  if (stopping_) co_return stopped();
  if (!next_round_) next_round_ = std::make_shared<Round>(shard_);
  const std::shared_ptr<Round> round = next_round_;
  round->all |= all;
  round->create |= create;
  for (std::string& topic : topics) {
    followed_[topic] = shard_.clock().now();
    round->topics.insert(std::move(topic));
  }
  if (!std::exchange(in_rounds_, true)) shard_.spawn(gate_, run_rounds());
  co_await round->done.wait();
  co_return *round->outcome;
}

Task<void> Cluster::run_rounds() {
  while (const std::shared_ptr<Round> round = std::exchange(next_round_, nullptr)) {
    round->outcome = co_await ask_metadata(*round);
    round->done.wake_all();
  }
  in_rounds_ = false;
}

Task<Outcome<>> Cluster::ask_metadata(const Round& round) {
  const SteadyTime idle_since = shard_.clock().now() - topic_idle_max;
  std::erase_if(followed_, [&](const auto& f) { return f.second < idle_since; });
  wire::MetadataRequest request;
  request.allow_auto_topic_creation = round.create;
  if (round.all) {
    request.topics.reset();
  } else {
    const auto add = [&](const std::string& name) { request.topics->emplace_back().name = name; };
    std::ranges::for_each(round.topics, add);
    // Who creates a topic has named it: one that is only followed must not come back by this.
    for (const auto& [name, _] : followed_) {
      if (!round.create && !round.topics.contains(name)) add(name);
    }
  }
  for (const bool again : {false, true}) {
    auto raw = co_await exchange_any(request, std::nullopt, INT16_MAX, true);
    auto answer = read<wire::MetadataResponse>(std::move(raw));
    if (!answer) co_return failed(answer);
    const auto code = static_cast<ErrorCode>(answer->message.error_code);
    if (code == ErrorCode::rebootstrap_required && !again) {
      log_line(LogLevel::info, "client", "broker {} sends us back to the bootstrap servers", answer->node);
      metadata_.forget_brokers();
      continue;
    }
    if (code != ErrorCode::none) co_return failed(code);
    metadata_.update(answer->message, round.all);
    informed_by(answer->node);
    // Another one may have heard who leads.
    const auto has_no_leader = [](const auto& partition) { return partition.leader_id < 0; };
    for (const auto& topic : answer->message.topics)
      if (std::ranges::any_of(topic.partitions, has_no_leader)) doubted_ = answer->node;
    refreshed_at_ = shard_.clock().now();
    break;
  }
  co_return Outcome<>{};
}

void Cluster::refresh_if_old() {
  if (in_rounds_ || stopping_ || !refreshed_at_) return;
  if (shard_.clock().now() - *refreshed_at_ < options_.metadata_max_age) return;
  next_round_ = std::make_shared<Round>(shard_);
  in_rounds_ = true;
  shard_.spawn(gate_, run_rounds());
}

void Cluster::keep_fresh(const std::string& topic) {
  followed_[topic] = shard_.clock().now();
  refresh_if_old();
}

Task<Outcome<PartitionLeader>> Cluster::leader(TopicPartition partition) {
  const Gate::Holder holder = gate_.enter();
  keep_fresh(partition.topic);
  for (const bool asked : {false, true}) {
    const KnownPartition* known = metadata_.partition(partition);
    if (known && metadata_.brokers().contains(known->leader.node)) co_return known->leader;
    if (asked) break;
    auto refreshed = co_await refresh();
    if (!refreshed) co_return failed(refreshed);
  }
  const KnownTopic* topic = metadata_.topic(partition.topic);
  const KnownPartition* known = metadata_.partition(partition);
  if (known)
    co_return failed(ErrorCode::leader_not_available, fmt::format("{} has no leader now", to_string(partition)));
  const auto code = topic && topic->error != ErrorCode::none ? topic->error : ErrorCode::unknown_topic_or_partition;
  co_return failed(code, fmt::format("{}: {}", to_string(partition), wire::error_message(code)));
}

void Cluster::leader_is_wrong(const TopicPartition& partition, std::optional<PartitionLeader> hint) {
  const KnownPartition* known = metadata_.partition(partition);
  const PartitionLeader wrong = known ? known->leader : PartitionLeader();
  metadata_.forget_leader(partition);
  doubted_ = informant_;
  // Who says that it is not the leader, and that it is, does not know.
  const bool is_news = hint && (hint->node != wrong.node || hint->epoch > wrong.epoch);
  if (is_news && metadata_.brokers().contains(hint->node)) metadata_.update_leader(partition, *hint);
}

void Cluster::learn(std::span<const KnownBroker> brokers) {
  for (const KnownBroker& broker : brokers) metadata_.learn(broker);
}

// ---- Coordinators ----

Task<Outcome<std::int32_t>> Cluster::coordinator(CoordinatorKind kind, std::string key) {
  const Gate::Holder holder = gate_.enter();
  const auto cached = coordinators_.find({kind, key});
  if (cached != coordinators_.end() && metadata_.brokers().contains(cached->second)) co_return cached->second;
  wire::FindCoordinatorRequest request;
  request.key = key;
  request.key_type = static_cast<std::int8_t>(kind);
  request.coordinator_keys = {key};
  auto raw = co_await exchange_any(request, std::nullopt, INT16_MAX, true);
  auto answer = read<wire::FindCoordinatorResponse>(std::move(raw));
  if (!answer) co_return failed(answer);
  auto& message = answer->message;
  constexpr std::int16_t first_of_several = 4;
  if (answer->version < first_of_several)
    message.coordinators = {
        {key, message.node_id, message.host, message.port, message.error_code, std::move(message.error_message)}};
  if (message.coordinators.size() != 1)
    co_return failed(ErrorCode::unknown_server_error, fmt::format("broker {} names no coordinator", answer->node));
  const auto& found = message.coordinators.front();
  if (found.error_code != 0) {
    doubted_ = answer->node;
    co_return failed(static_cast<ErrorCode>(found.error_code), found.error_message.value_or(""));
  }
  if (found.node_id < 0 || found.port <= 0 || found.port > UINT16_MAX)
    co_return failed(ErrorCode::coordinator_not_available);
  informed_by(answer->node);
  metadata_.learn({found.node_id, {found.host, static_cast<std::uint16_t>(found.port)}, {}});
  coordinators_[{kind, std::move(key)}] = found.node_id;
  co_return found.node_id;
}

void Cluster::forget_coordinator(CoordinatorKind kind, const std::string& key) {
  coordinators_.erase({kind, key});
  doubted_ = informant_;
}

}  // namespace holdfast::client
