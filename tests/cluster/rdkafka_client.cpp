#include "tests/cluster/rdkafka_client.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <regex>

namespace holdfast::test {
namespace {

constexpr int timeout_ms = 30'000;

rd_kafka_conf_t* configuration(const std::string& brokers, const Settings& settings) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char error[512];
  Settings all = settings;
  all["bootstrap.servers"] = brokers;
  all["log_level"] = "2";
  for (const auto& [key, value] : all)
    EXPECT_EQ(rd_kafka_conf_set(conf, key.c_str(), value.c_str(), error, sizeof error), RD_KAFKA_CONF_OK) << error;
  return conf;
}

rd_kafka_t* create(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char error[512];
  rd_kafka_t* handle = rd_kafka_new(type, conf, error, sizeof error);
  EXPECT_NE(handle, nullptr) << error;
  return handle;
}

using Handle = std::unique_ptr<rd_kafka_t, void (*)(rd_kafka_t*)>;
Handle client(const std::string& brokers, const Settings& settings = {}) {
  return {create(RD_KAFKA_CONSUMER, configuration(brokers, settings)), rd_kafka_destroy};
}

// The partitions that librdkafka sends to another broker than the one it takes for their leader (a json document of
// https://github.com/confluentinc/librdkafka/blob/master/STATISTICS.md).
std::set<std::int64_t> misplaced_partitions(const boost::json::value& all) {
  std::set<std::int64_t> out;
  for (const auto& [name, topic] : all.at("topics").as_object())
    for (const auto& [number, partition] : topic.at("partitions").as_object()) {
      const std::int64_t leader = partition.at("leader").as_int64(), broker = partition.at("broker").as_int64();
      if (leader != -1 && broker != -1 && leader != broker) out.insert(partition.at("partition").as_int64());
    }
  return out;
}

// The first topic's error in the answer to an admin request.
template <class Result>
std::string admin_error(rd_kafka_event_t* event, const Result* result,
                        const rd_kafka_topic_result_t** (*topics)(const Result*, std::size_t*)) {
  if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) return rd_kafka_event_error_string(event);
  std::size_t count = 0;
  const auto* all = topics(result, &count);
  if (count == 0 || rd_kafka_topic_result_error(all[0]) == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return rd_kafka_err2name(rd_kafka_topic_result_error(all[0]));
}

}  // namespace

Producer::Producer(const std::string& brokers, const Settings& settings) {
  Settings all = settings;
  all["statistics.interval.ms"] = "1000";
  rd_kafka_conf_t* conf = configuration(brokers, all);
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_conf_set_stats_cb(conf, told);
  handle_ = create(RD_KAFKA_PRODUCER, conf);
}

Producer::~Producer() {
  rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_destroy(handle_);
}

void Producer::delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  static_cast<Producer*>(self)->acknowledged_.emplace_back(
      message->offset, std::string(static_cast<const char*>(message->payload), message->len));
}

int Producer::told(rd_kafka_t*, char* statistics, std::size_t size, void* opaque) {
  auto& self = *static_cast<Producer*>(opaque);
  const boost::json::value all = boost::json::parse({statistics, size});
  if (const auto* idempotence = all.as_object().if_contains("eos"))
    self.epoch_ = idempotence->at("producer_epoch").as_int64();
  ++self.told_;
  std::map<std::int64_t, int> misplaced;
  for (const std::int64_t partition : misplaced_partitions(all)) misplaced[partition] = self.misplaced_[partition] + 1;
  self.misplaced_ = std::move(misplaced);
  return 0;  // librdkafka frees the text
}

std::string Producer::fatal_error() const {
  char reason[512] = "";
  rd_kafka_fatal_error(handle_, reason, sizeof reason);
  return reason;
}

std::string Producer::known_fault() const {
  // "... failed due to sequence desynchronization with broker 1 (PID{Id:0,Epoch:0}, base seq 696, ..., last partition
  // error _TRANSPORT (actions Refresh,MsgPossiblyPersisted, base seq 690..695, ...": 690 to 695 were never answered.
  static const std::regex skipped(R"(sequence desynchronization.*base seq (\d+),.*base seq \d+\.\.(\d+),)");
  std::smatch match;
  if (const std::string reason = fatal_error();
      std::regex_search(reason, match, skipped) && std::stoll(match[1]) == std::stoll(match[2]) + 1)
    return reason;
  for (const auto& [partition, times] : misplaced_)
    if (times >= 5) return "partition " + std::to_string(partition) + " is sent to who is not its leader";
  return {};
}

