// The requests, answers and texts are those of an ensemble of three ZooKeeper 3.9.5 servers, and of one that stood
// alone.
#include "coordination/reconfig.h"

#include <gtest/gtest.h>

#include "tests/coordination/zk_client.h"
#include "tests/coordination/zk_world.h"
#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

using Given = std::optional<std::string_view>;
constexpr std::nullopt_t none = std::nullopt;

constexpr std::string_view three =
    "server.1=127.0.0.1:24281:24381:participant\nserver.2=127.0.0.1:24282:24382:participant\n"
    "server.3=127.0.0.1:24283:24383:participant\n";

ReconfigOp reconfig(Given joining, Given leaving, Given members = none, std::int64_t from = -1) {
  return {.joining = joining, .leaving = leaving, .members = members, .from_version = from};
}

// An ensemble of three, all there. Session 1 is anybody's, session 2 the super user's.
class Reconfig : public ::testing::Test {
 protected:
  Reconfig() {
    options.reconfig.enabled = true;
    options.reconfig.quorum = [this] { return view; };
    begin();
  }
  void begin() {
    world.emplace(options);
    world->identities[2] = {Id{"ip", "127.0.0.1"}, Id{"super", ""}};
    world->open(1);
    world->open(2);
  }
  void install() {
    const auto config = EnsembleConfig::parse(three, false);
    ASSERT_TRUE(config);
    version = world->ask(world->broker(), InstallConfigOp{*config}).zxid;
  }
  ZkError ask(const ReconfigOp& op, std::int64_t session = 2) { return world->ask(session, op).error; }
  std::string config() { return world->data("/zookeeper/config"); }
  // The configuration without its version, which must be the last transaction's.
  std::string servers() {
    const std::string text = config(), end = fmt_version(world->machine.last_applied());
    EXPECT_TRUE(text.ends_with(end)) << text;
    return text.substr(0, text.size() - std::min(text.size(), end.size()));
  }
  static std::string fmt_version(Zxid zxid) {
    EnsembleConfig empty;
    empty.version = zxid;
    return empty.text();
  }

  QuorumView view{.changing = false, .synced = {ServerId(1), ServerId(2), ServerId(3)}};
  MachineOptions options;
  std::optional<ZnodeWorld> world;
  Zxid version;
};

TEST_F(Reconfig, RefusalsAreUpstreams) {
  install();
  using enum ZkError;
  const struct {
    Given joining, leaving, members;
    std::int64_t from;
    ZkError answer;
  } golden[] = {
      {"a:1:2;3", none, none, -1, bad_arguments},
      {"server.4=a:1:2;3", none, none, 5, bad_version},
      {"server.4=a:1:2", none, none, -1, bad_arguments},
      {"server.4=a:1", none, none, -1, bad_arguments},
      {"server.4=a:1:1;3", none, none, -1, bad_arguments},
      {"server.x=a:1:2;3", none, none, -1, marshalling_error},
      {"server.4=a:70000:2;3", none, none, -1, marshalling_error},
      {"server.4=a:1:2;3=4", none, none, -1, bad_arguments},
      {"server.4=a:1:2|b:1:2;3", none, none, -1, bad_arguments},
      {"server.4=a:1:2:leader;3", none, none, -1, bad_arguments},
      {none, "x", none, -1, marshalling_error},
      {none, "server.3", none, -1, marshalling_error},
      {none, "2,3", none, -1, bad_arguments},
      {none, "1,2,3", none, -1, bad_arguments},
      {none, none, "", -1, bad_arguments},
      {none, none, "server.1=127.0.0.1:1:2;3", -1, bad_arguments},
      {none, none, "nonsense", -1, bad_arguments},
      {none, none, "server.1=127.0.0.1:1:2;3,foo=1", -1, bad_arguments},
      {none, none, "server.1=a:1:2:observer;3,server.2=b:1:2:observer;3", -1, marshalling_error},
      {none, none, "server.1=a:1:2,server.2=b:1:2:observer", -1, marshalling_error},
      {none, none, "server.1=a:70000:2", -1, marshalling_error},
      {none, none, "server.1=a:1:1", -1, bad_arguments},
      {none, none, "version=x", -1, marshalling_error},
      {"server.4=10.0.0.1:1:2;3,server.5=10.0.0.1:1:5;6", none, none, -1, bad_arguments},
      {"server.4=10.0.0.1:1:2;10.0.0.2:1,server.5=10.0.0.2:5:1;3", none, none, -1, bad_arguments},
      {"server.4=a:1:2;3,server.5=b:1:2;3,server.6=c:1:2;3", none, none, -1, new_config_no_quorum},
      {none, none, "server.7=a:1:2;3,server.8=b:1:2;3", -1, new_config_no_quorum},
      {"server.4=a:1:2;3", "1,2", none, -1, new_config_no_quorum},
      {"4=a:1:2;3,,", "", none, 7, bad_version},
  };
  const std::string before = config();
  for (const auto& [joining, leaving, members, from, answer] : golden) {
    EXPECT_EQ(ask(reconfig(joining, leaving, members, from)), answer)
        << joining.value_or("-") << " " << leaving.value_or("-") << " " << members.value_or("-");
  }
  EXPECT_EQ(config(), before);
}

