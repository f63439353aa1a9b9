#include "runtime/shards.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/log_line.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;

// Runs `work` on a shard's thread and waits for it.
template <class F>
auto on_thread_of(Shard& shard, F work) {
  std::promise<std::invoke_result_t<F>> done;
  shard.post([&] {
    if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
      work();
      done.set_value();
    } else {
      done.set_value(work());
    }
  });
  return done.get_future().get();
}

// Starts a task on a shard's thread and waits until its gate has drained.
void run_to_end(Shard& shard, Function<Task<void>()> make) {
  Gate gate;
  std::promise<void> done;
  shard.post([&] {
    EXPECT_TRUE(shard.spawn(gate, make()));
    gate.close([&] { done.set_value(); });
  });
  done.get_future().get();
  on_thread_of(shard, [] {});  // the gate is still in use until the shard has gone on
}

class ShardsTest : public testing::Test {
 protected:
  ShardsTest() { shards_.start(); }
  Shards shards_{2};
};

TEST_F(ShardsTest, KnowTheirThread) {
  EXPECT_EQ(Shard::current(), nullptr);
  for (int i = 0; i < 2; ++i) {
    Shard& shard = shards_.at(i);
    EXPECT_EQ(shard.index(), i);
    EXPECT_EQ(on_thread_of(shard, [] { return Shard::current(); }), &shard);
  }
}

TEST_F(ShardsTest, RunMessagesOfASenderInOrder) {
  constexpr int messages = 20'000;
  std::vector<int> from_main, from_shard;
  std::promise<void> main_done, shard_done;
  Shard& target = shards_.at(0);
  shards_.at(1).post([&] {
    for (int i = 0; i < messages; ++i) {
      target.post([&, i] {
        from_shard.push_back(i);
        if (i + 1 == messages) shard_done.set_value();
      });
    }
  });
  for (int i = 0; i < messages; ++i) {
    target.post([&, i] {
      from_main.push_back(i);
      if (i + 1 == messages) main_done.set_value();
    });
  }
  main_done.get_future().get();
  shard_done.get_future().get();
  EXPECT_TRUE(std::ranges::is_sorted(from_main));
  EXPECT_TRUE(std::ranges::is_sorted(from_shard));
  EXPECT_EQ(from_main.size(), static_cast<std::size_t>(messages));
  EXPECT_EQ(from_shard.size(), static_cast<std::size_t>(messages));
}

TEST_F(ShardsTest, TakeMessagesFromThemselves) {
  Shard& shard = shards_.at(0);
  std::promise<std::string> done;
  shard.post([&] {
    auto log = std::make_shared<std::string>();
    shard.post([log] { *log += "second"; });
    *log += "first ";
    shard.post([&, log] { done.set_value(*log); });
  });
  EXPECT_EQ(done.get_future().get(), "first second");
}

// A message back and forth, thousands of times, each waiting for the one before: a lost wake-up would hang it.
TEST_F(ShardsTest, LoseNoWakeUp) {
  constexpr int rounds = 20'000;
  std::promise<void> done;
  struct Game {
    Shards& shards;
    std::promise<void>& done;
    void play(int left) {
      if (left == 0) return done.set_value();
      shards.at(left % 2).post([this, left] { play(left - 1); });
    }
  } game{shards_, done};
  game.play(rounds);
  done.get_future().get();
}

