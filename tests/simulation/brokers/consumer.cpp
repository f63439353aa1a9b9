#include "tests/simulation/brokers/consumer.h"

#include <fmt/format.h>

#include <algorithm>

#include "wire/kafka/errors.h"
#include "wire/kafka/offsets.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::ErrorCode;

constexpr std::int16_t consumer_fetch_version = 17, list_version = 7;
constexpr Duration consumer_patience = seconds(3);
constexpr std::int32_t wait_ms = 200, bytes_max = 2000;
constexpr std::int64_t latest = -1, earliest = -2;
constexpr int fetches_in_a_row = 4;

}  // namespace

SimulatedConsumer::SimulatedConsumer(World& world, Shard& shard, std::string address, int brokers, Duration think_max,
                                     RecordHistory& history)
    : history_(history), think_max_(think_max), client_(world, shard, std::move(address), brokers) {}

Task<void> SimulatedConsumer::run() {
  while (!finishing_) {
    const bool refreshed = co_await client_.refresh();
    std::vector<LogId> all;
    for (const auto& [name, topic] : client_.topics())
      for (std::size_t p = 0; p < topic.partitions.size(); ++p)
        if (history_.is_known(topic.id)) all.push_back({topic.id, static_cast<std::int32_t>(p)});
    if (refreshed && !all.empty()) {
      const LogId id = all[client_.world().random().below(all.size())];
      co_await follow(id);
    }
    co_await client_.nap(think_max_);
  }
  co_await client_.stop();
  done_ = true;
}

Task<void> SimulatedConsumer::follow(LogId id) {
  for (int i = 0; i < fetches_in_a_row && !finishing_; ++i) {
    const ClusterClient::Partition* partition = client_.partition(id);
    if (!partition || partition->replicas.empty()) co_return;
    const auto& replicas = partition->replicas;
    const bool from_leader = !client_.world().one_in(4);
    const std::int32_t broker =
        from_leader ? partition->leader : replicas[client_.world().random().below(replicas.size())];
    if (broker < 1) co_return;
    Position& position = positions_[id];
    position.epoch = std::max(position.epoch, partition->epoch);
    const bool leads = broker == partition->leader;
    const Fetched fetched = co_await fetch(id, broker, position);
    if (fetched.error == static_cast<std::int16_t>(ErrorCode::offset_out_of_range)) {
      if (leads) co_await judge_out_of_range(id, broker);
      if (leads) positions_[id].next = Offset(-1);
      co_return;
    }
    if (fetched.error != 0) co_return;
    for (const FoundRecord& record : fetched.records) history_.seen(id, record.offset, record.name);
    positions_[id].next = fetched.next;
    if (leads && client_.world().one_in(3)) co_await judge_end(id, broker);
  }
}

// A leader may say so of what was trimmed. Of what was read it may not: it has it, or does not lead.
Task<void> SimulatedConsumer::judge_out_of_range(LogId id, std::int32_t broker) {
  const Position position = positions_[id];
  if (position.next < Offset(0) || !history_.is_durable(id.topic_id)) co_return;
  auto start = co_await list_offset(id, broker, position.epoch, earliest);
  if (start && position.next >= *start)
    history_.complaint(
        fmt::format("R3: {}: broker {} has not got up to {} in epoch {}, which was read before; it starts at {}",
                    to_string(id), broker, position.next.value, position.epoch.value, start->value));
}

// The end is where a consumer goes on that asks for what is new: what it has read it would read again.
Task<void> SimulatedConsumer::judge_end(LogId id, std::int32_t broker) {
  const Position position = positions_[id];
  if (position.next < Offset(0) || !history_.is_durable(id.topic_id)) co_return;
  const auto end = co_await list_offset(id, broker, position.epoch, latest);
  if (end && *end < position.next)
    history_.complaint(
        fmt::format("R3: {}: broker {} says in epoch {} that it ends at {}, and up to {} was read before",
                    to_string(id), broker, position.epoch.value, end->value, position.next.value));
}

