// Records of __transaction_state. A key stands behind an i16 of its record type, a value behind an i16 of its version.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct TransactionLogKey {
  static constexpr Api api{.key = 0, .versions = {0, 0}};
  std::string transactional_id;
  static void fields(auto& m, auto& v) { v("transactionalId", m.transactional_id); }
};

struct TransactionLogValue {
  // 1: flexible, so that later fields can be tagged and old brokers still read them (KIP-915).
  static constexpr Api api{.key = 0, .versions = {0, 1}, .flexible = 1};
  struct Topic {
    std::string topic;
    std::vector<std::int32_t> partition_ids;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic);
      v("partitionIds", m.partition_ids);
    }
  };
  std::int64_t producer_id = 0;
  std::int64_t previous_producer_id = -1;  // KIP-890, as are the other tagged ones
  std::int64_t next_producer_id = -1;
  std::int16_t producer_epoch = 0;
  std::int16_t next_producer_epoch = -1;
  std::int32_t transaction_timeout_ms = 0;
  std::int8_t transaction_status = 0;
  std::optional<std::vector<Topic>> transaction_partitions{std::in_place};
  std::int64_t transaction_last_update_timestamp_ms = 0;
  std::int64_t transaction_start_timestamp_ms = 0;
  std::int16_t client_transaction_version = 0;
  static void fields(auto& m, auto& v) {
    v("producerId", m.producer_id);
    v("producerEpoch", m.producer_epoch);
    v("transactionTimeoutMs", m.transaction_timeout_ms);
    v("transactionStatus", m.transaction_status);
    v("transactionPartitions", m.transaction_partitions);
    v("transactionLastUpdateTimestampMs", m.transaction_last_update_timestamp_ms);
    v("transactionStartTimestampMs", m.transaction_start_timestamp_ms);
    v.tagged(0, "previousProducerId", m.previous_producer_id, since(1), -1);
    v.tagged(1, "nextProducerId", m.next_producer_id, since(1), -1);
    v.tagged(2, "clientTransactionVersion", m.client_transaction_version, since(1));
    v.tagged(3, "nextProducerEpoch", m.next_producer_epoch, since(1), -1);
  }
};

}  // namespace holdfast::wire
