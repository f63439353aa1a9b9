#include "coordination/progress.h"

#include <algorithm>

namespace holdfast {

bool Progress::may_send(std::size_t appends_max, std::uint64_t bytes_max) const {
  if (feeding || refused) return false;
  switch (state) {
    case State::probe:
      return !waiting;
    case State::replicate:
      return in_flight.size() < appends_max && bytes_in_flight < bytes_max;
    case State::snapshot:
      return !sending_snapshot;
  }
  return false;
}

void Progress::sent(Offset end, std::uint64_t bytes, std::uint64_t latest_round) {
  sent_round = latest_round;
  if (state == State::probe) {
    waiting = true;
  } else if (state == State::replicate) {
    next = end;
    in_flight.push_back({end, bytes});
    bytes_in_flight += bytes;
  }
}

bool Progress::acknowledge(Offset durable_end, Offset end) {
  const bool moved = durable_end > match;
  match = std::max(match, durable_end);
  while (!in_flight.empty() && in_flight.front().end <= match) {
    bytes_in_flight -= in_flight.front().bytes;
    in_flight.pop_front();
  }
  if (state == State::snapshot) {
    if (match >= next) probe_from(match);
  } else {
    // What it once held is not enough: a server that has restarted does not know yet that it is the leader's.
    if (state == State::probe && end >= next) {
      state = State::replicate;
      waiting = false;
    }
    next = std::max({next, match, state == State::replicate ? end : next});
  }
  return moved;
}

void Progress::probe_from(Offset from) {
  state = State::probe;
  next = std::max(from, match);
  waiting = false;
  in_flight.clear();
  bytes_in_flight = 0;
}

void Progress::need_snapshot() {
  probe_from(next);
  state = State::snapshot;
}

}  // namespace holdfast
