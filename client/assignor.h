// Assignor: how the leader of a classic consumer group spreads partitions over the members, by the rules of Kafka's own
// client and with its bytes in the subscriptions, so that members of both kinds share a group:
//
//   range               of each topic a run of neighbouring partitions
//   roundrobin          partition by partition, member by member
//   sticky              as even as it can be, and then with as few moves as can be (KIP-54)
//   cooperative-sticky  the same, but nobody gets a partition before its owner has let go of it (KIP-429)
//
// Pure: assign() follows from what it is given. An assignor belongs to one member, and remembers for the next
// subscription what that member was given last.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/metadata_cache.h"

namespace holdfast::client {

// A member as its subscription tells the leader.
struct GroupMemberInfo {
  std::vector<std::string> topics;
  std::optional<std::string> group_instance_id;
  std::vector<TopicPartition> owned;  // from version 1 of the subscription
  std::int32_t generation = -1;       // in which they were owned; from version 2
  std::optional<std::string> rack;    // from version 3
  std::optional<std::vector<std::uint8_t>> user_data;
};
using GroupMembers = std::map<std::string, GroupMemberInfo>;  // by member id
using PartitionCounts = std::map<std::string, std::int32_t>;  // of the topics that exist
using GroupAssignment = std::map<std::string, std::vector<TopicPartition>>;

class Assignor {
 public:
  virtual ~Assignor() = default;
  virtual std::string_view name() const = 0;
  // Whether members may keep what they own through a rebalance.
  virtual bool cooperative() const { return false; }
  // Every member is in the answer.
  virtual GroupAssignment assign(const PartitionCounts& partitions, const GroupMembers& members) const = 0;

  // What the subscription carries for the leader's assignor.
  virtual std::optional<std::vector<std::uint8_t>> user_data() const { return {}; }
  virtual void on_assignment(const std::vector<TopicPartition>& /*assigned*/, std::int32_t /*generation*/) {}
};

std::unique_ptr<Assignor> range_assignor();
std::unique_ptr<Assignor> round_robin_assignor();
std::unique_ptr<Assignor> sticky_assignor();
std::unique_ptr<Assignor> cooperative_sticky_assignor();
// By its name() or the class name of Kafka's client; null: there is none.
std::unique_ptr<Assignor> make_assignor(std::string_view name);

}  // namespace holdfast::client
