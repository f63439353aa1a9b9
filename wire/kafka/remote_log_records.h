// The records of __remote_log_metadata (tiered storage, KIP-405). Stored behind an unsigned varint record type
// (api.key here) and version. All but the snapshot record (which is a file's) go to the topic.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct RemoteTopicIdPartition {
  std::string name;
  Uuid id{};
  std::int32_t partition = 0;
  static void fields(auto& m, auto& v) {
    v("name", m.name);
    v("id", m.id);
    v("partition", m.partition);
  }
};

struct RemoteLogSegmentId {
  RemoteTopicIdPartition topic_id_partition;
  Uuid id{};
  static void fields(auto& m, auto& v) {
    v("topicIdPartition", m.topic_id_partition);
    v("id", m.id);
  }
};

struct RemoteSegmentLeaderEpoch {
  std::int32_t leader_epoch = 0;
  std::int64_t offset = 0;
  static void fields(auto& m, auto& v) {
    v("leaderEpoch", m.leader_epoch);
    v("offset", m.offset);
  }
};

struct RemoteLogSegmentMetadataRecord {
  static constexpr Api api{.key = 0, .versions = {0, 0}, .flexible = 0};
  RemoteLogSegmentId remote_log_segment_id;
  std::int64_t start_offset = 0;
  std::int64_t end_offset = 0;
  std::int32_t broker_id = 0;
  std::int64_t max_timestamp_ms = 0;
  std::int64_t event_timestamp_ms = 0;
  std::vector<RemoteSegmentLeaderEpoch> segment_leader_epochs;
  std::int32_t segment_size_in_bytes = 0;
  std::optional<std::vector<std::uint8_t>> custom_metadata;
  std::int8_t remote_log_segment_state = 0;
  bool txn_index_empty = false;
  static void fields(auto& m, auto& v) {
    v("remoteLogSegmentId", m.remote_log_segment_id);
    v("startOffset", m.start_offset);
    v("endOffset", m.end_offset);
    v("brokerId", m.broker_id);
    v("maxTimestampMs", m.max_timestamp_ms);
    v("eventTimestampMs", m.event_timestamp_ms);
    v("segmentLeaderEpochs", m.segment_leader_epochs);
    v("segmentSizeInBytes", m.segment_size_in_bytes);
    v("customMetadata", m.custom_metadata);
    v("remoteLogSegmentState", m.remote_log_segment_state);
    v.tagged(0, "txnIndexEmpty", m.txn_index_empty, always());
  }
};

struct RemoteLogSegmentMetadataUpdateRecord {
  static constexpr Api api{.key = 1, .versions = {0, 0}, .flexible = 0};
  RemoteLogSegmentId remote_log_segment_id;
  std::int32_t broker_id = 0;
  std::int64_t event_timestamp_ms = 0;
  std::optional<std::vector<std::uint8_t>> custom_metadata;
  std::int8_t remote_log_segment_state = 0;
  static void fields(auto& m, auto& v) {
    v("remoteLogSegmentId", m.remote_log_segment_id);
    v("brokerId", m.broker_id);
    v("eventTimestampMs", m.event_timestamp_ms);
    v("customMetadata", m.custom_metadata);
    v("remoteLogSegmentState", m.remote_log_segment_state);
  }
};

struct RemotePartitionDeleteMetadataRecord {
  static constexpr Api api{.key = 2, .versions = {0, 0}, .flexible = 0};
  RemoteTopicIdPartition topic_id_partition;
  std::int32_t broker_id = 0;
  std::int64_t event_timestamp_ms = 0;
  std::int8_t remote_partition_delete_state = 0;
  static void fields(auto& m, auto& v) {
    v("topicIdPartition", m.topic_id_partition);
    v("brokerId", m.broker_id);
    v("eventTimestampMs", m.event_timestamp_ms);
    v("remotePartitionDeleteState", m.remote_partition_delete_state);
  }
};

struct RemoteLogSegmentMetadataSnapshotRecord {
  static constexpr Api api{.key = 3, .versions = {0, 0}, .flexible = 0};
  Uuid segment_id{};
  std::int64_t start_offset = 0;
  std::int64_t end_offset = 0;
  std::int32_t broker_id = 0;
  std::int64_t max_timestamp_ms = 0;
  std::int64_t event_timestamp_ms = 0;
  std::vector<RemoteSegmentLeaderEpoch> segment_leader_epochs;
  std::int32_t segment_size_in_bytes = 0;
  std::optional<std::vector<std::uint8_t>> custom_metadata;
  std::int8_t remote_log_segment_state = 0;
  bool txn_index_empty = false;
  static void fields(auto& m, auto& v) {
    v("segmentId", m.segment_id);
    v("startOffset", m.start_offset);
    v("endOffset", m.end_offset);
    v("brokerId", m.broker_id);
    v("maxTimestampMs", m.max_timestamp_ms);
    v("eventTimestampMs", m.event_timestamp_ms);
    v("segmentLeaderEpochs", m.segment_leader_epochs);
    v("segmentSizeInBytes", m.segment_size_in_bytes);
    v("customMetadata", m.custom_metadata);
    v("remoteLogSegmentState", m.remote_log_segment_state);
    v.tagged(0, "txnIndexEmpty", m.txn_index_empty, always());
  }
};

}  // namespace holdfast::wire
