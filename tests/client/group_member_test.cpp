// A member of a group whose coordinator is scripted, over the simulated network.
#include "client/group_member.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/client/fake_broker.h"
#include "wire/kafka/group_admin.h"
#include "wire/kafka/groups.h"

namespace holdfast::test {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using wire::ErrorCode;

using Parts = std::vector<TopicPartition>;
using Codes = std::deque<ErrorCode>;

// What the member does to its owner, one line each.
class Diary final : public GroupMember::Owner {
 public:
  std::vector<std::string> topics() override { return {"t"}; }
  Task<void> assigned(Parts partitions) override { co_return add('+', partitions); }
  Task<void> revoked(Parts partitions) override { co_return add('-', partitions); }
  Task<void> lost(Parts partitions) override { co_return add('!', partitions); }
  std::vector<std::string> lines;

 private:
  void add(char sign, const Parts& partitions) {
    std::string line(1, sign);
    for (const TopicPartition& p : partitions) line += (line.size() > 1 ? " " : "") + to_string(p);
    lines.push_back(line);
  }
};

// One group with one member, at one broker. The codes of the next answers are the test's to choose.
class Coordinator {
 public:
  explicit Coordinator(FakeCluster& cluster) {
    for (const auto& broker : cluster.brokers) {
      FakeBroker& b = *broker;
      b.on<wire::FindCoordinatorRequest, wire::FindCoordinatorResponse>(
          [this, &cluster](const auto& request, std::int16_t version) { return found(cluster, request, version); });
      b.on<wire::JoinGroupRequest, wire::JoinGroupResponse>(
          [this, &b](const auto& request, std::int16_t) { return join(b, request); });
      b.on<wire::SyncGroupRequest, wire::SyncGroupResponse>(
          [this](const auto& request, std::int16_t) { return sync(request); });
      b.on<wire::HeartbeatRequest, wire::HeartbeatResponse>(
          [this, &b](const auto& request, std::int16_t) { return beat(b, request); });
      b.on<wire::DescribeGroupsRequest, wire::DescribeGroupsResponse>([this](const auto& request, std::int16_t) {
        wire::DescribeGroupsResponse out;
        auto& group = out.groups.emplace_back();
        group.group_id = request.groups.at(0);
        for (const Parts& parts : {given, Parts{{"t", 1}}})
          group.members.emplace_back().member_assignment = encode_assignment(parts);
        return out;
      });
      b.on<wire::LeaveGroupRequest, wire::LeaveGroupResponse>([this](const auto& request, std::int16_t) {
        left.push_back(request.members.empty() ? request.member_id : request.members[0].member_id);
        return deaf_to_goodbyes ? std::nullopt : std::make_optional(wire::LeaveGroupResponse());
      });
    }
  }

  std::int32_t at = 1;
  bool skips_assignment = false;             // the leader is back, and finds `given`
  Codes join_codes, sync_codes, beat_codes;  // of the next answers; then none
  bool silent = false;                       // members with a name wait for the others
  bool deaf_to_goodbyes = false;             // no answer to who leaves
  bool other_leads = false;                  // somebody else leads, and assigns `given`
  Parts given;
  std::vector<wire::JoinGroupRequest> joins;
  std::vector<wire::SyncGroupRequest> syncs;
  std::vector<std::int32_t> beats;  // their generations
  std::vector<std::string> left;
  int looked_up = 0;
  std::int32_t generation = 0;

