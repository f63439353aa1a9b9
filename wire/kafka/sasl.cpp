#include "wire/kafka/sasl.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(SaslHandshakeRequest);
HOLDFAST_KAFKA_MESSAGE(SaslHandshakeResponse);
HOLDFAST_KAFKA_MESSAGE(SaslAuthenticateRequest);
HOLDFAST_KAFKA_MESSAGE(SaslAuthenticateResponse);

}  // namespace holdfast::wire