TEST_F(Reconfig, ServersJoinChangeAndLeave) {
  install();
  const std::string base(three);
  EXPECT_EQ(servers(), base);
  EXPECT_EQ(ask(reconfig("", "99")), ZkError::ok);
  EXPECT_EQ(servers(), base);
  EXPECT_EQ(ask(reconfig("server.4=10.0.0.1:1:2;10.0.0.1:1", none)), ZkError::ok);
  EXPECT_EQ(servers(), base + "server.4=10.0.0.1:1:2:participant;10.0.0.1:1\n");
  EXPECT_EQ(ask(reconfig("server.4=127.0.0.1:24304:24404:observer;127.0.0.1:24184", none)), ZkError::ok);
  EXPECT_EQ(servers(), base + "server.4=127.0.0.1:24304:24404:observer;127.0.0.1:24184\n");
  EXPECT_EQ(ask(reconfig("server.04 = [::1]:24304:24404:OBSERVER;24184", none)), ZkError::ok);
  EXPECT_EQ(servers(), base + "server.4=[0:0:0:0:0:0:0:1]:24304:24404:observer;0.0.0.0:24184\n");
  EXPECT_EQ(ask(reconfig("server.20=j:1:2:observer;3,server.10=k:1:2:observer;3", "4")), ZkError::ok);
  EXPECT_EQ(servers(), base + "server.10=k:1:2:observer;0.0.0.0:3\nserver.20=j:1:2:observer;0.0.0.0:3\n");
  EXPECT_EQ(ask(reconfig(none, " 4, 20 ,")), ZkError::ok);
  EXPECT_EQ(servers(), base + "server.10=k:1:2:observer;0.0.0.0:3\n");
  // Leaving comes first: one may leave and join again.
  EXPECT_EQ(ask(reconfig("server.10=k:1:2:participant;3", "10")), ZkError::ok);
  EXPECT_EQ(servers(), base + "server.10=k:1:2:participant;0.0.0.0:3\n");
  EXPECT_EQ(ask(reconfig(none, "3", none)), ZkError::ok);
  EXPECT_EQ(
      ask(reconfig("server.9=z:1:2;3", "1",
                   "server.1=127.0.0.1:24281:24381,server.2=127.0.0.1:24282:24382\nserver.3=127.0.0.1:24283:24383")),
      ZkError::ok);
  EXPECT_EQ(servers(), base);
}

TEST_F(Reconfig, TheVersionIsTheTransactions) {
  install();
  EXPECT_EQ(config(), std::string(three) + fmt_version(version));
  EXPECT_EQ(ask(reconfig(none, none, none, version.value)), ZkError::ok);
  EXPECT_EQ(ask(reconfig(none, none, none, version.value)), ZkError::bad_version);
  EXPECT_EQ(ask(reconfig(none, none, none, world->machine.last_applied().value - 1)), ZkError::ok);
}

TEST_F(Reconfig, TheNodeChangesAndItsVersionDoesNot) {
  install();
  (void)world->machine.get_data("/zookeeper/config", world->caller(1), true);
  world->now_ms = 77'000;
  const Done done = world->ask(2, reconfig("server.4=d:1:2:observer;3", none));
  EXPECT_EQ(world->take_heard(1), (std::vector<Heard>{{EventType::data_changed, "/zookeeper/config"}}));
  const auto stat = world->stat("/zookeeper/config");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->version, -1);
  EXPECT_EQ(stat->mzxid, done.zxid.value);
  EXPECT_EQ(stat->mtime, 77'000);
  EXPECT_EQ(stat->aversion, -1);
  EXPECT_EQ(stat->data_length, static_cast<std::int32_t>(config().size()));
  EXPECT_EQ(done.stat.mzxid, stat->mzxid);
  EXPECT_EQ(done.stat.data_length, stat->data_length);
}

