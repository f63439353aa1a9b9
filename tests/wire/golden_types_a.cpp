// Half of the table: what clients use all day, and the records of the internal topics.
#include "tests/wire/golden.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/consumer_group_records.h"
#include "wire/kafka/consumer_protocol.h"
#include "wire/kafka/control_records.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/group_admin.h"
#include "wire/kafka/group_records.h"
#include "wire/kafka/groups.h"
#include "wire/kafka/headers.h"
#include "wire/kafka/log_records.h"
#include "wire/kafka/metadata.h"
#include "wire/kafka/offsets.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/sasl.h"
#include "wire/kafka/share_group_records.h"
#include "wire/kafka/streams_group_records.h"
#include "wire/kafka/topics.h"
#include "wire/kafka/transaction_admin.h"
#include "wire/kafka/transaction_records.h"
#include "wire/kafka/transactions.h"

HOLDFAST_GOLDEN_TYPE(RequestHeader);
HOLDFAST_GOLDEN_TYPE(ResponseHeader);

HOLDFAST_GOLDEN_TYPE(ProduceRequest);
HOLDFAST_GOLDEN_TYPE(ProduceResponse);

HOLDFAST_GOLDEN_TYPE(FetchRequest);
HOLDFAST_GOLDEN_TYPE(FetchResponse);

HOLDFAST_GOLDEN_TYPE(ListOffsetsRequest);
HOLDFAST_GOLDEN_TYPE(ListOffsetsResponse);
HOLDFAST_GOLDEN_TYPE(OffsetForLeaderEpochRequest);
HOLDFAST_GOLDEN_TYPE(OffsetForLeaderEpochResponse);
HOLDFAST_GOLDEN_TYPE(DeleteRecordsRequest);
HOLDFAST_GOLDEN_TYPE(DeleteRecordsResponse);

HOLDFAST_GOLDEN_TYPE(MetadataRequest);
HOLDFAST_GOLDEN_TYPE(MetadataResponse);
HOLDFAST_GOLDEN_TYPE(DescribeClusterRequest);
HOLDFAST_GOLDEN_TYPE(DescribeClusterResponse);
HOLDFAST_GOLDEN_TYPE(DescribeTopicPartitionsRequest);
HOLDFAST_GOLDEN_TYPE(DescribeTopicPartitionsResponse);

HOLDFAST_GOLDEN_TYPE(OffsetCommitRequest);
HOLDFAST_GOLDEN_TYPE(OffsetCommitResponse);
HOLDFAST_GOLDEN_TYPE(OffsetFetchRequest);
HOLDFAST_GOLDEN_TYPE(OffsetFetchResponse);
HOLDFAST_GOLDEN_TYPE(FindCoordinatorRequest);
HOLDFAST_GOLDEN_TYPE(FindCoordinatorResponse);
HOLDFAST_GOLDEN_TYPE(JoinGroupRequest);
HOLDFAST_GOLDEN_TYPE(JoinGroupResponse);
HOLDFAST_GOLDEN_TYPE(HeartbeatRequest);
HOLDFAST_GOLDEN_TYPE(HeartbeatResponse);
HOLDFAST_GOLDEN_TYPE(LeaveGroupRequest);
HOLDFAST_GOLDEN_TYPE(LeaveGroupResponse);
HOLDFAST_GOLDEN_TYPE(SyncGroupRequest);
HOLDFAST_GOLDEN_TYPE(SyncGroupResponse);

HOLDFAST_GOLDEN_TYPE(DescribeGroupsRequest);
HOLDFAST_GOLDEN_TYPE(DescribeGroupsResponse);
HOLDFAST_GOLDEN_TYPE(ListGroupsRequest);
HOLDFAST_GOLDEN_TYPE(ListGroupsResponse);
HOLDFAST_GOLDEN_TYPE(DeleteGroupsRequest);
HOLDFAST_GOLDEN_TYPE(DeleteGroupsResponse);
HOLDFAST_GOLDEN_TYPE(OffsetDeleteRequest);
HOLDFAST_GOLDEN_TYPE(OffsetDeleteResponse);

