// Progress: what a leader knows of one peer: how far its log is known to match, what is on its way to it, and whether
// to go on sending. Pure.
//
//   probe      where its log agrees is not known: one append at a time, each answered or given up first
//   replicate  it is known: appends follow each other unanswered, within bounds; `next` runs ahead
//   snapshot   what it misses is no longer in the log
#pragma once

#include <cstdint>
#include <deque>

#include "coordination/consensus_types.h"

namespace holdfast {

struct Progress {
  enum class State : std::uint8_t { probe, replicate, snapshot };
  struct InFlight {
    Offset end;
    std::uint64_t bytes;
  };
  static constexpr std::int64_t never = INT64_MIN / 2;

  Progress(const Incarnation& l, Offset n) : life(l), next(n), caught_up_at(n) {}

  // May more be sent now, if there is more?
  bool may_send(std::size_t appends_max, std::uint64_t bytes_max) const;
  // An append up to `end` has left; `round`: the latest heartbeat's before it.
  void sent(Offset end, std::uint64_t bytes, std::uint64_t round);
  // It holds, durably, what is below `durable_end`, and has received what is below `end`. True if `match` moved.
  bool acknowledge(Offset durable_end, Offset end);
  void probe_from(Offset from);
  void need_snapshot();

  Incarnation life;  // the latest heard of; zeros: none yet
  State state = State::probe;
  Offset match{0};                   // durable there, and the same as here
  Offset next;                       // to send; at least `match`
  Offset caught_up_at;               // the end of the log when this incarnation was first heard of
  bool feeding = false;              // asked of the driver, which has not said fed() yet
  bool waiting = false;              // probe: sent and neither answered nor given up
  bool refused = false;              // the driver could not read or send: not again before the next tick
  bool sending_snapshot = false;     // the driver has one under way
  std::uint64_t sent_round = 0;      // the latest heartbeat before the latest append
  std::uint64_t round = 0;           // the latest heartbeat that it answered
  std::int64_t answered_at = never;  // when that one was sent
  std::int64_t heard_at = never;
  std::deque<InFlight> in_flight;  // ends rise
  std::uint64_t bytes_in_flight = 0;
};

}  // namespace holdfast