void Producer::send(const std::string& topic, int partition, const std::string& value, std::int64_t timestamp) {
  for (;;) {
    const auto error =
        rd_kafka_producev(handle_, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                          RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      EXPECT_TRUE(error == RD_KAFKA_RESP_ERR_NO_ERROR || !known_fault().empty())
          << rd_kafka_err2str(error) << ' ' << fatal_error();
      return;
    }
    rd_kafka_poll(handle_, 100);
  }
}

bool Producer::may_double() {
  for (const int before = told_; told_ == before;) rd_kafka_poll(handle_, 100);
  return epoch_ > 0;
}

void Producer::poll(int milliseconds) { rd_kafka_poll(handle_, milliseconds); }

int Producer::flush(int seconds) {
  rd_kafka_flush(handle_, seconds * 1000);
  return static_cast<int>(acknowledged_.size());
}

std::vector<Message> consume(const std::string& brokers, const std::string& topic, int partition, std::int64_t offset,
                             std::size_t count) {
  const Handle handle =
      client(brokers, {{"group.id", "none"}, {"enable.auto.commit", "false"}, {"auto.offset.reset", "error"}});
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = offset;
  rd_kafka_assign(handle.get(), list);
  rd_kafka_topic_partition_list_destroy(list);
  std::vector<Message> out;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (out.size() < count && std::chrono::steady_clock::now() < deadline) {
    rd_kafka_message_t* m = rd_kafka_consumer_poll(handle.get(), 500);
    if (!m) continue;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
      out.push_back({m->offset, std::string(static_cast<const char*>(m->payload), m->len)});
    rd_kafka_message_destroy(m);
  }
  rd_kafka_consumer_close(handle.get());
  return out;
}

std::vector<std::string> values(const std::vector<Message>& messages) {
  std::vector<std::string> out;
  for (const Message& m : messages) out.push_back(m.value);
  return out;
}

std::int64_t offset_for_time(const std::string& brokers, const std::string& topic, int partition,
                             std::int64_t timestamp) {
  const Handle handle = client(brokers, {{"group.id", "none"}});
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = timestamp;
  const auto error = rd_kafka_offsets_for_times(handle.get(), list, timeout_ms);
  EXPECT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
  const std::int64_t offset = list->elems[0].offset;
  rd_kafka_topic_partition_list_destroy(list);
  return offset;
}

std::pair<std::int64_t, std::int64_t> watermarks(const std::string& brokers, const std::string& topic, int partition) {
  const Handle handle = client(brokers);
  std::int64_t low = -1, high = -1;
  const auto error = rd_kafka_query_watermark_offsets(handle.get(), topic.c_str(), partition, &low, &high, timeout_ms);
  EXPECT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
  return {low, high};
}

std::string create_topic(const std::string& brokers, const std::string& topic, int partitions, const Settings& configs,
                         int replicas) {
  const Handle handle = client(brokers);
  char error[512];
  rd_kafka_NewTopic_t* wanted = rd_kafka_NewTopic_new(topic.c_str(), partitions, replicas, error, sizeof error);
  for (const auto& [key, value] : configs) rd_kafka_NewTopic_set_config(wanted, key.c_str(), value.c_str());
  rd_kafka_queue_t* queue = rd_kafka_queue_new(handle.get());
  rd_kafka_CreateTopics(handle.get(), &wanted, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, timeout_ms);
  std::string out =
      event ? admin_error(event, rd_kafka_event_CreateTopics_result(event), rd_kafka_CreateTopics_result_topics)
            : "no answer";
  if (event) rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(wanted);
  return out;
}

