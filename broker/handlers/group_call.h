// How a handler reaches a group: to the shard of its __consumer_offsets partition, and back with the answer.
#pragma once

#include <string>
#include <utility>

#include "broker/group_coordinator.h"
#include "broker/handlers/support.h"
#include "broker/request_context.h"
#include "broker/topic_admin.h"

namespace holdfast::handlers {

struct GroupPlace {
  wire::ErrorCode error = wire::ErrorCode::none;
  LogId log;
  BrokerShard* owner = nullptr;
};

// Makes the offsets topic on first use.
inline GroupPlace place_of(BrokerShard& home, std::string_view group) {
  const TopicPtr topic = home.metadata().topic(offsets_topic);
  if (!topic || topic->partitions.empty()) {
    home.first().shard().post([admin = home.services().admin] { admin->ensure_internal(offsets_topic); });
    return {wire::ErrorCode::coordinator_not_available, {}, nullptr};
  }
  const std::int32_t partition =
      GroupCoordinator::partition_of(group, static_cast<std::int32_t>(topic->partitions.size()));
  const LogId log{topic->id, partition};
  return {wire::ErrorCode::none, log, &home.peer(log)};
}

// Runs `work(coordinator, hosted, answer)` where the group lives; `respond(context, reply)` runs at home, once `answer`
// was called. `refuse(error)` makes the reply when the coordinator is not there.
template <class Reply, class Work, class Respond, class Refuse>
void call_group(RequestContext context, const std::string& group, Work work, Respond respond, Refuse refuse) {
  BrokerShard& home = context.broker();
  const GroupPlace place = place_of(home, group);
  if (place.error != wire::ErrorCode::none) return respond(context, refuse(place.error));
  Function<void(Reply)> answer = [&shard = home.shard(), context = std::move(context), respond](Reply reply) mutable {
    if (Shard::current() == &shard) return respond(context, std::move(reply));
    shard.post([context = std::move(context), respond, reply = std::move(reply)]() mutable {
      respond(context, std::move(reply));
    });
  };
  auto run = [owner = place.owner, log = place.log, answer = std::move(answer), work = std::move(work),
              refuse = std::move(refuse)]() mutable {
    GroupCoordinator& groups = owner->groups();
    const GroupCoordinator::Found found = groups.find(log);
    if (!found.hosted) return answer(refuse(found.error));
    work(groups, *found.hosted, std::move(answer));
  };
  if (place.owner == &home) return run();
  place.owner->shard().post(std::move(run));
}

}  // namespace holdfast::handlers
