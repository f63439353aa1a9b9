#include "client/assignor_sticky.h"

#include <algorithm>
#include <deque>
#include <tuple>

#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast::client {
namespace sticky {

Ownership settle(const Claims& claims, const PartitionCounts& partitions) {
  struct Owner {
    std::string member;
    std::int32_t generation;
    bool contested = false;
  };
  std::map<TopicPartition, Owner> owners;
  Ownership ownership;
  for (const auto& [member, claim] : claims) {
    for (const TopicPartition& p : claim.partitions) {
      const auto topic = partitions.find(p.topic);
      if (topic == partitions.end() || p.partition < 0 || p.partition >= topic->second) continue;
      const auto [at, fresh] = owners.try_emplace(p, Owner{member, claim.generation});
      Owner& owner = at->second;
      if (fresh || owner.member == member) continue;
      if (claim.generation == owner.generation) {
        owner.contested = true;
      } else if (claim.generation > owner.generation) {
        ownership.previous[p] = {owner.member, owner.generation};
        owner = {member, claim.generation};
      } else {
        PreviousOwner& previous = ownership.previous[p];
        if (previous.member.empty() || claim.generation > previous.generation) previous = {member, claim.generation};
      }
    }
  }
  for (const auto& [member, claim] : claims) ownership.owned[member];
  for (const auto& [p, owner] : owners)
    if (!owner.contested) ownership.owned[owner.member].push_back(p);
  return ownership;
}

namespace {

class EqualAssignment {
 public:
  EqualAssignment(const PartitionCounts& partitions, const std::set<std::string>& topics, const Ownership& ownership)
      : ownership_(ownership) {
    for (const std::string& topic : topics) {
      const auto count = partitions.find(topic);
      if (count == partitions.end()) continue;
      for (std::int32_t p = 0; p < count->second; ++p) all_.push_back({topic, p});
    }
    const std::size_t members = ownership.owned.size();
    quota_min_ = all_.size() / members;
    quota_max_ = (all_.size() + members - 1) / members;
    over_min_wanted_ = all_.size() % members;
  }

  GroupAssignment run() {
    for (const auto& [member, owned] : ownership_.owned) keep(member, owned);
    std::vector<TopicPartition> free;
    for (const TopicPartition& p : all_)
      if (!kept_.contains(p)) free.push_back(p);
    // One after the other up to the smaller quota, then some up to the larger.
    std::size_t turn = 0;
    for (TopicPartition& p : free) {
      if (turn >= under_min_.size()) turn = 0;
      if (under_min_.empty()) {
        HOLDFAST_CHECK(!at_min_.empty());
        assignment_[at_min_.front()].push_back(std::move(p));
        at_min_.pop_front();
        continue;
      }
      const std::string member = under_min_[turn];
      auto& theirs = assignment_[member];
      theirs.push_back(std::move(p));
      if (theirs.size() < quota_min_) {
        ++turn;
        continue;
      }
      under_min_.erase(under_min_.begin() + static_cast<std::ptrdiff_t>(turn));
      at_min_.push_back(member);
    }
    return std::move(assignment_);
  }

 private:
  // Of what a member owns, what it may keep.
  void keep(const std::string& member, std::vector<TopicPartition> owned) {
    std::sort(owned.begin(), owned.end(), [](const TopicPartition& a, const TopicPartition& b) {
      return std::tie(a.partition, a.topic) < std::tie(b.partition, b.topic);
    });
    std::size_t count = quota_min_;
    if (owned.size() < quota_min_) {
      count = owned.size();
      under_min_.push_back(member);
    } else if (owned.size() >= quota_max_ && over_min_ < over_min_wanted_) {
      count = quota_max_;
      if (++over_min_ == over_min_wanted_) at_min_.clear();
    } else if (over_min_ < over_min_wanted_) {
      at_min_.push_back(member);
    }
    owned.resize(count);
    kept_.insert(owned.begin(), owned.end());
    assignment_[member] = std::move(owned);
  }

  const Ownership& ownership_;
  std::vector<TopicPartition> all_;
  std::size_t quota_min_, quota_max_;
  std::size_t over_min_wanted_, over_min_ = 0;  // members with the larger quota
  std::vector<std::string> under_min_;
  std::deque<std::string> at_min_;  // who may get one more
  std::set<TopicPartition> kept_;
  GroupAssignment assignment_;
};

}  // namespace

GroupAssignment assign_equal(const PartitionCounts& partitions, const std::set<std::string>& topics,
                             const Ownership& ownership) {
  return EqualAssignment(partitions, topics, ownership).run();
}

}  // namespace sticky

