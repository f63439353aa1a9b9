// The programs in client/examples, each run against a node.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "broker/embedded_node.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

struct Ran {
  int status;
  std::string out;  // and what it complained of
};

Ran run(const std::string& arguments) {
  const std::string command = fmt::format("{}/example_{} 2>&1", HOLDFAST_EXAMPLES, arguments);
  Ran ran{-1, ""};
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return ran;
  std::array<char, 4096> piece;
  while (const std::size_t n = std::fread(piece.data(), 1, piece.size(), pipe)) ran.out.append(piece.data(), n);
  ran.status = ::pclose(pipe);
  return ran;
}

class ExamplesTest : public testing::Test {
 protected:
  ExamplesTest() : node_(EmbeddedNode::start().value()) {}
  std::string kafka() const { return node_->bootstrap_servers(); }

  std::unique_ptr<EmbeddedNode> node_;
};

TEST_F(ExamplesTest, ProduceAndConsume) {
  const Ran produced = run(fmt::format("produce {} greetings hello there", kafka()));
  EXPECT_EQ(produced.status, 0) << produced.out;
  EXPECT_EQ(produced.out, "greetings-0 @0\ngreetings-0 @1\n");
  const Ran consumed = run(fmt::format("consume {} greetings readers 2", kafka()));
  EXPECT_EQ(consumed.status, 0) << consumed.out;
  EXPECT_EQ(consumed.out, "greetings-0 @0 hello\ngreetings-0 @1 there\n");
}

TEST_F(ExamplesTest, Blocking) {
  const Ran ran = run(fmt::format("blocking {} numbers 3", kafka()));
  EXPECT_EQ(ran.status, 0) << ran.out;
  EXPECT_EQ(ran.out, "record 0\nrecord 1\nrecord 2\n");
}

TEST_F(ExamplesTest, Lock) {
  const Ran ran = run(fmt::format("lock {} /locks/example", node_->zookeeper()));
  EXPECT_EQ(ran.status, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("/locks/example is ours"));
}

TEST_F(ExamplesTest, Embedded) {
  const Ran ran = run("embedded");
  EXPECT_EQ(ran.status, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("greetings-0 @0\nbroker 1\n"));
}

TEST_F(ExamplesTest, WrongArgumentsAreExplained) {
  EXPECT_THAT(run("produce").out, HasSubstr("usage"));
  EXPECT_THAT(run("produce not:a:list t v").out, HasSubstr("not:a:list"));
}

}  // namespace
}  // namespace holdfast::test
