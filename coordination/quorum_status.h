// QuorumStatus: what a server knows of its ensemble, for those who watch it (srvr, stat, mntr, conf, the admin port).
// Plain data. Counts and times are since the server started, unless they say otherwise; those of upstream are since its
// last election or the last srst.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "coordination/consensus_types.h"
#include "runtime/metrics.h"

namespace holdfast {

struct QuorumStatus {
  // looking: one of an ensemble that follows nobody and takes no clients. read_only: the same, but clients that allow
  // it are shown what the server has.
  enum class Mode : std::uint8_t { standalone, leader, follower, observer, looking, read_only };
  struct Peer {
    ServerId id;
    bool voter = false;      // of the membership in effect
    bool observer = false;   // the configuration says so. Neither: a learner that is to vote
    bool connected = false;  // heard of within an election timeout
    // And it once held, durably, all that was committed then. It stays so until it is not connected, or somebody else
    // leads: who is merely behind under load is not out of sync.
    bool synced = false;
  };
  struct Times {
    std::uint64_t count = 0;
    std::int64_t total_ms = 0, min_ms = 0, max_ms = 0;
    void add(std::int64_t ms) {
      min_ms = count == 0 ? ms : std::min(min_ms, ms);
      max_ms = std::max(max_ms, ms);
      total_ms += ms;
      ++count;
    }
  };
  struct Sizes {
    std::int64_t last = -1, min = -1, max = -1;  // -1: none yet
    void add(std::int64_t bytes) {
      last = bytes;
      min = min < 0 ? bytes : std::min(min, bytes);
      max = std::max(max, bytes);
    }
  };

  Mode mode = Mode::standalone;
  ServerId self, leader;  // leader 0: nobody, or the server stands alone
  Term term;
  std::size_t voters = 0;                // of the ensemble, this server among them if it is one
  std::int32_t init_limit = 0;           // initLimit
  std::int32_t sync_limit = 0;           // syncLimit
  bool read_only_clients = false;        // readonlymode.enabled
  std::uint64_t looked = 0;              // times that it began to look for a leader; at its start, the first
  Times elections;                       // from then until it followed or was one
  Times unavailable;                     // from then until it took clients again
  std::uint64_t received_proposals = 0;  // transactions that a leader sent it
  std::uint64_t received_commits = 0;    // of those, applied
  std::uint64_t digest_mismatches = 0;   // transactions after which the tree was not what the leader's was
  std::size_t pending_syncs = 0;         // sync requests of its clients that wait for the quorum

  // Of what it did as leader.
  std::uint64_t proposals = 0;       // transactions
  std::uint64_t commits = 0;         // of those, committed
  std::uint64_t snapshots_sent = 0;  // whole, to servers that miss more than the log has
  // Nanoseconds from proposing a transaction until it is committed. Lives as long as the driver; null: not measured.
  const Histogram* commit_time = nullptr;

  // While it leads.
  std::vector<Peer> peers;      // the others
  std::int64_t leading_ms = 0;  // for how long
  Sizes proposal_bytes;         // of this leadership's transactions, as encoded
};

// As ZooKeeper's srvr says it: "standalone", "leader", "follower", "observer", "read-only".
std::string_view to_string(QuorumStatus::Mode mode);

}  // namespace holdfast
