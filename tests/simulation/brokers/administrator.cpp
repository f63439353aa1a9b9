#include "tests/simulation/brokers/administrator.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "runtime/log_line.h"
#include "wire/kafka/configs.h"
#include "wire/kafka/errors.h"
#include "wire/kafka/offsets.h"
#include "wire/kafka/topics.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration patience = seconds(6);
constexpr std::int32_t timeout_ms = 4000;
constexpr std::size_t partitions_max = 4;
constexpr std::int16_t replication = 3;
constexpr std::int8_t topic_resource = 2;

// What a name promises, and the settings that make it so.
struct TopicKind {
  const char* prefix;
  TopicRules rules;
  std::vector<std::pair<const char*, const char*>> configs;
};
const std::vector<TopicKind>& topic_kinds() {
  static const std::vector<TopicKind> all{
      {"kept", {}, {{"min.insync.replicas", "2"}, {"segment.ms", "4000"}}},
      {"alone", {}, {{"min.insync.replicas", "1"}}},
      {"aged", {.retained = false}, {{"min.insync.replicas", "2"}, {"segment.ms", "2000"}, {"retention.ms", "6000"}}},
      {"cached", {.durable = false}, {{"write.caching", "true"}, {"min.insync.replicas", "2"}}},
      {"unclean", {.durable = false}, {{"unclean.leader.election.enable", "true"}}},
  };
  return all;
}

const TopicKind& kind_of(const std::string& name) {
  for (const TopicKind& kind : topic_kinds())
    if (name.starts_with(kind.prefix)) return kind;
  return topic_kinds().front();
}

}  // namespace

const std::vector<Administrator::Kind>& Administrator::table() {
  static const std::vector<Kind> all{
      {"topic created", &Administrator::create_topic},
      {"topic deleted", &Administrator::delete_topic},
      {"partition added", &Administrator::add_partition},
      {"reassignment", &Administrator::reassign},
      {"reassignment cancelled", &Administrator::cancel},
      {"election", &Administrator::elect},
      {"log trimmed", &Administrator::trim},
      {"min.insync.replicas changed", &Administrator::change_min_isr},
  };
  return all;
}

const std::vector<std::string>& Administrator::kinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Kind& kind : table()) out.emplace_back(kind.name);
    return out;
  }();
  return names;
}

Administrator::Administrator(World& world, Shard& shard, std::string address, int brokers,
                             std::map<std::string, Duration> storms, RecordHistory& history)
    : history_(history), client_(world, shard, std::move(address), brokers), storms_(std::move(storms)) {}

// Every tenth of a second each kind strikes with the chance that its mean gives it.
Task<void> Administrator::run() {
  constexpr Duration interval = milliseconds(100);
  bool stands = false;
  while (!finishing_) {
    co_await client_.shard().sleep(interval);
    if (!stands) {
      std::string name = stable_topic;
      stands = co_await create(std::move(name));
      continue;
    }
    for (const Kind& kind : table()) {
      const auto mean = storms_.find(kind.name);
      if (finishing_ || mean == storms_.end()) continue;
      if (!client_.world().one_in(static_cast<std::uint64_t>(std::max<std::int64_t>(1, mean->second / interval))))
        continue;
      const bool looked = co_await look();
      if (!looked) continue;
      const bool worked = co_await (this->*kind.work)();
      if (worked) ++counts_[kind.name];
    }
    if (client_.world().one_in(5)) {
      const bool looked = co_await look();
      (void)looked;
    }
  }
  done_ = true;
}

// What came into being, whoever was told of it.
Task<bool> Administrator::look() {
  const bool refreshed = co_await client_.refresh();
  for (const auto& [name, topic] : client_.topics()) {
    if (name.starts_with("__") || history_.is_known(topic.id)) continue;
    history_.topic(topic.id, kind_of(name).rules, name);
    for (const auto& [where, to] : trims_)
      if (where.first == name) history_.may_be_trimmed({topic.id, where.second}, to);
  }
  co_return refreshed;
}

Task<bool> Administrator::create_topic() {
  const auto& kinds = topic_kinds();
  std::string name = fmt::format("{}-{}", kinds[client_.world().random().below(kinds.size())].prefix,
                                 client_.world().random().below(2));
  return create(std::move(name));
}

