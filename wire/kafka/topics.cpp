#include "wire/kafka/topics.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(CreateTopicsRequest);
HOLDFAST_KAFKA_MESSAGE(CreateTopicsResponse);
HOLDFAST_KAFKA_MESSAGE(DeleteTopicsRequest);
HOLDFAST_KAFKA_MESSAGE(DeleteTopicsResponse);
HOLDFAST_KAFKA_MESSAGE(CreatePartitionsRequest);
HOLDFAST_KAFKA_MESSAGE(CreatePartitionsResponse);
HOLDFAST_KAFKA_MESSAGE(ElectLeadersRequest);
HOLDFAST_KAFKA_MESSAGE(ElectLeadersResponse);
HOLDFAST_KAFKA_MESSAGE(AlterPartitionReassignmentsRequest);
HOLDFAST_KAFKA_MESSAGE(AlterPartitionReassignmentsResponse);
HOLDFAST_KAFKA_MESSAGE(ListPartitionReassignmentsRequest);
HOLDFAST_KAFKA_MESSAGE(ListPartitionReassignmentsResponse);

}  // namespace holdfast::wire
