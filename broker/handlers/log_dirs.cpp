// DescribeLogDirs (35): what each log directory holds, and the room left in it (KIP-113, KIP-827).
#include "wire/kafka/log_dirs.h"

#include <map>
#include <set>

#include "broker/handlers/handlers.h"
#include "broker/handlers/support.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

struct Replica {
  std::string topic, dir;
  std::int32_t index;
  std::int64_t bytes;
};

Task<void> run(RequestContext context, wire::DescribeLogDirsRequest message) {
  BrokerShard* home = &context.broker();
  std::optional<std::set<std::pair<std::string, std::int32_t>>> wanted;
  if (message.topics) {
    wanted.emplace();
    for (const auto& t : *message.topics)
      for (const std::int32_t p : t.partitions) wanted->emplace(t.topic, p);
  }
  std::map<std::string, std::map<std::string, std::vector<Replica>>> by_dir;
  for (const auto& peer : home->services().peers) {
    BrokerShard* shard = peer.get();
    auto work = [shard] {
      std::vector<Replica> out;
      for (const auto& [_, p] : shard->partitions())
        out.push_back({p->topic(), p->log().log_dir(), p->index(), static_cast<std::int64_t>(p->log().size_bytes())});
      return out;
    };
    auto replicas = co_await on(shard->shard(), std::move(work));
    for (Replica& r : replicas)
      if (!wanted || wanted->contains({r.topic, r.index})) by_dir[r.dir][r.topic].push_back(std::move(r));
  }
  wire::DescribeLogDirsResponse response;
  for (const LogDirDescription& dir : home->services().logs->directories()) {
    auto& to = response.results.emplace_back();
    to.log_dir = dir.path;
    if (!dir.online) {
      to.error_code = code(ErrorCode::kafka_storage_error);
      continue;
    }
    to.total_bytes = static_cast<std::int64_t>(dir.space.total_bytes);
    to.usable_bytes = static_cast<std::int64_t>(dir.space.available_bytes);
    for (const auto& [name, replicas] : by_dir[dir.path]) {
      auto& topic = to.topics.emplace_back();
      topic.name = name;
      for (const Replica& r : replicas)
        topic.partitions.push_back(
            {.partition_index = r.index, .partition_size = r.bytes, .offset_lag = 0, .is_future_key = false});
    }
  }
  context.respond(response);
}

}  // namespace

void describe_log_dirs(RequestContext request) {
  wire::DescribeLogDirsRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  broker.shard().spawn(broker.gate(), run(std::move(request), std::move(message)));
}

}  // namespace holdfast::handlers
