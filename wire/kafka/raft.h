// The KRaft quorum's own requests: Vote (52, KIP-595), BeginQuorumEpoch (53), EndQuorumEpoch (54), DescribeQuorum (55,
// KIP-836), FetchSnapshot (59, KIP-630), and KIP-853's AddRaftVoter (80), RemoveRaftVoter (81), UpdateRaftVoter (82).
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct RaftListener {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
  static void fields(auto& m, auto& v) {
    v("name", m.name);
    v("host", m.host);
    v("port", m.port);
  }
};

struct RaftNodeEndpoint {
  std::int32_t node_id = 0;
  std::string host;
  std::uint16_t port = 0;
  static void fields(auto& m, auto& v) {
    v("nodeId", m.node_id);
    v("host", m.host);
    v("port", m.port);
  }
  bool operator==(const RaftNodeEndpoint&) const = default;
};

struct VoteRequest {
  static constexpr Api api{.key = 52, .versions = {0, 2}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int32_t replica_epoch = 0;
    std::int32_t replica_id = 0;
    Uuid replica_directory_id{};
    Uuid voter_directory_id{};
    std::int32_t last_offset_epoch = 0;
    std::int64_t last_offset = 0;
    bool pre_vote = false;  // KIP-996
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("replicaEpoch", m.replica_epoch);
      v("replicaId", m.replica_id);
      v("replicaDirectoryId", m.replica_directory_id, since(1));
      v("voterDirectoryId", m.voter_directory_id, since(1));
      v("lastOffsetEpoch", m.last_offset_epoch);
      v("lastOffset", m.last_offset);
      v("preVote", m.pre_vote, since(2));
    }
  };
  struct Topic {
    std::string topic_name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitions", m.partitions);
    }
  };
  std::optional<std::string> cluster_id;
  std::int32_t voter_id = -1;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("clusterId", m.cluster_id);
    v("voterId", m.voter_id, since(1));
    v("topics", m.topics);
  }
};

struct VoteResponse {
  static constexpr Api api{.key = 52, .versions = {0, 2}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = 0;
    bool vote_granted = false;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch);
      v("voteGranted", m.vote_granted);
    }
  };
  struct Topic {
    std::string topic_name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitions", m.partitions);
    }
  };
  std::int16_t error_code = 0;
  std::vector<Topic> topics;
  std::vector<RaftNodeEndpoint> node_endpoints;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("topics", m.topics);
    v.tagged(0, "nodeEndpoints", m.node_endpoints, since(1));
  }
};

struct BeginQuorumEpochRequest {
  static constexpr Api api{.key = 53, .versions = {0, 1}, .flexible = 1};
  struct Partition {
    std::int32_t partition_index = 0;
    Uuid voter_directory_id{};
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("voterDirectoryId", m.voter_directory_id, since(1));
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch);
    }
  };
  struct Topic {
    std::string topic_name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitions", m.partitions);
    }
  };
  std::optional<std::string> cluster_id;
  std::int32_t voter_id = -1;
  std::vector<Topic> topics;
  std::vector<RaftListener> leader_endpoints;
  static void fields(auto& m, auto& v) {
    v("clusterId", m.cluster_id);
    v("voterId", m.voter_id, since(1));
    v("topics", m.topics);
    v("leaderEndpoints", m.leader_endpoints, since(1));
  }
};

struct BeginQuorumEpochResponse {
  static constexpr Api api{.key = 53, .versions = {0, 1}, .flexible = 1};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch);
    }
  };
  struct Topic {
    std::string topic_name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitions", m.partitions);
    }
  };
  std::int16_t error_code = 0;
  std::vector<Topic> topics;
  std::vector<RaftNodeEndpoint> node_endpoints;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("topics", m.topics);
    v.tagged(0, "nodeEndpoints", m.node_endpoints, since(1));
  }
};

struct EndQuorumEpochRequest {
  static constexpr Api api{.key = 54, .versions = {0, 1}, .flexible = 1};
  struct Candidate {
    std::int32_t candidate_id = 0;
    Uuid candidate_directory_id{};
    static void fields(auto& m, auto& v) {
      v("candidateId", m.candidate_id);
      v("candidateDirectoryId", m.candidate_directory_id);
    }
  };
  struct Partition {
    std::int32_t partition_index = 0;
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = 0;
    std::vector<std::int32_t> preferred_successors;
    std::vector<Candidate> preferred_candidates;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch);
      v("preferredSuccessors", m.preferred_successors, until(0));
      v("preferredCandidates", m.preferred_candidates, since(1));
    }
  };
  struct Topic {
    std::string topic_name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitions", m.partitions);
    }
  };
  std::optional<std::string> cluster_id;
  std::vector<Topic> topics;
  std::vector<RaftListener> leader_endpoints;
  static void fields(auto& m, auto& v) {
    v("clusterId", m.cluster_id);
    v("topics", m.topics);
    v("leaderEndpoints", m.leader_endpoints, since(1));
  }
};

