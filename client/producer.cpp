#include "client/producer.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/partitioner.h"
#include "client/producer_parts.h"

namespace holdfast::client {

using wire::ErrorCode;

namespace {

constexpr std::size_t batch_bytes_first = 4096;  // of a partition's first batch; later ones begin with the last one's
constexpr std::size_t request_bytes_min = 1024;
constexpr std::size_t sticky_bytes_max = 64 << 10;  // without keys: to one partition, then to another
constexpr int idempotent_in_flight_max = 5;         // sequences that brokers remember of a partition

std::unexpected<Failure> producer_stopped() { return failed(ErrorCode::network_exception, "the producer was stopped"); }

}  // namespace

Producer::Producer(Cluster& cluster, ProducerOptions options)
    : cluster_(cluster), shard_(cluster.shard()), options_(std::move(options)), room_(shard_), progress_(shard_) {
  if (options_.acks != -1) options_.idempotent = false;
  options_.in_flight_max = std::max(options_.in_flight_max, 1);
  if (options_.idempotent) options_.in_flight_max = std::min(options_.in_flight_max, idempotent_in_flight_max);
  options_.request_bytes_max = std::max(options_.request_bytes_max, request_bytes_min);
  options_.buffer_bytes = std::max(options_.buffer_bytes, request_bytes_min);
  options_.batch_bytes = std::min(options_.batch_bytes, options_.request_bytes_max);
}

Producer::~Producer() { HOLDFAST_CHECK(gate_.holders() == 0 && incomplete_.empty()); }

// ---- Accepting ----

Outcome<bool> Producer::accept(const ProducerRecord& record, ProduceBatch::Waiter* waiter) {
  if (stopping_) return producer_stopped();
  const std::size_t bytes = ProduceBatch::bytes_of(record.key, record.value, record.headers);
  const std::size_t bytes_max = std::min(options_.request_bytes_max, options_.buffer_bytes) - wire::batch_header_bytes;
  if (bytes > bytes_max)
    return failed(ErrorCode::message_too_large,
                  fmt::format("a record of {} bytes is larger than max.request.size or buffer.memory allow ({})", bytes,
                              bytes_max));
  Topic* topic = topic_of(record.topic);
  if (!topic || buffered_ + bytes > options_.buffer_bytes) return false;
  auto partition = choose_partition(*topic, record);
  if (!partition) return failed(partition);
  Queue& queue = *topic->queues[static_cast<std::size_t>(*partition)];

  if (queue.open && queue.open->bytes() + bytes > options_.batch_bytes) close_open(queue);
  if (!queue.open) open_batch(queue, bytes);
  const std::int64_t timestamp = record.timestamp ? *record.timestamp : shard_.clock().wall_ms();
  queue.open->append(timestamp, record.key, record.value, record.headers);
  queue.open->accounted += bytes;
  buffered_ += bytes;
  if (options_.on_delivery) queue.open->mark(record.tag, timestamp);
  if (waiter) {
    waiter->timestamp = timestamp;
    queue.open->add_waiter(*waiter);
  }
  if (*partition == topic->sticky && !record.key && !record.partition) {
    topic->sticky_bytes += bytes;
    if (topic->sticky_bytes >= std::min(options_.batch_bytes, sticky_bytes_max)) switch_sticky(*topic);
  }
  return true;
}

// Null: its partitions are not known.
Producer::Topic* Producer::topic_of(std::string_view name) {
  Topic* topic = last_topic_;
  if (!topic || topic->name != name) {
    const auto it = topics_.find(name);
    if (it == topics_.end()) {
      if (!cluster_.metadata().topic(std::string(name))) return nullptr;
      auto fresh = std::make_unique<Topic>(std::string(name));
      topic = fresh.get();
      topics_.emplace(topic->name, std::move(fresh));
    } else {
      topic = it->second.get();
    }
    last_topic_ = topic;
  }
  if (const std::uint64_t now = cluster_.metadata().generation(); topic->generation != now) {
    topic->generation = now;
    const KnownTopic* known = cluster_.metadata().topic(topic->name);
    while (known && topic->queues.size() < known->partitions.size())
      topic->queues.push_back(
          std::make_unique<Queue>(TopicPartition{topic->name, static_cast<std::int32_t>(topic->queues.size())}));
  }
  return topic->queues.empty() ? nullptr : topic;
}

Outcome<std::int32_t> Producer::choose_partition(Topic& topic, const ProducerRecord& record) {
  const auto count = static_cast<std::int32_t>(topic.queues.size());
  if (record.partition) {
    if (*record.partition >= 0 && *record.partition < count) return *record.partition;
    return failed(ErrorCode::unknown_topic_or_partition,
                  fmt::format("{} has no partition {}, but {}", topic.name, *record.partition, count));
  }
  if (record.key) return partition_of_key(*record.key, count);
  if (topic.sticky < 0) switch_sticky(topic);
  return topic.sticky;
}

void Producer::switch_sticky(Topic& topic) {
  const KnownTopic* known = cluster_.metadata().topic(topic.name);
  queued_.clear();
  for (const auto& queue : topic.queues) {
    const auto index = static_cast<std::size_t>(queue->partition.partition);
    const bool has_leader = known && index < known->partitions.size() && known->partitions[index].leader.node >= 0;
    queued_.push_back(has_leader ? static_cast<std::int32_t>(queue->ready.size()) : closed_queue);
  }
  topic.sticky = partition_by_load(queued_, cluster_.random());
  if (topic.sticky < 0) topic.sticky = static_cast<std::int32_t>(cluster_.random().below(topic.queues.size()));
  topic.sticky_bytes = 0;
}

void Producer::open_batch(Queue& queue, std::size_t bytes) {
  const std::size_t room = std::max({batch_bytes_first, queue.usual_bytes, bytes + wire::batch_header_bytes});
  queue.open = std::make_unique<ProduceBatch>(room, shard_.clock().now());
  queue.open->place.serial = ++last_serial_;
  incomplete_.insert(last_serial_);
  look_soon(queue);
}

void Producer::close_open(Queue& queue) {
  queue.usual_bytes = queue.open->bytes();
  queue.ready.push_back(std::move(queue.open));
  look_soon(queue);
}

// What was not due may be so now.
void Producer::look_at_open() {
  for (const auto& [_, topic] : topics_) {
    for (const auto& queue : topic->queues) {
      if (queue->open) look_soon(*queue);
    }
  }
}

Task<Outcome<>> Producer::until_known(std::string topic, SteadyTime deadline) {
  for (int attempt = 0; !topic_of(topic); ++attempt) {
    std::vector<std::string> topics{topic};
    auto refreshed = co_await cluster_.refresh(std::move(topics), true);
    const KnownTopic* known = cluster_.metadata().topic(topic);
    if (known && !known->partitions.empty()) break;
    Failure why(ErrorCode::unknown_topic_or_partition, fmt::format("{}: there is no such topic", topic));
    if (!refreshed) why = refreshed.error();
    if (refreshed && known && known->error != ErrorCode::none)
      why = Failure(known->error, fmt::format("{}: {}", topic, wire::error_message(known->error)));
    if (stopping_) co_return producer_stopped();
    if (!why.retriable()) co_return std::unexpected<Failure>(std::move(why));
    if (shard_.clock().now() >= deadline)
      co_return failed(ErrorCode::request_timed_out,
                       fmt::format("topic {} is not there after max.block.ms: {}", topic, to_string(why)));
    co_await cluster_.back_off(attempt);
  }
  co_return Outcome<>{};
}

Task<Outcome<>> Producer::until_accepted(const ProducerRecord& record, ProduceBatch::Waiter* waiter) {
  const SteadyTime deadline = shard_.clock().now() + options_.max_block;
  for (;;) {
    auto accepted = accept(record, waiter);
    if (!accepted) co_return failed(accepted);
    if (*accepted) co_return Outcome<>{};
    auto known = co_await until_known(std::string(record.topic), deadline);
    if (!known) co_return failed(known);
    const Duration left = deadline - shard_.clock().now();
    if (buffered_ + ProduceBatch::bytes_of(record.key, record.value, record.headers) <= options_.buffer_bytes) continue;
    if (left <= Duration::zero())
      co_return failed(
          ErrorCode::request_timed_out,
          fmt::format("no room for a record to {} within max.block.ms: buffer.memory is full", record.topic));
    // Batches do not wait to become full when somebody waits for their memory.
    if (room_.empty()) look_at_open();
    co_await room_.wait_for(left);
  }
}

Task<Outcome<>> Producer::enqueue(ProducerRecord record) {
  const Gate::Holder holder = gate_.enter();
  auto accepted = co_await until_accepted(record, nullptr);
  co_return accepted;
}

Task<Outcome<Delivery>> Producer::send(ProducerRecord record) {
  const Gate::Holder holder = gate_.enter();
  ProduceBatch::Waiter waiter;
  auto accepted = co_await until_accepted(record, &waiter);
  if (!accepted) co_return failed(accepted);
  auto start = [&waiter](Function<void()> resume) { waiter.resume = std::move(resume); };
  co_await shard_.until(std::move(start));
  if (waiter.failure) co_return std::unexpected<Failure>(std::move(*waiter.failure));
  co_return Delivery{waiter.topic, waiter.partition, waiter.offset, waiter.timestamp, record.tag};
}

// ---- Reporting ----

void Producer::over(const ProduceBatch& batch) {
  buffered_ -= batch.accounted;
  incomplete_.erase(incomplete_.find(batch.place.serial));
  room_.wake_all();
  progress_.wake_all();
}

void Producer::delivered(Queue& queue, Batch batch, std::int64_t base_offset, std::int64_t append_time) {
  // The log has what came before it, or it had not been taken.
  if (queue.unresolved && batch->place >= *queue.unresolved) queue.unresolved.reset();
  if (batch->reported) return;
  over(*batch);
  Delivery delivery{queue.partition.topic, queue.partition.partition, -1, append_time, 0};
  std::int64_t offset = base_offset;
  for (const ProduceBatch::Mark& mark : batch->marks()) {
    if (base_offset >= 0) delivery.offset = offset++;
    if (append_time < 0) delivery.timestamp = mark.timestamp;
    delivery.tag = mark.tag;
    options_.on_delivery(delivery, nullptr);
  }
  for (ProduceBatch::Waiter* waiter : batch->waiters()) {
    waiter->topic = queue.partition.topic;
    waiter->partition = queue.partition.partition;
    if (base_offset >= 0) waiter->offset = base_offset + waiter->index;
    if (append_time >= 0) waiter->timestamp = append_time;
    waiter->resume();
  }
}

void Producer::fail_batch(Queue& queue, ProduceBatch& batch, const Failure& failure) {
  batch.reported = true;
  if (batch.stamped() && options_.idempotent && (!queue.unresolved || *queue.unresolved < batch.place))
    queue.unresolved = batch.place;
  over(batch);
  Delivery delivery{queue.partition.topic, queue.partition.partition, -1, -1, 0};
  for (const ProduceBatch::Mark& mark : batch.marks()) {
    delivery.timestamp = mark.timestamp;
    delivery.tag = mark.tag;
    options_.on_delivery(delivery, &failure);
  }
  for (ProduceBatch::Waiter* waiter : batch.waiters()) {
    waiter->failure = failure;
    waiter->resume();
  }
}

void Producer::fail_all(Queue& queue, const Failure& failure) {
  auto batches = std::exchange(queue.ready, {});
  if (queue.open) batches.push_back(std::move(queue.open));
  for (const Batch& batch : batches) fail_batch(queue, *batch, failure);
}

// ---- The end ----

Task<void> Producer::flush() {
  const Gate::Holder holder = gate_.enter();
  const std::uint64_t up_to = last_serial_;
  flush_up_to_ = std::max(flush_up_to_, up_to);
  look_at_open();
  while (!incomplete_.empty() && *incomplete_.begin() <= up_to) co_await progress_.wait();
}

Task<void> Producer::stop(Duration at_most) {
  stopping_ = true;
  room_.wake_all();
  look_at_open();
  const SteadyTime deadline = shard_.clock().now() + at_most;
  while (!incomplete_.empty() && shard_.clock().now() < deadline)
    co_await progress_.wait_for(deadline - shard_.clock().now());
  given_up_ = true;
  const Failure why(ErrorCode::network_exception, "the producer was stopped before it was delivered");
  for (const auto& [_, topic] : topics_) {
    for (const auto& queue : topic->queues) fail_all(*queue, why);
  }
  co_await shard_.drained(gate_);
}

}  // namespace holdfast::client
