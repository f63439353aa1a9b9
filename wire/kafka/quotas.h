// DescribeClientQuotas (48) and AlterClientQuotas (49): KIP-546.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

// One part of the entity a quota applies to: a user, a client id, an ip. A null name is the type's default entity.
struct QuotaEntity {
  std::string entity_type;
  std::optional<std::string> entity_name = "";
  static void fields(auto& m, auto& v) {
    v("entityType", m.entity_type);
    v("entityName", m.entity_name);
  }
};

struct DescribeClientQuotasRequest {
  static constexpr Api api{.key = 48, .versions = {0, 1}, .flexible = 1};
  struct Component {
    std::string entity_type;
    std::int8_t match_type = 0;  // 0 exact, 1 the default entity, 2 any
    std::optional<std::string> match = "";
    static void fields(auto& m, auto& v) {
      v("entityType", m.entity_type);
      v("matchType", m.match_type);
      v("match", m.match);
    }
  };
  std::vector<Component> components;
  bool strict = false;
  static void fields(auto& m, auto& v) {
    v("components", m.components);
    v("strict", m.strict);
  }
};

struct DescribeClientQuotasResponse {
  static constexpr Api api{.key = 48, .versions = {0, 1}, .flexible = 1};
  struct Value {
    std::string key;
    double value = 0;
    static void fields(auto& m, auto& v) {
      v("key", m.key);
      v("value", m.value);
    }
  };
  struct Entry {
    std::vector<QuotaEntity> entity;
    std::vector<Value> values;
    static void fields(auto& m, auto& v) {
      v("entity", m.entity);
      v("values", m.values);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::optional<std::vector<Entry>> entries = std::vector<Entry>{};
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("entries", m.entries);
  }
};

struct AlterClientQuotasRequest {
  static constexpr Api api{.key = 49, .versions = {0, 1}, .flexible = 1};
  struct Op {
    std::string key;
    double value = 0;
    bool remove = false;
    static void fields(auto& m, auto& v) {
      v("key", m.key);
      v("value", m.value);
      v("remove", m.remove);
    }
  };
  struct Entry {
    std::vector<QuotaEntity> entity;
    std::vector<Op> ops;
    static void fields(auto& m, auto& v) {
      v("entity", m.entity);
      v("ops", m.ops);
    }
  };
  std::vector<Entry> entries;
  bool validate_only = false;
  static void fields(auto& m, auto& v) {
    v("entries", m.entries);
    v("validateOnly", m.validate_only);
  }
};

struct AlterClientQuotasResponse {
  static constexpr Api api{.key = 49, .versions = {0, 1}, .flexible = 1};
  struct Entry {
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    std::vector<QuotaEntity> entity;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("entity", m.entity);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Entry> entries;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("entries", m.entries);
  }
};

}  // namespace holdfast::wire
