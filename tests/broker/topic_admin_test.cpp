// Administrative writes beside others that the broker has not heard of yet.
#include "broker/topic_admin.h"

#include <gtest/gtest.h>

#include "tests/broker/lone_broker.h"
#include "wire/kafka/topics.h"

namespace holdfast::test {
namespace {

using wire::ErrorCode;

class TopicAdminTest : public testing::Test {
 protected:
  // The broker still has the topic of that name that was there before: in all but its birth like the one there is.
  void know_only_the_predecessor_of(const std::string& topic) {
    auto before = std::make_shared<TopicImage>(*world_.broker().metadata().topic(topic));
    before->czxid -= 1;
    MetadataDelta delta;
    delta.changed_topics.push_back(std::move(before));
    delta.changed_partitions.emplace_back();
    const Shard::Scope scope(world_.loop().shard());
    world_.broker().apply(delta);
  }
  ErrorCode remove(const std::string& name) {
    wire::DeleteTopicsRequest request;
    request.topic_names = {name};
    const auto response = world_.ask<wire::DeleteTopicsResponse>(request, 5);
    return static_cast<ErrorCode>(response.responses.at(0).error_code);
  }
  ErrorCode grow(const std::string& name, std::int32_t count) {
    wire::CreatePartitionsRequest request;
    request.topics.push_back({.name = name, .count = count, .assignments = std::nullopt});
    const auto response = world_.ask<wire::CreatePartitionsResponse>(request, 3);
    return static_cast<ErrorCode>(response.results.at(0).error_code);
  }
  bool there_is(const std::string& path) { return world_.ensemble().tree().find(path) != nullptr; }

  LoneBroker world_;
};

TEST_F(TopicAdminTest, ANamesakeIsNotDeletedInATopicsPlace) {
  world_.create_topic("t", {1});
  know_only_the_predecessor_of("t");
  EXPECT_EQ(remove("t"), ErrorCode::request_timed_out);
  EXPECT_TRUE(there_is(znodes::state_path("t", 0)));
}

TEST_F(TopicAdminTest, ANamesakeDoesNotGrowInATopicsPlace) {
  world_.create_topic("t", {1});
  know_only_the_predecessor_of("t");
  EXPECT_EQ(grow("t", 3), ErrorCode::request_timed_out);
  EXPECT_FALSE(there_is(znodes::partition_path("t", 1)));
}

// As Kafka leaves one behind that was written for a topic before there was one.
TEST_F(TopicAdminTest, OverridesWithoutATopicAreReplacedByTheTopics) {
  world_.submit({Ensemble::Create{znodes::config_path("topics", "t"), znodes::encode_configs({{"retention.ms", "1"}}),
                                  false, Ensemble::Create::persistent}});
  world_.create_topic("t", {1});
  ASSERT_TRUE(world_.broker().metadata().topic("t"));
  EXPECT_TRUE(world_.broker().metadata().topic("t")->configs.empty());
  EXPECT_EQ(remove("t"), ErrorCode::none);
  EXPECT_FALSE(there_is(znodes::config_path("topics", "t")));
}

}  // namespace
}  // namespace holdfast::test
