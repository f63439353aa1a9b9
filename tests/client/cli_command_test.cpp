// The built command where a transcript cannot show it: at a terminal, when pipes are cut, with junk for input, against
// servers that are half dead; and the texts that are made from the command table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "broker/embedded_node.h"
#include "tests/client/cli_process.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string content_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class CliCommand : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = EmbeddedNode::start();
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
  static CommandOutcome run(const std::vector<std::string>& arguments, const std::string& input = {}) {
    return run_holdfast(arguments, environment(), input);
  }
  static void create_topic(const std::string& name) {
    const CommandOutcome made = run({"topic", "create", name, "-p", "1"});
    ASSERT_EQ(made.code, 0) << made.errors;
  }
  static bool has_topic(const std::string& name) {
    return run({"topic", "list", name}).output.find(name) != std::string::npos;
  }

  static std::unique_ptr<EmbeddedNode> node_;
};

std::unique_ptr<EmbeddedNode> CliCommand::node_;

TEST_F(CliCommand, AnswersAndComplaintsHaveTheirOwnStreams) {
  const CommandOutcome nothing = run({"partition", "status"});
  EXPECT_EQ(nothing.code, 0);
  EXPECT_EQ(nothing.output, "");
  EXPECT_THAT(nothing.errors, StartsWith("every partition"));
  const CommandOutcome absent = run({"topic", "describe", "no-such-topic"});
  EXPECT_EQ(absent.code, 4);
  EXPECT_EQ(absent.output, "");
  EXPECT_THAT(absent.errors, StartsWith("holdfast: there is no topic no-such-topic"));
}

TEST_F(CliCommand, ANodeThatIsNotThereIsToldAtOnce) {
  for (const char* verb :
       {"topic list", "group list", "broker list", "cluster status", "offsets", "consume t", "top"}) {
    const CommandOutcome outcome = run_shell(std::string("holdfast ") + verb + " -b 127.0.0.1:1", clean_environment());
    EXPECT_EQ(outcome.code, 3) << verb;
    EXPECT_LT(outcome.seconds, 3) << verb;
    EXPECT_THAT(outcome.output, HasSubstr("--bootstrap-server")) << verb;
  }
}

TEST_F(CliCommand, ANodeThatSaysNothingIsNotWaitedForLongerThanAllowed) {
  const SilentServer silent;
  const CommandOutcome outcome =
      run_holdfast({"topic", "list", "-b", silent.address(), "--timeout", "300ms"}, clean_environment());
  EXPECT_EQ(outcome.code, 3);
  EXPECT_GE(outcome.seconds, 0.3);
  EXPECT_LT(outcome.seconds, 3);
  EXPECT_THAT(outcome.errors, HasSubstr(silent.address()));
}

TEST_F(CliCommand, ASilentBrokerIsLeftForTheNextOne) {
  const SilentServer silent;
  for (int i = 0; i < 6; ++i) {
    const CommandOutcome outcome = run({"topic", "list", "-b", silent.address() + "," + node_->bootstrap_servers()});
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    EXPECT_LT(outcome.seconds, 5);
  }
}

TEST_F(CliCommand, ASilentServerOfTheQuorumDoesNotHoldUpTheView) {
  const SilentServer silent, other;
  const CommandOutcome health =
      run({"cluster", "health", "--zookeeper", silent.address() + "," + other.address() + "," + node_->zookeeper()});
  EXPECT_EQ(health.code, 1);
  EXPECT_LT(health.seconds, 9) << "both are asked at the same time";
  EXPECT_THAT(health.output, HasSubstr(silent.address() + ": no answer in 5s"));
  EXPECT_THAT(health.output, HasSubstr(other.address() + ": no answer in 5s"));
}

// Its queue of connections is full: the next one is not even refused.
TEST_F(CliCommand, AConnectionIsNotWaitedForLongerThanAllowed) {
  const FullServer full;
  for (const char* verb : {"zk sessions", "quorum status"}) {
    const CommandOutcome outcome =
        run_shell(std::string("holdfast ") + verb + " --timeout 1s --zookeeper " + full.address(), environment());
    EXPECT_EQ(outcome.code, 3) << verb;
    EXPECT_LT(outcome.seconds, 5) << verb;
    EXPECT_THAT(outcome.output, HasSubstr("no answer in 1s")) << verb;
  }
}

