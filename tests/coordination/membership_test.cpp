#include "coordination/membership.h"

#include <gtest/gtest.h>

#include "coordination/election.h"

namespace holdfast {
namespace {

Incarnation life(int n) { return {static_cast<std::uint8_t>(n)}; }

std::vector<ServerId> ids(std::initializer_list<int> numbers) {
  std::vector<ServerId> out;
  for (const int n : numbers) out.emplace_back(n);
  return out;
}

Lives lives(std::initializer_list<int> numbers) {
  Lives out;
  for (const int n : numbers) out[ServerId(n)] = life(n);
  return out;
}

Membership of(std::initializer_list<int> voters) {
  return {.voters = ids(voters), .learners = {}, .outgoing = {}, .lives = lives(voters)};
}

// Each server has reached its own number.
int agreed_number(const Membership& membership) {
  return agreed(membership, 0, [](ServerId id, const Incarnation&) { return id.value; });
}

TEST(Membership, AMajorityIsMoreThanHalf) {
  EXPECT_EQ(agreed_number(of({7})), 7);
  EXPECT_EQ(agreed_number(of({1, 7})), 1);
  EXPECT_EQ(agreed_number(of({1, 5, 7})), 5);
  EXPECT_EQ(agreed_number(of({1, 3, 5, 7})), 3);
  EXPECT_EQ(agreed_number(of({1, 3, 5, 7, 9})), 5);
}

TEST(Membership, JointTakesBothMajorities) {
  Membership joint = of({7, 8, 9});
  joint.outgoing = ids({1, 2, 3});
  joint.outgoing_lives = lives({1, 2, 3});
  EXPECT_EQ(agreed_number(joint), 2);
  std::swap(joint.voters, joint.outgoing);
  std::swap(joint.lives, joint.outgoing_lives);
  EXPECT_EQ(agreed_number(joint), 2);
}

TEST(Membership, AVoterWhoseIncarnationIsUnknownCountsForNothing) {
  Membership membership = of({1, 5, 7});
  membership.lives.erase(ServerId(7));
  EXPECT_EQ(agreed_number(membership), 1);
  membership.lives.clear();
  EXPECT_EQ(agreed_number(membership), 0);
}

TEST(Membership, AVoterIsAnIdAndAnIncarnation) {
  Membership membership = of({1, 2});
  membership.learners = ids({3});
  membership.outgoing = ids({1, 4});
  membership.outgoing_lives = lives({4});
  membership.outgoing_lives[ServerId(1)] = life(100);
  EXPECT_TRUE(membership.is_voter(ServerId(1), life(1)));
  EXPECT_TRUE(membership.is_voter(ServerId(1), life(100)));
  EXPECT_FALSE(membership.is_voter(ServerId(1), life(2)));
  EXPECT_TRUE(membership.is_voter(ServerId(4)));
  EXPECT_FALSE(membership.is_voter(ServerId(3)));
  EXPECT_TRUE(membership.is_member(ServerId(3)));
  EXPECT_FALSE(membership.is_member(ServerId(5)));
  EXPECT_EQ(members(membership, ServerId(2)), ids({1, 4, 3}));
  EXPECT_EQ(voters(membership, ServerId(2)), ids({1, 4}));
}

TEST(Membership, OnlyAChangeOfVotersIsJoint) {
  const Membership current = of({1, 2, 3});
  Membership learner = current;
  learner.learners = ids({4});
  EXPECT_FALSE(change_to(current, learner).is_joint());

  const Membership joint = change_to(current, of({1, 2, 4}));
  EXPECT_EQ(joint.outgoing, current.voters);
  EXPECT_EQ(joint.outgoing_lives, current.lives);
  EXPECT_EQ(finish(joint), of({1, 2, 4}));

  Membership other_disk = current;
  other_disk.lives[ServerId(3)] = life(33);
  EXPECT_TRUE(change_to(current, other_disk).is_joint());
}

TEST(Memberships, HoldFromTheirEntryOn) {
  Memberships all(of({1}), {{Offset(5), of({1, 2})}});
  all.append(Offset(9), of({1, 2, 3}));
  EXPECT_EQ(all.at(Offset(5)), of({1}));
  EXPECT_EQ(all.at(Offset(6)), of({1, 2}));
  EXPECT_EQ(all.at(Offset(9)), of({1, 2}));
  EXPECT_EQ(all.latest(), of({1, 2, 3}));
  EXPECT_EQ(all.latest_offset(), Offset(9));
  EXPECT_TRUE(all.had_voter(Offset(0), ServerId(3), life(3)));
  EXPECT_FALSE(all.had_voter(Offset(0), ServerId(4), life(4)));
}

TEST(Memberships, AreRolledBackWithTheLog) {
  Memberships all(of({1}), {{Offset(5), of({1, 2})}, {Offset(9), of({1, 2, 3})}});
  all.truncate(Offset(9));
  EXPECT_EQ(all.latest(), of({1, 2}));
  all.truncate(Offset(5));
  EXPECT_EQ(all.latest(), of({1}));
  EXPECT_EQ(all.latest_offset(), std::nullopt);
}

TEST(Memberships, StayWhenTheLogIsTrimmed) {
  Memberships all(of({1}), {{Offset(5), of({1, 2})}, {Offset(9), of({1, 2, 3})}});
  all.trim(Offset(5));
  EXPECT_EQ(all.at(Offset(5)), of({1}));
  all.trim(Offset(6));
  EXPECT_EQ(all.at(Offset(6)), of({1, 2}));
  EXPECT_EQ(all.latest(), of({1, 2, 3}));
  all.trim(Offset(20));
  EXPECT_EQ(all.latest(), of({1, 2, 3}));
  EXPECT_EQ(all.latest_offset(), std::nullopt);
  all.restore(of({4}));
  EXPECT_EQ(all.latest(), of({4}));
}

Election::Vote vote(int n, bool granted, bool blank = false) {
  return {.life = life(n), .granted = granted, .blank = blank};
}

TEST(Election, IsWonByAMajorityAndLostWhenThereCanBeNone) {
  Election election;
  election.add(ServerId(1), vote(1, true));
  EXPECT_EQ(election.outcome(of({1, 2, 3})), Election::Outcome::open);
  election.add(ServerId(2), vote(2, false));
  EXPECT_EQ(election.outcome(of({1, 2, 3})), Election::Outcome::open);
  Election won = election;
  won.add(ServerId(3), vote(3, true));
  EXPECT_EQ(won.outcome(of({1, 2, 3})), Election::Outcome::won);
  election.add(ServerId(3), vote(3, false));
  EXPECT_EQ(election.outcome(of({1, 2, 3})), Election::Outcome::lost);
}

TEST(Election, VotesOfOthersAndOfOtherDisksDoNotCount) {
  Election election;
  election.add(ServerId(1), vote(1, true));
  election.add(ServerId(2), vote(22, true));  // another disk than is meant
  election.add(ServerId(4), vote(4, true));   // no voter
  EXPECT_NE(election.outcome(of({1, 2, 3})), Election::Outcome::won);
}

TEST(Election, TheFirstOneTakesAllVotersAndAllBlank) {
  const Membership configured{.voters = ids({1, 2, 3}), .learners = {}, .outgoing = {}};
  Election election;
  election.add(ServerId(1), vote(1, true, true));
  election.add(ServerId(2), vote(2, true, true));
  EXPECT_EQ(election.outcome(configured), Election::Outcome::open);
  Election with_a_log = election;
  with_a_log.add(ServerId(3), vote(3, true, false));
  EXPECT_EQ(with_a_log.outcome(configured), Election::Outcome::lost);
  election.add(ServerId(3), vote(3, true, true));
  EXPECT_EQ(election.outcome(configured), Election::Outcome::won);
  EXPECT_EQ(election.lives(), lives({1, 2, 3}));
}

TEST(Election, ASoleVoterNeedNotBeBlankTheFirstTime) {
  Election election;
  election.add(ServerId(1), vote(1, true, false));
  EXPECT_EQ(election.outcome({.voters = ids({1}), .learners = {}, .outgoing = {}}), Election::Outcome::won);
}

}  // namespace
}  // namespace holdfast
