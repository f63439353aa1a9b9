// IsrWriter: writes the ISRs of the partitions that this broker leads into their state znodes. Each is one conditional
// multi: the state is the one that the leader knew, the topic is still the same, this broker is still registered as it
// was, and so is every member. One that enters and came back under a new registration may have lost what it had
// (KIP-841, KIP-903); one that stays and came back must not be hidden by a newer state, for the controller tells by the
// order of the two that it was gone (Metadata::still_serves). Lives on shard 0.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "coordination/ensemble.h"
#include "log/log.h"

namespace holdfast {

struct IsrChange {
  LogId id;
  std::string topic;
  std::int64_t topic_czxid = 0;
  std::int32_t state_version = 0;  // of the znode that it replaces
  std::vector<std::int32_t> isr, elr;
  std::vector<std::pair<std::int32_t, std::int64_t>> others;  // of the members, with the epochs of their registrations
};

class IsrWriter {
 public:
  IsrWriter(Ensemble& ensemble, std::int32_t node_id) : ensemble_(ensemble), node_id_(node_id) {}

  // On which it is written, and the epoch of this broker's registration; 0: none, and nothing can be.
  void set_session(SessionId session, std::int64_t broker_epoch) {
    session_ = session;
    broker_epoch_ = broker_epoch;
  }
  // `done` hears whether it was written. If not, not at once: the leader would only try again. While that is not known,
  // as when the quorum loses its leader, it is tried again, and `done` hears nothing: whoever leads must count with
  // both.
  void write(IsrChange change, Function<void(bool written)> done);
  Task<void> stop();

 private:
  Task<void> run(IsrChange change, Function<void(bool)> done);
  enum class Outcome : std::uint8_t { written, refused, unknown };
  Task<Outcome> try_write(const IsrChange& change);

  Ensemble& ensemble_;
  std::int32_t node_id_;
  SessionId session_{0};
  std::int64_t broker_epoch_ = -1;
  bool stopping_ = false;
  Gate gate_;
};

}  // namespace holdfast
