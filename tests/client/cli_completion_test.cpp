// Completion of settings, and the scripts in the shells that are on the machine; `perf` with arguments that make no
// sense, and without anybody who tells the server's CPU.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "broker/embedded_node.h"
#include "tests/client/cli_process.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string candidates(std::vector<std::string> words) {
  words.insert(words.begin(), {"__complete", "--"});
  const CommandOutcome outcome = run_holdfast(words, clean_environment());
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.errors, "");
  return outcome.output;
}

TEST(CliCompletion, SettingsOfTopicsAndBrokersAreOffered) {
  EXPECT_EQ(candidates({"topic", "alter", "orders", "--set", "ret"}), "retention.bytes=\nretention.ms=\n");
  EXPECT_EQ(candidates({"topic", "alter", "orders", "--unset", "ret"}), "retention.bytes\nretention.ms\n");
  EXPECT_EQ(candidates({"topic", "create", "x", "-c", "seg"}),
            "segment.bytes=\nsegment.index.bytes=\nsegment.jitter.ms=\nsegment.ms=\n");
  EXPECT_EQ(candidates({"broker", "config", "1", "--set", "log.ret"}), "log.retention.bytes=\nlog.retention.ms=\n")
      << "those that are changed while it runs";
  EXPECT_EQ(candidates({"server", "--set", "log.retention.h"}), "log.retention.hours=\n");
  EXPECT_EQ(candidates({"server", "--set", "clientPortA"}), "clientPortAddress=\n");
  EXPECT_EQ(candidates({"config", "check", "--set", "tickT"}), "tickTime=\n");
  EXPECT_EQ(candidates({"topic", "alter", "orders", "--set", "retention.ms="}), "");
  EXPECT_EQ(candidates({"topic", "alter", "orders", "--set", "server."}), "");
}

TEST(CliCompletion, InBashASettingIsFollowedByItsValue) {
  const auto completed = [](const std::string& words, int last) {
    return run_shell(fmt::format("bash -c 'source <(holdfast completion bash); compopt() {{ echo compopt \"$@\"; }}; "
                                 "COMP_WORDS=({}); COMP_CWORD={}; _holdfast; echo \"${{COMPREPLY[@]}}\"'",
                                 words, last),
                     clean_environment())
        .output;
  };
  EXPECT_EQ(completed("holdfast topic alter x --set retention.m", 5), "compopt -o nospace\nretention.ms=\n");
  // Bash parts words at "=".
  EXPECT_EQ(completed("holdfast topic alter x --set retention.ms = \"\"", 7), "\n");
  EXPECT_EQ(completed("holdfast topic alter x --set retention.ms = 5 --unset retention.m", 9), "retention.ms\n");
  EXPECT_EQ(completed("holdfast nonsense \"\"", 2), "\n");
  EXPECT_EQ(completed("holdfast topic alter x --set = retention.m", 6), "compopt -o nospace\nretention.ms=\n");
  EXPECT_EQ(completed("holdfast topic list --output = j", 5), "json\n");
  EXPECT_EQ(completed("holdfast topic list --output =", 4), "json text wide yaml\n");
}

TEST(CliCompletion, ValuesBehindAnEqualsSignAreOffered) {
  EXPECT_EQ(candidates({"topic", "alter", "orders", "--set=retention.m"}), "--set=retention.ms=\n");
  EXPECT_EQ(candidates({"topic", "alter", "orders", "--set=retention.ms=5"}), "");
  EXPECT_EQ(candidates({"topic", "list", "--output=j"}), "--output=json\n");
  EXPECT_EQ(candidates({"topic", "list", "--nonsense=j"}), "");
  EXPECT_EQ(candidates({"server", "--config="}), ":files\n");
}

TEST(CliCompletion, WordsBesideNamesAndWhatHelpIsAskedAbout) {
  EXPECT_EQ(candidates({"help", "top"}), "top\ntopic\n");
  EXPECT_EQ(candidates({"help", "topic", "de"}), "delete\ndescribe\n");
  EXPECT_EQ(candidates({"broker", "config", "de"}), "default\n");
  EXPECT_EQ(candidates({"broker", "describe", "de"}), "");
  EXPECT_EQ(candidates({"profile", "use", "no"}), "none\n");
  EXPECT_EQ(candidates({"consume", "orders", "--from", "s"}), "start\n");
  EXPECT_EQ(candidates({"consume", "orders", "--until", ""}), "end\n");
}

