#include "broker/controller_writes.h"

#include <algorithm>
#include <charconv>

#include "broker/broker_shard.h"

namespace holdfast {
namespace {

constexpr std::size_t partitions_per_write = 200;

class Writer {
 public:
  Writer(const ControllerEpoch& epoch, const Metadata& metadata) : epoch_(epoch), metadata_(metadata) {}

  void add(TopicChange change) {
    if (change.node) {
      flush();
      part_.push_back(std::move(change));
      return flush();
    }
    for (std::size_t from = 0; from < change.partitions.size();) {
      const std::size_t count = std::min(change.partitions.size() - from, partitions_per_write - held_);
      TopicChange piece;
      piece.topic = change.topic;
      piece.czxid = change.czxid;
      const auto first = change.partitions.begin() + static_cast<std::ptrdiff_t>(from);
      piece.partitions.assign(std::move_iterator(first),
                              std::move_iterator(first + static_cast<std::ptrdiff_t>(count)));
      part_.push_back(std::move(piece));
      from += count;
      held_ += count;
      if (held_ == partitions_per_write) flush();
    }
  }

  void flush() {
    held_ = 0;
    if (part_.empty()) return;
    PlannedWrite write;
    write.ops.push_back(epoch_.guard());
    std::vector<std::int32_t> members;
    for (const TopicChange& topic : part_)
      for (const PartitionChange& p : topic.partitions)
        if (p.changed) members.insert(members.end(), p.state.isr.begin(), p.state.isr.end());
    guard_brokers(write.ops, metadata_, std::move(members));
    for (const TopicChange& topic : part_) {
      write.ops.push_back(Ensemble::CheckCzxid{znodes::topic_path(topic.topic), Zxid(topic.czxid)});
      if (topic.node)
        write.ops.push_back(
            Ensemble::Set{znodes::topic_path(topic.topic), znodes::encode(*topic.node), topic.expected_version});
      for (const PartitionChange& p : topic.partitions) {
        std::string path = znodes::state_path(topic.topic, p.partition);
        if (!p.changed) {
          write.ops.push_back(Ensemble::Check{std::move(path), p.expected_version});
          continue;
        }
        znodes::PartitionState state = p.state;
        state.controller_epoch = epoch_.epoch;
        write.ops.push_back(Ensemble::Set{std::move(path), znodes::encode(state), p.expected_version});
      }
    }
    write.part = std::exchange(part_, {});
    writes_.push_back(std::move(write));
  }

  std::vector<PlannedWrite> take() { return std::move(writes_); }

 private:
  const ControllerEpoch& epoch_;
  const Metadata& metadata_;
  ControllerPlan part_;
  std::size_t held_ = 0;
  std::vector<PlannedWrite> writes_;
};

}  // namespace

std::optional<ControllerEpoch> ControllerEpoch::read(const zk::Tree& tree) {
  const zk::Znode* node = tree.find(znodes::controller_epoch);
  if (!node) return std::nullopt;
  ControllerEpoch out;
  out.version = tree.stat(*node).version;
  const std::string_view text = as_text(node->data.view());
  if (std::from_chars(text.data(), text.data() + text.size(), out.epoch).ec != std::errc()) return std::nullopt;
  return out;
}

Ensemble::Op ControllerEpoch::guard() const { return Ensemble::Check{std::string(znodes::controller_epoch), version}; }

void guard_brokers(std::vector<Ensemble::Op>& ops, const Metadata& metadata, std::vector<std::int32_t> brokers) {
  std::ranges::sort(brokers);
  brokers.erase(std::ranges::unique(brokers).begin(), brokers.end());
  for (const std::int32_t id : brokers)
    if (const auto it = metadata.brokers().find(id); it != metadata.brokers().end())
      ops.push_back(Ensemble::CheckCzxid{znodes::broker_path(id), Zxid(it->second.epoch)});
}

void count_changes(BrokerMetrics& metrics, const ControllerPlan& part) {
  for (const TopicChange& topic : part)
    for (const PartitionChange& p : topic.partitions) {
      if (p.elected) metrics.elections.add();
      if (p.unclean) metrics.unclean_elections.add();
      if (p.shrunk) metrics.isr_shrinks.add();
    }
}

std::vector<PlannedWrite> writes_of(ControllerPlan plan, const ControllerEpoch& epoch, const Metadata& metadata) {
  Writer writer(epoch, metadata);
  for (TopicChange& change : plan) writer.add(std::move(change));
  writer.flush();
  return writer.take();
}

}  // namespace holdfast
