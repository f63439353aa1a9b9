// RecordHistory: what producers sent and were told, what consumers were shown, and what is there in the end. It finds
// what no replicated log may do: lose or change a record that was acknowledged or shown, have a record twice or out of
// its order that was to be written once, or show one that nobody sent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "log/log.h"
#include "runtime/function.h"
#include "tests/simulation/history.h"

namespace holdfast::sim {

// The n-th record of a producer. A record's value begins with it, as text.
struct RecordName {
  int producer = 0;
  std::int64_t number = 0;
  friend auto operator<=>(const RecordName&, const RecordName&) = default;
};
std::string to_string(const RecordName& name);
std::optional<RecordName> record_name(std::string_view value);
std::string to_string(const LogId& id);

// What a topic promises.
struct TopicRules {
  bool durable = true;   // false: acknowledged from memory, or led by whoever is there: nothing is promised
  bool retained = true;  // false: retention takes what is old
};

// A record as it is found in a log.
struct FoundRecord {
  Offset offset;
  RecordName name;
};

class RecordHistory {
 public:
  void set_time(Function<SteadyTime()> now) { now_ = std::move(now); }
  // Told when it has become known what a partition holds, and where it begins.
  void on_known(Function<void(const LogId&)> known) { on_known_ = std::move(known); }
  void on_trimmed(Function<void(const LogId&, Offset)> trimmed) { on_trimmed_ = std::move(trimmed); }
  void topic(const Uuid& id, TopicRules rules, const std::string& name = {});
  // It may be gone at any time from now on.
  void may_be_deleted(const Uuid& id) { deleted_.insert(id); }
  bool is_durable(const Uuid& id) const;
  bool is_known(const Uuid& id) const { return topics_.contains(id); }
  bool is_deletable(const Uuid& id) const { return deleted_.contains(id); }
  // Of the topic that has that name; nothing: it may be another one's at any time.
  std::optional<Uuid> only_id_of(const std::string& name) const;

  // `once`: with sequence numbers, in this order and no more than once.
  void sent(const LogId& id, RecordName name, bool once);
  // By who knows topics by their names alone: it may arrive in each that has the name.
  void sent_by_name(const std::string& topic, std::int32_t partition, RecordName name, bool once);
  void acknowledged(const LogId& id, RecordName name, Offset at);  // with acks=all
  void seen(const LogId& id, Offset at, RecordName name);
  // Two batches that begin at one offset of one epoch are one batch.
  void batch_seen(const LogId& id, LeaderEpoch epoch, Offset base, std::uint32_t crc);
  void may_be_trimmed(const LogId& id, Offset to);
  void trim_acknowledged(const LogId& id, Offset low);
  Offset last_known(const LogId& id) const;                   // -1: nothing is
  std::vector<LogId> partitions_of(const Uuid& topic) const;  // of which anything is known
  // The first that is known and not among those; nothing: all are.
  std::optional<Offset> first_missing(const LogId& id, const std::set<Offset>& among) const;
  void complaint(std::string what);
  // All copies of some group's offsets were lost: what was committed is, too.
  void groups_may_be_lost() { groups_are_lost_ = true; }
  bool groups_are_lost() const { return groups_are_lost_; }
  bool take_producer_id(std::int64_t id) { return producer_ids_.insert(id).second; }  // false: somebody has it

  // All that a partition holds in the end, from its start to its high watermark.
  void found(const LogId& id, Offset start, Offset end, const std::vector<FoundRecord>& records);

  const Violations& violations() const { return violations_; }
  std::uint64_t acknowledged_count() const { return acknowledged_count_; }
  std::uint64_t seen_count() const { return seen_count_; }
  std::uint64_t found_count() const { return found_count_; }

 private:
  struct Sent {
    std::uint32_t attempts = 0;
    bool once = false;
  };
  struct Partition {
    std::map<RecordName, Sent> sent;
    std::map<Offset, RecordName> known;  // acknowledged or seen
    std::map<std::pair<LeaderEpoch, Offset>, std::uint32_t> batches;
    Offset trim_asked{0}, trimmed{0};
  };
  void know(const LogId& id, Offset at, RecordName name, const char* how);
  const Sent* find_sent(const LogId& id, RecordName name) const;

  Function<SteadyTime()> now_ = [] { return SteadyTime(); };
  Function<void(const LogId&)> on_known_;
  Function<void(const LogId&, Offset)> on_trimmed_;
  std::map<Uuid, TopicRules> topics_;
  std::map<Uuid, std::string> names_;
  std::map<std::pair<std::string, std::int32_t>, std::map<RecordName, Sent>> sent_by_name_;
  std::set<Uuid> deleted_;
  std::set<std::int64_t> producer_ids_;
  bool groups_are_lost_ = false;
  std::map<LogId, Partition> partitions_;
  Violations violations_;
  std::uint64_t acknowledged_count_ = 0, seen_count_ = 0, found_count_ = 0;
};

}  // namespace holdfast::sim
