// A topic's configuration: Kafka's rules for it, and the effective values.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/settings.h"

namespace holdfast {
namespace {

// The effective text of one setting: the topic's, the dynamic broker's, the node's.
class Effective {
 public:
  Effective(const Config& node, const Overrides& dynamic_broker, const Overrides& topic)
      : node_(node), dynamic_broker_(dynamic_broker), topic_(topic) {}

  std::string text(std::string_view name) const {
    const Setting* setting = find_setting(SettingGroup::topic, name);
    HOLDFAST_CHECK(setting != nullptr);
    if (auto own = valid(*setting, topic_, name)) return *own;
    if (!setting->synonym.empty()) {
      if (auto dynamic = valid(*setting, dynamic_broker_, setting->synonym)) return *dynamic;
      if (auto of_node = node_.raw(setting->synonym)) return *of_node;
    }
    return std::string(setting->default_value.value_or(""));
  }
  bool boolean(std::string_view name) const { return text(name) == "true"; }
  std::int64_t integer(std::string_view name) const {
    const std::string value = text(name);
    std::int64_t v = 0;
    std::from_chars(value.data(), value.data() + value.size(), v);
    return v;
  }

 private:
  // What was stored was checked when it was set; by another release, perhaps, so that it is checked again.
  static std::optional<std::string> valid(const Setting& setting, const Overrides& from, std::string_view name) {
    const auto it = from.find(std::string(name));
    if (it == from.end()) return std::nullopt;
    auto parsed = parse_setting(setting, name, it->second);
    if (!parsed) return std::nullopt;
    return std::move(*parsed);
  }

  const Config& node_;
  const Overrides& dynamic_broker_;
  const Overrides& topic_;
};

std::int64_t number(const Overrides& overrides, const std::string& name) {
  const auto it = overrides.find(name);
  const Setting* setting = find_setting(SettingGroup::topic, name);
  const std::string_view text = it == overrides.end() ? std::string_view(*setting->default_value) : it->second;
  auto parsed = parse_setting(*setting, name, text);
  std::int64_t v = 0;
  if (parsed) std::from_chars(parsed->data(), parsed->data() + parsed->size(), v);
  return v;
}

}  // namespace

TopicSettings TopicSettings::from(const Config& node, const Overrides& dynamic_broker, const Overrides& topic) {
  const Effective value(node, dynamic_broker, topic);
  const std::vector<std::string> policies = split_list(value.text("cleanup.policy"));
  TopicSettings out;
  out.cleanup_delete = std::ranges::find(policies, "delete") != policies.end();
  out.cleanup_compact = std::ranges::find(policies, "compact") != policies.end();
  out.compression_type = value.text("compression.type");
  out.file_delete_delay_ms = value.integer("file.delete.delay.ms");
  out.flush_messages = value.integer("flush.messages");
  out.flush_ms = value.integer("flush.ms");
  out.index_interval_bytes = value.integer("index.interval.bytes");
  out.max_message_bytes = value.integer("max.message.bytes");
  out.log_append_time = value.text("message.timestamp.type") == "LogAppendTime";
  out.timestamp_before_max_ms = value.integer("message.timestamp.before.max.ms");
  out.timestamp_after_max_ms = value.integer("message.timestamp.after.max.ms");
  out.min_insync_replicas = value.integer("min.insync.replicas");
  out.retention_ms = value.integer("retention.ms");
  out.retention_bytes = value.integer("retention.bytes");
  out.segment_bytes = value.integer("segment.bytes");
  out.segment_ms = value.integer("segment.ms");
  out.segment_jitter_ms = value.integer("segment.jitter.ms");
  out.segment_index_bytes = value.integer("segment.index.bytes");
  out.gzip_level = static_cast<int>(value.integer("compression.gzip.level"));
  out.lz4_level = static_cast<int>(value.integer("compression.lz4.level"));
  out.zstd_level = static_cast<int>(value.integer("compression.zstd.level"));
  out.write_caching = value.boolean("write.caching");
  out.unclean_leader_election = value.boolean("unclean.leader.election.enable");
  out.throttled_leaders = value.text("leader.replication.throttled.replicas");
  out.throttled_followers = value.text("follower.replication.throttled.replicas");
  return out;
}

Result<void> validate_topic_config(std::string_view name, std::string_view value) {
  const Setting* setting = find_setting(SettingGroup::topic, name);
  if (setting == nullptr) return fail(ErrorKind::invalid_input, fmt::format("Unknown topic config name: {}", name));
  auto parsed = parse_setting(*setting, name, value);
  if (!parsed) return fail(parsed);
  return {};
}

Result<void> validate_topic_configs(const Overrides& overrides) {
  for (const auto& [name, value] : overrides)
    if (find_setting(SettingGroup::topic, name) == nullptr)
      return fail(ErrorKind::invalid_input, fmt::format("Unknown topic config name: {}", name));
  for (const SettingTable& table : setting_tables()) {
    if (table.group != SettingGroup::topic) continue;
    for (const Setting& setting : table.settings) {
      const auto it = overrides.find(std::string(setting.name));
      if (it == overrides.end()) continue;
      auto valid = validate_topic_config(it->first, it->second);
      if (!valid) return valid;
    }
  }
  const std::int64_t least_lag = number(overrides, "min.compaction.lag.ms");
  const std::int64_t most_lag = number(overrides, "max.compaction.lag.ms");
  if (least_lag > most_lag)
    return fail(ErrorKind::invalid_input,
                fmt::format("conflict topic config setting min.compaction.lag.ms ({}) > max.compaction.lag.ms ({})",
                            least_lag, most_lag));
  if (const auto it = overrides.find("remote.storage.enable");
      it != overrides.end() &&
      parse_setting(*find_setting(SettingGroup::topic, it->first), it->first, it->second) == "true")
    return fail(ErrorKind::invalid_input,
                "Tiered Storage functionality is disabled in the broker. "
                "Topic cannot be configured with remote log storage.");
  return {};
}

}  // namespace holdfast
