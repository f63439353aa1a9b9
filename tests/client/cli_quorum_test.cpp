// `holdfast quorum`, the built command against an ensemble of three nodes: every change end to end.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>
#include <regex>
#include <sstream>

#include "broker/embedded_node.h"
#include "tests/client/cli_process.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

constexpr int servers = 3;
// The password is "secret".
constexpr const char* super_digest = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

class CliQuorum : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    EmbeddedOptions options;
    options.settings = {{"reconfigEnabled", "true"}, {"DigestAuthenticationProvider.superDigest", super_digest}};
    auto started = EmbeddedCluster::start(servers, options);
    if (!started) throw std::runtime_error(started.error().message);
    cluster_ = std::move(*started);
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  static CommandOutcome quorum(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "quorum");
    Environment environment = clean_environment();
    environment["HOLDFAST_ZOOKEEPER"] = cluster_->zookeeper();
    return run_holdfast(arguments, environment);
  }
  static CommandOutcome authorised(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--auth", "super:secret", "--yes"});
    return quorum(std::move(arguments));
  }
  // ZK1, ZK2... for where they take clients, QUORUM for their other ports.
  static std::string masked(std::string text) { return masked(std::move(text), cluster_->zookeeper()); }
  static std::string masked(std::string text, const std::string& servers_named) {
    std::istringstream addresses(servers_named);
    int id = 0;
    for (std::string address; std::getline(addresses, address, ',');) {
      const std::string name = fmt::format("ZK{}", ++id);
      for (std::size_t at = text.find(address); at != std::string::npos; at = text.find(address, at))
        text.replace(at, address.size(), name);
    }
    text = std::regex_replace(text, std::regex("127\\.0\\.0\\.1:\\d+:\\d+:"), "QUORUM:");
    text = std::regex_replace(text, std::regex("\"zxid\": \"0x[0-9a-f]+\""), "\"zxid\": ZXID");
    text = std::regex_replace(text, std::regex("\"(connections|znodes|outstanding)\": \\d+"), "\"$1\": N");
    return std::regex_replace(text, std::regex("\"version\": \"[^\"]+\""), "\"version\": VERSION");
  }
  static std::string status_line(int id, const std::string& state) {
    return fmt::format(
        "  {{\"server\": {}, \"address\": \"ZK{}\", \"role\": \"voter\", \"state\": \"{}\", \"zxid\": ZXID, "
        "\"connections\": N, \"znodes\": N, \"outstanding\": N, \"version\": VERSION, \"error\": null}}",
        id, id, state);
  }
  static std::string member_line(int id) { return fmt::format("     {}  voter  QUORUM:participant;ZK{}\n", id, id); }
  // What `quorum status` says where `leader` leads all of them but those that are gone.
  static std::string status_text(int leader, int gone = 0) {
    std::string out;
    for (int id = 1; id <= servers; ++id) {
      if (id == gone) continue;
      out += (out.empty() ? "" : ",\n") + status_line(id, id == leader ? "leader" : "follower");
    }
    return "[\n" + out + "\n]\n";
  }
  static int leader() { return leader_in(quorum({"status", "-o", "json"}).output); }
  static int leader_in(const std::string& status) {
    std::smatch found;
    const bool is_led = std::regex_search(status, found, std::regex("\"server\": (\\d+), [^\n]*\"state\": \"leader\""));
    EXPECT_TRUE(is_led) << status;
    return is_led ? std::stoi(found[1]) : 0;
  }
  // As `quorum add` takes it: "3=127.0.0.1:...".
  static std::string spec(int id) {
    Environment environment = clean_environment();
    environment["HOLDFAST_ZOOKEEPER"] = cluster_->zookeeper();
    const std::string config = run_holdfast({"zk", "get", "/zookeeper/config"}, environment).output;
    std::smatch found;
    EXPECT_TRUE(std::regex_search(config, found, std::regex(fmt::format("server\\.({}=[^\n]*)", id)))) << config;
    return found[1];
  }

  static std::unique_ptr<EmbeddedCluster> cluster_;
};
std::unique_ptr<EmbeddedCluster> CliQuorum::cluster_;

TEST_F(CliQuorum, ItsStateIsTold) {
  const int leads = leader();
  EXPECT_EQ(masked(quorum({"status", "-o", "json"}).output), status_text(leads));
  const CommandOutcome text = quorum({"status"});
  EXPECT_EQ(text.code, 0);
  EXPECT_EQ(text.errors, "");
  EXPECT_THAT(text.output, MatchesRegex("SERVER  ADDRESS +ROLE   STATE     ZXID +CONNECTIONS\n"
                                        "     1  127.0.0.1:[0-9]+ +voter  (leader|follower) +0x[0-9a-f]+ +[0-9]+\n"
                                        "     2  127.0.0.1:[0-9]+ +voter  (leader|follower) +0x[0-9a-f]+ +[0-9]+\n"
                                        "     3  127.0.0.1:[0-9]+ +voter  (leader|follower) +0x[0-9a-f]+ +[0-9]+\n"));
}

