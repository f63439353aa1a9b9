// The words of consensus: servers, terms, membership, what is kept on disk and what servers tell each other. Plain
// data.
//
// Entries are the records of the coordination log: an entry's index is its offset, an `end` is the offset after the
// last one. The unit of replication is the record batch (a Span), never cut: two logs that hold an entry of the same
// offset and term hold the same batch there. A term is the batch's leader epoch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/random.h"
#include "runtime/strong.h"

namespace holdfast {

using ServerId = Strong<struct ServerIdTag, std::int32_t>;  // ZooKeeper's myid; 0: nobody
using Term = LeaderEpoch;                                   // from 1; 0: before the first election

// One life of a server's disk, drawn when its data directory is made. A server that comes back with another one has
// forgotten what it acknowledged and whom it voted for.
using Incarnation = Uuid;

// Who decides. Ordered by id. `outgoing` not empty: joint consensus (Raft, section 4.3): both the majority of `voters`
// and that of `outgoing` decide, until the change that began it is finished. A membership is an entry of the log and
// holds from when it is appended, committed or not; it is rolled back with its entry.
struct Membership {
  std::vector<ServerId> voters, learners, outgoing;

  bool is_joint() const { return !outgoing.empty(); }
  bool is_voter(ServerId id) const;   // of either majority
  bool is_member(ServerId id) const;  // or a learner
  friend bool operator==(const Membership&, const Membership&) = default;
};

// Durable before anything that depends on it leaves the server; replaced atomically.
struct HardState {
  Term term{0};
  ServerId vote{0};       // in that term; following a leader counts as having voted for it
  bool complete = false;  // its log holds all that it ever acknowledged; see Consensus on blank servers
  friend bool operator==(const HardState&, const HardState&) = default;
};

// One batch of the log, without its bytes.
struct Span {
  Offset base, end;
  Term term;
  std::optional<Membership> membership;  // such a batch holds one entry
  friend bool operator==(const Span&, const Span&) = default;
};

struct ConsensusMessage {
  enum class Kind : std::uint8_t {
    pre_vote = 1,     // would you vote for me in `term`? Changes nothing anywhere.
    pre_vote_reply,   //
    vote,             // log_end, log_term: of the candidate. transfer: the leader asked for this election
    vote_reply,       // granted, complete (of the voter)
    append,           // previous_term: of the entry before `from`; spans: from `from` on, contiguous; commit
    append_reply,     // granted: everything below `match` is durable and equals the leader's log. Not granted: hint_*
    heartbeat,        // commit (never above what the peer is known to match); round: for reads and for check-quorum
    heartbeat_reply,  // round
    snapshot_reply,   // granted: installed; match: its end. The pieces themselves are the driver's
    timeout_now,      // leader transfer: start an election at once
    read_index,       // a follower asks from where on a read is linearizable; token
    read_index_reply  // token, commit; granted or (no leader, not yet) not
  };
  Kind kind{};
  ServerId from, to;
  Incarnation incarnation{};  // of the sender
  Term term;
  bool granted = false, complete = false, transfer = false, learner_log = false;
  Offset log_end;  // votes: of the candidate's log. append, heartbeat: the end of the leader's
  Term log_term;   // votes: of its last entry
  Offset from_offset, match, commit;
  Term previous_term;
  Offset hint_end;  // a refused append: the follower's log ends here, or agrees at most up to here
  Term hint_term;   // and the term of the entry before that
  std::uint64_t round = 0, token = 0;
  std::vector<Span> spans;
};

enum class Role : std::uint8_t { follower, pre_candidate, candidate, leader };
std::string_view to_string(Role role);
std::string_view to_string(ConsensusMessage::Kind kind);

}  // namespace holdfast
