// AlterPartitionReassignments (45) and ListPartitionReassignments (46): replicas move (KIP-455). A request says where
// to; the new replicas catch up; the controller ends it. Planned and written on shard 0 by TopicAdmin.
#include "broker/handlers/handlers.h"
#include "broker/handlers/support.h"
#include "broker/hop.h"
#include "broker/topic_admin.h"
#include "wire/kafka/topics.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

Task<void> run_alter(RequestContext context, wire::AlterPartitionReassignmentsRequest message) {
  BrokerShard* home = &context.broker();
  TopicAdmin* admin = home->services().admin;
  BrokerShard* first = &home->first();
  std::vector<Reassignment> wanted;
  for (auto& topic : message.topics)
    for (auto& p : topic.partitions) wanted.push_back({{topic.name, p.partition_index}, std::move(p.replicas)});
  auto work = [admin, wanted = std::move(wanted), may_change = message.allow_replication_factor_change]() mutable {
    return admin->reassign(std::move(wanted), may_change);
  };
  auto done = co_await hop(first->shard(), first->gate(), std::move(work));
  wire::AlterPartitionReassignmentsResponse response;
  response.allow_replication_factor_change = message.allow_replication_factor_change;
  if (!message.topics.empty()) response.error_message.reset();  // as Kafka has it, for whoever looks closely
  std::size_t next = 0;
  for (const auto& topic : message.topics) {
    auto& to = response.responses.emplace_back();
    to.name = topic.name;
    for (const auto& p : topic.partitions) {
      const AdminAnswer answer = done ? done->at(next++) : AdminAnswer{ErrorCode::broker_not_available, {}};
      auto& result = to.partitions.emplace_back();
      result.partition_index = p.partition_index;
      result.error_code = code(answer.error);
      result.error_message.reset();
      if (!answer.message.empty()) result.error_message = answer.message;
    }
  }
  context.respond(response);
}

void add_moving(wire::ListPartitionReassignmentsResponse::Topic& to, const TopicImage& topic, std::int32_t index) {
  if (index < 0 || static_cast<std::size_t>(index) >= topic.partitions.size()) return;
  const PartitionImage& p = topic.partitions[static_cast<std::size_t>(index)];
  if (!p.reassigning()) return;
  to.partitions.push_back(
      {.partition_index = index, .replicas = p.replicas, .adding_replicas = p.adding, .removing_replicas = p.removing});
}

}  // namespace

void alter_partition_reassignments(RequestContext request) {
  wire::AlterPartitionReassignmentsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_alter(std::move(request), std::move(message)));
}

void list_partition_reassignments(RequestContext request) {
  wire::ListPartitionReassignmentsRequest message;
  if (!request.read(message)) return;
  const Metadata& metadata = request.broker().metadata();
  wire::ListPartitionReassignmentsResponse response;
  response.error_message.reset();
  const auto add = [&response](wire::ListPartitionReassignmentsResponse::Topic topic) {
    if (!topic.partitions.empty()) response.topics.push_back(std::move(topic));
  };
  if (message.topics) {
    for (const auto& asked : *message.topics) {
      const TopicPtr topic = metadata.topic(asked.name);
      if (!topic) continue;
      wire::ListPartitionReassignmentsResponse::Topic to{.name = asked.name, .partitions = {}};
      for (const std::int32_t index : asked.partition_indexes) add_moving(to, *topic, index);
      add(std::move(to));
    }
  } else {
    for (const auto& [name, topic] : metadata.topics()) {
      wire::ListPartitionReassignmentsResponse::Topic to{.name = name, .partitions = {}};
      for (std::size_t i = 0; i < topic->partitions.size(); ++i) add_moving(to, *topic, static_cast<std::int32_t>(i));
      add(std::move(to));
    }
  }
  request.respond(response);
}

}  // namespace holdfast::handlers
