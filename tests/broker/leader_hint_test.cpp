// What a client is told that came to a broker which does not lead (KIP-951).
#include "broker/handlers/leader_hint.h"

#include <gtest/gtest.h>

#include "wire/kafka/fetch.h"
#include "wire/kafka/produce.h"

namespace holdfast::handlers {
namespace {

constexpr Uuid topic_id{7};

template <class Response>
class LeaderHint : public testing::Test {
 protected:
  using Partition = std::conditional_t<std::is_same_v<Response, wire::FetchResponse>, wire::FetchResponse::Partition,
                                       wire::ProduceResponse::Partition>;

  LeaderHint() {
    BrokerImage broker;
    broker.id = 2;
    broker.registration.listeners = {{"INSIDE", "inside", 9092, "PLAINTEXT"},
                                     {"OUTSIDE", "outside", 19092, "PLAINTEXT"}};
    broker.registration.rack = "r2";
    auto topic = std::make_shared<TopicImage>();
    topic->name = "t";
    topic->id = topic_id;
    for (const std::int32_t leader : {2, 2, 3, -1}) {
      topic->partitions.push_back({.leader = leader, .leader_epoch = LeaderEpoch(5)});
    }
    MetadataDelta delta;
    delta.brokers =
        std::make_shared<std::map<std::int32_t, BrokerImage>>(std::map<std::int32_t, BrokerImage>{{2, broker}});
    delta.changed_topics = {topic};
    delta.changed_partitions = {{}};
    metadata_.apply(delta);
  }

  Partition hint(std::int32_t partition, std::string_view listener = "OUTSIDE",
                 Refusal refusal = {wire::ErrorCode::not_leader_or_follower, 1}) {
    Partition to;
    add_leader_hint(metadata_, listener, LogId{topic_id, partition}, refusal, to, response_);
    return to;
  }

  Metadata metadata_;
  Response response_;
};

using Responses = testing::Types<wire::FetchResponse, wire::ProduceResponse>;
TYPED_TEST_SUITE(LeaderHint, Responses);

TYPED_TEST(LeaderHint, NamesTheLeaderAndItsAddressOnTheClientsListenerOnce) {
  for (const std::int32_t partition : {0, 1}) {
    const auto to = this->hint(partition);
    EXPECT_EQ(to.current_leader.leader_id, 2);
    EXPECT_EQ(to.current_leader.leader_epoch, 5);
  }
  ASSERT_EQ(this->response_.node_endpoints.size(), 1u);
  const auto& endpoint = this->response_.node_endpoints.front();
  EXPECT_EQ(endpoint.node_id, 2);
  EXPECT_EQ(endpoint.host, "outside");
  EXPECT_EQ(endpoint.port, 19092);
  EXPECT_EQ(endpoint.rack, "r2");
}

TYPED_TEST(LeaderHint, HasNoAddressOfALeaderThatIsGoneOrIsNotReachedThatWay) {
  EXPECT_EQ(this->hint(2).current_leader.leader_id, 3);
  EXPECT_EQ(this->hint(3).current_leader.leader_id, -1);
  EXPECT_EQ(this->hint(0, "ELSEWHERE").current_leader.leader_id, 2);
  EXPECT_TRUE(this->response_.node_endpoints.empty());
}

// It has heard of nobody else: its lease is over. Whoever asks with an old epoch is to come again.
TYPED_TEST(LeaderHint, SendsNobodyToWhoeverSaysThatItDoesNotLead) {
  using wire::ErrorCode;
  EXPECT_EQ(this->hint(0, "OUTSIDE", {ErrorCode::not_leader_or_follower, 2}).current_leader.leader_id, -1);
  EXPECT_TRUE(this->response_.node_endpoints.empty());
  EXPECT_EQ(this->hint(0, "OUTSIDE", {ErrorCode::fenced_leader_epoch, 2}).current_leader.leader_id, 2);
}

TYPED_TEST(LeaderHint, SaysNothingOfAPartitionThatThereIsNot) {
  for (const std::int32_t partition : {-1, 4}) EXPECT_EQ(this->hint(partition).current_leader.leader_epoch, -1);
  EXPECT_TRUE(this->response_.node_endpoints.empty());
}

}  // namespace
}  // namespace holdfast::handlers
