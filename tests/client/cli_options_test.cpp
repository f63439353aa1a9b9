// Options that contradict one another, or name nothing; and how verbs end that are cut short: by their readers, by
// Ctrl-C.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/embedded_node.h"
#include "tests/client/cli_process.h"

namespace holdfast::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class CliOptions : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    EmbeddedOptions options;
    options.storage = EmbeddedOptions::Storage::temporary;  // so that its files can be dumped
    auto started = EmbeddedNode::start(options);
    if (!started) throw std::runtime_error(started.error().message);
    node_ = std::move(*started);
  }
  static void TearDownTestSuite() { node_.reset(); }

  static Environment environment() {
    Environment environment = clean_environment();
    environment["HOLDFAST_BOOTSTRAP_SERVER"] = node_->bootstrap_servers();
    environment["HOLDFAST_ZOOKEEPER"] = node_->zookeeper();
    return environment;
  }
  // A line of sh, without "holdfast".
  static CommandOutcome run(const std::string& line) { return run_shell("holdfast " + line, environment(), 20); }

  static std::unique_ptr<EmbeddedNode> node_;
};
std::unique_ptr<EmbeddedNode> CliOptions::node_;

TEST_F(CliOptions, WhatGoesUnheardBesideAnotherIsRefused) {
  ASSERT_EQ(run("topic create beside -p 1").code, 0);
  for (const char* line : {"consume beside --until 3 -e", "consume beside --until @now -e -g g",
                           "consume beside -e -f %s -o json", "consume beside -e -K : -o json",
                           "consume beside -e -f %s -K :", "produce beside --whole -K :", "produce beside --whole -D ,",
                           "produce beside --json -K :", "produce beside --json -k x"}) {
    const CommandOutcome outcome = run(std::string(line) + " < /dev/null");
    EXPECT_EQ(outcome.code, 2) << line << ": " << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("holdfast: --")) << line;
  }
  EXPECT_EQ(run("offsets beside -o json | grep '\"end\": 0'").code, 0) << "nothing was written";
  for (const char* line :
       {"consume beside --until end -e", "consume beside -e -f %s -o text", "consume beside -e -K :"})
    EXPECT_EQ(run(line).code, 0) << line;
}

TEST_F(CliOptions, WhatHasANameHasNotAnEmptyOne) {
  for (const char* line : {"consume t -g ''", "group describe ''", "group delete '' --yes", "group delete g '' --yes",
                           "group reset '' --topic t --to-latest", "produce t -K ''", "config explain ''"}) {
    const CommandOutcome outcome = run(std::string(line) + " < /dev/null");
    EXPECT_EQ(outcome.code, 2) << line;
    EXPECT_THAT(outcome.output, HasSubstr("it is empty")) << line;
  }
}

TEST_F(CliOptions, ADayThatIsNoneIsNoTime) {
  ASSERT_EQ(run("topic create days -p 1").code, 0);
  for (const char* day : {"2026-02-30", "2026-02-29", "2026-04-31T12:00"}) {
    EXPECT_EQ(run(std::string("consume days -e --from @") + day).code, 2) << day;
    EXPECT_EQ(run(std::string("offsets days --at ") + day).code, 2) << day;
  }
  for (const char* day : {"2024-02-29", "2025-12-31T23:59:60Z"})
    EXPECT_EQ(run(std::string("consume days -e --from @") + day).code, 0) << day;
}

TEST_F(CliOptions, AResetSaysWhatIsWrongWithWhatItWasGiven) {
  ASSERT_EQ(run("topic create resets -p 1").code, 0);
  EXPECT_THAT(run("group reset r --topic resets --by-duration -2h").output,
              HasSubstr("--by-duration '-2h' is no duration"));
  EXPECT_THAT(run("group reset r --topic resets --to-datetime soon").output,
              HasSubstr("--to-datetime 'soon' is no time"));
  const CommandOutcome empty = run("group reset r --from-file /dev/null");
  EXPECT_EQ(empty.code, 2);
  EXPECT_THAT(empty.output, HasSubstr("/dev/null: there are no lines topic,partition,offset in it"));
  const CommandOutcome input =
      run_shell("echo resets,0,0 | holdfast group reset r --from-file - --export", environment());
  EXPECT_EQ(input.code, 0);
  EXPECT_EQ(input.output, "resets,0,0\n");
}

