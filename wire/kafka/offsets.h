// ListOffsets (2), OffsetForLeaderEpoch (23), DeleteRecords (21): what offsets a partition has.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct ListOffsetsRequest {
  // 7: the offset of the largest timestamp (KIP-734). 8, 9: tiered storage (KIP-405, KIP-1005). 11: KIP-1023.
  static constexpr Api api{.key = 2, .versions = {0, 11}, .flexible = 6};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int32_t current_leader_epoch = -1;
    std::int64_t timestamp = 0;  // -1 latest, -2 earliest, -3 largest timestamp, -4 earliest local, -5 latest tiered
    std::int32_t max_num_offsets = 1;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("currentLeaderEpoch", m.current_leader_epoch, since(4));
      v("timestamp", m.timestamp);
      v("maxNumOffsets", m.max_num_offsets, until(0));
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
  std::int32_t replica_id = 0;  // -1: a consumer
  std::int8_t isolation_level = 0;
  std::vector<Topic> topics;
  std::int32_t timeout_ms = 0;  // KIP-1075
  static void fields(auto& m, auto& v) {
    v("replicaId", m.replica_id);
    v("isolationLevel", m.isolation_level, since(2));
    v("topics", m.topics);
    v("timeoutMs", m.timeout_ms, since(10));
  }
};

struct ListOffsetsResponse {
  static constexpr Api api{.key = 2, .versions = {0, 11}, .flexible = 6};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    std::vector<std::int64_t> old_style_offsets;
    std::int64_t timestamp = -1;
    std::int64_t offset = -1;
    std::int32_t leader_epoch = -1;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
      v("oldStyleOffsets", m.old_style_offsets, until(0));
      v("timestamp", m.timestamp, since(1));
      v("offset", m.offset, since(1));
      v("leaderEpoch", m.leader_epoch, since(4));
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
    v("throttleTimeMs", m.throttle_time_ms, since(2));
    v("topics", m.topics);
  }
};

struct OffsetForLeaderEpochRequest {
  static constexpr Api api{.key = 23, .versions = {0, 4}, .flexible = 4};
  struct Partition {
    std::int32_t partition = 0;
    std::int32_t current_leader_epoch = -1;  // KIP-320
    std::int32_t leader_epoch = 0;
    static void fields(auto& m, auto& v) {
      v("partition", m.partition);
      v("currentLeaderEpoch", m.current_leader_epoch, since(2));
      v("leaderEpoch", m.leader_epoch);
    }
  };
  struct Topic {
    std::string topic;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic);
      v("partitions", m.partitions);
    }
  };
  std::int32_t replica_id = -2;  // -1: a consumer, -2: not stated
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("replicaId", m.replica_id, since(3));
    v("topics", m.topics);
  }
};

struct OffsetForLeaderEpochResponse {
  static constexpr Api api{.key = 23, .versions = {0, 4}, .flexible = 4};
  struct Partition {
    std::int16_t error_code = 0;
    std::int32_t partition = 0;
    std::int32_t leader_epoch = -1;  // the largest epoch not above the one asked for
    std::int64_t end_offset = -1;    // and where it ends
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("partition", m.partition);
      v("leaderEpoch", m.leader_epoch, since(1));
      v("endOffset", m.end_offset);
    }
  };
  struct Topic {
    std::string topic;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic);
      v("partitions", m.partitions);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms, since(2));
    v("topics", m.topics);
  }
};

struct DeleteRecordsRequest {
  static constexpr Api api{.key = 21, .versions = {0, 2}, .flexible = 2};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t offset = 0;  // -1: up to the high watermark
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("offset", m.offset);
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
  std::vector<Topic> topics;
  std::int32_t timeout_ms = 0;
  static void fields(auto& m, auto& v) {
    v("topics", m.topics);
    v("timeoutMs", m.timeout_ms);
  }
};

struct DeleteRecordsResponse {
  static constexpr Api api{.key = 21, .versions = {0, 2}, .flexible = 2};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t low_watermark = 0;
    std::int16_t error_code = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("lowWatermark", m.low_watermark);
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
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("topics", m.topics);
  }
};

}  // namespace holdfast::wire
