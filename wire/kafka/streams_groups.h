// Streams groups (KIP-1071): StreamsGroupHeartbeat (88), StreamsGroupDescribe (89), and the topology description of
// KIP-1331, StreamsGroupTopologyDescriptionUpdate (93).
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct StreamsKeyValue {
  std::string key;
  std::string value;
  static void fields(auto& m, auto& v) {
    v("key", m.key);
    v("value", m.value);
  }
};

struct StreamsTopicInfo {
  std::string name;
  std::int32_t partitions = 0;
  std::int16_t replication_factor = 0;
  std::vector<StreamsKeyValue> topic_configs;
  static void fields(auto& m, auto& v) {
    v("name", m.name);
    v("partitions", m.partitions);
    v("replicationFactor", m.replication_factor);
    v("topicConfigs", m.topic_configs);
  }
};

struct StreamsEndpoint {
  std::string host;
  std::uint16_t port = 0;
  static void fields(auto& m, auto& v) {
    v("host", m.host);
    v("port", m.port);
  }
};

struct StreamsTaskOffset {
  std::string subtopology_id;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  static void fields(auto& m, auto& v) {
    v("subtopologyId", m.subtopology_id);
    v("partition", m.partition);
    v("offset", m.offset);
  }
};

struct StreamsTaskIds {
  std::string subtopology_id;
  std::vector<std::int32_t> partitions;
  static void fields(auto& m, auto& v) {
    v("subtopologyId", m.subtopology_id);
    v("partitions", m.partitions);
  }
};

struct StreamsTopologyDescription {
  struct Node {
    std::string name;
    std::int8_t node_type = 0;
    std::vector<std::string> source_topics;
    std::optional<std::string> sink_topic;
    std::vector<std::string> stores;
    std::vector<std::string> successors;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("nodeType", m.node_type);
      v("sourceTopics", m.source_topics);
      v("sinkTopic", m.sink_topic);
      v("stores", m.stores);
      v("successors", m.successors);
    }
  };
  struct Subtopology {
    std::string subtopology_id;
    std::vector<Node> nodes;
    static void fields(auto& m, auto& v) {
      v("subtopologyId", m.subtopology_id);
      v("nodes", m.nodes);
    }
  };
  struct GlobalStore {
    Node source;
    Node processor;
    static void fields(auto& m, auto& v) {
      v("source", m.source);
      v("processor", m.processor);
    }
  };
  std::vector<Subtopology> subtopologies;
  std::vector<GlobalStore> global_stores;
  static void fields(auto& m, auto& v) {
    v("subtopologies", m.subtopologies);
    v("globalStores", m.global_stores);
  }
};

// As a member sends it. (At namespace scope because an optional of a nested struct with default member initialisers
// cannot be a member of the enclosing struct: CWG 1397.)
struct StreamsTopology {
  // Indexes into the subtopology's own lists of topics.
  struct CopartitionGroup {
    std::vector<std::int16_t> source_topics;
    std::vector<std::int16_t> source_topic_regex;
    std::vector<std::int16_t> repartition_source_topics;
    static void fields(auto& m, auto& v) {
      v("sourceTopics", m.source_topics);
      v("sourceTopicRegex", m.source_topic_regex);
      v("repartitionSourceTopics", m.repartition_source_topics);
    }
  };
  struct Subtopology {
    std::string subtopology_id;
    std::vector<std::string> source_topics;
    std::vector<std::string> source_topic_regex;
    std::vector<StreamsTopicInfo> state_changelog_topics;
    std::vector<std::string> repartition_sink_topics;
    std::vector<StreamsTopicInfo> repartition_source_topics;
    std::vector<CopartitionGroup> copartition_groups;
    static void fields(auto& m, auto& v) {
      v("subtopologyId", m.subtopology_id);
      v("sourceTopics", m.source_topics);
      v("sourceTopicRegex", m.source_topic_regex);
      v("stateChangelogTopics", m.state_changelog_topics);
      v("repartitionSinkTopics", m.repartition_sink_topics);
      v("repartitionSourceTopics", m.repartition_source_topics);
      v("copartitionGroups", m.copartition_groups);
    }
  };
  std::int32_t epoch = 0;
  std::vector<Subtopology> subtopologies;
  static void fields(auto& m, auto& v) {
    v("epoch", m.epoch);
    v("subtopologies", m.subtopologies);
  }
};

