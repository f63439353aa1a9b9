// Producers and transactions: InitProducerId (22), AddPartitionsToTxn (24), AddOffsetsToTxn (25), EndTxn (26),
// WriteTxnMarkers (27), TxnOffsetCommit (28). Those that only look are in transaction_admin.h.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct InitProducerIdRequest {
  // 3: a producer recovers by its own id and epoch (KIP-360). 6: two-phase commit (KIP-939), unstable in Kafka 4.4.
  static constexpr Api api{.key = 22, .versions = {0, 6}, .flexible = 2};
  std::optional<std::string> transactional_id = "";  // null: idempotent only
  std::int32_t transaction_timeout_ms = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  bool enable_2pc = false;
  bool keep_prepared_txn = false;
  static void fields(auto& m, auto& v) {
    v("transactionalId", m.transactional_id);
    v("transactionTimeoutMs", m.transaction_timeout_ms);
    v("producerId", m.producer_id, since(3));
    v("producerEpoch", m.producer_epoch, since(3));
    v("enable2Pc", m.enable_2pc, since(6));
    v("keepPreparedTxn", m.keep_prepared_txn, since(6));
  }
};

struct InitProducerIdResponse {
  static constexpr Api api{.key = 22, .versions = {0, 6}, .flexible = 2};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = 0;
  std::int64_t ongoing_txn_producer_id = -1;
  std::int16_t ongoing_txn_producer_epoch = -1;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("producerId", m.producer_id);
    v("producerEpoch", m.producer_epoch);
    v("ongoingTxnProducerId", m.ongoing_txn_producer_id, since(6));
    v("ongoingTxnProducerEpoch", m.ongoing_txn_producer_epoch, since(6));
  }
};

struct AddPartitionsToTxnRequest {
  // 4: several transactions at once, or only to verify one; sent between brokers (KIP-890).
  static constexpr Api api{.key = 24, .versions = {0, 5}, .flexible = 3};
  struct Topic {
    std::string name;
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitions", m.partitions);
    }
  };
  struct Transaction {
    std::string transactional_id;
    std::int64_t producer_id = 0;
    std::int16_t producer_epoch = 0;
    bool verify_only = false;
    std::vector<Topic> topics;
    static void fields(auto& m, auto& v) {
      v("transactionalId", m.transactional_id);
      v("producerId", m.producer_id);
      v("producerEpoch", m.producer_epoch);
      v("verifyOnly", m.verify_only);
      v("topics", m.topics);
    }
  };
  std::vector<Transaction> transactions;
  std::string v3_and_below_transactional_id;
  std::int64_t v3_and_below_producer_id = 0;
  std::int16_t v3_and_below_producer_epoch = 0;
  std::vector<Topic> v3_and_below_topics;
  static void fields(auto& m, auto& v) {
    v("transactions", m.transactions, since(4));
    v("v3AndBelowTransactionalId", m.v3_and_below_transactional_id, until(3));
    v("v3AndBelowProducerId", m.v3_and_below_producer_id, until(3));
    v("v3AndBelowProducerEpoch", m.v3_and_below_producer_epoch, until(3));
    v("v3AndBelowTopics", m.v3_and_below_topics, until(3));
  }
};

struct AddPartitionsToTxnResponse {
  static constexpr Api api{.key = 24, .versions = {0, 5}, .flexible = 3};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t partition_error_code = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("partitionErrorCode", m.partition_error_code);
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> results_by_partition;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("resultsByPartition", m.results_by_partition);
    }
  };
  struct Transaction {
    std::string transactional_id;
    std::vector<Topic> topic_results;
    static void fields(auto& m, auto& v) {
      v("transactionalId", m.transactional_id);
      v("topicResults", m.topic_results);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<Transaction> results_by_transaction;
  std::vector<Topic> results_by_topic_v3_and_below;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code, since(4));
    v("resultsByTransaction", m.results_by_transaction, since(4));
    v("resultsByTopicV3AndBelow", m.results_by_topic_v3_and_below, until(3));
  }
};

