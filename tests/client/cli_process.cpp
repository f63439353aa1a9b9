#include "tests/client/cli_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>

namespace holdfast::test {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

struct Strings {
  explicit Strings(std::vector<std::string> texts) : kept(std::move(texts)) {
    for (std::string& text : kept) pointers.push_back(text.data());
    pointers.push_back(nullptr);
  }
  std::vector<std::string> kept;
  std::vector<char*> pointers;
};

std::vector<std::string> lines_of(const Environment& environment) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : environment) lines.push_back(name + "=" + value);
  return lines;
}

// The command of the same build: beside the directory of this test, unless HOLDFAST_BINARY names another.
const std::string& holdfast_binary() {
  static const std::string path = [] {
    const char* named = std::getenv("HOLDFAST_BINARY");
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "holdfast";
    std::string found = named ? named : beside.string();
    if (!std::filesystem::exists(found)) throw std::runtime_error(found + " is not there: build the target holdfast");
    return found;
  }();
  return path;
}

std::vector<std::string> command_line(const std::vector<std::string>& arguments) {
  std::vector<std::string> line{holdfast_binary()};
  line.insert(line.end(), arguments.begin(), arguments.end());
  return line;
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    close_read();
    close_write();
  }
  void close_read() {
    if (read >= 0) ::close(std::exchange(read, -1));
  }
  void close_write() {
    if (write >= 0) ::close(std::exchange(write, -1));
  }
  int read = -1, write = -1;
};

CommandOutcome run(Strings arguments, Strings environment, const std::string& input, bool together, double limit) {
  Pipe in, out, err;
  const auto begin = Clock::now();
  const pid_t process = ::fork();
  if (process == 0) {
    ::dup2(in.read, STDIN_FILENO);
    ::dup2(out.write, STDOUT_FILENO);
    ::dup2(together ? out.write : err.write, STDERR_FILENO);
    ::signal(SIGPIPE, SIG_DFL);
    ::execve(arguments.pointers[0], arguments.pointers.data(), environment.pointers.data());
    ::_exit(126);
  }
  in.close_read();
  out.close_write();
  err.close_write();
  const auto old = ::signal(SIGPIPE, SIG_IGN);
  ::fcntl(in.write, F_SETFL, O_NONBLOCK);
  CommandOutcome outcome;
  std::size_t written = 0;
  if (input.empty()) in.close_write();
  while (out.read >= 0 || err.read >= 0) {
    if (since(begin) > limit) {
      ADD_FAILURE() << "not done after " << limit << " s: " << arguments.kept.back();
      ::kill(process, SIGKILL);
      break;
    }
    std::array<pollfd, 3> waits{{{out.read, POLLIN, 0}, {err.read, POLLIN, 0}, {in.write, POLLOUT, 0}}};
    ::poll(waits.data(), waits.size(), 100);
    const auto take = [](pollfd& wait, Pipe& pipe, std::string& into) {
      if (pipe.read < 0 || wait.revents == 0) return;
      std::array<char, 65536> buffer;
      const ssize_t got = ::read(pipe.read, buffer.data(), buffer.size());
      if (got > 0) {
        into.append(buffer.data(), static_cast<std::size_t>(got));
      } else {
        pipe.close_read();
      }
    };
    take(waits[0], out, outcome.output);
    take(waits[1], err, outcome.errors);
    if (in.write >= 0 && waits[2].revents != 0) {
      const ssize_t sent = ::write(in.write, input.data() + written, input.size() - written);
      if (sent > 0) written += static_cast<std::size_t>(sent);
      if (sent < 0 || written == input.size()) in.close_write();
    }
  }
  in.close_write();
  int status = 0;
  ::waitpid(process, &status, 0);
  ::signal(SIGPIPE, old);
  outcome.code = exit_code(status);
  outcome.seconds = since(begin);
  return outcome;
}

}  // namespace

Environment clean_environment() {
  static const std::string directory = [] {
    std::string made = (std::filesystem::temp_directory_path() / "holdfast-cli-XXXXXX").string();
    if (!::mkdtemp(made.data())) throw std::runtime_error("mkdtemp");
    std::filesystem::create_symlink(holdfast_binary(), made + "/holdfast");
    return made;
  }();
  static const struct Cleanup {
    ~Cleanup() { std::filesystem::remove_all(directory); }
  } cleanup;
  return {{"PATH", directory + ":/usr/bin:/bin"}, {"TERM", "xterm"}, {"HOLDFAST_PROFILES", directory + "/profiles"}};
}

