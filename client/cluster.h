// Cluster: a Kafka cluster as its clients see it. It finds the brokers from the bootstrap list, keeps one connection to
// each that is asked something, agrees with each on the version of every request (ApiVersions), knows the leaders of
// the topics that were asked for and the coordinators of groups and transactions, and follows all of them as they move.
// Producer, Consumer and Admin of one process may share one. Lives on one shard.
//
// Rules: a connection whose ApiVersions fails with UNSUPPORTED_VERSION is asked again in version 0 (KIP-511). A broker
// that cannot be reached is not dialled again before its backoff (reconnect.backoff.ms, doubled up to its maximum, with
// jitter). When no known broker can be reached, or a broker demands it, the bootstrap list counts again (KIP-899,
// KIP-1102). A leader of an older epoch than the known one is not believed (KIP-320); hints in answers are (KIP-951).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "client/broker_client.h"
#include "client/failure.h"
#include "client/metadata_cache.h"
#include "client/wait_list.h"
#include "runtime/network.h"
#include "runtime/random.h"
#include "runtime/shards.h"

namespace holdfast::client {

struct ClusterOptions {
  std::vector<Endpoint> bootstrap_servers;
  std::string client_id = "holdfast";
  Duration request_timeout = std::chrono::seconds(30);      // of one request to one broker
  Duration metadata_max_age = std::chrono::minutes(5);      // metadata.max.age.ms
  Duration retry_backoff = std::chrono::milliseconds(100);  // doubled up to the next, with jitter (KIP-580)
  Duration retry_backoff_max = std::chrono::seconds(1);
  Duration reconnect_backoff = std::chrono::milliseconds(50);
  Duration reconnect_backoff_max = std::chrono::seconds(1);
  Duration connection_timeout = std::chrono::seconds(10);  // until a connection is there and its versions are known
  std::size_t reply_bytes_max = 100 << 20;
  std::optional<std::uint64_t>
      random_seed;  // of what is left to chance (jitter, whom to ask first); nothing: the kernel's
};

// "host:port,host:port"; a port of 9092 where none is given. invalid_input: not such a list.
Result<std::vector<Endpoint>> parse_bootstrap_servers(std::string_view text);

// An answer and the bytes that its views point into.
template <class Response>
struct Answer {
  Bytes frame;
  Response message;
  std::int16_t version = 0;
  std::int32_t node = -1;  // who answered
};

enum class CoordinatorKind : std::int8_t { group = 0, transaction = 1, share = 2 };

class Cluster {
 public:
  Cluster(Shard& shard, Network& network, ClusterOptions options);
  ~Cluster();  // stop() must have returned
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  Task<void> stop();  // what waits fails with NETWORK_EXCEPTION, and so does whatever is asked later
  bool stopping() const { return stopping_; }

  Shard& shard() { return shard_; }
  const ClusterOptions& options() const { return options_; }
  Random& random() { return *random_; }

  // --- Asking. Each sends the request once, in the highest version that both sides know and that is not above
  // `version_max`; UNSUPPORTED_VERSION where there is none, or where that version cannot carry what the request says
  // (null where it has none; a field that it lacks is left out). Codes inside of the answer are the caller's part. A
  // broker that says it throttles us is asked nothing for that long (KIP-219). `timeout` nothing:
  // options().request_timeout.

  template <class Response, class Request>
  Task<Outcome<Answer<Response>>> ask(std::int32_t node, Request request, std::optional<Duration> timeout = {},
                                      std::int16_t version_max = INT16_MAX);
  // Any broker; another one when the first cannot be reached, or is not in its part of the time.
  template <class Response, class Request>
  Task<Outcome<Answer<Response>>> ask_any(Request request, std::optional<Duration> timeout = {},
                                          std::int16_t version_max = INT16_MAX);
  // The broker that Metadata names as the controller. Its NOT_CONTROLLER is the caller's to see: refresh() and again.
  template <class Response, class Request>
  Task<Outcome<Answer<Response>>> ask_controller(Request request, std::optional<Duration> timeout = {},
                                                 std::int16_t version_max = INT16_MAX);
  // A request that has no reply (Produce with acks 0): done when the connection has taken it.
  template <class Request>
  Task<Outcome<>> tell(std::int32_t node, Request request, std::int16_t version_max = INT16_MAX);

