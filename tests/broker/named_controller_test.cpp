// Whom clients are told to send administrative requests to.
#include <gtest/gtest.h>

#include "tests/broker/lone_broker.h"
#include "wire/kafka/metadata.h"

namespace holdfast::test {
namespace {

class NamedController : public testing::Test {
 protected:
  std::int32_t by_metadata() { return world_.ask<wire::MetadataResponse>(wire::MetadataRequest(), 12).controller_id; }
  std::int32_t by_describe_cluster() {
    return world_.ask<wire::DescribeClusterResponse>(wire::DescribeClusterRequest(), 1).controller_id;
  }

  LoneBroker world_;
};

TEST_F(NamedController, IsTheController) {
  world_.name_controller(2);
  EXPECT_EQ(by_metadata(), 2);
  EXPECT_EQ(by_describe_cluster(), 2);
}

// An admin client that hears of no controller may wait for one until its request times out.
TEST_F(NamedController, IsTheBrokerThatIsAskedWhereThereIsNone) {
  world_.name_controller(9);
  EXPECT_EQ(by_metadata(), 1);
  EXPECT_EQ(by_describe_cluster(), 1);
}

}  // namespace
}  // namespace holdfast::test
