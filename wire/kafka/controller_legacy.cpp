#include "wire/kafka/controller_legacy.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(LeaderAndIsrRequest);
HOLDFAST_KAFKA_MESSAGE(LeaderAndIsrResponse);
HOLDFAST_KAFKA_MESSAGE(StopReplicaRequest);
HOLDFAST_KAFKA_MESSAGE(StopReplicaResponse);
HOLDFAST_KAFKA_MESSAGE(UpdateMetadataRequest);
HOLDFAST_KAFKA_MESSAGE(UpdateMetadataResponse);
HOLDFAST_KAFKA_MESSAGE(ControlledShutdownRequest);
HOLDFAST_KAFKA_MESSAGE(ControlledShutdownResponse);

}  // namespace holdfast::wire
