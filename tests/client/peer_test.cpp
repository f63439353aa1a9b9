// The client library against Apache Kafka: HOLDFAST_KAFKA says where it is (tests/foreign/client starts one); without
// it these tests are skipped.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "client/blocking.h"
#include "client/partitioner.h"
#include "runtime/clock.h"
#include "runtime/random.h"

namespace holdfast::test {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::seconds;

class PeerTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* address = std::getenv("HOLDFAST_KAFKA");
    if (!address) GTEST_SKIP() << "HOLDFAST_KAFKA is not set";
    options_.bootstrap_servers = parse_bootstrap_servers(address).value();
    topic_ = "peer-" + to_hex_uuid(system_random()->uuid());
    blocking::Kafka kafka(options_);
    blocking::Admin admin(kafka);
    NewTopic wanted;
    wanted.name = topic_;
    wanted.partitions = 3;
    const auto created = admin([&](Admin& a) { return a.create_topics({wanted}); });
    ASSERT_TRUE(created.at(topic_)) << to_string(created.at(topic_).error());
  }

  struct Got {
    std::int32_t partition;
    std::int64_t offset, timestamp;
    std::string key, value;
  };
  std::vector<Got> read(std::size_t count) {
    blocking::Kafka kafka(options_);
    ConsumerOptions options;
    options.reset = OffsetReset::earliest;
    blocking::Consumer consumer(kafka, options);
    EXPECT_TRUE(consumer.assign({{topic_, 0}, {topic_, 1}, {topic_, 2}}));
    std::vector<Got> out;
    while (out.size() < count) {
      auto records = consumer.poll(seconds(30));
      if (!records || records->empty()) {
        ADD_FAILURE() << "only " << out.size() << " of " << count << " records came";
        break;
      }
      for (const RecordView& r : *records)
        out.push_back({records->partition->partition, r.offset, r.timestamp,
                       std::string(as_text(r.key.value_or(ByteView()))),
                       std::string(as_text(r.value.value_or(ByteView())))});
    }
    return out;
  }

  // One record after another to the three partitions, in turn; each a second later than the one before.
  void send(int count) {
    blocking::Kafka kafka(options_);
    blocking::Producer producer(kafka);
    for (int i = 0; i < count; ++i) {
      ProducerRecord record(topic_, "v");
      record.partition = i % 3;
      record.timestamp = first_timestamp_ + i * 1000;
      const auto sent = producer.send(record);
      ASSERT_TRUE(sent) << to_string(sent.error());
    }
  }
  const std::int64_t first_timestamp_ = system_clock().wall_ms() - 60'000;  // younger than any retention

  ClusterOptions options_;
  std::string topic_;
};

// A consumer of a group, with connections of its own.
class PeerMember {
 public:
  PeerMember(const ClusterOptions& cluster, const std::string& group, const std::string& topic)
      : kafka_(cluster), consumer_(kafka_, member_options(group)) {
    EXPECT_TRUE(consumer_.subscribe({topic}));
  }

  Outcome<ConsumedRecords> poll() { return consumer_.poll(milliseconds(200)); }
  Outcome<> commit() { return consumer_.commit(); }
  std::size_t partitions() {
    return consumer_([](Consumer& c) { return c.assignment().size(); });
  }

 private:
  static ConsumerOptions member_options(const std::string& group) {
    ConsumerOptions options;
    options.group_id = group;
    options.reset = OffsetReset::earliest;
    options.auto_commit = false;
    return options;
  }
  blocking::Kafka kafka_;
  blocking::Consumer consumer_;
};

TEST_F(PeerTest, RecordsOfEveryCodecAndAcknowledgement) {
  std::size_t sent = 0;
  blocking::Kafka kafka(options_);
  for (const auto codec :
       {wire::Codec::none, wire::Codec::gzip, wire::Codec::snappy, wire::Codec::lz4, wire::Codec::zstd}) {
    for (const int acks : {-1, 1, 0}) {
      ProducerOptions options;
      options.codec = codec;
      options.acks = static_cast<std::int16_t>(acks);
      int failed = 0;
      options.on_delivery = [&](const Delivery&, const Failure* failure) { failed += failure ? 1 : 0; };
      blocking::Producer producer(kafka, std::move(options));
      for (int i = 0; i < 200; ++i, ++sent) {
        const std::string key = fmt::format("key-{}", i);
        producer.enqueue(ProducerRecord(topic_, key, fmt::format("{} {} {}", static_cast<int>(codec), acks, i)));
      }
      producer.flush();
      EXPECT_EQ(failed, 0);
    }
  }
  const auto got = read(sent);
  EXPECT_EQ(got.size(), sent);
  for (const Got& g : got) EXPECT_EQ(g.partition, partition_of_key(as_bytes(g.key), 3));
}

