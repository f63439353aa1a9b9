// Locks, read-write locks, semaphores, elections and barriers between several sessions, which expire and lose their
// connections meanwhile.
#include <fmt/format.h>

#include "client/barrier.h"
#include "client/double_barrier.h"
#include "client/election.h"
#include "client/ephemeral_node.h"
#include "client/lock.h"
#include "client/read_write_lock.h"
#include "client/semaphore.h"
#include "tests/client/zookeeper_world.h"

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using client::Barrier;
using client::DoubleBarrier;
using client::Election;
using client::EphemeralNode;
using client::Lock;
using client::ReadWriteLock;
using client::Semaphore;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class RecipeTest : public ZooKeeperWorld {
 protected:
  using ZooKeeperWorld::ZooKeeperWorld;
  ZooKeeper& connect() {
    ZooKeeper& zk = make_client();
    EXPECT_EQ(code_of(run(zk.connect(10s))), "ok");
    return zk;
  }
  template <class T>
  bool done(const std::shared_ptr<std::optional<T>>& result) {
    return run_until([&result] { return result->has_value(); });
  }
  template <class T>
  bool is_waiting(const std::shared_ptr<std::optional<T>>& result) {
    run_for(1s);
    return !result->has_value();
  }
};

TEST_F(RecipeTest, ALockIsHeldByOneAndGoesOnInOrder) {
  start();
  ZooKeeper &a = connect(), &b = connect(), &c = connect();
  Lock first(a, "/locks/x", "a"), second(b, "/locks/x", "b"), third(c, "/locks/x", "c");
  ASSERT_EQ(code_of(run(first.acquire())), "ok");
  auto waiting = begin(second.acquire());
  ASSERT_TRUE(is_waiting(waiting));
  auto behind = begin(third.acquire());
  ASSERT_TRUE(is_waiting(behind));
  EXPECT_THAT(*run(first.participants()), SizeIs(3));
  EXPECT_EQ(run(a.get(first.node()))->data, "a");
  const std::int64_t token = first.token();
  run(first.release());
  ASSERT_TRUE(done(waiting));
  EXPECT_TRUE(second.held());
  EXPECT_GT(second.token(), token);
  EXPECT_TRUE(is_waiting(behind));
  run(second.release());
  ASSERT_TRUE(done(behind));
  run(third.stop());
  EXPECT_THAT(children("/locks/x"), IsEmpty());
  run(first.stop());
  run(second.stop());
}

// One release wakes one waiter: the others ask nothing.
TEST_F(RecipeTest, AReleaseWakesNoHerd) {
  start();
  constexpr int many = 20;
  std::vector<std::unique_ptr<Lock>> locks;
  std::vector<std::shared_ptr<std::optional<ZkOutcome<>>>> turns;
  for (int i = 0; i < many; ++i) {
    locks.push_back(std::make_unique<Lock>(connect(), "/locks/x"));
    turns.push_back(begin(locks.back()->acquire()));
    run_for(10ms);
  }
  const std::uint64_t before = network_.counts().pieces;
  run(locks[0]->release());
  ASSERT_TRUE(done(turns[1]));
  EXPECT_LT(network_.counts().pieces - before, 20u);
  EXPECT_FALSE(turns[2]->has_value());
  for (auto& lock : locks) run(lock->stop());
}

TEST_F(RecipeTest, WaitingEndsInTimeAndLeavesNothing) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Lock first(a, "/locks/x"), second(b, "/locks/x");
  ASSERT_TRUE(run(first.acquire()));
  const SteadyTime asked = now();
  EXPECT_EQ(code_of(run(second.acquire(2s))), "OperationTimeout");
  EXPECT_GE(now() - asked, 2s);
  EXPECT_LE(now() - asked, 2s + 100ms);
  EXPECT_THAT(children("/locks/x"), SizeIs(1));
  EXPECT_EQ(code_of(run(first.acquire())), "BadArguments");
  run(first.stop());
  run(second.stop());
}

