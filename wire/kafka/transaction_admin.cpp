#include "wire/kafka/transaction_admin.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(DescribeProducersRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeProducersResponse);
HOLDFAST_KAFKA_MESSAGE(DescribeTransactionsRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeTransactionsResponse);
HOLDFAST_KAFKA_MESSAGE(ListTransactionsRequest);
HOLDFAST_KAFKA_MESSAGE(ListTransactionsResponse);

}  // namespace holdfast::wire
