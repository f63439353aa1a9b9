#include "wire/kafka/configs.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(DescribeConfigsRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeConfigsResponse);
HOLDFAST_KAFKA_MESSAGE(AlterConfigsRequest);
HOLDFAST_KAFKA_MESSAGE(AlterConfigsResponse);
HOLDFAST_KAFKA_MESSAGE(IncrementalAlterConfigsRequest);
HOLDFAST_KAFKA_MESSAGE(IncrementalAlterConfigsResponse);
HOLDFAST_KAFKA_MESSAGE(ListConfigResourcesRequest);
HOLDFAST_KAFKA_MESSAGE(ListConfigResourcesResponse);
HOLDFAST_KAFKA_MESSAGE(ListClientMetricsResourcesRequest);
HOLDFAST_KAFKA_MESSAGE(ListClientMetricsResourcesResponse);

}  // namespace holdfast::wire
