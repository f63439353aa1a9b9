// Consensus: Raft (Ongaro, "Consensus: Bridging Theory and Practice", 2014) for the coordination log, as a pure state
// machine: pre-vote, check-quorum, leader transfer, learners, joint membership change, ReadIndex. No clock, thread,
// file or socket; time is tick(). It sees no bytes: entries are offsets and terms, their bytes are the driver's.
//
//   driver:  step / tick / appended / durable ...  ->  take()  ->  perform what Ready says, in its order  ->  ...
//
// Rules the driver keeps (each is somebody's lost data where it was not kept):
//   1. What an AppendDecision says (cut, then append), then Ready.hard_state, then Ready.messages. Messages of a Ready
//      that has a hard state leave only when that is durable. No other input meanwhile but tick(); between
//      step_append() and what it decided, none at all. What Ready asks to be appended or fed comes after its hard
//      state, too.
//   2. durable(end) only when the log has said so of what it holds now: that an end was durable before a cut says
//   nothing
//      about what was appended there after it.
//   3. What is below Ready.committed may be applied; nothing else ever.
//   4. A leader appends its batches with its own term, tells appended(), and begins with one: Ready.leads.
//
// Blank servers. A server whose disk was emptied has forgotten acknowledgements, votes and terms. Catching up with a
// leader does not give them back: that leader may itself be a stale one, which the forgotten acknowledgement ruled out;
// and a vote that was forgotten may still be on its way to a candidate, and be counted beside a second one of the same
// term. So a voter is an id and an incarnation, and one that comes back with an empty disk is nobody's voter: it
// follows as a learner does, and when it has caught up, the leader replaces the former by it in a joint change
// (Ready.append_membership). That takes a majority of the former voters without it: a majority of disks must survive.
// Candidates count the votes, and leaders the acknowledgements, of the incarnations in their membership only.
//
// The first election of all has a membership without incarnations. The first of the voters stands for it and takes the
// votes of all, each of which must say that its log is empty; its first entry records who they were. Once anybody holds
// that entry there is no other first election. (A sole voter elects itself at once, also over a log that was kept
// without consensus.)
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "coordination/consensus_types.h"
#include "coordination/election.h"
#include "coordination/membership.h"
#include "coordination/progress.h"
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
  LeaderEpochs terms;              // of the log, and of the entry before its start: from log_start - 1 on
  Offset log_start, log_end;       // all of it durable: recovery has synced it
  Offset committed;                // of the snapshot, within the log or its bounds: everything below is applied
  Membership snapshot_membership;  // at log_start or the snapshot's end
  std::vector<std::pair<Offset, Membership>> memberships;  // entries of the log that hold one, by offset
};

class Consensus {
 public:
  // A sole voter leads when this returns: take() comes first.
  Consensus(ConsensusOptions options, ConsensusStart start, Random& random);

  // ---- In ----
  void tick();
  void step(const ConsensusMessage& message);  // every kind but append and snapshot

  // What to do with an append's bytes: cut the log to `truncate_to`, then append the batches whose base is at or after
  // `append_from`; those before are there already. Nothing: it was stale, or it does not fit, or all of it is there.
  struct AppendDecision {
    std::optional<Offset> truncate_to, append_from;
  };
  AppendDecision step_append(const ConsensusMessage& message);

  // Leader: a batch of its own is in its log (not necessarily durable). Contiguous, of its term.
  void appended(const Span& span);
  void durable(Offset end);
  // The log begins here now: what is below is in a snapshot. At most commit(). The terms below are forgotten but for
  // the last.
  void trimmed(Offset log_start);

  // A leader offers a snapshot. True: take its pieces, and when it is whole, durable and in the log's place, restored()
  // it, unless wants_snapshot() has become false meanwhile. False: not needed, for the log holds what it ends with;
  // what follows that may have been acknowledged and must not be thrown away.
  bool step_snapshot(const ConsensusMessage& offer);
  bool wants_snapshot(Offset end, Term last_term) const;
  // A snapshot was installed: the log is empty and begins at `end`.
  void restored(Offset end, Term last_term, Membership membership);

  // Replication to a peer goes on from here: read what follows, at most to `end`, send it as an append (message_of),
  // then say how far it went. Until then the peer is asked nothing more. Void when the term is another one.
  struct Feed {
    ServerId to;
    Term term;
    Offset from, end;
    Term previous_term;
    Offset commit;
  };
  ConsensusMessage message_of(const Feed& feed, std::vector<Span> spans) const;
  // `end` == from: it could not be read or sent now; asked again at the next tick.
  void fed(const Feed& feed, Offset end, std::uint64_t bytes);

