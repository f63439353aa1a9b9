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
  // Fires everything due at `now`, in deadline order. A callback may arm and cancel timers, itself included; what it
  // arms for a moment already passed fires in the next advance(), so that no callback can keep the loop here.
  void advance(SteadyTime now);
  // Moves the wheel's present up to `now`, or to just before the next thing to do; fires nothing. Timers armed after a
  // long sleep are then placed near their deadline, which saves early wake-ups.
  void catch_up(SteadyTime now);
  // When advance() next has something to do (it may be early: a cascade); none when nothing is armed.
  std::optional<SteadyTime> next_deadline() const;
  std::size_t size() const { return size_; }
  // Called when an arm outside advance() makes the next deadline earlier, so that the driver can wake up in time.
  void on_earlier(Function<void(SteadyTime)> notify) { on_earlier_ = std::move(notify); }

 private:
  friend class Timer;
  struct Slot {
    Timer* first = nullptr;
    Timer* last = nullptr;
  };
  // A timer stands on the level of the highest six-bit digit in which its tick differs from the present one. So all
  // timers of a tick are always in one slot, in the order they were armed, and no level ever wraps around.
  static constexpr std::uint32_t levels = 5, slots_per_level = 64;
  static constexpr std::uint32_t beyond_slot = levels * slots_per_level;  // past the horizon of 2^30 ticks, 12 days
  static constexpr std::uint32_t due_slot = beyond_slot + 1;              // armed for the past: the next advance()
  static constexpr std::uint32_t firing_slot = beyond_slot + 2;           // taken out by the running advance()
  static constexpr std::uint32_t slot_count = beyond_slot + 3;

  std::int64_t tick_of(SteadyTime t) const;         // rounded up
  std::int64_t last_tick_at(SteadyTime now) const;  // rounded down
  SteadyTime time_of(std::int64_t tick) const;
  std::optional<std::int64_t> next_tick() const;
  std::optional<std::int64_t> next_in_wheel() const;
  void place(Timer& timer, std::int64_t tick);
  void append(Timer& timer, std::uint32_t slot);
  void unlink(Timer& timer);
  void move_all(std::uint32_t from, std::uint32_t to);
  void enter_tick(std::int64_t tick);
  void fire();

  SteadyTime origin_;
  std::int64_t now_tick_ = 0;
  std::size_t size_ = 0;
  bool advancing_ = false;
  std::array<Slot, slot_count> slots_{};
  std::array<std::uint64_t, levels> occupied_{};  // a bit a slot
  Function<void(SteadyTime)> on_earlier_;
};

}  // namespace holdfast