TEST_F(CliCommand, AServerOfAnotherProtocolIsNoKafka) {
  // To a ZooKeeper server the request is a four-letter word that it does not know, or a length that is too large.
  EXPECT_EQ(run({"topic", "list", "-b", node_->zookeeper()}).code, 3);
}

TEST_F(CliCommand, StandardStreamsMayBeClosed) {
  create_topic("closed");
  ASSERT_EQ(run({"produce", "closed"}, "one\n").code, 0);
  const auto outcome_of = [](const std::string& line) { return run_shell(line + "; echo code $?", environment(), 20); };
  EXPECT_EQ(outcome_of("holdfast produce closed <&-").output, "code 0\n");
  EXPECT_EQ(outcome_of("holdfast consume closed -e <&-").output, "one\ncode 0\n");
  EXPECT_EQ(outcome_of("holdfast consume closed -e >&-").output,
            "holdfast: standard output: Bad file descriptor\ncode 1\n");
  EXPECT_EQ(outcome_of("holdfast consume closed -e 2>&-").output, "one\ncode 0\n");
  EXPECT_EQ(outcome_of("holdfast topic describe no-such-topic 2>&-").output, "code 4\n");
  EXPECT_EQ(outcome_of("holdfast topic list closed <&- >&- 2>&-").output, "code 1\n");
}

TEST_F(CliCommand, AnEmptyAddressIsNotTheDefaultOne) {
  create_topic("spared");
  const std::vector<std::pair<std::string, std::string>> lines{
      {"topic delete spared --yes -b ''", "--bootstrap-server"},
      {"topic delete spared --yes --bootstrap-server=", "--bootstrap-server"},
      {"zk delete -r /brokers --yes --zookeeper ''", "--zookeeper"},
      {"zk delete -r /brokers --yes --zookeeper=", "--zookeeper"},
      {"topic delete spared --yes --profile ''", "--profile"}};
  for (const auto& [line, option] : lines) {
    const CommandOutcome outcome = run_shell("holdfast " + line, environment());
    EXPECT_EQ(outcome.code, 2) << line;
    EXPECT_THAT(outcome.output, HasSubstr(option + ": its value is empty")) << line;
  }
  EXPECT_TRUE(has_topic("spared"));
  EXPECT_EQ(run({"zk", "stat", "/brokers"}).code, 0);
}

TEST_F(CliCommand, OptionsGivenTwice) {
  const CommandOutcome last = run({"topic", "list", "--output", "text", "--output", "json"});
  EXPECT_EQ(last.code, 0) << last.errors;
  EXPECT_THAT(last.output, StartsWith("["));
  const CommandOutcome twice = run({"topic", "create", "twice", "-p", "1", "-p", "2"});
  EXPECT_EQ(twice.code, 2);
  EXPECT_THAT(twice.errors, HasSubstr("--partitions takes one value: it may be given only once"));
}

TEST_F(CliCommand, ExitCodesTellWhatIsWrong) {
  const std::vector<std::pair<const char*, int>> lines{
      {"server --config /nonexist", 4},       {"server --set nonsense=1", 2},
      {"server --set nonsense", 2},           {"server --log-level loud", 2},
      {"server --config /proc/self/stat", 1}, {"zk import /nonexist --data /nonexist/new", 4},
      {"config check /nonexist", 4}};
  for (const auto& [line, code] : lines) {
    const CommandOutcome outcome = run_shell(std::string("holdfast ") + line, environment());
    EXPECT_EQ(outcome.code, code) << line << ": " << outcome.output;
  }
}

