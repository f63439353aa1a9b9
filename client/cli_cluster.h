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

// A server's answer to a four-letter word.
Task<Result<std::string>> four_letter_word(Session& session, Endpoint server, std::string word);

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

struct ClusterView {
  ClusterDescription cluster;
  std::vector<QuorumServer> quorum;
  std::vector<TopicDescription> topics;
  std::vector<GroupLag> groups;               // the largest lag first
  std::vector<FullDirectory> directories;     // all of them
  std::vector<std::int32_t> missing_brokers;  // hold replicas, and are not there
  std::vector<TopicPartition> leaderless, under_replicated;
  std::int64_t partitions = 0;
};

// Fails where the brokers cannot be asked at all; what else cannot be had is left out.
Task<Outcome<ClusterView>> look_at_cluster(Session& session);

}  // namespace holdfast::client
