#include "broker/metadata_watcher.h"

#include <charconv>

#include "broker/znodes.h"
#include "coordination/txn.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {

// The path component behind `prefix/`, if `path` is below it.
std::string_view component_below(std::string_view path, std::string_view prefix) {
  if (path.size() <= prefix.size() + 1 || !path.starts_with(prefix) || path[prefix.size()] != '/') return {};
  path.remove_prefix(prefix.size() + 1);
  return path.substr(0, path.find('/'));
}

std::optional<std::int32_t> index_of(std::string_view text) {
  std::int32_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size() || index < 0) return std::nullopt;
  return index;
}

// The partition whose state znode this is.
std::optional<std::int32_t> state_index(std::string_view path, std::string_view topic) {
  constexpr std::string_view state = "/state";
  const std::string partitions = znodes::partitions_path(topic);
  const std::string_view index = component_below(path, partitions);
  if (index.empty() || path.size() != partitions.size() + 1 + index.size() + state.size() || !path.ends_with(state))
    return std::nullopt;
  return index_of(index);
}

void complain(std::string_view path, const Error& error) {
  log_line(LogLevel::error, "broker", "{}: {}; what was known before is kept", path, error.message);
}

}  // namespace

void MetadataWatcher::touch(std::string_view path, Touched& touched) {
  if (const auto topic = component_below(path, znodes::topics); !topic.empty())
    touch_topic(topic, state_index(path, topic), touched);
  if (const auto topic = component_below(path, "/config/topics"); !topic.empty())
    touch_topic(topic, std::nullopt, touched);
  if (!component_below(path, znodes::broker_ids).empty()) touched.brokers = true;
  if (!component_below(path, "/config/brokers").empty()) touched.broker_configs = true;
  if (path == znodes::controller || path == znodes::controller_epoch) touched.controller = true;
}

void MetadataWatcher::touch_topic(std::string_view name, std::optional<std::int32_t> partition, Touched& touched) {
  const auto [at, added] = touched.topics.try_emplace(std::string(name));
  if (!added && at->second.empty()) return;  // the whole of it already
  if (partition) {
    at->second.insert(*partition);
  } else {
    at->second.clear();
  }
}

void MetadataWatcher::start() {
  refresh();
  ensemble_.subscribe([this](const zk::Txn& txn, const zk::Effects&) { on_applied(txn); });
}

void MetadataWatcher::refresh() {
  Touched all{.topics = {}, .brokers = true, .broker_configs = true, .controller = true};
  if (const zk::Znode* topics = ensemble_.tree().find(znodes::topics))
    for (const std::string_view name : zk::ChildNames(topics)) touch_topic(name, std::nullopt, all);
  for (const auto& [name, _] : services_.peers.front()->metadata().topics()) touch_topic(name, std::nullopt, all);
  publish(delta_of(all));
}

void MetadataWatcher::on_applied(const zk::Txn& txn) {
  if (txn.failed()) return;
  Touched touched;
  for (const zk::Change& change : zk::changes_of(txn)) touch(change.path, touched);
  if (touched.topics.empty() && !touched.brokers && !touched.broker_configs && !touched.controller) return;
  publish(delta_of(touched));
}

TopicPtr MetadataWatcher::read_topic(std::string_view name) {
  const zk::Tree& tree = ensemble_.tree();
  const std::string path = znodes::topic_path(name);
  const zk::Znode* node = tree.find(path);
  if (!node) return nullptr;
  auto decoded = znodes::decode_topic(as_text(node->data.view()));
  if (!decoded) {
    complain(path, decoded.error());
    return services_.peers.front()->metadata().topic(name);
  }
  auto image = std::make_shared<TopicImage>();
  image->name = name;
  image->id = decoded->id;
  image->internal = is_internal_topic(name);
  image->version = tree.stat(*node).version;
  image->czxid = tree.stat(*node).czxid;
  for (std::size_t i = 0; i < decoded->replicas.size(); ++i)
    image->partitions.push_back({.id = {image->id, static_cast<std::int32_t>(i)}});
  for (auto& [index, replicas] : decoded->replicas) {
    if (static_cast<std::size_t>(index) >= image->partitions.size()) continue;
    PartitionImage& partition = image->partitions.at(static_cast<std::size_t>(index));
    partition.replicas = std::move(replicas);
    if (const auto it = decoded->adding.find(index); it != decoded->adding.end()) partition.adding = it->second;
    if (const auto it = decoded->removing.find(index); it != decoded->removing.end()) partition.removing = it->second;
    read_state(name, index, partition);
  }
  const std::string config_path = znodes::config_path("topics", name);
  if (const zk::Znode* config = tree.find(config_path)) {
    auto configs = znodes::decode_configs(as_text(config->data.view()));
    if (configs) {
      image->configs = std::move(*configs);
      image->config_version = tree.stat(*config).version;
    } else {
      // Retention must never run on defaults because an override could not be read (KAFKA-9254).
      complain(config_path, configs.error());
      if (const TopicPtr before = services_.peers.front()->metadata().topic(name)) image->configs = before->configs;
    }
  }
  return image;
}