TEST_F(CliCommand, FilesMayBePipes) {
  create_topic("piped");
  const CommandOutcome checked = run_shell("bash -c \"holdfast config check <(echo nonsense.key=1)\"", environment());
  EXPECT_EQ(checked.code, 1);
  EXPECT_THAT(checked.output, HasSubstr("unknown key nonsense.key"));
  const CommandOutcome produced = run_shell("bash -c \"holdfast produce piped <(echo one; echo two)\"", environment());
  EXPECT_EQ(produced.code, 0) << produced.output;
  EXPECT_EQ(run({"consume", "piped", "-e"}).output, "one\ntwo\n");
}

TEST_F(CliCommand, JunkGoesThroughUnharmed) {
  create_topic("junk");
  std::mt19937 random(7);
  std::string junk;
  for (int i = 0; i < 200'000; ++i) junk += static_cast<char>(random());
  junk += '\n';
  ASSERT_EQ(run({"produce", "junk"}, junk).code, 0);
  const CommandOutcome read = run({"consume", "junk", "-e"});
  EXPECT_EQ(read.code, 0);
  EXPECT_TRUE(read.output == junk);
  create_topic("junk-copy");
  const CommandOutcome as_json = run({"consume", "junk", "-e", "-o", "json"});
  ASSERT_EQ(run({"produce", "junk-copy", "--json"}, as_json.output).code, 0);
  EXPECT_TRUE(run({"consume", "junk-copy", "-e"}).output == junk);
  // As JSON it is none: the first line is named, and nothing behind it is sent.
  const CommandOutcome refused = run({"produce", "junk-copy", "--json"}, junk);
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.errors, HasSubstr("record 1"));
}

TEST_F(CliCommand, ALineThatIsTooLongIsRefusedAndSaidSo) {
  create_topic("long");
  const CommandOutcome outcome = run({"produce", "long"}, "short\n" + std::string(3 << 20, 'x') + "\n");
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.errors, HasSubstr("record 2"));
  EXPECT_EQ(run({"consume", "long", "-e"}).output, "short\n");
}

TEST_F(CliCommand, AReaderThatLeavesEndsItQuietly) {
  create_topic("pipe");
  std::string lines;
  for (int i = 0; i < 100'000; ++i) lines += std::to_string(i) + "\n";
  ASSERT_EQ(run({"produce", "pipe"}, lines).code, 0);
  const CommandOutcome outcome =
      run_shell("{ holdfast consume pipe; echo code $? >&2; } | head -n 2", environment(), 20);
  EXPECT_THAT(outcome.output, StartsWith("0\n1\n"));
  EXPECT_THAT(outcome.output, HasSubstr("code 141"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("holdfast:")));
}

TEST_F(CliCommand, OutputThatCannotBeWrittenIsAFailureAndSaidSo) {
  create_topic("full");
  ASSERT_EQ(run({"produce", "full"}, "one\n").code, 0);
  for (const char* verb : {"consume full -e", "consume full -e -g fullers", "topic list", "topic list --watch=10ms",
                           "produce full -v --whole /proc/self/stat", "--version", "topic list --help"}) {
    const CommandOutcome outcome =
        run_shell(std::string("holdfast ") + verb + " > /dev/full; echo code $?", environment(), 20);
    EXPECT_EQ(outcome.output, "holdfast: standard output: No space left on device\ncode 1\n") << verb;
  }
  // What could not be printed is not read.
  EXPECT_THAT(run({"group", "describe", "fullers", "-o", "json"}).output, Not(HasSubstr("\"offset\": 1")));
}

TEST_F(CliCommand, AnInterruptEndsAConsumerWithItsCode) {
  create_topic("interrupt");
  ASSERT_EQ(run({"produce", "interrupt"}, "one\n").code, 0);
  TerminalSession terminal({"consume", "interrupt"}, environment());
  ASSERT_TRUE(terminal.expect("one"));
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait(), 130);
}

TEST_F(CliCommand, AMemberThatIsInterruptedCommitsWhatItPrinted) {
  create_topic("leave");
  ASSERT_EQ(run({"produce", "leave"}, "one\ntwo\n").code, 0);
  TerminalSession terminal({"consume", "leave", "--group", "leavers"}, environment());
  ASSERT_TRUE(terminal.expect("two"));
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait(), 130);
  const CommandOutcome group = run({"group", "describe", "leavers", "-o", "json"});
  EXPECT_THAT(group.output, HasSubstr("\"offset\": 2"));
  EXPECT_THAT(group.output, HasSubstr("\"members\": 0"));
}

