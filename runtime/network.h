// Network: the one door to sockets. A stream lives on the shard that accepted or dialled it. TLS will be another
// Stream.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "runtime/buffer.h"
#include "runtime/result.h"
#include "runtime/shards.h"
#include "runtime/task.h"

namespace holdfast {

struct Endpoint {
  // A name or an address in text: "127.0.0.1", "::1". For listen also "", every address, and "0.0.0.0", every IPv4 one.
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};
std::string to_string(const Endpoint& e);  // host:port, with brackets around an IPv6 address

class Stream {
 public:
  virtual ~Stream() = default;  // closes
  // At least one byte, or 0 at the peer's end of stream. At most one read at a time.
  virtual Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) = 0;
  // Suspends until there is something to read (or the stream has ended), without needing a buffer meanwhile.
  virtual Task<Result<void>> readable() = 0;
  // Sends in order; what the kernel does not take at once is queued and sent as it drains. After an error the stream is
  // closed and the reader sees it.
  virtual void send(BufferChain chain) = 0;
  virtual std::size_t queued_bytes() const = 0;  // accepted by send() and not yet taken by the kernel
  virtual Task<Result<void>> drained() = 0;      // until queued_bytes() is 0; an error if the stream was closed
  virtual void shutdown_after_sends() = 0;       // ends the sending side when the queue has drained
  virtual void close() = 0;                      // ends pending reads and sends; idempotent
  virtual Endpoint local() const = 0;
  virtual Endpoint remote() const = 0;
};

class Listener {
 public:
  virtual ~Listener() = default;
  virtual Task<Result<std::unique_ptr<Stream>>> accept() = 0;
  virtual Endpoint local() const = 0;  // with the port that was chosen
  virtual void close() = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  // Several shards may listen on one endpoint (SO_REUSEPORT, when `shared`): the kernel spreads the connections.
  virtual Result<std::unique_ptr<Listener>> listen(Shard& shard, const Endpoint& at, int backlog, bool shared) = 0;
  // Resolves the host anew at each call.
  virtual Task<Result<std::unique_ptr<Stream>>> connect(Shard& shard, Endpoint to) = 0;
};

Network& system_network();

}  // namespace holdfast
