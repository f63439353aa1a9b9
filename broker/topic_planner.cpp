#include "broker/topic_planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace holdfast {

using wire::ErrorCode;

namespace {

constexpr std::size_t topic_name_bytes_max = 249;
constexpr std::int32_t partitions_per_request_max = 100'000;  // a bound on one transaction, not on a topic

TopicPlan refusal(ErrorCode error, std::string message) { return {error, std::move(message), {}}; }

// '.' and '_' become one character in metric names: two topics may not differ in them only.
std::string collision_key(std::string_view name) {
  std::string key(name);
  std::ranges::replace(key, '.', '_');
  return key;
}

std::optional<std::string> assignment_fault(const Metadata& metadata, const std::vector<std::int32_t>& replicas,
                                            std::size_t replication_factor) {
  if (auto fault = replicas_fault(metadata, replicas, {})) return fault;
  if (replicas.size() != replication_factor)
    return fmt::format(
        "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with "
        "previous partitions, which have {} replica(s).",
        replicas.size(), replication_factor);
  return std::nullopt;
}

TopicPlan automatic(const Metadata& metadata, std::int32_t count, std::int16_t replication_factor,
                    std::uint64_t random) {
  TopicPlan plan;
  plan.replicas = place_replicas(metadata.brokers(), count, replication_factor, random);
  if (plan.replicas.empty())
    return refusal(
        ErrorCode::invalid_replication_factor,
        fmt::format("Unable to replicate the partition {} time(s): The target replication factor of {} cannot "
                    "be reached because only {} broker(s) are registered.",
                    replication_factor, replication_factor, metadata.brokers().size()));
  return plan;
}

}  // namespace

std::optional<std::string> replicas_fault(const Metadata& metadata, std::vector<std::int32_t> replicas,
                                          std::span<const std::int32_t> known) {
  if (replicas.empty()) return "The manual partition assignment includes an empty replica list.";
  // In the order of the ids, as Kafka looks at them: of two faults the first is told.
  std::ranges::sort(replicas);
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    if (!metadata.alive(replicas[i]) && std::ranges::find(known, replicas[i]) == known.end())
      return fmt::format("The manual partition assignment includes broker {}, but no such broker is registered.",
                         replicas[i]);
    if (i > 0 && replicas[i] == replicas[i - 1])
      return fmt::format("The manual partition assignment includes the broker {} more than once.", replicas[i]);
  }
  return std::nullopt;
}

std::optional<std::string> topic_name_fault(std::string_view name) {
  const auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (name.empty()) return "Topic name is invalid: the empty string is not allowed";
  if (name == "." || name == "..") return fmt::format("Topic name is invalid: '{}' is not allowed", name);
  if (name.size() > topic_name_bytes_max)
    return fmt::format("Topic name is invalid: the length of '{}' is longer than the max allowed length {}", name,
                       topic_name_bytes_max);
  if (name == coordination_log) return fmt::format("Topic name is invalid: '{}' is the log of coordination", name);
  if (!std::ranges::all_of(name, legal))
    return fmt::format(
        "Topic name is invalid: '{}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
        name);
  return std::nullopt;
}

