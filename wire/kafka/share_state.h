// The persister of share groups (KIP-932), between a share-partition's leader and the share coordinator:
// InitializeShareGroupState (83), ReadShareGroupState (84), WriteShareGroupState (85), DeleteShareGroupState (86),
// ReadShareGroupStateSummary (87).
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

// Offsets with the same delivery state: 0 available, 2 acknowledged, 4 archived (acquired is never stored).
struct ShareStateBatch {
  std::int64_t first_offset = 0;
  std::int64_t last_offset = 0;
  std::int8_t delivery_state = 0;
  std::int16_t delivery_count = 0;
  static void fields(auto& m, auto& v) {
    v("firstOffset", m.first_offset);
    v("lastOffset", m.last_offset);
    v("deliveryState", m.delivery_state);
    v("deliveryCount", m.delivery_count);
  }
};

// The answer to a change of one partition's state.
struct ShareStateResult {
  struct Partition {
    std::int32_t partition = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    static void fields(auto& m, auto& v) {
      v("partition", m.partition);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
    }
  };
  Uuid topic_id{};
  std::vector<Partition> partitions;
  static void fields(auto& m, auto& v) {
    v("topicId", m.topic_id);
    v("partitions", m.partitions);
  }
};

struct InitializeShareGroupStateRequest {
  static constexpr Api api{.key = 83, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int32_t partition = 0;
    std::int32_t state_epoch = 0;
    std::int64_t start_offset = 0;
    static void fields(auto& m, auto& v) {
      v("partition", m.partition);
      v("stateEpoch", m.state_epoch);
      v("startOffset", m.start_offset);
    }
  };
  struct Topic {
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  std::string group_id;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("topics", m.topics);
  }
};

struct InitializeShareGroupStateResponse {
  static constexpr Api api{.key = 83, .versions = {0, 0}, .flexible = 0};
  std::vector<ShareStateResult> results;
  static void fields(auto& m, auto& v) { v("results", m.results); }
};

struct ReadShareGroupStateRequest {
  static constexpr Api api{.key = 84, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int32_t partition = 0;
    std::int32_t leader_epoch = 0;
    static void fields(auto& m, auto& v) {
      v("partition", m.partition);
      v("leaderEpoch", m.leader_epoch);
    }
  };
  struct Topic {
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  std::string group_id;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("topics", m.topics);
  }
};

struct ReadShareGroupStateResponse {
  static constexpr Api api{.key = 84, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int32_t partition = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    std::int32_t state_epoch = 0;
    std::int64_t start_offset = 0;
    std::vector<ShareStateBatch> state_batches;
    static void fields(auto& m, auto& v) {
      v("partition", m.partition);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("stateEpoch", m.state_epoch);
      v("startOffset", m.start_offset);
      v("stateBatches", m.state_batches);
    }
  };
  struct Topic {
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  std::vector<Topic> results;
  static void fields(auto& m, auto& v) { v("results", m.results); }
};

struct WriteShareGroupStateRequest {
  static constexpr Api api{.key = 85, .versions = {0, 1}, .flexible = 0};
  struct Partition {
    std::int32_t partition = 0;
    std::int32_t state_epoch = 0;
    std::int32_t leader_epoch = 0;
    std::int64_t start_offset = 0;
    std::int32_t delivery_complete_count = -1;  // KIP-1226
    std::vector<ShareStateBatch> state_batches;
    static void fields(auto& m, auto& v) {
      v("partition", m.partition);
      v("stateEpoch", m.state_epoch);
      v("leaderEpoch", m.leader_epoch);
      v("startOffset", m.start_offset);
      v("deliveryCompleteCount", m.delivery_complete_count, since(1));
      v("stateBatches", m.state_batches);
    }
  };
  struct Topic {
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  std::string group_id;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("topics", m.topics);
  }
};

struct WriteShareGroupStateResponse {
  static constexpr Api api{.key = 85, .versions = {0, 1}, .flexible = 0};
  std::vector<ShareStateResult> results;
  static void fields(auto& m, auto& v) { v("results", m.results); }
};

struct DeleteShareGroupStateRequest {
  static constexpr Api api{.key = 86, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int32_t partition = 0;
    static void fields(auto& m, auto& v) { v("partition", m.partition); }
  };
  struct Topic {
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  std::string group_id;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("topics", m.topics);
  }
};

struct DeleteShareGroupStateResponse {
  static constexpr Api api{.key = 86, .versions = {0, 0}, .flexible = 0};
  std::vector<ShareStateResult> results;
  static void fields(auto& m, auto& v) { v("results", m.results); }
};

struct ReadShareGroupStateSummaryRequest {
  static constexpr Api api{.key = 87, .versions = {0, 1}, .flexible = 0};
  using Topic = ReadShareGroupStateRequest::Topic;
  std::string group_id;
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("groupId", m.group_id);
    v("topics", m.topics);
  }
};

struct ReadShareGroupStateSummaryResponse {
  static constexpr Api api{.key = 87, .versions = {0, 1}, .flexible = 0};
  struct Partition {
    std::int32_t partition = 0;
    std::int16_t error_code = 0;
    std::optional<std::string> error_message;
    std::int32_t state_epoch = 0;
    std::int32_t leader_epoch = 0;
    std::int64_t start_offset = 0;
    std::int32_t delivery_complete_count = -1;
    static void fields(auto& m, auto& v) {
      v("partition", m.partition);
      v("errorCode", m.error_code);
      v("errorMessage", m.error_message);
      v("stateEpoch", m.state_epoch);
      v("leaderEpoch", m.leader_epoch);
      v("startOffset", m.start_offset);
      v("deliveryCompleteCount", m.delivery_complete_count, since(1));
    }
  };
  struct Topic {
    Uuid topic_id{};
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicId", m.topic_id);
      v("partitions", m.partitions);
    }
  };
  std::vector<Topic> results;
  static void fields(auto& m, auto& v) { v("results", m.results); }
};

}  // namespace holdfast::wire
