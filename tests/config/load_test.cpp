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

std::vector<std::string> texts(const std::vector<Notice>& notices) {
  std::vector<std::string> out;
  for (const Notice& notice : notices) out.push_back(notice.text);
  return out;
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
  // Why a file, or --set, with that line is refused.
  std::string why(const std::string& line) {
    auto loaded = load({.files = {}, .sets = {line}});
    return loaded ? "fine" : loaded.error().message;
  }
  std::vector<Notice> notices_;
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
  std::vector<Notice> notices;
  std::vector<std::string> messages;
  const ConfigSources sources{.files = {absent, path}, .sets = {"clientPort", "broker.id=1", "node.id=2"}};
  for (const Error& error : config_errors(system_disk(), sources, notices)) messages.push_back(error.message);
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_NE(messages[0].find(absent), std::string::npos);
  EXPECT_EQ(messages[1], path + ":1: unknown key num.partitons; did you mean num.partitions?");
  EXPECT_EQ(messages[2], path + ":3: Invalid value zwei for configuration clientPort: Not a number of type INT");
  EXPECT_EQ(messages[3], "--set clientPort: give it as key=value");
  EXPECT_EQ(texts(notices), (std::vector<std::string>{path + ":4: num.io.threads is known, but has no effect here"}));
  EXPECT_TRUE(config_errors(system_disk(), {.files = {}, .sets = {"broker.id=1"}}, notices).empty());
  EXPECT_EQ(config_errors(system_disk(), {.files = {}, .sets = {"broker.id=1", "node.id=2"}}, notices).size(), 1u);
}

TEST_F(LoadConfig, KeysWithoutAMeaningGetOneNoticeEach) {
  const auto path = file("notices.properties",
                         "num.io.threads=8\nzookeeper.connect=localhost:2181\nnum.io.threads=9\naudit.enable=true\n"
                         "listener.name.internal.max.connections=5\n");
  ASSERT_TRUE(load({.files = {path}, .sets = {}}));
  EXPECT_EQ(
      texts(notices_),
      (std::vector<std::string>{path + ":1: num.io.threads is known, but has no effect here",
                                path + ":2: zookeeper.connect is known, but has no effect here",
                                path + ":4: audit.enable is known, but has no effect here",
                                path + ":5: listener.name.internal.max.connections is known, but has no effect here"}));
}

