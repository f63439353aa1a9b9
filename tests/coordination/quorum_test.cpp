// Servers of an ensemble: what becomes of requests, sessions and servers when leaders, disks and connections go.
#include <gmock/gmock.h>

#include "coordination/quorum_state.h"
#include "tests/coordination/quorum_world.h"

namespace holdfast::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using zk::ZkError;

class QuorumTest : public QuorumWorld {};

TEST_F(QuorumTest, AWriteThroughAnyServerIsThereOnAll) {
  start_all();
  for (int id = 1; id <= 3; ++id) EXPECT_EQ(make(id, fmt::format("/from-{}", id)), ZkError::ok);
  EXPECT_EQ(make(2, "/from-1"), ZkError::node_exists);
  ASSERT_TRUE(agree());
  for (int id = 1; id <= 3; ++id) EXPECT_TRUE(has(id, "/from-3"));
  EXPECT_GE(at(1).last_applied(), Zxid(std::int64_t{1} << 32)) << "a leadership is an epoch";
}

TEST_F(QuorumTest, WritesUnderWayAreCarriedOutOnceThoughTheLeaderDies) {
  start_all();
  for (int round = 0; round < 5; ++round) {
    const int dying = wait_for_leader();
    const int server = other_than({dying});
    ASSERT_EQ(make(server, fmt::format("/round-{}", round)), ZkError::ok);
    std::vector<std::shared_ptr<Outcome>> under_way;
    for (int n = 0; n < 20; ++n) {
      under_way.push_back(create(server, fmt::format("/round-{}/n-", round), 2));
      if (n % 4 == round % 4) loop_.run_for(std::chrono::microseconds(150 * (n % 7)));
    }
    kill(dying);
    for (int n = 0; n < 20; ++n) {
      EXPECT_EQ(wait(under_way[static_cast<std::size_t>(n)]), ZkError::ok);
      EXPECT_EQ(under_way[static_cast<std::size_t>(n)]->path, fmt::format("/round-{}/n-{:010}", round, n))
          << "none twice, none lost, in order";
    }
    start(dying);
    ASSERT_TRUE(agree());
  }
}

TEST_F(QuorumTest, TheLoserOfAPartitionServesNobodyAndAcknowledgesNothing) {
  start_all();
  const int cut_off = wait_for_leader();
  isolate(cut_off);
  const auto lost = create(cut_off, "/lost");
  ASSERT_TRUE(until([&] { return !at(cut_off).serving(); }));
  EXPECT_EQ(lost->error, ZkError::connection_loss);
  EXPECT_EQ(wait(create(cut_off, "/refused")), ZkError::connection_loss);
  const int next = wait_for_leader();
  EXPECT_NE(next, cut_off);
  EXPECT_EQ(make(next, "/kept"), ZkError::ok);
  heal();
  ASSERT_TRUE(until([&] { return at(cut_off).serving() && has(cut_off, "/kept"); }));
  ASSERT_TRUE(agree());
  EXPECT_FALSE(has(next, "/refused"));
}

TEST_F(QuorumTest, AServerWhoseLeaderDoesNotHearItTurnsClientsAway) {
  start_all();
  const int deaf = wait_for_leader();
  const int server = other_than({deaf});
  cut_one_way(server, deaf);
  const auto lost = create(server, "/lost");
  ASSERT_TRUE(until([&] { return lost->error.has_value(); }));
  EXPECT_EQ(lost->error, ZkError::connection_loss);
  EXPECT_EQ(make(deaf, "/on"), ZkError::ok);
  heal();
  ASSERT_TRUE(until([&] { return at(server).serving() && has(server, "/on"); }));
  EXPECT_EQ(make(server, "/again"), ZkError::ok);
}

TEST_F(QuorumTest, AllAtOnceLoseTheirPowerAndNothingAcknowledged) {
  start_all();
  for (int n = 0; n < 10; ++n) ASSERT_EQ(make(1 + n % 3, fmt::format("/n{}", n)), ZkError::ok);
  for (int id = 1; id <= 3; ++id) kill(id, true);
  start_all();
  ASSERT_TRUE(agree());
  for (int n = 0; n < 10; ++n) EXPECT_TRUE(has(1, fmt::format("/n{}", n))) << n;
}

