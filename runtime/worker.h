// Worker: where blocking file work runs. Jobs of one worker run one at a time, in order, off the shards. A job reports
// back with Shard::post. The real worker is a thread; the simulated one is run by the simulator, on its own terms.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/buffer.h"
#include "runtime/function.h"
#include "runtime/result.h"

namespace holdfast {

class File;
class Shard;

class Worker {
 public:
  virtual ~Worker() = default;                    // runs what is queued, then ends
  virtual void submit(Function<void()> job) = 0;  // any thread
  // file.write_durable(offset, bytes) off this shard, whose thread calls; `done` has the result, here. File and bytes
  // stay until then. It keeps no order with jobs; one at a time.
  virtual void write_durable(Shard& shard, File& file, std::uint64_t offset, ByteView bytes,
                             Function<void(Result<void>)> done);
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
