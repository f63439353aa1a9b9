// ElectLeaders (43): preferred leaders take over again, or, where nobody in sync is left, anyone (KIP-460). Planned and
// written on shard 0 by TopicAdmin.
#include "broker/handlers/handlers.h"
#include "broker/handlers/support.h"
#include "broker/hop.h"
#include "broker/topic_admin.h"
#include "wire/kafka/topics.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

void add_result(wire::ElectLeadersResponse::Topic& to, std::int32_t partition, const AdminAnswer& answer) {
  auto& result = to.partition_result.emplace_back();
  result.partition_id = partition;
  result.error_code = code(answer.error);
  result.error_message.reset();
  if (answer.error != ErrorCode::none)
    result.error_message = answer.message.empty() ? std::string(wire::error_message(answer.error)) : answer.message;
}

void refuse_all(RequestContext& context, const wire::ElectLeadersRequest& message, const AdminAnswer& fault) {
  wire::ElectLeadersResponse response;
  response.error_code = code(fault.error);
  if (message.topic_partitions)
    for (const auto& topic : *message.topic_partitions) {
      auto& to = response.replica_election_results.emplace_back();
      to.topic = topic.topic;
      for (const std::int32_t partition : topic.partitions) add_result(to, partition, fault);
    }
  context.respond(response);
}

Task<void> run_elect(RequestContext context, wire::ElectLeadersRequest message) {
  BrokerShard* home = &context.broker();
  TopicAdmin* admin = home->services().admin;
  BrokerShard* first = &home->first();
  if (message.election_type != 0 && message.election_type != 1) {
    refuse_all(context, message,
               {ErrorCode::invalid_request, "Unknown election type " + std::to_string(message.election_type)});
    co_return;
  }
  const bool all = !message.topic_partitions;
  if (all) {
    message.topic_partitions.emplace();
    for (const auto& [name, topic] : home->metadata().topics()) {
      auto& to = message.topic_partitions->emplace_back();
      to.topic = name;
      for (std::size_t p = 0; p < topic->partitions.size(); ++p) to.partitions.push_back(static_cast<std::int32_t>(p));
    }
  }
  std::vector<PartitionName> wanted;
  for (const auto& topic : *message.topic_partitions)
    for (const std::int32_t partition : topic.partitions) wanted.push_back({topic.topic, partition});
  auto work = [admin, type = static_cast<ElectionType>(message.election_type), wanted = std::move(wanted)]() mutable {
    return admin->elect(type, std::move(wanted));
  };
  auto done = co_await hop(first->shard(), first->gate(), std::move(work));
  if (!done) {
    refuse_all(context, message, {ErrorCode::broker_not_available, {}});
    co_return;
  }
  wire::ElectLeadersResponse response;
  std::size_t next = 0;
  for (const auto& topic : *message.topic_partitions) {
    auto& to = response.replica_election_results.emplace_back();
    to.topic = topic.topic;
    for (const std::int32_t partition : topic.partitions) {
      const AdminAnswer& answer = done->at(next++);
      // Asked of all partitions, those that lead as they should are not worth telling.
      if (!all || answer.error != ErrorCode::election_not_needed) add_result(to, partition, answer);
    }
  }
  context.respond(response);
}

}  // namespace

void elect_leaders(RequestContext request) {
  wire::ElectLeadersRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_elect(std::move(request), std::move(message)));
}

}  // namespace holdfast::handlers
