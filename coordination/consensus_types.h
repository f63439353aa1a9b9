// The words of consensus: servers, terms, membership, what is kept on disk and what servers tell each other. Plain
// data.
//
// Entries are the records of the coordination log: an entry's index is its offset, an `end` is the offset after the
// last one. The unit of replication is the record batch (a Span), never cut: two logs that hold an entry of the same
// offset and term hold the same batch there. A term is the batch's leader epoch.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/random.h"
#include "runtime/strong.h"

namespace holdfast {

using ServerId = Strong<struct ServerIdTag, std::int32_t>;  // ZooKeeper's myid; 0: nobody
using Term = LeaderEpoch;                                   // from 1; 0: before the first election

// One life of a server's disk, drawn when its data directory is made. A server that comes back with another one has
// forgotten what it acknowledged and whom it voted for. All zeros: not known.
using Incarnation = Uuid;
using Lives = std::map<ServerId, Incarnation>;

// Who decides. Ordered by id. `outgoing` not empty: joint consensus (Raft, section 4.3): both the majority of `voters`
// and that of `outgoing` decide, until the change that began it is finished. A membership is an entry of the log and
// holds from when it is appended, committed or not; it is rolled back with its entry.
//
// A voter is an id and an incarnation: with another disk it is somebody else, and takes the former one's place by a
// joint change like anybody else (see Consensus). A voter whose incarnation is not known counts for nothing. The
// membership of a configuration file knows none; the first leader of all records them in its first entry.
struct Membership {
  std::vector<ServerId> voters, learners, outgoing;
  Lives lives = {};           // of `voters`
  Lives outgoing_lives = {};  // of `outgoing`

  bool is_joint() const { return !outgoing.empty(); }
  bool is_recorded() const { return !lives.empty(); }  // not: nobody was ever elected by it
  bool is_voter(ServerId id) const;                    // of either majority
  bool is_voter(ServerId id, const Incarnation& life) const;
  bool is_member(ServerId id) const;  // or a learner
  friend bool operator==(const Membership&, const Membership&) = default;
};

// Durable before anything that depends on it leaves the server; replaced atomically.
struct HardState {
  Term term{0};
  ServerId vote{0};         // in that term; following a leader counts as having voted for it
  Incarnation vote_life{};  // the incarnation that got it: what comes back with another disk does not get it again
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
    pre_vote = 1,      // would you vote for me in `term`? Changes nothing anywhere. log_end, log_term
    pre_vote_reply,    // granted (then `term` is the one that was asked for), blank
    vote,              // log_end, log_term. transfer: the leader asked for this election
    vote_reply,        // granted, blank
    append,            // previous_term: of the entry before `from_offset`; spans: from there on, contiguous; commit
    append_reply,      // granted: match, hint_end. Not granted: from_offset as asked; hint_end, hint_term; match
    heartbeat,         // commit, of which the peer takes what it has verified in this term, durable there or not yet;
                       // round: for reads and for check-quorum; 0: it is not to be answered
    heartbeat_reply,   // round, match, hint_end
    snapshot,          // goes ahead of a snapshot's pieces, which are the driver's. match: its end; log_term
    snapshot_reply,    // match, hint_end
    timeout_now,       // leader transfer: start an election at once. round: void after a heartbeat of a later one
    read_index,        // a follower asks from where on a read is linearizable; token
    read_index_reply,  // token, commit; granted or (no leader, not any more) not
  };
  Kind kind{};
  ServerId from{}, to{};
  Incarnation incarnation{};  // of the sender
  Incarnation answers{};      // a reply: the incarnation that asked. Who has another one drops it
  Term term{};
  bool granted = false, transfer = false;
  bool blank = false;  // the voter's log is empty
  Offset log_end{};    // of the candidate's log
  Term log_term{};     // of the last entry, of a log or a snapshot
  Offset from_offset{};
  Offset match{};  // a reply: everything below is durable and equals the leader's log
  Offset commit{};
  Term previous_term{};
  Offset
      hint_end{};  // the end of what it has of the leader's log, durable or not. Refused: its log may agree up to here
  Term hint_term{};  // and this is the term of its entry before that
  std::uint64_t round = 0, token = 0;
  std::vector<Span> spans = {};
};

enum class Role : std::uint8_t { follower, pre_candidate, candidate, leader };
std::string_view to_string(Role role);
std::string_view to_string(ConsensusMessage::Kind kind);

}  // namespace holdfast
