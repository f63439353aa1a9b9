// Consensus: who leads; and all rules at once, in consensus_world.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "tests/coordination/consensus_core.h"
#include "tests/simulation/consensus/consensus_world.h"

namespace holdfast {
namespace {

using namespace consensus_core;
using testing::IsEmpty;

// ---- Elections ----

TEST(Consensus, StandsAfterOneToTwoElectionTimeouts) {
  std::set<int> waited;
  for (int seed = 1; seed <= 100; ++seed) {
    Core core(of({1, 2, 3}), {}, 0, 0, seed);
    int ticks = 0;
    for (; core->role() == Role::follower; ++ticks) core->tick();
    waited.insert(ticks);
  }
  EXPECT_EQ(*waited.begin(), 10);
  EXPECT_EQ(*waited.rbegin(), 19);
}

TEST(Consensus, PreVoteChangesNothing) {
  Core voter(of({1, 2, 3}), {span(0, 5, 2)}, 2);
  voter.ticks(9);
  ConsensusMessage ask = voter.from(2, Kind::pre_vote, 7);
  ask.log_end = Offset(5);
  ask.log_term = Term(2);
  voter->step(ask);
  EXPECT_THAT(voter.messages(Kind::pre_vote_reply), IsEmpty()) << "it may just have heard a leader when it went down";
  voter->tick();
  voter->step(ask);
  const Ready ready = voter.take();
  ASSERT_EQ(ready.messages.size(), 1u);
  EXPECT_TRUE(ready.messages[0].granted);
  EXPECT_EQ(ready.messages[0].term, Term(7));
  EXPECT_EQ(ready.hard_state, std::nullopt);
  EXPECT_EQ(voter->term(), Term(2));

  Core candidate(of({1, 2, 3}), {span(0, 5, 2)}, 2);
  candidate.stand();
  const Ready asked = candidate.take();
  EXPECT_EQ(asked.hard_state, std::nullopt);
  EXPECT_EQ(candidate->term(), Term(2));
  ASSERT_EQ(asked.messages.size(), 2u);
  EXPECT_EQ(asked.messages[0].kind, Kind::pre_vote);
  EXPECT_EQ(asked.messages[0].term, Term(3));
  candidate.grant(2);
  EXPECT_EQ(candidate->role(), Role::candidate);
  EXPECT_EQ(candidate.take().hard_state, (HardState{.term = Term(3), .vote = ServerId(1), .vote_life = life(1)}));
}

TEST(Consensus, WhoeverHearsALeaderHelpsNobodyElse) {
  Core core(of({1, 2, 3}), {span(0, 5, 2)}, 2);
  core->step(core.from(2, Kind::heartbeat));
  core.ticks(9);
  core.take();
  for (const Kind kind : {Kind::pre_vote, Kind::vote}) {
    ConsensusMessage ask = core.from(3, kind, 9);
    ask.log_end = Offset(100);
    ask.log_term = Term(8);
    core->step(ask);
  }
  EXPECT_THAT(core.take().messages, IsEmpty());
  EXPECT_EQ(core->term(), Term(2));

  ConsensusMessage asked_for = core.from(3, Kind::vote, 9);  // by the leader itself
  asked_for.log_end = Offset(100);
  asked_for.log_term = Term(8);
  asked_for.transfer = true;
  core->step(asked_for);
  const Ready ready = core.take();
  ASSERT_EQ(ready.messages.size(), 1u);
  EXPECT_TRUE(ready.messages[0].granted);
}

TEST(Consensus, VotesOnceInATermForALogThatIsNotBehind) {
  Core core(of({1, 2, 3}), {span(0, 5, 2), span(5, 8, 4)}, 4);
  core.ticks(10);
  core.take();
  const auto ask = [&](int candidate, int term, std::int64_t end, int log_term) {
    ConsensusMessage vote = core.from(candidate, Kind::vote, term);
    vote.log_end = Offset(end);
    vote.log_term = Term(log_term);
    core->step(vote);
    const Ready ready = core.take();
    const bool granted = ready.messages.at(0).granted;
    // What the answer depends on is to be durable first.
    if (granted && ready.hard_state) EXPECT_EQ(ready.hard_state->vote, ServerId(candidate));
    return granted;
  };
  EXPECT_FALSE(ask(2, 5, 100, 3)) << "a longer log of an earlier term";
  EXPECT_FALSE(ask(2, 6, 7, 4)) << "a shorter one of the same";
  EXPECT_TRUE(ask(2, 7, 8, 4));
  EXPECT_EQ(core->hard_state(), (HardState{.term = Term(7), .vote = ServerId(2), .vote_life = life(2)}));
  EXPECT_TRUE(ask(2, 7, 8, 4)) << "the answer may have been lost";
  EXPECT_FALSE(ask(3, 7, 9, 5));
  EXPECT_TRUE(ask(3, 8, 1, 5));

  ConsensusMessage other_disk = core.from(3, Kind::vote, 8);
  other_disk.incarnation = life(33);
  other_disk.log_end = Offset(9);
  other_disk.log_term = Term(5);
  core->step(other_disk);
  EXPECT_FALSE(core.take().messages.at(0).granted) << "what had the vote is not what asks";
}

TEST(Consensus, AVoteIsInTheReadyOfItsAnswer) {
  Core core(of({1, 2, 3}), {}, 4);
  core.ticks(10);
  core.take();
  ConsensusMessage vote = core.from(3, Kind::vote, 5);
  core->step(vote);
  const Ready ready = core.take();
  EXPECT_EQ(ready.hard_state, (HardState{.term = Term(5), .vote = ServerId(3), .vote_life = life(3)}));
  ASSERT_EQ(ready.messages.size(), 1u);
  EXPECT_EQ(ready.messages[0].kind, Kind::vote_reply);
}

TEST(Consensus, FollowingALeaderIsAVoteForIt) {
  Core core(of({1, 2, 3}), {}, 4);
  core.receive(2, 5, 0, 0, {span(0, 1, 5)});
  const Ready ready = core.take();
  EXPECT_EQ(ready.hard_state, (HardState{.term = Term(5), .vote = ServerId(2), .vote_life = life(2)}));
  EXPECT_TRUE(ready.role_changed);
  EXPECT_EQ(core->leader(), ServerId(2));
}

TEST(Consensus, ALeaderOfAnEarlierTermLearnsTheLater) {
  Core core(of({1, 2, 3}), {span(0, 5, 2)}, 7);
  EXPECT_EQ(core.receive(2, 6, 5, 2, {span(5, 6, 6)}).append_from, std::nullopt);
  const auto replies = core.messages(Kind::append_reply);
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_FALSE(replies[0].granted);
  EXPECT_EQ(replies[0].term, Term(7));

  Core leader(of({1, 2, 3}), {span(0, 5, 2)}, 2);
  leader.lead({2});
  leader->step(leader.from(3, Kind::append_reply, 9));
  EXPECT_EQ(leader->role(), Role::follower);
  EXPECT_EQ(leader->term(), Term(9));
}

TEST(Consensus, ALeaderStepsDownWhenAMajorityIsSilent) {
  Core core(of({1, 2, 3}), {}, 1);
  core.lead({2});
  for (int n = 0; n < 5; ++n) {
    core.ticks(6);
    core.answer_heartbeat(3, round_of(core.take().messages));
    EXPECT_TRUE(core->leads());
  }
  core.ticks(9);
  EXPECT_TRUE(core->leads());
  core.ticks(3);
  EXPECT_EQ(core->role(), Role::follower);
  EXPECT_TRUE(core.take().role_changed);
}

TEST(Consensus, TermsOfEntriesOnDiskAreKnown) {
  Core core(of({1, 2, 3}), {span(0, 5, 9)}, 7);
  EXPECT_EQ(core.take().hard_state, (HardState{.term = Term(9)}));
}

// ---- The first election, and blank servers ----

TEST(Consensus, ASoleVoterLeadsAtOnce) {
  Core core(configured({1}));
  EXPECT_TRUE(core->leads());
  const Ready ready = core.take();
  EXPECT_EQ(ready.hard_state, (HardState{.term = Term(1), .vote = ServerId(1), .vote_life = life(1)}));
  EXPECT_TRUE(ready.leads);
  EXPECT_EQ(ready.append_membership, of({1}));
  core.append(1, ready.append_membership);
  EXPECT_EQ(core->commit(), Offset(0)) << "it counts when it is durable";
  core.sync();
  EXPECT_EQ(core.take().committed, Offset(1));
  EXPECT_EQ(core->ticks_since_quorum(), 0);

  Core again(of({1}), {span(0, 5, 3)}, 3);
  EXPECT_TRUE(again->leads());
  EXPECT_EQ(again.take().append_membership, std::nullopt);
  Core former(configured({1}), {span(0, 5, 3)}, 3);
  EXPECT_TRUE(former->leads()) << "a log from before there was consensus";
  EXPECT_TRUE(former.take().append_membership.has_value());
}

TEST(Consensus, TheFirstElectionTakesAllVotersAndTheirLogsEmpty) {
  Core core(configured({1, 2, 3}));
  core.stand();
  core.grant(2, true);
  EXPECT_EQ(core->role(), Role::pre_candidate);
  core.grant(3, true);
  EXPECT_EQ(core->role(), Role::candidate);
  core.grant(2, true);
  EXPECT_FALSE(core->leads());
  Core refused = std::move(core);
  refused.grant(3, true);
  EXPECT_TRUE(refused->leads());
  const Ready ready = refused.take();
  EXPECT_EQ(ready.append_membership, of({1, 2, 3}));
  refused.append(1, ready.append_membership);
  EXPECT_TRUE(refused->membership().is_recorded());

  Core second(configured({1, 2, 3}));
  second.stand();
  second.grant(2, true);
  second.grant(3, false);  // it holds something
  EXPECT_EQ(second->role(), Role::follower);

  Core full(configured({1, 2, 3}), {span(0, 5, 1)}, 1);
  full.ticks(40);
  EXPECT_EQ(full->role(), Role::follower) << "whose log is not empty waits for who knows the voters";
}

TEST(Consensus, AServerWithAnotherDiskDoesNotStand) {
  Membership before = of({1, 2, 3});
  before.lives[ServerId(1)] = life(11);
  Core core(before, {span(0, 5, 1)}, 1);
  core.ticks(100);
  EXPECT_EQ(core->role(), Role::follower);
  EXPECT_THAT(core.take().messages, IsEmpty());
}

TEST(Consensus, AVoterWithAnotherDiskIsReplacedWhenItHasCaughtUp) {
  Core core(of({1, 2, 3}), {span(0, 5, 1)}, 1);
  core.lead({2});
  core.acknowledge(3, 6);
  EXPECT_EQ(core->commit(), Offset(6));
  EXPECT_EQ(core->peers().at(ServerId(3)).match, Offset(6));

  ConsensusMessage returned = core.from(3, Kind::append_reply);
  returned.incarnation = life(33);
  returned.from_offset = Offset(6);
  core->step(returned);
  EXPECT_EQ(core->peers().at(ServerId(3)).match, Offset(0)) << "what the former disk held is gone";
  core.append(1);
  core.sync();
  returned.granted = true;
  returned.match = returned.hint_end = Offset(7);
  core->step(returned);
  EXPECT_EQ(core->commit(), Offset(6)) << "it does not count";
  EXPECT_TRUE(core->peers().at(ServerId(3)).learner);
  core.acknowledge(2, 7);
  EXPECT_EQ(core->commit(), Offset(7));

  core.take();
  core->tick();
  const auto joint = core.take().append_membership;
  ASSERT_TRUE(joint && joint->is_joint());
  EXPECT_EQ(joint->lives.at(ServerId(3)), life(33));
  EXPECT_EQ(joint->outgoing_lives.at(ServerId(3)), life(3));
  EXPECT_FALSE(core->may_change());
  core.append(1, joint);
  core.sync();
  returned.match = returned.hint_end = Offset(8);
  core->step(returned);
  EXPECT_EQ(core->commit(), Offset(7)) << "the former majority has not agreed";
  core.acknowledge(2, 8);
  EXPECT_EQ(core->commit(), Offset(8));
  const auto last = core.take().append_membership;
  ASSERT_TRUE(last && !last->is_joint());
  core.append(1, last);
  core.sync();
  returned.match = returned.hint_end = Offset(9);
  core->step(returned);
  EXPECT_EQ(core->commit(), Offset(9));
  EXPECT_FALSE(core->peers().at(ServerId(3)).learner);
}

TEST(Consensus, AnswersToAFormerLifeAreDropped) {
  Core core(of({1, 2, 3}), {}, 1);
  core.stand();
  ConsensusMessage reply = core.from(2, Kind::pre_vote_reply, 2);
  reply.granted = true;
  reply.answers = life(11);
  core->step(reply);
  EXPECT_EQ(core->role(), Role::pre_candidate);
  reply.answers = life(1);
  reply.to = ServerId(4);
  core->step(reply);
  EXPECT_EQ(core->role(), Role::pre_candidate);
}

// ---- All at once ----

TEST(ConsensusWorld, KeepsTheRulesOfRaftUnderAllFaults) {
  const char* scale = std::getenv("HOLDFAST_TEST_SCALE");
  const std::uint64_t seeds = 300 * (scale == nullptr ? 1 : std::strtoull(scale, nullptr, 10));
  consensus_world::Tally tally;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    consensus_world::World world(seed);
    const auto broken = world.run();
    ASSERT_EQ(broken, std::nullopt) << "seed " << seed << ": " << *broken;
    tally += world.tally();
  }
  // The faults did come.
  EXPECT_GT(tally.committed, 20 * seeds);
  EXPECT_GT(tally.leaders, seeds);
  EXPECT_GT(tally.crashes, seeds);
  EXPECT_GT(tally.reads, seeds);
  EXPECT_GT(tally.truncations, seeds / 10);
  EXPECT_GT(tally.blanks, seeds / 10);
  EXPECT_GT(tally.changes, seeds / 10);
  EXPECT_GT(tally.transfers, seeds / 20);
  EXPECT_GT(tally.snapshots, seeds / 20);
  EXPECT_GT(tally.replaced, seeds / 50);
}

TEST(ConsensusWorld, ARunFollowsFromItsSeed) {
  consensus_world::World one(7), other(7);
  EXPECT_EQ(one.run(), std::nullopt);
  EXPECT_EQ(other.run(), std::nullopt);
  EXPECT_EQ(one.tally().committed, other.tally().committed);
  EXPECT_EQ(one.tally().reads, other.tally().reads);
  EXPECT_EQ(one.tally().crashes, other.tally().crashes);
}

}  // namespace
}  // namespace holdfast
