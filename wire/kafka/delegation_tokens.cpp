#include "wire/kafka/delegation_tokens.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(CreateDelegationTokenRequest);
HOLDFAST_KAFKA_MESSAGE(CreateDelegationTokenResponse);
HOLDFAST_KAFKA_MESSAGE(RenewDelegationTokenRequest);
HOLDFAST_KAFKA_MESSAGE(RenewDelegationTokenResponse);
HOLDFAST_KAFKA_MESSAGE(ExpireDelegationTokenRequest);
HOLDFAST_KAFKA_MESSAGE(ExpireDelegationTokenResponse);
HOLDFAST_KAFKA_MESSAGE(DescribeDelegationTokenRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeDelegationTokenResponse);

}  // namespace holdfast::wire