TEST_F(CliOptions, ATopicHasNoSettingThatNobodyKnows) {
  ASSERT_EQ(run("topic create settings -p 1").code, 0);
  for (const char* change : {"--unset nope.key", "--unset nope.key --dry-run", "--set nope.key=1"}) {
    const CommandOutcome outcome = run(std::string("topic alter settings ") + change);
    EXPECT_EQ(outcome.code, 4) << change;
    EXPECT_THAT(outcome.output, HasSubstr("holdfast: there is no setting nope.key of topics")) << change;
  }
  EXPECT_THAT(run("topic alter settings --unset retention.mss").output, HasSubstr("did you mean retention.ms?"));
  EXPECT_EQ(run("topic alter settings --unset retention.ms").code, 0);
  EXPECT_THAT(run("topic create never --dry-run -o json").output, HasSubstr("\"id\": null"));
}

TEST_F(CliOptions, APartOfANameExplainsWhatHasIt) {
  const CommandOutcome few = run("config explain in.insync");
  EXPECT_EQ(few.code, 0);
  EXPECT_THAT(few.output, AllOf(HasSubstr("min.insync.replicas"), HasSubstr("a topic (Kafka)"),
                                HasSubstr("server.properties (Kafka)")));
  const CommandOutcome many = run("config explain retention");
  EXPECT_EQ(many.code, 0);
  EXPECT_THAT(many.output, AllOf(HasSubstr("\nretention.ms\n"), Not(HasSubstr("DOCUMENT"))));
  EXPECT_EQ(run("config explain retention | sort | uniq -d").output, "");
  EXPECT_EQ(run("config explain no-such-part").code, 4);
}

TEST_F(CliOptions, AMemberWhoseReaderHasGoneLeavesItsGroup) {
  ASSERT_EQ(run("topic create ghosts -p 1").code, 0);
  ASSERT_EQ(run_shell("seq 1 100000 | holdfast produce ghosts", environment()).code, 0);
  const CommandOutcome cut =
      run_shell("{ holdfast consume ghosts -g ghosts; echo code $? >&2; } | head -n 1", environment(), 20);
  EXPECT_THAT(cut.output, AllOf(HasSubstr("1\n"), HasSubstr("code 141"), Not(HasSubstr("holdfast:"))));
  const CommandOutcome group = run("group describe ghosts -o json");
  EXPECT_THAT(group.output, HasSubstr("\"members\": 0"));
  EXPECT_THAT(group.output, Not(HasSubstr("\"offset\": 100000")));
}

TEST_F(CliOptions, ADumpEndsWithItsReader) {
  ASSERT_EQ(run("topic create dumped -p 1").code, 0);
  ASSERT_EQ(run_shell("seq 1 100000 | holdfast produce dumped", environment()).code, 0);
  const std::string log = node_->directory() + "/dumped-0/00000000000000000000.log";
  const CommandOutcome cut =
      run_shell("{ holdfast log dump --print-data-log " + log + "; echo code $? >&2; } | head -n 1", environment(), 20);
  EXPECT_EQ(cut.output, "Dumping " + log + "\ncode 141\n");
  const CommandOutcome full = run("log dump " + log + " > /dev/full");
  EXPECT_EQ(full.code, 1);
  EXPECT_EQ(full.output, "holdfast: standard output: No space left on device\n");
  for (const char* file : {"/nonexistent", "/nonexistent/00000000000000000000.log"}) {
    const CommandOutcome absent = run(std::string("log dump ") + file);
    EXPECT_EQ(absent.code, 4) << file;
    EXPECT_THAT(absent.output, HasSubstr("No such file or directory")) << file;
  }
}

TEST_F(CliOptions, AMeasurementThatIsInterruptedSaysWhatItHas) {
  TerminalSession terminal({"perf", "produce", "interrupted", "--rate", "100", "--duration", "60s"}, environment());
  ASSERT_TRUE(terminal.expect(" sent"));
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait(), 130);
  EXPECT_THAT(terminal.screen(), HasSubstr("RECORDS-PER-SECOND"));
}

}  // namespace
}  // namespace holdfast::test