namespace {

using sticky::Claim;
using sticky::Claims;

GroupAssignment assign_sticky(const PartitionCounts& partitions, const GroupMembers& members, const Claims& claims) {
  if (members.empty()) return {};
  std::set<std::string> topics;
  bool equal = true;
  for (const auto& [id, member] : members) {
    std::set<std::string> theirs(member.topics.begin(), member.topics.end());
    if (id == members.begin()->first)
      topics = std::move(theirs);
    else
      equal = equal && topics == theirs;
  }
  PartitionCounts subscribed;
  for (const auto& [id, member] : members)
    for (const std::string& topic : member.topics)
      if (const auto count = partitions.find(topic); count != partitions.end()) subscribed.insert(*count);
  const auto ownership = sticky::settle(claims, subscribed);
  return equal ? sticky::assign_equal(partitions, topics, ownership)
               : sticky::assign_unequal(partitions, members, ownership);
}

class StickyAssignor final : public Assignor {
 public:
  std::string_view name() const override { return "sticky"; }

  GroupAssignment assign(const PartitionCounts& partitions, const GroupMembers& members) const override {
    Claims claims;
    for (const auto& [id, member] : members) claims[id] = claim_of(member);
    return assign_sticky(partitions, members, claims);
  }

  // previous_assignment: [topic string, partitions: [i32]], generation: i32
  std::optional<std::vector<std::uint8_t>> user_data() const override {
    if (generation_ < 0) return {};
    std::map<std::string, std::vector<std::int32_t>> by_topic;
    for (const TopicPartition& p : assigned_) by_topic[p.topic].push_back(p.partition);
    wire::Writer out;
    out.i32(static_cast<std::int32_t>(by_topic.size()));
    for (const auto& [topic, indexes] : by_topic) {
      out.i16(static_cast<std::int16_t>(topic.size()));
      out.raw(topic);
      out.i32(static_cast<std::int32_t>(indexes.size()));
      for (const std::int32_t p : indexes) out.i32(p);
    }
    out.i32(generation_);
    return out.take().flatten();
  }

  void on_assignment(const std::vector<TopicPartition>& assigned, std::int32_t generation) override {
    assigned_ = assigned;
    generation_ = generation;
  }

 private:
  // Members give everything up before they join, so what they had is in their user data. Of bytes that are no such
  // data nothing is believed; version 0 ends before the generation.
  static Claim claim_of(const GroupMemberInfo& member) {
    if (!member.user_data) return {};
    wire::Reader in(*member.user_data);
    Claim claim;
    const std::int32_t topics = in.i32();
    for (std::int32_t t = 0; t < topics && in.ok(); ++t) {
      const std::int16_t length = in.i16();
      if (length < 0) return {};
      const std::string topic(as_text(in.raw(static_cast<std::size_t>(length))));
      const std::int32_t count = in.i32();
      for (std::int32_t p = 0; p < count && in.ok(); ++p) claim.partitions.push_back({topic, in.i32()});
    }
    if (!in.ok()) return {};
    if (in.remaining() >= 4) claim.generation = in.i32();
    return claim;
  }

  std::vector<TopicPartition> assigned_;
  std::int32_t generation_ = -1;
};

class CooperativeStickyAssignor final : public Assignor {
 public:
  std::string_view name() const override { return "cooperative-sticky"; }
  bool cooperative() const override { return true; }

  GroupAssignment assign(const PartitionCounts& partitions, const GroupMembers& members) const override {
    Claims claims;
    for (const auto& [id, member] : members) claims[id] = claim_of(member);
    GroupAssignment assignment = assign_sticky(partitions, members, claims);
    // What somebody still owns goes to nobody else yet: it is let go of first, and given in the rebalance after that.
    std::map<TopicPartition, std::string> owners;
    for (const auto& [id, member] : members)
      for (const TopicPartition& p : member.owned) owners[p] = id;
    for (auto& [id, theirs] : assignment) {
      const auto& owned = members.at(id).owned;
      const std::set<TopicPartition> mine(owned.begin(), owned.end());
      std::erase_if(theirs, [&](const TopicPartition& p) { return owners.contains(p) && !mine.contains(p); });
    }
    return assignment;
  }

  std::optional<std::vector<std::uint8_t>> user_data() const override {
    wire::Writer out;
    out.i32(generation_);
    return out.take().flatten();
  }

  void on_assignment(const std::vector<TopicPartition>&, std::int32_t generation) override { generation_ = generation; }

 private:
  static Claim claim_of(const GroupMemberInfo& member) {
    Claim claim{.partitions = member.owned, .generation = member.generation};
    if (claim.generation >= 0 || !member.user_data) return claim;
    wire::Reader in(*member.user_data);
    const std::int32_t generation = in.i32();
    if (in.ok()) claim.generation = generation;
    return claim;
  }

  std::int32_t generation_ = -1;
};

}  // namespace

std::unique_ptr<Assignor> sticky_assignor() { return std::make_unique<StickyAssignor>(); }
std::unique_ptr<Assignor> cooperative_sticky_assignor() { return std::make_unique<CooperativeStickyAssignor>(); }

}  // namespace holdfast::client
