#include "runtime/network.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "runtime/log_line.h"
#include "runtime/socket_address.h"
#include "runtime/tcp_stream.h"

namespace asio = boost::asio;

namespace holdfast {
namespace {

using Descriptor = asio::posix::stream_descriptor;

constexpr Duration connect_timeout = std::chrono::seconds(10);     // of one address
constexpr Duration accept_pause = std::chrono::milliseconds(100);  // when descriptors have run out

class Acceptor {
 public:
  Acceptor(Shard& shard, SocketDescriptor fd) : shard_(shard), descriptor_(shard.io(), fd.release()) {
    SocketAddress address;
    if (::getsockname(descriptor_.native_handle(), address.get(), &address.size) == 0) local_ = to_endpoint(address);
  }

  const Endpoint& local() const { return local_; }

  void close() {
    if (std::exchange(closed_, true)) return;
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    pause_.cancel();
    if (resume_) std::exchange(resume_, nullptr)();
  }

  static Task<Result<std::unique_ptr<Stream>>> accept(std::shared_ptr<Acceptor> self) {
    while (!self->closed_) {
      SocketAddress from;
      SocketDescriptor accepted(
          ::accept4(self->descriptor_.native_handle(), from.get(), &from.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      const int error = errno;
      if (accepted) {
        self->exhausted_ = false;
        co_return make_tcp_stream(self->shard_, std::move(accepted), to_endpoint(from));
      }
      if (error == EAGAIN || error == EWOULDBLOCK) {
        boost::system::error_code ignored;  // a closed listener shows in the loop's condition
        auto token = asio::redirect_error(asio::use_awaitable, ignored);
        co_await self->descriptor_.async_wait(Descriptor::wait_read, token);
      } else if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
        // The connection stays in the backlog, and the listener ready: without a pause this would spin.
        if (!std::exchange(self->exhausted_, true)) {
          log_line(LogLevel::error, "runtime", "{} cannot accept connections: {}; raise the limit of open files",
                   to_string(self->local_), std::strerror(error));
        }
        auto start = [self](Function<void()> resume) { self->pause(std::move(resume)); };
        co_await self->shard_.until(std::move(start));
      } else if (error == EBADF || error == EINVAL || error == ENOTSOCK || error == EOPNOTSUPP || error == EFAULT) {
        co_return socket_error("accepting on", self->local_, error);
      }
      // All else is about the one connection that was being accepted (accept(2)): it is gone, the next may do.
    }
    co_return fail(ErrorKind::closed, fmt::format("listener on {} is closed", to_string(self->local_)));
  }

 private:
  void pause(Function<void()> resume) {
    resume_ = std::move(resume);
    shard_.arm(pause_, accept_pause, [this] { std::exchange(resume_, nullptr)(); });
  }

  Shard& shard_;
  Descriptor descriptor_;
  Endpoint local_;
  Timer pause_;
  Function<void()> resume_;  // of a pause
  bool exhausted_ = false;
  bool closed_ = false;
};

class TcpListener final : public Listener {
 public:
  explicit TcpListener(std::shared_ptr<Acceptor> acceptor) : acceptor_(std::move(acceptor)) {}
  ~TcpListener() override { acceptor_->close(); }
  Task<Result<std::unique_ptr<Stream>>> accept() override { return Acceptor::accept(acceptor_); }
  Endpoint local() const override { return acceptor_->local(); }
  void close() override { acceptor_->close(); }

 private:
  std::shared_ptr<Acceptor> acceptor_;
};

Task<Result<std::unique_ptr<Stream>>> connect_to(Shard& shard, SocketAddress address) {
  const Endpoint remote = to_endpoint(address);
  SocketDescriptor fd = open_socket(address.family());
  if (!fd) co_return socket_error("socket for", remote, errno);
  if (::connect(fd.get(), address.get(), address.size) == 0) co_return make_tcp_stream(shard, std::move(fd), remote);
  if (errno != EINPROGRESS) co_return socket_error("connecting to", remote, errno);

  Descriptor connecting(shard.io(), fd.release());
  Timer timer;
  shard.arm(timer, connect_timeout, [&connecting] { connecting.cancel(); });
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await connecting.async_wait(Descriptor::wait_write, token);
  if (error) co_return socket_error("connecting to", remote, ETIMEDOUT);
  int failed = 0;
  socklen_t size = sizeof failed;
  if (::getsockopt(connecting.native_handle(), SOL_SOCKET, SO_ERROR, &failed, &size) != 0) failed = errno;
  if (failed != 0) co_return socket_error("connecting to", remote, failed);
  SocketDescriptor connected(connecting.release());
  co_return make_tcp_stream(shard, std::move(connected), remote);
}

class SystemNetwork final : public Network {
 public:
  Result<std::unique_ptr<Listener>> listen(Shard& shard, const Endpoint& at, int backlog, bool shared) override {
    auto addresses = addresses_to_listen_on(at);
    if (!addresses) return fail(addresses);
    Result<SocketDescriptor> fd = fail(ErrorKind::not_found, fmt::format("{} has no address", to_string(at)));
    for (const SocketAddress& address : *addresses) {
      fd = open_listener(address, backlog, shared);
      if (fd) return std::make_unique<TcpListener>(std::make_shared<Acceptor>(shard, std::move(*fd)));
      if (fd.error().os_error == EADDRINUSE) break;  // not to be taken for "no such protocol here"
    }
    return fail(fd);
  }

  Task<Result<std::unique_ptr<Stream>>> connect(Shard& shard, Endpoint to) override {
    asio::ip::tcp::resolver resolver(shard.io());
    const std::string port = std::to_string(to.port);
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    const auto flags = asio::ip::tcp::resolver::numeric_service;
    auto found = co_await resolver.async_resolve(to.host, port, flags, token);
    if (error) {
      co_return fail(ErrorKind::not_found, fmt::format("address of {}: {}", to.host, error.message()), error.value());
    }
    Result<std::unique_ptr<Stream>> stream = fail(ErrorKind::not_found, fmt::format("{} has no address", to.host));
    for (const auto& entry : found) {
      SocketAddress address;
      const auto endpoint = entry.endpoint();
      std::memcpy(&address.storage, endpoint.data(), endpoint.size());
      address.size = static_cast<socklen_t>(endpoint.size());
      stream = co_await connect_to(shard, address);
      if (stream) break;
    }
    co_return stream;
  }
};

}  // namespace

Network& system_network() {
  static SystemNetwork network;
  return network;
}

}  // namespace holdfast
