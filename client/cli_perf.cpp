// holdfast perf produce, consume, e2e: load from one process, and what came of it.
#include "client/cli_perf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_consume.h"
#include "client/cli_families.h"
#include "client/fetcher.h"
#include "client/producer.h"

namespace holdfast::client {
namespace {

constexpr Duration tick = std::chrono::milliseconds(1);
constexpr std::size_t stamp_bytes = 16;  // of a record of e2e: the run and when it was due

ProducerOptions producer_options(Session& session, const PerfArguments& arguments) {
  ProducerOptions options;
  options.acks = arguments.acks == "all" ? -1 : arguments.acks == "1" ? 1 : 0;
  options.idempotent = options.acks == -1;
  static constexpr std::array<std::string_view, 5> codecs{"none", "gzip", "snappy", "lz4", "zstd"};
  options.codec = static_cast<wire::Codec>(std::find(codecs.begin(), codecs.end(), arguments.codec) - codecs.begin());
  options.linger = parse_duration(arguments.linger).value_or(options.linger);
  options.batch_bytes = parse_bytes(arguments.batch).value_or(options.batch_bytes);
  options.request_timeout = session.timeout();
  options.max_block = session.timeout();
  return options;
}

// What is sent, and when.
class Load {
 public:
  Load(Session& session, const PerfArguments& arguments) : session_(session), arguments_(arguments) {}

  Exit prepare() {
    const Exit exit = check_perf(session_, arguments_);
    if (exit != Exit::ok) return exit;
    if (!parse_duration(arguments_.linger) || !parse_bytes(arguments_.batch))
      return session_.usage("--linger is a time such as 5ms, --batch a size such as 64K");
    payload_.resize(*parse_bytes(arguments_.size));
    // Bytes that do not compress to nothing: half of them random.
    for (std::size_t i = 0; i < payload_.size(); i += 2) {
      seed_ = seed_ * 6364136223846793005u + 1442695040888963407u;
      payload_[i] = static_cast<std::uint8_t>(seed_ >> 56);
    }
    return Exit::ok;
  }

  Task<Exit> make_topic() {
    auto listed = co_await session_.admin().list_topics();
    if (!listed) co_return session_.fail(listed.error(), "topics");
    for (const TopicListing& topic : *listed) {
      if (topic.name == arguments_.topic) co_return Exit::ok;
    }
    NewTopic topic;
    topic.name = arguments_.topic;
    topic.partitions = arguments_.partitions;
    std::vector<NewTopic> topics{topic};
    const auto created = co_await session_.admin().create_topics(std::move(topics));
    const auto& result = created.begin()->second;
    if (!result) co_return session_.fail(result.error(), "topic " + arguments_.topic);
    session_.note(fmt::format("created topic {}: {}", arguments_.topic, counted(arguments_.partitions, "partition")));
    co_return Exit::ok;
  }

  // Sends until the time or the count is over; the tag of each record is when it was due, in microseconds since start.
  // `stamp` writes into the payload before each.
  Task<Exit> send(Producer& producer, std::function<void(std::vector<std::uint8_t>&, std::uint64_t)> stamp) {
    const SteadyTime start = session_.clock().now();
    const Duration duration = *parse_duration(arguments_.duration);
    const Pace pace(start, arguments_.rate);
    ProducerRecord record;
    record.topic = arguments_.topic;
    record.value = ByteView(payload_);
    SteadyTime shown = start;
    for (std::uint64_t n = 0;; ++n) {
      SteadyTime now = session_.clock().now();
      if (session_.interrupted()) break;
      if (arguments_.records > 0 ? n >= static_cast<std::uint64_t>(arguments_.records) : now - start >= duration) break;
      while (pace.open() && pace.due(n) > now) {
        co_await session_.shard().sleep(std::min(tick, pace.due(n) - now));
        now = session_.clock().now();
      }
      const SteadyTime due = pace.open() ? pace.due(n) : now;
      record.tag = static_cast<std::uint64_t>((due - start).count());
      if (stamp) stamp(payload_, record.tag);
      auto accepted = producer.try_send(record);
      if (accepted && *accepted) {
        // The loop's other work, answers among it, must have its turn when this one never waits.
        if (n % yield_every == yield_every - 1) co_await session_.shard().sleep(Duration(0));
      } else {
        if (!accepted) co_return session_.fail(accepted.error(), "produce");
        auto taken = co_await producer.enqueue(record);
        if (!taken) co_return session_.fail(taken.error(), "produce");
      }
      if (now - shown > std::chrono::seconds(1)) {
        shown = now;
        session_.progress(fmt::format("{} sent", counted(static_cast<std::int64_t>(n + 1), "record")));
      }
    }
    co_await producer.flush();
    co_return Exit::ok;
  }

