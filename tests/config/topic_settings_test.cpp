#include <gtest/gtest.h>

#include "config/settings.h"

namespace holdfast {
namespace {

std::string refusal(const Overrides& overrides) {
  auto valid = validate_topic_configs(overrides);
  return valid ? "accepted" : valid.error().message;
}

TEST(TopicSettings, DefaultsOfTheStructAreThoseOfTheTable) {
  const TopicSettings made = TopicSettings::from(Config::defaults(), {}, {});
  const TopicSettings plain;
  EXPECT_EQ(made.cleanup_delete, plain.cleanup_delete);
  EXPECT_EQ(made.cleanup_compact, plain.cleanup_compact);
  EXPECT_EQ(made.compression_type, plain.compression_type);
  EXPECT_EQ(made.file_delete_delay_ms, plain.file_delete_delay_ms);
  EXPECT_EQ(made.flush_messages, plain.flush_messages);
  EXPECT_EQ(made.flush_ms, plain.flush_ms);
  EXPECT_EQ(made.index_interval_bytes, plain.index_interval_bytes);
  EXPECT_EQ(made.max_message_bytes, plain.max_message_bytes);
  EXPECT_EQ(made.log_append_time, plain.log_append_time);
  EXPECT_EQ(made.timestamp_before_max_ms, plain.timestamp_before_max_ms);
  EXPECT_EQ(made.timestamp_after_max_ms, plain.timestamp_after_max_ms);
  EXPECT_EQ(made.min_insync_replicas, plain.min_insync_replicas);
  EXPECT_EQ(made.retention_ms, plain.retention_ms);
  EXPECT_EQ(made.retention_bytes, plain.retention_bytes);
  EXPECT_EQ(made.segment_bytes, plain.segment_bytes);
  EXPECT_EQ(made.segment_ms, plain.segment_ms);
  EXPECT_EQ(made.segment_jitter_ms, plain.segment_jitter_ms);
  EXPECT_EQ(made.segment_index_bytes, plain.segment_index_bytes);
  EXPECT_EQ(made.gzip_level, plain.gzip_level);
  EXPECT_EQ(made.lz4_level, plain.lz4_level);
  EXPECT_EQ(made.zstd_level, plain.zstd_level);
  EXPECT_EQ(made.write_caching, plain.write_caching);
  EXPECT_EQ(made.unclean_leader_election, plain.unclean_leader_election);
}

TEST(TopicSettings, TopicBeforeDynamicBrokerBeforeNode) {
  Config node = Config::defaults();
  ASSERT_TRUE(node.set("log.retention.hours", "1", "--set"));
  ASSERT_TRUE(node.set("log.segment.bytes", "2000000", "--set"));
  EXPECT_EQ(TopicSettings::from(node, {}, {}).retention_ms, 3'600'000);
  const Overrides dynamic = {{"log.retention.ms", "1000"}, {"log.cleanup.policy", "compact"}};
  TopicSettings settings = TopicSettings::from(node, dynamic, {{"segment.bytes", "3000000"}});
  EXPECT_EQ(settings.retention_ms, 1000);
  EXPECT_EQ(settings.segment_bytes, 3'000'000);
  EXPECT_TRUE(settings.cleanup_compact);
  EXPECT_FALSE(settings.cleanup_delete);
  settings = TopicSettings::from(node, dynamic, {{"retention.ms", "-1"}, {"cleanup.policy", "compact,delete"}});
  EXPECT_EQ(settings.retention_ms, -1);
  EXPECT_EQ(settings.segment_bytes, 2'000'000);
  EXPECT_TRUE(settings.cleanup_compact && settings.cleanup_delete);
}

TEST(TopicSettings, WhatAnotherReleaseStoredDoesNoHarm) {
  const TopicSettings settings =
      TopicSettings::from(Config::defaults(), {{"log.segment.bytes", "x"}}, {{"retention.ms", "soon"}, {"new", "1"}});
  EXPECT_EQ(settings.retention_ms, TopicSettings{}.retention_ms);
  EXPECT_EQ(settings.segment_bytes, TopicSettings{}.segment_bytes);
}

// The texts are those of a Kafka 4.3.1 broker.
TEST(TopicSettings, RefusesInKafkasWordsAndOrder) {
  EXPECT_EQ(validate_topic_config("nope", "1").error().message, "Unknown topic config name: nope");
  EXPECT_EQ(refusal({{"nope", "1"}}), "Unknown topic config name: nope");
  EXPECT_EQ(refusal({{"message.format.version", "3.0"}}), "Unknown topic config name: message.format.version");
  EXPECT_EQ(refusal({{"retention.ms", "x"}, {"segment.bytes", "10"}}),
            "Invalid value 10 for configuration segment.bytes: Value must be at least 1048576");
  EXPECT_EQ(refusal({{"min.compaction.lag.ms", "100"}, {"max.compaction.lag.ms", "10"}}),
            "conflict topic config setting min.compaction.lag.ms (100) > max.compaction.lag.ms (10)");
  EXPECT_EQ(
      refusal({{"remote.storage.enable", "TRUE"}}),
      "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.");
  EXPECT_EQ(refusal({{"remote.storage.enable", "false"}, {"local.retention.ms", "2000"}, {"retention.ms", "1000"}}),
            "accepted");
  EXPECT_EQ(refusal({{"write.caching", "true"}}), "accepted");
  EXPECT_EQ(refusal({{"write.caching", "1"}}),
            "Invalid value 1 for configuration write.caching: Expected value to be either true or false");
}

}  // namespace
}  // namespace holdfast
