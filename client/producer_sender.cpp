// What leaves a Producer, and what comes back.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "client/producer.h"
#include "client/producer_parts.h"
#include "runtime/log_line.h"
#include "wire/kafka/transactions.h"

namespace holdfast::client {

using wire::ErrorCode;

namespace {

constexpr std::int16_t names_version_max = 12;  // of Produce; later versions name topics by their ids

std::string describe(const TopicPartition& partition, std::string_view what) {
  return fmt::format("{}: {}", to_string(partition), what);
}

// The broker has lost the thread of the producer's sequence.
bool is_about_sequence(ErrorCode code) {
  return code == ErrorCode::out_of_order_sequence_number || code == ErrorCode::unknown_producer_id;
}

}  // namespace

// ---- When a partition has something to send ----

std::int32_t Producer::leader_of(const Queue& queue) const {
  const KnownPartition* known = cluster_.metadata().partition(queue.partition);
  if (!known || !cluster_.metadata().brokers().contains(known->leader.node)) return -1;
  return known->leader.node;
}

bool Producer::is_due(const Queue& queue, SteadyTime now) const {
  if (!queue.open) return false;
  return now >= queue.open->created() + options_.linger || queue.open->place.serial <= flush_up_to_ || stopping_ ||
         !room_.empty();
}

bool Producer::may_send(const Queue& queue, SteadyTime now) const {
  if (queue.ready.empty() && !is_due(queue, now)) return false;
  if (now < queue.retry_at) return false;
  if (options_.acks == 0) return true;
  if (!queue.on_wire.empty() && leader_of(queue) != queue.sent_to) return false;
  // The first of a sequence, too: where its partition has just been made a broker may refuse it and take the next one
  // for the first, for it knows nothing of this producer yet.
  const bool is_first = !queue.on_wire.empty() && queue.on_wire.front()->base_sequence() == 0;
  const bool alone = !options_.idempotent || queue.anew || queue.unresolved || queue.resending || is_first ||
                     (!queue.ready.empty() && queue.ready.front()->stamped());
  return queue.on_wire.empty() || (!alone && std::cmp_less(queue.on_wire.size(), options_.in_flight_max));
}

// What is on its way fails too, but its request goes on: others share it, and the connection.
void Producer::expire(Queue& queue, SteadyTime now) {
  const auto is_over = [&](const auto& batch) { return batch && now >= batch->created() + options_.delivery_timeout; };
  std::vector<ProduceBatch*> over;
  std::vector<Batch> ours;
  std::ranges::copy_if(queue.on_wire, std::back_inserter(over), is_over);
  std::erase_if(queue.on_wire, is_over);
  while (!queue.ready.empty() && is_over(queue.ready.front())) {
    ours.push_back(std::move(queue.ready.front()));
    queue.ready.pop_front();
  }
  if (is_over(queue.open)) ours.push_back(std::move(queue.open));
  for (const Batch& batch : ours) over.push_back(batch.get());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options_.delivery_timeout).count();
  for (ProduceBatch* batch : over) {
    const std::string what = fmt::format("{} records were not delivered within {} s", batch->count(), seconds);
    fail_batch(queue, *batch, Failure(ErrorCode::request_timed_out, describe(queue.partition, what)));
  }
}

void Producer::look_soon(Queue& queue) {
  if (std::exchange(queue.to_look_at, true)) return;
  to_look_at_.push_back(&queue);
  pump_soon();
}

// Routes it if it has something to send, and sees to it that it is looked at again when it will have.
void Producer::look_at(Queue& queue) {
  const SteadyTime now = shard_.clock().now();
  expire(queue, now);
  queue.timer.cancel();
  const ProduceBatch* oldest = queue.ready.empty() ? queue.open.get() : queue.ready.front().get();
  if (oldest && !queue.routed && !queue.finding_leader && may_send(queue, now)) {
    queue.routed = true;
    to_route_.push_back(&queue);
    pump_soon();
  }
  for (const ProduceBatch* batch : queue.on_wire)
    if (!oldest || batch->created() < oldest->created()) oldest = batch;
  if (!oldest) return;
  SteadyTime next = oldest->created() + options_.delivery_timeout;
  if (!queue.routed && queue.retry_at > now) next = std::min(next, queue.retry_at);
  if (!queue.routed && queue.open && !is_due(queue, now))
    next = std::min(next, queue.open->created() + options_.linger);
  shard_.arm(queue.timer, next - now, [this, &queue] { look_at(queue); });
}

