// Admin: what an operator asks of a cluster. Each call finds the brokers its items belong to (controller, coordinator,
// leader, or the broker that the item names), asks each of them once about all of its items, all brokers at the same
// time, and asks again, after a back-off and at the right broker, about those whose answer was that they may be asked
// again, until the call's time is up. An item then has the last failure it met.
//
// A topic that brokers do not know may have been created just now: it is asked for again, but not until the end (see
// AdminOptions). Errors of the way to the cluster are the items' too. Lives on its cluster's shard; calls may overlap.
#pragma once

#include "client/admin_types.h"
#include "client/cluster.h"

namespace holdfast::client {

struct AdminOptions {
  Duration timeout = std::chrono::seconds(60);  // of a call, its retries included
  Duration unknown_topic_patience = std::chrono::milliseconds(600);
};

class Admin {
 public:
  explicit Admin(Cluster& cluster) : Admin(cluster, AdminOptions()) {}
  Admin(Cluster& cluster, AdminOptions options) : cluster_(cluster), options_(options) {}

  Cluster& cluster() { return cluster_; }

  // --- Topics (admin_topics.cpp)

  Task<Each<std::string, CreatedTopic>> create_topics(std::vector<NewTopic> topics, bool validate_only = false);
  Task<Each<std::string>> delete_topics(std::vector<std::string> topics);
  Task<Each<Uuid>> delete_topics_by_id(std::vector<Uuid> topics);
  Task<Each<std::string>> create_partitions(std::map<std::string, MorePartitions> topics, bool validate_only = false);
  Task<Outcome<std::vector<TopicListing>>> list_topics();  // by name, internal ones too
  // In pages with DescribeTopicPartitions where the broker knows it, else with Metadata. Never creates a topic.
  Task<Each<std::string, TopicDescription>> describe_topics(std::vector<std::string> topics);
  Task<Outcome<std::vector<TopicDescription>>> describe_all_topics();  // by name

  // --- Configurations (admin_configs.cpp)

  Task<Each<ConfigResource, std::vector<ConfigEntry>>> describe_configs(std::vector<ConfigResource> resources,
                                                                        DescribeConfigsOptions options = {});
  Task<Each<ConfigResource>> incremental_alter_configs(std::map<ConfigResource, std::vector<ConfigChange>> changes,
                                                       bool validate_only = false);
  // The old call: what is not named goes back to its default.
  Task<Each<ConfigResource>> replace_configs(std::map<ConfigResource, std::map<std::string, std::string>> configs,
                                             bool validate_only = false);

  // --- The cluster (admin_cluster.cpp)

  Task<Outcome<ClusterDescription>> describe_cluster(bool include_fenced = false, bool include_operations = false);
  Task<Outcome<std::vector<ApiSupport>>> describe_apis(std::int32_t broker);
  // Of `topics` only, where any are named. A broker's failure stands for all of its directories.
  Task<Each<std::int32_t, std::vector<LogDirectory>>> describe_log_dirs(std::vector<std::int32_t> brokers,
                                                                        std::vector<TopicPartition> partitions = {});
  Task<Each<ReplicaOf>> alter_replica_log_dirs(std::map<ReplicaOf, std::string> directories);
  // None: every partition of the cluster that needs it; then only those come back that had one or could not.
  // ELECTION_NOT_NEEDED is a failure here; callers mostly take it for a yes.
  Task<Outcome<Each<TopicPartition>>> elect_leaders(ElectionType type,
                                                    std::optional<std::vector<TopicPartition>> partitions);
  // Nothing instead of replicas cancels what goes on.
  Task<Each<TopicPartition>> alter_partition_reassignments(
      std::map<TopicPartition, std::optional<std::vector<std::int32_t>>> targets,
      bool allow_replication_factor_change = true);
  Task<Outcome<std::map<TopicPartition, Reassignment>>> list_partition_reassignments(
      std::optional<std::vector<TopicPartition>> partitions = {});

  // --- Offsets and records (admin_offsets.cpp)

  Task<Each<TopicPartition, ListedOffset>> list_offsets(std::map<TopicPartition, OffsetSpec> specs,
                                                        IsolationLevel isolation = IsolationLevel::read_uncommitted);
  // Up to an offset, -1: up to the high watermark. The new log start offset.
  Task<Each<TopicPartition, std::int64_t>> delete_records(std::map<TopicPartition, std::int64_t> before);
  Task<Each<TopicPartition, EpochEnd>> offsets_for_leader_epochs(std::map<TopicPartition, std::int32_t> epochs);
  Task<Each<TopicPartition, std::vector<ProducerState>>> describe_producers(std::vector<TopicPartition> partitions);
  // At that replica instead of the leader.
  Task<Each<TopicPartition, std::vector<ProducerState>>> describe_producers_at(std::int32_t broker,
                                                                               std::vector<TopicPartition> partitions);

  // --- Groups (admin_groups.cpp)

  // Empty filters: all. Brokers that do not know filters are asked without, and the filtering is done here.
  Task<Outcome<GroupListings>> list_groups(std::vector<std::string> states = {}, std::vector<std::string> types = {});
  // A group that does not exist: GROUP_ID_NOT_FOUND.
  Task<Each<std::string, GroupDescription>> describe_groups(std::vector<std::string> groups,
                                                            bool include_operations = false);
  Task<Each<std::string>> delete_groups(std::vector<std::string> groups);
  // None: all that the group has committed. A partition without a commit is not in the answer.
  Task<Outcome<Each<TopicPartition, CommittedOffset>>> list_group_offsets(
      std::string group, std::optional<std::vector<TopicPartition>> partitions = {}, bool require_stable = false);
  // The group must have no members (UNKNOWN_MEMBER_ID else).
  Task<Each<TopicPartition>> alter_group_offsets(std::string group, std::map<TopicPartition, CommittedOffset> offsets);
  // GROUP_SUBSCRIBED_TO_TOPIC: a member reads it.
  Task<Each<TopicPartition>> delete_group_offsets(std::string group, std::vector<TopicPartition> partitions);
  Task<Each<MemberToRemove>> remove_members(std::string group, std::vector<MemberToRemove> members,
                                            std::string reason = {});
  Task<Outcome<std::int32_t>> group_coordinator(std::string group);

 private:
  SteadyTime deadline() const;

  Cluster& cluster_;
  const AdminOptions options_;
};

}  // namespace holdfast::client