void MetadataWatcher::read_state(std::string_view topic, std::int32_t index, PartitionImage& partition) {
  const zk::Tree& tree = ensemble_.tree();
  const std::string path = znodes::state_path(topic, index);
  const zk::Znode* node = tree.find(path);
  if (!node) return;
  auto state = znodes::decode_partition_state(as_text(node->data.view()));
  if (!state) return complain(path, state.error());
  partition.leader = state->leader;
  partition.leader_epoch = LeaderEpoch(state->leader_epoch);
  partition.isr = std::move(state->isr);
  partition.elr = std::move(state->elr);
  partition.last_known_elr = std::move(state->last_known_elr);
  partition.state_version = tree.stat(*node).version;
  partition.state_zxid = tree.stat(*node).mzxid;
}

// States change far more often than topics: with many partitions, reading them all for each would not end.
TopicPtr MetadataWatcher::read_states(const TopicImage& before, const std::set<std::int32_t>& partitions) {
  auto image = std::make_shared<TopicImage>(before);
  for (const std::int32_t index : partitions)
    if (static_cast<std::size_t>(index) < image->partitions.size())
      read_state(image->name, index, image->partitions.at(static_cast<std::size_t>(index)));
  return image;
}

MetadataDelta MetadataWatcher::delta_of(const Touched& touched) {
  const zk::Tree& tree = ensemble_.tree();
  MetadataDelta delta;
  for (const auto& [name, partitions] : touched.topics) {
    const TopicPtr before = partitions.empty() ? nullptr : services_.peers.front()->metadata().topic(name);
    if (TopicPtr topic = before ? read_states(*before, partitions) : read_topic(name)) {
      delta.changed_topics.push_back(std::move(topic));
      delta.changed_partitions.emplace_back();
      if (before) delta.changed_partitions.back().assign(partitions.begin(), partitions.end());
    } else {
      delta.removed_topics.push_back(name);
    }
  }
  if (touched.brokers) {
    auto brokers = std::make_shared<std::map<std::int32_t, BrokerImage>>();
    if (const zk::Znode* ids = tree.find(znodes::broker_ids))
      for (const std::string_view name : zk::ChildNames(ids)) {
        BrokerImage image;
        if (std::from_chars(name.data(), name.data() + name.size(), image.id).ec != std::errc()) continue;
        const std::string path = znodes::broker_path(image.id);
        const zk::Znode* node = tree.find(path);
        auto registration = znodes::decode_broker(as_text(node->data.view()));
        if (!registration) {
          complain(path, registration.error());
          continue;
        }
        image.registration = std::move(*registration);
        image.epoch = tree.stat(*node).czxid;
        brokers->emplace(image.id, std::move(image));
      }
    delta.brokers = std::move(brokers);
  }
  if (touched.broker_configs) {
    auto all = std::make_shared<std::map<std::string, znodes::Configs>>();
    if (const zk::Znode* entities = tree.find("/config/brokers"))
      for (const std::string_view name : zk::ChildNames(entities)) {
        const std::string path = znodes::config_path("brokers", name);
        auto configs = znodes::decode_configs(as_text(tree.find(path)->data.view()));
        if (configs) {
          all->emplace(name, std::move(*configs));
        } else {
          complain(path, configs.error());
        }
      }
    delta.broker_configs = std::move(all);
  }
  if (touched.controller) {
    delta.controller = -1;
    if (const zk::Znode* node = tree.find(znodes::controller))
      if (auto id = znodes::decode_controller(as_text(node->data.view()))) delta.controller = *id;
    if (const zk::Znode* node = tree.find(znodes::controller_epoch)) {
      const std::string_view text = as_text(node->data.view());
      std::from_chars(text.data(), text.data() + text.size(), delta.controller_epoch);
    }
  }
  return delta;
}

void MetadataWatcher::publish(MetadataDelta delta) {
  for (std::size_t i = 1; i < services_.peers.size(); ++i) {
    BrokerShard* peer = services_.peers[i].get();
    peer->shard().post([peer, delta] { peer->apply(delta); });
  }
  services_.peers.front()->apply(delta);
  if (listener_) listener_(delta);
}

}  // namespace holdfast
