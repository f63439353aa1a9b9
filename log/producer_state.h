// ProducerState: what a partition remembers of its idempotent and transactional producers: the last five batches of
// each, its epoch, and open transactions. Pure; kept by the log through append, replay and snapshots (KIP-98, KIP-360).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "runtime/result.h"
#include "runtime/strong.h"
#include "wire/kafka/record_batch.h"

namespace holdfast {

struct ProducerBatch {
  std::int32_t first_sequence = -1;
  std::int32_t last_sequence = -1;
  Offset last_offset{-1};
  std::int32_t offset_delta = 0;
  std::int64_t timestamp = -1;
  Offset base_offset() const { return last_offset - offset_delta; }
};

struct ProducerEntry {
  std::int64_t producer_id = -1;
  std::int16_t epoch = -1;
  std::int32_t coordinator_epoch = -1;
  std::int64_t last_timestamp = -1;
  std::optional<Offset> transaction_first_offset;
  std::deque<ProducerBatch> batches;  // oldest first, at most five
};

enum class ProducerVerdict : std::uint8_t {
  accept,
  duplicate,
  out_of_order_sequence,
  invalid_epoch,
  invalid_txn_state
};

class ProducerState {
 public:
  static constexpr std::size_t batches_kept = 5;

  struct Check {
    ProducerVerdict verdict = ProducerVerdict::accept;
    ProducerBatch duplicate_of;  // for duplicate: the original batch
  };
  // Whether a client's batch may be appended now (leader side). Batches without a producer id are accepted.
  Check check(const wire::BatchHeader& header) const;
  // Leader side: the batch was not appended, for whatever reason. Of a producer that is not known here a later one must
  // not be either before it, though any sequence may begin: several are on their way at a time.
  void refused(const wire::BatchHeader& header);
  // Takes note of an appended batch, a client's or a replicated one. For a control batch the marker's type matters.
  void update(const wire::BatchHeader& header, ByteView batch);

  // The offset of the earliest open transaction, if any: the last stable offset may not pass it.
  std::optional<Offset> first_unstable() const;
  // Transactions that ended by an ABORT marker since the last call, for the transaction index.
  struct Aborted {
    std::int64_t producer_id;
    Offset first_offset, last_offset, last_stable_offset;
  };
  std::vector<Aborted> take_aborted();

  void expire(std::int64_t now_ms, std::int64_t idle_max_ms);  // producers idle that long, without an open transaction
  void truncate_fully();
  // Of a state that was made from a snapshot of Kafka's, which has one batch of each producer: the batches before that
  // one, as the same log's state remembered them at a later time.
  void recall_batches(const ProducerState& later);
  const std::unordered_map<std::int64_t, ProducerEntry>& producers() const { return producers_; }

  // Kafka's .snapshot file, version 1. Kafka writes one entry for each producer, its last batch, and forgets the others
  // over a restart: a producer that then repeats one of them is refused. Here all five have an entry, oldest first; of
  // several Kafka takes the last.
  std::vector<std::uint8_t> to_snapshot() const;
  static Result<ProducerState> from_snapshot(ByteView file);

 private:
  struct Refused {
    std::int16_t epoch = -1;
    std::int32_t sequence = -1;  // the lowest
  };
  std::unordered_map<std::int64_t, ProducerEntry> producers_;
  std::unordered_map<std::int64_t, Refused> refused_;  // of producers that are not known; bounded
  std::map<Offset, std::int64_t> open_transactions_;   // first offset -> producer id
  std::vector<Aborted> aborted_;
};

}  // namespace holdfast
