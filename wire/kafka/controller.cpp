#include "wire/kafka/controller.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(AlterPartitionRequest);
HOLDFAST_KAFKA_MESSAGE(AlterPartitionResponse);
HOLDFAST_KAFKA_MESSAGE(UpdateFeaturesRequest);
HOLDFAST_KAFKA_MESSAGE(UpdateFeaturesResponse);
HOLDFAST_KAFKA_MESSAGE(EnvelopeRequest);
HOLDFAST_KAFKA_MESSAGE(EnvelopeResponse);
HOLDFAST_KAFKA_MESSAGE(DefaultPrincipalData);
HOLDFAST_KAFKA_MESSAGE(BrokerRegistrationRequest);
HOLDFAST_KAFKA_MESSAGE(BrokerRegistrationResponse);
HOLDFAST_KAFKA_MESSAGE(BrokerHeartbeatRequest);
HOLDFAST_KAFKA_MESSAGE(BrokerHeartbeatResponse);
HOLDFAST_KAFKA_MESSAGE(UnregisterBrokerRequest);
HOLDFAST_KAFKA_MESSAGE(UnregisterBrokerResponse);
HOLDFAST_KAFKA_MESSAGE(AllocateProducerIdsRequest);
HOLDFAST_KAFKA_MESSAGE(AllocateProducerIdsResponse);
HOLDFAST_KAFKA_MESSAGE(ControllerRegistrationRequest);
HOLDFAST_KAFKA_MESSAGE(ControllerRegistrationResponse);
HOLDFAST_KAFKA_MESSAGE(AssignReplicasToDirsRequest);
HOLDFAST_KAFKA_MESSAGE(AssignReplicasToDirsResponse);
HOLDFAST_KAFKA_MESSAGE(UnregisterControllerRequest);
HOLDFAST_KAFKA_MESSAGE(UnregisterControllerResponse);

}  // namespace holdfast::wire
