// ReplicaReport: from a follower to a partition's leader, among Holdfast's brokers only: how far its log is on disk,
// whenever that has moved. A fetch cannot say it in time: it waits at the leader for more data, while the data before
// waits for its disk. One way: there is no reply. The key is none of Kafka's, and is not advertised.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct ReplicaReport {
  static constexpr Api api{.key = 10001, .versions = {0, 0}, .flexible = 0};
  struct Partition {
    std::int32_t partition = 0;
    std::int32_t leader_epoch = -1;   // under which it follows
    std::int64_t durable_offset = 0;  // everything below is on its disk
    static void fields(auto& m, auto& v) {
      v("partition", m.partition);
      v("leaderEpoch", m.leader_epoch);
      v("durableOffset", m.durable_offset);
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
  std::int32_t replica_id = -1;
  std::int64_t replica_epoch = -1;  // of its registration
  bool answer_fetch = false;        // the fetch that waits on this connection is to be answered now
  std::vector<Topic> topics;
  static void fields(auto& m, auto& v) {
    v("replicaId", m.replica_id);
    v("replicaEpoch", m.replica_epoch);
    v("answerFetch", m.answer_fetch);
    v("topics", m.topics);
  }
};

}  // namespace holdfast::wire
