// Timers: many cheap deadlines on one shard (session expiry, purgatory, group barriers), O(1) to arm and to cancel.
// Resolution is one millisecond; a timer never fires early, and timers of one tick fire in the order they were armed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "runtime/clock.h"
#include "runtime/function.h"

namespace holdfast {

class TimerWheel;

// A deadline owned by the object that waits. Destroying or re-arming it cancels what was armed. Not movable.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  bool armed() const { return wheel_ != nullptr; }
  SteadyTime deadline() const { return deadline_; }
  void cancel();

 private:
  friend class TimerWheel;
  TimerWheel* wheel_ = nullptr;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  std::uint32_t slot_ = 0;
  SteadyTime deadline_{};
  Function<void()> fire_;
};

class TimerWheel {
 public:
  explicit TimerWheel(SteadyTime start);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  void arm(Timer& timer, SteadyTime deadline, Function<void()> fire);
  // Fires everything due at `now`, in deadline order. A callback may arm and cancel timers, itself included.
  void advance(SteadyTime now);
  // When advance() next has something to do (it may be early: a cascade); none when nothing is armed.
  std::optional<SteadyTime> next_deadline() const;
  std::size_t size() const { return size_; }
  // Called when an arm makes the next deadline earlier, so that the driver can wake up in time.
  void on_earlier(Function<void(SteadyTime)> notify) { on_earlier_ = std::move(notify); }

 private:
  friend class Timer;
  struct Slot {
    Timer* first = nullptr;
    Timer* last = nullptr;
  };
  static constexpr std::uint32_t levels = 5, slots_per_level = 64;

  std::int64_t tick_of(SteadyTime t) const;
  void place(Timer& timer, std::int64_t tick);
  void unlink(Timer& timer);

  SteadyTime origin_;
  std::int64_t now_tick_ = 0;
  std::size_t size_ = 0;
  std::array<Slot, levels * slots_per_level + 1> slots_{};  // the last one: beyond the horizon
  std::array<std::uint64_t, levels> occupied_{};            // a bit a slot
  Function<void(SteadyTime)> on_earlier_;
};

}  // namespace holdfast
