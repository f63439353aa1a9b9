// ConsumerGroupHeartbeat (68) and ConsumerGroupDescribe (69): the consumer protocol of KIP-848; subscriptions by
// regular expression since version 1 of the heartbeat.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct ConsumerGroupHeartbeatRequest {
  static constexpr Api api{.key = 68, .versions = {0, 1}, .flexible = 0};
  struct TopicPartitions {
    Uuid topic_id{};
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  // Null or -1 in the fields from instance_id on: unchanged since the last heartbeat.
  std::string group_id;
  std::string member_id;
  std::int32_t member_epoch = 0;  // 0 joins, -1 leaves, -2 leaves as a static member that will return
  std::optional<std::string> instance_id;
  std::optional<std::string> rack_id;
  std::int32_t rebalance_timeout_ms = -1;
  std::optional<std::vector<std::string>> subscribed_topic_names;
  std::optional<std::string> subscribed_topic_regex;
  std::optional<std::string> server_assignor;
  std::optional<std::vector<TopicPartitions>> topic_partitions;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id);
    v("memberEpoch", m.member_epoch);
    v("instanceId", m.instance_id);
    v("rackId", m.rack_id);
    v("rebalanceTimeoutMs", m.rebalance_timeout_ms);
    v("subscribedTopicNames", m.subscribed_topic_names);
    v("subscribedTopicRegex", m.subscribed_topic_regex, since(1));
    v("serverAssignor", m.server_assignor);
    v("topicPartitions", m.topic_partitions);
  }
};

struct ConsumerGroupHeartbeatResponse {
  static constexpr Api api{.key = 68, .versions = {0, 1}, .flexible = 0};
  using TopicPartitions = ConsumerGroupHeartbeatRequest::TopicPartitions;
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

struct ConsumerGroupDescribeRequest {
  static constexpr Api api{.key = 69, .versions = {0, 1}, .flexible = 0};
  std::vector<std::string> group_ids;
  bool include_authorized_operations = false;
  static void fields(auto& m, auto& v) {
    v("groupIds", m.group_ids);
    v("includeAuthorizedOperations", m.include_authorized_operations);
  }
};

struct ConsumerGroupDescribeResponse {
  static constexpr Api api{.key = 69, .versions = {0, 1}, .flexible = 0};
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
    std::optional<std::string> instance_id;
    std::optional<std::string> rack_id;
    std::int32_t member_epoch = 0;
    std::string client_id;
    std::string client_host;
    std::vector<std::string> subscribed_topic_names;
    std::optional<std::string> subscribed_topic_regex;
    Assignment assignment;
    Assignment target_assignment;
    std::int8_t member_type = -1;  // -1 unknown, 0 classic, 1 consumer
    static void fields(auto& m, auto& v) {
      v("memberId", m.member_id);
      v("instanceId", m.instance_id);
      v("rackId", m.rack_id);
      v("memberEpoch", m.member_epoch);
      v("clientId", m.client_id);
      v("clientHost", m.client_host);
      v("subscribedTopicNames", m.subscribed_topic_names);
      v("subscribedTopicRegex", m.subscribed_topic_regex);
      v("assignment", m.assignment);
      v("targetAssignment", m.target_assignment);
      v("memberType", m.member_type, since(1));
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

}  // namespace holdfast::wire