  // Answers come in the order of their requests: one that may take its time would hold up all behind it. So each lane
  // to a broker is a connection of its own; `node` of ask() may be any of them.
  enum class Lane : std::int8_t { common, fetch, group };
  static std::int32_t on_lane(Lane lane, std::int32_t node);
  // Ends that connection, if there is one: what waits on it for an answer fails with NETWORK_EXCEPTION.
  void hang_up(Lane lane, std::int32_t node);

  // A connection to it, so that it may be asked at once.
  Task<Outcome<>> reach(std::int32_t node, Duration at_most);
  // It was waited for in vain, and has not been there since.
  bool is_silent(std::int32_t node) const;

  // The version that ask() would use. UNSUPPORTED_VERSION: the broker does not know the request.
  Task<Outcome<std::int16_t>> version_of(std::int32_t node, wire::Api api, std::int16_t version_max = INT16_MAX);

  // --- What is known.

  const MetadataCache& metadata() const { return metadata_; }
  // Asks some broker about these topics, and about all that were asked for before and not forgotten since. Requests of
  // the same moment share one answer.
  Task<Outcome<>> refresh(std::vector<std::string> topics = {}, bool create_missing = false);
  Task<Outcome<>> refresh_all();                // every topic of the cluster
  void forget_topic(const std::string& topic);  // it is asked about no longer
  // The leader of a partition, from the cache or, if it is not there, from a broker, who is asked once. A cache of more
  // than metadata_max_age is used and refreshed meanwhile. UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE.
  Task<Outcome<PartitionLeader>> leader(TopicPartition partition);
  // For who reads leaders from metadata(): the topic stays among those asked about, and the cache is refreshed when it
  // is old.
  void keep_fresh(const std::string& topic);
  // An answer said that this is not the leader (any more): the next leader() asks anew, unless `hint` told who is; it
  // is not believed where it tells what was known before.
  void leader_is_wrong(const TopicPartition& partition, std::optional<PartitionLeader> hint = {});
  // Brokers named in an answer (KIP-951).
  void learn(std::span<const KnownBroker> brokers);

  // The coordinator of a group or transactional id, asked for once until it is forgotten.
  Task<Outcome<std::int32_t>> coordinator(CoordinatorKind kind, std::string key);
  void forget_coordinator(CoordinatorKind kind, const std::string& key);

  // How long the n-th retry of something should wait (0: the first), and waiting so long.
  Duration retry_pause(int attempt);
  Task<void> back_off(int attempt);

 private:
  struct Peer;
  struct Round;  // of metadata
  struct RawAnswer {
    BrokerClient::Reply reply;
    std::int32_t node = -1;
  };
  using Asked = Task<Outcome<RawAnswer>>;
  using Coordinator = std::pair<CoordinatorKind, std::string>;

  Asked exchange(std::int32_t node, BrokerClient::Outgoing request, std::optional<Duration> timeout,
                 std::int16_t version_max);
  Asked exchange_any(BrokerClient::Outgoing request, std::optional<Duration> timeout, std::int16_t version_max,
                     bool repeatable = false);
  Asked exchange_controller(BrokerClient::Outgoing request, std::optional<Duration> timeout, std::int16_t version_max);
  Asked exchange_with(Peer& peer, BrokerClient::Outgoing request, SteadyTime deadline, std::int16_t version_max);
  Task<Outcome<>> send_only(std::int32_t node, BrokerClient::Outgoing request, std::int16_t version_max);
  std::unexpected<Failure> malformed(const RawAnswer& raw, const Error& error) const;
  void throttled(std::int32_t node, std::int32_t by_ms);
  template <class Response>
  Outcome<Answer<Response>> read(Outcome<RawAnswer> raw);

