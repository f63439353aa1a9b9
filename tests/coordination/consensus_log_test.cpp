// Consensus: what a follower does with appends, and what a leader does with its peers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/coordination/consensus_core.h"

namespace holdfast {
namespace {

using namespace consensus_core;
using testing::IsEmpty;

// ---- What a follower does with appends ----

TEST(Consensus, AFollowerAnswersWhenItIsDurable) {
  Core core(of({1, 2, 3}), {}, 1);
  EXPECT_EQ(core.receive(2, 1, 0, 0, {span(0, 2, 1), span(2, 5, 1)}).append_from, Offset(0));
  EXPECT_THAT(core.messages(Kind::append_reply), IsEmpty());
  core->step(core.from(2, Kind::heartbeat));
  core->durable(Offset(2));
  auto replies = core.messages(Kind::append_reply);
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].match, Offset(2));
  EXPECT_EQ(replies[0].hint_end, Offset(5));
  core->durable(Offset(5));
  replies = core.messages(Kind::append_reply);
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].match, Offset(5));
  core->durable(Offset(5));
  EXPECT_THAT(core.messages(Kind::append_reply), IsEmpty());
}

TEST(Consensus, AppendsMayComeTwiceAndInAnyOrder) {
  Core core(of({1, 2, 3}), {}, 1);
  core.receive(2, 1, 0, 0, {span(0, 2, 1), span(2, 5, 1)});
  EXPECT_EQ(core.receive(2, 1, 0, 0, {span(0, 2, 1)}).append_from, std::nullopt);
  EXPECT_EQ(core->log_end(), Offset(5)) << "an older append takes nothing away";
  EXPECT_EQ(core.receive(2, 1, 9, 1, {span(9, 10, 1)}).append_from, std::nullopt) << "a gap";
  const auto decision = core.receive(2, 1, 2, 1, {span(2, 5, 1), span(5, 9, 1)});
  EXPECT_EQ(decision.append_from, Offset(5));
  EXPECT_EQ(decision.truncate_to, std::nullopt);
  EXPECT_EQ(core->log_end(), Offset(9));
  core.sync();
  core.take();
  core.receive(2, 1, 0, 0, {span(0, 2, 1)});
  EXPECT_EQ(core.messages(Kind::append_reply).at(0).match, Offset(9)) << "answered at once, with all that is there";
}

TEST(Consensus, TheFirstBatchThatDiffersIsCutAndAllAfterIt) {
  Core core(of({1, 2, 3}), {span(0, 2, 1), span(2, 4, 1), span(4, 6, 2), span(6, 8, 3)}, 3);
  const auto decision = core.receive(2, 4, 2, 1, {span(2, 4, 1), span(4, 5, 4)});
  EXPECT_EQ(decision.truncate_to, Offset(4));
  EXPECT_EQ(decision.append_from, Offset(4));
  EXPECT_EQ(core->log_end(), Offset(5));
  EXPECT_EQ(core->durable_end(), Offset(4));
  EXPECT_EQ(core->term_at(Offset(4)), Term(4));
  EXPECT_THAT(core.messages(Kind::append_reply), IsEmpty());
}

TEST(Consensus, ARefusalSaysWhereTheLogsMayAgree) {
  Core core(of({1, 2, 3}), {span(0, 10, 1), span(10, 20, 2), span(20, 30, 3)}, 4);
  EXPECT_EQ(core.receive(2, 5, 40, 5, {}).append_from, std::nullopt);
  auto refusal = core.messages(Kind::append_reply).at(0);
  EXPECT_FALSE(refusal.granted);
  EXPECT_EQ(refusal.from_offset, Offset(40));
  EXPECT_EQ(refusal.hint_end, Offset(30));
  EXPECT_EQ(refusal.hint_term, Term(3));
  core.receive(2, 5, 25, 2, {});
  refusal = core.messages(Kind::append_reply).at(0);
  EXPECT_EQ(refusal.hint_end, Offset(20)) << "a whole term at once";
  EXPECT_EQ(refusal.hint_term, Term(2));
}

TEST(Consensus, AFollowerCommitsWhatItVerifiedAndHoldsDurably) {
  Core core(of({1, 2, 3}), {span(0, 10, 1)}, 1);
  core.receive(2, 2, 4, 1, {}, 9);
  EXPECT_EQ(core->commit(), Offset(4)) << "not beyond what this append verified";
  ConsensusMessage heartbeat = core.from(2, Kind::heartbeat);
  heartbeat.commit = Offset(8);
  core->step(heartbeat);
  EXPECT_EQ(core->commit(), Offset(4));
  core.receive(2, 2, 10, 1, {span(10, 12, 2)}, 11);
  EXPECT_EQ(core->commit(), Offset(10)) << "what follows is not durable";
  core.sync();
  EXPECT_EQ(core->commit(), Offset(11));
  core.receive(2, 2, 4, 1, {}, 4);
  EXPECT_EQ(core->commit(), Offset(11));
}

