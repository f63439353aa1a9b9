// Who belongs to an ensemble of real servers: who comes back empty, who does not belong, who only watches, who joins
// and who leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "tests/cluster/ensemble_client.h"
#include "tests/cluster/ensemble_processes.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

// All but the myid.
void empty_data(const EnsembleProcesses& servers, int id) {
  for (const auto& entry : std::filesystem::directory_iterator(servers.data(id)))
    if (entry.path().filename() != "myid") std::filesystem::remove_all(entry.path());
}

std::string coordination_state(const EnsembleProcesses& servers, int id) {
  return servers.data(id) + "/coordination/quorum-state";
}

TEST(EnsembleMembership, AnEmptiedServerIsFilledAndVotesAgain) {
  // Small numbers: it is filled by a snapshot first, by the log from there.
  EnsembleProcesses servers({.lines = {"snapCount=100"}});
  servers.start_all();
  ASSERT_FALSE(testing::Test::HasFailure());
  const std::set<int> all = servers.all();
  Load load({servers.hosts({1, 2, 3}), servers.hosts({2, 3, 1})});
  for (const int emptied : all) {
    ASSERT_TRUE(load.wait_for_more(200));
    servers.kill(emptied);
    empty_data(servers, emptied);
    servers.start(emptied);
    ASSERT_TRUE(servers.wait_for_mode(emptied, "follower")) << "a voter again, under its new incarnation";
    // Its vote is needed now.
    const int other = *servers.all_but(emptied).begin();
    servers.kill(other);
    ASSERT_NE(servers.wait_for_leader(servers.all_but(other)), 0);
    ASSERT_TRUE(load.wait_for_more(50));
    servers.start(other);
    ASSERT_NE(servers.wait_for_leader(), 0);
  }
  load.stop();
  for (const int id : all) load.check(servers.host(id));
  for (const int id : all) {
    EXPECT_EQ(servers.lines_with(id, "begins as a new one"), 2) << "at its first start, and when it was emptied";
    EXPECT_GE(servers.lines_with(id, "the state is now that of snapshot"), 1) << "server " << id;
  }
}

TEST(EnsembleMembership, AServerThatHasLostItsLogIsFilledByTheOthers) {
  EnsembleProcesses servers;
  servers.start_all();
  ASSERT_FALSE(testing::Test::HasFailure());
  Load load({servers.hosts({1, 3})});
  ASSERT_TRUE(load.wait_for_more(50));
  EXPECT_EQ(servers.stop(2), 0);
  ASSERT_GT(std::filesystem::remove_all(servers.data(2) + "/__coordination-0"), 0u);
  servers.start(2);
  ASSERT_TRUE(servers.wait_for_mode(2, "follower"));
  EXPECT_EQ(servers.lines_with(2, "the coordination log is gone"), 1);
  servers.kill(3);
  ASSERT_NE(servers.wait_for_leader({1, 2}), 0);
  ASSERT_TRUE(load.wait_for_more(20));
  load.stop();
  for (const int id : {1, 2}) load.check(servers.host(id));
}

