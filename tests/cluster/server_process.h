// A real `holdfast server` process for tests: started on free ports in a directory of its own, stopped or killed, and
// started again on the same data and ports.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class ServerProcess {
 public:
  // `settings`: key=value, as --set takes them. Ports are chosen by the server at the first start and kept.
  explicit ServerProcess(std::vector<std::string> settings = {});
  ~ServerProcess();

  void start();  // until it says that it is ready; fails the test otherwise
  void kill();   // SIGKILL, and waits
  int stop();    // SIGTERM; the exit status
  pid_t pid() const { return pid_; }
  bool running() const { return pid_ > 0; }

  std::string kafka() const { return "127.0.0.1:" + std::to_string(kafka_port_); }
  std::string zookeeper() const { return "127.0.0.1:" + std::to_string(zookeeper_port_); }
  std::uint16_t kafka_port() const { return kafka_port_; }
  std::uint16_t zookeeper_port() const { return zookeeper_port_; }
  std::uint16_t admin_port() const { return admin_port_; }
  std::string data() const { return directory_.path() + "/data"; }
  std::string log() const;  // what it wrote to standard error

 private:
  TemporaryDirectory directory_;
  std::vector<std::string> settings_;
  pid_t pid_ = -1;
  std::uint16_t kafka_port_ = 0, zookeeper_port_ = 0, admin_port_ = 0;
};

struct CommandResult {
  int status = -1;  // exit status; -1 when it was killed at the deadline
  std::string output, errors;
};
// Runs a program with `input` on its standard input, at most `seconds`.
CommandResult run_command(const std::vector<std::string>& arguments, const std::string& input = {}, int seconds = 60);
// Whether a Python module can be imported by the system's python3.
bool have_python(const std::string& module);

// The bytes that come back for these, until the peer closes or `seconds` pass.
std::string exchange(std::uint16_t port, const std::string& bytes, int seconds = 10);

}  // namespace holdfast::test
