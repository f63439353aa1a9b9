// The headers in front of every request and response, and which version of them goes with which message.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct RequestHeader {
  // 1: client id. 2: tags (KIP-482); the client id keeps its old form, so that a server can read the header before it
  // knows the version. 0 came only with ControlledShutdown 0.
  static constexpr Api api{.versions = {0, 2}, .flexible = 2};
  std::int16_t request_api_key = 0;
  std::int16_t request_api_version = 0;
  std::int32_t correlation_id = 0;
  std::optional<std::string> client_id = "";
  static void fields(auto& m, auto& v) {
    v("requestApiKey", m.request_api_key);
    v("requestApiVersion", m.request_api_version);
    v("correlationId", m.correlation_id);
    v("clientId", m.client_id, since(1).never_compact());
  }
};

struct ResponseHeader {
  static constexpr Api api{.versions = {0, 1}, .flexible = 1};
  std::int32_t correlation_id = 0;
  static void fields(auto& m, auto& v) { v("correlationId", m.correlation_id); }
};

// For the message with this declaration, in this version.
constexpr std::int16_t request_header_version(const Api& api, std::int16_t version) {
  constexpr std::int16_t controlled_shutdown = 7;
  if (api.key == controlled_shutdown && version == 0) return 0;
  return version >= api.flexible ? 2 : 1;
}
constexpr std::int16_t response_header_version(const Api& api, std::int16_t version) {
  constexpr std::int16_t api_versions =
      18;  // a client that reads it does not know yet what the broker speaks (KIP-511)
  return version >= api.flexible && api.key != api_versions ? 1 : 0;
}

}  // namespace holdfast::wire
