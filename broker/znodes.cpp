#include "broker/znodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <limits>

namespace holdfast::znodes {
namespace json = boost::json;
namespace {

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorKind::corrupt, fmt::format("znode holds no valid {}", what));
}

Result<json::object> parse_object(std::string_view text, std::string_view what) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object()) return malformed(what);
  return std::move(value.as_object());
}

bool read(const json::object& from, std::string_view key, std::int32_t& out) {
  const json::value* v = from.if_contains(key);
  if (!v || !v->is_int64()) return false;
  const std::int64_t n = v->as_int64();
  if (n < std::numeric_limits<std::int32_t>::min() || n > std::numeric_limits<std::int32_t>::max()) return false;
  out = static_cast<std::int32_t>(n);
  return true;
}

std::string text_of(const json::object& from, std::string_view key) {
  const json::value* v = from.if_contains(key);
  return v && v->is_string() ? std::string(v->as_string()) : std::string();
}

bool read_int64_text(const json::object& from, std::string_view key, std::int64_t& out) {
  const std::string text = text_of(from, key);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && !text.empty() && end == text.data() + text.size();
}

bool read_ids(const json::value& from, std::vector<std::int32_t>& out) {
  if (!from.is_array()) return false;
  for (const json::value& id : from.as_array()) {
    if (!id.is_int64()) return false;
    out.push_back(static_cast<std::int32_t>(id.as_int64()));
  }
  return true;
}

json::array write_ids(const std::vector<std::int32_t>& ids) { return json::array(ids.begin(), ids.end()); }

using Assignment = std::map<std::int32_t, std::vector<std::int32_t>>;

bool read_assignment(const json::object& from, std::string_view key, Assignment& out) {
  const json::value* v = from.if_contains(key);
  if (!v) return true;
  if (!v->is_object()) return false;
  for (const auto& [name, ids] : v->as_object()) {
    std::int32_t partition = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), partition);
    if (error != std::errc() || end != name.data() + name.size() || partition < 0) return false;
    if (!read_ids(ids, out[partition])) return false;
  }
  return true;
}

json::object write_assignment(const Assignment& assignment) {
  json::object out;
  for (const auto& [partition, ids] : assignment) out[std::to_string(partition)] = write_ids(ids);
  return out;
}

}  // namespace

const std::vector<std::string>& persistent_paths() {
  static const std::vector<std::string> paths{"/consumers",
                                              "/brokers",
                                              "/brokers/ids",
                                              "/brokers/directories",
                                              "/brokers/topics",
                                              "/config",
                                              "/config/changes",
                                              "/admin",
                                              "/admin/delete_topics",
                                              "/brokers/seqid",
                                              "/isr_change_notification",
                                              "/latest_producer_id_block",
                                              "/log_dir_event_notification",
                                              "/config/topics",
                                              "/config/clients",
                                              "/config/users",
                                              "/config/brokers",
                                              "/config/ips",
                                              "/cluster"};
  return paths;
}

const std::vector<std::string>& protected_prefixes() {
  static const std::vector<std::string> paths{"/brokers",
                                              "/controller",
                                              "/controller_epoch",
                                              "/config",
                                              "/admin",
                                              "/cluster",
                                              "/isr_change_notification",
                                              "/latest_producer_id_block",
                                              "/log_dir_event_notification",
                                              "/feature"};
  return paths;
}

std::string broker_path(std::int32_t id) { return fmt::format("{}/{}", broker_ids, id); }
std::string directories_path(std::int32_t broker) { return fmt::format("/brokers/directories/{}", broker); }
std::string topic_path(std::string_view topic) { return fmt::format("{}/{}", topics, topic); }
std::string partitions_path(std::string_view topic) { return fmt::format("{}/{}/partitions", topics, topic); }
std::string partition_path(std::string_view topic, std::int32_t partition) {
  return fmt::format("{}/{}/partitions/{}", topics, topic, partition);
}
std::string state_path(std::string_view topic, std::int32_t partition) {
  return fmt::format("{}/{}/partitions/{}/state", topics, topic, partition);
}
std::string config_path(std::string_view entity_type, std::string_view entity) {
  return fmt::format("/config/{}/{}", entity_type, entity);
}

