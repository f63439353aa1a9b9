// The znodes that hold broker metadata: their paths and their JSON, in the layout of Kafka's ZooKeeper mode (ZkData).
// Pure. JSON is compact UTF-8; readers take keys in any order and ignore those they do not know.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/random.h"
#include "runtime/result.h"

namespace holdfast::znodes {

inline constexpr std::string_view broker_ids = "/brokers/ids";
inline constexpr std::string_view topics = "/brokers/topics";
inline constexpr std::string_view controller = "/controller";
inline constexpr std::string_view controller_epoch = "/controller_epoch";
inline constexpr std::string_view cluster_id = "/cluster/id";
inline constexpr std::string_view config_changes = "/config/changes";
inline constexpr std::string_view config_change_prefix = "/config/changes/config_change_";
inline constexpr std::string_view producer_id_block = "/latest_producer_id_block";

// The persistent znodes that every start makes sure of, parents first.
const std::vector<std::string>& persistent_paths();
// Subtrees that only the brokers themselves may change.
const std::vector<std::string>& protected_prefixes();

std::string broker_path(std::int32_t id);
std::string directories_path(std::int32_t broker);
std::string topic_path(std::string_view topic);
std::string partitions_path(std::string_view topic);
std::string partition_path(std::string_view topic, std::int32_t partition);
std::string state_path(std::string_view topic, std::int32_t partition);
std::string config_path(std::string_view entity_type, std::string_view entity);  // "topics", "brokers", ...

struct Broker {
  struct Listener {
    std::string name;
    std::string host;
    std::uint16_t port = 0;
    std::string security_protocol = "PLAINTEXT";
  };
  std::vector<Listener> listeners;
  std::string rack;  // empty: none
  std::int64_t timestamp_ms = 0;
  // Partitions, by topic id and ascending. Fields of our own, which Kafka's tools pass over.
  using Partitions = std::map<Uuid, std::vector<std::int32_t>>;
  Partitions offline;    // that it cannot serve: their log directory has failed
  Partitions full;       // that it can serve and not append to: there is no room in their log directory
  bool leaving = false;  // it stops: nobody takes it into an ISR any more (KIP-841)
};
std::string encode(const Broker& broker);
Result<Broker> decode_broker(std::string_view json);

// The log directories that a broker registered with, by their directory.id: with another set of them it may have lost
// what it had. Beside Kafka's layout, and not ephemeral.
std::string encode_directories(const std::vector<std::string>& ids);
Result<std::vector<std::string>> decode_directories(std::string_view json);

struct Topic {
  Uuid id{};
  std::map<std::int32_t, std::vector<std::int32_t>> replicas, adding, removing;
};
std::string encode(const Topic& topic);
Result<Topic> decode_topic(std::string_view json);

struct PartitionState {
  std::int32_t leader = -1;
  std::int32_t leader_epoch = 0;
  std::int32_t controller_epoch = 0;
  std::vector<std::int32_t> isr;
  // KIP-966, which Kafka's ZooKeeper mode did not have: only written where there are any.
  std::vector<std::int32_t> elr{}, last_known_elr{};
};
std::string encode(const PartitionState& state);
Result<PartitionState> decode_partition_state(std::string_view json);

std::string encode_controller(std::int32_t broker, std::int64_t timestamp_ms);
Result<std::int32_t> decode_controller(std::string_view json);
std::string encode_cluster_id(std::string_view id);
Result<std::string> decode_cluster_id(std::string_view json);

using Configs = std::map<std::string, std::string>;
std::string encode_configs(const Configs& configs);
Result<Configs> decode_configs(std::string_view json);
std::string encode_config_change(std::string_view entity_path);

struct ProducerIdBlock {
  std::int32_t broker = 0;
  std::int64_t first = 0, last = -1;  // inclusive
};
inline constexpr std::int64_t producer_id_block_size = 1000;
std::string encode(const ProducerIdBlock& block);
Result<ProducerIdBlock> decode_producer_id_block(std::string_view json);

}  // namespace holdfast::znodes
