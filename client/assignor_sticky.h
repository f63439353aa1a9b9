// The sticky assignors' algorithms (KIP-54, KIP-429), as Kafka's AbstractStickyAssignor has them. Internal to the
// assignors.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/assignor.h"

namespace holdfast::client::sticky {

// What a member claims to own, and since which generation.
struct Claim {
  std::vector<TopicPartition> partitions;
  std::int32_t generation = -1;
};
using Claims = std::map<std::string, Claim>;  // every member's

// As previous owners of a partition go: one of an older generation, who lost it to whoever owns it now.
struct PreviousOwner {
  std::string member;
  std::int32_t generation = -1;
};

// The claims that are believed: of several members that claim a partition, only that of the newest generation; of two
// in that generation, neither.
struct Ownership {
  std::map<std::string, std::vector<TopicPartition>> owned;  // every member's, without topics that are gone
  std::map<TopicPartition, PreviousOwner> previous;
};
Ownership settle(const Claims& claims, const PartitionCounts& partitions);

// Where all members subscribe to the same topics: nobody has two partitions more than another.
GroupAssignment assign_equal(const PartitionCounts& partitions, const std::set<std::string>& topics,
                             const Ownership& ownership);
// Where they do not: as even as the subscriptions let it be.
GroupAssignment assign_unequal(const PartitionCounts& partitions, const GroupMembers& members,
                               const Ownership& ownership);

}  // namespace holdfast::client::sticky
