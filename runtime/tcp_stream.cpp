#include "runtime/tcp_stream.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace holdfast {
namespace {

using Descriptor = asio::posix::stream_descriptor;

constexpr std::size_t pieces_max = 64;  // of one sendmsg

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// What send() accepted and the kernel has not taken yet. Empty, it holds no memory: most connections are idle.
class SendQueue {
 public:
  std::size_t bytes() const { return bytes_; }
  std::span<const Bytes> pieces() const { return std::span(pieces_).subspan(head_); }

  void append(BufferChain chain) {
    bytes_ += chain.size();
    for (Bytes& piece : chain.take()) pieces_.push_back(std::move(piece));
  }

  void drop(std::size_t sent) {
    bytes_ -= sent;
    if (bytes_ == 0) return clear();
    while (sent > 0) {
      Bytes& piece = pieces_[head_];
      if (sent < piece.size()) {
        piece = piece.slice(sent, piece.size() - sent);
        break;
      }
      sent -= piece.size();
      piece = {};
      ++head_;
    }
    if (head_ < pieces_.size() / 2) return;
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }

  void clear() {
    pieces_ = {};
    head_ = bytes_ = 0;
  }

 private:
  std::vector<Bytes> pieces_;
  std::size_t head_ = 0;
  std::size_t bytes_ = 0;
};

// What a stream is while it has waits in flight: they keep it alive when the Stream in front of it has gone. Reading
// and writing are plain system calls, tried first; Asio only says when the socket is worth another try.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Shard& shard, SocketDescriptor fd, Endpoint remote)
      : shard_(shard), descriptor_(shard.io(), fd.release()), remote_(std::move(remote)) {
    SocketAddress address;
    if (::getsockname(descriptor_.native_handle(), address.get(), &address.size) == 0) local_ = to_endpoint(address);
  }

  const Endpoint& local() const { return local_; }
  const Endpoint& remote() const { return remote_; }
  std::size_t queued_bytes() const { return queue_.bytes(); }
  Shard& shard() const { return shard_; }
  Descriptor& descriptor() { return descriptor_; }

  Result<void> state() const {
    if (!closed_) return {};
    if (broken_by_ != 0) return socket_error(broken_in_, remote_, broken_by_);
    return fail(ErrorKind::closed, fmt::format("connection with {} is closed", to_string(remote_)));
  }

  // One read at a time: the guard is held from the first try to the last.
  class Reading {
   public:
    explicit Reading(Connection& of) : of_(of) { HOLDFAST_CHECK(!std::exchange(of_.reading_, true)); }
    ~Reading() { of_.reading_ = false; }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    Connection& of_;
  };

  // Nothing when there is nothing to read yet.
  std::optional<Result<std::size_t>> try_read(std::span<std::uint8_t> into) {
    while (!closed_) {
      if (drained_socket_) return std::nullopt;
      const ssize_t n = ::recv(descriptor_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
      if (n >= 0) {
        drained_socket_ = n > 0 && static_cast<std::size_t>(n) < into.size();
        return static_cast<std::size_t>(n);
      }
      if (would_block(errno)) return std::nullopt;
      if (errno != EINTR) give_up("reading from", errno);
    }
    auto closed = state();
    return fail(closed);
  }

  void now_readable() { drained_socket_ = false; }

  void send(BufferChain chain) {
    if (closed_ || shutdown_wanted_ || chain.empty()) return;
    if (queue_.bytes() > 0) return queue_.append(std::move(chain));
    const std::optional<std::size_t> sent = write_some(chain.pieces());
    if (!sent || *sent == chain.size()) return;
    queue_.append(std::move(chain));
    queue_.drop(*sent);
    await_writable();
  }

  void shutdown_after_sends() {
    if (closed_ || std::exchange(shutdown_wanted_, true)) return;
    if (queue_.bytes() == 0) ::shutdown(descriptor_.native_handle(), SHUT_WR);
  }

  void close() {
    if (std::exchange(closed_, true)) return;
    boost::system::error_code ignored;
    descriptor_.close(ignored);  // ends the waits for readiness
    queue_.clear();
    resume_drained();
  }

  void on_drained(Function<void()> resume) {
    if (closed_ || queue_.bytes() == 0) return resume();
    drained_.push_back(std::move(resume));
  }

 private:
  // As much as the kernel takes; nothing when the connection broke, and is closed.
  std::optional<std::size_t> write_some(std::span<const Bytes> pieces) {
    std::size_t total = 0, skip = 0;  // skip: of the first piece, already sent
    while (!pieces.empty()) {
      std::array<iovec, pieces_max> vectors;
      std::size_t count = 0, wanted = 0;
      for (; count < std::min(pieces.size(), pieces_max); ++count) {
        const std::size_t from = count == 0 ? skip : 0;
        vectors[count] = {const_cast<std::uint8_t*>(pieces[count].data()) + from, pieces[count].size() - from};
        wanted += vectors[count].iov_len;
      }
      msghdr message{};
      message.msg_iov = vectors.data();
      message.msg_iovlen = count;
      const ssize_t n = ::sendmsg(descriptor_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0) {
        if (errno == EINTR) continue;
        if (would_block(errno)) return total;
        give_up("sending to", errno);
        return std::nullopt;
      }
      total += static_cast<std::size_t>(n);
      if (static_cast<std::size_t>(n) < wanted) return total;  // its buffer is full
      pieces = pieces.subspan(count);
      skip = 0;
    }
    return total;
  }

  void await_writable() {
    auto ready = [self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && !self->closed_) self->on_writable();
    };
    descriptor_.async_wait(Descriptor::wait_write, std::move(ready));
  }

