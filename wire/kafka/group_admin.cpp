#include "wire/kafka/group_admin.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(DescribeGroupsRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeGroupsResponse);
HOLDFAST_KAFKA_MESSAGE(ListGroupsRequest);
HOLDFAST_KAFKA_MESSAGE(ListGroupsResponse);
HOLDFAST_KAFKA_MESSAGE(DeleteGroupsRequest);
HOLDFAST_KAFKA_MESSAGE(DeleteGroupsResponse);
HOLDFAST_KAFKA_MESSAGE(OffsetDeleteRequest);
HOLDFAST_KAFKA_MESSAGE(OffsetDeleteResponse);

}  // namespace holdfast::wire
