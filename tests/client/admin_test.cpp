// Admin against a real node in this process.
#include "client/admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/test_node.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::test {
namespace {

using namespace client;
using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;
using wire::ErrorCode;

template <class T>
std::string why(const Outcome<T>& outcome) {
  return outcome ? "fine" : to_string(outcome.error());
}
template <class T>
ErrorCode code_of(const Outcome<T>& outcome) {
  return outcome ? ErrorCode::none : outcome.error().code;
}

class AdminNode : public NodeTest {
 protected:
  Admin& admin() {
    if (!admin_) admin_.emplace(cluster());
    return *admin_;
  }
  // With a value of its own in each record, one record a batch.
  void produce(const TopicPartition& to, int records, std::int64_t first_timestamp = 1000) {
    for (int i = 0; i < records; ++i) {
      wire::BatchBuilder batch({});
      batch.append(first_timestamp + i, {}, as_bytes(std::to_string(i)));
      wire::ProduceRequest request;
      request.acks = -1;
      request.timeout_ms = 30'000;
      auto& topic = request.topic_data.emplace_back();
      topic.name = to.topic;
      topic.topic_id = call([&] { return cluster().metadata().topic(to.topic)->id; });
      auto& partition = topic.partition_data.emplace_back();
      partition.index = to.partition;
      const Bytes bytes = Bytes::copy(batch.finish());
      partition.records = wire::Records(bytes.view());
      auto leader = run(cluster().leader(to));
      ASSERT_TRUE(leader) << why(leader);
      auto answer = run(cluster().ask<wire::ProduceResponse>(leader->node, std::move(request)));
      ASSERT_TRUE(answer) << why(answer);
      ASSERT_EQ(answer->message.responses.at(0).partition_responses.at(0).error_code, 0);
    }
  }
  std::int32_t broker() {
    auto described = run(admin().describe_cluster());
    return described ? described->brokers.at(0).id : -1;
  }

