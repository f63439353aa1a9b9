#include "wire/kafka/fetch.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(FetchRequest);
HOLDFAST_KAFKA_MESSAGE(FetchResponse);

}  // namespace holdfast::wire
