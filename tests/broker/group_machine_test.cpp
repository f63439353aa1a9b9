#include "broker/group_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/group_coordinator.h"

namespace holdfast::group_machine {
namespace {

using testing::ElementsAre;
using wire::ErrorCode;

// A coordinator without a log: what is decided is committed at once, and answers are kept by token.
class Groups : public testing::Test {
 protected:
  void take(GroupOutcome out) {
    for (auto& [token, reply] : out.replies) replies_[token] = std::move(reply);
    if (!out.records.empty()) {
      for (const GroupRecord& r : out.records) {
        machine_.apply(r, true);
        log_.push_back(r);
      }
      if (out.committed) take(out.committed(ErrorCode::none, now_));
    }
  }
  void pass(std::int64_t ms) {
    now_.steady_ms += ms;
    now_.wall_ms += ms;
    take(machine_.tick(now_));
  }
  JoinCall call(std::string member = {}, std::string metadata = "t") {
    JoinCall c;
    c.group = "g";
    c.member_id = std::move(member);
    c.client_id = "client";
    c.protocol_type = "consumer";
    c.session_timeout_ms = 10'000;
    c.rebalance_timeout_ms = 60'000;
    c.protocols = {{"range", OpaqueBytes(metadata.begin(), metadata.end())}};
    return c;
  }
  ReplyToken join(const JoinCall& c) {
    const ReplyToken token = next_++;
    take(machine_.join(c, token, now_));
    return token;
  }
  ReplyToken sync(const std::string& member, std::int32_t generation,
                  std::vector<std::pair<std::string, OpaqueBytes>> assignments = {}) {
    SyncCall c;
    c.group = "g";
    c.member_id = member;
    c.generation = generation;
    c.assignments = std::move(assignments);
    const ReplyToken token = next_++;
    take(machine_.sync(c, token, now_));
    return token;
  }
  bool answered(ReplyToken t) const { return replies_.contains(t); }
  JoinReply joined(ReplyToken t) { return std::get<JoinReply>(replies_.at(t)); }
  SyncReply synced(ReplyToken t) { return std::get<SyncReply>(replies_.at(t)); }
  ErrorCode beat(const std::string& member, std::int32_t generation) {
    return machine_.heartbeat({"g", member, std::nullopt, generation}, now_);
  }

  // One member, through its first rebalance; its id.
  std::string stable_member() {
    const ReplyToken t = join(call());
    pass(3000);
    const JoinReply reply = joined(t);
    sync(reply.member_id, reply.generation, {{reply.member_id, {1, 2, 3}}});
    return reply.member_id;
  }

