// An ensemble of real servers whose network fails between them.
#include <gtest/gtest.h>

#include "tests/cluster/ensemble_client.h"
#include "tests/cluster/ensemble_processes.h"

namespace holdfast::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class EnsemblePartition : public testing::Test {
 protected:
  void SetUp() override {
    servers_.start_all();
    ASSERT_FALSE(HasFatalFailure());
  }
  std::string hosts_of(const std::set<int>& ids) const { return servers_.hosts({ids.begin(), ids.end()}); }

  EnsembleProcesses servers_{{.proxied = true}};
};

TEST_F(EnsemblePartition, ALeaderWithoutAMajorityAcknowledgesNothing) {
  const int alone = servers_.wait_for_leader();
  const auto majority = servers_.all_but(alone);
  EnsembleClient inside(servers_.host(alone), seconds(20)), outside(hosts_of(majority));
  ASSERT_TRUE(inside.wait_connected() && outside.wait_connected());
  ASSERT_EQ(inside.create("/value", "before"), ZOK);
  ASSERT_EQ(inside.create("/mine", {}, ZOO_EPHEMERAL), ZOK);
  Load load({hosts_of(majority), hosts_of(majority)});

  servers_.isolate(alone);
  const auto cut = std::chrono::steady_clock::now();
  EXPECT_TRUE(is_unknown(inside.set("/value", "minority")));
  EXPECT_LT(std::chrono::steady_clock::now() - cut, seconds(10));
  EXPECT_TRUE(is_unknown(inside.create("/minority")));
  EXPECT_TRUE(wait_until([&] { return servers_.mode(alone).empty(); })) << "it shows clients an old state";
  ASSERT_NE(servers_.wait_for_leader(majority), 0);
  ASSERT_TRUE(load.wait_for_more(50));
  ASSERT_EQ(outside.sync(), ZOK);
  EXPECT_EQ(outside.get("/value"), "before");
  ASSERT_EQ(outside.set("/value", "majority"), ZOK);

  servers_.heal();
  ASSERT_NE(servers_.wait_for_leader(), 0);
  ASSERT_TRUE(inside.wait_connected());
  ASSERT_EQ(inside.sync(), ZOK);
  EXPECT_EQ(inside.get("/value"), "majority");
  EXPECT_EQ(inside.owner("/minority"), -1);
  EXPECT_EQ(outside.owner("/mine"), inside.session()) << "the session had time enough";
  EXPECT_EQ(inside.create("/minority"), ZOK);
  ASSERT_TRUE(load.wait_for_more(20));
  load.stop();
  for (const int id : servers_.all()) load.check(servers_.host(id));
}

TEST_F(EnsemblePartition, AFollowerAloneDisturbsNobodyWhenItComesBack) {
  const int leader = servers_.wait_for_leader();
  const int alone = *servers_.all_but(leader).begin();
  Load load({servers_.host(leader)});
  servers_.isolate(alone);
  EXPECT_TRUE(wait_until([&] { return servers_.mode(alone).empty(); }));
  ASSERT_TRUE(load.wait_for_more(100));
  servers_.heal();
  EXPECT_EQ(servers_.wait_for_leader(), leader) << "a server that could not be elected has unseated the leader";
  load.stop();
  for (const int id : servers_.all()) load.check(servers_.host(id));
}

// It hears everybody, and nobody hears it: it follows who is elected, and its clients are told nothing about their
// writes until it is heard again.
TEST_F(EnsemblePartition, ALeaderThatCannotBeHeardIsReplaced) {
  const int mute = servers_.wait_for_leader();
  const auto others = servers_.all_but(mute);
  EnsembleClient client(servers_.host(mute), seconds(6)), other(hosts_of(others));
  ASSERT_TRUE(client.wait_connected() && other.wait_connected());
  for (const int to : others) servers_.link(mute, to).hold();
  ASSERT_NE(servers_.wait_for_leader(others), 0);
  EXPECT_TRUE(is_unknown(client.create("/unheard")));
  ASSERT_EQ(other.create("/heard"), ZOK);
  EXPECT_EQ(other.owner("/unheard"), -1);
  for (const int to : others) servers_.link(mute, to).pass();
  ASSERT_NE(servers_.wait_for_leader(), 0);
  EnsembleClient again(servers_.host(mute));
  ASSERT_TRUE(again.wait_connected());
  EXPECT_EQ(again.create("/written"), ZOK);
  EXPECT_EQ(again.owner("/heard"), 0);
}

// Each hears one other only; whoever leads reaches a majority.
TEST_F(EnsemblePartition, OneBrokenLinkStopsNobodyForLong) {
  const int leader = servers_.wait_for_leader();
  const auto others = servers_.all_but(leader);
  const int first = *others.begin(), second = *others.rbegin();
  Load load({hosts_of(servers_.all())});
  servers_.link(leader, first).cut();
  servers_.link(first, leader).cut();
  ASSERT_TRUE(load.wait_for_more(50));
  EnsembleClient through(servers_.host(second));
  ASSERT_TRUE(through.wait_connected());
  EXPECT_EQ(through.create("/written"), ZOK);
  servers_.heal();
  ASSERT_NE(servers_.wait_for_leader(), 0);
  load.stop();
  for (const int id : servers_.all()) load.check(servers_.host(id));
}

TEST_F(EnsemblePartition, ASlowNetworkIsSlowAndNothingElse) {
  const int leader = servers_.wait_for_leader();
  const milliseconds late(40);
  for (const int from : servers_.all())
    for (const int to : servers_.all_but(from)) servers_.link(from, to).delay(late);
  EnsembleClient client(servers_.host(*servers_.all_but(leader).begin()));
  ASSERT_TRUE(client.wait_connected());
  for (int i = 0; i < 20; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_EQ(client.create("/slow-" + std::to_string(i)), ZOK);
    // To the leader, from it to a majority, back, and the news of it here.
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 2 * late);
  }
  ASSERT_EQ(client.sync(), ZOK);
  EXPECT_EQ(servers_.wait_for_leader(), leader);
}

}  // namespace
}  // namespace holdfast::test
