// What the tables are written with, and their names: for table_*.cpp and setting.cpp only.
#pragma once

#include "config/setting.h"

namespace holdfast::tables {

using enum SettingType;
using enum Dynamic;
using enum Effect;

inline constexpr std::nullopt_t null = std::nullopt;

inline constexpr Limits any{};
constexpr Limits at_least(double min) { return {.min = min}; }
constexpr Limits between(double min, double max) { return {.min = min, .max = max}; }
constexpr Limits between(double min, double max, std::int64_t or_equal) {
  return {.min = min, .max = max, .or_equal = or_equal};
}
constexpr Limits one_of(std::span<const std::string_view> words) { return {.one_of = words}; }
constexpr Limits any_case_of(std::span<const std::string_view> words) { return {.one_of = words, .any_case = true}; }
inline constexpr Limits replica_list = {.replicas = true};

inline constexpr std::string_view codecs[] = {"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"};
inline constexpr std::string_view policies[] = {"compact", "delete"};
inline constexpr std::string_view timestamp_types[] = {"CreateTime", "LogAppendTime"};
inline constexpr std::string_view group_protocols[] = {"consumer", "classic", "share", "streams"};
inline constexpr std::string_view migration_policies[] = {"DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"};
inline constexpr std::string_view roles[] = {"broker", "controller"};
inline constexpr std::string_view security_protocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
inline constexpr std::string_view signatures[] = {"ES256", "RS256"};
inline constexpr std::string_view client_auth[] = {"required", "requested", "none"};
inline constexpr std::string_view zk_client_auth[] = {"need", "want", "none"};
inline constexpr std::string_view peer_types[] = {"participant", "observer"};
inline constexpr std::string_view yes_no[] = {"yes", "no"};
// Java's names of those that OpenSSL has, too.
inline constexpr std::string_view digest_algorithms[] = {
    "SHA1",        "SHA-1",    "SHA-224",  "SHA-256",  "SHA-384",  "SHA-512", "SHA-512/224",
    "SHA-512/256", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512", "MD5"};

// Of what is refused: what may be given all the same.
inline constexpr std::string_view empty[] = {""};
inline constexpr std::string_view no_port[] = {"0"};
inline constexpr std::string_view served_auth_providers[] = {
    "", "org.apache.zookeeper.server.auth.DigestAuthenticationProvider",
    "org.apache.zookeeper.server.auth.IPAuthenticationProvider"};
inline constexpr Limits none_but_empty = {.harmless = empty};
inline constexpr Limits none_but_port_zero = {.min = 0, .max = 65535, .harmless = no_port};
inline constexpr Limits none_but_served_providers = {.harmless = served_auth_providers};

extern const std::span<const Setting> broker_settings, throttle_settings;
extern const std::span<const Setting> log_settings, topic_settings;
extern const std::span<const Setting> remote_settings;
extern const std::span<const Setting> group_settings, transaction_settings;
extern const std::span<const Setting> security_settings;
extern const std::span<const Setting> kraft_settings, internal_settings, retired_settings;
extern const std::span<const Setting> ensemble_settings, session_settings, storage_settings, rule_settings;
extern const std::span<const Setting> admin_settings, zk_security_settings, node_settings;

}  // namespace holdfast::tables
