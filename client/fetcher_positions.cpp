#include <fmt/format.h>

#include <algorithm>

#include "client/admin_call.h"
#include "client/fetcher.h"
#include "runtime/log_line.h"
#include "wire/kafka/offsets.h"

namespace holdfast::client {
namespace {

using wire::ErrorCode;

// Before it a consumer's epochs are not looked at (KIP-320).
constexpr std::int16_t first_epoch_version = 3;

}  // namespace

bool Fetcher::needs_work(const Partition& p) const {
  switch (p.state) {
    case State::unset:
    case State::failed:
      return false;
    case State::listing:
    case State::validating:
      return true;
    case State::ready:
      break;
  }
  return p.leader.node < 0;
}

// Until every partition has a leader and a position.
Task<void> Fetcher::find_positions() {
  for (int attempt = 0; !stopping_; ++attempt) {
    const bool all_led = co_await find_leaders();
    std::map<std::int32_t, std::vector<TopicPartition>> to_list, to_validate;
    for (auto& [name, p] : partitions_) {
      if (p->leader.node < 0) continue;
      if (p->state == State::listing) to_list[p->leader.node].push_back(name);
      if (p->state == State::validating) to_validate[p->leader.node].push_back(name);
    }
    Gate asking;
    for (auto& [node, names] : to_list) shard_.spawn(asking, list_offsets(node, std::move(names)));
    for (auto& [node, names] : to_validate) shard_.spawn(asking, validate(node, std::move(names)));
    co_await shard_.drained(asking);
    kick();
    const bool left = std::any_of(partitions_.begin(), partitions_.end(),
                                  [this](const auto& entry) { return needs_work(*entry.second); });
    if (!left) break;
    if (stopping_) break;
    // What has just got its leader goes on at once; else it waits, until there is something new to do.
    const bool at_once = all_led && attempt == 0;
    const Duration pause =
        std::min(cluster_.options().retry_backoff * (1 << std::min(attempt, 10)), cluster_.options().retry_backoff_max);
    bool woken = at_once;
    if (!at_once) woken = co_await work_.wait_for(pause);
    if (woken && !at_once) attempt = -1;
  }
  finding_ = false;
}

// False: some are not known.
Task<bool> Fetcher::find_leaders() {
  std::vector<TopicPartition> without;
  for (const auto& [name, p] : partitions_)
    if (needs_work(*p) && p->leader.node < 0) without.push_back(name);
  admin::AtLeader leaders(cluster_);
  co_await leaders.prepare(without);
  bool all = true;
  for (const TopicPartition& name : without) {
    auto leader = co_await cluster_.leader(name);
    Partition* p = find(name);
    if (!p || stopping_) continue;
    if (!leader) {
      all = false;
      if (leader.error().code == ErrorCode::topic_authorization_failed ||
          leader.error().code == ErrorCode::invalid_topic_exception)
        fail(*p, leader.error().code, leader.error().message);
      continue;
    }
    p->leader = *leader;
    if (p->state != State::ready) continue;
    // Somebody else leads since the position was found good: what was fetched ahead is not to be trusted either.
    const bool doubtful = leader->epoch > p->validated_epoch && p->position.epoch >= 0;
    if (!doubtful) {
      p->validated_epoch = leader->epoch;
      continue;
    }
    drop_records(*p);
    p->next = p->position;
    p->state = State::validating;
  }
  co_return all;
}

Task<void> Fetcher::list_offsets(std::int32_t node, std::vector<TopicPartition> names) {
  using Topic = wire::ListOffsetsRequest::Topic;
  std::erase_if(names, [this](const TopicPartition& name) { return find(name) == nullptr; });
  std::map<TopicPartition, std::uint64_t> serials;
  wire::ListOffsetsRequest request;
  request.replica_id = admin::consumer_replica_id;
  request.isolation_level = static_cast<std::int8_t>(options_.isolation);
  request.timeout_ms = admin::to_ms(cluster_.options().request_timeout);
  request.topics = admin::by_topic<Topic>(names, &Topic::name, [&](Topic& topic, const TopicPartition& name) {
    const Partition& p = *find(name);
    serials[name] = p.serial;
    topic.partitions.push_back(
        {.partition_index = name.partition, .current_leader_epoch = p.leader.epoch, .timestamp = p.spec.timestamp});
  });
  auto answer = co_await cluster_.ask<wire::ListOffsetsResponse>(node, std::move(request));
  const auto current = [&](const TopicPartition& name) -> Partition* {
    Partition* p = find(name);
    return p && p->state == State::listing && serials.contains(name) && serials[name] == p->serial ? p : nullptr;
  };
  if (!answer) {
    for (const TopicPartition& name : names)
      if (Partition* p = current(name)) listed(*p, answer.error().code, -1, -1);
    co_return;
  }
  for (const auto& topic : answer->message.topics)
    for (const auto& partition : topic.partitions)
      if (Partition* p = current({topic.name, partition.partition_index}))
        listed(*p, static_cast<ErrorCode>(partition.error_code), partition.offset, partition.leader_epoch);
}

void Fetcher::listed(Partition& p, ErrorCode code, std::int64_t offset, std::int32_t epoch) {
  if (code == ErrorCode::none && offset < 0) {
    // No record is that late: what comes next will be.
    p.spec = OffsetSpec::latest();
    return;
  }
  if (code == ErrorCode::none) {
    p.position = p.next = {offset, epoch};
    p.validated_epoch = p.leader.epoch;
    p.state = State::ready;
    changed_();
    return;
  }
  if (code == ErrorCode::unknown_leader_epoch) return;
  if (wire::error_is_retriable(code)) return leader_lost(p);
  fail(p, code);
}

Task<void> Fetcher::validate(std::int32_t node, std::vector<TopicPartition> names) {
  using Topic = wire::OffsetForLeaderEpochRequest::Topic;
  auto version = co_await cluster_.version_of(node, wire::OffsetForLeaderEpochRequest::api);
  const bool unknown = !version && version.error().code == ErrorCode::unsupported_version;
  const bool useless = unknown || (version && *version < first_epoch_version);
  std::map<TopicPartition, std::uint64_t> serials;
  wire::OffsetForLeaderEpochRequest request;
  request.replica_id = admin::consumer_replica_id;
  std::erase_if(names, [&](const TopicPartition& name) {
    Partition* p = find(name);
    if (!p || p->state != State::validating) return true;
    if (!useless && p->leader.epoch >= 0) return false;
    // Nobody can tell: it is taken as it is.
    validated(*p, ErrorCode::none, p->position.epoch, p->position.offset);
    return true;
  });
  if (names.empty()) co_return;
  request.topics = admin::by_topic<Topic>(names, &Topic::topic, [&](Topic& topic, const TopicPartition& name) {
    const Partition& p = *find(name);
    serials[name] = p.serial;
    topic.partitions.push_back(
        {.partition = name.partition, .current_leader_epoch = p.leader.epoch, .leader_epoch = p.position.epoch});
  });
  auto answer = co_await cluster_.ask<wire::OffsetForLeaderEpochResponse>(node, std::move(request));
  const auto current = [&](const TopicPartition& name) -> Partition* {
    Partition* p = find(name);
    return p && p->state == State::validating && serials.contains(name) && serials[name] == p->serial ? p : nullptr;
  };
  if (!answer) {
    for (const TopicPartition& name : names)
      if (Partition* p = current(name)) validated(*p, answer.error().code, -1, -1);
    co_return;
  }
  for (const auto& topic : answer->message.topics)
    for (const auto& partition : topic.partitions)
      if (Partition* p = current({topic.topic, partition.partition}))
        validated(*p, static_cast<ErrorCode>(partition.error_code), partition.leader_epoch, partition.end_offset);
}

void Fetcher::validated(Partition& p, ErrorCode code, std::int32_t epoch, std::int64_t end_offset) {
  if (code == ErrorCode::unknown_leader_epoch) return;
  if (code != ErrorCode::none) {
    if (wire::error_is_retriable(code))
      leader_lost(p);
    else
      fail(p, code);
    return;
  }
  const bool told = epoch >= 0 && end_offset >= 0;
  if (told && end_offset >= p.position.offset) {
    p.validated_epoch = p.leader.epoch;
    p.state = State::ready;
    changed_();
    return;
  }
  // What was read is gone from the log.
  const std::string cut = fmt::format("the log was cut back to offset {} after offset {} had been read",
                                      told ? std::to_string(end_offset) : "before it began", p.position.offset);
  if (!options_.reset) return fail(p, ErrorCode::offset_out_of_range, cut);
  log_line(LogLevel::warn, "consumer", "{}: {}; going on from there", to_string(*p.name), cut);
  const TopicPartition name = *p.name;
  if (told)
    seek(name, FetchPosition{end_offset, -1});
  else
    seek(name, *options_.reset);
  p.validated_epoch = p.leader.epoch;
}

}  // namespace holdfast::client