TopicPlan plan_topic(const Metadata& metadata, const NewTopic& topic, const TopicDefaults& defaults,
                     std::uint64_t random) {
  if (auto fault = topic_name_fault(topic.name)) return refusal(ErrorCode::invalid_topic_exception, *fault);
  if (metadata.topic(topic.name))
    return refusal(ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", topic.name));
  if (topic.name.find_first_of("._") != std::string::npos) {
    const std::string key = collision_key(topic.name);
    for (const auto& [name, _] : metadata.topics())
      if (collision_key(name) == key)
        return refusal(ErrorCode::invalid_topic_exception,
                       fmt::format("Topic '{}' collides with existing topic: {}", topic.name, name));
  }
  if (!topic.assignments.empty() || topic.duplicate_assignment) {
    if (topic.replication_factor != -1)
      return refusal(ErrorCode::invalid_request,
                     "A manual partition assignment was specified, but replication factor was not set to -1.");
    if (topic.partitions != -1)
      return refusal(ErrorCode::invalid_request,
                     "A manual partition assignment was specified, but numPartitions was not set to -1.");
    if (topic.duplicate_assignment)
      return refusal(ErrorCode::invalid_replica_assignment,
                     "Found multiple manual partition assignments for a partition");
    TopicPlan plan;
    const std::size_t replication_factor = topic.assignments.begin()->second.size();
    std::int32_t expected = 0;
    for (const auto& [partition, replicas] : topic.assignments) {
      if (auto fault = assignment_fault(metadata, replicas, replication_factor))
        return refusal(ErrorCode::invalid_replica_assignment, *fault);
      if (partition != expected++)
        return refusal(ErrorCode::invalid_replica_assignment,
                       "partitions should be a consecutive 0-based integer sequence");
      plan.replicas.push_back(replicas);
    }
    return plan;
  }
  if (topic.replication_factor < -1 || topic.replication_factor == 0)
    return refusal(ErrorCode::invalid_replication_factor,
                   "Replication factor must be larger than 0, or -1 to use the default value.");
  if (topic.partitions < -1 || topic.partitions == 0)
    return refusal(ErrorCode::invalid_partitions, "Number of partitions was set to an invalid non-positive value.");
  const std::int32_t count = topic.partitions == -1 ? defaults.partitions : topic.partitions;
  if (count > partitions_per_request_max)
    return refusal(ErrorCode::policy_violation, "Excessively large number of partitions per request.");
  return automatic(metadata, count,
                   topic.replication_factor == -1 ? defaults.replication_factor : topic.replication_factor, random);
}

TopicPlan plan_growth(const Metadata& metadata, const TopicImage& topic, std::int32_t count,
                      const std::optional<std::vector<std::vector<std::int32_t>>>& assignments, std::uint64_t random) {
  const auto now = static_cast<std::int32_t>(topic.partitions.size());
  if (count == now)
    return refusal(ErrorCode::invalid_partitions, fmt::format("Topic already has {} partition(s).", now));
  if (count < now)
    return refusal(ErrorCode::invalid_partitions,
                   fmt::format("The topic {} currently has {} partition(s); {} would not be an increase.", topic.name,
                               now, count));
  if (count - now > partitions_per_request_max)
    return refusal(ErrorCode::policy_violation, "Excessively large number of partitions per request.");
  const PartitionImage& first = topic.partitions.front();
  const std::size_t replication_factor = first.replicas.size() - first.removing.size();
  if (!assignments) return automatic(metadata, count - now, static_cast<std::int16_t>(replication_factor), random);
  if (static_cast<std::int32_t>(assignments->size()) != count - now)
    return refusal(ErrorCode::invalid_replica_assignment,
                   fmt::format("Attempted to add {} additional partition(s), but only {} assignment(s) were specified.",
                               count - now, assignments->size()));
  TopicPlan plan;
  for (const auto& replicas : *assignments) {
    if (auto fault = assignment_fault(metadata, replicas, replication_factor))
      return refusal(ErrorCode::invalid_replica_assignment, *fault);
    plan.replicas.push_back(replicas);
  }
  return plan;
}

std::vector<std::vector<std::int32_t>> place_replicas(const std::map<std::int32_t, BrokerImage>& brokers,
                                                      std::int32_t count, std::int16_t replication_factor,
                                                      std::uint64_t random) {
  if (replication_factor <= 0 || brokers.size() < static_cast<std::size_t>(replication_factor)) return {};
  // Brokers of one rack stand apart in the ring: rack after rack, one broker of each in turn.
  std::map<std::string, std::vector<std::int32_t>> racks;
  for (const auto& [id, broker] : brokers) racks[broker.registration.rack].push_back(id);
  std::vector<std::int32_t> ring;
  for (std::size_t round = 0; ring.size() < brokers.size(); ++round)
    for (const auto& [_, ids] : racks)
      if (round < ids.size()) ring.push_back(ids[round]);

  const auto rack_of = [&brokers](std::int32_t id) -> const std::string& { return brokers.at(id).registration.rack; };
  const auto size = ring.size();
  const std::size_t start = random % size;
  std::size_t shift = (random >> 32) % size;
  std::vector<std::vector<std::int32_t>> out(static_cast<std::size_t>(count));
  for (std::size_t p = 0; p < out.size(); ++p) {
    if (p > 0 && p % size == 0) ++shift;
    const std::size_t first = (start + p) % size;
    std::vector<std::int32_t>& replicas = out[p];
    replicas.push_back(ring[first]);
    // The followers from another place of the ring for each round of leaders; a rack is used again only when every
    // rack has been used.
    std::set<std::string> used{rack_of(ring[first])};
    while (replicas.size() < static_cast<std::size_t>(replication_factor)) {
      if (used.size() == racks.size()) used.clear();
      for (std::size_t r = 0; r + 1 < size; ++r) {
        const std::int32_t id = ring[(first + 1 + (shift + r) % (size - 1)) % size];
        if (used.contains(rack_of(id)) || std::ranges::find(replicas, id) != replicas.end()) continue;
        replicas.push_back(id);
        used.insert(rack_of(id));
        if (replicas.size() == static_cast<std::size_t>(replication_factor)) break;
      }
      // The racks that are left have no broker to give: any of the others will do.
      if (replicas.size() < static_cast<std::size_t>(replication_factor)) used.clear();
    }
  }
  return out;
}

}  // namespace holdfast