Task<bool> Administrator::create(std::string name) {
  wire::CreateTopicsRequest request;
  request.timeout_ms = timeout_ms;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = static_cast<std::int32_t>(client_.world().between(std::int64_t{1}, std::int64_t{3}));
  topic.replication_factor = replication;
  for (const auto& [key, value] : kind_of(name).configs) topic.configs.push_back({key, value});
  const std::int32_t asked = client_.some_broker();
  auto answer = co_await client_.ask<wire::CreateTopicsResponse>(asked, request, 7, patience);
  if (!answer || answer->message.topics.size() != 1) co_return false;
  const std::int16_t error = answer->message.topics[0].error_code;
  co_return error == 0 || error == static_cast<std::int16_t>(wire::ErrorCode::topic_already_exists);
}

bool Administrator::some_partition(std::string& name, LogId& out) {
  std::vector<std::pair<std::string, LogId>> all;
  for (const auto& [topic_name, topic] : client_.topics())
    for (std::size_t p = 0; p < topic.partitions.size(); ++p)
      all.emplace_back(topic_name, LogId{topic.id, static_cast<std::int32_t>(p)});
  if (all.empty()) return false;
  std::tie(name, out) = all[client_.world().random().below(all.size())];
  return true;
}

std::vector<std::int32_t> Administrator::some_brokers(std::size_t least) {
  std::vector<std::int32_t> out;
  for (std::int32_t id = 1; id <= client_.brokers(); ++id) out.push_back(id);
  for (std::size_t i = out.size(); i > 1; --i) std::swap(out[i - 1], out[client_.world().random().below(i)]);
  out.resize(std::min(out.size(), least + client_.world().random().below(out.size() - least + 1)));
  return out;
}

Task<bool> Administrator::delete_topic() {
  std::string name;
  LogId id;
  if (!some_partition(name, id) || name == stable_topic || name.starts_with("__")) co_return false;
  history_.may_be_deleted(id.topic_id);
  wire::DeleteTopicsRequest request;
  request.timeout_ms = timeout_ms;
  request.topics.push_back({std::nullopt, id.topic_id});
  const std::int32_t asked = client_.some_broker();
  auto answer = co_await client_.ask<wire::DeleteTopicsResponse>(asked, request, 6, patience);
  co_return answer && answer->message.responses.size() == 1 && answer->message.responses[0].error_code == 0;
}

Task<bool> Administrator::add_partition() {
  std::string name;
  LogId id;
  if (!some_partition(name, id) || name.starts_with("__")) co_return false;
  const std::size_t now = client_.topics().at(name).partitions.size();
  if (now >= partitions_max) co_return false;
  wire::CreatePartitionsRequest request;
  request.timeout_ms = timeout_ms;
  request.topics.push_back({name, static_cast<std::int32_t>(now + 1), std::nullopt});
  const std::int32_t asked = client_.some_broker();
  auto answer = co_await client_.ask<wire::CreatePartitionsResponse>(asked, request, 3, patience);
  co_return answer && answer->message.results.size() == 1 && answer->message.results[0].error_code == 0;
}

Task<bool> Administrator::reassign() {
  std::string name;
  LogId id;
  if (!some_partition(name, id)) co_return false;
  wire::AlterPartitionReassignmentsRequest request;
  request.timeout_ms = timeout_ms;
  request.topics.push_back({name, {{id.partition, some_brokers(2)}}});
  const std::int32_t asked = client_.some_broker();
  auto answer = co_await client_.ask<wire::AlterPartitionReassignmentsResponse>(asked, request, 1, patience);
  co_return answer && answer->message.error_code == 0;
}

Task<bool> Administrator::cancel() {
  std::string name;
  LogId id;
  if (!some_partition(name, id)) co_return false;
  wire::AlterPartitionReassignmentsRequest request;
  request.timeout_ms = timeout_ms;
  request.topics.push_back({name, {{id.partition, std::nullopt}}});
  const std::int32_t asked = client_.some_broker();
  auto answer = co_await client_.ask<wire::AlterPartitionReassignmentsResponse>(asked, request, 1, patience);
  co_return answer && answer->message.responses.size() == 1 && answer->message.responses[0].partitions.size() == 1 &&
      answer->message.responses[0].partitions[0].error_code == 0;
}