namespace {

void write_partitions(json::object& to, std::string_view key, const Broker::Partitions& partitions) {
  if (partitions.empty()) return;
  json::object out;
  for (const auto& [topic, ids] : partitions) out[to_base64(topic)] = write_ids(ids);
  to[key] = std::move(out);
}

// Nothing is there when there are none.
bool read_partitions(const json::object& from, std::string_view key, Broker::Partitions& to) {
  const json::value* found = from.if_contains(key);
  if (!found) return true;
  if (!found->is_object()) return false;
  for (const auto& [topic, ids] : found->as_object()) {
    Uuid id{};
    if (!from_base64(topic, id) || !read_ids(ids, to[id])) return false;
    std::ranges::sort(to[id]);
  }
  return true;
}

}  // namespace

std::string encode(const Broker& broker) {
  json::object protocols;
  json::array endpoints;
  const Broker::Listener* plain = nullptr;
  for (const Broker::Listener& l : broker.listeners) {
    protocols[l.name] = l.security_protocol;
    endpoints.emplace_back(fmt::format("{}://{}:{}", l.name, l.host, l.port));
    if (!plain && l.security_protocol == "PLAINTEXT") plain = &l;
  }
  json::object out{{"features", json::object()},
                   {"listener_security_protocol_map", std::move(protocols)},
                   {"endpoints", std::move(endpoints)}};
  if (!broker.rack.empty()) out["rack"] = broker.rack;
  out["jmx_port"] = -1;
  out["port"] = plain ? plain->port : -1;
  out["host"] = plain ? json::value(plain->host) : json::value(nullptr);
  out["version"] = 5;
  out["timestamp"] = std::to_string(broker.timestamp_ms);
  write_partitions(out, "offline_partitions", broker.offline);
  write_partitions(out, "full_partitions", broker.full);
  if (broker.leaving) out["leaving"] = true;
  return json::serialize(out);
}

Result<Broker> decode_broker(std::string_view text) {
  auto object = parse_object(text, "broker registration");
  if (!object) return fail(object);
  Broker broker;
  broker.rack = text_of(*object, "rack");
  read_int64_text(*object, "timestamp", broker.timestamp_ms);
  const json::value* endpoints = object->if_contains("endpoints");
  if (!endpoints || !endpoints->is_array()) return malformed("broker registration");
  const json::value* protocols = object->if_contains("listener_security_protocol_map");
  for (const json::value& endpoint : endpoints->as_array()) {
    if (!endpoint.is_string()) return malformed("broker registration");
    const std::string_view url = endpoint.as_string();
    const auto scheme = url.find("://");
    const auto colon = url.rfind(':');
    if (scheme == url.npos || colon == url.npos || colon < scheme + 3) return malformed("broker registration");
    Broker::Listener listener;
    listener.name = url.substr(0, scheme);
    listener.host = url.substr(scheme + 3, colon - scheme - 3);
    if (std::from_chars(url.data() + colon + 1, url.data() + url.size(), listener.port).ec != std::errc())
      return malformed("broker registration");
    if (protocols && protocols->is_object())
      listener.security_protocol = text_of(protocols->as_object(), listener.name);
    broker.listeners.push_back(std::move(listener));
  }
  if (!read_partitions(*object, "offline_partitions", broker.offline) ||
      !read_partitions(*object, "full_partitions", broker.full))
    return malformed("broker registration");
  if (const json::value* leaving = object->if_contains("leaving")) broker.leaving = *leaving == json::value(true);
  return broker;
}

std::string encode_directories(const std::vector<std::string>& ids) {
  return json::serialize(json::object{{"version", 1}, {"directories", json::array(ids.begin(), ids.end())}});
}

Result<std::vector<std::string>> decode_directories(std::string_view text) {
  auto object = parse_object(text, "log directories");
  if (!object) return fail(object);
  const json::value* ids = object->if_contains("directories");
  if (!ids || !ids->is_array()) return malformed("log directories");
  std::vector<std::string> out;
  for (const json::value& id : ids->as_array()) {
    if (!id.is_string()) return malformed("log directories");
    out.emplace_back(id.as_string());
  }
  return out;
}

std::string encode(const Topic& topic) {
  json::object out{{"partitions", write_assignment(topic.replicas)},
                   {"topic_id", to_base64(topic.id)},
                   {"adding_replicas", write_assignment(topic.adding)},
                   {"removing_replicas", write_assignment(topic.removing)},
                   {"version", 3}};
  return json::serialize(out);
}

