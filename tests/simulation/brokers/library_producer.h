// LibraryProducer: the producer of the client library (client/producer.h) among the simulated clients: it finds
// leaders, retries, gives up and begins anew by itself, and is held to what it promises: nothing accepted is lost, or
// there twice, or out of its order, and when the faults are over all of it is delivered.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "client/producer.h"
#include "tests/simulation/brokers/record_history.h"
#include "tests/simulation/world.h"

namespace holdfast::sim {

// Of a library's client at that address: what it needs to find the brokers, with chance from the seed.
client::ClusterOptions library_options(World& world, const std::string& address, int brokers);

class LibraryProducer {
 public:
  LibraryProducer(World& world, Shard& shard, std::string address, int brokers, int index, Duration think_max,
                  RecordHistory& history);

  Task<void> run();
  void finish() { finishing_ = true; }  // nothing new; what was accepted is brought to its end
  void abandon();
  bool is_done() const { return done_; }
  std::string waits_for() const;

 private:
  client::ProducerOptions options();
  bool choose_target(client::TopicPartition& out);
  Task<void> write_some(client::TopicPartition to);
  void told(const client::Delivery& delivery, const client::Failure* failure);

  World& world_;
  RecordHistory& history_;
  const int index_;
  const Duration think_max_;
  Gate gate_;
  client::Cluster cluster_;
  std::int16_t acks_ = -1;
  client::Producer producer_;
  std::map<std::int64_t, client::TopicPartition> open_;  // accepted, and nothing is known of them
  std::int64_t next_number_ = 0;
  bool finishing_ = false, abandoned_ = false, done_ = false;
};

}  // namespace holdfast::sim
