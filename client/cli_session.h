// Session: what a running verb has: where the cluster is, connections to it as they are needed, where to print, how to
// ask and how to fail. It lives as long as the verb runs, on its shard.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli_output.h"
#include "client/failure.h"
#include "runtime/console.h"
#include "runtime/gate.h"
#include "runtime/main_loop.h"
#include "runtime/world.h"

namespace holdfast::client {

class Admin;
class Cluster;

// The exit codes of every verb (docs/CLI.md).
enum class Exit : std::uint8_t {
  ok = 0,
  failed = 1,       // it was tried and did not succeed; `cluster health`: something is wrong
  usage = 2,        // the command line itself is wrong: nothing was done
  unreachable = 3,  // no server answers, or not in time
  not_found = 4,    // what it is about does not exist
  refused = 5,      // a server or a safeguard said no: a precondition, a permission, a missing confirmation
  interrupted = 130,
  reader_gone = 141,  // nobody reads the output any more; any other failure of it is `failed`
};

struct GlobalOptions {
  std::string bootstrap_server, zookeeper, profile, output, timeout, watch;  // as they were given
  bool no_color = false, yes = false, dry_run = false;
};

// Where a server is, and who says so: "--bootstrap-server", "HOLDFAST_ZOOKEEPER", "profile prod", "the default".
struct Target {
  std::string address, source;
};
inline constexpr std::string_view default_source = "the default";

class Session {
 public:
  struct Setting {
    OutputFormat format = OutputFormat::text;
    bool colour = false, yes = false, dry_run = false;
    bool format_given = false;  // on the command line, not by a profile
    Duration timeout = std::chrono::seconds(30);
    Target kafka, zookeeper;
    std::string profile;  // empty: none
    std::optional<Duration> watch;
  };
  Session(World world, Console& console, MainLoop& loop, Setting setting);
  ~Session();  // close() has ended, or the process ends
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Shard& shard() { return loop_.shard(); }
  World world() const { return world_; }
  Network& network() { return world_.network; }
  Disk& disk() { return world_.disk; }
  Clock& clock() { return world_.clock; }
  Console& console() { return console_; }
  Output& out() { return out_; }
  const Setting& setting() const { return setting_; }
  Duration timeout() const { return setting_.timeout; }  // of one request
  bool dry_run() const { return setting_.dry_run; }
  bool format_given() const { return setting_.format_given; }

  // Made when they are first asked for; nothing is dialled by that.
  Cluster& cluster();
  Admin& admin();
  const Target& zookeeper() const { return setting_.zookeeper; }
  const Target& kafka() const { return setting_.kafka; }

  // Run by close(), the last one first: for what a verb has made and that needs an awaited end.
  void at_end(std::function<Task<void>()> close);
  // Of what nobody waits for any more, and that ends by itself: a connection attempt. close() waits for it.
  Gate& left_behind() { return left_behind_; }
  Task<void> disconnect();  // the cluster's connections; what waits for answers there fails
  Task<void> end_round();   // what a round of --watch has made ends; the cluster's connections stay
  Task<bool> close();

  // --- Interrupts. Without a handler, SIGINT ends the process at once with Exit::interrupted. With one, the verb is
  // told, and ends by itself; a second SIGINT ends the process.
  void on_interrupt(std::function<void()> told) { interrupt_ = std::move(told); }
  bool interrupted() const { return interrupted_; }

  // --- Failing. Each prints "holdfast: ..." on standard error, with what would help, and returns the exit code.
  Exit fail(const Failure& failure, std::string_view doing = {});
  Exit fail(Exit exit, std::string_view message, std::string_view fix = {});
  Exit usage(std::string_view message, std::string_view fix = {}) { return fail(Exit::usage, message, fix); }
  void note(std::string_view message);  // on standard error; not an error
  // What standard output that could not be written ends with: quietly where the reader has gone, else it is said, once.
  Exit output_failed();
  static Exit exit_of(wire::ErrorCode code);

  // --- Before data goes. True with --yes, or when the person at the terminal types `word`. Otherwise false, and it has
  // been said why. `loss`: what would be gone.
  Task<bool> confirm(std::string loss, std::string word);

  // A line of progress on standard error, replaced by the next; only on a terminal. Empty: removes it.
  void progress(std::string_view line);
  // What `make` makes belongs to this session until it ends.
  template <class T>
  T& keep(std::unique_ptr<T> object) {
    kept_.push_back(std::shared_ptr<void>(std::move(object)));
    return *static_cast<T*>(kept_.back().get());
  }

 private:
  friend class Cli;
  void on_signal();
  Task<void> run_closers();

  const World world_;
  Console& console_;
  MainLoop& loop_;
  const Setting setting_;
  Output out_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<Admin> admin_;
  std::vector<std::shared_ptr<void>> kept_;
  std::vector<std::function<Task<void>()>> closers_;
  std::function<void()> interrupt_;
  bool interrupted_ = false;
  bool disconnected_ = false;
  bool progress_shown_ = false;
  bool output_failure_said_ = false;
  Gate left_behind_;
};

// Why standard output could not be written: "standard output: No space left on device".
std::string output_complaint(const Error& error);
// The one of `words` that was probably meant; empty when none is near.
std::string nearest_word(std::string_view word, std::span<const std::string> words);
std::optional<OutputFormat> parse_output_format(std::string_view text);
// "250ms", "10s", "2m", "1h", "7d"; a bare number is seconds.
std::optional<Duration> parse_duration(std::string_view text);
// "10KiB", "1GiB", "500MB", "42".
std::optional<std::uint64_t> parse_bytes(std::string_view text);
// "2026-01-31T12:00:00Z", "2026-01-31 12:00", "2026-01-31", milliseconds since 1970, "now", "-2h": that long ago. UTC.
// With or without the "@" that tells a time from an offset where both may stand.
std::optional<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms);
// A time where an offset may stand, too: "@TIME", and "-2h". "-2" is none.
std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_ms);

}  // namespace holdfast::client
