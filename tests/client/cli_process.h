// The built command, run as its users run it: through pipes, in a shell, at a terminal.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace holdfast::test {

using Environment = std::map<std::string, std::string>;

struct CommandOutcome {
  int code = -1;  // the exit code; 128 and the signal, where one has ended it
  std::string output, errors;
  double seconds = 0;
};

// Nothing of this process's own environment but PATH, in which `holdfast` is the built one.
Environment clean_environment();

// Fails the test after `limit_seconds`, and kills it.
CommandOutcome run_holdfast(const std::vector<std::string>& arguments, const Environment& environment,
                            const std::string& input = {}, double limit_seconds = 60);
// A line of sh; both outputs in `output`, as they come.
CommandOutcome run_shell(const std::string& line, const Environment& environment, double limit_seconds = 60);

// A port that takes connections and says nothing.
class SilentServer {
 public:
  SilentServer();
  ~SilentServer();
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  const std::string& address() const { return address_; }

 private:
  int socket_;
  std::string address_;
};

// A port whose queue of connections is full: who dials it hears nothing.
class FullServer {
 public:
  FullServer();
  ~FullServer();
  FullServer(const FullServer&) = delete;
  FullServer& operator=(const FullServer&) = delete;
  const std::string& address() const { return address_; }

 private:
  std::vector<int> sockets_;
  std::string address_;
};

// The command at a terminal of its own, 100 columns wide.
class TerminalSession {
 public:
  TerminalSession(const std::vector<std::string>& arguments, const Environment& environment);
  ~TerminalSession();  // kills what still runs
  TerminalSession(const TerminalSession&) = delete;
  TerminalSession& operator=(const TerminalSession&) = delete;

  // Until this has been printed, since the last call; false: not before its end, or in ten seconds.
  bool expect(const std::string& text);
  void type(const std::string& keys);  // "\n" is Enter, "\x03" Ctrl-C
  int wait();                          // for its end; the exit code
  const std::string& screen() const { return screen_; }

 private:
  bool read_some(double seconds);
  int descriptor_ = -1;
  pid_t process_ = -1;
  std::string screen_;
  std::size_t seen_ = 0;
};

}  // namespace holdfast::test