  // What goes ahead of the snapshot that Ready.snapshots asked for, and how sending it ended: `installed_end` if the
  // peer took it, nothing if it failed. What the peer then holds it says itself.
  ConsensusMessage snapshot_offer(ServerId to, Offset end, Term last_term) const;
  void snapshot_sent(ServerId to, std::optional<Offset> installed_end);
  // The connection to a peer broke: what was in flight may be lost.
  void unreachable(ServerId peer);

  // Leader only; nothing otherwise, or while another change goes on. What it returns (the incarnations filled in, joint
  // if the voters change) is appended next, as a batch of its own; the second half of a joint change comes as
  // Ready.append_membership. A new voter must be a learner that is there (PeerState.recent); let it catch up first.
  std::optional<Membership> change(Membership target);
  bool may_change() const;     // leads, has committed in its term, and no change is under way
  bool transfer(ServerId to);  // to a voter; it fails silently after an election timeout
  // From where on a read is linearizable: answered by Ready.reads. At a follower the leader is asked.
  void read_index(std::uint64_t token);

  // ---- Out ----
  struct Ready {
    bool role_changed = false;  // or who leads
    // Leadership begins: append a first entry of this term. It is `append_membership` if that is there, too.
    bool leads = false;
    std::optional<HardState> hard_state;
    std::vector<ConsensusMessage> messages;  // appends among them have no spans
    std::vector<Feed> feeds;
    std::optional<Offset> committed;  // it moved; never above durable_end()
    struct Read {
      std::uint64_t token;
      std::optional<Offset> commit;  // nothing: nobody can say now
    };
    std::vector<Read> reads;
    std::vector<ServerId> snapshots;  // peers that need one: what they miss is no longer in the log
    // Leader: append this as a batch of its own. The end of a joint change, or incarnations to be recorded.
    std::optional<Membership> append_membership;
    bool removed = false;  // no member any more, and that is committed
    bool empty() const;
  };
  Ready take();
  bool has_ready() const;

  // ---- What it is: perhaps ahead of what is durable. What to do comes by Ready only ----
  Role role() const { return role_; }
  bool leads() const { return role_ == Role::leader; }
  ServerId leader() const { return leader_; }  // 0: unknown
  Term term() const { return hard_state_.term; }
  const HardState& hard_state() const { return hard_state_; }
  Offset commit() const { return commit_; }
  Offset log_start() const { return log_start_; }
  Offset log_end() const { return log_end_; }
  Offset durable_end() const { return durable_end_; }
  const Membership& membership() const { return memberships_.latest(); }  // the latest in the log
  const Membership& committed_membership() const { return memberships_.at(commit_); }
  bool is_transferring() const { return transfer_.has_value(); }
  std::optional<Term> term_at(Offset offset) const;             // of the entry at it
  Term committed_term() const { return term_before(commit_); }  // of the entry before commit()
  struct PeerState {
    Offset match, next;
    bool learner = false, recent = false, needs_snapshot = false;  // recent: heard of within an election timeout
  };
  std::map<ServerId, PeerState> peers() const;  // leader
  // Ticks since a majority last answered something that was sent after that moment; for acting only while surely
  // leader: less than election_ticks of its own clock, and nobody else leads. INT_MAX: never, or a transfer was tried.
  int ticks_since_quorum() const;

  // What must hold after every input; says what does not. Tests call it after each step.
  Result<void> check_invariants() const;

 private:
  using Kind = ConsensusMessage::Kind;
  struct Transfer {
    ServerId to;
    int ticks = 0;
  };
  // Leader: a read that waits for the answers to a round of heartbeats that began after it. Round 0: not begun.
  struct Read {
    ServerId from;  // self, or who asked
    Incarnation life;
    std::uint64_t token;
    std::uint64_t round = 0;
    Offset commit{0};
  };
  struct Forwarded {
    std::uint64_t token;
    std::int64_t since;
  };

  // consensus.cpp: messages in and out, the log's ends
  ConsensusMessage message(Kind kind, ServerId to) const;
  ConsensusMessage reply(const ConsensusMessage& to, Kind kind) const;
  void send(ConsensusMessage message) { ready_.messages.push_back(std::move(message)); }
  bool is_for_me(const ConsensusMessage& message) const;
  bool admit(const ConsensusMessage& message);
  void dispatch(const ConsensusMessage& message);
  Term term_before(Offset end) const;  // of the entry before it; 0: none. Within the log or its bounds
  bool is_known(Offset end) const { return end >= log_start_ && end <= log_end_; }
  Offset end_within(Offset end, Term term) const;  // the largest end at or below it whose last entry's term is, too
  void set_hard_state(Term term, ServerId vote, const Incarnation& life);
  void know_committed(Offset end);
  void set_commit(Offset end);
  void note_membership(const Membership& before);