TEST_F(Reconfig, TheShellIsToldOfTheNewConfiguration) {
  install();
  world->prepare(2, reconfig("server.4=d:1:2:observer;3", none));
  const Txn txn = world->waiting.front();
  const Effects& effects = world->machine.apply(txn);
  EXPECT_EQ(effects.result.op, OpCode::reconfig);
  const auto told = EnsembleConfig::parse(effects.new_config, false);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->version, txn.zxid);
  EXPECT_EQ(told->membership().voters, (std::vector{ServerId(1), ServerId(2), ServerId(3)}));
  EXPECT_EQ(told->membership().learners, (std::vector{ServerId(4)}));
  ASSERT_EQ(changes_of(txn).size(), 1u);
  EXPECT_EQ(changes_of(txn)[0].path, "/zookeeper/config");
  world->waiting.clear();
  world->ask(1, create("/a"));
  EXPECT_TRUE(world->machine.apply(world->committed.back()).new_config.empty());
}

TEST_F(Reconfig, OneAtATime) {
  EXPECT_EQ(ask(reconfig(none, none)), ZkError::reconfig_in_progress) << "before the first configuration";
  install();
  world->prepare(2, reconfig("server.4=d:1:2:observer;3", none));
  world->prepare(2, reconfig("server.5=e:1:2:observer;3", none));
  EXPECT_EQ(world->apply_next().error, ZkError::ok);
  EXPECT_EQ(world->apply_next().error, ZkError::reconfig_in_progress);
  EXPECT_EQ(ask(reconfig("server.5=e:1:2:observer;3", none)), ZkError::ok);

  view.changing = true;
  EXPECT_EQ(ask(reconfig(none, "5")), ZkError::reconfig_in_progress);
  view.changing = false;
  world->prepare(2, reconfig(none, "5"));
  world->waiting.clear();
  world->machine.discard_outstanding();  // the leader lost its place
  EXPECT_EQ(ask(reconfig(none, "4")), ZkError::ok);
}

TEST_F(Reconfig, AMajorityOfTheNewParticipantsIsThere) {
  install();
  view.synced = {ServerId(1)};
  EXPECT_EQ(ask(reconfig(none, "99")), ZkError::new_config_no_quorum);
  view.synced = {ServerId(1), ServerId(4)};
  EXPECT_EQ(ask(reconfig("server.4=d:1:2;3", none)), ZkError::new_config_no_quorum) << "two of four";
  EXPECT_EQ(ask(reconfig("server.4=d:1:2;3", "3")), ZkError::ok) << "two of three";
  EXPECT_EQ(ask(reconfig("server.4=d:1:2:observer;3", none)), ZkError::new_config_no_quorum) << "of 1, 2";
}

TEST_F(Reconfig, WhoMayWriteTheNodeMayReconfigure) {
  install();
  EXPECT_EQ(ask(reconfig(none, none), 1), ZkError::no_auth);
  EXPECT_EQ(ask(reconfig("server.4=a:1", none), 1), ZkError::bad_arguments) << "asked first";
  EXPECT_EQ(world->ask(1, set("/zookeeper/config", "x")).error, ZkError::no_auth);
  const Acl readable{perms::read, Id{"world", "anyone"}}, writable{perms::write, Id{"ip", "127.0.0.1"}};
  world->ask(2, SetAclOp{.path = "/zookeeper/config", .acl = {readable, writable}});
  EXPECT_EQ(ask(reconfig(none, none), 1), ZkError::ok);
  // Only a reconfig changes it: the text is what the ensemble is.
  const std::string before = config();
  EXPECT_EQ(world->ask(1, set("/zookeeper/config", "x")).error, ZkError::bad_arguments);
  EXPECT_EQ(world->ask(1, remove("/zookeeper/config")).error, ZkError::bad_arguments);
  EXPECT_EQ(config(), before);
  EXPECT_EQ(ask(reconfig(none, none), 9), ZkError::session_expired);
  EXPECT_EQ(world->ask(1, InstallConfigOp{}).error, ZkError::unimplemented);
}

