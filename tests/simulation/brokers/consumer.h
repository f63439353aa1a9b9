// SimulatedConsumer: reads partitions from their leaders and, now and then, from their followers (KIP-392), and keeps
// to what a consumer may rely on: what it has read is still there and still the same.
#pragma once

#include <map>
#include <string>

#include "tests/simulation/brokers/cluster_client.h"
#include "tests/simulation/brokers/record_history.h"
#include "wire/kafka/fetch.h"

namespace holdfast::sim {

class SimulatedConsumer {
 public:
  SimulatedConsumer(World& world, Shard& shard, std::string address, int brokers, Duration think_max,
                    RecordHistory& history);

  Task<void> run();
  void finish() { finishing_ = true; }
  bool is_done() const { return done_; }

  // All of a partition, from its leader, and the verdict of the history. False: not now.
  Task<bool> read_all(LogId id);
  ClusterClient& client() { return client_; }

 private:
  struct Position {
    Offset next{-1};  // -1: from the start of the log
    LeaderEpoch epoch{-1};
  };
  struct Fetched {
    std::int16_t error = -1;  // -1: no answer
    Offset high_watermark{-1}, log_start{-1}, next{-1};
    std::vector<FoundRecord> records;
  };

  Task<Fetched> fetch(LogId id, std::int32_t broker, Position at);
  Task<void> follow(LogId id);
  Task<std::optional<Offset>> list_offset(LogId id, std::int32_t leader, LeaderEpoch epoch, std::int64_t timestamp);
  Task<void> judge_out_of_range(LogId id, std::int32_t broker);
  Task<void> judge_end(LogId id, std::int32_t broker);
  void take(const LogId& id, const Position& at, const wire::FetchResponse::Partition& from, Fetched& out);

  RecordHistory& history_;
  const Duration think_max_;
  ClusterClient client_;
  std::map<LogId, Position> positions_;
  bool finishing_ = false, done_ = false;
};

}  // namespace holdfast::sim