namespace {

constexpr int metadata_timeout_ms = 2000;

// `read` of the answer, or of nothing.
template <class Read>
auto read_metadata(const std::string& brokers, Read read) {
  const Handle handle = client(brokers);
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(handle.get(), 1, nullptr, &metadata, metadata_timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return read(nullptr);
  auto out = read(metadata);
  rd_kafka_metadata_destroy(metadata);
  return out;
}

}  // namespace

std::set<int> broker_ids(const std::string& brokers) {
  return read_metadata(brokers, [](const rd_kafka_metadata_t* metadata) {
    std::set<int> out;
    for (int i = 0; metadata && i < metadata->broker_cnt; ++i) out.insert(metadata->brokers[i].id);
    return out;
  });
}

int under_replicated(const std::string& brokers, const std::string& topic) {
  return read_metadata(brokers, [&topic](const rd_kafka_metadata_t* metadata) {
    int out = -1;
    for (int t = 0; metadata && t < metadata->topic_cnt; ++t) {
      const rd_kafka_metadata_topic_t& found = metadata->topics[t];
      if (found.topic != topic || found.partition_cnt == 0) continue;
      out = 0;
      for (int p = 0; p < found.partition_cnt; ++p)
        out += found.partitions[p].isr_cnt < found.partitions[p].replica_cnt || found.partitions[p].leader < 0;
    }
    return out;
  });
}

int coordinator_of(const std::string& brokers, const std::string& group) {
  const Handle handle = client(brokers);
  const rd_kafka_group_list* list = nullptr;
  int out = 0;
  if (rd_kafka_list_groups(handle.get(), group.c_str(), &list, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
  for (int i = 0; i < list->group_cnt; ++i)
    if (list->groups[i].group == group && list->groups[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
      out = list->groups[i].broker.id;
  rd_kafka_group_list_destroy(list);
  return out;
}

std::string delete_topic(const std::string& brokers, const std::string& topic) {
  const Handle handle = client(brokers);
  rd_kafka_DeleteTopic_t* unwanted = rd_kafka_DeleteTopic_new(topic.c_str());
  rd_kafka_queue_t* queue = rd_kafka_queue_new(handle.get());
  rd_kafka_DeleteTopics(handle.get(), &unwanted, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, timeout_ms);
  std::string out =
      event ? admin_error(event, rd_kafka_event_DeleteTopics_result(event), rd_kafka_DeleteTopics_result_topics)
            : "no answer";
  if (event) rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_DeleteTopic_destroy(unwanted);
  return out;
}

std::string alter_configs(const std::string& brokers, Configured what, const std::string& name,
                          const Settings& configs) {
  const Handle handle = client(brokers);
  rd_kafka_ConfigResource_t* resource = rd_kafka_ConfigResource_new(
      what == Configured::topic ? RD_KAFKA_RESOURCE_TOPIC : RD_KAFKA_RESOURCE_BROKER, name.c_str());
  for (const auto& [key, value] : configs) rd_kafka_ConfigResource_set_config(resource, key.c_str(), value.c_str());
  rd_kafka_queue_t* queue = rd_kafka_queue_new(handle.get());
  rd_kafka_AlterConfigs(handle.get(), &resource, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, timeout_ms);
  std::string out = "no answer";
  if (event && rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    out = rd_kafka_event_error_string(event);
  } else if (event) {
    std::size_t count = 0;
    const auto* answers = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
    const char* error = count > 0 ? rd_kafka_ConfigResource_error_string(answers[0]) : nullptr;
    out = error ? error : "";
  }
  if (event) rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_ConfigResource_destroy(resource);
  return out;
}

GroupConsumer::GroupConsumer(const std::string& brokers, const std::string& group, const std::string& topic,
                             const Settings& settings) {
  Settings all = settings;
  all["group.id"] = group;
  all["enable.auto.commit"] = "false";
  all["auto.offset.reset"] = "earliest";
  all["session.timeout.ms"] = "6000";
  all["heartbeat.interval.ms"] = "500";
  handle_ = create(RD_KAFKA_CONSUMER, configuration(brokers, all));
  rd_kafka_poll_set_consumer(handle_);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), RD_KAFKA_PARTITION_UA);
  rd_kafka_subscribe(handle_, list);
  rd_kafka_topic_partition_list_destroy(list);
}

GroupConsumer::~GroupConsumer() {
  rd_kafka_consumer_close(handle_);
  rd_kafka_destroy(handle_);
}

std::optional<std::string> GroupConsumer::poll(int milliseconds) {
  rd_kafka_message_t* m = rd_kafka_consumer_poll(handle_, milliseconds);
  if (!m) return std::nullopt;
  std::optional<std::string> out;
  if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) out.emplace(static_cast<const char*>(m->payload), m->len);
  rd_kafka_message_destroy(m);
  return out;
}

std::size_t GroupConsumer::assigned() const {
  rd_kafka_topic_partition_list_t* list = nullptr;
  if (rd_kafka_assignment(handle_, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
  const auto count = static_cast<std::size_t>(list->cnt);
  rd_kafka_topic_partition_list_destroy(list);
  return count;
}

std::string GroupConsumer::commit() {
  const auto error = rd_kafka_commit(handle_, nullptr, 0);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR__NO_OFFSET) return {};
  return rd_kafka_err2str(error);
}

}  // namespace holdfast::test
