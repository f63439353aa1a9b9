// The settings of one log: the effective values of its topic's configuration.
#pragma once

#include <cstdint>
#include <limits>

namespace holdfast {

inline constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

struct LogConfig {
  std::int64_t segment_bytes = 1 << 30;
  std::int64_t segment_ms = 7LL * 24 * 3600 * 1000;
  std::int64_t segment_jitter_ms = 0;
  std::int64_t segment_index_bytes = 10 << 20;
  std::int64_t index_interval_bytes = 4096;
  std::int64_t retention_ms = 7LL * 24 * 3600 * 1000;  // -1: no limit
  std::int64_t retention_bytes = -1;                   // -1: no limit
  std::int64_t file_delete_delay_ms = 60'000;
  // As much pending in one round goes straight to the segment. A sync of a file that grows costs some milliseconds
  // where one of the preallocated journal costs some hundred microseconds: only a disk that is behind gains by writing
  // once.
  std::uint64_t bulk_bytes = 4 << 20;
  std::int64_t flush_messages = unlimited;
  std::int64_t flush_ms = unlimited;
  bool cleanup_delete = true;    // cleanup.policy holds "delete"
  bool cleanup_compact = false;  // cleanup.policy holds "compact": kept whole until compaction exists
  bool quorum = false;           // the coordination log: no retention, trimmed by its owner with advance_start()
};

}  // namespace holdfast
