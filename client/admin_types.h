// What Admin is asked with and what it answers: plain values, in the words of Kafka's protocol and tools.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/failure.h"
#include "client/metadata_cache.h"
#include "wire/kafka/errors.h"

namespace holdfast::client {

// What became of each item of a call: every key that was asked for is there.
template <class Key, class T = void>
using Each = std::map<Key, Outcome<T>>;

// A set of operations that the broker was not asked for, or does not tell (KIP-430).
inline constexpr std::int32_t operations_untold = INT32_MIN;

// --- Topics

struct NewTopic {
  std::string name;
  std::int32_t partitions = -1;                                  // -1: the broker's default (KIP-464)
  std::int16_t replication_factor = -1;                          // likewise
  std::map<std::int32_t, std::vector<std::int32_t>> assignment;  // partition -> brokers; then the two above stay -1
  std::map<std::string, std::string> configs;
};

enum class ConfigSource : std::int8_t {
  unknown = 0,
  topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  built_in = 5,
  dynamic_broker_logger = 6,
  client_metrics = 7,
  group = 8,
};
// As Kafka's tools print it: "DYNAMIC_TOPIC_CONFIG", "DEFAULT_CONFIG"...
std::string_view to_string(ConfigSource source);

enum class ConfigType : std::int8_t {
  unknown = 0,
  boolean = 1,
  string = 2,
  int_ = 3,
  short_ = 4,
  long_ = 5,
  double_ = 6,
  list = 7,
  class_ = 8,
  password = 9,
};
std::string_view to_string(ConfigType type);  // "BOOLEAN"

struct ConfigSynonym {
  std::string name;
  std::optional<std::string> value;
  ConfigSource source = ConfigSource::unknown;
};

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;  // none: sensitive, or null
  ConfigSource source = ConfigSource::unknown;
  ConfigType type = ConfigType::unknown;
  bool read_only = false, sensitive = false;
  std::vector<ConfigSynonym> synonyms;       // where the value comes from, the strongest first
  std::optional<std::string> documentation;  // if asked for

  bool is_default() const { return source == ConfigSource::built_in; }
};

struct CreatedTopic {
  Uuid id{};                             // zero: the broker does not tell; also in a validation
  std::int32_t partitions = -1;          // -1: the broker does not tell
  std::int16_t replication_factor = -1;  // likewise
  std::vector<ConfigEntry> configs;
};

struct TopicListing {
  std::string name;
  Uuid id{};
  bool is_internal = false;
  std::int32_t partitions = 0;
  std::int32_t replication_factor = 0;  // of the partition that has the most replicas
};

struct PartitionDescription {
  std::int32_t partition = 0;
  PartitionLeader leader;
  std::vector<std::int32_t> replicas, isr, offline;
  // Eligible leader replicas (KIP-966); none: the broker does not tell.
  std::optional<std::vector<std::int32_t>> eligible, last_known_eligible;
  wire::ErrorCode error = wire::ErrorCode::none;  // as LEADER_NOT_AVAILABLE

  bool under_replicated() const { return isr.size() < replicas.size(); }
};

struct TopicDescription {
  std::string name;
  Uuid id{};
  bool is_internal = false;
  std::vector<PartitionDescription> partitions;  // ascending
  std::int32_t authorized_operations = operations_untold;
};

struct MorePartitions {
  std::int32_t total = 0;                             // all of them, not the new ones
  std::vector<std::vector<std::int32_t>> assignment;  // brokers of each new one; empty: the controller decides
};

// --- Configurations

enum class ConfigResourceType : std::int8_t {
  topic = 2,
  broker = 4,
  broker_logger = 8,
  client_metrics = 16,
  group = 32
};

struct ConfigResource {
  ConfigResourceType type = ConfigResourceType::topic;
  std::string name;  // of a broker its id; empty: the default of all brokers
  auto operator<=>(const ConfigResource&) const = default;
};
std::string to_string(const ConfigResource& resource);  // "topic orders", "broker 1"

struct DescribeConfigsOptions {
  bool synonyms = false, documentation = false;
  std::vector<std::string> keys;  // empty: all
};

enum class ConfigOperation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

struct ConfigChange {
  std::string name;
  ConfigOperation operation = ConfigOperation::set;
  std::optional<std::string> value;
};

