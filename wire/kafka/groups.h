// The classic group protocol and committed offsets: OffsetCommit (8), OffsetFetch (9), FindCoordinator (10),
// JoinGroup (11), Heartbeat (12), LeaveGroup (13), SyncGroup (14). What members tell each other inside is in
// consumer_protocol.h; groups seen from outside are in group_admin.h.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct OffsetCommitRequest {
  // 7: static members (KIP-345). 9: members of KIP-848 groups. 10: topic ids.
  static constexpr Api api{.key = 8, .versions = {0, 10}, .flexible = 8};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;
    std::int32_t committed_leader_epoch = -1;
    std::int64_t commit_timestamp = -1;
    std::optional<std::string> committed_metadata = "";
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("committedOffset", m.committed_offset);
      v("committedLeaderEpoch", m.committed_leader_epoch, since(6));
      v("commitTimestamp", m.commit_timestamp, only(1, 1));
      v("committedMetadata", m.committed_metadata);
    }
  };
  struct Topic {
    std::string name;
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name, until(9));
      v("topicId", m.topic_id, since(10));
      v("partitions", m.partitions);
    }
  };
  std::string group_id;
  std::int32_t generation_id_or_member_epoch = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::int64_t retention_time_ms = -1;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("generationIdOrMemberEpoch", m.generation_id_or_member_epoch, since(1));
    v("memberId", m.member_id, since(1));
    v("groupInstanceId", m.group_instance_id, since(7));
    v("retentionTimeMs", m.retention_time_ms, only(2, 4));
    v("topics", m.topics);
  }
};

struct OffsetCommitResponse {
  static constexpr Api api{.key = 8, .versions = {0, 10}, .flexible = 8};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
    }
  };
  struct Topic {
    std::string name;
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name, until(9));
      v("topicId", m.topic_id, since(10));
      v("partitions", m.partitions);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(3));
    v("topics", m.topics);
  }
};

struct OffsetFetchRequest {
  // 7: stable offsets only (KIP-447). 8: several groups at once (KIP-709). 9: KIP-848. 10: topic ids.
  static constexpr Api api{.key = 9, .versions = {0, 10}, .flexible = 6};
  struct Topic {
    std::string name;
    std::vector<std::int32_t> partition_indexes;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitionIndexes", m.partition_indexes);
    }
  };
  struct GroupTopic {
    std::string name;
    Uuid topic_id{};
    std::vector<std::int32_t> partition_indexes;
    static void fields(auto& m, auto& v) {
      v("name", m.name, until(9));
      v("topicId", m.topic_id, since(10));
      v("partitionIndexes", m.partition_indexes);
    }
  };
  struct Group {
    std::string group_id;
    std::optional<std::string> member_id;
    std::int32_t member_epoch = -1;
    std::optional<std::vector<GroupTopic>> topics{std::in_place};  // null: all
    static void fields(auto& m, auto& v) {
      v("groupId", m.group_id);
      v("memberId", m.member_id, since(9));
      v("memberEpoch", m.member_epoch, since(9));
      v("topics", m.topics);
    }
  };
  std::string group_id;
  std::optional<std::vector<Topic>> topics{std::in_place};  // null: all
  std::vector<Group> groups;
  bool require_stable = false;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id, until(7));
    v("topics", m.topics, until(7).nullable(2));
    v("groups", m.groups, since(8));
    v("requireStable", m.require_stable, since(7));
  }
};

struct OffsetFetchResponse {
  static constexpr Api api{.key = 9, .versions = {0, 10}, .flexible = 6};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;  // -1: none
    std::int32_t committed_leader_epoch = -1;
    std::optional<std::string> metadata = "";
    std::int16_t error_code = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("committedOffset", m.committed_offset);
      v("committedLeaderEpoch", m.committed_leader_epoch, since(5));
      v("metadata", m.metadata);
      v("errorCode", m.error_code);
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
  struct GroupTopic {
    std::string name;
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name, until(9));
      v("topicId", m.topic_id, since(10));
      v("partitions", m.partitions);
    }
  };
  struct Group {
    std::string group_id;
    std::vector<GroupTopic> topics;
    std::int16_t error_code = 0;
    static void fields(auto& m, auto& v) {
      v("groupId", m.group_id);
      v("topics", m.topics);
      v("errorCode", m.error_code);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  std::int16_t error_code = 0;
  std::vector<Group> groups;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(3));
    v("topics", m.topics, until(7));
    v("errorCode", m.error_code, only(2, 7));
    v("groups", m.groups, since(8));
  }
};

struct FindCoordinatorRequest {
  // 4: several keys at once (KIP-699). 6: share groups, keyed group:topic-id:partition (KIP-932).
  static constexpr Api api{.key = 10, .versions = {0, 6}, .flexible = 3};
  std::string key;
  std::int8_t key_type = 0;  // 0: group, 1: transactional id, 2: share group's partition
  std::vector<std::string> coordinator_keys;
  static void fields(auto& m, auto& v) {
    v("key", m.key, until(3));
    v("keyType", m.key_type, since(1));
    v("coordinatorKeys", m.coordinator_keys, since(4));
  }
};

