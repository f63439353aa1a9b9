// Script: what a client of the simulation does, drawn from chance: compare-and-set on registers, nodes that come and
// go, sequential and ephemeral ones, containers and TTLs, multis, reads with and without watches, syncs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/simulation/history.h"
#include "tests/simulation/world.h"

namespace holdfast::sim {

struct ScriptOptions {
  std::uint64_t registers = 3, nodes = 6;
  Duration think_max = std::chrono::milliseconds(500);
  unsigned pipelined_percent = 30;  // several requests at once
  unsigned watched_percent = 30;    // of the reads
  unsigned silent_percent = 2;      // a pause longer than the session lasts
  unsigned close_percent = 1;       // the session is closed, another begins
  unsigned abandon_percent = 1;     // the session is forgotten, as by a client that dies, and another begins
};

class Script {
 public:
  Script(World& world, const ScriptOptions& options, int client) : world_(world), options_(options), client_(client) {}

  std::vector<Request> next();
  // What an answer teaches: versions to compare with, names that were made.
  void learn(const Operation& operation);
  void session_ended() { mine_.clear(); }
  Duration think();
  bool abandons() { return percent(options_.abandon_percent); }
  const ScriptOptions& options() const { return options_; }

  // What every script takes for granted; whoever comes first makes it.
  static std::vector<Request> groundwork(const ScriptOptions& options);
  static std::string register_path(std::uint64_t i) { return "/register-" + std::to_string(i); }

 private:
  Request one();
  Part part();
  bool percent(unsigned n) { return world_.random().below(100) < n; }
  std::string some_node();
  std::string some_register() { return register_path(world_.random().below(options_.registers)); }
  std::string value();
  Create creation();
  Request read();

  World& world_;
  const ScriptOptions options_;
  const int client_;
  std::uint64_t values_ = 0;
  std::map<std::string, std::int32_t> versions_;
  std::vector<std::string> mine_;  // sequential nodes, to be deleted some time
};

}  // namespace holdfast::sim
