// What the verbs of `holdfast group` share.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <vector>

#include "client/admin_types.h"
#include "client/cli_session.h"

namespace holdfast::client {

class Cli;

// Where a group stands in one partition.
struct GroupPosition {
  std::int64_t committed = -1;  // -1: nothing
  std::int64_t end = -1;        // -1: unknown
  std::int64_t lag() const { return committed < 0 || end < 0 ? -1 : std::max<std::int64_t>(0, end - committed); }
};
using GroupPositions = std::map<TopicPartition, GroupPosition>;

// Of all partitions that the group has committed offsets of, and of those named; unknown where the coordinator does not
// tell one.
Task<Outcome<GroupPositions>> group_positions(Admin& admin, std::string group, std::vector<TopicPartition> also = {});

void add_group_reset_verb(Cli& cli);

}  // namespace holdfast::client
