// The planner against a cluster to which everything happens: brokers die, come back and restart unseen, leaders change
// their ISRs, people reassign and elect. What must hold is checked after every step.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "broker/controller.h"
#include "tests/broker/controller_world.h"

namespace holdfast {
namespace {

using Ids = std::vector<std::int32_t>;
constexpr std::int32_t brokers = 5;
const std::vector<std::string> names{"clean", "two", "memory", "unclean"};

TopicRule rule_of(const std::string& topic) {
  TopicRule rule;
  rule.unclean = topic == "unclean";
  rule.replicas.min_isr = topic == "clean" ? 1 : 2;
  rule.replicas.durable = topic != "memory";
  return rule;
}

bool contains(const Ids& ids, std::int32_t id) { return std::ranges::find(ids, id) != ids.end(); }

class RandomCluster {
 public:
  explicit RandomCluster(std::uint32_t seed) : random_(seed) {
    for (std::int32_t id = 1; id <= brokers; ++id) world_.start(id);
    for (const std::string& name : names) {
      std::vector<Ids> replicas;
      for (int i = 0; i < 4; ++i) replicas.push_back(some_brokers(1 + below(3)));
      world_.topic(name, replicas);
    }
  }

  void step() {
    const Metadata before = world_.metadata();
    happen();
    check_requests(before);
    const Metadata broken = world_.metadata();
    const ControllerPlan plan = plan_repair(broken, rules_);
    check_partial_plans(plan);
    world_.carry_out(plan);
    check_moves(broken, true);
    check_repaired();
    EXPECT_TRUE(plan_repair(world_.metadata(), rules_).empty()) << "not idempotent";
  }

 private:
  std::int32_t below(int n) { return static_cast<std::int32_t>(random_() % static_cast<std::uint32_t>(n)); }

  Ids some_brokers(int count) {
    Ids ids(static_cast<std::size_t>(brokers));
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i) + 1;
    std::ranges::shuffle(ids, random_);
    ids.resize(static_cast<std::size_t>(count));
    return ids;
  }

  void happen() {
    requested_ = false;
    const std::int32_t id = 1 + below(brokers);
    const std::string& topic = names[static_cast<std::size_t>(below(static_cast<int>(names.size())))];
    const std::int32_t index = below(4);
    switch (below(9)) {
      case 0:
        return world_.stop(id);
      case 1:
        return world_.start(id);  // or a restart that nobody saw
      case 2:
      case 3:
        return leader_changes_isr(topic, index);
      case 4:
        return requested(plan_shutdown(world_.metadata(), id, rules_));
      case 5:
        return requested(plan_rebalance(world_.metadata(), below(60), rules_));
      case 6: {
        const PartitionName wanted{topic, index};
        const auto type = below(3) ? ElectionType::preferred : ElectionType::unclean;
        asked_unclean_ = type == ElectionType::unclean;
        return requested(plan_elections(world_.metadata(), type, {&wanted, 1}, rules_).plan);
      }
      case 7: {
        const Reassignment wanted{{topic, index}, some_brokers(1 + below(3))};
        return requested(plan_reassignments(world_.metadata(), {&wanted, 1}, true, rules_).plan);
      }
      default: {
        const Reassignment wanted{{topic, index}, std::nullopt};
        return requested(plan_reassignments(world_.metadata(), {&wanted, 1}, true, rules_).plan);
      }
    }
  }

  void requested(const ControllerPlan& plan) {
    requested_ = true;
    world_.carry_out(plan);
  }

  // As a leader may: it drops anyone but itself, and takes in live replicas, guarded by the lives of all it keeps.
  void leader_changes_isr(const std::string& topic, std::int32_t index) {
    const PartitionImage p = world_.partition(topic, index);
    if (p.leader == -1 || !world_.metadata().still_serves(p.leader, p)) return;
    Ids isr;
    for (const std::int32_t id : p.replicas)
      if (id == p.leader || (world_.alive(id) && below(4) != 0)) isr.push_back(id);
    const Ids elr = eligible_after(rule_of(topic).replicas, p.isr, p.elr, isr, p.replicas);
    if (isr != p.isr || elr != p.elr) world_.set_isr(topic, index, isr, elr);
  }

  void check_requests(const Metadata& before) {
    if (requested_) check_moves(before, false);
    asked_unclean_ = false;
  }

  // Between two images of which the second was planned from the first.
  void check_moves(const Metadata& before, bool repair) {
    for (const auto& [name, topic] : before.topics())
      for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
        SCOPED_TRACE(name + "-" + std::to_string(i));
        check_move(before, topic->partitions[i], world_.partition(name, static_cast<std::int32_t>(i)),
                   repair ? name == "unclean" : name == "unclean" || asked_unclean_);
      }
  }

