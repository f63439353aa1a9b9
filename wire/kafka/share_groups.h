// Share groups as their consumers and administrators see them (KIP-932): ShareGroupHeartbeat (76), ShareGroupDescribe
// (77), ShareFetch (78), ShareAcknowledge (79), DescribeShareGroupOffsets (90), AlterShareGroupOffsets (91),
// DeleteShareGroupOffsets (92). Version 0 of 76 to 79 is Kafka 3.9's early access; version 2 of 78 and 79 can renew
// acquisition locks (KIP-1222) and limit what is acquired (KIP-1206).
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct ShareGroupHeartbeatRequest {
  static constexpr Api api{.key = 76, .versions = {0, 1}, .flexible = 0};
  std::string group_id;
  std::string member_id;
  std::int32_t member_epoch = 0;
  std::optional<std::string> rack_id;
  std::optional<std::vector<std::string>> subscribed_topic_names;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
    v("memberEpoch", m.member_epoch);
    v("rackId", m.rack_id);
    v("subscribedTopicNames", m.subscribed_topic_names);
  }
};

struct ShareGroupHeartbeatResponse {
  static constexpr Api api{.key = 76, .versions = {0, 1}, .flexible = 0};
  struct TopicPartitions {
    Uuid topic_id{};
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  struct Assignment {
    std::vector<TopicPartitions> topic_partitions;
    static void fields(auto& m, auto& v) { v("topicPartitions", m.topic_partitions); }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message;
  std::optional<std::string> member_id;
  std::int32_t member_epoch = 0;
  std::int32_t heartbeat_interval_ms = 0;
  std::optional<Assignment> assignment;  // null: unchanged
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("memberId", m.member_id);
    v("memberEpoch", m.member_epoch);
    v("heartbeatIntervalMs", m.heartbeat_interval_ms);
    v("assignment", m.assignment);
  }
};

struct ShareGroupDescribeRequest {
  static constexpr Api api{.key = 77, .versions = {0, 1}, .flexible = 0};
  std::vector<std::string> group_ids;
  bool include_authorized_operations = false;
  static void fields(auto& m, auto& v) {
    v("groupIds", m.group_ids);
    v("includeAuthorizedOperations", m.include_authorized_operations);
  }
};

struct ShareGroupDescribeResponse {
  static constexpr Api api{.key = 77, .versions = {0, 1}, .flexible = 0};
  struct TopicPartitions {
    Uuid topic_id{};
    std::string topic_name;
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("topicName", m.topic_name);
      v("partitions", m.partitions);
    }
  };
  struct Assignment {
    std::vector<TopicPartitions> topic_partitions;
    static void fields(auto& m, auto& v) { v("topicPartitions", m.topic_partitions); }
  };
  struct Member {
    std::string member_id;
    std::optional<std::string> rack_id;
    std::int32_t member_epoch = 0;
    std::string client_id;
    std::string client_host;
    std::vector<std::string> subscribed_topic_names;
    Assignment assignment;
    static void fields(auto& m, auto& v) {
      v("memberId", m.member_id);
      v("rackId", m.rack_id);
      v("memberEpoch", m.member_epoch);
      v("clientId", m.client_id);
      v("clientHost", m.client_host);
      v("subscribedTopicNames", m.subscribed_topic_names);
      v("assignment", m.assignment);
    }
  };
  struct Group {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    std::string group_id;
    std::string group_state;
    std::int32_t group_epoch = 0;
    std::int32_t assignment_epoch = 0;
    std::string assignor_name;
    std::vector<Member> members;
    std::int32_t authorized_operations = INT32_MIN;  // not asked for
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("groupId", m.group_id);
      v("groupState", m.group_state);
      v("groupEpoch", m.group_epoch);
      v("assignmentEpoch", m.assignment_epoch);
      v("assignorName", m.assignor_name);
      v("members", m.members);
      v("authorizedOperations", m.authorized_operations);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Group> groups;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("groups", m.groups);
  }
};

// One type for the whole range, or one per offset: 0 gap, 1 accept, 2 release, 3 reject, 4 renew.
struct AcknowledgementBatch {
  std::int64_t first_offset = 0;
  std::int64_t last_offset = 0;
  std::vector<std::int8_t> acknowledge_types;
  static void fields(auto& m, auto& v) {
    v("firstOffset", m.first_offset);
    v("lastOffset", m.last_offset);
    v("acknowledgeTypes", m.acknowledge_types);
  }
};

struct ShareLeader {
  std::int32_t leader_id = 0;
  std::int32_t leader_epoch = 0;
  static void fields(auto& m, auto& v) {
    v("leaderId", m.leader_id);
    v("leaderEpoch", m.leader_epoch);
  }
};

struct ShareNodeEndpoint {
  std::int32_t node_id = 0;
  std::string host;
  std::int32_t port = 0;
  std::optional<std::string> rack;
  static void fields(auto& m, auto& v) {
    v("nodeId", m.node_id);
    v("host", m.host);
    v("port", m.port);
    v("rack", m.rack);
  }
};