Task<std::optional<Offset>> SimulatedConsumer::list_offset(LogId id, std::int32_t leader, LeaderEpoch epoch,
                                                           std::int64_t timestamp) {
  const std::string* name = client_.name_of(id.topic_id);
  if (!name) co_return std::nullopt;
  wire::ListOffsetsRequest request;
  request.replica_id = -1;
  auto& topic = request.topics.emplace_back();
  topic.name = *name;
  auto& partition = topic.partitions.emplace_back();
  partition.partition_index = id.partition;
  partition.current_leader_epoch = epoch.value;
  partition.timestamp = timestamp;
  auto answer = co_await client_.ask<wire::ListOffsetsResponse>(leader, request, list_version, consumer_patience);
  if (!answer || answer->message.topics.size() != 1 || answer->message.topics[0].partitions.size() != 1)
    co_return std::nullopt;
  const auto& result = answer->message.topics[0].partitions[0];
  if (result.error_code != 0) co_return std::nullopt;
  co_return Offset(result.offset);
}

Task<SimulatedConsumer::Fetched> SimulatedConsumer::fetch(LogId id, std::int32_t broker, Position at) {
  Fetched out;
  if (at.next < Offset(0)) {
    auto start = co_await list_offset(id, broker, at.epoch, earliest);
    if (!start) co_return out;
    at.next = *start;
  }
  wire::FetchRequest request;
  request.max_wait_ms = wait_ms;
  request.min_bytes = 1;
  request.max_bytes = bytes_max;
  auto& topic = request.topics.emplace_back();
  topic.topic_id = id.topic_id;
  auto& partition = topic.partitions.emplace_back();
  partition.partition = id.partition;
  partition.current_leader_epoch = at.epoch.value;
  partition.fetch_offset = at.next.value;
  partition.partition_max_bytes = bytes_max;
  auto answer = co_await client_.ask<wire::FetchResponse>(broker, request, consumer_fetch_version, consumer_patience);
  if (!answer || answer->message.error_code != 0 || answer->message.responses.size() != 1 ||
      answer->message.responses[0].partitions.size() != 1)
    co_return out;
  take(id, at, answer->message.responses[0].partitions[0], out);
  co_return out;
}

void SimulatedConsumer::take(const LogId& id, const Position& at, const wire::FetchResponse::Partition& from,
                             Fetched& out) {
  out.error = from.error_code;
  out.high_watermark = Offset(from.high_watermark);
  out.log_start = Offset(from.log_start_offset);
  out.next = at.next;
  if (out.error != 0) return;
  const auto complain = [&](std::string_view what) {
    history_.complaint(fmt::format("R9: {} from {} on: {}", to_string(id), at.next.value, what));
  };
  wire::BatchWalker walker(from.records.view);
  wire::BatchHeader header;
  ByteView batch;
  while (walker.next(header, batch)) {
    if (!wire::verify_crc(batch)) return complain("a batch is damaged");
    if (header.base_offset > out.next.value) complain(fmt::format("the next batch begins at {}", header.base_offset));
    if (header.last_offset() >= from.high_watermark) complain("records above the high watermark");
    history_.batch_seen(id, LeaderEpoch(header.leader_epoch), Offset(header.base_offset), header.crc);
    wire::RecordReader records(batch.subspan(wire::batch_header_bytes), header.record_count);
    wire::Record record;
    while (records.next(record)) {
      const Offset offset(header.base_offset + record.offset_delta);
      if (offset < at.next) continue;
      const auto name = record.value ? record_name(as_text(*record.value)) : std::nullopt;
      if (!name) return complain("a record that nobody can have sent");
      out.records.push_back({offset, *name});
    }
    if (records.error()) return complain(records.error());
    out.next = Offset(header.last_offset() + 1);
  }
}

Task<bool> SimulatedConsumer::read_all(LogId id) {
  const ClusterClient::Partition* partition = client_.partition(id);
  if (!partition || partition->leader < 1) co_return false;
  const std::int32_t leader = partition->leader;
  Position at;
  at.epoch = partition->epoch;
  auto start = co_await list_offset(id, leader, at.epoch, earliest);
  if (!start) co_return false;
  at.next = *start;
  std::vector<FoundRecord> all;
  for (;;) {
    const Fetched fetched = co_await fetch(id, leader, at);
    if (fetched.error != 0 || fetched.log_start != *start) co_return false;
    // A leader that has just begun learns of its followers first: the high watermark comes up to where it was.
    if (history_.is_durable(id.topic_id) && fetched.high_watermark <= history_.last_known(id)) co_return false;
    all.insert(all.end(), fetched.records.begin(), fetched.records.end());
    if (fetched.next == at.next || fetched.next >= fetched.high_watermark) {
      history_.found(id, *start, fetched.high_watermark, all);
      co_return true;
    }
    at.next = fetched.next;
  }
}

}  // namespace holdfast::sim