  std::size_t payload_bytes() const { return payload_.size(); }

 private:
  static constexpr std::uint64_t yield_every = 256;
  Session& session_;
  const PerfArguments& arguments_;
  std::vector<std::uint8_t> payload_;
  std::uint64_t seed_ = 42;
};

Task<Exit> produce(Session& session, const PerfArguments& arguments) {
  Load load(session, arguments);
  Exit exit = load.prepare();
  if (exit == Exit::ok) exit = co_await load.make_topic();
  if (exit != Exit::ok) co_return exit;
  PerfResult result;
  result.cpu_before = co_await server_cpu(session, arguments);
  const SteadyTime start = session.clock().now();
  ProducerOptions options = producer_options(session, arguments);
  Clock& clock = session.clock();
  options.on_delivery = [&result, &clock, start](const Delivery& delivery, const Failure* failure) {
    if (failure) {
      ++result.failed;
      return;
    }
    ++result.done;
    result.latency.add(clock.now() - start - Duration(static_cast<std::int64_t>(delivery.tag)));
  };
  session.on_interrupt([] {});
  Producer producer(session.cluster(), std::move(options));
  exit = co_await load.send(producer, nullptr);
  result.took = clock.now() - start;
  result.bytes = result.done * load.payload_bytes();
  co_await producer.stop(Duration(0));
  result.cpu_after = co_await server_cpu(session, arguments);
  if (exit != Exit::ok) co_return exit;
  co_return print_perf(session, result, true, "records");
}

// All records of a topic, as fast as they come.
Task<Exit> consume(Session& session, const PerfArguments& arguments) {
  const Exit sound = check_perf(session, arguments);
  if (sound != Exit::ok) co_return sound;
  std::vector<std::string> names{arguments.topic};
  auto topics = co_await existing_topics(session, std::move(names));
  if (!topics) co_return topics.error();
  const auto described = co_await session.admin().describe_topics(*topics);
  std::map<TopicPartition, OffsetSpec> specs;
  for (const auto& [name, topic] : described) {
    if (!topic) co_return session.fail(topic.error(), "topic " + name);
    for (const PartitionDescription& p : topic->partitions)
      specs.emplace(TopicPartition{name, p.partition}, OffsetSpec::latest());
  }
  const auto ends = co_await session.admin().list_offsets(specs);
  Wakeup wakeup(session.shard());
  session.on_interrupt([&wakeup] { wakeup.wake(); });
  PerfResult result;
  result.cpu_before = co_await server_cpu(session, arguments);
  const SteadyTime start = session.clock().now();
  Timer limit;
  bool over = false;
  session.shard().arm(limit, *parse_duration(arguments.duration), [&] {
    over = true;
    wakeup.wake();
  });
  Fetcher fetcher(session.cluster(), FetchOptions(), [&wakeup] { wakeup.wake(); });
  std::vector<TopicPartition> open;
  for (const auto& [partition, end] : ends) {
    if (!end || end->offset == 0) continue;
    fetcher.add(partition);
    fetcher.seek(partition, OffsetSpec::earliest());
    open.push_back(partition);
  }
  Exit exit = Exit::ok;
  while (!open.empty() && !over && !session.interrupted()) {
    auto records = fetcher.take(5000);
    if (!records) {
      exit = session.fail(records.error(), "consume");
      break;
    }
    for (const RecordView& record : records->records)
      result.bytes += (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
    result.done += records->size();
    std::erase_if(open, [&](const TopicPartition& partition) {
      const auto position = fetcher.position(partition);
      return position && position->offset >= ends.at(partition)->offset;
    });
    if (records->empty() && !open.empty()) {
      co_await wakeup.wait();
    } else {
      co_await session.shard().sleep(Duration(0));
    }
  }
  result.took = session.clock().now() - start;
  result.cpu_after = co_await server_cpu(session, arguments);
  co_await session.disconnect();
  co_await fetcher.stop();
  if (exit != Exit::ok) co_return exit;
  co_return print_perf(session, result, false, "records");
}

// From when a record was due until a consumer has it.
class EndToEnd {
 public:
  EndToEnd(Session& session, const PerfArguments& arguments)
      : session_(session), arguments_(arguments), wakeup_(session.shard()) {
    system_random()->fill(std::span<std::uint8_t>(run_.data(), run_.size()));
  }

  Task<Exit> run() {
    Load load(session_, arguments_);
    Exit exit = load.prepare();
    if (exit == Exit::ok && load.payload_bytes() < stamp_bytes) exit = session_.usage("--size is at least 16 here");
    if (exit == Exit::ok && arguments_.rate <= 0)
      exit = session_.usage("--rate says how many records a second are due");
    if (exit == Exit::ok) exit = co_await load.make_topic();
    if (exit != Exit::ok) co_return exit;
    std::vector<std::string> names{arguments_.topic};
    const auto described = co_await session_.admin().describe_topics(std::move(names));
    Fetcher fetcher(session_.cluster(), FetchOptions(), [this] { wakeup_.wake(); });
    for (const auto& [name, topic] : described) {
      if (!topic) co_return session_.fail(topic.error(), "topic " + name);
      for (const PartitionDescription& p : topic->partitions) {
        fetcher.add({name, p.partition});
        fetcher.seek({name, p.partition}, OffsetSpec::latest());
        partitions_.push_back({name, p.partition});
      }
    }
    result_.cpu_before = co_await server_cpu(session_, arguments_);
    // The consumer must stand at the end before the first record comes.
    while (!placed(fetcher)) co_await wakeup_.wait();
    session_.on_interrupt([this] { wakeup_.wake(); });
    start_ = session_.clock().now();
    session_.shard().spawn(gate_, receive(fetcher));
    ProducerOptions options = producer_options(session_, arguments_);
    options.linger = Duration(0);
    options.on_delivery = [this](const Delivery&, const Failure* failure) { failure ? ++result_.failed : ++sent_; };
    Producer producer(session_.cluster(), std::move(options));
    const auto stamp = [this](std::vector<std::uint8_t>& payload, std::uint64_t due) {
      std::memcpy(payload.data(), run_.data(), run_.size());
      std::memcpy(payload.data() + run_.size(), &due, sizeof due);
    };
    exit = co_await load.send(producer, stamp);
    all_sent_ = true;
    session_.shard().arm(patience_, session_.timeout(), [this] {
      given_up_ = true;
      wakeup_.wake();
    });
    wakeup_.wake();
    co_await session_.shard().drained(gate_);
    result_.took = session_.clock().now() - start_;
    result_.cpu_after = co_await server_cpu(session_, arguments_);
    co_await producer.stop(Duration(0));
    co_await session_.disconnect();
    co_await fetcher.stop();
    if (exit != Exit::ok) co_return exit;
    result_.failed += sent_ - std::min(sent_, result_.done);
    result_.bytes = result_.done * load.payload_bytes();
    co_return print_perf(session_, result_, true, "records");
  }

 private:
  bool placed(const Fetcher& fetcher) const {
    return std::all_of(partitions_.begin(), partitions_.end(),
                       [&fetcher](const TopicPartition& partition) { return fetcher.position(partition).has_value(); });
  }

  Task<void> receive(Fetcher& fetcher) {
    while (!given_up_ && !(all_sent_ && result_.done >= sent_)) {
      auto records = fetcher.take(1000);
      const SteadyTime now = session_.clock().now();
      if (!records) co_return;
      for (const RecordView& record : records->records) {
        if (!record.value || record.value->size() < stamp_bytes) continue;
        if (std::memcmp(record.value->data(), run_.data(), run_.size()) != 0) continue;  // somebody else's
        std::uint64_t due;
        std::memcpy(&due, record.value->data() + run_.size(), sizeof due);
        result_.latency.add(now - start_ - Duration(static_cast<std::int64_t>(due)));
        ++result_.done;
      }
      if (records->empty()) co_await wakeup_.wait();
    }
  }

  Session& session_;
  const PerfArguments& arguments_;
  Wakeup wakeup_;
  Gate gate_;
  Timer patience_;
  std::array<std::uint8_t, 8> run_{};
  std::vector<TopicPartition> partitions_;
  SteadyTime start_{};
  PerfResult result_;
  std::uint64_t sent_ = 0;
  bool all_sent_ = false, given_up_ = false;
};

Task<Exit> end_to_end(Session& session, const PerfArguments& arguments) {
  EndToEnd run(session, arguments);
  const Exit exit = co_await run.run();
  co_return exit;
}

Verb& with_load(Verb& verb, PerfArguments& arguments) {
  return verb.option("--rate", arguments.rate, "records a second, evenly; 0: as fast as it goes", "N")
      .option("--size", arguments.size, "of each record's value (default 100)", "BYTES")
      .option("--records", arguments.records, "so many, instead of for a time", "N")
      .at_least(1)
      .option("--partitions", arguments.partitions, "of the topic, where it must be created", "N")
      .choice("--acks", arguments.acks, {"all", "1", "0"}, "who must have a record before it counts")
      .choice("-z,--compression", arguments.codec, {"none", "gzip", "snappy", "lz4", "zstd"}, "codec of the batches")
      .option("--linger", arguments.linger, "how long a batch waits for more (default 5ms)", "DURATION")
      .option("--batch", arguments.batch, "largest batch (default 256K)", "BYTES");
}

Verb& with_server(Verb& verb, PerfArguments& arguments) {
  return verb.option("--duration", arguments.duration, "how long (default 10s)", "DURATION")
      .option("--server-pid", arguments.server_pid, "whose CPU is told; default: what the server's metrics say", "PID")
      .option("--metrics", arguments.metrics, "where its metrics are (default: port 9644 of the first broker)",
              "HOST:PORT");
}

}  // namespace

void add_perf_verbs(Cli& cli) {
  cli.family("perf", "load, and what comes of it");
  auto produced = std::make_shared<PerfArguments>();
  with_server(with_load(cli.verb("perf produce", "write records and measure throughput and latency"), *produced),
              *produced)
      .argument("TOPIC", produced->topic, "made if it is not there")
      .more(
          "With --rate the loop is open: each record has its time, and its latency counts from then, however late it "
          "could be sent.")
      .example("holdfast perf produce bench --rate 50000 --size 100 --duration 30s")
      .runs_on_cluster([produced](Session& session) { return produce(session, *produced); });
  auto consumed = std::make_shared<PerfArguments>();
  consumed->duration = "60s";
  with_server(cli.verb("perf consume", "read all of a topic and measure throughput"), *consumed)
      .argument("TOPIC", consumed->topic, "the topic")
      .runs_on_cluster([consumed](Session& session) { return consume(session, *consumed); });
  auto both = std::make_shared<PerfArguments>();
  both->rate = 1000;
  with_server(with_load(cli.verb("perf e2e", "measure the time from producer to consumer"), *both), *both)
      .argument("TOPIC", both->topic, "made if it is not there")
      .example("holdfast perf e2e bench --rate 1000 --duration 10s")
      .runs_on_cluster([both](Session& session) { return end_to_end(session, *both); });
  add_perf_zk_verb(cli);
}

}  // namespace holdfast::client
