#include "tests/simulation/brokers/group_history.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::sim {

void GroupHistory::distributed(const std::string& group, std::int32_t generation,
                               const std::map<std::string, Partitions>& shares) {
  groups_[group].distributed[generation].push_back(shares);
}

void GroupHistory::assigned(const std::string& group, std::int32_t generation, const std::string& member,
                            const std::string& owner, const Partitions& share, std::int32_t coordinator) {
  if (records_.groups_are_lost()) return;
  Group& g = groups_[group];
  if (g.began.try_emplace({coordinator, generation}, now_++).second) ++generations_;
  const bool said = std::ranges::any_of(g.distributed[generation], [&](const auto& shares) {
    const auto own = shares.find(member);
    return own != shares.end() && own->second == share;
  });
  // The share of a static member goes with its name, though the leader knew it under another id.
  if (!said && owner == member)
    records_.complaint(fmt::format("R16: {}: member {} of generation {} is given {}, which its leader did not say",
                                   group, member, generation, fmt::join(share, ",")));
  for (const std::int32_t partition : share) {
    const auto [before, is_new] = g.owners[{coordinator, generation}].try_emplace(partition, owner);
    if (!is_new && before->second != owner)
      records_.complaint(fmt::format("R16: {}: in generation {} partition {} belongs to {}, and to {}", group,
                                     generation, partition, before->second, owner));
  }
}

GroupHistory::Commit GroupHistory::commits(const std::string& group, std::int32_t partition, std::int32_t generation,
                                           std::int64_t offset) {
  const Commit commit{now_++, generation, offset};
  groups_[group].partitions[partition].open.push_back(commit);
  return commit;
}

void GroupHistory::committed(const std::string& group, std::int32_t partition, const Commit& commit,
                             std::int32_t coordinator) {
  ++commit_count_;
  Group& g = groups_[group];
  Partition& p = g.partitions[partition];
  std::erase_if(p.open, [&](const Commit& c) { return c.number == commit.number; });
  const auto newer = std::ranges::find_if(g.began, [&](const auto& told) {
    return told.first.first == coordinator && told.first.second > commit.generation && told.second < commit.number;
  });
  if (newer != g.began.end() && !records_.groups_are_lost())
    records_.complaint(fmt::format("R16: {}-{}: {} was accepted of generation {}, when generation {} had begun", group,
                                   partition, commit.offset, commit.generation, newer->first.second));
  if (commit.number < p.last.number) return;
  p.last = commit;
  p.last_at = now_++;
}

void GroupHistory::read_back(const std::string& group, std::int32_t partition, std::int64_t offset,
                             std::uint64_t asked_at) {
  Group& g = groups_[group];
  Partition& p = g.partitions[partition];
  // What was acknowledged while it was asked may be in the answer, or not.
  if (records_.groups_are_lost() || p.last_at >= asked_at || offset == p.last.offset) return;
  const auto may_be = [&](const Commit& c) { return c.offset == offset && c.generation >= p.last.generation; };
  if (std::ranges::any_of(p.open, may_be)) return;
  records_.complaint(fmt::format("R16: {}-{}: {} is committed, after {} of generation {} was", group, partition, offset,
                                 p.last.offset, p.last.generation));
}

}  // namespace holdfast::sim
