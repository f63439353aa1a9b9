// `holdfast zk` and `holdfast quorum`, the built command against a real node. What the shell prints was compared line
// by line with Apache ZooKeeper's zkCli 3.9.5, given the same commands.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "broker/embedded_node.h"
#include "tests/client/cli_process.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class CliZk : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    EmbeddedOptions options;
    options.settings = {{"zookeeper.extendedTypesEnabled", "true"}, {"4lw.commands.whitelist", "*"}};
    auto started = EmbeddedNode::start(options);
    if (!started) throw std::runtime_error(started.error().message);
    node_ = std::move(*started);
  }
  static void TearDownTestSuite() { node_.reset(); }

  CommandOutcome holdfast(std::vector<std::string> arguments, const std::string& input = {}) {
    Environment environment = clean_environment();
    environment["HOLDFAST_ZOOKEEPER"] = node_->zookeeper();
    return run_holdfast(arguments, environment, input);
  }
  // What must succeed; its output.
  std::string ok(std::vector<std::string> arguments, const std::string& input = {}) {
    const CommandOutcome outcome = holdfast(std::move(arguments), input);
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    return outcome.output;
  }
  // The shell's two outputs, without its greeting, and what differs from run to run masked.
  std::string shell(const std::string& lines, bool errors = false) {
    const CommandOutcome outcome = holdfast({"zk", "shell"}, lines);
    EXPECT_LE(outcome.code, 1) << "what the last command has come to";
    std::string text = errors ? outcome.errors : outcome.output;
    const std::string greeting = fmt::format(
        "Connecting to {}\nWelcome to ZooKeeper!\n\nWATCHER::\n\n"
        "WatchedEvent state:SyncConnected type:None path:null zxid: -1\n",
        node_->zookeeper());
    if (!errors) EXPECT_THAT(text, StartsWith(greeting));
    if (!errors) text = text.substr(std::min(greeting.size(), text.size()));
    const std::size_t end = text.find("\nWATCHER::\n\nWatchedEvent state:Closed");
    text = text.substr(0, end);
    text = std::regex_replace(text, std::regex("0x[0-9a-f]{2,}"), "0xN");
    text = std::regex_replace(text, std::regex("time = .*"), "time = T");
    return std::regex_replace(text, std::regex("zxid: [0-9]+"), "zxid: N");
  }
  static std::unique_ptr<EmbeddedNode> node_;
};
std::unique_ptr<EmbeddedNode> CliZk::node_;

TEST_F(CliZk, AZnodeFromEndToEnd) {
  EXPECT_EQ(ok({"zk", "create", "-p", "/t1/a/b", "one"}), "created /t1/a/b\n");
  EXPECT_EQ(ok({"zk", "get", "/t1/a/b"}), "one");
  EXPECT_EQ(ok({"zk", "set", "/t1/a/b", "-", "--version", "0"}, "two\n"), "set /t1/a/b, version 1\n");
  EXPECT_EQ(ok({"zk", "get", "/t1/a/b"}), "two\n");
  EXPECT_EQ(ok({"zk", "ls", "/t1"}), "NAME\na\n");
  EXPECT_THAT(ok({"zk", "ls", "/t1", "-R", "--output", "json"}), HasSubstr(R"("name": "/t1/a/b")"));
  EXPECT_THAT(ok({"zk", "tree", "/t1"}), HasSubstr("\n  a "));
  EXPECT_THAT(ok({"zk", "stat", "/t1/a/b", "--output", "json"}), HasSubstr(R"("version": 1)"));
  EXPECT_THAT(ok({"zk", "get", "/t1/a/b", "--output", "json"}), HasSubstr(R"("data": "two\n")"));
  EXPECT_THAT(ok({"zk", "acl", "/t1/a/b"}), HasSubstr("anyone"));
  ok({"zk", "acl", "/t1/a/b", "--set", "world:anyone:r"});
  EXPECT_EQ(holdfast({"zk", "set", "/t1/a/b", "x"}).code, 5);
}

