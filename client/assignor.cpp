#include "client/assignor.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

namespace holdfast::client {
namespace {

GroupAssignment nothing_for(const GroupMembers& members) {
  GroupAssignment assignment;
  for (const auto& [id, member] : members) assignment[id];
  return assignment;
}

// Static members first, by the id that they keep; then the others by theirs.
std::vector<std::string> in_order(const GroupMembers& members) {
  std::vector<std::string> ids;
  for (const auto& [id, member] : members) ids.push_back(id);
  const auto key = [&](const std::string& id) {
    const auto& instance = members.at(id).group_instance_id;
    return std::tuple(!instance.has_value(), instance.value_or(""), std::string_view(id));
  };
  std::sort(ids.begin(), ids.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  return ids;
}

bool subscribes(const GroupMemberInfo& member, const std::string& topic) {
  return std::find(member.topics.begin(), member.topics.end(), topic) != member.topics.end();
}

class RangeAssignor final : public Assignor {
 public:
  std::string_view name() const override { return "range"; }

  GroupAssignment assign(const PartitionCounts& partitions, const GroupMembers& members) const override {
    GroupAssignment assignment = nothing_for(members);
    std::map<std::string, std::vector<std::string>> members_of;
    for (const std::string& id : in_order(members)) {
      const auto& topics = members.at(id).topics;
      for (const std::string& topic : std::set<std::string>(topics.begin(), topics.end()))
        members_of[topic].push_back(id);
    }
    for (const auto& [topic, ids] : members_of) {
      const auto count = partitions.find(topic);
      if (count == partitions.end()) continue;
      const auto members_count = static_cast<std::int32_t>(ids.size());
      const std::int32_t each = count->second / members_count, extra = count->second % members_count;
      std::int32_t next = 0;
      for (std::int32_t i = 0; i < members_count; ++i) {
        const std::int32_t end = next + each + (i < extra ? 1 : 0);
        for (; next < end; ++next) assignment[ids[static_cast<std::size_t>(i)]].push_back({topic, next});
      }
    }
    return assignment;
  }
};

class RoundRobinAssignor final : public Assignor {
 public:
  std::string_view name() const override { return "roundrobin"; }

  GroupAssignment assign(const PartitionCounts& partitions, const GroupMembers& members) const override {
    GroupAssignment assignment = nothing_for(members);
    std::set<std::string> topics;
    for (const auto& [id, member] : members) topics.insert(member.topics.begin(), member.topics.end());
    const std::vector<std::string> ids = in_order(members);
    std::size_t turn = 0;
    for (const std::string& topic : topics) {
      const auto count = partitions.find(topic);
      if (count == partitions.end()) continue;
      for (std::int32_t p = 0; p < count->second; ++p) {
        // Somebody subscribes to it, or it would not be among the topics.
        while (!subscribes(members.at(ids[turn % ids.size()]), topic)) ++turn;
        assignment[ids[turn++ % ids.size()]].push_back({topic, p});
      }
    }
    return assignment;
  }
};

}  // namespace

std::unique_ptr<Assignor> range_assignor() { return std::make_unique<RangeAssignor>(); }
std::unique_ptr<Assignor> round_robin_assignor() { return std::make_unique<RoundRobinAssignor>(); }

std::unique_ptr<Assignor> make_assignor(std::string_view name) {
  struct Row {
    std::string_view name, class_name;
    std::unique_ptr<Assignor> (*make)();
  };
  constexpr std::array rows{
      Row{"range", "org.apache.kafka.clients.consumer.RangeAssignor", range_assignor},
      Row{"roundrobin", "org.apache.kafka.clients.consumer.RoundRobinAssignor", round_robin_assignor},
      Row{"sticky", "org.apache.kafka.clients.consumer.StickyAssignor", sticky_assignor},
      Row{"cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
          cooperative_sticky_assignor},
  };
  for (const Row& row : rows)
    if (name == row.name || name == row.class_name) return row.make();
  return nullptr;
}

}  // namespace holdfast::client
