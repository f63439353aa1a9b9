// ProduceLoad: an idempotent producer that writes to every partition of a topic until it is stopped, and keeps a
// journal of what was acknowledged, outside of all servers. Each record says its partition and its number in the order
// in which they were sent.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/cluster/load_producer.h"

namespace holdfast::test {

class ProduceLoad {
 public:
  ProduceLoad(std::string brokers, std::string topic, int partitions, std::size_t value_bytes = 0,
              ProducedBy by = ProducedBy::librdkafka);
  ~ProduceLoad() { stop(); }

  void stop();
  std::size_t acknowledged() const { return count_; }
  bool wait_for_more(std::size_t more) const;
  bool wait_for_more_of_each(std::size_t more) const;                         // partition
  std::chrono::milliseconds longest_pause() const { return longest_pause_; }  // between two acknowledgements; stopped

  // After stop(): everything is read back. Nothing that was acknowledged is missing or elsewhere, nothing is there
  // twice or out of order, and there are no gaps.
  void check(const std::string& brokers) const;
  void check_with_kafka_python(const std::string& brokers) const;  // the same, read by another's client

 private:
  using Found = std::map<std::int64_t, std::string>;  // by offset
  struct Sending {
    LoadProducer& producer;
    int sent;
    std::chrono::steady_clock::time_point last;  // acknowledgement
    std::vector<std::size_t> waiting;            // by partition
    std::size_t seen;                            // acknowledgements
  };
  void run();
  void send_some(Sending& sending);
  void take(Sending& sending);
  void check(int partition, const Found& found) const;

  static constexpr std::size_t waiting_max = 200;  // of a partition
  const std::string brokers_, topic_;
  const int partitions_;
  const std::size_t value_bytes_;
  const ProducedBy by_;
  std::map<std::pair<int, std::int64_t>, std::string> journal_;  // partition, offset
  std::set<std::pair<int, std::string>> unplaced_;               // partition, what was acknowledged without an offset
  bool may_double_ = false;                                      // the producer says so
  std::chrono::milliseconds longest_pause_{0};
  std::atomic<std::size_t> count_ = 0;
  std::vector<std::atomic<std::size_t>> of_partition_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> failed_ = false;  // for good
  std::thread thread_;
};

}  // namespace holdfast::test
