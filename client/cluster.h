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
#include "runtime/network.h"
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
  std::size_t reply_bytes_max = 100 << 20;
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
  Task<void> stop();  // what waits fails with NETWORK_EXCEPTION

  Shard& shard() { return shard_; }
  const ClusterOptions& options() const { return options_; }

  // --- Asking. Each sends the request once, in the highest version that both sides know and that is not above
  // `version_max`; UNSUPPORTED_VERSION where there is none, or where that version cannot carry what the request says.
  // Codes inside of the answer are the caller's part. `timeout` nothing: options().request_timeout.

  template <class Response, class Request>
  Task<Outcome<Answer<Response>>> ask(std::int32_t node, Request request, std::optional<Duration> timeout = {},
                                      std::int16_t version_max = INT16_MAX);
  // Any broker; another one when the first cannot be reached.
  template <class Response, class Request>
  Task<Outcome<Answer<Response>>> ask_any(Request request, std::optional<Duration> timeout = {},
                                          std::int16_t version_max = INT16_MAX);
  // The broker that Metadata names as the controller. Its NOT_CONTROLLER is the caller's to see: refresh() and again.
  template <class Response, class Request>
  Task<Outcome<Answer<Response>>> ask_controller(Request request, std::optional<Duration> timeout = {},
                                                 std::int16_t version_max = INT16_MAX);

  // The version that ask() would use. UNSUPPORTED_VERSION: the broker does not know the request.
  Task<Outcome<std::int16_t>> version_of(std::int32_t node, wire::Api api, std::int16_t version_max = INT16_MAX);

  // --- What is known.

  const MetadataCache& metadata() const { return metadata_; }
  // Asks some broker about these topics, and about all that were asked for before and not forgotten since. Requests of
  // the same moment share one answer.
  Task<Outcome<>> refresh(std::vector<std::string> topics = {}, bool create_missing = false);
  Task<Outcome<>> refresh_all();  // every topic of the cluster
  // The leader of a partition, from the cache or, if it is not there or too old, from a broker.
  // UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE.
  Task<Outcome<PartitionLeader>> leader(TopicPartition partition);
  // An answer said that this is not the leader (any more): the next leader() asks anew, unless `hint` told who is.
  void leader_is_wrong(const TopicPartition& partition, std::optional<PartitionLeader> hint = {});
  // Brokers named in an answer (KIP-951).
  void learn(std::span<const KnownBroker> brokers);

  // The coordinator of a group or transactional id, asked for once until it is forgotten.
  Task<Outcome<std::int32_t>> coordinator(CoordinatorKind kind, std::string key);
  void forget_coordinator(CoordinatorKind kind, const std::string& key);

  // Waits as long as the n-th retry of something should (0: the first).
  Task<void> back_off(int attempt);

 private:
  struct Peer;
  Task<Outcome<Peer*>> peer(std::int32_t node);

  Shard& shard_;
  Network& network_;
  const ClusterOptions options_;
  MetadataCache metadata_;
  std::map<std::int32_t, std::unique_ptr<Peer>> peers_;
  Gate gate_;
};

}  // namespace holdfast::client
