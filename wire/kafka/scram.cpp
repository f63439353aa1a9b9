#include "wire/kafka/scram.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(DescribeUserScramCredentialsRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeUserScramCredentialsResponse);
HOLDFAST_KAFKA_MESSAGE(AlterUserScramCredentialsRequest);
HOLDFAST_KAFKA_MESSAGE(AlterUserScramCredentialsResponse);

}  // namespace holdfast::wire
