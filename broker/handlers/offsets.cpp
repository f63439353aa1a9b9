// ListOffsets (2), OffsetForLeaderEpoch (23), DeleteRecords (21): each partition's question is asked where the
// partition lives. KIP-79 (by time), KIP-207 (new leaders), KIP-320 (epochs), KIP-734 (largest timestamp), KIP-1005
// (tiered: none here).
#include "wire/kafka/offsets.h"

#include <algorithm>
#include <map>
#include <set>

#include "broker/handlers/handlers.h"
#include "broker/handlers/support.h"
#include "broker/hop.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

// Timestamps with a meaning of their own.
constexpr std::int64_t latest = -1, earliest = -2, largest = -3, earliest_local = -4, latest_tiered = -5,
                       earliest_pending_upload = -6;

struct OffsetQuestion {
  LogId log;
  std::int64_t timestamp;
  std::int32_t leader_epoch;
  std::int8_t isolation;    // -1: the asker is not a consumer, and may see the log's end
  ErrorCode not_yet_known;  // what the request's version has for OFFSET_NOT_AVAILABLE
};
struct OffsetAnswer {
  ErrorCode error = ErrorCode::none;
  std::int64_t timestamp = -1;
  Offset offset{-1};
  std::int32_t epoch = -1;
};

std::int32_t epoch_at(const Log& log, Offset offset) {
  const auto epoch = offset == log.end_offset() ? log.leader_epochs().latest() : log.leader_epochs().epoch_at(offset);
  return epoch ? epoch->value : -1;
}

Task<OffsetAnswer> answer(BrokerShard* broker, OffsetQuestion question) {
  OffsetAnswer out;
  Partition* partition = broker->partition(question.log);
  if (!partition) {
    out.error = not_open_here(*broker, question.log);
    co_return out;
  }
  out.error = partition->check_leader(question.leader_epoch);
  if (out.error != ErrorCode::none) co_return out;
  Log& log = partition->log();
  const Offset end = partition->readable_end(question.isolation < 0    ? ReadTo::log_end
                                             : question.isolation == 1 ? ReadTo::last_stable
                                                                       : ReadTo::high_watermark);
  const bool not_yet_known = question.isolation >= 0 && partition->is_behind_predecessor();
  std::optional<TimestampedOffset> found;
  switch (question.timestamp) {
    case latest:
      if (not_yet_known) {
        out.error = question.not_yet_known;
        co_return out;
      }
      out.offset = end;
      out.epoch = epoch_at(log, end);
      co_return out;
    case earliest:
    case earliest_local:
      out.offset = log.start_offset();
      out.epoch = epoch_at(log, out.offset);
      co_return out;
    case latest_tiered:
    case earliest_pending_upload:
      co_return out;  // nothing is tiered: unknown, as Kafka answers without remote storage
    case largest: {
      auto read = co_await log.max_timestamp(end);
      if (!read) out.error = ErrorCode::kafka_storage_error;
      if (read) found = *read;
      break;
    }
    default: {
      auto read = co_await log.offset_for_timestamp(question.timestamp, end);
      if (!read) out.error = ErrorCode::kafka_storage_error;
      if (read) found = *read;
      break;
    }
  }
  if (found) {
    out.timestamp = found->timestamp;
    out.offset = found->offset;
    out.epoch = found->epoch.value;
  } else if (out.error == ErrorCode::none && not_yet_known) {
    out.error = question.not_yet_known;
  }
  co_return out;
}

Task<OffsetAnswer> ask(BrokerShard* home, OffsetQuestion question) {
  BrokerShard* owner = &home->peer(question.log);
  if (owner == home) {
    auto out = co_await answer(home, question);
    co_return out;
  }
  auto work = [owner, question] { return answer(owner, question); };
  auto out = co_await hop(owner->shard(), owner->gate(), std::move(work));
  if (out) co_return *out;
  OffsetAnswer gone;
  gone.error = ErrorCode::not_leader_or_follower;
  co_return gone;
}

