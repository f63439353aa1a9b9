// Fetcher: keeps records of a consumer's partitions at hand. Of each broker it has one fetch under way, in a fetch
// session (KIP-227); what arrived waits in memory until take() hands it out, partition after partition. A partition
// whose records wait is not asked for, nor is anything once `prefetch_bytes_max` wait.
//
// It also finds the position to start from (ListOffsets), fetches from the closest replica where the leader names one
// (KIP-392), and, when a leader's epoch has changed, asks whether what was read so far is still there (KIP-320).
// Lives on its cluster's shard.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/admin_types.h"
#include "client/cluster.h"
#include "client/record_view.h"
#include "client/wait_list.h"
#include "wire/kafka/fetch.h"

namespace holdfast::client {

struct FetchOptions {
  IsolationLevel isolation = IsolationLevel::read_uncommitted;
  Duration wait_max = std::chrono::milliseconds(500);  // fetch.max.wait.ms
  std::int32_t bytes_min = 1;                          // fetch.min.bytes
  std::int32_t bytes_max = 50 << 20;                   // fetch.max.bytes, of one answer
  std::int32_t partition_bytes_max = 1 << 20;          // max.partition.fetch.bytes
  std::size_t prefetch_bytes_max = 64 << 20;           // waiting in memory; an answer under way may go beyond it
  bool check_crcs = true;
  std::string rack;                 // client.rack
  std::optional<OffsetSpec> reset;  // auto.offset.reset, where a position is out of range; nothing: a failure
};

struct FetchPosition {
  std::int64_t offset = -1;
  std::int32_t epoch = -1;  // of the record before it; -1: not known
};

struct FetchLag {
  std::int64_t high_watermark = -1, last_stable_offset = -1, log_start_offset = -1;  // -1: not known yet
};

class Fetcher {
 public:
  // `changed`: there may be something to take(), or to read with position().
  Fetcher(Cluster& cluster, FetchOptions options, Function<void()> changed);
  ~Fetcher();  // stop() must have returned
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;
  Task<void> stop();  // waits for fetches under way: as long as `wait_max`, unless the cluster was stopped before

  void add(const TopicPartition& partition);  // without a position: nothing is fetched
  void remove(const TopicPartition& partition);
  bool has(const TopicPartition& partition) const { return partitions_.contains(partition); }
  bool wants_position(const TopicPartition& partition) const;  // nobody has sought since it was added
  std::vector<TopicPartition> partitions() const;

  // What was fetched so far is dropped. False: it is not one of ours.
  bool seek(const TopicPartition& partition, FetchPosition to);
  bool seek(const TopicPartition& partition, OffsetSpec to);
  bool pause(const TopicPartition& partition, bool paused);
  bool is_paused(const TopicPartition& partition) const;
  // Of the next record that take() gives; none while it is being looked for.
  std::optional<FetchPosition> position(const TopicPartition& partition) const;
  FetchLag lag(const TopicPartition& partition) const;

  // Up to `count_max` records of the partition whose turn it is; empty: nothing has arrived. A failure is about one
  // partition, and is told once: it then stands still until somebody seeks.
  Outcome<ConsumedRecords> take(std::size_t count_max);

 private:
  enum class State { unset, listing, validating, ready, failed };
  struct Partition;
  struct Session;
  using Partitions = std::map<TopicPartition, std::unique_ptr<Partition>>;

  Partition* find(const TopicPartition& partition) const;
  void drop_records(Partition& p);
  void fail(Partition& p, wire::ErrorCode code, std::string_view what = {});
  void leader_lost(Partition& p, std::optional<PartitionLeader> hint = {});
  void kick();
  void step();

  // ---- fetcher.cpp
  bool may_fetch(const Partition& p) const;
  std::int32_t fetches_from(Partition& p) const;
  Task<void> fetch(Session& session, wire::FetchRequest request);
  wire::FetchRequest make_request(Session& session, const std::vector<Partition*>& wanted, bool others_wait);
  void answered(Session& session, Answer<wire::FetchResponse>& answer);
  void take_in(Session& session, Partition& p, wire::FetchResponse::Partition& from, const Bytes& frame);
  void refused(Session& session, Partition& p, const wire::FetchResponse::Partition& from);
  Task<void> pause_session(Session& session);

  // ---- fetcher_positions.cpp
  bool needs_work(const Partition& p) const;
  Task<void> find_positions();
  Task<bool> find_leaders();
  Task<void> list_offsets(std::int32_t node, std::vector<TopicPartition> partitions);
  Task<void> validate(std::int32_t node, std::vector<TopicPartition> partitions);
  void listed(Partition& p, wire::ErrorCode code, std::int64_t offset, std::int32_t epoch);
  void validated(Partition& p, wire::ErrorCode code, std::int32_t epoch, std::int64_t end_offset);

  Cluster& cluster_;
  Shard& shard_;
  const FetchOptions options_;
  Function<void()> changed_;
  Partitions partitions_;
  std::map<std::int32_t, std::unique_ptr<Session>> sessions_;
  std::deque<Partition*> turns_;  // partitions with records, or with a failure to tell
  std::size_t waiting_bytes_ = 0;
  std::uint64_t last_serial_ = 0;
  bool kicked_ = false, finding_ = false, stopping_ = false;
  WaitList work_;  // find_positions(), and sessions that pause
  Gate gate_;
};

// Internal to the two files of the fetcher.
struct Fetcher::Partition {
  std::shared_ptr<const TopicPartition> name;
  State state = State::unset;
  FetchPosition position;                  // of the next record to take
  FetchPosition next;                      // to fetch
  std::uint64_t serial = 0;                // changes with every seek: answers to what was asked before are dropped
  OffsetSpec spec = OffsetSpec::latest();  // while listing
  PartitionLeader leader;                  // -1: to be found
  std::int32_t validated_epoch = -1;       // under which the position was found good
  std::int32_t preferred = -1;             // replica to fetch from instead of the leader
  SteadyTime preferred_until{};
  bool paused = false;
  std::deque<FetchedRecords> records;
  std::size_t bytes = 0;
  std::optional<Failure> failure;
  bool in_turn = false;
  FetchLag lag;
};

struct Fetcher::Session {
  struct Asked {
    std::int64_t offset = -1;
    std::int32_t leader_epoch = -1;
    std::uint64_t serial = 0;
    Uuid topic_id{};
  };
  std::int32_t node = -1;
  std::int32_t id = 0, epoch = 0;         // as the next request states them
  std::map<TopicPartition, Asked> asked;  // what the broker's session holds
  std::map<Uuid, std::string> names;      // of the topics in it
  bool by_id = false;
  bool busy = false;
  int failures = 0;  // in a row

  // The next request begins a new session.
  void reset() {
    epoch = 0;
    asked.clear();
  }
};

}  // namespace holdfast::client