 private:
  static ErrorCode next(Codes& codes) {
    if (codes.empty()) return ErrorCode::none;
    const ErrorCode code = codes.front();
    codes.pop_front();
    return code;
  }
  std::optional<wire::FindCoordinatorResponse> found(FakeCluster& cluster, const wire::FindCoordinatorRequest& request,
                                                     std::int16_t) {
    ++looked_up;
    wire::FindCoordinatorResponse out;
    out.node_id = at;
    out.host = cluster.at(at).endpoint().host;
    out.port = cluster.at(at).endpoint().port;
    for (const std::string& key : request.coordinator_keys) {
      auto& one = out.coordinators.emplace_back();
      one.key = key;
      one.node_id = out.node_id;
      one.host = out.host;
      one.port = out.port;
    }
    return out;
  }
  std::optional<wire::JoinGroupResponse> join(FakeBroker& broker, const wire::JoinGroupRequest& request) {
    joins.push_back(request);
    wire::JoinGroupResponse out;
    ErrorCode code = next(join_codes);
    if (broker.id() != at) code = ErrorCode::not_coordinator;
    const bool nameless = request.member_id.empty() && !request.group_instance_id;
    out.member_id = nameless ? "member-" + std::to_string(++names_) : request.member_id;
    if (out.member_id.empty()) out.member_id = "static-" + std::to_string(++names_);
    if (code == ErrorCode::none && nameless) code = ErrorCode::member_id_required;
    out.error_code = wire::to_wire(code);
    if (code != ErrorCode::none) return out;
    if (silent) return std::nullopt;
    out.generation_id = ++generation;
    out.protocol_type = "consumer";
    out.protocol_name = request.protocols.at(0).name;
    out.leader = other_leads ? "other" : out.member_id;
    out.skip_assignment = skips_assignment;
    if (!other_leads)
      out.members.push_back({.member_id = out.member_id,
                             .group_instance_id = request.group_instance_id,
                             .metadata = request.protocols[0].metadata});
    return out;
  }
  std::optional<wire::SyncGroupResponse> sync(const wire::SyncGroupRequest& request) {
    syncs.push_back(request);
    wire::SyncGroupResponse out;
    out.error_code = wire::to_wire(next(sync_codes));
    out.protocol_type = request.protocol_type;
    out.protocol_name = request.protocol_name;
    if (!request.assignments.empty()) out.assignment = request.assignments[0].assignment;
    if (other_leads || skips_assignment) out.assignment = encode_assignment(given);
    return out;
  }
  std::optional<wire::HeartbeatResponse> beat(FakeBroker& broker, const wire::HeartbeatRequest& request) {
    beats.push_back(request.generation_id);
    wire::HeartbeatResponse out;
    ErrorCode code = next(beat_codes);
    if (broker.id() != at) code = ErrorCode::not_coordinator;
    out.error_code = wire::to_wire(code);
    return out;
  }
  int names_ = 0;
};

class GroupMemberTest : public testing::Test {
 protected:
  GroupMemberTest() {
    loop_.add(network_);
    fake_.add_topic("t", {{1, 1}, {1, 1}, {2, 1}});
    options_.group_id = "g";
    options_.assignors = {make_assignor("range")};
  }
  ~GroupMemberTest() override {
    if (member_) stop();
    if (cluster_) loop_.run(cluster_->stop());
  }

  GroupMember& member() {
    if (member_) return *member_;
    ClusterOptions options;
    options.bootstrap_servers = {fake_.at(1).endpoint()};
    options.random_seed = 7;
    cluster_ = std::make_unique<Cluster>(loop_.shard(), network_.host("10.0.1.1"), options);
    GroupMember::Owner& owner = diary_;
    member_ = std::make_unique<GroupMember>(*cluster_, options_, owner, [this] { ++changes_; });
    return *member_;
  }
  void stop() {
    loop_.run(member_->stop("bye"));
    member_.reset();
  }
  bool poll(Duration at_most = seconds(10)) {
    auto settled = loop_.run(member().poll(at_most));
    EXPECT_TRUE(settled) << to_string(settled.error());
    return settled && *settled;
  }
  GroupMemberInfo subscription(const wire::JoinGroupRequest& join) {
    auto info = decode_subscription(join.protocols.at(0).metadata);
    EXPECT_TRUE(info);
    return info.value_or(GroupMemberInfo());
  }