Task<void> run_list_offsets(RequestContext context, wire::ListOffsetsRequest message) {
  BrokerShard* home = &context.broker();
  const std::int16_t version = context.version();
  std::set<std::pair<std::string, std::int32_t>> seen, twice, refused;
  for (const auto& t : message.topics)
    for (const auto& p : t.partitions)
      if (!seen.emplace(t.name, p.partition_index).second) twice.emplace(t.name, p.partition_index);
  const bool isolation_known = message.isolation_level == 0 || message.isolation_level == 1;
  wire::ListOffsetsResponse response;
  for (const auto& topic : message.topics) {
    auto& out = response.topics.emplace_back();
    out.name = topic.name;
    const TopicPtr image = home->metadata().topic(topic.name);
    for (const auto& partition : topic.partitions) {
      const bool repeated = twice.contains({topic.name, partition.partition_index});
      // Asked for twice: refused, in one line.
      if (repeated && !refused.emplace(topic.name, partition.partition_index).second) continue;
      auto& to = out.partitions.emplace_back();
      to.partition_index = partition.partition_index;
      const std::int64_t t = partition.timestamp;
      if (!isolation_known) {
        to.error_code = code(ErrorCode::unknown_server_error);
      } else if (repeated) {
        to.error_code = code(ErrorCode::invalid_request);
      } else if ((t < latest && version < 7) || (t == earliest_local && version < 8) ||
                 (t == latest_tiered && version < 9) || (t == earliest_pending_upload && version < 11) ||
                 t < earliest_pending_upload) {
        // `earliest` is as old as the API.
        to.error_code = t == earliest ? 0 : code(ErrorCode::unsupported_version);
      }
      if (to.error_code != 0) continue;
      if (!image || partition.partition_index < 0 ||
          static_cast<std::size_t>(partition.partition_index) >= image->partitions.size()) {
        to.error_code = code(ErrorCode::unknown_topic_or_partition);
        continue;
      }
      OffsetQuestion question{{image->id, partition.partition_index},
                              t,
                              partition.current_leader_epoch,
                              message.isolation_level,
                              version >= 5 ? ErrorCode::offset_not_available : ErrorCode::leader_not_available};
      if (message.replica_id != -1) question.isolation = -1;
      auto got = co_await ask(home, question);
      to.error_code = code(got.error);
      to.timestamp = got.timestamp;
      to.offset = got.offset.value;
      to.leader_epoch = got.epoch;
    }
  }
  one_entry_each(response.topics);
  context.respond(response);
}

Task<void> run_offset_for_leader_epoch(RequestContext context, wire::OffsetForLeaderEpochRequest message) {
  BrokerShard* home = &context.broker();
  wire::OffsetForLeaderEpochResponse response;
  for (const auto& topic : message.topics) {
    auto& out = response.topics.emplace_back();
    out.topic = topic.topic;
    const TopicPtr image = home->metadata().topic(topic.topic);
    for (const auto& partition : topic.partitions) {
      auto& to = out.partitions.emplace_back();
      to.partition = partition.partition;
      if (!image || partition.partition < 0 ||
          static_cast<std::size_t>(partition.partition) >= image->partitions.size()) {
        to.error_code = code(ErrorCode::unknown_topic_or_partition);
        continue;
      }
      struct EpochAnswer {
        ErrorCode error = ErrorCode::not_leader_or_follower;
        LeaderEpoch epoch{-1};
        Offset end{-1};
      };
      const LogId log{image->id, partition.partition};
      BrokerShard* owner = &home->peer(log);
      auto work = [owner, log, stated = partition.current_leader_epoch, asked = partition.leader_epoch] {
        EpochAnswer found;
        Partition* p = owner->partition(log);
        found.error = p ? p->check_leader(stated) : not_open_here(*owner, log);
        if (found.error != ErrorCode::none) return found;
        const auto [epoch, end] = p->log().leader_epochs().end_offset_for(LeaderEpoch(asked), p->log().end_offset());
        found.epoch = epoch;
        found.end = end;
        return found;
      };
      const EpochAnswer got = co_await on(owner->shard(), std::move(work));
      to.error_code = code(got.error);
      to.leader_epoch = got.epoch.value;
      to.end_offset = got.end.value;
    }
  }
  context.respond(response);
}

struct Deleted {
  ErrorCode error = ErrorCode::not_leader_or_follower;
  Offset to{-1}, low_watermark{-1};
};

