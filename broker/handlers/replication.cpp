// ReplicaReport (10001): a follower tells how far its logs are on disk. There is no reply.
#include <map>

#include "broker/handlers/handlers.h"
#include "broker/handlers/support.h"
#include "wire/kafka/replica_report.h"

namespace holdfast::handlers {
namespace {

struct Reported {
  LogId log;
  LeaderEpoch epoch;
  Offset durable;
};

void take(BrokerShard& owner, const std::vector<Reported>& reports, std::int32_t replica, std::int64_t replica_epoch) {
  for (const Reported& r : reports)
    if (Partition* partition = owner.partition(r.log))
      partition->replica_durable(replica, replica_epoch, r.epoch, r.durable);
}

}  // namespace

void replica_report(RequestContext request) {
  wire::ReplicaReport message;
  if (!request.read(message)) return;
  BrokerShard& home = request.broker();
  std::map<int, std::vector<Reported>> by_owner;  // a shard
  for (const auto& topic : message.topics)
    for (const auto& p : topic.partitions) {
      const LogId log{topic.topic_id, p.partition};
      by_owner[home.shard_index(log)].push_back({log, LeaderEpoch(p.leader_epoch), Offset(p.durable_offset)});
    }
  for (auto& [index, told] : by_owner) {
    BrokerShard* owner = home.services().peers[static_cast<std::size_t>(index)].get();
    if (owner == &home) {
      take(home, told, message.replica_id, message.replica_epoch);
      continue;
    }
    owner->shard().post([owner, reports = std::move(told), replica = message.replica_id,
                         replica_epoch = message.replica_epoch] { take(*owner, reports, replica, replica_epoch); });
  }
  if (message.answer_fetch) request.answer_parked();
  request.respond_nothing();
}

}  // namespace holdfast::handlers
