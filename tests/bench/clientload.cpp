// clientload: what producing and consuming costs the client: this library beside librdkafka, record by record through
// the interface that their users have, against any server that speaks the Kafka protocol.
//
//   clientload LIBRARY MODE --bootstrap HOST:PORT [options]        LIBRARY: holdfast, librdkafka; MODE: produce,
//   consume
//
// Options (defaults): --topic NAME (clientload)  --records 2000000  --record-bytes 100  --batch-bytes (the
//   library's)  --codec none  --linger-ms 5
// Both with acks=all and idempotence, a delivery report for every record, CRCs checked. Prints one line of JSON:
// records a second of the clock, and a second of the CPU of this process. Built by hand where librdkafka is installed:
//   clang++-19 -O3 -std=c++23 -I. tests/bench/clientload.cpp -Lbuild/release -lclient -lconfig -lwire -lruntime \
//     -lrdkafka -lfmt -lspdlog -lcrypto -lz -llz4 -lzstd -lsnappy -lboost_json -o clientload
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>

#include "client/consumer.h"
#include "client/producer.h"
#include "runtime/main_loop.h"

namespace {

struct Arguments {
  std::string library, mode, bootstrap, topic = "clientload", codec = "none";
  std::int64_t records = 2'000'000;
  std::size_t record_bytes = 100, batch_bytes = 0;
  int linger_ms = 5;
};

struct Times {
  double wall = 0, cpu = 0;
};

Times now() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now().time_since_epoch();
  return {wall.count(), seconds(usage.ru_utime) + seconds(usage.ru_stime)};
}

void report(const Arguments& a, Times from, std::int64_t records, std::int64_t failed) {
  const Times to = now();
  const double n = static_cast<double>(records);
  fmt::print(
      "{{\"library\":\"{}\",\"mode\":\"{}\",\"record_bytes\":{},\"codec\":\"{}\",\"records\":{},\"failed\":{},"
      "\"seconds\":{:.3f},\"cpu_seconds\":{:.3f},\"records_per_second\":{:.0f},\"records_per_cpu_second\":{:.0f}}}\n",
      a.library, a.mode, a.record_bytes, a.codec, records, failed, to.wall - from.wall, to.cpu - from.cpu,
      n / (to.wall - from.wall), n / (to.cpu - from.cpu));
}

[[noreturn]] void die(const std::string& what) {
  fmt::print(stderr, "clientload: {}\n", what);
  std::exit(1);
}

