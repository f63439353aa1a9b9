// Records of __consumer_offsets for share groups (KIP-932). A key stands behind an i16 of its record type, a value
// behind an i16 of its version. What share groups keep in __share_group_state is another matter.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct ShareGroupMemberMetadataKey {
  static constexpr Api api{.key = 10, .versions = {0, 0}};
  std::string group_id;
  std::string member_id;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
  }
};

struct ShareGroupMemberMetadataValue {
  static constexpr Api api{.key = 10, .versions = {0, 0}, .flexible = 0};
  std::optional<std::string> rack_id = "";
  std::string client_id;
  std::string client_host;
  std::vector<std::string> subscribed_topic_names;
  static void fields(auto& m, auto& v) {
    v("rackId", m.rack_id);
    v("clientId", m.client_id);
    v("clientHost", m.client_host);
    v("subscribedTopicNames", m.subscribed_topic_names);
  }
};

struct ShareGroupMetadataKey {
  static constexpr Api api{.key = 11, .versions = {0, 0}};
  std::string group_id;
  static void fields(auto& m, auto& v) { v("groupId", m.group_id); }
};

struct ShareGroupMetadataValue {
  static constexpr Api api{.key = 11, .versions = {0, 0}, .flexible = 0};
  std::int32_t epoch = 0;
  std::int64_t metadata_hash = 0;
  static void fields(auto& m, auto& v) {
    v("epoch", m.epoch);
    v("metadataHash", m.metadata_hash);
  }
};

struct ShareGroupTargetAssignmentMetadataKey {
  static constexpr Api api{.key = 12, .versions = {0, 0}};
  std::string group_id;
  static void fields(auto& m, auto& v) { v("groupId", m.group_id); }
};

struct ShareGroupTargetAssignmentMetadataValue {
  static constexpr Api api{.key = 12, .versions = {0, 0}, .flexible = 0};
  std::int32_t assignment_epoch = 0;
  std::int64_t assignment_timestamp = 0;  // KIP-1263
  static void fields(auto& m, auto& v) {
    v("assignmentEpoch", m.assignment_epoch);
    v.tagged(0, "assignmentTimestamp", m.assignment_timestamp, since(0));
  }
};

struct ShareGroupTargetAssignmentMemberKey {
  static constexpr Api api{.key = 13, .versions = {0, 0}};
  std::string group_id;
  std::string member_id;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
  }
};

struct ShareGroupTargetAssignmentMemberValue {
  static constexpr Api api{.key = 13, .versions = {0, 0}, .flexible = 0};
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

struct ShareGroupCurrentMemberAssignmentKey {
  static constexpr Api api{.key = 14, .versions = {0, 0}};
  std::string group_id;
  std::string member_id;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
  }
};

struct ShareGroupCurrentMemberAssignmentValue {
  static constexpr Api api{.key = 14, .versions = {0, 0}, .flexible = 0};
  struct Topic {
    Uuid topic_id{};
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  std::int32_t member_epoch = 0;
  std::int32_t previous_member_epoch = 0;
  std::int8_t state = 0;
  std::vector<Topic> assigned_partitions;
  static void fields(auto& m, auto& v) {
    v("memberEpoch", m.member_epoch);
    v("previousMemberEpoch", m.previous_member_epoch);
    v("state", m.state);
    v("assignedPartitions", m.assigned_partitions);
  }
};

struct ShareGroupStatePartitionMetadataKey {
  static constexpr Api api{.key = 15, .versions = {0, 0}};
  std::string group_id;
  static void fields(auto& m, auto& v) { v("groupId", m.group_id); }
};

struct ShareGroupStatePartitionMetadataValue {
  static constexpr Api api{.key = 15, .versions = {0, 0}, .flexible = 0};
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
  struct Topic {
    Uuid topic_id{};
    std::string topic_name;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("topicName", m.topic_name);
    }
  };
  std::vector<TopicPartitions> initializing_topics;
  std::vector<TopicPartitions> initialized_topics;
  std::vector<Topic> deleting_topics;
  static void fields(auto& m, auto& v) {
    v("initializingTopics", m.initializing_topics);
    v("initializedTopics", m.initialized_topics);
    v("deletingTopics", m.deleting_topics);
  }
};

}  // namespace holdfast::wire