struct StreamsGroupHeartbeatRequest {
  static constexpr Api api{.key = 88, .versions = {0, 1}, .flexible = 0};
  // Null or -1 in the fields from instance_id on: unchanged since the last heartbeat.
  std::string group_id;
  std::string member_id;
  std::int32_t member_epoch = 0;
  std::int32_t endpoint_information_epoch = 0;
  std::optional<std::string> instance_id;
  std::optional<std::string> rack_id;
  std::int32_t rebalance_timeout_ms = -1;
  std::optional<StreamsTopology> topology;
  std::optional<std::vector<StreamsTaskIds>> active_tasks;
  std::optional<std::vector<StreamsTaskIds>> standby_tasks;
  std::optional<std::vector<StreamsTaskIds>> warmup_tasks;
  std::optional<std::string> process_id;
  std::optional<StreamsEndpoint> user_endpoint;
  std::optional<std::vector<StreamsKeyValue>> client_tags;
  std::optional<std::vector<StreamsTaskOffset>> task_offsets;
  std::optional<std::vector<StreamsTaskOffset>> task_end_offsets;
  bool shutdown_application = false;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
    v("memberEpoch", m.member_epoch);
    v("endpointInformationEpoch", m.endpoint_information_epoch);
    v("instanceId", m.instance_id);
    v("rackId", m.rack_id);
    v("rebalanceTimeoutMs", m.rebalance_timeout_ms);
    v("topology", m.topology);
    v("activeTasks", m.active_tasks);
    v("standbyTasks", m.standby_tasks);
    v("warmupTasks", m.warmup_tasks);
    v("processId", m.process_id);
    v("userEndpoint", m.user_endpoint);
    v("clientTags", m.client_tags);
    v("taskOffsets", m.task_offsets);
    v("taskEndOffsets", m.task_end_offsets);
    v("shutdownApplication", m.shutdown_application);
  }
};

struct StreamsGroupHeartbeatResponse {
  static constexpr Api api{.key = 88, .versions = {0, 1}, .flexible = 0};
  struct Status {
    std::int8_t status_code = 0;
    std::string status_detail;
    static void fields(auto& m, auto& v) {
      v("statusCode", m.status_code);
      v("statusDetail", m.status_detail);
    }
  };
  struct TopicPartition {
    std::string topic;
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic);
      v("partitions", m.partitions);
    }
  };
  struct EndpointToPartitions {
    StreamsEndpoint user_endpoint;
    std::vector<TopicPartition> active_partitions;
    std::vector<TopicPartition> standby_partitions;
    static void fields(auto& m, auto& v) {
      v("userEndpoint", m.user_endpoint);
      v("activePartitions", m.active_partitions);
      v("standbyPartitions", m.standby_partitions);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message;
  std::string member_id;
  std::int32_t member_epoch = 0;
  std::int32_t heartbeat_interval_ms = 0;
  std::int32_t acceptable_recovery_lag_legacy = 0;
  std::int32_t task_offset_interval_ms = 0;
  std::int64_t acceptable_recovery_lag = -1;
  std::optional<std::vector<Status>> status = std::vector<Status>{};
  std::optional<std::vector<StreamsTaskIds>> active_tasks;
  std::optional<std::vector<StreamsTaskIds>> standby_tasks;
  std::optional<std::vector<StreamsTaskIds>> warmup_tasks;
  bool topology_description_required = false;
  std::int32_t endpoint_information_epoch = 0;
  std::optional<std::vector<EndpointToPartitions>> partitions_by_user_endpoint;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("memberId", m.member_id);
    v("memberEpoch", m.member_epoch);
    v("heartbeatIntervalMs", m.heartbeat_interval_ms);
    v("acceptableRecoveryLagLegacy", m.acceptable_recovery_lag_legacy, until(0));
    v("taskOffsetIntervalMs", m.task_offset_interval_ms);
    v("acceptableRecoveryLag", m.acceptable_recovery_lag, since(1));
    v("status", m.status);
    v("activeTasks", m.active_tasks);
    v("standbyTasks", m.standby_tasks);
    v("warmupTasks", m.warmup_tasks);
    v("topologyDescriptionRequired", m.topology_description_required, since(1));
    v("endpointInformationEpoch", m.endpoint_information_epoch);
    v("partitionsByUserEndpoint", m.partitions_by_user_endpoint);
  }
};

struct StreamsGroupDescribeRequest {
  static constexpr Api api{.key = 89, .versions = {0, 1}, .flexible = 0};
  std::vector<std::string> group_ids;
  bool include_authorized_operations = false;
  bool include_topology_description = false;
  static void fields(auto& m, auto& v) {
    v("groupIds", m.group_ids);
    v("includeAuthorizedOperations", m.include_authorized_operations);
    v("includeTopologyDescription", m.include_topology_description, since(1));
  }
};

