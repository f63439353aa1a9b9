// Config: the node's settings, typed, with where each value came from. Built once at start; dynamic changes are layered
// over it by the broker (broker and topic configs in znodes).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/setting.h"
#include "runtime/result.h"

namespace holdfast {

using Overrides = std::map<std::string, std::string>;

class Config {
 public:
  // Every setting of the table at its default.
  static Config defaults();
  // Rules that concern several values at once.
  Result<void> check() const;

  // A known key with a value of its type, or an error that names the source, the key, what was expected and the nearest
  // key. `source`: "server.properties:12", "--set". A later value replaces an earlier one.
  Result<void> set(std::string_view key, std::string_view value, std::string_view source);
  bool is_set(std::string_view key) const;  // given by somebody, not a default
  std::string source(std::string_view key) const;

  // The key must be in the table with that type (our own bug otherwise). Synonyms are resolved:
  // integer("log.retention.ms") honours log.retention.minutes and log.retention.hours.
  bool boolean(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;  // int, long and short settings; 0 when null
  double real(std::string_view key) const;
  std::string text(std::string_view key) const;  // any type, as text; empty when null
  std::vector<std::string> list(std::string_view key) const;
  std::optional<std::string> raw(std::string_view key) const;  // as configured or default; nothing when null
  // As somebody gave it, its synonyms and default left aside.
  std::optional<std::string> given(std::string_view key) const;
  // The members of the ensemble, by their keys: server.N.
  struct ServerLine {
    std::string value, source;
  };
  const std::map<std::string, ServerLine>& server_lines() const { return server_lines_; }

 private:
  struct Value {
    std::optional<std::string> text;
    std::string source;
  };
  Result<void> check_session_timeouts() const;
  Result<void> check_listeners() const;

  std::map<std::string, Value, std::less<>> values_;  // only what was given
  std::map<std::string, ServerLine> server_lines_;
};

// The effective values of one topic: its overrides over the broker's synonyms over the defaults. Defaults here are
// Kafka's; from() fills in the node's.
struct TopicSettings {
  bool cleanup_delete = true, cleanup_compact = false;
  std::string compression_type = "producer";
  std::int64_t file_delete_delay_ms = 60'000, flush_messages = INT64_MAX, flush_ms = INT64_MAX;
  std::int64_t index_interval_bytes = 4096, max_message_bytes = 1'048'588;
  bool log_append_time = false;  // message.timestamp.type
  std::int64_t timestamp_before_max_ms = INT64_MAX, timestamp_after_max_ms = 3'600'000;
  std::int64_t min_insync_replicas = 1;
  std::int64_t retention_ms = 604'800'000, retention_bytes = -1;
  std::int64_t segment_bytes = 1 << 30, segment_ms = 604'800'000, segment_jitter_ms = 0, segment_index_bytes = 10 << 20;
  int gzip_level = -1, lz4_level = 9, zstd_level = 3;
  bool write_caching = false;
  bool unclean_leader_election = false;
  std::string throttled_leaders, throttled_followers;  // "*" or "partition:broker,..." (KIP-73)

  static TopicSettings from(const Config& node, const Overrides& dynamic_broker, const Overrides& topic);
};

// Kafka's rules and texts for a topic's configuration.
Result<void> validate_topic_config(std::string_view name, std::string_view value);
// Rules that concern several values at once.
Result<void> validate_topic_configs(const Overrides& overrides);

// One line of a DescribeConfigs answer.
struct DescribedConfig {
  std::string name;
  std::optional<std::string> value;
  bool read_only = false;
  bool sensitive = false;
  std::int8_t source = 5;  // KIP-226: 1 topic, 2 dynamic broker, 3 dynamic default broker, 4 static, 5 default
  std::int8_t type = 2;    // 1 boolean 2 string 3 int 4 short 5 long 6 double 7 list 8 class 9 password
  std::string documentation;
  struct Synonym {
    std::string name;
    std::optional<std::string> value;
    std::int8_t source;
  };
  std::vector<Synonym> synonyms;
};
std::vector<DescribedConfig> describe_topic(const Config& node, const Overrides& dynamic_default,
                                            const Overrides& dynamic_broker, const Overrides& topic);
std::vector<DescribedConfig> describe_broker(const Config& node, const Overrides& dynamic_default,
                                             const Overrides& dynamic_broker);
// Checks a dynamic broker setting as IncrementalAlterConfigs does: dynamic and well typed; names that nobody knows are
// let through, as Kafka does for its plugins' sake. `per_broker`: for one broker, not for the cluster-wide default. All
// refusals are ErrorKind::unsupported: Kafka answers them with INVALID_REQUEST.
Result<void> validate_broker_config(std::string_view name, std::string_view value, bool per_broker);
bool is_list_config(std::string_view name);  // APPEND and SUBTRACT apply

}  // namespace holdfast