TEST_F(QuorumTest, AServerThatWasAwayForLongIsFilledBySnapshot) {
  options.snapshot_count = 20;
  start_all();
  const int away = other_than({wait_for_leader()});
  const int server = other_than({away});
  kill(away);
  for (int n = 0; n < 200; ++n) ASSERT_EQ(make(server, fmt::format("/n{}", n)), ZkError::ok);
  ASSERT_GT(driver(leader()).log_start(), Offset(0));
  start(away);
  ASSERT_TRUE(until([&] { return at(away).serving(); }));
  ASSERT_TRUE(agree());
  EXPECT_TRUE(has(away, "/n199"));
  EXPECT_GT(at(leader()).quorum_status().snapshots_sent, 0u);
  // What it was filled with survives it.
  kill(away, true);
  start(away);
  ASSERT_TRUE(until([&] { return at(away).serving(); }));
  ASSERT_TRUE(agree());
}

TEST_F(QuorumTest, ASnapshotThatComesWhileTheOwnLogIsReadReplacesIt) {
  options.snapshot_count = 20;
  start_all();
  for (int n = 0; n < 5; ++n) ASSERT_EQ(make(1, fmt::format("/before{}", n)), ZkError::ok);
  const int away = other_than({wait_for_leader()});
  const int server = other_than({away});
  ASSERT_TRUE(agree());
  kill(away);
  start(away);
  // It knows what is committed, and its disk takes its time.
  loop_.delay_jobs(*random_, std::chrono::seconds(20));
  ASSERT_TRUE(until([&] { return driver(away).replica().commit() > Offset(0); }));
  loop_.delay_jobs(*random_, milliseconds(0));
  isolate(away);
  for (int n = 0; n < 60; ++n) ASSERT_EQ(make(server, fmt::format("/n{}", n)), ZkError::ok);
  ASSERT_GT(driver(leader()).log_start(), Offset(10));
  ASSERT_EQ(at(away).last_applied(), Zxid(0)) << "it has read its log";
  heal();
  ASSERT_TRUE(until([&] { return at(away).serving(); }));
  EXPECT_EQ(driver(away).replica().snapshots_installed(), 1u);
  EXPECT_TRUE(agree());
  EXPECT_TRUE(has(away, "/n59"));
}

TEST_F(QuorumTest, AnEmptiedServerIsFilledAndVotesAgain) {
  start_all();
  ASSERT_EQ(make(1, "/before"), ZkError::ok);
  const int emptied = other_than({wait_for_leader()});
  kill(emptied);
  empty_disk(emptied);
  start(emptied);
  ASSERT_TRUE(until([&] { return at(emptied).serving() && has(emptied, "/before"); }));
  const auto votes = [&] {
    const auto& membership = driver(emptied).replica().core().committed_membership();
    return !membership.is_joint() && membership.is_voter(ServerId(emptied), driver(emptied).replica().incarnation());
  };
  ASSERT_TRUE(until(votes));
  // With it, two are a majority.
  const int killed = leader();
  kill(killed);
  const int last = other_than({emptied});
  ASSERT_TRUE(until([&] { return leader() != 0 && leader() != killed; }));
  EXPECT_EQ(make(last, "/after"), ZkError::ok);
}

TEST_F(QuorumTest, AServerWhoseLogIsGoneComesBackAsANewOne) {
  start_all();
  ASSERT_EQ(make(1, "/before"), ZkError::ok);
  const int server = other_than({wait_for_leader()});
  const Incarnation before = driver(server).replica().incarnation();
  stop(server);
  ASSERT_TRUE(disk(server).remove_all("/data/__coordination-0"));
  for (const DirectoryEntry& entry : *disk(server).list("/data/coordination"))
    if (entry.name.starts_with("snapshot")) ASSERT_TRUE(disk(server).remove("/data/coordination/" + entry.name));
  start(server);
  EXPECT_NE(driver(server).replica().incarnation(), before);
  ASSERT_TRUE(until([&] { return at(server).serving() && has(server, "/before"); }));
}

TEST_F(QuorumTest, AServerWhoseLogIsGoneComesBackAsANewOneThoughItHasSnapshots) {
  options.snapshot_count = 20;
  start_all();
  for (int n = 0; n < 100; ++n) ASSERT_EQ(make(1, fmt::format("/n{}", n)), ZkError::ok);
  const int server = other_than({wait_for_leader()});
  ASSERT_TRUE(agree());
  const Incarnation before = driver(server).replica().incarnation();
  stop(server);
  ASSERT_TRUE(disk(server).remove_all("/data/__coordination-0"));
  start(server);
  EXPECT_NE(driver(server).replica().incarnation(), before);
  ASSERT_TRUE(until([&] { return at(server).serving(); }));
  EXPECT_TRUE(agree());
}

