// FindCoordinator (10), DescribeGroups (15), ListGroups (16), DeleteGroups (42).
#include "wire/kafka/group_admin.h"

#include <algorithm>
#include <map>

#include "broker/handlers/group_call.h"
#include "broker/handlers/handlers.h"
#include "wire/kafka/groups.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;
enum KeyType : std::int8_t { group_key = 0, transaction_key = 1, share_key = 2 };

using Coordinator = wire::FindCoordinatorResponse::Coordinator;

Coordinator find(RequestContext& context, const std::string& key, std::int8_t type) {
  BrokerShard& broker = context.broker();
  Coordinator out;
  out.key = key;
  out.node_id = -1;
  out.port = -1;
  out.error_message.reset();
  ErrorCode error = ErrorCode::none;
  if (type == group_key) {
    const GroupPlace place = place_of(broker, key);
    error = place.error;
    if (error == ErrorCode::none) {
      const PartitionImage* partition = broker.metadata().partition(offsets_topic, place.log.partition);
      const bool led = partition && broker.is_served_by(partition->leader, *partition);
      const auto leader = led ? broker.metadata().brokers().find(partition->leader) : broker.metadata().brokers().end();
      const auto* listener =
          leader == broker.metadata().brokers().end() ? nullptr : leader->second.listener(context.listener());
      if (listener) {
        out.node_id = leader->first;
        out.host = listener->host;
        out.port = listener->port;
      } else {
        error = ErrorCode::coordinator_not_available;
      }
    }
  } else if (type == transaction_key) {
    // There is no transaction coordinator; its APIs are not advertised.
    error = ErrorCode::coordinator_not_available;
  } else {
    error = ErrorCode::invalid_request;
  }
  out.error_code = code(error);
  // Before version 4 the message goes with the code, "NONE" included; since then only an unknown type of key has one.
  const bool told = context.version() < 4 || type > share_key || type < group_key;
  out.error_message = !told ? "" : error == ErrorCode::none ? "NONE" : std::string(wire::error_message(error));
  return out;
}

}  // namespace

void find_coordinator(RequestContext request) {
  wire::FindCoordinatorRequest message;
  if (!request.read(message)) return;
  wire::FindCoordinatorResponse response;
  response.error_message.reset();
  if (request.version() >= 4) {
    for (const std::string& key : message.coordinator_keys)
      response.coordinators.push_back(find(request, key, message.key_type));
    return request.respond(response);
  }
  Coordinator found = find(request, message.key, message.key_type);
  response.error_code = found.error_code;
  response.error_message = std::move(found.error_message);
  response.node_id = found.node_id;
  response.host = std::move(found.host);
  response.port = found.port;
  request.respond(response);
}

