// Four-letter words as scripts and exporters read them: texts compared with those a ZooKeeper 3.9 gave, numbers masked.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "coordination/monitor.h"
#include "tests/coordination/zk_client.h"
#include "tests/coordination/zk_world.h"

namespace holdfast::zk {
namespace {

std::string golden(const std::string& word) {
  std::ifstream file(std::string(HOLDFAST_TEST_DATA) + "/golden/zookeeper/four_letter_words/" + word + ".txt");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Numbers, addresses and the build differ from run to run; everything else is the format.
std::string masked(std::string text) {
  text = std::regex_replace(text, std::regex("Zookeeper version: .*"), "Zookeeper version: V");
  text = std::regex_replace(text, std::regex("0x[0-9a-f]+"), "X");
  text =
      std::regex_replace(text, std::regex("[A-Z][a-z]{2} [A-Z][a-z]{2} \\d\\d \\d\\d:\\d\\d:\\d\\d UTC \\d{4}"), "D");
  text = std::regex_replace(text, std::regex("\\d+(\\.\\d+)+(:\\d+)?"), "N");
  return std::regex_replace(text, std::regex("-?\\d+"), "N");
}

std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.insert(line);
  return out;
}

std::set<std::string> names_of(const std::string& mntr) {
  std::set<std::string> out;
  for (const std::string& line : lines_of(mntr)) out.insert(line.substr(0, line.find('\t')));
  return out;
}

std::string value_of(const std::string& mntr, const std::string& name) {
  const std::size_t at = mntr.find(name + "\t");
  if (at == std::string::npos) return "not there";
  const std::size_t begin = at + name.size() + 1;
  return mntr.substr(begin, mntr.find('\n', begin) - begin);
}

using FourLetterTest = ZkWorld;

TEST_F(FourLetterTest, ServerTextsHaveZooKeepersFormat) {
  start();
  ASSERT_FALSE(golden("srvr").empty());
  for (const char* word : {"srvr", "wchs", "dirs", "isro", "ruok"})
    EXPECT_EQ(masked(four_letter_word(port(), word)), masked(golden(word))) << word;
  // The clients are as many as there are; each has the same form.
  ZkClient client(port());
  EXPECT_EQ(lines_of(masked(four_letter_word(port(), "stat"))), lines_of(masked(golden("stat"))));
}

TEST_F(FourLetterTest, ConnectionsAreToldAsZooKeeperTellsThem) {
  start();
  ZkClient client(port());
  client.create("/told", "", 1);
  const std::string cons = four_letter_word(port(), "cons");
  EXPECT_NE(cons.find(fmt::format("sid=0x{:x},lop=CREA,", client.session())), std::string::npos) << cons;
  const auto masked_ops = [](const std::string& text) {
    return std::regex_replace(masked(text), std::regex("lop=[A-Z]+"), "lop=O");
  };
  EXPECT_EQ(lines_of(masked_ops(cons)), lines_of(masked_ops(golden("cons"))));
  EXPECT_EQ(four_letter_word(port(), "crst"), "Connection stats reset.\n");
  EXPECT_NE(four_letter_word(port(), "cons").find("recved=0,sent=0,sid="), std::string::npos);
}

TEST_F(FourLetterTest, DumpTellsSessionsAndTheirEphemerals) {
  start();
  ZkClient client(port());
  client.create("/mine", "", 1);
  const std::string dump = four_letter_word(port(), "dump");
  const std::string id = fmt::format("0x{:x}", client.session());
  EXPECT_NE(dump.find("Sessions with Ephemerals (1):\n" + id + ":\n\t/mine\n"), std::string::npos) << dump;
  EXPECT_NE(dump.find("sessionId: " + id + "\n"), std::string::npos) << dump;
  EXPECT_EQ(
      masked(dump).find("SessionTracker dump:\nSession Sets (N)/(N):\nN expire at D:\n\tX\nephemeral nodes dump:\n"),
      0u)
      << dump;
}

TEST_F(FourLetterTest, WatchesBySessionAndByPath) {
  start();
  EXPECT_EQ(four_letter_word(port(), "wchc"), golden("wchc"));
  ZkClient client(port());
  client.exists("/a", true);
  client.exists("/b", true);
  const std::string id = fmt::format("0x{:x}", client.session());
  EXPECT_EQ(four_letter_word(port(), "wchs"), "1 connections watching 2 paths\nTotal watches:2\n");
  EXPECT_EQ(lines_of(four_letter_word(port(), "wchc")), (std::set<std::string>{id, "\t/a", "\t/b", ""}));
  EXPECT_EQ(four_letter_word(port(), "wchp"), "/a\n\t" + id + "\n/b\n\t" + id + "\n\n");
}

TEST_F(FourLetterTest, MonitorHasOnlyZooKeepersNames) {
  start();
  ZkClient client(port());
  client.create("/counted", "12345", 1);
  client.exists("/counted", true);
  const std::string mntr = four_letter_word(port(), "mntr");
  EXPECT_EQ(value_of(mntr, "zk_version"), zookeeper_version);
  EXPECT_EQ(value_of(mntr, "zk_server_state"), "standalone");
  EXPECT_EQ(value_of(mntr, "zk_znode_count"), "6");  // of which upstream counts the root twice
  EXPECT_EQ(value_of(mntr, "zk_ephemerals_count"), "1");
  EXPECT_EQ(value_of(mntr, "zk_watch_count"), "1");
  EXPECT_EQ(value_of(mntr, "zk_global_sessions"), "1");
  EXPECT_EQ(value_of(mntr, "zk_num_alive_connections"), "2");  // the session's and the word's own
  EXPECT_EQ(value_of(mntr, "zk_cnt_readlatency"), "1");
  EXPECT_EQ(value_of(mntr, "zk_cnt_updatelatency"), "1");
  const std::set<std::string> known = names_of(golden("mntr"));
  for (const std::string& name : names_of(mntr)) EXPECT_TRUE(known.contains(name)) << name;
}

TEST_F(FourLetterTest, ConfigurationInEffect) {
  options.max_client_connections = 7;
  start();
  const std::string conf = four_letter_word(port(), "conf");
  EXPECT_EQ(conf.find(fmt::format("clientPort={}\nsecureClientPort=-1\ndataDir={}\n", port(), options.data_dir)), 0u)
      << conf;
  EXPECT_NE(conf.find("tickTime=100\nmaxClientCnxns=7\nminSessionTimeout=200\nmaxSessionTimeout=20000\n"),
            std::string::npos)
      << conf;
}

TEST_F(FourLetterTest, OnlyWhatIsAllowedIsAnswered) {
  options.four_letter_words = {"ruok"};
  start();
  EXPECT_EQ(four_letter_word(port(), "ruok"), "imok");
  EXPECT_EQ(four_letter_word(port(), "stat"), "stat is not executed because it is not in the whitelist.\n");
  EXPECT_EQ(four_letter_word(port(), "nope"), "");
}

TEST_F(FourLetterTest, AHalfClosedSocketGetsItsAnswer) {
  start();
  EXPECT_EQ(four_letter_word(port(), "ruok", true), "imok");
  EXPECT_EQ(four_letter_word(port(), "ruok\n"), "imok");
}

TEST_F(FourLetterTest, CountersStartAgainOnRequest) {
  start();
  ZkClient client(port());
  for (int i = 0; i < 5; ++i) client.exists("/");
  EXPECT_EQ(four_letter_word(port(), "srst"), "Server stats reset.\n");
  const std::string srvr = four_letter_word(port(), "srvr");
  EXPECT_NE(srvr.find("\nReceived: 1\n"), std::string::npos) << srvr;  // this word
}

}  // namespace
}  // namespace holdfast::zk
