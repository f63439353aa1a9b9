// Partition: one replica of a topic partition on this broker: what may be appended, what may be read, and who waits
// for it. It lives on the shard of its log. Records become visible (the high watermark moves) when they satisfy the
// durability contract on every replica in sync: durable, or written for a topic with write.caching=true. The leader
// learns of the others' positions from their fetches and reports (InSyncReplicas); a follower is fed by ReplicaFetcher.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/in_sync_replicas.h"
#include "broker/metadata.h"
#include "config/settings.h"
#include "log/log.h"
#include "runtime/shards.h"
#include "wire/kafka/errors.h"

namespace holdfast {

struct RecordError {
  std::int32_t index = 0;
  std::string message;
};

struct AppendOutcome {
  wire::ErrorCode error = wire::ErrorCode::none;
  std::string message;
  bool refused_unread = false;         // for its framing, before the log was looked at
  bool message_is_for_client = false;  // otherwise the code says it all, as Kafka's does
  std::vector<RecordError> record_errors;
  Offset base{-1};
  Offset end{-1};            // what the high watermark must reach before acks=all may be answered
  std::int32_t records = 0;  // that were appended
  std::int64_t log_append_time = -1;
  Offset log_start{-1};
};

// client_before_zstd: Produce before version 7 may not carry Zstandard (KIP-110).
enum class AppendOrigin : std::uint8_t { client, client_before_zstd, coordinator };

// Waits for an end offset: `done` is called once, on the partition's shard, from the loop. Destroying it stops waiting.
struct EndWaiter : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  Offset end;
  Function<void(wire::ErrorCode)> done;
};

// Told each time the readable end moves, or the partition ceases to be led here; stays until destroyed.
struct ReadableWatch : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  Function<void()> changed;
};

// How far a fetch may read. The first two are the wire's isolation levels; followers read all that there is.
enum class ReadTo : std::int8_t { high_watermark = 0, last_stable = 1, log_end = 2 };

class Partition;

// What a partition needs of its broker. Called on the partition's shard.
class PartitionHost : public InSyncReplicas::Brokers {
 public:
  virtual bool may_lead() const = 0;  // the broker believes in its registration (Registration)
  // The state znode is to hold this; isr_written() is called when it is known what came of it.
  virtual void write_isr(Partition& partition, InSyncReplicas::Change change) = 0;
  // A follower has more on its disk than before: its leader wants to know.
  virtual void follower_durable(Partition& partition) = 0;
};

class Partition final : public LogListener {
 public:
  Partition(Shard& shard, Log& log, std::string topic, std::int32_t index, std::int32_t node_id, PartitionHost& host,
            Duration lag_max);
  ~Partition() override;
  Partition(const Partition&) = delete;

  const std::string& topic() const { return topic_; }
  std::int32_t index() const { return index_; }
  Log& log() { return *log_; }
  const Log& log() const { return *log_; }

  void configure(const TopicSettings& settings);
  const TopicSettings& settings() const { return settings_; }
  // What it sends to followers that are not in sync, what it fetches while it is not, waits for a quota (KIP-73).
  bool is_throttled_leader() const { return throttled_leader_; }
  bool is_throttled_follower() const { return throttled_follower_; }
  void become(const PartitionImage& state);  // the image's leader, epoch and ISR
  // While this broker may have lost its registration without knowing, it leads nothing: nothing is acknowledged, and
  // nothing is served that only a leader serves.
  void set_fenced(bool fenced);

  bool is_leader() const { return leader_ && !fenced_ && host_.may_lead(); }
  std::int32_t leader_id() const { return leader_id_; }  // -1: none
  LeaderEpoch leader_epoch() const { return epoch_; }
  bool online() const { return !failed_; }
  // Fewer in sync than acks=all needs: min.insync.replicas, or all replicas when there are not even as many.
  bool is_under_min_isr() const { return leader_ && in_sync_.is_under_min(); }
  Offset high_watermark() const { return high_watermark_; }
  Offset last_stable_offset() const;
  Offset readable_end(ReadTo to) const;
  // A new leader does not know yet how much of what it led with is committed: what clients could read may be less than
  // what its predecessor showed them (KIP-207).
  bool is_behind_predecessor() const { return leader_ && high_watermark_ < leads_from_; }
  // NONE, NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, KAFKA_STORAGE_ERROR. -1: not stated.
  wire::ErrorCode check_leader(std::int32_t stated_epoch) const;
  // The same for what any replica may answer (KIP-392).
  wire::ErrorCode check_replica(std::int32_t stated_epoch) const;