 private:
  std::optional<Admin> admin_;
};

NewTopic new_topic(std::string name, std::int32_t partitions) {
  NewTopic topic;
  topic.name = std::move(name);
  topic.partitions = partitions;
  topic.replication_factor = 1;
  return topic;
}

// --- Topics

TEST_F(AdminNode, CreatesDescribesAndDeletesTopics) {
  std::vector<NewTopic> wanted{new_topic("a", 3), new_topic("b", 1), new_topic("not/a/name", 1)};
  wanted[0].configs["retention.ms"] = "1234567";
  auto created = run(admin().create_topics(wanted));
  ASSERT_EQ(created.size(), 3u);
  ASSERT_TRUE(created.at("a")) << why(created.at("a"));
  EXPECT_EQ(created.at("a")->partitions, 3);
  EXPECT_EQ(created.at("a")->replication_factor, 1);
  EXPECT_NE(created.at("a")->id, Uuid{});
  EXPECT_TRUE(created.at("b")) << why(created.at("b"));
  EXPECT_EQ(code_of(created.at("not/a/name")), ErrorCode::invalid_topic_exception);

  auto again = run(admin().create_topics({new_topic("a", 3)}));
  EXPECT_EQ(code_of(again.at("a")), ErrorCode::topic_already_exists);

  auto listed = run(admin().list_topics());
  ASSERT_TRUE(listed) << why(listed);
  std::map<std::string, std::int32_t> partitions;
  for (const TopicListing& topic : *listed)
    if (!topic.is_internal) partitions[topic.name] = topic.partitions;
  EXPECT_THAT(partitions, ElementsAre(Pair("a", 3), Pair("b", 1)));

  auto described = run(admin().describe_topics({"a", "nosuch"}));
  ASSERT_TRUE(described.at("a")) << why(described.at("a"));
  const TopicDescription& a = *described.at("a");
  EXPECT_EQ(a.id, created.at("a")->id);
  ASSERT_EQ(a.partitions.size(), 3u);
  for (std::size_t p = 0; p < 3; ++p) {
    EXPECT_EQ(a.partitions[p].partition, static_cast<std::int32_t>(p));
    EXPECT_THAT(a.partitions[p].replicas, ElementsAre(broker()));
    EXPECT_FALSE(a.partitions[p].under_replicated());
    EXPECT_TRUE(a.partitions[p].eligible);
  }
  EXPECT_EQ(code_of(described.at("nosuch")), ErrorCode::unknown_topic_or_partition);

  auto deleted = run(admin().delete_topics({"a", "nosuch"}));
  EXPECT_TRUE(deleted.at("a")) << why(deleted.at("a"));
  EXPECT_EQ(code_of(deleted.at("nosuch")), ErrorCode::unknown_topic_or_partition);
  const std::vector<Uuid> ids{created.at("b")->id};
  auto by_id = run(admin().delete_topics_by_id(ids));
  EXPECT_TRUE(by_id.at(ids[0])) << why(by_id.at(ids[0]));
  auto gone = run(admin().describe_topics({"a", "b"}));
  EXPECT_EQ(code_of(gone.at("a")), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(code_of(gone.at("b")), ErrorCode::unknown_topic_or_partition);
}

TEST_F(AdminNode, OnlyValidatesWhereThatIsWanted) {
  auto created = run(admin().create_topics({new_topic("t", 2)}, true));
  EXPECT_TRUE(created.at("t")) << why(created.at("t"));
  auto described = run(admin().describe_topics({"t"}));
  EXPECT_EQ(code_of(described.at("t")), ErrorCode::unknown_topic_or_partition);
}

TEST_F(AdminNode, AddsPartitions) {
  create_topic("t", 2);
  MorePartitions four, one;
  four.total = 4;
  one.total = 1;
  auto grown = run(admin().create_partitions({{"t", four}}));
  ASSERT_TRUE(grown.at("t")) << why(grown.at("t"));
  auto described = run(admin().describe_topics({"t"}));
  ASSERT_TRUE(described.at("t")) << why(described.at("t"));
  EXPECT_EQ(described.at("t")->partitions.size(), 4u);
  auto shrunk = run(admin().create_partitions({{"t", one}}));
  EXPECT_EQ(code_of(shrunk.at("t")), ErrorCode::invalid_partitions);
}

TEST_F(AdminNode, DescribesManyPartitionsOverPages) {
  constexpr std::int32_t partitions = 2100;  // a page has 2000
  auto created = run(admin().create_topics({new_topic("a", 5), new_topic("t", partitions)}));
  ASSERT_TRUE(created.at("t")) << why(created.at("t"));
  auto described = run(admin().describe_topics({"a", "t"}));
  ASSERT_TRUE(described.at("t")) << why(described.at("t"));
  ASSERT_EQ(described.at("t")->partitions.size(), static_cast<std::size_t>(partitions));
  for (std::int32_t p = 0; p < partitions; ++p)
    ASSERT_EQ(described.at("t")->partitions[static_cast<std::size_t>(p)].partition, p);
  EXPECT_EQ(described.at("a")->partitions.size(), 5u);
}

// --- Configurations

TEST_F(AdminNode, DescribesAndAltersConfigs) {
  create_topic("t", 1, {{"retention.ms", "5000"}});
  const ConfigResource topic{ConfigResourceType::topic, "t"};
  DescribeConfigsOptions options;
  options.synonyms = options.documentation = true;
  options.keys = {"retention.ms", "cleanup.policy"};
  auto described = run(admin().describe_configs({topic}, options));
  ASSERT_TRUE(described.at(topic)) << why(described.at(topic));
  std::map<std::string, ConfigEntry> entries;
  for (const ConfigEntry& entry : *described.at(topic)) entries[entry.name] = entry;
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries["retention.ms"].value, "5000");
  EXPECT_EQ(entries["retention.ms"].source, ConfigSource::topic);
  EXPECT_EQ(entries["retention.ms"].type, ConfigType::long_);
  EXPECT_FALSE(entries["retention.ms"].synonyms.empty());
  EXPECT_TRUE(entries["cleanup.policy"].is_default());

  const ConfigChange compact{"cleanup.policy", ConfigOperation::append, "compact"};
  const ConfigChange no_retention{"retention.ms", ConfigOperation::remove, {}};
  const std::map<ConfigResource, std::vector<ConfigChange>> changes{{topic, {compact, no_retention}}};
  auto altered = run(admin().incremental_alter_configs(changes));
  ASSERT_TRUE(altered.at(topic)) << why(altered.at(topic));
  described = run(admin().describe_configs({topic}, options));
  for (const ConfigEntry& entry : *described.at(topic)) entries[entry.name] = entry;
  EXPECT_EQ(entries["cleanup.policy"].value, "delete,compact");
  EXPECT_NE(entries["retention.ms"].value, "5000");

  const ConfigChange wrong{"retention.ms", ConfigOperation::set, "soon"};
  const std::map<ConfigResource, std::vector<ConfigChange>> wrong_change{{topic, {wrong}}};
  auto refused = run(admin().incremental_alter_configs(wrong_change));
  EXPECT_EQ(code_of(refused.at(topic)), ErrorCode::invalid_config);
  const ConfigResource nosuch{ConfigResourceType::topic, "nosuch"};
  auto unknown = run(admin().describe_configs({nosuch}));
  EXPECT_EQ(code_of(unknown.at(nosuch)), ErrorCode::unknown_topic_or_partition);
}

TEST_F(AdminNode, DescribesItsBrokersConfigs) {
  const ConfigResource itself{ConfigResourceType::broker, std::to_string(broker())};
  auto described = run(admin().describe_configs({itself}));
  ASSERT_TRUE(described.at(itself)) << why(described.at(itself));
  EXPECT_GT(described.at(itself)->size(), 20u);
}

TEST_F(AdminNode, ReplacesConfigs) {
  create_topic("t", 1, {{"retention.ms", "5000"}});
  const ConfigResource topic{ConfigResourceType::topic, "t"};
  auto replaced = run(admin().replace_configs({{topic, {{"max.message.bytes", "4321"}}}}));
  ASSERT_TRUE(replaced.at(topic)) << why(replaced.at(topic));
  auto described = run(admin().describe_configs({topic}));
  ASSERT_TRUE(described.at(topic)) << why(described.at(topic));
  for (const ConfigEntry& entry : *described.at(topic)) {
    if (entry.name == "max.message.bytes") EXPECT_EQ(entry.value, "4321");
    if (entry.name == "retention.ms") EXPECT_TRUE(entry.is_default());
  }
}

// --- The cluster

TEST_F(AdminNode, DescribesTheCluster) {
  auto described = run(admin().describe_cluster());
  ASSERT_TRUE(described) << why(described);
  ASSERT_EQ(described->brokers.size(), 1u);
  EXPECT_EQ(described->brokers[0].endpoint.port, node().kafka_endpoint().port);
  EXPECT_FALSE(described->cluster_id.empty());
  EXPECT_EQ(described->controller, described->brokers[0].id);
  auto apis = run(admin().describe_apis(described->brokers[0].id));
  ASSERT_TRUE(apis) << why(apis);
  const auto fetch =
      std::find_if(apis->begin(), apis->end(), [](const ApiSupport& api) { return api.name == "Fetch"; });
  ASSERT_NE(fetch, apis->end());
  EXPECT_EQ(fetch->key, 1);
  EXPECT_GE(fetch->last, 13);
}

TEST_F(AdminNode, DescribesLogDirectories) {
  create_topic("t", 2);
  produce({"t", 1}, 3);
  const std::int32_t id = broker();
  auto described = run(admin().describe_log_dirs({id}, {{"t", 0}, {"t", 1}}));
  ASSERT_TRUE(described.at(id)) << why(described.at(id));
  ASSERT_EQ(described.at(id)->size(), 1u);
  const LogDirectory& directory = described.at(id)->at(0);
  EXPECT_EQ(directory.error, ErrorCode::none);
  EXPECT_EQ(directory.replicas.size(), 2u);
  EXPECT_GT(directory.replicas.at({"t", 1}).size_bytes, 0);
  EXPECT_FALSE(directory.replicas.at({"t", 1}).is_future);

  const ReplicaOf replica{{"t", 0}, id};
  auto moved = run(admin().alter_replica_log_dirs({{replica, "/no/such/directory"}}));
  EXPECT_EQ(code_of(moved.at(replica)), ErrorCode::log_dir_not_found);
  auto stays = run(admin().alter_replica_log_dirs({{replica, directory.path}}));
  EXPECT_TRUE(stays.at(replica)) << why(stays.at(replica));
}

TEST_F(AdminNode, ElectsLeaders) {
  create_topic("t", 2);
  const std::vector<TopicPartition> both{{"t", 0}, {"t", 7}};
  auto elected = run(admin().elect_leaders(ElectionType::preferred, both));
  ASSERT_TRUE(elected) << why(elected);
  EXPECT_EQ(code_of(elected->at({"t", 0})), ErrorCode::election_not_needed);
  EXPECT_EQ(code_of(elected->at({"t", 7})), ErrorCode::unknown_topic_or_partition);
  auto all = run(admin().elect_leaders(ElectionType::preferred, std::nullopt));
  ASSERT_TRUE(all) << why(all);
  EXPECT_TRUE(all->empty());
}

TEST_F(AdminNode, ReassignsPartitions) {
  create_topic("t", 1);
  const TopicPartition t0{"t", 0};
  auto none = run(admin().list_partition_reassignments());
  ASSERT_TRUE(none) << why(none);
  EXPECT_TRUE(none->empty());
  const std::vector<std::int32_t> nobody{4711};
  auto refused = run(admin().alter_partition_reassignments({{t0, nobody}}));
  EXPECT_EQ(code_of(refused.at(t0)), ErrorCode::invalid_replica_assignment);
  auto cancelled = run(admin().alter_partition_reassignments({{t0, std::nullopt}}));
  EXPECT_EQ(code_of(cancelled.at(t0)), ErrorCode::no_reassignment_in_progress);
}

// --- Offsets and records

TEST_F(AdminNode, ListsOffsets) {
  create_topic("t", 2);
  produce({"t", 0}, 5, 1000);
  std::map<TopicPartition, OffsetSpec> specs{{{"t", 0}, OffsetSpec::latest()}, {{"t", 1}, OffsetSpec::latest()}};
  auto latest = run(admin().list_offsets(specs));
  ASSERT_TRUE(latest.at({"t", 0})) << why(latest.at({"t", 0}));
  EXPECT_EQ(latest.at({"t", 0})->offset, 5);
  EXPECT_EQ(latest.at({"t", 1})->offset, 0);
  const auto offset_at = [&](OffsetSpec spec) {
    auto listed = run(admin().list_offsets({{{"t", 0}, spec}}));
    EXPECT_TRUE(listed.at({"t", 0})) << why(listed.at({"t", 0}));
    return listed.at({"t", 0}) ? listed.at({"t", 0})->offset : -99;
  };
  EXPECT_EQ(offset_at(OffsetSpec::earliest()), 0);
  EXPECT_EQ(offset_at(OffsetSpec::at(1002)), 2);
  EXPECT_EQ(offset_at(OffsetSpec::at(9999)), -1);
  EXPECT_EQ(offset_at(OffsetSpec::max_timestamp()), 4);
}

TEST_F(AdminNode, IsPatientWithTopicsThatMayComeButNotToTheEnd) {
  const SteadyTime start = system_clock().now();
  auto listed = run(admin().list_offsets({{{"nosuch", 0}, OffsetSpec::latest()}}));
  EXPECT_EQ(code_of(listed.at({"nosuch", 0})), ErrorCode::unknown_topic_or_partition);
  const Duration took = system_clock().now() - start;
  EXPECT_GE(took, AdminOptions().unknown_topic_patience);
  EXPECT_LT(took, AdminOptions().timeout / 4);
}

TEST_F(AdminNode, DeletesRecords) {
  create_topic("t", 1);
  produce({"t", 0}, 5);
  auto deleted = run(admin().delete_records({{{"t", 0}, 3}}));
  ASSERT_TRUE(deleted.at({"t", 0})) << why(deleted.at({"t", 0}));
  EXPECT_EQ(*deleted.at({"t", 0}), 3);
  auto listed = run(admin().list_offsets({{{"t", 0}, OffsetSpec::earliest()}}));
  EXPECT_EQ(listed.at({"t", 0})->offset, 3);
  auto beyond = run(admin().delete_records({{{"t", 0}, 99}}));
  EXPECT_EQ(code_of(beyond.at({"t", 0})), ErrorCode::offset_out_of_range);
}

TEST_F(AdminNode, TellsEpochsAndProducers) {
  create_topic("t", 1);
  produce({"t", 0}, 2);
  auto leader = run(cluster().leader({"t", 0}));
  ASSERT_TRUE(leader);
  auto ends = run(admin().offsets_for_leader_epochs({{{"t", 0}, leader->epoch}}));
  ASSERT_TRUE(ends.at({"t", 0})) << why(ends.at({"t", 0}));
  EXPECT_EQ(ends.at({"t", 0})->end_offset, 2);
  EXPECT_EQ(ends.at({"t", 0})->leader_epoch, leader->epoch);
  auto producers = run(admin().describe_producers({{"t", 0}}));
  ASSERT_TRUE(producers.at({"t", 0})) << why(producers.at({"t", 0}));
  EXPECT_TRUE(producers.at({"t", 0})->empty());
  auto there = run(admin().describe_producers_at(broker(), {{"t", 0}}));
  EXPECT_TRUE(there.at({"t", 0})) << why(there.at({"t", 0}));
}

// --- Groups

TEST_F(AdminNode, AltersListsAndDeletesGroupOffsets) {
  create_topic("t", 3);
  std::map<TopicPartition, CommittedOffset> offsets;
  offsets[{"t", 0}] = {.offset = 7, .leader_epoch = -1, .metadata = "here"};
  offsets[{"t", 2}] = {.offset = 9, .leader_epoch = -1, .metadata = ""};
  auto altered = run(admin().alter_group_offsets("g", offsets));
  ASSERT_TRUE(altered.at({"t", 0})) << why(altered.at({"t", 0}));
  ASSERT_TRUE(altered.at({"t", 2})) << why(altered.at({"t", 2}));

  auto all = run(admin().list_group_offsets("g"));
  ASSERT_TRUE(all) << why(all);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ(all->at({"t", 0})->offset, 7);
  EXPECT_EQ(all->at({"t", 0})->metadata, "here");
  const std::vector<TopicPartition> some{{"t", 1}, {"t", 2}};
  auto two = run(admin().list_group_offsets("g", some));
  ASSERT_TRUE(two) << why(two);
  EXPECT_EQ(two->size(), 1u);
  EXPECT_EQ(two->at({"t", 2})->offset, 9);

  auto groups = run(admin().list_groups());
  ASSERT_TRUE(groups) << why(groups);
  ASSERT_EQ(groups->groups.size(), 1u);
  EXPECT_EQ(groups->groups[0].id, "g");
  EXPECT_EQ(groups->groups[0].state, "Empty");
  auto stable = run(admin().list_groups({"Stable"}));
  ASSERT_TRUE(stable) << why(stable);
  EXPECT_TRUE(stable->groups.empty());

  auto described = run(admin().describe_groups({"g", "nosuch"}));
  ASSERT_TRUE(described.at("g")) << why(described.at("g"));
  EXPECT_EQ(described.at("g")->state, "Empty");
  EXPECT_EQ(described.at("g")->coordinator, broker());
  EXPECT_EQ(code_of(described.at("nosuch")), ErrorCode::group_id_not_found);

  auto forgotten = run(admin().delete_group_offsets("g", {{"t", 0}}));
  ASSERT_TRUE(forgotten.at({"t", 0})) << why(forgotten.at({"t", 0}));
  all = run(admin().list_group_offsets("g"));
  EXPECT_EQ(all->size(), 1u);

  auto deleted = run(admin().delete_groups({"g", "nosuch"}));
  EXPECT_TRUE(deleted.at("g")) << why(deleted.at("g"));
  EXPECT_EQ(code_of(deleted.at("nosuch")), ErrorCode::group_id_not_found);
  groups = run(admin().list_groups());
  EXPECT_TRUE(groups->groups.empty());
}

TEST_F(AdminNode, RemovesOnlyMembersThatThereAre) {
  create_topic("t", 1);
  std::map<TopicPartition, CommittedOffset> offsets;
  offsets[{"t", 0}] = {.offset = 1, .leader_epoch = -1, .metadata = ""};
  run(admin().alter_group_offsets("g", offsets));
  const MemberToRemove nobody{"", "nobody"};
  auto removed = run(admin().remove_members("g", {nobody}));
  EXPECT_EQ(code_of(removed.at(nobody)), ErrorCode::unknown_member_id);
  auto coordinator = run(admin().group_coordinator("g"));
  ASSERT_TRUE(coordinator) << why(coordinator);
  EXPECT_EQ(*coordinator, broker());
}

TEST_F(AdminNode, ACallWithNothingToDoIsDone) {
  EXPECT_TRUE(run(admin().delete_topics({})).empty());
  EXPECT_TRUE(run(admin().list_offsets({})).empty());
  EXPECT_TRUE(run(admin().alter_group_offsets("g", {})).empty());
}

}  // namespace
}  // namespace holdfast::test
