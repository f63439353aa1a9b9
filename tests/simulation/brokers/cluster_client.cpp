#include "tests/simulation/brokers/cluster_client.h"

#include <fmt/format.h>

#include "wire/kafka/metadata.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t reply_bytes_max = 16u << 20;
constexpr std::int16_t metadata_version = 12;
constexpr Duration metadata_patience = seconds(2);

}  // namespace

std::string broker_address(std::int32_t broker) { return fmt::format("10.0.0.{}", broker); }

ClusterClient::ClusterClient(World& world, Shard& shard, std::string address, int brokers)
    : world_(world), shard_(shard), address_(std::move(address)), brokers_(brokers) {
  world_.network().host(address_);
}

BrokerClient& ClusterClient::connection(std::int32_t broker) {
  auto& out = connections_[broker];
  if (!out)
    out = std::make_unique<BrokerClient>(shard_, world_.network().host(address_),
                                         Endpoint{broker_address(broker), kafka_port}, address_, reply_bytes_max);
  return *out;
}

Task<bool> ClusterClient::refresh(std::int32_t broker) {
  wire::MetadataRequest request;
  request.topics.reset();
  request.allow_auto_topic_creation = false;
  const std::int32_t asked = broker > 0 ? broker : some_broker();
  auto answer = co_await ask<wire::MetadataResponse>(asked, request, metadata_version, metadata_patience);
  if (!answer) co_return false;
  topics_.clear();
  for (const auto& t : answer->message.topics) {
    if (t.error_code != 0 || !t.name) continue;
    Topic& topic = topics_[*t.name];
    topic.id = t.topic_id;
    topic.partitions.resize(t.partitions.size());
    for (const auto& p : t.partitions) {
      if (static_cast<std::size_t>(p.partition_index) >= topic.partitions.size()) co_return false;
      topic.partitions[static_cast<std::size_t>(p.partition_index)] = {p.leader_id, LeaderEpoch(p.leader_epoch),
                                                                       p.replica_nodes, p.isr_nodes};
    }
  }
  co_return true;
}

const std::string* ClusterClient::name_of(const Uuid& id) const {
  for (const auto& [name, topic] : topics_)
    if (topic.id == id) return &name;
  return nullptr;
}

const ClusterClient::Partition* ClusterClient::partition(const LogId& id) const {
  const std::string* name = name_of(id.topic_id);
  if (!name) return nullptr;
  const Topic& topic = topics_.at(*name);
  const auto index = static_cast<std::size_t>(id.partition);
  return index < topic.partitions.size() ? &topic.partitions[index] : nullptr;
}

Task<void> ClusterClient::nap(Duration most) { return shard_.sleep(world_.between(milliseconds(1), most)); }

Task<void> ClusterClient::stop() {
  for (auto& [_, connection] : connections_) co_await connection->stop();
}

}  // namespace holdfast::sim
