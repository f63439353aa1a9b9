#include "tests/simulation/brokers/replicas.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "broker/partition.h"
#include "tests/simulation/brokers/broker_body.h"
#include "tests/simulation/brokers/record_history.h"

namespace holdfast::sim {
namespace {

constexpr std::size_t read_bytes = 1 << 20;
constexpr Duration read_max = std::chrono::seconds(60);

struct Batch {
  std::int64_t base = 0, last = 0;
  std::int32_t epoch = 0;
  std::uint32_t crc = 0;
  friend bool operator==(const Batch&, const Batch&) = default;
};
struct Replica {
  int node = 0;
  std::string topic;
  Offset start, high_watermark;
  std::vector<Batch> batches;
};

// Where the one has what the other has not.
std::string first_difference(const std::vector<Batch>& one, const std::vector<Batch>& other) {
  for (std::size_t i = 0; i < one.size(); ++i)
    if (i >= other.size() || one[i] != other[i])
      return fmt::format(" {} to {} of epoch {}, crc {:08x}", one[i].base, one[i].last, one[i].epoch, one[i].crc);
  return " nothing";
}

Task<void> read_batches(Log* log, Replica* out) {
  LogRead request;
  request.bytes_max = read_bytes;
  request.end = out->high_watermark;
  for (request.from = log->start_offset(); request.from < request.end;) {
    auto data = co_await log->read(request);
    if (!data && log->start_offset() > request.from) {  // retention took what was to be read next
      request.from = log->start_offset();
      continue;
    }
    if (!data || data->batches.empty()) break;
    const std::vector<std::uint8_t> bytes = data->batches.flatten();
    wire::BatchWalker walker(bytes);
    wire::BatchHeader header;
    ByteView batch;
    while (walker.next(header, batch))
      out->batches.push_back({header.base_offset, header.last_offset(), header.leader_epoch, header.crc});
    request.from = data->next;
  }
  out->start = log->start_offset();  // retention may have taken something meanwhile
}

}  // namespace

void Leaderships::look(SimulatedNode& node) {
  if (!node.up()) return;
  for (const auto& peer : rooms_of(node).services().peers)
    for (const auto& [id, partition] : peer->partitions()) {
      if (!partition->is_leader()) continue;
      ++looked_;
      const Life own{node.id(), node.life()};
      const auto [leader, is_new] = leaders_.try_emplace({id, partition->leader_epoch()}, own);
      if (is_new || leader->second == own) continue;
      violations_.push_back(fmt::format(
          "R12: {}: broker {} leads in epoch {} and its life {}; broker {} did, in its {}", to_string(id), own.node,
          partition->leader_epoch().value, own.number, leader->second.node, leader->second.number));
      leader->second = own;
    }
}

// Everybody acts on an image that is this one, or was. While a state is being replaced the image is that of before.
Metadata* Successors::newest_image() {
  const Zxid applied = applied_();
  for (SimulatedNode* node : nodes_)
    if (node->up() && rooms_of(*node).is_ready() && !node->ensemble().driver().restoring() &&
        node->ensemble().last_applied() >= applied)
      return &rooms_of(*node).services().peers.front()->metadata();
  return nullptr;
}

Partition* Successors::replica(std::int32_t broker, const LogId& id, const Metadata& metadata) const {
  if (!metadata.alive(broker)) return nullptr;
  for (SimulatedNode* node : nodes_) {
    if (node->id() != broker || !node->up() || !rooms_of(*node).is_ready()) continue;
    Partition* found = rooms_of(*node).services().peers.front()->peer(id).partition(id);
    return found && found->online() && !found->is_truncating() ? found : nullptr;
  }
  return nullptr;
}

void Successors::look() {
  const Metadata* metadata = newest_image();
  if (!metadata) return;
  for (const auto& [_, topic] : metadata->topics())
    for (const PartitionImage& image : topic->partitions) look(image, *metadata);
}

void Successors::look(const LogId& id) {
  const Metadata* metadata = newest_image();
  const TopicPtr topic = metadata ? metadata->topic(id.topic_id) : nullptr;
  if (topic && static_cast<std::size_t>(id.partition) < topic->partitions.size())
    look(topic->partitions[static_cast<std::size_t>(id.partition)], *metadata);
}

void Successors::look(const PartitionImage& image, const Metadata& metadata) {
  const Offset known = history_.last_known(image.id);
  if (known < Offset(0) || !history_.is_durable(image.id.topic_id)) return;
  for (const auto* candidates : {&image.isr, &image.elr})
    for (const std::int32_t broker : *candidates) {
      const Partition* replica = this->replica(broker, image.id, metadata);
      if (!replica) continue;
      ++looked_;
      const Offset end = replica->log().durable_end();
      if (end > known || !complained_.insert({image.id, broker}).second) continue;
      history_.complaint(fmt::format(
          "R15: {}: broker {} may lead (of epoch {} in sync are {}, eligible {}) and has up to {}, {} is known",
          to_string(image.id), broker, image.leader_epoch.value, fmt::join(image.isr, ","), fmt::join(image.elr, ","),
          end.value, known.value));
    }
}

void Successors::look_at_start(const LogId& id, Offset to) {
  const Metadata* metadata = newest_image();
  const TopicPtr topic = metadata ? metadata->topic(id.topic_id) : nullptr;
  if (!topic || static_cast<std::size_t>(id.partition) >= topic->partitions.size()) return;
  const PartitionImage& image = topic->partitions[static_cast<std::size_t>(id.partition)];
  for (const auto* candidates : {&image.isr, &image.elr})
    for (const std::int32_t broker : *candidates) {
      const bool serves = candidates == &image.elr || metadata->still_serves(broker, image);
      const Partition* replica = serves ? this->replica(broker, id, *metadata) : nullptr;
      if (replica && replica->log().start_offset() < to)
        history_.complaint(fmt::format("R15: {}: it was trimmed to {}, and broker {}, who may lead, begins at {}",
                                       to_string(id), to.value, broker, replica->log().start_offset().value));
    }
}

bool DiskRule::may_empty(SimulatedNode& node, SimulatedNode& leader) {
  Metadata& image = rooms_of(leader).services().peers.front()->metadata();
  const auto has_its_disk = [&](std::int32_t id) {
    if (id == node.id()) return false;
    const auto emptied = emptied_at_.find(id);
    const auto registered = image.brokers().find(id);
    return emptied == emptied_at_.end() ||
           (registered != image.brokers().end() && registered->second.epoch > emptied->second);
  };
  for (const auto& [_, topic] : image.topics())
    for (const PartitionImage& partition : topic->partitions)
      if (std::ranges::none_of(partition.isr, has_its_disk)) return false;
  emptied_at_[node.id()] = leader.ensemble().last_applied().value;
  return true;
}

std::string describe_laggards(const std::vector<SimulatedNode*>& nodes) {
  std::map<LogId, std::string> all;
  std::set<LogId> lagging;
  for (SimulatedNode* node : nodes) {
    if (!node->up()) continue;
    for (const auto& peer : rooms_of(*node).services().peers)
      for (const auto& [id, partition] : peer->partitions()) {
        const PartitionImage* image = peer->metadata().partition(partition->topic(), id.partition);
        if (!image || image->leader < 0 || image->isr.size() < image->replicas.size()) lagging.insert(id);
        const auto latest = partition->log().leader_epochs().latest();
        all[id] += fmt::format("\n    {} at {}: leader {} epoch {}{}{}, log {} to {} of epoch {}, durable {}, HW {}",
                               partition->topic(), node->id(), partition->leader_id(), partition->leader_epoch().value,
                               partition->is_leader() ? " leads" : "", partition->is_truncating() ? " truncating" : "",
                               partition->log().start_offset().value, partition->log().end_offset().value,
                               latest ? latest->value : -1, partition->log().durable_end().value,
                               partition->high_watermark().value);
      }
  }
  std::string out;
  for (const LogId& id : lagging) out += all[id];
  return out;
}

void compare_replicas(World& world, const std::vector<SimulatedNode*>& nodes, Violations& violations,
                      std::uint64_t& batches_compared) {
  std::map<LogId, std::vector<std::unique_ptr<Replica>>> all;
  Gate gate;
  for (SimulatedNode* node : nodes) {
    if (!node->up()) continue;
    for (const auto& peer : rooms_of(*node).services().peers) {
      Shard::Scope scope(peer->shard());
      for (const auto& [id, partition] : peer->partitions()) {
        auto& replica = all[id].emplace_back(std::make_unique<Replica>());
        replica->node = node->id();
        replica->topic = partition->topic();
        replica->high_watermark = partition->high_watermark();
        peer->shard().spawn(gate, read_batches(&partition->log(), replica.get()));
      }
    }
  }
  if (!world.run_until([&gate] { return gate.holders() == 0; }, read_max))
    violations.push_back("R13: the replicas' logs cannot be read");
  for (const auto& [id, replicas] : all) {
    Offset start{0}, end = replicas.front()->high_watermark;
    for (const auto& replica : replicas) {
      start = std::max(start, replica->start);
      end = std::min(end, replica->high_watermark);
    }
    const auto common = [&](const Replica& replica) {
      std::vector<Batch> out;
      for (const Batch& batch : replica.batches)
        if (batch.base >= start.value && batch.last < end.value) out.push_back(batch);
      return out;
    };
    const std::vector<Batch> first = common(*replicas.front());
    batches_compared += first.size() * (replicas.size() - 1);
    for (const auto& replica : replicas)
      if (common(*replica) != first)
        violations.push_back(fmt::format("R13: {} ({}): brokers {} and {} hold other batches between {} and {}:{}{}",
                                         replica->topic, to_string(id), replicas.front()->node, replica->node,
                                         start.value, end.value, first_difference(first, common(*replica)),
                                         first_difference(common(*replica), first)));
  }
}

}  // namespace holdfast::sim