TEST(ConsensusDeathTest, ALeaderThatContradictsWhatIsCommittedStopsTheServer) {
  Core core(of({1, 2, 3}), {span(0, 10, 1)}, 1, 10);
  EXPECT_DEATH(core.receive(2, 2, 5, 1, {span(5, 7, 2)}), "known_committed");
  EXPECT_DEATH(core.receive(2, 3, 8, 2, {}), "known_committed");
}

TEST(Consensus, MalformedAppendsChangeNothing) {
  Core core(of({1, 2, 3}), {span(0, 10, 1)}, 1);
  Span two_members = span(10, 12, 1);
  two_members.membership = of({1, 2});
  Span nobody = span(10, 11, 1);
  nobody.membership = Membership{};
  const std::vector<std::vector<Span>> wrong = {{span(11, 12, 1)},                   // not where it begins
                                                {span(10, 10, 1)},                   // empty
                                                {span(10, 12, 1), span(13, 14, 1)},  // a gap
                                                {span(10, 12, 0)},                   // a falling term
                                                {span(10, 12, 3)},                   // a later one than the leader's
                                                {two_members},
                                                {nobody}};
  for (const auto& spans : wrong) EXPECT_EQ(core.receive(2, 2, 10, 1, spans).append_from, std::nullopt);
  EXPECT_EQ(core->log_end(), Offset(10));
  EXPECT_EQ(core->term(), Term(1));
}

// ---- A leader's log ----

TEST(Consensus, OnlyEntriesOfItsOwnTermAreCommittedByCounting) {
  Core core(of({1, 2, 3}), {span(0, 5, 1), span(5, 8, 2)}, 2);
  core.lead({2});
  core.acknowledge(2, 8);
  EXPECT_EQ(core->commit(), Offset(0));
  core.acknowledge(2, 9);
  EXPECT_EQ(core->commit(), Offset(9));
}

TEST(Consensus, ItsOwnLogCountsWhenItIsDurable) {
  Core core(of({1, 2, 3}), {}, 1);
  core.lead({2});
  core.append(3);
  core.acknowledge(2, 4);
  EXPECT_EQ(core->commit(), Offset(1));
  core.acknowledge(3, 4);
  EXPECT_EQ(core->commit(), Offset(1)) << "what it may itself forget it does not commit";
  core.sync();
  EXPECT_EQ(core->commit(), Offset(4));
}

TEST(Consensus, LearnersAreSentTheLogAndNeverCount) {
  Core core(of({1, 2, 3}, {4}), {}, 1);
  core.lead({2});
  bool fed = false;
  for (const Consensus::Feed& feed : core.take().feeds) fed |= feed.to == ServerId(4);
  core.acknowledge(4, 1);
  EXPECT_TRUE(fed || core->peers().at(ServerId(4)).match == Offset(1));
  EXPECT_EQ(core->commit(), Offset(0));
  for (int n = 0; n < 8 && core->leads(); ++n) {
    core.ticks(2);
    core.answer_heartbeat(4, round_of(core.take().messages));
  }
  EXPECT_FALSE(core->leads()) << "a learner is no quorum";

  Core learner(of({2, 3}, {1}), {}, 1);
  learner.ticks(100);
  EXPECT_THAT(learner.take().messages, IsEmpty());
}

TEST(Consensus, ProbesUntilItKnowsThenRunsAheadWithinBounds) {
  Core core(of({1, 2}), {span(0, 10, 1)}, 1);
  core.stand();
  core.grant(2);
  core.grant(2);
  ASSERT_TRUE(core->leads());
  EXPECT_THAT(core.take().feeds, IsEmpty()) << "the first entry of the term is the first probe";
  core.append(1);
  const auto probe = core.take().feeds;
  ASSERT_EQ(probe.size(), 1u);
  EXPECT_EQ(probe[0].from, Offset(10));
  EXPECT_EQ(probe[0].end, Offset(11));
  EXPECT_EQ(probe[0].previous_term, Term(1));
  core.append(1);
  EXPECT_THAT(core.take().feeds, IsEmpty()) << "nothing more before fed()";
  core->fed(probe[0], Offset(11), 10);
  EXPECT_THAT(core.take().feeds, IsEmpty()) << "nor before it is answered";
  core.acknowledge(2, 10, 11);
  for (int n = 0; n < 3; ++n) {
    core.append(1);
    const auto feeds = core.take().feeds;
    ASSERT_EQ(feeds.size(), 1u) << n;
    EXPECT_EQ(feeds[0].from, Offset(11 + n));
    core->fed(feeds[0], Offset(12 + n), 10);
  }
  EXPECT_THAT(core.take().feeds, IsEmpty()) << "three are in flight";
  core.acknowledge(2, 12);
  const auto next = core.take().feeds;
  ASSERT_EQ(next.size(), 1u);
  core->fed(next[0], Offset(15), 5000);
  core.acknowledge(2, 14);
  core.append(1);
  EXPECT_THAT(core.take().feeds, IsEmpty()) << "5000 bytes are in flight";
  core->unreachable(ServerId(2));
  const auto again = core.take().feeds;
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].from, Offset(14));
}

