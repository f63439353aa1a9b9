// Shards: one thread and one event loop per core. An object lives on one shard and is touched only there; work for it
// is sent there. Crossings are batched: a message wakes the target only when its mailbox was empty.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/clock.h"
#include "runtime/function.h"
#include "runtime/gate.h"
#include "runtime/task.h"
#include "runtime/timer_wheel.h"

namespace boost::asio {
class io_context;
}

namespace holdfast {

class Shard {
 public:
  // The loop belongs to the caller: Shards runs one on a thread, SimulatedLoop and tests turn one by hand with poll().
  Shard(int index, boost::asio::io_context& io, Clock& clock);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  int index() const { return index_; }
  Clock& clock() const { return clock_; }
  TimerWheel& timers() { return timers_; }       // this shard only
  boost::asio::io_context& io() { return io_; }  // runtime/ only
  static Shard* current();                       // the shard whose thread this is, or null

  // Any thread. Runs `work` on this shard; messages of one sender keep their order.
  void post(Function<void()> work);
  // This shard only. Runs `work` after the running handler, those that were ready with it and what was deferred before
  // it, and before the loop sleeps: what a burst of events has in common (one flush, one journal round) is done once.
  void defer(Function<void()> work);
  // This shard only. Starts a task that holds `gate` until it ends; an escaped exception is logged. False if the gate
  // is closed.
  bool spawn(Gate& gate, Task<void> task);

  void arm(Timer& timer, Duration after, Function<void()> fire) {
    const SteadyTime now = clock_.now();
    timers_.catch_up(now);
    timers_.arm(timer, now + std::min(after, timer_max), std::move(fire));
  }
  Task<void> sleep(Duration how_long);
  // Suspends until `start` has called the resumer it is given (on this shard; calling it twice is an error). The
  // resumer does not run the waiting task, it makes it ready: it may be called from anywhere, even inside `start`.
  Task<void> until(Function<void(Function<void()> resume)> start);
  Task<void> drained(Gate& gate);  // closes the gate and waits for its holders

  // For whoever turns the loop by hand. poll() runs all that is ready, and then what was deferred; the number of events
  // it ran. It does not move timers: on a simulated clock that is the driver's part.
  std::size_t poll();
  bool has_work() const;  // whether poll() may find anything, but for what sockets bring
  void run_deferred();
  std::size_t pending_messages() const;

  // Makes `shard` the current one: for code that acts on it from outside its loop, which must not run meanwhile.
  class Scope {
   public:
    explicit Scope(Shard& shard);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Shard* previous_;
  };

 private:
  struct Inner;
  static constexpr Duration timer_max = std::chrono::hours(24 * 365 * 50);  // "never", without overflow

  enum class Deferred : bool { keep, run };
  template <class F>
  void turn(Deferred deferred, F work);
  void run_mailbox();
  void schedule();
  void wake_at(SteadyTime deadline);

  int index_;
  boost::asio::io_context& io_;
  Clock& clock_;
  std::unique_ptr<Inner> inner_;
  TimerWheel timers_;  // after inner_: what it drops at the end may still look there
};

// The shards of a process, each with its own thread.
class Shards {
 public:
  // count 0: one per core less one, at least one.
  explicit Shards(int count, Clock& clock = system_clock());
  ~Shards();

  int size() const { return static_cast<int>(shards_.size()); }
  Shard& at(int index) { return *shards_[static_cast<std::size_t>(index)]; }
  void start();  // starts the threads
  void stop();   // ends the loops and joins the threads; every room must have stopped before

 private:
  struct Thread;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

// Runs `work()` on `target` and returns its value on the caller's shard. `work` must be safe to run there: it may use
// what it was given by value and what lives on `target`. On the same shard it is a plain call.
template <class F>
auto on(Shard& target, F work) -> Task<std::invoke_result_t<F>> {
  using T = std::invoke_result_t<F>;
  Shard* home = Shard::current();
  HOLDFAST_CHECK(home != nullptr);
  if (home == &target) co_return work();
  if constexpr (std::is_void_v<T>) {
    auto start = [&](Function<void()> resume) {
      target.post([&work, home, resume = std::move(resume)]() mutable {
        work();
        home->post(std::move(resume));
      });
    };
    co_await home->until(std::move(start));
  } else {
    std::optional<T> value;
    auto start = [&](Function<void()> resume) {
      target.post([&work, &value, home, resume = std::move(resume)]() mutable {
        value.emplace(work());
        home->post(std::move(resume));
      });
    };
    co_await home->until(std::move(start));
    co_return std::move(*value);
  }
}

}  // namespace holdfast