// As the broker describes it, once its topics are known.
struct StreamsDescribedTopology {
  struct Subtopology {
    std::string subtopology_id;
    std::vector<std::string> source_topics;
    std::vector<std::string> repartition_sink_topics;
    std::vector<StreamsTopicInfo> state_changelog_topics;
    std::vector<StreamsTopicInfo> repartition_source_topics;
    static void fields(auto& m, auto& v) {
      v("subtopologyId", m.subtopology_id);
      v("sourceTopics", m.source_topics);
      v("repartitionSinkTopics", m.repartition_sink_topics);
      v("stateChangelogTopics", m.state_changelog_topics);
      v("repartitionSourceTopics", m.repartition_source_topics);
    }
  };
  std::int32_t epoch = 0;
  std::optional<std::vector<Subtopology>> subtopologies;
  static void fields(auto& m, auto& v) {
    v("epoch", m.epoch);
    v("subtopologies", m.subtopologies);
  }
};

struct StreamsGroupDescribeResponse {
  static constexpr Api api{.key = 89, .versions = {0, 1}, .flexible = 0};
  struct Assignment {
    std::vector<StreamsTaskIds> active_tasks;
    std::vector<StreamsTaskIds> standby_tasks;
    std::vector<StreamsTaskIds> warmup_tasks;
    static void fields(auto& m, auto& v) {
      v("activeTasks", m.active_tasks);
      v("standbyTasks", m.standby_tasks);
      v("warmupTasks", m.warmup_tasks);
    }
  };
  struct Member {
    std::string member_id;
    std::int32_t member_epoch = 0;
    std::optional<std::string> instance_id;
    std::optional<std::string> rack_id;
    std::string client_id;
    std::string client_host;
    std::int32_t topology_epoch = 0;
    std::string process_id;
    std::optional<StreamsEndpoint> user_endpoint;
    std::vector<StreamsKeyValue> client_tags;
    std::vector<StreamsTaskOffset> task_offsets;
    std::vector<StreamsTaskOffset> task_end_offsets;
    Assignment assignment;
    Assignment target_assignment;
    bool is_classic = false;
    static void fields(auto& m, auto& v) {
      v("memberId", m.member_id);
      v("memberEpoch", m.member_epoch);
      v("instanceId", m.instance_id);
      v("rackId", m.rack_id);
      v("clientId", m.client_id);
      v("clientHost", m.client_host);
      v("topologyEpoch", m.topology_epoch);
      v("processId", m.process_id);
      v("userEndpoint", m.user_endpoint);
      v("clientTags", m.client_tags);
      v("taskOffsets", m.task_offsets);
      v("taskEndOffsets", m.task_end_offsets);
      v("assignment", m.assignment);
      v("targetAssignment", m.target_assignment);
      v("isClassic", m.is_classic);
    }
  };
  struct Group {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    std::string group_id;
    std::string group_state;
    std::int32_t group_epoch = 0;
    std::int32_t assignment_epoch = 0;
    std::optional<StreamsDescribedTopology> topology;
    std::vector<Member> members;
    std::int32_t authorized_operations = INT32_MIN;  // not asked for
    std::optional<StreamsTopologyDescription> topology_description;
    std::int8_t topology_description_status = 0;
    std::optional<std::string> assignor_name;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("groupId", m.group_id);
      v("groupState", m.group_state);
      v("groupEpoch", m.group_epoch);
      v("assignmentEpoch", m.assignment_epoch);
      v("topology", m.topology);
      v("members", m.members);
      v("authorizedOperations", m.authorized_operations);
      v("topologyDescription", m.topology_description, since(1));
      v("topologyDescriptionStatus", m.topology_description_status, since(1));
      v("assignorName", m.assignor_name, since(1));
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Group> groups;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("groups", m.groups);
  }
};

struct StreamsGroupTopologyDescriptionUpdateRequest {
  static constexpr Api api{.key = 93, .versions = {0, 0}, .flexible = 0};
  std::string group_id;
  std::string member_id;
  std::int32_t topology_epoch = 0;
  StreamsTopologyDescription topology_description;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
    v("topologyEpoch", m.topology_epoch);
    v("topologyDescription", m.topology_description);
  }
};

struct StreamsGroupTopologyDescriptionUpdateResponse {
  static constexpr Api api{.key = 93, .versions = {0, 0}, .flexible = 0};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
  }
};

}  // namespace holdfast::wire
