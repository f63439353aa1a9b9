#include "wire/kafka/quotas.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(DescribeClientQuotasRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeClientQuotasResponse);
HOLDFAST_KAFKA_MESSAGE(AlterClientQuotasRequest);
HOLDFAST_KAFKA_MESSAGE(AlterClientQuotasResponse);

}  // namespace holdfast::wire
