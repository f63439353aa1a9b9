#include "wire/kafka/offsets.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(ListOffsetsRequest);
HOLDFAST_KAFKA_MESSAGE(ListOffsetsResponse);
HOLDFAST_KAFKA_MESSAGE(OffsetForLeaderEpochRequest);
HOLDFAST_KAFKA_MESSAGE(OffsetForLeaderEpochResponse);
HOLDFAST_KAFKA_MESSAGE(DeleteRecordsRequest);
HOLDFAST_KAFKA_MESSAGE(DeleteRecordsResponse);

}  // namespace holdfast::wire
