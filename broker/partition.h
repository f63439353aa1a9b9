// Partition: one replica of a topic partition on this broker: what may be appended, what may be read, and who waits
// for it. It lives on the shard of its log. Records become visible (the high watermark moves) when they satisfy the
// durability contract: durable, or written for a topic with write.caching=true.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

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

class Partition final : public LogListener {
 public:
  Partition(Shard& shard, Log& log, std::string topic, std::int32_t index, std::int32_t node_id);
  ~Partition() override;
  Partition(const Partition&) = delete;

  const std::string& topic() const { return topic_; }
  std::int32_t index() const { return index_; }
  Log& log() { return log_; }

  void configure(const TopicSettings& settings);
  const TopicSettings& settings() const { return settings_; }
  void become(const PartitionImage& state);  // the image's leader, epoch and ISR

  bool is_leader() const { return leader_; }
  LeaderEpoch leader_epoch() const { return epoch_; }
  bool online() const { return !failed_; }
  // Fewer in sync than acks=all needs: min.insync.replicas, or all replicas when there are not even as many.
  bool is_under_min_isr() const;
  Offset high_watermark() const { return high_watermark_; }
  Offset last_stable_offset() const;
  // The end a consumer may read to (isolation: 0 read_uncommitted, 1 read_committed).
  Offset readable_end(std::int8_t isolation) const { return isolation == 1 ? last_stable_offset() : high_watermark_; }
  // NONE, NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, KAFKA_STORAGE_ERROR. -1: not stated.
  wire::ErrorCode check_leader(std::int32_t stated_epoch) const;

  // Checks a client's record batch, gives it offsets, and appends it. The bytes are changed in place: base offset,
  // leader epoch, and the timestamps of a LogAppendTime topic.
  AppendOutcome append(std::span<std::uint8_t> records, AppendOrigin origin, std::int16_t acks);

  void when_replicated(EndWaiter& waiter) { wait(replicated_waiters_, waiter); }
  void when_written(EndWaiter& waiter) { wait(written_waiters_, waiter); }
  bool replicated(Offset end) const { return high_watermark_ >= end; }
  bool written(Offset end) const { return log_.written_end() >= end; }
  void watch(ReadableWatch& w) { watches_.push_back(w); }

  // LogListener
  void on_written(Offset end) override;
  void on_durable(Offset end) override;
  void on_failed(const Error& error) override;

  // The log start moved, or something else that readers must look at again.
  void notify_readers();

 private:
  using Waiters = boost::intrusive::list<EndWaiter, boost::intrusive::constant_time_size<false>>;
  using Watches = boost::intrusive::list<ReadableWatch, boost::intrusive::constant_time_size<false>>;

  void wait(Waiters& list, EndWaiter& waiter);
  static void release(Waiters& list, Offset end);
  static void release_all(Waiters& list, wire::ErrorCode error);
  void advance_high_watermark(Offset to);

  Shard& shard_;
  Log& log_;
  std::string topic_;
  std::int32_t index_;
  std::int32_t node_id_;
  TopicSettings settings_;
  bool leader_ = false;
  bool failed_ = false;
  LeaderEpoch epoch_{-1};
  std::size_t isr_size_ = 0;
  std::size_t replica_count_ = 0;
  Offset high_watermark_{0};
  Waiters replicated_waiters_;
  Waiters written_waiters_;
  Watches watches_;
};

}  // namespace holdfast
