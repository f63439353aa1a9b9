// The consumer against a real node in this process.
#include "client/consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/producer.h"
#include "tests/client/test_node.h"

namespace holdfast::test {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using wire::ErrorCode;

using Parts = std::vector<TopicPartition>;

// What a listener was told, one line each: "+t-0 t-1", "-t-0", "!t-1".
class RebalanceDiary final : public RebalanceListener {
 public:
  Task<void> assigned(Parts partitions) override { co_return add('+', partitions); }
  Task<void> revoked(Parts partitions) override { co_return add('-', partitions); }
  Task<void> lost(Parts partitions) override { co_return add('!', partitions); }
  std::vector<std::string> lines;

 private:
  void add(char sign, const Parts& partitions) {
    std::string line(1, sign);
    for (const TopicPartition& p : partitions) line += (line.size() > 1 ? " " : "") + to_string(p);
    lines.push_back(line);
  }
};

// A consumer with a cluster of its own, and what it has read.
struct Reader {
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Consumer> consumer;
  RebalanceDiary diary;
  std::map<TopicPartition, std::vector<std::string>> values;
  std::vector<Failure> failures;

  std::size_t count() const {
    std::size_t sum = 0;
    for (const auto& [p, theirs] : values) sum += theirs.size();
    return sum;
  }
};

class ConsumerNode : public NodeTest {
 protected:
  ConsumerNode() : NodeTest({{"group.initial.rebalance.delay.ms", "0"}, {"group.min.session.timeout.ms", "100"}}) {}
  ~ConsumerNode() override {
    while (!readers_.empty()) stop(*readers_.back());
  }

  static ConsumerOptions in_group(const std::string& group) {
    ConsumerOptions options;
    options.group_id = group;
    options.reset = OffsetReset::earliest;
    options.heartbeat_interval = milliseconds(30);
    options.fetch.wait_max = milliseconds(50);
    return options;
  }
  static ConsumerOptions alone() {
    ConsumerOptions options = in_group("");
    return options;
  }
  Reader& reader(ConsumerOptions options) {
    Reader& reader = *readers_.emplace_back(std::make_unique<Reader>());
    ClusterOptions of_cluster = cluster_options();
    of_cluster.metadata_max_age = milliseconds(100);
    call([&] {
      reader.cluster = std::make_unique<Cluster>(shard(), system_network(), of_cluster);
      reader.consumer = std::make_unique<Consumer>(*reader.cluster, std::move(options));
    });
    return reader;
  }
  Reader& subscriber(ConsumerOptions options, std::vector<std::string> topics) {
    Reader& made = reader(std::move(options));
    auto done = call([&] { return made.consumer->subscribe(std::move(topics), &made.diary); });
    EXPECT_TRUE(done) << to_string(done.error());
    return made;
  }
  void stop(Reader& reader) {
    run(reader.consumer->stop());
    run(reader.cluster->stop());
    call([&] { reader.consumer.reset(), reader.cluster.reset(); });
    std::erase_if(readers_, [&](const auto& one) { return one.get() == &reader; });
  }
  // As a process that dies: nothing is said to the group.
  void kill(Reader& reader) {
    run(reader.cluster->stop());
    stop(reader);
  }

  void poll(Reader& reader, Duration at_most = milliseconds(20)) {
    auto records = run(reader.consumer->poll(at_most));
    if (!records) return reader.failures.push_back(std::move(records.error()));
    for (const RecordView& record : *records)
      reader.values[*records->partition].emplace_back(record.value ? as_text(*record.value) : "null");
  }
  // Polls all of them until it is so.
  template <class Condition>
  [[nodiscard]] bool poll_until(std::vector<Reader*> readers, Condition condition) {
    const SteadyTime deadline = system_clock().now() + seconds(30);
    while (!condition()) {
      if (system_clock().now() > deadline) return false;
      for (Reader* reader : readers) poll(*reader);
    }
    return true;
  }
  Parts assignment(Reader& reader) {
    return call([&] { return reader.consumer->assignment(); });
  }
  bool settled(Reader& reader) {
    return call([&] { return reader.consumer->member() && reader.consumer->member()->settled(); });
  }
  std::int32_t generation(Reader& reader) {
    return call([&] { return reader.consumer->member()->generation(); });
  }