TEST_F(CliQuorum, AnotherServerTakesOver) {
  const int before = leader();
  const CommandOutcome rehearsed = authorised({"transfer", "--dry-run"});
  EXPECT_EQ(rehearsed.code, 0) << rehearsed.errors;
  EXPECT_EQ(rehearsed.output, fmt::format("would let somebody else lead than server {}\n", before));
  EXPECT_EQ(leader(), before);
  const CommandOutcome moved = authorised({"transfer"});
  EXPECT_EQ(moved.code, 0) << moved.errors;
  const int after = leader();
  EXPECT_NE(after, before);
  EXPECT_EQ(moved.output, fmt::format("server {} leads, after server {}\n", after, before));
  EXPECT_EQ(masked(quorum({"status", "-o", "json"}).output), status_text(after)) << "all of them vote";
}

TEST_F(CliQuorum, AServerGoesAndComesBack) {
  const int leads = leader();
  const int gone = leads == 3 ? 2 : 3;
  const std::string number = std::to_string(gone), line = spec(gone);
  std::string left, all;
  for (int id = 1; id <= servers; ++id) {
    all += member_line(id);
    if (id != gone) left += member_line(id);
  }
  const std::string head = "SERVER  ROLE   SPEC\n";

  const CommandOutcome rehearsed = authorised({"remove", number, "--dry-run"});
  EXPECT_EQ(rehearsed.code, 0) << rehearsed.errors;
  EXPECT_EQ(masked(rehearsed.output),
            fmt::format("would have removed {}; the members would be\n{}{}", gone, head, left));
  EXPECT_THAT(authorised({"remove", number, "--dry-run", "-o", "json"}).output, HasSubstr("\"dry_run\": true"));
  EXPECT_EQ(masked(quorum({"status", "-o", "json"}).output), status_text(leads)) << "nothing was done";

  const CommandOutcome removed = authorised({"remove", number});
  EXPECT_EQ(removed.code, 0) << removed.errors;
  EXPECT_EQ(masked(removed.output), fmt::format("removed {}; the members are\n{}{}", gone, head, left));
  EXPECT_EQ(masked(quorum({"status", "-o", "json"}).output), status_text(leads, gone));

  // With two of them neither may go, and leading is nobody else's.
  const CommandOutcome last = authorised({"remove", std::to_string(leads)});
  EXPECT_EQ(last.code, 5);
  EXPECT_THAT(last.errors, HasSubstr("the servers do not take such members"));
  EXPECT_THAT(authorised({"remove", std::to_string(leads), "--dry-run"}).errors, HasSubstr("standaloneEnabled"));
  EXPECT_EQ(authorised({"transfer"}).code, 5);

  const CommandOutcome would_come = authorised({"add", line, "--dry-run"});
  EXPECT_EQ(masked(would_come.output),
            masked(fmt::format("would have added {}; the members would be\n{}", line, head)) + all);
  const CommandOutcome added = authorised({"add", line});
  EXPECT_EQ(added.code, 0) << added.errors;
  EXPECT_EQ(masked(added.output), masked(fmt::format("added {}; the members are\n{}", line, head)) + all);
  EXPECT_EQ(masked(quorum({"status", "-o", "json"}).output), status_text(leads));
}

TEST_F(CliQuorum, ADryRunPromisesNothingThatWouldBeRefused) {
  const std::string line = spec(3);
  const std::vector<std::vector<std::string>> changes{{"remove", "3"}, {"add", line}, {"transfer"}};
  for (std::vector<std::string> change : changes) {
    change.push_back("--yes");
    const CommandOutcome refused = quorum(change);
    change.push_back("--dry-run");
    const CommandOutcome rehearsed = quorum(change);
    EXPECT_EQ(refused.code, 5) << change[0];
    EXPECT_EQ(rehearsed.code, 5) << change[0];
    EXPECT_EQ(rehearsed.output, "") << change[0];
    EXPECT_EQ(rehearsed.errors, refused.errors) << change[0];
    EXPECT_THAT(rehearsed.errors, HasSubstr("no permission")) << change[0];
  }
  const CommandOutcome somebody = quorum({"transfer", "--dry-run", "--auth", "alice:secret"});
  EXPECT_EQ(somebody.code, 5) << somebody.output;
}

