#include "wire/kafka/headers.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(RequestHeader);
HOLDFAST_KAFKA_MESSAGE(ResponseHeader);

}  // namespace holdfast::wire