TEST(EnsembleMembership, AServerThatDoesNotKnowItsVoteDoesNotStart) {
  EnsembleProcesses servers;
  servers.start_all();
  servers.kill(2);
  const std::string file = coordination_state(servers, 2);
  {
    std::fstream state(file, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(state) << file;
    state.seekp(30);
    state.put('#');
  }
  servers.start(2);
  EXPECT_GT(servers.wait_for_exit(2), 0);
  EXPECT_EQ(servers.lines_with(2, "does not match its checksum"), 1) << servers.log(2);
  EXPECT_THAT(servers.log(2), HasSubstr(file));
  EXPECT_NE(servers.wait_for_leader({1, 3}), 0);
  // As the message says.
  empty_data(servers, 2);
  servers.start(2);
  EXPECT_TRUE(servers.wait_for_mode(2, "follower"));
}

TEST(EnsembleMembership, AServerOfAnotherEnsembleIsRefused) {
  EnsembleProcesses others;
  others.start_all();
  for (const int id : others.all()) others.stop(id);

  EnsembleProcesses servers({.proxied = true});
  servers.start_all();
  ASSERT_FALSE(testing::Test::HasFailure());
  servers.kill(3);
  empty_data(servers, 3);
  std::filesystem::copy(others.data(3), servers.data(3),
                        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  servers.start(3);
  EXPECT_TRUE(wait_until([&] { return servers.lines_with(1, "is of cluster") > 0; }));
  const int dialled = servers.link(3, 1).dialled();
  EXPECT_TRUE(wait_until([&] { return servers.link(3, 1).dialled() > dialled + 4; })) << "it tries again";
  for (const int id : {1, 2}) EXPECT_EQ(servers.lines_with(id, "is refused"), 1) << "each reason is told once";
  EXPECT_EQ(servers.lines_with(3, "it refuses"), 2) << "of each of the two, once";
  EXPECT_EQ(servers.mode(3), "");
  EnsembleClient client(servers.host(1));
  ASSERT_TRUE(client.wait_connected());
  EXPECT_EQ(client.create("/works"), ZOK);
}

TEST(EnsembleMembership, ASecondServerWithTheSameIdIsRefused) {
  EnsembleProcesses servers({.proxied = true});
  servers.start_all();
  ASSERT_FALSE(testing::Test::HasFailure());
  // Another machine, with a copy of server 2's configuration. On this one it needs other ports.
  EnsembleProcesses elsewhere({.voters = 2});
  std::string text = "tickTime=1000\nadmin.enableServer=false\n4lw.commands.whitelist=*\n";
  text += "dataDir=" + elsewhere.data(2) + "\n" + elsewhere.server_line(2, 2) + "\n";
  for (const int id : {1, 3}) text += servers.server_line(id, id) + "\n";
  std::ofstream(elsewhere.config_file(2)) << text;
  elsewhere.start(2);
  EXPECT_TRUE(wait_until([&] { return servers.lines_with(1, "two servers have the id 2") > 0; }));
  EXPECT_TRUE(wait_until([&] { return elsewhere.lines_with(2, "two servers have the id 2") > 0; }));
  Load load({servers.host(1), servers.host(2)});
  EXPECT_TRUE(load.wait_for_more(100));
  EXPECT_EQ(servers.lines_with(1, "two servers have the id 2"), 1);
  EXPECT_EQ(elsewhere.mode(2), "");
  load.stop();
  for (const int id : servers.all()) load.check(servers.host(id));
}

TEST(EnsembleMembership, AServerStartedTwiceSaysWhatIsInUse) {
  EnsembleProcesses servers;
  servers.start_all();
  ASSERT_FALSE(testing::Test::HasFailure());
  const auto second = run_command({HOLDFAST_BINARY, "server", "--config", servers.config_file(2)}, {}, 30);
  EXPECT_GT(second.status, 0);
  EXPECT_THAT(second.errors + second.output, HasSubstr(servers.data(2)));
  EXPECT_NE(servers.wait_for_leader(), 0);
}

TEST(EnsembleMembership, AnObserverServesAndIsNotCounted) {
  EnsembleProcesses servers({.observers = 1});
  servers.start_all();
  ASSERT_FALSE(testing::Test::HasFailure());
  const int observer = 4, leader = servers.wait_for_leader();
  EXPECT_EQ(servers.mode(observer), "observer");
  EnsembleClient client(servers.host(observer), seconds(20));
  ASSERT_TRUE(client.wait_connected());
  ASSERT_EQ(client.create("/through-the-observer", "here"), ZOK);
  ASSERT_EQ(client.create("/mine", {}, ZOO_EPHEMERAL), ZOK);
  EXPECT_EQ(client.get("/through-the-observer"), "here");
  {
    EnsembleClient voter(servers.host(leader));
    ASSERT_TRUE(voter.wait_connected());
    ASSERT_EQ(voter.sync(), ZOK);
    EXPECT_EQ(voter.get("/through-the-observer"), "here");
  }
  // One voter is left: with the observer there are as many as a majority of three, and it is none.
  const auto followers = [&] {
    auto out = servers.all_but(leader);
    out.erase(observer);
    return out;
  }();
  for (const int id : followers) servers.kill(id);
  EXPECT_TRUE(wait_until([&] { return servers.mode(leader).empty() && servers.mode(observer).empty(); }));
  // Without the observer, and with two voters, there is a majority.
  servers.kill(observer);
  servers.start(*followers.begin());
  EXPECT_NE(servers.wait_for_leader({leader, *followers.begin()}), 0);
  servers.start(observer);
  EXPECT_TRUE(servers.wait_for_mode(observer, "observer"));
  ASSERT_TRUE(client.wait_connected());
  EXPECT_EQ(client.owner("/mine"), client.session());
}

// The password is "secret".
constexpr const char* super_digest = "DigestAuthenticationProvider.superDigest=super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

std::string configuration(EnsembleClient& client) {
  std::string text(4096, '\0');
  int size = static_cast<int>(text.size());
  Stat stat;
  EXPECT_EQ(zoo_getconfig(client.handle(), 0, text.data(), &size, &stat), ZOK);
  text.resize(static_cast<std::size_t>(std::max(0, size)));
  return text;
}

// Again while those who are to vote are not there yet, or another change is under way.
int reconfigure(EnsembleClient& client, const char* joining, const char* leaving) {
  int rc = ZOK;
  wait_until([&] {
    std::string text(4096, '\0');
    int size = static_cast<int>(text.size());
    Stat stat;
    rc = zoo_reconfig(client.handle(), joining, leaving, nullptr, -1, text.data(), &size, &stat);
    return rc != ZNEWCONFIGNOQUORUM && rc != ZRECONFIGINPROGRESS;
  });
  return rc;
}

int authenticate(EnsembleClient& client) {
  std::promise<int> done;
  const auto told = [](int rc, const void* promise) {
    const_cast<std::promise<int>*>(static_cast<const std::promise<int>*>(promise))->set_value(rc);
  };
  const std::string cert = "super:secret";
  const int asked = zoo_add_auth(client.handle(), "digest", cert.data(), static_cast<int>(cert.size()), told, &done);
  return asked != ZOK ? asked : done.get_future().get();
}

TEST(EnsembleMembership, ReconfigTakesAServerOutAndAnotherOneIn) {
  EnsembleProcesses servers({.voters = 4, .lines = {"reconfigEnabled=true", super_digest}});
  const int joining = 4;
  const std::set<int> first{1, 2, 3};
  for (const int id : first) servers.write_config(id, first);
  for (const int id : first) servers.start(id);
  const int leader = servers.wait_for_leader(first);
  ASSERT_NE(leader, 0);
  Load load({servers.hosts({1, 2, 3}), servers.hosts({2, 3, 1})});
  EnsembleClient client(servers.hosts({1, 2, 3}));
  ASSERT_TRUE(client.wait_connected());
  EXPECT_EQ(reconfigure(client, nullptr, "1"), ZNOAUTH);
  ASSERT_EQ(authenticate(client), ZOK);

  servers.start(joining);
  ASSERT_EQ(reconfigure(client, servers.server_line(joining, joining).c_str(), nullptr), ZOK);
  EXPECT_THAT(configuration(client), HasSubstr(servers.server_line(joining, joining)));
  EXPECT_TRUE(servers.wait_for_mode(joining, "follower"));
  ASSERT_TRUE(load.wait_for_more(20));
  // The leader goes: who leads then finishes it.
  ASSERT_EQ(reconfigure(client, nullptr, std::to_string(leader).c_str()), ZOK);
  const std::set<int> now = servers.all_but(leader);
  ASSERT_NE(servers.wait_for_leader(now), 0);
  EnsembleClient reader(servers.host(joining));
  ASSERT_TRUE(reader.wait_connected());
  ASSERT_EQ(reader.sync(), ZOK);
  EXPECT_THAT(configuration(reader), Not(HasSubstr("server." + std::to_string(leader) + "=")));
  servers.kill(leader);
  // Three vote: one more may go, and not two.
  const int second = *now.begin();
  servers.kill(second);
  ASSERT_TRUE(load.wait_for_more(20));
  servers.start(second);
  ASSERT_NE(servers.wait_for_leader(now), 0);
  load.stop();
  for (const int id : now) load.check(servers.host(id));
}

}  // namespace
}  // namespace holdfast::test
