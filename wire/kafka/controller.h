// Between brokers and the controller: AlterPartition (56, KIP-497), UpdateFeatures (57, KIP-584), Envelope (58,
// KIP-590), BrokerRegistration (62, KIP-631), BrokerHeartbeat (63), UnregisterBroker (64), AllocateProducerIds (67,
// KIP-730), ControllerRegistration (70, KIP-919), AssignReplicasToDirs (73, KIP-858), UnregisterController (94).
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct AlterPartitionRequest {
  static constexpr Api api{.key = 56, .versions = {0, 3}, .flexible = 0};
  struct BrokerState {
    std::int32_t broker_id = 0;
    std::int64_t broker_epoch = -1;
    static void fields(auto& m, auto& v) {
      v("brokerId", m.broker_id);
      v("brokerEpoch", m.broker_epoch);
    }
  };
  struct Partition {
    std::int32_t partition_index = 0;
    std::int32_t leader_epoch = 0;
    std::vector<std::int32_t> new_isr;
    std::vector<BrokerState> new_isr_with_epochs;  // KIP-903
    std::int8_t leader_recovery_state = 0;
    std::int32_t partition_epoch = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("leaderEpoch", m.leader_epoch);
      v("newIsr", m.new_isr, until(2));
      v("newIsrWithEpochs", m.new_isr_with_epochs, since(3));
      v("leaderRecoveryState", m.leader_recovery_state, since(1));
      v("partitionEpoch", m.partition_epoch);
    }
  };
  struct Topic {
    std::string topic_name;
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name, until(1));
      v("topicId", m.topic_id, since(2));
      v("partitions", m.partitions);
    }
  };
  std::int32_t broker_id = 0;
  std::int64_t broker_epoch = -1;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("brokerId", m.broker_id);
    v("brokerEpoch", m.broker_epoch);
    v("topics", m.topics);
  }
};

struct AlterPartitionResponse {
  static constexpr Api api{.key = 56, .versions = {0, 3}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = 0;
    std::vector<std::int32_t> isr;
    std::int8_t leader_recovery_state = 0;
    std::int32_t partition_epoch = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch);
      v("isr", m.isr);
      v("leaderRecoveryState", m.leader_recovery_state, since(1));
      v("partitionEpoch", m.partition_epoch);
    }
  };
  struct Topic {
    std::string topic_name;
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name, until(1));
      v("topicId", m.topic_id, since(2));
      v("partitions", m.partitions);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("topics", m.topics);
  }
};

struct UpdateFeaturesRequest {
  static constexpr Api api{.key = 57, .versions = {0, 2}, .flexible = 0};
  struct FeatureUpdate {
    std::string feature;
    std::int16_t max_version_level = 0;
    bool allow_downgrade = false;
    std::int8_t upgrade_type = 1;  // 1 upgrade, 2 safe downgrade, 3 unsafe downgrade
    static void fields(auto& m, auto& v) {
      v("feature", m.feature);
      v("maxVersionLevel", m.max_version_level);
      v("allowDowngrade", m.allow_downgrade, until(0));
      v("upgradeType", m.upgrade_type, since(1));
    }
  };
  std::int32_t timeout_ms = 60'000;
  std::vector<FeatureUpdate> feature_updates;
  bool validate_only = false;
  static void fields(auto& m, auto& v) {
    v("timeoutMs", m.timeout_ms);
    v("featureUpdates", m.feature_updates);
    v("validateOnly", m.validate_only, since(1));
  }
};

struct UpdateFeaturesResponse {
  static constexpr Api api{.key = 57, .versions = {0, 2}, .flexible = 0};
  struct Result {
    std::string feature;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    static void fields(auto& m, auto& v) {
      v("feature", m.feature);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::vector<Result> results;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("results", m.results, until(1));
  }
};

struct EnvelopeRequest {
  static constexpr Api api{.key = 58, .versions = {0, 0}, .flexible = 0};
  std::vector<std::uint8_t> request_data;
  std::optional<std::vector<std::uint8_t>> request_principal = std::vector<std::uint8_t>{};
  std::vector<std::uint8_t> client_host_address;
  static void fields(auto& m, auto& v) {
    v("requestData", m.request_data);
    v("requestPrincipal", m.request_principal);
    v("clientHostAddress", m.client_host_address);
  }
};

struct EnvelopeResponse {
  static constexpr Api api{.key = 58, .versions = {0, 0}, .flexible = 0};
  std::optional<std::vector<std::uint8_t>> response_data;
  std::int16_t error_code = 0;
  static void fields(auto& m, auto& v) {
    v("responseData", m.response_data);
    v("errorCode", m.error_code);
  }
};

// What a principal travels as inside an envelope, behind its own int16 version.
struct DefaultPrincipalData {
  static constexpr Api api{.versions = {0, 0}, .flexible = 0};
  std::string type;
  std::string name;
  bool token_authenticated = false;
  static void fields(auto& m, auto& v) {
    v("type", m.type);
    v("name", m.name);
    v("tokenAuthenticated", m.token_authenticated);
  }
};

struct RegisteredListener {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
  std::int16_t security_protocol = 0;
  static void fields(auto& m, auto& v) {
    v("name", m.name);
    v("host", m.host);
    v("port", m.port);
    v("securityProtocol", m.security_protocol);
  }
};

struct RegisteredFeature {
  std::string name;
  std::int16_t min_supported_version = 0;
  std::int16_t max_supported_version = 0;
  static void fields(auto& m, auto& v) {
    v("name", m.name);
    v("minSupportedVersion", m.min_supported_version);
    v("maxSupportedVersion", m.max_supported_version);
  }
};

struct BrokerRegistrationRequest {
  static constexpr Api api{.key = 62, .versions = {0, 4}, .flexible = 0};
  std::int32_t broker_id = 0;
  std::string cluster_id;
  Uuid incarnation_id{};
  std::vector<RegisteredListener> listeners;
  std::vector<RegisteredFeature> features;
  std::optional<std::string> rack = "";
  bool is_migrating_zk_broker = false;
  std::vector<Uuid> log_dirs;
  std::int64_t previous_broker_epoch = -1;
  static void fields(auto& m, auto& v) {
    v("brokerId", m.broker_id);
    v("clusterId", m.cluster_id);
    v("incarnationId", m.incarnation_id);
    v("listeners", m.listeners);
    v("features", m.features);
    v("rack", m.rack);
    v("isMigratingZkBroker", m.is_migrating_zk_broker, since(1));
    v("logDirs", m.log_dirs, since(2));
    v("previousBrokerEpoch", m.previous_broker_epoch, since(3));
  }
};

struct BrokerRegistrationResponse {
  static constexpr Api api{.key = 62, .versions = {0, 4}, .flexible = 0};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::int64_t broker_epoch = -1;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("brokerEpoch", m.broker_epoch);
  }
};

