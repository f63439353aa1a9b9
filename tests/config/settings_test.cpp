#include "config/settings.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

Config with(std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  Config config = Config::defaults();
  for (const auto& [key, value] : values) EXPECT_TRUE(config.set(key, value, "--set")) << key;
  return config;
}

TEST(Config, StartsOnLoopbackWithEmbeddedDefaults) {
  const Config config = Config::defaults();
  EXPECT_EQ(config.list("listeners"), std::vector<std::string>{"PLAINTEXT://127.0.0.1:9092"});
  EXPECT_EQ(config.integer("clientPort"), 2181);
  EXPECT_EQ(config.text("clientPortAddress"), "127.0.0.1");
  EXPECT_EQ(config.integer("admin.serverPort"), 9644);
  EXPECT_EQ(config.text("admin.serverAddress"), "127.0.0.1");
  EXPECT_EQ(config.list("log.dirs"), std::vector<std::string>{"./holdfast-data"});
  EXPECT_EQ(config.integer("num.shards"), 0);
  EXPECT_FALSE(config.boolean("log.write.caching"));
  EXPECT_FALSE(config.is_set("clientPort"));
  EXPECT_EQ(config.source("clientPort"), "default");
  EXPECT_TRUE(config.check());
}

TEST(Config, RemembersWhereAValueCameFrom) {
  Config config = Config::defaults();
  ASSERT_TRUE(config.set("num.partitions", "3", "a.properties:7"));
  EXPECT_EQ(config.integer("num.partitions"), 3);
  EXPECT_EQ(config.source("num.partitions"), "a.properties:7");
  ASSERT_TRUE(config.set("num.partitions", " 4", "--set"));
  EXPECT_EQ(config.integer("num.partitions"), 4);
  EXPECT_EQ(config.source("num.partitions"), "--set");
}

TEST(Config, RefusesWithSourceKeyAndNearestKey) {
  Config config = Config::defaults();
  EXPECT_EQ(config.set("num.partitons", "3", "a:7").error().message,
            "a:7: unknown key num.partitons; did you mean num.partitions?");
  EXPECT_EQ(config.set("xyzzy", "3", "a:7").error().message, "a:7: unknown key xyzzy");
  EXPECT_EQ(config.set("num.partitions", "many", "a:7").error().message,
            "a:7: Invalid value many for configuration num.partitions: Not a number of type INT");
  EXPECT_FALSE(config.is_set("num.partitions"));
}

TEST(Config, FinerUnitsWinOverCoarserOnes) {
  EXPECT_EQ(with({}).integer("log.retention.ms"), 168LL * 3'600'000);
  EXPECT_EQ(with({{"log.retention.hours", "2"}}).integer("log.retention.ms"), 7'200'000);
  EXPECT_EQ(with({{"log.retention.hours", "2"}, {"log.retention.minutes", "5"}}).integer("log.retention.ms"), 300'000);
  EXPECT_EQ(with({{"log.retention.minutes", "5"}, {"log.retention.ms", "9"}}).integer("log.retention.ms"), 9);
  EXPECT_EQ(with({{"log.retention.hours", "-1"}}).integer("log.retention.ms"), -1);
  EXPECT_EQ(with({{"log.roll.hours", "1"}}).integer("log.roll.ms"), 3'600'000);
}

TEST(Config, EitherIdStandsForTheOther) {
  EXPECT_EQ(with({}).integer("node.id"), -1);
  EXPECT_EQ(with({{"broker.id", "5"}}).integer("node.id"), 5);
  EXPECT_EQ(with({{"node.id", "6"}}).integer("broker.id"), 6);
  EXPECT_TRUE(with({{"node.id", "6"}, {"broker.id", "6"}}).check());
  EXPECT_FALSE(with({{"node.id", "6"}, {"broker.id", "5"}}).check());
}

TEST(Config, ChecksWhatConcernsSeveralValues) {
  EXPECT_FALSE(with({{"log.retention.ms", "0"}}).check());
  EXPECT_FALSE(with({{"tickTime", "1000"}, {"minSessionTimeout", "30000"}}).check());
  EXPECT_TRUE(with({{"minSessionTimeout", "30000"}, {"maxSessionTimeout", "60000"}}).check());
}

TEST(Config, KeepsTheLinesOfTheEnsemble) {
  const Config config = with({{"server.1", "a:2888:3888"}, {"server.2", "b:2888:3888:observer;2181"}});
  ASSERT_EQ(config.server_lines().size(), 2u);
  EXPECT_EQ(config.server_lines().at("server.1").value, "a:2888:3888");
  EXPECT_EQ(config.server_lines().at("server.2").value, "b:2888:3888:observer;2181");
}

TEST(Config, ZooKeepersSystemPropertiesAreTheirKeys) {
  EXPECT_TRUE(with({{"zookeeper.extendedTypesEnabled", "true"}}).boolean("extendedTypesEnabled"));
  EXPECT_TRUE(with({{"zookeeper.connect", "localhost:2181/kafka"}}).is_set("zookeeper.connect"));
}

TEST(Config, AListenersOwnValueDoesNotBecomeTheBrokers) {
  const Config config = with({{"listener.name.internal.max.connections", "1"}});
  EXPECT_EQ(config.integer("max.connections"), 2147483647);
}

}  // namespace
}  // namespace holdfast
