// FakeLogs: what the brokers of a FakeCluster do with records: leadership, idempotence and offsets as Kafka's, kept in
// one place as if all brokers replicated it in no time. Tests make produce requests fail as they like.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/client/fake_broker.h"
#include "wire/kafka/compression.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/record_batch.h"
#include "wire/kafka/transactions.h"

namespace holdfast::test {

class FakeLogs {
 public:
  struct Record {
    std::optional<std::string> key, value;
    std::vector<wire::RecordHeader> headers;
    std::int64_t timestamp = 0;
  };
  enum class Fault {
    none,
    refuse,         // with `refusal`, nothing is appended
    append_refuse,  // with `refusal`, though it is appended
    hang_up,        // before anything happens
    append_hang_up,
    silence,         // no answer, nothing appended
    append_silence,  // no answer, though it is appended
  };
  struct Log {
    std::vector<Record> records;
    std::vector<wire::BatchHeader> batches;
    struct Sent {
      std::int32_t first, last;
      std::int64_t offset;
    };
    struct Producer {
      std::int16_t epoch = -1;
      std::deque<Sent> sent;  // the last five
    };
    std::map<std::int64_t, Producer> producers;
  };

  explicit FakeLogs(FakeCluster& cluster) : cluster_(cluster) {
    for (auto& broker : cluster.brokers) {
      FakeBroker& at = *broker;
      at.on<wire::InitProducerIdRequest, wire::InitProducerIdResponse>(
          [this](const wire::InitProducerIdRequest&, std::int16_t) {
            wire::InitProducerIdResponse out;
            out.producer_id = next_producer_id++;
            out.producer_epoch = first_epoch;
            return out;
          });
      at.on<wire::ProduceRequest, wire::ProduceResponse>(
          [this, &at](const wire::ProduceRequest& request, std::int16_t version) {
            return produce(at, request, version);
          });
    }
  }

  Log& log(const std::string& topic, std::int32_t partition = 0) { return logs[{topic, partition}]; }
  std::vector<std::string> values(const std::string& topic, std::int32_t partition = 0) {
    std::vector<std::string> out;
    for (const Record& r : log(topic, partition).records) out.push_back(r.value.value_or("(null)"));
    return out;
  }

  std::map<std::pair<std::string, std::int32_t>, Log> logs;
  std::int64_t next_producer_id = 1000;
  std::int16_t first_epoch = 0;
  int requests = 0;
  std::optional<std::int64_t> append_time;  // as of a topic with LogAppendTime
  bool tells_leaders = true;                // KIP-951
  bool takes_any_first = false;             // as Kafka does of a producer that a log does not know
  std::size_t batch_bytes_max = 1 << 20;
  // What becomes of a request, asked for each of its partitions. The first that is not about one partition counts for
  // the whole.
  std::function<Fault(const std::string& topic, std::int32_t partition)> fault;
  wire::ErrorCode refusal = wire::ErrorCode::not_enough_replicas;

 private:
  std::optional<wire::ProduceResponse> produce(FakeBroker& at, const wire::ProduceRequest& request,
                                               std::int16_t version) {
    ++requests;
    wire::ProduceResponse out;
    bool hang_up = false, silent = false;
    for (const auto& topic : request.topic_data) {
      auto& told = out.responses.emplace_back();
      const auto known = std::ranges::find_if(cluster_.topics, [&](const auto& t) {
        return version >= 13 ? t.second.id == topic.topic_id : t.first == topic.name;
      });
      told.name = topic.name;
      told.topic_id = topic.topic_id;
      for (const auto& p : topic.partition_data) {
        auto& answer = told.partition_responses.emplace_back();
        answer.index = p.index;
        const Fault what = known != cluster_.topics.end() && fault ? fault(known->first, p.index) : Fault::none;
        hang_up = hang_up || what == Fault::hang_up || what == Fault::append_hang_up;
        silent = silent || what == Fault::silence || what == Fault::append_silence;
        if (what == Fault::hang_up || what == Fault::silence) continue;
        auto code = wire::ErrorCode::unknown_topic_or_partition;
        if (known == cluster_.topics.end()) {
          if (version >= 13) code = wire::ErrorCode::unknown_topic_id;
        } else if (what == Fault::refuse) {
          code = refusal;
        } else {
          code = append(at, known->first, known->second, p, answer);
          if (what == Fault::append_refuse) code = refusal;
        }
        answer.error_code = wire::to_wire(code);
        if (code != wire::ErrorCode::none) answer.base_offset = -1;
        if (code == wire::ErrorCode::not_leader_or_follower && tells_leaders) tell_leader(known->second, answer, out);
      }
    }
    if (hang_up) at.hang_up();
    if (hang_up || silent || request.acks == 0) return std::nullopt;
    return out;
  }

