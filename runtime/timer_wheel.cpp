#include "runtime/timer_wheel.h"

#include <bit>
#include <utility>

#include "runtime/result.h"

namespace holdfast {
namespace {

constexpr std::int64_t tick_ns = 1'000'000;
constexpr unsigned digit_bits = 6;

}  // namespace

void Timer::cancel() {
  if (wheel_ == nullptr) return;
  wheel_->unlink(*this);
  // The callback may own this timer: it goes last, when nothing of us is touched any more.
  Function<void()> dropped = std::move(fire_);
}

TimerWheel::TimerWheel(SteadyTime start) : origin_(start) {}

TimerWheel::~TimerWheel() {
  for (Slot& slot : slots_) {
    while (slot.first != nullptr) slot.first->cancel();
  }
}

void TimerWheel::arm(Timer& timer, SteadyTime deadline, Function<void()> fire) {
  timer.cancel();
  const std::optional<std::int64_t> before = next_tick();
  timer.deadline_ = deadline;
  timer.fire_ = std::move(fire);
  timer.wheel_ = this;
  ++size_;
  place(timer, tick_of(deadline));
  if (advancing_ || !on_earlier_) return;
  const std::int64_t after = *next_tick();
  if (!before || after < *before) on_earlier_(time_of(after));
}

void TimerWheel::advance(SteadyTime now) {
  HOLDFAST_CHECK(!advancing_);
  advancing_ = true;
  const std::int64_t target = last_tick_at(now);
  move_all(due_slot, firing_slot);
  fire();
  for (auto tick = next_in_wheel(); tick && *tick <= target; tick = next_in_wheel()) {
    enter_tick(*tick);
    fire();
  }
  if (target > now_tick_) now_tick_ = target;
  advancing_ = false;
}

void TimerWheel::catch_up(SteadyTime now) {
  if (advancing_) return;
  const std::optional<std::int64_t> next = next_tick();
  std::int64_t target = last_tick_at(now);
  if (next && target >= *next) target = *next - 1;
  if (target > now_tick_) now_tick_ = target;
}

std::optional<SteadyTime> TimerWheel::next_deadline() const {
  const std::optional<std::int64_t> tick = next_tick();
  if (!tick) return std::nullopt;
  return time_of(*tick);
}

std::int64_t TimerWheel::tick_of(SteadyTime t) const {
  const std::int64_t ns = (t - origin_).count();
  return ns <= 0 ? 0 : (ns - 1) / tick_ns + 1;
}

std::int64_t TimerWheel::last_tick_at(SteadyTime now) const {
  const std::int64_t ns = (now - origin_).count();
  return ns <= 0 ? 0 : ns / tick_ns;
}

SteadyTime TimerWheel::time_of(std::int64_t tick) const { return origin_ + Duration(tick * tick_ns); }

std::optional<std::int64_t> TimerWheel::next_tick() const {
  if (slots_[due_slot].first != nullptr) return now_tick_;
  return next_in_wheel();
}

// The first occupied slot of the lowest occupied level starts first: the slots of a level all lie within one slot of
// the level above, the one the present is in.
std::optional<std::int64_t> TimerWheel::next_in_wheel() const {
  for (unsigned level = 0; level < levels; ++level) {
    if (occupied_[level] == 0) continue;
    const unsigned shift = digit_bits * level;
    const std::int64_t above = now_tick_ >> (shift + digit_bits) << (shift + digit_bits);
    return above | static_cast<std::int64_t>(std::countr_zero(occupied_[level])) << shift;
  }
  if (slots_[beyond_slot].first != nullptr) {
    return ((now_tick_ >> (digit_bits * levels)) + 1) << (digit_bits * levels);
  }
  return std::nullopt;
}

void TimerWheel::place(Timer& timer, std::int64_t tick) {
  if (tick <= now_tick_) return append(timer, due_slot);
  const auto differs = static_cast<std::uint64_t>(tick ^ now_tick_);
  const auto level = (static_cast<unsigned>(std::bit_width(differs)) - 1) / digit_bits;
  if (level >= levels) return append(timer, beyond_slot);
  const auto digit = static_cast<std::uint32_t>(tick >> (digit_bits * level)) % slots_per_level;
  append(timer, level * slots_per_level + digit);
}

void TimerWheel::append(Timer& timer, std::uint32_t index) {
  Slot& slot = slots_[index];
  timer.slot_ = index;
  timer.next_ = nullptr;
  timer.previous_ = slot.last;
  (slot.last != nullptr ? slot.last->next_ : slot.first) = &timer;
  slot.last = &timer;
  if (index < beyond_slot) occupied_[index / slots_per_level] |= std::uint64_t{1} << (index % slots_per_level);
}

void TimerWheel::unlink(Timer& timer) {
  Slot& slot = slots_[timer.slot_];
  (timer.previous_ != nullptr ? timer.previous_->next_ : slot.first) = timer.next_;
  (timer.next_ != nullptr ? timer.next_->previous_ : slot.last) = timer.previous_;
  if (slot.first == nullptr && timer.slot_ < beyond_slot) {
    occupied_[timer.slot_ / slots_per_level] &= ~(std::uint64_t{1} << (timer.slot_ % slots_per_level));
  }
  timer.previous_ = timer.next_ = nullptr;
  timer.wheel_ = nullptr;
  --size_;
}

void TimerWheel::move_all(std::uint32_t from, std::uint32_t to) {
  const Slot taken = std::exchange(slots_[from], {});
  if (from < beyond_slot) occupied_[from / slots_per_level] &= ~(std::uint64_t{1} << (from % slots_per_level));
  for (Timer* timer = taken.first; timer != nullptr;) {
    Timer* const next = timer->next_;
    append(*timer, to);
    timer = next;
  }
}

// `tick` is the start of the next occupied slot: its timers either fire now (level 0, or exactly due) or move to a
// lower level, keeping their order.
void TimerWheel::enter_tick(std::int64_t tick) {
  const auto differs = static_cast<std::uint64_t>(tick ^ now_tick_);
  const auto level = (static_cast<unsigned>(std::bit_width(differs)) - 1) / digit_bits;
  now_tick_ = tick;
  std::uint32_t from = beyond_slot;
  if (level < levels) {
    const auto digit = static_cast<std::uint32_t>(tick >> (digit_bits * level)) % slots_per_level;
    from = level * slots_per_level + digit;
  }
  const Slot taken = std::exchange(slots_[from], {});
  if (from < beyond_slot) occupied_[level] &= ~(std::uint64_t{1} << (from % slots_per_level));
  for (Timer* timer = taken.first; timer != nullptr;) {
    Timer* const next = timer->next_;
    const std::int64_t due = tick_of(timer->deadline_);
    if (due <= tick) {
      append(*timer, firing_slot);
    } else {
      place(*timer, due);
    }
    timer = next;
  }
}

void TimerWheel::fire() {
  while (Timer* timer = slots_[firing_slot].first) {
    unlink(*timer);
    Function<void()> callback = std::move(timer->fire_);  // it may destroy or re-arm the timer
    callback();
  }
}

}  // namespace holdfast