  void check_move(const Metadata& before, const PartitionImage& was, const PartitionImage& is, bool may_lose) {
    EXPECT_FALSE(is.isr.empty() && is.elr.empty());
    for (const std::int32_t id : is.isr) EXPECT_TRUE(contains(is.replicas, id)) << id << " is in sync and no replica";
    for (const std::int32_t id : is.elr) EXPECT_TRUE(contains(is.replicas, id)) << id << " is eligible and no replica";
    for (const std::int32_t id : is.elr) EXPECT_FALSE(contains(is.isr, id)) << id << " is in sync already";
    for (const std::int32_t id : is.adding) EXPECT_TRUE(contains(is.replicas, id));
    for (const std::int32_t id : is.removing) EXPECT_TRUE(contains(is.replicas, id));
    Ids sorted = is.replicas;
    std::ranges::sort(sorted);
    EXPECT_EQ(std::ranges::adjacent_find(sorted), sorted.end()) << "a replica twice";

    const bool same_life = was.leader != -1 && before.still_serves(was.leader, was);
    const bool rewritten = is.state_version != was.state_version;
    const bool removed = std::ranges::any_of(was.replicas, [&](std::int32_t id) { return !contains(is.replicas, id); });
    const bool led_anew = is.leader != was.leader || (is.leader != -1 && ((!same_life && rewritten) || removed));
    EXPECT_EQ(is.leader_epoch.value - was.leader_epoch.value, led_anew ? 1 : 0);
    if (!rewritten) {
      EXPECT_EQ(is.isr, was.isr);
      EXPECT_EQ(is.elr, was.elr);
      EXPECT_EQ(is.leader, was.leader);
      return;
    }
    if (is.leader != -1) EXPECT_TRUE(contains(is.isr, is.leader)) << "the leader is not in sync";
    if (is.leader != -1) EXPECT_TRUE(world_.alive(is.leader));
    const auto had_all = [&](std::int32_t id) { return contains(was.isr, id) || contains(was.elr, id); };
    EXPECT_TRUE(std::ranges::all_of(is.elr, had_all)) << "eligible out of nothing";
    const bool clean = std::ranges::all_of(is.isr, had_all);
    if (clean) return;
    EXPECT_TRUE(may_lose) << "records may be lost where that is not allowed";
    EXPECT_EQ(is.isr.size(), 1u);
    for (const Ids* ids : {&was.isr, &was.elr})
      for (const std::int32_t id : *ids)
        EXPECT_FALSE(world_.alive(id) && contains(is.replicas, id)) << id << " has it all and was passed over";
  }

  void check_repaired() {
    const Metadata& now = world_.metadata();
    for (const auto& [name, topic] : now.topics())
      for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
        SCOPED_TRACE(name + "-" + std::to_string(i));
        const PartitionImage& p = topic->partitions[i];
        if (p.leader == -1) {
          for (const std::int32_t id : p.isr) EXPECT_FALSE(now.alive(id)) << id << " could lead";
          for (const std::int32_t id : p.elr) EXPECT_FALSE(now.alive(id)) << id << " could lead";
          if (name != "memory") EXPECT_TRUE(p.isr.empty());
          if (name == "unclean")
            for (const std::int32_t id : p.replicas) EXPECT_FALSE(now.alive(id)) << id << " may lead";
          continue;
        }
        for (const std::int32_t id : p.isr) EXPECT_TRUE(now.still_serves(id, p)) << id;
        if (!p.reassigning()) continue;
        const bool complete = std::ranges::all_of(
            p.replicas, [&](std::int32_t id) { return contains(p.removing, id) || contains(p.isr, id); });
        EXPECT_FALSE(complete) << "a reassignment that could be finished";
      }
  }

  void check_partial_plans(const ControllerPlan& plan) {
    for (const TopicChange& change : plan)
      for (const PartitionChange& p : change.partitions) {
        const TopicPtr topic = world_.metadata().topic(change.topic);
        const auto part = plan_repair(world_.metadata(), *topic, {&p.partition, 1}, rules_);
        ASSERT_TRUE(part);
        ASSERT_EQ(part->partitions.size(), 1u);
        EXPECT_EQ(part->partitions[0].state.leader, p.state.leader);
        EXPECT_EQ(part->partitions[0].state.leader_epoch, p.state.leader_epoch);
        EXPECT_EQ(part->partitions[0].state.isr, p.state.isr);
        EXPECT_EQ(part->partitions[0].state.elr, p.state.elr);
      }
  }

  std::mt19937 random_;
  ControllerWorld world_;
  const TopicRules rules_ = [](const TopicImage& topic) { return rule_of(topic.name); };
  bool requested_ = false, asked_unclean_ = false;
};

TEST(ControllerRandom, WhatMustHoldHolds) {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomCluster cluster(seed);
    for (int i = 0; i < 100; ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      cluster.step();
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace holdfast