  GroupTime now_{1'000'000, 1'700'000'000'000};
  std::unique_ptr<Random> random_ = seeded_random(1);
  GroupMachine machine_{GroupOptions{}, *random_};
  std::map<ReplyToken, GroupReply> replies_;
  std::vector<GroupRecord> log_;
  ReplyToken next_ = 1;
};

TEST_F(Groups, TheFirstJoinWaitsForOthersAndTheirAssignmentsComeFromTheLeader) {
  const ReplyToken a = join(call()), b = join(call());
  EXPECT_FALSE(answered(a));
  pass(3000);
  EXPECT_FALSE(answered(a)) << "a join within the delay extends it";
  pass(3000);
  const JoinReply first = joined(a), second = joined(b);
  EXPECT_EQ(first.error, ErrorCode::none);
  EXPECT_EQ(first.generation, 1);
  EXPECT_EQ(first.leader, first.member_id);
  EXPECT_EQ(first.members.size(), 2u);
  EXPECT_EQ(second.leader, first.member_id);
  EXPECT_TRUE(second.members.empty());
  const ReplyToken waiting = sync(second.member_id, 1);
  EXPECT_FALSE(answered(waiting));
  const ReplyToken leading = sync(first.member_id, 1, {{first.member_id, {1}}, {second.member_id, {2}}});
  EXPECT_THAT(synced(leading).assignment, ElementsAre(1));
  EXPECT_THAT(synced(waiting).assignment, ElementsAre(2));
  EXPECT_EQ(machine_.find("g")->state, GroupState::stable);
}

TEST_F(Groups, AnAssignmentIsPersistedBeforeItIsReleased) {
  const ReplyToken t = join(call());
  pass(3000);
  const JoinReply reply = joined(t);
  SyncCall c;
  c.group = "g";
  c.member_id = reply.member_id;
  c.generation = 1;
  GroupOutcome out = machine_.sync(c, 99, now_);
  EXPECT_TRUE(out.replies.empty());
  ASSERT_EQ(out.records.size(), 1u);
  const GroupOutcome failed = out.committed(ErrorCode::coordinator_not_available, now_);
  EXPECT_EQ(std::get<SyncReply>(failed.replies.front().second).error, ErrorCode::coordinator_not_available);
  EXPECT_EQ(machine_.find("g")->state, GroupState::preparing_rebalance);
}

// The disks of the offsets' replicas are slower than a member that joins.
TEST_F(Groups, ARebalanceMayOvertakeTheWriteOfAnAssignment) {
  const std::string first = stable_member();
  const ReplyToken second = join(call());
  const ReplyToken again = join(call(first));
  ASSERT_EQ(joined(again).generation, 2);
  const std::string other = joined(second).member_id;
  SyncCall c;
  c.group = "g";
  c.member_id = first;
  c.generation = 2;
  GroupOutcome slow = machine_.sync(c, next_++, now_);
  ASSERT_EQ(slow.records.size(), 1u);
  const ReplyToken third = join(call());
  const ReplyToken one = join(call(first));
  join(call(other));
  ASSERT_EQ(joined(one).generation, 3);
  // Now it is written, and so is the next one; in the log's order, or nearly.
  const ReplyToken leading = sync(first, 3, {{first, {1}}, {other, {2}}, {joined(third).member_id, {3}}});
  take(slow.committed(ErrorCode::none, now_));
  ASSERT_TRUE(answered(leading)) << "its assignment was thrown away";
  EXPECT_THAT(synced(leading).assignment, ElementsAre(1));
  EXPECT_THAT(synced(sync(other, 3)).assignment, ElementsAre(2));
  EXPECT_EQ(machine_.find("g")->state, GroupState::stable);
}

TEST_F(Groups, ANewerClientIsGivenItsIdFirst) {
  JoinCall c = call();
  c.member_id_required = true;
  const JoinReply reply = joined(join(c));
  EXPECT_EQ(reply.error, ErrorCode::member_id_required);
  EXPECT_TRUE(reply.member_id.starts_with("client-"));
  c.member_id = reply.member_id;
  const ReplyToken again = join(c);
  pass(3000);
  EXPECT_EQ(joined(again).error, ErrorCode::none);
  EXPECT_EQ(joined(again).member_id, reply.member_id);
}

TEST_F(Groups, BadJoinsGetKafkasCodes) {
  JoinCall c = call();
  c.group = "";
  EXPECT_EQ(joined(join(c)).error, ErrorCode::invalid_group_id);
  c = call();
  c.session_timeout_ms = 1;
  EXPECT_EQ(joined(join(c)).error, ErrorCode::invalid_session_timeout);
  EXPECT_EQ(joined(join(call("nobody"))).error, ErrorCode::unknown_member_id);
  stable_member();
  c = call();
  c.protocol_type = "connect";
  EXPECT_EQ(joined(join(c)).error, ErrorCode::inconsistent_group_protocol);
  c = call();
  c.protocols = {{"other", {}}};
  EXPECT_EQ(joined(join(c)).error, ErrorCode::inconsistent_group_protocol);
}

TEST_F(Groups, AJoinMakesTheOthersRebalance) {
  const std::string first = stable_member();
  const ReplyToken second = join(call());
  EXPECT_EQ(beat(first, 1), ErrorCode::rebalance_in_progress);
  EXPECT_FALSE(answered(second));
  const ReplyToken again = join(call(first));
  EXPECT_EQ(joined(again).generation, 2);
  EXPECT_EQ(joined(second).generation, 2);
  EXPECT_EQ(beat(first, 1), ErrorCode::illegal_generation);
  EXPECT_EQ(beat(first, 2), ErrorCode::none);
}

TEST_F(Groups, ASilentMemberIsOutAfterItsSession) {
  const std::string member = stable_member();
  pass(9'000);
  EXPECT_EQ(beat(member, 1), ErrorCode::none);
  pass(9'000);
  EXPECT_EQ(beat(member, 1), ErrorCode::none);
  pass(10'001);
  EXPECT_EQ(beat(member, 1), ErrorCode::unknown_member_id);
  EXPECT_EQ(machine_.find("g")->state, GroupState::empty);
}

TEST_F(Groups, MembersThatMissARebalanceAreOut) {
  const std::string first = stable_member();
  const ReplyToken second = join(call());
  for (int i = 0; i < 8; ++i) {
    pass(8'000);
    beat(first, 1);
  }
  EXPECT_EQ(joined(second).error, ErrorCode::none);
  EXPECT_EQ(machine_.find("g")->members.size(), 1u);
}

TEST_F(Groups, AStaticMemberComesBackWithoutARebalanceAndFencesItsOldSelf) {
  JoinCall c = call();
  c.instance_id = "i1";
  const ReplyToken t = join(c);
  pass(3000);
  const std::string old_id = joined(t).member_id;
  sync(old_id, 1, {{old_id, {7}}});
  const ReplyToken again = join(c);
  const JoinReply reply = joined(again);
  EXPECT_EQ(reply.error, ErrorCode::none);
  EXPECT_EQ(reply.generation, 1);
  EXPECT_NE(reply.member_id, old_id);
  EXPECT_EQ(machine_.find("g")->state, GroupState::stable);
  EXPECT_THAT(synced(sync(reply.member_id, 1)).assignment, ElementsAre(7));
  EXPECT_EQ(machine_.heartbeat({"g", old_id, "i1", 1}, now_), ErrorCode::fenced_instance_id);
}

// Its first request was cut off with its connection, and arrives all the same, behind the second.
TEST_F(Groups, AStaticMemberThatIsReplacedWhileItsReturnIsWrittenIsTold) {
  JoinCall c = call();
  c.instance_id = "i1";
  const ReplyToken t = join(c);
  pass(3000);
  const std::string old_id = joined(t).member_id;
  sync(old_id, 1, {{old_id, {7}}});
  GroupOutcome first = machine_.join(c, 98, now_);
  ASSERT_TRUE(first.committed);
  GroupOutcome second = machine_.join(c, 99, now_);
  ASSERT_TRUE(second.committed);
  const GroupOutcome told_first = first.committed(ErrorCode::none, now_);
  const GroupOutcome told_second = second.committed(ErrorCode::none, now_);
  ASSERT_EQ(told_first.replies.size(), 1u);
  EXPECT_EQ(std::get<JoinReply>(told_first.replies.front().second).error, ErrorCode::fenced_instance_id);
  ASSERT_EQ(told_second.replies.size(), 1u);
  const auto& reply = std::get<JoinReply>(told_second.replies.front().second);
  EXPECT_EQ(reply.error, ErrorCode::none);
  EXPECT_EQ(reply.protocol, "range");
}

TEST_F(Groups, LeavingEndsAMembershipAtOnce) {
  const std::string member = stable_member();
  std::vector<ErrorCode> results;
  take(machine_.leave("g", {{member, std::nullopt}, {"nobody", std::nullopt}}, results, now_));
  EXPECT_THAT(results, ElementsAre(ErrorCode::none, ErrorCode::unknown_member_id));
  EXPECT_EQ(beat(member, 1), ErrorCode::unknown_member_id);
}

TEST_F(Groups, CommitsAreFencedByMemberAndGeneration) {
  const std::string member = stable_member();
  const auto commit = [&](std::string id, std::int32_t generation, std::string metadata = {}) {
    std::vector<ErrorCode> results;
    GroupOutcome out;
    OffsetToCommit o;
    o.topic = "t";
    o.offset.offset = 5;
    o.offset.metadata = std::move(metadata);
    const ErrorCode error =
        machine_.commit({"g", std::move(id), std::nullopt, generation}, false, {o}, results, out, now_);
    take(std::move(out));
    return error != ErrorCode::none ? error : results.front();
  };
  EXPECT_EQ(commit(member, 1), ErrorCode::none);
  EXPECT_EQ(machine_.find("g")->offsets.at("t").at(0).offset, 5);
  EXPECT_EQ(commit(member, 2), ErrorCode::illegal_generation);
  EXPECT_EQ(commit("nobody", 1), ErrorCode::unknown_member_id);
  EXPECT_EQ(commit("", -1), ErrorCode::unknown_member_id);
  EXPECT_EQ(commit(member, 1, std::string(5000, 'm')), ErrorCode::offset_metadata_too_large);
}

TEST_F(Groups, OffsetsOfAGroupThatIsNotUsedExpire) {
  std::vector<ErrorCode> results;
  GroupOutcome out;
  OffsetToCommit o;
  o.topic = "t";
  o.offset.offset = 5;
  EXPECT_EQ(machine_.commit({"g", "", std::nullopt, -1}, false, {o}, results, out, now_), ErrorCode::none);
  take(std::move(out));
  now_.wall_ms += 10'080LL * 60'000 - 1;
  take(machine_.expire(now_));
  ASSERT_TRUE(machine_.find("g"));
  now_.wall_ms += 1;
  take(machine_.expire(now_));
  take(machine_.expire(now_));
  EXPECT_FALSE(machine_.find("g"));
}

TEST_F(Groups, OnlyEmptyGroupsAreDeleted) {
  const std::string member = stable_member();
  GroupOutcome out;
  EXPECT_EQ(machine_.remove("g", out), ErrorCode::non_empty_group);
  EXPECT_EQ(machine_.remove("none", out), ErrorCode::group_id_not_found);
  std::vector<ErrorCode> results;
  take(machine_.leave("g", {{member, std::nullopt}}, results, now_));
  EXPECT_EQ(machine_.remove("g", out), ErrorCode::none);
  take(std::move(out));
  EXPECT_FALSE(machine_.find("g"));
}

TEST_F(Groups, TheLogRebuildsWhatWasCommitted) {
  const std::string member = stable_member();
  std::vector<ErrorCode> results;
  GroupOutcome out;
  OffsetToCommit o;
  o.topic = "t";
  o.offset.offset = 42;
  o.offset.metadata = "note";
  ASSERT_EQ(machine_.commit({"g", member, std::nullopt, 1}, false, {o}, results, out, now_), ErrorCode::none);
  take(std::move(out));
  GroupMachine restored(GroupOptions{}, *random_);
  for (const GroupRecord& r : log_) restored.apply(r, false);
  restored.loaded(now_);
  const Group* group = restored.find("g");
  ASSERT_TRUE(group);
  EXPECT_EQ(group->state, GroupState::stable);
  EXPECT_EQ(group->generation, 1);
  EXPECT_EQ(group->leader, member);
  EXPECT_THAT(group->members.at(member).assignment, ElementsAre(1, 2, 3));
  EXPECT_EQ(group->offsets.at("t").at(0).offset, 42);
  EXPECT_EQ(group->offsets.at("t").at(0).metadata, "note");
  EXPECT_EQ(restored.heartbeat({"g", member, std::nullopt, 1}, now_), ErrorCode::none);
}

// Java: "group".hashCode() and so on, over 50 partitions.
TEST(GroupPartition, IsJavasHash) {
  EXPECT_EQ(GroupCoordinator::partition_of("", 50), 0);
  EXPECT_EQ(GroupCoordinator::partition_of("a", 50), 97 % 50);
  EXPECT_EQ(GroupCoordinator::partition_of("ab", 50), (97 * 31 + 98) % 50);
  EXPECT_EQ(GroupCoordinator::partition_of("\xc3\xbc", 50), 0xfc % 50);
}

}  // namespace
}  // namespace holdfast::group_machine