// The holder learns that it has lost the lock before the next one has it, whatever cuts it off.
TEST_F(RecipeTest, AHolderThatIsCutOffLosesTheLockBeforeAnotherHasIt) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Lock first(a, "/locks/x"), second(b, "/locks/x");
  std::vector<std::string> story;
  first.on_lost([&] { story.push_back(second.held() ? "too late" : "lost"); });
  ASSERT_TRUE(run(first.acquire()));
  auto turn = begin(second.acquire());
  run_for(1s);
  cut(1);
  ASSERT_TRUE(done(turn));
  EXPECT_THAT(story, ElementsAre("lost"));
  EXPECT_FALSE(first.held());
  heal(1);
  reset(1);
  ASSERT_TRUE(run_until([&a] { return a.connected(); }));
  EXPECT_FALSE(first.held());  // it does not come back by itself
  auto again = begin(first.acquire());
  EXPECT_TRUE(is_waiting(again));
  run(second.release());
  ASSERT_TRUE(done(again));
  run(first.stop());
  run(second.stop());
}

TEST_F(RecipeTest, AnExpiredHolderIsToldAndAnExpiredWaiterQueuesAgain) {
  start();
  ZooKeeper &a = connect(), &b = connect(), &c = connect();
  Lock first(a, "/locks/x"), second(b, "/locks/x"), third(c, "/locks/x");
  ASSERT_TRUE(run(first.acquire()));
  auto turn = begin(second.acquire());
  run_for(100ms);
  auto behind = begin(third.acquire());
  run_for(100ms);
  expire(b);  // the waiter
  ASSERT_TRUE(is_waiting(turn));
  EXPECT_THAT(children("/locks/x"), SizeIs(3));
  auto told = begin(first.until_lost());
  expire(a);  // the holder
  ASSERT_TRUE(done(behind));
  EXPECT_FALSE(first.held());
  run(third.release());
  ASSERT_TRUE(done(turn));
  EXPECT_TRUE(second.held());
  run(first.stop());
  run(second.stop());
  run(third.stop());
}

TEST_F(RecipeTest, SomebodyWhoDeletesTheZnodeTakesTheLockAway) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Lock lock(a, "/locks/x");
  bool lost = false;
  lock.on_lost([&lost] { lost = true; });
  ASSERT_TRUE(run(lock.acquire()));
  ASSERT_TRUE(run(b.remove(lock.node())));
  ASSERT_TRUE(run_until([&lost] { return lost; }));
  EXPECT_FALSE(lock.held());
  run(lock.stop());
}

// Whenever that happens while the lock is being taken, it is taken in the end.
TEST_F(RecipeTest, AZnodeThatGoesWhileTheLockIsTakenIsMadeAgain) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Lock lock(a, "/locks/x");
  for (int i = 0; i < 40; ++i) {
    auto turn = begin(lock.acquire());
    run_for(std::chrono::microseconds(100 * i));
    for (const std::string& name : children("/locks/x")) (void)begin(b.remove("/locks/x/" + name));
    ASSERT_TRUE(done(turn)) << i;
    EXPECT_EQ(code_of(**turn), "ok");
    run_for(1s);
    run(lock.release());
  }
  run(lock.stop());
}

// The answer that makes it the turn and the news of the znode's end come in one burst, at some of these moments.
TEST_F(RecipeTest, AZnodeThatGoesInTheBurstThatBringsTheTurnIsNotHeld) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Lock lock(a, "/locks/x");
  Semaphore lease(a, "/sem", 1);
  for (int i = 0; i < 100; ++i) {
    auto turn = begin(lock.acquire());
    auto leased = begin(lease.acquire());
    run_for(std::chrono::microseconds(50 * i));
    network_.clog(server_address(0), client_address(1), 20ms);
    run_for(2ms);
    for (const char* path : {"/locks/x", "/sem/leases"}) {
      for (const std::string& name : children(path)) (void)begin(b.remove(fmt::format("{}/{}", path, name)));
    }
    ASSERT_TRUE(done(turn) && done(leased)) << i;
    run_for(1s);
    EXPECT_EQ(lock.held(), !children("/locks/x").empty()) << i;
    EXPECT_EQ(lease.held(), !children("/sem/leases").empty()) << i;
    run(lock.release());
    run(lease.release());
  }
  run(lock.stop());
  run(lease.stop());
}

TEST_F(RecipeTest, ARevocationThatComesWithTheTurnIsHeardOf) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Lock lock(a, "/locks/x");
  int asked = 0;
  lock.on_revoke([&asked] { ++asked; });
  for (int i = 0; i < 60; ++i) {
    auto turn = begin(lock.acquire());
    run_for(std::chrono::microseconds(50 * i));
    network_.clog(server_address(0), client_address(1), 20ms);
    run_for(2ms);
    const auto places = children("/locks/x");
    for (const std::string& name : places) (void)begin(Lock::request_revocation(b, "/locks/x/" + name));
    ASSERT_TRUE(done(turn)) << i;
    run_for(1s);
    EXPECT_EQ(asked > 0, !places.empty()) << i;
    asked = 0;
    run(lock.release());
  }
  run(lock.stop());
}

