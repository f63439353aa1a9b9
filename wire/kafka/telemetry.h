// GetTelemetrySubscriptions (71) and PushTelemetry (72): clients' own metrics, KIP-714. The metrics are OpenTelemetry
// protobuf (MetricsData), compressed as stated.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct GetTelemetrySubscriptionsRequest {
  static constexpr Api api{.key = 71, .versions = {0, 0}, .flexible = 0};
  Uuid client_instance_id{};  // zero on the first request: the broker assigns one
  static void fields(auto& m, auto& v) { v("clientInstanceId", m.client_instance_id); }
};

struct GetTelemetrySubscriptionsResponse {
  static constexpr Api api{.key = 71, .versions = {0, 0}, .flexible = 0};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  Uuid client_instance_id{};
  std::int32_t subscription_id = 0;
  std::vector<std::int8_t> accepted_compression_types;
  std::int32_t push_interval_ms = 0;
  std::int32_t telemetry_max_bytes = 0;
  bool delta_temporality = false;
  std::vector<std::string> requested_metrics;  // prefixes; empty: none, one empty string: all
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("clientInstanceId", m.client_instance_id);
    v("subscriptionId", m.subscription_id);
    v("acceptedCompressionTypes", m.accepted_compression_types);
    v("pushIntervalMs", m.push_interval_ms);
    v("telemetryMaxBytes", m.telemetry_max_bytes);
    v("deltaTemporality", m.delta_temporality);
    v("requestedMetrics", m.requested_metrics);
  }
};

struct PushTelemetryRequest {
  static constexpr Api api{.key = 72, .versions = {0, 0}, .flexible = 0};
  Uuid client_instance_id{};
  std::int32_t subscription_id = 0;
  bool terminating = false;
  std::int8_t compression_type = 0;
  std::vector<std::uint8_t> metrics;
  static void fields(auto& m, auto& v) {
    v("clientInstanceId", m.client_instance_id);
    v("subscriptionId", m.subscription_id);
    v("terminating", m.terminating);
    v("compressionType", m.compression_type);
    v("metrics", m.metrics);
  }
};

struct PushTelemetryResponse {
  static constexpr Api api{.key = 72, .versions = {0, 0}, .flexible = 0};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
  }
};

}  // namespace holdfast::wire
