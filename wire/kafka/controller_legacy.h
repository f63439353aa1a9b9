// What a ZooKeeper-mode controller sent to brokers up to Kafka 3.9: LeaderAndIsr (4), StopReplica (5),
// UpdateMetadata (6), ControlledShutdown (7). Removed in 4.0.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct LeaderAndIsrRequest {
  static constexpr Api api{.key = 4, .versions = {0, 7}, .flexible = 4};
  struct PartitionState {
    std::string topic_name;
    std::int32_t partition_index = 0;
    std::int32_t controller_epoch = 0;
    std::int32_t leader = 0;
    std::int32_t leader_epoch = 0;
    std::vector<std::int32_t> isr;
    std::int32_t partition_epoch = 0;
    std::vector<std::int32_t> replicas;
    std::vector<std::int32_t> adding_replicas;
    std::vector<std::int32_t> removing_replicas;
    bool is_new = false;
    std::int8_t leader_recovery_state = 0;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name, until(1));
      v("partitionIndex", m.partition_index);
      v("controllerEpoch", m.controller_epoch);
      v("leader", m.leader);
      v("leaderEpoch", m.leader_epoch);
      v("isr", m.isr);
      v("partitionEpoch", m.partition_epoch);
      v("replicas", m.replicas);
      v("addingReplicas", m.adding_replicas, since(3));
      v("removingReplicas", m.removing_replicas, since(3));
      v("isNew", m.is_new, since(1));
      v("leaderRecoveryState", m.leader_recovery_state, since(6));
    }
  };
  struct TopicState {
    std::string topic_name;
    Uuid topic_id{};
    std::vector<PartitionState> partition_states;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("topicId", m.topic_id, since(5));
      v("partitionStates", m.partition_states);
    }
  };
  struct LiveLeader {
    std::int32_t broker_id = 0;
    std::string host_name;
    std::int32_t port = 0;
    static void fields(auto& m, auto& v) {
      v("brokerId", m.broker_id);
      v("hostName", m.host_name);
      v("port", m.port);
    }
  };
  std::int32_t controller_id = 0;
  bool is_kraft_controller = false;
  std::int32_t controller_epoch = 0;
  std::int64_t broker_epoch = -1;
  std::int8_t type = 0;
  std::vector<PartitionState> ungrouped_partition_states;
  std::vector<TopicState> topic_states;
  std::vector<LiveLeader> live_leaders;
  static void fields(auto& m, auto& v) {
    v("controllerId", m.controller_id);
    v("isKRaftController", m.is_kraft_controller, since(7));
    v("controllerEpoch", m.controller_epoch);
    v("brokerEpoch", m.broker_epoch, since(2));
    v("type", m.type, since(5));
    v("ungroupedPartitionStates", m.ungrouped_partition_states, until(1));
    v("topicStates", m.topic_states, since(2));
    v("liveLeaders", m.live_leaders);
  }
};

struct LeaderAndIsrResponse {
  static constexpr Api api{.key = 4, .versions = {0, 7}, .flexible = 4};
  struct PartitionError {
    std::string topic_name;
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name, until(4));
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
    }
  };
  struct Topic {
    Uuid topic_id{};
    std::vector<PartitionError> partition_errors;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitionErrors", m.partition_errors);
    }
  };
  std::int16_t error_code = 0;
  std::vector<PartitionError> partition_errors;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("partitionErrors", m.partition_errors, until(4));
    v("topics", m.topics, since(5));
  }
};

struct StopReplicaRequest {
  static constexpr Api api{.key = 5, .versions = {0, 4}, .flexible = 2};
  struct UngroupedPartition {
    std::string topic_name;
    std::int32_t partition_index = 0;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitionIndex", m.partition_index);
    }
  };
  struct Topic {
    std::string name;
    std::vector<std::int32_t> partition_indexes;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitionIndexes", m.partition_indexes);
    }
  };
  struct PartitionState {
    std::int32_t partition_index = 0;
    std::int32_t leader_epoch = -1;
    bool delete_partition = false;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("leaderEpoch", m.leader_epoch);
      v("deletePartition", m.delete_partition);
    }
  };
  struct TopicState {
    std::string topic_name;
    std::vector<PartitionState> partition_states;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitionStates", m.partition_states);
    }
  };
  std::int32_t controller_id = 0;
  bool is_kraft_controller = false;
  std::int32_t controller_epoch = 0;
  std::int64_t broker_epoch = -1;
  bool delete_partitions = false;
  std::vector<UngroupedPartition> ungrouped_partitions;
  std::vector<Topic> topics;
  std::vector<TopicState> topic_states;
  static void fields(auto& m, auto& v) {
    v("controllerId", m.controller_id);
    v("isKRaftController", m.is_kraft_controller, since(4));
    v("controllerEpoch", m.controller_epoch);
    v("brokerEpoch", m.broker_epoch, since(1));
    v("deletePartitions", m.delete_partitions, until(2));
    v("ungroupedPartitions", m.ungrouped_partitions, until(0));
    v("topics", m.topics, only(1, 2));
    v("topicStates", m.topic_states, since(3));
  }
};

