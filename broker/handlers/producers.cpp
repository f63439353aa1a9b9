// InitProducerId (22) for idempotent producers, DescribeProducers (61).
#include "broker/handlers/handlers.h"
#include "broker/handlers/support.h"
#include "broker/hop.h"
#include "broker/topic_admin.h"
#include "wire/kafka/transaction_admin.h"
#include "wire/kafka/transactions.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

Task<void> run_init(RequestContext context) {
  BrokerShard* home = &context.broker();
  TopicAdmin* admin = home->services().admin;
  BrokerShard* first = &home->first();
  auto work = [admin] { return admin->next_producer_id(); };
  auto id = co_await hop(first->shard(), first->gate(), std::move(work));
  wire::InitProducerIdResponse response;
  if (id && *id) {
    response.producer_id = **id;
    response.producer_epoch = 0;
  } else {
    response.error_code = code(ErrorCode::coordinator_not_available);
    response.producer_epoch = -1;
  }
  context.respond(response);
}

using DescribedPartition = wire::DescribeProducersResponse::Partition;

DescribedPartition describe(BrokerShard& broker, const LogId& log) {
  DescribedPartition out;
  out.partition_index = log.partition;
  Partition* partition = broker.partition(log);
  if (!partition || !partition->is_leader()) {
    out.error_code = code(ErrorCode::not_leader_or_follower);
    return out;
  }
  for (const auto& [id, entry] : partition->log().producers().producers())
    out.active_producers.push_back(
        {.producer_id = id,
         .producer_epoch = entry.epoch,
         .last_sequence = entry.batches.empty() ? -1 : entry.batches.back().last_sequence,
         .last_timestamp = entry.last_timestamp,
         .coordinator_epoch = entry.coordinator_epoch,
         .current_txn_start_offset = entry.transaction_first_offset ? entry.transaction_first_offset->value : -1});
  return out;
}

Task<void> run_describe(RequestContext context, wire::DescribeProducersRequest message) {
  BrokerShard* home = &context.broker();
  wire::DescribeProducersResponse response;
  for (const auto& topic : message.topics) {
    auto& out = response.topics.emplace_back();
    out.name = topic.name;
    const TopicPtr image = home->metadata().topic(topic.name);
    for (const std::int32_t index : topic.partition_indexes) {
      if (!image || index < 0 || static_cast<std::size_t>(index) >= image->partitions.size()) {
        const auto error =
            topic_name_fault(topic.name) ? ErrorCode::invalid_topic_exception : ErrorCode::unknown_topic_or_partition;
        auto& to = out.partitions.emplace_back();
        to.partition_index = index;
        to.error_code = code(error);
        if (!image) to.error_message = std::string(wire::error_message(error));
        continue;
      }
      const LogId log{image->id, index};
      BrokerShard* owner = &home->peer(log);
      auto work = [owner, log] { return describe(*owner, log); };
      auto described = co_await on(owner->shard(), std::move(work));
      out.partitions.push_back(std::move(described));
    }
  }
  context.respond(response);
}

}  // namespace

void init_producer_id(RequestContext request) {
  wire::InitProducerIdRequest message;
  if (!request.read(message)) return;
  wire::InitProducerIdResponse response;
  response.producer_epoch = -1;
  if (message.transactional_id) {
    // There is no transaction coordinator yet, and its APIs are not advertised.
    response.error_code =
        code(message.transactional_id->empty() ? ErrorCode::invalid_request : ErrorCode::coordinator_not_available);
    return request.respond(response);
  }
  if ((message.producer_id == -1) != (message.producer_epoch == -1)) {
    response.error_code = code(ErrorCode::invalid_request);
    return request.respond(response);
  }
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_init(std::move(request)));
}

void describe_producers(RequestContext request) {
  wire::DescribeProducersRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_describe(std::move(request), std::move(message)));
}

}  // namespace holdfast::handlers
