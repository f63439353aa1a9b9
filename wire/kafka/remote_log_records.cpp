#include "wire/kafka/remote_log_records.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(RemoteLogSegmentMetadataRecord);
HOLDFAST_KAFKA_MESSAGE(RemoteLogSegmentMetadataUpdateRecord);
HOLDFAST_KAFKA_MESSAGE(RemotePartitionDeleteMetadataRecord);
HOLDFAST_KAFKA_MESSAGE(RemoteLogSegmentMetadataSnapshotRecord);

}  // namespace holdfast::wire
