// Producer: sends records to the partitions of a cluster, many at a time. A record is encoded at once into the batch of
// its partition; batches leave when they are full or have waited for linger, several partitions' in one request.
//
//   ProducerRecord record("orders", "key", "value");
//   auto delivered = co_await producer.send(record);    // until the brokers have it
//   auto accepted = co_await producer.enqueue(record);  // until there was room for it
//   auto now = producer.try_send(record);               // false: enqueue() would wait
//
// Order: records of one partition arrive in the order in which they were accepted, over retries too; what failed is
// left out. With idempotence (the default) none arrives twice, whatever is lost on the way. Requests are tried again,
// as long as it makes sense, until delivery_timeout is over; then, or where trying again would be in vain, the record
// fails. Every accepted record is reported exactly once; those of a partition in their order, but for a batch that a
// broker said it had not taken when it had.
//
// There are no transactions yet: no broker here serves them. Lives on the cluster's shard.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/cluster.h"
#include "client/failure.h"
#include "client/produce_batch.h"
#include "client/wait_list.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::client {

// A record to be sent. It refers to its parts: they must stay until it was accepted.
struct ProducerRecord {
  std::string_view topic;
  std::optional<ByteView> key, value;  // nothing: null
  std::span<const wire::RecordHeader> headers;
  std::optional<std::int32_t> partition;  // nothing: that of the key's hash; without a key, one that suits
  std::optional<std::int64_t> timestamp;  // milliseconds since 1970; nothing: now
  std::uint64_t tag = 0;                  // comes back in Delivery

  ProducerRecord() = default;
  ProducerRecord(std::string_view to, std::string_view v) : topic(to), value(as_bytes(v)) {}
  ProducerRecord(std::string_view to, std::string_view k, std::string_view v)
      : topic(to), key(as_bytes(k)), value(as_bytes(v)) {}
};

struct Delivery {
  std::string_view topic;  // valid as long as the producer
  std::int32_t partition = -1;
  std::int64_t offset = -1;     // -1: unknown, as with acks 0
  std::int64_t timestamp = -1;  // the broker's where the topic has LogAppendTime
  std::uint64_t tag = 0;
};

struct ProducerOptions {
  std::int16_t acks = -1;  // 0: no reply, 1: the leader has it, -1: all in-sync replicas have it
  bool idempotent = true;  // needs acks -1; switched off by other acks
  wire::Codec codec = wire::Codec::none;
  int compression_level = -1;                           // the codec's default
  std::size_t batch_bytes = 1'000'000;                  // batch.size, before compression
  Duration linger = std::chrono::milliseconds(5);       // how long a batch waits to become full
  std::size_t buffer_bytes = 64 << 20;                  // buffer.memory: of records accepted and not yet delivered
  Duration max_block = std::chrono::seconds(60);        // how long enqueue() waits, for room and for metadata
  std::size_t request_bytes_max = 1 << 20;              // max.request.size, of a record before compression too
  Duration request_timeout = std::chrono::seconds(30);  // of one attempt
  Duration delivery_timeout = std::chrono::seconds(120);
  int in_flight_max = 5;  // requests to one broker; more than 5 would be too many for idempotence
  // Told about every record that was accepted, from the shard. With failure: it is not known to be in the log.
  Function<void(const Delivery&, const Failure* failure)> on_delivery;
};

class Producer {
 public:
  Producer(Cluster& cluster, ProducerOptions options);
  ~Producer();  // stop() must have returned
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // True: accepted, the record's parts are not needed any more. False: there is no room, or nothing is known of the
  // topic yet. Failures: MESSAGE_TOO_LARGE; UNKNOWN_TOPIC_OR_PARTITION, the topic has no such partition.
  Outcome<bool> try_send(const ProducerRecord& record) { return accept(record, nullptr); }
  // Waits until it is accepted. REQUEST_TIMED_OUT after max_block; failures of the topic, as INVALID_TOPIC_EXCEPTION.
  Task<Outcome<>> enqueue(ProducerRecord record);
  Task<Outcome<Delivery>> send(ProducerRecord record);  // until its fate is known

  Task<void> flush();  // until all that was accepted so far is delivered, or has failed
  // Delivers what was accepted, for `at_most`; what is left then fails. Nothing is accepted any more.
  Task<void> stop(Duration at_most = std::chrono::seconds(30));

  std::size_t buffered_bytes() const { return buffered_; }
  Cluster& cluster() { return cluster_; }

 private:
  struct Topic;
  struct Queue;    // of a partition
  struct Node;     // a broker that leads some of them
  struct Sending;  // a request under way
  using Batch = std::unique_ptr<ProduceBatch>;

  // What is accepted, and reported.
  Outcome<bool> accept(const ProducerRecord& record, ProduceBatch::Waiter* waiter);
  Task<Outcome<>> until_accepted(const ProducerRecord& record, ProduceBatch::Waiter* waiter);
  Task<Outcome<>> until_known(std::string topic, SteadyTime deadline);
  Topic* topic_of(std::string_view name);
  Outcome<std::int32_t> choose_partition(Topic& topic, const ProducerRecord& record);
  void switch_sticky(Topic& topic);
  void open_batch(Queue& queue, std::size_t bytes);
  void close_open(Queue& queue);
  void look_at_open();
  void over(const ProduceBatch& batch);
  void delivered(Queue& queue, Batch batch, std::int64_t base_offset, std::int64_t append_time);
  void fail_batch(Queue& queue, ProduceBatch& batch, const Failure& failure);
  void fail_all(Queue& queue, const Failure& failure);

  // What leaves, and comes back: producer_sender.cpp.
  std::int32_t leader_of(const Queue& queue) const;
  bool is_due(const Queue& queue, SteadyTime now) const;
  bool may_send(const Queue& queue, SteadyTime now) const;
  void look_soon(Queue& queue);
  void look_at(Queue& queue);
  void expire(Queue& queue, SteadyTime now);
  void pump_soon();
  void pump();
  void route();
  void send_to(Node& node);
  std::unique_ptr<Sending> next_request(Node& node);
  bool may_be_stamped(Queue& queue);
  Batch take(Queue& queue);
  Task<void> find_leader(Queue& queue);
  Task<void> initialise();
  Task<void> deliver(Node& node, std::unique_ptr<Sending> sending);
  void answered(Node& node, Sending& sending, const wire::ProduceResponse& response);
  void returned(Queue& queue, Batch batch, const Failure& failure, bool leader_changed);
  void split(Queue& queue, Batch batch);

  Cluster& cluster_;
  Shard& shard_;
  ProducerOptions options_;
  std::unordered_map<std::string_view, std::unique_ptr<Topic>> topics_;  // keys refer to the topics' names
  Topic* last_topic_ = nullptr;
  std::map<std::int32_t, std::unique_ptr<Node>> nodes_;
  std::vector<Queue*> to_look_at_, to_route_;
  std::optional<ProducerIdentity> identity_;
  bool initialising_ = false;
  bool pump_deferred_ = false;
  std::size_t buffered_ = 0;
  std::uint64_t last_serial_ = 0;
  std::multiset<std::uint64_t> incomplete_;  // batches, by serial
  std::vector<std::int32_t> queued_;         // by partition; of switch_sticky
  std::uint64_t flush_up_to_ = 0;            // batches up to this one are due at once
  WaitList room_, progress_;
  bool stopping_ = false, given_up_ = false;
  Gate gate_;
};

}  // namespace holdfast::client
