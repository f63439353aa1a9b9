// Consensus: Raft (Ongaro, "Consensus: Bridging Theory and Practice", 2014) for the coordination log, as a pure state
// machine: pre-vote, check-quorum, leader transfer, learners, joint membership change, ReadIndex. No clock, thread,
// file or socket; time is tick(). It sees no bytes: entries are offsets and terms, their bytes are the driver's.
//
//   driver:  step / tick / appended / durable ...  ->  take()  ->  perform what Ready says, in its order  ->  ...
//
// Rules the driver keeps (each is somebody's lost data where it was not kept):
//   1. Ready.truncate_to, then the appends that were decided, then Ready.hard_state, then Ready.messages. Messages of a
//      Ready that has a hard state leave only when that is durable. No other input meanwhile but tick().
//   2. durable(end) only when the log has said so; only then does an entry count, the leader's own included.
//   3. What is below Ready.committed may be applied; nothing else ever.
//   4. A leader appends its batches with its own term, tells appended(), and begins with one: Ready.leads.
//
// Blank servers. A server whose disk was emptied has forgotten acknowledgements and votes; if it voted, a majority of
// forgetful ones could elect a leader that lacks committed entries. So a server is complete (HardState) only when its
// log holds everything that it may have acknowledged in an earlier life: when its durable end has reached the end that
// a leader's log had when that leader first heard of this incarnation. One that is not complete grants no vote and does
// not stand, but for the first election of all: in it every voter must say that it is blank (term 0, an empty log), and
// all of them must grant. A leader forgets the progress of a peer whose incarnation changed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordination/consensus_types.h"
#include "log/leader_epochs.h"
#include "runtime/random.h"
#include "runtime/result.h"

namespace holdfast {

struct ConsensusOptions {
  ServerId self;
  Incarnation incarnation{};
  int election_ticks = 10;  // a follower that hears nothing for one to two times that long stands for election
  int heartbeat_ticks = 1;
  std::size_t appends_in_flight_max = 64;                      // to one peer, unacknowledged
  std::uint64_t bytes_in_flight_max = std::uint64_t{8} << 20;  // to one peer
};

// What a server finds on its disk.
struct ConsensusStart {
  HardState hard_state;
  LeaderEpochs terms;  // of the log; also of what is only in the snapshot: the last term before its start
  Offset log_start, log_end;
  Offset committed;                                        // of the snapshot: everything below is applied
  Membership snapshot_membership;                          // at log_start or the snapshot's end
  std::vector<std::pair<Offset, Membership>> memberships;  // entries of the log that hold one, by offset
};

class Consensus {
 public:
  Consensus(ConsensusOptions options, ConsensusStart start, Random& random);

  // ---- In ----
  void tick();
  void step(const ConsensusMessage& message);  // every kind but append

  // What to do with an append's bytes: cut the log (Ready.truncate_to says where), then append the batches whose base
  // is at or after `append_from`; those before are there already. Nothing: it was stale or does not fit.
  struct AppendDecision {
    std::optional<Offset> append_from;
  };
  AppendDecision step_append(const ConsensusMessage& message);

  // Leader: a batch of its own is in its log (not necessarily durable). Contiguous, of its term.
  void appended(const Span& span);
  void durable(Offset end);
  // The log begins here now: what is below is in a snapshot. The terms below are forgotten but for the last.
  void trimmed(Offset log_start);
  // A snapshot was installed: the log is empty and begins at `end`.
  void restored(Offset end, Term last_term, Membership membership);

  // Replication to a peer goes on from here: read what follows, at most to `end`, send it as an append with
  // previous_term and commit as given, then say how far it went. Until then the peer is asked nothing more.
  struct Feed {
    ServerId to;
    Offset from, end;
    Term previous_term;
    Offset commit;
  };
  // `end` == from: it could not be read or sent now; asked again at the next tick.
  void fed(ServerId to, Offset from, Offset end, std::uint64_t bytes);
  // A snapshot that Ready.snapshots asked for has ended. `installed_end`: nothing if it failed.
  void snapshot_sent(ServerId to, std::optional<Offset> installed_end);
  // The connection to a peer broke: what was in flight may be lost.
  void unreachable(ServerId peer);

  // Leader only; false otherwise, or while another one goes on. The driver appends the entry that `change` returns as a
  // batch of its own; the second half of a joint change comes as Ready.finish_change.
  std::optional<Membership> change(Membership target) const;
  bool may_change() const;     // leads, has committed in its term, and no change is under way
  bool transfer(ServerId to);  // to a voter; it fails silently after an election timeout
  // From where on a read is linearizable: answered by Ready.reads. At a follower the leader is asked.
  void read_index(std::uint64_t token);

  // ---- Out ----
  struct Ready {
    bool role_changed = false;
    bool leads = false;  // leadership begins: append a first entry of this term
    std::optional<Offset> truncate_to;
    std::optional<HardState> hard_state;
    std::vector<ConsensusMessage> messages;
    std::vector<Feed> feeds;
    std::optional<Offset> committed;  // it moved
    struct Read {
      std::uint64_t token;
      std::optional<Offset> commit;  // nothing: nobody can say now
    };
    std::vector<Read> reads;
    std::vector<ServerId> snapshots;          // peers that need one: what they miss is no longer in the log
    std::optional<Membership> finish_change;  // append this: the joint membership is committed
    bool removed = false;                     // no member any more, and that is committed
    bool empty() const;
  };
  Ready take();
  bool has_ready() const;

  // ---- What it is ----
  Role role() const;
  bool leads() const { return role() == Role::leader; }
  ServerId leader() const;  // 0: unknown
  Term term() const;
  const HardState& hard_state() const;
  Offset commit() const;
  Offset log_start() const;
  Offset log_end() const;
  Offset durable_end() const;
  const Membership& membership() const;            // the latest in the log
  const Membership& committed_membership() const;  // the latest committed one
  bool is_transferring() const;
  std::optional<Term> term_at(Offset offset) const;  // of the entry at it
  struct PeerState {
    Offset match, next;
    bool learner = false, recent = false, needs_snapshot = false;  // recent: heard of within an election timeout
  };
  std::map<ServerId, PeerState> peers() const;  // leader
  // Ticks since a majority last answered something that was sent after that moment; for acting only while surely
  // leader.
  int ticks_since_quorum() const;

  // What must hold after every input; says what does not. Tests call it after each step.
  Result<void> check_invariants() const;
};

}  // namespace holdfast
