#include "wire/kafka/consumer_protocol.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(ConsumerProtocolSubscription);
HOLDFAST_KAFKA_MESSAGE(ConsumerProtocolAssignment);

}  // namespace holdfast::wire
