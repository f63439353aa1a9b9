// DiskRing: durable writes that a shard hands to the kernel itself (io_uring) and hears of in its loop. A worker's
// thread would cost two hand-overs for each, which at low rates is most of what a write costs.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/buffer.h"
#include "runtime/function.h"

namespace holdfast {

class Shard;

// Lives on one shard, which may have stopped when it dies. One write at a time: another is refused (-EBUSY).
class DiskRing {
 public:
  // Null where the kernel has no io_uring or keeps it from us (seccomp of containers, kernel.io_uring_disabled).
  static std::unique_ptr<DiskRing> open(Shard& shard);
  ~DiskRing();  // waits for the write that is in flight; its `done` is not called
  DiskRing(const DiskRing&) = delete;
  DiskRing& operator=(const DiskRing&) = delete;

  // pwritev2 with RWF_DSYNC. `done` has what it returned, or -errno, in the shard's loop. `fd` and `bytes` stay until
  // then.
  void write_durable(int fd, std::uint64_t offset, ByteView bytes, Function<void(int)> done);

 private:
  struct Inner;
  explicit DiskRing(std::shared_ptr<Inner> inner);
  std::shared_ptr<Inner> inner_;
};

}  // namespace holdfast
