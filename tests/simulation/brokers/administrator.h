// Administrator: creates and deletes topics, moves partitions, trims logs, changes settings and elects leaders, of any
// broker and all the time. A topic's name says what it promises, so that it is known whoever created it and when.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tests/simulation/brokers/cluster_client.h"
#include "tests/simulation/brokers/record_history.h"

namespace holdfast::sim {

inline constexpr const char* stable_topic = "stable";  // is there from the beginning to the end

class Administrator {
 public:
  Administrator(World& world, Shard& shard, std::string address, int brokers, std::map<std::string, Duration> storms,
                RecordHistory& history);

  Task<void> run();
  void finish() { finishing_ = true; }
  bool is_done() const { return done_; }
  // Where all that were in sync have lost their disks, nothing is promised any more, and somebody has to decide:
  // whoever is there leads.
  Task<void> rescue(SteadyTime until);
  // Asks what topics there are: the history has to know of all.
  Task<bool> look();
  // Every broker knows of a leader of every partition, with all replicas in sync. What is missing, if not.
  Task<bool> all_is_well();
  const std::string& missing() const { return missing_; }
  ClusterClient& client() { return client_; }
  const std::map<std::string, std::uint64_t>& done_so_far() const { return counts_; }
  static const std::vector<std::string>& kinds();

 private:
  struct Kind {
    const char* name;
    Task<bool> (Administrator::*work)();
  };
  static const std::vector<Kind>& table();

  Task<bool> create_topic();
  Task<bool> create(std::string name);
  Task<bool> delete_topic();
  Task<bool> add_partition();
  Task<bool> reassign();
  Task<bool> cancel();
  Task<bool> elect();
  Task<bool> trim();
  Task<bool> change_min_isr();
  bool some_partition(std::string& topic, LogId& out);
  std::vector<std::int32_t> some_brokers(std::size_t least);

  RecordHistory& history_;
  ClusterClient client_;
  const std::map<std::string, Duration> storms_;
  std::map<std::string, std::uint64_t> counts_;
  // By name, as it is asked: it may arrive when the name is another topic's.
  std::map<std::pair<std::string, std::int32_t>, Offset> trims_;
  std::string missing_;
  bool finishing_ = false, done_ = false;
};

}  // namespace holdfast::sim
