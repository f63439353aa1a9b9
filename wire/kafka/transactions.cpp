#include "wire/kafka/transactions.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(InitProducerIdRequest);
HOLDFAST_KAFKA_MESSAGE(InitProducerIdResponse);
HOLDFAST_KAFKA_MESSAGE(AddPartitionsToTxnRequest);
HOLDFAST_KAFKA_MESSAGE(AddPartitionsToTxnResponse);
HOLDFAST_KAFKA_MESSAGE(AddOffsetsToTxnRequest);
HOLDFAST_KAFKA_MESSAGE(AddOffsetsToTxnResponse);
HOLDFAST_KAFKA_MESSAGE(EndTxnRequest);
HOLDFAST_KAFKA_MESSAGE(EndTxnResponse);
HOLDFAST_KAFKA_MESSAGE(WriteTxnMarkersRequest);
HOLDFAST_KAFKA_MESSAGE(WriteTxnMarkersResponse);
HOLDFAST_KAFKA_MESSAGE(TxnOffsetCommitRequest);
HOLDFAST_KAFKA_MESSAGE(TxnOffsetCommitResponse);

}  // namespace holdfast::wire
