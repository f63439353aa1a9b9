// The assignors, with the examples of Kafka's documentation and the bytes of its client.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "client/assignor.h"
#include "client/group_member.h"
#include "runtime/random.h"

namespace holdfast::client {
namespace {

using Names = std::vector<std::string>;
using Parts = std::vector<TopicPartition>;

GroupMemberInfo subscribed(Names topics) {
  GroupMemberInfo member;
  member.topics = std::move(topics);
  return member;
}

GroupAssignment sorted(GroupAssignment assignment) {
  for (auto& [member, partitions] : assignment) std::sort(partitions.begin(), partitions.end());
  return assignment;
}

GroupAssignment run(const std::unique_ptr<Assignor>& assignor, const PartitionCounts& partitions,
                    const GroupMembers& members) {
  return sorted(assignor->assign(partitions, members));
}

// Every partition that somebody subscribes to has one owner, who does subscribe.
void expect_complete(const PartitionCounts& partitions, const GroupMembers& members, const GroupAssignment& given) {
  std::map<TopicPartition, std::string> owners;
  for (const auto& [id, theirs] : given)
    for (const TopicPartition& p : theirs) {
      EXPECT_TRUE(owners.emplace(p, id).second) << to_string(p) << " twice";
      const auto& topics = members.at(id).topics;
      EXPECT_NE(std::find(topics.begin(), topics.end(), p.topic), topics.end()) << id << " has " << to_string(p);
    }
  for (const auto& [topic, count] : partitions) {
    const bool wanted = std::any_of(members.begin(), members.end(), [&](const auto& member) {
      const auto& topics = member.second.topics;
      return std::find(topics.begin(), topics.end(), topic) != topics.end();
    });
    for (std::int32_t p = 0; wanted && p < count; ++p)
      EXPECT_TRUE(owners.contains({topic, p})) << topic << "-" << p << " has no owner";
  }
  EXPECT_EQ(given.size(), members.size());
}

std::size_t moves(const GroupAssignment& before, const GroupAssignment& after) {
  std::map<TopicPartition, std::string> owner;
  for (const auto& [id, theirs] : before)
    for (const TopicPartition& p : theirs) owner[p] = id;
  std::size_t moved = 0;
  for (const auto& [id, theirs] : after)
    for (const TopicPartition& p : theirs) moved += owner.contains(p) && owner[p] != id && after.contains(owner[p]);
  return moved;
}

// --- Range and round robin, as the documentation of RangeAssignor and RoundRobinAssignor has them

TEST(RangeAssignor, GivesNeighboursOfEachTopic) {
  const GroupMembers members{{"C0", subscribed({"t0", "t1"})}, {"C1", subscribed({"t0", "t1"})}};
  const GroupAssignment expected{{"C0", {{"t0", 0}, {"t0", 1}, {"t1", 0}, {"t1", 1}}}, {"C1", {{"t0", 2}, {"t1", 2}}}};
  EXPECT_EQ(run(range_assignor(), {{"t0", 3}, {"t1", 3}}, members), expected);
}

TEST(RangeAssignor, OrdersStaticMembersByTheirInstance) {
  GroupMembers members{{"a", subscribed({"t"})}, {"b", subscribed({"t"})}, {"c", subscribed({"t"})}};
  members["c"].group_instance_id = "1";
  members["b"].group_instance_id = "2";
  const GroupAssignment expected{{"c", {{"t", 0}, {"t", 1}}}, {"b", {{"t", 2}}}, {"a", {{"t", 3}}}};
  EXPECT_EQ(run(range_assignor(), {{"t", 4}}, members), expected);
}

TEST(RangeAssignor, LeavesOutTopicsThatDoNotExist) {
  const GroupMembers members{{"a", subscribed({"gone", "t"})}, {"b", subscribed({"gone"})}};
  const GroupAssignment expected{{"a", {{"t", 0}}}, {"b", {}}};
  EXPECT_EQ(run(range_assignor(), {{"t", 1}}, members), expected);
}

TEST(RoundRobinAssignor, GivesOneAfterTheOther) {
  const GroupMembers members{{"C0", subscribed({"t0", "t1"})}, {"C1", subscribed({"t0", "t1"})}};
  const GroupAssignment expected{{"C0", {{"t0", 0}, {"t0", 2}, {"t1", 1}}}, {"C1", {{"t0", 1}, {"t1", 0}, {"t1", 2}}}};
  EXPECT_EQ(run(round_robin_assignor(), {{"t0", 3}, {"t1", 3}}, members), expected);
}

TEST(RoundRobinAssignor, PassesOverWhoDoesNotSubscribe) {
  const GroupMembers members{
      {"C0", subscribed({"t0"})}, {"C1", subscribed({"t0", "t1"})}, {"C2", subscribed({"t0", "t1", "t2"})}};
  const GroupAssignment expected{
      {"C0", {{"t0", 0}}}, {"C1", {{"t1", 0}}}, {"C2", {{"t1", 1}, {"t2", 0}, {"t2", 1}, {"t2", 2}}}};
  EXPECT_EQ(run(round_robin_assignor(), {{"t0", 1}, {"t1", 2}, {"t2", 3}}, members), expected);
}

// --- Sticky. A group that is assigned again and again, each member remembering what it got.

class StickyGroup {
 public:
  explicit StickyGroup(PartitionCounts partitions) : partitions_(std::move(partitions)) {}