void Producer::pump_soon() {
  if (pump_deferred_) return;
  // Nothing may be left behind that runs after stop().
  auto holder = gate_.enter();
  if (!holder) return;
  pump_deferred_ = true;
  shard_.defer([this, holder = std::move(holder)] {
    pump_deferred_ = false;
    pump();
  });
}

void Producer::pump() {
  for (Queue* queue : std::exchange(to_look_at_, {})) {
    queue->to_look_at = false;
    look_at(*queue);
  }
  if (options_.idempotent && !identity_) {
    const bool wanted = !to_route_.empty() && !given_up_;
    if (wanted && !std::exchange(initialising_, true)) shard_.spawn(gate_, initialise());
    return;
  }
  route();
  for (const auto& [_, node] : nodes_) send_to(*node);
}

void Producer::route() {
  for (Queue* queue : std::exchange(to_route_, {})) {
    const std::int32_t leader = leader_of(*queue);
    if (leader < 0) {
      queue->routed = false;
      queue->finding_leader = true;
      shard_.spawn(gate_, find_leader(*queue));
      continue;
    }
    auto& node = nodes_[leader];
    if (!node) node = std::make_unique<Node>(leader);
    node->queues.push_back(queue);
  }
}

Task<void> Producer::find_leader(Queue& queue) {
  for (int attempt = 0; !given_up_; ++attempt) {
    auto leader = co_await cluster_.leader(queue.partition);
    if (leader) break;
    if (!leader.error().retriable()) {
      fail_all(queue, leader.error());
      break;
    }
    expire(queue, shard_.clock().now());
    if (queue.ready.empty() && !queue.open) break;
    co_await cluster_.back_off(attempt);
  }
  queue.finding_leader = false;
  look_at(queue);
}

Task<void> Producer::initialise() {
  wire::InitProducerIdRequest request;
  request.transactional_id.reset();
  request.transaction_timeout_ms = std::numeric_limits<std::int32_t>::max();
  for (int attempt = 0; !given_up_; ++attempt) {
    auto answer = co_await cluster_.ask_any<wire::InitProducerIdResponse>(request);
    Failure why(ErrorCode::none, "");
    if (!answer) {
      why = std::move(answer.error());
    } else if (answer->message.error_code != 0) {
      why = failed(static_cast<ErrorCode>(answer->message.error_code)).error();
    } else {
      identity_ = ProducerIdentity{answer->message.producer_id, answer->message.producer_epoch};
      break;
    }
    if (!why.retriable()) {
      why.message = "no producer id: " + why.message;
      // Whoever is told may send to further topics at once.
      std::vector<Queue*> queues;
      for (const auto& [_, topic] : topics_) {
        for (const auto& queue : topic->queues) queues.push_back(queue.get());
      }
      for (Queue* queue : queues) fail_all(*queue, why);
      break;
    }
    co_await cluster_.back_off(attempt);
  }
  initialising_ = false;
  if (identity_) pump_soon();
}

// ---- Requests ----

void Producer::send_to(Node& node) {
  while (node.in_flight < options_.in_flight_max) {
    auto sending = next_request(node);
    if (!sending) break;
    ++node.in_flight;
    shard_.spawn(gate_, deliver(node, std::move(sending)));
    route();
  }
}

// One batch of each partition that has one, as far as max.request.size goes. Null: there is nothing to send.
std::unique_ptr<Producer::Sending> Producer::next_request(Node& node) {
  std::unique_ptr<Sending> sending;
  std::size_t bytes = 0;
  const SteadyTime now = shard_.clock().now();
  for (std::size_t left = node.queues.size(); left > 0; --left) {
    Queue& queue = *node.queues.front();
    const bool stays = leader_of(queue) == node.id && may_send(queue, now) && may_be_stamped(queue);
    const ProduceBatch* first = queue.ready.empty() ? queue.open.get() : queue.ready.front().get();
    if (stays && sending && bytes + first->bytes() > options_.request_bytes_max) break;
    node.queues.pop_front();
    queue.routed = false;
    if (stays) {
      if (!sending) sending = std::make_unique<Sending>();
      sending->batches.push_back({&queue, take(queue)});
      queue.sent_to = node.id;
      bytes += sending->batches.back().batch->bytes();
    }
    look_at(queue);
  }
  return sending;
}

