#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "client/assignor_sticky.h"

namespace holdfast::client::sticky {
namespace {

using Member = std::string;

// Moves of the run so far, so that a partition does not go one way while another of its topic goes the other: then the
// second would better have stayed.
class Moves {
 public:
  void add(const TopicPartition& p, const Member& from, const Member& to) {
    Member source = from;
    if (const auto before = moved_.find(p); before != moved_.end()) {
      source = before->second.first;
      by_topic_[p.topic][before->second].erase(p);
      moved_.erase(before);
      if (source == to) return;  // back where it was
    }
    moved_[p] = {source, to};
    by_topic_[p.topic][{source, to}].insert(p);
  }

  // Who had better move, if `p` is to go from `from` to `to`.
  TopicPartition instead_of(const TopicPartition& p, const Member& from, const Member& to) const {
    const auto topic = by_topic_.find(p.topic);
    if (topic == by_topic_.end()) return p;
    const auto before = moved_.find(p);
    const Member& source = before == moved_.end() ? from : before->second.first;
    const auto back = topic->second.find({to, source});
    return back == topic->second.end() || back->second.empty() ? p : *back->second.begin();
  }

 private:
  using Way = std::pair<Member, Member>;
  std::map<TopicPartition, Way> moved_;
  std::map<std::string, std::map<Way, std::set<TopicPartition>>> by_topic_;
};

class UnequalAssignment {
 public:
  UnequalAssignment(const PartitionCounts& partitions, const GroupMembers& members, const Ownership& ownership)
      : partitions_(partitions), previous_(ownership.previous) {
    for (const auto& [id, member] : members) {
      topics_of_[id];
      for (const std::string& topic : std::set<std::string>(member.topics.begin(), member.topics.end())) {
        if (!partitions.contains(topic)) continue;
        topics_of_[id].insert(topic);
        members_of_[topic].insert(id);
      }
      assignment_[id];
    }
    for (const auto& [id, owned] : ownership.owned)
      for (const TopicPartition& p : owned) {
        if (topics_of_[id].contains(p.topic))
          give(p, id);
        else
          revoked_ = true;
      }
  }

  GroupAssignment run() {
    enroll();
    const bool from_nothing = assignment_[by_size_.rbegin()->second].empty();
    const std::vector<TopicPartition> all = in_order();
    std::vector<TopicPartition> added;
    for (const TopicPartition& p : all)
      if (!owner_.contains(p)) added.push_back(p);
    for (const TopicPartition& p : added) give_to_the_least(p);

    // Who has no choice takes no part in what follows.
    const auto can_move = [&](const TopicPartition& p) { return members_of_.at(p.topic).size() > 1; };
    std::vector<TopicPartition> movable, movable_added;
    std::copy_if(all.begin(), all.end(), std::back_inserter(movable), can_move);
    std::copy_if(added.begin(), added.end(), std::back_inserter(movable_added), can_move);
    for (const auto& [member, theirs] : assignment_)
      if (!takes_part(member)) by_size_.erase({theirs.size(), member});

    const auto before = std::tuple(assignment_, owner_);
    const std::int64_t imbalance_before = imbalance();
    if (!revoked_) reassign(movable_added);
    const bool changed = reassign(movable);
    if (!from_nothing && changed && imbalance() >= imbalance_before) std::tie(assignment_, owner_) = before;

    GroupAssignment result;
    for (const auto& [member, theirs] : assignment_) result[member].assign(theirs.begin(), theirs.end());
    return result;
  }

 private:
  using BySize = std::set<std::pair<std::size_t, Member>>;

  void enroll() {
    for (const auto& [member, theirs] : assignment_) by_size_.emplace(theirs.size(), member);
  }

  // Those that few may have come first.
  std::vector<TopicPartition> in_order() const {
    std::vector<std::pair<std::size_t, std::string>> topics;
    for (const auto& [topic, members] : members_of_) topics.emplace_back(members.size(), topic);
    std::sort(topics.begin(), topics.end());
    std::vector<TopicPartition> all;
    for (const auto& [members, topic] : topics)
      for (std::int32_t p = 0; p < partitions_.at(topic); ++p) all.push_back({topic, p});
    return all;
  }

