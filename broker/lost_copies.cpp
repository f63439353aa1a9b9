#include "broker/lost_copies.h"

#include <algorithm>
#include <charconv>

#include "broker/broker_ids.h"

namespace holdfast {
namespace {

bool counts_on(const znodes::PartitionState& state, std::int32_t replica) {
  return contains(state.isr, replica) || contains(state.elr, replica) || contains(state.last_known_elr, replica);
}

template <class Wanted>
std::vector<PartitionRecord> partitions_that(const zk::Tree& tree, Wanted wanted) {
  std::vector<PartitionRecord> out;
  const zk::Znode* topics = tree.find(znodes::topics);
  if (!topics) return out;
  for (const std::string_view name : zk::ChildNames(topics)) {
    const zk::Znode* node = tree.find(znodes::topic_path(name));
    auto topic = znodes::decode_topic(as_text(node->data.view()));
    if (!topic) continue;  // nobody can serve it either
    for (auto& [index, replicas] : topic->replicas) {
      const zk::Znode* state_node = tree.find(znodes::state_path(name, index));
      if (!state_node) continue;
      auto state = znodes::decode_partition_state(as_text(state_node->data.view()));
      if (!state) continue;
      const zk::Stat stat = tree.stat(*state_node);
      PartitionRecord record{.topic = std::string(name),
                             .id = {topic->id, index},
                             .replicas = std::move(replicas),
                             .state = std::move(*state),
                             .topic_czxid = tree.stat(*node).czxid,
                             .state_version = stat.version,
                             .created_zxid = stat.czxid,
                             .state_zxid = stat.mzxid};
      if (wanted(record)) out.push_back(std::move(record));
    }
  }
  return out;
}

}  // namespace

std::vector<PartitionRecord> partitions_counting_on(const zk::Tree& tree, std::int32_t replica) {
  return partitions_that(tree, [replica](const PartitionRecord& p) { return counts_on(p.state, replica); });
}

std::set<LogId> partitions_assigned_to(const zk::Tree& tree, std::int32_t replica, Zxid before) {
  std::set<LogId> out;
  auto assigned = [&](const PartitionRecord& p) {
    return contains(p.replicas, replica) && p.created_zxid < before.value;
  };
  for (const PartitionRecord& p : partitions_that(tree, std::move(assigned))) out.insert(p.id);
  return out;
}

LostCopies lost_copies(std::vector<PartitionRecord> partitions, std::int32_t replica, const std::set<LogId>& logs) {
  LostCopies out;
  for (PartitionRecord& p : partitions) {
    if (logs.contains(p.id)) continue;
    if (p.replicas == std::vector{replica}) {
      ++out.single;
      continue;
    }
    if (!counts_on(p.state, replica)) continue;
    std::erase(p.state.isr, replica);
    std::erase(p.state.elr, replica);
    std::erase(p.state.last_known_elr, replica);
    if (p.state.leader == replica) {
      p.state.leader = -1;
      ++p.state.leader_epoch;
    }
    if (p.state.isr.empty() && p.state.elr.empty()) ++out.nobody_left;
    out.states.push_back(std::move(p));
  }
  return out;
}

bool lost_directory(const std::vector<std::string>& before, const std::vector<std::string>& now) {
  return std::ranges::any_of(before, [&](const std::string& id) { return std::ranges::find(now, id) == now.end(); });
}

}  // namespace holdfast
