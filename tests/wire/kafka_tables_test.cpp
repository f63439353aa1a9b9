#include <gtest/gtest.h>

#include "wire/kafka/api.h"
#include "wire/kafka/errors.h"
#include "wire/kafka/headers.h"

namespace holdfast::wire {
namespace {

TEST(KafkaErrors, SayNameTextAndWhetherToRetry) {
  EXPECT_EQ(error_name(ErrorCode::not_leader_or_follower), "NOT_LEADER_OR_FOLLOWER");
  EXPECT_EQ(error_message(ErrorCode::request_timed_out), "The request timed out.");
  EXPECT_TRUE(error_is_retriable(ErrorCode::coordinator_load_in_progress));
  EXPECT_FALSE(error_is_retriable(ErrorCode::rebalance_in_progress));
  EXPECT_EQ(error_name(ErrorCode::none), "NONE");
  EXPECT_EQ(error_message(ErrorCode::none), "");
  EXPECT_EQ(to_wire(ErrorCode::controller_id_not_registered), 136);
}

// What a newer peer may send.
TEST(KafkaErrors, ACodeNobodyKnowsIsAnUnknownServerError) {
  for (const int code : {137, -2, 32767, -32768}) {
    EXPECT_EQ(error_name(static_cast<ErrorCode>(code)), "UNKNOWN_SERVER_ERROR") << code;
    EXPECT_FALSE(error_is_retriable(static_cast<ErrorCode>(code)));
  }
}

TEST(KafkaApis, AreFoundByKey) {
  ASSERT_TRUE(api_declaration(ApiKey::describe_cluster));
  EXPECT_EQ(api_declaration(ApiKey::describe_cluster)->name, "DescribeCluster");
  EXPECT_EQ(api_declaration(ApiKey::describe_cluster)->api.key, 60);
  EXPECT_FALSE(api_declaration(-1));
  EXPECT_FALSE(api_declaration(95));
  EXPECT_FALSE(api_declaration(32767));
}

TEST(KafkaApis, TellTheHeaderVersions) {
  const Api& fetch = api_declaration(ApiKey::fetch)->api;
  EXPECT_EQ(request_header_version(fetch, 11), 1);
  EXPECT_EQ(request_header_version(fetch, 12), 2);
  EXPECT_EQ(response_header_version(fetch, 11), 0);
  EXPECT_EQ(response_header_version(fetch, 12), 1);
  // Flexible itself, but answered to clients that know nothing yet.
  EXPECT_EQ(request_header_version(api_declaration(ApiKey::api_versions)->api, 3), 2);
  EXPECT_EQ(response_header_version(api_declaration(ApiKey::api_versions)->api, 3), 0);
  EXPECT_EQ(request_header_version(api_declaration(ApiKey::controlled_shutdown)->api, 0), 0);
  // Never flexible.
  EXPECT_EQ(request_header_version(api_declaration(ApiKey::sasl_handshake)->api, 1), 1);
}

}  // namespace
}  // namespace holdfast::wire