HOLDFAST_GOLDEN_TYPE(ApiVersionsRequest);
HOLDFAST_GOLDEN_TYPE(ApiVersionsResponse);

HOLDFAST_GOLDEN_TYPE(SaslHandshakeRequest);
HOLDFAST_GOLDEN_TYPE(SaslHandshakeResponse);
HOLDFAST_GOLDEN_TYPE(SaslAuthenticateRequest);
HOLDFAST_GOLDEN_TYPE(SaslAuthenticateResponse);

HOLDFAST_GOLDEN_TYPE(CreateTopicsRequest);
HOLDFAST_GOLDEN_TYPE(CreateTopicsResponse);
HOLDFAST_GOLDEN_TYPE(DeleteTopicsRequest);
HOLDFAST_GOLDEN_TYPE(DeleteTopicsResponse);
HOLDFAST_GOLDEN_TYPE(CreatePartitionsRequest);
HOLDFAST_GOLDEN_TYPE(CreatePartitionsResponse);
HOLDFAST_GOLDEN_TYPE(ElectLeadersRequest);
HOLDFAST_GOLDEN_TYPE(ElectLeadersResponse);
HOLDFAST_GOLDEN_TYPE(AlterPartitionReassignmentsRequest);
HOLDFAST_GOLDEN_TYPE(AlterPartitionReassignmentsResponse);
HOLDFAST_GOLDEN_TYPE(ListPartitionReassignmentsRequest);
HOLDFAST_GOLDEN_TYPE(ListPartitionReassignmentsResponse);

HOLDFAST_GOLDEN_TYPE(InitProducerIdRequest);
HOLDFAST_GOLDEN_TYPE(InitProducerIdResponse);
HOLDFAST_GOLDEN_TYPE(AddPartitionsToTxnRequest);
HOLDFAST_GOLDEN_TYPE(AddPartitionsToTxnResponse);
HOLDFAST_GOLDEN_TYPE(AddOffsetsToTxnRequest);
HOLDFAST_GOLDEN_TYPE(AddOffsetsToTxnResponse);
HOLDFAST_GOLDEN_TYPE(EndTxnRequest);
HOLDFAST_GOLDEN_TYPE(EndTxnResponse);
HOLDFAST_GOLDEN_TYPE(WriteTxnMarkersRequest);
HOLDFAST_GOLDEN_TYPE(WriteTxnMarkersResponse);
HOLDFAST_GOLDEN_TYPE(TxnOffsetCommitRequest);
HOLDFAST_GOLDEN_TYPE(TxnOffsetCommitResponse);

HOLDFAST_GOLDEN_TYPE(DescribeProducersRequest);
HOLDFAST_GOLDEN_TYPE(DescribeProducersResponse);
HOLDFAST_GOLDEN_TYPE(DescribeTransactionsRequest);
HOLDFAST_GOLDEN_TYPE(DescribeTransactionsResponse);
HOLDFAST_GOLDEN_TYPE(ListTransactionsRequest);
HOLDFAST_GOLDEN_TYPE(ListTransactionsResponse);

HOLDFAST_GOLDEN_TYPE(LegacyOffsetCommitKey);
HOLDFAST_GOLDEN_TYPE(LegacyOffsetCommitValue);
HOLDFAST_GOLDEN_TYPE(OffsetCommitKey);
HOLDFAST_GOLDEN_TYPE(OffsetCommitValue);
HOLDFAST_GOLDEN_TYPE(GroupMetadataKey);
HOLDFAST_GOLDEN_TYPE(GroupMetadataValue);