  void join(const std::string& id, Names topics) {
    topics_[id] = std::move(topics);
    assignors_[id] = sticky_assignor();
  }
  void leave(const std::string& id) { topics_.erase(id), assignors_.erase(id); }

  GroupAssignment rebalance() {
    GroupMembers members;
    for (const auto& [id, topics] : topics_) {
      members[id] = subscribed(topics);
      members[id].user_data = assignors_[id]->user_data();
    }
    GroupAssignment given = run(sticky_assignor(), partitions_, members);
    expect_complete(partitions_, members, given);
    ++generation_;
    for (auto& [id, assignor] : assignors_) assignor->on_assignment(given[id], generation_);
    return given;
  }
  PartitionCounts& partitions() { return partitions_; }

 private:
  PartitionCounts partitions_;
  std::map<std::string, Names> topics_;
  std::map<std::string, std::unique_ptr<Assignor>> assignors_;
  std::int32_t generation_ = 0;
};

// StickyAssignor's documentation, first example.
TEST(StickyAssignor, MovesOnlyWhatItMust) {
  const Names all{"t0", "t1", "t2", "t3"};
  StickyGroup group({{"t0", 2}, {"t1", 2}, {"t2", 2}, {"t3", 2}});
  for (const char* id : {"C0", "C1", "C2"}) group.join(id, all);
  const GroupAssignment first = group.rebalance();
  const GroupAssignment expected{{"C0", {{"t0", 0}, {"t1", 1}, {"t3", 0}}},
                                 {"C1", {{"t0", 1}, {"t2", 0}, {"t3", 1}}},
                                 {"C2", {{"t1", 0}, {"t2", 1}}}};
  EXPECT_EQ(first, expected);
  group.leave("C1");
  const GroupAssignment second = group.rebalance();
  EXPECT_EQ(moves(first, second), 0u);
  EXPECT_EQ(second.at("C0").size(), 4u);
  EXPECT_EQ(second.at("C2").size(), 4u);
}

// Its second example: the members subscribe to different topics.
TEST(StickyAssignor, MovesOnlyWhatItMustWithUnequalSubscriptions) {
  StickyGroup group({{"t0", 1}, {"t1", 2}, {"t2", 3}});
  group.join("C0", {"t0"});
  group.join("C1", {"t0", "t1"});
  group.join("C2", {"t0", "t1", "t2"});
  const GroupAssignment expected{
      {"C0", {{"t0", 0}}}, {"C1", {{"t1", 0}, {"t1", 1}}}, {"C2", {{"t2", 0}, {"t2", 1}, {"t2", 2}}}};
  EXPECT_EQ(group.rebalance(), expected);
  group.leave("C0");
  const GroupAssignment after{{"C1", {{"t0", 0}, {"t1", 0}, {"t1", 1}}}, {"C2", {{"t2", 0}, {"t2", 1}, {"t2", 2}}}};
  EXPECT_EQ(group.rebalance(), after);
}

TEST(StickyAssignor, MakesRoomForWhoComes) {
  StickyGroup group({{"t", 6}});
  group.join("a", {"t"});
  group.join("b", {"t"});
  const GroupAssignment first = group.rebalance();
  group.join("c", {"t"});
  const GroupAssignment second = group.rebalance();
  for (const auto& [id, theirs] : second) EXPECT_EQ(theirs.size(), 2u) << id;
  EXPECT_EQ(moves(first, second), 2u);
}

TEST(StickyAssignor, TakesTopicsThatGrowAndGo) {
  StickyGroup group({{"t", 2}, {"u", 4}});
  group.join("a", {"t", "u"});
  group.join("b", {"t", "u"});
  group.rebalance();
  group.partitions() = {{"t", 5}};
  const GroupAssignment given = group.rebalance();
  EXPECT_EQ(given.at("a").size() + given.at("b").size(), 5u);
  EXPECT_LE(std::max(given.at("a").size(), given.at("b").size()), 3u);
}

// Random groups that come and go: always complete, as even as it can be where all subscribe to the same, and a
// rebalance without any change moves nothing.
TEST(StickyAssignor, StaysCompleteEvenAndStill) {
  const auto random = seeded_random(7);
  for (int round = 0; round < 60; ++round) {
    PartitionCounts partitions;
    Names all;
    for (std::uint64_t t = 0; t <= random->below(4); ++t) {
      all.push_back("t" + std::to_string(t));
      partitions[all.back()] = static_cast<std::int32_t>(1 + random->below(9));
    }
    const bool equal = random->below(2) == 0;
    StickyGroup group(partitions);
    std::set<std::string> ids;
    for (int step = 0; step < 8; ++step) {
      const std::string id = "m" + std::to_string(random->below(6));
      if (ids.contains(id) && ids.size() > 1) {
        group.leave(id), ids.erase(id);
      } else {
        Names some = all;
        if (!equal && some.size() > 1)
          some.erase(some.begin() + static_cast<std::ptrdiff_t>(random->below(some.size())));
        group.join(id, some), ids.insert(id);
      }
      const GroupAssignment given = group.rebalance();
      std::size_t least = SIZE_MAX, most = 0;
      for (const auto& [member, theirs] : given) {
        least = std::min(least, theirs.size());
        most = std::max(most, theirs.size());
      }
      if (equal) EXPECT_LE(most, least + 1);
      EXPECT_EQ(moves(given, group.rebalance()), 0u);
    }
  }
}

TEST(StickyAssignor, WritesTheBytesOfKafkasClient) {
  const auto assignor = sticky_assignor();
  EXPECT_FALSE(assignor->user_data());
  assignor->on_assignment({{"t", 2}, {"t", 5}}, 9);
  const std::vector<std::uint8_t> expected{0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 9};
  EXPECT_EQ(assignor->user_data(), expected);
}

TEST(StickyAssignor, BelievesNoBytesThatAreNoUserData) {
  GroupMembers members{{"a", subscribed({"t"})}, {"b", subscribed({"t"})}};
  members["a"].user_data = std::vector<std::uint8_t>{0x7f, 0xff, 0xff, 0xff, 0, 1};
  members["b"].user_data = std::vector<std::uint8_t>{0, 0, 0, 1, 0xff, 0xff};
  expect_complete({{"t", 4}}, members, run(sticky_assignor(), {{"t", 4}}, members));
}

TEST(StickyAssignor, TheNewestGenerationOwns) {
  const auto older = sticky_assignor(), newer = sticky_assignor();
  older->on_assignment({{"t", 0}, {"t", 1}}, 3);
  newer->on_assignment({{"t", 0}}, 4);
  GroupMembers members{{"a", subscribed({"t"})}, {"b", subscribed({"t"})}};
  members["a"].user_data = older->user_data();
  members["b"].user_data = newer->user_data();
  const GroupAssignment expected{{"a", {{"t", 1}}}, {"b", {{"t", 0}}}};
  EXPECT_EQ(run(sticky_assignor(), {{"t", 2}}, members), expected);
}

// --- Cooperative: who owns a partition keeps it or lets go of it; nobody else gets it in the same rebalance

TEST(CooperativeStickyAssignor, HandsOverInTwoSteps) {
  GroupMembers members{{"a", subscribed({"t"})}, {"b", subscribed({"t"})}};
  members["a"].owned = {{"t", 0}, {"t", 1}, {"t", 2}, {"t", 3}};
  members["a"].generation = 1;
  const auto assignor = cooperative_sticky_assignor();
  const GroupAssignment first = run(assignor, {{"t", 4}}, members);
  EXPECT_EQ(first.at("a").size(), 2u);
  EXPECT_TRUE(first.at("b").empty());
  members["a"].owned = first.at("a");
  members["a"].generation = 2;
  members["b"].generation = 2;
  const GroupAssignment second = run(assignor, {{"t", 4}}, members);
  EXPECT_EQ(second.at("a"), first.at("a"));
  EXPECT_EQ(second.at("b").size(), 2u);
}

TEST(CooperativeStickyAssignor, TellsItsGenerationAsKafkasClient) {
  const auto assignor = cooperative_sticky_assignor();
  EXPECT_EQ(assignor->user_data(), (std::vector<std::uint8_t>{0xff, 0xff, 0xff, 0xff}));
  assignor->on_assignment({}, 258);
  EXPECT_EQ(assignor->user_data(), (std::vector<std::uint8_t>{0, 0, 1, 2}));
}

TEST(Assignors, HaveTheNamesOfKafkas) {
  for (const char* name : {"range", "roundrobin", "sticky", "cooperative-sticky"}) {
    const auto assignor = make_assignor(name);
    ASSERT_TRUE(assignor) << name;
    EXPECT_EQ(assignor->name(), name);
  }
  EXPECT_EQ(make_assignor("org.apache.kafka.clients.consumer.CooperativeStickyAssignor")->name(), "cooperative-sticky");
  EXPECT_FALSE(make_assignor("uniform"));
}

// --- What members tell each other

TEST(Subscription, IsVersionThreeOfKafkas) {
  const std::vector<std::uint8_t> expected{0,    3,                                                    // version
                                           0,    0,    0,    1,    0, 1, 't',                          // topics
                                           0xff, 0xff, 0xff, 0xff,                                     // no user data
                                           0,    0,    0,    1,    0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 7,  // owned
                                           0,    0,    0,    5,                                        // generation
                                           0,    1,    'r'};                                           // rack
  const std::set<TopicPartition> owned{{"t", 7}};
  EXPECT_EQ(encode_subscription({"t"}, owned, 5, "r", *range_assignor()), expected);
}

TEST(Subscription, IsReadInEveryVersion) {
  const std::vector<std::uint8_t> version_0{0, 0, 0, 0, 0, 1, 0, 1, 't', 0xff, 0xff, 0xff, 0xff};
  auto member = decode_subscription(version_0);
  ASSERT_TRUE(member);
  EXPECT_EQ(member->topics, Names{"t"});
  EXPECT_EQ(member->generation, -1);
  auto bytes = encode_subscription({"t"}, {{"t", 7}}, 5, {}, *range_assignor());
  bytes[1] = 9;  // a version to come, which goes on after what is known
  bytes.push_back(42);
  member = decode_subscription(bytes);
  ASSERT_TRUE(member);
  EXPECT_EQ(member->owned, (Parts{{"t", 7}}));
  EXPECT_EQ(member->generation, 5);
  EXPECT_FALSE(decode_subscription(ByteView(bytes).first(9)));
  EXPECT_FALSE(decode_subscription({}));
}

TEST(Assignment, ComesBackAsItWas) {
  const Parts partitions{{"a", 0}, {"a", 3}, {"b", 1}};
  EXPECT_EQ(decode_assignment(encode_assignment(partitions)), partitions);
  EXPECT_EQ(decode_assignment({}), Parts());
  const std::vector<std::uint8_t> cut{0, 3, 0, 0, 0, 5};
  EXPECT_FALSE(decode_assignment(cut));
}

}  // namespace
}  // namespace holdfast::client
