// The batches of a segment file as a dump wants them: of any magic, one at a time, and those that fail their checksum
// too. A server's own reader (segment_io.h) refuses all of that.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/disk.h"
#include "runtime/result.h"
#include "wire/kafka/record_batch.h"

namespace holdfast {

struct StoredBatch {
  // Of magic 0 and 1: in version 2's terms, as far as they go. Base and last offset are the message's.
  wire::BatchHeader header;
  bool valid = false;  // its checksum is right
  ByteView bytes;      // all of it; until the next read

  bool legacy() const { return header.magic < 2; }
};

struct StoredRecord {
  std::int64_t offset = -1, timestamp = -1;
  std::optional<ByteView> key, value;
  std::int32_t sequence = -1;
  std::vector<wire::RecordHeader> headers;
  std::uint32_t legacy_crc = 0;  // magic 0 and 1
};

class BatchFile {
 public:
  // No more than the first `bytes_max` bytes are looked at.
  static Result<BatchFile> open(Disk& disk, const std::string& path, std::uint64_t bytes_max);

  // Nothing where the file, or what is written of it, ends before the batch does.
  Result<std::optional<StoredBatch>> read(std::uint64_t position);
  std::uint64_t end() const { return end_; }

 private:
  BatchFile(std::string path, std::unique_ptr<File> file, std::uint64_t end)
      : path_(std::move(path)), file_(std::move(file)), end_(end) {}
  Result<ByteView> view(std::uint64_t position, std::uint64_t bytes);
  Result<bool> zeros_from(std::uint64_t position);

  std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t end_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t buffer_at_ = 0;
};

// wire::sequence_after() for numbers that may be damaged.
std::int32_t wrapped_sequence(std::int32_t base, std::int32_t increment);

// In order. An error at the first one that is malformed; those before it were visited.
using RecordVisitor = std::function<Result<void>(const StoredRecord&)>;
Result<void> visit_records(const StoredBatch& batch, const RecordVisitor& visit);

}  // namespace holdfast
