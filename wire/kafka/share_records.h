// The records of __share_group_state (KIP-932). A key is stored behind its int16 record type (api.key here), a value
// behind its int16 version. A snapshot replaces what came before it for its share-partition, an update adds to it.
#pragma once

#include "wire/fields.h"
#include "wire/kafka/share_state.h"

namespace holdfast::wire {

struct ShareSnapshotKey {
  static constexpr Api api{.key = 0, .versions = {0, 0}};
  std::string group_id;
  Uuid topic_id{};
  std::int32_t partition = 0;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("topicId", m.topic_id);
    v("partition", m.partition);
  }
};

struct ShareSnapshotValue {
  static constexpr Api api{.key = 0, .versions = {0, 0}, .flexible = 0};
  std::int32_t snapshot_epoch = 0;
  std::int32_t state_epoch = 0;
  std::int32_t leader_epoch = 0;
  std::int64_t start_offset = 0;
  std::int32_t delivery_complete_count = -1;
  std::int64_t create_timestamp = 0;
  std::int64_t write_timestamp = 0;
  std::vector<ShareStateBatch> state_batches;
  static void fields(auto& m, auto& v) {
    v("snapshotEpoch", m.snapshot_epoch);
    v("stateEpoch", m.state_epoch);
    v("leaderEpoch", m.leader_epoch);
    v("startOffset", m.start_offset);
    v("createTimestamp", m.create_timestamp);
    v("writeTimestamp", m.write_timestamp);
    v("stateBatches", m.state_batches);
    v.tagged(0, "deliveryCompleteCount", m.delivery_complete_count, always(), -1);
  }
};

struct ShareUpdateKey {
  static constexpr Api api{.key = 1, .versions = {0, 0}};
  std::string group_id;
  Uuid topic_id{};
  std::int32_t partition = 0;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("topicId", m.topic_id);
    v("partition", m.partition);
  }
};

struct ShareUpdateValue {
  static constexpr Api api{.key = 1, .versions = {0, 0}, .flexible = 0};
  std::int32_t snapshot_epoch = 0;
  std::int32_t leader_epoch = 0;
  std::int64_t start_offset = 0;
  std::int32_t delivery_complete_count = -1;
  std::vector<ShareStateBatch> state_batches;
  static void fields(auto& m, auto& v) {
    v("snapshotEpoch", m.snapshot_epoch);
    v("leaderEpoch", m.leader_epoch);
    v("startOffset", m.start_offset);
    v("stateBatches", m.state_batches);
    v.tagged(0, "deliveryCompleteCount", m.delivery_complete_count, always(), -1);
  }
};

}  // namespace holdfast::wire
