#include <algorithm>

#include "client/admin_call.h"
#include "wire/kafka/consumer_protocol.h"
#include "wire/kafka/group_admin.h"
#include "wire/kafka/groups.h"

namespace holdfast::client {
namespace {

using admin::all_failed;
using admin::by_topic;
using admin::keys_of;
using admin::outcome_of;
using wire::ErrorCode;

// Every call about a group's offsets is one item: the group.
template <class T>
Each<std::string, T> about(const std::string& group, Outcome<T> outcome) {
  Each<std::string, T> each;
  each.emplace(group, std::move(outcome));
  return each;
}

// --- Which groups there are

bool wanted(const std::vector<std::string>& filter, const std::string& value) {
  return filter.empty() || value.empty() || std::find(filter.begin(), filter.end(), value) != filter.end();
}

Task<Each<std::int32_t, std::vector<GroupListing>>> ask_list(Cluster& cluster, std::int32_t broker,
                                                             const std::vector<std::string>& states,
                                                             const std::vector<std::string>& types, Duration time) {
  wire::ListGroupsRequest request;
  request.states_filter = states;
  request.types_filter = types;
  auto answer = co_await cluster.ask<wire::ListGroupsResponse>(broker, std::move(request), time);
  Each<std::int32_t, std::vector<GroupListing>> each;
  if (!answer) {
    each.emplace(broker, failed(answer));
    co_return each;
  }
  auto fine = outcome_of(answer->message.error_code);
  if (!fine) {
    each.emplace(broker, failed(fine));
    co_return each;
  }
  std::vector<GroupListing> groups;
  for (auto& group : answer->message.groups)
    if (wanted(states, group.group_state) && wanted(types, group.group_type))
      groups.push_back({.id = std::move(group.group_id),
                        .protocol_type = std::move(group.protocol_type),
                        .state = std::move(group.group_state),
                        .type = std::move(group.group_type)});
  each.emplace(broker, std::move(groups));
  co_return each;
}

// --- What a group is

// Behind the version that its writer knew; a higher one than ours begins like ours.
template <class M>
std::optional<M> read_versioned(ByteView bytes) {
  wire::Reader in(bytes);
  const std::int16_t version = in.i16();
  M message;
  if (version < 0 || !wire::decode(message, std::min(version, M::api.versions.last), in)) return {};
  return message;
}

GroupMemberDescription from_wire(wire::DescribeGroupsResponse::Member& member, bool is_consumer) {
  GroupMemberDescription out{.member_id = std::move(member.member_id),
                             .client_id = std::move(member.client_id),
                             .client_host = std::move(member.client_host),
                             .group_instance_id = std::move(member.group_instance_id),
                             .topics = {},
                             .assignment = {},
                             .metadata = std::move(member.member_metadata),
                             .assignment_bytes = std::move(member.member_assignment)};
  if (!is_consumer) return out;
  if (auto subscription = read_versioned<wire::ConsumerProtocolSubscription>(out.metadata))
    out.topics = std::move(subscription->topics);
  if (const auto assignment = read_versioned<wire::ConsumerProtocolAssignment>(out.assignment_bytes))
    for (const auto& topic : assignment->assigned_partitions)
      for (const std::int32_t partition : topic.partitions) out.assignment.push_back({topic.topic, partition});
  std::sort(out.assignment.begin(), out.assignment.end());
  return out;
}

GroupDescription from_wire(wire::DescribeGroupsResponse::Group& group, std::int32_t coordinator) {
  GroupDescription out{.id = group.group_id,
                       .state = std::move(group.group_state),
                       .protocol_type = std::move(group.protocol_type),
                       .assignor = std::move(group.protocol_data),
                       .members = {},
                       .coordinator = coordinator,
                       .authorized_operations = group.authorized_operations};
  for (auto& member : group.members) out.members.push_back(from_wire(member, out.protocol_type == "consumer"));
  std::sort(out.members.begin(), out.members.end(),
            [](const auto& a, const auto& b) { return a.member_id < b.member_id; });
  return out;
}

Task<Each<std::string, GroupDescription>> ask_describe(Cluster& cluster, std::int32_t broker,
                                                       std::vector<std::string> groups, bool include_operations,
                                                       Duration time) {
  wire::DescribeGroupsRequest request;
  request.groups = groups;
  request.include_authorized_operations = include_operations;
  auto answer = co_await cluster.ask<wire::DescribeGroupsResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<GroupDescription>(groups, answer.error());
  Each<std::string, GroupDescription> each;
  for (auto& group : answer->message.groups) {
    const std::string id = group.group_id;
    auto fine = outcome_of(group.error_code, group.error_message);
    // Before KIP-1043 a group that does not exist was described as dead.
    if (fine && group.group_state == "Dead" && group.members.empty()) fine = failed(ErrorCode::group_id_not_found);
    each.emplace(id, fine ? Outcome<GroupDescription>(from_wire(group, broker)) : failed(fine));
  }
  co_return each;
}

Task<Each<std::string>> ask_delete_groups(Cluster& cluster, std::int32_t broker, std::vector<std::string> groups,
                                          Duration time) {
  wire::DeleteGroupsRequest request;
  request.groups_names = groups;
  auto answer = co_await cluster.ask<wire::DeleteGroupsResponse>(broker, std::move(request), time);
  if (!answer) co_return all_failed<void>(groups, answer.error());
  Each<std::string> each;
  for (const auto& result : answer->message.results)
    each.emplace(result.group_id, outcome_of(result.error_code, result.error_message));
  co_return each;
}

// --- What it has committed

using Committed = Each<TopicPartition, CommittedOffset>;
using Partitions = std::optional<std::vector<TopicPartition>>;

// From the next version on topics have ids, which a cluster does not tell of those it has deleted.
constexpr std::int16_t last_with_names = 9;
constexpr std::int16_t first_with_groups = 8;

template <class Topic>
std::optional<std::vector<Topic>> topics_of(const Partitions& partitions) {
  if (!partitions) return {};
  return by_topic<Topic>(*partitions, &Topic::name,
                         [](Topic& topic, const TopicPartition& p) { topic.partition_indexes.push_back(p.partition); });
}

template <class Topics>
void add_commits(const Topics& topics, Committed& to) {
  for (const auto& topic : topics)
    for (const auto& partition : topic.partitions) {
      auto fine = outcome_of(partition.error_code);
      if (fine && partition.committed_offset < 0) continue;
      const CommittedOffset committed{.offset = partition.committed_offset,
                                      .leader_epoch = partition.committed_leader_epoch,
                                      .metadata = partition.metadata.value_or("")};
      to.emplace(TopicPartition{topic.name, partition.partition_index},
                 fine ? Outcome<CommittedOffset>(committed) : failed(fine));
    }
}

// Partitions whose failure may pass make the whole answer fail, so that it is asked for again.
Outcome<Committed> settled(Committed commits) {
  for (const auto& [partition, commit] : commits)
    if (!commit && commit.error().code == ErrorCode::unstable_offset_commit) return std::unexpected(commit.error());
  return commits;
}

Task<Each<std::string, Committed>> ask_commits(Cluster& cluster, std::int32_t broker, std::string group,
                                               const Partitions& partitions, bool require_stable, Duration time) {
  auto version = co_await cluster.version_of(broker, wire::OffsetFetchRequest::api, last_with_names);
  if (!version) co_return about<Committed>(group, failed(version));
  wire::OffsetFetchRequest request;
  request.require_stable = require_stable;
  if (*version >= first_with_groups) {
    auto& of = request.groups.emplace_back();
    of.group_id = group;
    of.topics = topics_of<wire::OffsetFetchRequest::GroupTopic>(partitions);
  } else {
    request.group_id = group;
    request.topics = topics_of<wire::OffsetFetchRequest::Topic>(partitions);
  }
  auto answer = co_await cluster.ask<wire::OffsetFetchResponse>(broker, std::move(request), time, last_with_names);
  if (!answer) co_return about<Committed>(group, failed(answer));
  const auto& message = answer->message;
  Committed commits;
  if (answer->version < first_with_groups) {
    auto fine = outcome_of(message.error_code);
    if (!fine) co_return about<Committed>(group, failed(fine));
    add_commits(message.topics, commits);
  }
  for (const auto& of : message.groups) {
    auto fine = outcome_of(of.error_code);
    if (!fine) co_return about<Committed>(group, failed(fine));
    add_commits(of.topics, commits);
  }
  co_return about<Committed>(group, settled(std::move(commits)));
}

// The outcomes of a group's partitions. A failure that concerns the group and may pass is the group's.
using Altered = Each<TopicPartition>;

bool of_the_coordinator(const Failure& failure) {
  return failure.code == ErrorCode::not_coordinator || failure.code == ErrorCode::coordinator_not_available ||
         failure.code == ErrorCode::coordinator_load_in_progress;
}

Outcome<Altered> settled(Altered each) {
  for (const auto& [partition, outcome] : each)
    if (!outcome && of_the_coordinator(outcome.error())) return std::unexpected(outcome.error());
  return each;
}

using CommittedOffsets = std::map<TopicPartition, CommittedOffset>;

Task<Each<std::string, Altered>> ask_commit(Cluster& cluster, std::int32_t broker, std::string group,
                                            const CommittedOffsets& offsets, Duration time) {
  using Topic = wire::OffsetCommitRequest::Topic;
  wire::OffsetCommitRequest request;
  request.group_id = group;
  request.topics = by_topic<Topic>(keys_of(offsets), &Topic::name, [&](Topic& topic, const TopicPartition& p) {
    const CommittedOffset& offset = offsets.at(p);
    topic.partitions.push_back({.partition_index = p.partition,
                                .committed_offset = offset.offset,
                                .committed_leader_epoch = offset.leader_epoch,
                                .committed_metadata = offset.metadata});
  });
  auto answer = co_await cluster.ask<wire::OffsetCommitResponse>(broker, std::move(request), time, last_with_names);
  if (!answer) co_return about<Altered>(group, failed(answer));
  Altered each;
  for (const auto& topic : answer->message.topics)
    for (const auto& partition : topic.partitions)
      each.emplace(TopicPartition{topic.name, partition.partition_index}, outcome_of(partition.error_code));
  co_return about<Altered>(group, settled(std::move(each)));
}

Task<Each<std::string, Altered>> ask_forget(Cluster& cluster, std::int32_t broker, std::string group,
                                            const std::vector<TopicPartition>& partitions, Duration time) {
  using Topic = wire::OffsetDeleteRequest::Topic;
  wire::OffsetDeleteRequest request;
  request.group_id = group;
  request.topics = by_topic<Topic>(partitions, &Topic::name, [](Topic& topic, const TopicPartition& p) {
    topic.partitions.push_back({.partition_index = p.partition});
  });
  auto answer = co_await cluster.ask<wire::OffsetDeleteResponse>(broker, std::move(request), time);
  if (!answer) co_return about<Altered>(group, failed(answer));
  auto fine = outcome_of(answer->message.error_code);
  if (!fine) co_return about<Altered>(group, failed(fine));
  Altered each;
  for (const auto& topic : answer->message.topics)
    for (const auto& partition : topic.partitions)
      each.emplace(TopicPartition{topic.name, partition.partition_index}, outcome_of(partition.error_code));
  co_return about<Altered>(group, settled(std::move(each)));
}

// What is true of a group as a whole is true of each of its partitions; those it does not tell of, of none.
Altered spread(Each<std::string, Altered> groups, const std::vector<TopicPartition>& partitions) {
  Outcome<Altered>& outcome = groups.begin()->second;
  if (!outcome) return all_failed<void>(partitions, outcome.error());
  for (const TopicPartition& p : partitions)
    outcome->try_emplace(p, failed(ErrorCode::unknown_server_error, "the broker's answer leaves it out"));
  return std::move(*outcome);
}

// --- Its members

using Removed = Each<MemberToRemove>;
constexpr std::int16_t first_with_members = 3;

Task<Each<std::string, Removed>> ask_remove(Cluster& cluster, std::int32_t broker, std::string group,
                                            const std::vector<MemberToRemove>& members, const std::string& reason,
                                            Duration time) {
  auto version = co_await cluster.version_of(broker, wire::LeaveGroupRequest::api);
  if (!version) co_return about<Removed>(group, failed(version));
  if (*version < first_with_members)
    co_return about<Removed>(group, failed(ErrorCode::unsupported_version, "the broker removes no members"));
  wire::LeaveGroupRequest request;
  request.group_id = group;
  for (const MemberToRemove& member : members) {
    auto& leaving = request.members.emplace_back();
    leaving.member_id = member.member_id;
    if (!member.group_instance_id.empty()) leaving.group_instance_id = member.group_instance_id;
    leaving.reason = reason.empty() ? "member was removed by an admin" : reason;
  }
  auto answer = co_await cluster.ask<wire::LeaveGroupResponse>(broker, std::move(request), time);
  if (!answer) co_return about<Removed>(group, failed(answer));
  auto fine = outcome_of(answer->message.error_code);
  if (!fine) co_return about<Removed>(group, failed(fine));
  Removed each;
  // In the order of the request, as the broker may name the member id of one that was named by its instance only.
  for (std::size_t i = 0; i < std::min(members.size(), answer->message.members.size()); ++i)
    each.emplace(members[i], outcome_of(answer->message.members[i].error_code));
  co_return about<Removed>(group, std::move(each));
}

}  // namespace

Task<Outcome<GroupListings>> Admin::list_groups(std::vector<std::string> states, std::vector<std::string> types) {
  auto cluster = co_await describe_cluster();
  if (!cluster) co_return failed(cluster);
  std::vector<std::int32_t> brokers;
  for (const BrokerListing& broker : cluster->brokers) brokers.push_back(broker.id);
  auto ask = [&](std::int32_t broker, std::vector<std::int32_t>, Duration time) {
    return ask_list(cluster_, broker, states, types, time);
  };
  admin::At<std::int32_t, decltype(&admin::itself)> there(&admin::itself);
  auto each = co_await admin::rounds<std::vector<GroupListing>>(cluster_, options_, std::move(brokers), there, ask);
  GroupListings all;
  for (auto& [broker, groups] : each) {
    if (!groups) {
      all.failures.emplace(broker, std::move(groups.error()));
      continue;
    }
    all.groups.insert(all.groups.end(), std::make_move_iterator(groups->begin()),
                      std::make_move_iterator(groups->end()));
  }
  // A coordinator that moves may be told of twice.
  std::sort(all.groups.begin(), all.groups.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  const auto same = [](const auto& a, const auto& b) { return a.id == b.id; };
  all.groups.erase(std::unique(all.groups.begin(), all.groups.end(), same), all.groups.end());
  co_return all;
}

Task<Each<std::string, GroupDescription>> Admin::describe_groups(std::vector<std::string> groups,
                                                                 bool include_operations) {
  auto ask = [&](std::int32_t broker, std::vector<std::string> theirs, Duration time) {
    return ask_describe(cluster_, broker, std::move(theirs), include_operations, time);
  };
  admin::AtCoordinator coordinator(cluster_);
  auto each = co_await admin::rounds<GroupDescription>(cluster_, options_, std::move(groups), coordinator, ask);
  co_return each;
}

Task<Each<std::string>> Admin::delete_groups(std::vector<std::string> groups) {
  auto ask = [&](std::int32_t broker, std::vector<std::string> theirs, Duration time) {
    return ask_delete_groups(cluster_, broker, std::move(theirs), time);
  };
  admin::AtCoordinator coordinator(cluster_);
  auto each = co_await admin::rounds<void>(cluster_, options_, std::move(groups), coordinator, ask);
  co_return each;
}

Task<Outcome<Committed>> Admin::list_group_offsets(std::string group, Partitions partitions, bool require_stable) {
  auto ask = [&](std::int32_t broker, std::vector<std::string>, Duration time) {
    return ask_commits(cluster_, broker, group, partitions, require_stable, time);
  };
  admin::AtCoordinator coordinator(cluster_);
  std::vector<std::string> groups(1, group);
  auto each = co_await admin::rounds<Committed>(cluster_, options_, std::move(groups), coordinator, ask);
  co_return std::move(each.begin()->second);
}

Task<Altered> Admin::alter_group_offsets(std::string group, CommittedOffsets offsets) {
  auto ask = [&](std::int32_t broker, std::vector<std::string>, Duration time) {
    return ask_commit(cluster_, broker, group, offsets, time);
  };
  admin::AtCoordinator coordinator(cluster_);
  std::vector<std::string> groups(1, group);
  auto each = co_await admin::rounds<Altered>(cluster_, options_, std::move(groups), coordinator, ask);
  co_return spread(std::move(each), keys_of(offsets));
}

Task<Altered> Admin::delete_group_offsets(std::string group, std::vector<TopicPartition> partitions) {
  auto ask = [&](std::int32_t broker, std::vector<std::string>, Duration time) {
    return ask_forget(cluster_, broker, group, partitions, time);
  };
  admin::AtCoordinator coordinator(cluster_);
  std::vector<std::string> groups(1, group);
  auto each = co_await admin::rounds<Altered>(cluster_, options_, std::move(groups), coordinator, ask);
  co_return spread(std::move(each), partitions);
}

Task<Removed> Admin::remove_members(std::string group, std::vector<MemberToRemove> members, std::string reason) {
  auto ask = [&](std::int32_t broker, std::vector<std::string>, Duration time) {
    return ask_remove(cluster_, broker, group, members, reason, time);
  };
  admin::AtCoordinator coordinator(cluster_);
  std::vector<std::string> groups(1, group);
  auto each = co_await admin::rounds<Removed>(cluster_, options_, std::move(groups), coordinator, ask);
  Outcome<Removed>& outcome = each.begin()->second;
  if (!outcome) co_return all_failed<void>(members, outcome.error());
  for (const MemberToRemove& member : members)
    outcome->try_emplace(member, failed(ErrorCode::unknown_server_error, "the broker's answer leaves it out"));
  co_return std::move(*outcome);
}

Task<Outcome<std::int32_t>> Admin::group_coordinator(std::string group) {
  // The look-up itself is what is retried: nothing is asked of the coordinator.
  const admin::CallTime time(cluster_, options_);
  for (int attempt = 0;; ++attempt) {
    cluster_.forget_coordinator(CoordinatorKind::group, group);
    auto node = co_await cluster_.coordinator(CoordinatorKind::group, group);
    if (node || !node.error().retriable() || time.over()) co_return node;
    co_await cluster_.back_off(attempt);
  }
}

}  // namespace holdfast::client
