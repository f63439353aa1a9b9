#include "wire/kafka/produce.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(ProduceRequest);
HOLDFAST_KAFKA_MESSAGE(ProduceResponse);

}  // namespace holdfast::wire
