#include "wire/kafka/telemetry.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(GetTelemetrySubscriptionsRequest);
HOLDFAST_KAFKA_MESSAGE(GetTelemetrySubscriptionsResponse);
HOLDFAST_KAFKA_MESSAGE(PushTelemetryRequest);
HOLDFAST_KAFKA_MESSAGE(PushTelemetryResponse);

}  // namespace holdfast::wire