TEST_F(LoadConfig, WhatSomebodyWouldMissIsAWarning) {
  const auto warns = [this](const std::string& line) {
    EXPECT_EQ(why(line), "fine");
    EXPECT_EQ(notices_.size(), 1u) << line;
    return !notices_.empty() && notices_.front().warning;
  };
  for (const char* line :
       {"audit.enable=true", "enforce.auth.schemes=digest", "zookeeper.connect=a:2181", "requestThrottleLimit=9",
        "ssl.keystore.location=/k", "ssl.quorum.keyStore.location=/k", "controller.quorum.voters=1@a:9093",
        "max.connection.creation.rate=5", "listener.name.internal.max.connections=5"})
    EXPECT_TRUE(warns(line)) << line;
  for (const char* line : {"num.io.threads=4", "preAllocSize=1", "audit.enable=false", "ssl.clientAuth=need"})
    EXPECT_FALSE(warns(line)) << line;
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

TEST_F(LoadConfig, WhatWouldMakeTheNodeLessSafeThanItsFileSaysIsRefused) {
  EXPECT_EQ(why("enforce.auth.enabled=true"),
            "--set: enforce.auth.enabled is not served: Whether a session must authenticate.");
  for (const char* line :
       {"sessionRequireClientSASLAuth=true", "zookeeper.enforce.auth.enabled=true", "secureClientPort=2281",
        "secureClientPortAddress=0.0.0.0", "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
        "authProvider.sasl=x.Y", "zookeeper.authProvider.1=x.Y", "quorum.auth.learnerRequireSasl=true",
        "quorum.auth.serverRequireSasl=true", "admin.forceHttps=true", "admin.needClientAuth=true",
        "authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "security.inter.broker.protocol=SASL_SSL",
        "ssl.client.auth=required", "listener.name.internal.ssl.client.auth=required",
        "create.topic.policy.class.name=x.Y", "alter.config.policy.class.name=x.Y", "zookeeper.set.acl=true",
        "zookeeper.ssl.client.enable=true"})
    EXPECT_NE(why(line).find(" is not served: "), std::string::npos) << line << ": " << why(line);
}

TEST_F(LoadConfig, WhatAsksForNothingIsNotRefused) {
  for (const char* line :
       {"enforce.auth.enabled=false", "sessionRequireClientSASLAuth=false", "secureClientPort=0",
        "secureClientPortAddress=", "authProvider.1=org.apache.zookeeper.server.auth.DigestAuthenticationProvider",
        "authProvider.ip=org.apache.zookeeper.server.auth.IPAuthenticationProvider",
        "authorizer.class.name=", "security.inter.broker.protocol=PLAINTEXT", "ssl.client.auth=none",
        "create.topic.policy.class.name=", "zookeeper.set.acl=false"}) {
    EXPECT_EQ(why(line), "fine");
    EXPECT_TRUE(notices_.empty()) << line;
  }
}

TEST_F(LoadConfig, ListenersThatEncryptOrAuthenticateAreRefused) {
  const auto path = file("tls.properties", "# TLS\nlisteners=PLAINTEXT://:9092,SSL://:9093\n");
  EXPECT_EQ(
      load({.files = {path}, .sets = {}}).error().message,
      path + ":2: listener SSL is to speak SSL (listener.security.protocol.map), which is not served: PLAINTEXT is");
  const auto mapped = [this](const std::string& listeners, const std::string& map) {
    return load({.files = {}, .sets = {"listeners=" + listeners, "listener.security.protocol.map=" + map}}).has_value();
  };
  EXPECT_FALSE(mapped("OUT://:9092", "OUT:SASL_PLAINTEXT"));
  EXPECT_FALSE(mapped("out://:9092", "PLAINTEXT:PLAINTEXT,OUT:ssl"));
  EXPECT_FALSE(mapped("SASL_SSL://:9092", "PLAINTEXT:PLAINTEXT"));
  EXPECT_FALSE(mapped("PLAINTEXT://:9092", "PLAINTEXT:SSL"));
  EXPECT_FALSE(mapped("OUT://:9092", "OUT"));
  EXPECT_TRUE(mapped("OUT://:9092", "IN:SSL,OUT:PLAINTEXT"));
  EXPECT_TRUE(mapped("PLAINTEXT://:9092,CONTROLLER://:9093", "PLAINTEXT:PLAINTEXT,SSL:SSL"));
}

TEST_F(LoadConfig, RulesOfSeveralValuesNameFileAndLine) {
  const auto path = file("sessions.cfg", "tickTime=1000\nminSessionTimeout=30000\n\nlog.retention.minutes=0\n");
  EXPECT_EQ(load({.files = {path}, .sets = {}}).error().message,
            path + ":4: log.retention.minutes must be unlimited (-1) or, greater than or equal to 1");
  EXPECT_EQ(load({.files = {path}, .sets = {"log.retention.ms=5"}}).error().message,
            path + ":2: minSessionTimeout is 30000, and larger than maxSessionTimeout, which is 20000 (default)");
  EXPECT_EQ(load({.files = {path}, .sets = {"log.retention.ms=5", "maxSessionTimeout=9"}}).error().message,
            path + ":2: minSessionTimeout is 30000, and larger than maxSessionTimeout, which is 9 (--set)");
  EXPECT_EQ(load({.files = {}, .sets = {"maxSessionTimeout=9"}}).error().message,
            "--set: minSessionTimeout is 6000, and larger than maxSessionTimeout, which is 9 (default)");
}

}  // namespace
}  // namespace holdfast
