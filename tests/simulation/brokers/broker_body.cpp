#include "tests/simulation/brokers/broker_body.h"

#include <fmt/format.h>

#include "broker/partition.h"
#include "tests/simulation/brokers/cluster_client.h"

namespace holdfast::sim {
namespace {

constexpr std::size_t journal_bytes = 256 << 10;

Config config_of(int id, const Settings& settings) {
  Config config = Config::defaults();
  const auto set = [&config](std::string_view key, std::string_view value) {
    const auto done = config.set(key, value, "simulation");
    HOLDFAST_CHECK(done.has_value());
  };
  const std::string address = broker_address(id);
  set("log.dirs", node_directory);
  set("dataDir", node_directory);
  set("broker.id", std::to_string(id));
  set("listeners", fmt::format("PLAINTEXT://{}:{}", address, kafka_port));
  set("clientPort", std::to_string(client_port));
  set("clientPortAddress", address);
  for (const auto& [key, value] : settings) set(key, value);
  return config;
}

}  // namespace

BrokerBody::BrokerBody(int id, const Settings& settings, const LifeParts& parts)
    : id_(id),
      parts_(parts),
      rooms_(config_of(id, settings),
             holdfast::World{parts.host.clock(), parts.disk, parts.world.network().host(broker_address(id)),
                             parts.host.loop().workers()},
             parts.random, parts.metrics) {
  rooms_.set_journal_file_bytes(journal_bytes);
}

Result<void> BrokerBody::open() {
  Result<void> made;
  for (const std::string& directory : rooms_.config().list("log.dirs"))
    if (made) made = parts_.disk.create_directories(directory);
  if (!made) return made;
  const std::string my_id = fmt::format("{}/myid", node_directory), text = std::to_string(id_);
  auto there = parts_.disk.exists(my_id);
  if (!there) return fail(there);
  if (!*there) made = parts_.disk.write_atomically(my_id, as_bytes(text));
  if (!made) return made;
  return rooms_.open(parts_.host.shards());
}

bool BrokerBody::is_impaired() {
  if (!rooms_.logs().left_out().empty()) return true;
  for (const auto& peer : rooms_.services().peers)
    for (const auto& [_, partition] : peer->partitions())
      if (!partition->online()) return true;
  return false;
}

Task<void> BrokerBody::bring_down(bool) {
  const bool down = co_await rooms_.bring_down();
  (void)down;
}

}  // namespace holdfast::sim
