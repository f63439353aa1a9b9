#include "wire/kafka/share_state.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(InitializeShareGroupStateRequest);
HOLDFAST_KAFKA_MESSAGE(InitializeShareGroupStateResponse);
HOLDFAST_KAFKA_MESSAGE(ReadShareGroupStateRequest);
HOLDFAST_KAFKA_MESSAGE(ReadShareGroupStateResponse);
HOLDFAST_KAFKA_MESSAGE(WriteShareGroupStateRequest);
HOLDFAST_KAFKA_MESSAGE(WriteShareGroupStateResponse);
HOLDFAST_KAFKA_MESSAGE(DeleteShareGroupStateRequest);
HOLDFAST_KAFKA_MESSAGE(DeleteShareGroupStateResponse);
HOLDFAST_KAFKA_MESSAGE(ReadShareGroupStateSummaryRequest);
HOLDFAST_KAFKA_MESSAGE(ReadShareGroupStateSummaryResponse);

}  // namespace holdfast::wire