  void on_writable() {
    const std::optional<std::size_t> sent = write_some(queue_.pieces());
    if (!sent) return;
    queue_.drop(*sent);
    if (queue_.bytes() > 0) return await_writable();
    if (shutdown_wanted_) ::shutdown(descriptor_.native_handle(), SHUT_WR);
    resume_drained();
  }

  void give_up(std::string_view doing, int error) {
    broken_in_ = doing;
    broken_by_ = error;
    close();
  }

  void resume_drained() {
    for (Function<void()>& resume : std::exchange(drained_, {})) resume();
  }

  Shard& shard_;
  Descriptor descriptor_;
  const Endpoint remote_;
  Endpoint local_;
  SendQueue queue_;  // a wait for writability is in flight exactly while it is not empty
  std::vector<Function<void()>> drained_;
  std::string_view broken_in_;  // a literal: what we were doing
  int broken_by_ = 0;           // errno
  bool reading_ = false;
  bool drained_socket_ = false;  // the last read took all there was: waiting is cheaper than to be told so by another
  bool shutdown_wanted_ = false;
  bool closed_ = false;
};

class TcpStream final : public Stream {
 public:
  explicit TcpStream(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~TcpStream() override { connection_->close(); }

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) override { return read(connection_, into); }
  Task<Result<void>> readable() override { return wait_readable(connection_); }
  void send(BufferChain chain) override { connection_->send(std::move(chain)); }
  std::size_t queued_bytes() const override { return connection_->queued_bytes(); }
  Task<Result<void>> drained() override { return wait_drained(connection_); }
  void shutdown_after_sends() override { connection_->shutdown_after_sends(); }
  void close() override { connection_->close(); }
  Endpoint local() const override { return connection_->local(); }
  Endpoint remote() const override { return connection_->remote(); }

 private:
  // Tasks own what they wait for: the stream may be destroyed meanwhile, which ends them with `closed`.
  static Task<Result<std::size_t>> read(std::shared_ptr<Connection> connection, std::span<std::uint8_t> into) {
    const Connection::Reading guard(*connection);
    for (;;) {
      auto got = connection->try_read(into);
      if (got) co_return std::move(*got);
      boost::system::error_code ignored;  // a closed connection shows in the next try
      auto token = asio::redirect_error(asio::use_awaitable, ignored);
      co_await connection->descriptor().async_wait(Descriptor::wait_read, token);
      connection->now_readable();
    }
  }

  static Task<Result<void>> wait_readable(std::shared_ptr<Connection> connection) {
    const Connection::Reading guard(*connection);
    if (auto open = connection->state(); !open) co_return open;
    boost::system::error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await connection->descriptor().async_wait(Descriptor::wait_read, token);
    connection->now_readable();
    co_return connection->state();
  }

  static Task<Result<void>> wait_drained(std::shared_ptr<Connection> connection) {
    auto start = [&connection](Function<void()> resume) { connection->on_drained(std::move(resume)); };
    co_await connection->shard().until(std::move(start));
    co_return connection->state();
  }

  std::shared_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<Stream> make_tcp_stream(Shard& shard, SocketDescriptor connected, Endpoint remote) {
  return std::make_unique<TcpStream>(std::make_shared<Connection>(shard, std::move(connected), std::move(remote)));
}

}  // namespace holdfast
