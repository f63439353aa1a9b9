#include "wire/kafka/api.h"

#include <iterator>

#include "wire/kafka/acls.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/configs.h"
#include "wire/kafka/consumer_groups.h"
#include "wire/kafka/controller.h"
#include "wire/kafka/controller_legacy.h"
#include "wire/kafka/delegation_tokens.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/group_admin.h"
#include "wire/kafka/groups.h"
#include "wire/kafka/log_dirs.h"
#include "wire/kafka/metadata.h"
#include "wire/kafka/offsets.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/quotas.h"
#include "wire/kafka/raft.h"
#include "wire/kafka/sasl.h"
#include "wire/kafka/scram.h"
#include "wire/kafka/share_groups.h"
#include "wire/kafka/share_state.h"
#include "wire/kafka/streams_groups.h"
#include "wire/kafka/telemetry.h"
#include "wire/kafka/topics.h"
#include "wire/kafka/transaction_admin.h"
#include "wire/kafka/transactions.h"

namespace holdfast::wire {
namespace {

template <class Request, class Response>
consteval ApiDeclaration row(ApiKey key, std::string_view name) {
  constexpr Api a = Request::api;
  constexpr Api b = Response::api;
  static_assert(a.key == b.key && a.flexible == b.flexible);
  static_assert(a.versions.first == b.versions.first && a.versions.last == b.versions.last);
  if (static_cast<std::int16_t>(key) != a.key) throw "the message has another key";
  return {name, a};
}

#define HOLDFAST_ROW(key, name) row<name##Request, name##Response>(ApiKey::key, #name)

constexpr ApiDeclaration rows[] = {
    HOLDFAST_ROW(produce, Produce),
    HOLDFAST_ROW(fetch, Fetch),
    HOLDFAST_ROW(list_offsets, ListOffsets),
    HOLDFAST_ROW(metadata, Metadata),
    HOLDFAST_ROW(leader_and_isr, LeaderAndIsr),
    HOLDFAST_ROW(stop_replica, StopReplica),
    HOLDFAST_ROW(update_metadata, UpdateMetadata),
    HOLDFAST_ROW(controlled_shutdown, ControlledShutdown),
    HOLDFAST_ROW(offset_commit, OffsetCommit),
    HOLDFAST_ROW(offset_fetch, OffsetFetch),
    HOLDFAST_ROW(find_coordinator, FindCoordinator),
    HOLDFAST_ROW(join_group, JoinGroup),
    HOLDFAST_ROW(heartbeat, Heartbeat),
    HOLDFAST_ROW(leave_group, LeaveGroup),
    HOLDFAST_ROW(sync_group, SyncGroup),
    HOLDFAST_ROW(describe_groups, DescribeGroups),
    HOLDFAST_ROW(list_groups, ListGroups),
    HOLDFAST_ROW(sasl_handshake, SaslHandshake),
    HOLDFAST_ROW(api_versions, ApiVersions),
    HOLDFAST_ROW(create_topics, CreateTopics),
    HOLDFAST_ROW(delete_topics, DeleteTopics),
    HOLDFAST_ROW(delete_records, DeleteRecords),
    HOLDFAST_ROW(init_producer_id, InitProducerId),
    HOLDFAST_ROW(offset_for_leader_epoch, OffsetForLeaderEpoch),
    HOLDFAST_ROW(add_partitions_to_txn, AddPartitionsToTxn),
    HOLDFAST_ROW(add_offsets_to_txn, AddOffsetsToTxn),
    HOLDFAST_ROW(end_txn, EndTxn),
    HOLDFAST_ROW(write_txn_markers, WriteTxnMarkers),
    HOLDFAST_ROW(txn_offset_commit, TxnOffsetCommit),
    HOLDFAST_ROW(describe_acls, DescribeAcls),
    HOLDFAST_ROW(create_acls, CreateAcls),
    HOLDFAST_ROW(delete_acls, DeleteAcls),
    HOLDFAST_ROW(describe_configs, DescribeConfigs),
    HOLDFAST_ROW(alter_configs, AlterConfigs),
    HOLDFAST_ROW(alter_replica_log_dirs, AlterReplicaLogDirs),
    HOLDFAST_ROW(describe_log_dirs, DescribeLogDirs),
    HOLDFAST_ROW(sasl_authenticate, SaslAuthenticate),
    HOLDFAST_ROW(create_partitions, CreatePartitions),
    HOLDFAST_ROW(create_delegation_token, CreateDelegationToken),
    HOLDFAST_ROW(renew_delegation_token, RenewDelegationToken),
    HOLDFAST_ROW(expire_delegation_token, ExpireDelegationToken),
    HOLDFAST_ROW(describe_delegation_token, DescribeDelegationToken),
    HOLDFAST_ROW(delete_groups, DeleteGroups),
    HOLDFAST_ROW(elect_leaders, ElectLeaders),
    HOLDFAST_ROW(incremental_alter_configs, IncrementalAlterConfigs),
    HOLDFAST_ROW(alter_partition_reassignments, AlterPartitionReassignments),
    HOLDFAST_ROW(list_partition_reassignments, ListPartitionReassignments),
    HOLDFAST_ROW(offset_delete, OffsetDelete),
    HOLDFAST_ROW(describe_client_quotas, DescribeClientQuotas),
    HOLDFAST_ROW(alter_client_quotas, AlterClientQuotas),
    HOLDFAST_ROW(describe_user_scram_credentials, DescribeUserScramCredentials),
    HOLDFAST_ROW(alter_user_scram_credentials, AlterUserScramCredentials),
    HOLDFAST_ROW(vote, Vote),
    HOLDFAST_ROW(begin_quorum_epoch, BeginQuorumEpoch),
    HOLDFAST_ROW(end_quorum_epoch, EndQuorumEpoch),
    HOLDFAST_ROW(describe_quorum, DescribeQuorum),
    HOLDFAST_ROW(alter_partition, AlterPartition),
    HOLDFAST_ROW(update_features, UpdateFeatures),
    HOLDFAST_ROW(envelope, Envelope),
    HOLDFAST_ROW(fetch_snapshot, FetchSnapshot),
    HOLDFAST_ROW(describe_cluster, DescribeCluster),
    HOLDFAST_ROW(describe_producers, DescribeProducers),
    HOLDFAST_ROW(broker_registration, BrokerRegistration),
    HOLDFAST_ROW(broker_heartbeat, BrokerHeartbeat),
    HOLDFAST_ROW(unregister_broker, UnregisterBroker),
    HOLDFAST_ROW(describe_transactions, DescribeTransactions),
    HOLDFAST_ROW(list_transactions, ListTransactions),
    HOLDFAST_ROW(allocate_producer_ids, AllocateProducerIds),
    HOLDFAST_ROW(consumer_group_heartbeat, ConsumerGroupHeartbeat),
    HOLDFAST_ROW(consumer_group_describe, ConsumerGroupDescribe),
    HOLDFAST_ROW(controller_registration, ControllerRegistration),
    HOLDFAST_ROW(get_telemetry_subscriptions, GetTelemetrySubscriptions),
    HOLDFAST_ROW(push_telemetry, PushTelemetry),
    HOLDFAST_ROW(assign_replicas_to_dirs, AssignReplicasToDirs),
    HOLDFAST_ROW(list_config_resources, ListConfigResources),
    HOLDFAST_ROW(describe_topic_partitions, DescribeTopicPartitions),
    HOLDFAST_ROW(share_group_heartbeat, ShareGroupHeartbeat),
    HOLDFAST_ROW(share_group_describe, ShareGroupDescribe),
    HOLDFAST_ROW(share_fetch, ShareFetch),
    HOLDFAST_ROW(share_acknowledge, ShareAcknowledge),
    HOLDFAST_ROW(add_raft_voter, AddRaftVoter),
    HOLDFAST_ROW(remove_raft_voter, RemoveRaftVoter),
    HOLDFAST_ROW(update_raft_voter, UpdateRaftVoter),
    HOLDFAST_ROW(initialize_share_group_state, InitializeShareGroupState),
    HOLDFAST_ROW(read_share_group_state, ReadShareGroupState),
    HOLDFAST_ROW(write_share_group_state, WriteShareGroupState),
    HOLDFAST_ROW(delete_share_group_state, DeleteShareGroupState),
    HOLDFAST_ROW(read_share_group_state_summary, ReadShareGroupStateSummary),
    HOLDFAST_ROW(streams_group_heartbeat, StreamsGroupHeartbeat),
    HOLDFAST_ROW(streams_group_describe, StreamsGroupDescribe),
    HOLDFAST_ROW(describe_share_group_offsets, DescribeShareGroupOffsets),
    HOLDFAST_ROW(alter_share_group_offsets, AlterShareGroupOffsets),
    HOLDFAST_ROW(delete_share_group_offsets, DeleteShareGroupOffsets),
    HOLDFAST_ROW(streams_group_topology_description_update, StreamsGroupTopologyDescriptionUpdate),
    HOLDFAST_ROW(unregister_controller, UnregisterController),
};

#undef HOLDFAST_ROW

// The table is its own index.
constexpr bool in_order() {
  std::int16_t key = 0;
  for (const ApiDeclaration& declared : rows) {
    if (declared.api.key != key++) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

std::span<const ApiDeclaration> api_declarations() { return rows; }

const ApiDeclaration* api_declaration(std::int16_t key) {
  const auto index = static_cast<std::size_t>(key);  // a negative key becomes a large index
  return index < std::size(rows) ? &rows[index] : nullptr;
}

}  // namespace holdfast::wire
