// Four-letter words as scripts and exporters read them: texts compared with those a ZooKeeper 3.9 gave, numbers masked.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "coordination/four_letter.h"
#include "coordination/monitor.h"
#include "coordination/quorum_words.h"
#include "coordination/zk_server.h"
#include "tests/coordination/zk_client.h"
#include "tests/coordination/zk_world.h"

namespace holdfast::zk {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string golden(const std::string& word) {
  return content_of(std::string(HOLDFAST_TEST_DATA) + "/golden/zookeeper/four_letter_words/" + word + ".txt");
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

// "zk_{min,max}_x": zk_min_x, zk_max_x.
std::set<std::string> spelt_out(const std::string& pattern) {
  const std::size_t open = pattern.find('{');
  if (open == std::string::npos) return {pattern};
  const std::size_t close = pattern.find('}', open);
  std::set<std::string> out;
  std::istringstream choices(pattern.substr(open + 1, close - open - 1));
  for (std::string choice; std::getline(choices, choice, ',');)
    out.merge(spelt_out(pattern.substr(0, open) + choice + pattern.substr(close + 1)));
  return out;
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

// ---- One of an ensemble: the texts that a real ensemble of three participants and an observer gave. ----

using Mode = QuorumStatus::Mode;

std::string golden_of(Mode mode, const std::string& word) {
  const std::string role = mode == Mode::read_only ? "read_only" : std::string(to_string(mode));
  return content_of(std::string(HOLDFAST_TEST_DATA) + "/golden/zookeeper/words/" + role + "/" + word + ".txt");
}

// What those servers knew: 1 followed, 3 led, 4 observed.
QuorumStatus status_of(Mode mode) {
  QuorumStatus status;
  status.mode = mode;
  if (mode == Mode::standalone) return status;
  status.self = ServerId(mode == Mode::leader ? 3 : mode == Mode::observer ? 4 : 1);
  status.voters = 3;
  status.init_limit = 10;
  status.sync_limit = 5;
  if (mode != Mode::looking && mode != Mode::read_only) status.leader = ServerId(3);
  if (mode != Mode::leader) return status;
  status.leading_ms = 2856;
  status.peers = {{.id = ServerId(1), .voter = true, .connected = true, .synced = true},
                  {.id = ServerId(2), .voter = true, .connected = true, .synced = true},
                  {.id = ServerId(4), .observer = true, .connected = true, .synced = true}};
  for (const std::int64_t bytes : {48, 387, 87}) status.proposal_bytes.add(bytes);
  return status;
}

constexpr std::string_view config_text =
    "server.1=127.0.0.1:31101:31201:participant;127.0.0.1:31301\n"
    "server.2=127.0.0.1:31102:31202:participant;127.0.0.1:31302\n"
    "server.3=127.0.0.1:31103:31203:participant;127.0.0.1:31303\n"
    "server.4=127.0.0.1:31104:31204:observer;127.0.0.1:31304\n"
    "version=0";

constexpr Mode modes_that_tell[] = {Mode::leader, Mode::follower, Mode::observer, Mode::read_only};

class QuorumWordsTest : public ZkWorld {
 protected:
  // What the server would say if its ensemble were like that.
  std::string answer(std::string_view word, const QuorumStatus& status) {
    return on_shard([&] {
      Metrics metrics;
      ZkServer server(ensemble(), system_network(), metrics);
      return four_letter_answer(word, server, status).value_or("no word");
    });
  }
};

std::string without_clients(const std::string& stat) { return std::regex_replace(stat, std::regex(" /[^\n]*\n"), ""); }

TEST_F(QuorumWordsTest, ServerTextsAreThoseOfItsRole) {
  start();
  for (const Mode mode : modes_that_tell) {
    ASSERT_FALSE(golden_of(mode, "srvr").empty());
    EXPECT_EQ(masked(answer("srvr", status_of(mode))), masked(golden_of(mode, "srvr"))) << to_string(mode);
    EXPECT_EQ(masked(answer("stat", status_of(mode))), masked(without_clients(golden_of(mode, "stat"))))
        << to_string(mode);
    EXPECT_EQ(answer("isro", status_of(mode)), mode == Mode::read_only ? "ro" : "rw");
  }
  const std::string leader = answer("srvr", status_of(Mode::leader));
  EXPECT_TRUE(leader.ends_with("\nProposal sizes last/min/max: 87/48/387\n")) << leader;
  QuorumStatus fresh;
  fresh.mode = Mode::leader;
  EXPECT_EQ(proposal_sizes_line(fresh), "Proposal sizes last/min/max: -1/-1/-1\n");
}

TEST_F(QuorumWordsTest, AServerThatLooksForALeaderTellsNothing) {
  start();
  const QuorumStatus looking = status_of(Mode::looking);
  const std::string refusal = "This ZooKeeper instance is not currently serving requests";
  for (const char* word : {"srvr", "stat", "mntr", "cons", "conf", "dump", "wchs", "wchc", "wchp", "dirs", "crst"})
    EXPECT_EQ(answer(word, looking), refusal + "\n") << word;
  EXPECT_EQ(answer("hash", looking), refusal);
  EXPECT_EQ(answer("isro", looking), "null");
  EXPECT_EQ(answer("ruok", looking), "imok");
  EXPECT_EQ(answer("envi", looking).find("Environment:\n"), 0u);
}

TEST_F(QuorumWordsTest, DumpTellsWhatTheServerKnowsOfSessions) {
  start();
  ZkClient client(port());
  client.create("/mine", "", 1);
  const std::string id = fmt::format("0x{:x}", client.session());
  const std::string follower = answer("dump", status_of(Mode::follower));
  const std::int32_t timeout =
      on_shard([&] { return ensemble().machine().sessions().all().begin()->second.timeout_ms; });
  EXPECT_EQ(follower.find(fmt::format("SessionTracker dump:\nGlobal Sessions(1):\n{}\t{}ms\nephemeral nodes dump:\n"
                                      "Sessions with Ephemerals (1):\n{}:\n\t/mine\nConnections dump:\n",
                                      id, timeout, id)),
            0u)
      << follower;
  EXPECT_EQ(answer("dump", status_of(Mode::observer)), follower);
  EXPECT_EQ(answer("dump", status_of(Mode::read_only)), follower);
  EXPECT_EQ(masked(answer("dump", status_of(Mode::leader))).find("SessionTracker dump:\nSession Sets (N)/(N):\nN"), 0u);
}

TEST_F(QuorumWordsTest, WordsThatOthersNeedAreAnsweredWhateverTheListSays) {
  options.four_letter_words = {"ruok"};
  start();
  EXPECT_EQ(answer("srvr", {}).find("Zookeeper version: "), 0u);
  EXPECT_EQ(answer("isro", {}), "isro is not executed because it is not in the whitelist.\n");
  QuorumStatus leader = status_of(Mode::leader);
  leader.read_only_clients = true;
  EXPECT_EQ(answer("isro", leader), "rw");
}

TEST_F(QuorumWordsTest, TheTableOfMonitorFieldsIsCurrent) {
  start();
  const std::string page = content_of(std::string(HOLDFAST_SOURCE_DIR) + "/docs/FOUR_LETTER_WORDS.md");
  const Mode columns[] = {Mode::standalone, Mode::leader, Mode::follower, Mode::observer, Mode::read_only};
  std::map<Mode, std::set<std::string>> documented;
  const std::regex row("\\| `([a-z0-9_{},]+)` \\|( x)? \\|( x)? \\|( x)? \\|( x)? \\|( x)? \\|.*");
  for (const std::string& line : lines_of(page)) {
    std::smatch cells;
    if (!line.starts_with("| `zk_")) continue;
    ASSERT_TRUE(std::regex_match(line, cells, row)) << line;
    for (std::size_t i = 0; i < std::size(columns); ++i)
      if (cells[i + 2].matched) documented[columns[i]].merge(spelt_out(cells[1]));
  }
  Histogram commit_time;
  for (const Mode mode : columns) {
    QuorumStatus status = status_of(mode);
    status.commit_time = &commit_time;
    EXPECT_EQ(names_of(answer("mntr", status)), documented[mode]) << to_string(mode);
  }
}

TEST(QuorumMonitorTest, TellsWhatZooKeeperTellsInThatRole) {
  for (const Mode mode : modes_that_tell) {
    const QuorumStatus status = status_of(mode);
    const std::set<std::string> told = lines_of(quorum_monitor_lines(status));
    // Golden: what upstream tells only of such a server, with what it said.
    const std::string theirs = golden_of(mode, "mntr");
    for (const std::string& line : lines_of(theirs)) EXPECT_TRUE(told.contains(line)) << to_string(mode) << line;
    std::set<std::string> known = names_of(golden("mntr"));
    known.merge(names_of(theirs));
    for (const std::string& name : names_of(quorum_monitor_lines(status)))
      EXPECT_TRUE(known.contains(name)) << to_string(mode) << name;
    EXPECT_TRUE(told.contains(fmt::format("zk_server_state\t{}", to_string(mode))));
  }
  EXPECT_EQ(quorum_monitor_lines({}), "zk_server_state\tstandalone\n");
}

TEST(QuorumMonitorTest, PeersAreCountedByWhatTheyAre) {
  QuorumStatus status = status_of(Mode::leader);
  status.peers[0].synced = false;
  status.peers[1] = {.id = ServerId(2), .voter = true};                              // gone
  status.peers.push_back({.id = ServerId(5), .connected = true, .synced = true});    // will vote
  status.peers.push_back({.id = ServerId(6), .connected = true});                    // comes up
  status.peers.push_back({.id = ServerId(7), .observer = true, .connected = true});  // comes up
  const std::string told = quorum_monitor_lines(status);
  EXPECT_EQ(value_of(told, "zk_learners"), "5");
  EXPECT_EQ(value_of(told, "zk_synced_followers"), "1");
  EXPECT_EQ(value_of(told, "zk_synced_non_voting_followers"), "1");
  EXPECT_EQ(value_of(told, "zk_synced_observers"), "1");
}

TEST(QuorumMonitorTest, TimesOfElectionsAddUp) {
  QuorumStatus status = status_of(Mode::follower);
  status.looked = 3;
  status.elections.add(323);
  status.elections.add(41);
  status.unavailable.add(500);
  const std::string told = quorum_monitor_lines(status);
  EXPECT_EQ(value_of(told, "zk_looking_count"), "3");
  EXPECT_EQ(value_of(told, "zk_avg_election_time"), "182.0");
  EXPECT_EQ(value_of(told, "zk_min_election_time"), "41");
  EXPECT_EQ(value_of(told, "zk_max_election_time"), "323");
  EXPECT_EQ(value_of(told, "zk_cnt_election_time"), "2");
  EXPECT_EQ(value_of(told, "zk_sum_election_time"), "364");
  EXPECT_EQ(value_of(told, "zk_min_unavailable_time"), "500");
}

TEST(QuorumConfTest, EndsWithTheEnsemble) {
  for (const Mode mode : modes_that_tell) {
    const std::string theirs = golden_of(mode, "conf");
    ASSERT_NE(theirs.find("initLimit="), std::string::npos);
    EXPECT_EQ(ensemble_lines(status_of(mode), config_text), theirs.substr(theirs.find("initLimit=")))
        << to_string(mode);
  }
  EXPECT_EQ(ensemble_lines({}, config_text), "");
}

TEST(QuorumConfTest, PortsOfSeveralAddressesAndOfNone) {
  QuorumStatus status = status_of(Mode::follower);
  EXPECT_EQ(ensemble_lines(status, "server.1=a:1:2:participant|b:1:3:participant\nversion=0")
                .find("initLimit=10\nsyncLimit=5\nelectionAlg=3\nelectionPort=2|3\nquorumPort=1\npeerType=0\n"),
            0u);
  status.self = ServerId(9);  // to be taken in
  EXPECT_EQ(ensemble_lines(status, config_text).find("initLimit=10\nsyncLimit=5\nelectionAlg=3\npeerType=0\nmember"),
            0u);
}

TEST(QuorumDumpTest, SessionsInTheOrderOfTheirIdsAsJavaHasThem) {
  SessionTable sessions;
  sessions.add(SessionId(0x1000231ddaa0000), {.timeout_ms = 10000});
  sessions.add(SessionId(0x4000231e1550000), {.timeout_ms = 10000});
  sessions.add(SessionId(0x3000231ddae0000), {.timeout_ms = 10000});
  const std::string theirs = golden_of(Mode::follower, "dump");
  const std::size_t begin = theirs.find('\n') + 1;
  EXPECT_EQ(global_sessions(sessions), theirs.substr(begin, theirs.find("ephemeral nodes") - begin));
  // Of a server whose id is above 127: its sessions are negative.
  sessions.add(SessionId(static_cast<std::int64_t>(0xc8000231ddae0000)), {.timeout_ms = 4000});
  EXPECT_EQ(global_sessions(sessions).find("Global Sessions(4):\n0xc8000231ddae0000\t4000ms\n0x1000231ddaa0000\t"), 0u);
}

}  // namespace
}  // namespace holdfast::zk
