// Segment: one file of a log and what is known of it: size, offsets, indexes. Bookkeeping only, on the log's shard;
// files are written by SegmentFile (on the flushing worker) and read by SegmentReader (on the reading worker).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "log/log_config.h"
#include "log/offset_index.h"
#include "log/producer_state.h"
#include "runtime/disk.h"
#include "wire/kafka/record_batch.h"

namespace holdfast {

// A segment begins where the one before it ends, except behind a gap larger than this: its offsets are told as 31 bits.
inline constexpr std::int64_t gap_max = INT32_MAX / 2;

struct Segment {
  Offset base;
  std::uint64_t address = 0;          // of its first byte, in the tail's virtual addresses
  std::uint64_t size = 0;             // bytes of batches
  std::int64_t first_append_ms = -1;  // timestamp of the first batch, or when it came if it has none
  std::int64_t largest_timestamp = -1;
  Offset largest_timestamp_offset{-1};
  std::uint64_t bytes_since_index = 0;
  bool indexes_known = false;  // in memory, of the active segment; a closed one's are in their files
  OffsetIndex offsets;
  TimeIndex times;
  std::vector<std::uint8_t> aborted;  // encoded entries of .txnindex
  std::optional<Offset> follows;      // where the log ended when this one was begun behind a gap

  explicit Segment(Offset b) : base(b) {}
  std::uint64_t end_address() const { return address + size; }
  void note(const wire::BatchHeader& header, std::int64_t now_ms, std::int64_t index_interval_bytes);
  void note_aborted(const ProducerState::Aborted& transaction);
  void close_indexes();  // Kafka's last time index entry, made when a segment is rolled or closed
  bool holds(const wire::BatchHeader& next) const;  // its offsets can be told from `base` on
  bool must_roll(const wire::BatchHeader& next, const LogConfig& config, std::int64_t now_ms) const;
};

// What a scan of a segment file found.
struct SegmentScan {
  enum class End : std::uint8_t { end_of_file, zeros, torn, corrupt };
  std::uint64_t valid_bytes = 0;
  End end = End::end_of_file;
  bool valid_after = false;  // a whole, good batch lies behind the place where the scan ended: not a torn tail
};
using BatchVisitor = std::function<void(const wire::BatchHeader&, ByteView batch, std::uint64_t position)>;

// Walks a file's batches from `from`, checking each one's CRC. Blocks.
// A batch outside the segment's offsets, [base, base + INT32_MAX], counts as damage.
Result<SegmentScan> scan_segment(Disk& disk, const std::string& path, Offset base, std::uint64_t from,
                                 const BatchVisitor& visit);

}  // namespace holdfast
