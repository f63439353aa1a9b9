#include "tests/cluster/produce_load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <set>
#include <sstream>
#include <vector>

#include "tests/cluster/ensemble_processes.h"
#include "tests/cluster/rdkafka_client.h"

namespace holdfast::test {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// partition:number, and what fills it up.
int number_of(const std::string& value) { return std::stoi(value.substr(value.find(':') + 1)); }
std::string head_of(const std::string& value) { return value.substr(0, value.find('.')); }

}  // namespace

ProduceLoad::ProduceLoad(std::string brokers, std::string topic, int partitions, std::size_t value_bytes, ProducedBy by)
    : brokers_(std::move(brokers)),
      topic_(std::move(topic)),
      partitions_(partitions),
      value_bytes_(value_bytes),
      by_(by),
      of_partition_(static_cast<std::size_t>(partitions)) {
  thread_ = std::thread([this] { run(); });
}

void ProduceLoad::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

bool ProduceLoad::wait_for_more(std::size_t more) const {
  const std::size_t wanted = count_ + more;
  return wait_until([&] { return failed_ || count_ >= wanted; }, std::chrono::seconds(60)) && !failed_;
}

bool ProduceLoad::wait_for_more_of_each(std::size_t more) const {
  std::vector<std::size_t> wanted;
  for (const auto& count : of_partition_) wanted.push_back(count + more);
  const auto all_have = [&] {
    return std::ranges::equal(of_partition_, wanted, [](const auto& has, std::size_t want) { return has >= want; });
  };
  return wait_until([&] { return failed_ || all_have(); }, std::chrono::seconds(60)) && !failed_;
}

void ProduceLoad::run() {
  auto last = Clock::now();
  // An application whose producer is broken starts another: what the old one had under way may be there or not.
  for (int sent = 0; !stopping_;) {
    const auto made = load_producer(by_, brokers_);
    LoadProducer& producer = *made;
    Sending sending{.producer = producer, .sent = sent, .last = last, .waiting = {}, .seen = 0};
    sending.waiting.resize(static_cast<std::size_t>(partitions_));
    while (!stopping_ && producer.fatal_error().empty() && producer.known_fault().empty()) send_some(sending);
    if (const std::string fault = producer.known_fault(); !fault.empty()) {
      std::cerr << "another producer goes on, this one's client is at fault: " << fault << '\n';
    } else if (const std::string error = producer.fatal_error(); !error.empty()) {
      ADD_FAILURE() << error;  // a record was lost, or doubled
      failed_ = true;
      return;
    } else {
      producer.flush();
      take(sending);
    }
    may_double_ |= producer.may_double();
    sent = sending.sent;
    last = sending.last;
  }
}

void ProduceLoad::send_some(Sending& sending) {
  // librdkafka waits for a broker that stands still as long as a message may take: the other partitions go on.
  for (int i = 0; i < 2 * partitions_; ++i, ++sending.sent) {
    const int partition = sending.sent % partitions_;
    if (sending.waiting[static_cast<std::size_t>(partition)] >= waiting_max) continue;
    ++sending.waiting[static_cast<std::size_t>(partition)];
    std::string value = std::to_string(partition) + ":" + std::to_string(sending.sent);
    value.resize(std::max(value.size(), value_bytes_), '.');
    sending.producer.send(topic_, partition, value);
  }
  sending.producer.poll(5);
  take(sending);
}

void ProduceLoad::take(Sending& sending) {
  const auto& acknowledged = sending.producer.acknowledged();
  if (acknowledged.size() > sending.seen) {
    const auto now = Clock::now();
    longest_pause_ = std::max(longest_pause_, std::chrono::duration_cast<milliseconds>(now - sending.last));
    sending.last = now;
  }
  for (; sending.seen < acknowledged.size(); ++sending.seen, ++count_) {
    const auto& [offset, value] = acknowledged[sending.seen];
    const auto partition = static_cast<std::size_t>(std::stoi(value));
    // A later batch was written in sequence: so was this one, and where is not known.
    if (offset == RD_KAFKA_OFFSET_INVALID)
      unplaced_.emplace(std::stoi(value), head_of(value));
    else
      journal_[{std::stoi(value), offset}] = head_of(value);
    --sending.waiting[partition];
    ++of_partition_[partition];
  }
}

void ProduceLoad::check(int partition, const Found& found) const {
  std::set<std::string> once;
  std::int64_t next = 0;
  int before = -1;
  for (const auto& [offset, value] : found) {
    EXPECT_EQ(offset, next++) << "partition " << partition << " has gaps";
    const bool first = once.insert(value).second;
    EXPECT_TRUE(first || may_double_) << value << " is there twice";
    if (!first) continue;
    EXPECT_GT(number_of(value), before) << "out of order at " << offset;
    before = number_of(value);
  }
  for (const auto& [of, value] : unplaced_)
    if (of == partition) EXPECT_TRUE(once.contains(value)) << value << " was acknowledged";
  const auto from = journal_.lower_bound({partition, 0}), to = journal_.lower_bound({partition + 1, 0});
  for (auto it = from; it != to; ++it) {
    const auto there = found.find(it->first.second);
    EXPECT_EQ(there == found.end() ? "nothing" : there->second, it->second)
        << "partition " << partition << " offset " << it->first.second << " was acknowledged";
  }
}

void ProduceLoad::check(const std::string& brokers) const {
  for (int p = 0; p < partitions_; ++p) {
    const auto [low, high] = watermarks(brokers, topic_, p);
    EXPECT_EQ(low, 0);
    Found found;
    for (const Message& m : consume(brokers, topic_, p, 0, static_cast<std::size_t>(high)))
      found[m.offset] = head_of(m.value);
    EXPECT_EQ(found.size(), static_cast<std::size_t>(high));
    check(p, found);
  }
}

void ProduceLoad::check_with_kafka_python(const std::string& brokers) const {
  if (!have_python("kafka")) GTEST_FAIL() << "python3-kafka is not installed";
  const std::string script = R"(
import sys
from kafka import KafkaConsumer, TopicPartition
brokers, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
consumer = KafkaConsumer(bootstrap_servers=brokers.split(','), group_id=None, auto_offset_reset='earliest')
parts = [TopicPartition(topic, p) for p in range(partitions)]
consumer.assign(parts)
consumer.seek_to_beginning()
ends = consumer.end_offsets(parts)
while any(consumer.position(p) < ends[p] for p in parts):
    for p, records in consumer.poll(1000).items():
        for r in records:
            print(p.partition, r.offset, r.value.decode().split('.')[0])
)";
  const auto ran =
      run_command({"/usr/bin/python3", "-c", script, brokers, topic_, std::to_string(partitions_)}, {}, 120);
  ASSERT_EQ(ran.status, 0) << ran.errors;
  std::map<int, Found> found;
  std::stringstream lines(ran.output);
  int partition;
  std::int64_t offset;
  for (std::string value; lines >> partition >> offset >> value;) found[partition][offset] = value;
  for (int p = 0; p < partitions_; ++p) check(p, found[p]);
}

}  // namespace holdfast::test
