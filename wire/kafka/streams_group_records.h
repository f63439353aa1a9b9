// Records of __consumer_offsets for streams groups (KIP-1071). A key stands behind an i16 of its record type, a value
// behind an i16 of its version.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct StreamsGroupMetadataKey {
  static constexpr Api api{.key = 17, .versions = {0, 0}};
  std::string group_id;
  static void fields(auto& m, auto& v) { v("groupId", m.group_id); }
};

struct StreamsGroupMetadataValue {
  static constexpr Api api{.key = 17, .versions = {0, 0}, .flexible = 0};
  struct Config {
    std::string key;
    std::string value;
    bool operator==(const Config&) const = default;
    static void fields(auto& m, auto& v) {
      v("key", m.key);
      v("value", m.value);
    }
  };
  std::int32_t epoch = 0;
  std::int64_t metadata_hash = 0;
  std::int32_t validated_topology_epoch = -1;
  std::optional<std::vector<Config>> last_assignment_configs{std::in_place};
  std::int32_t stored_description_topology_epoch = -1;
  std::int32_t failed_description_topology_epoch = -1;
  static void fields(auto& m, auto& v) {
    v("epoch", m.epoch);
    v("metadataHash", m.metadata_hash);
    v.tagged(0, "validatedTopologyEpoch", m.validated_topology_epoch, since(0), -1);
    v.tagged(1, "lastAssignmentConfigs", m.last_assignment_configs, since(0), std::vector<Config>{});
    v.tagged(2, "storedDescriptionTopologyEpoch", m.stored_description_topology_epoch, since(0), -1);
    v.tagged(3, "failedDescriptionTopologyEpoch", m.failed_description_topology_epoch, since(0), -1);
  }
};

struct StreamsGroupMemberMetadataKey {
  static constexpr Api api{.key = 19, .versions = {0, 0}};
  std::string group_id;
  std::string member_id;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
  }
};

// Where an instance of the application answers interactive queries.
struct StreamsMemberEndpoint {
  std::string host;
  std::uint16_t port = 0;
  static void fields(auto& m, auto& v) {
    v("host", m.host);
    v("port", m.port);
  }
};

struct StreamsGroupMemberMetadataValue {
  static constexpr Api api{.key = 19, .versions = {0, 0}, .flexible = 0};
  struct KeyValue {
    std::string key;
    std::string value;
    static void fields(auto& m, auto& v) {
      v("key", m.key);
      v("value", m.value);
    }
  };
  std::optional<std::string> instance_id = "";
  std::optional<std::string> rack_id = "";
  std::string client_id;
  std::string client_host;
  std::int32_t rebalance_timeout_ms = -1;
  std::int32_t topology_epoch = 0;
  std::string process_id;
  std::optional<StreamsMemberEndpoint> user_endpoint;
  std::vector<KeyValue> client_tags;
  static void fields(auto& m, auto& v) {
    v("instanceId", m.instance_id);
    v("rackId", m.rack_id);
    v("clientId", m.client_id);
    v("clientHost", m.client_host);
    v("rebalanceTimeoutMs", m.rebalance_timeout_ms);
    v("topologyEpoch", m.topology_epoch);
    v("processId", m.process_id);
    v("userEndpoint", m.user_endpoint);
    v("clientTags", m.client_tags);
  }
};

struct StreamsGroupTargetAssignmentMetadataKey {
  static constexpr Api api{.key = 20, .versions = {0, 0}};
  std::string group_id;
  static void fields(auto& m, auto& v) { v("groupId", m.group_id); }
};

struct StreamsGroupTargetAssignmentMetadataValue {
  static constexpr Api api{.key = 20, .versions = {0, 0}, .flexible = 0};
  std::int32_t assignment_epoch = 0;
  std::int64_t assignment_timestamp = 0;  // KIP-1263
  static void fields(auto& m, auto& v) {
    v("assignmentEpoch", m.assignment_epoch);
    v.tagged(0, "assignmentTimestamp", m.assignment_timestamp, since(0));
  }
};

