// LibraryConsumer: the consumer of the client library (client/consumer.h) among the simulated clients: alone, of all
// partitions that there are, or as a member of a group that reads one topic. It is held to what it promises: records
// come in their order, and the members of a group miss none between them, whoever dies, and whatever is committed when.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "client/consumer.h"
#include "runtime/function.h"
#include "tests/simulation/brokers/record_history.h"
#include "tests/simulation/world.h"

namespace holdfast::sim {

// What the members of a group were given so far.
struct GroupReading {
  std::string group, topic;
  std::map<std::int32_t, std::set<Offset>> read;

  // A record of the topic that nobody was given.
  std::optional<std::pair<LogId, Offset>> missing(const RecordHistory& history) const;
};

class LibraryConsumer {
 public:
  // `reading`: of the group that it is a member of; null: it reads alone. It ends once everybody has `no_more` to
  // write, and a member when the group has read it all.
  LibraryConsumer(World& world, Shard& shard, std::string address, int brokers, int index, GroupReading* reading,
                  Duration think_max, Function<bool()> no_more, RecordHistory& history);

  Task<void> run();
  void finish() { finishing_ = true; }
  void abandon() { abandoned_ = finishing_ = true; }
  bool is_done() const { return done_; }
  std::string waits_for() const;

 private:
  client::ConsumerOptions options();
  bool is_over();
  Task<void> find_partitions();
  void judge(const client::ConsumedRecords& records);

  World& world_;
  RecordHistory& history_;
  const int index_;
  GroupReading* const reading_;
  const Duration think_max_;
  Function<bool()> no_more_;
  client::Cluster cluster_;
  client::Consumer consumer_;
  std::set<client::TopicPartition> assigned_;            // alone
  std::map<client::TopicPartition, std::int64_t> last_;  // alone
  SteadyTime next_look_{};
  bool finishing_ = false, abandoned_ = false, done_ = false;
};

}  // namespace holdfast::sim
