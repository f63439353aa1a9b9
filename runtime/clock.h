// Clock: the two times a server knows. Timeouts and expiry use steady time only; wall time is for what people and
// protocols read (record timestamps, ctime) and may jump.
#pragma once

#include <chrono>
#include <cstdint>

namespace holdfast {

using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<struct SteadyClockTag, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime now() const = 0;
  virtual std::int64_t wall_ms() const = 0;  // milliseconds since 1970
  // False on a simulated clock: nobody may arm a real timer then, the simulator moves time.
  virtual bool real() const = 0;
};

Clock& system_clock();

class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(std::int64_t wall_ms = 1'700'000'000'000) : wall_offset_ms_(wall_ms) {}
  SteadyTime now() const override { return now_; }
  std::int64_t wall_ms() const override {
    return wall_offset_ms_ + std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch()).count();
  }
  bool real() const override { return false; }
  void advance(Duration by) { now_ += by; }
  void advance_to(SteadyTime t) { now_ = t > now_ ? t : now_; }
  void jump_wall(std::int64_t by_ms) { wall_offset_ms_ += by_ms; }

 private:
  SteadyTime now_{};
  std::int64_t wall_offset_ms_;
};

}  // namespace holdfast
