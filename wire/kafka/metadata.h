// Metadata (3), DescribeCluster (60), DescribeTopicPartitions (75): who serves what.
#pragma once

#include <limits>

#include "wire/fields.h"

namespace holdfast::wire {

// A set of operations that was not asked for (KIP-430).
inline constexpr std::int32_t operations_unknown = std::numeric_limits<std::int32_t>::min();

struct MetadataRequest {
  // 10: topic ids (KIP-516). 11: no more cluster operations, which DescribeCluster has (KIP-700).
  static constexpr Api api{.key = 3, .versions = {0, 13}, .flexible = 9};
  struct Topic {
    Uuid topic_id{};
    std::optional<std::string> name = "";
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id, since(10));
      v("name", m.name, always().nullable(10));
    }
  };
  // Null: every topic. Empty: none, but in version 0 every topic.
  std::optional<std::vector<Topic>> topics{std::in_place};
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;
  static void fields(auto& m, auto& v) {
    v("topics", m.topics, always().nullable(1));
    v("allowAutoTopicCreation", m.allow_auto_topic_creation, since(4));
    v("includeClusterAuthorizedOperations", m.include_cluster_authorized_operations, only(8, 10));
    v("includeTopicAuthorizedOperations", m.include_topic_authorized_operations, since(8));
  }
};

struct MetadataResponse {
  static constexpr Api api{.key = 3, .versions = {0, 13}, .flexible = 9};
  struct Broker {
    std::int32_t node_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;
    static void fields(auto& m, auto& v) {
      v("nodeId", m.node_id);
      v("host", m.host);
      v("port", m.port);
      v("rack", m.rack, since(1));
    }
  };
  struct Partition {
    std::int16_t error_code = 0;
    std::int32_t partition_index = 0;
    std::int32_t leader_id = 0;  // -1: none
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replica_nodes;
    std::vector<std::int32_t> isr_nodes;
    std::vector<std::int32_t> offline_replicas;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("partitionIndex", m.partition_index);
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch, since(7));
      v("replicaNodes", m.replica_nodes);
      v("isrNodes", m.isr_nodes);
      v("offlineReplicas", m.offline_replicas, since(5));
    }
  };
  struct Topic {
    std::int16_t error_code = 0;
    std::optional<std::string> name = "";
    Uuid topic_id{};
    bool is_internal = false;
    std::vector<Partition> partitions;
    std::int32_t topic_authorized_operations = operations_unknown;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("name", m.name, always().nullable(12));
      v("topicId", m.topic_id, since(10));
      v("isInternal", m.is_internal, since(1));
      v("partitions", m.partitions);
      v("topicAuthorizedOperations", m.topic_authorized_operations, since(8));
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Broker> brokers;
  std::optional<std::string> cluster_id;
  std::int32_t controller_id = -1;
  std::vector<Topic> topics;
  std::int32_t cluster_authorized_operations = operations_unknown;
  std::int16_t error_code = 0;  // REBOOTSTRAP_REQUIRED (KIP-1102)
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(3));
    v("brokers", m.brokers);
    v("clusterId", m.cluster_id, since(2));
    v("controllerId", m.controller_id, since(1));
    v("topics", m.topics);
    v("clusterAuthorizedOperations", m.cluster_authorized_operations, only(8, 10));
    v("errorCode", m.error_code, since(13));
  }
};

struct DescribeClusterRequest {
  static constexpr Api api{.key = 60, .versions = {0, 2}, .flexible = 0};
  bool include_cluster_authorized_operations = false;
  std::int8_t endpoint_type = 1;        // 1: brokers, 2: controllers (KIP-919)
  bool include_fenced_brokers = false;  // KIP-1073
  static void fields(auto& m, auto& v) {
    v("includeClusterAuthorizedOperations", m.include_cluster_authorized_operations);
    v("endpointType", m.endpoint_type, since(1));
    v("includeFencedBrokers", m.include_fenced_brokers, since(2));
  }
};

struct DescribeClusterResponse {
  static constexpr Api api{.key = 60, .versions = {0, 2}, .flexible = 0};
  struct Broker {
    std::int32_t broker_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;
    bool is_fenced = false;
    static void fields(auto& m, auto& v) {
      v("brokerId", m.broker_id);
      v("host", m.host);
      v("port", m.port);
      v("rack", m.rack);
      v("isFenced", m.is_fenced, since(2));
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message;
  std::int8_t endpoint_type = 1;
  std::string cluster_id;
  std::int32_t controller_id = -1;
  std::vector<Broker> brokers;
  std::int32_t cluster_authorized_operations = operations_unknown;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("endpointType", m.endpoint_type, since(1));
    v("clusterId", m.cluster_id);
    v("controllerId", m.controller_id);
    v("brokers", m.brokers);
    v("clusterAuthorizedOperations", m.cluster_authorized_operations);
  }
};

// Where the next page of DescribeTopicPartitions begins.
struct TopicPartitionsCursor {
  std::string topic_name;
  std::int32_t partition_index = 0;
  static void fields(auto& m, auto& v) {
    v("topicName", m.topic_name);
    v("partitionIndex", m.partition_index);
  }
};

// Metadata in pages: a cluster's topics do not have to fit into one response (KIP-966).
struct DescribeTopicPartitionsRequest {
  static constexpr Api api{.key = 75, .versions = {0, 0}, .flexible = 0};
  struct Topic {
    std::string name;
    static void fields(auto& m, auto& v) { v("name", m.name); }
  };
  std::vector<Topic> topics;
  std::int32_t response_partition_limit = 2000;
  std::optional<TopicPartitionsCursor> cursor;
  static void fields(auto& m, auto& v) {
    v("topics", m.topics);
    v("responsePartitionLimit", m.response_partition_limit);
    v("cursor", m.cursor);
  }
};

struct DescribeTopicPartitionsResponse {
  static constexpr Api api{.key = 75, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int16_t error_code = 0;
    std::int32_t partition_index = 0;
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replica_nodes;
    std::vector<std::int32_t> isr_nodes;
    std::optional<std::vector<std::int32_t>> eligible_leader_replicas;
    std::optional<std::vector<std::int32_t>> last_known_elr;
    std::vector<std::int32_t> offline_replicas;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("partitionIndex", m.partition_index);
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch);
      v("replicaNodes", m.replica_nodes);
      v("isrNodes", m.isr_nodes);
      v("eligibleLeaderReplicas", m.eligible_leader_replicas);
      v("lastKnownElr", m.last_known_elr);
      v("offlineReplicas", m.offline_replicas);
    }
  };
  struct Topic {
    std::int16_t error_code = 0;
    std::optional<std::string> name = "";
    Uuid topic_id{};
    bool is_internal = false;
    std::vector<Partition> partitions;
    std::int32_t topic_authorized_operations = operations_unknown;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("name", m.name);
      v("topicId", m.topic_id);
      v("isInternal", m.is_internal);
      v("partitions", m.partitions);
      v("topicAuthorizedOperations", m.topic_authorized_operations);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  std::optional<TopicPartitionsCursor> next_cursor;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("topics", m.topics);
    v("nextCursor", m.next_cursor);
  }
};

}  // namespace holdfast::wire
