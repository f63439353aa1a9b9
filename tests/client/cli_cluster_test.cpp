// What `cluster status` and `cluster health` say when a part of the cluster does not answer: brokers that are scripted,
// over the simulated network.
#include "client/cli_cluster.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/admin.h"
#include "client/cli_topic.h"
#include "client/cluster.h"
#include "tests/client/fake_broker.h"
#include "wire/kafka/group_admin.h"
#include "wire/kafka/groups.h"
#include "wire/kafka/log_dirs.h"
#include "wire/kafka/offsets.h"

namespace holdfast::test {
namespace {

using namespace client;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr seconds timeout(10);

class CliCluster : public testing::Test {
 protected:
  CliCluster() {
    loop_.add(network_);
    fake_.add_topic("t", {{1, 1}});
    for (std::int32_t id = 1; id <= 2; ++id) {
      FakeBroker& broker = fake_.at(id);
      broker.on<wire::DescribeLogDirsRequest, wire::DescribeLogDirsResponse>(
          [](const wire::DescribeLogDirsRequest&, std::int16_t) { return directories(); });
      broker.on<wire::ListGroupsRequest, wire::ListGroupsResponse>(
          [this, id](const wire::ListGroupsRequest&, std::int16_t) { return groups_of(id); });
      broker.on<wire::FindCoordinatorRequest, wire::FindCoordinatorResponse>(
          [](const wire::FindCoordinatorRequest& request, std::int16_t) { return coordinators(request); });
      broker.on<wire::OffsetFetchRequest, wire::OffsetFetchResponse>(
          [](const wire::OffsetFetchRequest& request, std::int16_t) { return commits(request); });
      broker.on<wire::ListOffsetsRequest, wire::ListOffsetsResponse>(
          [](const wire::ListOffsetsRequest& request, std::int16_t) { return ends(request); });
    }
  }
  ~CliCluster() override { loop_.run(cluster_.stop()); }

  static wire::DescribeLogDirsResponse directories() {
    wire::DescribeLogDirsResponse out;
    out.results.emplace_back().log_dir = "/data";
    return out;
  }
  // Broker 1 coordinates the groups "1-0", "1-1", and so on; broker 2 its own.
  wire::ListGroupsResponse groups_of(std::int32_t broker) const {
    wire::ListGroupsResponse out;
    for (int i = 0; i < groups_; ++i) out.groups.emplace_back().group_id = fmt::format("{}-{}", broker, i);
    return out;
  }
  static wire::FindCoordinatorResponse coordinators(const wire::FindCoordinatorRequest& request) {
    wire::FindCoordinatorResponse out;
    for (const std::string& key : request.coordinator_keys) {
      auto& found = out.coordinators.emplace_back();
      found.key = key;
      found.node_id = key.front() - '0';
      found.host = fmt::format("10.0.0.{}", found.node_id);
      found.port = 9092;
    }
    return out;
  }
  static wire::OffsetFetchResponse commits(const wire::OffsetFetchRequest& request) {
    wire::OffsetFetchResponse out;
    for (const auto& asked : request.groups) {
      auto& group = out.groups.emplace_back();
      group.group_id = asked.group_id;
      auto& topic = group.topics.emplace_back();
      topic.name = "t";
      topic.partitions.emplace_back().committed_offset = 7;
    }
    return out;
  }
  static wire::ListOffsetsResponse ends(const wire::ListOffsetsRequest& request) {
    wire::ListOffsetsResponse out;
    for (const auto& asked : request.topics) {
      auto& topic = out.topics.emplace_back();
      topic.name = asked.name;
      for (const auto& partition : asked.partitions) {
        auto& told = topic.partitions.emplace_back();
        told.partition_index = partition.partition_index;
        told.offset = 10;
      }
    }
    return out;
  }
  ClusterView look() {
    auto view = loop_.run(look_at_brokers(cluster_, admin_));
    EXPECT_TRUE(view) << to_string(view.error());
    return view ? *view : ClusterView();
  }
  static std::vector<std::string> problems(const ClusterView& view) {
    std::vector<std::string> out;
    for (const Problem& problem : problems_of(view, {})) out.push_back(problem.what);
    return out;
  }