TEST_F(CliCommand, AGroupThatHasCommittedNothingHasNoLag) {
  create_topic("unread");
  ASSERT_EQ(run({"produce", "unread"}, "one\n").code, 0);
  TerminalSession terminal({"consume", "unread", "-g", "idlers", "--from", "end"}, environment());
  CommandOutcome group;
  for (int i = 0; i < 200 && group.output.find("\"topic\": \"unread\"") == std::string::npos; ++i)
    group = run({"group", "describe", "idl*", "-o", "json"});
  EXPECT_THAT(group.output, HasSubstr("\"offset\": null"));
  EXPECT_THAT(group.output, HasSubstr("\"end\": 1,")) << "which is known all the same";
  EXPECT_THAT(group.output, HasSubstr("\"lag\": null,\n")) << "of the group, too";
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait(), 130);
}

TEST_F(CliCommand, ATypistProducesLineByLine) {
  create_topic("typed");
  TerminalSession terminal({"produce", "typed", "-v"}, environment());
  terminal.type("hello\n");
  ASSERT_TRUE(terminal.expect("typed 0 0"));
  terminal.type("again\n");
  ASSERT_TRUE(terminal.expect("typed 0 1"));
  terminal.type("\x04");
  EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(CliCommand, ADeletionWantsTheNameTyped) {
  create_topic("precious");
  {
    TerminalSession terminal({"topic", "delete", "precious"}, environment());
    ASSERT_TRUE(terminal.expect("Type precious to go on: "));
    terminal.type("yes\n");
    EXPECT_EQ(terminal.wait(), 5);
    EXPECT_THAT(terminal.screen(), HasSubstr("nothing was done"));
  }
  EXPECT_TRUE(has_topic("precious"));
  {
    TerminalSession terminal({"topic", "delete", "precious"}, environment());
    ASSERT_TRUE(terminal.expect("Type precious to go on: "));
    terminal.type("\x03");
    EXPECT_EQ(terminal.wait(), 130);
  }
  EXPECT_TRUE(has_topic("precious"));
  TerminalSession terminal({"topic", "delete", "precious"}, environment());
  ASSERT_TRUE(terminal.expect("Type precious to go on: "));
  terminal.type("precious\n");
  EXPECT_EQ(terminal.wait(), 0);
  EXPECT_FALSE(has_topic("precious"));
}

TEST_F(CliCommand, ColoursAreForTerminals) {
  create_topic("coloured");
  const auto shown = [](std::vector<std::string> arguments, const Environment& variables) {
    TerminalSession terminal(std::move(arguments), variables);
    EXPECT_EQ(terminal.wait(), 0);
    return terminal.screen();
  };
  EXPECT_THAT(shown({"topic", "list"}, environment()), HasSubstr("\x1b["));
  EXPECT_THAT(shown({"topic", "list", "--no-color"}, environment()), Not(HasSubstr("\x1b[")));
  Environment without = environment();
  without["NO_COLOR"] = "1";
  EXPECT_THAT(shown({"topic", "list"}, without), Not(HasSubstr("\x1b[")));
  EXPECT_THAT(run({"topic", "list"}).output, Not(HasSubstr("\x1b[")));
}

TEST_F(CliCommand, WatchShowsWhatChanges) {
  TerminalSession terminal({"topic", "list", "--watch=100ms", "--no-color"}, environment());
  ASSERT_TRUE(terminal.expect("NAME"));
  create_topic("watched-later");
  ASSERT_TRUE(terminal.expect("watched-later"));
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait(), 130);
}

