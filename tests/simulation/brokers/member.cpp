#include "tests/simulation/brokers/member.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "wire/kafka/errors.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::ErrorCode;

constexpr std::int16_t member_find_version = 3, join_version = 7, sync_version = 5, heartbeat_version = 4,
                       leave_version = 4, member_commit_version = 8, member_fetch_version = 7;
constexpr Duration member_patience = seconds(4);

// ConsumerProtocolSubscription, version 0.
std::vector<std::uint8_t> subscription(const std::string& topic) {
  std::vector<std::uint8_t> out{0, 0, 0, 0, 0, 1, 0, static_cast<std::uint8_t>(topic.size())};
  out.insert(out.end(), topic.begin(), topic.end());
  out.insert(out.end(), 4, 0xff);
  return out;
}

// A share travels as text: what it says is nobody's business but the members'.
std::vector<std::uint8_t> encode(const GroupHistory::Partitions& share) {
  const std::string text = fmt::format("{}", fmt::join(share, ","));
  return {text.begin(), text.end()};
}
GroupHistory::Partitions decode(const std::vector<std::uint8_t>& bytes) {
  GroupHistory::Partitions out;
  const std::string text(bytes.begin(), bytes.end());
  for (const char *at = text.data(), *end = at + text.size(); at < end; ++at) {
    const auto read = std::from_chars(at, end, out.emplace_back());
    at = read.ptr;
  }
  return out;
}

}  // namespace

SimulatedMember::SimulatedMember(World& world, Shard& shard, std::string address, int brokers, MemberOptions options,
                                 RecordHistory& records, GroupHistory& history)
    : records_(records),
      history_(history),
      options_(std::move(options)),
      name_(fmt::format("{}-{}", options_.group, options_.index)),
      client_(world, shard, std::move(address), brokers) {}

std::string SimulatedMember::waits_for() const {
  return fmt::format("member {} of generation {}, told {}", name_, generation_, last_error_);
}

std::optional<std::string> SimulatedMember::instance() const {
  return options_.is_static ? std::optional(name_) : std::nullopt;
}

Task<void> SimulatedMember::run() {
  while (!abandoned_ && !(finishing_ && settled_)) {
    co_await client_.nap(options_.think_max);
    // Nobody may have been able to create it so far.
    if (!client_.topics().contains(options_.topic)) {
      const bool refreshed = co_await client_.refresh();
      if (refreshed && finishing_ && !client_.topics().contains(options_.topic)) break;
      if (!client_.topics().contains(options_.topic)) continue;
    }
    if (coordinator_ < 1) {
      const bool found = co_await find_coordinator();
      if (!found) continue;
    }
    if (generation_ < 0) {
      co_await join();
    } else {
      co_await work();
    }
  }
  co_await client_.stop();
  done_ = true;
}

Task<bool> SimulatedMember::find_coordinator() {
  wire::FindCoordinatorRequest request;
  request.key = options_.group;
  const std::int32_t asked = client_.some_broker();
  auto answer =
      co_await client_.ask<wire::FindCoordinatorResponse>(asked, request, member_find_version, member_patience);
  if (!answer || answer->message.error_code != 0) co_return false;
  coordinator_ = answer->message.node_id;
  co_return true;
}

void SimulatedMember::heed(std::int16_t error, const char* when) {
  last_error_ = error;
  switch (static_cast<ErrorCode>(error)) {
    case ErrorCode::none:
      return;
    case ErrorCode::not_coordinator:
    case ErrorCode::coordinator_not_available:
      coordinator_ = -1;
      return;
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::unknown_topic_or_partition:  // it has not heard of the newest partition yet
      return;
    case ErrorCode::unknown_member_id:
    case ErrorCode::fenced_instance_id:
      member_id_.clear();
      return forget_share();
    case ErrorCode::illegal_generation:
    case ErrorCode::rebalance_in_progress:
      return forget_share();
    default:
      coordinator_ = -1;
      records_.complaint(fmt::format("R8: {} was told {} when it {}", waits_for(), error, when));
  }
}

Task<void> SimulatedMember::join() {
  wire::JoinGroupRequest request;
  request.group_id = options_.group;
  request.session_timeout_ms = options_.session_timeout_ms;
  request.rebalance_timeout_ms = options_.rebalance_timeout_ms;
  request.member_id = member_id_;
  request.group_instance_id = instance();
  request.protocol_type = "consumer";
  request.protocols.push_back({"simulated", subscription(options_.topic)});
  const Duration longest = milliseconds(options_.rebalance_timeout_ms) + member_patience;
  auto answer = co_await client_.ask<wire::JoinGroupResponse>(coordinator_, request, join_version, longest);
  if (!answer) {
    coordinator_ = -1;
    co_return;
  }
  const wire::JoinGroupResponse& joined = answer->message;
  if (joined.error_code == static_cast<std::int16_t>(ErrorCode::member_id_required)) {
    member_id_ = joined.member_id;
    co_return;
  }
  heed(joined.error_code, "joined");
  if (joined.error_code != 0) co_return;
  member_id_ = joined.member_id;
  generation_ = joined.generation_id;
  std::map<std::string, GroupHistory::Partitions> shares;
  if (joined.leader == member_id_) {
    const bool refreshed = co_await client_.refresh();
    (void)refreshed;
    shares = shared_out(joined);
    history_.distributed(options_.group, generation_, shares);
  }
  co_await sync(std::move(shares));
}