TEST_F(RecipeTest, ALeaseWhoseZnodeIsWrittenToIsStillWatched) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Semaphore lease(a, "/sem", 1);
  bool lost = false;
  lease.on_lost([&lost] { lost = true; });
  ASSERT_TRUE(run(lease.acquire()));
  ASSERT_TRUE(run(b.set(lease.node(), "a note")));
  run_for(1s);
  ASSERT_TRUE(run(b.remove(lease.node())));
  ASSERT_TRUE(run_until([&lost] { return lost; }, 1s));
  EXPECT_FALSE(lease.held());
  run(lease.stop());
}

TEST_F(RecipeTest, ALockCanBeAskedFor) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Lock lock(a, "/locks/x");
  int asked = 0;
  lock.on_revoke([&asked] { ++asked; });
  ASSERT_TRUE(run(lock.acquire()));
  ASSERT_TRUE(run(Lock::request_revocation(b, lock.node())));
  ASSERT_TRUE(run_until([&asked] { return asked == 1; }));
  EXPECT_TRUE(lock.held());
  run(lock.stop());
}

// A create whose reply is lost leaves one znode, or none: here by the guid alone, as with Apache ZooKeeper.
TEST_F(RecipeTest, LostRepliesLeaveNoZnodesBehind) {
  start();
  ZooKeeper& a = connect();
  Lock lock(a, "/locks/x");
  for (int i = 0; i < 20; ++i) {
    auto turn = begin(lock.acquire());
    run_for(std::chrono::microseconds(random_->below(4000)));
    reset(1);
    ASSERT_TRUE(done(turn));
    ASSERT_EQ(code_of(**turn), "ok");
    ASSERT_THAT(children("/locks/x"), SizeIs(1)) << i;
    auto released = begin(lock.release());
    run_for(std::chrono::microseconds(random_->below(2000)));
    reset(1);
    ASSERT_TRUE(run_until([this] { return children("/locks/x").empty(); })) << i;
  }
  run(lock.stop());
}

TEST_F(RecipeTest, TheGuidFindsWhatALostReplyMade) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  ASSERT_TRUE(run(client::make_path(a, "/q")));
  Gate gate;
  cut_replies(1);
  auto created = begin(client::create_protected(a, gate, "/q", "n-", "x", client::CreateMode::ephemeral_sequential));
  ASSERT_TRUE(run_until([this] { return !children("/q").empty(); }));
  // More writes than the servers keep results of: the create's is not known any more.
  std::vector<std::shared_ptr<std::optional<ZkOutcome<client::Created>>>> others;
  for (int i = 0; i < 40; ++i) others.push_back(begin(a.create("/o" + std::to_string(i))));
  ASSERT_TRUE(run_until([this] { return exists("/o39"); }));
  heal(1);
  reset(1);
  ASSERT_TRUE(done(created));
  ASSERT_EQ(code_of(**created), "ok");
  EXPECT_THAT(children("/q"), ElementsAre(std::string((**created)->path.substr(3))));
  (void)b;
}

TEST_F(RecipeTest, ReadersShareAndWritersDoNot) {
  start();
  ReadWriteLock a(connect(), "/rw"), b(connect(), "/rw"), c(connect(), "/rw"), d(connect(), "/rw");
  ASSERT_TRUE(run(a.read().acquire()));
  ASSERT_TRUE(run(b.read().acquire(1s)));
  auto writer = begin(c.write().acquire());
  ASSERT_TRUE(is_waiting(writer));
  auto late_reader = begin(d.read().acquire());
  ASSERT_TRUE(is_waiting(late_reader));  // it does not overtake the writer
  run(a.read().release());
  EXPECT_TRUE(is_waiting(writer));
  run(b.read().release());
  ASSERT_TRUE(done(writer));
  EXPECT_TRUE(is_waiting(late_reader));
  run(c.write().release());
  ASSERT_TRUE(done(late_reader));
  for (auto* lock : {&a, &b, &c, &d}) run(lock->stop());
}

TEST_F(RecipeTest, AWriterMayGoOnReading) {
  start();
  ReadWriteLock a(connect(), "/rw"), b(connect(), "/rw");
  ASSERT_TRUE(run(a.write().acquire()));
  ASSERT_EQ(code_of(run(a.read().acquire(1s))), "ok");
  auto writer = begin(b.write().acquire());
  run(a.write().release());
  EXPECT_TRUE(is_waiting(writer));
  EXPECT_TRUE(a.read().held());
  run(a.read().release());
  ASSERT_TRUE(done(writer));
  run(a.stop());
  run(b.stop());
}

