// Produce (0). Appends each partition's batch on the shard where it lives, one hop per shard, and answers when the
// batches are what acks asks for: -1 replicated (durable, or written with write.caching), 1 written at the leader.
// v8 record errors (KIP-467), v10 current leader (KIP-951), v13 topic ids (KIP-516). acks=0 is never answered.
#include "wire/kafka/produce.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_hint.h"
#include "broker/handlers/support.h"
#include "coordination/ensemble.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

struct Item {
  std::size_t topic = 0, partition = 0;  // indexes in the response
  LogId log;
  std::span<std::uint8_t> records;
  AppendOutcome outcome;
  EndWaiter waiter;
  bool asking = false;  // whether this broker still leads
};

class ProduceRun;

// The batches of one shard. It lives there from start() on.
class ShardPart {
 public:
  ShardPart(BrokerShard& broker, AppendOrigin origin, std::size_t items)
      : broker_(broker), origin_(origin), items_(items) {}

  BrokerShard& broker() { return broker_; }
  std::vector<Item>& items() { return items_; }

  // `done` is called once, on this shard: when nothing has to be waited for any more.
  void start(std::int16_t acks, std::int32_t timeout_ms, Function<void()> done) {
    done_ = std::move(done);
    waiting_ = 1;
    for (Item& item : items_) {
      Partition* partition = broker_.partition(item.log);
      if (!partition) {
        item.outcome.error = not_open_here(broker_, item.log);
        broker_.refused(item.log, item.records);
        continue;
      }
      item.outcome = partition->append(item.records, origin_, acks);
      if (item.outcome.error == ErrorCode::out_of_order_sequence_number) {
        ask_whether_it_leads(item, partition->leader_epoch());
        continue;
      }
      if (item.outcome.error != ErrorCode::none || acks == 0) continue;
      if (acks == -1 ? partition->replicated(item.outcome.end) : partition->written(item.outcome.end)) continue;
      item.waiter.end = item.outcome.end;
      item.waiter.done = [this, &item](ErrorCode error) {
        if (error != ErrorCode::none) fail(item, error);
        leave();
      };
      ++waiting_;
      if (acks == -1) {
        partition->when_replicated(item.waiter);
      } else {
        partition->when_written(item.waiter);
      }
    }
    if (waiting_ > 1)
      broker_.shard().arm(timer_, std::chrono::milliseconds(std::max(timeout_ms, 0)), [this] { time_out(); });
    leave();
  }

 private:
  // To a producer this is the end. Who leads no more, and has not heard of it yet, need not know what the producer has
  // sent since: what it says only counts when the quorum has been asked.
  void ask_whether_it_leads(Item& item, LeaderEpoch epoch) {
    if (!here_) here_ = std::make_shared<ShardPart*>(this);
    item.asking = true;
    ++waiting_;
    Shard& home = broker_.shard();
    broker_.first().shard().post([&services = broker_.services(), &home, here = here_, &item, epoch] {
      services.ensemble->driver().sync([&home, here, &item, epoch](bool is_known) {
        home.post([here, &item, epoch, is_known] {
          if (*here && item.asking) (*here)->heard_whether_it_leads(item, epoch, is_known);
        });
      });
    });
  }
  void heard_whether_it_leads(Item& item, LeaderEpoch epoch, bool is_known) {
    item.asking = false;
    const Partition* partition = broker_.partition(item.log);
    const bool leads = is_known && partition && partition->is_leader() && partition->leader_epoch() == epoch;
    if (!leads) fail(item, ErrorCode::not_leader_or_follower);
    leave();
  }
  static void fail(Item& item, ErrorCode error) {
    item.outcome.error = error;
    item.outcome.base = Offset(-1);
  }
  void leave() {
    if (--waiting_ > 0) return;
    timer_.cancel();
    if (here_) *here_ = nullptr;
    std::exchange(done_, nullptr)();
  }
  void time_out() {
    for (Item& item : items_)
      if (item.waiter.is_linked() || std::exchange(item.asking, false)) {
        if (item.waiter.is_linked()) item.waiter.unlink();
        fail(item, ErrorCode::request_timed_out);
      }
    waiting_ = 1;
    leave();
  }

