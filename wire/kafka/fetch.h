// Fetch (1): records to consumers and to followers, with incremental fetch sessions (KIP-227).
#pragma once

#include <limits>

#include "wire/fields.h"

namespace holdfast::wire {

struct FetchRequest {
  // 9: leader epochs (KIP-320). 12: divergence detection by the last fetched epoch (KIP-595). 13: topic ids (KIP-516).
  static constexpr Api api{.key = 1, .versions = {0, 18}, .flexible = 12};
  // Who fetches, and the epoch of its registration: an older incarnation is fenced (KIP-903).
  struct ReplicaState {
    std::int32_t replica_id = -1;
    std::int64_t replica_epoch = -1;
    bool operator==(const ReplicaState&) const = default;
    static void fields(auto& m, auto& v) {
      v("replicaId", m.replica_id);
      v("replicaEpoch", m.replica_epoch);
    }
  };
  struct Partition {
    std::int32_t partition = 0;
    std::int32_t current_leader_epoch = -1;
    std::int64_t fetch_offset = 0;
    std::int32_t last_fetched_epoch = -1;
    std::int64_t log_start_offset = -1;  // the follower's; -1 from consumers
    std::int32_t partition_max_bytes = 0;
    Uuid replica_directory_id{};  // KIP-853
    std::int64_t high_watermark =
        std::numeric_limits<std::int64_t>::max();  // the follower's; max: not stated (KIP-1166)
    static void fields(auto& m, auto& v) {
      v("partition", m.partition);
      v("currentLeaderEpoch", m.current_leader_epoch, since(9));
      v("fetchOffset", m.fetch_offset);
      v("lastFetchedEpoch", m.last_fetched_epoch, since(12));
      v("logStartOffset", m.log_start_offset, since(5));
      v("partitionMaxBytes", m.partition_max_bytes);
      v.tagged(0, "replicaDirectoryId", m.replica_directory_id, since(17));
      v.tagged(1, "highWatermark", m.high_watermark, since(18), std::numeric_limits<std::int64_t>::max());
    }
  };
  struct Topic {
    std::string topic;
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic, until(12));
      v("topicId", m.topic_id, since(13));
      v("partitions", m.partitions);
    }
  };
  struct ForgottenTopic {
    std::string topic;
    Uuid topic_id{};
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic, only(7, 12));
      v("topicId", m.topic_id, since(13));
      v("partitions", m.partitions);
    }
  };
  std::optional<std::string> cluster_id;
  std::int32_t replica_id = -1;  // -1: a consumer; from 15 in replica_state
  ReplicaState replica_state;
  std::int32_t max_wait_ms = 0;
  std::int32_t min_bytes = 0;
  std::int32_t max_bytes = std::numeric_limits<std::int32_t>::max();  // KIP-74: the first batch goes whole all the same
  std::int8_t isolation_level = 0;                                    // 1: read committed
  std::int32_t session_id = 0;
  std::int32_t session_epoch = -1;
  std::vector<Topic> topics;
  std::vector<ForgottenTopic> forgotten_topics_data;
  std::string rack_id;  // for fetching from the closest replica (KIP-392)
  static void fields(auto& m, auto& v) {
    v("replicaId", m.replica_id, until(14));
    v("maxWaitMs", m.max_wait_ms);
    v("minBytes", m.min_bytes);
    v("maxBytes", m.max_bytes, since(3));
    v("isolationLevel", m.isolation_level, since(4));
    v("sessionId", m.session_id, since(7));
    v("sessionEpoch", m.session_epoch, since(7));
    v("topics", m.topics);
    v("forgottenTopicsData", m.forgotten_topics_data, since(7));
    v("rackId", m.rack_id, since(11));
    v.tagged(0, "clusterId", m.cluster_id, since(12));
    v.tagged(1, "replicaState", m.replica_state, since(15));
  }
};

struct FetchResponse {
  static constexpr Api api{.key = 1, .versions = {0, 18}, .flexible = 12};
  struct EpochEndOffset {
    std::int32_t epoch = -1;
    std::int64_t end_offset = -1;
    bool operator==(const EpochEndOffset&) const = default;
    static void fields(auto& m, auto& v) {
      v("epoch", m.epoch);
      v("endOffset", m.end_offset);
    }
  };
  struct LeaderIdAndEpoch {
    std::int32_t leader_id = -1;
    std::int32_t leader_epoch = -1;
    bool operator==(const LeaderIdAndEpoch&) const = default;
    static void fields(auto& m, auto& v) {
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch);
    }
  };
  struct SnapshotId {
    std::int64_t end_offset = -1;
    std::int32_t epoch = -1;
    bool operator==(const SnapshotId&) const = default;
    static void fields(auto& m, auto& v) {
      v("endOffset", m.end_offset);
      v("epoch", m.epoch);
    }
  };
  struct AbortedTransaction {
    std::int64_t producer_id = 0;
    std::int64_t first_offset = 0;
    static void fields(auto& m, auto& v) {
      v("producerId", m.producer_id);
      v("firstOffset", m.first_offset);
    }
  };
  struct NodeEndpoint {
    std::int32_t node_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;
    bool operator==(const NodeEndpoint&) const = default;
    static void fields(auto& m, auto& v) {
      v("nodeId", m.node_id);
      v("host", m.host);
      v("port", m.port);
      v("rack", m.rack);
    }
  };
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::int64_t high_watermark = 0;
    std::int64_t last_stable_offset = -1;
    std::int64_t log_start_offset = -1;
    EpochEndOffset diverging_epoch;   // the follower cuts its log there and fetches again (KIP-595)
    LeaderIdAndEpoch current_leader;  // KIP-951
    SnapshotId snapshot_id;
    std::optional<std::vector<AbortedTransaction>> aborted_transactions{std::in_place};
    std::int32_t preferred_read_replica = -1;  // KIP-392
    Records records;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
      v("highWatermark", m.high_watermark);
      v("lastStableOffset", m.last_stable_offset, since(4));
      v("logStartOffset", m.log_start_offset, since(5));
      v("abortedTransactions", m.aborted_transactions, since(4));
      v("preferredReadReplica", m.preferred_read_replica, since(11));
      v("records", m.records);
      v.tagged(0, "divergingEpoch", m.diverging_epoch, since(12));
      v.tagged(1, "currentLeader", m.current_leader, since(12));
      v.tagged(2, "snapshotId", m.snapshot_id, since(12));
    }
  };
  struct Topic {
    std::string topic;
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic, until(12));
      v("topicId", m.topic_id, since(13));
      v("partitions", m.partitions);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::int32_t session_id = 0;
  std::vector<Topic> responses;
  std::vector<NodeEndpoint> node_endpoints;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(1));
    v("errorCode", m.error_code, since(7));
    v("sessionId", m.session_id, since(7));
    v("responses", m.responses);
    v.tagged(0, "nodeEndpoints", m.node_endpoints, since(16));
  }
};

}  // namespace holdfast::wire
