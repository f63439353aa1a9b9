// Records as a consumer gets them: views into the bytes that the broker sent, or into what was decompressed from them.
// Nothing is copied for a record; whoever holds the ConsumedRecords holds the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "client/metadata_cache.h"
#include "runtime/buffer.h"
#include "runtime/result.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::client {

struct HeaderView {
  std::string_view key;
  std::optional<ByteView> value;
};

struct RecordView {
  std::int64_t offset = 0;
  std::int64_t timestamp = -1;
  std::optional<ByteView> key, value;
  ByteView encoded_headers;
  std::int32_t header_count = 0;
  std::int32_t leader_epoch = -1;
  bool log_append_time = false;  // the timestamp is the broker's

  Result<std::vector<HeaderView>> headers() const;
};

using DecompressedBytes = std::shared_ptr<const std::vector<std::uint8_t>>;

// What one poll brought: records of one partition, ascending. Move it, or keep the shared owner of its bytes.
struct ConsumedRecords {
  std::shared_ptr<const TopicPartition> partition;  // null: there were none
  std::vector<RecordView> records;
  Bytes frame;
  std::vector<DecompressedBytes> decompressed;

  bool empty() const { return records.empty(); }
  std::size_t size() const { return records.size(); }
  auto begin() const { return records.begin(); }
  auto end() const { return records.end(); }
};

struct AbortedTransaction {
  std::int64_t producer_id = -1, first_offset = 0;
};

// The records of one partition in one answer to a fetch, read piece by piece. Batches below the offset that was asked
// for, control batches and, if so wished, those of aborted transactions are passed over (KIP-98).
class FetchedRecords {
 public:
  struct Options {
    bool read_committed = false;
    bool check_crcs = true;
    std::size_t batch_bytes_max = 256 << 20;  // of a batch when it is decompressed
  };
  // `run` lies in `frame`. `aborted` as the broker sends it, any order.
  FetchedRecords(Bytes frame, ByteView run, std::vector<AbortedTransaction> aborted, std::int64_t from_offset,
                 Options options);

  // Appends up to `count_max` records (a batch of an old format is not cut). corrupt: a checksum or the form is wrong;
  // next_offset() then stands before the batch that it is in.
  Result<void> read(std::size_t count_max, ConsumedRecords& out);

  bool done() const { return !reader_ && rest_.empty(); }
  std::int64_t next_offset() const { return next_offset_; }  // after what was read, or passed over
  std::int32_t last_epoch() const { return header_.leader_epoch; }
  std::size_t bytes() const { return run_bytes_; }
  bool holds_a_batch() const { return end_offset_ >= 0; }
  // After its last batch: where the next fetch goes on.
  std::int64_t end_offset() const { return end_offset_; }
  std::int32_t end_epoch() const { return end_epoch_; }

 private:
  void find_end();
  Result<void> open_batch(ConsumedRecords& out);
  Result<void> open_legacy(ConsumedRecords& out);
  bool is_aborted(const wire::BatchHeader& header, ByteView batch);

  Bytes frame_;
  ByteView rest_;
  std::size_t run_bytes_;
  const Options options_;
  std::vector<AbortedTransaction> aborted_;  // by first offset, descending: the next at the end
  std::vector<std::int64_t> aborting_;       // producers whose transactions that are being read were aborted
  std::int64_t next_offset_;
  std::int64_t end_offset_ = -1;
  std::int32_t end_epoch_ = -1;
  wire::BatchHeader header_;
  std::optional<wire::RecordReader> reader_;  // of the batch that is being read
  DecompressedBytes body_;                    // its records, where they were compressed
};

}  // namespace holdfast::client
