#include "runtime/console.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace asio = boost::asio;

namespace holdfast {
namespace {

// A descriptor that somebody left non-blocking is waited for.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd waits{.fd = fd, .events = POLLOUT, .revents = 0};
      if (::poll(&waits, 1, -1) < 0 && errno != EINTR) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

void open_standard_streams() {
  // In this order each gets its own number: the lowest that is free. Standard output is opened so that it refuses what
  // is written, as if it were closed.
  constexpr std::array<std::pair<int, int>, 3> streams{
      {{STDIN_FILENO, O_RDONLY}, {STDOUT_FILENO, O_RDONLY}, {STDERR_FILENO, O_WRONLY}}};
  for (const auto& [fd, flags] : streams) {
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", flags) != fd) ::_exit(1);
  }
}

// Non-blocking reads need a description of their own: O_NONBLOCK on the shared one would reach everybody who has the
// same terminal or pipe. Only a socket cannot be opened anew.
struct Console::Input {
  explicit Input(asio::io_context& io) : descriptor(io) {
    int fd = ::open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) fd = ::dup(STDIN_FILENO);
    boost::system::error_code refused;  // a plain file: epoll has no use for it, and it is always ready
    if (fd >= 0) descriptor.assign(fd, refused);
    if (fd < 0 || !refused) return;
    ::close(fd);
    plain = true;
  }
  asio::posix::stream_descriptor descriptor;
  bool plain = false;
};

struct Console::Mode {
  termios before;
};

Console::Console() { ::signal(SIGPIPE, SIG_IGN); }

Console::~Console() { restore_mode(); }

void Console::restore_mode() {
  if (mode_) ::tcsetattr(STDIN_FILENO, TCSANOW, &mode_->before);
}

void Console::exit_now(int code) {
  restore_mode();
  ::_exit(code);
}

bool Console::input_is_terminal() const { return ::isatty(STDIN_FILENO) == 1; }
bool Console::output_is_terminal() const { return ::isatty(STDOUT_FILENO) == 1; }
bool Console::error_is_terminal() const { return ::isatty(STDERR_FILENO) == 1; }

std::optional<Console::Size> Console::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return std::nullopt;
  Size known;
  if (size.ws_col > 0) known.columns = size.ws_col;
  if (size.ws_row > 0) known.rows = size.ws_row;
  return known;
}

std::optional<std::string> Console::environment(const std::string& name) const {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

Result<void> Console::write(std::string_view text) {
  if (write_all(STDOUT_FILENO, text)) return {};
  const int error = errno;
  return fail(error == EPIPE ? ErrorKind::closed : ErrorKind::io,
              std::string("standard output cannot be written: ") + std::strerror(error), error);
}

void Console::write_error(std::string_view text) { (void)write_all(STDERR_FILENO, text); }

Task<Result<std::size_t>> Console::read(Shard& shard, std::span<std::uint8_t> into) {
  if (!input_) input_ = std::make_unique<Input>(shard.io());
  for (;;) {
    if (input_ended_) co_return 0;
    const int fd = input_->plain ? STDIN_FILENO : input_->descriptor.native_handle();
    const ssize_t got = ::read(fd, into.data(), into.size());
    if (got >= 0) co_return static_cast<std::size_t>(got);
    const int error = errno;
    if (error == EINTR) continue;
    if (error == EIO) co_return 0;  // the terminal is gone
    if (error != EAGAIN && error != EWOULDBLOCK)
      co_return fail(ErrorKind::io, std::string("standard input cannot be read: ") + std::strerror(error), error);
    boost::system::error_code ended;  // by end_input(), which the loop sees
    auto token = asio::redirect_error(asio::use_awaitable, ended);
    co_await input_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read, token);
  }
}

bool Console::read_keys() {
  if (mode_) return true;
  termios before{};
  if (::tcgetattr(STDIN_FILENO, &before) != 0) return false;
  termios keys = before;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  keys.c_cc[VMIN] = 1;
  keys.c_cc[VTIME] = 0;
  if (::tcsetattr(STDIN_FILENO, TCSANOW, &keys) != 0) return false;
  mode_ = std::make_unique<Mode>(before);
  return true;
}

void Console::leave_loop() {
  end_input();
  input_.reset();
}

void Console::end_input() {
  input_ended_ = true;
  if (input_ && !input_->plain) input_->descriptor.cancel();
}

}  // namespace holdfast
