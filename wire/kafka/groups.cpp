#include "wire/kafka/groups.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(OffsetCommitRequest);
HOLDFAST_KAFKA_MESSAGE(OffsetCommitResponse);
HOLDFAST_KAFKA_MESSAGE(OffsetFetchRequest);
HOLDFAST_KAFKA_MESSAGE(OffsetFetchResponse);
HOLDFAST_KAFKA_MESSAGE(FindCoordinatorRequest);
HOLDFAST_KAFKA_MESSAGE(FindCoordinatorResponse);
HOLDFAST_KAFKA_MESSAGE(JoinGroupRequest);
HOLDFAST_KAFKA_MESSAGE(JoinGroupResponse);
HOLDFAST_KAFKA_MESSAGE(HeartbeatRequest);
HOLDFAST_KAFKA_MESSAGE(HeartbeatResponse);
HOLDFAST_KAFKA_MESSAGE(LeaveGroupRequest);
HOLDFAST_KAFKA_MESSAGE(LeaveGroupResponse);
HOLDFAST_KAFKA_MESSAGE(SyncGroupRequest);
HOLDFAST_KAFKA_MESSAGE(SyncGroupResponse);

}  // namespace holdfast::wire
