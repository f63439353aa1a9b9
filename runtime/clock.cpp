#include "runtime/clock.h"

namespace holdfast {
namespace {

class SystemClock final : public Clock {
 public:
  SteadyTime now() const override {
    return SteadyTime(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
  }
  std::int64_t wall_ms() const override {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
  }
  bool real() const override { return true; }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

}  // namespace holdfast
