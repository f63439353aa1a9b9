// What is read and printed here was read and printed by ZooKeeper 3.9.5's QuorumPeerConfig and QuorumMaj.
#include "coordination/ensemble_config.h"

#include <gtest/gtest.h>

#include <random>

namespace holdfast {
namespace {

// What upstream prints for it; else the kind of the error.
std::string read(std::string_view text) {
  const auto config = EnsembleConfig::parse(text, true);
  if (!config) return config.error().kind == ErrorKind::invalid_input ? "refused" : "refused by Java";
  return config->text();
}

EnsembleConfig parsed(std::string_view text) {
  auto config = EnsembleConfig::parse(text, false);
  EXPECT_TRUE(config) << config.error().message;
  return config ? *config : EnsembleConfig();
}

std::string why(std::string_view text) {
  const auto config = EnsembleConfig::parse(text, false);
  return config ? "fine" : config.error().message;
}

TEST(EnsembleConfig, LinesArePrintedAsUpstreamPrintsThem) {
  const std::pair<std::string_view, std::string_view> golden[] = {
      {"a:2888:3888", "a:2888:3888:participant"},
      {"a:2888:3888:PARTICIPANT;[::1]:2181", "a:2888:3888:participant;[0:0:0:0:0:0:0:1]:2181"},
      {"a:1:2: observer ;3", "a:1:2:observer;0.0.0.0:3"},
      {"[2001:db8::1]:2888:3888;[::]:2181", "[2001:db8:0:0:0:0:0:1]:2888:3888:participant;[0:0:0:0:0:0:0:0]:2181"},
      {"127.0.0.1:2888:3888;h.example:2181", "127.0.0.1:2888:3888:participant;h.example:2181"},
      {"A.Example:1:2;0.0.0.0:3", "A.Example:1:2:participant;0.0.0.0:3"},
      {"[::ffff:10.0.0.1]:1:2", "10.0.0.1:1:2:participant"},
      {"a:1:2;[fe80::1%lo]:3", "a:1:2:participant;[fe80::1%lo]:3"},
      {"b:1:2|a:3:4", "a:3:4|b:1:2:participant"},
      {"a:1:2|b:1:2|", "a:1:2|b:1:2:participant"},
      {"a:1:2|a:1:2", "a:1:2:participant"},
      {"a:1:2;", "a:1:2:participant"},
      {"a:1:2:", "a:1:2:participant"},
      {"a:00001:+2", "a:1:2:participant"},
  };
  for (const auto& [spec, text] : golden) {
    EXPECT_EQ(read("server.1=" + std::string(spec)), "server.1=" + std::string(text) + "\nversion=0");
  }
}

TEST(EnsembleConfig, TheWholeTextIsUpstreams) {
  EXPECT_EQ(read("server.2=b:1:2;3\nserver.10=j:1:2\nserver.1=a:1:2\nserver.3=c:1:2:observer\nversion=a"),
            "server.1=a:1:2:participant\nserver.2=b:1:2:participant;0.0.0.0:3\nserver.3=c:1:2:observer\n"
            "server.10=j:1:2:participant\nversion=a");
  EXPECT_EQ(read("# a comment\n\n server.1 : a:1:2 \r\nversion=100000003\n"),
            "server.1=a:1:2:participant\nversion=100000003");
  EXPECT_EQ(read("server.1=a:1:2\nserver.1=b:1:2"), "server.1=b:1:2:participant\nversion=0");
  EXPECT_EQ(read(""), "version=0");
}

TEST(EnsembleConfig, WhatIsPrintedIsReadAgain) {
  constexpr std::string_view text =
      "server.1=[0:0:0:0:0:0:0:1]:2888:3888|a:2889:3889:participant;[0:0:0:0:0:0:0:0]:2181\n"
      "server.2=b:2888:3888:observer;b:2181\nversion=1200000004";
  EXPECT_EQ(read(text), text);
}

TEST(EnsembleConfig, WhatUpstreamRefusesIsRefused) {
  for (const std::string_view spec : {"",
                                      ";2181",
                                      "a",
                                      "a:1",
                                      "a:1:2:participant:4",
                                      "a:x:2",
                                      "a:1:",
                                      "a::2",
                                      "a:1:1",
                                      "a:1:2:leader",
                                      "a:1:2;x",
                                      "a:1:2;h:x",
                                      "a:1:2;h:1:2",
                                      "a:1:2;3;4",
                                      "[::1:1:2",
                                      "[::1]",
                                      "[::1]:",
                                      "fe80::1:1:2",
                                      "a : 1:2",
                                      "a:1:2|b:1",
                                      "a:1:2:observer|b:1:2:participant",
                                      "a:99999999999:2"}) {
    EXPECT_EQ(read("server.1=" + std::string(spec)), "refused") << spec;
  }
  EXPECT_EQ(read("server.1=a:1:2\nfoo=bar"), "refused");
  EXPECT_EQ(read("server.1=a:1:2\nweight.1=1"), "refused");
  EXPECT_EQ(read("group.1=1:2"), "refused");
  for (const std::string_view text : {"server.1=a:70000:2", "server.1=a:1:-2", "server.1=a:1:2;65536", "server.x=a:1:2",
                                      "server.=a:1:2", "version=x", "version=8000000000000000"}) {
    EXPECT_EQ(read(text), "refused by Java") << text;
  }
}

TEST(EnsembleConfig, ErrorsSayWhatIsWrongWhere) {
  EXPECT_EQ(why("server.1=a:1:2|b:1:2"),
            "server.1: a:1:2|b:1:2 names several addresses, but multiAddress.enabled is false");
  EXPECT_EQ(why("server.1=a:1:1"), "server.1: a:1:1: the quorum's port and the election's must be different");
  EXPECT_FALSE(EnsembleConfig::parse("server.1=a b:1:2", false));
  EXPECT_FALSE(EnsembleConfig::parse("server.1=:1:2", false));
  EXPECT_FALSE(EnsembleConfig::parse("server.1=a:1:2;:3", false));
  EXPECT_FALSE(EnsembleConfig::parse("version=-1", false));
  EXPECT_EQ(why("server.0=a:1:2"), "server.0: an id is in 1 to 255");
  EXPECT_EQ(why("server.256=a:1:2"), "server.256: an id is in 1 to 255");
  EXPECT_EQ(why("server.1=a:1:2\nserver.01=b:1:2"), "server.1: server 1 is there twice");
  EXPECT_EQ(why("group.1=1:2:3"),
            "group.1: weighted groups are not served; a quorum is a majority of the participants");
  const EnsembleLine line{"server.1", "a:1", "zoo.cfg:7"};
  EXPECT_EQ(EnsembleConfig::parse({&line, 1}, false).error().message.substr(0, 46),
            "zoo.cfg:7: server.1: a:1 does not have the for");
}

TEST(EnsembleConfig, AQuorumNeedsParticipants) {
  EXPECT_TRUE(EnsembleConfig().check(true));
  EXPECT_FALSE(EnsembleConfig().check(false));
  EXPECT_FALSE(EnsembleConfig().is_distributed(true));

  const auto lone = parsed("server.1=a:1:2");
  EXPECT_TRUE(lone.check(true));
  EXPECT_TRUE(lone.check(false));
  EXPECT_FALSE(lone.is_distributed(true));
  EXPECT_TRUE(lone.is_distributed(false));

  const auto observer = parsed("server.1=a:1:2:observer");
  EXPECT_FALSE(observer.check(true));
  EXPECT_FALSE(observer.check(false));

  const auto observed = parsed("server.1=a:1:2\nserver.2=b:1:2:observer");
  EXPECT_FALSE(observed.check(true));
  EXPECT_TRUE(observed.check(false));

  const auto three = parsed("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2:observer");
  EXPECT_TRUE(three.check(true));
  EXPECT_TRUE(three.is_distributed(true));
  EXPECT_EQ(three.participants(), 2u);
}

TEST(EnsembleConfig, ParticipantsVoteAndObserversLearn) {
  const Membership members = parsed("server.7=a:1:2\nserver.2=b:1:2:observer\nserver.3=c:1:2").membership();
  EXPECT_EQ(members.voters, (std::vector{ServerId(3), ServerId(7)}));
  EXPECT_EQ(members.learners, (std::vector{ServerId(2)}));
  EXPECT_FALSE(members.is_joint());
}

TEST(EnsembleConfig, TwoServersListenAtDifferentPlaces) {
  const auto clash = [](std::string_view text) {
    const auto checked = parsed(text).check_addresses();
    return checked ? std::string("none") : checked.error().message;
  };
  EXPECT_EQ(clash("server.1=h:1:2\nserver.2=h:3:4"), "none");
  EXPECT_EQ(clash("server.1=h:1:2\nserver.2=H:3:1"), "server.1 and server.2 both have h:1");
  EXPECT_EQ(clash("server.1=localhost:1:2\nserver.2=localhost:1:3"), "server.1 and server.2 both have localhost:1");
  EXPECT_EQ(clash("server.1=[::1]:1:2\nserver.2=[0:0::1]:2:3"), "server.1 and server.2 both have [0:0:0:0:0:0:0:1]:2");
  EXPECT_EQ(clash("server.1=a:1:2;h:3\nserver.2=b:1:2;h:3"), "server.1 and server.2 both have h:3");
  EXPECT_EQ(clash("server.1=a:1:2;b:1\nserver.2=b:1:2;h:3"), "server.1 and server.2 both have b:1");
  // Its own line of a server in a container, as it sees itself; clients at every host's address.
  EXPECT_EQ(clash("server.1=0.0.0.0:1:2;2181\nserver.2=0.0.0.0:1:2;2181"), "none");
  EXPECT_EQ(clash("server.1=a:1:2;127.0.0.1:2181\nserver.2=b:1:2;localhost:2181"), "none");
}

TEST(EnsembleConfig, AnyBytesAreSafe) {
  std::mt19937 random(7);
  constexpr std::string_view alphabet = "server.12=:;|[]a%\n,0-9 \tobserver\0\xff";
  for (int round = 0; round < 50'000; ++round) {
    std::string text = random() % 2 == 0 ? "server.1=" : "";
    for (std::size_t i = random() % 40; i > 0; --i) text += alphabet[random() % alphabet.size()];
    const auto config = EnsembleConfig::parse(text, true);
    if (!config) continue;
    const auto again = EnsembleConfig::parse(config->text(), true);
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(again->text(), config->text());
  }
}

}  // namespace
}  // namespace holdfast
