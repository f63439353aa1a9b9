#include "wire/kafka/group_records.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(LegacyOffsetCommitKey);
HOLDFAST_KAFKA_MESSAGE(LegacyOffsetCommitValue);
HOLDFAST_KAFKA_MESSAGE(OffsetCommitKey);
HOLDFAST_KAFKA_MESSAGE(OffsetCommitValue);
HOLDFAST_KAFKA_MESSAGE(GroupMetadataKey);
HOLDFAST_KAFKA_MESSAGE(GroupMetadataValue);

}  // namespace holdfast::wire
