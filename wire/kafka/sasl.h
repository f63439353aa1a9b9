// SaslHandshake (17), SaslAuthenticate (36): a mechanism is agreed on, then its messages go back and forth.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct SaslHandshakeRequest {
  // After version 0 the mechanism's messages follow bare, after version 1 inside SaslAuthenticate (KIP-152).
  static constexpr Api api{.key = 17, .versions = {0, 1}};
  std::string mechanism;
  static void fields(auto& m, auto& v) { v("mechanism", m.mechanism); }
};

struct SaslHandshakeResponse {
  static constexpr Api api{.key = 17, .versions = {0, 1}};
  std::int16_t error_code = 0;
  std::vector<std::string> mechanisms;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("mechanisms", m.mechanisms);
  }
};

struct SaslAuthenticateRequest {
  static constexpr Api api{.key = 36, .versions = {0, 2}, .flexible = 2};
  std::vector<std::uint8_t> auth_bytes;
  static void fields(auto& m, auto& v) { v("authBytes", m.auth_bytes); }
};

struct SaslAuthenticateResponse {
  static constexpr Api api{.key = 36, .versions = {0, 2}, .flexible = 2};
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::vector<std::uint8_t> auth_bytes;
  std::int64_t session_lifetime_ms = 0;  // 0: no need to authenticate again (KIP-368)
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("authBytes", m.auth_bytes);
    v("sessionLifetimeMs", m.session_lifetime_ms, since(1));
  }
};

}  // namespace holdfast::wire
