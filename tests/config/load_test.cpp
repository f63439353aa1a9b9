#include "config/load.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

namespace holdfast {
namespace {

using Pairs = std::vector<std::tuple<std::string, std::string, int>>;

Pairs parse(std::string_view text) {
  auto properties = parse_properties(text);
  EXPECT_TRUE(properties);
  Pairs out;
  for (const Property& p : *properties) out.emplace_back(p.key, p.value, p.line);
  return out;
}

TEST(Properties, KeyAndValueArePartedAsInJava) {
  EXPECT_EQ(
      parse("a=1\nb:2\nc 3\nd = 4\ne\t:\t5\nf\n g=6 7 \n"),
      (Pairs{
          {"a", "1", 1}, {"b", "2", 2}, {"c", "3", 3}, {"d", "4", 4}, {"e", "5", 5}, {"f", "", 6}, {"g", "6 7 ", 7}}));
  EXPECT_EQ(parse("a==1\n=x"), (Pairs{{"a", "=1", 1}, {"", "x", 2}}));
  EXPECT_EQ(parse("listeners=PLAINTEXT://:9092"), (Pairs{{"listeners", "PLAINTEXT://:9092", 1}}));
}

TEST(Properties, CommentsAndBlankLinesAreSkipped) {
  EXPECT_EQ(parse("# a=1\n  ! b=2\n\n   \t\r\nc=3 # not a comment"), (Pairs{{"c", "3 # not a comment", 5}}));
}

TEST(Properties, LinesEndInAnyOfThreeWays) {
  EXPECT_EQ(parse("a=1\rb=2\r\nc=3\n"), (Pairs{{"a", "1", 1}, {"b", "2", 2}, {"c", "3", 3}}));
}

TEST(Properties, ABackslashContinuesTheLine) {
  EXPECT_EQ(parse("a=1,\\\n   2,\\\r\n\t3\nb=4"), (Pairs{{"a", "1,2,3", 1}, {"b", "4", 4}}));
  EXPECT_EQ(parse("a=x\\\\\nb=4"), (Pairs{{"a", "x\\", 1}, {"b", "4", 2}}));
  EXPECT_EQ(parse("a=1\\\n#not a comment\nb=2"), (Pairs{{"a", "1#not a comment", 1}, {"b", "2", 3}}));
  EXPECT_EQ(parse("a=1\\"), (Pairs{{"a", "1", 1}}));
}

TEST(Properties, EscapesAreReplaced) {
  EXPECT_EQ(parse("a\\ b\\=c=\\t\\n\\:\\q"), (Pairs{{"a b=c", "\t\n:q", 1}}));
  EXPECT_EQ(parse("a=\\u00e9\\uD83D\\uDE00"), (Pairs{{"a", "\u00e9\U0001F600", 1}}));
  EXPECT_EQ(parse("a=\\ud83dx\\ude00"), (Pairs{{"a", "\ufffdx\ufffd", 1}}));
  EXPECT_EQ(parse_properties("b=1\na=\\u12").error().message, "line 2: \\u wants four hexadecimal digits");
  EXPECT_FALSE(parse_properties("a=\\u12g4"));
}

TEST(Properties, VariablesAreNotExpanded) { EXPECT_EQ(parse("a=${HOME}"), (Pairs{{"a", "${HOME}", 1}})); }

TEST(Properties, AnyBytesAreSafe) {
  std::mt19937 random(1);
  constexpr std::string_view alphabet = "\\\\\\u=: \t\f#!\r\nab0\0\xff";
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    auto properties = parse_properties(text);
    if (!properties) continue;
    for (const Property& p : *properties) EXPECT_LE(p.key.size() + p.value.size(), 3 * text.size());
  }
}

class LoadConfig : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& content) {
    const std::string path = ::testing::TempDir() + "load_config_" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  Result<Config> load(ConfigSources sources) {
    notices_.clear();
    return load_config(system_disk(), sources, notices_);
  }
  std::vector<std::string> notices_;
};

