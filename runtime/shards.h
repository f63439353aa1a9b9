// Shards: one thread and one event loop per core. An object lives on one shard and is touched only there; work for it
// is sent there. Crossings are batched: a message wakes the target only when its mailbox was empty.
#pragma once

#include <memory>
#include <string>
#include <type_traits>
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
  Shard(int index, boost::asio::io_context& io, Clock& clock);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  int index() const { return index_; }
  Clock& clock() const { return clock_; }
  TimerWheel& timers() { return timers_; }                // this shard only
  boost::asio::io_context& io() { return io_; }           // runtime/ only
  static Shard* current();                                // the shard whose thread this is, or null

  // Any thread. Runs `work` on this shard; messages of one sender keep their order.
  void post(Function<void()> work);
  // This shard only. Runs `work` after the running handler and what was deferred before it, before the loop sleeps:
  // what a burst of events has in common (one flush, one journal round) is done once.
  void defer(Function<void()> work);
  // This shard only. Starts a task that holds `gate` until it ends; an escaped exception is logged. False if the gate
  // is closed.
  bool spawn(Gate& gate, Task<void> task);

  void arm(Timer& timer, Duration after, Function<void()> fire) {
    timers_.arm(timer, clock_.now() + after, std::move(fire));
  }
  Task<void> sleep(Duration how_long);
  // Suspends until `start` has called the resumer it is given (on this shard; calling it twice is an error).
  Task<void> until(Function<void(Function<void()> resume)> start);
  Task<void> drained(Gate& gate);  // closes the gate and waits for its holders

  // For the loop's driver.
  void run_deferred();
  std::size_t pending_messages() const;

 private:
  struct Inner;
  int index_;
  boost::asio::io_context& io_;
  Clock& clock_;
  TimerWheel timers_;
  std::unique_ptr<Inner> inner_;
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
  if (home == &target) co_return work();
  if constexpr (std::is_void_v<T>) {
    co_await home->until([&](Function<void()> resume) {
      target.post([&work, home, resume = std::move(resume)]() mutable {
        work();
        home->post(std::move(resume));
      });
    });
  } else {
    std::unique_ptr<T> value;
    co_await home->until([&](Function<void()> resume) {
      target.post([&work, &value, home, resume = std::move(resume)]() mutable {
        value = std::make_unique<T>(work());
        home->post(std::move(resume));
      });
    });
    co_return std::move(*value);
  }
}

}  // namespace holdfast
