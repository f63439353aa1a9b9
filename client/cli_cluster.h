// What `cluster status`, `cluster health` and `top` look at: one view of everything that can be wrong.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/admin_types.h"
#include "client/cli_group.h"
#include "client/cli_session.h"

namespace holdfast::client {

// A server's answer to a four-letter word; timed_out: not within session.timeout(), the connection included.
Task<Result<std::string>> four_letter_word(Session& session, Endpoint server, std::string word);
// The answers of several, who are asked at the same time.
Task<std::vector<Result<std::string>>> four_letter_words(Session& session, std::vector<Endpoint> servers,
                                                         std::string word);

struct QuorumServer {
  Endpoint at;
  std::string mode;   // "leader", "follower", ...; empty: none
  std::string error;  // why there is none
};

struct GroupLag {
  std::string group, state;
  std::int64_t lag = 0;
};

struct FullDirectory {
  std::int32_t broker = -1;
  std::string path, error;
  std::int64_t usable_bytes = -1, total_bytes = -1;
};

// What could not be looked at, so that nobody knows whether it is well.
struct Unseen {
  std::string what, why, fix;
};

struct ClusterView {
  ClusterDescription cluster;
  std::vector<QuorumServer> quorum;
  std::vector<TopicDescription> topics;
  std::vector<GroupLag> groups;               // the largest lag first
  std::vector<FullDirectory> directories;     // all of them
  std::vector<std::int32_t> missing_brokers;  // hold replicas, and are not there
  std::vector<TopicPartition> leaderless, under_replicated;
  std::int64_t partitions = 0;
  std::vector<Unseen> unseen;
};

// Fails where the brokers cannot be asked at all; what else cannot be had is `unseen`.
Task<Outcome<ClusterView>> look_at_brokers(Cluster& cluster, Admin& admin);
Task<Outcome<ClusterView>> look_at_cluster(Session& session);  // and at the quorum

struct HealthLimits {
  std::int64_t lag_max = 10'000;
  int disk_free_percent = 10;
};
struct Problem {
  Tone tone;
  std::string what, fix;
};
std::vector<Problem> problems_of(const ClusterView& view, const HealthLimits& limits);

}  // namespace holdfast::client
