#include "broker/topic_planner.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast {
namespace {

using wire::ErrorCode;

Metadata cluster(std::vector<std::pair<int, std::string>> brokers, std::vector<std::string> topics = {}) {
  auto images = std::make_shared<std::map<std::int32_t, BrokerImage>>();
  for (const auto& [id, rack] : brokers) {
    (*images)[id].id = id;
    (*images)[id].registration.rack = rack;
  }
  MetadataDelta delta;
  delta.brokers = images;
  std::uint8_t n = 1;
  for (const std::string& name : topics) {
    auto topic = std::make_shared<TopicImage>();
    topic->name = name;
    topic->id[0] = n++;
    for (int i = 0; i < 2; ++i) topic->partitions.push_back({.replicas = {brokers.front().first}});
    delta.changed_topics.push_back(topic);
  }
  Metadata metadata;
  metadata.apply(delta);
  return metadata;
}

NewTopic named(std::string name, std::int32_t partitions = -1, std::int16_t replication = -1) {
  NewTopic topic;
  topic.name = std::move(name);
  topic.partitions = partitions;
  topic.replication_factor = replication;
  return topic;
}

TEST(TopicPlanner, NamesFollowKafkasRules) {
  EXPECT_FALSE(topic_name_fault("orders.v1_eu-west"));
  EXPECT_FALSE(topic_name_fault(std::string(249, 'a')));
  for (const std::string bad : {"", ".", "..", "a b", "a/b", "ümlaut", "__coordination"})
    EXPECT_TRUE(topic_name_fault(bad)) << bad;
  EXPECT_TRUE(topic_name_fault(std::string(250, 'a')));
}

TEST(TopicPlanner, RefusalsHaveKafkasCodes) {
  const Metadata one = cluster({{1, ""}}, {"a.b", "there"});
  const auto error = [&](const NewTopic& t) { return plan_topic(one, t, {}, 7).error; };
  EXPECT_EQ(error(named("new")), ErrorCode::none);
  EXPECT_EQ(error(named("there")), ErrorCode::topic_already_exists);
  EXPECT_EQ(error(named("a_b")), ErrorCode::invalid_topic_exception);
  EXPECT_EQ(error(named("bad name")), ErrorCode::invalid_topic_exception);
  EXPECT_EQ(error(named("new", 0)), ErrorCode::invalid_partitions);
  EXPECT_EQ(error(named("new", -2)), ErrorCode::invalid_partitions);
  EXPECT_EQ(error(named("new", 1, 0)), ErrorCode::invalid_replication_factor);
  EXPECT_EQ(error(named("new", 1, 2)), ErrorCode::invalid_replication_factor);
  NewTopic manual = named("new");
  manual.assignments = {{0, {1}}, {1, {1}}};
  EXPECT_EQ(error(manual), ErrorCode::none);
  manual.assignments = {{0, {1}}, {2, {1}}};
  EXPECT_EQ(error(manual), ErrorCode::invalid_replica_assignment);
  manual.assignments = {{0, {1, 1}}};
  EXPECT_EQ(error(manual), ErrorCode::invalid_replica_assignment);
  manual.assignments = {{0, {9}}};
  EXPECT_EQ(error(manual), ErrorCode::invalid_replica_assignment);
  manual.assignments = {{0, {1}}};
  manual.partitions = 1;
  EXPECT_EQ(error(manual), ErrorCode::invalid_request);
}

TEST(TopicPlanner, LeadersAreSpreadEvenlyAndReplicasAreDistinct) {
  const Metadata three = cluster({{1, ""}, {2, ""}, {3, ""}});
  const auto placed = place_replicas(three.brokers(), 30, 3, 12345);
  std::map<int, int> leads;
  for (const auto& replicas : placed) {
    EXPECT_EQ(std::set<int>(replicas.begin(), replicas.end()).size(), 3u);
    ++leads[replicas.front()];
  }
  for (const auto& [broker, count] : leads) EXPECT_EQ(count, 10) << broker;
  EXPECT_TRUE(place_replicas(three.brokers(), 1, 4, 0).empty());
}

TEST(TopicPlanner, ReplicasOfAPartitionAreInDifferentRacks) {
  const Metadata racks = cluster({{1, "a"}, {2, "a"}, {3, "b"}, {4, "b"}});
  for (const auto& replicas : place_replicas(racks.brokers(), 16, 2, 0)) {
    const bool first = replicas[0] <= 2, second = replicas[1] <= 2;
    EXPECT_NE(first, second) << replicas[0] << " and " << replicas[1];
  }
}

TEST(TopicPlanner, TopicsGrowAndNeverShrink) {
  const Metadata one = cluster({{1, ""}}, {"t"});
  const TopicImage& topic = *one.topic("t");
  EXPECT_EQ(plan_growth(one, topic, 5, std::nullopt, 0).replicas.size(), 3u);
  EXPECT_EQ(plan_growth(one, topic, 2, std::nullopt, 0).error, ErrorCode::invalid_partitions);
  EXPECT_EQ(plan_growth(one, topic, 1, std::nullopt, 0).error, ErrorCode::invalid_partitions);
  EXPECT_EQ(plan_growth(one, topic, 3, std::vector<std::vector<std::int32_t>>{{9}}, 0).error,
            ErrorCode::invalid_replica_assignment);
}

}  // namespace
}  // namespace holdfast