struct ShareFetchRequest {
  static constexpr Api api{.key = 78, .versions = {0, 2}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int32_t partition_max_bytes = 0;
    std::vector<AcknowledgementBatch> acknowledgement_batches;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("partitionMaxBytes", m.partition_max_bytes, until(0));
      v("acknowledgementBatches", m.acknowledgement_batches);
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
  struct ForgottenTopic {
    Uuid topic_id{};
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  std::optional<std::string> group_id;
  std::optional<std::string> member_id = "";
  std::int32_t share_session_epoch = 0;
  std::int32_t max_wait_ms = 0;
  std::int32_t min_bytes = 0;
  std::int32_t max_bytes = INT32_MAX;
  std::int32_t max_records = 0;
  std::int32_t batch_size = 0;
  std::int8_t share_acquire_mode = 0;
  bool is_renew_ack = false;
  std::vector<Topic> topics;
  std::vector<ForgottenTopic> forgotten_topics_data;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
    v("shareSessionEpoch", m.share_session_epoch);
    v("maxWaitMs", m.max_wait_ms);
    v("minBytes", m.min_bytes);
    v("maxBytes", m.max_bytes);
    v("maxRecords", m.max_records, since(1));
    v("batchSize", m.batch_size, since(1));
    v("shareAcquireMode", m.share_acquire_mode, since(2));
    v("isRenewAck", m.is_renew_ack, since(2));
    v("topics", m.topics);
    v("forgottenTopicsData", m.forgotten_topics_data);
  }
};

struct ShareFetchResponse {
  static constexpr Api api{.key = 78, .versions = {0, 2}, .flexible = 0};
  struct AcquiredRecords {
    std::int64_t first_offset = 0;
    std::int64_t last_offset = 0;
    std::int16_t delivery_count = 0;
    static void fields(auto& m, auto& v) {
      v("firstOffset", m.first_offset);
      v("lastOffset", m.last_offset);
      v("deliveryCount", m.delivery_count);
    }
  };
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    std::int16_t acknowledge_error_code = 0;
    std::optional<std::string> acknowledge_error_message;
    ShareLeader current_leader;
    Records records;  // null in version 0 only; empty instead since 1
    std::vector<AcquiredRecords> acquired_records;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("acknowledgeErrorCode", m.acknowledge_error_code);
      v("acknowledgeErrorMessage", m.acknowledge_error_message);
      v("currentLeader", m.current_leader);
      v("records", m.records);
      v("acquiredRecords", m.acquired_records);
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
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message;
  std::int32_t acquisition_lock_timeout_ms = 0;
  std::vector<Topic> responses;
  std::vector<ShareNodeEndpoint> node_endpoints;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("acquisitionLockTimeoutMs", m.acquisition_lock_timeout_ms, since(1));
    v("responses", m.responses);
    v("nodeEndpoints", m.node_endpoints);
  }
};

struct ShareAcknowledgeRequest {
  static constexpr Api api{.key = 79, .versions = {0, 2}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::vector<AcknowledgementBatch> acknowledgement_batches;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("acknowledgementBatches", m.acknowledgement_batches);
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
  std::optional<std::string> group_id;
  std::optional<std::string> member_id = "";
  std::int32_t share_session_epoch = 0;
  bool is_renew_ack = false;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
    v("shareSessionEpoch", m.share_session_epoch);
    v("isRenewAck", m.is_renew_ack, since(2));
    v("topics", m.topics);
  }
};

struct ShareAcknowledgeResponse {
  static constexpr Api api{.key = 79, .versions = {0, 2}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    ShareLeader current_leader;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("currentLeader", m.current_leader);
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
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message;
  std::int32_t acquisition_lock_timeout_ms = 0;
  std::vector<Topic> responses;
  std::vector<ShareNodeEndpoint> node_endpoints;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("acquisitionLockTimeoutMs", m.acquisition_lock_timeout_ms, since(2));
    v("responses", m.responses);
    v("nodeEndpoints", m.node_endpoints);
  }
};

struct DescribeShareGroupOffsetsRequest {
  static constexpr Api api{.key = 90, .versions = {0, 1}, .flexible = 0};
  struct Topic {
    std::string topic_name;
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitions", m.partitions);
    }
  };
  struct Group {
    std::string group_id;
    std::optional<std::vector<Topic>> topics = std::vector<Topic>{};  // null: all topics
    static void fields(auto& m, auto& v) {
      v("groupId", m.group_id);
      v("topics", m.topics);
    }
  };
  std::vector<Group> groups;
  static void fields(auto& m, auto& v) { v("groups", m.groups); }
};

struct DescribeShareGroupOffsetsResponse {
  static constexpr Api api{.key = 90, .versions = {0, 1}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t start_offset = 0;
    std::int32_t leader_epoch = 0;
    std::int64_t lag = -1;  // KIP-1226
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("startOffset", m.start_offset);
      v("leaderEpoch", m.leader_epoch);
      v("lag", m.lag, since(1));
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
    }
  };
  struct Topic {
    std::string topic_name;
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  struct Group {
    std::string group_id;
    std::vector<Topic> topics;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    static void fields(auto& m, auto& v) {
      v("groupId", m.group_id);
      v("topics", m.topics);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Group> groups;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("groups", m.groups);
  }
};

struct AlterShareGroupOffsetsRequest {
  static constexpr Api api{.key = 91, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t start_offset = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("startOffset", m.start_offset);
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
  std::string group_id;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("topics", m.topics);
  }
};

struct AlterShareGroupOffsetsResponse {
  static constexpr Api api{.key = 91, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
    }
  };
  struct Topic {
    std::string topic_name;
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message;
  std::vector<Topic> responses;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("responses", m.responses);
  }
};

struct DeleteShareGroupOffsetsRequest {
  static constexpr Api api{.key = 92, .versions = {0, 0}, .flexible = 0};
  struct Topic {
    std::string topic_name;
    static void fields(auto& m, auto& v) { v("topicName", m.topic_name); }
  };
  std::string group_id;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("topics", m.topics);
  }
};

struct DeleteShareGroupOffsetsResponse {
  static constexpr Api api{.key = 92, .versions = {0, 0}, .flexible = 0};
  struct Topic {
    std::string topic_name;
    Uuid topic_id{};
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("topicId", m.topic_id);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message;
  std::vector<Topic> responses;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("responses", m.responses);
  }
};

}  // namespace holdfast::wire
