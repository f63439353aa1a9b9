#include "tests/cluster/server_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace holdfast::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int start_seconds = 60;  // sanitizer builds on a busy machine

int milliseconds_left(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

std::vector<char*> argv_of(const std::vector<std::string>& arguments) {
  std::vector<char*> out;
  for (const std::string& a : arguments) out.push_back(const_cast<char*>(a.c_str()));
  out.push_back(nullptr);
  return out;
}

std::uint16_t port_in(const std::string& text, const std::string& label) {
  const auto at = text.find("  " + label);
  if (at == std::string::npos) return 0;
  const std::string line = text.substr(at, text.find('\n', at) - at);
  return static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "holdfast-test-XXXXXX").string();
  if (!mkdtemp(name.data())) ADD_FAILURE() << "no temporary directory";
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

ServerProcess::ServerProcess(std::vector<std::string> settings) : settings_(std::move(settings)) {}

ServerProcess::~ServerProcess() { kill(); }

void ServerProcess::start() {
  ASSERT_FALSE(running());
  std::vector<std::string> arguments{HOLDFAST_BINARY, "server", "--data", data()};
  const auto set = [&](const std::string& setting) {
    arguments.push_back("--set");
    arguments.push_back(setting);
  };
  set("listeners=PLAINTEXT://127.0.0.1:" + std::to_string(kafka_port_));
  set("clientPort=" + std::to_string(zookeeper_port_));
  set("admin.serverPort=" + std::to_string(admin_port_));
  for (const std::string& s : settings_) set(s);

  int out[2];
  ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
  const int errors = open((directory_.path() + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const std::vector<char*> argv = argv_of(arguments);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // no server outlives its test
    dup2(out[1], 1);
    dup2(errors, 2);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(out[1]);
  close(errors);
  std::string text;
  const auto deadline = Clock::now() + std::chrono::seconds(start_seconds);
  while (text.find("  admin ") == std::string::npos || text.back() != '\n') {
    pollfd ready{out[0], POLLIN, 0};
    if (poll(&ready, 1, milliseconds_left(deadline)) <= 0) break;
    char piece[4096];
    const ssize_t n = read(out[0], piece, sizeof piece);
    if (n <= 0) break;
    text.append(piece, static_cast<std::size_t>(n));
  }
  close(out[0]);
  kafka_port_ = port_in(text, "Kafka");
  zookeeper_port_ = port_in(text, "ZooKeeper");
  admin_port_ = port_in(text, "admin");
  ASSERT_NE(kafka_port_, 0) << "the server did not become ready:\n" << text << log();
}

void ServerProcess::kill() {
  if (!running()) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

int ServerProcess::stop() {
  if (!running()) return -1;
  ::kill(pid_, SIGTERM);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string ServerProcess::log() const {
  std::ifstream file(directory_.path() + "/log");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

CommandResult run_command(const std::vector<std::string>& arguments, const std::string& input, int seconds) {
  CommandResult result;
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) return result;
  const std::vector<char*> argv = argv_of(arguments);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  signal(SIGPIPE, SIG_IGN);
  std::size_t sent = 0;
  if (input.empty()) close(in[1]), in[1] = -1;
  const auto deadline = Clock::now() + std::chrono::seconds(seconds);
  bool out_open = true, err_open = true;
  while (out_open || err_open) {
    pollfd fds[3] = {{out_open ? out[0] : -1, POLLIN, 0}, {err_open ? err[0] : -1, POLLIN, 0}, {in[1], POLLOUT, 0}};
    if (poll(fds, 3, milliseconds_left(deadline)) <= 0) break;
    char piece[65536];
    const auto take = [&](const pollfd& fd, std::string& to, bool& still_open) {
      if (fd.fd < 0 || fd.revents == 0) return;
      const ssize_t n = read(fd.fd, piece, sizeof piece);
      if (n <= 0) still_open = false;
      if (n > 0) to.append(piece, static_cast<std::size_t>(n));
    };
    take(fds[0], result.output, out_open);
    take(fds[1], result.errors, err_open);
    if (in[1] >= 0 && fds[2].revents != 0) {
      const ssize_t n = write(in[1], input.data() + sent, std::min<std::size_t>(input.size() - sent, 65536));
      if (n > 0) sent += static_cast<std::size_t>(n);
      if (n <= 0 || sent == input.size()) close(in[1]), in[1] = -1;
    }
  }
  if (in[1] >= 0) close(in[1]);
  const bool late = out_open || err_open;
  if (late) ::kill(child, SIGKILL);
  close(out[0]);
  close(err[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!late && WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

bool have_python(const std::string& module) {
  return run_command({"/usr/bin/python3", "-c", "import " + module}).status == 0;
}

std::string exchange(std::uint16_t port, const std::string& bytes, int seconds) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string reply;
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 &&
      send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size())) {
    const auto deadline = Clock::now() + std::chrono::seconds(seconds);
    for (;;) {
      pollfd ready{fd, POLLIN, 0};
      if (poll(&ready, 1, milliseconds_left(deadline)) <= 0) break;
      char piece[65536];
      const ssize_t n = read(fd, piece, sizeof piece);
      if (n <= 0) break;
      reply.append(piece, static_cast<std::size_t>(n));
    }
  }
  close(fd);
  return reply;
}

}  // namespace holdfast::test