struct EndQuorumEpochResponse {
  static constexpr Api api{.key = 54, .versions = {0, 1}, .flexible = 1};
  using Topic = BeginQuorumEpochResponse::Topic;
  std::int16_t error_code = 0;
  std::vector<Topic> topics;
  std::vector<RaftNodeEndpoint> node_endpoints;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("topics", m.topics);
    v.tagged(0, "nodeEndpoints", m.node_endpoints, since(1));
  }
};

struct DescribeQuorumRequest {
  static constexpr Api api{.key = 55, .versions = {0, 2}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    static void fields(auto& m, auto& v) { v("partitionIndex", m.partition_index); }
  };
  struct Topic {
    std::string topic_name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitions", m.partitions);
    }
  };
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) { v("topics", m.topics); }
};

struct DescribeQuorumResponse {
  static constexpr Api api{.key = 55, .versions = {0, 2}, .flexible = 0};
  struct ReplicaState {
    std::int32_t replica_id = 0;
    Uuid replica_directory_id{};
    std::int64_t log_end_offset = 0;
    std::int64_t last_fetch_timestamp = -1;
    std::int64_t last_caught_up_timestamp = -1;
    static void fields(auto& m, auto& v) {
      v("replicaId", m.replica_id);
      v("replicaDirectoryId", m.replica_directory_id, since(2));
      v("logEndOffset", m.log_end_offset);
      v("lastFetchTimestamp", m.last_fetch_timestamp, since(1));
      v("lastCaughtUpTimestamp", m.last_caught_up_timestamp, since(1));
    }
  };
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = 0;
    std::int64_t high_watermark = 0;
    std::vector<ReplicaState> current_voters;
    std::vector<ReplicaState> observers;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message, since(2));
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch);
      v("highWatermark", m.high_watermark);
      v("currentVoters", m.current_voters);
      v("observers", m.observers);
    }
  };
  struct Topic {
    std::string topic_name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitions", m.partitions);
    }
  };
  struct Node {
    std::int32_t node_id = 0;
    std::vector<RaftListener> listeners;
    static void fields(auto& m, auto& v) {
      v("nodeId", m.node_id);
      v("listeners", m.listeners);
    }
  };
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::vector<Topic> topics;
  std::vector<Node> nodes;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message, since(2));
    v("topics", m.topics);
    v("nodes", m.nodes, since(2));
  }
};

struct RaftSnapshotId {
  std::int64_t end_offset = 0;
  std::int32_t epoch = 0;
  static void fields(auto& m, auto& v) {
    v("endOffset", m.end_offset);
    v("epoch", m.epoch);
  }
};

struct FetchSnapshotRequest {
  static constexpr Api api{.key = 59, .versions = {0, 1}, .flexible = 0};
  struct Partition {
    std::int32_t partition = 0;
    std::int32_t current_leader_epoch = 0;
    RaftSnapshotId snapshot_id;
    std::int64_t position = 0;
    Uuid replica_directory_id{};
    static void fields(auto& m, auto& v) {
      v("partition", m.partition);
      v("currentLeaderEpoch", m.current_leader_epoch);
      v("snapshotId", m.snapshot_id);
      v("position", m.position);
      v.tagged(0, "replicaDirectoryId", m.replica_directory_id, since(1));
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitions", m.partitions);
    }
  };
  std::optional<std::string> cluster_id;
  std::int32_t replica_id = -1;
  std::int32_t max_bytes = INT32_MAX;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("replicaId", m.replica_id);
    v("maxBytes", m.max_bytes);
    v("topics", m.topics);
    v.tagged(0, "clusterId", m.cluster_id, always());
  }
};

struct FetchSnapshotResponse {
  static constexpr Api api{.key = 59, .versions = {0, 1}, .flexible = 0};
  struct LeaderIdAndEpoch {
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = 0;
    static void fields(auto& m, auto& v) {
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch);
    }
    bool operator==(const LeaderIdAndEpoch&) const = default;
  };
  struct Partition {
    std::int32_t index = 0;
    std::int16_t error_code = 0;
    RaftSnapshotId snapshot_id;
    LeaderIdAndEpoch current_leader;
    std::int64_t size = 0;
    std::int64_t position = 0;
    Records unaligned_records{ByteView()};
    static void fields(auto& m, auto& v) {
      v("index", m.index);
      v("errorCode", m.error_code);
      v("snapshotId", m.snapshot_id);
      v("size", m.size);
      v("position", m.position);
      v("unalignedRecords", m.unaligned_records, always().nullable(version_max));
      v.tagged(0, "currentLeader", m.current_leader, always());
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitions", m.partitions);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<Topic> topics;
  std::vector<RaftNodeEndpoint> node_endpoints;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("topics", m.topics);
    v.tagged(0, "nodeEndpoints", m.node_endpoints, since(1));
  }
};

