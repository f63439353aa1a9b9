// What a partition's directory holds beside the batches: the .snapshot file of its producers and the entries of its
// .txnindex. Both stand behind an i16 of their version.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct ProducerSnapshot {
  static constexpr Api api{.versions = {1, 1}};
  struct Producer {
    std::int64_t producer_id = 0;
    std::int16_t epoch = 0;
    std::int32_t last_sequence = 0;
    std::int64_t last_offset = 0;
    std::int32_t offset_delta = 0;  // of the last batch: its last offset less its first
    std::int64_t timestamp = 0;
    std::int32_t coordinator_epoch = 0;
    std::int64_t current_txn_first_offset = 0;  // -1: no transaction is open
    static void fields(auto& m, auto& v) {
      v("producerId", m.producer_id);
      v("epoch", m.epoch);
      v("lastSequence", m.last_sequence);
      v("lastOffset", m.last_offset);
      v("offsetDelta", m.offset_delta);
      v("timestamp", m.timestamp);
      v("coordinatorEpoch", m.coordinator_epoch);
      v("currentTxnFirstOffset", m.current_txn_first_offset);
    }
  };
  std::uint32_t crc = 0;  // CRC-32C of everything behind it
  std::vector<Producer> producer_entries;
  static void fields(auto& m, auto& v) {
    v("crc", m.crc);
    v("producerEntries", m.producer_entries);
  }
};

struct AbortedTxn {
  static constexpr Api api{.versions = {0, 0}};
  std::int64_t producer_id = 0;
  std::int64_t first_offset = 0;
  std::int64_t last_offset = 0;
  std::int64_t last_stable_offset = 0;
  static void fields(auto& m, auto& v) {
    v("producerId", m.producer_id);
    v("firstOffset", m.first_offset);
    v("lastOffset", m.last_offset);
    v("lastStableOffset", m.last_stable_offset);
  }
};

}  // namespace holdfast::wire