TEST(Consensus, WhatCouldNotBeReadIsAskedForAgainAtTheNextTick) {
  Core core(of({1, 2}), {}, 1);
  core.lead({2});
  core.append(1);
  const auto feeds = core.take().feeds;
  ASSERT_EQ(feeds.size(), 1u);
  core->fed(feeds[0], feeds[0].from, 0);
  EXPECT_THAT(core.take().feeds, IsEmpty());
  core->tick();
  EXPECT_EQ(core.take().feeds.size(), 1u);
}

TEST(Consensus, LostAppendsAreSentAgainWhenAHeartbeatShowsIt) {
  Core core(of({1, 2, 3}), {}, 1);
  core.lead({2});
  for (const Consensus::Feed& feed : core.take().feeds) core->fed(feed, feed.end, 1);
  core.acknowledge(2, 1);
  core.append(1);
  for (const Consensus::Feed& feed : core.take().feeds) core->fed(feed, feed.end, 1);
  core.ticks(2);
  core.answer_heartbeat(2, round_of(core.take().messages), 1);
  const auto feeds = core.take().feeds;
  ASSERT_EQ(feeds.size(), 1u);
  EXPECT_EQ(feeds[0].to, ServerId(2));
  EXPECT_EQ(feeds[0].from, Offset(1));
}

TEST(Consensus, GoesBackAWholeTermWithEachRefusal) {
  // Ours: 1 to 10, 4 to 30, then its own. The peer's: 1 to 12, 2 to 20, 3 to 40.
  Core core(of({1, 2}), {span(0, 10, 1), span(10, 30, 4)}, 4);
  core.stand();
  core.grant(2);
  core.grant(2);
  ASSERT_TRUE(core->leads());
  core.append(1);
  const auto first = core.take().feeds;
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].from, Offset(30));
  core->fed(first[0], Offset(31), 1);
  core.refuse(2, 29, 20, 2);
  EXPECT_THAT(core.take().feeds, IsEmpty()) << "of an older probe";
  core.refuse(2, 30, 30, 3);
  const auto second = core.take().feeds;
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].from, Offset(10)) << "below all that term 4 wrote";
  EXPECT_EQ(second[0].previous_term, Term(1));
}

TEST(Consensus, ARefusalNeverLeadsIntoABatch) {
  // The peer's log ends at 7, in term 3; ours holds there a batch of term 2 from 5 to 10.
  Core core(of({1, 2}), {span(0, 5, 1), span(5, 10, 2), span(10, 20, 4)}, 4);
  core.stand();
  core.grant(2);
  core.grant(2);
  core.append(1);
  const auto probe = core.take().feeds;
  ASSERT_EQ(probe.size(), 1u);
  core->fed(probe[0], Offset(21), 1);
  core.refuse(2, 20, 7, 3);
  const auto next = core.take().feeds;
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].from, Offset(5));
}

// A leader tells its commit to all at once, also to who is behind.
TEST(Consensus, TakesOfACommitOnlyWhatItHasVerified) {
  Core core(of({1, 2, 3}), {span(0, 1, 1), span(1, 4, 2)}, 2);
  ConsensusMessage heartbeat = core.from(2, Kind::heartbeat, 3);
  heartbeat.round = 1;
  heartbeat.commit = Offset(4);
  core->step(heartbeat);
  core.take();
  EXPECT_EQ(core->commit(), Offset(0)) << "what it holds may be another leader's";
  core.receive(2, 3, 0, 0, {span(0, 1, 1)}, 0);
  core->step(heartbeat);
  EXPECT_EQ(core->commit(), Offset(1));
  core.receive(2, 3, 1, 1, {span(1, 3, 3)}, 0);
  core->step(heartbeat);
  EXPECT_EQ(core->commit(), Offset(1)) << "not durable yet";
  core.sync();
  EXPECT_EQ(core->commit(), Offset(3));
}

}  // namespace
}  // namespace holdfast
