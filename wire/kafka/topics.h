// CreateTopics (19), DeleteTopics (20), CreatePartitions (37), ElectLeaders (43), AlterPartitionReassignments (45),
// ListPartitionReassignments (46): topics come, grow, move and go.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct CreateTopicsRequest {
  // 4: -1 takes the broker's defaults (KIP-464).
  static constexpr Api api{.key = 19, .versions = {0, 7}, .flexible = 5};
  struct Assignment {
    std::int32_t partition_index = 0;
    std::vector<std::int32_t> broker_ids;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("brokerIds", m.broker_ids);
    }
  };
  struct Config {
    std::string name;
    std::optional<std::string> value = "";
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("value", m.value);
    }
  };
  struct Topic {
    std::string name;
    std::int32_t num_partitions = 0;
    std::int16_t replication_factor = 0;
    std::vector<Assignment> assignments;
    std::vector<Config> configs;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("numPartitions", m.num_partitions);
      v("replicationFactor", m.replication_factor);
      v("assignments", m.assignments);
      v("configs", m.configs);
    }
  };
  std::vector<Topic> topics;
  std::int32_t timeout_ms = 60000;
  bool validate_only = false;
  static void fields(auto& m, auto& v) {
    v("topics", m.topics);
    v("timeoutMs", m.timeout_ms);
    v("validateOnly", m.validate_only, since(1));
  }
};

struct CreateTopicsResponse {
  // 5: the topic's configuration as it came out (KIP-525).
  static constexpr Api api{.key = 19, .versions = {0, 7}, .flexible = 5};
  struct Config {
    std::string name;
    std::optional<std::string> value = "";
    bool read_only = false;
    std::int8_t config_source = -1;
    bool is_sensitive = false;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("value", m.value);
      v("readOnly", m.read_only);
      v("configSource", m.config_source);
      v("isSensitive", m.is_sensitive);
    }
  };
  struct Topic {
    std::string name;
    Uuid topic_id{};
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    std::int16_t topic_config_error_code = 0;
    std::int32_t num_partitions = -1;
    std::int16_t replication_factor = -1;
    std::optional<std::vector<Config>> configs{std::in_place};
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("topicId", m.topic_id, since(7));
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message, since(1));
      v("numPartitions", m.num_partitions, since(5));
      v("replicationFactor", m.replication_factor, since(5));
      v("configs", m.configs, since(5));
      v.tagged(0, "topicConfigErrorCode", m.topic_config_error_code, since(5));
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(2));
    v("topics", m.topics);
  }
};

struct DeleteTopicsRequest {
  static constexpr Api api{.key = 20, .versions = {0, 6}, .flexible = 4};
  struct Topic {
    std::optional<std::string> name;
    Uuid topic_id{};
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("topicId", m.topic_id);
    }
  };
  std::vector<Topic> topics;
  std::vector<std::string> topic_names;
  std::int32_t timeout_ms = 0;
  static void fields(auto& m, auto& v) {
    v("topics", m.topics, since(6));
    v("topicNames", m.topic_names, until(5));
    v("timeoutMs", m.timeout_ms);
  }
};

struct DeleteTopicsResponse {
  static constexpr Api api{.key = 20, .versions = {0, 6}, .flexible = 4};
  struct Topic {
    std::optional<std::string> name = "";
    Uuid topic_id{};
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    static void fields(auto& m, auto& v) {
      v("name", m.name, always().nullable(6));
      v("topicId", m.topic_id, since(6));
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message, since(5));
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> responses;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(1));
    v("responses", m.responses);
  }
};

struct CreatePartitionsRequest {
  static constexpr Api api{.key = 37, .versions = {0, 3}, .flexible = 2};
  struct Assignment {
    std::vector<std::int32_t> broker_ids;
    static void fields(auto& m, auto& v) { v("brokerIds", m.broker_ids); }
  };
  struct Topic {
    std::string name;
    std::int32_t count = 0;  // all of them, not the new ones
    std::optional<std::vector<Assignment>> assignments{std::in_place};
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("count", m.count);
      v("assignments", m.assignments);
    }
  };
  std::vector<Topic> topics;
  std::int32_t timeout_ms = 0;
  bool validate_only = false;
  static void fields(auto& m, auto& v) {
    v("topics", m.topics);
    v("timeoutMs", m.timeout_ms);
    v("validateOnly", m.validate_only);
  }
};

struct CreatePartitionsResponse {
  static constexpr Api api{.key = 37, .versions = {0, 3}, .flexible = 2};
  struct Topic {
    std::string name;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> results;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("results", m.results);
  }
};

struct ElectLeadersRequest {
  static constexpr Api api{.key = 43, .versions = {0, 2}, .flexible = 2};
  struct Topic {
    std::string topic;
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic);
      v("partitions", m.partitions);
    }
  };
  std::int8_t election_type = 0;                                      // 0: preferred, 1: unclean (KIP-460)
  std::optional<std::vector<Topic>> topic_partitions{std::in_place};  // null: all
  std::int32_t timeout_ms = 60000;
  static void fields(auto& m, auto& v) {
    v("electionType", m.election_type, since(1));
    v("topicPartitions", m.topic_partitions);
    v("timeoutMs", m.timeout_ms);
  }
};

struct ElectLeadersResponse {
  static constexpr Api api{.key = 43, .versions = {0, 2}, .flexible = 2};
  struct Partition {
    std::int32_t partition_id = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    static void fields(auto& m, auto& v) {
      v("partitionId", m.partition_id);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
    }
  };
  struct Topic {
    std::string topic;
    std::vector<Partition> partition_result;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic);
      v("partitionResult", m.partition_result);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<Topic> replica_election_results;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code, since(1));
    v("replicaElectionResults", m.replica_election_results);
  }
};

// Moves replicas (KIP-455).
struct AlterPartitionReassignmentsRequest {
  static constexpr Api api{.key = 45, .versions = {0, 1}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::optional<std::vector<std::int32_t>> replicas;  // null: cancels
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("replicas", m.replicas);
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
  std::int32_t timeout_ms = 60000;
  bool allow_replication_factor_change = true;  // KIP-860
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("timeoutMs", m.timeout_ms);
    v("allowReplicationFactorChange", m.allow_replication_factor_change, since(1));
    v("topics", m.topics);
  }
};

struct AlterPartitionReassignmentsResponse {
  static constexpr Api api{.key = 45, .versions = {0, 1}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
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
  bool allow_replication_factor_change = true;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::vector<Topic> responses;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("allowReplicationFactorChange", m.allow_replication_factor_change, since(1));
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("responses", m.responses);
  }
};

struct ListPartitionReassignmentsRequest {
  static constexpr Api api{.key = 46, .versions = {0, 0}, .flexible = 0};
  struct Topic {
    std::string name;
    std::vector<std::int32_t> partition_indexes;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitionIndexes", m.partition_indexes);
    }
  };
  std::int32_t timeout_ms = 60000;
  std::optional<std::vector<Topic>> topics;  // null: all
  static void fields(auto& m, auto& v) {
    v("timeoutMs", m.timeout_ms);
    v("topics", m.topics);
  }
};

struct ListPartitionReassignmentsResponse {
  static constexpr Api api{.key = 46, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::vector<std::int32_t> replicas;
    std::vector<std::int32_t> adding_replicas;
    std::vector<std::int32_t> removing_replicas;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("replicas", m.replicas);
      v("addingReplicas", m.adding_replicas);
      v("removingReplicas", m.removing_replicas);
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
  std::optional<std::string> error_message = "";
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("topics", m.topics);
  }
};

}  // namespace holdfast::wire