struct StopReplicaResponse {
  static constexpr Api api{.key = 5, .versions = {0, 4}, .flexible = 2};
  struct PartitionError {
    std::string topic_name;
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
    }
  };
  std::int16_t error_code = 0;
  std::vector<PartitionError> partition_errors;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("partitionErrors", m.partition_errors);
  }
};

struct UpdateMetadataRequest {
  static constexpr Api api{.key = 6, .versions = {0, 8}, .flexible = 6};
  struct PartitionState {
    std::string topic_name;
    std::int32_t partition_index = 0;
    std::int32_t controller_epoch = 0;
    std::int32_t leader = 0;
    std::int32_t leader_epoch = 0;
    std::vector<std::int32_t> isr;
    std::int32_t zk_version = 0;
    std::vector<std::int32_t> replicas;
    std::vector<std::int32_t> offline_replicas;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name, until(4));
      v("partitionIndex", m.partition_index);
      v("controllerEpoch", m.controller_epoch);
      v("leader", m.leader);
      v("leaderEpoch", m.leader_epoch);
      v("isr", m.isr);
      v("zkVersion", m.zk_version);
      v("replicas", m.replicas);
      v("offlineReplicas", m.offline_replicas, since(4));
    }
  };
  struct TopicState {
    std::string topic_name;
    Uuid topic_id{};
    std::vector<PartitionState> partition_states;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("topicId", m.topic_id, since(7));
      v("partitionStates", m.partition_states);
    }
  };
  struct Endpoint {
    std::int32_t port = 0;
    std::string host;
    std::string listener;
    std::int16_t security_protocol = 0;
    static void fields(auto& m, auto& v) {
      v("port", m.port);
      v("host", m.host);
      v("listener", m.listener, since(3));
      v("securityProtocol", m.security_protocol);
    }
  };
  struct Broker {
    std::int32_t id = 0;
    std::string v0_host;
    std::int32_t v0_port = 0;
    std::vector<Endpoint> endpoints;
    std::optional<std::string> rack = "";
    static void fields(auto& m, auto& v) {
      v("id", m.id);
      v("v0Host", m.v0_host, until(0));
      v("v0Port", m.v0_port, until(0));
      v("endpoints", m.endpoints, since(1));
      v("rack", m.rack, since(2));
    }
  };
  std::int32_t controller_id = 0;
  bool is_kraft_controller = false;
  std::int8_t type = 0;
  std::int32_t controller_epoch = 0;
  std::int64_t broker_epoch = -1;
  std::vector<PartitionState> ungrouped_partition_states;
  std::vector<TopicState> topic_states;
  std::vector<Broker> live_brokers;
  static void fields(auto& m, auto& v) {
    v("controllerId", m.controller_id);
    v("isKRaftController", m.is_kraft_controller, since(8));
    v("controllerEpoch", m.controller_epoch);
    v("brokerEpoch", m.broker_epoch, since(5));
    v("ungroupedPartitionStates", m.ungrouped_partition_states, until(4));
    v("topicStates", m.topic_states, since(5));
    v("liveBrokers", m.live_brokers);
    v.tagged(0, "type", m.type, since(8));
  }
};

struct UpdateMetadataResponse {
  static constexpr Api api{.key = 6, .versions = {0, 8}, .flexible = 6};
  std::int16_t error_code = 0;
  static void fields(auto& m, auto& v) { v("errorCode", m.error_code); }
};

// Version 0 is the one request that travels behind request header 0, without a client id.
struct ControlledShutdownRequest {
  static constexpr Api api{.key = 7, .versions = {0, 3}, .flexible = 3};
  std::int32_t broker_id = 0;
  std::int64_t broker_epoch = -1;
  static void fields(auto& m, auto& v) {
    v("brokerId", m.broker_id);
    v("brokerEpoch", m.broker_epoch, since(2));
  }
};

struct ControlledShutdownResponse {
  static constexpr Api api{.key = 7, .versions = {0, 3}, .flexible = 3};
  struct RemainingPartition {
    std::string topic_name;
    std::int32_t partition_index = 0;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitionIndex", m.partition_index);
    }
  };
  std::int16_t error_code = 0;
  std::vector<RemainingPartition> remaining_partitions;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("remainingPartitions", m.remaining_partitions);
  }
};

}  // namespace holdfast::wire
