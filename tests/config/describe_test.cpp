#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/settings.h"

namespace holdfast {
namespace {

using Synonym = DescribedConfig::Synonym;

std::vector<std::vector<std::string>> rows_of(const std::string& file) {
  std::ifstream in(std::string(HOLDFAST_TEST_DATA) + "/config/" + file);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    std::vector<std::string>& row = rows.emplace_back();
    std::istringstream fields(line);
    for (std::string field; std::getline(fields, field, '\t');) row.push_back(field);
    row.resize(5);
  }
  EXPECT_FALSE(rows.empty()) << file;
  return rows;
}

std::map<std::string, DescribedConfig> by_name(std::vector<DescribedConfig> configs) {
  std::map<std::string, DescribedConfig> out;
  for (DescribedConfig& c : configs) EXPECT_TRUE(out.emplace(c.name, c).second) << c.name;
  return out;
}

std::string shown(const std::optional<std::string>& value) { return value.value_or("\\N"); }

std::vector<std::tuple<std::string, std::string, int>> shown(const std::vector<Synonym>& synonyms) {
  std::vector<std::tuple<std::string, std::string, int>> out;
  for (const Synonym& s : synonyms) out.emplace_back(s.name, shown(s.value), s.source);
  return out;
}
using Shown = std::vector<std::tuple<std::string, std::string, int>>;

TEST(Describe, ABrokerListsWhatKafkaLists) {
  auto ours = by_name(describe_broker(Config::defaults(), {}, {}));
  // Loopback, our directory, and no KRaft quorum.
  const std::map<std::string, std::string> other_defaults = {
      {"listeners", "PLAINTEXT://127.0.0.1:9092"}, {"log.dir", "./holdfast-data"}, {"node.id", "-1"}};
  for (const auto& row : rows_of("kafka_4.3_broker.tsv")) {
    const auto it = ours.find(row[0]);
    ASSERT_NE(it, ours.end()) << row[0];
    const DescribedConfig& c = it->second;
    EXPECT_EQ(to_string(static_cast<SettingType>(c.type)), row[1]) << row[0];
    const auto other = other_defaults.find(row[0]);
    EXPECT_EQ(shown(c.value), other != other_defaults.end() ? other->second : row[2]) << row[0];
    EXPECT_EQ(c.read_only, row[3] == "read-only") << row[0];
    EXPECT_EQ(c.sensitive, row[4] == "sensitive") << row[0];
    EXPECT_EQ(c.source, 5) << row[0];
    EXPECT_FALSE(c.documentation.empty()) << row[0];
    ours.erase(it);
  }
  ASSERT_EQ(ours.size(), 1u);
  EXPECT_EQ(ours.begin()->first, "log.write.caching");
}

TEST(Describe, ATopicListsWhatKafkaLists) {
  auto ours = by_name(describe_topic(Config::defaults(), {}, {}, {}));
  for (const auto& row : rows_of("kafka_4.3_topic.tsv")) {
    const auto it = ours.find(row[0]);
    ASSERT_NE(it, ours.end()) << row[0];
    const DescribedConfig& c = it->second;
    EXPECT_EQ(to_string(static_cast<SettingType>(c.type)), row[1]) << row[0];
    EXPECT_EQ(shown(c.value), row[2]) << row[0];
    EXPECT_EQ(c.source, 5) << row[0];
    EXPECT_EQ(c.synonyms.empty() ? "" : c.synonyms.back().name, row[3]) << row[0];
    ours.erase(it);
  }
  ASSERT_EQ(ours.size(), 1u);
  EXPECT_EQ(ours.begin()->first, "write.caching");
}

TEST(Describe, SynonymsGoFromTheStrongestToTheDefault) {
  Config node = Config::defaults();
  ASSERT_TRUE(node.set("log.segment.bytes", "2000000", "--set"));
  const auto configs = by_name(describe_topic(node, {{"log.segment.bytes", "3000000"}},
                                              {{"log.segment.bytes", "4000000"}}, {{"segment.bytes", "5000000"}}));
  const DescribedConfig& c = configs.at("segment.bytes");
  EXPECT_EQ(c.value, "5000000");
  EXPECT_EQ(c.source, 1);
  EXPECT_EQ(shown(c.synonyms), (Shown{{"segment.bytes", "5000000", 1},
                                      {"log.segment.bytes", "4000000", 2},
                                      {"log.segment.bytes", "3000000", 3},
                                      {"log.segment.bytes", "2000000", 4},
                                      {"log.segment.bytes", "1073741824", 5}}));
}

// Kafka 4.3.1 lists no synonym for retention.ms unless log.retention.ms itself was given.
TEST(Describe, AnotherUnitIsNoSynonymOfItsOwn) {
  Config node = Config::defaults();
  ASSERT_TRUE(node.set("log.retention.hours", "1", "--set"));
  auto retention = by_name(describe_topic(node, {}, {}, {})).at("retention.ms");
  EXPECT_EQ(retention.value, "3600000");
  EXPECT_EQ(retention.source, 5);
  EXPECT_TRUE(retention.synonyms.empty());
  retention = by_name(describe_topic(node, {{"log.retention.ms", "7"}}, {}, {})).at("retention.ms");
  EXPECT_EQ(retention.value, "7");
  EXPECT_EQ(retention.source, 3);
  EXPECT_EQ(shown(retention.synonyms),
            (Shown{{"log.retention.ms", "7", 3}, {"log.retention.hours", "1", 4}, {"log.retention.hours", "168", 5}}));
}

TEST(Describe, SecretsAreNotShown) {
  Config node = Config::defaults();
  ASSERT_TRUE(node.set("ssl.key.password", "hush", "--set"));
  const auto configs = by_name(describe_broker(node, {}, {}));
  const DescribedConfig& c = configs.at("ssl.key.password");
  EXPECT_TRUE(c.sensitive);
  EXPECT_EQ(c.value, std::nullopt);
  EXPECT_EQ(c.source, 4);
  ASSERT_EQ(c.synonyms.size(), 1u);
  EXPECT_EQ(c.synonyms[0].value, std::nullopt);
}

TEST(Describe, RunTimeThrottlesAreListedOnceSet) {
  EXPECT_FALSE(by_name(describe_broker(Config::defaults(), {}, {})).contains("leader.replication.throttled.rate"));
  const auto configs = by_name(describe_broker(Config::defaults(), {}, {{"leader.replication.throttled.rate", "5"}}));
  EXPECT_EQ(configs.at("leader.replication.throttled.rate").value, "5");
  EXPECT_EQ(configs.at("leader.replication.throttled.rate").source, 2);
}

std::string refusal(std::string_view name, std::string_view value, bool per_broker) {
  auto valid = validate_broker_config(name, value, per_broker);
  if (!valid) EXPECT_EQ(valid.error().kind, ErrorKind::unsupported);
  return valid ? "accepted" : valid.error().message;
}

// The texts are those of a Kafka 4.3.1 broker.
TEST(Describe, BrokerSettingsAreRefusedInKafkasWords) {
  EXPECT_EQ(refusal("num.partitions", "3", true), "Cannot update these configs dynamically: [num.partitions]");
  EXPECT_EQ(refusal("log.retention.hours", "3", true),
            "Cannot update these configs dynamically: [log.retention.hours]");
  EXPECT_EQ(refusal("listeners", "PLAINTEXT://:1", false),
            "Cannot update these configs at default cluster level, broker id must be specified: [listeners]");
  EXPECT_EQ(refusal("ssl.keystore.location", "x", false),
            "These security configs can be dynamically updated only per-listener using the listener prefix: "
            "[ssl.keystore.location]");
  EXPECT_EQ(refusal("log.retention.ms", "x", true),
            "Invalid value x for configuration log.retention.ms: Not a number of type LONG");
  EXPECT_EQ(refusal("log.retention.ms", "0", true),
            "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
  EXPECT_EQ(refusal("listener.name.internal.ssl.client.auth", "required", true),
            "listener.name.internal.ssl.client.auth is not served: Whether clients must show a certificate.");
  EXPECT_EQ(refusal("listener.name.internal.ssl.client.auth", "none", true), "accepted");
  EXPECT_EQ(refusal("num.io.threads", "0", true),
            "Invalid value 0 for configuration num.io.threads: Value must be at least 1");
  EXPECT_EQ(refusal("leader.replication.throttled.rate", "-1", true),
            "Invalid value -1 for configuration leader.replication.throttled.rate: Value must be at least 0");
  EXPECT_EQ(refusal("leader.replication.throttled.rate", "5", false), "accepted");
  EXPECT_EQ(refusal("log.retention.ms", "100000", false), "accepted");
  EXPECT_EQ(refusal("nope", "1", false), "accepted");
}

TEST(Describe, ListsAreKnownToAppendAndSubtract) {
  EXPECT_TRUE(is_list_config("cleanup.policy"));
  EXPECT_TRUE(is_list_config("log.cleanup.policy"));
  EXPECT_FALSE(is_list_config("retention.ms"));
  EXPECT_FALSE(is_list_config("nope"));
}

}  // namespace
}  // namespace holdfast
