#include "wire/kafka/log_dirs.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(AlterReplicaLogDirsRequest);
HOLDFAST_KAFKA_MESSAGE(AlterReplicaLogDirsResponse);
HOLDFAST_KAFKA_MESSAGE(DescribeLogDirsRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeLogDirsResponse);

}  // namespace holdfast::wire
