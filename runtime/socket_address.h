// Socket addresses and the few calls that make sockets, under network.cpp. Real sockets only.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/network.h"
#include "runtime/result.h"

namespace holdfast {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// An IPv4 client of a dual-stack listener is shown with its IPv4 address.
Endpoint to_endpoint(const SocketAddress& address);

// For listening: blocks while a name is looked up. "" gives the IPv6 wildcard, which takes IPv4 too, then the IPv4 one.
Result<std::vector<SocketAddress>> addresses_to_listen_on(const Endpoint& at);

std::unexpected<Error> socket_error(std::string_view what, const Endpoint& where, int error);

class SocketDescriptor {
 public:
  SocketDescriptor() = default;
  explicit SocketDescriptor(int fd) : fd_(fd) {}
  SocketDescriptor(SocketDescriptor&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  SocketDescriptor& operator=(SocketDescriptor o) noexcept { return std::swap(fd_, o.fd_), *this; }
  ~SocketDescriptor();
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Not blocking, closed on exec; TCP_NODELAY and SO_KEEPALIVE, which accepted sockets inherit from their listener.
SocketDescriptor open_socket(int family);
Result<SocketDescriptor> open_listener(const SocketAddress& address, int backlog, bool shared);

}  // namespace holdfast