struct AddOffsetsToTxnRequest {
  static constexpr Api api{.key = 25, .versions = {0, 4}, .flexible = 3};
  std::string transactional_id;
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::string group_id;
  static void fields(auto& m, auto& v) {
    v("transactionalId", m.transactional_id);
    v("producerId", m.producer_id);
    v("producerEpoch", m.producer_epoch);
    v("groupId", m.group_id);
  }
};

struct AddOffsetsToTxnResponse {
  static constexpr Api api{.key = 25, .versions = {0, 4}, .flexible = 3};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
  }
};

struct EndTxnRequest {
  // 5: every transaction gets an epoch of its own (KIP-890).
  static constexpr Api api{.key = 26, .versions = {0, 5}, .flexible = 3};
  std::string transactional_id;
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  bool committed = false;
  static void fields(auto& m, auto& v) {
    v("transactionalId", m.transactional_id);
    v("producerId", m.producer_id);
    v("producerEpoch", m.producer_epoch);
    v("committed", m.committed);
  }
};

struct EndTxnResponse {
  static constexpr Api api{.key = 26, .versions = {0, 5}, .flexible = 3};
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code);
    v("producerId", m.producer_id, since(5));
    v("producerEpoch", m.producer_epoch, since(5));
  }
};

// From the transaction coordinator to the partitions' leaders.
struct WriteTxnMarkersRequest {
  static constexpr Api api{.key = 27, .versions = {0, 2}, .flexible = 1};
  struct Topic {
    std::string name;
    std::vector<std::int32_t> partition_indexes;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitionIndexes", m.partition_indexes);
    }
  };
  struct Marker {
    std::int64_t producer_id = 0;
    std::int16_t producer_epoch = 0;
    bool transaction_result = false;  // true: commit
    std::vector<Topic> topics;
    std::int32_t coordinator_epoch = 0;
    std::int8_t transaction_version = 0;  // KIP-1228
    static void fields(auto& m, auto& v) {
      v("producerId", m.producer_id);
      v("producerEpoch", m.producer_epoch);
      v("transactionResult", m.transaction_result);
      v("topics", m.topics);
      v("coordinatorEpoch", m.coordinator_epoch);
      v("transactionVersion", m.transaction_version, since(2));
    }
  };
  std::vector<Marker> markers;
  static void fields(auto& m, auto& v) { v("markers", m.markers); }
};

struct WriteTxnMarkersResponse {
  static constexpr Api api{.key = 27, .versions = {0, 2}, .flexible = 1};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
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
  struct Marker {
    std::int64_t producer_id = 0;
    std::vector<Topic> topics;
    static void fields(auto& m, auto& v) {
      v("producerId", m.producer_id);
      v("topics", m.topics);
    }
  };
  std::vector<Marker> markers;
  static void fields(auto& m, auto& v) { v("markers", m.markers); }
};

struct TxnOffsetCommitRequest {
  // 3: the group's member is stated and fenced (KIP-447). 6: topic ids (KIP-1319).
  static constexpr Api api{.key = 28, .versions = {0, 6}, .flexible = 3};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;
    std::int32_t committed_leader_epoch = -1;
    std::optional<std::string> committed_metadata = "";
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("committedOffset", m.committed_offset);
      v("committedLeaderEpoch", m.committed_leader_epoch, since(2));
      v("committedMetadata", m.committed_metadata);
    }
  };
  struct Topic {
    std::string name;
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name, until(5));
      v("topicId", m.topic_id, since(6));
      v("partitions", m.partitions);
    }
  };
  std::string transactional_id;
  std::string group_id;
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::int32_t generation_id_or_member_epoch = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("transactionalId", m.transactional_id);
    v("groupId", m.group_id);
    v("producerId", m.producer_id);
    v("producerEpoch", m.producer_epoch);
    v("generationIdOrMemberEpoch", m.generation_id_or_member_epoch, since(3));
    v("memberId", m.member_id, since(3));
    v("groupInstanceId", m.group_instance_id, since(3));
    v("topics", m.topics);
  }
};

struct TxnOffsetCommitResponse {
  static constexpr Api api{.key = 28, .versions = {0, 6}, .flexible = 3};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
    }
  };
  struct Topic {
    std::string name;
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name, until(5));
      v("topicId", m.topic_id, since(6));
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

}  // namespace holdfast::wire