// False: it must wait for another producer id.
bool Producer::may_be_stamped(Queue& queue) {
  if (!options_.idempotent) return true;
  const bool any_stamped = !queue.on_wire.empty() || (!queue.ready.empty() && queue.ready.front()->stamped());
  if (queue.unresolved && !any_stamped) queue.anew = true;
  if (!queue.anew) return queue.identity.id >= 0 || identity_;
  if (queue.identity.epoch == std::numeric_limits<std::int16_t>::max()) {
    identity_.reset();
    queue.identity = {};
  } else {
    ++queue.identity.epoch;
  }
  queue.anew = false;
  queue.unresolved.reset();
  queue.next_sequence = 0;
  for (const Batch& batch : queue.ready) batch->forget_stamp();
  return queue.identity.id >= 0;
}

Producer::Batch Producer::take(Queue& queue) {
  if (queue.ready.empty()) close_open(queue);
  Batch batch = std::move(queue.ready.front());
  queue.ready.pop_front();
  if (!batch->finished()) batch->finish(options_.codec, options_.compression_level);
  queue.resending = batch->stamped() && options_.idempotent;
  if (!batch->stamped()) {
    if (options_.idempotent && queue.identity.id < 0) queue.identity = *identity_;
    batch->stamp(queue.identity, options_.idempotent ? queue.next_sequence : -1);
    if (options_.idempotent) queue.next_sequence = wire::sequence_after(queue.next_sequence, batch->count());
  }
  ++batch->attempts;
  queue.on_wire.push_back(batch.get());
  return batch;
}

Task<void> Producer::deliver(Node& node, std::unique_ptr<Sending> sending) {
  using namespace std::chrono;
  wire::ProduceRequest request;
  request.acks = options_.acks;
  request.timeout_ms = static_cast<std::int32_t>(duration_cast<milliseconds>(options_.request_timeout).count());
  bool ids_known = true;
  for (Sending::One& one : sending->batches) {
    const std::string& name = one.queue->partition.topic;
    auto topic = std::ranges::find(request.topic_data, name, &wire::ProduceRequest::Topic::name);
    if (topic == request.topic_data.end()) {
      cluster_.keep_fresh(name);
      const KnownTopic* known = cluster_.metadata().topic(name);
      topic = request.topic_data.emplace(topic);
      topic->name = name;
      if (known) topic->topic_id = known->id;
      ids_known = ids_known && topic->topic_id != Uuid{};
    }
    one.topic_id = topic->topic_id;
    auto& partition = topic->partition_data.emplace_back();
    partition.index = one.queue->partition.partition;
    partition.records = wire::Records(BufferChain(one.batch->to_send()));
  }
  const std::int16_t version_max = ids_known ? INT16_MAX : names_version_max;
  std::optional<Failure> why;
  if (options_.acks == 0) {
    auto sent = co_await cluster_.tell(node.id, std::move(request), version_max);
    if (!sent) why = std::move(sent.error());
  } else {
    auto answer = co_await cluster_.ask<wire::ProduceResponse>(node.id, std::move(request), options_.request_timeout,
                                                               version_max);
    if (answer) {
      answered(node, *sending, answer->message);
    } else {
      why = std::move(answer.error());
    }
  }
  for (Sending::One& one : sending->batches) {
    if (!one.batch) continue;
    std::erase(one.queue->on_wire, one.batch.get());
    if (!why && options_.acks == 0) {
      delivered(*one.queue, std::move(one.batch), -1, -1);
      continue;
    }
    const Failure& failure = why ? *why : Failure(ErrorCode::unknown_server_error, "the broker's answer leaves it out");
    if (failure.retriable()) cluster_.leader_is_wrong(one.queue->partition);
    returned(*one.queue, std::move(one.batch), failure, false);
  }
  --node.in_flight;
  for (const Sending::One& one : sending->batches) look_soon(*one.queue);
  pump_soon();
}

