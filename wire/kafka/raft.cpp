#include "wire/kafka/raft.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(VoteRequest);
HOLDFAST_KAFKA_MESSAGE(VoteResponse);
HOLDFAST_KAFKA_MESSAGE(BeginQuorumEpochRequest);
HOLDFAST_KAFKA_MESSAGE(BeginQuorumEpochResponse);
HOLDFAST_KAFKA_MESSAGE(EndQuorumEpochRequest);
HOLDFAST_KAFKA_MESSAGE(EndQuorumEpochResponse);
HOLDFAST_KAFKA_MESSAGE(DescribeQuorumRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeQuorumResponse);
HOLDFAST_KAFKA_MESSAGE(FetchSnapshotRequest);
HOLDFAST_KAFKA_MESSAGE(FetchSnapshotResponse);
HOLDFAST_KAFKA_MESSAGE(AddRaftVoterRequest);
HOLDFAST_KAFKA_MESSAGE(AddRaftVoterResponse);
HOLDFAST_KAFKA_MESSAGE(RemoveRaftVoterRequest);
HOLDFAST_KAFKA_MESSAGE(RemoveRaftVoterResponse);
HOLDFAST_KAFKA_MESSAGE(UpdateRaftVoterRequest);
HOLDFAST_KAFKA_MESSAGE(UpdateRaftVoterResponse);
HOLDFAST_KAFKA_MESSAGE(QuorumStateData);

}  // namespace holdfast::wire