  // Checks a client's record batch, gives it offsets, and appends it. The bytes are changed in place: base offset,
  // leader epoch, and the timestamps of a LogAppendTime topic.
  AppendOutcome append(std::span<std::uint8_t> records, AppendOrigin origin, std::int16_t acks);

  // --- Leading: what the followers tell. ---
  // A fetch from `from` on, whose log begins at `start` and agrees with this one below `from`. False: an older life of
  // that broker (KIP-903).
  bool replica_fetched(std::int32_t replica, std::int64_t broker_epoch, Offset start, Offset from);
  void replica_durable(std::int32_t replica, std::int64_t broker_epoch, LeaderEpoch epoch, Offset end);
  // What came of write_isr(). Done: the image will tell.
  void isr_written(std::int32_t state_version, bool done);
  // Members that do not keep up leave, an ISR that could not be written is tried again.
  void review();
  const InSyncReplicas& in_sync() const { return in_sync_; }
  // What was deleted below it stays so, whoever of those in sync leads next.
  Offset low_watermark() const { return in_sync_.low_watermark(log_->durable_start()); }

  // --- Following. ---
  // Whole batches, as the leader has them. An error: they are damaged, or do not fit this log.
  Result<void> append_replicated(ByteView batches);
  void learn_high_watermark(Offset leaders);
  // The log does not agree with the leader's from `end` on. What the image says meanwhile holds afterwards.
  Task<Result<void>> truncate_to(Offset end);
  // The leader's log begins above the end of this one.
  Task<Result<void>> restart_at(Offset start);
  bool is_truncating() const { return truncating_; }
  // The log has moved to another log directory: it is this one now, and tells what happens to it. False: not now.
  bool switch_log(Log& log);
  void when_settled(Function<void()> then);  // at once unless it is truncating
  void close();                              // its log is about to go; whoever waits is told

  void when_replicated(EndWaiter& waiter) { wait(replicated_waiters_, waiter); }
  void when_written(EndWaiter& waiter) { wait(written_waiters_, waiter); }
  bool replicated(Offset end) const { return high_watermark_ >= end; }
  bool written(Offset end) const { return log_->written_end() >= end; }
  void watch(ReadableWatch& w, ReadTo to) { (to == ReadTo::log_end ? append_watches_ : watches_).push_back(w); }

  // LogListener
  void on_written(Offset end) override;
  void on_durable(Offset end) override;
  void on_failed(const Error& error) override;

  // The log begins later now: readers and followers look again.
  void notify_start();

 private:
  void notify_readers();
  AppendOutcome try_append(std::span<std::uint8_t> records, AppendOrigin origin, std::int16_t acks);
  using Waiters = boost::intrusive::list<EndWaiter, boost::intrusive::constant_time_size<false>>;
  using Watches = boost::intrusive::list<ReadableWatch, boost::intrusive::constant_time_size<false>>;

  void wait(Waiters& list, EndWaiter& waiter);
  static void release(Waiters& list, Offset end);
  static void release_all(Waiters& list, wire::ErrorCode error);
  static void tell(Watches& watches);
  void advance_high_watermark(Offset to);
  Offset position() const { return settings_.write_caching ? log_->written_end() : log_->durable_end(); }
  void consider();
  void consider_high_watermark();
  void give_up(wire::ErrorCode error);
  void truncated();

  Shard& shard_;
  Log* log_;
  std::string topic_;
  std::int32_t index_;
  std::int32_t node_id_;
  TopicSettings settings_;
  PartitionHost& host_;
  Duration lag_max_;
  InSyncReplicas in_sync_;
  bool leader_ = false;
  bool fenced_ = false;
  bool failed_ = false;
  bool truncating_ = false;
  bool throttled_leader_ = false, throttled_follower_ = false;
  std::optional<PartitionImage> state_meanwhile_;  // that came while truncating
  std::vector<Function<void()>> settled_;
  bool closed_ = false;
  std::int32_t leader_id_ = -1;
  LeaderEpoch epoch_{-1};
  Offset leads_from_{0};  // the log's end when it became the leader
  Offset high_watermark_{0};
  Waiters replicated_waiters_;
  Waiters written_waiters_;
  Watches watches_;
  Watches append_watches_;
};

}  // namespace holdfast
