// SimulatedProducer: sends batches of named records to one partition after the other, up to five batches at a time,
// again and again until each is acknowledged or its topic is gone. With sequence numbers (KIP-98) or without, at any
// acks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/simulation/brokers/cluster_client.h"
#include "tests/simulation/brokers/record_history.h"

namespace holdfast::sim {

struct ProducerOptions {
  int index = 0;
  bool idempotent = true;
  std::int16_t acks = -1;
  int in_flight_max = 5;
  int records_max = 5;  // of a batch
  std::size_t bytes_max = 100;
  Duration think_max = std::chrono::milliseconds(300);
  Duration between_batches{};  // of a window: up to that
};

class SimulatedProducer {
 public:
  SimulatedProducer(World& world, Shard& shard, std::string address, int brokers, ProducerOptions options,
                    RecordHistory& history);

  Task<void> run();
  void finish() { finishing_ = true; }  // nothing new; what was sent is brought to its end
  void abandon() { abandoned_ = finishing_ = true; }
  bool is_done() const { return done_; }
  std::string waits_for() const;

 private:
  struct Batch {
    LogId to;
    std::int64_t first = 0;  // number of its first record
    int records = 0;
    std::int32_t sequence = -1;
    bool settled = false;     // acknowledged
    bool returned = false;    // of the last attempt is known what came of it
    std::int16_t error = -1;  // of the last attempt; -1: no answer
  };

  Task<bool> prepare();
  bool choose_target(LogId& out);
  Task<void> deliver(LogId to);
  Task<void> send_all();
  Task<void> send(Batch& batch);
  std::vector<std::uint8_t> encode(const Batch& batch) const;
  bool settle(const LogId& to);
  void start_again();

  RecordHistory& history_;
  const ProducerOptions options_;
  ClusterClient client_;
  Gate gate_;
  std::vector<Batch> window_;
  std::size_t under_way_ = 0;
  Function<void()> all_back_;
  std::int64_t next_number_ = 0;
  std::int64_t producer_id_ = -1;
  std::int16_t producer_epoch_ = -1;
  std::map<LogId, std::int32_t> sequences_;  // the next ones
  bool finishing_ = false, abandoned_ = false, done_ = false;
};

}  // namespace holdfast::sim