void Producer::answered(Node& node, Sending& sending, const wire::ProduceResponse& response) {
  std::vector<KnownBroker> brokers;
  for (const auto& b : response.node_endpoints) {
    if (b.port > 0 && b.port <= UINT16_MAX)
      brokers.push_back({b.node_id, {b.host, static_cast<std::uint16_t>(b.port)}, b.rack});
  }
  cluster_.learn(brokers);
  std::size_t next = 0;
  for (const auto& topic : response.responses) {
    for (const auto& p : topic.partition_responses) {
      const auto is_it = [&](const Sending::One& one) {
        if (!one.batch || one.queue->partition.partition != p.index) return false;
        return topic.name.empty() ? one.topic_id == topic.topic_id : one.queue->partition.topic == topic.name;
      };
      // Brokers answer in the order of the request, but need not.
      if (next >= sending.batches.size() || !is_it(sending.batches[next]))
        next = static_cast<std::size_t>(std::ranges::find_if(sending.batches, is_it) - sending.batches.begin());
      if (next == sending.batches.size()) continue;
      auto& [queue, batch, _] = sending.batches[next++];
      std::erase(queue->on_wire, batch.get());
      const auto code = static_cast<ErrorCode>(p.error_code);
      if (code == ErrorCode::none || code == ErrorCode::duplicate_sequence_number) {
        const bool can_be = p.base_offset <= std::numeric_limits<std::int64_t>::max() - batch->count();
        delivered(*queue, std::move(batch), can_be ? p.base_offset : -1, p.log_append_time_ms);
        continue;
      }
      std::string_view message = p.error_message ? *p.error_message : wire::error_message(code);
      for (const auto& record : p.record_errors) {
        if (record.batch_index_error_message) message = *record.batch_index_error_message;
      }
      const bool told = p.current_leader.leader_id >= 0;
      if (error_is_retriable(code)) {
        std::optional<PartitionLeader> hint;
        if (told) hint = PartitionLeader{p.current_leader.leader_id, p.current_leader.leader_epoch};
        cluster_.leader_is_wrong(queue->partition, hint);
      }
      const std::int32_t leader = leader_of(*queue);
      returned(*queue, std::move(batch), Failure(code, describe(queue->partition, message)),
               told && leader >= 0 && leader != node.id);
    }
  }
}

// A batch that was not taken: it goes again, or fails.
void Producer::returned(Queue& queue, Batch batch, const Failure& failure, bool leader_changed) {
  if (batch->reported) return;
  const SteadyTime now = shard_.clock().now();
  if (given_up_) return fail_batch(queue, *batch, failure);
  if (failure.code == ErrorCode::message_too_large && batch->count() > 1) return split(queue, std::move(batch));
  const bool lost_thread = options_.idempotent && is_about_sequence(failure.code);
  if (!failure.retriable() && !lost_thread) return fail_batch(queue, *batch, failure);
  if (now >= batch->created() + options_.delivery_timeout)
    return fail_batch(queue, *batch,
                      Failure(ErrorCode::request_timed_out,
                              fmt::format("delivery.timeout.ms is over; at last {}", to_string(failure))));
  const auto earlier = [&](const auto& other) { return other->place < batch->place; };
  const bool follows_another = std::ranges::any_of(queue.on_wire, earlier) ||
                               (!queue.ready.empty() && queue.ready.front()->stamped() && earlier(queue.ready.front()));
  // The first of a sequence has nobody to wait for: there is a gap.
  if (lost_thread && !follows_another) {
    log_line(LogLevel::info, "client", "{}: {}; its sequence begins anew", to_string(queue.partition), failure.message);
    queue.anew = true;
  }
  if (!leader_changed) queue.retry_at = now + cluster_.retry_pause(batch->attempts - 1);
  const auto at =
      std::ranges::upper_bound(queue.ready, batch->place, std::less{}, [](const Batch& b) { return b->place; });
  queue.ready.insert(at, std::move(batch));
}

void Producer::split(Queue& queue, Batch batch) {
  auto [first, second] = batch->split();
  if (options_.idempotent) {
    const std::int32_t sequence = batch->base_sequence();
    second->stamp(queue.identity, wire::sequence_after(sequence, first->count()));
    first->stamp(queue.identity, sequence);
  }
  incomplete_.insert(batch->place.serial);
  const auto at =
      std::ranges::upper_bound(queue.ready, batch->place, std::less{}, [](const Batch& b) { return b->place; });
  queue.ready.insert(queue.ready.insert(at, std::move(second)), std::move(first));
}

}  // namespace holdfast::client