TEST_F(CliCommand, WatchTakesItsDurationAsAWordToo) {
  for (const std::vector<std::string>& how : {std::vector<std::string>{"-w", "50ms"}, {"--watch", "50ms"}}) {
    std::vector<std::string> arguments{"topic", "list", "--no-color"};
    arguments.insert(arguments.end(), how.begin(), how.end());
    const std::string name = "watched-by" + std::to_string(how[0].size());
    create_topic(name + "-before");
    TerminalSession terminal(arguments, environment());
    ASSERT_TRUE(terminal.expect("NAME"));
    create_topic(name + "-later");
    ASSERT_TRUE(terminal.expect(name + "-later"));
    terminal.type("\x03");
    EXPECT_EQ(terminal.wait(), 130);
  }
}

TEST_F(CliCommand, NumbersAreRefusedWhereTheyMeanNothing) {
  for (const char* line :
       {"consume t -n 0", "consume t -n -5", "topic create t -p -1", "topic create t -r 0", "topic add-partitions t 0",
        "group reset g --topic t --to-offset -1", "produce t -p -1", "log dirs --broker -1", "topic create t -p 1.5",
        "topic create t -p 99999999999999999999", "topic create t -p ''", "cluster health --lag -1", "top -n 0",
        "top -n -1", "perf zk --records 0"}) {
    const CommandOutcome outcome = run_shell(std::string("holdfast ") + line + " < /dev/null", environment());
    EXPECT_EQ(outcome.code, 2) << line;
    EXPECT_THAT(outcome.output, Not(HasSubstr("Could not convert"))) << line;
    EXPECT_THAT(outcome.output, HasSubstr("number")) << line;
  }
  ASSERT_EQ(run({"topic", "create", "ten", "-p", "010"}).code, 0);
  EXPECT_THAT(run({"topic", "list", "ten", "-o", "json"}).output, HasSubstr("\"partitions\": 10"));
}

TEST_F(CliCommand, ATopicOrPartitionThatIsNotThereIsAnError) {
  create_topic("parts");
  ASSERT_EQ(run({"produce", "parts"}, "one\ntwo\n").code, 0);
  const CommandOutcome status = run({"partition", "status", "typo"});
  EXPECT_EQ(status.code, 4);
  EXPECT_THAT(status.errors, HasSubstr("there is no topic typo"));
  EXPECT_EQ(run({"partition", "status", "no-such-*"}).code, 4);
  EXPECT_EQ(run({"partition", "status", "parts"}).code, 0);
  for (const char* lists : {"topic list", "topic describe", "offsets", "log dirs --topic"}) {
    const CommandOutcome name = run_shell(std::string("holdfast ") + lists + " prats", environment());
    EXPECT_EQ(name.code, 4) << lists;
    EXPECT_EQ(name.output, "holdfast: there is no topic prats\n  did you mean parts?\n") << lists;
    const CommandOutcome pattern = run_shell(std::string("holdfast ") + lists + " 'no-such-*'", environment());
    EXPECT_EQ(pattern.code, 4) << lists;
    EXPECT_EQ(pattern.output, "holdfast: no topic matches 'no-such-*'\n  holdfast topic list\n") << lists;
  }
  const CommandOutcome broker = run({"log", "dirs", "--broker", "9"});
  EXPECT_EQ(broker.code, 4);
  EXPECT_EQ(broker.errors, run({"broker", "describe", "9"}).errors);
  const std::vector<std::vector<std::string>> verbs{
      {"group", "reset", "resetters", "--topic", "parts:0,99", "--to-latest", "--execute"},
      {"consume", "parts:0,99", "-e"},
      {"topic", "trim", "parts:0,99", "--before", "end", "--yes"},
      {"partition", "move", "parts:0,99", "--cancel"},
      {"partition", "elect", "parts:0,99"}};
  for (const std::vector<std::string>& verb : verbs) {
    const CommandOutcome outcome = run(verb);
    EXPECT_EQ(outcome.code, 4) << verb[0] << " " << verb[1];
    EXPECT_THAT(outcome.errors, HasSubstr("topic parts has no partition 99")) << verb[0] << " " << verb[1];
  }
  EXPECT_EQ(run({"group", "describe", "resetters"}).code, 4);
  EXPECT_EQ(run({"consume", "parts:0,0", "-e"}).output, "one\ntwo\n") << "named twice is named";
}