TEST_F(LoadConfig, KafkasAndZooKeepersKeysStandInOneFileOrSeveral) {
  const auto kafka = file("server.properties", "num.partitions=3\nlisteners=PLAINTEXT://:0\n");
  const auto zoo = file("zoo.cfg", "tickTime=2000\nclientPort=0\nserver.1=a:2888:3888\nnum.partitions=4\n");
  auto config = load({.files = {kafka, zoo}, .sets = {"tickTime=500", "log.dirs=/a,/b"}});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->integer("num.partitions"), 4);
  EXPECT_EQ(config->source("num.partitions"), zoo + ":4");
  EXPECT_EQ(config->integer("tickTime"), 500);
  EXPECT_EQ(config->source("tickTime"), "--set");
  EXPECT_EQ(config->list("log.dirs"), (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ(config->server_lines().at("server.1").value, "a:2888:3888");
  EXPECT_EQ(config->server_lines().at("server.1").source, zoo + ":3");
}

TEST_F(LoadConfig, AnErrorNamesFileLineAndNearestKey) {
  const auto path = file("bad.properties", "# fine\nnum.partitions=3\nlog.retenton.ms=7\n");
  EXPECT_EQ(load({.files = {path}, .sets = {}}).error().message,
            path + ":3: unknown key log.retenton.ms; did you mean log.retention.ms?");
  const auto typed = file("typed.properties", "\nclientPort=zwei\n");
  EXPECT_EQ(load({.files = {typed}, .sets = {}}).error().message,
            typed + ":2: Invalid value zwei for configuration clientPort: Not a number of type INT");
  EXPECT_EQ(load({.files = {}, .sets = {"clientPort"}}).error().message, "--set clientPort: give it as key=value");
  EXPECT_EQ(load({.files = {}, .sets = {"broker.id=1", "node.id=2"}}).error().message,
            "--set: broker.id is 1, but node.id is 2: give one of them, or the same");
  EXPECT_FALSE(load({.files = {::testing::TempDir() + "no such file"}, .sets = {}}));
}

TEST_F(LoadConfig, AllErrorsCanBeHad) {
  const auto path = file("errors.properties", "num.partitons=3\nnum.partitions=3\nclientPort=zwei\nnum.io.threads=4\n");
  const std::string absent = ::testing::TempDir() + "no such file";
  std::vector<std::string> notices, messages;
  const ConfigSources sources{.files = {absent, path}, .sets = {"clientPort", "broker.id=1", "node.id=2"}};
  for (const Error& error : config_errors(system_disk(), sources, notices)) messages.push_back(error.message);
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_NE(messages[0].find(absent), std::string::npos);
  EXPECT_EQ(messages[1], path + ":1: unknown key num.partitons; did you mean num.partitions?");
  EXPECT_EQ(messages[2], path + ":3: Invalid value zwei for configuration clientPort: Not a number of type INT");
  EXPECT_EQ(messages[3], "--set clientPort: give it as key=value");
  EXPECT_EQ(notices, (std::vector<std::string>{path + ":4: num.io.threads is known, but has no effect here"}));
  EXPECT_TRUE(config_errors(system_disk(), {.files = {}, .sets = {"broker.id=1"}}, notices).empty());
  EXPECT_EQ(config_errors(system_disk(), {.files = {}, .sets = {"broker.id=1", "node.id=2"}}, notices).size(), 1u);
}

TEST_F(LoadConfig, KeysWithoutAMeaningGetOneNoticeEach) {
  const auto path = file("notices.properties",
                         "num.io.threads=8\nzookeeper.connect=localhost:2181\nnum.io.threads=9\nauthProvider.1=x.Y\n"
                         "listener.name.internal.max.connections=5\n");
  ASSERT_TRUE(load({.files = {path}, .sets = {}}));
  EXPECT_EQ(notices_, (std::vector<std::string>{
                          path + ":1: num.io.threads is known, but has no effect here",
                          path + ":2: zookeeper.connect is known, but has no effect here",
                          path + ":4: authProvider.1 is known, but has no effect here",
                          path + ":5: listener.name.internal.max.connections is known, but has no effect here"}));
}

TEST_F(LoadConfig, WhatNobodyShouldBelieveInIsRefusedUnlessItIsTheDefault) {
  const auto groups = file("groups.cfg", "server.1=a:2888:3888\ngroup.1=1:2:3\n");
  const auto refused = load({.files = {groups}, .sets = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unsupported);
  EXPECT_EQ(refused.error().message,
            groups +
                ":2: group.1 is not served: Members of voting group N, colon separated. A quorum is a majority of "
                "the participants here.");
  EXPECT_FALSE(load({.files = {}, .sets = {"weight.3=2"}}));
  EXPECT_FALSE(load({.files = {}, .sets = {"sslQuorum=true"}}));
  EXPECT_TRUE(load({.files = {}, .sets = {"weight.3=1", "sslQuorum=false", "quorum.auth.enableSasl=false"}}));
  EXPECT_TRUE(notices_.empty());
  EXPECT_EQ(load({.files = {}, .sets = {"electionAlg=2"}}).error().message,
            "--set: Invalid value 2 for configuration electionAlg: Value must be at least 3");
}

}  // namespace
}  // namespace holdfast