Task<bool> Administrator::elect() {
  wire::ElectLeadersRequest request;
  request.timeout_ms = timeout_ms;
  request.topic_partitions.reset();
  const std::int32_t asked = client_.some_broker();
  auto answer = co_await client_.ask<wire::ElectLeadersResponse>(asked, request, 2, patience);
  co_return answer.has_value();
}

Task<bool> Administrator::trim() {
  std::string name;
  LogId id;
  if (!some_partition(name, id)) co_return false;
  const ClusterClient::Partition* partition = client_.partition(id);
  const Offset known = history_.last_known(id);
  if (name == stable_topic || name.starts_with("__") || known < Offset(1) || partition->leader < 1) co_return false;
  const Offset to(static_cast<std::int64_t>(client_.world().random().below(static_cast<std::uint64_t>(known.value))) +
                  1);
  history_.may_be_trimmed(id, to);
  Offset& asked_for = trims_.try_emplace({name, id.partition}, to).first->second;
  asked_for = std::max(asked_for, to);
  wire::DeleteRecordsRequest request;
  request.timeout_ms = timeout_ms;
  request.topics.push_back({name, {{id.partition, to.value}}});
  const std::int32_t leader = partition->leader;
  auto answer = co_await client_.ask<wire::DeleteRecordsResponse>(leader, request, 2, patience);
  const bool looked = co_await look();
  if (!answer || answer->message.topics.size() != 1 || answer->message.topics[0].partitions.size() != 1)
    co_return false;
  const auto& trimmed = answer->message.topics[0].partitions[0];
  log_line(LogLevel::info, "client", "administrator: {}-{} is to begin at {}, broker {} said {}", name, id.partition,
           to.value, leader, trimmed.error_code);
  if (trimmed.error_code != 0) co_return false;
  if (looked && client_.name_of(id.topic_id)) history_.trim_acknowledged(id, Offset(trimmed.low_watermark));
  co_return true;
}

Task<bool> Administrator::change_min_isr() {
  std::string name;
  LogId id;
  if (!some_partition(name, id) || !kind_of(name).rules.durable) co_return false;
  wire::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = topic_resource;
  resource.resource_name = name;
  resource.configs.push_back({"min.insync.replicas", 0, client_.world().one_in(2) ? "1" : "2"});
  const std::int32_t asked = client_.some_broker();
  auto answer = co_await client_.ask<wire::IncrementalAlterConfigsResponse>(asked, request, 1, patience);
  co_return answer && answer->message.responses.size() == 1 && answer->message.responses[0].error_code == 0;
}

Task<void> Administrator::rescue(SteadyTime until) {
  constexpr Duration interval = milliseconds(500);
  while (client_.world().now() < until) {
    co_await client_.shard().sleep(interval);
    const bool looked = co_await look();
    if (!looked) continue;
    wire::ElectLeadersRequest request;
    request.timeout_ms = timeout_ms;
    request.election_type = 1;
    for (const auto& [name, topic] : client_.topics())
      for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
        if (topic.partitions[p].leader > 0 || !topic.partitions[p].isr.empty()) continue;
        request.topic_partitions->push_back({name, {static_cast<std::int32_t>(p)}});
        if (name.starts_with("__"))
          history_.groups_may_be_lost();
        else
          history_.topic(topic.id, {.durable = false});
      }
    if (request.topic_partitions->empty()) continue;
    const std::int32_t asked = client_.some_broker();
    auto answer = co_await client_.ask<wire::ElectLeadersResponse>(asked, request, 2, patience);
    if (answer) ++counts_["unclean election"];
  }
}

Task<bool> Administrator::all_is_well() {
  for (std::int32_t broker = 1; broker <= client_.brokers(); ++broker) {
    const bool refreshed = co_await client_.refresh(broker);
    if (!refreshed) {
      missing_ = fmt::format("broker {} does not answer", broker);
      co_return false;
    }
    for (const auto& [name, topic] : client_.topics()) {
      for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
        const ClusterClient::Partition& at = topic.partitions[p];
        if (at.leader > 0 && at.isr.size() == at.replicas.size()) continue;
        missing_ = fmt::format("for broker {} {}-{} is led by {}, with {} of {} in sync", broker, name, p, at.leader,
                               fmt::join(at.isr, ","), fmt::join(at.replicas, ","));
        co_return false;
      }
    }
  }
  missing_.clear();
  co_return true;
}

}  // namespace holdfast::sim