  SimulatedClock clock_;
  SimulatedLoop loop_{clock_};
  std::unique_ptr<Random> random_ = seeded_random(5);
  SimulatedNetwork network_{clock_, *random_};
  FakeCluster fake_{loop_, network_, 2};
  Coordinator group_{fake_};
  GroupMemberOptions options_;
  Diary diary_;
  int changes_ = 0;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<GroupMember> member_;
};

TEST_F(GroupMemberTest, IsNamedJoinsAssignsAndBeats) {
  ASSERT_TRUE(poll());
  ASSERT_EQ(group_.joins.size(), 2u);
  EXPECT_EQ(group_.joins[0].member_id, "");
  EXPECT_EQ(group_.joins[1].member_id, "member-1");
  EXPECT_EQ(subscription(group_.joins[1]).topics, std::vector<std::string>{"t"});
  EXPECT_EQ(group_.joins[1].session_timeout_ms, 45'000);
  EXPECT_EQ(group_.joins[1].rebalance_timeout_ms, 300'000);
  EXPECT_THAT(diary_.lines, ElementsAre("+t-0 t-1 t-2"));
  EXPECT_TRUE(member().is_leader());
  EXPECT_EQ(member().assigned_by(), (PartitionCounts{{"t", 3}}));
  EXPECT_EQ(member().generation(), 1);
  loop_.run_for(seconds(10));
  EXPECT_THAT(group_.beats, ElementsAre(1, 1, 1));
  stop();
  EXPECT_THAT(group_.left, ElementsAre("member-1"));
  EXPECT_EQ(diary_.lines.back(), "-t-0 t-1 t-2");
}

TEST_F(GroupMemberTest, FollowsItsCoordinatorWithoutARebalance) {
  ASSERT_TRUE(poll());
  group_.at = 2;
  loop_.run_for(seconds(10));
  EXPECT_EQ(group_.looked_up, 2);
  EXPECT_GE(group_.beats.size(), 3u);
  EXPECT_TRUE(member().settled());
  EXPECT_EQ(group_.joins.size(), 2u);
}

TEST_F(GroupMemberTest, GivesUpAndRejoinsOnlyWhenItIsPolled) {
  ASSERT_TRUE(poll());
  const int changes_before = changes_;
  group_.beat_codes = {ErrorCode::rebalance_in_progress, ErrorCode::rebalance_in_progress};
  loop_.run_for(seconds(7));
  EXPECT_GT(changes_, changes_before);
  EXPECT_FALSE(member().settled());
  EXPECT_THAT(diary_.lines, ElementsAre("+t-0 t-1 t-2"));
  EXPECT_EQ(group_.joins.size(), 2u);
  ASSERT_TRUE(poll());
  EXPECT_THAT(diary_.lines, ElementsAre("+t-0 t-1 t-2", "-t-0 t-1 t-2", "+t-0 t-1 t-2"));
  EXPECT_EQ(group_.joins.back().member_id, "member-1");
  EXPECT_THAT(subscription(group_.joins.back()).owned, IsEmpty());  // it gave them up
  EXPECT_EQ(member().generation(), 2);
}

TEST_F(GroupMemberTest, WhoIsNotKnownAnyMoreHasLostWhatItHad) {
  ASSERT_TRUE(poll());
  group_.beat_codes = {ErrorCode::unknown_member_id};
  loop_.run_for(seconds(4));
  EXPECT_EQ(member().generation(), -1);
  ASSERT_TRUE(poll());
  EXPECT_THAT(diary_.lines, ElementsAre("+t-0 t-1 t-2", "!t-0 t-1 t-2", "+t-0 t-1 t-2"));
  EXPECT_EQ(member().member_id(), "member-2");
}

TEST_F(GroupMemberTest, AnOldGenerationKeepsItsName) {
  ASSERT_TRUE(poll());
  member().told(ErrorCode::illegal_generation, member().generation());
  ASSERT_TRUE(poll());
  EXPECT_EQ(member().member_id(), "member-1");
  EXPECT_EQ(diary_.lines[1], "!t-0 t-1 t-2");
  // What a commit of a generation that is over says concerns nobody.
  member().told(ErrorCode::unknown_member_id, 1);
  EXPECT_TRUE(member().settled());
}

TEST_F(GroupMemberTest, JoinsAgainWhereTheGroupMovedOnBeforeItWasDone) {
  group_.sync_codes = {ErrorCode::rebalance_in_progress, ErrorCode::rebalance_in_progress};
  ASSERT_TRUE(poll());
  EXPECT_EQ(group_.joins.size(), 4u);
  EXPECT_EQ(member().generation(), 3);
  EXPECT_THAT(diary_.lines, ElementsAre("+t-0 t-1 t-2"));
}

TEST_F(GroupMemberTest, TriesAgainUntilTheCoordinatorIsThere) {
  group_.join_codes = {ErrorCode::coordinator_load_in_progress, ErrorCode::not_coordinator,
                       ErrorCode::coordinator_not_available};
  const SteadyTime start = clock_.now();
  ASSERT_TRUE(poll());
  EXPECT_GE(clock_.now() - start, milliseconds(300));  // with pauses
  EXPECT_EQ(group_.looked_up, 3);
  EXPECT_THAT(diary_.lines, ElementsAre("+t-0 t-1 t-2"));
}

TEST_F(GroupMemberTest, FailsWhereTryingAgainIsInVain) {
  group_.join_codes = {ErrorCode::group_authorization_failed};
  for (int i = 0; i < 2; ++i) {
    auto settled = loop_.run(member().poll(seconds(10)));
    ASSERT_FALSE(settled);
    EXPECT_EQ(settled.error().code, ErrorCode::group_authorization_failed);
  }
  EXPECT_EQ(group_.joins.size(), 1u);
}

TEST_F(GroupMemberTest, AFencedMemberHasLostWhatItHadAndStaysOut) {
  options_.group_instance_id = "one";
  ASSERT_TRUE(poll());
  group_.beat_codes = {ErrorCode::fenced_instance_id};
  loop_.run_for(seconds(4));
  auto settled = loop_.run(member().poll(seconds(1)));
  ASSERT_FALSE(settled);
  EXPECT_EQ(settled.error().code, ErrorCode::fenced_instance_id);
  EXPECT_THAT(diary_.lines, ElementsAre("+t-0 t-1 t-2", "!t-0 t-1 t-2"));
  const std::size_t joins = group_.joins.size(), beats = group_.beats.size();
  loop_.run_for(minutes(1));
  EXPECT_EQ(group_.joins.size(), joins);
  EXPECT_EQ(group_.beats.size(), beats);
}

TEST_F(GroupMemberTest, AStaticMemberOutlivesTheCoordinatorThatNamedIt) {
  options_.group_instance_id = "one";
  // The next coordinator has the generation before, where the instance has another id.
  group_.sync_codes = {ErrorCode::not_coordinator};
  group_.join_codes = {ErrorCode::none, ErrorCode::fenced_instance_id};
  ASSERT_TRUE(poll());
  ASSERT_EQ(group_.joins.size(), 3u);
  EXPECT_EQ(group_.joins[1].member_id, "static-1");
  EXPECT_EQ(group_.joins[2].member_id, "");
  EXPECT_EQ(diary_.lines.front(), "+t-0 t-1 t-2");
  EXPECT_EQ(member().owned().size(), 3u);
}

TEST_F(GroupMemberTest, LeavesWhenNobodyPolls) {
  ASSERT_TRUE(poll());
  loop_.run_for(minutes(4));
  EXPECT_THAT(group_.left, IsEmpty());
  loop_.run_for(minutes(1) + seconds(1));
  EXPECT_THAT(group_.left, ElementsAre("member-1"));
  const std::size_t beats = group_.beats.size();
  loop_.run_for(minutes(1));
  EXPECT_EQ(group_.beats.size(), beats);
  ASSERT_TRUE(poll());
  EXPECT_THAT(diary_.lines, ElementsAre("+t-0 t-1 t-2", "!t-0 t-1 t-2", "+t-0 t-1 t-2"));
}

TEST_F(GroupMemberTest, WhoComesBackWhileItsGoodbyeIsOnTheWayBeats) {
  group_.deaf_to_goodbyes = true;
  group_.other_leads = true;
  group_.given = {{"t", 0}};
  ASSERT_TRUE(poll());
  loop_.run_for(minutes(5) + seconds(1));
  ASSERT_THAT(group_.left, ElementsAre("member-1"));
  ASSERT_TRUE(poll());
  const std::size_t beats = group_.beats.size();
  loop_.run_for(seconds(30));
  ASSERT_GE(group_.beats.size(), beats + 8);
  EXPECT_EQ(group_.beats.back(), 2);
  EXPECT_EQ(member().owned().size(), 1u);
  EXPECT_TRUE(member().settled());
  EXPECT_THAT(group_.left, ElementsAre("member-1"));
}

TEST_F(GroupMemberTest, NobodyJoinsWhoDoesNotPoll) {
  ASSERT_TRUE(poll());
  group_.silent = true;
  group_.beat_codes = {ErrorCode::rebalance_in_progress};
  loop_.run_for(seconds(4));
  EXPECT_FALSE(poll());        // the other members do not come
  loop_.run_for(minutes(11));  // it has asked once more before it was late
  const std::size_t joins = group_.joins.size();
  loop_.run_for(minutes(30));
  EXPECT_THAT(group_.left, ElementsAre("member-1"));
  EXPECT_EQ(group_.joins.size(), joins);
  group_.silent = false;
  EXPECT_TRUE(poll());
}

TEST_F(GroupMemberTest, AStaticLeaderThatIsBackKnowsByWhatWasAssigned) {
  options_.group_instance_id = "one";
  group_.skips_assignment = true;
  group_.given = {{"t", 0}};
  ASSERT_TRUE(poll());
  EXPECT_TRUE(member().is_leader());
  EXPECT_TRUE(group_.syncs.back().assignments.empty());
  EXPECT_EQ(member().assigned_by(), (PartitionCounts{{"t", 2}})) << "there are three by now";
  EXPECT_THAT(diary_.lines, ElementsAre("+t-0"));
}

TEST_F(GroupMemberTest, AStaticMemberDoesNotSayGoodbye) {
  options_.group_instance_id = "one";
  ASSERT_TRUE(poll());
  EXPECT_EQ(group_.joins[0].group_instance_id, "one");
  stop();
  EXPECT_THAT(group_.left, IsEmpty());
  EXPECT_EQ(diary_.lines.back(), "-t-0 t-1 t-2");
}

TEST_F(GroupMemberTest, ACooperativeMemberGivesUpOnlyWhatGoesElsewhere) {
  options_.assignors = {make_assignor("cooperative-sticky")};
  group_.other_leads = true;
  group_.given = {{"t", 0}, {"t", 1}};
  ASSERT_TRUE(poll());
  EXPECT_TRUE(group_.syncs.back().assignments.empty());
  group_.given = {{"t", 1}};
  group_.beat_codes = {ErrorCode::rebalance_in_progress};
  loop_.run_for(seconds(4));
  ASSERT_TRUE(poll());
  EXPECT_THAT(diary_.lines, ElementsAre("+t-0 t-1", "-t-0", "+", "+"));
  // It joined with what it had, and once more when it had let go.
  ASSERT_EQ(group_.joins.size(), 4u);
  EXPECT_EQ(subscription(group_.joins[2]).owned, (Parts{{"t", 0}, {"t", 1}}));
  EXPECT_EQ(subscription(group_.joins[2]).generation, 1);
  EXPECT_EQ(subscription(group_.joins[3]).owned, (Parts{{"t", 1}}));
  EXPECT_THAT(group_.joins[3].reason.value_or(""), HasSubstr("revoke"));
}

TEST_F(GroupMemberTest, IsEagerUnlessAllItsAssignorsAreCooperative) {
  options_.assignors = {make_assignor("range"), make_assignor("cooperative-sticky")};
  ASSERT_TRUE(poll());
  EXPECT_EQ(group_.joins[1].protocols.size(), 2u);
  group_.beat_codes = {ErrorCode::rebalance_in_progress};
  loop_.run_for(seconds(4));
  ASSERT_TRUE(poll());
  EXPECT_EQ(diary_.lines[1], "-t-0 t-1 t-2");
}

TEST_F(GroupMemberTest, PollReturnsInTimeAndGoesOnWhereItWas) {
  group_.join_codes = Codes(50, ErrorCode::coordinator_load_in_progress);
  const SteadyTime start = clock_.now();
  EXPECT_FALSE(poll(milliseconds(250)));
  EXPECT_LT(clock_.now() - start, milliseconds(400));
  group_.join_codes.clear();
  EXPECT_TRUE(poll());
}

TEST_F(GroupMemberTest, StopsWhileItJoins) {
  group_.join_codes = Codes(1000, ErrorCode::coordinator_load_in_progress);
  EXPECT_FALSE(poll(milliseconds(100)));
  stop();
  EXPECT_THAT(diary_.lines, IsEmpty());
}

TEST_F(GroupMemberTest, StopsWhileTheGroupWaitsForOthers) {
  group_.silent = true;
  EXPECT_FALSE(poll(seconds(1)));
  ASSERT_EQ(group_.joins.size(), 2u);
  const SteadyTime before = clock_.now();
  stop();
  EXPECT_LT(clock_.now() - before, seconds(2));
  EXPECT_THAT(group_.left, ElementsAre("member-1"));
}

// A commit that is answered while the member joins is late: the group is in the next generation, and knows it.
TEST_F(GroupMemberTest, ALateCommitLosesNothingWhileItJoins) {
  options_.assignors = {make_assignor("cooperative-sticky")};
  ASSERT_TRUE(poll());
  group_.silent = true;
  group_.beat_codes = {ErrorCode::rebalance_in_progress};
  loop_.run_for(seconds(4));
  EXPECT_FALSE(poll(seconds(1)));
  member().told(ErrorCode::illegal_generation, 1);
  EXPECT_EQ(member().generation(), 1);
  group_.silent = false;
  fake_.at(1).hang_up();
  ASSERT_TRUE(poll());
  EXPECT_EQ(member().generation(), 2);
  EXPECT_THAT(diary_.lines, ElementsAre("+t-0 t-1 t-2", "+"));
}

}  // namespace
}  // namespace holdfast::test
