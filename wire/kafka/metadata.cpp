#include "wire/kafka/metadata.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(MetadataRequest);
HOLDFAST_KAFKA_MESSAGE(MetadataResponse);
HOLDFAST_KAFKA_MESSAGE(DescribeClusterRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeClusterResponse);
HOLDFAST_KAFKA_MESSAGE(DescribeTopicPartitionsRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeTopicPartitionsResponse);

}  // namespace holdfast::wire