TEST_F(CliZk, FailuresHaveTheirExitCodesAndNameTheFix) {
  ok({"zk", "create", "/t2", "x"});
  ok({"zk", "create", "/t2/child", "x"});
  EXPECT_EQ(holdfast({"zk", "get", "/nope"}).code, 4);
  EXPECT_EQ(holdfast({"zk", "create", "/t2", "x"}).code, 5);
  EXPECT_EQ(holdfast({"zk", "set", "/t2", "y", "--version", "7"}).code, 5);
  EXPECT_EQ(holdfast({"zk", "create", "/x", "--ttl", "soon"}).code, 2);
  EXPECT_EQ(holdfast({"zk", "create", "/x", "--acl", "nonsense"}).code, 2);
  EXPECT_EQ(holdfast({"zk", "get", "no/path"}).code, 2);
  const CommandOutcome parent = holdfast({"zk", "create", "/no/parent"});
  EXPECT_EQ(parent.code, 4);
  EXPECT_THAT(parent.errors, HasSubstr("--parents"));
  const CommandOutcome children = holdfast({"zk", "delete", "/t2"});
  EXPECT_EQ(children.code, 5);
  EXPECT_THAT(children.errors, HasSubstr("--recursive"));
  const CommandOutcome nobody = holdfast({"zk", "ls", "/", "--zookeeper", "127.0.0.1:1"});
  EXPECT_EQ(nobody.code, 3);
  EXPECT_THAT(nobody.errors, HasSubstr("127.0.0.1:1"));
  EXPECT_LT(nobody.seconds, 5);
  EXPECT_EQ(holdfast({"zk", "ls", "/", "--zookeeper", "host:port"}).code, 2);
}

TEST_F(CliZk, DeletingATreeIsConfirmed) {
  for (const char* path : {"/t3", "/t3/a", "/t3/a/b"}) ok({"zk", "create", path});
  EXPECT_THAT(ok({"zk", "delete", "-r", "/t3", "--dry-run"}), HasSubstr("3 znodes"));
  EXPECT_EQ(holdfast({"zk", "delete", "-r", "/t3"}).code, 5);
  EXPECT_EQ(ok({"zk", "get", "/t3/a/b"}), "");
  ok({"zk", "delete", "-r", "/t3", "--yes"});
  EXPECT_EQ(holdfast({"zk", "stat", "/t3"}).code, 4);
}

TEST_F(CliZk, WhatIsDeletedIsLookedUpBeforeAnythingGoes) {
  for (const char* path : {"/d1", "/d2", "/d2/a", "/d3", "/d3/b"}) ok({"zk", "create", path});
  EXPECT_EQ(holdfast({"zk", "delete", "/d1", "/typo"}).code, 4);
  EXPECT_EQ(holdfast({"zk", "delete", "/d1", "/d2"}).code, 5);
  EXPECT_EQ(holdfast({"zk", "delete", "-r", "/d2", "/typo", "--yes"}).code, 4);
  EXPECT_EQ(holdfast({"zk", "delete", "/d1", "--version", "7"}).code, 5);
  for (const char* path : {"/d1", "/d2/a"}) ok({"zk", "get", path});
  EXPECT_EQ(ok({"zk", "delete", "/d1", "/d1"}), "deleted /d1\n");
  // One question for all of them.
  Environment environment = clean_environment();
  environment["HOLDFAST_ZOOKEEPER"] = node_->zookeeper();
  {
    TerminalSession terminal({"zk", "delete", "-r", "/d2", "/d3", "/d3/b"}, environment);
    ASSERT_TRUE(terminal.expect("/d2, /d3 and what is below them are deleted: 4 znodes"));
    ASSERT_TRUE(terminal.expect("Type 4 znodes to go on: "));
    terminal.type("/d2\n");
    EXPECT_EQ(terminal.wait(), 5);
    EXPECT_THAT(terminal.screen(), HasSubstr("nothing was done"));
  }
  ok({"zk", "get", "/d2/a"});
  EXPECT_EQ(ok({"zk", "delete", "/d2/a", "/d2"}), "deleted /d2/a\ndeleted /d2\n") << "in the order they were named";
  TerminalSession terminal({"zk", "delete", "-r", "/d3"}, environment);
  ASSERT_TRUE(terminal.expect("Type /d3 to go on: "));
  terminal.type("/d3\n");
  EXPECT_EQ(terminal.wait(), 0);
  EXPECT_EQ(holdfast({"zk", "stat", "/d3"}).code, 4);
}

