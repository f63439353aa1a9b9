#include "tests/simulation/brokers/library_producer.h"

#include <fmt/format.h>

#include <vector>

#include "runtime/log_line.h"
#include "tests/simulation/brokers/cluster_client.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::ErrorCode;

// Longer than faults last: what was accepted among them has time to be delivered after the last one. Shorter than the
// clients are waited for in the end: records of a topic that is gone are tried for so long.
constexpr Duration delivery_timeout = seconds(90);
constexpr std::size_t open_max = 200;
constexpr std::int64_t records_max = 20;
constexpr std::size_t record_bytes_max = 100;

}  // namespace

client::ClusterOptions library_options(World& world, const std::string& address, int brokers) {
  client::ClusterOptions out;
  for (std::int32_t id = 1; id <= brokers; ++id) out.bootstrap_servers.push_back({broker_address(id), kafka_port});
  out.client_id = address;
  out.request_timeout = seconds(world.between(std::int64_t{2}, std::int64_t{30}));
  out.metadata_max_age = seconds(10);  // new partitions are to be noticed within the run
  out.random_seed = world.random().next();
  return out;
}

LibraryProducer::LibraryProducer(World& world, Shard& shard, std::string address, int brokers, int index,
                                 Duration think_max, RecordHistory& history)
    : world_(world),
      history_(history),
      index_(index),
      think_max_(think_max),
      cluster_(shard, world.network().host(address), library_options(world, address, brokers)),
      acks_(world.one_in(4) ? std::int16_t{1} : std::int16_t{-1}),
      producer_(cluster_, options()) {}

client::ProducerOptions LibraryProducer::options() {
  client::ProducerOptions out;
  out.acks = acks_;
  out.idempotent = acks_ == -1;
  out.batch_bytes = static_cast<std::size_t>(world_.between(std::int64_t{300}, std::int64_t{3000}));
  out.linger = milliseconds(world_.between(std::int64_t{0}, std::int64_t{20}));
  out.max_block = seconds(5);
  out.request_timeout = seconds(world_.between(std::int64_t{2}, std::int64_t{30}));
  out.delivery_timeout = delivery_timeout;
  out.on_delivery = [this](const client::Delivery& delivery, const client::Failure* failure) {
    told(delivery, failure);
  };
  return out;
}

std::string LibraryProducer::waits_for() const {
  if (open_.empty()) return fmt::format("library's producer {}", index_);
  const auto& [number, to] = *open_.begin();
  return fmt::format("library's producer {}: {} from {} on, {} in all", index_, client::to_string(to), number,
                     open_.size());
}

Task<void> LibraryProducer::run() {
  Shard& shard = cluster_.shard();
  while (!finishing_) {
    co_await shard.sleep(world_.between(milliseconds(1), think_max_));
    auto refreshed = co_await cluster_.refresh_all();
    client::TopicPartition to;
    // More than slow disks take in its time would fail, and rightly.
    if (refreshed && open_.size() < open_max && choose_target(to)) co_await write_some(to);
  }
  co_await producer_.flush();
  if (!abandoned_) co_await producer_.stop(Duration::zero());
  co_await shard.drained(gate_);
  co_await cluster_.stop();
  done_ = true;
}

void LibraryProducer::abandon() {
  finishing_ = true;
  if (done_ || std::exchange(abandoned_, true)) return;
  Shard::Scope scope(cluster_.shard());
  cluster_.shard().spawn(gate_, producer_.stop(Duration::zero()));
}

bool LibraryProducer::choose_target(client::TopicPartition& out) {
  std::vector<client::TopicPartition> all;
  for (const auto& [name, topic] : cluster_.metadata().topics())
    for (std::size_t p = 0; p < topic.partitions.size(); ++p)
      if (history_.is_known(topic.id)) all.push_back({name, static_cast<std::int32_t>(p)});
  if (all.empty()) return false;
  out = all[world_.random().below(all.size())];
  return true;
}

Task<void> LibraryProducer::write_some(client::TopicPartition to) {
  const std::int64_t count = world_.between(std::int64_t{1}, records_max);
  for (std::int64_t i = 0; i < count && !finishing_; ++i) {
    const RecordName name{index_, next_number_++};
    std::string value = to_string(name) + " ";
    value.resize(value.size() + static_cast<std::size_t>(name.number) % record_bytes_max, '.');
    client::ProducerRecord record(to.topic, value);
    record.partition = to.partition;
    record.timestamp = world_.wall_ms();
    record.tag = static_cast<std::uint64_t>(name.number);
    history_.sent_by_name(to.topic, to.partition, name, acks_ == -1);
    open_.emplace(name.number, to);
    auto accepted = co_await producer_.enqueue(record);
    if (!accepted) open_.erase(name.number);
    if (!accepted) co_return;
  }
}

void LibraryProducer::told(const client::Delivery& delivery, const client::Failure* failure) {
  const RecordName name{index_, static_cast<std::int64_t>(delivery.tag)};
  if (open_.erase(name.number) == 0)
    history_.complaint(fmt::format("R17: {} is told again what came of {}", waits_for(), to_string(name)));
  const std::string topic(delivery.topic);
  const auto id = history_.only_id_of(topic);
  log_line(LogLevel::info, "client", "library's producer {}: {} in {}-{}: {}", index_, to_string(name), topic,
           delivery.partition, failure ? client::to_string(*failure) : std::to_string(delivery.offset));
  if (!id || abandoned_) return;
  if (failure)
    history_.complaint(fmt::format("R17: {} in {}-{} has failed: {}", to_string(name), topic, delivery.partition,
                                   client::to_string(*failure)));
  if (!failure && acks_ == -1) history_.acknowledged({*id, delivery.partition}, name, Offset(delivery.offset));
}

}  // namespace holdfast::sim