// It would wait for that writer, and that writer for it.
TEST_F(RecipeTest, AWriterMayGoOnReadingWhileAnotherWaits) {
  start();
  ReadWriteLock a(connect(), "/rw"), b(connect(), "/rw"), c(connect(), "/rw");
  ASSERT_TRUE(run(a.write().acquire()));
  auto writer = begin(b.write().acquire());
  ASSERT_TRUE(is_waiting(writer));
  ASSERT_EQ(code_of(run(a.read().acquire(1s))), "ok");
  run(a.write().release());
  EXPECT_TRUE(is_waiting(writer));
  EXPECT_EQ(code_of(run(c.read().acquire(1s))), "OperationTimeout");  // one that comes now is behind the writer
  run(a.read().release());
  ASSERT_TRUE(done(writer));
  for (auto* lock : {&a, &b, &c}) run(lock->stop());
  EXPECT_THAT(children("/rw"), IsEmpty());
}

// Nor is the session's end waited for: it goes on.
TEST_F(RecipeTest, AStopInAnOutageLeavesNothingBehind) {
  start();
  ZooKeeper& a = connect();
  const std::int64_t session = a.session_id();
  Lock held(a, "/r/lock"), waiting(a, "/r/lock");
  Semaphore semaphore(a, "/r/semaphore", 1);
  DoubleBarrier barrier(a, "/r/barrier", 2);
  EphemeralNode node(a, "/r/node", "x");
  node.start();
  ASSERT_TRUE(run(held.acquire()) && run(semaphore.acquire()) && run(node.until_there()));
  auto turn = begin(waiting.acquire());
  auto entered = begin(barrier.enter());
  ASSERT_TRUE(is_waiting(turn) && is_waiting(entered));
  kill_server(0);
  run_for(100ms);
  const std::vector stopped{begin(held.stop()), begin(waiting.stop()), begin(semaphore.stop()), begin(barrier.stop()),
                            begin(node.stop())};
  for (const auto& stop : stopped) ASSERT_TRUE(done(stop));
  run_for(session_timeout);
  start_server(0);
  for (const char* path : {"/r/lock", "/r/semaphore/leases", "/r/semaphore/locks", "/r/barrier"})
    EXPECT_TRUE(run_until([this, path] { return !exists(path) || children(path).empty(); })) << path;
  EXPECT_TRUE(run_until([this] { return !exists("/r/node"); }));
  EXPECT_EQ(a.session_id(), session);
}

TEST_F(RecipeTest, ASemaphoreHasSoManyLeases) {
  start();
  std::vector<std::unique_ptr<Semaphore>> users;
  for (int i = 0; i < 5; ++i) users.push_back(std::make_unique<Semaphore>(connect(), "/sem", 2));
  ASSERT_TRUE(run(users[0]->acquire()));
  ASSERT_TRUE(run(users[1]->acquire()));
  EXPECT_EQ(code_of(run(users[2]->acquire(1s))), "OperationTimeout");
  EXPECT_THAT(children("/sem/leases"), SizeIs(2));
  auto third = begin(users[2]->acquire());
  ASSERT_TRUE(is_waiting(third));
  auto fourth = begin(users[3]->acquire());
  run(users[0]->release());
  ASSERT_TRUE(done(third));
  EXPECT_TRUE(is_waiting(fourth));
  EXPECT_TRUE(users[1]->held() && users[2]->held());
  for (auto& user : users) run(user->stop());
  EXPECT_THAT(children("/sem/leases"), IsEmpty());
}

TEST_F(RecipeTest, ALeaseEndsWithItsSession) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Semaphore first(a, "/sem", 1), second(b, "/sem", 1);
  bool lost = false;
  first.on_lost([&] {
    lost = true;
    EXPECT_FALSE(second.held());
  });
  ASSERT_TRUE(run(first.acquire()));
  auto waiting = begin(second.acquire());
  run_for(1s);
  cut(1);
  ASSERT_TRUE(done(waiting));
  EXPECT_TRUE(lost);
  EXPECT_TRUE(second.held());
  heal(1);
  run(first.stop());
  run(second.stop());
}