TEST_F(CliZk, AWatchTellsWhatHappens) {
  ok({"zk", "create", "/t4"});
  Environment environment = clean_environment();
  environment["HOLDFAST_ZOOKEEPER"] = node_->zookeeper();
  TerminalSession watch({"zk", "watch", "-R", "/t4", "--output", "json"}, environment);
  ASSERT_TRUE(watch.expect("watching /t4 and everything below it; Ctrl-C ends it"));
  ok({"zk", "set", "/t4", "new"});
  EXPECT_TRUE(watch.expect("NodeDataChanged"));
  ok({"zk", "create", "/t4/x"});
  EXPECT_TRUE(watch.expect("/t4/x"));
  watch.type("\x03");
  EXPECT_EQ(watch.wait(), 130);
}

TEST_F(CliZk, ARepeatedVerbLeavesNoSessionsBehind) {
  ok({"zk", "create", "/t5", "0;"});
  Environment environment = clean_environment();
  environment["HOLDFAST_ZOOKEEPER"] = node_->zookeeper();
  TerminalSession repeated({"zk", "get", "/t5", "--watch=20ms"}, environment);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(repeated.expect("0;")) << i;
  const std::string sessions = ok({"zk", "sessions", "--output", "json"});
  const std::regex one("\"session\": \"0x");
  EXPECT_LE(std::distance(std::sregex_iterator(sessions.begin(), sessions.end(), one), std::sregex_iterator()), 1)
      << sessions;
  repeated.type("\x03");
  EXPECT_EQ(repeated.wait(), 130);
}

TEST_F(CliZk, SessionsAreListed) { EXPECT_THAT(ok({"zk", "sessions", "--output", "json"}), Not(HasSubstr("error"))); }

TEST_F(CliZk, ANodeThatDoesNotTellItsSessionsSaysWhichLineIsMissing) {
  auto as_shipped = EmbeddedNode::start();
  ASSERT_TRUE(as_shipped) << as_shipped.error().message;
  const CommandOutcome outcome = holdfast({"zk", "sessions", "--zookeeper", (*as_shipped)->zookeeper()});
  EXPECT_EQ(outcome.code, 5);
  EXPECT_THAT(outcome.errors, HasSubstr((*as_shipped)->zookeeper() + " does not tell its sessions"));
  EXPECT_THAT(outcome.errors, HasSubstr("4lw.commands.whitelist=srvr,cons"));
  EXPECT_THAT(outcome.errors, HasSubstr("--config FILE"));
}

TEST_F(CliZk, DataThatIsNoTextSurvivesAsJson) {
  ok({"zk", "create", "/binary"});
  ok({"zk", "set", "/binary", "-"}, std::string("\xff\x00\xfe", 3));
  EXPECT_EQ(ok({"zk", "get", "/binary"}), std::string("\xff\x00\xfe", 3));
  const std::string json = ok({"zk", "get", "/binary", "-o", "json"});
  EXPECT_THAT(json, HasSubstr(R"("data_base64": "/wD+")"));
  EXPECT_THAT(json, Not(HasSubstr(R"("data":)")));
  const std::string yaml = ok({"zk", "get", "/binary", "-o", "yaml"});
  EXPECT_THAT(yaml, HasSubstr("data_base64: "));
  EXPECT_THAT(yaml, HasSubstr("/wD+"));
  ok({"zk", "set", "/binary", "gr\xc3\xbc\xc3\x9f"});
  EXPECT_THAT(ok({"zk", "get", "/binary", "-o", "json"}), HasSubstr("\"data\": \"gr\xc3\xbc\xc3\x9f\""));
}

TEST_F(CliZk, ATreeThatRefusesSaysWhereItDoes) {
  for (const char* path : {"/guarded", "/guarded/open", "/guarded/closed", "/guarded/closed/child"})
    ok({"zk", "create", path});
  ok({"zk", "acl", "/guarded/closed", "--set", "world:anyone:ra"});
  const CommandOutcome removed = holdfast({"zk", "delete", "-r", "/guarded", "--yes"});
  EXPECT_EQ(removed.code, 5);
  EXPECT_THAT(removed.errors,
              HasSubstr("/guarded/closed/child: no permission to delete it: the ACL of /guarded/closed says who may"));
  ok({"zk", "acl", "/guarded/closed", "--set", "world:anyone:a"});
  const CommandOutcome listed = holdfast({"zk", "ls", "-R", "/guarded"});
  EXPECT_EQ(listed.code, 5);
  EXPECT_THAT(listed.errors, HasSubstr("/guarded/closed: no permission"));
}

