// CreateTopics (19), DeleteTopics (20), CreatePartitions (37): decided and written on shard 0 by TopicAdmin; answered
// when the logs are open, so that what follows finds them.
#include "wire/kafka/topics.h"

#include <algorithm>
#include <map>
#include <set>

#include "broker/handlers/handlers.h"
#include "broker/handlers/support.h"
#include "broker/hop.h"
#include "broker/topic_admin.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

template <class Text>
void set_message(Text& to, const AdminAnswer& answer) {
  to.reset();
  if (answer.error != ErrorCode::none)
    to = answer.message.empty() ? std::string(wire::error_message(answer.error)) : answer.message;
}

void describe_created(wire::CreateTopicsResponse::Topic& to, BrokerShard& broker, const znodes::Configs& overrides) {
  to.configs.emplace();
  const Metadata& metadata = broker.metadata();
  for (auto& c : describe_topic(broker.config(), metadata.broker_config("<default>"),
                                metadata.broker_config(std::to_string(broker.services().node_id)), overrides))
    to.configs->push_back({.name = std::move(c.name),
                           .value = std::move(c.value),
                           .read_only = c.read_only,
                           .config_source = c.source,
                           .is_sensitive = c.sensitive});
}

Task<void> run_create(RequestContext context, wire::CreateTopicsRequest message) {
  BrokerShard* home = &context.broker();
  TopicAdmin* admin = home->services().admin;
  BrokerShard* first = &home->first();
  std::map<std::string, int> times;
  for (const auto& topic : message.topics) ++times[topic.name];
  wire::CreateTopicsResponse response;
  std::set<std::string> refused;
  for (const auto& topic : message.topics) {
    if (times[topic.name] > 1) {
      // Named twice: both are refused, in one line.
      if (!refused.insert(topic.name).second) continue;
      auto& to = response.topics.emplace_back();
      to.name = topic.name;
      to.error_code = code(ErrorCode::invalid_request);
      to.error_message = "Duplicate topic name.";
      continue;
    }
    NewTopic wanted;
    wanted.name = topic.name;
    wanted.partitions = topic.num_partitions;
    wanted.replication_factor = topic.replication_factor;
    AdminAnswer fault;
    for (const auto& a : topic.assignments)
      if (!wanted.assignments.emplace(a.partition_index, a.broker_ids).second) wanted.duplicate_assignment = true;
    for (const auto& c : topic.configs) {
      if (!c.value) {
        fault = {ErrorCode::invalid_config, "Null value not supported for topic configs: " + c.name};
        continue;
      }
      wanted.configs[c.name] = *c.value;
    }
    CreatedTopic created;
    if (fault.error != ErrorCode::none) {
      created.answer = std::move(fault);
    } else {
      const znodes::Configs overrides = wanted.configs;
      auto work = [admin, wanted = std::move(wanted), validate = message.validate_only]() mutable {
        return admin->create(std::move(wanted), validate);
      };
      auto done = co_await hop(first->shard(), first->gate(), std::move(work));
      created = done ? std::move(*done) : CreatedTopic{{ErrorCode::broker_not_available, {}}, {}, -1, -1};
      if (created.answer.error == ErrorCode::none) {
        auto& to = response.topics.emplace_back();
        to.name = topic.name;
        to.topic_id = created.id;
        to.num_partitions = created.partitions;
        to.replication_factor = created.replication_factor;
        to.error_message.reset();
        describe_created(to, *home, overrides);
        continue;
      }
    }
    auto& to = response.topics.emplace_back();
    to.name = topic.name;
    to.error_code = code(created.answer.error);
    set_message(to.error_message, created.answer);
  }
  context.respond(response);
}

