#include "runtime/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/random.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;

SteadyTime at_ms(std::int64_t ms) { return SteadyTime(milliseconds(ms)); }

TEST(TimerWheel, FiresAtTheDeadlineAndNotBefore) {
  TimerWheel wheel(at_ms(0));
  Timer timer;
  int fired = 0;
  wheel.arm(timer, at_ms(10), [&] { ++fired; });
  EXPECT_TRUE(timer.armed());
  wheel.advance(at_ms(10) - Duration(1));
  EXPECT_EQ(fired, 0);
  wheel.advance(at_ms(10));
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(timer.armed());
  EXPECT_EQ(wheel.size(), 0u);
  wheel.advance(at_ms(1000));
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, RoundsUpToItsTick) {
  TimerWheel wheel(at_ms(0));
  Timer timer;
  int fired = 0;
  wheel.arm(timer, at_ms(10) + Duration(1), [&] { ++fired; });
  wheel.advance(at_ms(10) + Duration(500'000));
  EXPECT_EQ(fired, 0);
  wheel.advance(at_ms(11));
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, DestructionAndRearmingCancel) {
  TimerWheel wheel(at_ms(0));
  int first = 0, second = 0;
  {
    Timer gone;
    wheel.arm(gone, at_ms(5), [&] { ++first; });
  }
  Timer timer;
  wheel.arm(timer, at_ms(5), [&] { ++first; });
  wheel.arm(timer, at_ms(50), [&] { ++second; });
  EXPECT_EQ(wheel.size(), 1u);
  wheel.advance(at_ms(49));
  EXPECT_EQ(first + second, 0);
  wheel.advance(at_ms(50));
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
}

TEST(TimerWheel, TimersOfOneTickFireInTheOrderTheyWereArmed) {
  // Armed from near and from far: the far ones have to come down through the levels in between.
  TimerWheel wheel(at_ms(0));
  const std::int64_t deadline = 5000;
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<int> order;
  int number = 0;
  for (const std::int64_t now : {0, 1, 63, 64, 4095, 4096, 4990, 4999}) {
    wheel.advance(at_ms(now));
    for (int i = 0; i < 3; ++i) {
      timers.push_back(std::make_unique<Timer>());
      wheel.arm(*timers.back(), at_ms(deadline), [&order, n = number] { order.push_back(n); });
      ++number;
    }
  }
  wheel.advance(at_ms(deadline));
  ASSERT_EQ(order.size(), static_cast<std::size_t>(number));
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(TimerWheel, CallbacksMayArmCancelAndDestroy) {
  TimerWheel wheel(at_ms(0));
  std::vector<int> log;
  Timer again, victim;
  auto doomed = std::make_unique<Timer>();
  wheel.arm(again, at_ms(10), [&] {
    log.push_back(1);
    victim.cancel();
    doomed.reset();
    wheel.arm(again, at_ms(20), [&] { log.push_back(2); });
  });
  wheel.arm(victim, at_ms(10), [&] { log.push_back(99); });
  wheel.arm(*doomed, at_ms(10), [&] { log.push_back(98); });
  wheel.advance(at_ms(30));
  EXPECT_EQ(log, (std::vector<int>{1, 2}));
}

TEST(TimerWheel, ATimerMayDestroyItself) {
  TimerWheel wheel(at_ms(0));
  auto timer = std::make_unique<Timer>();
  int fired = 0;
  wheel.arm(*timer, at_ms(1), [&] {
    timer.reset();
    ++fired;
  });
  wheel.advance(at_ms(1));
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, WhatIsArmedForThePastFiresInTheNextAdvance) {
  TimerWheel wheel(at_ms(0));
  wheel.advance(at_ms(100));
  Timer timer;
  int fired = 0;
  Function<void()> rearm = [&] {
    ++fired;
    wheel.arm(timer, at_ms(50), [&] { rearm(); });
  };
  wheel.arm(timer, at_ms(50), [&] { rearm(); });
  EXPECT_LE(*wheel.next_deadline(), at_ms(100));
  wheel.advance(at_ms(100));
  EXPECT_EQ(fired, 1);
  wheel.advance(at_ms(100));
  EXPECT_EQ(fired, 2);
  wheel.advance(at_ms(5000));
  EXPECT_EQ(fired, 3);
}

TEST(TimerWheel, ReportsOnlyEarlierDeadlines) {
  TimerWheel wheel(at_ms(0));
  std::vector<SteadyTime> reported;
  wheel.on_earlier([&](SteadyTime t) { reported.push_back(t); });
  Timer a, b, c;
  wheel.arm(a, at_ms(40), [] {});
  wheel.arm(b, at_ms(50), [] {});
  wheel.arm(c, at_ms(30), [] {});
  EXPECT_EQ(reported, (std::vector<SteadyTime>{at_ms(40), at_ms(30)}));
}

TEST(TimerWheel, MayDieBeforeItsTimers) {
  Timer timer;
  auto held = std::make_shared<int>(1);
  {
    TimerWheel wheel(at_ms(0));
    wheel.arm(timer, at_ms(5), [held] {});
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_FALSE(timer.armed());
  EXPECT_EQ(held.use_count(), 1);
}

// The wheel beside a list that is searched: random arms, cancels and advances, near and far beyond the horizon.
class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seeded_random(seed)), wheel_(now_) {
    for (std::size_t i = 0; i < 60; ++i) timers_.push_back(std::make_unique<Timer>());
    armed_.resize(timers_.size());
  }

  void step() {
    switch (random_->below(8)) {
      case 0:
        return cancel();
      case 1:
      case 2:
        return advance(draw());
      case 3:
        now_ += draw();
        return wheel_.catch_up(now_);
      case 4:
        return advance_to_next();
      default:
        return arm(random_->below(timers_.size()), now_ + draw() - milliseconds(2));
    }
  }

 private:
  struct Armed {
    std::int64_t tick;
    std::uint64_t sequence;
  };

  Duration draw() {
    // From a quarter of a tick to thirty times the horizon.
    const std::uint64_t ns = random_->below(std::uint64_t{1} << (18 + random_->below(38)));
    return Duration(static_cast<std::int64_t>(ns));
  }

  static std::int64_t round_up(SteadyTime t) { return (t.time_since_epoch().count() + 999'999) / 1'000'000; }

  void arm(std::size_t i, SteadyTime deadline) {
    // Between a catch_up and the next advance, what is due already has no order among itself.
    if (processed_ < now_.time_since_epoch().count() / 1'000'000) deadline = std::max(deadline, now_ + milliseconds(1));
    // The past counts as the present: it fires next, after what was armed for the past before.
    const std::int64_t tick = std::max(round_up(deadline), processed_);
    armed_[i] = {tick, ++sequence_};
    wheel_.arm(*timers_[i], deadline, [this, i] { fired_.push_back(i); });
  }

  void cancel() {
    const std::size_t i = random_->below(timers_.size());
    timers_[i]->cancel();
    armed_[i].reset();
  }

  void advance_to_next() {
    const auto next = wheel_.next_deadline();
    std::optional<std::int64_t> first;
    for (const auto& armed : armed_) {
      if (armed && (!first || armed->tick < *first)) first = armed->tick;
    }
    ASSERT_EQ(next.has_value(), first.has_value());
    if (!next) return;
    ASSERT_LE(round_up(*next), *first) << "the driver would sleep past a deadline";
    advance(*next > now_ ? *next - now_ : Duration(0));
  }

  void advance(Duration by) {
    now_ += by;
    const std::int64_t tick = now_.time_since_epoch().count() / 1'000'000;
    processed_ = std::max(processed_, tick);
    std::vector<std::pair<Armed, std::size_t>> due;
    for (std::size_t i = 0; i < armed_.size(); ++i) {
      if (armed_[i] && armed_[i]->tick <= tick) due.push_back({*armed_[i], i});
    }
    std::ranges::sort(due, [](const auto& a, const auto& b) {
      return std::pair(a.first.tick, a.first.sequence) < std::pair(b.first.tick, b.first.sequence);
    });
    fired_.clear();
    wheel_.advance(now_);
    std::vector<std::size_t> expected;
    for (const auto& [armed, i] : due) {
      expected.push_back(i);
      armed_[i].reset();
    }
    ASSERT_EQ(fired_, expected);
    std::size_t left = 0;
    for (std::size_t i = 0; i < armed_.size(); ++i) {
      ASSERT_EQ(timers_[i]->armed(), armed_[i].has_value());
      left += armed_[i].has_value();
    }
    ASSERT_EQ(wheel_.size(), left);
  }

  std::unique_ptr<Random> random_;
  SteadyTime now_{Duration(0)};
  std::int64_t processed_ = 0;
  TimerWheel wheel_;
  std::vector<std::unique_ptr<Timer>> timers_;
  std::vector<std::optional<Armed>> armed_;
  std::vector<std::size_t> fired_;
  std::uint64_t sequence_ = 0;
};

TEST(TimerWheel, AgreesWithASearchedList) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Model model(seed);
    for (int i = 0; i < 300; ++i) {
      model.step();
      ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed << " step " << i;
    }
  }
}

}  // namespace
}  // namespace holdfast