namespace {

// Asks each group where it lives, one after the other: these are requests of people, not of applications.
Task<GroupDescription> describe(BrokerShard* home, std::string group) {
  const GroupPlace place = place_of(*home, group);
  GroupDescription refused;
  refused.error = place.error;
  if (place.error != ErrorCode::none) co_return refused;
  auto work = [place, group] {
    const auto found = place.owner->groups().find(place.log);
    GroupDescription out;
    out.error = found.error;
    return found.hosted ? place.owner->groups().machine(*found.hosted).describe(group) : out;
  };
  auto out = co_await on(place.owner->shard(), std::move(work));
  co_return out;
}

Task<void> run_describe(RequestContext context, wire::DescribeGroupsRequest message) {
  BrokerShard* home = &context.broker();
  wire::DescribeGroupsResponse response;
  for (const std::string& group : message.groups) {
    GroupDescription found;
    auto described = co_await describe(home, group);
    found = std::move(described);
    auto& to = response.groups.emplace_back();
    to.group_id = group;
    const bool missing = found.error == ErrorCode::group_id_not_found;
    // Before version 6 a group that is not there was described as a dead one.
    to.error_code = code(missing && context.version() < 6 ? ErrorCode::none : found.error);
    if (missing && context.version() >= 6) to.error_message = "Group " + group + " not found.";
    to.group_state = missing ? "Dead" : found.state;
    to.protocol_type = std::move(found.protocol_type);
    to.protocol_data = std::move(found.protocol);
    if (message.include_authorized_operations && to.error_code == 0) to.authorized_operations = group_operations;
    for (auto& m : found.members)
      to.members.push_back({.member_id = std::move(m.id),
                            .group_instance_id = std::move(m.instance_id),
                            .client_id = std::move(m.client_id),
                            .client_host = std::move(m.client_host),
                            .member_metadata = std::move(m.metadata),
                            .member_assignment = std::move(m.assignment)});
  }
  context.respond(response);
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

Task<void> run_list(RequestContext context, wire::ListGroupsRequest message) {
  BrokerShard* home = &context.broker();
  using Listed = wire::ListGroupsResponse::Group;
  wire::ListGroupsResponse response;
  const auto wanted = [](const std::vector<std::string>& filter, std::string_view value) {
    return filter.empty() ||
           std::ranges::any_of(filter, [&](const std::string& f) { return equals_ignoring_case(f, value); });
  };
  for (const auto& peer : home->services().peers) {
    BrokerShard* shard = peer.get();
    auto work = [shard] {
      std::pair<bool, std::vector<Listed>> out{true, {}};
      for (auto* hosted : shard->groups().all(out.first))
        for (const auto& [id, group] : shard->groups().machine(*hosted).groups())
          out.second.push_back({.group_id = id,
                                .protocol_type = group.protocol_type.value_or(""),
                                .group_state = std::string(to_string(group.state)),
                                .group_type = "classic"});
      return out;
    };
    auto listed = co_await on(shard->shard(), std::move(work));
    if (!listed.first) response.error_code = code(ErrorCode::coordinator_load_in_progress);
    for (Listed& group : listed.second)
      if (wanted(message.states_filter, group.group_state) && wanted(message.types_filter, group.group_type))
        response.groups.push_back(std::move(group));
  }
  context.respond(response);
}

Task<ErrorCode> remove_group(BrokerShard* home, std::string group) {
  const GroupPlace place = place_of(*home, group);
  if (place.error != ErrorCode::none) co_return place.error;
  auto result = std::make_shared<ErrorCode>(ErrorCode::none);
  auto start = [home, place, group, result](Function<void()> resume) {
    auto run = [home, place, group, result, resume = std::move(resume)]() mutable {
      const auto back = [home, result](ErrorCode error, Function<void()> go) {
        *result = error;
        home->shard().post(std::move(go));
      };
      GroupCoordinator& groups = place.owner->groups();
      const auto found = groups.find(place.log);
      if (!found.hosted) return back(found.error, std::move(resume));
      GroupOutcome outcome;
      const ErrorCode error = groups.machine(*found.hosted).remove(group, outcome);
      if (error != ErrorCode::none) return back(error, std::move(resume));
      groups.perform(*found.hosted, std::move(outcome),
                     [back, resume = std::move(resume)](ErrorCode e) mutable { back(e, std::move(resume)); });
    };
    place.owner->shard().post(std::move(run));
  };
  co_await home->shard().until(std::move(start));
  co_return *result;
}

Task<void> run_remove(RequestContext context, wire::DeleteGroupsRequest message) {
  BrokerShard* home = &context.broker();
  wire::DeleteGroupsResponse response;
  std::map<std::string, ErrorCode> done;
  for (const std::string& group : message.groups_names) {
    if (done.contains(group)) continue;
    auto error = co_await remove_group(home, group);
    done[group] = error;
    response.results.push_back({.group_id = group, .error_code = code(error), .error_message = std::nullopt});
  }
  context.respond(response);
}

}  // namespace

void describe_groups(RequestContext request) {
  wire::DescribeGroupsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_describe(std::move(request), std::move(message)));
}

void list_groups(RequestContext request) {
  wire::ListGroupsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_list(std::move(request), std::move(message)));
}

void delete_groups(RequestContext request) {
  wire::DeleteGroupsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run_remove(std::move(request), std::move(message)));
}

}  // namespace holdfast::handlers