struct AddRaftVoterRequest {
  static constexpr Api api{.key = 80, .versions = {0, 1}, .flexible = 0};
  std::optional<std::string> cluster_id = "";
  std::int32_t timeout_ms = 0;
  std::int32_t voter_id = 0;
  Uuid voter_directory_id{};
  std::vector<RaftListener> listeners;
  bool ack_when_committed = true;  // KIP-1186
  static void fields(auto& m, auto& v) {
    v("clusterId", m.cluster_id);
    v("timeoutMs", m.timeout_ms);
    v("voterId", m.voter_id);
    v("voterDirectoryId", m.voter_directory_id);
    v("listeners", m.listeners);
    v("ackWhenCommitted", m.ack_when_committed, since(1));
  }
};

struct AddRaftVoterResponse {
  static constexpr Api api{.key = 80, .versions = {0, 1}, .flexible = 0};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
  }
};

struct RemoveRaftVoterRequest {
  static constexpr Api api{.key = 81, .versions = {0, 0}, .flexible = 0};
  std::optional<std::string> cluster_id = "";
  std::int32_t voter_id = 0;
  Uuid voter_directory_id{};
  static void fields(auto& m, auto& v) {
    v("clusterId", m.cluster_id);
    v("voterId", m.voter_id);
    v("voterDirectoryId", m.voter_directory_id);
  }
};

struct RemoveRaftVoterResponse {
  static constexpr Api api{.key = 81, .versions = {0, 0}, .flexible = 0};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
  }
};

struct UpdateRaftVoterRequest {
  static constexpr Api api{.key = 82, .versions = {0, 0}, .flexible = 0};
  struct VersionFeature {
    std::int16_t min_supported_version = 0;
    std::int16_t max_supported_version = 0;
    static void fields(auto& m, auto& v) {
      v("minSupportedVersion", m.min_supported_version);
      v("maxSupportedVersion", m.max_supported_version);
    }
  };
  std::optional<std::string> cluster_id = "";
  std::int32_t current_leader_epoch = 0;
  std::int32_t voter_id = 0;
  Uuid voter_directory_id{};
  std::vector<RaftListener> listeners;
  VersionFeature kraft_version_feature;
  static void fields(auto& m, auto& v) {
    v("clusterId", m.cluster_id);
    v("currentLeaderEpoch", m.current_leader_epoch);
    v("voterId", m.voter_id);
    v("voterDirectoryId", m.voter_directory_id);
    v("listeners", m.listeners);
    v("kRaftVersionFeature", m.kraft_version_feature);
  }
};

struct UpdateRaftVoterResponse {
  static constexpr Api api{.key = 82, .versions = {0, 0}, .flexible = 0};
  struct CurrentLeader {
    std::int32_t leader_id = -1;
    std::int32_t leader_epoch = -1;
    std::string host;
    std::int32_t port = 0;
    static void fields(auto& m, auto& v) {
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch);
      v("host", m.host);
      v("port", m.port);
    }
    bool operator==(const CurrentLeader&) const = default;
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  CurrentLeader current_leader;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v.tagged(0, "currentLeader", m.current_leader, always());
  }
};

// The quorum-state file: a JSON document with these fields and "data_version".
struct QuorumStateData {
  static constexpr Api api{.versions = {0, 1}, .flexible = 0};
  struct Voter {
    std::int32_t voter_id = 0;
    static void fields(auto& m, auto& v) { v("voterId", m.voter_id); }
  };
  std::string cluster_id;
  std::int32_t leader_id = -1;
  std::int32_t leader_epoch = -1;
  std::int32_t voted_id = -1;
  Uuid voted_directory_id{};
  std::int64_t applied_offset = 0;
  std::optional<std::vector<Voter>> current_voters = std::vector<Voter>{};
  static void fields(auto& m, auto& v) {
    v("clusterId", m.cluster_id, until(0));
    v("leaderId", m.leader_id);
    v("leaderEpoch", m.leader_epoch);
    v("votedId", m.voted_id);
    v("votedDirectoryId", m.voted_directory_id, since(1));
    v("appliedOffset", m.applied_offset, until(0));
    v("currentVoters", m.current_voters, until(0));
  }
};

}  // namespace holdfast::wire
