#include "wire/kafka/consumer_groups.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(ConsumerGroupHeartbeatRequest);
HOLDFAST_KAFKA_MESSAGE(ConsumerGroupHeartbeatResponse);
HOLDFAST_KAFKA_MESSAGE(ConsumerGroupDescribeRequest);
HOLDFAST_KAFKA_MESSAGE(ConsumerGroupDescribeResponse);

}  // namespace holdfast::wire
