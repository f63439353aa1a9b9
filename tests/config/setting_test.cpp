#include "config/setting.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast {
namespace {

Result<std::string> parse_topic(std::string_view name, std::string_view value) {
  return parse_setting(*find_setting(SettingGroup::topic, name), name, value);
}

std::string refusal(std::string_view name, std::string_view value) {
  auto parsed = parse_topic(name, value);
  return parsed ? "accepted" : parsed.error().message;
}

// The texts are those of a Kafka 4.3.1 broker.
TEST(Setting, RefusesInKafkasWords) {
  EXPECT_EQ(refusal("retention.ms", "x"), "Invalid value x for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(refusal("retention.ms", ""), "Invalid value  for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(refusal("retention.ms", "0x10"),
            "Invalid value 0x10 for configuration retention.ms: Not a number of type LONG");
  EXPECT_EQ(refusal("retention.ms", "-2"),
            "Invalid value -2 for configuration retention.ms: Value must be at least -1");
  EXPECT_EQ(refusal("segment.bytes", "10"),
            "Invalid value 10 for configuration segment.bytes: Value must be at least 1048576");
  EXPECT_EQ(refusal("segment.bytes", "99999999999"),
            "Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT");
  EXPECT_EQ(refusal("cleanup.policy", "foo"),
            "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete");
  EXPECT_EQ(refusal("compression.type", "foo"),
            "Invalid value foo for configuration compression.type: String must be one of: uncompressed, zstd, lz4, "
            "snappy, gzip, producer");
  EXPECT_EQ(refusal("compression.gzip.level", "0"),
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1");
  EXPECT_EQ(refusal("compression.zstd.level", "99"),
            "Invalid value 99 for configuration compression.zstd.level: Value must be no more than 22");
  EXPECT_EQ(refusal("preallocate", "yes"),
            "Invalid value yes for configuration preallocate: Expected value to be either true or false");
  EXPECT_EQ(refusal("min.cleanable.dirty.ratio", "2"),
            "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1");
  EXPECT_EQ(refusal("min.cleanable.dirty.ratio", "x"),
            "Invalid value x for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE");
  EXPECT_EQ(
      refusal("leader.replication.throttled.replicas", "foo"),
      "Invalid value [foo] for configuration leader.replication.throttled.replicas: "
      "leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: "
      "[partitionId]:[brokerId],[partitionId]:[brokerId],...");
}

TEST(Setting, AcceptsWhatKafkaAccepts) {
  EXPECT_EQ(parse_topic("segment.bytes", " 2000000 "), "2000000");
  EXPECT_EQ(parse_topic("retention.ms", "+5"), "5");
  EXPECT_EQ(parse_topic("preallocate", "TRUE"), "true");
  EXPECT_EQ(parse_topic("cleanup.policy", ""), "");
  EXPECT_EQ(parse_topic("cleanup.policy", "compact , delete"), "compact,delete");
  EXPECT_EQ(parse_topic("compression.gzip.level", "-1"), "-1");
  EXPECT_EQ(parse_topic("leader.replication.throttled.replicas", "*"), "*");
  EXPECT_EQ(parse_topic("leader.replication.throttled.replicas", "0:1,1:2"), "0:1,1:2");
}

TEST(Setting, RealsArePrintedAsJavaDoes) {
  const Setting& rate = *find_setting(SettingGroup::broker, "log.cleaner.io.max.bytes.per.second");
  EXPECT_EQ(parse_setting(rate, rate.name, "1"), "1.0");
  EXPECT_EQ(parse_setting(rate, rate.name, "0.50"), "0.5");
  EXPECT_EQ(parse_setting(rate, rate.name, "12345678"), "1.2345678E7");
  EXPECT_EQ(parse_setting(rate, rate.name, "0.0001"), "1.0E-4");
  EXPECT_EQ(parse_setting(rate, rate.name, "1.7976931348623157e308"), "1.7976931348623157E308");
  EXPECT_FALSE(parse_setting(rate, rate.name, "nan"));
}

TEST(Setting, EveryDefaultSatisfiesItsOwnRules) {
  for (const SettingTable& table : setting_tables()) {
    for (const Setting& setting : table.settings) {
      EXPECT_FALSE(setting.document.empty()) << setting.name;
      if (!setting.default_value) continue;
      EXPECT_EQ(parse_setting(setting, setting.name, *setting.default_value), std::string(*setting.default_value))
          << setting.name;
    }
  }
}

TEST(Setting, KeysOfAFileDoNotClash) {
  std::set<std::string_view> seen;
  for (const SettingTable& table : setting_tables()) {
    if (table.group == SettingGroup::topic) continue;
    for (const Setting& setting : table.settings) EXPECT_TRUE(seen.insert(setting.name).second) << setting.name;
  }
}

TEST(Setting, EveryTopicSynonymIsABrokerSetting) {
  for (const SettingTable& table : setting_tables()) {
    if (table.group != SettingGroup::topic) continue;
    for (const Setting& setting : table.settings) {
      if (setting.synonym.empty()) continue;
      const Setting* broker = find_setting(SettingGroup::broker, setting.synonym);
      ASSERT_NE(broker, nullptr) << setting.name;
      EXPECT_EQ(broker->type, setting.type) << setting.name;
    }
  }
}

TEST(Setting, PrefixedKeysAreFound) {
  EXPECT_EQ(find_node_setting("zookeeper.extendedTypesEnabled")->name, "extendedTypesEnabled");
  EXPECT_EQ(find_node_setting("listener.name.internal.ssl.keystore.location")->name, "ssl.keystore.location");
  EXPECT_EQ(find_node_setting("listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config")->name, "sasl.jaas.config");
  EXPECT_EQ(find_node_setting("server.12")->name, "server.N");
  EXPECT_EQ(find_node_setting("authProvider.1")->name, "authProvider.N");
  EXPECT_EQ(find_node_setting("authProvider.sasl")->name, "authProvider.N");
  EXPECT_EQ(find_node_setting("zookeeper.authProvider.x509")->name, "authProvider.N");
  EXPECT_EQ(find_node_setting("authProvider."), nullptr);
  EXPECT_EQ(find_node_setting("server.N"), nullptr);
  EXPECT_EQ(find_node_setting("server.x"), nullptr);
  EXPECT_EQ(find_node_setting("listener.name."), nullptr);
  EXPECT_EQ(find_node_setting("retention.ms"), nullptr);
}

TEST(Setting, NearestKeyIsFoundBySpelling) {
  EXPECT_EQ(nearest_setting("num.partitons"), "num.partitions");
  EXPECT_EQ(nearest_setting("clientport"), "clientPort");
  EXPECT_EQ(nearest_setting("advertized.listeners"), "advertised.listeners");
  EXPECT_EQ(nearest_setting("entirely unlike anything that is a key"), "");
  EXPECT_EQ(nearest_setting(std::string(100'000, 'a')), "");
}

}  // namespace
}  // namespace holdfast