CommandOutcome run_holdfast(const std::vector<std::string>& arguments, const Environment& environment,
                            const std::string& input, double limit_seconds) {
  return run(Strings(command_line(arguments)), Strings(lines_of(environment)), input, false, limit_seconds);
}

CommandOutcome run_shell(const std::string& line, const Environment& environment, double limit_seconds) {
  return run(Strings({"/bin/sh", "-c", line}), Strings(lines_of(environment)), {}, true, limit_seconds);
}

namespace {

int make_socket(int flags = 0) { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0); }

// On a port of the system's choice, which it returns.
sockaddr_in listen_on_loopback(int socket, int backlog) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket, generic, size) != 0 || ::listen(socket, backlog) != 0) throw std::runtime_error("listen");
  ::getsockname(socket, generic, &size);
  return address;
}

std::string text_of(const sockaddr_in& address) { return "127.0.0.1:" + std::to_string(ntohs(address.sin_port)); }

}  // namespace

SilentServer::SilentServer() : socket_(make_socket()) { address_ = text_of(listen_on_loopback(socket_, 16)); }

FullServer::FullServer() {
  constexpr int more_than_enough = 8;
  sockets_.push_back(make_socket());
  const sockaddr_in address = listen_on_loopback(sockets_[0], 0);
  address_ = text_of(address);
  for (int i = 0; i < more_than_enough; ++i) {
    sockets_.push_back(make_socket(SOCK_NONBLOCK));
    (void)::connect(sockets_.back(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
}

FullServer::~FullServer() {
  for (const int socket : sockets_) ::close(socket);
}

SilentServer::~SilentServer() { ::close(socket_); }

TerminalSession::TerminalSession(const std::vector<std::string>& arguments, const Environment& environment) {
  descriptor_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (descriptor_ < 0 || ::grantpt(descriptor_) != 0 || ::unlockpt(descriptor_) != 0)
    throw std::runtime_error("no terminal");
  const std::string name = ::ptsname(descriptor_);
  const winsize size{.ws_row = 30, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  ::ioctl(descriptor_, TIOCSWINSZ, &size);
  Strings line(command_line(arguments)), variables(lines_of(environment));
  process_ = ::fork();
  if (process_ != 0) return;
  ::setsid();  // the terminal that is opened next becomes its own
  const int terminal = ::open(name.c_str(), O_RDWR);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(terminal, standard);
  if (terminal > STDERR_FILENO) ::close(terminal);
  ::execve(line.pointers[0], line.pointers.data(), variables.pointers.data());
  ::_exit(126);
}

TerminalSession::~TerminalSession() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  ::close(descriptor_);
}

bool TerminalSession::read_some(double seconds) {
  pollfd wait{descriptor_, POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(seconds * 1000)) <= 0) return true;
  std::array<char, 4096> buffer;
  const ssize_t got = ::read(descriptor_, buffer.data(), buffer.size());
  if (got <= 0) return false;  // EIO: nobody has the terminal any more
  screen_.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

bool TerminalSession::expect(const std::string& text) {
  const auto begin = Clock::now();
  for (;;) {
    const std::size_t found = screen_.find(text, seen_);
    if (found != std::string::npos) {
      seen_ = found + text.size();
      return true;
    }
    if (since(begin) > 10 || !read_some(0.1)) break;
  }
  ADD_FAILURE() << "the terminal does not show '" << text << "' but:\n" << screen_.substr(seen_);
  return false;
}

void TerminalSession::type(const std::string& keys) {
  ASSERT_EQ(::write(descriptor_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

int TerminalSession::wait() {
  const auto begin = Clock::now();
  while (since(begin) < 20 && read_some(0.1)) {
  }
  int status = 0;
  if (::waitpid(process_, &status, since(begin) < 20 ? 0 : WNOHANG) != process_) {
    ADD_FAILURE() << "it does not end; the terminal shows:\n" << screen_;
    return -1;
  }
  process_ = -1;
  return exit_code(status);
}

}  // namespace holdfast::test
