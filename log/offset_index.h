// OffsetIndex: offset -> file position of one segment (.index): an entry for every index.interval.bytes of log. Kept in
// memory while its segment is written, loaded when a closed segment is read. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/result.h"
#include "runtime/strong.h"

namespace holdfast {

class OffsetIndex {
 public:
  struct Entry {
    std::uint32_t relative = 0;  // the last offset of the batch, less the segment's base
    std::uint32_t position = 0;  // where that batch begins
  };

  void add(Offset base, Offset last, std::uint64_t position);
  // A position at or before the batch that holds `offset`.
  std::uint64_t lower_position(Offset base, Offset offset) const;
  void truncate(Offset base, Offset end);  // drops entries at and above `end`
  const std::vector<Entry>& entries() const { return entries_; }
  void clear() { entries_ = {}; }

  std::vector<std::uint8_t> to_file() const;
  static Result<OffsetIndex> from_file(ByteView file);

 private:
  std::vector<Entry> entries_;
};

// TimeIndex: the largest timestamp so far -> the last offset of the batch that has it (.timeindex).
class TimeIndex {
 public:
  struct Entry {
    std::int64_t timestamp = -1;
    std::uint32_t relative = 0;
  };

  void add(Offset base, std::int64_t timestamp, Offset offset);  // ignored unless both rise
  // An offset at or before the first record with a timestamp >= the target.
  Offset lower_offset(Offset base, std::int64_t timestamp) const;
  void truncate(Offset base, Offset end);
  const std::vector<Entry>& entries() const { return entries_; }
  void clear() { entries_ = {}; }

  std::vector<std::uint8_t> to_file() const;
  static Result<TimeIndex> from_file(ByteView file);

 private:
  std::vector<Entry> entries_;
};

}  // namespace holdfast
