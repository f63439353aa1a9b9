#include "wire/kafka/acls.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(DescribeAclsRequest);
HOLDFAST_KAFKA_MESSAGE(DescribeAclsResponse);
HOLDFAST_KAFKA_MESSAGE(CreateAclsRequest);
HOLDFAST_KAFKA_MESSAGE(CreateAclsResponse);
HOLDFAST_KAFKA_MESSAGE(DeleteAclsRequest);
HOLDFAST_KAFKA_MESSAGE(DeleteAclsResponse);

}  // namespace holdfast::wire