struct StreamsGroupTargetAssignmentMemberKey {
  static constexpr Api api{.key = 21, .versions = {0, 0}};
  std::string group_id;
  std::string member_id;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
  }
};

struct StreamsGroupTargetAssignmentMemberValue {
  static constexpr Api api{.key = 21, .versions = {0, 0}, .flexible = 0};
  struct Tasks {
    std::string subtopology_id;
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("subtopologyId", m.subtopology_id);
      v("partitions", m.partitions);
    }
  };
  std::vector<Tasks> active_tasks;
  std::vector<Tasks> standby_tasks;
  std::vector<Tasks> warmup_tasks;
  static void fields(auto& m, auto& v) {
    v("activeTasks", m.active_tasks);
    v("standbyTasks", m.standby_tasks);
    v("warmupTasks", m.warmup_tasks);
  }
};

struct StreamsGroupCurrentMemberAssignmentKey {
  static constexpr Api api{.key = 22, .versions = {0, 0}};
  std::string group_id;
  std::string member_id;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
  }
};

struct StreamsGroupCurrentMemberAssignmentValue {
  static constexpr Api api{.key = 22, .versions = {0, 0}, .flexible = 0};
  struct Tasks {
    std::string subtopology_id;
    std::vector<std::int32_t> partitions;
    std::optional<std::vector<std::int32_t>> assignment_epochs{std::in_place};
    static void fields(auto& m, auto& v) {
      v("subtopologyId", m.subtopology_id);
      v("partitions", m.partitions);
      v.tagged(0, "assignmentEpochs", m.assignment_epochs, since(0), std::vector<std::int32_t>{});
    }
  };
  std::int32_t member_epoch = 0;
  std::int32_t previous_member_epoch = 0;
  std::int8_t state = 0;
  std::vector<Tasks> active_tasks;
  std::vector<Tasks> standby_tasks;
  std::vector<Tasks> warmup_tasks;
  std::vector<Tasks> active_tasks_pending_revocation;
  std::vector<Tasks> standby_tasks_pending_revocation;
  std::vector<Tasks> warmup_tasks_pending_revocation;
  static void fields(auto& m, auto& v) {
    v("memberEpoch", m.member_epoch);
    v("previousMemberEpoch", m.previous_member_epoch);
    v("state", m.state);
    v("activeTasks", m.active_tasks);
    v("standbyTasks", m.standby_tasks);
    v("warmupTasks", m.warmup_tasks);
    v("activeTasksPendingRevocation", m.active_tasks_pending_revocation);
    v("standbyTasksPendingRevocation", m.standby_tasks_pending_revocation);
    v("warmupTasksPendingRevocation", m.warmup_tasks_pending_revocation);
  }
};

struct StreamsGroupTopologyKey {
  static constexpr Api api{.key = 23, .versions = {0, 0}};
  std::string group_id;
  static void fields(auto& m, auto& v) { v("groupId", m.group_id); }
};

struct StreamsGroupTopologyValue {
  static constexpr Api api{.key = 23, .versions = {0, 0}, .flexible = 0};
  struct Config {
    std::string key;
    std::string value;
    static void fields(auto& m, auto& v) {
      v("key", m.key);
      v("value", m.value);
    }
  };
  struct Topic {
    std::string name;
    std::int32_t partitions = 0;
    std::int16_t replication_factor = 0;
    std::vector<Config> topic_configs;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitions", m.partitions);
      v("replicationFactor", m.replication_factor);
      v("topicConfigs", m.topic_configs);
    }
  };
  // Indexes into the subtopology's lists of topics.
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
    std::vector<Topic> state_changelog_topics;
    std::vector<std::string> repartition_sink_topics;
    std::vector<Topic> repartition_source_topics;
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

}  // namespace holdfast::wire