  void tell_leader(const FakeCluster::Topic& topic, wire::ProduceResponse::Partition& answer,
                   wire::ProduceResponse& out) {
    const auto& leader = topic.leaders[static_cast<std::size_t>(answer.index)];
    answer.current_leader = {leader.node, leader.epoch};
    const Endpoint& endpoint = cluster_.at(leader.node).endpoint();
    out.node_endpoints.push_back({leader.node, endpoint.host, endpoint.port, std::nullopt});
  }

  wire::ErrorCode append(FakeBroker& at, const std::string& name, const FakeCluster::Topic& topic,
                         const wire::ProduceRequest::Partition& p, wire::ProduceResponse::Partition& answer) {
    using wire::ErrorCode;
    if (p.index < 0 || static_cast<std::size_t>(p.index) >= topic.leaders.size())
      return ErrorCode::unknown_topic_or_partition;
    if (topic.leaders[static_cast<std::size_t>(p.index)].node != at.id()) return ErrorCode::not_leader_or_follower;
    const ByteView batch = p.records.view;
    const auto header = wire::BatchHeader::parse(batch);
    EXPECT_TRUE(header);
    if (!header) return ErrorCode::corrupt_message;
    EXPECT_EQ(batch.size(), header->size()) << "one batch of each partition";
    EXPECT_TRUE(wire::verify_crc(batch));
    if (batch.size() > batch_bytes_max) return ErrorCode::message_too_large;
    Log& into = log(name, p.index);
    const auto end = static_cast<std::int64_t>(into.records.size());
    if (append_time) answer.log_append_time_ms = *append_time;
    if (header->has_producer_id()) {
      auto& producer = into.producers[header->producer_id];
      if (header->producer_epoch < producer.epoch) return ErrorCode::invalid_producer_epoch;
      if (header->producer_epoch > producer.epoch) {
        if (header->base_sequence != 0) return ErrorCode::out_of_order_sequence_number;
        producer = {header->producer_epoch, {}};
      }
      for (const auto& sent : producer.sent) {
        if (sent.first != header->base_sequence || sent.last != header->last_sequence()) continue;
        answer.base_offset = sent.offset;
        return ErrorCode::none;
      }
      const std::int32_t first = takes_any_first ? header->base_sequence : 0;
      const std::int32_t next = producer.sent.empty() ? first : wire::sequence_after(producer.sent.back().last, 1);
      if (header->base_sequence != next) return ErrorCode::out_of_order_sequence_number;
      producer.sent.push_back({header->base_sequence, header->last_sequence(), end});
      if (producer.sent.size() > 5) producer.sent.pop_front();
    }
    answer.base_offset = end;
    into.batches.push_back(*header);
    const auto body = wire::decompress(header->codec(), batch.subspan(wire::batch_header_bytes), 64 << 20);
    EXPECT_TRUE(body);
    if (!body) return ErrorCode::corrupt_message;
    wire::RecordReader records(*body, header->record_count);
    wire::Record record;
    while (records.next(record)) {
      const auto text = [](const std::optional<ByteView>& b) -> std::optional<std::string> {
        if (!b) return std::nullopt;
        return std::string(as_text(*b));
      };
      EXPECT_EQ(record.offset_delta, static_cast<std::int64_t>(into.records.size()) - end);
      into.records.push_back({text(record.key), text(record.value), wire::read_headers(record).value(),
                              wire::timestamp_of(*header, record)});
    }
    EXPECT_EQ(records.error(), nullptr);
    return ErrorCode::none;
  }

  FakeCluster& cluster_;
};

}  // namespace holdfast::test