TEST_F(CliZk, CredentialsAreAUserAndAPassword) {
  for (const char* auth : {"nonsense", ":password"}) {
    const CommandOutcome outcome = holdfast({"zk", "ls", "/", "--auth", auth});
    EXPECT_EQ(outcome.code, 2) << auth;
    EXPECT_THAT(outcome.errors, HasSubstr("--auth is USER:PASSWORD")) << auth;
    EXPECT_THAT(outcome.errors, Not(HasSubstr("nonsense")));
  }
  EXPECT_EQ(holdfast({"zk", "ls", "/", "--auth", "alice:a:b"}).code, 0);
}

TEST_F(CliZk, ServersThatSayNothingAreNamed) {
  const SilentServer one, other;
  const CommandOutcome outcome =
      holdfast({"zk", "ls", "/", "--timeout", "300ms", "--zookeeper", one.address() + "," + other.address()});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_GE(outcome.seconds, 0.3);
  EXPECT_LT(outcome.seconds, 5);
  EXPECT_THAT(outcome.errors, HasSubstr("no answer from " + one.address() + "," + other.address() + " in 300ms"));
}

TEST_F(CliZk, TheQuorumsState) {
  EXPECT_THAT(ok({"quorum", "status"}), HasSubstr("standalone"));
  EXPECT_EQ(holdfast({"quorum", "status", "--zookeeper", "127.0.0.1:1"}).code, 3);
  EXPECT_EQ(holdfast({"quorum", "add", "nonsense"}).code, 2);
  EXPECT_EQ(holdfast({"quorum", "remove", "x"}).code, 2);
  EXPECT_EQ(holdfast({"quorum", "transfer"}).code, 5);
  const CommandOutcome stranger = holdfast({"quorum", "remove", "9", "--yes"});
  EXPECT_EQ(stranger.code, 4);
  EXPECT_THAT(stranger.errors, HasSubstr("server 9 is no member of the quorum"));
  EXPECT_EQ(holdfast({"quorum", "remove", "9", "--dry-run"}).code, 4) << "it neither asks nor refuses";
}

// ---- The shell

TEST_F(CliZk, TheShellPrintsWhatZkCliPrints) {
  const std::string commands =
      "create /s1 hello\nget /s1\nget -s /s1\nset /s1 world\nset -s /s1 world\ncreate -s /s1/s- x\nls -s /s1\n"
      "ls -R /s1\ncreate /s1/null\nget /s1/null\ngetAcl /s1\nsync /s1\ngetAllChildrenNumber /s1\n"
      "create -e /s1/e x\ngetEphemerals /s1\nget -b /s1\nget -x /s1\nwhoami\ndeleteall /s1\n";
  EXPECT_EQ(shell(commands),
            "hello\nhello\n"
            "cZxid = 0xN\nctime = T\nmZxid = 0xN\nmtime = T\npZxid = 0xN\ncversion = 0\ndataVersion = 0\n"
            "aclVersion = 0\nephemeralOwner = 0x0\ndataLength = 5\nnumChildren = 0\n"
            "cZxid = 0xN\nctime = T\nmZxid = 0xN\nmtime = T\npZxid = 0xN\ncversion = 0\ndataVersion = 2\n"
            "aclVersion = 0\nephemeralOwner = 0x0\ndataLength = 5\nnumChildren = 0\n"
            "[s-0000000000]\n"
            "cZxid = 0xN\nctime = T\nmZxid = 0xN\nmtime = T\npZxid = 0xN\ncversion = 1\ndataVersion = 2\n"
            "aclVersion = 0\nephemeralOwner = 0x0\ndataLength = 5\nnumChildren = 1\n"
            "/s1\n/s1/s-0000000000\nnull\n'world,'anyone\n: cdrwa\nSync is OK\n2\n[/s1/e]\nd29ybGQ=\n776f726c64\n"
            "Auth scheme: User\nip: 127.0.0.1\n");
}