TEST_F(ShardsTest, SurviveManySendersAtOnce) {
  constexpr int senders = 4, each = 20'000;
  std::array<int, 2> sums{};
  std::vector<std::thread> threads;
  for (int s = 0; s < senders; ++s) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        const std::size_t target = static_cast<std::size_t>(i) % 2;
        shards_.at(static_cast<int>(target)).post([&sums, target] { ++sums[target]; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 2; ++i) {
    const int sum = on_thread_of(shards_.at(i), [&] { return sums[static_cast<std::size_t>(i)]; });
    EXPECT_EQ(sum, senders * each / 2);
  }
}

TEST_F(ShardsTest, DeferOncePerBurst) {
  // While the shard is held, a burst of messages gathers; all of it runs before what the first of them deferred.
  Shard& shard = shards_.at(0);
  std::promise<void> held, release, done;
  shard.post([&] {
    held.set_value();
    release.get_future().get();
  });
  held.get_future().get();
  int messages = 0, flushes = 0, seen = 0;
  bool scheduled = false;
  for (int i = 0; i < 100; ++i) {
    shard.post([&] {
      ++messages;
      if (std::exchange(scheduled, true)) return;
      shard.defer([&] {
        scheduled = false;
        ++flushes;
        seen = messages;
        if (messages == 100) done.set_value();
      });
    });
  }
  release.set_value();
  done.get_future().get();
  EXPECT_EQ(flushes, 1);
  EXPECT_EQ(seen, 100);
}

TEST_F(ShardsTest, DeferredWorkMayDeferAndKeepsItsOrder) {
  Shard& shard = shards_.at(0);
  std::promise<std::string> done;
  std::string log;
  shard.post([&] {
    shard.defer([&] {
      log += "b";
      shard.defer([&] { done.set_value(log + "d"); });
    });
    shard.defer([&] { log += "c"; });
    log += "a";
  });
  EXPECT_EQ(done.get_future().get(), "abcd");
}

TEST_F(ShardsTest, DeferringForEverDoesNotKeepMessagesAway) {
  Shard& shard = shards_.at(0);
  std::atomic<bool> stop = false;
  std::promise<void> stopped;
  Function<void()> again = [&] {
    if (stop) return stopped.set_value();
    shard.defer([&] { again(); });
  };
  shard.post([&] { again(); });
  for (int i = 0; i < 100; ++i) on_thread_of(shard, [] {});
  stop = true;
  stopped.get_future().get();
}

Task<void> ask_other(Shard& other, std::vector<int>& answers) {
  Shard* home = Shard::current();
  for (int i = 0; i < 1000; ++i) {
    auto twice = [i, &other] {
      EXPECT_EQ(Shard::current(), &other);
      return 2 * i;
    };
    const int answer = co_await on(other, twice);
    EXPECT_EQ(Shard::current(), home);
    answers.push_back(answer);
  }
  auto move_only = [] { return std::make_unique<int>(7); };
  auto moved = co_await on(other, move_only);
  answers.push_back(*moved);
  auto nothing = [] {};
  co_await on(other, nothing);
}

TEST_F(ShardsTest, OnRunsThereAndReturnsHere) {
  for (int target = 0; target < 2; ++target) {  // the other shard, and the same one
    std::vector<int> answers;
    run_to_end(shards_.at(0), [&] { return ask_other(shards_.at(target), answers); });
    ASSERT_EQ(answers.size(), 1001u);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(answers[static_cast<std::size_t>(i)], 2 * i);
    EXPECT_EQ(answers.back(), 7);
  }
}

Task<void> sleep_twice(Shard& shard, std::vector<Duration>& slept) {
  for (const auto how_long : {milliseconds(20), milliseconds(1)}) {
    const SteadyTime before = shard.clock().now();
    co_await shard.sleep(how_long);
    slept.push_back(shard.clock().now() - before);
  }
}

TEST_F(ShardsTest, SleepAtLeastAsLongAsAsked) {
  std::vector<Duration> slept;
  run_to_end(shards_.at(1), [&] { return sleep_twice(shards_.at(1), slept); });
  ASSERT_EQ(slept.size(), 2u);
  EXPECT_GE(slept[0], milliseconds(20));
  EXPECT_GE(slept[1], milliseconds(1));
}

TEST_F(ShardsTest, FireTimersInOrderAlsoWhenArmedLatestFirst) {
  Shard& shard = shards_.at(0);
  std::promise<void> done;
  std::string log;
  std::array<Timer, 3> timers;
  shard.post([&] {
    shard.arm(timers[0], milliseconds(30), [&] {
      log += "c";
      done.set_value();
    });
    shard.arm(timers[1], milliseconds(20), [&] { log += "b"; });
    shard.arm(timers[2], milliseconds(10), [&] { log += "a"; });
  });
  done.get_future().get();
  EXPECT_EQ(log, "abc");
}

Task<void> resumed_inside_start(Shard& shard, int& reached) {
  // Deep enough to overflow the stack, were the resumer to run the task.
  for (int i = 0; i < 200'000; ++i) {
    auto start = [](Function<void()> resume) { resume(); };
    co_await shard.until(std::move(start));
  }
  reached = 1;
}

TEST_F(ShardsTest, UntilMayBeResumedBeforeItSuspends) {
  int reached = 0;
  run_to_end(shards_.at(0), [&] { return resumed_inside_start(shards_.at(0), reached); });
  EXPECT_EQ(reached, 1);
}

Task<void> wait_for(Shard& shard, Function<void()>& resume, std::string& log) {
  auto start = [&resume](Function<void()> give) { resume = std::move(give); };
  co_await shard.until(std::move(start));
  log += "resumed";
}

TEST_F(ShardsTest, TheResumerDoesNotRunTheTask) {
  Shard& shard = shards_.at(0);
  std::string log;
  run_to_end(shard, [&] {
    auto resume = std::make_shared<Function<void()>>();
    shard.post([resume, &log] {
      (*resume)();
      log += "then ";
    });
    return wait_for(shard, *resume, log);
  });
  EXPECT_EQ(log, "then resumed");
}

Task<void> throw_something() {
  throw std::runtime_error("planned failure");
  co_return;
}

TEST_F(ShardsTest, LogAnExceptionThatEscapesATask) {
  std::string logged;
  set_log_sink([&](LogLevel, std::string_view, std::string_view message) { logged = message; });
  run_to_end(shards_.at(0), [] { return throw_something(); });
  set_log_sink({});
  EXPECT_NE(logged.find("planned failure"), std::string::npos);
}

Task<void> set_flag(bool& flag) {
  flag = true;
  co_return;
}

TEST_F(ShardsTest, SpawnNothingBehindAClosedGate) {
  Shard& shard = shards_.at(0);
  bool ran = false;
  const bool spawned = on_thread_of(shard, [&] {
    Gate gate;
    gate.close([] {});
    return shard.spawn(gate, set_flag(ran));
  });
  on_thread_of(shard, [] {});
  EXPECT_FALSE(spawned);
  EXPECT_FALSE(ran);
}

Task<void> hold_for(Shard& shard, Duration how_long, int& ended) {
  co_await shard.sleep(how_long);
  ++ended;
}

Task<void> start_and_drain(Shard& shard, int& ended, int& seen) {
  Gate gate;
  for (int i = 0; i < 5; ++i) shard.spawn(gate, hold_for(shard, milliseconds(i), ended));
  co_await shard.drained(gate);
  seen = ended;
}

TEST_F(ShardsTest, DrainedWaitsForEveryHolder) {
  int ended = 0, seen = 0;
  run_to_end(shards_.at(0), [&] { return start_and_drain(shards_.at(0), ended, seen); });
  EXPECT_EQ(seen, 5);
}

TEST_F(ShardsTest, SleepWhenIdle) {
  for (int i = 0; i < 2; ++i) on_thread_of(shards_.at(i), [] {});
  timespec before{}, after{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  std::this_thread::sleep_for(milliseconds(300));
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  const auto cpu_ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1'000'000;
  EXPECT_LT(cpu_ms, 30);
}

TEST(Shards, ChooseAtLeastOne) {
  Shards shards(0);
  EXPECT_GE(shards.size(), 1);
}

TEST(Shards, StopTwiceAndWithoutStarting) {
  Shards shards(1);
  shards.stop();
  Shards started(1);
  started.start();
  started.stop();
  started.stop();
}

TEST(Shards, DropWhatStillWaits) {
  // The frames of tasks that never end are destroyed with their shard, timers and all.
  auto held = std::make_shared<int>(0);
  Gate gate;
  {
    Shards shards(1);
    shards.start();
    Shard& shard = shards.at(0);
    struct Forever {
      static Task<void> run(Shard& on, std::shared_ptr<int>) { co_await on.sleep(std::chrono::hours(1)); }
    };
    on_thread_of(shard, [&] { shard.spawn(gate, Forever::run(shard, held)); });
    EXPECT_EQ(held.use_count(), 2);
    shards.stop();
  }
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(gate.holders(), 0u);
}

}  // namespace
}  // namespace holdfast