  void give(const TopicPartition& p, const Member& to) {
    const auto from = owner_.find(p);
    if (from != owner_.end()) {
      auto& theirs = assignment_[from->second];
      const bool enrolled = by_size_.erase({theirs.size(), from->second}) > 0;
      theirs.erase(p);
      if (enrolled) by_size_.emplace(theirs.size(), from->second);
    }
    auto& theirs = assignment_[to];
    const bool enrolled = by_size_.erase({theirs.size(), to}) > 0;
    theirs.insert(p);
    if (enrolled) by_size_.emplace(theirs.size(), to);
    owner_[p] = to;
  }

  // Who has the fewest of those that subscribe to it.
  std::optional<Member> least_for(const TopicPartition& p) const {
    for (const auto& [size, member] : by_size_)
      if (topics_of_.at(member).contains(p.topic)) return member;
    return {};
  }
  void give_to_the_least(const TopicPartition& p) {
    const auto member = least_for(p);
    if (member) give(p, *member);
  }

  std::size_t could_have(const Member& member) const {
    std::size_t count = 0;
    const auto topics = topics_of_.find(member);
    if (topics == topics_of_.end()) return 0;
    for (const std::string& topic : topics->second) count += static_cast<std::size_t>(partitions_.at(topic));
    return count;
  }

  bool takes_part(const Member& member) const {
    const auto& theirs = assignment_.at(member);
    if (theirs.size() < could_have(member)) return true;
    return std::any_of(theirs.begin(), theirs.end(),
                       [&](const TopicPartition& p) { return members_of_.at(p.topic).size() > 1; });
  }

  bool balanced() const {
    if (by_size_.empty() || by_size_.begin()->first + 1 >= by_size_.rbegin()->first) return true;
    for (const auto& [size, member] : by_size_) {
      if (size == could_have(member)) continue;
      for (const std::string& topic : topics_of_.at(member))
        for (std::int32_t p = 0; p < partitions_.at(topic); ++p) {
          const Member& owner = owner_.at({topic, p});
          if (owner != member && size < assignment_.at(owner).size()) return false;
        }
    }
    return true;
  }

  std::size_t size_of(const Member& member) const { return assignment_.at(member).size(); }

  bool reassign(const std::vector<TopicPartition>& movable) {
    bool performed = false;
    // Each move takes from somebody who has at least two more than who gets it, so it comes to an end; the bound is for
    // moves that another one takes the place of.
    for (std::size_t pass = 0; pass <= owner_.size(); ++pass) {
      bool modified = false;
      for (const TopicPartition& p : movable) {
        if (balanced()) break;
        const Member owner = owner_.at(p);
        const auto previous = previous_.find(p);
        if (previous != previous_.end() && assignment_.contains(previous->second.member) &&
            topics_of_[previous->second.member].contains(p.topic) &&
            size_of(owner) > size_of(previous->second.member) + 1) {
          move(p, previous->second.member);
          modified = true;
          continue;
        }
        const auto& candidates = members_of_.at(p.topic);
        const bool better = std::any_of(candidates.begin(), candidates.end(),
                                        [&](const Member& other) { return size_of(owner) > size_of(other) + 1; });
        const auto least = better ? least_for(p) : std::nullopt;
        if (!least) continue;
        move(p, *least);
        modified = true;
      }
      if (!modified) break;
      performed = true;
    }
    return performed;
  }

  void move(const TopicPartition& wanted, const Member& to) {
    const Member from = owner_.at(wanted);
    const TopicPartition p = moves_.instead_of(wanted, from, to);
    moves_.add(p, owner_.at(p), to);
    give(p, to);
  }

  // The sum of what each two of them differ by.
  std::int64_t imbalance() const {
    std::int64_t sum = 0;
    for (auto a = assignment_.begin(); a != assignment_.end(); ++a)
      for (auto b = std::next(a); b != assignment_.end(); ++b)
        sum += std::abs(static_cast<std::int64_t>(a->second.size()) - static_cast<std::int64_t>(b->second.size()));
    return sum;
  }

  const PartitionCounts& partitions_;
  const std::map<TopicPartition, PreviousOwner>& previous_;
  std::map<Member, std::set<std::string>> topics_of_;
  std::map<std::string, std::set<Member>> members_of_;
  std::map<Member, std::set<TopicPartition>> assignment_;
  std::map<TopicPartition, Member> owner_;
  BySize by_size_;  // of those who take part
  Moves moves_;
  bool revoked_ = false;  // somebody owns what it no longer subscribes to
};

}  // namespace

GroupAssignment assign_unequal(const PartitionCounts& partitions, const GroupMembers& members,
                               const Ownership& ownership) {
  return UnequalAssignment(partitions, members, ownership).run();
}

}  // namespace holdfast::client::sticky
