// Checkers: whether a history is one that a correct ensemble can have. The zxid order is the witness: requests are
// carried out in it by a model of their own, and everything that clients were told is compared with that. Numbers of
// invariants (I3...) are those of docs/SIMULATION.md. All take time linear in the history, or nearly.
#pragma once

#include <cstdint>
#include <optional>

#include "tests/simulation/history.h"
#include "tests/simulation/model.h"

namespace holdfast::sim {

struct CheckOptions {
  std::int64_t drift_ppm = 0;  // so much a server's clock may gain on the world's
  // Who answers a session may be another server than the one that judges when it expires, which is told of it within so
  // long, when nothing disturbs them. Nothing: it is the same.
  std::optional<Duration> report;
  bool quiescent = false;  // every client has closed its session, and time enough has passed for all others to expire
};

struct CheckCounts {
  std::uint64_t writes = 0, reads = 0, unknown = 0, events = 0, linearized = 0, undecided = 0;
  std::uint64_t total() const { return writes + reads + events; }
};

// Everything below, one after the other.
Violations check(const History& history, const CheckOptions& options, CheckCounts& counts);

// What the replay of the committed transactions makes of a history, for the checkers that follow it.
struct Replay {
  ModelTree tree;
  std::map<std::size_t, ModelTree::Outcome> outcomes;         // of writes, by operation
  std::map<std::size_t, std::vector<Change>> missed_changes;  // of setWatches: what it is told at once
};

// I6: each acknowledged write is in the sequence, once, and its result is what the model says. I9: each read shows the
// state at its zxid. I7: ephemerals live as long as their session, which closes once and does not expire early.
Replay check_commits(const History& history, const CheckOptions& options, Violations& violations);
// I9: writes take effect between their call and their return; a sync is as new as all that had returned before it.
// I3: what a session sees never goes back.
void check_order(const History& history, Violations& violations);
// I8: a one-shot watch fires once, for the first change after it was set, before anything newer is seen.
void check_watches(const History& history, const Replay& replay, Violations& violations);
// The second opinion, blind for zxids: the writes of a register and its reads behind a sync are linearizable (Wing and
// Gong's search, with Lowe's memory of configurations). Gives up, undecided, after `steps_max`.
enum class Linearizable : std::uint8_t { yes, no, undecided };
Linearizable check_register(const History& history, const std::string& path, std::uint64_t steps_max = 50'000);

}  // namespace holdfast::sim