// With stand-ins for what the shells themselves have.
TEST(CliCompletion, AnEmptyAnswerOffersNothing) {
  const bool has_zsh = run_shell("command -v zsh", clean_environment()).code == 0;
  const bool has_fish = run_shell("command -v fish", clean_environment()).code == 0;
  if (has_zsh) {
    const std::string stand_ins = "compdef() { :; }; compadd() { echo offered \"$@\"; }; ";
    const auto completed = [&stand_ins](const std::string& words, int current) {
      return run_shell(fmt::format("zsh -f -c '{}eval \"$(holdfast completion zsh)\"; words=({}); CURRENT={}; "
                                   "_holdfast; echo end'",
                                   stand_ins, words, current),
                       clean_environment())
          .output;
    };
    EXPECT_EQ(completed("holdfast nonsense \"\"", 3), "end\n");
    EXPECT_EQ(completed("holdfast topic des", 3), "offered -- describe\nend\n");
    EXPECT_EQ(completed("holdfast topic alter x --set retention.m", 6), "offered -S  -- retention.ms=\nend\n");
  }
  if (has_fish) {
    const CommandOutcome outcome = run_shell(
        "fish --no-config -c 'holdfast completion fish | source; complete -C \"holdfast nonsense \"; echo end'",
        clean_environment());
    EXPECT_EQ(outcome.output, "end\n");
  }
  const std::string zsh = run_shell("holdfast completion zsh", clean_environment()).output;
  EXPECT_THAT(zsh, HasSubstr("(( ! ${#words_found} ))"));
  const std::string fish = run_shell("holdfast completion fish", clean_environment()).output;
  EXPECT_THAT(fish, HasSubstr("else if set -q found[1]"));
}

class CliPerf : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = EmbeddedNode::start();
    if (!started) throw std::runtime_error(started.error().message);
    node_ = std::move(*started);
  }
  static void TearDownTestSuite() { node_.reset(); }

  static CommandOutcome perf(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "perf");
    Environment environment = clean_environment();
    environment["HOLDFAST_BOOTSTRAP_SERVER"] = node_->bootstrap_servers();
    environment["HOLDFAST_ZOOKEEPER"] = node_->zookeeper();
    return run_holdfast(arguments, environment);
  }
  static std::unique_ptr<EmbeddedNode> node_;
};
std::unique_ptr<EmbeddedNode> CliPerf::node_;

TEST_F(CliPerf, WhatMakesNoSenseIsRefused) {
  const std::vector<std::vector<std::string>> wrong{{"produce", "load", "--rate=-1"},
                                                    {"produce", "load", "--rate", "nan"},
                                                    {"produce", "load", "--records=-5"},
                                                    {"produce", "load", "--records", "0"},
                                                    {"produce", "load", "--size", "1T"},
                                                    {"produce", "load", "--size", "101M"},
                                                    {"produce", "load", "--duration", "soon"},
                                                    {"produce", "load", "--partitions", "0"},
                                                    {"produce", "load", "--server-pid", "0"},
                                                    {"produce", "load", "--server-pid=-1"},
                                                    {"produce", "load", "--server-pid", "x"},
                                                    {"produce", "load", "--server-pid", "2147483647"},
                                                    {"produce", "load", "--metrics", "host:port"},
                                                    {"produce", "load", "--metrics", "junk"},
                                                    {"produce", "load", "--metrics", "a:1,b:2"},
                                                    {"consume", "load", "--server-pid", "2147483647"},
                                                    {"e2e", "load", "--rate=-1"},
                                                    {"e2e", "load", "--size", "1T"},
                                                    {"e2e", "load", "--server-pid", "2147483647"},
                                                    {"zk", "--rate=-1"},
                                                    {"zk", "--records", "0"},
                                                    {"zk", "--size", "1T"},
                                                    {"zk", "--in-flight", "0"},
                                                    {"zk", "--server-pid", "2147483647"}};
  for (const auto& arguments : wrong) {
    const CommandOutcome outcome = perf(arguments);
    EXPECT_EQ(outcome.code, 2) << arguments[0] << " " << arguments.back();
    EXPECT_EQ(outcome.output, "");
    EXPECT_THAT(outcome.errors, Not(HasSubstr("created topic")));
  }
  EXPECT_THAT(perf({"zk", "--server-pid", "2147483647"}).errors, HasSubstr("there is no such process"));
  EXPECT_THAT(perf({"zk", "--metrics", "junk"}).errors, HasSubstr("--metrics 'junk': it is HOST:PORT"));
}

TEST_F(CliPerf, TheServersCpuIsToldOrSaidToBeUnknown) {
  const CommandOutcome unknown =
      perf({"produce", "cpu", "--rate", "2000", "--records", "20", "--metrics", "127.0.0.1:1"});
  EXPECT_EQ(unknown.code, 0) << unknown.errors;
  EXPECT_THAT(unknown.output, HasSubstr("\nSERVER-CPU          -  (connecting to 127.0.0.1:1: Connection refused)\n"));
  const CommandOutcome as_json = perf({"consume", "cpu", "--metrics", "127.0.0.1:1", "-o", "json"});
  EXPECT_THAT(as_json.output, HasSubstr("\"server_cpu\": null"));
  const CommandOutcome known =
      perf({"zk", "--rate", "500", "--records", "20", "--server-pid", std::to_string(::getpid()), "-o", "json"});
  EXPECT_EQ(known.code, 0) << known.errors;
  EXPECT_THAT(known.output, HasSubstr("\"percent_of_a_core\": "));
}

}  // namespace
}  // namespace holdfast::test
