// SimulatedNetwork: hosts and the TCP connections between them, in memory and on simulated time. Every delay and every
// choice comes from one seeded Random, and nothing is ordered by address: the same input gives the same run.
//
// A connection is what TCP makes of an unreliable network: bytes arrive in order, once, or not at all. What can happen:
// - Each piece takes its own time, within bounds; it may arrive in two; a link may have a bandwidth. A full window
//   makes send() queue.
// - A link is cut, in one direction or both. What was sent stalls. Healed in time, it goes on after a retransmission;
//   else the sender gives up and is reset, while the other end hears nothing: a half-open connection, until it sends
//   something itself. Data that arrives where acknowledgements cannot come back stalls its sender too.
// - A link is clogged: everything on it arrives after that. Connections are reset.
// - The process of a host dies: its kernel says so to the peers. The power goes: silence, and after the host is back a
//   reset for whoever still sends on an old connection.
// - Nobody listens: refused. Nobody answers: the connect times out. A name is unknown to one host, or means another
//   address there.
// A paused host needs nothing here: its kernel goes on accepting connections and bytes.
//
// Not modelled: lost or reordered packets as such (TCP hides them behind delays), and the loss of what a kernel had
// acknowledged for a process that lives.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/network.h"
#include "runtime/random.h"
#include "runtime/simulated_loop.h"

namespace holdfast {

class SimulatedNetwork final : public TimedEvents {
 public:
  struct Options {
    Duration delay_min = std::chrono::microseconds(50), delay_max = std::chrono::microseconds(500);  // one way
    std::uint64_t bytes_per_second = 0;                         // of each direction of each link; 0: no bound
    std::size_t window_bytes = 256 << 10;                       // under way and unread, in each direction
    unsigned split_percent = 10;                                // of the pieces: arrive in two
    Duration give_up = std::chrono::seconds(15);                // without an acknowledgement
    Duration retransmit_max = std::chrono::seconds(1);          // until a healed connection notices
    Duration connect_timeout = std::chrono::seconds(10);        // as the real network's
    Duration connect_retry = std::chrono::milliseconds(1'000);  // between unanswered attempts
  };
  SimulatedNetwork(const SimulatedClock& clock, Random& random);
  SimulatedNetwork(const SimulatedClock& clock, Random& random, Options options);
  ~SimulatedNetwork() override;

  // What the processes of the host with this address use. It is made by its first mention, here or below.
  Network& host(const std::string& address);
  void name(const std::string& name, const std::string& address);
  // As that host alone sees the name from now on; without an address, it cannot be resolved there.
  void name_at(const std::string& host, const std::string& name, std::optional<std::string> address);

  void cut(const std::string& from, const std::string& to);   // one direction
  void heal(const std::string& from, const std::string& to);  // one direction
  void heal_all();                                            // no link is cut or clogged any more
  bool is_cut(const std::string& from, const std::string& to);
  void clog(const std::string& from, const std::string& to, Duration how_long);
  void set_delay(const std::string& from, const std::string& to, Duration least, Duration most);
  void reset_connections(const std::string& a, const std::string& b);

  // The process of the host ends, or all of it: its streams and listeners are dead, and their waiters resume with an
  // error. It can neither listen nor connect until start_process().
  void kill_process(const std::string& address);
  void power_off(const std::string& address);
  void start_process(const std::string& address);

  std::optional<SteadyTime> next() const override;
  bool run_due(SteadyTime now) override;

  struct Counts {
    std::uint64_t connections = 0, refused = 0, timed_out = 0, resets = 0, pieces = 0, bytes = 0;
  };
  const Counts& counts() const { return counts_; }
  std::size_t open_connections() const { return connections_.size(); }
  // Of everything that arrived, when and with what content: equal runs have equal hashes.
  std::uint64_t trace_hash() const { return trace_; }

 private:
  class Connection;
  class End;
  class Acceptor;
  class HostNetwork;
  struct Host;
  struct Connecting;
  struct Link {
    bool cut = false;
    SteadyTime clogged_until{}, busy_until{};
    std::optional<std::pair<Duration, Duration>> delay;
  };

  std::size_t index_of(const std::string& address);
  Host& host_at(std::size_t index) { return *hosts_[index]; }
  Link& link(std::size_t from, std::size_t to) { return links_[{from, to}]; }
  bool passes(std::size_t from, std::size_t to) { return !link(from, to).cut; }
  bool hosts_up(std::size_t host) const;
  std::optional<std::string> resolve(const Host& host, const std::string& name) const;
  std::vector<std::shared_ptr<Connection>> all_connections() const;
  Duration draw(Duration least, Duration most);
  SteadyTime arrival(std::size_t from, std::size_t to, std::size_t bytes);
  SteadyTime retransmission();
  void at(SteadyTime when, Function<void()> what);
  void after(Duration how_long, Function<void()> what) { at(clock_.now() + how_long, std::move(what)); }
  void trace(std::uint64_t value) { trace_ = (trace_ ^ value) * 0x9e3779b97f4a7c15 + (trace_ >> 29); }
  void path_changed(std::size_t a, std::size_t b);
  void end_process(Host& host, bool silently);
  void attempt(const std::shared_ptr<Connecting>& connecting);
  void answer(const std::shared_ptr<Connecting>& connecting);
  void finish(Connecting& connecting, Result<std::unique_ptr<Stream>> result);
  void accept(std::shared_ptr<Connection> connection);
  Acceptor* acceptor_for(std::size_t host, std::uint16_t port);

  const SimulatedClock& clock_;
  Random& random_;
  const Options options_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::map<std::string, std::size_t> by_address_;
  std::map<std::string, std::string> names_;
  std::map<std::pair<std::size_t, std::size_t>, Link> links_;
  std::map<std::uint64_t, std::shared_ptr<Connection>> connections_;
  std::map<std::uint64_t, std::shared_ptr<Connecting>> connecting_;
  std::map<std::pair<SteadyTime, std::uint64_t>, Function<void()>> events_;
  std::uint64_t next_id_ = 1;
  Counts counts_;
  std::uint64_t trace_ = 0;
};

}  // namespace holdfast
