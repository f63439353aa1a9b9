// DescribeProducers (61), DescribeTransactions (65), ListTransactions (66): for finding hanging transactions (KIP-664).
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct DescribeProducersRequest {
  static constexpr Api api{.key = 61, .versions = {0, 0}, .flexible = 0};
  struct Topic {
    std::string name;
    std::vector<std::int32_t> partition_indexes;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitionIndexes", m.partition_indexes);
    }
  };
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) { v("topics", m.topics); }
};

struct DescribeProducersResponse {
  static constexpr Api api{.key = 61, .versions = {0, 0}, .flexible = 0};
  struct Producer {
    std::int64_t producer_id = 0;
    std::int32_t producer_epoch = 0;
    std::int32_t last_sequence = -1;
    std::int64_t last_timestamp = -1;
    std::int32_t coordinator_epoch = 0;
    std::int64_t current_txn_start_offset = -1;
    static void fields(auto& m, auto& v) {
      v("producerId", m.producer_id);
      v("producerEpoch", m.producer_epoch);
      v("lastSequence", m.last_sequence);
      v("lastTimestamp", m.last_timestamp);
      v("coordinatorEpoch", m.coordinator_epoch);
      v("currentTxnStartOffset", m.current_txn_start_offset);
    }
  };
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    std::vector<Producer> active_producers;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("activeProducers", m.active_producers);
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitions", m.partitions);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("topics", m.topics);
  }
};

struct DescribeTransactionsRequest {
  static constexpr Api api{.key = 65, .versions = {0, 0}, .flexible = 0};
  std::vector<std::string> transactional_ids;
  static void fields(auto& m, auto& v) { v("transactionalIds", m.transactional_ids); }
};

struct DescribeTransactionsResponse {
  static constexpr Api api{.key = 65, .versions = {0, 0}, .flexible = 0};
  struct Topic {
    std::string topic;
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic);
      v("partitions", m.partitions);
    }
  };
  struct Transaction {
    std::int16_t error_code = 0;
    std::string transactional_id;
    std::string transaction_state;
    std::int32_t transaction_timeout_ms = 0;
    std::int64_t transaction_start_time_ms = 0;
    std::int64_t producer_id = 0;
    std::int16_t producer_epoch = 0;
    std::vector<Topic> topics;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("transactionalId", m.transactional_id);
      v("transactionState", m.transaction_state);
      v("transactionTimeoutMs", m.transaction_timeout_ms);
      v("transactionStartTimeMs", m.transaction_start_time_ms);
      v("producerId", m.producer_id);
      v("producerEpoch", m.producer_epoch);
      v("topics", m.topics);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Transaction> transaction_states;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("transactionStates", m.transaction_states);
  }
};

struct ListTransactionsRequest {
  static constexpr Api api{.key = 66, .versions = {0, 2}, .flexible = 0};
  std::vector<std::string> state_filters;
  std::vector<std::int64_t> producer_id_filters;
  std::int64_t duration_filter = -1;                    // only those that run longer, in ms (KIP-994)
  std::optional<std::string> transactional_id_pattern;  // KIP-1152
  static void fields(auto& m, auto& v) {
    v("stateFilters", m.state_filters);
    v("producerIdFilters", m.producer_id_filters);
    v("durationFilter", m.duration_filter, since(1));
    v("transactionalIdPattern", m.transactional_id_pattern, since(2));
  }
};

struct ListTransactionsResponse {
  static constexpr Api api{.key = 66, .versions = {0, 2}, .flexible = 0};
  struct Transaction {
    std::string transactional_id;
    std::int64_t producer_id = 0;
    std::string transaction_state;
    static void fields(auto& m, auto& v) {
      v("transactionalId", m.transactional_id);
      v("producerId", m.producer_id);
      v("transactionState", m.transaction_state);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<std::string> unknown_state_filters;
  std::vector<Transaction> transaction_states;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("unknownStateFilters", m.unknown_state_filters);
    v("transactionStates", m.transaction_states);
  }
};

}  // namespace holdfast::wire
