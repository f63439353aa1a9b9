#include "wire/kafka/log_records.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(ProducerSnapshot);
HOLDFAST_KAFKA_MESSAGE(AbortedTxn);

}  // namespace holdfast::wire
