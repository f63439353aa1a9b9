// The planner for topics: what a request to create or grow a topic becomes, or why it is refused. Pure: it
// reads the image and decides; TopicAdmin writes what was decided, as one conditional multi.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/metadata.h"
#include "wire/kafka/errors.h"

namespace holdfast {

// What a request is told.
struct AdminAnswer {
  wire::ErrorCode error = wire::ErrorCode::none;
  std::string message;
};

struct NewTopic {
  std::string name;
  std::int32_t partitions = -1;                                   // -1: num.partitions
  std::int16_t replication_factor = -1;                           // -1: default.replication.factor
  std::map<std::int32_t, std::vector<std::int32_t>> assignments;  // manual placement; then the two above are -1
  bool duplicate_assignment = false;                              // the request named a partition twice
  znodes::Configs configs;
};

struct TopicPlan {
  wire::ErrorCode error = wire::ErrorCode::none;
  std::string message;
  std::vector<std::vector<std::int32_t>> replicas;  // by partition; the first replica leads
};

struct TopicDefaults {
  std::int32_t partitions = 1;
  std::int16_t replication_factor = 1;
};

// Why a name is not one of a topic; nothing when it is.
std::optional<std::string> topic_name_fault(std::string_view name);

// Why brokers cannot be the replicas of a partition; nothing when they can. They are alive, or `known` to exist.
std::optional<std::string> replicas_fault(const Metadata& metadata, std::vector<std::int32_t> replicas,
                                          std::span<const std::int32_t> known);

TopicPlan plan_topic(const Metadata& metadata, const NewTopic& topic, const TopicDefaults& defaults,
                     std::uint64_t random);

// Grows a topic to `count` partitions; `assignments` are those of the new ones, empty for automatic placement.
TopicPlan plan_growth(const Metadata& metadata, const TopicImage& topic, std::int32_t count,
                      const std::optional<std::vector<std::vector<std::int32_t>>>& assignments, std::uint64_t random);

// Replicas for `count` partitions over the brokers, spread over racks, leaders round robin from a random start
// (Kafka's AdminUtils). Empty when there are too few brokers.
std::vector<std::vector<std::int32_t>> place_replicas(const std::map<std::int32_t, BrokerImage>& brokers,
                                                      std::int32_t count, std::int16_t replication_factor,
                                                      std::uint64_t random);

}  // namespace holdfast
