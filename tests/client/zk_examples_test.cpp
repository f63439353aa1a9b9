// The programs client/examples/zk_*.cpp, each run against a node.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/embedded_node.h"
#include "tests/client/cli_process.h"

namespace holdfast::test {
namespace {

TEST(ZkExamples, ElectionAndDiscovery) {
  const auto node = EmbeddedNode::start().value();
  const auto run = [&](const std::string& arguments) {
    return run_shell(fmt::format("{}/example_{}", HOLDFAST_EXAMPLES, arguments), clean_environment());
  };
  const CommandOutcome election = run(fmt::format("zk_election {} /leader me", node->zookeeper()));
  EXPECT_EQ(election.code, 0);
  EXPECT_EQ(election.output, "me leads\nme leads no more\n");
  const CommandOutcome discovery = run(fmt::format("zk_discovery {} /services web 10.0.0.1", node->zookeeper()));
  EXPECT_EQ(discovery.code, 0);
  EXPECT_EQ(discovery.output, "web is at 10.0.0.1\n");
}

}  // namespace
}  // namespace holdfast::test
