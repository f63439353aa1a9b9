// Worker: where blocking file work runs. Jobs of one worker run one at a time, in order, off the shards. A job reports
// back with Shard::post. The real worker is a thread; the simulated one is run by the simulator, on its own terms.
#pragma once

#include <memory>
#include <string>

#include "runtime/function.h"

namespace holdfast {

class Worker {
 public:
  virtual ~Worker() = default;                    // runs what is queued, then ends
  virtual void submit(Function<void()> job) = 0;  // any thread
};

class Workers {
 public:
  virtual ~Workers() = default;
  virtual std::unique_ptr<Worker> create(const std::string& name) = 0;  // name: at most 15 characters
};

Workers& system_workers();
// Runs each job inside submit(): for unit tests that need no concurrency.
Workers& inline_workers();

}  // namespace holdfast