struct BrokerHeartbeatRequest {
  static constexpr Api api{.key = 63, .versions = {0, 2}, .flexible = 0};
  std::int32_t broker_id = 0;
  std::int64_t broker_epoch = -1;
  std::int64_t current_metadata_offset = 0;
  bool want_fence = false;
  bool want_shut_down = false;
  std::vector<Uuid> offline_log_dirs;
  std::optional<std::vector<Uuid>> cordoned_log_dirs;  // KIP-1066
  static void fields(auto& m, auto& v) {
    v("brokerId", m.broker_id);
    v("brokerEpoch", m.broker_epoch);
    v("currentMetadataOffset", m.current_metadata_offset);
    v("wantFence", m.want_fence);
    v("wantShutDown", m.want_shut_down);
    v.tagged(0, "offlineLogDirs", m.offline_log_dirs, since(1));
    v.tagged(1, "cordonedLogDirs", m.cordoned_log_dirs, since(2));
  }
};

struct BrokerHeartbeatResponse {
  static constexpr Api api{.key = 63, .versions = {0, 2}, .flexible = 0};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  bool is_caught_up = false;
  bool is_fenced = true;
  bool should_shut_down = false;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("isCaughtUp", m.is_caught_up);
    v("isFenced", m.is_fenced);
    v("shouldShutDown", m.should_shut_down);
  }
};

struct UnregisterBrokerRequest {
  static constexpr Api api{.key = 64, .versions = {0, 0}, .flexible = 0};
  std::int32_t broker_id = 0;
  static void fields(auto& m, auto& v) { v("brokerId", m.broker_id); }
};

struct UnregisterBrokerResponse {
  static constexpr Api api{.key = 64, .versions = {0, 0}, .flexible = 0};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
  }
};

struct AllocateProducerIdsRequest {
  static constexpr Api api{.key = 67, .versions = {0, 0}, .flexible = 0};
  std::int32_t broker_id = 0;
  std::int64_t broker_epoch = -1;
  static void fields(auto& m, auto& v) {
    v("brokerId", m.broker_id);
    v("brokerEpoch", m.broker_epoch);
  }
};

struct AllocateProducerIdsResponse {
  static constexpr Api api{.key = 67, .versions = {0, 0}, .flexible = 0};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::int64_t producer_id_start = 0;
  std::int32_t producer_id_len = 0;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("producerIdStart", m.producer_id_start);
    v("producerIdLen", m.producer_id_len);
  }
};

struct ControllerRegistrationRequest {
  static constexpr Api api{.key = 70, .versions = {0, 0}, .flexible = 0};
  std::int32_t controller_id = 0;
  Uuid incarnation_id{};
  bool zk_migration_ready = false;
  std::vector<RegisteredListener> listeners;
  std::vector<RegisteredFeature> features;
  static void fields(auto& m, auto& v) {
    v("controllerId", m.controller_id);
    v("incarnationId", m.incarnation_id);
    v("zkMigrationReady", m.zk_migration_ready);
    v("listeners", m.listeners);
    v("features", m.features);
  }
};

struct ControllerRegistrationResponse {
  static constexpr Api api{.key = 70, .versions = {0, 0}, .flexible = 0};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
  }
};

struct AssignReplicasToDirsRequest {
  static constexpr Api api{.key = 73, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    static void fields(auto& m, auto& v) { v("partitionIndex", m.partition_index); }
  };
  struct Topic {
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  struct Directory {
    Uuid id{};
    std::vector<Topic> topics;
    static void fields(auto& m, auto& v) {
      v("id", m.id);
      v("topics", m.topics);
    }
  };
  std::int32_t broker_id = 0;
  std::int64_t broker_epoch = -1;
  std::vector<Directory> directories;
  static void fields(auto& m, auto& v) {
    v("brokerId", m.broker_id);
    v("brokerEpoch", m.broker_epoch);
    v("directories", m.directories);
  }
};

struct AssignReplicasToDirsResponse {
  static constexpr Api api{.key = 73, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
    }
  };
  struct Topic {
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  struct Directory {
    Uuid id{};
    std::vector<Topic> topics;
    static void fields(auto& m, auto& v) {
      v("id", m.id);
      v("topics", m.topics);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<Directory> directories;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("directories", m.directories);
  }
};

struct UnregisterControllerRequest {
  static constexpr Api api{.key = 94, .versions = {0, 0}, .flexible = 0};
  std::int32_t controller_id = 0;
  static void fields(auto& m, auto& v) { v("controllerId", m.controller_id); }
};

struct UnregisterControllerResponse {
  static constexpr Api api{.key = 94, .versions = {0, 0}, .flexible = 0};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
  }
};

}  // namespace holdfast::wire
