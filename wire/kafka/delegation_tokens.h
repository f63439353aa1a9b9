// CreateDelegationToken (38), RenewDelegationToken (39), ExpireDelegationToken (40), DescribeDelegationToken (41):
// KIP-48; tokens created for another owner since version 3 (KIP-373). Unlike elsewhere the throttle time comes last.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct TokenPrincipal {
  std::string principal_type;
  std::string principal_name;
  static void fields(auto& m, auto& v) {
    v("principalType", m.principal_type);
    v("principalName", m.principal_name);
  }
};

struct CreateDelegationTokenRequest {
  static constexpr Api api{.key = 38, .versions = {0, 3}, .flexible = 2};
  std::optional<std::string> owner_principal_type = "";
  std::optional<std::string> owner_principal_name = "";
  std::vector<TokenPrincipal> renewers;
  std::int64_t max_lifetime_ms = 0;
  static void fields(auto& m, auto& v) {
    v("ownerPrincipalType", m.owner_principal_type, since(3));
    v("ownerPrincipalName", m.owner_principal_name, since(3));
    v("renewers", m.renewers);
    v("maxLifetimeMs", m.max_lifetime_ms);
  }
};

struct CreateDelegationTokenResponse {
  static constexpr Api api{.key = 38, .versions = {0, 3}, .flexible = 2};
  std::int16_t error_code = 0;
  std::string principal_type;
  std::string principal_name;
  std::string token_requester_principal_type;
  std::string token_requester_principal_name;
  std::int64_t issue_timestamp_ms = 0;
  std::int64_t expiry_timestamp_ms = 0;
  std::int64_t max_timestamp_ms = 0;
  std::string token_id;
  std::vector<std::uint8_t> hmac;
  std::int32_t throttle_time_ms = 0;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("principalType", m.principal_type);
    v("principalName", m.principal_name);
    v("tokenRequesterPrincipalType", m.token_requester_principal_type, since(3));
    v("tokenRequesterPrincipalName", m.token_requester_principal_name, since(3));
    v("issueTimestampMs", m.issue_timestamp_ms);
    v("expiryTimestampMs", m.expiry_timestamp_ms);
    v("maxTimestampMs", m.max_timestamp_ms);
    v("tokenId", m.token_id);
    v("hmac", m.hmac);
    v("throttleTimeMs", m.throttle_time_ms);
  }
};

struct RenewDelegationTokenRequest {
  static constexpr Api api{.key = 39, .versions = {0, 2}, .flexible = 2};
  std::vector<std::uint8_t> hmac;
  std::int64_t renew_period_ms = 0;
  static void fields(auto& m, auto& v) {
    v("hmac", m.hmac);
    v("renewPeriodMs", m.renew_period_ms);
  }
};

struct RenewDelegationTokenResponse {
  static constexpr Api api{.key = 39, .versions = {0, 2}, .flexible = 2};
  std::int16_t error_code = 0;
  std::int64_t expiry_timestamp_ms = 0;
  std::int32_t throttle_time_ms = 0;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("expiryTimestampMs", m.expiry_timestamp_ms);
    v("throttleTimeMs", m.throttle_time_ms);
  }
};

struct ExpireDelegationTokenRequest {
  static constexpr Api api{.key = 40, .versions = {0, 2}, .flexible = 2};
  std::vector<std::uint8_t> hmac;
  std::int64_t expiry_time_period_ms = 0;
  static void fields(auto& m, auto& v) {
    v("hmac", m.hmac);
    v("expiryTimePeriodMs", m.expiry_time_period_ms);
  }
};

struct ExpireDelegationTokenResponse {
  static constexpr Api api{.key = 40, .versions = {0, 2}, .flexible = 2};
  std::int16_t error_code = 0;
  std::int64_t expiry_timestamp_ms = 0;
  std::int32_t throttle_time_ms = 0;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("expiryTimestampMs", m.expiry_timestamp_ms);
    v("throttleTimeMs", m.throttle_time_ms);
  }
};

struct DescribeDelegationTokenRequest {
  static constexpr Api api{.key = 41, .versions = {0, 3}, .flexible = 2};
  std::optional<std::vector<TokenPrincipal>> owners = std::vector<TokenPrincipal>{};  // null: all tokens
  static void fields(auto& m, auto& v) { v("owners", m.owners); }
};

struct DescribeDelegationTokenResponse {
  static constexpr Api api{.key = 41, .versions = {0, 3}, .flexible = 2};
  struct Token {
    std::string principal_type;
    std::string principal_name;
    std::string token_requester_principal_type;
    std::string token_requester_principal_name;
    std::int64_t issue_timestamp = 0;
    std::int64_t expiry_timestamp = 0;
    std::int64_t max_timestamp = 0;
    std::string token_id;
    std::vector<std::uint8_t> hmac;
    std::vector<TokenPrincipal> renewers;
    static void fields(auto& m, auto& v) {
      v("principalType", m.principal_type);
      v("principalName", m.principal_name);
      v("tokenRequesterPrincipalType", m.token_requester_principal_type, since(3));
      v("tokenRequesterPrincipalName", m.token_requester_principal_name, since(3));
      v("issueTimestamp", m.issue_timestamp);
      v("expiryTimestamp", m.expiry_timestamp);
      v("maxTimestamp", m.max_timestamp);
      v("tokenId", m.token_id);
      v("hmac", m.hmac);
      v("renewers", m.renewers);
    }
  };
  std::int16_t error_code = 0;
  std::vector<Token> tokens;
  std::int32_t throttle_time_ms = 0;
  static void fields(auto& m, auto& v) {
    v("errorCode", m.error_code);
    v("tokens", m.tokens);
    v("throttleTimeMs", m.throttle_time_ms);
  }
};

}  // namespace holdfast::wire