TEST_F(PeerTest, OffsetsAndTimesAreTheBrokers) {
  blocking::Kafka kafka(options_);
  blocking::Producer producer(kafka);
  for (int i = 0; i < 10; ++i) {
    ProducerRecord record(topic_, "v");
    record.partition = 1;
    record.timestamp = 1'700'000'000'000 + i;
    const auto sent = producer.send(record);
    ASSERT_TRUE(sent) << to_string(sent.error());
    EXPECT_EQ(sent->offset, i);
    EXPECT_EQ(sent->timestamp, 1'700'000'000'000 + i);
  }
  for (const Got& g : read(10)) EXPECT_EQ(g.timestamp, 1'700'000'000'000 + g.offset);
}

TEST_F(PeerTest, ATopicIsMadeByItsFirstRecord) {
  blocking::Kafka kafka(options_);
  blocking::Producer producer(kafka);
  const std::string name = topic_ + "-new";
  const auto sent = producer.send(ProducerRecord(name, "v"));
  ASSERT_TRUE(sent) << to_string(sent.error());
  EXPECT_EQ(sent->offset, 0);
}

TEST_F(PeerTest, WhatTheBrokerRefusesFails) {
  blocking::Kafka kafka(options_);
  ProducerOptions options;
  options.request_bytes_max = 8 << 20;
  blocking::Producer producer(kafka, std::move(options));
  const std::string large(3 << 20, 'x');
  const auto sent = producer.send(ProducerRecord(topic_, large));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, wire::ErrorCode::message_too_large);
  const auto next = producer.send(ProducerRecord(topic_, "small"));
  EXPECT_TRUE(next) << to_string(next.error());
}

TEST_F(PeerTest, TwoMembersShareTheTopicCommitAndGoOn) {
  const std::string group = topic_ + "-group";
  send(30);
  {
    PeerMember one(options_, group, topic_), other(options_, group, topic_);
    std::mutex mutex;
    std::set<std::pair<std::int32_t, std::int64_t>> seen;
    std::atomic<std::size_t> held_by_one = 0, held_by_other = 0;
    const auto deadline = std::chrono::steady_clock::now() + seconds(90);
    // Both poll until `done`, and commit what they have read.
    const auto poll_until = [&](const std::function<bool()>& done) {
      const auto work = [&](PeerMember& member, std::atomic<std::size_t>& held) {
        while (!done() && std::chrono::steady_clock::now() < deadline) {
          const auto records = member.poll();
          ASSERT_TRUE(records) << to_string(records.error());
          held = member.partitions();
          if (records->empty()) continue;
          {
            const std::scoped_lock lock(mutex);
            for (const RecordView& r : *records) seen.emplace(records->partition->partition, r.offset);
          }
          (void)member.commit();  // where a rebalance refuses it, others read them again
        }
      };
      std::jthread second([&] { work(other, held_by_other); });
      work(one, held_by_one);
    };
    const auto read = [&](std::size_t count) {
      const std::scoped_lock lock(mutex);
      return seen.size() == count;
    };
    poll_until([&] { return held_by_one > 0 && held_by_other > 0 && held_by_one + held_by_other == 3 && read(30); });
    EXPECT_EQ(held_by_one + held_by_other, 3u);
    EXPECT_GT(held_by_one, 0u);
    EXPECT_GT(held_by_other, 0u);
    send(30);
    poll_until([&] { return read(60); });
    ASSERT_TRUE(read(60));
    EXPECT_TRUE(one.commit());
    EXPECT_TRUE(other.commit());
  }
  send(3);
  PeerMember late(options_, group, topic_);
  std::vector<std::int64_t> offsets;
  for (int polls = 0; polls < 300 && offsets.size() < 3; ++polls) {
    const auto records = late.poll();
    ASSERT_TRUE(records) << to_string(records.error());
    for (const RecordView& r : *records) offsets.push_back(r.offset);
  }
  EXPECT_EQ(offsets, (std::vector<std::int64_t>{20, 20, 20}));
}

