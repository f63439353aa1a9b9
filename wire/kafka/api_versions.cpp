#include "wire/kafka/api_versions.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(ApiVersionsRequest);
HOLDFAST_KAFKA_MESSAGE(ApiVersionsResponse);

}  // namespace holdfast::wire