  static std::int32_t without_lane(std::int32_t node);
  Outcome<Endpoint> endpoint_of(std::int32_t node) const;
  Task<Outcome<Peer*>> ready_peer(std::int32_t node, SteadyTime deadline);
  Task<void> connect(Peer& peer);
  Task<Outcome<>> agree_on_versions(Peer& peer, std::shared_ptr<BrokerClient> connection);
  std::vector<std::int32_t> candidates(bool bootstrap);
  SteadyTime part_of(SteadyTime deadline, std::size_t others) const;
  void informed_by(std::int32_t node);
  void retire(std::shared_ptr<BrokerClient> connection);
  static Task<void> end(std::shared_ptr<BrokerClient> connection);

  Task<Outcome<>> join_round(std::vector<std::string> topics, bool all, bool create);
  Task<void> run_rounds();
  Task<Outcome<>> ask_metadata(const Round& round);
  void refresh_if_old();
  Duration jittered(Duration first, Duration max, int attempt);

  Shard& shard_;
  Network& network_;
  const ClusterOptions options_;
  const std::unique_ptr<Random> random_;
  MetadataCache metadata_;
  std::map<std::int32_t, std::unique_ptr<Peer>> peers_;  // by node; the n-th of the bootstrap list is -1 - n
  std::map<std::string, SteadyTime> followed_;           // topics, and when they were last asked for
  std::shared_ptr<Round> next_round_;
  bool in_rounds_ = false;
  std::optional<SteadyTime> refreshed_at_;
  std::map<Coordinator, std::int32_t> coordinators_;
  // Who said last where leaders and coordinators are; and who said what turned out wrong since. That one may be out of
  // touch with the others, and would say the same again: it is asked after them.
  std::optional<std::int32_t> informant_, doubted_;
  WaitList pauses_;
  bool stopping_ = false;
  Gate gate_;
};

template <class Response>
Outcome<Answer<Response>> Cluster::read(Outcome<RawAnswer> raw) {
  if (!raw) return failed(raw);
  Answer<Response> answer{std::move(raw->reply.frame), {}, raw->reply.version, raw->node};
  const auto done = raw->reply.read(answer.message);
  if (!done) return malformed(*raw, done.error());
  if constexpr (requires { answer.message.throttle_time_ms; }) throttled(raw->node, answer.message.throttle_time_ms);
  return answer;
}

template <class Response, class Request>
Task<Outcome<Answer<Response>>> Cluster::ask(std::int32_t node, Request request, std::optional<Duration> timeout,
                                             std::int16_t version_max) {
  const Gate::Holder holder = gate_.enter();
  auto raw = co_await exchange(node, request, timeout, version_max);
  co_return read<Response>(std::move(raw));
}

template <class Response, class Request>
Task<Outcome<Answer<Response>>> Cluster::ask_any(Request request, std::optional<Duration> timeout,
                                                 std::int16_t version_max) {
  const Gate::Holder holder = gate_.enter();
  auto raw = co_await exchange_any(request, timeout, version_max);
  co_return read<Response>(std::move(raw));
}

template <class Response, class Request>
Task<Outcome<Answer<Response>>> Cluster::ask_controller(Request request, std::optional<Duration> timeout,
                                                        std::int16_t version_max) {
  const Gate::Holder holder = gate_.enter();
  auto raw = co_await exchange_controller(request, timeout, version_max);
  co_return read<Response>(std::move(raw));
}

template <class Request>
Task<Outcome<>> Cluster::tell(std::int32_t node, Request request, std::int16_t version_max) {
  auto sent = co_await send_only(node, request, version_max);
  co_return sent;
}

}  // namespace holdfast::client
