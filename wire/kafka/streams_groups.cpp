#include "wire/kafka/streams_groups.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(StreamsGroupHeartbeatRequest);
HOLDFAST_KAFKA_MESSAGE(StreamsGroupHeartbeatResponse);
HOLDFAST_KAFKA_MESSAGE(StreamsGroupDescribeRequest);
HOLDFAST_KAFKA_MESSAGE(StreamsGroupDescribeResponse);
HOLDFAST_KAFKA_MESSAGE(StreamsGroupTopologyDescriptionUpdateRequest);
HOLDFAST_KAFKA_MESSAGE(StreamsGroupTopologyDescriptionUpdateResponse);

}  // namespace holdfast::wire
