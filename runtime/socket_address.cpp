#include "runtime/socket_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace holdfast {
namespace {

bool set_option(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

}  // namespace

SocketDescriptor::~SocketDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

std::string to_string(const Endpoint& e) {
  return e.host.find(':') == std::string::npos ? fmt::format("{}:{}", e.host, e.port)
                                               : fmt::format("[{}]:{}", e.host, e.port);
}

Endpoint to_endpoint(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(v4.sin_port)};
  }
  if (address.family() == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, text.data(), text.size());
    } else {
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    }
    return {text.data(), ntohs(v6.sin6_port)};
  }
  return {};
}

Result<std::vector<SocketAddress>> addresses_to_listen_on(const Endpoint& at) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(at.port);
  const int error = ::getaddrinfo(at.host.empty() ? nullptr : at.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return fail(ErrorKind::not_found, fmt::format("address {}: {}", to_string(at), ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
    address.size = info->ai_addrlen;
    const bool first = at.host.empty() && info->ai_family == AF_INET6;
    addresses.insert(first ? addresses.begin() : addresses.end(), address);
  }
  return addresses;
}

std::unexpected<Error> socket_error(std::string_view what, const Endpoint& where, int error) {
  ErrorKind kind = ErrorKind::io;
  if (error == ECONNRESET || error == EPIPE || error == ENOTCONN || error == ECONNABORTED) kind = ErrorKind::closed;
  if (error == ETIMEDOUT) kind = ErrorKind::timed_out;
  if (error == EADDRINUSE) kind = ErrorKind::already_exists;
  if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) kind = ErrorKind::exhausted;
  return fail(kind, fmt::format("{} {}: {}", what, to_string(where), std::generic_category().message(error)), error);
}

SocketDescriptor open_socket(int family) {
  SocketDescriptor fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (fd) {
    set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
  }
  return fd;
}

Result<SocketDescriptor> open_listener(const SocketAddress& address, int backlog, bool shared) {
  SocketDescriptor fd = open_socket(address.family());
  if (!fd) return socket_error("socket for", to_endpoint(address), errno);
  // A server that restarts must not wait for the old connections' TIME_WAIT.
  bool set = set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (shared) set = set && set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (address.family() == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    set = set && set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) ? 0 : 1);
  }
  if (!set || ::bind(fd.get(), address.get(), address.size) != 0 || ::listen(fd.get(), backlog) != 0) {
    return socket_error("listening on", to_endpoint(address), errno);
  }
  return fd;
}

}  // namespace holdfast
