// DescribeAcls (29), CreateAcls (30), DeleteAcls (31): KIP-140, prefixed patterns since version 1 (KIP-290).
// Resource types, operations, permission and pattern types are Kafka's codes (org.apache.kafka.common.acl).
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

inline constexpr std::int8_t pattern_type_literal = 3;

struct DescribeAclsRequest {
  static constexpr Api api{.key = 29, .versions = {0, 3}, .flexible = 2};
  std::int8_t resource_type_filter = 0;
  std::optional<std::string> resource_name_filter = "";
  std::int8_t pattern_type_filter = pattern_type_literal;
  std::optional<std::string> principal_filter = "";
  std::optional<std::string> host_filter = "";
  std::int8_t operation = 0;
  std::int8_t permission_type = 0;
  static void fields(auto& m, auto& v) {
    v("resourceTypeFilter", m.resource_type_filter);
    v("resourceNameFilter", m.resource_name_filter);
    v("patternTypeFilter", m.pattern_type_filter, since(1));
    v("principalFilter", m.principal_filter);
    v("hostFilter", m.host_filter);
    v("operation", m.operation);
    v("permissionType", m.permission_type);
  }
};

struct DescribeAclsResponse {
  static constexpr Api api{.key = 29, .versions = {0, 3}, .flexible = 2};
  struct Acl {
    std::string principal;
    std::string host;
    std::int8_t operation = 0;
    std::int8_t permission_type = 0;
    static void fields(auto& m, auto& v) {
      v("principal", m.principal);
      v("host", m.host);
      v("operation", m.operation);
      v("permissionType", m.permission_type);
    }
  };
  struct Resource {
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::int8_t pattern_type = pattern_type_literal;
    std::vector<Acl> acls;
    static void fields(auto& m, auto& v) {
      v("resourceType", m.resource_type);
      v("resourceName", m.resource_name);
      v("patternType", m.pattern_type, since(1));
      v("acls", m.acls);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::vector<Resource> resources;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("resources", m.resources);
  }
};

struct CreateAclsRequest {
  static constexpr Api api{.key = 30, .versions = {0, 3}, .flexible = 2};
  struct Creation {
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::int8_t resource_pattern_type = pattern_type_literal;
    std::string principal;
    std::string host;
    std::int8_t operation = 0;
    std::int8_t permission_type = 0;
    static void fields(auto& m, auto& v) {
      v("resourceType", m.resource_type);
      v("resourceName", m.resource_name);
      v("resourcePatternType", m.resource_pattern_type, since(1));
      v("principal", m.principal);
      v("host", m.host);
      v("operation", m.operation);
      v("permissionType", m.permission_type);
    }
  };
  std::vector<Creation> creations;
  static void fields(auto& m, auto& v) { v("creations", m.creations); }
};

struct CreateAclsResponse {
  static constexpr Api api{.key = 30, .versions = {0, 3}, .flexible = 2};
  struct Result {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Result> results;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("results", m.results);
  }
};

struct DeleteAclsRequest {
  static constexpr Api api{.key = 31, .versions = {0, 3}, .flexible = 2};
  struct Filter {
    std::int8_t resource_type_filter = 0;
    std::optional<std::string> resource_name_filter = "";
    std::int8_t pattern_type_filter = pattern_type_literal;
    std::optional<std::string> principal_filter = "";
    std::optional<std::string> host_filter = "";
    std::int8_t operation = 0;
    std::int8_t permission_type = 0;
    static void fields(auto& m, auto& v) {
      v("resourceTypeFilter", m.resource_type_filter);
      v("resourceNameFilter", m.resource_name_filter);
      v("patternTypeFilter", m.pattern_type_filter, since(1));
      v("principalFilter", m.principal_filter);
      v("hostFilter", m.host_filter);
      v("operation", m.operation);
      v("permissionType", m.permission_type);
    }
  };
  std::vector<Filter> filters;
  static void fields(auto& m, auto& v) { v("filters", m.filters); }
};

struct DeleteAclsResponse {
  static constexpr Api api{.key = 31, .versions = {0, 3}, .flexible = 2};
  struct MatchingAcl {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::int8_t pattern_type = pattern_type_literal;
    std::string principal;
    std::string host;
    std::int8_t operation = 0;
    std::int8_t permission_type = 0;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("resourceType", m.resource_type);
      v("resourceName", m.resource_name);
      v("patternType", m.pattern_type, since(1));
      v("principal", m.principal);
      v("host", m.host);
      v("operation", m.operation);
      v("permissionType", m.permission_type);
    }
  };
  struct FilterResult {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    std::vector<MatchingAcl> matching_acls;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("matchingAcls", m.matching_acls);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<FilterResult> filter_results;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("filterResults", m.filter_results);
  }
};

}  // namespace holdfast::wire
