// DescribeUserScramCredentials (50) and AlterUserScramCredentials (51): KIP-554. Mechanisms: 1 SCRAM-SHA-256,
// 2 SCRAM-SHA-512. A password never travels: the client salts and hashes it.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct DescribeUserScramCredentialsRequest {
  static constexpr Api api{.key = 50, .versions = {0, 0}, .flexible = 0};
  struct User {
    std::string name;
    static void fields(auto& m, auto& v) { v("name", m.name); }
  };
  std::optional<std::vector<User>> users = std::vector<User>{};  // null or empty: all users
  static void fields(auto& m, auto& v) { v("users", m.users); }
};

struct DescribeUserScramCredentialsResponse {
  static constexpr Api api{.key = 50, .versions = {0, 0}, .flexible = 0};
  struct Credential {
    std::int8_t mechanism = 0;
    std::int32_t iterations = 0;
    static void fields(auto& m, auto& v) {
      v("mechanism", m.mechanism);
      v("iterations", m.iterations);
    }
  };
  struct Result {
    std::string user;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    std::vector<Credential> credential_infos;
    static void fields(auto& m, auto& v) {
      v("user", m.user);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("credentialInfos", m.credential_infos);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::optional<std::string> error_message = "";
  std::vector<Result> results;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("errorMessage", m.error_message);
    v("results", m.results);
  }
};

struct AlterUserScramCredentialsRequest {
  static constexpr Api api{.key = 51, .versions = {0, 0}, .flexible = 0};
  struct Deletion {
    std::string name;
    std::int8_t mechanism = 0;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("mechanism", m.mechanism);
    }
  };
  struct Upsertion {
    std::string name;
    std::int8_t mechanism = 0;
    std::int32_t iterations = 0;
    std::vector<std::uint8_t> salt;
    std::vector<std::uint8_t> salted_password;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("mechanism", m.mechanism);
      v("iterations", m.iterations);
      v("salt", m.salt);
      v("saltedPassword", m.salted_password);
    }
  };
  std::vector<Deletion> deletions;
  std::vector<Upsertion> upsertions;
  static void fields(auto& m, auto& v) {
    v("deletions", m.deletions);
    v("upsertions", m.upsertions);
  }
};

struct AlterUserScramCredentialsResponse {
  static constexpr Api api{.key = 51, .versions = {0, 0}, .flexible = 0};
  struct Result {
    std::string user;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message = "";
    static void fields(auto& m, auto& v) {
      v("user", m.user);
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

}  // namespace holdfast::wire
