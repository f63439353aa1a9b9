// Consensus: snapshots, changes of the membership, transfer of leadership, reads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <climits>
#include <set>

#include "tests/coordination/consensus_core.h"

namespace holdfast {
namespace {

using namespace consensus_core;
using testing::ElementsAre;
using testing::IsEmpty;

// ---- Snapshots ----

TEST(Consensus, APeerThatMissesWhatWasTrimmedNeedsASnapshot) {
  Core core(of({1, 2, 3}), {span(0, 10, 1)}, 1);
  core.lead({2});
  core.acknowledge(2, 11);
  core->trimmed(Offset(10));
  for (const Consensus::Feed& feed : core.take().feeds) core->fed(feed, feed.end, 1);
  core.refuse(3, 10, 4, 1);
  EXPECT_THAT(core.take().snapshots, ElementsAre(ServerId(3)));
  EXPECT_TRUE(core->peers().at(ServerId(3)).needs_snapshot);
  core->tick();
  EXPECT_THAT(core.take().snapshots, IsEmpty()) << "one is under way";
  core->snapshot_sent(ServerId(3), std::nullopt);
  EXPECT_THAT(core.take().snapshots, IsEmpty());
  core->tick();
  EXPECT_THAT(core.take().snapshots, ElementsAre(ServerId(3)));
  core->snapshot_sent(ServerId(3), Offset(10));
  core->tick();
  const Ready ready = core.take();
  ASSERT_EQ(ready.feeds.size(), 1u);
  EXPECT_EQ(ready.feeds[0].from, Offset(10));
  EXPECT_EQ(ready.feeds[0].previous_term, Term(1));
}

TEST(Consensus, ASnapshotIsTakenOnlyIfTheLogLacksItsEnd) {
  Core core(of({1, 2, 3}), {span(0, 10, 1), span(10, 20, 2)}, 2);
  ConsensusMessage offer = core.from(2, Kind::snapshot, 3);
  offer.match = Offset(15);
  offer.log_term = Term(2);
  EXPECT_FALSE(core->step_snapshot(offer)) << "what follows 15 may have been acknowledged";
  EXPECT_EQ(core->commit(), Offset(15));
  EXPECT_EQ(core->log_end(), Offset(20));
  EXPECT_EQ(core.messages(Kind::snapshot_reply).at(0).match, Offset(15));

  offer.match = Offset(18);
  offer.log_term = Term(3);
  EXPECT_TRUE(core->step_snapshot(offer));
  core->restored(Offset(18), Term(3), of({1, 2, 4}));
  EXPECT_EQ(core->log_start(), Offset(18));
  EXPECT_EQ(core->log_end(), Offset(18));
  EXPECT_EQ(core->commit(), Offset(18));
  EXPECT_EQ(core->membership(), of({1, 2, 4}));
  EXPECT_EQ(core.messages(Kind::snapshot_reply).at(0).match, Offset(18));
  EXPECT_EQ(core.receive(2, 3, 18, 3, {span(18, 19, 3)}).append_from, Offset(18));
  EXPECT_FALSE(core->wants_snapshot(Offset(18), Term(3)));
}

// ---- Membership ----

TEST(Consensus, AChangeOfVotersIsJointUntilBothMajoritiesHoldIt) {
  Core core(of({1, 2, 3}, {4, 5}), {}, 1);
  core.lead({2});
  core.answer_heartbeat(4, 0);
  EXPECT_EQ(core->change(of({1, 2, 3, 4})), std::nullopt) << "nothing of its term is committed";
  core.acknowledge(2, 1);
  EXPECT_TRUE(core->may_change());
  EXPECT_EQ(core->change(of({1, 4, 5})), std::nullopt) << "5 was never heard of";
  core.answer_heartbeat(5, 0);
  const auto joint = core->change({.voters = {ServerId(5), ServerId(1), ServerId(4)}, .learners = {}, .outgoing = {}});
  ASSERT_TRUE(joint.has_value());
  EXPECT_EQ(joint->voters, of({1, 4, 5}).voters);
  EXPECT_EQ(joint->lives, of({1, 4, 5}).lives);
  EXPECT_EQ(joint->outgoing, of({1, 2, 3}).voters);
  EXPECT_EQ(core->change(of({1, 2})), std::nullopt) << "one at a time";
  core.append(1, joint);
  core.sync();
  EXPECT_EQ(core->membership(), *joint) << "it holds when it is appended";
  EXPECT_EQ(core->change(of({1, 2})), std::nullopt);
  core.acknowledge(4, 2);
  core.acknowledge(5, 2);
  EXPECT_EQ(core->commit(), Offset(1));
  core.take();
  core.acknowledge(3, 2);
  EXPECT_EQ(core->commit(), Offset(2));
  const auto last = core.take().append_membership;
  EXPECT_EQ(last, of({1, 4, 5}));
  core.append(1, last);
  core.sync();
  core.acknowledge(2, 3);
  core.acknowledge(3, 3);
  EXPECT_EQ(core->commit(), Offset(2)) << "they decide no more";
  core.acknowledge(4, 3);
  EXPECT_EQ(core->commit(), Offset(3));
  core.take();
  EXPECT_FALSE(core->peers().contains(ServerId(2)));
  EXPECT_TRUE(core->may_change());
}

TEST(Consensus, LearnersComeAndGoAtOnce) {
  Core core(of({1, 2}), {}, 1);
  core.lead({2});
  core.acknowledge(2, 1);
  const auto entry = core->change(of({1, 2}, {4}));
  ASSERT_TRUE(entry && !entry->is_joint());
  core.append(1, entry);
  EXPECT_TRUE(core->peers().contains(ServerId(4)));
}

TEST(Consensus, ALeaderThatIsLeftOutLeadsUntilThatIsCommitted) {
  Core core(of({1, 2, 3}), {}, 1);
  core.lead({2});
  core.acknowledge(2, 1);
  const auto joint = core->change(of({2, 3}));
  core.append(1, joint);
  core.sync();
  core.acknowledge(2, 2);
  core.acknowledge(3, 2);
  const auto last = core.take().append_membership;
  ASSERT_TRUE(last.has_value());
  core.append(1, last);
  core.sync();
  EXPECT_TRUE(core->leads());
  EXPECT_EQ(core->ticks_since_quorum(), INT_MAX);
  core.acknowledge(2, 3);
  EXPECT_EQ(core->commit(), Offset(2)) << "it does not count itself";
  core.acknowledge(3, 3);
  const Ready ready = core.take();
  EXPECT_EQ(core->commit(), Offset(3));
  EXPECT_FALSE(core->leads());
  EXPECT_TRUE(ready.removed);
  EXPECT_TRUE(std::ranges::any_of(ready.messages, [](const ConsensusMessage& m) {
    return m.kind == Kind::timeout_now;
  })) << "it names a successor";
  core.ticks(100);
  EXPECT_EQ(core->role(), Role::follower) << "and stands no more";
}

TEST(Consensus, WhoIsLeftOutStandsUntilThatIsCommitted) {
  Span last = span(5, 6, 1);
  last.membership = of({2, 3});
  Core core(of({1, 2, 3}), {span(0, 5, 1), last}, 1, 5);
  core.stand();
  EXPECT_EQ(core->role(), Role::pre_candidate) << "perhaps nobody else holds the entry";
  core.grant(2);
  EXPECT_EQ(core->role(), Role::pre_candidate) << "its own vote is none";
  core.grant(3);
  EXPECT_EQ(core->role(), Role::candidate);
}

TEST(Consensus, AMembershipIsRolledBackWithItsEntry) {
  Span entry = span(5, 6, 1);
  entry.membership = of({1, 2, 3, 4});
  Core core(of({1, 2, 3}), {span(0, 5, 1)}, 1);
  core.receive(2, 1, 5, 1, {entry});
  EXPECT_EQ(core->membership(), of({1, 2, 3, 4}));
  EXPECT_EQ(core->committed_membership(), of({1, 2, 3}));
  core.receive(3, 2, 5, 1, {span(5, 6, 2)});
  EXPECT_EQ(core->membership(), of({1, 2, 3}));
}

TEST(Consensus, ANewLeaderEndsAJointMembership) {
  Span entry = span(5, 6, 1);
  entry.membership = of({1, 2});
  entry.membership->outgoing = of({1, 2, 3}).voters;
  entry.membership->outgoing_lives = of({1, 2, 3}).lives;
  Core core(of({1, 2, 3}), {span(0, 5, 1), entry}, 1);
  core.lead({2});
  EXPECT_FALSE(core.take().append_membership);
  core.acknowledge(2, 7);
  EXPECT_EQ(core.take().append_membership, of({1, 2}));
}

// ---- Transfer ----

TEST(Consensus, LeadershipIsHandedToWhoHoldsAll) {
  Core core(of({1, 2, 3}), {}, 1);
  core.lead({2});
  core.acknowledge(2, 1);
  core.append(1);
  core.sync();
  core.take();
  EXPECT_FALSE(core->transfer(ServerId(1)));
  EXPECT_FALSE(core->transfer(ServerId(9)));
  EXPECT_TRUE(core->transfer(ServerId(2)));
  EXPECT_TRUE(core->is_transferring());
  EXPECT_FALSE(core->transfer(ServerId(3)));
  EXPECT_THAT(core.messages(Kind::timeout_now), IsEmpty());
  core.acknowledge(2, 2);
  EXPECT_EQ(core.messages(Kind::timeout_now).at(0).to, ServerId(2));
  EXPECT_EQ(core->ticks_since_quorum(), INT_MAX) << "from here on it may have a successor at any time";
}

TEST(Consensus, ATransferIsGivenUpAfterAnElectionTimeout) {
  Core core(of({1, 2, 3}), {}, 1);
  core.lead({2});
  core.acknowledge(2, 1);
  core.acknowledge(3, 1);
  core->transfer(ServerId(2));
  for (int n = 0; n < 10; ++n) {
    EXPECT_TRUE(core->is_transferring());
    core->tick();
    core.answer_heartbeat(3, round_of(core.take().messages), 1);
  }
  EXPECT_FALSE(core->is_transferring());
  EXPECT_EQ(core->ticks_since_quorum(), INT_MAX) << "the other may still act on it";
  core.ticks(2);
  const std::uint64_t round = round_of(core.take().messages);
  core.answer_heartbeat(3, round, 1);
  EXPECT_EQ(core->ticks_since_quorum(), INT_MAX);
  core.answer_heartbeat(2, round, 1);
  EXPECT_LE(core->ticks_since_quorum(), 2);
}

TEST(Consensus, WhoIsToldToStandsAtOnceUnlessTheWordIsOld) {
  Core core(of({1, 2, 3}), {}, 1);
  ConsensusMessage heartbeat = core.from(2, Kind::heartbeat);
  heartbeat.round = 7;
  core->step(heartbeat);
  core.take();
  ConsensusMessage word = core.from(2, Kind::timeout_now);
  word.round = 6;
  core->step(word);
  EXPECT_EQ(core->role(), Role::follower);
  word.round = 7;
  core->step(word);
  EXPECT_EQ(core->role(), Role::candidate);
  EXPECT_EQ(core->term(), Term(2));
  EXPECT_TRUE(core.messages(Kind::vote).at(0).transfer);
}

// ---- Reads ----

TEST(Consensus, AReadWaitsForARoundThatBeganAfterIt) {
  Core core(of({1, 2, 3}), {span(0, 5, 1)}, 1);
  core.lead({2});
  const std::uint64_t before = round_of(core.take().messages);
  core->read_index(70);
  EXPECT_THAT(core.take().reads, IsEmpty()) << "nothing of its term is committed";
  core.acknowledge(2, 6);
  core->read_index(71);
  const std::uint64_t round = round_of(core.take().messages);
  EXPECT_GT(round, before);
  core.answer_heartbeat(2, round - 1, 6);
  EXPECT_THAT(core.take().reads, IsEmpty());
  core->read_index(72);
  core.answer_heartbeat(2, round, 6);
  const auto reads = core.take().reads;
  ASSERT_EQ(reads.size(), 2u) << "72 came after the round began";
  EXPECT_EQ(reads[0].token, 70u);
  EXPECT_EQ(reads[0].commit, Offset(6));
  EXPECT_EQ(reads[1].token, 71u);
}

TEST(Consensus, ReadsAreAnsweredWithNothingWhenLeadershipEnds) {
  Core core(of({1, 2, 3}), {}, 1);
  core.lead({2});
  core->read_index(70);
  ConsensusMessage asked = core.from(3, Kind::read_index);
  asked.token = 99;
  core->step(asked);
  core->step(core.from(2, Kind::append_reply, 9));
  const Ready ready = core.take();
  ASSERT_EQ(ready.reads.size(), 1u);
  EXPECT_EQ(ready.reads[0].commit, std::nullopt);
  bool answered = false;
  for (const ConsensusMessage& message : ready.messages)
    answered |= message.kind == Kind::read_index_reply && message.token == 99 && !message.granted;
  EXPECT_TRUE(answered);
}

TEST(Consensus, AFollowerAsksTheLeader) {
  Core core(of({1, 2, 3}), {}, 1);
  core->read_index(70);
  EXPECT_EQ(core.take().reads.at(0).commit, std::nullopt) << "nobody is known to lead";
  core->step(core.from(2, Kind::heartbeat));
  core->read_index(71);
  core->read_index(72);
  const auto asked = core.messages(Kind::read_index);
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_NE(asked[0].token, asked[1].token);
  ConsensusMessage reply = core.from(2, Kind::read_index_reply);
  reply.token = asked[0].token;
  reply.granted = true;
  reply.commit = Offset(42);
  core->step(reply);
  core->step(reply);
  auto reads = core.take().reads;
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_EQ(reads[0].token, 71u);
  EXPECT_EQ(reads[0].commit, Offset(42));

  core->step(core.from(3, Kind::heartbeat, 2));
  reads = core.take().reads;
  ASSERT_EQ(reads.size(), 1u) << "another leads now";
  EXPECT_EQ(reads[0].token, 72u);
  EXPECT_EQ(reads[0].commit, std::nullopt);

  core->read_index(73);
  core.take();
  for (int n = 0; n < 10; ++n) {
    core->tick();
    core->step(core.from(3, Kind::heartbeat));
  }
  EXPECT_EQ(core.take().reads.size(), 1u) << "the answer is lost";
}

TEST(Consensus, ReadTokensDifferFromLifeToLife) {
  std::set<std::uint64_t> tokens;
  for (int seed = 1; seed <= 20; ++seed) {
    Core core(of({1, 2, 3}), {}, 1, 0, seed);
    core->step(core.from(2, Kind::heartbeat));
    core->read_index(1);
    tokens.insert(core.messages(Kind::read_index).at(0).token);
  }
  EXPECT_EQ(tokens.size(), 20u) << "an answer to an earlier life would be a stale read";
}

}  // namespace
}  // namespace holdfast