  BrokerShard& broker_;
  AppendOrigin origin_;
  std::vector<Item> items_;
  std::size_t waiting_ = 0;
  Timer timer_;
  Function<void()> done_;
  std::shared_ptr<ShardPart*> here_;  // for answers that may come when it is gone; null: none are asked for
};

// One request, on its connection's shard. Owned by what it waits for.
class ProduceRun : public std::enable_shared_from_this<ProduceRun> {
 public:
  ProduceRun(RequestContext context, wire::ProduceResponse response, std::int16_t acks)
      : context_(std::move(context)), response_(std::move(response)), acks_(acks) {}

  void start(std::vector<std::unique_ptr<ShardPart>> parts, std::int32_t timeout_ms) {
    parts_ = std::move(parts);
    waiting_ = parts_.size() + 1;
    Shard& home = context_.broker().shard();
    for (auto& part : parts_) {
      Shard& there = part->broker().shard();
      if (&there == &home) {
        part->start(acks_, timeout_ms, [self = shared_from_this()] { self->leave(); });
      } else {
        there.post([self = shared_from_this(), part = part.get(), &home, timeout_ms] {
          // The last reference is dropped at home, where the context lives.
          part->start(self->acks_, timeout_ms,
                      [self, &home]() mutable { home.post([self = std::move(self)] { self->leave(); }); });
        });
      }
    }
    leave();
  }

 private:
  void leave() {
    if (--waiting_ == 0) finish();
  }

  void finish() {
    bool failed = false;
    std::uint64_t records = 0;
    for (auto& part : parts_)
      for (Item& item : part->items()) {
        auto& to = response_.responses[item.topic].partition_responses[item.partition];
        const AppendOutcome& from = item.outcome;
        failed |= from.error != ErrorCode::none;
        records += static_cast<std::uint64_t>(from.records);
        to.error_code = code(from.error);
        to.base_offset = from.base.value;
        to.log_append_time_ms = from.error == ErrorCode::none ? from.log_append_time : -1;
        to.log_start_offset = tells_log_start(from) ? from.log_start.value : -1;
        if (from.message_is_for_client) to.error_message = from.message;
        for (const RecordError& e : from.record_errors)
          to.record_errors.push_back({.batch_index = e.index, .batch_index_error_message = e.message});
        if (is_led_elsewhere(from.error))
          add_leader_hint(context_.broker().metadata(), context_.listener(), item.log,
                          {from.error, context_.broker().services().node_id}, to, response_);
      }
    context_.broker().metrics().records_in.add(records);
    if (acks_ == 0) {
      // There is no reply to say it in: a closed connection makes the client look for the new leader.
      for (const auto& topic : response_.responses)
        for (const auto& p : topic.partition_responses) failed |= p.error_code != 0;
      if (failed) return context_.close("a produce request with acks=0 failed");
      return context_.respond_nothing();
    }
    context_.respond(response_);
  }

  // As Kafka: not with errors that say that there is no log here, or that the bytes never reached it.
  static bool tells_log_start(const AppendOutcome& outcome) {
    switch (outcome.error) {
      case ErrorCode::unknown_topic_or_partition:
      case ErrorCode::not_leader_or_follower:
      case ErrorCode::message_too_large:
      case ErrorCode::record_list_too_large:
      case ErrorCode::corrupt_message:
      case ErrorCode::kafka_storage_error:
        return false;
      default:
        return !outcome.refused_unread;
    }
  }

  RequestContext context_;
  wire::ProduceResponse response_;
  std::int16_t acks_;
  std::vector<std::unique_ptr<ShardPart>> parts_;
  std::size_t waiting_ = 0;
};

}  // namespace

