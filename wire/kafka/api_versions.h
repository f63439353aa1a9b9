// ApiVersions (18): what this broker speaks. The first request on a connection, sent before the client knows anything,
// so the response's header never has tags (KIP-511).
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct ApiVersionsRequest {
  static constexpr Api api{.key = 18, .versions = {0, 5}, .flexible = 3};
  std::string client_software_name;
  std::string client_software_version;
  std::optional<std::string> cluster_id;  // whom the client believes to be talking to (KIP-1242)
  std::int32_t node_id = -1;
  static void fields(auto& m, auto& v) {
    v("clientSoftwareName", m.client_software_name, since(3));
    v("clientSoftwareVersion", m.client_software_version, since(3));
    v("clusterId", m.cluster_id, since(5));
    v("nodeId", m.node_id, since(5));
  }
};

struct ApiVersionsResponse {
  static constexpr Api api{.key = 18, .versions = {0, 5}, .flexible = 3};
  struct ApiVersion {
    std::int16_t api_key = 0;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;
    static void fields(auto& m, auto& v) {
      v("apiKey", m.api_key);
      v("minVersion", m.min_version);
      v("maxVersion", m.max_version);
    }
  };
  struct SupportedFeature {
    std::string name;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;
    bool operator==(const SupportedFeature&) const = default;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("minVersion", m.min_version);
      v("maxVersion", m.max_version);
    }
  };
  struct FinalizedFeature {
    std::string name;
    std::int16_t max_version_level = 0;
    std::int16_t min_version_level = 0;
    bool operator==(const FinalizedFeature&) const = default;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("maxVersionLevel", m.max_version_level);
      v("minVersionLevel", m.min_version_level);
    }
  };
  std::int16_t error_code = 0;
  std::vector<ApiVersion> api_keys;
  std::int32_t throttle_time_ms = 0;
  std::vector<SupportedFeature> supported_features;  // KIP-584
  std::int64_t finalized_features_epoch = -1;
  std::vector<FinalizedFeature> finalized_features;
  bool zk_migration_ready = false;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("apiKeys", m.api_keys);
    v("throttleTimeMs", m.throttle_time_ms, since(1));
    v.tagged(0, "supportedFeatures", m.supported_features, since(3));
    v.tagged(1, "finalizedFeaturesEpoch", m.finalized_features_epoch, since(3), -1);
    v.tagged(2, "finalizedFeatures", m.finalized_features, since(3));
    v.tagged(3, "zkMigrationReady", m.zk_migration_ready, since(3));
  }
};

}  // namespace holdfast::wire