Task<Deleted> delete_before(BrokerShard* broker, LogId id, std::int64_t offset) {
  Deleted out;
  Partition* partition = broker->partition(id);
  out.error = partition ? partition->check_leader(-1) : not_open_here(*broker, id);
  if (out.error != ErrorCode::none) co_return out;
  if (!partition->settings().cleanup_delete) {
    out.error = ErrorCode::policy_violation;
    co_return out;
  }
  const Offset to = offset == -1 ? partition->high_watermark() : Offset(offset);
  if (to.value < 0 || to > partition->high_watermark()) {
    out.error = ErrorCode::offset_out_of_range;
    co_return out;
  }
  Log& log = partition->log();
  if (to > log.durable_start()) {
    auto moved = co_await log.advance_start(to);
    if (!moved) {
      out.error = ErrorCode::kafka_storage_error;
      co_return out;
    }
  }
  out.to = to;
  if (Partition* still = broker->partition(id)) still->notify_start();
  co_return out;
}

// Until all that are in sync, or eligible, have deleted it too: any of them may lead next. They hear of it with their
// next fetch, and say so with the one after it.
Task<Deleted> deleted_everywhere(BrokerShard* broker, LogId id, Offset to, SteadyTime until) {
  constexpr Duration look_interval = std::chrono::milliseconds(10);
  Deleted out;
  for (;;) {
    const Partition* partition = broker->partition(id);
    out.error = partition ? partition->check_leader(-1) : not_open_here(*broker, id);
    if (out.error != ErrorCode::none) co_return out;
    out.low_watermark = partition->low_watermark();
    if (out.low_watermark >= to) co_return out;
    if (broker->shard().clock().now() >= until) break;
    co_await broker->shard().sleep(look_interval);
  }
  out.error = ErrorCode::request_timed_out;
  co_return out;
}

Task<void> run_delete_records(RequestContext context, wire::DeleteRecordsRequest message) {
  BrokerShard* home = &context.broker();
  std::map<std::string, std::map<std::int32_t, std::int64_t>> wanted;  // a partition named twice: the last one counts
  for (const auto& topic : message.topics)
    for (const auto& partition : topic.partitions) wanted[topic.name][partition.partition_index] = partition.offset;
  struct Begun {
    LogId log;
    Offset to;
    std::size_t partition, topic;  // in the response
  };
  std::vector<Begun> begun;
  wire::DeleteRecordsResponse response;
  for (const auto& [name, partitions] : wanted) {
    auto& out = response.topics.emplace_back();
    out.name = name;
    const TopicPtr image = home->metadata().topic(name);
    for (const auto& [index, offset] : partitions) {
      auto& to = out.partitions.emplace_back();
      to.partition_index = index;
      to.low_watermark = -1;
      if (!image || index < 0 || static_cast<std::size_t>(index) >= image->partitions.size()) {
        to.error_code = code(ErrorCode::unknown_topic_or_partition);
        continue;
      }
      if (image->internal) {
        to.error_code = code(ErrorCode::invalid_topic_exception);
        continue;
      }
      const LogId log{image->id, index};
      BrokerShard* owner = &home->peer(log);
      auto work = [owner, log, offset] { return delete_before(owner, log, offset); };
      auto got = co_await hop(owner->shard(), owner->gate(), std::move(work));
      const Deleted deleted = got ? *got : Deleted{};
      to.error_code = code(deleted.error);
      if (deleted.error == ErrorCode::none)
        begun.push_back({log, deleted.to, out.partitions.size() - 1, response.topics.size() - 1});
    }
  }
  const SteadyTime until = home->shard().clock().now() + std::chrono::milliseconds(std::max(message.timeout_ms, 0));
  for (const Begun& b : begun) {
    BrokerShard* owner = &home->peer(b.log);
    auto work = [owner, b, until] { return deleted_everywhere(owner, b.log, b.to, until); };
    auto got = co_await hop(owner->shard(), owner->gate(), std::move(work));
    const Deleted deleted = got ? *got : Deleted{};
    auto& to = response.topics[b.topic].partitions[b.partition];
    to.error_code = code(deleted.error);
    if (deleted.error == ErrorCode::none) to.low_watermark = deleted.low_watermark.value;
  }
  context.respond(response);
}

}  // namespace

void list_offsets(RequestContext request) {
  wire::ListOffsetsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_list_offsets(std::move(request), std::move(message)));
}

void offset_for_leader_epoch(RequestContext request) {
  wire::OffsetForLeaderEpochRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_offset_for_leader_epoch(std::move(request), std::move(message)));
}

void delete_records(RequestContext request) {
  wire::DeleteRecordsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_delete_records(std::move(request), std::move(message)));
}

}  // namespace holdfast::handlers