TEST_F(CliZk, AndComplainsAsZkCliDoes) {
  const std::string commands =
      "create /s2 x\ncreate /s2 x\ncreate /s2/a\nset -v 7 /s2 x\ndelete -v 9 /s2/a\ndelete /s2\ndelete /nope\nget "
      "/nope\n"
      "stat /nope\nsetAcl /s2/a world:anyone:r\nset /s2/a x\ncreate /bad/path x\ncreate noslash\nls /x/\nls\n"
      "create -e /s2/e x\ncreate /s2/e/child x\n";
  EXPECT_EQ(
      shell(commands, true),
      "Created /s2\nNode already exists: /s2\nCreated /s2/a\nversion No is not valid : /s2\n"
      "version No is not valid : /s2/a\nNode not empty: /s2\nNode does not exist: /nope\nNode does not exist: /nope\n"
      "Node does not exist: /nope\nInsufficient permission : /s2/a\nNode does not exist: /bad/path\n"
      "Path must start with / character\nPath must not end with / character\nls [-s] [-w] [-R] path\n"
      "Created /s2/e\nEphemerals cannot have children: /s2/e/child\n");
  EXPECT_THAT(shell("foo\n", true), HasSubstr("\tls [-s] [-w] [-R] path\n"));
  EXPECT_THAT(shell("foo\n", true), HasSubstr("Command not found: Command not found foo\n"));
}

TEST_F(CliZk, TheShellWatchesRemembersAndQuits) {
  EXPECT_THAT(shell("create /s3 x\nget -w /s3\nset /s3 y\nset /s3 z\n"),
              HasSubstr("\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeDataChanged path:/s3 zxid: N\n"));
  EXPECT_THAT(shell("addWatch -m PERSISTENT /s3\nset /s3 1\nremovewatches /s3\n"),
              HasSubstr("type:PersistentWatchRemoved path:/s3 zxid: -1"));
  EXPECT_EQ(shell("get /s3\nget /nothing\nhistory\nredo 0\n"), "1\n0 - get /s3\n1 - get /nothing\n2 - history\n1\n");
  EXPECT_EQ(shell("quit\nget /s3\n"), "");
  EXPECT_THAT(holdfast({"zk", "shell"}, "close\nls /\n").output, HasSubstr("Not connected\n"));
  EXPECT_THAT(shell("printwatches off\nget -w /s3\nset /s3 2\nprintwatches\n"), Not(HasSubstr("NodeDataChanged")));
}

TEST_F(CliZk, QuotasInTheShell) {
  EXPECT_EQ(shell("create /s4 x\nsetquota -n 5 /s4\nlistquota /s4\n"),
            "Output quota for /s4 count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=-1\n"
            "Output stat for /s4 count=1,bytes=1\n");
  EXPECT_EQ(shell("delquota /s4\nlistquota /s4\n", true),
            "absolute path is /zookeeper/quota/s4/zookeeper_limits\nquota for /s4 does not exist.\n");
}

TEST_F(CliZk, OneCommandNeedsNoLines) {
  EXPECT_THAT(ok({"zk", "shell", "create", "/s5", "two words"}), Not(HasSubstr("Welcome")));
  EXPECT_THAT(ok({"zk", "shell", "get", "/s5"}), HasSubstr("two words\n"));
  EXPECT_EQ(holdfast({"zk", "shell", "get", "/none"}).code, 1);
  // What begins with a dash behind the command's name is its own.
  EXPECT_EQ(ok({"zk", "shell", "ls", "-R", "/s5"}), "/s5\n");
  EXPECT_THAT(ok({"zk", "shell", "get", "-s", "/s5"}), HasSubstr("dataVersion = 0\n"));
  EXPECT_EQ(holdfast({"zk", "shell", "create", "-e", "-s", "/s5/x-", "data"}).code, 0);
  EXPECT_EQ(holdfast({"zk", "shell", "--recursive", "ls", "/s5"}).code, 2);
  // What zkCli answers with its usage, or a complaint about an argument, is no success.
  EXPECT_EQ(holdfast({"zk", "shell", "--", "create", "-c", "-e", "/s5/x"}).code, 1);
  EXPECT_EQ(holdfast({"zk", "shell", "--", "set", "-v", "many", "/s5", "x"}).code, 1);
  EXPECT_EQ(holdfast({"zk", "shell", "--", "set", "-b", "/s5", "not base64"}).code, 1);
  EXPECT_EQ(holdfast({"zk", "shell", "listquota", "/s5"}).code, 1);
  EXPECT_EQ(holdfast({"zk", "shell", "--", "addWatch", "-m", "NEVER", "/s5"}).code, 1);
  EXPECT_THAT(ok({"zk", "shell", "get", "/s5"}), HasSubstr("two words\n"));
}

