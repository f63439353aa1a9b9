#include "tests/simulation/brokers/producer.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/log_line.h"
#include "wire/kafka/errors.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/transactions.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::ErrorCode;

constexpr std::int16_t produce_version = 13, init_version = 4;
constexpr Duration producer_patience = seconds(4);
constexpr std::int32_t producer_timeout_ms = 3000;
constexpr Duration retry_pause = milliseconds(150);

// What a broker may say on the way; anything else is a fault of its own.
bool is_expected(ErrorCode code) {
  switch (code) {
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::leader_not_available:
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::unknown_topic_id:
    case ErrorCode::request_timed_out:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append:
    case ErrorCode::kafka_storage_error:
    case ErrorCode::out_of_order_sequence_number:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::fenced_leader_epoch:
    case ErrorCode::unknown_leader_epoch:
      return true;
    default:
      return false;
  }
}

}  // namespace

SimulatedProducer::SimulatedProducer(World& world, Shard& shard, std::string address, int brokers,
                                     ProducerOptions options, RecordHistory& history)
    : history_(history), options_(options), client_(world, shard, std::move(address), brokers) {}

std::string SimulatedProducer::waits_for() const {
  if (window_.empty()) return fmt::format("producer {}", options_.index);
  const Batch& first = window_.front();
  return fmt::format("producer {}: {} from {} on, told {}", options_.index, to_string(first.to), first.first,
                     first.error);
}

Task<void> SimulatedProducer::run() {
  while (!finishing_) {
    const bool ready = co_await prepare();
    LogId to;
    if (ready && choose_target(to)) co_await deliver(to);
    co_await client_.nap(options_.think_max);
  }
  co_await client_.stop();
  done_ = true;
}

Task<bool> SimulatedProducer::prepare() {
  const bool refreshed = co_await client_.refresh();
  if (!refreshed || !options_.idempotent || producer_id_ >= 0) co_return refreshed;
  wire::InitProducerIdRequest request;
  request.transactional_id.reset();
  request.transaction_timeout_ms = 60'000;
  const std::int32_t asked = client_.some_broker();
  auto answer = co_await client_.ask<wire::InitProducerIdResponse>(asked, request, init_version, producer_patience);
  if (!answer || answer->message.error_code != 0) co_return false;
  producer_id_ = answer->message.producer_id;
  producer_epoch_ = answer->message.producer_epoch;
  if (!history_.take_producer_id(producer_id_))
    history_.complaint(fmt::format("R7: producer id {} was given out twice", producer_id_));
  co_return true;
}

bool SimulatedProducer::choose_target(LogId& out) {
  std::vector<LogId> all;
  for (const auto& [name, topic] : client_.topics())
    for (std::size_t p = 0; p < topic.partitions.size(); ++p)
      if (history_.is_known(topic.id)) all.push_back({topic.id, static_cast<std::int32_t>(p)});
  if (all.empty()) return false;
  out = all[client_.world().random().below(all.size())];
  return true;
}

// The number is used once, whatever becomes of the record.
Task<void> SimulatedProducer::deliver(LogId to) {
  const std::int64_t batches = client_.world().between(std::int64_t{1}, std::int64_t{options_.in_flight_max});
  std::int32_t& sequence = sequences_[to];
  for (std::int64_t i = 0; i < batches; ++i) {
    Batch& batch = window_.emplace_back();
    batch.to = to;
    batch.first = next_number_;
    batch.records = static_cast<int>(client_.world().between(std::int64_t{1}, std::int64_t{options_.records_max}));
    next_number_ += batch.records;
    if (options_.idempotent) {
      batch.sequence = sequence;
      sequence = wire::sequence_after(sequence, batch.records);
    }
  }
  while (!abandoned_) {
    co_await send_all();
    if (settle(to)) break;
    co_await client_.nap(retry_pause);
    const bool refreshed = co_await client_.refresh();
    if (refreshed && !client_.has_topic(to.topic_id) && history_.is_deletable(to.topic_id)) {
      // Whoever said so may not have heard of it yet, and then what was sent may be in its log: the numbers are used.
      sequences_.clear();
      producer_id_ = -1;
      break;
    }
    if (producer_id_ >= 0 || !options_.idempotent) continue;
    const bool ready = co_await prepare();
    (void)ready;
  }
  window_.clear();
}