std::map<std::string, GroupHistory::Partitions> SimulatedMember::shared_out(
    const wire::JoinGroupResponse& joined) const {
  std::map<std::string, GroupHistory::Partitions> out;
  for (const auto& member : joined.members) out[member.member_id];
  const auto topic = client_.topics().find(options_.topic);
  const std::size_t partitions = topic == client_.topics().end() ? 1 : topic->second.partitions.size();
  auto next = out.begin();
  for (std::size_t p = 0; p < partitions && !out.empty(); ++p) {
    next->second.push_back(static_cast<std::int32_t>(p));
    if (++next == out.end()) next = out.begin();
  }
  return out;
}

Task<void> SimulatedMember::sync(std::map<std::string, GroupHistory::Partitions> shares) {
  wire::SyncGroupRequest request;
  request.group_id = options_.group;
  request.generation_id = generation_;
  request.member_id = member_id_;
  request.group_instance_id = instance();
  request.protocol_type = "consumer";
  request.protocol_name = "simulated";
  for (const auto& [member, share] : shares) request.assignments.push_back({member, encode(share)});
  const Duration longest = milliseconds(options_.rebalance_timeout_ms) + member_patience;
  auto answer = co_await client_.ask<wire::SyncGroupResponse>(coordinator_, request, sync_version, longest);
  if (!answer) coordinator_ = -1;
  if (answer) heed(answer->message.error_code, "synced");
  if (!answer || answer->message.error_code != 0) {
    forget_share();
    co_return;
  }
  const GroupHistory::Partitions share = decode(answer->message.assignment);
  history_.assigned(options_.group, generation_, member_id_, owner(), share, coordinator_);
  for (const std::int32_t partition : share) positions_[partition] = -1;
}

Task<void> SimulatedMember::work() {
  co_await heartbeat();
  if (generation_ < 0 || coordinator_ < 1) co_return;
  const bool known = co_await read_back();
  if (!known || generation_ < 0) co_return;
  if (!finishing_ && client_.world().one_in(20)) co_await misbehave();
  if (generation_ < 0 || coordinator_ < 1) co_return;
  const bool committed = co_await commit();
  settled_ = false;
  if (!committed || !finishing_) co_return;
  settled_ = co_await read_back();
}

Task<void> SimulatedMember::heartbeat() {
  wire::HeartbeatRequest request;
  request.group_id = options_.group;
  request.generation_id = generation_;
  request.member_id = member_id_;
  request.group_instance_id = instance();
  auto answer =
      co_await client_.ask<wire::HeartbeatResponse>(coordinator_, request, heartbeat_version, member_patience);
  if (!answer) coordinator_ = -1;
  if (answer) heed(answer->message.error_code, "sent a heartbeat");
}

// It says what it has read so far; more each time.
Task<bool> SimulatedMember::commit() {
  if (positions_.empty()) co_return true;
  wire::OffsetCommitRequest request;
  request.group_id = options_.group;
  request.generation_id_or_member_epoch = generation_;
  request.member_id = member_id_;
  request.group_instance_id = instance();
  auto& topic = request.topics.emplace_back();
  topic.name = options_.topic;
  std::map<std::int32_t, GroupHistory::Commit> asked;
  for (auto& [partition, position] : positions_) {
    position += client_.world().between(std::int64_t{1}, std::int64_t{5});
    auto& to = topic.partitions.emplace_back();
    to.partition_index = partition;
    to.committed_offset = position;
    asked[partition] = history_.commits(options_.group, partition, generation_, position);
  }
  auto answer =
      co_await client_.ask<wire::OffsetCommitResponse>(coordinator_, request, member_commit_version, member_patience);
  if (!answer || answer->message.topics.size() != 1) {
    coordinator_ = -1;
    co_return false;
  }
  bool all = true;
  for (const auto& partition : answer->message.topics[0].partitions) {
    const auto commit = asked.find(partition.partition_index);
    if (commit == asked.end()) continue;
    if (partition.error_code == 0) {
      history_.committed(options_.group, partition.partition_index, commit->second, coordinator_);
    } else {
      heed(partition.error_code, "committed");
      all = false;
    }
  }
  co_return all;
}

Task<bool> SimulatedMember::read_back() {
  wire::OffsetFetchRequest request;
  request.group_id = options_.group;
  auto& topic = request.topics->emplace_back();
  topic.name = options_.topic;
  for (const auto& [partition, _] : positions_) topic.partition_indexes.push_back(partition);
  if (positions_.empty()) co_return true;
  const std::uint64_t asked_at = history_.now();
  auto answer =
      co_await client_.ask<wire::OffsetFetchResponse>(coordinator_, request, member_fetch_version, member_patience);
  if (!answer || answer->message.topics.size() != 1) {
    coordinator_ = -1;
    co_return false;
  }
  heed(answer->message.error_code, "asked what is committed");
  if (answer->message.error_code != 0) co_return false;
  for (const auto& partition : answer->message.topics[0].partitions) {
    if (partition.error_code != 0) co_return false;
    history_.read_back(options_.group, partition.partition_index, partition.committed_offset, asked_at);
    if (const auto own = positions_.find(partition.partition_index); own != positions_.end())
      own->second = std::max(own->second, partition.committed_offset);
  }
  co_return true;
}

Task<void> SimulatedMember::leave() {
  wire::LeaveGroupRequest request;
  request.group_id = options_.group;
  request.members.push_back({member_id_, instance(), std::nullopt});
  auto answer = co_await client_.ask<wire::LeaveGroupResponse>(coordinator_, request, leave_version, member_patience);
  (void)answer;
  member_id_.clear();
  forget_share();
}

Task<void> SimulatedMember::misbehave() {
  const std::uint64_t how = client_.world().random().below(3);
  const Duration away = milliseconds(options_.session_timeout_ms) * 2;
  if (how == 0) co_await leave();
  if (how == 1) {
    member_id_.clear();
    forget_share();
  }
  co_await client_.nap(away);  // of how 2: what it does next it does as if nobody had taken its place
}

}  // namespace holdfast::sim
