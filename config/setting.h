// Setting: one configuration key, declared once. The tables (table_*.cpp) hold every key that a node knows; parsing,
// validation, DescribeConfigs, the sample files and docs/SETTINGS.md come from them. Immutable, shared by all shards.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"

namespace holdfast {

// The values are DescribeConfigs' own codes (KIP-569).
enum class SettingType : std::int8_t {
  boolean = 1,
  string = 2,
  int32 = 3,
  int16 = 4,
  int64 = 5,
  real = 6,
  list = 7,
  class_name = 8,
  password = 9,
};

enum class SettingGroup : std::uint8_t {
  broker,        // what DescribeConfigs lists for a broker
  topic,         // what it lists for a topic; never in a file
  coordination,  // zoo.cfg
  hidden,        // accepted in a file, never listed: Kafka's internal keys, and those of releases before 4.0
};

// Whether IncrementalAlterConfigs changes it at run time (KIP-226): for one broker, or also for the whole cluster.
enum class Dynamic : std::uint8_t { read_only, per_broker, cluster_wide };

// `ignored`: known, accepted with one notice, without a meaning here. `unserved`: the same, and whoever gives it
// another value than the default would see a difference that there is not: a warning. `refused`: known, and nobody
// should believe that it has a meaning here, such as what makes a server safer; only values that ask for nothing are
// accepted.
enum class Effect : std::uint8_t { used, ignored, unserved, refused };

// What a value must satisfy beyond its type.
struct Limits {
  std::optional<double> min{}, max{};
  std::optional<std::int64_t> or_equal{};        // allowed although outside of min and max
  std::span<const std::string_view> one_of{};    // strings, and each element of a list
  bool any_case = false;                         // for one_of
  bool replicas = false;                         // partition:broker pairs or '*'
  std::span<const std::string_view> harmless{};  // of what is refused: values beside the default that ask for nothing
};

struct Setting {
  std::string_view name;
  SettingType type;
  std::optional<std::string_view> default_value;  // nothing: null
  Limits limits;
  Dynamic dynamic;
  Effect effect;
  std::string_view document;
  std::string_view synonym{};  // a topic's setting: the broker's setting that gives its default
};

std::string_view to_string(SettingType type);  // as Kafka's error texts name it: INT, LONG, ...
std::string_view to_string(Dynamic mode);

// The tables, in the order of the documents; a topic's settings in Kafka's order of validation.
struct SettingTable {
  std::string_view title;
  SettingGroup group;
  std::span<const Setting> settings;
};
std::span<const SettingTable> setting_tables();

// Nothing if no table of that group has it. Topics and brokers share some names.
const Setting* find_setting(SettingGroup group, std::string_view name);
// Any key that may stand in a file, with the prefixed forms: listener.name.L.KEY, zookeeper.KEY.
const Setting* find_node_setting(std::string_view name);
// The known node key with the smallest edit distance; empty if nothing is near.
std::string nearest_setting(std::string_view name);

// The value in canonical form (trimmed; numbers as Java prints them; list elements joined by commas), or Kafka's text:
// "Invalid value x for configuration retention.ms: Not a number of type LONG".
Result<std::string> parse_setting(const Setting& setting, std::string_view name, std::string_view value);
// The elements of a list's value, trimmed, empty ones left out.
std::vector<std::string> split_list(std::string_view value);

}  // namespace holdfast