TEST_F(CliZk, AServerThatTheShellDoesNotReachIsTheOneItTried) {
  const CommandOutcome outcome = holdfast({"zk", "shell", "connect", "127.0.0.1:1"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("ZooKeeper at 127.0.0.1:1: "));
  EXPECT_THAT(outcome.errors, Not(HasSubstr("HOLDFAST_ZOOKEEPER")));
}

TEST_F(CliZk, TheShellAtATerminal) {
  ok({"zk", "create", "/terminal", "here"});
  Environment environment = clean_environment();
  environment["HOLDFAST_ZOOKEEPER"] = node_->zookeeper();
  TerminalSession shell({"zk", "shell"}, environment);
  ASSERT_TRUE(shell.expect("(CONNECTED) 0] "));
  shell.type("get /termi\t\n");  // the name is completed
  EXPECT_TRUE(shell.expect("get /terminal"));
  EXPECT_TRUE(shell.expect("here\r\n"));
  EXPECT_TRUE(shell.expect("(CONNECTED) 1] "));
  shell.type("\x1b[A\x7f\x7f\x7f\n");  // the line before, less three letters
  EXPECT_TRUE(shell.expect("Node does not exist: /termi"));
  shell.type("\x04");
  EXPECT_EQ(shell.wait(), 0);
}

TEST_F(CliZk, TheShellEndsAsItsLastCommandDid) {
  ok({"zk", "create", "/last"});
  const auto code = [this](const std::string& lines) { return holdfast({"zk", "shell"}, lines).code; };
  EXPECT_EQ(code("get /last\nget /none\n"), 1);
  EXPECT_EQ(code("get /last\nget /none"), 1);
  EXPECT_EQ(code("get /none\n\nquit\n"), 1);
  EXPECT_EQ(code("nonsense\n"), 1);
  EXPECT_EQ(code("get /none\nget /last\n"), 0);
  EXPECT_EQ(code("quit\nget /none\n"), 0);
  EXPECT_EQ(holdfast({"zk", "shell", "quit"}).code, 0);
  Environment environment = clean_environment();
  environment["HOLDFAST_ZOOKEEPER"] = node_->zookeeper();
  TerminalSession shell({"zk", "shell"}, environment);
  ASSERT_TRUE(shell.expect("(CONNECTED) 0] "));
  shell.type("\x03");
  EXPECT_EQ(shell.wait(), 130);
}

TEST_F(CliZk, WhatTheServerRefusesIsSaidWithItsReason) {
  const CommandOutcome reserved = holdfast({"zk", "delete", "/zookeeper", "-r", "--yes"});
  EXPECT_EQ(reserved.code, 5);
  EXPECT_THAT(reserved.errors, HasSubstr(": the server refuses that (BadArguments)\n"));
  ok({"zk", "create", "/large"});
  const CommandOutcome large = holdfast({"zk", "set", "/large", "-"}, std::string(2 << 20, 'x'));
  EXPECT_EQ(large.code, 3);
  EXPECT_THAT(large.errors, StartsWith("holdfast: /large: "));
  EXPECT_THAT(large.errors, Not(HasSubstr("/large: /large")));
  EXPECT_THAT(large.errors, HasSubstr("jute.maxbuffer"));
}

TEST_F(CliZk, JunkOnStandardInputIsNoCommand) {
  std::string junk;
  for (int i = 0; i < 4096; ++i) junk += static_cast<char>(i * 37);
  const CommandOutcome outcome = holdfast({"zk", "shell"}, junk + "\nget /zookeeper\n");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.errors, HasSubstr("Command not found"));
}

}  // namespace
}  // namespace holdfast::test