TEST_F(QuorumTest, ALeaderThatCannotReadItsLogFeedsOthersBySnapshot) {
  start_all();
  ASSERT_EQ(make(1, "/before"), ZkError::ok);
  ASSERT_TRUE(agree());
  for (int id = 1; id <= 3; ++id) stop(id);
  start_all();
  const int damaged = wait_for_leader();
  const int emptied = other_than({damaged});
  stop(emptied);
  empty_disk(emptied);
  damage_log(damaged, "/before");
  start(emptied);
  ASSERT_TRUE(until([&] { return at(emptied).serving() && has(emptied, "/before"); }));
  EXPECT_EQ(driver(emptied).replica().snapshots_installed(), 1u);
  EXPECT_EQ(leader(), damaged);
  EXPECT_EQ(make(emptied, "/after"), ZkError::ok);
  EXPECT_TRUE(agree());
}

TEST_F(QuorumTest, AServerThatStoodStillDoesNotBlameItsDisk) {
  start_all();
  const int server = wait_for_leader();
  loop_.delay_jobs(*random_, std::chrono::minutes(5));
  const auto write = create(server, "/during");
  loop_.run_for(milliseconds(200));
  ASSERT_LT(driver(server).replica().log().durable_end(), driver(server).replica().log().end());
  clock_.advance(std::chrono::seconds(4));
  loop_.run_for(milliseconds(10));
  EXPECT_TRUE(at(server).serving());
  // A disk that takes no more is one, after a pause, too.
  EXPECT_TRUE(until([&] { return !at(server).serving() || leader() != server; }, std::chrono::seconds(20)));
}

TEST_F(QuorumTest, AServerThatDoesNotKnowItsVoteIsNotStarted) {
  start_all();
  const int server = other_than({wait_for_leader()});
  stop(server);
  disk(server).flip_bit("/data/coordination/quorum-state", 60);
  EXPECT_THAT(refusal(server), HasSubstr("does not know its vote any more"));
}

TEST_F(QuorumTest, AServerOfAnotherEnsembleIsNotLetIn) {
  start_all();
  const int server = other_than({wait_for_leader()});
  kill(server);
  // The same place, another history: a node that has stood alone.
  empty_disk(server);
  const EnsembleConfig servers = std::exchange(options.servers, {});
  start(server);
  ASSERT_EQ(make(server, "/alien"), ZkError::ok);
  stop(server);
  options.servers = servers;
  start(server);
  loop_.run_for(seconds(10));
  EXPECT_FALSE(has(leader() == server ? other_than({server}) : leader(), "/alien"));
  EXPECT_EQ(make(other_than({server}), "/ours"), ZkError::ok);
  EXPECT_FALSE(has(server, "/ours"));
}

TEST_F(QuorumTest, ASessionLivesWhileAnyServerHearsOfIt) {
  start_all();
  const int server = other_than({wait_for_leader()});
  const SessionId session = open_session(server, 4000);
  ASSERT_EQ(wait(create(server, "/e", 1, session)), ZkError::ok);
  for (int n = 0; n < 20; ++n) {
    at(server).touch(session, 4000);
    loop_.run_for(seconds(1));
  }
  EXPECT_TRUE(has(server, "/e"));
  // A new leader gives it its full time.
  kill(leader());
  for (int n = 0; n < 3; ++n) {
    loop_.run_for(seconds(1));
    EXPECT_TRUE(has(server, "/e")) << n;
  }
  ASSERT_TRUE(until([&] { return !has(server, "/e"); }, seconds(10))) << "nobody has heard of it since";
}

TEST_F(QuorumTest, WhatALeaderExpiredAndCouldNotCommitIsForgotten) {
  options.tick_ms = 20;
  start_all();
  for (int cut_ms = 3500; cut_ms <= 4500; cut_ms += 50) {
    const int deposed = wait_for_leader();
    const int server = other_than({deposed});
    const SessionId session = open_session(server, 4000);
    const std::string path = "/e" + std::to_string(cut_ms);
    ASSERT_EQ(wait(create(server, path, 1, session)), ZkError::ok);
    loop_.run_for(milliseconds(cut_ms));
    if (!has(server, path)) break;
    // It says so to itself alone, or to nobody.
    isolate(deposed);
    ASSERT_TRUE(until([&] { return leader() != 0 && leader() != deposed; }));
    heal();
    for (int n = 0; n < 6; ++n) {
      at(server).touch(session, 4000);
      loop_.run_for(seconds(1));
    }
    EXPECT_TRUE(has(server, path)) << "cut off after " << cut_ms << " ms";
    ASSERT_TRUE(until([&] { return agree(); }));
  }
}