  // Values 'first', 'first'+1, ... to one partition, waited for.
  void produce(const TopicPartition& to, int first, int count, wire::Codec codec = wire::Codec::none,
               std::int64_t timestamp = 1000) {
    ProducerOptions options;
    options.codec = codec;
    std::unique_ptr<Producer> producer;
    cluster();
    call([&] { producer = std::make_unique<Producer>(cluster(), std::move(options)); });
    for (int i = first; i < first + count; ++i) {
      const std::string value = std::to_string(i);
      ProducerRecord record(to.topic, value);
      record.partition = to.partition;
      record.timestamp = timestamp + i;
      auto accepted = run(producer->enqueue(record));
      ASSERT_TRUE(accepted) << to_string(accepted.error());
    }
    run(producer->flush());
    run(producer->stop());
    call([&] { producer.reset(); });
  }
  static std::vector<std::string> numbers(int first, int count) {
    std::vector<std::string> out;
    for (int i = first; i < first + count; ++i) out.push_back(std::to_string(i));
    return out;
  }

 private:
  std::vector<std::unique_ptr<Reader>> readers_;
};

// --- Without a group

TEST_F(ConsumerNode, ReadsEveryCodecInOrder) {
  create_topic("t");
  int next = 0;
  for (const auto codec :
       {wire::Codec::none, wire::Codec::gzip, wire::Codec::snappy, wire::Codec::lz4, wire::Codec::zstd}) {
    produce({"t", 0}, next, 200, codec);
    next += 200;
  }
  ConsumerOptions options = alone();
  options.poll_records_max = 64;
  Reader& r = reader(options);
  ASSERT_TRUE(call([&] { return r.consumer->assign({{"t", 0}}); }));
  ASSERT_TRUE(poll_until({&r}, [&] { return r.count() >= 1000; }));
  EXPECT_EQ((r.values[{"t", 0}]), numbers(0, 1000));
  EXPECT_THAT(r.failures, IsEmpty());
  // And what comes later.
  produce({"t", 0}, 1000, 10);
  ASSERT_TRUE(poll_until({&r}, [&] { return r.count() >= 1010; }));
  EXPECT_EQ((r.values[{"t", 0}]), numbers(0, 1010));
}

TEST_F(ConsumerNode, ReadsManyPartitionsWithSmallFetches) {
  create_topic("t", 20);
  for (std::int32_t p = 0; p < 20; ++p) produce({"t", p}, 0, 50);
  ConsumerOptions options = alone();
  options.fetch.partition_bytes_max = 200;
  options.fetch.prefetch_bytes_max = 1000;
  Reader& r = reader(options);
  Parts all;
  for (std::int32_t p = 0; p < 20; ++p) all.push_back({"t", p});
  ASSERT_TRUE(call([&] { return r.consumer->assign(all); }));
  ASSERT_TRUE(poll_until({&r}, [&] { return r.count() >= 1000; }));
  for (const TopicPartition& p : all) EXPECT_EQ(r.values[p], numbers(0, 50)) << to_string(p);
}

TEST_F(ConsumerNode, SeeksByOffsetAndByTimeAndTellsPositions) {
  create_topic("t");
  const TopicPartition t0{"t", 0};
  produce(t0, 0, 10);
  ConsumerOptions options = alone();
  options.reset = OffsetReset::latest;
  Reader& r = reader(options);
  ASSERT_TRUE(call([&] { return r.consumer->assign({t0}); }));
  auto position = run(r.consumer->position(t0));
  ASSERT_TRUE(position) << to_string(position.error());
  EXPECT_EQ(*position, 10);
  const auto read_from = [&](auto where) {
    r.values.clear();
    EXPECT_TRUE(call([&] { return r.consumer->seek(t0, where); }));
    EXPECT_TRUE(poll_until({&r}, [&] { return r.count() > 0; }));
    return r.values[t0];
  };
  EXPECT_EQ(read_from(std::int64_t{7}), numbers(7, 3));
  EXPECT_EQ(read_from(OffsetSpec::at(1004)), numbers(4, 6));
  EXPECT_EQ(read_from(OffsetSpec::earliest()), numbers(0, 10));
  position = run(r.consumer->position(t0));
  ASSERT_TRUE(position);
  EXPECT_EQ(*position, 10);
  EXPECT_EQ(call([&] { return r.consumer->lag(t0).high_watermark; }), 10);
  // A time that nothing has reached: what comes next.
  ASSERT_TRUE(call([&] { return r.consumer->seek(t0, OffsetSpec::at(5000)); }));
  position = run(r.consumer->position(t0));
  ASSERT_TRUE(position);
  EXPECT_EQ(*position, 10);
  auto elsewhere = call([&] { return r.consumer->seek(TopicPartition{"t", 1}, std::int64_t{0}); });
  EXPECT_EQ(elsewhere.error().code, ErrorCode::unknown_topic_or_partition);
}

TEST_F(ConsumerNode, DoesNotReadWhatIsPaused) {
  create_topic("t", 2);
  produce({"t", 0}, 0, 5);
  produce({"t", 1}, 0, 5);
  Reader& r = reader(alone());
  ASSERT_TRUE(call([&] { return r.consumer->assign({{"t", 0}, {"t", 1}}); }));
  ASSERT_TRUE(call([&] { return r.consumer->pause({"t", 0}); }));
  ASSERT_TRUE(poll_until({&r}, [&] { return r.values[{"t", 1}].size() == 5; }));
  // More comes of the other: whatever there was of this one would have come too.
  produce({"t", 1}, 5, 5);
  ASSERT_TRUE(poll_until({&r}, [&] { return r.values[{"t", 1}].size() == 10; }));
  EXPECT_EQ((r.values[{"t", 0}].size()), 0u);
  ASSERT_TRUE(call([&] { return r.consumer->resume({"t", 0}); }));
  ASSERT_TRUE(poll_until({&r}, [&] { return r.values[{"t", 0}].size() == 5; }));
}

TEST_F(ConsumerNode, StartsAgainWhereItsPositionIsGone) {
  create_topic("t");
  const TopicPartition t0{"t", 0};
  produce(t0, 0, 10);
  Admin admin(cluster());
  auto trimmed = run(admin.delete_records({{t0, 6}}));
  ASSERT_TRUE(trimmed.at(t0)) << to_string(trimmed.at(t0).error());
  Reader& r = reader(alone());
  ASSERT_TRUE(call([&] { return r.consumer->assign({t0}); }));
  ASSERT_TRUE(call([&] { return r.consumer->seek(t0, std::int64_t{2}); }));
  ASSERT_TRUE(poll_until({&r}, [&] { return r.count() >= 4; }));
  EXPECT_EQ(r.values[t0], numbers(6, 4));
}

TEST_F(ConsumerNode, SaysSoWhereNoResetPolicyIsSet) {
  create_topic("t");
  const TopicPartition t0{"t", 0};
  produce(t0, 0, 3);
  ConsumerOptions options = in_group("g");
  options.reset = OffsetReset::none;
  Reader& r = reader(options);
  ASSERT_TRUE(call([&] { return r.consumer->assign({t0}); }));
  ASSERT_TRUE(poll_until({&r}, [&] { return !r.failures.empty(); }));
  EXPECT_EQ(r.failures[0].code, ErrorCode::offset_out_of_range);
  EXPECT_THAT(r.failures[0].message, HasSubstr("t-0 has no committed offset"));
  ASSERT_TRUE(call([&] { return r.consumer->seek(t0, std::int64_t{99}); }));
  ASSERT_TRUE(poll_until({&r}, [&] { return r.failures.size() == 2; }));
  EXPECT_THAT(r.failures[1].message, HasSubstr("offset 99 is out of range"));
  ASSERT_TRUE(call([&] { return r.consumer->seek(t0, std::int64_t{1}); }));
  ASSERT_TRUE(poll_until({&r}, [&] { return r.count() == 2; }));
  EXPECT_EQ(r.failures.size(), 2u);
}

TEST_F(ConsumerNode, IsWokenAndRefusesWhatDoesNotGoTogether) {
  create_topic("t");
  Reader& r = reader(alone());
  auto nothing = run(r.consumer->poll(seconds(0)));
  EXPECT_EQ(nothing.error().code, ErrorCode::invalid_request);
  auto no_group = call([&] { return r.consumer->subscribe({"t"}); });
  EXPECT_EQ(no_group.error().code, ErrorCode::invalid_group_id);
  ASSERT_TRUE(call([&] { return r.consumer->assign({{"t", 0}}); }));
  auto both = call([&] { return r.consumer->subscribe({"t"}); });
  EXPECT_EQ(both.error().code, ErrorCode::invalid_request);
  const SteadyTime start = system_clock().now();
  call([&] { r.consumer->wake(); });
  auto woken = run(r.consumer->poll(seconds(60)));
  ASSERT_TRUE(woken);
  EXPECT_TRUE(woken->empty());
  EXPECT_LT(system_clock().now() - start, seconds(30));
}

// --- Commits

TEST_F(ConsumerNode, GoesOnWhereTheGroupHasCommitted) {
  create_topic("t");
  const TopicPartition t0{"t", 0};
  produce(t0, 0, 10);
  ConsumerOptions options = in_group("g");
  options.auto_commit = false;
  options.poll_records_max = 4;
  Reader& first = reader(options);
  ASSERT_TRUE(call([&] { return first.consumer->assign({t0}); }));
  ASSERT_TRUE(poll_until({&first}, [&] { return first.count() >= 4; }));
  auto committed = run(first.consumer->commit());
  ASSERT_TRUE(committed) << to_string(committed.error());
  ASSERT_TRUE(poll_until({&first}, [&] { return first.count() >= 8; }));
  stop(first);  // without a commit of the rest

  Reader& second = reader(options);
  ASSERT_TRUE(call([&] { return second.consumer->assign({t0}); }));
  ASSERT_TRUE(poll_until({&second}, [&] { return second.count() >= 6; }));
  EXPECT_EQ(second.values[t0], numbers(4, 6));
  std::map<TopicPartition, CommittedOffset> chosen;
  chosen[t0] = {.offset = 9, .leader_epoch = -1, .metadata = "note"};
  committed = run(second.consumer->commit(chosen));
  ASSERT_TRUE(committed) << to_string(committed.error());
  auto known = run(second.consumer->committed({t0}));
  ASSERT_TRUE(known) << to_string(known.error());
  EXPECT_EQ(known->at(t0).offset, 9);
  EXPECT_EQ(known->at(t0).metadata, "note");
}

TEST_F(ConsumerNode, CommitsByItselfWhatPollHasReturned) {
  create_topic("t");
  const TopicPartition t0{"t", 0};
  produce(t0, 0, 10);
  ConsumerOptions options = in_group("g");
  options.auto_commit_interval = milliseconds(10);
  options.poll_records_max = 4;
  Reader& r = subscriber(options, {"t"});
  ASSERT_TRUE(poll_until({&r}, [&] { return r.count() >= 10; }));
  const auto committed = [&]() -> std::int64_t {
    auto known = run(r.consumer->committed({t0}));
    return known && known->contains(t0) ? known->at(t0).offset : -1;
  };
  ASSERT_TRUE(poll_until({&r}, [&] { return committed() == 10; }));
  produce(t0, 10, 5);
  ASSERT_TRUE(poll_until({&r}, [&] { return r.count() >= 15; }));
  stop(r);  // commits the rest
  Admin admin(cluster());
  auto offsets = run(admin.list_group_offsets("g"));
  ASSERT_TRUE(offsets) << to_string(offsets.error());
  EXPECT_EQ(offsets->at(t0)->offset, 15);
}

// --- Groups

TEST_F(ConsumerNode, SharesPartitionsAndTakesThemOverFromWhoLeaves) {
  create_topic("t", 4);
  for (std::int32_t p = 0; p < 4; ++p) produce({"t", p}, 0, 10);
  ConsumerOptions options = in_group("g");
  options.assignors = {"range"};
  Reader& a = subscriber(options, {"t"});
  ASSERT_TRUE(poll_until({&a}, [&] { return a.count() == 40; }));
  EXPECT_EQ(assignment(a).size(), 4u);
  Reader& b = subscriber(options, {"t"});
  ASSERT_TRUE(
      poll_until({&a, &b}, [&] { return settled(b) && assignment(a).size() == 2 && assignment(b).size() == 2; }));
  EXPECT_THAT(a.diary.lines,
              ElementsAre("+t-0 t-1 t-2 t-3", "-t-0 t-1 t-2 t-3", testing::AnyOf("+t-0 t-1", "+t-2 t-3")));
  for (std::int32_t p = 0; p < 4; ++p) produce({"t", p}, 10, 10);
  ASSERT_TRUE(poll_until({&a, &b}, [&] { return a.count() + b.count() >= 80; }));
  EXPECT_EQ(a.count(), 60u);
  EXPECT_EQ(b.count(), 20u);  // nothing of what was committed before

  auto described = run(Admin(cluster()).describe_groups({"g"}));
  ASSERT_TRUE(described.at("g")) << to_string(described.at("g").error());
  EXPECT_EQ(described.at("g")->state, "Stable");
  EXPECT_EQ(described.at("g")->assignor, "range");
  ASSERT_EQ(described.at("g")->members.size(), 2u);
  for (const auto& member : described.at("g")->members) {
    EXPECT_THAT(member.topics, ElementsAre("t"));
    EXPECT_EQ(member.assignment.size(), 2u);
  }
  stop(a);
  ASSERT_TRUE(poll_until({&b}, [&] { return assignment(b).size() == 4; }));
}

TEST_F(ConsumerNode, CooperativeMembersKeepWhatTheyMay) {
  create_topic("t", 4);
  ConsumerOptions options = in_group("g");
  options.assignors = {"cooperative-sticky"};
  Reader& a = subscriber(options, {"t"});
  ASSERT_TRUE(poll_until({&a}, [&] { return assignment(a).size() == 4; }));
  Reader& b = subscriber(options, {"t"});
  ASSERT_TRUE(poll_until({&a, &b}, [&] { return settled(a) && settled(b) && assignment(b).size() == 2; }));
  EXPECT_EQ(assignment(a).size(), 2u);
  // Two were given up, and no others for a moment.
  std::size_t revoked = 0;
  for (const std::string& line : a.diary.lines)
    if (line[0] == '-') revoked += static_cast<std::size_t>(std::count(line.begin(), line.end(), 't'));
  EXPECT_EQ(revoked, 2u);
  stop(b);
  ASSERT_TRUE(poll_until({&a}, [&] { return settled(a) && assignment(a).size() == 4; }));
}

TEST_F(ConsumerNode, AStaticMemberComesBackToItsPartitions) {
  create_topic("t", 2);
  ConsumerOptions options = in_group("g");
  options.session_timeout = seconds(30);
  options.group_instance_id = "one";
  Reader& one = subscriber(options, {"t"});
  ASSERT_TRUE(poll_until({&one}, [&] { return settled(one); }));
  options.group_instance_id = "two";
  Reader& two = subscriber(options, {"t"});
  ASSERT_TRUE(poll_until({&one, &two}, [&] {
    return settled(one) && settled(two) && assignment(one).size() == 1 && assignment(two).size() == 1;
  }));
  const Parts of_two = assignment(two);
  const std::int32_t before = generation(one);
  stop(two);
  Reader& again = subscriber(options, {"t"});
  ASSERT_TRUE(poll_until({&one, &again}, [&] { return settled(again); }));
  EXPECT_EQ(assignment(again), of_two);
  EXPECT_EQ(generation(again), before);
  EXPECT_EQ(generation(one), before);
}

TEST_F(ConsumerNode, TheOlderOfTwoWithOneInstanceIdIsFenced) {
  create_topic("t", 1);
  ConsumerOptions options = in_group("g");
  options.group_instance_id = "one";
  Reader& older = subscriber(options, {"t"});
  ASSERT_TRUE(poll_until({&older}, [&] { return settled(older); }));
  Reader& newer = subscriber(options, {"t"});
  ASSERT_TRUE(poll_until({&older, &newer}, [&] { return settled(newer) && !older.failures.empty(); }));
  EXPECT_EQ(older.failures[0].code, ErrorCode::fenced_instance_id);
  EXPECT_EQ(older.diary.lines.back(), "!t-0");
  EXPECT_THAT(assignment(older), IsEmpty());
}

TEST_F(ConsumerNode, WhoDoesNotPollLosesItsPartitions) {
  create_topic("t", 2);
  ConsumerOptions options = in_group("g");
  Reader& a = subscriber(options, {"t"});
  options.max_poll_interval = milliseconds(300);
  Reader& b = subscriber(options, {"t"});
  ASSERT_TRUE(poll_until({&a, &b}, [&] { return assignment(a).size() == 1 && assignment(b).size() == 1; }));
  ASSERT_TRUE(poll_until({&a}, [&] { return assignment(a).size() == 2; }));
  // It comes back, and learns that it has lost what it had.
  ASSERT_TRUE(poll_until({&a, &b}, [&] { return settled(b) && assignment(b).size() == 1; }));
  EXPECT_EQ(std::count_if(b.diary.lines.begin(), b.diary.lines.end(), [](const auto& l) { return l[0] == '!'; }), 1);
}

TEST_F(ConsumerNode, WhoDiesLosesItsPartitions) {
  create_topic("t", 2);
  ConsumerOptions options = in_group("g");
  options.session_timeout = milliseconds(400);
  Reader& a = subscriber(options, {"t"});
  Reader& b = subscriber(options, {"t"});
  ASSERT_TRUE(poll_until({&a, &b}, [&] { return assignment(a).size() == 1 && assignment(b).size() == 1; }));
  kill(b);
  ASSERT_TRUE(poll_until({&a}, [&] { return assignment(a).size() == 2; }));
}

TEST_F(ConsumerNode, TopicsThatComeAndGrowAreFollowed) {
  create_topic("a-1");
  create_topic("b-1");
  Reader& r = reader(in_group("g"));
  auto wrong = call([&] { return r.consumer->subscribe_pattern("a-["); });
  EXPECT_EQ(wrong.error().code, ErrorCode::invalid_regular_expression);
  ASSERT_TRUE(call([&] { return r.consumer->subscribe_pattern("a-.*", &r.diary); }));
  ASSERT_TRUE(poll_until({&r}, [&] { return assignment(r).size() == 1; }));
  create_topic("a-2", 2);
  ASSERT_TRUE(poll_until({&r}, [&] { return assignment(r).size() == 3; }));
  MorePartitions more;
  more.total = 4;
  auto grown = run(Admin(cluster()).create_partitions({{"a-2", more}}));
  ASSERT_TRUE(grown.at("a-2")) << to_string(grown.at("a-2").error());
  ASSERT_TRUE(poll_until({&r}, [&] { return assignment(r).size() == 5; }));
  for (const TopicPartition& p : assignment(r)) EXPECT_EQ(p.topic.substr(0, 2), "a-");
}

TEST_F(ConsumerNode, ChangesItsSubscriptionAndEndsIt) {
  create_topic("t");
  create_topic("u");
  Reader& r = subscriber(in_group("g"), {"t"});
  ASSERT_TRUE(poll_until({&r}, [&] { return settled(r); }));
  EXPECT_EQ(assignment(r), (Parts{{"t", 0}}));
  ASSERT_TRUE(call([&] { return r.consumer->subscribe({"u"}, &r.diary); }));
  ASSERT_TRUE(poll_until({&r}, [&] { return assignment(r) == Parts{{"u", 0}}; }));
  run(r.consumer->unsubscribe());
  EXPECT_THAT(assignment(r), IsEmpty());
  auto described = run(Admin(cluster()).describe_groups({"g"}));
  ASSERT_TRUE(described.at("g")) << to_string(described.at("g").error());
  EXPECT_EQ(described.at("g")->state, "Empty");
  ASSERT_TRUE(call([&] { return r.consumer->assign({{"t", 0}}); }));
}

TEST_F(ConsumerNode, ReadsOnOverARestartOfTheNode) {
  create_topic("t");
  const TopicPartition t0{"t", 0};
  produce(t0, 0, 5);
  Reader& r = subscriber(in_group("g"), {"t"});
  ASSERT_TRUE(poll_until({&r}, [&] { return r.count() == 5; }));
  auto restarted = node().restart();
  ASSERT_TRUE(restarted) << restarted.error().message;
  produce(t0, 5, 5);
  ASSERT_TRUE(poll_until({&r}, [&] { return r.count() >= 10; }));
  EXPECT_EQ(r.values[t0], numbers(0, 10));
  EXPECT_THAT(r.failures, IsEmpty());
}

}  // namespace
}  // namespace holdfast::test