// The verbs that destroy or change something, each so that it would do it; and those that cannot only say so.
TEST_F(CliCommand, ADryRunIsKeptOrRefused) {
  create_topic("kept");
  ASSERT_EQ(run({"produce", "kept"}, "one\n").code, 0);
  const std::vector<std::vector<std::string>> refused{{"produce", "kept"},
                                                      {"consume", "kept", "-e", "--group", "committers"},
                                                      {"zk", "shell", "deleteall", "/kept"},
                                                      {"zk", "import", "/tmp/nothing"},
                                                      {"perf", "produce", "dry-load", "--records", "1"},
                                                      {"perf", "e2e", "dry-load", "--records", "1"},
                                                      {"perf", "zk", "--records", "1"},
                                                      {"topic", "list"}};
  ASSERT_EQ(run({"zk", "create", "/kept"}).code, 0);
  for (std::vector<std::string> arguments : refused) {
    arguments.insert(arguments.begin(), "--dry-run");
    const CommandOutcome outcome = run(arguments, "two\n");
    EXPECT_EQ(outcome.code, 2) << arguments[1];
    EXPECT_THAT(outcome.errors, HasSubstr("does not know --dry-run")) << arguments[1];
  }
  const std::vector<std::vector<std::string>> known{{"topic", "create", "dry-topic"},
                                                    {"topic", "alter", "kept", "--set", "retention.ms=1000"},
                                                    {"topic", "add-partitions", "kept", "7"},
                                                    {"topic", "trim", "kept", "--before", "end"},
                                                    {"topic", "delete", "kept"},
                                                    {"broker", "config", "default", "--set", "log.retention.ms=1000"},
                                                    {"zk", "create", "/dry"},
                                                    {"zk", "set", "/kept", "x"},
                                                    {"zk", "acl", "/kept", "--set", "world:anyone:r"},
                                                    {"zk", "delete", "/kept"},
                                                    {"zk", "delete", "-r", "/kept"}};
  for (std::vector<std::string> arguments : known) {
    arguments.push_back("--dry-run");
    EXPECT_EQ(run(arguments).code, 0) << arguments[0] << " " << arguments[1];
  }
  EXPECT_EQ(run({"consume", "kept", "-e"}).output, "one\n");
  EXPECT_FALSE(has_topic("dry-topic"));
  EXPECT_FALSE(has_topic("dry-load"));
  EXPECT_EQ(run({"group", "describe", "committers"}).code, 4);
  EXPECT_EQ(run({"zk", "get", "/dry"}).code, 4);
  EXPECT_THAT(run({"zk", "stat", "/kept", "-o", "json"}).output, HasSubstr("\"version\": 0"));
  EXPECT_THAT(run({"zk", "acl", "/kept"}).output, HasSubstr("cdrwa"));
}

TEST_F(CliCommand, CompletionKnowsTheTableAndTheCluster) {
  create_topic("completed");
  const auto candidates = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"__complete", "--"});
    const CommandOutcome outcome = run(words);
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.errors, "");
    return outcome.output;
  };
  EXPECT_EQ(candidates({"top"}), "top\ntopic\n");
  EXPECT_EQ(candidates({"topic", "de"}), "delete\ndescribe\n");
  EXPECT_EQ(candidates({"topic", "describe", "compl"}), "completed\n");
  EXPECT_EQ(candidates({"topic", "describe", "completed", "compl"}), "completed\n");
  EXPECT_EQ(candidates({"topic", "list", "--out"}), "--output\n");
  EXPECT_EQ(candidates({"topic", "list", "--output", "j"}), "json\n");
  EXPECT_EQ(candidates({"produce", "x", "-z", "l"}), "lz4\n");
  EXPECT_EQ(candidates({"config", "check", ""}), ":files\n");
  EXPECT_EQ(candidates({"config", "explain", "min.insync"}), "min.insync.replicas\n");
  EXPECT_EQ(candidates({"-b", "127.0.0.1:1", "topic", "describe", ""}), "");
  EXPECT_EQ(candidates({"nonsense", ""}), "");
  EXPECT_EQ(candidates({"__", ""}), "");
}

