// An ensemble of real servers whose processes die, stop and come back, under load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <iostream>
#include <thread>

#include "tests/cluster/ensemble_client.h"
#include "tests/cluster/ensemble_processes.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;

constexpr seconds pause_max{20};  // of a client, on a busy machine; what it was is printed

std::vector<int> with_first(int first, const std::set<int>& all) {
  std::vector<int> out{first};
  for (const int id : all)
    if (id != first) out.push_back(id);
  return out;
}

class EnsembleProcess : public testing::Test {
 protected:
  void SetUp() override {
    servers_.start_all();
    ASSERT_FALSE(HasFatalFailure());
  }
  // Clients that begin at server 1, 2, 3, 1, ... and may go to every other.
  std::vector<std::string> clients(int count) {
    std::vector<std::string> out;
    for (int i = 0; i < count; ++i) out.push_back(servers_.hosts(with_first(i % 3 + 1, servers_.all())));
    return out;
  }
  // Every server that runs has all that was acknowledged.
  void check(Load& load) {
    load.stop();
    for (const int id : servers_.all())
      if (servers_.running(id)) load.check(servers_.host(id));
    std::cout << "acknowledged: " << load.acknowledged() << ", longest pause: " << load.longest_pause().count()
              << " ms\n";
    EXPECT_LT(load.longest_pause(), pause_max);
  }

  EnsembleProcesses servers_;
};

TEST_F(EnsembleProcess, TheDeathOfTheLeaderLosesNothingThatWasAcknowledged) {
  Load load(clients(4));
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(load.wait_for_more(50));
    const int dead = servers_.wait_for_leader();
    servers_.kill(dead);
    ASSERT_TRUE(load.wait_for_more(50));
    ASSERT_NE(servers_.wait_for_leader(servers_.all_but(dead)), 0);
    servers_.start(dead);
    ASSERT_TRUE(servers_.wait_for_mode(dead, "follower"));
  }
  ASSERT_TRUE(load.wait_for_more(50));
  check(load);
}

TEST_F(EnsembleProcess, ClientsOfADeadFollowerMoveWithTheirSessions) {
  const int leader = servers_.wait_for_leader();
  const int dead = *servers_.all_but(leader).begin();
  EnsembleClient moving(servers_.hosts(with_first(dead, servers_.all()))), other(servers_.host(leader));
  ASSERT_TRUE(moving.wait_connected() && other.wait_connected());
  ASSERT_EQ(moving.server_port(), servers_.client_port(dead));
  const std::int64_t session = moving.session();
  for (const char* path : {"/while-away", "/later"}) {
    ASSERT_EQ(moving.create(path, "before"), ZOK);
    ASSERT_EQ(moving.get(path, true), "before");
  }
  ASSERT_EQ(moving.create("/mine", {}, ZOO_EPHEMERAL), ZOK);

  servers_.kill(dead);
  // Whether it has moved by now or not, it is told.
  ASSERT_EQ(other.set("/while-away", "after"), ZOK);
  EXPECT_TRUE(moving.wait_event({ZOO_CHANGED_EVENT, "/while-away"}));
  ASSERT_TRUE(moving.wait_connected());
  EXPECT_NE(moving.server_port(), servers_.client_port(dead));
  EXPECT_EQ(moving.session(), session);
  EXPECT_EQ(other.owner("/mine"), session);
  ASSERT_EQ(other.set("/later", "after"), ZOK);
  EXPECT_TRUE(moving.wait_event({ZOO_CHANGED_EVENT, "/later"}));
  EXPECT_EQ(moving.events().size(), 2u) << "each watch fires once";
  EXPECT_EQ(moving.set("/mine", "still"), ZOK);
}

TEST_F(EnsembleProcess, ALeaderThatStoodStillFollowsAndAnswersNobodyAsLeader) {
  const int old = servers_.wait_for_leader();
  const auto others = servers_.all_but(old);
  EnsembleClient stale(servers_.host(old), seconds(20));
  ASSERT_TRUE(stale.wait_connected());
  ASSERT_EQ(stale.create("/value", "first"), ZOK);
  Load load(
      {servers_.hosts(with_first(*others.begin(), others)), servers_.hosts(with_first(*others.rbegin(), others))});

  servers_.signal(old, SIGSTOP);
  // Asked of a leader that is none any more when it reads this.
  int late = ZOK;
  std::jthread asking([&] { late = stale.create("/late"); });
  ASSERT_NE(servers_.wait_for_leader(others), 0);
  ASSERT_TRUE(load.wait_for_more(50));
  EnsembleClient other(servers_.host(*others.begin()));
  ASSERT_TRUE(other.wait_connected());
  ASSERT_EQ(other.create("/meanwhile"), ZOK);
  servers_.signal(old, SIGCONT);
  asking.join();
  ASSERT_EQ(other.sync(), ZOK);
  if (late == ZOK) {
    EXPECT_EQ(other.owner("/late"), 0) << "acknowledged, and nobody else knows of it";
  } else {
    EXPECT_TRUE(is_unknown(late)) << zerror(late);
  }
  ASSERT_TRUE(stale.wait_connected());
  ASSERT_EQ(stale.sync(), ZOK);
  EXPECT_EQ(stale.owner("/meanwhile"), 0);
  EXPECT_TRUE(servers_.wait_for_mode(old, "follower"));
  ASSERT_EQ(stale.set("/value", "last"), ZOK);
  ASSERT_EQ(other.sync(), ZOK);
  EXPECT_EQ(other.get("/value"), "last");
  ASSERT_TRUE(load.wait_for_more(20));
  check(load);
}

TEST_F(EnsembleProcess, TheDeathOfAllLosesNothingThatWasAcknowledged) {
  Load load(clients(4));
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(load.wait_for_more(100));
    for (const int id : servers_.all()) servers_.signal(id, SIGKILL);
    for (const int id : servers_.all()) servers_.kill(id);
    servers_.start_all();
    ASSERT_FALSE(HasFatalFailure());
  }
  ASSERT_TRUE(load.wait_for_more(50));
  check(load);
}

// Nothing new is written that could tell them where the others are.
TEST_F(EnsembleProcess, IdleServersThatComeBackServe) {
  for (int round = 0; round < 6; ++round) {
    const int leader = servers_.wait_for_leader();
    ASSERT_NE(leader, 0);
    ASSERT_EQ(servers_.stop(leader), 0);
    servers_.start(leader);
    const int follower = *servers_.all_but(leader).begin();
    ASSERT_NE(servers_.wait_for_leader(), 0);
    servers_.kill(follower);
    servers_.start(follower);
  }
  EXPECT_NE(servers_.wait_for_leader(), 0);
}

TEST_F(EnsembleProcess, ARollingRestartLosesNoWriteAndNoSession) {
  Load load(clients(6));
  ASSERT_TRUE(load.wait_for_more(50));
  int led = 0;
  for (const int id : servers_.all()) {
    const bool leads = servers_.wait_for_leader() == id;
    EXPECT_EQ(servers_.stop(id), 0);
    if (leads) {
      ++led;
      EXPECT_EQ(servers_.lines_with(id, "is asked to lead"), 1) << "its leadership is handed over";
    }
    EXPECT_NE(servers_.wait_for_leader(servers_.all_but(id)), 0);
    servers_.start(id);
    EXPECT_TRUE(servers_.wait_for_mode(id, "follower"));
    ASSERT_TRUE(load.wait_for_more(20));
  }
  EXPECT_GE(led, 1) << "who led at first was stopped as a leader";
  check(load);
}

}  // namespace
}  // namespace holdfast::test
