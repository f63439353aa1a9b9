#include "runtime/simulated_loop.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

Task<int> sleep_and_count(Shard& shard, int times) {
  int slept = 0;
  for (int i = 0; i < times; ++i) {
    co_await shard.sleep(seconds(1));
    ++slept;
  }
  co_return slept;
}

TEST(SimulatedLoop, RunsATaskInItsOwnTime) {
  SimulatedClock clock;
  SimulatedLoop loop(clock);
  const SteadyTime start = clock.now();
  EXPECT_EQ(loop.run(sleep_and_count(loop.shard(), 3000)), 3000);
  EXPECT_EQ(clock.now() - start, seconds(3000));
}

TEST(SimulatedLoop, StopsAtTheLimit) {
  SimulatedClock clock;
  SimulatedLoop loop(clock);
  Timer timer;
  bool fired = false;
  loop.shard().arm(timer, seconds(10), [&] { fired = true; });
  EXPECT_FALSE(loop.run_until([&] { return fired; }, seconds(9)));
  loop.run_for(milliseconds(500));
  EXPECT_FALSE(fired);
  EXPECT_TRUE(loop.run_until([&] { return fired; }, hours(1)));
  EXPECT_EQ(clock.now() - SteadyTime(), seconds(10));
  EXPECT_FALSE(loop.run_until([] { return false; })) << "nothing is left to run";
}

Task<std::string> talk(Shard& other) {
  Shard* home = Shard::current();
  std::string said;
  for (int i = 0; i < 3; ++i) {
    auto answer = [&other, i] { return Shard::current() == &other ? std::to_string(i) : std::string("?"); };
    const std::string part = co_await on(other, answer);
    said += part;
    if (Shard::current() != home) said += "!";
  }
  co_return said;
}

TEST(SimulatedLoop, TurnsSeveralShards) {
  SimulatedClock clock;
  SimulatedLoop loop(clock, 3);
  EXPECT_EQ(loop.run(talk(loop.shard(2)), 1), "012");
}

TEST(SimulatedLoop, DefersAfterTheBurst) {
  SimulatedClock clock;
  SimulatedLoop loop(clock);
  Shard& shard = loop.shard();
  std::string log;
  for (int i = 0; i < 3; ++i) {
    shard.post([&] {
      log += "m";
      shard.defer([&] { log += "d"; });
    });
  }
  loop.run_ready();
  EXPECT_EQ(log, "mmmddd");
}

Task<void> append(std::string& log, std::string text) {
  log += text;
  co_return;
}

TEST(SimulatedLoop, DefersAfterEverythingThatWasReady) {
  SimulatedClock clock;
  SimulatedLoop loop(clock);
  Shard& shard = loop.shard();
  Gate gate;
  std::string log;
  shard.post([&] {
    log += "message ";
    shard.defer([&] { log += "deferred"; });
  });
  shard.spawn(gate, append(log, "task "));
  loop.run_ready();
  EXPECT_EQ(log, "message task deferred");
}

TEST(SimulatedLoop, RunsJobsOfAWorkerInOrderAndReportsBack) {
  SimulatedClock clock;
  SimulatedLoop loop(clock);
  auto worker = loop.workers().create("w");
  std::vector<int> done;
  for (int i = 0; i < 5; ++i) {
    worker->submit([&, i] {
      EXPECT_EQ(Shard::current(), nullptr);
      loop.shard().post([&, i] { done.push_back(i); });
    });
  }
  EXPECT_TRUE(done.empty());
  loop.run_ready();
  EXPECT_EQ(done, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(SimulatedLoop, AWorkerRunsItsQueueBeforeItEnds) {
  SimulatedClock clock;
  SimulatedLoop loop(clock);
  auto random = seeded_random(1);
  loop.delay_jobs(*random, seconds(1));
  int ran = 0;
  auto worker = loop.workers().create("w");
  worker->submit([&] { ++ran; });
  worker->submit([&] { ++ran; });
  worker.reset();
  EXPECT_EQ(ran, 2);
}

std::string run_of(std::uint64_t seed) {
  SimulatedClock clock;
  SimulatedLoop loop(clock);
  auto random = seeded_random(seed);
  loop.delay_jobs(*random, milliseconds(10));
  auto a = loop.workers().create("a"), b = loop.workers().create("b");
  std::string log;
  for (int i = 0; i < 10; ++i) {
    a->submit([&] { log += "a"; });
    b->submit([&] { log += "b"; });
  }
  loop.run_for(seconds(1));
  return log + std::to_string(clock.now().time_since_epoch().count());
}

TEST(SimulatedLoop, JobsCanBeRunBeforeTheirTime) {
  SimulatedClock clock;
  const auto random = seeded_random(1);
  SimulatedLoop loop(clock);
  loop.delay_jobs(*random, hours(1));
  const auto worker = loop.workers().create("worker");
  std::string log;
  worker->submit([&] { worker->submit([&log] { log += "2"; }), log += "1"; });
  loop.run_all_jobs();
  EXPECT_EQ(log, "12");
  EXPECT_EQ(clock.now(), SteadyTime());
}

struct Alarm final : TimedEvents {
  std::vector<SteadyTime> rang;
  std::vector<SteadyTime> times;
  std::optional<SteadyTime> next() const override {
    return rang.size() < times.size() ? std::optional(times[rang.size()]) : std::nullopt;
  }
  bool run_due(SteadyTime now) override {
    if (rang.size() == times.size() || times[rang.size()] > now) return false;
    rang.push_back(now);
    return true;
  }
};

TEST(SimulatedLoop, EventsFromOutsideHaveTheirTime) {
  SimulatedClock clock;
  SimulatedLoop loop(clock);
  Alarm alarm;
  alarm.times = {SteadyTime(milliseconds(5)), SteadyTime(seconds(7)), SteadyTime(hours(2))};
  loop.add(alarm);
  loop.run_for(hours(1));
  EXPECT_EQ(alarm.rang, std::vector(alarm.times.begin(), alarm.times.end() - 1));
}

TEST(SimulatedLoop, TurnsTheShardsOfANode) {
  SimulatedClock clock;
  Shards shards(2, clock);
  SimulatedLoop loop(clock, shards);
  EXPECT_EQ(&loop.shard(1), &shards.at(1));
  EXPECT_EQ(loop.run(sleep_and_count(loop.shard(1), 10), 1), 10);
  EXPECT_EQ(clock.now() - SteadyTime(), seconds(10));
}

TEST(SimulatedLoop, ADelayedRunFollowsItsSeed) {
  EXPECT_EQ(run_of(1), run_of(1));
  EXPECT_EQ(run_of(1).size(), run_of(2).size());
  EXPECT_NE(run_of(1), run_of(2));
}

}  // namespace
}  // namespace holdfast
