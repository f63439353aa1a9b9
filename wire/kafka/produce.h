// Produce (0): record batches from a producer, a partition at a time. Records are views into the frame.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct ProduceRequest {
  // 0-2 are gone in Kafka 4, yet advertised (KAFKA-18659). 13: topic ids instead of names (KIP-516).
  static constexpr Api api{.key = 0, .versions = {0, 13}, .flexible = 9};
  struct Partition {
    std::int32_t index = 0;
    Records records;
    static void fields(auto& m, auto& v) {
      v("index", m.index);
      v("records", m.records);
    }
  };
  struct Topic {
    std::string name;
    Uuid topic_id{};
    std::vector<Partition> partition_data;
    static void fields(auto& m, auto& v) {
      v("name", m.name, until(12));
      v("topicId", m.topic_id, since(13));
      v("partitionData", m.partition_data);
    }
  };
  std::optional<std::string> transactional_id;
  std::int16_t acks = 0;  // 0: no reply, 1: the leader, -1: every in-sync replica
  std::int32_t timeout_ms = 0;
  std::vector<Topic> topic_data;
  static void fields(auto& m, auto& v) {
    v("transactionalId", m.transactional_id, since(3));
    v("acks", m.acks);
    v("timeoutMs", m.timeout_ms);
    v("topicData", m.topic_data);
  }
};

struct ProduceResponse {
  static constexpr Api api{.key = 0, .versions = {0, 13}, .flexible = 9};
  // Which records made a batch refused (KIP-467).
  struct RecordError {
    std::int32_t batch_index = 0;
    std::optional<std::string> batch_index_error_message;
    static void fields(auto& m, auto& v) {
      v("batchIndex", m.batch_index);
      v("batchIndexErrorMessage", m.batch_index_error_message);
    }
  };
  // Where to send instead, so that the client need not ask for metadata (KIP-951).
  struct LeaderIdAndEpoch {
    std::int32_t leader_id = -1;
    std::int32_t leader_epoch = -1;
    bool operator==(const LeaderIdAndEpoch&) const = default;
    static void fields(auto& m, auto& v) {
      v("leaderId", m.leader_id);
      v("leaderEpoch", m.leader_epoch);
    }
  };
  struct NodeEndpoint {
    std::int32_t node_id = 0;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;
    bool operator==(const NodeEndpoint&) const = default;
    static void fields(auto& m, auto& v) {
      v("nodeId", m.node_id);
      v("host", m.host);
      v("port", m.port);
      v("rack", m.rack);
    }
  };
  struct Partition {
    std::int32_t index = 0;
    std::int16_t error_code = 0;
    std::int64_t base_offset = 0;
    std::int64_t log_append_time_ms = -1;  // -1 with CreateTime
    std::int64_t log_start_offset = -1;
    std::vector<RecordError> record_errors;
    std::optional<std::string> error_message;
    LeaderIdAndEpoch current_leader;
    static void fields(auto& m, auto& v) {
      v("index", m.index);
      v("errorCode", m.error_code);
      v("baseOffset", m.base_offset);
      v("logAppendTimeMs", m.log_append_time_ms, since(2));
      v("logStartOffset", m.log_start_offset, since(5));
      v("recordErrors", m.record_errors, since(8));
      v("errorMessage", m.error_message, since(8));
      v.tagged(0, "currentLeader", m.current_leader, since(10));
    }
  };
  struct Topic {
    std::string name;
    Uuid topic_id{};
    std::vector<Partition> partition_responses;
    static void fields(auto& m, auto& v) {
      v("name", m.name, until(12));
      v("topicId", m.topic_id, since(13));
      v("partitionResponses", m.partition_responses);
    }
  };
  std::vector<Topic> responses;
  std::int32_t throttle_time_ms = 0;
  std::vector<NodeEndpoint> node_endpoints;
  static void fields(auto& m, auto& v) {
    v("responses", m.responses);
    v("throttleTimeMs", m.throttle_time_ms, since(1));
    v.tagged(0, "nodeEndpoints", m.node_endpoints, since(10));
  }
};

}  // namespace holdfast::wire