Result<Topic> decode_topic(std::string_view text) {
  auto object = parse_object(text, "topic");
  if (!object) return fail(object);
  Topic topic;
  if (!read_assignment(*object, "partitions", topic.replicas) ||
      !read_assignment(*object, "adding_replicas", topic.adding) ||
      !read_assignment(*object, "removing_replicas", topic.removing))
    return malformed("topic");
  const std::string id = text_of(*object, "topic_id");
  if (!from_base64(id, topic.id)) return malformed("topic id");
  return topic;
}

std::string encode(const PartitionState& state) {
  json::object out{{"controller_epoch", state.controller_epoch},
                   {"leader", state.leader},
                   {"version", 1},
                   {"leader_epoch", state.leader_epoch},
                   {"isr", write_ids(state.isr)}};
  if (!state.elr.empty()) out["elr"] = write_ids(state.elr);
  if (!state.last_known_elr.empty()) out["last_known_elr"] = write_ids(state.last_known_elr);
  return json::serialize(out);
}

Result<PartitionState> decode_partition_state(std::string_view text) {
  auto object = parse_object(text, "partition state");
  if (!object) return fail(object);
  PartitionState state;
  const json::value* isr = object->if_contains("isr");
  if (!read(*object, "leader", state.leader) || !read(*object, "leader_epoch", state.leader_epoch) ||
      !read(*object, "controller_epoch", state.controller_epoch) || !isr || !read_ids(*isr, state.isr))
    return malformed("partition state");
  for (const auto& [key, ids] : {std::pair{"elr", &state.elr}, {"last_known_elr", &state.last_known_elr}})
    if (const json::value* value = object->if_contains(key); value && !read_ids(*value, *ids))
      return malformed("partition state");
  return state;
}

std::string encode_controller(std::int32_t broker, std::int64_t timestamp_ms) {
  return json::serialize(json::object{
      {"version", 2}, {"brokerid", broker}, {"timestamp", std::to_string(timestamp_ms)}, {"kraftControllerEpoch", -1}});
}

Result<std::int32_t> decode_controller(std::string_view text) {
  auto object = parse_object(text, "controller");
  if (!object) return fail(object);
  std::int32_t id = -1;
  if (!read(*object, "brokerid", id)) return malformed("controller");
  return id;
}

std::string encode_cluster_id(std::string_view id) {
  return json::serialize(json::object{{"version", "1"}, {"id", id}});
}

Result<std::string> decode_cluster_id(std::string_view text) {
  auto object = parse_object(text, "cluster id");
  if (!object) return fail(object);
  std::string id = text_of(*object, "id");
  if (id.empty()) return malformed("cluster id");
  return id;
}

std::string encode_configs(const Configs& configs) {
  json::object values;
  for (const auto& [name, value] : configs) values[name] = value;
  return json::serialize(json::object{{"version", 1}, {"config", std::move(values)}});
}

Result<Configs> decode_configs(std::string_view text) {
  auto object = parse_object(text, "configuration");
  if (!object) return fail(object);
  const json::value* values = object->if_contains("config");
  if (!values || !values->is_object()) return malformed("configuration");
  Configs configs;
  for (const auto& [name, value] : values->as_object()) {
    if (!value.is_string()) return malformed("configuration");
    configs.emplace(name, value.as_string());
  }
  return configs;
}

std::string encode_config_change(std::string_view entity_path) {
  return json::serialize(json::object{{"version", 2}, {"entity_path", entity_path}});
}

std::string encode(const ProducerIdBlock& block) {
  return json::serialize(json::object{{"version", 1},
                                      {"broker", block.broker},
                                      {"block_start", std::to_string(block.first)},
                                      {"block_end", std::to_string(block.last)}});
}

Result<ProducerIdBlock> decode_producer_id_block(std::string_view text) {
  auto object = parse_object(text, "producer id block");
  if (!object) return fail(object);
  ProducerIdBlock block;
  if (!read(*object, "broker", block.broker) || !read_int64_text(*object, "block_start", block.first) ||
      !read_int64_text(*object, "block_end", block.last))
    return malformed("producer id block");
  return block;
}

}  // namespace holdfast::znodes
