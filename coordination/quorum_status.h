// QuorumStatus: what a server knows of its ensemble, for those who watch it (srvr, stat, mntr, the admin port). Plain
// data.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "coordination/consensus_types.h"

namespace holdfast {

struct QuorumStatus {
  // looking: one of an ensemble that follows nobody and takes no clients. read_only: the same, but clients that allow
  // it are shown what the server has.
  enum class Mode : std::uint8_t { standalone, leader, follower, observer, looking, read_only };
  struct Peer {
    ServerId id;
    bool voter = false;
    bool connected = false;  // heard of within an election timeout
    bool synced = false;     // and it holds, durably, what was committed when it was last heard of
  };

  Mode mode = Mode::standalone;
  ServerId self, leader;  // leader 0: nobody, or the server stands alone
  Term term;
  std::size_t voters = 0;             // of the ensemble, this server among them if it is one
  std::vector<Peer> peers;            // leader only: the others
  std::int64_t leading_ms = 0;        // leader only: for how long
  std::size_t pending_syncs = 0;      // sync requests that wait for the leader
  std::uint64_t elections = 0;        // leaders that this server has followed or been since it started
  std::int64_t last_election_ms = 0;  // how long it followed nobody the last time
};

// As ZooKeeper's srvr says it: "standalone", "leader", "follower", "observer", "read-only".
std::string_view to_string(QuorumStatus::Mode mode);

}  // namespace holdfast
