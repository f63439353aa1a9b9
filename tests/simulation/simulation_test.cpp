#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "runtime/log_line.h"
#include "tests/simulation/cluster.h"
#include "tests/simulation/nemesis.h"
#include "tests/simulation/run.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::uint64_t scale() {
  const char* text = std::getenv("HOLDFAST_TEST_SCALE");
  return text ? std::max<std::uint64_t>(1, std::strtoull(text, nullptr, 10)) : 1;
}

class Quiet {
 public:
  Quiet() { set_log_level(LogLevel::off); }
  ~Quiet() { set_log_level(LogLevel::info); }
};

std::string text(const Violations& violations) {
  std::string out;
  for (const std::string& v : violations) out += v + "\n";
  return out;
}

// ---- The world ----

Task<void> note_every_second(Shard& shard, std::vector<SteadyTime>& out) {
  for (int i = 0; i < 100; ++i) {
    co_await shard.sleep(seconds(1));
    out.push_back(shard.clock().now());
  }
}

TEST(World, EachHostHasItsOwnClock) {
  World world(1);
  Gate gate;
  Host exact(world.now(), world.wall_ms()), fast(world.now(), world.wall_ms()), slow(world.now(), world.wall_ms());
  fast.set_drift(world.now(), 100'000);
  slow.set_drift(world.now(), -100'000);
  std::vector<SteadyTime> ticks[3];
  Host* hosts[] = {&exact, &fast, &slow};
  for (int i = 0; i < 3; ++i) {
    world.add(*hosts[i]);
    Shard::Scope scope(hosts[i]->shard());
    hosts[i]->shard().spawn(gate, note_every_second(hosts[i]->shard(), ticks[i]));
  }
  world.run_for(milliseconds(50'010));
  // Timers have a resolution of a millisecond of the host's own.
  EXPECT_EQ(ticks[0].size(), 50u);
  EXPECT_NEAR(static_cast<double>(ticks[1].size()), 55, 1);
  EXPECT_NEAR(static_cast<double>(ticks[2].size()), 45, 1);
}

TEST(World, APausedHostDoesNothingAndItsClockGoesOn) {
  World world(1);
  Gate gate;
  Host host(world.now(), world.wall_ms());
  std::vector<SteadyTime> ticks;
  world.add(host);
  {
    Shard::Scope scope(host.shard());
    host.shard().spawn(gate, note_every_second(host.shard(), ticks));
  }
  world.run_for(milliseconds(5'500));
  host.pause(world.now() + seconds(20));
  world.run_for(seconds(19));
  EXPECT_EQ(ticks.size(), 5u);
  world.run_for(milliseconds(1'100));
  ASSERT_EQ(ticks.size(), 6u);
  EXPECT_EQ(ticks.back(), SteadyTime(milliseconds(25'500)));
}

TEST(World, EventsOfAnInstantKeepTheirOrder) {
  World world(1);
  std::string order;
  for (const char c : {'a', 'b', 'c'}) world.after(seconds(1), [&order, c] { order += c; });
  world.after(milliseconds(1), [&] { world.after(milliseconds(999), [&order] { order += 'd'; }); });
  world.run_for(seconds(1));
  EXPECT_EQ(order, "abcd");
}

// ---- The witness ----

zk::Txn session_txn(std::int64_t session, std::int64_t zxid) {
  zk::Txn txn;
  txn.session = SessionId(session);
  txn.zxid = Zxid(zxid);
  txn.body = zk::CreateSessionTxn{1000};
  return txn;
}

class WitnessTest : public testing::Test {
 protected:
  WitnessTest() {
    witness.log_was_read(1, {});
    witness.started(1, Zxid(0), zk::ZnodeMachine(zk::MachineOptions{}).digest());
  }
  void apply(int node, std::int64_t session, std::int64_t zxid) {
    const zk::Txn txn = session_txn(session, zxid);
    zk::ZnodeMachine& machine = node == 1 ? first : second;
    machine.apply(txn);
    witness.applied(node, txn, machine.digest(), std::nullopt);
  }
  void restart(std::int64_t at) {
    read_log(at);
    witness.started(1, Zxid(at), first.digest());
  }
  void read_log(std::int64_t end) {
    std::vector<zk::Txn> log;
    for (std::int64_t z = 1; z <= end; ++z) log.push_back(session_txn(z, z));
    witness.log_was_read(1, log);
  }
  bool found(std::string_view what) const { return text(violations).find(what) != std::string::npos; }

  History history;
  Violations violations;
  zk::ZnodeMachine first{zk::MachineOptions{}}, second{zk::MachineOptions{}};
  Witness witness{zk::MachineOptions{}, history, violations};
};

TEST_F(WitnessTest, PassesOneSequenceEverywhere) {
  for (std::int64_t z = 1; z <= 3; ++z) apply(1, z, z);
  witness.started(2, Zxid(0), second.digest());
  violations.clear();  // it has not applied what another one had
  witness.log_was_read(2, {});
  for (std::int64_t z = 1; z <= 3; ++z) apply(2, z, z);
  restart(3);
  apply(1, 9, std::int64_t{1} << 32);
  EXPECT_EQ(text(violations), "");
  EXPECT_EQ(history.committed.size(), 4u);
}

TEST_F(WitnessTest, LearnsFromTheLogWhatWasDurableAndNotYetApplied) {
  apply(1, 1, 1);
  first.apply(session_txn(2, 2));
  restart(2);
  EXPECT_EQ(text(violations), "");
  EXPECT_EQ(history.committed.size(), 2u);
}

TEST_F(WitnessTest, FindsWhatWasLost) {
  for (std::int64_t z = 1; z <= 3; ++z) apply(1, z, z);
  restart(2);
  EXPECT_TRUE(found("had applied 0x3"));
}

TEST_F(WitnessTest, FindsAHoleInTheLog) {
  for (std::int64_t z = 1; z <= 3; ++z) apply(1, z, z);
  witness.log_was_read(1, {session_txn(1, 1), session_txn(3, 3)});
  witness.started(1, Zxid(3), first.digest());
  EXPECT_TRUE(found("lacks 0x2"));
}

TEST_F(WitnessTest, FindsAnotherTransactionInItsPlace) {
  apply(1, 1, 1);
  witness.log_was_read(2, {});
  witness.started(2, Zxid(0), second.digest());
  apply(2, 7, 1);
  EXPECT_TRUE(found("another transaction with zxid 0x1"));
  EXPECT_TRUE(found("I10"));
}

TEST_F(WitnessTest, FindsWhatIsAppliedOutOfOrderOrLeftOut) {
  apply(1, 1, 1);
  apply(1, 3, 3);
  EXPECT_TRUE(found("applied 0x3 after 0x1"));
  apply(1, 3, 3);
  EXPECT_TRUE(found("applied 0x3 after 0x3"));
}

TEST_F(WitnessTest, FindsAStateThatReplayDoesNotGive) {
  apply(1, 1, 1);
  witness.log_was_read(1, {session_txn(1, 1)});
  witness.started(1, Zxid(1), first.digest() + 1);
  EXPECT_TRUE(found("I10"));
}

TEST_F(WitnessTest, FindsAStateOutOfNowhere) {
  witness.log_was_read(1, {});
  witness.started(1, Zxid(5), 1);
  EXPECT_TRUE(found("its log lacks"));
}

// A life reads its log, takes a snapshot, and ends before it has started; the log is trimmed up to the snapshot.
TEST_F(WitnessTest, KnowsASnapshotOfALifeThatNeverStarted) {
  apply(1, 1, 1);
  first.apply(session_txn(2, 2));
  read_log(2);
  witness.log_was_read(1, {});
  witness.started(1, Zxid(2), first.digest());
  EXPECT_EQ(text(violations), "");
  EXPECT_EQ(history.committed.size(), 2u);
}

// ---- Whole runs ----

TEST(Simulation, TheSameSeedIsTheSameRun) {
  const Quiet quiet;
  for (const std::uint64_t seed : {3u, 4u, 12u, 13u, 14u}) {
    const Plan plan = seed > 12 ? Plan::draw_replicated(seed) : Plan::draw(seed);
    const Outcome first = run(plan), second = run(plan);
    EXPECT_EQ(first.trace_hash, second.trace_hash) << "seed " << seed;
    EXPECT_EQ(first.committed, second.committed);
    EXPECT_EQ(first.faults, second.faults);
  }
  EXPECT_NE(run(Plan::draw(3)).trace_hash, run(Plan::draw(4)).trace_hash);
}

TEST(Simulation, SeedsPass) {
  const Quiet quiet;
  CheckCounts checked;
  std::uint64_t injected = 0;
  for (std::uint64_t seed = 1; seed <= 10 * scale(); ++seed) {
    const Outcome outcome = run(Plan::draw(seed));
    EXPECT_EQ(text(outcome.violations), "") << "./dev sim --seeds 1 --from " << seed;
    checked.writes += outcome.checked.writes;
    checked.reads += outcome.checked.reads;
    checked.events += outcome.checked.events;
    for (const auto& [_, count] : outcome.faults) injected += count;
  }
  EXPECT_GT(checked.writes, 1000u);
  EXPECT_GT(checked.reads, 1000u);
  EXPECT_GT(checked.events, 100u);
  EXPECT_GT(injected, 100u);
}

TEST(Simulation, WithoutFaultsEverythingIsAnswered) {
  const Quiet quiet;
  Plan plan;
  plan.seed = 7;
  plan.length = seconds(30);
  plan.script.silent_percent = 0;
  plan.script.close_percent = 0;  // what is asked behind it has no answer
  const Outcome outcome = run(plan);
  EXPECT_EQ(text(outcome.violations), "");
  EXPECT_EQ(outcome.checked.unknown, 0u);
  EXPECT_EQ(outcome.checked.linearized, plan.script.registers);
  EXPECT_GT(outcome.checked.total(), 300u);
}

TEST(Simulation, SeveralNodesSideBySide) {
  const Quiet quiet;
  Plan plan = Plan::draw(2);
  plan.nodes = 3;
  plan.clients = 2;
  for (const std::string& kind : Nemesis::kinds()) plan.faults.try_emplace(kind, seconds(20));
  plan.faults.erase("disk error");
  const Outcome outcome = run(plan);
  EXPECT_EQ(text(outcome.violations), "");
  EXPECT_GE(outcome.faults.size(), 14u);
}

TEST(Simulation, EnsemblesPass) {
  const Quiet quiet;
  std::uint64_t committed = 0, installed = 0;
  for (std::uint64_t seed = 1; seed <= 10 * scale(); ++seed) {
    const Outcome outcome = run(Plan::draw_replicated(seed));
    EXPECT_EQ(text(outcome.violations), "") << "./dev sim --replicated --seeds 1 --from " << seed;
    committed += outcome.committed;
    installed += outcome.snapshots_installed;
  }
  EXPECT_GT(committed, 1000u);
  EXPECT_GT(installed, 10u);
}

TEST(Simulation, AnEnsembleWithoutFaultsAnswersEverything) {
  const Quiet quiet;
  Plan plan;
  plan.seed = 7;
  plan.nodes = 3;
  plan.replicated = true;
  plan.length = seconds(30);
  plan.script.silent_percent = 0;
  const Outcome outcome = run(plan);
  EXPECT_EQ(text(outcome.violations), "");
  EXPECT_EQ(outcome.checked.linearized, plan.script.registers);
  EXPECT_GT(outcome.checked.total(), 300u);
}

TEST(Simulation, AnEnsembleWithFaultsOfAllKinds) {
  const Quiet quiet;
  Plan plan = Plan::draw_replicated(2);
  plan.nodes = 5;
  plan.observers = 0;
  plan.reconfig_enabled = true;
  plan.length = seconds(240);
  for (const std::string& kind : Nemesis::kinds()) plan.faults[kind] = seconds(30);
  const Outcome outcome = run(plan);
  EXPECT_EQ(text(outcome.violations), "");
  EXPECT_GE(outcome.faults.size(), Nemesis::kinds().size() - 2);
}

// An ensemble whose nodes do not replicate breaks every promise, and that is seen.
TEST(Simulation, NodesThatDoNotAgreeAreFound) {
  const Quiet quiet;
  Plan plan;
  plan.seed = 5;
  plan.length = seconds(20);
  plan.nodes = 2;
  plan.replicated = plan.divided = true;
  const std::string found = text(run(plan).violations);
  for (const char* what : {"another transaction with zxid", "I10", "acknowledged and not committed", "I9"})
    EXPECT_NE(found.find(what), std::string::npos) << what;
}

// One client, whose node's power goes before the n-th change of its disk.
struct OneCrash {
  bool struck = false;
  Violations violations;
  std::uint64_t disk_calls = 0;
};
OneCrash crash_at(std::uint64_t n, Crash how) {
  World world(n + 1);
  SimulatedCluster cluster(world, 1, 1, [](int) {
    EnsembleOptions o;
    o.tick_ms = 500;
    o.extended_types = true;
    o.snapshot_count = 10;
    return o;
  });
  SimulatedNode& node = *cluster.nodes().front();
  node.crash_at_disk_call(n, how);
  cluster.start();
  Gate gate;
  Host host(world.now(), world.wall_ms());
  world.add(host);
  ScriptOptions script;
  script.think_max = milliseconds(100);
  script.silent_percent = 0;
  const std::string address = cluster.add_client(host, gate, script, 4000);
  for (int i = 0; i < 40; ++i) {
    world.run_for(milliseconds(100));
    if (!node.running()) node.start();
  }
  OneCrash out;
  out.struck = node.crashes() > 0;
  node.forget_crash();
  cluster.finish_clients();
  const bool done = world.run_until([&] { return cluster.clients_are_done(); }, seconds(60));
  CheckOptions options;
  CheckCounts counts;
  out.violations = check(cluster.history(), options, counts);
  for (const std::string& v : cluster.violations()) out.violations.push_back(v);
  if (!done) out.violations.push_back("the client does not come to its end");
  world.network().kill_process(address);
  cluster.abandon_clients();
  world.run_until([&gate] { return gate.holders() == 0; }, seconds(60));
  out.disk_calls = node.disk_calls();
  world.remove(host);
  return out;
}

TEST(Simulation, PowerMayGoAtEachDiskCall) {
  const Quiet quiet;
  const std::uint64_t step = scale() > 1 ? 1 : 5;
  std::uint64_t struck = 0;
  for (const Crash how : {Crash::power, Crash::power_and_cache, Crash::process}) {
    for (std::uint64_t n = 0;; n += step) {
      const OneCrash one = crash_at(n, how);
      EXPECT_EQ(text(one.violations), "") << "before change " << n << ", crash " << static_cast<int>(how);
      if (!one.struck) break;
      ++struck;
    }
  }
  EXPECT_GT(struck, 30u);
}

}  // namespace
}  // namespace holdfast::sim
