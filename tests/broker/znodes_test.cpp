#include "broker/znodes.h"

#include <gtest/gtest.h>

namespace holdfast::znodes {
namespace {

// Written by Kafka 3.9 in ZooKeeper mode.
TEST(Znodes, KafkasOwnAreRead) {
  const auto broker = decode_broker(
      R"({"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://127.0.0.1:23984"],"rack":"r1","jmx_port":-1,"port":23984,"host":"127.0.0.1","version":5,"timestamp":"1795221188355"})");
  ASSERT_TRUE(broker);
  ASSERT_EQ(broker->listeners.size(), 1u);
  EXPECT_EQ(broker->listeners[0].host, "127.0.0.1");
  EXPECT_EQ(broker->listeners[0].port, 23984);
  EXPECT_EQ(broker->rack, "r1");
  EXPECT_EQ(broker->timestamp_ms, 1795221188355);
  EXPECT_EQ(
      decode_controller(R"({"version":2,"brokerid":1,"timestamp":"1795221189034","kraftControllerEpoch":-1})").value(),
      1);
  EXPECT_EQ(decode_cluster_id(R"({"version":"1","id":"sjLxS-2ZTnCZw1LePu9M5Q"})").value(), "sjLxS-2ZTnCZw1LePu9M5Q");
}

TEST(Znodes, WhatIsWrittenIsReadBack) {
  Topic topic;
  topic.id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  topic.replicas = {{0, {1, 2}}, {1, {2, 1}}};
  topic.adding = {{1, {3}}};
  const auto read = decode_topic(encode(topic));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, topic.id);
  EXPECT_EQ(read->replicas, topic.replicas);
  EXPECT_EQ(read->adding, topic.adding);
  const auto state = decode_partition_state(encode(PartitionState{3, 7, 2, {3, 1}}));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->leader, 3);
  EXPECT_EQ(state->leader_epoch, 7);
  EXPECT_EQ(state->controller_epoch, 2);
  EXPECT_EQ(state->isr, (std::vector<std::int32_t>{3, 1}));
  EXPECT_EQ(encode(PartitionState{3, 7, 2, {3, 1}}),
            R"({"controller_epoch":2,"leader":3,"version":1,"leader_epoch":7,"isr":[3,1]})");
  const auto eligible = decode_partition_state(encode(PartitionState{-1, 8, 2, {}, {1, 2}, {3}}));
  ASSERT_TRUE(eligible);
  EXPECT_TRUE(eligible->isr.empty());
  EXPECT_EQ(eligible->elr, (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(eligible->last_known_elr, std::vector<std::int32_t>{3});
  Broker leaving;
  leaving.leaving = true;
  EXPECT_TRUE(decode_broker(encode(leaving)).value().leaving);
  leaving.leaving = false;
  EXPECT_FALSE(decode_broker(encode(leaving)).value().leaving);
  EXPECT_EQ(encode(leaving).find("leaving"), std::string::npos);
  const Configs configs{{"retention.ms", "1"}, {"cleanup.policy", "compact"}};
  EXPECT_EQ(decode_configs(encode_configs(configs)).value(), configs);
  const auto block = decode_producer_id_block(encode(ProducerIdBlock{1, 1000, 1999}));
  ASSERT_TRUE(block);
  EXPECT_EQ(block->first, 1000);
  EXPECT_EQ(block->last, 1999);
}

TEST(Znodes, DamageIsAnErrorAndNothingElse) {
  for (const std::string_view text :
       {"", "{", "[]", "null", "{}", R"({"leader":"one"})", R"({"partitions":{"x":[1]},"topic_id":"a"})",
        R"({"partitions":{"0":["a"]}})", R"({"endpoints":["PLAINTEXT//no"]})", R"({"endpoints":[1]})"}) {
    EXPECT_FALSE(decode_broker(text)) << text;
    EXPECT_FALSE(decode_topic(text)) << text;
    EXPECT_FALSE(decode_partition_state(text)) << text;
    EXPECT_FALSE(decode_configs(text)) << text;
    EXPECT_FALSE(decode_producer_id_block(text)) << text;
  }
}

}  // namespace
}  // namespace holdfast::znodes
