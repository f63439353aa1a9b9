// The controller's planner: what has to change in the partitions of an image, because brokers went or came, because a
// reassignment can be finished, because leaders are not where they are preferred, or because somebody asked. Pure: it
// reads the image and decides. Who writes the plan (controller_writes.h) guards it by the versions it was made from, so
// that a plan overtaken by another change is refused whole and made again. Every plan is idempotent: made from an image
// in which it was carried out, it is empty.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/eligible_replicas.h"
#include "broker/metadata.h"
#include "broker/topic_planner.h"
#include "config/settings.h"
#include "runtime/function.h"

namespace holdfast {

struct PartitionChange {
  std::int32_t partition = 0;
  znodes::PartitionState state;       // the controller's epoch is the writer's to fill in
  std::int32_t expected_version = 0;  // of the state znode
  bool changed = true;                // false: it stays as it is, and must still be so when the topic is written
  // What it means, for those who count.
  bool elected = false, unclean = false, shrunk = false;
};

// What changes in one topic.
struct TopicChange {
  std::string topic;
  std::int64_t czxid = 0;             // of the topic znode
  std::optional<znodes::Topic> node;  // the topic znode anew; then everything here is one transaction
  std::int32_t expected_version = 0;  // of the topic znode
  std::vector<PartitionChange> partitions;
};

using ControllerPlan = std::vector<TopicChange>;

// What a topic's settings mean to the planner. Asked only where it matters.
struct TopicRule {
  ReplicaRule replicas{};
  bool unclean = false;  // it may lose records rather than have no leader (unclean.leader.election.enable)
  static TopicRule from(const TopicSettings& settings);
};
using TopicRules = Function<TopicRule(const TopicImage&) const>;

// What nobody asked for and has to be done: failed brokers leave the ISRs and lead nothing, partitions without a leader
// get one when there is one, reassignments are finished. The second looks at these partitions of one topic only (none
// named: at all of them).
ControllerPlan plan_repair(const Metadata& metadata, const TopicRules& rules);
std::optional<TopicChange> plan_repair(const Metadata& metadata, const TopicImage& topic,
                                       std::span<const std::int32_t> partitions, const TopicRules& rules);

// Leadership goes back to the preferred replicas of each broker that does not lead more than `allowed_percent` of the
// partitions that prefer it (leader.imbalance.per.broker.percentage).
ControllerPlan plan_rebalance(const Metadata& metadata, std::int64_t allowed_percent, const TopicRules& rules);

// Before a broker stops: what it leads goes to other members of the ISR, and it leaves the ISRs, wherever another live
// member can take over.
ControllerPlan plan_shutdown(const Metadata& metadata, std::int32_t broker, const TopicRules& rules);

struct PartitionName {
  std::string topic;
  std::int32_t partition = 0;
  auto operator<=>(const PartitionName&) const = default;
};
// A request's answers, one for each thing wanted, and what has to be written for those that are not refused.
struct AnsweredPlan {
  std::vector<AdminAnswer> answers;
  ControllerPlan plan;
};

enum class ElectionType : std::int8_t { preferred = 0, unclean = 1 };
AnsweredPlan plan_elections(const Metadata& metadata, ElectionType type, std::span<const PartitionName> wanted,
                            const TopicRules& rules);

// KIP-455: a new set of replicas for a partition, or, with none given, back to those it had.
struct Reassignment {
  PartitionName partition;
  std::optional<std::vector<std::int32_t>> replicas;
};
AnsweredPlan plan_reassignments(const Metadata& metadata, std::span<const Reassignment> wanted,
                                bool allow_replication_factor_change, const TopicRules& rules);

}  // namespace holdfast
