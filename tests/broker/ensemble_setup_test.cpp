#include "broker/ensemble_setup.h"

#include <gtest/gtest.h>

#include "runtime/simulated_disk.h"

namespace holdfast {
namespace {

constexpr std::string_view three[] = {"server.1=a:2888:3888;2181", "server.2=b:2888:3888;2181",
                                      "server.3=c:2888:3888:observer;2181"};

class EnsembleSetupTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(disk_.create_directories("/data")); }

  void file(const std::string& path, std::string_view content) {
    ASSERT_TRUE(disk_.write_atomically(path, as_bytes(content)));
  }
  // "key=value", each as a line of zoo.cfg.
  void line(std::string_view text) {
    const std::size_t equals = text.find('=');
    auto done = config_.set(text.substr(0, equals), text.substr(equals + 1), "zoo.cfg:" + std::to_string(++lines_));
    ASSERT_TRUE(done) << done.error().message;
  }
  void lines(std::span<const std::string_view> texts) {
    for (const std::string_view text : texts) line(text);
  }
  Result<EnsembleSetup> setup() {
    notices_.clear();
    return ensemble_setup_from(config_, "/data", disk_, notices_);
  }
  std::string why() {
    auto made = setup();
    return made ? "fine" : made.error().message;
  }

  SimulatedDisk disk_;
  Config config_ = Config::defaults();
  std::vector<std::string> notices_;
  int lines_ = 0;
};

TEST_F(EnsembleSetupTest, WithoutServersTheNodeStandsAlone) {
  auto alone = setup();
  ASSERT_TRUE(alone);
  EXPECT_FALSE(alone->distributed);
  EXPECT_EQ(alone->self, ServerId(0));
  EXPECT_EQ(to_string(alone->client), "127.0.0.1:2181");
  EXPECT_TRUE(notices_.empty());

  line("server.1=a:2888:3888;2182");
  ASSERT_TRUE(alone = setup());
  EXPECT_FALSE(alone->distributed);
  EXPECT_EQ(to_string(alone->client), "127.0.0.1:2181");
  EXPECT_EQ(notices_, (std::vector<std::string>{"a single server makes no quorum: the node stands alone"}));
  file("/data/myid", "1\n");
  ASSERT_TRUE(alone = setup());
  EXPECT_EQ(to_string(alone->client), "0.0.0.0:2182") << "its own line says so";

  line("standaloneEnabled=false");
  ASSERT_TRUE(alone = setup());
  EXPECT_TRUE(alone->distributed);
}

TEST_F(EnsembleSetupTest, MembersAndTheNodesOwnIdMakeAnEnsemble) {
  lines(three);
  EXPECT_EQ(why(), "/data/myid is missing: it says which server.N this is");
  file("/data/myid", "2");
  auto made = setup();
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->distributed);
  EXPECT_EQ(made->self, ServerId(2));
  EXPECT_EQ(to_string(made->client), "0.0.0.0:2181");
  EXPECT_EQ(made->config.text(),
            "server.1=a:2888:3888:participant;0.0.0.0:2181\nserver.2=b:2888:3888:participant;0.0.0.0:2181\n"
            "server.3=c:2888:3888:observer;0.0.0.0:2181\nversion=0");
  EXPECT_EQ(notices_.size(), 1u) << "two participants tolerate nothing";

  line("server.4=d:2888:3888");
  ASSERT_TRUE(setup());
  EXPECT_TRUE(notices_.empty());
  line("server.5=e:2888:3888");
  ASSERT_TRUE(setup());
  EXPECT_EQ(notices_, (std::vector<std::string>{"4 participants tolerate no more failures than 3"}));
}

TEST_F(EnsembleSetupTest, TheIdIsInItsFile) {
  lines(three);
  for (const std::string_view nothing : {"", " \n"}) {
    file("/data/myid", nothing);
    EXPECT_EQ(why(), "/data/myid is empty: it says which server.N this is");
  }
  file("/data/myid", "\n2\n");
  EXPECT_EQ(why(), "/data/myid: the number is to be at its beginning");
  file("/data/myid", "one");
  EXPECT_EQ(why(), "/data/myid: one is not a number");
  file("/data/myid", "0");
  EXPECT_EQ(why(), "/data/myid: 0 is not in 1 to 255");
  file("/data/myid", "7");
  EXPECT_EQ(why(), "/data/myid: there is no server.7");
  file("/data/myid", std::string(5000, '1'));
  EXPECT_NE(why(), "fine");
  ASSERT_TRUE(disk_.create_directories("/zk"));
  file("/zk/myid", "3\r\n");
  line("dataDir=/zk");
  EXPECT_EQ(setup()->self, ServerId(3));
}