void produce(RequestContext request) {
  wire::ProduceRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  const Metadata& metadata = broker.metadata();
  const bool by_id = request.version() >= 13;
  const bool admin_client = request.client_id() == "__admin_client";
  const bool acks_valid = message.acks >= -1 && message.acks <= 1;

  const auto transactional = [](ByteView batch) {
    constexpr std::size_t low_attributes = wire::batch_crc_covers_from + 1;
    return batch.size() > low_attributes && batch[wire::batch_magic_at] == 2 && (batch[low_attributes] & 16) != 0;
  };
  bool unnamed_transaction = false;
  if (!message.transactional_id)
    for (const auto& topic : message.topic_data)
      for (const auto& partition : topic.partition_data) unnamed_transaction |= transactional(partition.records.view);

  // First the places in the response and who owns what, then one part per shard with its items in place: a waiter's
  // address may not change.
  struct Found {
    std::size_t topic, partition;
    LogId log;
    std::span<std::uint8_t> records;
  };
  std::vector<std::vector<Found>> by_shard(static_cast<std::size_t>(broker.services().shards->size()));
  wire::ProduceResponse response;
  response.responses.reserve(message.topic_data.size());
  // A partition named twice: the last one counts, as in Kafka. Nearly all requests cannot name one twice.
  std::unordered_map<LogId, std::pair<std::size_t, std::size_t>, LogIdHash> named;
  std::unordered_map<std::string, std::size_t> entry_of;  // one entry for each topic, however often it is named
  const bool may_repeat = message.topic_data.size() > 1 ||
                          (message.topic_data.size() == 1 && message.topic_data[0].partition_data.size() > 1);
  for (auto& topic : message.topic_data) {
    if (topic.partition_data.empty()) continue;
    const TopicPtr image = by_id ? metadata.topic(topic.topic_id) : metadata.topic(topic.name);
    std::size_t at = response.responses.size();
    if (message.topic_data.size() > 1) {
      std::string key = by_id ? std::string(topic.topic_id.begin(), topic.topic_id.end()) : topic.name;
      at = entry_of.try_emplace(std::move(key), at).first->second;
    }
    if (at == response.responses.size()) response.responses.emplace_back();
    auto& out = response.responses[at];
    out.name = std::move(topic.name);
    out.topic_id = topic.topic_id;
    out.partition_responses.reserve(out.partition_responses.size() + topic.partition_data.size());
    for (auto& partition : topic.partition_data) {
      auto& to = out.partition_responses.emplace_back();
      to.index = partition.index;
      to.base_offset = -1;
      to.log_append_time_ms = -1;
      to.log_start_offset = -1;
      ErrorCode error = ErrorCode::none;
      if (!acks_valid) {
        error = ErrorCode::invalid_required_acks;
      } else if (!image) {
        error = by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
      } else if (partition.index < 0 || static_cast<std::size_t>(partition.index) >= image->partitions.size()) {
        error = ErrorCode::unknown_topic_or_partition;
      } else if (image->internal && !admin_client) {
        error = ErrorCode::invalid_topic_exception;
      } else if (transactional(partition.records.view)) {
        error = ErrorCode::invalid_txn_state;  // nobody begins transactions here: an open one would never end
      }
      if (unnamed_transaction) error = ErrorCode::transactional_id_authorization_failed;
      if (error != ErrorCode::none) {
        to.error_code = code(error);
        continue;
      }
      const LogId log{image->id, partition.index};
      // The frame is this request's alone: the leader writes offset and epoch into the batch where it lies.
      auto* data = const_cast<std::uint8_t*>(partition.records.view.data());
      const std::span<std::uint8_t> records(data, partition.records.view.size());
      const auto shard = static_cast<std::size_t>(broker.shard_index(log));
      if (may_repeat) {
        const auto [before, first_time] = named.try_emplace(log, shard, by_shard[shard].size());
        if (!first_time) {
          by_shard[before->second.first][before->second.second].records = records;
          out.partition_responses.pop_back();
          continue;
        }
      }
      by_shard[shard].push_back({at, out.partition_responses.size() - 1, log, records});
    }
  }

  const AppendOrigin origin = request.version() < 7 ? AppendOrigin::client_before_zstd : AppendOrigin::client;
  std::vector<std::unique_ptr<ShardPart>> parts;
  for (std::size_t shard = 0; shard < by_shard.size(); ++shard) {
    if (by_shard[shard].empty()) continue;
    auto part = std::make_unique<ShardPart>(*broker.services().peers[shard], origin, by_shard[shard].size());
    for (std::size_t i = 0; i < by_shard[shard].size(); ++i) {
      Item& item = part->items()[i];
      const Found& found = by_shard[shard][i];
      item.topic = found.topic;
      item.partition = found.partition;
      item.log = found.log;
      item.records = found.records;
    }
    parts.push_back(std::move(part));
  }
  const std::int16_t acks = message.acks;
  const std::int32_t timeout_ms = message.timeout_ms;
  std::make_shared<ProduceRun>(std::move(request), std::move(response), acks)->start(std::move(parts), timeout_ms);
}

}  // namespace holdfast::handlers
