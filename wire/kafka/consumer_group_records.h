// Records of __consumer_offsets for groups of the consumer protocol (KIP-848). A key stands behind an i16 of its record
// type, a value behind an i16 of its version.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct ConsumerGroupMetadataKey {
  static constexpr Api api{.key = 3, .versions = {0, 0}};
  std::string group_id;
  static void fields(auto& m, auto& v) { v("groupId", m.group_id); }
};

struct ConsumerGroupMetadataValue {
  static constexpr Api api{.key = 3, .versions = {0, 0}, .flexible = 0};
  std::int32_t epoch = 0;
  std::int64_t metadata_hash = 0;  // of the subscribed topics (KIP-1101)
  static void fields(auto& m, auto& v) {
    v("epoch", m.epoch);
    v.tagged(0, "metadataHash", m.metadata_hash, since(0));
  }
};

// Written up to Kafka 4.0; since KIP-1101 the hash above stands for it.
struct ConsumerGroupPartitionMetadataKey {
  static constexpr Api api{.key = 4, .versions = {0, 0}};
  std::string group_id;
  static void fields(auto& m, auto& v) { v("groupId", m.group_id); }
};

struct ConsumerGroupPartitionMetadataValue {
  static constexpr Api api{.key = 4, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int32_t partition = 0;
    std::vector<std::string> racks;
    static void fields(auto& m, auto& v) {
      v("partition", m.partition);
      v("racks", m.racks);
    }
  };
  struct Topic {
    Uuid topic_id{};
    std::string topic_name;
    std::int32_t num_partitions = 0;
    std::vector<Partition> partition_metadata;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("topicName", m.topic_name);
      v("numPartitions", m.num_partitions);
      v("partitionMetadata", m.partition_metadata);
    }
  };
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) { v("topics", m.topics); }
};

struct ConsumerGroupMemberMetadataKey {
  static constexpr Api api{.key = 5, .versions = {0, 0}};
  std::string group_id;
  std::string member_id;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
  }
};

// What a member that still speaks the classic protocol had said when it joined.
struct ClassicMemberMetadata {
  struct Protocol {
    std::string name;
    std::vector<std::uint8_t> metadata;
    bool operator==(const Protocol&) const = default;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("metadata", m.metadata);
    }
  };
  std::int32_t session_timeout_ms = 0;
  std::vector<Protocol> supported_protocols;
  bool operator==(const ClassicMemberMetadata&) const = default;
  static void fields(auto& m, auto& v) {
    v("sessionTimeoutMs", m.session_timeout_ms);
    v("supportedProtocols", m.supported_protocols);
  }
};

struct ConsumerGroupMemberMetadataValue {
  static constexpr Api api{.key = 5, .versions = {0, 0}, .flexible = 0};
  std::optional<std::string> instance_id = "";
  std::optional<std::string> rack_id = "";
  std::string client_id;
  std::string client_host;
  std::vector<std::string> subscribed_topic_names;
  std::optional<std::string> subscribed_topic_regex = "";
  std::int32_t rebalance_timeout_ms = -1;
  std::optional<std::string> server_assignor = "";
  // Not null by default in Kafka's schema, so that the null of an ordinary member is written.
  std::optional<ClassicMemberMetadata> classic_member_metadata{std::in_place};
  static void fields(auto& m, auto& v) {
    v("instanceId", m.instance_id);
    v("rackId", m.rack_id);
    v("clientId", m.client_id);
    v("clientHost", m.client_host);
    v("subscribedTopicNames", m.subscribed_topic_names);
    v("subscribedTopicRegex", m.subscribed_topic_regex);
    v("rebalanceTimeoutMs", m.rebalance_timeout_ms);
    v("serverAssignor", m.server_assignor);
    v.tagged(0, "classicMemberMetadata", m.classic_member_metadata, since(0), ClassicMemberMetadata{});
  }
};

struct ConsumerGroupTargetAssignmentMetadataKey {
  static constexpr Api api{.key = 6, .versions = {0, 0}};
  std::string group_id;
  static void fields(auto& m, auto& v) { v("groupId", m.group_id); }
};

struct ConsumerGroupTargetAssignmentMetadataValue {
  static constexpr Api api{.key = 6, .versions = {0, 0}, .flexible = 0};
  std::int32_t assignment_epoch = 0;
  std::int64_t assignment_timestamp = 0;  // KIP-1263
  static void fields(auto& m, auto& v) {
    v("assignmentEpoch", m.assignment_epoch);
    v.tagged(0, "assignmentTimestamp", m.assignment_timestamp, since(0));
  }
};

struct ConsumerGroupTargetAssignmentMemberKey {
  static constexpr Api api{.key = 7, .versions = {0, 0}};
  std::string group_id;
  std::string member_id;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
  }
};

struct ConsumerGroupTargetAssignmentMemberValue {
  static constexpr Api api{.key = 7, .versions = {0, 0}, .flexible = 0};
  struct Topic {
    Uuid topic_id{};
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  std::vector<Topic> topic_partitions;
  static void fields(auto& m, auto& v) { v("topicPartitions", m.topic_partitions); }
};

struct ConsumerGroupCurrentMemberAssignmentKey {
  static constexpr Api api{.key = 8, .versions = {0, 0}};
  std::string group_id;
  std::string member_id;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
  }
};

struct ConsumerGroupCurrentMemberAssignmentValue {
  static constexpr Api api{.key = 8, .versions = {0, 0}, .flexible = 0};
  struct Topic {
    Uuid topic_id{};
    std::vector<std::int32_t> partitions;
    std::optional<std::vector<std::int32_t>> assignment_epochs{std::in_place};
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
      v.tagged(0, "assignmentEpochs", m.assignment_epochs, since(0), std::vector<std::int32_t>{});
    }
  };
  std::int32_t member_epoch = 0;
  std::int32_t previous_member_epoch = 0;
  std::int8_t state = 0;
  std::vector<Topic> assigned_partitions;
  std::vector<Topic> partitions_pending_revocation;
  static void fields(auto& m, auto& v) {
    v("memberEpoch", m.member_epoch);
    v("previousMemberEpoch", m.previous_member_epoch);
    v("state", m.state);
    v("assignedPartitions", m.assigned_partitions);
    v("partitionsPendingRevocation", m.partitions_pending_revocation);
  }
};

struct ConsumerGroupRegularExpressionKey {
  static constexpr Api api{.key = 16, .versions = {0, 0}};
  std::string group_id;
  std::string regular_expression;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("regularExpression", m.regular_expression);
  }
};

struct ConsumerGroupRegularExpressionValue {
  static constexpr Api api{.key = 16, .versions = {0, 0}, .flexible = 0};
  std::vector<std::string> topics;
  std::int64_t version = 0;
  std::int64_t timestamp = 0;
  static void fields(auto& m, auto& v) {
    v("topics", m.topics);
    v("version", m.version);
    v("timestamp", m.timestamp);
  }
};

}  // namespace holdfast::wire
