// DescribeConfigs (32, KIP-133; synonyms KIP-226, documentation KIP-569), AlterConfigs (33), IncrementalAlterConfigs
// (44, KIP-339), ListConfigResources (74, KIP-1142; version 0 was ListClientMetricsResources, KIP-714).
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct DescribeConfigsRequest {
  static constexpr Api api{.key = 32, .versions = {0, 4}, .flexible = 4};
  struct Resource {
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::optional<std::vector<std::string>> configuration_keys = std::vector<std::string>{};  // null: all of them
    static void fields(auto& m, auto& v) {
      v("resourceType", m.resource_type);
      v("resourceName", m.resource_name);
      v("configurationKeys", m.configuration_keys);
    }
  };
  std::vector<Resource> resources;
  bool include_synonyms = false;
  bool include_documentation = false;
  static void fields(auto& m, auto& v) {
    v("resources", m.resources);
    v("includeSynonyms", m.include_synonyms, since(1));
    v("includeDocumentation", m.include_documentation, since(3));
  }
};

struct DescribeConfigsResponse {
  static constexpr Api api{.key = 32, .versions = {0, 4}, .flexible = 4};
  struct Synonym {
    std::string name;
    std::optional<std::string> value = "";
    std::int8_t source = 0;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("value", m.value);
      v("source", m.source);
    }
  };
  struct Config {
    std::string name;
    std::optional<std::string> value = "";
    bool read_only = false;
    bool is_default = false;
    std::int8_t config_source = -1;
    bool is_sensitive = false;
    std::vector<Synonym> synonyms;
    std::int8_t config_type = 0;
    std::optional<std::string> documentation = "";
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("value", m.value);
      v("readOnly", m.read_only);
      v("isDefault", m.is_default, until(0));
      v("configSource", m.config_source, since(1));
      v("isSensitive", m.is_sensitive);
      v("synonyms", m.synonyms, since(1));
      v("configType", m.config_type, since(3));
      v("documentation", m.documentation, since(3));
    }
  };
  struct Result {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::vector<Config> configs;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("resourceType", m.resource_type);
      v("resourceName", m.resource_name);
      v("configs", m.configs);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Result> results;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("results", m.results);
  }
};

struct AlterConfigsRequest {
  static constexpr Api api{.key = 33, .versions = {0, 2}, .flexible = 2};
  struct Config {
    std::string name;
    std::optional<std::string> value = "";
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("value", m.value);
    }
  };
  struct Resource {
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::vector<Config> configs;
    static void fields(auto& m, auto& v) {
      v("resourceType", m.resource_type);
      v("resourceName", m.resource_name);
      v("configs", m.configs);
    }
  };
  std::vector<Resource> resources;
  bool validate_only = false;
  static void fields(auto& m, auto& v) {
    v("resources", m.resources);
    v("validateOnly", m.validate_only);
  }
};

struct AlterConfigsResponse {
  static constexpr Api api{.key = 33, .versions = {0, 2}, .flexible = 2};
  struct Resource {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    std::int8_t resource_type = 0;
    std::string resource_name;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("resourceType", m.resource_type);
      v("resourceName", m.resource_name);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Resource> responses;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("responses", m.responses);
  }
};

struct IncrementalAlterConfigsRequest {
  static constexpr Api api{.key = 44, .versions = {0, 1}, .flexible = 1};
  struct Config {
    std::string name;
    std::int8_t config_operation = 0;  // 0 set, 1 delete, 2 append, 3 subtract
    std::optional<std::string> value = "";
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("configOperation", m.config_operation);
      v("value", m.value);
    }
  };
  struct Resource {
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::vector<Config> configs;
    static void fields(auto& m, auto& v) {
      v("resourceType", m.resource_type);
      v("resourceName", m.resource_name);
      v("configs", m.configs);
    }
  };
  std::vector<Resource> resources;
  bool validate_only = false;
  static void fields(auto& m, auto& v) {
    v("resources", m.resources);
    v("validateOnly", m.validate_only);
  }
};

struct IncrementalAlterConfigsResponse {
  static constexpr Api api{.key = 44, .versions = {0, 1}, .flexible = 1};
  using Resource = AlterConfigsResponse::Resource;
  std::int32_t throttle_time_ms = 0;
  std::vector<Resource> responses;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("responses", m.responses);
  }
};

struct ListConfigResourcesRequest {
  static constexpr Api api{.key = 74, .versions = {0, 1}, .flexible = 0};
  std::vector<std::int8_t> resource_types;  // empty: all types
  static void fields(auto& m, auto& v) { v("resourceTypes", m.resource_types, since(1)); }
};

struct ListConfigResourcesResponse {
  static constexpr Api api{.key = 74, .versions = {0, 1}, .flexible = 0};
  struct Resource {
    std::string resource_name;
    std::int8_t resource_type = 16;  // client metrics, the only type version 0 knows
    static void fields(auto& m, auto& v) {
      v("resourceName", m.resource_name);
      v("resourceType", m.resource_type, since(1));
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<Resource> config_resources;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("configResources", m.config_resources);
  }
};

// The name and JSON form of key 74 up to Kafka 4.0. The bytes are those of ListConfigResources version 0.
struct ListClientMetricsResourcesRequest {
  static constexpr Api api{.key = 74, .versions = {0, 0}, .flexible = 0};
  static void fields(auto& /*m*/, auto& /*v*/) {}
};

struct ListClientMetricsResourcesResponse {
  static constexpr Api api{.key = 74, .versions = {0, 0}, .flexible = 0};
  struct Resource {
    std::string name;
    static void fields(auto& m, auto& v) { v("name", m.name); }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<Resource> client_metrics_resources;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("clientMetricsResources", m.client_metrics_resources);
  }
};

}  // namespace holdfast::wire