struct FindCoordinatorResponse {
  static constexpr Api api{.key = 10, .versions = {0, 6}, .flexible = 3};
  struct Coordinator {
    std::string key;
    std::int32_t node_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    static void fields(auto& m, auto& v) {
      v("key", m.key);
      v("nodeId", m.node_id);
      v("host", m.host);
      v("port", m.port);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::int32_t node_id = 0;
  std::string host;
  std::int32_t port = 0;
  std::vector<Coordinator> coordinators;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(1));
    v("errorCode", m.error_code, until(3));
    v("errorMessage", m.error_message, only(1, 3));
    v("nodeId", m.node_id, until(3));
    v("host", m.host, until(3));
    v("port", m.port, until(3));
    v("coordinators", m.coordinators, since(4));
  }
};

struct JoinGroupRequest {
  // 4: a first join is answered MEMBER_ID_REQUIRED (KIP-394). 5: static members (KIP-345). 8: a reason (KIP-800).
  static constexpr Api api{.key = 11, .versions = {0, 9}, .flexible = 6};
  struct Protocol {
    std::string name;
    std::vector<std::uint8_t> metadata;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("metadata", m.metadata);
    }
  };
  std::string group_id;
  std::int32_t session_timeout_ms = 0;
  std::int32_t rebalance_timeout_ms = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::string protocol_type;
  std::vector<Protocol> protocols;  // in order of preference
  std::optional<std::string> reason;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("sessionTimeoutMs", m.session_timeout_ms);
    v("rebalanceTimeoutMs", m.rebalance_timeout_ms, since(1));
    v("memberId", m.member_id);
    v("groupInstanceId", m.group_instance_id, since(5));
    v("protocolType", m.protocol_type);
    v("protocols", m.protocols);
    v("reason", m.reason, since(8));
  }
};

struct JoinGroupResponse {
  static constexpr Api api{.key = 11, .versions = {0, 9}, .flexible = 6};
  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::vector<std::uint8_t> metadata;
    static void fields(auto& m, auto& v) {
      v("memberId", m.member_id);
      v("groupInstanceId", m.group_instance_id, since(5));
      v("metadata", m.metadata);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::int32_t generation_id = -1;
  std::optional<std::string> protocol_type;  // KIP-559
  std::optional<std::string> protocol_name = "";
  std::string leader;
  bool skip_assignment = false;  // the leader is a returning static member and keeps its assignment (KIP-814)
  std::string member_id;
  std::vector<Member> members;  // to the leader only
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(2));
    v("errorCode", m.error_code);
    v("generationId", m.generation_id);
    v("protocolType", m.protocol_type, since(7));
    v("protocolName", m.protocol_name, always().nullable(7));
    v("leader", m.leader);
    v("skipAssignment", m.skip_assignment, since(9));
    v("memberId", m.member_id);
    v("members", m.members);
  }
};

struct HeartbeatRequest {
  static constexpr Api api{.key = 12, .versions = {0, 4}, .flexible = 4};
  std::string group_id;
  std::int32_t generation_id = 0;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("generationId", m.generation_id);
    v("memberId", m.member_id);
    v("groupInstanceId", m.group_instance_id, since(3));
  }
};

struct HeartbeatResponse {
  static constexpr Api api{.key = 12, .versions = {0, 4}, .flexible = 4};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(1));
    v("errorCode", m.error_code);
  }
};

struct LeaveGroupRequest {
  // 3: several members, also by group instance id (KIP-345).
  static constexpr Api api{.key = 13, .versions = {0, 5}, .flexible = 4};
  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::optional<std::string> reason;  // KIP-800
    static void fields(auto& m, auto& v) {
      v("memberId", m.member_id);
      v("groupInstanceId", m.group_instance_id);
      v("reason", m.reason, since(5));
    }
  };
  std::string group_id;
  std::string member_id;
  std::vector<Member> members;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("memberId", m.member_id, until(2));
    v("members", m.members, since(3));
  }
};

struct LeaveGroupResponse {
  static constexpr Api api{.key = 13, .versions = {0, 5}, .flexible = 4};
  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id = "";
    std::int16_t error_code = 0;
    static void fields(auto& m, auto& v) {
      v("memberId", m.member_id);
      v("groupInstanceId", m.group_instance_id);
      v("errorCode", m.error_code);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<Member> members;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(1));
    v("errorCode", m.error_code);
    v("members", m.members, since(3));
  }
};

struct SyncGroupRequest {
  // 5: the protocol is stated and checked (KIP-559).
  static constexpr Api api{.key = 14, .versions = {0, 5}, .flexible = 4};
  struct Assignment {
    std::string member_id;
    std::vector<std::uint8_t> assignment;
    static void fields(auto& m, auto& v) {
      v("memberId", m.member_id);
      v("assignment", m.assignment);
    }
  };
  std::string group_id;
  std::int32_t generation_id = 0;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  std::vector<Assignment> assignments;  // from the leader only
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("generationId", m.generation_id);
    v("memberId", m.member_id);
    v("groupInstanceId", m.group_instance_id, since(3));
    v("protocolType", m.protocol_type, since(5));
    v("protocolName", m.protocol_name, since(5));
    v("assignments", m.assignments);
  }
};

struct SyncGroupResponse {
  static constexpr Api api{.key = 14, .versions = {0, 5}, .flexible = 4};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  std::vector<std::uint8_t> assignment;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(1));
    v("errorCode", m.error_code);
    v("protocolType", m.protocol_type, since(5));
    v("protocolName", m.protocol_name, since(5));
    v("assignment", m.assignment);
  }
};

}  // namespace holdfast::wire
