#include "runtime/disk_ring.h"

#include <fcntl.h>
#include <liburing.h>
#include <sys/uio.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/log_line.h"
#include "runtime/shards.h"

namespace holdfast {

namespace asio = boost::asio;

struct DiskRing::Inner : std::enable_shared_from_this<Inner> {
  using Descriptor = asio::posix::stream_descriptor;
  static constexpr unsigned entries = 2;
  static constexpr std::size_t write_max = 1 << 30;

  explicit Inner(Shard& on) : shard(on), readable(on.io()) {}
  ~Inner() {
    if (!opened) return;
    while (in_flight && !take()) {
      io_uring_cqe* completed = nullptr;
      (void)::io_uring_wait_cqe(&ring, &completed);
    }
    boost::system::error_code ignored;
    readable.close(ignored);
    ::io_uring_queue_exit(&ring);
  }

  int open() {
    // The loop is told when it next enters the kernel, which it is about to do or waits in.
    io_uring_params params{};
    params.flags = IORING_SETUP_COOP_TASKRUN;
    int error = ::io_uring_queue_init_params(entries, &ring, &params);
    if (error == -EINVAL) {  // Linux before 5.19
      params = {};
      error = ::io_uring_queue_init_params(entries, &ring, &params);
    }
    if (error < 0) return -error;
    opened = true;
    // Asio closes what it is given, and the library its own.
    const int own = ::fcntl(ring.ring_fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) return errno;
    boost::system::error_code refused;
    readable.assign(own, refused);
    if (!refused) return 0;
    ::close(own);
    return refused.value();
  }

  int begin(int fd, std::uint64_t offset, ByteView bytes) {
    if (in_flight || broken || bytes.size() > write_max) return EBUSY;
    io_uring_sqe* const entry = ::io_uring_get_sqe(&ring);
    if (entry == nullptr) return EBUSY;
    ::io_uring_prep_write(entry, fd, bytes.data(), static_cast<unsigned>(bytes.size()), offset);
    entry->rw_flags = RWF_DSYNC;
    int submitted;
    do {
      submitted = ::io_uring_submit(&ring);
    } while (submitted == -EINTR);
    in_flight = submitted == 1;
    broken = !in_flight;  // the entry stands in the ring, and must not go out with a later one
    return in_flight ? 0 : EBUSY;
  }

  // The completion, if there is one.
  bool take() {
    io_uring_cqe* completed = nullptr;
    if (::io_uring_peek_cqe(&ring, &completed) != 0 || completed == nullptr) return false;
    result = completed->res;
    ::io_uring_cqe_seen(&ring, completed);
    in_flight = false;
    return true;
  }

  void await() {
    readable.async_wait(Descriptor::wait_read, [self = weak_from_this()](const boost::system::error_code& error) {
      const auto inner = self.lock();
      if (error || !inner) return;
      if (!inner->take()) return inner->await();
      if (auto done = std::exchange(inner->done, nullptr)) done(inner->result);
    });
  }

  Shard& shard;
  io_uring ring{};
  bool opened = false, in_flight = false, broken = false;
  int result = 0;
  Function<void(int)> done;
  Descriptor readable;
};

DiskRing::DiskRing(std::shared_ptr<Inner> inner) : inner_(std::move(inner)) {}
DiskRing::~DiskRing() = default;

std::unique_ptr<DiskRing> DiskRing::open(Shard& shard) {
  auto inner = std::make_shared<Inner>(shard);
  if (const int error = inner->open(); error != 0) {
    log_line(LogLevel::debug, "runtime", "no io_uring ({}): durable writes go through a thread",
             std::generic_category().message(error));
    return nullptr;
  }
  return std::unique_ptr<DiskRing>(new DiskRing(std::move(inner)));
}

void DiskRing::write_durable(int fd, std::uint64_t offset, ByteView bytes, Function<void(int)> done) {
  Inner& in = *inner_;
  if (const int error = in.begin(fd, offset, bytes); error != 0) {
    in.shard.post([done = std::move(done), error]() mutable { done(-error); });
    return;
  }
  in.done = std::move(done);
  in.await();
}

}  // namespace holdfast