// Not the same byte again and again, which compresses to nothing; not random either.
std::string payload(std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += fmt::format("{{\"user\":{},\"event\":\"page_view\"}}", out.size() * 7919 % 100'003);
  out.resize(bytes);
  return out;
}

// ---- This library ----

using namespace holdfast;
using namespace holdfast::client;

ClusterOptions cluster_options(const Arguments& a) {
  ClusterOptions options;
  auto servers = parse_bootstrap_servers(a.bootstrap);
  if (!servers) die(servers.error().message);
  options.bootstrap_servers = *servers;
  return options;
}

Task<int> holdfast_produce(Shard& shard, const Arguments& a) {
  Cluster cluster(shard, system_network(), cluster_options(a));
  ProducerOptions options;
  if (a.batch_bytes > 0) options.batch_bytes = a.batch_bytes;
  options.linger = std::chrono::milliseconds(a.linger_ms);
  if (a.codec == "lz4") options.codec = wire::Codec::lz4;
  if (a.codec == "zstd") options.codec = wire::Codec::zstd;
  if (a.codec == "lz4") options.compression_level = 0;  // librdkafka's
  std::int64_t done = 0, failed = 0;
  options.on_delivery = [&](const Delivery&, const Failure* failure) {
    ++done;
    if (failure) ++failed;
  };
  Producer producer(cluster, std::move(options));
  const std::string value = payload(a.record_bytes);
  ProducerRecord record(a.topic, value);
  record.tag = 1;
  auto first = co_await producer.send(record);
  if (!first) die(to_string(first.error()));
  const Times from = now();
  done = 0;
  for (std::int64_t i = 0; i < a.records; ++i) {
    record.tag = static_cast<std::uint64_t>(i);
    auto accepted = producer.try_send(record);
    if (accepted && *accepted) continue;
    auto waited = co_await producer.enqueue(record);
    if (!waited) die(to_string(waited.error()));
  }
  co_await producer.flush();
  report(a, from, done, failed);
  co_await producer.stop();
  co_await cluster.stop();
  co_return failed > 0 ? 1 : 0;
}

Task<int> holdfast_consume(Shard& shard, const Arguments& a) {
  Cluster cluster(shard, system_network(), cluster_options(a));
  ConsumerOptions options;
  options.reset = OffsetReset::earliest;
  Consumer consumer(cluster, options);
  const std::vector<std::string> topics{a.topic};
  auto refreshed = co_await cluster.refresh(topics);
  if (!refreshed) die(to_string(refreshed.error()));
  const KnownTopic* topic = cluster.metadata().topic(a.topic);
  if (!topic) die("there is no such topic");
  std::vector<TopicPartition> partitions;
  for (std::size_t i = 0; i < topic->partitions.size(); ++i)
    partitions.push_back({a.topic, static_cast<std::int32_t>(i)});
  if (!consumer.assign(partitions)) die("it cannot be assigned");
  std::int64_t got = 0;
  std::size_t bytes = 0;
  const Duration patience = std::chrono::seconds(5);
  const Times from = now();
  while (got < a.records) {
    auto records = co_await consumer.poll(patience);
    if (!records) die(to_string(records.error()));
    if (records->empty()) die(fmt::format("only {} records came", got));
    for (const RecordView& record : *records) {
      bytes += record.value ? record.value->size() : 0;
      ++got;
    }
  }
  report(a, from, got, bytes == 0 ? 1 : 0);
  co_await consumer.stop();
  co_await cluster.stop();
  co_return 0;
}

// ---- librdkafka ----

struct RdState {
  std::int64_t done = 0, failed = 0;
};

rd_kafka_t* rd_make(const Arguments& a, rd_kafka_type_t type, RdState& state) {
  char error[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const auto set = [&](const char* key, const std::string& value) {
    if (rd_kafka_conf_set(conf, key, value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK) die(error);
  };
  set("bootstrap.servers", a.bootstrap);
  if (type == RD_KAFKA_PRODUCER) {
    set("enable.idempotence", "true");
    set("linger.ms", std::to_string(a.linger_ms));
    set("compression.type", a.codec);
    if (a.batch_bytes > 0) set("batch.size", std::to_string(a.batch_bytes));
    rd_kafka_conf_set_opaque(conf, &state);
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
      auto& told = *static_cast<RdState*>(opaque);
      ++told.done;
      if (message->err) ++told.failed;
    });
  } else {
    set("group.id", "clientload");
    set("auto.offset.reset", "earliest");
    set("enable.auto.commit", "false");
    set("check.crcs", "true");
  }
  rd_kafka_t* client = rd_kafka_new(type, conf, error, sizeof error);
  if (!client) die(error);
  return client;
}

int rd_produce(const Arguments& a) {
  RdState state;
  rd_kafka_t* client = rd_make(a, RD_KAFKA_PRODUCER, state);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client, a.topic.c_str(), nullptr);
  const std::string value = payload(a.record_bytes);
  const auto send = [&] {
    return rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()),
                            value.size(), nullptr, 0, nullptr);
  };
  while (send() != 0) rd_kafka_poll(client, 10);
  rd_kafka_flush(client, 30'000);
  state = {};
  const Times from = now();
  for (std::int64_t i = 0; i < a.records; ++i) {
    while (send() != 0) rd_kafka_poll(client, 10);
    if (i % 1000 == 0) rd_kafka_poll(client, 0);
  }
  rd_kafka_flush(client, 60'000);
  report(a, from, state.done, state.failed);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
  return state.failed > 0 ? 1 : 0;
}

int rd_consume(const Arguments& a) {
  RdState state;
  rd_kafka_t* client = rd_make(a, RD_KAFKA_CONSUMER, state);
  rd_kafka_poll_set_consumer(client);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client, a.topic.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(client, 0, topic, &metadata, 10'000) != RD_KAFKA_RESP_ERR_NO_ERROR) die("no metadata");
  rd_kafka_topic_partition_list_t* partitions = rd_kafka_topic_partition_list_new(1);
  for (int i = 0; i < metadata->topics[0].partition_cnt; ++i)
    rd_kafka_topic_partition_list_add(partitions, a.topic.c_str(), i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(client);
  const Times from = now();
  rd_kafka_assign(client, partitions);
  std::vector<rd_kafka_message_t*> messages(2000);
  std::int64_t got = 0;
  std::size_t bytes = 0;
  while (got < a.records) {
    const auto count = rd_kafka_consume_batch_queue(queue, 5000, messages.data(), messages.size());
    if (count <= 0) die(fmt::format("only {} records came", got));
    for (ssize_t i = 0; i < count; ++i) {
      rd_kafka_message_t* message = messages[static_cast<std::size_t>(i)];
      if (!message->err) ++got, bytes += message->len;
      rd_kafka_message_destroy(message);
    }
  }
  report(a, from, got, bytes == 0 ? 1 : 0);
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_partition_list_destroy(partitions);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app{"clientload: what producing and consuming costs the client"};
  app.add_option("library", a.library)->required()->check(CLI::IsMember({"holdfast", "librdkafka"}));
  app.add_option("mode", a.mode)->required()->check(CLI::IsMember({"produce", "consume"}));
  app.add_option("--bootstrap", a.bootstrap)->required();
  app.add_option("--topic", a.topic);
  app.add_option("--records", a.records);
  app.add_option("--record-bytes", a.record_bytes);
  app.add_option("--batch-bytes", a.batch_bytes);
  app.add_option("--codec", a.codec)->check(CLI::IsMember({"none", "lz4", "zstd"}));
  app.add_option("--linger-ms", a.linger_ms);
  CLI11_PARSE(app, argc, argv);
  if (a.library == "librdkafka") return a.mode == "produce" ? rd_produce(a) : rd_consume(a);
  MainLoop loop;
  return loop.run(a.mode == "produce" ? holdfast_produce(loop.shard(), a) : holdfast_consume(loop.shard(), a)).value();
}
