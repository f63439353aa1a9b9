// SimulatedLoop: turns the loops of one or more shards in one thread, on a simulated clock. It runs all that can run at
// this instant, shard by shard in a fixed order, then moves the clock to the next deadline: nothing sleeps, and the
// same input gives the same run. Jobs of its workers run between the shards, at once or at seeded later instants.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/clock.h"
#include "runtime/function.h"
#include "runtime/gate.h"
#include "runtime/random.h"
#include "runtime/shards.h"
#include "runtime/task.h"
#include "runtime/worker.h"

namespace holdfast {

// What happens at its own times, outside all shards: a network's deliveries.
class TimedEvents {
 public:
  virtual ~TimedEvents() = default;
  virtual std::optional<SteadyTime> next() const = 0;
  virtual bool run_due(SteadyTime now) = 0;  // what was due; false when nothing was
};

class SimulatedLoop {
 public:
  explicit SimulatedLoop(SimulatedClock& clock, int shards = 1);
  // Turns the shards of a node whose threads are never started; they must outlive the loop.
  SimulatedLoop(SimulatedClock& clock, Shards& shards);
  ~SimulatedLoop();
  SimulatedLoop(const SimulatedLoop&) = delete;
  SimulatedLoop& operator=(const SimulatedLoop&) = delete;

  Shard& shard(int index = 0);
  SimulatedClock& clock() { return clock_; }
  Workers& workers();                                            // what it creates must be destroyed before the loop
  void add(TimedEvents& events) { events_.push_back(&events); }  // must outlive the loop
  // From now on each job takes up to `longest`, drawn from `random`, which must outlive the loop.
  void delay_jobs(Random& random, Duration longest);

  // For whoever turns several loops: one round over what is ready at this instant (false when there was nothing), and
  // when there will be more to do.
  bool run_round();
  std::optional<SteadyTime> next() const;
  // Runs every job that is queued, due or not: before the workers' owner is destroyed.
  void run_all_jobs();
  // All that can run without moving the clock.
  void run_ready();
  // Moves the clock to the next timer or job and runs what is then ready. False when nothing waits for time, or only
  // for a time after `limit`: the clock then stands at `limit` at most.
  bool advance(SteadyTime limit);
  // Runs until `done`, and says whether it came to that: it does not when nothing is left to run, or after `limit`.
  bool run_until(Function<bool()> done, Duration limit = std::chrono::hours(1));
  // Lets exactly so much time pass.
  void run_for(Duration how_long);
  // Runs a task on a shard to its end and returns its value. It must end.
  template <class T>
  T run(Task<T> task, int shard_index = 0);

 private:
  class JobQueue;
  class JobQueues;
  struct Loop;

  void run_to_end(Gate& gate, Task<void> task, int shard_index);
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& value) {
    value = co_await std::move(task);
  }

  SimulatedClock& clock_;
  std::vector<std::unique_ptr<Loop>> loops_;  // its own; none when the shards are somebody else's
  std::vector<Shard*> shards_;
  std::unique_ptr<JobQueues> queues_;
  std::vector<TimedEvents*> events_;
};

template <class T>
T SimulatedLoop::run(Task<T> task, int shard_index) {
  Gate gate;
  if constexpr (std::is_void_v<T>) {
    run_to_end(gate, std::move(task), shard_index);
  } else {
    std::optional<T> value;
    run_to_end(gate, keep(std::move(task), value), shard_index);
    HOLDFAST_CHECK(value.has_value());
    return std::move(*value);
  }
}

}  // namespace holdfast