Task<void> SimulatedProducer::send_all() {
  if (options_.idempotent && producer_id_ < 0) co_return;
  for (Batch& batch : window_) batch.returned = false;
  under_way_ = 1;
  for (Batch& batch : window_) {
    if (batch.settled) continue;
    // Not the first of all: of a partition whose log is not open yet nobody remembers what was refused there.
    if (under_way_ > 1 && options_.between_batches.count() > 0 && window_.front().sequence != 0) {
      co_await client_.nap(options_.between_batches);
      // A client that keeps its order sends nothing behind one that has failed.
      if (std::ranges::any_of(window_, [](const Batch& b) { return b.returned && !b.settled; })) break;
    }
    ++under_way_;
    client_.shard().spawn(gate_, send(batch));
  }
  auto wait = [this](Function<void()> resume) {
    all_back_ = std::move(resume);
    if (--under_way_ == 0) std::exchange(all_back_, nullptr)();
  };
  co_await client_.shard().until(std::move(wait));
}

std::vector<std::uint8_t> SimulatedProducer::encode(const Batch& batch) const {
  wire::BatchBuilder::Options options;
  if (options_.idempotent) {
    options.producer_id = producer_id_;
    options.producer_epoch = producer_epoch_;
    options.base_sequence = batch.sequence;
  }
  wire::BatchBuilder builder(options);
  for (int i = 0; i < batch.records; ++i) {
    std::string value = to_string(RecordName{options_.index, batch.first + i}) + " ";
    value.resize(value.size() + static_cast<std::size_t>(batch.first + i) % options_.bytes_max, '.');
    builder.append(client_.wall_ms(), std::nullopt, as_bytes(value));
  }
  return builder.finish();
}

Task<void> SimulatedProducer::send(Batch& batch) {
  const ClusterClient::Partition* to = client_.partition(batch.to);
  const std::int32_t leader = to ? to->leader : -1;
  batch.error = static_cast<std::int16_t>(ErrorCode::leader_not_available);
  if (leader > 0) {
    const bool once = options_.idempotent && history_.is_durable(batch.to.topic_id);
    for (int i = 0; i < batch.records; ++i) history_.sent(batch.to, RecordName{options_.index, batch.first + i}, once);
    const std::vector<std::uint8_t> bytes = encode(batch);
    wire::ProduceRequest request;
    request.acks = options_.acks;
    request.timeout_ms = producer_timeout_ms;
    auto& topic = request.topic_data.emplace_back();
    topic.topic_id = batch.to.topic_id;
    auto& partition = topic.partition_data.emplace_back();
    partition.index = batch.to.partition;
    partition.records = wire::Records(ByteView(bytes));
    if (options_.acks == 0) {
      client_.tell(leader, request, produce_version);
      batch.settled = true;
    } else {
      batch.error = -1;
      auto answer = co_await client_.ask<wire::ProduceResponse>(leader, request, produce_version, producer_patience);
      if (answer && answer->message.responses.size() == 1 &&
          answer->message.responses[0].partition_responses.size() == 1) {
        const auto& result = answer->message.responses[0].partition_responses[0];
        const auto code = static_cast<ErrorCode>(result.error_code);
        batch.error = result.error_code;
        batch.settled = code == ErrorCode::none || code == ErrorCode::duplicate_sequence_number;
        if (code == ErrorCode::none && options_.acks == -1)
          for (int i = 0; i < batch.records; ++i)
            history_.acknowledged(batch.to, RecordName{options_.index, batch.first + i},
                                  Offset(result.base_offset) + i);
        if (!batch.settled && !is_expected(code))
          history_.complaint(fmt::format("R8: {} was told {}", waits_for(), result.error_code));
      } else if (answer) {
        history_.complaint(fmt::format("R8: {} got an answer to something else", waits_for()));
      }
    }
  }
  batch.returned = true;
  log_line(LogLevel::info, "client", "producer {}: {} from {} on, sequence {}, broker {} said {}", options_.index,
           to_string(batch.to), batch.first, batch.sequence, leader, batch.error);
  if (--under_way_ == 0) std::exchange(all_back_, nullptr)();
}

// True: all of it is acknowledged. What follows one that was refused is out of order; the first one never is.
bool SimulatedProducer::settle(const LogId& to) {
  const auto first = std::ranges::find(window_, false, &Batch::settled);
  if (first == window_.end()) return true;
  if (static_cast<ErrorCode>(first->error) != ErrorCode::out_of_order_sequence_number) return false;
  if (history_.is_durable(to.topic_id)) {
    history_.complaint(fmt::format("R4: {}: the next sequence number of producer {} is refused: {}:{} on",
                                   to_string(to), options_.index, options_.index, first->first));
    abandoned_ = finishing_ = true;
  }
  start_again();
  return false;
}

// The log has lost what this producer had written, as it may there: under a new id, from the beginning.
void SimulatedProducer::start_again() {
  producer_id_ = -1;
  sequences_.clear();
  std::int32_t sequence = 0;
  for (Batch& batch : window_) {
    if (batch.settled) continue;
    batch.sequence = sequence;
    sequence = wire::sequence_after(sequence, batch.records);
    sequences_[batch.to] = sequence;
  }
}

}  // namespace holdfast::sim