  // consensus_election.cpp: roles
  bool may_stand() const;
  bool is_sticky() const;
  bool is_up_to_date(const ConsensusMessage& candidate) const;
  bool is_blank() const;
  void tick_follower();
  void reset_election_timer();
  void lose_leader();
  void become_follower(Term term);
  bool follow(const ConsensusMessage& from_leader);
  void pre_campaign();
  void campaign(bool transfer);
  void ask_for_votes(Kind kind, bool transfer);
  void count_votes();
  void become_leader();
  void on_pre_vote(const ConsensusMessage& message);
  void on_vote(const ConsensusMessage& message);
  void on_vote_reply(const ConsensusMessage& message);
  void on_timeout_now(const ConsensusMessage& message);

  // consensus_follower.cpp: what a leader tells
  void on_heartbeat(const ConsensusMessage& message);
  void refuse(const ConsensusMessage& append);
  void acknowledge(ConsensusMessage reply);
  AppendDecision take_spans(const ConsensusMessage& append);
  void fail_forwarded();

  // consensus_leader.cpp: replication, commit, reads, membership, transfer
  void tick_leader();
  void settle();
  Progress* peer_of(const ConsensusMessage& message);
  void on_append_reply(const ConsensusMessage& message);
  void on_heartbeat_reply(const ConsensusMessage& message);
  void on_snapshot_reply(const ConsensusMessage& message);
  void on_read_index(const ConsensusMessage& message);
  void on_read_index_reply(const ConsensusMessage& message);
  void acknowledged(ServerId peer, Progress& progress, Offset durable_end, Offset end);
  void feed(ServerId peer, Progress& progress);
  bool has_work(const Progress& progress) const;
  bool is_recent(const Progress& peer) const { return now_ - peer.heard_at < options_.election_ticks; }
  void start_round();
  void tell_commit();
  std::int64_t sent_at(std::uint64_t round) const;
  template <class T, class Of>
  T agreed_among_peers(T none, T own, const Of& of) const;
  std::int64_t quorum_answered_at() const;
  bool has_committed_in_term() const { return term_before(commit_) == hard_state_.term; }
  void advance_commit();
  void refresh_peers();
  void settle_membership();
  void replace_voters();
  void leave();
  void hand_over();
  void abort_transfer();
  void begin_reads();
  void answer_reads();
  void answer(const Read& read, bool granted);

  const ConsensusOptions options_;
  Random& random_;
  HardState hard_state_;
  LeaderEpochs terms_;
  Memberships memberships_;
  Offset log_start_, log_end_, durable_end_;
  Offset commit_;           // at most durable_end_
  Offset known_committed_;  // what this server knows to be committed and holds, durable or not
  Offset verified_end_;     // below it the log is known to equal that of the leader of this term

  Role role_ = Role::follower;
  ServerId leader_{0};
  std::int64_t now_ = 0;          // ticks
  std::int64_t leader_heard_at_;  // or, after a restart, when it may last have been
  int election_elapsed_ = 0, election_timeout_ = 0;
  std::uint64_t leader_round_ = 0;  // the latest heartbeat of this term's leader
  bool owes_acknowledgement_ = false;
  Election election_;
  std::map<std::uint64_t, Forwarded> forwarded_;  // reads that the leader was asked for, by our own token
  std::uint64_t next_forwarded_;                  // begins at random: answers to an earlier life match nothing

  // Leader
  std::map<ServerId, Progress> peers_;
  Offset term_start_;  // where this leadership's entries begin
  std::int64_t leads_since_ = 0;
  int heartbeat_elapsed_ = 0;
  std::uint64_t round_ = 0;
  std::deque<std::pair<std::uint64_t, std::int64_t>> round_ticks_;  // the first round of each tick
  std::deque<Read> reads_;                                          // in the order of their rounds, those of none last
  bool commit_moved_ = false;
  bool change_pending_ = false;  // a membership was given out to be appended
  std::optional<Transfer> transfer_;
  std::map<ServerId, std::uint64_t> transfers_tried_;  // until they answer that round they may still act on it

  Ready ready_;
};

}  // namespace holdfast