TEST_F(EnsembleSetupTest, ErrorsNameTheLine) {
  lines(three);
  line("server.2=b:2888");
  EXPECT_TRUE(why().starts_with("zoo.cfg:4: server.2: b:2888 does not have the form")) << why();
  line("server.2=A:1:3888");
  EXPECT_EQ(why(), "server.1 and server.2 both have a:3888");
}

TEST_F(EnsembleSetupTest, ObserversAloneAreNone) {
  line("server.3=c:2888:3888:observer");
  EXPECT_EQ(why(), "there are observers, but no participants");
}

TEST_F(EnsembleSetupTest, TheDynamicFileHoldsTheMembersAlone) {
  file("/data/myid", "1");
  file("/data/zoo.dynamic.1000000a", "server.1=a:1:2;[::1]:3\nserver.2=b:1:2;3\n\nserver.3=c:1:2;3\n");
  line("dynamicConfigFile=/data/zoo.dynamic.1000000a");
  auto made = setup();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->config.version, Zxid(0x1000000a));
  EXPECT_EQ(made->config.participants(), 3u);
  EXPECT_EQ(to_string(made->client), "[0:0:0:0:0:0:0:1]:3");

  file("/data/zoo.dynamic", "server.1=a:1:2\nserver.2=b:1:2\ntickTime=5\n");
  line("dynamicConfigFile=/data/zoo.dynamic");
  EXPECT_EQ(why(), "/data/zoo.dynamic:3: tickTime is no part of an ensemble");
  file("/data/zoo.dynamic", "server.1=a:1:2\nserver.2=b:1:2\n");
  EXPECT_EQ(setup()->config.version, Zxid(0));
  file("/data/zoo.dynamic", "server.1=a:1:2\nversion=5\n");
  EXPECT_EQ(why(), "/data/zoo.dynamic:2: the version is in the file's name only");
  file("/data/zoo.dynamic", "server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1:2\n");
  EXPECT_EQ(why(),
            "/data/zoo.dynamic:3: group.1: weighted groups are not served; a quorum is a majority of the participants");
  line("server.1=a:1:2");
  EXPECT_EQ(why(), "zoo.cfg:3: server.1 must be in the dynamic configuration file /data/zoo.dynamic");
  config_ = Config::defaults();
  line("dynamicConfigFile=/data/none");
  EXPECT_NE(why(), "fine");
}

TEST_F(EnsembleSetupTest, ClientPortsDoNotContradictEachOther) {
  lines(three);
  file("/data/myid", "1");
  const Config base = config_;
  const auto with = [&](std::initializer_list<std::string_view> texts) {
    config_ = base;
    lines_ = 3;
    for (const std::string_view text : texts) line(text);
    auto made = setup();
    return made ? to_string(made->client) : made.error().message;
  };
  EXPECT_EQ(with({"clientPort=2181"}), "0.0.0.0:2181");
  EXPECT_EQ(with({"clientPort=2182"}),
            "zoo.cfg:4: clients are taken at 127.0.0.1:2182, but server.1 says 0.0.0.0:2181");
  EXPECT_EQ(with({"clientPortAddress=10.0.0.1"}),
            "zoo.cfg:4: clients are taken at 10.0.0.1:2181, but server.1 says 0.0.0.0:2181");
  EXPECT_EQ(with({"clientPortAddress=10.0.0.1", "server.1=a:2888:3888;10.0.0.1:2181"}), "10.0.0.1:2181");
  EXPECT_EQ(with({"clientPortAddress=0.0.0.0", "server.1=a:2888:3888;10.0.0.1:2181"}), "10.0.0.1:2181");
  EXPECT_EQ(with({"clientPortAddress=10.0.0.1", "server.1=a:2888:3888;a:2181"}), "a:2181") << "a name may be any";
  EXPECT_EQ(with({"clientPortAddress=10.0.0.1", "clientPort=7", "server.1=a:2888:3888"}), "10.0.0.1:7");
}

TEST_F(EnsembleSetupTest, TheLineHoldsAgainstPeerType) {
  lines(three);
  file("/data/myid", "3");
  line("server.4=d:2888:3888");
  ASSERT_TRUE(setup());
  EXPECT_TRUE(notices_.empty());
  line("peerType=observer");
  ASSERT_TRUE(setup());
  EXPECT_TRUE(notices_.empty());
  file("/data/myid", "1");
  ASSERT_TRUE(setup());
  EXPECT_EQ(notices_,
            (std::vector<std::string>{"zoo.cfg:5: peerType is observer, but server.1 is a participant, which holds"}));
}

}  // namespace
}  // namespace holdfast
