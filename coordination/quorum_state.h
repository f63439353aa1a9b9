// What a server of a quorum must remember beside its log: who it is (one life of its disk), its term and its vote. One
// small file, replaced whole and durably before anything that depends on it is said.
//
//   holdfast-quorum-state 1
//   incarnation <22 characters, base64url>
//   ensemble <the same; all A: not known yet>
//   term <decimal>
//   vote <server id, 0: nobody> <incarnation that got it>
//   crc32c <8 hexadecimal digits, of the lines before it>
#pragma once

#include <optional>
#include <string>

#include "coordination/consensus_types.h"
#include "runtime/disk.h"
#include "runtime/result.h"

namespace holdfast {

struct QuorumState {
  Incarnation incarnation{};
  HardState hard;
  // The ensemble's id, from its first entry. With it, an empty log is one that was lost.
  Uuid ensemble{};
  friend bool operator==(const QuorumState&, const QuorumState&) = default;
};

inline constexpr std::string_view quorum_state_file = "quorum-state";

std::string to_text(const QuorumState& state);
Result<QuorumState> parse_quorum_state(std::string_view text);

// Nothing: there is none, the directory is new. A file that cannot be read or does not match its checksum is an error:
// a server that guesses its vote could vote twice.
Result<std::optional<QuorumState>> read_quorum_state(Disk& disk, const std::string& directory);
Result<void> write_quorum_state(Disk& disk, const std::string& directory, const QuorumState& state);

}  // namespace holdfast