TEST_F(QuorumTest, ASessionThatMovedSpeaksThroughOneServerOnly) {
  start_all();
  const SessionId session = open_session(1, 10'000);
  ASSERT_EQ(wait(create(1, "/a", 0, session)), ZkError::ok);
  zk::AttachSessionOp attach;
  attach.timeout_ms = 10'000;
  ASSERT_EQ(wait(propose(2, attach, session)), ZkError::ok);
  EXPECT_EQ(wait(create(1, "/b", 0, session)), ZkError::session_moved);
  EXPECT_EQ(wait(create(2, "/c", 0, session)), ZkError::ok);
  EXPECT_EQ(wait(propose(3, attach, SessionId(12345))), ZkError::session_expired);
}

TEST_F(QuorumTest, SyncShowsWhatWasAcknowledgedAnywhere) {
  start_all();
  for (int n = 0; n < 20; ++n) {
    ASSERT_EQ(make(1 + n % 3, fmt::format("/n{}", n)), ZkError::ok);
    const int reader = 1 + (n + 1) % 3;
    std::optional<bool> known;
    {
      Shard::Scope scope(shards_.at(0));
      driver(reader).sync([&](bool k) { known = k; });
    }
    ASSERT_TRUE(until([&] { return known.has_value(); }));
    EXPECT_TRUE(*known);
    EXPECT_TRUE(has(reader, fmt::format("/n{}", n)));
  }
}

TEST_F(QuorumTest, AnObserverServesAndDoesNotDecide) {
  configure({1, 2, 3}, {4});
  start_all();
  EXPECT_EQ(at(4).quorum_status().mode, QuorumStatus::Mode::observer);
  EXPECT_EQ(make(4, "/through-it"), ZkError::ok);
  kill(4);
  EXPECT_EQ(make(1, "/without-it"), ZkError::ok);
  start(4);
  ASSERT_TRUE(until([&] { return at(4).serving() && has(4, "/without-it"); }));
  // Two voters of three are gone: an observer is no third.
  const int last = leader();
  for (int id = 1; id <= 3; ++id)
    if (id != last) kill(id);
  ASSERT_TRUE(until([&] { return !at(last).serving() && !at(4).serving(); }));
}

TEST_F(QuorumTest, FilesThatNameMoreServersMakeTheEnsembleGrow) {
  configure({1, 2, 3});
  const EnsembleConfig three = std::exchange(options.servers, {});
  start(1);
  ASSERT_EQ(make(1, "/alone"), ZkError::ok);
  stop(1);
  options.servers = three;
  start_all();
  const auto votes = [&] {
    return driver(1).replica().core().committed_membership().voters.size() == 3 &&
           !driver(1).replica().core().committed_membership().is_joint();
  };
  ASSERT_TRUE(until(votes));
  ASSERT_TRUE(agree());
  EXPECT_TRUE(has(3, "/alone"));
  const int killed = leader();
  kill(killed);
  EXPECT_EQ(make(wait_for_leader(), "/grown"), ZkError::ok);
}

TEST_F(QuorumTest, ThoseWhoAreNamedNoMoreVoteUntilTheOthersCan) {
  configure({1, 2, 3, 4, 5});
  start_all();
  configure({1, 2, 3});
  for (const int id : {1, 2, 3}) {
    if (id == leader()) continue;
    stop(id);
    start(id);
    ASSERT_TRUE(until([&] { return at(id).serving(); }));
  }
  // The next leader's file names three. Of them two are there at most: the other two have to help it.
  kill(leader());
  if (is_up(1) && is_up(2) && is_up(3)) kill(other_than({4, 5}));
  const auto votes = [&] {
    const int id = leader();
    return id != 0 && driver(id).replica().core().committed_membership().voters.size() == 3 &&
           !driver(id).replica().core().committed_membership().is_joint();
  };
  ASSERT_TRUE(until(votes));
  EXPECT_EQ(make(wait_for_leader(), "/fewer"), ZkError::ok);
}

TEST_F(QuorumTest, AServerThatNobodyNamesIsFedWhileItIsThere) {
  start_all();
  configure({1, 2, 3, 4});
  start(4);
  ASSERT_TRUE(until([&] { return at(4).serving(); }));
  EXPECT_FALSE(until([&] { return !at(4).serving(); }, std::chrono::minutes(3)));
  EXPECT_EQ(make(4, "/guest"), ZkError::ok);
}

TEST_F(QuorumTest, AServerThatWasRemovedIsFedThoughItWasHereBeforeTheOthersHadReadIt) {
  options.reconfig_enabled = true;
  configure({1, 2, 3, 4});
  start_all();
  const int leads = wait_for_leader();
  const auto is_settled = [&] {
    const auto config = EnsembleConfig::parse(as_text(at(leads).tree().find(ensemble_config_path)->data.view()), false);
    return config && config->version != Zxid(0) && !driver(leads).quorum_view().changing;
  };
  ASSERT_TRUE(until(is_settled));
  const auto committed = [&] { return driver(leads).replica().core().committed_membership(); };
  kill(4);
  ASSERT_EQ(wait(propose(leads, zk::ReconfigOp{.leaving = "4"})), ZkError::ok);
  ASSERT_TRUE(until([&] { return committed().voters.size() == 3 && committed().learners.empty(); }, seconds(90)));
  ASSERT_TRUE(agree());
  for (int id = 1; id <= 3; ++id) kill(id, true);
  for (int id = 1; id <= 4; ++id) start(id);
  ASSERT_TRUE(until([&] { return at(4).serving(); }));
  EXPECT_FALSE(until([&] { return !at(4).serving(); }, std::chrono::minutes(3)));
  EXPECT_EQ(make(4, "/guest"), ZkError::ok);
}

TEST_F(QuorumTest, ANodeThatBelongsToAnEnsembleDoesNotStandAlone) {
  start_all();
  stop(2);
  options.servers = {};
  EXPECT_THAT(refusal(2), HasSubstr("belongs to an ensemble of 3 voting servers"));
}

TEST_F(QuorumTest, WhatIsLeftOfAnEnsembleGoesOnAloneWhenItIsTold) {
  start_all();
  ASSERT_EQ(make(1, "/kept"), ZkError::ok);
  ASSERT_TRUE(agree());
  for (int id = 1; id <= 3; ++id) kill(id);
  const EnsembleConfig three = std::exchange(options.servers, {});
  options.recover_alone = true;
  start(2);
  EXPECT_TRUE(has(2, "/kept"));
  ASSERT_EQ(make(2, "/alone"), ZkError::ok);
  stop(2);
  // The others come back empty.
  options.recover_alone = false;
  options.servers = three;
  empty_disk(1);
  empty_disk(3);
  start_all();
  ASSERT_TRUE(agree());
  EXPECT_TRUE(has(1, "/kept") && has(3, "/alone"));
}

TEST_F(QuorumTest, ALeaderThatStopsHandsOver) {
  start_all();
  const int first = wait_for_leader();
  const int server = other_than({first});
  const auto write = create(server, "/during");
  stop(first);
  EXPECT_TRUE(until([&] { return leader() != 0; }, milliseconds(100))) << "no election timeout has to pass";
  EXPECT_EQ(wait(write), ZkError::ok);
}

TEST_F(QuorumTest, AStateThatDiffersFromTheMajoritysIsTakenOutOfService) {
  start_all();
  ASSERT_EQ(make(1, "/a"), ZkError::ok);
  ASSERT_TRUE(agree());
  const int wrong = other_than({wait_for_leader()});
  {
    auto& tree = const_cast<zk::Tree&>(at(wrong).tree());
    tree.set_data_quietly(*tree.find("/a"), Bytes::copy(std::string_view("something else")));
  }
  const int server = other_than({wrong});
  for (int n = 0; n < 1100; ++n) {
    const auto made = create(server, fmt::format("/n{}", n));
    if (n % 100 == 99) {
      ASSERT_EQ(wait(made), ZkError::ok);
    }
  }
  ASSERT_TRUE(until([&] { return driver(wrong).failed(); }));
  EXPECT_EQ(make(server, "/on"), ZkError::ok);
}

TEST_F(QuorumTest, ALeaderWithAFullDiskLetsAnotherOneLead) {
  start_all();
  const int full = wait_for_leader();
  disk(full).set_capacity(1);
  const int server = other_than({full});
  std::vector<std::shared_ptr<Outcome>> writes;
  for (int n = 0; n < 3000; ++n) writes.push_back(create(server, fmt::format("/n{:0900}", n)));
  for (const auto& write : writes) ASSERT_EQ(wait(write), ZkError::ok);
  EXPECT_TRUE(until([&] { return leader() != full; }));
  disk(full).set_capacity(std::uint64_t{1} << 40);
  ASSERT_TRUE(agree());
}

TEST_F(QuorumTest, AReadLeavesNoServer) {
  start_all();
  const int server = other_than({wait_for_leader()});
  ASSERT_EQ(make(server, "/a"), ZkError::ok);
  ASSERT_TRUE(agree());
  const auto pieces = network_.counts().pieces;
  for (int n = 0; n < 1000; ++n) EXPECT_TRUE(at(server).machine().get_data("/a", zk::Caller{}, false));
  loop_.run_ready();
  EXPECT_EQ(network_.counts().pieces, pieces);
}

}  // namespace
}  // namespace holdfast::test
