#include "wire/kafka/share_groups.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(ShareGroupHeartbeatRequest);
HOLDFAST_KAFKA_MESSAGE(ShareGroupHeartbeatResponse);
HOLDFAST_KAFKA_MESSAGE(ShareGroupDescribeRequest);
HOLDFAST_KAFKA_MESSAGE(ShareGroupDescribeResponse);
HOLDFAST_KAFKA_MESSAGE(ShareFetchRequest);
HOLDFAST_KAFKA_MESSAGE(ShareFetchResponse);
HOLDFAST_KAFKA_MESSAGE(ShareAcknowledgeRequest);
HOLDFAST_KAFKA_MESSAGE(ShareAcknowledgeResponse);
HOLDFAST_KAFKA_MESSAGE(DescribeShareGroupOffsetsRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeShareGroupOffsetsResponse);
HOLDFAST_KAFKA_MESSAGE(AlterShareGroupOffsetsRequest);
HOLDFAST_KAFKA_MESSAGE(AlterShareGroupOffsetsResponse);
HOLDFAST_KAFKA_MESSAGE(DeleteShareGroupOffsetsRequest);
HOLDFAST_KAFKA_MESSAGE(DeleteShareGroupOffsetsResponse);

}  // namespace holdfast::wire
