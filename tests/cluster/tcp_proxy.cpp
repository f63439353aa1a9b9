#include "tests/cluster/tcp_proxy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>

namespace holdfast::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t piece_bytes = 64 << 10;
constexpr std::size_t pieces_max = 64;  // on the way in one direction; the sender waits then

sockaddr_in address_of(const char* host, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  inet_pton(AF_INET, host, &out.sin_addr);
  return out;
}

}  // namespace

struct TcpProxy::Direction {
  int from = -1, to = -1;
  std::deque<std::pair<Clock::time_point, std::string>> pieces;  // when they are due
  bool ended = false, told = false;                              // no more comes; and the other side knows

  bool reads() const { return !ended && pieces.size() < pieces_max; }
  void read(Clock::time_point due) {
    std::string piece(piece_bytes, '\0');
    const ssize_t n = recv(from, piece.data(), piece.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    piece.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    ended = piece.empty();
    if (!ended) pieces.emplace_back(due, std::move(piece));
  }
  // False: nobody takes it any more.
  bool write(Clock::time_point now) {
    while (!pieces.empty() && pieces.front().first <= now) {
      std::string& piece = pieces.front().second;
      const ssize_t n = send(to, piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0) return errno == EAGAIN;
      piece.erase(0, static_cast<std::size_t>(n));
      if (!piece.empty()) return true;
      pieces.pop_front();
    }
    if (ended && pieces.empty() && !std::exchange(told, true)) shutdown(to, SHUT_WR);
    return true;
  }
};

struct TcpProxy::Connection {
  int dialler, target;
  Direction there, back;

  Connection(int d, int t) : dialler(d), target(t) {
    there.from = back.to = d;
    there.to = back.from = t;
  }
  ~Connection() {
    close(dialler);
    close(target);
  }
  bool over() const { return there.told && back.told; }
};

TcpProxy::TcpProxy(const std::string& address, std::uint16_t port, std::uint16_t target) : target_(target) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int yes = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const sockaddr_in at = address_of(address.c_str(), port);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || listen(listener_, 128) != 0)
    ADD_FAILURE() << "no proxy at " << address << ":" << port;
  thread_ = std::thread([this] { run(); });
}

TcpProxy::~TcpProxy() {
  stopping_ = true;
  wake();
  thread_.join();
  close(listener_);
  close(wake_);
}

void TcpProxy::set(State state) {
  state_ = state;
  wake();
}

void TcpProxy::delay(std::chrono::milliseconds by) { delay_ms_ = by.count(); }

void TcpProxy::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_, &one, sizeof one));
}

void TcpProxy::accept() {
  const int dialler = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (dialler < 0) return;
  ++dialled_;
  const int target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto connection = std::make_unique<Connection>(dialler, target);
  const sockaddr_in to = address_of("127.0.0.1", target_);
  if (state_ == State::cut || connect(target, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return;
  for (const int fd : {dialler, target}) {
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  connections_.push_back(std::move(connection));
}

bool TcpProxy::moves_in(State state, bool there) {
  return state == State::pass || state == (there ? State::hold_back : State::hold_there);
}

void TcpProxy::run() {
  while (!stopping_) {
    const State state = state_;
    if (state == State::cut) connections_.clear();
    const bool admits = state == State::pass || state == State::cut;
    std::vector<pollfd> fds{{wake_, POLLIN, 0}, {admits ? listener_ : -1, POLLIN, 0}};
    auto next = Clock::time_point::max();
    const auto now = Clock::now();
    bool timed = false;
    for (const auto& c : connections_)
      for (const Direction* d : {&c->there, &c->back}) {
        const bool moves = moves_in(state, d == &c->there);
        const bool due = !d->pieces.empty() && d->pieces.front().first <= now;
        if (moves && !d->pieces.empty() && !due) next = std::min(next, d->pieces.front().first), timed = true;
        fds.push_back({moves && d->reads() ? d->from : -1, POLLIN, 0});
        fds.push_back({moves && due ? d->to : -1, POLLOUT, 0});
      }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
    if (poll(fds.data(), fds.size(), timed ? static_cast<int>(std::max<std::int64_t>(0, wait)) : -1) < 0) continue;
    std::uint64_t woken;
    static_cast<void>(!read(wake_, &woken, sizeof woken));
    if (state_ != state) continue;  // what was looked at is over
    std::size_t at = 2;
    std::vector<Connection*> broken;
    for (const auto& c : connections_)
      for (Direction* d : {&c->there, &c->back}) {
        if (!moves_in(state, d == &c->there)) {
          at += 2;
          continue;
        }
        const auto later = Clock::now();
        if (fds[at].revents != 0) d->read(later + std::chrono::milliseconds(delay_ms_));
        at += 2;
        if (!d->write(later)) broken.push_back(c.get());
      }
    std::erase_if(connections_, [&](const auto& c) { return c->over() || std::ranges::count(broken, c.get()) > 0; });
    if (fds[1].revents != 0) accept();
  }
  connections_.clear();
}

}  // namespace holdfast::test