TEST_F(RecipeTest, AnElectionHasOneLeaderAndAlwaysAnotherOne) {
  start();
  std::vector<std::string> story;
  const auto callbacks = [&story](const std::string& who) {
    Election::Callbacks out;
    out.elected = [&story, who] { story.push_back(who + " leads"); };
    out.deposed = [&story, who] { story.push_back(who + " does not"); };
    return out;
  };
  ZooKeeper &a = connect(), &b = connect(), &c = connect();
  Election first(a, "/leader", "a", callbacks("a")), second(b, "/leader", "b", callbacks("b")),
      third(c, "/leader", "c", callbacks("c"));
  first.start();
  ASSERT_TRUE(run(first.until_leading(10s)));
  second.start();
  run_for(1s);
  third.start();
  run_for(1s);
  const auto participants = run(first.participants());
  ASSERT_EQ(participants->size(), 3u);
  EXPECT_TRUE(participants->at(0).leads && participants->at(0).who == "a");
  expire(a);
  ASSERT_TRUE(run(second.until_leading(10s)));
  ASSERT_TRUE(run_until([this] { return children("/leader").size() == 3; }));  // it stands again
  run(second.resign());
  ASSERT_TRUE(run(third.until_leading(10s)));
  cut(3);
  ASSERT_TRUE(run(first.until_leading(1min)));
  heal(3);
  run_for(1s);
  EXPECT_THAT(story, ElementsAre("a leads", "a does not", "b leads", "b does not", "c leads", "c does not", "a leads"));
  run(first.stop());
  ASSERT_TRUE(run(second.until_leading(10s)));
  run(second.stop());
  run(third.stop());
  EXPECT_THAT(children("/leader"), IsEmpty());
}

TEST_F(RecipeTest, ABarrierHoldsUpUntilItIsLifted) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Barrier mine(a, "/barriers/x"), theirs(b, "/barriers/x");
  EXPECT_EQ(code_of(run(theirs.wait(1s))), "ok");
  ASSERT_TRUE(run(mine.raise()));
  ASSERT_TRUE(run(mine.raise()));
  EXPECT_EQ(code_of(run(theirs.wait(1s))), "OperationTimeout");
  auto waiting = begin(theirs.wait());
  ASSERT_TRUE(is_waiting(waiting));
  expire(b);  // its watch is gone with the session
  ASSERT_TRUE(is_waiting(waiting));
  ASSERT_TRUE(run(mine.lift()));
  ASSERT_TRUE(done(waiting));
  EXPECT_EQ(code_of(**waiting), "ok");
}

TEST_F(RecipeTest, ADoubleBarrierBeginsAndEndsTogether) {
  start();
  ZooKeeper &a = connect(), &b = connect(), &c = connect();
  DoubleBarrier one(a, "/double", 3), two(b, "/double", 3), three(c, "/double", 3);
  for (int round = 0; round < 2; ++round) {
    auto first = begin(one.enter()), second = begin(two.enter());
    ASSERT_TRUE(is_waiting(first));
    if (round == 1) expire(a);  // it enters again
    ASSERT_TRUE(is_waiting(second));
    auto third = begin(three.enter());
    ASSERT_TRUE(done(first) && done(second) && done(third));
    EXPECT_EQ(code_of(**first) + code_of(**second) + code_of(**third), "okokok");
    first = begin(one.leave());
    ASSERT_TRUE(is_waiting(first));
    second = begin(two.leave());
    ASSERT_TRUE(is_waiting(second));
    third = begin(three.leave());
    ASSERT_TRUE(done(first) && done(second) && done(third));
    EXPECT_EQ(code_of(**first) + code_of(**second) + code_of(**third), "okokok");
    EXPECT_THAT(children("/double"), IsEmpty());
  }
  EXPECT_EQ(code_of(run(one.enter(1s))), "OperationTimeout");
  run(one.stop());
  run(two.stop());
  run(three.stop());
  EXPECT_THAT(children("/double"), IsEmpty());
}

TEST_F(RecipeTest, WhoDiesDoesNotHoldUpThoseWhoLeave) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  DoubleBarrier one(a, "/double", 2), two(b, "/double", 2);
  auto first = begin(one.enter()), second = begin(two.enter());
  ASSERT_TRUE(done(first) && done(second));
  first = begin(one.leave());
  ASSERT_TRUE(is_waiting(first));
  cut(2);
  ASSERT_TRUE(done(first));
  EXPECT_EQ(code_of(**first), "ok");
  heal(2);
  run(one.stop());
  run(two.stop());
}