Task<void> run_delete(RequestContext context, wire::DeleteTopicsRequest message) {
  BrokerShard* home = &context.broker();
  TopicAdmin* admin = home->services().admin;
  BrokerShard* first = &home->first();
  wire::DeleteTopicsResponse response;
  if (context.version() < 6) {
    message.topics.clear();
    for (auto& name : message.topic_names) message.topics.push_back({.name = std::move(name), .topic_id = {}});
  }
  const bool allowed = home->config().boolean("delete.topic.enable");
  // Named twice, by name, by id or by one of each: refused, in one line.
  std::map<std::string, int> names;
  std::map<Uuid, int> ids;
  for (auto& topic : message.topics) {
    if (topic.name && topic.topic_id != zero_uuid) continue;
    if (topic.name) ++names[*topic.name];
    if (topic.topic_id != zero_uuid) ++ids[topic.topic_id];
  }
  const auto by_both = [&](const TopicPtr& image) {
    return image && names.contains(image->name) && ids.contains(image->id);
  };
  std::set<std::pair<std::string, Uuid>> refused;
  for (auto& topic : message.topics) {
    const bool has_id = topic.topic_id != zero_uuid;
    const TopicPtr image = has_id ? home->metadata().topic(topic.topic_id)
                                  : home->metadata().topic(topic.name ? *topic.name : std::string());
    AdminAnswer answer;
    if (!allowed) {
      answer = {context.version() < 3 ? ErrorCode::invalid_request : ErrorCode::topic_deletion_disabled, {}};
    } else if (topic.name && has_id) {
      answer = {ErrorCode::invalid_request, "You may not specify both topic name and topic id."};
    } else if (!topic.name && !has_id) {
      answer = {ErrorCode::invalid_request, "Neither topic name nor id were specified."};
    } else if (by_both(image)) {
      if (has_id) continue;  // the line of its name says it
      answer = {ErrorCode::invalid_request, "The provided topic name maps to an ID that was already supplied."};
    } else if ((topic.name && names[*topic.name] > 1) || (has_id && ids[topic.topic_id] > 1)) {
      answer = {ErrorCode::invalid_request, topic.name ? "Duplicate topic name." : "Duplicate topic id."};
      if (!refused.emplace(topic.name.value_or(""), topic.topic_id).second) continue;
    } else if (!image) {
      answer = {has_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition, {}};
    } else if (image->internal) {
      answer = {ErrorCode::invalid_request, "Deletion of internal topic " + image->name + " is prohibited."};
    } else {
      const auto id = has_id ? std::optional(topic.topic_id) : std::nullopt;
      auto work = [admin, name = image->name, id] { return admin->remove(name, id); };
      auto done = co_await hop(first->shard(), first->gate(), std::move(work));
      answer = done ? std::move(*done) : AdminAnswer{ErrorCode::broker_not_available, {}};
    }
    auto& to = response.responses.emplace_back();
    to.topic_id = topic.topic_id;
    to.name = topic.name;
    if (image && (answer.error == ErrorCode::none || (!has_id && by_both(image)))) {
      to.name = image->name;
      to.topic_id = image->id;
    }
    to.error_code = code(answer.error);
    set_message(to.error_message, answer);
  }
  context.respond(response);
}

Task<void> run_create_partitions(RequestContext context, wire::CreatePartitionsRequest message) {
  BrokerShard* home = &context.broker();
  TopicAdmin* admin = home->services().admin;
  BrokerShard* first = &home->first();
  std::map<std::string, int> times;
  for (const auto& topic : message.topics) ++times[topic.name];
  std::set<std::string> refused;
  wire::CreatePartitionsResponse response;
  for (auto& topic : message.topics) {
    AdminAnswer answer;
    if (times[topic.name] > 1) {
      if (!refused.insert(topic.name).second) continue;
      answer = {ErrorCode::invalid_request, "Duplicate topic name."};
    } else {
      std::optional<std::vector<std::vector<std::int32_t>>> assignments;
      if (topic.assignments) {
        assignments.emplace();
        for (auto& a : *topic.assignments) assignments->push_back(std::move(a.broker_ids));
      }
      auto work = [admin, name = topic.name, count = topic.count, assignments = std::move(assignments),
                   validate = message.validate_only]() mutable {
        return admin->grow(std::move(name), count, std::move(assignments), validate);
      };
      auto done = co_await hop(first->shard(), first->gate(), std::move(work));
      answer = done ? std::move(*done) : AdminAnswer{ErrorCode::broker_not_available, {}};
    }
    auto& to = response.results.emplace_back();
    to.name = topic.name;
    to.error_code = code(answer.error);
    // Kafka has nothing to say about a topic that is not there.
    if (answer.error != ErrorCode::unknown_topic_or_partition || !answer.message.empty())
      set_message(to.error_message, answer);
  }
  context.respond(response);
}

}  // namespace

void create_topics(RequestContext request) {
  wire::CreateTopicsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_create(std::move(request), std::move(message)));
}

void delete_topics(RequestContext request) {
  wire::DeleteTopicsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_delete(std::move(request), std::move(message)));
}

void create_partitions(RequestContext request) {
  wire::CreatePartitionsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_create_partitions(std::move(request), std::move(message)));
}

}  // namespace holdfast::handlers