  SimulatedClock clock_;
  SimulatedLoop loop_{clock_};
  std::unique_ptr<Random> random_ = seeded_random(5);
  SimulatedNetwork network_{clock_, *random_};
  FakeCluster fake_{loop_, network_, 2};
  int groups_ = 3;
  Cluster cluster_{loop_.shard(),
                   network_.host("10.0.1.1"),
                   {.bootstrap_servers = {fake_.at(1).endpoint()}, .request_timeout = timeout, .random_seed = 7}};
  Admin admin_{cluster_, {.timeout = timeout}};
};

TEST_F(CliCluster, NothingIsWrongWhereEverybodyAnswers) {
  const ClusterView view = look();
  EXPECT_THAT(problems(view), IsEmpty());
  ASSERT_EQ(view.groups.size(), 6u);
  EXPECT_EQ(view.groups[0].lag, 3);
  EXPECT_EQ(view.directories.size(), 2u);
}

TEST_F(CliCluster, DirectoriesThatNobodyTellsAreAProblem) {
  fake_.at(2).on<wire::DescribeLogDirsRequest, wire::DescribeLogDirsResponse>(
      [](const wire::DescribeLogDirsRequest&, std::int16_t) { return std::nullopt; });
  EXPECT_THAT(problems(look()), ElementsAre(HasSubstr("the log directories of broker 2 could not be looked at")));
}

TEST_F(CliCluster, GroupsThatNobodyListsAreAProblem) {
  fake_.at(2).on<wire::ListGroupsRequest, wire::ListGroupsResponse>(
      [](const wire::ListGroupsRequest&, std::int16_t) { return std::nullopt; });
  const ClusterView view = look();
  EXPECT_THAT(problems(view), ElementsAre(HasSubstr("the groups of broker 2 could not be looked at")));
  EXPECT_EQ(view.groups.size(), 3u);
}

TEST_F(CliCluster, ASilentCoordinatorIsWaitedForOnceAndNotForEachOfItsGroups) {
  groups_ = 40;
  fake_.at(2).on<wire::OffsetFetchRequest, wire::OffsetFetchResponse>(
      [](const wire::OffsetFetchRequest&, std::int16_t) { return std::nullopt; });
  const SteadyTime begun = clock_.now();
  const ClusterView view = look();
  EXPECT_LT(clock_.now() - begun, 3 * timeout);
  EXPECT_LE(fake_.at(2).heard(wire::OffsetFetchRequest::api.key), 16) << "those that were under way";
  EXPECT_EQ(view.groups.size(), 40u) << "those of the other coordinator";
  EXPECT_THAT(problems(view), Contains(HasSubstr("the offsets of group 2-")));
}

TEST_F(CliCluster, ASilentBrokerIsAProblemAndHoldsUpNobody) {
  fake_.topics["t"].leaders = {{2, 1}};
  fake_.at(1).on<wire::ApiVersionsRequest, wire::ApiVersionsResponse>(
      [](const wire::ApiVersionsRequest&, std::int16_t) { return std::nullopt; });
  ClusterOptions options;
  options.bootstrap_servers = {fake_.at(1).endpoint(), fake_.at(2).endpoint()};
  options.request_timeout = timeout;
  options.random_seed = 7;
  Cluster cluster(loop_.shard(), network_.host("10.0.1.1"), options);
  Admin admin(cluster, {.timeout = timeout});
  const SteadyTime begun = clock_.now();
  auto view = loop_.run(look_at_brokers(cluster, admin));
  EXPECT_LT(clock_.now() - begun, 2 * timeout);
  loop_.run(cluster.stop());
  ASSERT_TRUE(view) << to_string(view.error());
  EXPECT_THAT(problems(*view), ElementsAre(HasSubstr("the log directories of broker 1 could not be looked at"),
                                           HasSubstr("the groups of broker 1 could not be looked at")));
  EXPECT_EQ(view->groups.size(), 3u) << "those of the other one";
}

TEST_F(CliCluster, EndsThatNobodyTellsAreAProblem) {
  groups_ = 1;
  fake_.at(1).on<wire::ListOffsetsRequest, wire::ListOffsetsResponse>(
      [](const wire::ListOffsetsRequest&, std::int16_t) { return std::nullopt; });
  EXPECT_THAT(problems(look()), ElementsAre(HasSubstr("not every partition has told its end")));
}

TEST_F(CliCluster, ASilentLeaderIsWaitedForOnceAndNotForEachGroupThatReadsFromIt) {
  groups_ = 40;
  fake_.at(1).on<wire::ListOffsetsRequest, wire::ListOffsetsResponse>(
      [](const wire::ListOffsetsRequest&, std::int16_t) { return std::nullopt; });
  const SteadyTime begun = clock_.now();
  const ClusterView view = look();
  EXPECT_LT(clock_.now() - begun, 2 * timeout);
  EXPECT_THAT(problems(view), ElementsAre(HasSubstr("and 79 more could not be looked at: not every partition")));
}

TEST(TopicExtents, SayWhenTheyAreNotKnown) {
  EXPECT_EQ((TopicExtent{"t", 3, 1000, 0}.text()), "3 partitions, 1,000 records");
  EXPECT_EQ((TopicExtent{"t", 3, 7, 1}.text()), "3 partitions, at least 7 records; 1 partition does not answer");
  EXPECT_EQ((TopicExtent{"t", 3, 0, 3}.text()), "3 partitions, at least 0 records; 3 partitions do not answer");
}

}  // namespace
}  // namespace holdfast::test
