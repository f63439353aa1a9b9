#include "wire/kafka/transaction_records.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(TransactionLogKey);
HOLDFAST_KAFKA_MESSAGE(TransactionLogValue);

}  // namespace holdfast::wire
