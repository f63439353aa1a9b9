#include "wire/kafka/replica_report.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(ReplicaReport);

}  // namespace holdfast::wire