TEST_F(CliQuorum, WhereMembersAreFixedADryRunSaysSo) {
  auto fixed = EmbeddedCluster::start(2);
  ASSERT_TRUE(fixed) << fixed.error().message;
  for (const char* how : {"--yes", "--dry-run"}) {
    const CommandOutcome outcome = quorum({"remove", "2", how, "--zookeeper", (*fixed)->zookeeper()});
    EXPECT_EQ(outcome.code, 5) << how;
    EXPECT_THAT(outcome.errors, HasSubstr("set reconfigEnabled=true on its servers")) << how;
    EXPECT_EQ(outcome.output, "") << how;
  }
}

// Lines as in README.md: where clients are taken is each server's own clientPort.
class CliQuorumOfBareLines : public CliQuorum {
 protected:
  void SetUp() override {
    EmbeddedOptions options;
    options.settings = {{"reconfigEnabled", "true"}, {"DigestAuthenticationProvider.superDigest", super_digest}};
    // Taken until all of them are known, so that they differ.
    std::list<SilentServer> ports;
    for (int id = 1; id <= servers; ++id) {
      const std::string quorum_port = ports.emplace_back().address();
      const std::string election = ports.emplace_back().address();
      options.settings[fmt::format("server.{}", id)] = quorum_port + election.substr(election.find(':'));
    }
    ports.clear();
    auto started = EmbeddedCluster::start(servers, options);
    ASSERT_TRUE(started) << started.error().message;
    bare_ = std::move(*started);
  }
  CommandOutcome of_bare(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--zookeeper", bare_->zookeeper()});
    return quorum(std::move(arguments));
  }

  std::unique_ptr<EmbeddedCluster> bare_;
};

TEST_F(CliQuorumOfBareLines, TheServersOfTheConnectStringSayWhoTheyAre) {
  const CommandOutcome status = of_bare({"status", "-o", "json"});
  EXPECT_EQ(status.code, 0) << status.errors;
  EXPECT_EQ(masked(status.output, bare_->zookeeper()), status_text(leader_in(status.output)));
}

TEST_F(CliQuorumOfBareLines, WhoIsNotNamedIsUnknownAndNotDown) {
  const std::string named = bare_->zookeeper();
  const CommandOutcome status = quorum({"status", "-o", "json", "--zookeeper", named.substr(0, named.find(','))});
  EXPECT_EQ(status.code, 0) << status.errors;
  EXPECT_THAT(masked(status.output, named), HasSubstr("\"server\": 1, \"address\": \"ZK1\", \"role\": \"voter\""));
  for (const int id : {2, 3}) {
    EXPECT_THAT(
        status.output,
        HasSubstr(fmt::format("\"server\": {}, \"address\": null, \"role\": \"voter\", \"state\": \"unknown\"", id)));
    EXPECT_THAT(status.errors, HasSubstr(fmt::format("server {}: where it takes clients is not known", id)));
  }
  EXPECT_THAT(status.output, Not(HasSubstr("down")));
}

TEST_F(CliQuorumOfBareLines, AnotherServerTakesOver) {
  const int before = leader_in(of_bare({"status", "-o", "json"}).output);
  const CommandOutcome moved = of_bare({"transfer", "--auth", "super:secret", "--yes"});
  EXPECT_EQ(moved.code, 0) << moved.errors;
  const CommandOutcome after = of_bare({"status", "-o", "json"});
  EXPECT_NE(leader_in(after.output), before);
  EXPECT_EQ(masked(after.output, bare_->zookeeper()), status_text(leader_in(after.output))) << "all of them vote";
}

TEST_F(CliQuorum, AServerThatIsDownIsShown) {
  const int leads = leader();
  const int down = leads == 3 ? 2 : 3;
  ASSERT_TRUE(cluster_->stop_node(down));
  const CommandOutcome status = quorum({"status", "-o", "json"});
  auto again = cluster_->start_node(down);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(status.code, 0) << "a majority is there";
  EXPECT_THAT(masked(status.output),
              HasSubstr(fmt::format("\"server\": {}, \"address\": \"ZK{}\", \"role\": \"voter\", \"state\": \"down\", "
                                    "\"zxid\": null",
                                    down, down)));
  EXPECT_THAT(masked(status.errors), HasSubstr(fmt::format("ZK{}: ", down)));
  EXPECT_THAT(masked(quorum({"status", "-o", "json"}).output), Not(HasSubstr("down")));
}

}  // namespace
}  // namespace holdfast::test