TEST_F(CliCommand, CompletionScriptsAreSyntax) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const CommandOutcome script = run({"completion", shell});
    EXPECT_EQ(script.code, 0);
    EXPECT_THAT(script.output, HasSubstr("__complete --")) << shell;
  }
  EXPECT_EQ(run_shell("holdfast completion bash | bash -n", environment()).output, "");
  const CommandOutcome used = run_shell(
      "bash -c 'source <(holdfast completion bash); COMP_WORDS=(holdfast topic des); COMP_CWORD=2; _holdfast; "
      "echo ${COMPREPLY[@]}'",
      environment());
  EXPECT_EQ(used.output, "describe\n");
}

TEST_F(CliCommand, PerfMeasuresAndDoctorLooks) {
  const CommandOutcome produced = run({"perf", "produce", "load", "--rate", "2000", "--records", "500", "-o", "json"});
  EXPECT_EQ(produced.code, 0) << produced.errors;
  EXPECT_THAT(produced.output, HasSubstr("\"records\": 500"));
  EXPECT_THAT(produced.output, HasSubstr("\"p99\""));
  const CommandOutcome consumed = run({"perf", "consume", "load", "-o", "json"});
  EXPECT_THAT(consumed.output, HasSubstr("\"records\": 500"));
  const CommandOutcome both = run({"perf", "e2e", "load", "--rate", "500", "--records", "100", "-o", "json"});
  EXPECT_EQ(both.code, 0) << both.errors;
  EXPECT_THAT(both.output, HasSubstr("\"records\": 100"));
  const CommandOutcome zk = run({"perf", "zk", "--rate", "500", "--records", "100", "--op", "create", "-o", "json"});
  EXPECT_EQ(zk.code, 0) << zk.errors;
  EXPECT_THAT(zk.output, HasSubstr("\"requests\": 100"));
  const CommandOutcome doctor = run({"doctor", "--data", "/tmp", "-o", "json"});
  for (const char* check : {"open files", "disk sync", "clock", "config", "port 9092"})
    EXPECT_THAT(doctor.output, HasSubstr(check));
  EXPECT_EQ(run({"doctor", "--set", "nonsense=1"}).code, 1);
}

TEST_F(CliCommand, TheManualIsCurrent) {
  const std::string docs = std::string(HOLDFAST_SOURCE_DIR) + "/docs/";
  EXPECT_TRUE(run({"__manual", "markdown"}).output == content_of(docs + "CLI.md"))
      << "holdfast __manual markdown > docs/CLI.md";
  EXPECT_TRUE(run({"__manual", "man"}).output == content_of(docs + "holdfast.1"))
      << "holdfast __manual man > docs/holdfast.1";
}

TEST_F(CliCommand, HelpIsAVerbToo) {
  for (const char* verb : {"", "topic", "topic create", "consume", "help", "log dump"}) {
    const CommandOutcome asked = run_shell(std::string("holdfast help ") + verb, environment());
    EXPECT_EQ(asked.code, 0) << verb;
    EXPECT_EQ(asked.output, run_shell(std::string("holdfast ") + verb + " --help", environment()).output) << verb;
  }
  EXPECT_THAT(run({"help", "topic", "create"}).output, HasSubstr("holdfast topic create NAME..."));
}

TEST_F(CliCommand, EveryVerbHasHelpWithItsOptions) {
  const std::string manual = run({"__manual", "markdown"}).output;
  std::size_t verbs = 0;
  for (std::size_t at = manual.find("\n### holdfast "); at != std::string::npos;
       at = manual.find("\n### holdfast ", at + 1), ++verbs) {
    std::string heading = manual.substr(at + 5, manual.find('\n', at + 5) - at - 5);
    const std::size_t arguments = std::min(heading.find(" ["), heading.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
    if (arguments < heading.size()) heading.resize(arguments);
    const CommandOutcome help = run_shell(heading + " --help", environment());
    EXPECT_EQ(help.code, 0) << heading;
    EXPECT_THAT(help.output, HasSubstr("holdfast ")) << heading;
  }
  EXPECT_GT(verbs, 30u);
}

}  // namespace
}  // namespace holdfast::test
