// Groups seen from outside: DescribeGroups (15), ListGroups (16), DeleteGroups (42), OffsetDelete (47).
#pragma once

#include <limits>

#include "wire/fields.h"

namespace holdfast::wire {

struct DescribeGroupsRequest {
  // 6: GROUP_ID_NOT_FOUND instead of a dead group (KIP-1043).
  static constexpr Api api{.key = 15, .versions = {0, 6}, .flexible = 5};
  std::vector<std::string> groups;
  bool include_authorized_operations = false;
  static void fields(auto& m, auto& v) {
    v("groups", m.groups);
    v("includeAuthorizedOperations", m.include_authorized_operations, since(3));
  }
};

struct DescribeGroupsResponse {
  static constexpr Api api{.key = 15, .versions = {0, 6}, .flexible = 5};
  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::string client_id;
    std::string client_host;
    std::vector<std::uint8_t> member_metadata;
    std::vector<std::uint8_t> member_assignment;
    static void fields(auto& m, auto& v) {
      v("memberId", m.member_id);
      v("groupInstanceId", m.group_instance_id, since(4));
      v("clientId", m.client_id);
      v("clientHost", m.client_host);
      v("memberMetadata", m.member_metadata);
      v("memberAssignment", m.member_assignment);
    }
  };
  struct Group {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    std::string group_id;
    std::string group_state;
    std::string protocol_type;
    std::string protocol_data;
    std::vector<Member> members;
    std::int32_t authorized_operations = std::numeric_limits<std::int32_t>::min();  // not asked for (KIP-430)
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message, since(6));
      v("groupId", m.group_id);
      v("groupState", m.group_state);
      v("protocolType", m.protocol_type);
      v("protocolData", m.protocol_data);
      v("members", m.members);
      v("authorizedOperations", m.authorized_operations, since(3));
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Group> groups;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(1));
    v("groups", m.groups);
  }
};

struct ListGroupsRequest {
  static constexpr Api api{.key = 16, .versions = {0, 5}, .flexible = 3};
  std::vector<std::string> states_filter;  // empty: all (KIP-518)
  std::vector<std::string> types_filter;   // KIP-848
  static void fields(auto& m, auto& v) {
    v("statesFilter", m.states_filter, since(4));
    v("typesFilter", m.types_filter, since(5));
  }
};

struct ListGroupsResponse {
  static constexpr Api api{.key = 16, .versions = {0, 5}, .flexible = 3};
  struct Group {
    std::string group_id;
    std::string protocol_type;
    std::string group_state;
    std::string group_type;
    static void fields(auto& m, auto& v) {
      v("groupId", m.group_id);
      v("protocolType", m.protocol_type);
      v("groupState", m.group_state, since(4));
      v("groupType", m.group_type, since(5));
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<Group> groups;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(1));
    v("errorCode", m.error_code);
    v("groups", m.groups);
  }
};

struct DeleteGroupsRequest {
  static constexpr Api api{.key = 42, .versions = {0, 3}, .flexible = 2};
  std::vector<std::string> groups_names;
  static void fields(auto& m, auto& v) { v("groupsNames", m.groups_names); }
};

struct DeleteGroupsResponse {
  static constexpr Api api{.key = 42, .versions = {0, 3}, .flexible = 2};
  struct Result {
    std::string group_id;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    static void fields(auto& m, auto& v) {
      v("groupId", m.group_id);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message, since(3));
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Result> results;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("results", m.results);
  }
};

struct OffsetDeleteRequest {
  static constexpr Api api{.key = 47, .versions = {0, 0}};
  struct Partition {
    std::int32_t partition_index = 0;
    static void fields(auto& m, auto& v) { v("partitionIndex", m.partition_index); }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
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

struct OffsetDeleteResponse {
  static constexpr Api api{.key = 47, .versions = {0, 0}};
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
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitions", m.partitions);
    }
  };
  std::int16_t error_code = 0;
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("throttleTimeMs", m.throttle_time_ms);
    v("topics", m.topics);
  }
};

}  // namespace holdfast::wire
