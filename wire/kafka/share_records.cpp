#include "wire/kafka/share_records.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(ShareSnapshotKey);
HOLDFAST_KAFKA_MESSAGE(ShareSnapshotValue);
HOLDFAST_KAFKA_MESSAGE(ShareUpdateKey);
HOLDFAST_KAFKA_MESSAGE(ShareUpdateValue);

}  // namespace holdfast::wire
