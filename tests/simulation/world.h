// World: several hosts on virtual time, in one thread. Each host has its own loop and its own clock, which may run fast
// or slow and be stopped; between them is a SimulatedNetwork. All that can run at an instant runs, host by host in the
// order they were added, then time moves to the next event anywhere. From one seed there is one run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/clock.h"
#include "runtime/random.h"
#include "runtime/shards.h"
#include "runtime/simulated_loop.h"
#include "runtime/simulated_network.h"

namespace holdfast::sim {

// One life of a host: from its start to the end of its process. Its steady clock begins at zero.
class Host {
 public:
  Host(SteadyTime now, std::int64_t wall_ms, int shards = 1);

  SimulatedClock& clock() { return clock_; }
  Shards& shards() { return shards_; }
  SimulatedLoop& loop() { return loop_; }
  Shard& shard(int index = 0) { return shards_.at(index); }

  // From now on its clock gains so much on the world's: parts per million.
  void set_drift(SteadyTime now, std::int64_t ppm);
  std::int64_t drift() const { return ppm_; }
  // Nothing of it runs until then. Its clock goes on, as the clock of a stopped process does.
  void pause(SteadyTime until) { paused_until_ = std::max(paused_until_, until); }
  bool is_paused(SteadyTime now) const { return now < paused_until_; }

  bool run_round(SteadyTime now);
  std::optional<SteadyTime> next() const;  // in the world's time

  // For log lines: whose turn it is now.
  void set_label(std::string label) { label_ = std::move(label); }
  static const Host* current() { return current_; }
  const std::string& label() const { return label_; }

 private:
  SteadyTime local(SteadyTime world) const;

  SimulatedClock clock_;
  Shards shards_;
  SimulatedLoop loop_;
  SteadyTime base_world_, base_local_{};
  std::int64_t ppm_ = 0;
  SteadyTime paused_until_{};
  std::string label_;
  static inline const Host* current_ = nullptr;
};

class World {
 public:
  explicit World(std::uint64_t seed, SimulatedNetwork::Options network = {});

  Random& random() { return *random_; }
  SimulatedNetwork& network() { return network_; }
  SteadyTime now() const { return clock_.now(); }
  std::int64_t wall_ms() const { return clock_.wall_ms(); }

  void add(Host& host) { hosts_.push_back(&host); }
  void remove(const Host& host) { std::erase(hosts_, &host); }
  // Between the turns of the hosts: it may end some and start others.
  void after(Duration how_long, Function<void()> what);
  bool run_until(Function<bool()> done, Duration limit);
  void run_for(Duration how_long);

  // What else belongs to the trace of the run.
  void trace(std::uint64_t value) { trace_ = (trace_ ^ value) * 0x9e3779b97f4a7c15 + (trace_ >> 29); }
  std::uint64_t trace_hash() const { return trace_ ^ network_.trace_hash(); }

  // Chance, for the faults and the clients.
  bool one_in(std::uint64_t n) { return random_->below(n) == 0; }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random_->below(static_cast<std::uint64_t>(most - least + 1)));
  }
  Duration between(Duration least, Duration most) { return Duration(between(least.count(), most.count())); }

 private:
  bool run_round();
  void run_ready();
  bool advance(SteadyTime limit);

  SimulatedClock clock_;
  std::unique_ptr<Random> random_;
  SimulatedNetwork network_;
  std::vector<Host*> hosts_;
  std::map<std::pair<SteadyTime, std::uint64_t>, Function<void()>> events_;
  std::uint64_t next_event_ = 0;
  std::uint64_t trace_ = 0;
};

}  // namespace holdfast::sim