TEST_F(Reconfig, ALoneServerAnswersAsUpstreams) {
  options.reconfig.quorum = nullptr;
  begin();
  for (const auto& op :
       {reconfig(none, none), reconfig("nonsense", none), reconfig(none, none, none, 5), reconfig(none, none, "", 0)}) {
    EXPECT_EQ(ask(op, 1), ZkError::unimplemented);
    EXPECT_EQ(ask(op, 2), ZkError::unimplemented);
  }
  EXPECT_EQ(ask(reconfig(none, none), 9), ZkError::session_expired);
  EXPECT_EQ(config(), "");
  EXPECT_EQ(world->stat("/zookeeper/config")->version, 0);
  EXPECT_EQ(world->ask(2, set("/zookeeper/config", "x")).stat.version, 1);

  options.reconfig.enabled = false;
  begin();
  EXPECT_EQ(ask(reconfig("nonsense", none), 1), ZkError::reconfig_disabled);
  EXPECT_EQ(ask(reconfig(none, none), 9), ZkError::reconfig_disabled);
}

TEST_F(Reconfig, ASingleParticipantIsEnoughWithoutStandalone) {
  install();
  EXPECT_EQ(ask(reconfig(none, "2,3")), ZkError::bad_arguments);
  options.reconfig.standalone_enabled = false;
  begin();
  install();
  EXPECT_EQ(ask(reconfig(none, "2,3")), ZkError::ok);
  EXPECT_EQ(servers(), "server.1=127.0.0.1:24281:24381:participant\n");
  EXPECT_EQ(ask(reconfig(none, "1")), ZkError::bad_arguments);
  EXPECT_EQ(ask(reconfig(none, none, "")), ZkError::marshalling_error);
}

TEST_F(Reconfig, SeveralAddressesWhereTheyAreEnabled) {
  options.reconfig.multi_address = true;
  begin();
  install();
  EXPECT_EQ(ask(reconfig("server.4=b:1:2|a:1:2:observer;3", none)), ZkError::ok);
  EXPECT_EQ(servers(), std::string(three) + "server.4=a:1:2|b:1:2:observer;0.0.0.0:3\n");
}

TEST_F(Reconfig, ReplicasAgree) {
  install();
  ask(reconfig("server.4=d:1:2:observer;3", none));
  ask(reconfig(none, "99", none, 5));
  ask(reconfig(none, "4"));
  ZnodeMachine replica{MachineOptions()};
  for (const Txn& txn : world->committed) replica.apply(txn);
  EXPECT_EQ(replica.digest(), world->machine.digest());
  EXPECT_EQ(dump(replica), dump(world->machine));
}

TEST_F(Reconfig, HostileListsAreCheap) {
  install();
  const std::string commas(1 << 20, ','), equals(1 << 20, '='), bars(1 << 20, '|');
  std::string many, lines;
  for (int i = 0; i < 100'000; ++i) {
    many += "server.4=d:1:2:observer;3,";
    lines += "k" + std::to_string(i) + ",";
  }
  EXPECT_EQ(ask(reconfig(commas, commas)), ZkError::ok);
  EXPECT_EQ(ask(reconfig(many, none)), ZkError::ok);
  EXPECT_EQ(ask(reconfig(equals, none)), ZkError::bad_arguments);
  EXPECT_EQ(ask(reconfig("server.4=" + bars, none)), ZkError::bad_arguments);
  EXPECT_EQ(ask(reconfig(none, none, lines)), ZkError::bad_arguments);
}

using ReconfigServer = ZkWorld;

// As a server that stands alone answers it, with a zxid of its own; the session goes on.
TEST_F(ReconfigServer, AnswersOnTheWire) {
  start();
  ZkClient client(port());
  EXPECT_EQ(client.get("/zookeeper/config"), "");
  const auto first = client.call(OpCode::reconfig, jute::ReconfigRequest{"server.2=a:1:2;3", {}, {}, -1});
  const auto second = client.call(OpCode::reconfig, jute::ReconfigRequest{{}, {}, "", 5});
  EXPECT_EQ(first.error, ZkError::reconfig_disabled);
  EXPECT_EQ(second.error, ZkError::reconfig_disabled);
  EXPECT_EQ(second.zxid, first.zxid + 1);
  EXPECT_TRUE(second.body.empty());
  EXPECT_EQ(client.call(OpCode::reconfig, jute::SyncRequest{"/"}).error, ZkError::marshalling_error);
  EXPECT_EQ(client.create("/alive").error, ZkError::ok);
}

}  // namespace
}  // namespace holdfast::zk