HOLDFAST_GOLDEN_TYPE(ConsumerGroupMetadataKey);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupMetadataValue);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupPartitionMetadataKey);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupPartitionMetadataValue);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupMemberMetadataKey);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupMemberMetadataValue);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupTargetAssignmentMetadataKey);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupTargetAssignmentMetadataValue);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupTargetAssignmentMemberKey);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupTargetAssignmentMemberValue);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupCurrentMemberAssignmentKey);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupCurrentMemberAssignmentValue);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupRegularExpressionKey);
HOLDFAST_GOLDEN_TYPE(ConsumerGroupRegularExpressionValue);

HOLDFAST_GOLDEN_TYPE(ShareGroupMemberMetadataKey);
HOLDFAST_GOLDEN_TYPE(ShareGroupMemberMetadataValue);
HOLDFAST_GOLDEN_TYPE(ShareGroupMetadataKey);
HOLDFAST_GOLDEN_TYPE(ShareGroupMetadataValue);
HOLDFAST_GOLDEN_TYPE(ShareGroupTargetAssignmentMetadataKey);
HOLDFAST_GOLDEN_TYPE(ShareGroupTargetAssignmentMetadataValue);
HOLDFAST_GOLDEN_TYPE(ShareGroupTargetAssignmentMemberKey);
HOLDFAST_GOLDEN_TYPE(ShareGroupTargetAssignmentMemberValue);
HOLDFAST_GOLDEN_TYPE(ShareGroupCurrentMemberAssignmentKey);
HOLDFAST_GOLDEN_TYPE(ShareGroupCurrentMemberAssignmentValue);
HOLDFAST_GOLDEN_TYPE(ShareGroupStatePartitionMetadataKey);
HOLDFAST_GOLDEN_TYPE(ShareGroupStatePartitionMetadataValue);

HOLDFAST_GOLDEN_TYPE(StreamsGroupMetadataKey);
HOLDFAST_GOLDEN_TYPE(StreamsGroupMetadataValue);
HOLDFAST_GOLDEN_TYPE(StreamsGroupMemberMetadataKey);
HOLDFAST_GOLDEN_TYPE(StreamsGroupMemberMetadataValue);
HOLDFAST_GOLDEN_TYPE(StreamsGroupTargetAssignmentMetadataKey);
HOLDFAST_GOLDEN_TYPE(StreamsGroupTargetAssignmentMetadataValue);
HOLDFAST_GOLDEN_TYPE(StreamsGroupTargetAssignmentMemberKey);
HOLDFAST_GOLDEN_TYPE(StreamsGroupTargetAssignmentMemberValue);
HOLDFAST_GOLDEN_TYPE(StreamsGroupCurrentMemberAssignmentKey);
HOLDFAST_GOLDEN_TYPE(StreamsGroupCurrentMemberAssignmentValue);
HOLDFAST_GOLDEN_TYPE(StreamsGroupTopologyKey);
HOLDFAST_GOLDEN_TYPE(StreamsGroupTopologyValue);

HOLDFAST_GOLDEN_TYPE(TransactionLogKey);
HOLDFAST_GOLDEN_TYPE(TransactionLogValue);

HOLDFAST_GOLDEN_TYPE(ConsumerProtocolSubscription);
HOLDFAST_GOLDEN_TYPE(ConsumerProtocolAssignment);

HOLDFAST_GOLDEN_TYPE(ControlRecordTypeSchema);
HOLDFAST_GOLDEN_TYPE(EndTxnMarker);
HOLDFAST_GOLDEN_TYPE(LeaderChangeMessage);
HOLDFAST_GOLDEN_TYPE(SnapshotHeaderRecord);
HOLDFAST_GOLDEN_TYPE(SnapshotFooterRecord);
HOLDFAST_GOLDEN_TYPE(KRaftVersionRecord);
HOLDFAST_GOLDEN_TYPE(VotersRecord);

HOLDFAST_GOLDEN_TYPE(ProducerSnapshot);
HOLDFAST_GOLDEN_TYPE(AbortedTxn);