// Clients that may read from a server without a quorum.
class ReadOnlyRecipeTest : public RecipeTest {
 protected:
  ReadOnlyRecipeTest() : RecipeTest(3) { server_options.read_only_clients = true; }
  ZooKeeper& connect_for_reading(Duration timeout) {
    auto with = options();
    with.read_only = true;
    with.session_timeout = timeout;
    ZooKeeper& zk = make_client(with);
    EXPECT_EQ(code_of(run(zk.connect(10s))), "ok");
    return zk;
  }
  // The last server and this client can speak with each other, and with nobody else.
  void set_apart(int number) {
    for (int i = 0; i < 2; ++i) {
      network_.cut(server_address(i), server_address(2));
      network_.cut(server_address(2), server_address(i));
      network_.cut(server_address(i), client_address(number));
      network_.cut(client_address(number), server_address(i));
    }
  }
};

// A server without a quorum answers, and keeps no session alive.
TEST_F(ReadOnlyRecipeTest, WhatIsHeldIsLostBeforeAnotherHasIt) {
  start();
  ZooKeeper &a = connect_for_reading(session_timeout), &b = connect(), &c = connect();
  Lock first(a, "/locks/x"), second(b, "/locks/x");
  Semaphore lease(a, "/sem", 1), next_lease(c, "/sem", 1);
  std::vector<std::string> story;
  first.on_lost([&] { story.push_back(second.held() ? "lock too late" : "lock lost"); });
  lease.on_lost([&] { story.push_back(next_lease.held() ? "lease too late" : "lease lost"); });
  ASSERT_TRUE(run(first.acquire()));
  ASSERT_TRUE(run(lease.acquire()));
  auto turn = begin(second.acquire());
  auto next = begin(next_lease.acquire());
  run_for(1s);
  network_.cut(server_address(2), client_address(2));
  network_.cut(client_address(2), server_address(2));
  network_.cut(server_address(2), client_address(3));
  network_.cut(client_address(3), server_address(2));
  set_apart(1);
  ASSERT_TRUE(run_until([&a] { return a.state() == client::SessionState::read_only; }));
  ASSERT_TRUE(done(turn) && done(next));
  EXPECT_EQ(code_of(**turn) + code_of(**next), "okok");
  EXPECT_THAT(story, testing::UnorderedElementsAre("lock lost", "lease lost"));
  EXPECT_EQ(code_of(run(first.acquire(20s))), "OperationTimeout");  // an old state has it first in the queue
  network_.heal_all();
  ASSERT_TRUE(run_until([&a] { return a.state() == client::SessionState::connected; }));
  auto again = begin(first.acquire());
  EXPECT_TRUE(is_waiting(again));
  run(second.release());
  ASSERT_TRUE(done(again));
  for (Lock* lock : {&first, &second}) run(lock->stop());
  run(lease.stop());
  run(next_lease.stop());
}

TEST_F(ReadOnlyRecipeTest, RecipesGoOnWhenThereIsAQuorumAgain) {
  start();
  ZooKeeper& a = connect_for_reading(60s);
  std::vector<std::string> story;
  Election::Callbacks callbacks;
  callbacks.elected = [&story] { story.push_back("leads"); };
  callbacks.deposed = [&story] { story.push_back("does not"); };
  Election election(a, "/leader", "a", callbacks);
  EphemeralNode node(a, "/nodes/a", "before");
  election.start();
  node.start();
  ASSERT_TRUE(run(election.until_leading(10s)));
  ASSERT_TRUE(run(node.until_there(10s)));
  ASSERT_TRUE(run(a.sync("/")));
  run_for(1s);  // every server has applied it
  const std::int64_t session = a.session_id();
  kill_server(0);
  kill_server(1);
  ASSERT_TRUE(run_until([&a] { return a.state() == client::SessionState::read_only; }));
  EXPECT_FALSE(election.leading());
  node.set_data("after");
  run_for(5s);
  EXPECT_THAT(story, ElementsAre("leads", "does not"));
  start_server(0);
  ASSERT_TRUE(run_until([&story] { return story.size() == 3; }));
  EXPECT_EQ(a.session_id(), session);
  EXPECT_TRUE(run_until([this] { return children("/leader").size() == 1; }));  // the former place is gone
  ASSERT_TRUE(run_until([&a] { return a.connected(); }));
  run_for(1s);
  EXPECT_EQ(run(a.get("/nodes/a"))->data, "after");
  run(election.stop());
  run(node.stop());
}

}  // namespace
}  // namespace holdfast::test