TEST_F(PeerTest, ATimeIsAPlace) {
  send(30);
  blocking::Kafka kafka(options_);
  blocking::Consumer consumer(kafka);
  const TopicPartition partition{topic_, 1};
  ASSERT_TRUE(consumer.assign({partition}));
  // Its records are those of 1 s, 4 s, 7 s... : the first one not before 12.5 s is that of 13 s.
  const auto sought =
      consumer([&](Consumer& c) { return c.seek(partition, OffsetSpec::at(first_timestamp_ + 12'500)); });
  ASSERT_TRUE(sought) << to_string(sought.error());
  const auto records = consumer.poll(seconds(30));
  ASSERT_TRUE(records) << to_string(records.error());
  ASSERT_FALSE(records->empty());
  EXPECT_EQ(records->begin()->offset, 4);
  EXPECT_EQ(records->begin()->timestamp, first_timestamp_ + 13'000);
}

TEST_F(PeerTest, WhoReadsOnlyWhatIsCommittedReadsPlainRecords) {
  send(9);
  blocking::Kafka kafka(options_);
  ConsumerOptions options;
  options.reset = OffsetReset::earliest;
  options.fetch.isolation = IsolationLevel::read_committed;
  blocking::Consumer consumer(kafka, options);
  ASSERT_TRUE(consumer.assign({{topic_, 0}, {topic_, 1}, {topic_, 2}}));
  std::size_t got = 0;
  while (got < 9) {
    const auto records = consumer.poll(seconds(30));
    ASSERT_TRUE(records) << to_string(records.error());
    ASSERT_FALSE(records->empty()) << "only " << got;
    got += records->size();
  }
  EXPECT_EQ(got, 9u);
}

TEST_F(PeerTest, SettingsAreDescribedAndChanged) {
  blocking::Kafka kafka(options_);
  blocking::Admin admin(kafka);
  const ConfigResource resource{ConfigResourceType::topic, topic_};
  const auto retention = [&]() -> std::optional<ConfigEntry> {
    const auto described = admin([&](Admin& a) { return a.describe_configs({resource}); });
    const auto& entries = described.at(resource);
    if (!entries) return std::nullopt;
    for (const ConfigEntry& entry : *entries) {
      if (entry.name == "retention.ms") return entry;
    }
    return std::nullopt;
  };
  const auto before = retention();
  ASSERT_TRUE(before);
  EXPECT_EQ(before->value, "604800000");
  EXPECT_TRUE(before->is_default());
  EXPECT_EQ(before->type, ConfigType::long_);

  const auto alter = [&](const std::string& value) {
    std::map<ConfigResource, std::vector<ConfigChange>> changes;
    changes[resource] = {{"retention.ms", ConfigOperation::set, value}};
    return admin([&](Admin& a) { return a.incremental_alter_configs(changes); }).at(resource);
  };
  const auto wrong = alter("soon");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, wire::ErrorCode::invalid_config);
  const auto altered = alter("3600000");
  ASSERT_TRUE(altered) << to_string(altered.error());
  // The brokers learn of it after the controller.
  auto after = retention();
  for (int i = 0; i < 1000 && after && after->value != "3600000"; ++i) after = retention();
  ASSERT_TRUE(after);
  EXPECT_EQ(after->value, "3600000");
  EXPECT_EQ(after->source, ConfigSource::topic);
}

TEST_F(PeerTest, RecordsGoUpToAnOffsetAndOffsetsAreListed) {
  send(30);
  blocking::Kafka kafka(options_);
  blocking::Admin admin(kafka);
  const TopicPartition partition{topic_, 0};
  const auto offset_of = [&](OffsetSpec spec) {
    const auto listed = admin([&](Admin& a) { return a.list_offsets({{partition, spec}}); });
    const auto& found = listed.at(partition);
    EXPECT_TRUE(found) << to_string(found.error());
    return found ? found->offset : -2;
  };
  EXPECT_EQ(offset_of(OffsetSpec::earliest()), 0);
  EXPECT_EQ(offset_of(OffsetSpec::latest()), 10);
  EXPECT_EQ(offset_of(OffsetSpec::at(first_timestamp_ + 6'000)), 2);
  EXPECT_EQ(offset_of(OffsetSpec::at(first_timestamp_ + 1'000'000)), -1);
  EXPECT_EQ(offset_of(OffsetSpec::max_timestamp()), 9);
  const auto deleted = admin([&](Admin& a) { return a.delete_records({{partition, 4}}); });
  ASSERT_TRUE(deleted.at(partition)) << to_string(deleted.at(partition).error());
  EXPECT_EQ(*deleted.at(partition), 4);
  EXPECT_EQ(offset_of(OffsetSpec::earliest()), 4);
  const auto beyond = admin([&](Admin& a) { return a.delete_records({{partition, 11}}); });
  ASSERT_FALSE(beyond.at(partition));
  EXPECT_EQ(beyond.at(partition).error().code, wire::ErrorCode::offset_out_of_range);
}

}  // namespace
}  // namespace holdfast::test