// --- The cluster

struct BrokerListing {
  std::int32_t id = -1;
  Endpoint endpoint;
  std::optional<std::string> rack;
  bool fenced = false;
};

struct ClusterDescription {
  std::string cluster_id;
  std::int32_t controller = -1;        // -1: none, or unknown
  std::vector<BrokerListing> brokers;  // by id
  std::int32_t authorized_operations = operations_untold;
};

struct ReplicaInfo {
  std::int64_t size_bytes = 0;
  std::int64_t offset_lag = 0;  // behind the high watermark, or for a future replica behind the current one
  bool is_future = false;       // on its way to this directory
};

struct LogDirectory {
  std::string path;
  wire::ErrorCode error = wire::ErrorCode::none;  // KAFKA_STORAGE_ERROR: offline
  std::map<TopicPartition, ReplicaInfo> replicas;
  std::int64_t total_bytes = -1, usable_bytes = -1;  // -1: the broker does not tell (KIP-827)
  bool cordoned = false;
};

// One copy of a partition.
struct ReplicaOf {
  TopicPartition partition;
  std::int32_t broker = -1;
  auto operator<=>(const ReplicaOf&) const = default;
};

struct ApiSupport {
  std::int16_t key = 0, first = 0, last = 0;
  std::string name;  // "Fetch"; empty: unknown to this library
};

enum class ElectionType : std::int8_t { preferred = 0, unclean = 1 };

struct Reassignment {
  std::vector<std::int32_t> replicas, adding, removing;
};

// --- Offsets

// A point in a partition: one of the named ones, or the first record at or after a time.
struct OffsetSpec {
  std::int64_t timestamp;
  static constexpr OffsetSpec latest() { return {-1}; }
  static constexpr OffsetSpec earliest() { return {-2}; }
  static constexpr OffsetSpec max_timestamp() { return {-3}; }
  static constexpr OffsetSpec earliest_local() { return {-4}; }
  static constexpr OffsetSpec latest_tiered() { return {-5}; }
  static constexpr OffsetSpec at(std::int64_t timestamp_ms) { return {timestamp_ms}; }
};

enum class IsolationLevel : std::int8_t { read_uncommitted = 0, read_committed = 1 };

struct ListedOffset {
  std::int64_t offset = -1;  // -1: no record is that late
  std::int64_t timestamp = -1;
  std::int32_t leader_epoch = -1;
};

struct EpochEnd {
  std::int32_t leader_epoch = -1;  // the largest not above the one asked for; -1: none
  std::int64_t end_offset = -1;
};

struct ProducerState {
  std::int64_t producer_id = -1;
  std::int32_t epoch = -1, last_sequence = -1;
  std::int64_t last_timestamp = -1;
  std::int32_t coordinator_epoch = -1;
  std::int64_t transaction_start_offset = -1;  // -1: no transaction is open
};

// --- Groups

struct GroupListing {
  std::string id, protocol_type;
  std::string state, type;  // "Stable", "classic"; empty: the broker does not tell
};

struct GroupListings {
  std::vector<GroupListing> groups;          // by id
  std::map<std::int32_t, Failure> failures;  // brokers that did not tell theirs
};

struct GroupMemberDescription {
  std::string member_id, client_id, client_host;
  std::optional<std::string> group_instance_id;
  std::vector<std::string> topics;                       // it subscribes to; where the protocol is "consumer"
  std::vector<TopicPartition> assignment;                // likewise
  std::vector<std::uint8_t> metadata, assignment_bytes;  // as the members wrote them
};

struct GroupDescription {
  std::string id, state, protocol_type, assignor;
  std::vector<GroupMemberDescription> members;
  std::int32_t coordinator = -1;
  std::int32_t authorized_operations = operations_untold;
};

struct CommittedOffset {
  std::int64_t offset = -1;
  std::int32_t leader_epoch = -1;  // of the record before it; -1: not known
  std::string metadata;
};

// A member as it is to be removed: by its instance id, or, where that is empty, by its member id.
struct MemberToRemove {
  std::string group_instance_id, member_id;
  auto operator<=>(const MemberToRemove&) const = default;
};

}  // namespace holdfast::client
