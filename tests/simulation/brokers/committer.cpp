#include "tests/simulation/brokers/committer.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/log_line.h"
#include "wire/kafka/groups.h"

namespace holdfast::sim {
namespace {

constexpr std::int16_t committer_find_version = 3, commit_version = 8, fetch_version = 7;
constexpr Duration committer_patience = std::chrono::seconds(4);

}  // namespace

SimulatedCommitter::SimulatedCommitter(World& world, Shard& shard, std::string address, int brokers, int index,
                                       std::string topic, Duration think_max, RecordHistory& history)
    : history_(history),
      group_(fmt::format("group-{}", index)),
      topic_(std::move(topic)),
      think_max_(think_max),
      client_(world, shard, std::move(address), brokers) {}

Task<void> SimulatedCommitter::run() {
  bool settled = false;
  while (!abandoned_ && !(finishing_ && settled)) {
    co_await client_.nap(think_max_);
    if (coordinator_ < 1) {
      const bool found = co_await find_coordinator();
      if (!found) continue;
    }
    const std::int64_t next = attempted_ + 1;
    const bool write = !finishing_ && client_.world().one_in(2);
    settled = false;
    // Some do not know who coordinates now, and ask whoever did, or never did.
    if (!finishing_ && client_.world().one_in(4)) {
      const std::int32_t other = client_.some_broker();
      const bool answered = co_await read_back(other);
      (void)answered;
    } else if (write) {
      const std::int32_t to = coordinator_;
      const bool committed = co_await commit(to, next);
      if (!committed) coordinator_ = -1;
    } else {
      const std::int32_t from = coordinator_;
      settled = co_await read_back(from);
      if (!settled) coordinator_ = -1;
    }
  }
  co_await client_.stop();
  done_ = true;
}

Task<bool> SimulatedCommitter::find_coordinator() {
  wire::FindCoordinatorRequest request;
  request.key = group_;
  const std::int32_t asked = client_.some_broker();
  auto answer =
      co_await client_.ask<wire::FindCoordinatorResponse>(asked, request, committer_find_version, committer_patience);
  if (!answer || answer->message.error_code != 0) co_return false;
  coordinator_ = answer->message.node_id;
  co_return true;
}

Task<bool> SimulatedCommitter::commit(std::int32_t broker, std::int64_t offset) {
  wire::OffsetCommitRequest request;
  request.group_id = group_;
  auto& topic = request.topics.emplace_back();
  topic.name = topic_;
  auto& partition = topic.partitions.emplace_back();
  partition.committed_offset = offset;
  attempted_ = offset;
  unresolved_.insert(offset);
  auto answer = co_await client_.ask<wire::OffsetCommitResponse>(broker, request, commit_version, committer_patience);
  if (!answer || answer->message.topics.size() != 1 || answer->message.topics[0].partitions.size() != 1 ||
      answer->message.topics[0].partitions[0].error_code != 0)
    co_return false;
  acknowledged_ = offset;
  unresolved_.erase(offset);
  ++commits_;
  log_line(LogLevel::info, "client", "{}: broker {} committed {}", group_, broker, offset);
  co_return true;
}

Task<bool> SimulatedCommitter::read_back(std::int32_t broker) {
  wire::OffsetFetchRequest request;
  request.group_id = group_;
  auto& topic = request.topics->emplace_back();
  topic.name = topic_;
  topic.partition_indexes.push_back(0);
  auto answer = co_await client_.ask<wire::OffsetFetchResponse>(broker, request, fetch_version, committer_patience);
  if (!answer || answer->message.error_code != 0 || answer->message.topics.size() != 1 ||
      answer->message.topics[0].partitions.size() != 1 || answer->message.topics[0].partitions[0].error_code != 0)
    co_return false;
  const std::int64_t found = answer->message.topics[0].partitions[0].committed_offset;
  if (found != acknowledged_ && !unresolved_.contains(found) && !history_.groups_are_lost())
    history_.complaint(
        fmt::format("R10: {} at broker {}: {} is committed, after {} was", group_, broker, found, acknowledged_));
  co_return true;
}

}  // namespace holdfast::sim
